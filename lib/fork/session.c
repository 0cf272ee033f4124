#include "lib/fork/session.h"

#include "lib/base/log.h"
#include "lib/fork/copy.h"
#include "lib/fork/spool.h"
#include "lib/smtp/lmtp_session.h"

#include <string.h>
#include <strings.h>

enum {
	RECIPIENTS = 1000,
	IDLE_MS = 300 * 1000,
};
#define MEMORY ((size_t)1024 * 1024)
#define TEXTS ((gsize)4096)

struct session {
	const struct ph_work_options *options;
	struct ph_lmtp *lmtp;
	/* Of the transaction, in which content and recipients are borrowed. */
	GStringChunk *texts;
	struct ph_fork_content content;
	GArray *recipients; /* struct ph_fork_recipient, taken, in order */
	guint answered;
	struct ph_spool *spool;
	struct ph_err spool_err;
};

/* ---- a transaction ----------------------------------------------------- */

static void
end_transaction(struct session *session)
{
	g_array_set_size(session->recipients, 0);
	session->answered = 0;
	ph_headers_free(&session->content.headers);
	g_string_chunk_clear(session->texts);
	session->content = (struct ph_fork_content){.sender = ""};
	ph_spool_free(&session->spool);
	session->spool_err = (struct ph_err)PH_ERR_INIT;
}

/* The value of a parameter ("RET=" as name), kept; NULL: not given. */
static const char *
take_param(struct session *session, const struct ph_lmtp_command *command,
	   const char *name)
{
	for (const char *const *p = command->params; *p != NULL; p++)
		if (strncasecmp(*p, name, strlen(name)) == 0)
			return g_string_chunk_insert(session->texts,
						     *p + strlen(name));
	return NULL;
}

static void
on_mail(void *context, const struct ph_lmtp_command *command)
{
	struct session *session = context;
	const char *body = take_param(session, command, "BODY=");

	session->content = (struct ph_fork_content){
	    .sender = g_string_chunk_insert(session->texts, command->address),
	    .queue_id = g_string_chunk_insert(
		session->texts, ph_lmtp_xforward(session->lmtp, "IDENT")),
	    .ret = take_param(session, command, "RET="),
	    .envid = take_param(session, command, "ENVID="),
	    .eight_bit = body != NULL && strcasecmp(body, "8BITMIME") == 0,
	    .utf8 = take_param(session, command, "SMTPUTF8") != NULL,
	};
	ph_lmtp_reply(session->lmtp, "250 2.1.0 Sender OK");
}

static void
on_rcpt(void *context, const struct ph_lmtp_command *command)
{
	struct session *session = context;
	const struct ph_work_options *options = session->options;
	const struct ph_fork_recipient recipient = {
	    .address = g_string_chunk_insert(session->texts, command->address),
	    .notify = take_param(session, command, "NOTIFY="),
	    .orcpt = take_param(session, command, "ORCPT="),
	};
	g_autofree char *refusal =
	    options->rcpt != NULL
		? options->rcpt(options->context, command->address)
		: NULL;

	if (refusal == NULL)
		g_array_append_val(session->recipients, recipient);
	ph_lmtp_reply(session->lmtp,
		      refusal != NULL ? refusal : "250 2.1.5 Recipient OK");
}

static void
on_data(void *context)
{
	struct session *session = context;
	const struct ph_work_options *options = session->options;

	session->spool = ph_spool_new(
	    options->directory, options->memory > 0 ? options->memory : MEMORY);
	ph_lmtp_reply(session->lmtp, "354 End with a dot on a line by itself");
}

static void
on_content(void *context, const struct ph_lmtp_command *command)
{
	struct session *session = context;

	if (session->spool_err.kind == PH_ERR_NONE)
		(void)ph_spool_write(session->spool, command->content,
				     command->size, &session->spool_err);
}

/* Before the first answer: the whole message, where it is to be had. */
static void
read_spool(struct session *session)
{
	struct ph_fork_content *content = &session->content;

	if (session->spool_err.kind == PH_ERR_NONE)
		(void)ph_spool_read(session->spool, &content->data,
				    &content->size, &session->spool_err);
	if (session->spool_err.kind == PH_ERR_NONE)
		content->headers =
		    ph_copy_headers(content->data, content->size);
	else
		ph_warn("%s: %s", session->options->name,
			session->spool_err.text);
}

/* One recipient at a time, each answered when it is done. */
static void
on_done(void *context)
{
	struct session *session = context;
	const struct ph_work_options *options = session->options;
	g_autofree char *answer = NULL;

	if (session->answered == 0)
		read_spool(session);
	if (session->spool_err.kind == PH_ERR_NONE)
		answer = options->work(options->context, &session->content,
				       &g_array_index(session->recipients,
						      struct ph_fork_recipient,
						      session->answered));
	else
		answer =
		    g_strdup_printf("452 4.3.1 %s", session->spool_err.text);
	session->answered++;
	ph_lmtp_reply(session->lmtp, answer);
}

static void
on_reset(void *context)
{
	end_transaction(context);
}

static const struct ph_lmtp_calls calls = {
    .mail = on_mail,
    .rcpt = on_rcpt,
    .data = on_data,
    .content = on_content,
    .done = on_done,
    .reset = on_reset,
};

/* ---- a connection ------------------------------------------------------ */

static struct session *
new_session(const struct ph_work_options *options)
{
	const struct ph_lmtp_limits limits = {.recipients = RECIPIENTS,
					      .dsn = options->trusted};
	struct session *session = g_new0(struct session, 1);

	session->options = options;
	session->lmtp = ph_lmtp_new(options->hostname, &limits);
	if (options->trusted)
		ph_lmtp_trust(session->lmtp);
	session->texts = g_string_chunk_new(TEXTS);
	session->recipients =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_fork_recipient));
	end_transaction(session);
	return session;
}

static void
free_session(struct session *session)
{
	end_transaction(session);
	ph_lmtp_free(&session->lmtp);
	g_array_unref(session->recipients);
	g_string_chunk_free(session->texts);
	g_free(session);
}

void
ph_work_serve(struct ph_stream *stream, const struct ph_work_options *options)
{
	struct session *session = new_session(options);
	struct ph_err err = PH_ERR_INIT;

	ph_stream_set_timeout(stream, IDLE_MS);
	if (ph_lmtp_serve(session->lmtp, &calls, session, stream, NULL, &err) <
	    0)
		ph_debug("%s: %s", options->name, err.text);
	free_session(session);
	ph_stream_hold(stream, false);
}
