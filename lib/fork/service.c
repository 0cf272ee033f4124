#include "lib/fork/service_private.h"

#include "lib/base/log.h"
#include "lib/fork/copy.h"
#include "lib/fork/spool.h"
#include "lib/smtp/lmtp_server.h"

#include <string.h>
#include <strings.h>

enum {
	READ_SIZE = 65536,
	RECIPIENTS = 1000,
	/* Inside lmtp_data_done_timeout, 600 s. */
	CONNECT_MS = 10 * 1000,
	TIMEOUT_MS = 60 * 1000,
	FINAL_MS = 250 * 1000,
	IDLE_MS = 300 * 1000,
};
#define MEMORY ((size_t)1024 * 1024)

struct session {
	struct ph_fork_service *service;
	struct ph_stream *stream;
	struct ph_lmtp *lmtp;
	GPtrArray *tokens; /* char *, of accepted recipients in order */
	struct ph_spool *spool;
	struct ph_err spool_err;
	char buffer[READ_SIZE];
};

/* ---- the service ------------------------------------------------------- */

struct ph_fork_service *
ph_fork_service_new(const struct ph_fork_options *options)
{
	struct ph_fork_service *service = g_new0(struct ph_fork_service, 1);

	service->plans = options->plans;
	service->directory = g_strdup(options->directory);
	service->server = g_strdup(options->server);
	service->address = g_strdup(options->address);
	service->track = options->track;
	service->fqdn = options->fqdn;
	service->context = options->context;
	service->lifetime = options->lifetime;
	service->memory = options->memory > 0 ? options->memory : MEMORY;
	service->submit = (struct ph_submit_options){
	    .endpoint = options->inject,
	    .connect_timeout = options->connect_timeout > 0
				   ? options->connect_timeout
				   : CONNECT_MS,
	    .timeout = options->timeout > 0 ? options->timeout : TIMEOUT_MS,
	    .final_timeout =
		options->final_timeout > 0 ? options->final_timeout : FINAL_MS,
	};
	g_mutex_init(&service->mutex);
	service->busy =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return service;
}

void
ph_fork_service_free(struct ph_fork_service **service)
{
	struct ph_fork_service *p = *service;

	if (p == NULL)
		return;
	*service = NULL;
	g_hash_table_unref(p->busy);
	g_mutex_clear(&p->mutex);
	g_free(p->directory);
	g_free(p->server);
	g_free(p->address);
	g_free(p);
}

void
ph_fork_tidy(struct ph_fork_service *service)
{
	size_t n = ph_plans_tidy(service->plans, service->lifetime);

	if (n > 0)
		ph_debug("%zu old plans removed", n);
}

/* ---- a transaction ----------------------------------------------------- */

static void
end_transaction(struct session *session)
{
	g_ptr_array_set_size(session->tokens, 0);
	ph_spool_free(&session->spool);
	session->spool_err = (struct ph_err)PH_ERR_INIT;
}

/* The local part of an address of ours, g_free; of another what can be no
 * token. */
static char *
take_token(const char *address)
{
	const char *at = strrchr(address, '@');

	if (at == NULL || strcasecmp(at + 1, PH_FORK_DOMAIN) != 0)
		return g_strdup_printf("<%s>", address);
	return g_strndup(address, (gsize)(at - address));
}

/*
 * 1 and the plan; 0 and the answer. Without its plan a message waits, and is
 * reported: a 5xx would throw it away, since nobody hears of what becomes of a
 * token.
 */
static int
find_plan(struct session *session, const char *token, struct ph_plan **plan_r,
	  size_t *group_r, const char **answer_r)
{
	struct ph_err err = PH_ERR_INIT;
	int rc = ph_plans_read(session->service->plans, token, plan_r, group_r,
			       &err);

	if (rc > 0)
		return 1;
	ph_warn("fork: \"%.100s\": %s", token,
		rc < 0 ? err.text : "there is no such plan");
	*answer_r = rc < 0 ? "451 4.3.0 The plan of this message cannot be read"
			   : "451 4.3.0 The plan of this message is missing";
	return 0;
}

/* The plan is read again when its turn comes: one at a time is in memory. */
static void
on_rcpt(struct session *session, const struct ph_lmtp_command *command)
{
	g_autofree char *token = take_token(command->address);
	const char *answer = "250 2.1.5 Recipient OK";
	struct ph_plan *plan = NULL;
	size_t group;

	if (find_plan(session, token, &plan, &group, &answer) == 1)
		g_ptr_array_add(session->tokens, g_steal_pointer(&token));
	ph_plan_free(&plan);
	ph_lmtp_reply(session->lmtp, answer);
}

static void
on_data(struct session *session)
{
	session->spool =
	    ph_spool_new(session->service->directory, session->service->memory);
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

static void
carry_out(struct session *session, const struct ph_fork_content *content,
	  const char *token)
{
	struct ph_plan *plan = NULL;
	const char *missing = NULL;
	g_autofree char *answer = NULL;
	size_t group = 0;

	if (find_plan(session, token, &plan, &group, &missing) == 1)
		answer = ph_fork_carry_out(session->service, content, token,
					   plan, group);
	ph_plan_free(&plan);
	ph_lmtp_reply(session->lmtp, answer != NULL ? answer : missing);
}

/* Each is answered when it is done: the MTA waits for each answer anew. */
static int
carry_out_all(struct session *session, const struct ph_fork_content *content,
	      struct ph_err *err)
{
	for (guint i = 0; i < session->tokens->len; i++) {
		carry_out(session, content, session->tokens->pdata[i]);
		if (send_output(session, err) < 0)
			return -1;
	}
	return 0;
}

static void
refuse_all(struct session *session)
{
	ph_warn("fork: %s", session->spool_err.text);
	for (guint i = 0; i < session->tokens->len; i++)
		ph_lmtp_replyf(session->lmtp, "452 4.3.1 %s",
			       session->spool_err.text);
}

static int
on_done(struct session *session, struct ph_err *err)
{
	struct ph_fork_content content = {NULL, 0, NULL};
	int rc = 0;

	if (session->spool_err.kind == PH_ERR_NONE)
		(void)ph_spool_read(session->spool, &content.data,
				    &content.size, &session->spool_err);
	if (session->spool_err.kind != PH_ERR_NONE) {
		refuse_all(session);
	} else {
		content.headers = ph_copy_headers(content.data, content.size);
		rc = carry_out_all(session, &content, err);
		ph_headers_free(&content.headers);
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
		ph_lmtp_reply(session->lmtp, "250 2.1.0 Sender OK");
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

static void
free_session(struct session *session)
{
	end_transaction(session);
	ph_lmtp_free(&session->lmtp);
	g_ptr_array_unref(session->tokens);
	g_free(session);
}

void
ph_fork_serve(struct ph_stream *stream, struct ph_fork_service *service)
{
	const struct ph_lmtp_limits limits = {.recipients = RECIPIENTS};
	struct session *session = g_new0(struct session, 1);
	g_autofree char *fqdn = ph_fork_fqdn(service);
	struct ph_err err = PH_ERR_INIT;
	bool more;

	session->service = service;
	session->stream = stream;
	session->lmtp = ph_lmtp_new(fqdn, &limits);
	session->tokens = g_ptr_array_new_with_free_func(g_free);
	ph_stream_set_timeout(stream, IDLE_MS);
	more = send_output(session, &err) == 0;
	while (more && read_input(session, &err)) {
		more = run_events(session, &err);
		ph_stream_hold(stream, session->spool != NULL);
	}
	if (err.kind != PH_ERR_NONE)
		ph_debug("fork: %s", err.text);
	free_session(session);
	ph_stream_hold(stream, false);
}
