#include "milters/frontend/outbound.h"
#include "milters/frontend/work.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/message/nmid.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* Of one piece of content. */
#define CONTENT_TIMEOUT 60000

/* One message on its way; kept with it (mail->work). */
struct passage {
	struct ph_frontend *frontend;
	struct ph_way way;
	struct ph_remote *remote; /* NULL: none yet, or lost */
	bool begun;		  /* a host was looked for */
	char *answer;		  /* the host's last word, for the log */
};

static void
passage_free(void *data)
{
	struct passage *passage = data;

	ph_remote_free(&passage->remote);
	ph_way_clear(&passage->way);
	g_free(passage->answer);
	g_atomic_int_add(&passage->frontend->busy, -1);
	g_free(passage);
}

/* Is the message this agent's, and not for Postfix's own queue? */
static bool
is_mine(const struct ph_frontend *frontend, const struct ph_mail *mail)
{
	return ph_frontend_is_outbound(mail) && !frontend->outbound.relay;
}

/* ---- envelope ------------------------------------------------------------ */

static int
on_mail(struct ph_mail *mail, void *app, struct ph_err *err)
{
	const struct ph_frontend *frontend = app;

	(void)err;
	if (!ph_frontend_is_outbound(mail))
		return 0;
	if (mail->snapshot == NULL)
		return ph_work_no_state(mail);
	/* The listener says so as well; who may relay must not hang on one
	 * line of master.cf. */
	if (!ph_frontend_trusts(frontend, mail))
		return ph_peers_sure(frontend->peers)
			   ? ph_verdict_reject(&mail->verdict,
					       PH_OUTBOUND_AGENT, "5.7.1",
					       "Access denied")
			   : ph_verdict_defer(&mail->verdict, PH_OUTBOUND_AGENT,
					      "4.4.3",
					      "Servers of ours cannot be told "
					      "from others now");
	if (!ph_backend_can_say(mail->sender, mail->params))
		return ph_verdict_reject(&mail->verdict, PH_OUTBOUND_AGENT,
					 "5.1.7", "Bad sender address syntax");
	return 0;
}

static int
start(struct ph_frontend *frontend, struct ph_mail *mail)
{
	struct passage *passage;

	if (g_atomic_int_add(&frontend->busy, 1) >= frontend->sessions) {
		g_atomic_int_add(&frontend->busy, -1);
		return ph_verdict_defer(&mail->verdict, PH_OUTBOUND_AGENT,
					"4.3.2",
					"Too many messages in work, please "
					"try again later");
	}
	passage = g_new0(struct passage, 1);
	passage->frontend = frontend;
	mail->work = (struct ph_keep){passage, passage_free};
	return 0;
}

/* The far end's answer is known after the content, and it is about one
 * recipient: a second one has to come again (RFC 5321 section 4.5.3.1.10). */
static int
on_rcpt(struct ph_mail *mail, struct ph_recipient *recipient, void *app,
	struct ph_err *err)
{
	(void)err;
	if (!is_mine(app, mail))
		return 0;
	if (!ph_backend_can_say(ph_recipient_typed(recipient),
				recipient->params))
		return ph_verdict_reject(&mail->verdict, PH_OUTBOUND_AGENT,
					 "5.1.3",
					 "Bad recipient address syntax");
	if (mail->recipients->len > 1)
		return ph_verdict_answer(&mail->verdict, PH_OUTBOUND_AGENT, 452,
					 "4.5.3",
					 "One recipient a message here");
	return mail->work.data == NULL ? start(app, mail) : 0;
}

/* ---- content ------------------------------------------------------------- */

/* Half a message cannot be given to another host. */
static int
break_off(struct passage *passage, struct ph_mail *mail,
	  const struct ph_err *err)
{
	g_autofree char *text = g_strdup_printf(
	    "Lost connection with %s[%s]: %s", passage->remote->host,
	    passage->remote->address, err->text);

	ph_log(PH_LOG_WARN, mail->queue_id, "outbound: %s", text);
	ph_remote_free(&passage->remote);
	return ph_verdict_defer(&mail->verdict, PH_OUTBOUND_AGENT, "4.4.2",
				text);
}

static int
send_text(struct passage *passage, struct ph_mail *mail, const void *data,
	  size_t size)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_smtp_content(passage->remote->smtp, data, size, &err) == 0)
		return 0;
	return break_off(passage, mail, &err);
}

/* What servers of ours tell each other stays inside. */
static int
send_header(struct passage *passage, struct ph_mail *mail)
{
	g_autoptr(GString) out = g_string_new(NULL);
	size_t n = ph_headers_count(mail->headers);

	ph_frontend_received(passage->frontend, mail, out);
	for (size_t i = 0; i < n; i++) {
		const struct ph_header *field = ph_headers_at(mail->headers, i);

		if (strncasecmp(field->name, PH_HEADER_PREFIX,
				strlen(PH_HEADER_PREFIX)) != 0)
			ph_frontend_append(out, field->name, field->value);
	}
	g_string_append(out, "\r\n");
	return send_text(passage, mail, out->str, out->len);
}

/* The header is complete: by which connector, to which host. 0 or 1. */
static int
begin(struct passage *passage, struct ph_mail *mail)
{
	g_autofree char *why = NULL;

	if (passage->begun)
		return 0;
	passage->begun = true;
	/* The server that sent it knows another state than this one, or the
	 * state has changed on the way. */
	if (ph_way_find(passage->frontend, mail, &passage->way, &why) != 1)
		return ph_verdict_defer(&mail->verdict, PH_OUTBOUND_AGENT,
					"4.4.4", why);
	if (ph_outbound_find(passage->frontend, mail, &passage->way,
			     &passage->remote) == 1)
		return 1;
	ph_smtp_set_timeout(passage->remote->smtp, CONTENT_TIMEOUT);
	return send_header(passage, mail);
}

static int
need_recipient(const struct ph_mail *mail, struct ph_err *err)
{
	return mail->work.data != NULL
		   ? 0
		   : ph_err_set(err, PH_ERR_TEMP,
				"content without a recipient");
}

static int
on_header(struct ph_mail *mail, const char *name, const char *value, void *app,
	  struct ph_err *err)
{
	if (!is_mine(app, mail))
		return 0;
	if (need_recipient(mail, err) < 0)
		return -1;
	if (ph_headers_add(mail->headers, name, value))
		return 0;
	return ph_verdict_reject(&mail->verdict, PH_OUTBOUND_AGENT, "5.3.4",
				 "Message header size exceeds limit");
}

static int
on_body(struct ph_mail *mail, const void *data, size_t size, void *app,
	struct ph_err *err)
{
	if (!is_mine(app, mail))
		return 0;
	if (need_recipient(mail, err) < 0)
		return -1;
	if (begin(mail->work.data, mail) == 1)
		return 1;
	return send_text(mail->work.data, mail, data, size);
}

/* ---- the answer ---------------------------------------------------------- */

static void
log_end(const struct passage *passage, const struct ph_mail *mail)
{
	const struct ph_remote *remote = passage->remote;
	const struct ph_recipient *recipient = mail->recipients->pdata[0];

	ph_log(PH_LOG_INFO, mail->queue_id,
	       "outbound: from=<%s>, to=<%s>, connector=%s, relay=%s[%s]:%d, "
	       "tls=%s, size=%" PRIu64 ", status=%s",
	       mail->sender, recipient->given,
	       ph_object_name(passage->way.connector), remote->host,
	       remote->address, remote->port, remote->encrypted ? "yes" : "no",
	       mail->size, passage->answer);
}

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	struct passage *passage = mail->work.data;
	struct ph_smtp_reply reply = {0, NULL};
	int rc;

	if (!is_mine(app, mail))
		return 0;
	if (need_recipient(mail, err) < 0)
		return -1;
	if (begin(passage, mail) == 1)
		return 1;
	/* It may have been taken all the same; sent again, it arrives twice. */
	if (ph_work_final(passage->frontend, mail, passage->remote->smtp,
			  &reply, err) < 0)
		return break_off(passage, mail, err);
	passage->answer = ph_smtp_reply_format(&reply);
	g_strdelimit(passage->answer, "\n", ' ');
	log_end(passage, mail);
	if (reply.code / 100 == 2)
		ph_outbound_row(passage->frontend, mail, &passage->way,
				passage->remote, passage->answer);
	rc = reply.code / 100 == 2
		 ? ph_verdict_discard(&mail->verdict, PH_OUTBOUND_AGENT)
		 : ph_work_pass(mail, &reply);
	ph_smtp_reply_clear(&reply);
	ph_remote_free(&passage->remote);
	return rc;
}

const struct ph_agent ph_outbound_agent = {
    .name = PH_OUTBOUND_AGENT,
    .on_mail = on_mail,
    .on_rcpt = on_rcpt,
    .on_header = on_header,
    .on_body = on_body,
    .on_message = on_message,
};
