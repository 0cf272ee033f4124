#include "milters/transport/scan.h"
#include "milters/transport/transport.h"

#include "lib/base/log.h"
#include "lib/scan/rspamd.h"
#include "milters/transport/rules/names.h"

#define AGENT "Content Filter Agent"

static int
check(const struct ph_scan_conf *conf, const struct ph_mail *mail,
      struct ph_rspamd_answer *answer_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) to = g_ptr_array_new();
	struct ph_scan_message message;
	int r;

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *each = mail->recipients->pdata[i];

		if (each->given != NULL)
			g_ptr_array_add(to, each->given);
	}
	g_ptr_array_add(to, NULL);
	ph_scan_message_init(&message, mail);
	r = ph_rspamd_check(&conf->spam.rspamd,
			    &(struct ph_rspamd_query){
				.sender = mail->sender,
				.recipients = (const char *const *)to->pdata,
				.address = mail->original_ip,
				.name = mail->client->name,
				.helo = mail->client->helo,
				.login = mail->login,
				.queue_id = mail->queue_id,
			    },
			    message.pieces, PH_SCAN_PIECES, conf->spam.timeout,
			    answer_r, err);
	ph_scan_message_clear(&message);
	return r;
}

static int
stamp(struct ph_mail *mail, int scl, struct ph_err *err)
{
	g_autofree char *text = g_strdup_printf("%d", scl);

	return ph_mail_set_header(mail, PH_HEADER_SCL, text, err);
}

/* The score and what it is made of, for whoever asks why. */
static int
report(struct ph_mail *mail, const struct ph_rspamd_answer *answer, int scl,
       struct ph_err *err)
{
	g_autofree char *text = NULL, *item = NULL;

	text = g_strdup_printf("%.2f (%s)", answer->score, answer->symbols);
	item =
	    g_strdup_printf("S:SFA=SUM|SCL=%d|score=%.2f", scl, answer->score);
	ph_mail_info(mail, item);
	return ph_mail_set_header(mail, PH_HEADER_SPAM, text, err);
}

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	const struct ph_transport *transport = app;
	const struct ph_scan_conf *conf = &transport->scan;
	struct ph_rspamd_answer answer = {0};
	struct ph_err why = PH_ERR_INIT;
	int scl, r;

	/* A level that a server of ours has given stands. */
	if (!conf->spam.on || ph_scan_is_done(mail) || mail->put_aside ||
	    ph_headers_raw(mail->headers, PH_HEADER_SCL, 0) != NULL)
		return 0;
	if (mail->auth_as == PH_AUTH_INTERNAL)
		return stamp(mail, PH_SCL_TRUSTED, err);
	if (check(conf, mail, &answer, &why) < 0)
		return ph_scan_trouble(mail, AGENT, conf->spam.on_error, &why);
	scl = ph_scl_of(&conf->spam.scl, answer.score);
	r = stamp(mail, scl, err) < 0 || report(mail, &answer, scl, err) < 0
		? -1
		: 0;
	ph_rspamd_answer_clear(&answer);
	return r;
}

const struct ph_agent ph_spam_agent = {
    .name = AGENT,
    .on_message = on_message,
};
