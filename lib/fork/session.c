#include "lib/fork/session.h"

#include "lib/base/log.h"
#include "lib/fork/copy.h"
#include "lib/fork/spool.h"
#include "lib/smtp/lmtp_server.h"

#include <string.h>
#include <strings.h>

enum {
	READ_SIZE = 65536,
	RECIPIENTS = 1000,
	IDLE_MS = 300 * 1000,
};
#define MEMORY ((size_t)1024 * 1024)
#define TEXTS ((gsize)4096)

struct session {
	const struct ph_session_options *options;
	struct ph_stream *stream;
	struct ph_lmtp *lmtp;
	/* Of the transaction, in which content and recipients are borrowed. */
	GStringChunk *texts;
	struct ph_fork_content content;
	GArray *recipients; /* struct ph_fork_recipient, taken, in order */
	struct ph_spool *spool;
	struct ph_err spool_err;
	char buffer[READ_SIZE];
};

/* ---- a transaction ----------------------------------------------------- */

static void
end_transaction(struct session *session)
{
	g_array_set_size(session->recipients, 0);
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
on_mail(struct session *session, const struct ph_lmtp_command *command)
{
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
on_rcpt(struct session *session, const struct ph_lmtp_command *command)
{
	const struct ph_session_options *options = session->options;
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
on_data(struct session *session)
{
	const struct ph_session_options *options = session->options;

	session->spool = ph_spool_new(
	    options->directory, options->memory > 0 ? options->memory : MEMORY);
	ph_lmtp_reply(session->lmtp, "354 End with a dot on a line by itself");
}

static void
on_content(struct session *session, const struct ph_lmtp_command *command)
{
	if (session->spool_err.kind == PH_ERR_NONE)
		(void)ph_spool_write(session->spool, command->content,
				     command->size, &session->spool_err);
}

static int
send_output(struct session *session, struct ph_err *err)
{
	size_t size;
	const char *output = ph_lmtp_output(session->lmtp, &size);

	if (size > 0 && ph_stream_write(session->stream, output, size, err) < 0)
		return -1;
	ph_lmtp_sent(session->lmtp, size);
	return 0;
}

/* Each is answered when it is done: the MTA waits for each answer anew. */
static int
work_on_all(struct session *session, struct ph_err *err)
{
	const struct ph_session_options *options = session->options;

	for (guint i = 0; i < session->recipients->len; i++) {
		g_autofree char *answer =
		    options->work(options->context, &session->content,
				  &g_array_index(session->recipients,
						 struct ph_fork_recipient, i));

		ph_lmtp_reply(session->lmtp, answer);
		if (send_output(session, err) < 0)
			return -1;
	}
	return 0;
}

static void
refuse_all(struct session *session)
{
	ph_warn("%s: %s", session->options->name, session->spool_err.text);
	for (guint i = 0; i < session->recipients->len; i++)
		ph_lmtp_replyf(session->lmtp, "452 4.3.1 %s",
			       session->spool_err.text);
}

static int
on_done(struct session *session, struct ph_err *err)
{
	struct ph_fork_content *content = &session->content;
	int rc = 0;

	if (session->spool_err.kind == PH_ERR_NONE)
		(void)ph_spool_read(session->spool, &content->data,
				    &content->size, &session->spool_err);
	if (session->spool_err.kind != PH_ERR_NONE) {
		refuse_all(session);
	} else {
		content->headers =
		    ph_copy_headers(content->data, content->size);
		rc = work_on_all(session, err);
		ph_headers_free(&content->headers);
	}
	end_transaction(session);
	return rc;
}

/* ---- a connection ------------------------------------------------------ */

enum next {
	AGAIN,
	READ,
	STOP,
};

static enum next
on_event(struct session *session, enum ph_lmtp_event event,
	 const struct ph_lmtp_command *command, struct ph_err *err)
{
	switch (event) {
	case PH_LMTP_MAIL:
		on_mail(session, command);
		break;
	case PH_LMTP_RCPT:
		on_rcpt(session, command);
		break;
	case PH_LMTP_DATA:
		on_data(session);
		break;
	case PH_LMTP_CONTENT:
		on_content(session, command);
		break;
	case PH_LMTP_DONE:
		if (on_done(session, err) < 0)
			return STOP;
		break;
	case PH_LMTP_TOO_BIG:
	case PH_LMTP_RESET:
		end_transaction(session);
		break;
	case PH_LMTP_MORE:
		return READ;
	case PH_LMTP_TLS: /* is not offered */
	case PH_LMTP_QUIT:
	case PH_LMTP_CLOSE:
		return STOP;
	}
	return AGAIN;
}

/* All that was read; false: the connection has ended. */
static bool
run_events(struct session *session, struct ph_err *err)
{
	struct ph_lmtp_command command;
	enum next next;

	do
		next = on_event(session, ph_lmtp_next(session->lmtp, &command),
				&command, err);
	while (next == AGAIN);
	return send_output(session, err) == 0 && next != STOP;
}

static bool
read_input(struct session *session, struct ph_err *err)
{
	ssize_t n =
	    ph_stream_read(session->stream, session->buffer, READ_SIZE, err);

	if (n <= 0)
		return false;
	ph_stream_hold(session->stream, true);
	ph_lmtp_feed(session->lmtp, session->buffer, (size_t)n);
	return true;
}

static struct session *
new_session(struct ph_stream *stream, const struct ph_session_options *options)
{
	const struct ph_lmtp_limits limits = {.recipients = RECIPIENTS,
					      .dsn = options->trusted};
	struct session *session = g_new0(struct session, 1);

	session->options = options;
	session->stream = stream;
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
ph_session_serve(struct ph_stream *stream,
		 const struct ph_session_options *options)
{
	struct session *session = new_session(stream, options);
	struct ph_err err = PH_ERR_INIT;
	bool more;

	ph_stream_set_timeout(stream, IDLE_MS);
	more = send_output(session, &err) == 0;
	while (more && read_input(session, &err)) {
		more = run_events(session, &err);
		ph_stream_hold(stream, session->spool != NULL);
	}
	if (err.kind != PH_ERR_NONE)
		ph_debug("%s: %s", options->name, err.text);
	free_session(session);
	ph_stream_hold(stream, false);
}
