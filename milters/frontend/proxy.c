#include "milters/frontend/backend.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/message/nmid.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define AGENT "Frontend Proxy"

/* Of one piece of content; the MTA has all of it, so nobody waits but a
 * cleanup(8) whose own limit is 300 s. */
#define CONTENT_TIMEOUT 60000

enum stage {
	STAGE_RECIPIENTS,
	STAGE_HEADER, /* DATA was said, own fields were sent */
	STAGE_BODY,   /* so was the empty line */
};

/* One message on its way through. */
struct work {
	struct ph_frontend *frontend;
	struct ph_backend *backend; /* NULL: none has the recipients */
	GPtrArray *failed;	    /* names of servers that gave no answer */
	guint32 seed;
	enum stage stage;
	bool trusted;
	unsigned present; /* fields about the client that it sent itself */
	int64_t deadline; /* of the callback that is running */
	struct ph_smtp_reply refusal; /* of the sender, by the last server */
	char *answer;		      /* the server's last word, for the log */
	char *server;		      /* who said it */
};

static void
work_free(void *data)
{
	struct work *work = data;

	ph_backend_free(&work->backend);
	g_ptr_array_unref(work->failed);
	ph_smtp_reply_clear(&work->refusal);
	g_free(work->answer);
	g_free(work->server);
	g_atomic_int_add(&work->frontend->busy, -1);
	g_free(work);
}

static struct work *
start_work(struct ph_mail *mail, struct ph_frontend *frontend)
{
	struct work *work = mail->work.data;

	if (work != NULL)
		return work;
	if (g_atomic_int_add(&frontend->busy, 1) >= frontend->sessions) {
		g_atomic_int_add(&frontend->busy, -1);
		return NULL;
	}
	work = g_new0(struct work, 1);
	work->frontend = frontend;
	work->failed = g_ptr_array_new_with_free_func(g_free);
	work->seed = g_random_int();
	work->trusted = ph_frontend_trusts(frontend, mail);
	mail->work = (struct ph_keep){work, work_free};
	return work;
}

static void
backend_keep_free(void *data)
{
	struct ph_backend *backend = data;

	ph_backend_free(&backend);
}

/* The session with the last message's server, for the next one. */
static struct ph_backend *
take_spare(struct ph_mail *mail)
{
	struct ph_backend *spare;

	if (mail->kept == NULL)
		return NULL;
	spare = mail->kept->data;
	*mail->kept = (struct ph_keep){NULL, NULL};
	return spare;
}

static void
keep_spare(struct ph_mail *mail, struct ph_backend **backend)
{
	if (mail->kept == NULL) {
		ph_backend_free(backend);
		return;
	}
	ph_keep_clear(mail->kept);
	*mail->kept =
	    (struct ph_keep){g_steal_pointer(backend), backend_keep_free};
}

/* ---- answers ------------------------------------------------------------- */

static void
note_answer(struct work *work, const char *server, char *answer)
{
	g_free(work->answer);
	work->answer = answer;
	g_free(work->server);
	work->server = g_strdup(server);
}

/*
 * A server's refusal as the client's. 421 is about the server's connection and
 * would close the client's; anything that is no refusal is no answer at all.
 */
static int
pass(struct ph_mail *mail, const struct ph_smtp_reply *reply)
{
	char buffer[12];
	const char *enhanced = ph_smtp_reply_enhanced(reply, buffer);
	int code = reply->code;

	if (code == 421 || code / 100 < 4)
		code = 451;
	if (enhanced[0] != '0' + code / 100)
		enhanced = "";
	return ph_verdict_pass(&mail->verdict, AGENT, code, enhanced,
			       (const char *const *)reply->lines);
}

/* The server is of no more use for this message. */
static void
lose(struct work *work, const char *server, const struct ph_err *err,
     const char *queue_id)
{
	ph_log(PH_LOG_WARN, queue_id, "backend=%s: %s", server, err->text);
	note_answer(work, server, g_strdup(err->text));
	g_ptr_array_add(work->failed, g_strdup(server));
	if (work->backend != NULL && strcmp(work->backend->name, server) == 0)
		ph_backend_free(&work->backend);
}

static bool
has_failed(const struct work *work, const struct ph_server *server)
{
	return g_ptr_array_find_with_equal_func(work->failed, server->name,
						g_str_equal, NULL);
}

/* ---- finding a server ---------------------------------------------------- */

/*
 * One server, for the first n recipients. 1: it is work->backend. 0: a verdict
 * was made. -1: try another.
 */
static int
try_server(struct work *work, struct ph_mail *mail, guint n,
	   const struct ph_server *server, struct ph_backend **spare)
{
	struct ph_backend *backend = NULL;
	struct ph_smtp_reply reply;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *text = NULL;
	int rc = ph_backend_begin(work->frontend, mail, n, server, spare,
				  work->deadline, &backend, &reply, &err);

	if (rc == 1) {
		ph_backend_free(&work->backend);
		work->backend = backend;
		return 1;
	}
	if (rc == 0) {
		text = ph_smtp_reply_format(&reply);
		ph_err_set(&err, PH_ERR_TEMP, "%s", text);
	}
	lose(work, server->name, &err, mail->queue_id);
	/* A refusal of the sender is an answer. One of a recipient that was
	 * told yes before is not: the client tries again and hears it then. */
	if (rc == 0 && n == 0 && reply.code / 100 == 5)
		rc = 1 - pass(mail, &reply);
	else
		rc = -1;
	if (n == 0 && reply.code != 0) {
		ph_smtp_reply_clear(&work->refusal);
		work->refusal = reply;
	} else {
		ph_smtp_reply_clear(&reply);
	}
	return rc;
}

static int
refuse_none(const struct work *work, struct ph_mail *mail)
{
	if (work->refusal.code != 0)
		return pass(mail, &work->refusal);
	if (work->failed->len > 0)
		return ph_verdict_defer(&mail->verdict, AGENT, "4.4.1",
					"No answer from Transport, please try "
					"again later");
	ph_log(PH_LOG_WARN, mail->queue_id,
	       "no Transport server is known, active and healthy");
	return ph_verdict_defer(&mail->verdict, AGENT, "4.4.0",
				"No Transport server is available, please try "
				"again later");
}

/* The first server that takes the sender and the first n recipients. 0:
 * work->backend; 1: a verdict was made. */
static int
find_server(struct work *work, struct ph_mail *mail, guint n)
{
	g_autofree const struct ph_server **servers =
	    ph_frontend_select(work->frontend, mail, work->seed);
	struct ph_backend *spare = take_spare(mail);
	int rc = -1;

	for (size_t i = 0; servers[i] != NULL && rc < 0; i++) {
		if (ph_clock_mono() >= work->deadline)
			break;
		if (!has_failed(work, servers[i]))
			rc = try_server(work, mail, n, servers[i], &spare);
	}
	ph_backend_free(&spare);
	if (rc < 0)
		return refuse_none(work, mail);
	return rc == 1 ? 0 : 1;
}

static void
begin_callback(struct work *work)
{
	work->deadline = ph_clock_mono() + work->frontend->try_timeout;
}

/* ---- envelope ------------------------------------------------------------ */

static int
no_state(struct ph_mail *mail)
{
	return ph_verdict_defer(&mail->verdict, AGENT, "4.3.0",
				"Temporary server error. Please try again "
				"later");
}

static int
on_mail(struct ph_mail *mail, void *app, struct ph_err *err)
{
	(void)app;
	(void)err;
	if (mail->snapshot == NULL)
		return no_state(mail);
	if (ph_backend_can_say(mail->sender, mail->params))
		return 0;
	return ph_verdict_reject(&mail->verdict, AGENT, "5.1.7",
				 "Bad sender address syntax");
}

/* Asks until a server answers; all recipients but the last have been taken. */
static int
offer(struct work *work, struct ph_mail *mail,
      const struct ph_recipient *recipient, struct ph_smtp_reply *reply_r)
{
	for (;;) {
		struct ph_err err = PH_ERR_INIT;
		g_autofree char *name = NULL;

		if (work->backend == NULL &&
		    find_server(work, mail, mail->recipients->len - 1) == 1)
			return 1;
		if (ph_backend_rcpt(work->frontend, work->backend, recipient,
				    work->deadline, reply_r, &err) == 0)
			return 0;
		name = g_strdup(work->backend->name);
		lose(work, name, &err, mail->queue_id);
	}
}

static int
on_rcpt(struct ph_mail *mail, struct ph_recipient *recipient, void *app,
	struct ph_err *err)
{
	struct work *work;
	struct ph_smtp_reply reply;
	int rc = 0;

	(void)err;
	if (mail->snapshot == NULL)
		return no_state(mail);
	if (!ph_backend_can_say(recipient->given, recipient->params))
		return ph_verdict_reject(&mail->verdict, AGENT, "5.1.3",
					 "Bad recipient address syntax");
	work = start_work(mail, app);
	if (work == NULL)
		return ph_verdict_defer(&mail->verdict, AGENT, "4.3.2",
					"Too many messages in work, please "
					"try again later");
	begin_callback(work);
	if (offer(work, mail, recipient, &reply) == 1)
		return 1;
	if (reply.code / 100 != 2)
		rc = pass(mail, &reply);
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
	struct work *work = mail->work.data;
	g_autofree const struct ph_server **servers = NULL;
	struct ph_backend *none = NULL, *backend = NULL;
	struct ph_smtp_reply reply;
	const struct ph_server *const *best;

	(void)app;
	if (work == NULL || work->backend == NULL || mail->recipients->len < 2)
		return 0;
	begin_callback(work);
	servers = ph_frontend_select(work->frontend, mail, work->seed);
	for (best = servers; *best != NULL && has_failed(work, *best);)
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
break_off(struct work *work, struct ph_mail *mail, const struct ph_err *err)
{
	g_autofree char *name = g_strdup(work->backend->name);

	lose(work, name, err, mail->queue_id);
	return ph_verdict_defer(&mail->verdict, AGENT, "4.4.2",
				"Lost connection with Transport, please try "
				"again later");
}

static int
send_text(struct work *work, struct ph_mail *mail, const void *data,
	  size_t size)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_smtp_content(work->backend->smtp, data, size, &err) == 0)
		return 0;
	return break_off(work, mail, &err);
}

/* DATA, at another server if need be. 0: go on, 1: a verdict was made. */
static int
say_data(struct work *work, struct ph_mail *mail)
{
	for (;;) {
		struct ph_smtp_reply reply;
		struct ph_err err = PH_ERR_INIT;
		g_autofree char *name = NULL;
		int rc;

		if (work->backend == NULL &&
		    find_server(work, mail, mail->recipients->len) == 1)
			return 1;
		rc = ph_backend_limit(work->frontend, work->backend,
				      work->deadline, &err);
		if (rc == 0)
			rc = ph_smtp_data(work->backend->smtp, &reply, &err);
		if (rc == 0 && reply.code != 421) {
			rc = reply.code == 354 ? 0 : pass(mail, &reply);
			ph_smtp_reply_clear(&reply);
			return rc;
		}
		if (rc == 0) {
			ph_err_set(&err, PH_ERR_TEMP, "421 %s", reply.lines[0]);
			ph_smtp_reply_clear(&reply);
		}
		name = g_strdup(work->backend->name);
		lose(work, name, &err, mail->queue_id);
	}
}

/* Before the first piece of content: DATA and our own fields. */
static int
begin_content(struct work *work, struct ph_mail *mail)
{
	g_autoptr(GString) out = NULL;

	if (work->stage != STAGE_RECIPIENTS)
		return 0;
	begin_callback(work);
	if (say_data(work, mail) == 1)
		return 1;
	ph_smtp_set_timeout(work->backend->smtp, CONTENT_TIMEOUT);
	work->stage = STAGE_HEADER;
	out = g_string_new(NULL);
	ph_frontend_received(work->frontend, mail, out);
	if (!work->trusted)
		ph_frontend_origin(work->frontend, mail, 0, out);
	return send_text(work, mail, out->str, out->len);
}

/* The end of the header is not asked for: it would cost the MTA a wait. */
static int
begin_body(struct work *work, struct ph_mail *mail)
{
	g_autoptr(GString) out = NULL;

	if (begin_content(work, mail) == 1)
		return 1;
	if (work->stage == STAGE_BODY)
		return 0;
	work->stage = STAGE_BODY;
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
	struct work *work = mail->work.data;
	g_autoptr(GString) out = NULL;

	(void)app;
	if (work == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "content without a recipient");
	if (begin_content(work, mail) == 1)
		return 1;
	/* Header firewall: what a stranger says in our name is not said. */
	if (strncasecmp(name, PH_HEADER_PREFIX, strlen(PH_HEADER_PREFIX)) ==
	    0) {
		if (!work->trusted)
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
	struct work *work = mail->work.data;

	(void)app;
	if (work == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "content without a recipient");
	if (begin_body(work, mail) == 1)
		return 1;
	return send_text(work, mail, data, size);
}

/* ---- the answer ---------------------------------------------------------- */

/* 0 and *reply_r, or -1: nobody knows whether the message was taken. */
static int
wait_final(struct work *work, struct ph_mail *mail,
	   struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	int64_t deadline = ph_clock_mono() + work->frontend->final_timeout;

	if (ph_smtp_end(work->backend->smtp, err) < 0)
		return -1;
	for (;;) {
		int64_t left = deadline - ph_clock_mono();
		int rc;

		if (left <= 0)
			return ph_err_set(err, PH_ERR_MAYBE,
					  "no answer to the message");
		rc = ph_smtp_final(work->backend->smtp,
				   MIN(left, work->frontend->progress_interval),
				   reply_r, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (mail->progress != NULL &&
		    !mail->progress(mail->progress_arg))
			return ph_err_set(err, PH_ERR_MAYBE,
					  "the MTA went away before the "
					  "server's answer");
	}
}

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	struct work *work = mail->work.data;
	struct ph_smtp_reply reply = {0, NULL};
	int rc;

	(void)app;
	if (work == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "content without a recipient");
	if (begin_body(work, mail) == 1)
		return 1;
	/* What it may have taken is recognised at the mailbox when the client
	 * sends it again. */
	if (wait_final(work, mail, &reply, err) < 0)
		return break_off(work, mail, err);
	note_answer(work, work->backend->name, ph_smtp_reply_format(&reply));
	rc = reply.code / 100 == 2 ? ph_verdict_discard(&mail->verdict, AGENT)
				   : pass(mail, &reply);
	if (reply.code != 421)
		keep_spare(mail, &work->backend);
	ph_smtp_reply_clear(&reply);
	return rc;
}

void
ph_frontend_log(const struct ph_mail *mail)
{
	const struct work *work = mail->work.data;

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
    .name = AGENT,
    .on_mail = on_mail,
    .on_rcpt = on_rcpt,
    .on_data = on_data,
    .on_header = on_header,
    .on_body = on_body,
    .on_message = on_message,
};
