#include "store/delivery/session.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "store/delivery/recipient.h"

#include <glib.h>
#include <string.h>

struct ph_session {
	const struct ph_session_shared *shared;
	char *peer, *host;
	char id[17];
	int64_t connected;
	struct ph_lmtp *lmtp;
	bool trusted;
	char *server; /* FQDN of the server of ours at the other end, or NULL */
	const struct ph_stream *secure; /* with TLS; NULL: in clear */
	char *reverse_path;
	char **params;		    /* of MAIL */
	bool rerouted;		    /* another store driver handed it over */
	GPtrArray *recipients;	    /* struct ph_recipient of mailboxes here */
	GByteArray *remote;	    /* a byte a recipient: 1, it is elsewhere */
	struct ph_reroute *reroute; /* NULL: none is elsewhere */
	char *no_database;	    /* the answer for all that are here */
	bool taking;		    /* between 354 and the end of a message */
	char *name, *queue_id;	    /* of the transaction */
	struct ph_deliver_client client;
	struct ph_deliver_message *message;
};

static void
free_recipient(gpointer p)
{
	struct ph_recipient *recipient = p;

	ph_recipient_free(&recipient);
}

/* The server of ours behind an address. A UNIX socket is open to this host's
 * Postfix alone, so who comes through it is this server. */
static const struct ph_server *
find_server(struct ph_peers *peers, const struct ph_topology *topology,
	    const char *peer, const char *own)
{
	if (strcmp(peer, "local") == 0)
		return ph_topology_server(topology, own);
	return ph_peers_find(peers, topology, peer);
}

static bool
is_proven(const struct ph_session *session, const struct ph_server *server)
{
	if (session->shared->tls.mode != PH_PEER_VERIFY ||
	    strcmp(session->peer, "local") == 0)
		return true;
	return session->secure && ph_tls_proves(session->secure, server->fqdn);
}

/* Also after the connection began, because the first snapshot may come later
 * than the first client. */
static void
find_trust(struct ph_session *session)
{
	const struct ph_session_shared *shared = session->shared;
	struct ph_snapshot *snapshot;
	const struct ph_topology *topology;
	const struct ph_server *server;

	if (session->trusted)
		return;
	snapshot = shared->take(shared->context);
	if (!snapshot)
		return;
	topology = ph_snapshot_derived(snapshot, PH_DELIVERY_TOPOLOGY);
	server = ph_topology_server(topology, shared->deliver->server);
	if (server) {
		g_free(session->host);
		session->host = g_strdup(server->fqdn);
	}
	server = find_server(shared->peers, topology, session->peer,
			     shared->deliver->server);
	if (server && is_proven(session, server)) {
		session->trusted = true;
		session->server = g_strdup(server->fqdn);
		if (session->lmtp)
			ph_lmtp_trust(session->lmtp);
	}
	ph_snapshot_unref(&snapshot);
}

struct ph_session *
ph_session_new(const struct ph_session_shared *shared, const char *peer)
{
	struct ph_session *session = g_new0(struct ph_session, 1);
	struct ph_lmtp_limits limits;

	session->shared = shared;
	session->peer = g_strdup(peer);
	session->host = g_strdup(shared->deliver->server);
	session->connected = ph_clock_wall();
	g_snprintf(session->id, sizeof(session->id), "%08X%08X", g_random_int(),
		   g_random_int());
	session->recipients = g_ptr_array_new_with_free_func(free_recipient);
	session->remote = g_byte_array_new();
	find_trust(session);
	limits = shared->limits;
	limits.xclient = true;
	limits.tls_required &= strcmp(peer, "local") != 0;
	session->lmtp = ph_lmtp_new(session->host, &limits);
	if (session->trusted)
		ph_lmtp_trust(session->lmtp);
	return session;
}

static void
end_transaction(struct ph_session *session)
{
	session->taking = false;
	session->rerouted = false;
	ph_deliver_free(&session->message);
	ph_reroute_free(&session->reroute);
	g_ptr_array_set_size(session->recipients, 0);
	g_byte_array_set_size(session->remote, 0);
	g_clear_pointer(&session->no_database, g_free);
	g_clear_pointer(&session->params, g_strfreev);
	g_clear_pointer(&session->reverse_path, g_free);
	g_clear_pointer(&session->name, g_free);
	g_clear_pointer(&session->queue_id, g_free);
}

void
ph_session_free(struct ph_session **session)
{
	struct ph_session *p = *session;

	if (!p)
		return;
	*session = NULL;
	end_transaction(p);
	ph_lmtp_free(&p->lmtp);
	g_ptr_array_unref(p->recipients);
	g_byte_array_unref(p->remote);
	g_free(p->server);
	g_free(p->host);
	g_free(p->peer);
	g_free(p);
}

void
ph_session_feed(struct ph_session *session, const void *data, size_t size)
{
	ph_lmtp_feed(session->lmtp, data, size);
}

const char *
ph_session_output(const struct ph_session *session, size_t *size_r)
{
	return ph_lmtp_output(session->lmtp, size_r);
}

void
ph_session_sent(struct ph_session *session, size_t size)
{
	ph_lmtp_sent(session->lmtp, size);
}

/* ---- events ------------------------------------------------------------ */

static bool
has_param(const struct ph_session *session, const char *name)
{
	for (char **param = session->params; param && *param; param++)
		if (g_ascii_strcasecmp(*param, name) == 0)
			return true;
	return false;
}

static void
on_mail(void *context, const struct ph_lmtp_command *command)
{
	struct ph_session *session = context;

	find_trust(session);
	session->reverse_path = g_strdup(command->address);
	session->params = g_strdupv((char **)command->params);
	session->rerouted = has_param(session, PH_LMTP_REROUTED);
	ph_lmtp_reply(session->lmtp, "250 2.1.0 Sender OK");
}

/* ---- recipients whose database is elsewhere ---------------------------- */

static struct ph_reroute *
reroute_of(struct ph_session *session)
{
	const struct ph_session_shared *shared = session->shared;
	const struct ph_reroute_envelope envelope = {
	    .hello = session->host,
	    .reverse_path = session->reverse_path,
	    .params = (const char *const *)session->params,
	    .queue_id = ph_lmtp_xforward(session->lmtp, "IDENT"),
	};

	if (!session->reroute)
		session->reroute = ph_reroute_new(shared->deliver,
						  &shared->reroute, &envelope);
	return session->reroute;
}

/* The answer, when the server that has the database or the setting gives one;
 * NULL: the recipient is deferred. *taken_r: the other server has it. */
static char *
answer_elsewhere(struct ph_session *session, const struct ph_snapshot *snapshot,
		 const struct ph_recipient *recipient, bool *taken_r)
{
	const struct ph_server *server = ph_topology_server(
	    ph_snapshot_derived(snapshot, PH_DELIVERY_TOPOLOGY),
	    recipient->active);
	char *answer = NULL;

	/* Two servers that do not agree yet must not play with a message. */
	if (session->rerouted || !server)
		return NULL;
	switch (session->shared->actions[PH_RECIPIENT_INACTIVE]) {
	case PH_INACTIVE_REROUTE:
		/* The other side would believe what a stranger wrote. */
		if (session->trusted)
			*taken_r = ph_reroute_rcpt(reroute_of(session), server,
						   recipient, &answer) == 1;
		return answer;
	case PH_INACTIVE_NDR:
		return g_strdup(ph_cause_refusal(PH_RECIPIENT_INACTIVE));
	case PH_INACTIVE_RETRY:
		break;
	}
	return NULL;
}

/* ---- events, continued ------------------------------------------------- */

static void
take_recipient(struct ph_session *session, guint8 remote)
{
	g_byte_array_append(session->remote, &remote, 1);
}

static void
on_rcpt(void *context, const struct ph_lmtp_command *command)
{
	struct ph_session *session = context;
	const struct ph_session_shared *shared = session->shared;
	struct ph_snapshot *snapshot = shared->take(shared->context);
	struct ph_recipient *recipient = NULL;
	struct ph_err err = PH_ERR_INIT;
	enum ph_recipient_verdict verdict;
	g_autofree char *answer = NULL;
	bool taken = false;

	verdict = ph_recipient_find(shared->directory, snapshot,
				    shared->deliver->server, command->address,
				    &recipient, &err);
	if (verdict == PH_RECIPIENT_OK)
		verdict = shared->deliver->active(shared->deliver->context,
						  recipient->database,
						  recipient->epoch, &err);
	else if (verdict == PH_RECIPIENT_INACTIVE && recipient)
		answer = answer_elsewhere(session, snapshot, recipient, &taken);
	else if (shared->actions[verdict] == PH_INACTIVE_NDR &&
		 !session->rerouted)
		answer = g_strdup(ph_cause_refusal(verdict));
	ph_snapshot_unref(&snapshot);
	if (!answer)
		answer =
		    ph_recipient_answer(verdict, command->address, err.text);
	if (verdict == PH_RECIPIENT_OK)
		g_ptr_array_add(session->recipients,
				g_steal_pointer(&recipient));
	if (verdict == PH_RECIPIENT_OK || taken)
		take_recipient(session, taken);
	else
		ph_log(PH_LOG_INFO, ph_lmtp_xforward(session->lmtp, "IDENT"),
		       "from=<%s>, to=<%s>, %s", session->reverse_path,
		       command->address, answer);
	ph_recipient_free(&recipient);
	ph_lmtp_reply(session->lmtp, answer);
}

static const char *
client_name(const struct ph_session *session)
{
	const char *told = ph_lmtp_xclient(session->lmtp, "NAME");

	if (session->server)
		return session->server;
	if (ph_is_hostname(told))
		return told;
	if (ph_is_hostname(ph_lmtp_helo(session->lmtp)))
		return ph_lmtp_helo(session->lmtp);
	return session->peer;
}

static void
set_client(struct ph_session *session)
{
	struct ph_deliver_client *client = &session->client;

	g_free(session->name);
	session->name = g_strdup(client_name(session));
	g_free(session->queue_id);
	session->queue_id = g_strdup(ph_lmtp_xforward(session->lmtp, "IDENT"));
	client->host = session->host;
	client->name = session->name;
	client->address = session->peer;
	client->queue_id = session->queue_id;
	client->session = session->id;
	client->connected = session->connected;
	client->trusted = session->trusted;
}

/* Content is asked for when it is of use to any recipient. */
static void
on_data(void *context)
{
	struct ph_session *session = context;
	g_autofree char *elsewhere = NULL;

	set_client(session);
	g_clear_pointer(&session->no_database, g_free);
	if (session->recipients->len > 0)
		session->taking =
		    ph_deliver_begin(session->shared->deliver, &session->client,
				     session->reverse_path, session->recipients,
				     &session->message, &session->no_database);
	if (session->reroute && session->recipients->len < session->remote->len)
		session->taking |= ph_reroute_begin(
		    session->reroute, &session->client, &elsewhere);
	if (session->taking)
		ph_lmtp_reply(session->lmtp, "354 End with a dot on a line "
					     "by itself");
	else
		ph_lmtp_reply(session->lmtp, session->no_database
						 ? session->no_database
						 : elsewhere);
}

static void
on_content(void *context, const struct ph_lmtp_command *command)
{
	struct ph_session *session = context;

	if (session->message)
		ph_deliver_write(session->message, command->content,
				 command->size);
	if (session->reroute)
		ph_reroute_write(session->reroute, command->content,
				 command->size);
}

static void
on_done(void *context)
{
	struct ph_session *session = context;
	const char *const *here = NULL, *const *there = NULL;

	if (session->remote->len > session->recipients->len)
		there = ph_reroute_finish(session->reroute);
	if (session->message)
		here = ph_deliver_finish(session->message);
	for (guint i = 0; i < session->remote->len; i++) {
		const char *answer = session->no_database;

		if (there && session->remote->data[i])
			answer = *there++;
		else if (here)
			answer = *here++;
		ph_lmtp_reply(session->lmtp, answer);
	}
}

/* The client speaks for another one: who that is decides what is believed. */
static void
on_client(void *context)
{
	struct ph_session *session = context;
	const char *address = ph_lmtp_xclient(session->lmtp, "ADDR");

	if (*address) {
		g_free(session->peer);
		session->peer = g_strdup(address);
	}
	session->trusted = false;
	g_clear_pointer(&session->server, g_free);
	find_trust(session);
}

static void
on_secure(void *context, const struct ph_stream *stream)
{
	struct ph_session *session = context;

	session->secure = stream;
	find_trust(session);
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
    .secure = on_secure,
    .client = on_client,
};

enum ph_lmtp_state
ph_session_step(struct ph_session *session)
{
	return ph_lmtp_step(session->lmtp, &calls, session);
}

void
ph_session_serve(const struct ph_session_shared *shared,
		 struct ph_stream *stream)
{
	const struct ph_tls_options tls = {
	    .cert_file = shared->tls.cert_file,
	    .key_file = shared->tls.key_file,
	    .ca_file = shared->tls.ca_file,
	};
	struct ph_session *session =
	    ph_session_new(shared, ph_stream_peer(stream));
	struct ph_err err = PH_ERR_INIT;
	int r;

	r = ph_lmtp_serve(session->lmtp, &calls, session, stream, &tls, &err);
	if (session->taking)
		ph_log(PH_LOG_WARN, session->queue_id,
		       "lost connection with %s in the middle of a message%s%s",
		       session->peer, *err.text ? ": " : "", err.text);
	else if (r < 0)
		ph_debug("connection with %s: %s", session->peer, err.text);
	ph_session_free(&session);
	ph_stream_hold(stream, false);
}
