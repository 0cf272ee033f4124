#include "milters/frontend/work.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <string.h>

static void
work_free(void *data)
{
	struct ph_work *work = data;

	ph_backend_free(&work->backend);
	g_ptr_array_unref(work->failed);
	ph_smtp_reply_clear(&work->refusal);
	g_free(work->answer);
	g_free(work->server);
	g_atomic_int_add(&work->frontend->busy, -1);
	g_free(work);
}

struct ph_work *
ph_work_start(struct ph_mail *mail, struct ph_frontend *frontend)
{
	struct ph_work *work = mail->work.data;

	if (work != NULL)
		return work;
	if (g_atomic_int_add(&frontend->busy, 1) >= frontend->sessions) {
		g_atomic_int_add(&frontend->busy, -1);
		return NULL;
	}
	work = g_new0(struct ph_work, 1);
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

void
ph_work_keep(struct ph_mail *mail, struct ph_backend **backend)
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

void
ph_work_note(struct ph_work *work, const char *server, char *answer)
{
	g_free(work->answer);
	work->answer = answer;
	g_free(work->server);
	work->server = g_strdup(server);
}

int
ph_work_no_state(struct ph_mail *mail)
{
	return ph_verdict_defer(&mail->verdict, PH_FRONTEND_AGENT, "4.3.0",
				"Temporary server error. Please try again "
				"later");
}

int
ph_work_pass(struct ph_mail *mail, const struct ph_smtp_reply *reply)
{
	char buffer[12];
	const char *enhanced = ph_smtp_reply_enhanced(reply, buffer);
	int code = reply->code;

	if (code == 421 || code / 100 < 4)
		code = 451;
	if (enhanced[0] != '0' + code / 100)
		enhanced = "";
	return ph_verdict_pass(&mail->verdict, PH_FRONTEND_AGENT, code,
			       enhanced, (const char *const *)reply->lines);
}

void
ph_work_lose(struct ph_work *work, const char *server, const struct ph_err *err,
	     const char *queue_id)
{
	ph_log(PH_LOG_WARN, queue_id, "backend=%s: %s", server, err->text);
	ph_work_note(work, server, g_strdup(err->text));
	g_ptr_array_add(work->failed, g_strdup(server));
	if (work->backend != NULL && strcmp(work->backend->name, server) == 0)
		ph_backend_free(&work->backend);
}

bool
ph_work_failed(const struct ph_work *work, const struct ph_server *server)
{
	return g_ptr_array_find_with_equal_func(work->failed, server->name,
						g_str_equal, NULL);
}

/* ---- the end of the content ---------------------------------------------- */

int
ph_work_final(const struct ph_frontend *frontend, const struct ph_mail *mail,
	      struct ph_smtp *smtp, struct ph_smtp_reply *reply_r,
	      struct ph_err *err)
{
	int64_t deadline = ph_clock_mono() + frontend->final_timeout;

	if (ph_smtp_end(smtp, err) < 0)
		return -1;
	for (;;) {
		int64_t left = deadline - ph_clock_mono();
		int rc;

		if (left <= 0)
			return ph_err_set(err, PH_ERR_MAYBE,
					  "no answer to the message");
		rc = ph_smtp_final(smtp, MIN(left, frontend->progress_interval),
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

/* ---- finding a server ---------------------------------------------------- */

/*
 * One server, for the first n recipients. 1: it is work->backend. 0: a verdict
 * was made. -1: try another.
 */
static int
try_server(struct ph_work *work, struct ph_mail *mail, guint n,
	   const struct ph_server *server, struct ph_backend **spare)
{
	struct ph_backend *backend = NULL;
	struct ph_smtp_reply reply;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *text = NULL;
	bool setup;
	int rc = ph_backend_begin(work->frontend, mail, n, server, spare,
				  work->deadline, &backend, &reply, &err);

	if (rc == 1) {
		ph_backend_free(&work->backend);
		work->backend = backend;
		return 1;
	}
	setup = rc == 0 && n == 0 && ph_smtp_reply_is_setup(&reply);
	if (rc == 0) {
		text = ph_smtp_reply_format(&reply);
		ph_err_set(&err, PH_ERR_TEMP, "%s%s", text,
			   setup ? PH_SMTP_SETUP : "");
	}
	ph_work_lose(work, server->name, &err, mail->queue_id);
	/* A refusal of the sender is an answer. One of a recipient that was
	 * told yes before is not: the client tries again and hears it then. */
	if (rc == 0 && n == 0 && reply.code / 100 == 5 && !setup)
		rc = 1 - ph_work_pass(mail, &reply);
	else
		rc = -1;
	if (n == 0 && reply.code != 0 && !setup) {
		ph_smtp_reply_clear(&work->refusal);
		work->refusal = reply;
	} else {
		ph_smtp_reply_clear(&reply);
	}
	return rc;
}

static int
refuse_none(const struct ph_work *work, struct ph_mail *mail)
{
	if (work->refusal.code != 0)
		return ph_work_pass(mail, &work->refusal);
	if (work->failed->len > 0)
		return ph_verdict_defer(&mail->verdict, PH_FRONTEND_AGENT,
					"4.4.1",
					"No answer from Transport, please try "
					"again later");
	ph_log(PH_LOG_WARN, mail->queue_id,
	       "no Transport server is known, active and healthy");
	return ph_verdict_defer(&mail->verdict, PH_FRONTEND_AGENT, "4.4.0",
				"No Transport server is available, please try "
				"again later");
}

int
ph_work_find(struct ph_work *work, struct ph_mail *mail, guint n)
{
	g_autofree const struct ph_server **servers =
	    ph_frontend_select(work->frontend, mail, work->seed);
	struct ph_backend *spare = take_spare(mail);
	int rc = -1;

	for (size_t i = 0; servers[i] != NULL && rc < 0; i++) {
		if (ph_clock_mono() >= work->deadline)
			break;
		if (!ph_work_failed(work, servers[i]))
			rc = try_server(work, mail, n, servers[i], &spare);
	}
	ph_backend_free(&spare);
	if (rc < 0)
		return refuse_none(work, mail);
	return rc == 1 ? 0 : 1;
}

void
ph_work_begin(struct ph_work *work)
{
	work->deadline = ph_clock_mono() + work->frontend->try_timeout;
}
