#include "milters/frontend/work.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/message/nmid.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* Of one piece of content; the MTA has all of it, so nobody waits but a
 * cleanup(8) whose own limit is 300 s. */
#define CONTENT_TIMEOUT 60000

/* ---- envelope ------------------------------------------------------------ */

static int
on_mail(struct ph_mail *mail, void *app, struct ph_err *err)
{
	(void)app;
	(void)err;
	if (ph_frontend_is_outbound(mail))
		return 0;
	if (mail->snapshot == NULL)
		return ph_work_no_state(mail);
	if (ph_backend_can_say(mail->sender, mail->params))
		return 0;
	return ph_verdict_reject(&mail->verdict, PH_FRONTEND_AGENT, "5.1.7",
				 "Bad sender address syntax");
}

/* Asks until a server answers; all recipients but the last have been taken. */
static int
offer(struct ph_work *work, struct ph_mail *mail,
      const struct ph_recipient *recipient, struct ph_smtp_reply *reply_r)
{
	for (;;) {
		struct ph_err err = PH_ERR_INIT;
		g_autofree char *name = NULL;

		if (work->backend == NULL &&
		    ph_work_find(work, mail, mail->recipients->len - 1) == 1)
			return 1;
		if (ph_backend_rcpt(work->frontend, work->backend, recipient,
				    work->deadline, reply_r, &err) == 0)
			return 0;
		name = g_strdup(work->backend->name);
		ph_work_lose(work, name, &err, mail->queue_id);
	}
}

static int
on_rcpt(struct ph_mail *mail, struct ph_recipient *recipient, void *app,
	struct ph_err *err)
{
	struct ph_work *work;
	struct ph_smtp_reply reply;
	int rc = 0;

	(void)err;
	if (ph_frontend_is_outbound(mail))
		return 0;
	if (mail->snapshot == NULL)
		return ph_work_no_state(mail);
	if (!ph_backend_can_say(ph_recipient_typed(recipient),
				recipient->params))
		return ph_verdict_reject(&mail->verdict, PH_FRONTEND_AGENT,
					 "5.1.3",
					 "Bad recipient address syntax");
	work = ph_work_start(mail, app);
	if (work == NULL)
		return ph_verdict_defer(&mail->verdict, PH_FRONTEND_AGENT,
					"4.3.2",
					"Too many messages in work, please "
					"try again later");
	ph_work_begin(work);
	if (offer(work, mail, recipient, &reply) == 1)
		return 1;
	if (reply.code / 100 != 2)
		rc = ph_work_pass(mail, &reply);
	ph_smtp_reply_clear(&reply);
	return rc;
}

/*
 * All recipients are known: the server that they choose together takes the
 * place of the one that the first recipient chose, if it can be reached and
 * refuses none of them.
 */
static int
on_data(struct ph_mail *mail, void *app, struct ph_err *err)
{
	struct ph_work *work = mail->work.data;
	g_autofree const struct ph_server **servers = NULL;
	struct ph_backend *none = NULL, *backend = NULL;
	struct ph_smtp_reply reply;
	const struct ph_server *const *best;

	(void)app;
	if (ph_frontend_is_outbound(mail) || work == NULL ||
	    work->backend == NULL || mail->recipients->len < 2)
		return 0;
	ph_work_begin(work);
	servers = ph_frontend_select(work->frontend, mail, work->seed);
	for (best = servers; *best != NULL && ph_work_failed(work, *best);)
		best++;
	if (*best == NULL || strcmp((*best)->name, work->backend->name) == 0)
		return 0;
	if (ph_backend_begin(work->frontend, mail, mail->recipients->len, *best,
			     &none, work->deadline, &backend, &reply,
			     err) != 1) {
		ph_smtp_reply_clear(&reply);
		g_ptr_array_add(work->failed, g_strdup((*best)->name));
		return 0;
	}
	ph_backend_free(&work->backend);
	work->backend = backend;
	return 0;
}

/* ---- content ------------------------------------------------------------- */

/* Half a message cannot be given to another server. */
static int
break_off(struct ph_work *work, struct ph_mail *mail, const struct ph_err *err)
{
	g_autofree char *name = g_strdup(work->backend->name);

	ph_work_lose(work, name, err, mail->queue_id);
	return ph_verdict_defer(&mail->verdict, PH_FRONTEND_AGENT, "4.4.2",
				"Lost connection with Transport, please try "
				"again later");
}

static int
send_text(struct ph_work *work, struct ph_mail *mail, const void *data,
	  size_t size)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_smtp_content(work->backend->smtp, data, size, &err) == 0)
		return 0;
	return break_off(work, mail, &err);
}

/* DATA, at another server if need be. 0: go on, 1: a verdict was made. */
static int
say_data(struct ph_work *work, struct ph_mail *mail)
{
	for (;;) {
		struct ph_smtp_reply reply;
		struct ph_err err = PH_ERR_INIT;
		g_autofree char *name = NULL;
		int rc;

		if (work->backend == NULL &&
		    ph_work_find(work, mail, mail->recipients->len) == 1)
			return 1;
		rc = ph_backend_limit(work->frontend, work->backend,
				      work->deadline, &err);
		if (rc == 0)
			rc = ph_smtp_data(work->backend->smtp, &reply, &err);
		if (rc == 0 && reply.code != 421) {
			rc = reply.code == 354 ? 0 : ph_work_pass(mail, &reply);
			ph_smtp_reply_clear(&reply);
			return rc;
		}
		if (rc == 0) {
			ph_err_set(&err, PH_ERR_TEMP, "421 %s", reply.lines[0]);
			ph_smtp_reply_clear(&reply);
		}
		name = g_strdup(work->backend->name);
		ph_work_lose(work, name, &err, mail->queue_id);
	}
}

/* Before the first piece of content: DATA and our own fields. */
static int
begin_content(struct ph_work *work, struct ph_mail *mail)
{
	g_autoptr(GString) out = NULL;

	if (work->stage != PH_STAGE_RECIPIENTS)
		return 0;
	ph_work_begin(work);
	if (say_data(work, mail) == 1)
		return 1;
	ph_smtp_set_timeout(work->backend->smtp, CONTENT_TIMEOUT);
	work->stage = PH_STAGE_HEADER;
	out = g_string_new(NULL);
	ph_frontend_received(work->frontend, mail, out);
	if (!work->trusted)
		ph_frontend_origin(work->frontend, mail, 0, out);
	return send_text(work, mail, out->str, out->len);
}

/* The end of the header is not asked for: it would cost the MTA a wait. */
static int
begin_body(struct ph_work *work, struct ph_mail *mail)
{
	g_autoptr(GString) out = NULL;

	if (begin_content(work, mail) == 1)
		return 1;
	if (work->stage == PH_STAGE_BODY)
		return 0;
	work->stage = PH_STAGE_BODY;
	out = g_string_new(NULL);
	if (work->trusted)
		ph_frontend_origin(work->frontend, mail, work->present, out);
	g_string_append(out, "\r\n");
	return send_text(work, mail, out->str, out->len);
}

static int
on_header(struct ph_mail *mail, const char *name, const char *value, void *app,
	  struct ph_err *err)
{
	struct ph_work *work = mail->work.data;
	g_autoptr(GString) out = NULL;

	(void)app;
	if (ph_frontend_is_outbound(mail))
		return 0;
	if (work == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "content without a recipient");
	if (begin_content(work, mail) == 1)
		return 1;
	/* Header firewall: what a stranger says in our name is not said. */
	if (strncasecmp(name, PH_HEADER_PREFIX, strlen(PH_HEADER_PREFIX)) ==
	    0) {
		if (!work->trusted && !ph_mail_may_say(mail, name))
			return 0;
		work->present |= ph_frontend_field(name);
	}
	out = g_string_new(NULL);
	ph_frontend_append(out, name, value);
	return send_text(work, mail, out->str, out->len);
}

static int
on_body(struct ph_mail *mail, const void *data, size_t size, void *app,
	struct ph_err *err)
{
	struct ph_work *work = mail->work.data;

	(void)app;
	if (ph_frontend_is_outbound(mail))
		return 0;
	if (work == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "content without a recipient");
	if (begin_body(work, mail) == 1)
		return 1;
	return send_text(work, mail, data, size);
}

/* ---- the answer ---------------------------------------------------------- */

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	struct ph_work *work = mail->work.data;
	struct ph_smtp_reply reply = {0, NULL};
	int rc;

	(void)app;
	if (ph_frontend_is_outbound(mail))
		return 0;
	if (work == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "content without a recipient");
	if (begin_body(work, mail) == 1)
		return 1;
	/* What it may have taken is recognised at the mailbox when the client
	 * sends it again. */
	if (ph_work_final(work->frontend, mail, work->backend->smtp, &reply,
			  err) < 0)
		return break_off(work, mail, err);
	ph_work_note(work, work->backend->name, ph_smtp_reply_format(&reply));
	rc = reply.code / 100 == 2
		 ? ph_verdict_discard(&mail->verdict, PH_FRONTEND_AGENT)
		 : ph_work_pass(mail, &reply);
	if (reply.code != 421)
		ph_work_keep(mail, &work->backend);
	ph_smtp_reply_clear(&reply);
	return rc;
}

void
ph_frontend_log(const struct ph_mail *mail)
{
	const struct ph_work *work = mail->work.data;

	if (work == NULL)
		return;
	ph_log(PH_LOG_INFO, mail->queue_id,
	       "from=<%s>, client=%s[%s], backend=%s, nrcpt=%u, size=%" PRIu64
	       ", status=%s",
	       mail->sender,
	       *mail->client->name != '\0' ? mail->client->name : "unknown",
	       mail->client->address,
	       work->server != NULL ? work->server : "none",
	       mail->recipients->len, mail->size,
	       work->answer != NULL ? work->answer : "none");
}

const struct ph_agent ph_frontend_agent = {
    .name = PH_FRONTEND_AGENT,
    .on_mail = on_mail,
    .on_rcpt = on_rcpt,
    .on_data = on_data,
    .on_header = on_header,
    .on_body = on_body,
    .on_message = on_message,
};
