#include "milters/transport/outcome.h"
#include "milters/transport/rules/recipients.h"
#include "milters/transport/rules/ruleset.h"
#include "milters/transport/transport.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/routing/topology.h"

#include <string.h>
#include <strings.h>

#define AGENT PH_RESOLVE_AGENT

/* Nobody has reason to send more: each costs the MTA a pass over the header to
 * remove, so many would keep it busy for hours. */
#define FORGED_LIMIT 50

const char *
ph_transport_fqdn(const struct ph_transport *transport,
		  const struct ph_mail *mail)
{
	const struct ph_topology *topology =
	    ph_snapshot_derived(mail->snapshot, PH_DERIVED_TOPOLOGY);
	const struct ph_server *own =
	    ph_topology_server(topology, transport->server);

	return own != NULL ? own->fqdn : transport->server;
}

static bool
has_field(const struct ph_mail *mail, const char *name)
{
	return ph_headers_raw(mail->headers, name, 0) != NULL;
}

/* The MTA names the subject of a certificate that it has verified, no other. */
static bool
is_proven(const struct ph_transport *transport, const struct ph_mail *mail,
	  const struct ph_server *peer)
{
	return transport->peer_tls.mode != PH_PEER_VERIFY ||
	       strcasecmp(mail->certificate, peer->fqdn) == 0 ||
	       strcasecmp(mail->certificate, peer->name) == 0;
}

static void
identify(const struct ph_transport *transport, struct ph_mail *mail)
{
	const struct ph_client *client = mail->client;
	const struct ph_topology *topology =
	    ph_snapshot_derived(mail->snapshot, PH_DERIVED_TOPOLOGY);
	const struct ph_server *peer = NULL;

	if (*client->address != '\0')
		peer =
		    ph_peers_find(transport->peers, topology, client->address);
	if (peer == NULL && *client->name != '\0')
		peer = ph_peers_find(transport->peers, topology, client->name);
	if (peer != NULL && !is_proven(transport, mail, peer))
		peer = NULL;
	mail->peer = peer != NULL ? peer->fqdn : NULL;
	/* Who logs in is a user, at whatever server he sits. */
	mail->trusted =
	    (peer != NULL && *mail->login == '\0') || client->private_socket;
	mail->members = client->private_socket &&
			has_field(mail, PH_HEADER_EXPANDED) &&
			has_field(mail, PH_HEADER_RULES_EXECUTED);
}

static bool
is_ours(const char *name)
{
	return strncasecmp(name, PH_HEADER_PREFIX, strlen(PH_HEADER_PREFIX)) ==
	       0;
}

static size_t
count_ours(const struct ph_mail *mail)
{
	size_t n = 0;

	for (size_t i = 0; i < ph_headers_count(mail->headers); i++)
		n += is_ours(ph_headers_at(mail->headers, i)->name);
	return n;
}

/* What says that it comes from a server of ours is not taken from it while its
 * address may be one that nobody can look up. */
static bool
may_be_ours(const struct ph_transport *transport, const struct ph_mail *mail)
{
	return *mail->login == '\0' && !ph_peers_sure(transport->peers) &&
	       count_ours(mail) > 0;
}

/* Header firewall: what a stranger says in our name is removed. */
static int
remove_forged(struct ph_mail *mail)
{
	size_t i = 0;

	if (count_ours(mail) > FORGED_LIMIT)
		return ph_verdict_reject(&mail->verdict, AGENT, "5.7.1",
					 "Too many " PH_HEADER_PREFIX
					 " header fields");
	while (i < ph_headers_count(mail->headers)) {
		const char *name = ph_headers_at(mail->headers, i)->name;
		g_autofree char *copy = g_strdup(name);

		if (is_ours(copy) && !ph_mail_may_say(mail, copy))
			ph_mail_remove_header(mail, copy);
		else
			i++;
	}
	return 0;
}

static enum ph_auth_as
find_auth_as(const struct ph_mail *mail)
{
	const char *said = ph_headers_raw(mail->headers, PH_HEADER_AUTH_AS, 0);
	enum ph_auth_as auth_as = PH_AUTH_ANONYMOUS;

	if (*mail->login != '\0')
		return PH_AUTH_INTERNAL;
	if (!mail->trusted)
		return PH_AUTH_ANONYMOUS;
	if (said != NULL && ph_auth_as_find(said, &auth_as))
		return auth_as;
	return *mail->author != '\0' && strcmp(mail->author, "<>") != 0
		   ? PH_AUTH_INTERNAL
		   : PH_AUTH_ANONYMOUS;
}

/* Sets a header that a trusted client has not set. */
static int
complete(struct ph_mail *mail, const char *name, const char *value,
	 struct ph_err *err)
{
	if (ph_headers_raw(mail->headers, name, 0) != NULL)
		return 0;
	return ph_mail_set_header(mail, name, value, err);
}

static int
set_origin(const struct ph_transport *transport, struct ph_mail *mail,
	   struct ph_err *err)
{
	const char *ip;

	mail->made_here =
	    mail->trusted && *mail->login == '\0' &&
	    ph_headers_raw(mail->headers, PH_HEADER_AUTH_AS, 0) == NULL;
	mail->resolved =
	    ph_headers_raw(mail->headers, PH_HEADER_RESOLVED, 0) != NULL;
	mail->auth_as = find_auth_as(mail);
	ip = ph_headers_raw(mail->headers, PH_HEADER_CLIENT_IP, 0);
	g_free(mail->original_ip);
	mail->original_ip = g_strdup(ip != NULL ? ip : mail->client->address);
	if (complete(mail, PH_HEADER_AUTH_AS, ph_auth_as_name(mail->auth_as),
		     err) < 0 ||
	    complete(mail, PH_HEADER_AUTH_SOURCE,
		     ph_transport_fqdn(transport, mail), err) < 0)
		return -1;
	return *mail->original_ip == '\0' ? 0
					  : complete(mail, PH_HEADER_CLIENT_IP,
						     mail->original_ip, err);
}

/* Given once in the organisation; told to the MTA each time, so that it stands
 * in its log next to the queue id. */
static int
set_nmid(struct ph_mail *mail, struct ph_err *err)
{
	const char *said = ph_headers_raw(mail->headers, PH_HEADER_NMID, 0);

	if (said != NULL && ph_uuid_valid(said)) {
		g_autofree char *lower = g_ascii_strdown(said, -1);

		g_strlcpy(mail->nmid, lower, sizeof(mail->nmid));
	} else {
		ph_nmid_finish(mail->hash, mail->sender, mail->headers,
			       mail->nmid);
	}
	return ph_mail_stamp_header(mail, PH_HEADER_NMID, mail->nmid, err);
}

/* ---- recipients --------------------------------------------------------- */

static int
defer(struct ph_mail *mail, const char *what)
{
	ph_log(PH_LOG_WARN, mail->queue_id, "%s", what);
	return ph_verdict_defer(&mail->verdict, AGENT, "4.4.3",
				"Directory is not available, please try again "
				"later");
}

static bool
is_postmaster(const struct ph_mail *mail)
{
	const struct ph_object *config =
	    ph_snapshot_find(mail->snapshot, "transportconfig", NULL);
	const char *address =
	    config != NULL ? ph_object_text(config, "ExternalPostmasterAddress")
			   : NULL;

	return address != NULL && strcasecmp(address, mail->sender) == 0;
}

char *
ph_transport_login(const struct ph_mail *mail)
{
	if (*mail->login != '\0')
		return g_strdup(mail->login);
	return *mail->author != '\0' && strcmp(mail->author, "<>") != 0
		   ? ph_decode_xtext(mail->author)
		   : NULL;
}

/* Who has authenticated, g_free. A server of ours that says "Internal" without
 * AUTH= has seen to it that the envelope sender is who sends. */
static char *
find_sender(const struct ph_mail *mail, const char *login)
{
	const char *named;

	if (login != NULL)
		return ph_login_address(mail->snapshot, login);
	named = ph_headers_raw(mail->headers, PH_HEADER_ORIGINATOR, 0);
	return g_strdup(named != NULL ? named : mail->sender);
}

/* Notices of servers of ours have no sender. */
static struct ph_restrict_sender
make_sender(const struct ph_mail *mail, const char *login, const char *address)
{
	bool internal = mail->auth_as == PH_AUTH_INTERNAL;

	return (struct ph_restrict_sender){
	    .exempt =
		(mail->trusted && mail->made_here && *mail->sender == '\0') ||
		(internal && is_postmaster(mail)),
	    .authenticated = internal,
	    .address = address,
	    .login = login,
	    .claimed = mail->sender,
	    .size = mail->size,
	};
}

static void
note_step(void *arg, const char *event, const char *from, const char *to)
{
	ph_outcome_resolved(arg, event, from, to);
}

static void
note_group(void *arg, const char *event, const char *group,
	   const GPtrArray *members)
{
	ph_outcome_expanded(arg, event, group, members);
}

/* 0, or 1 with a verdict. */
static int
resolve_one(struct ph_mail *mail, struct ph_recipient *r,
	    struct ph_restrict_sender *sender,
	    const struct ph_expansion_notes *notes)
{
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *what = NULL;
	/* Whoever forwards is not asked again. */
	int answer = mail->resolved
			 ? ph_recipient_resolve(mail, r, &err)
			 : ph_recipient_follow(mail, r, sender, notes, &err);

	if (answer == 0)
		return 0;
	what = g_strdup_printf("recipient <%s>: %s", r->given, err.text);
	/* An address that two entries claim is refused or bounced by whoever
	 * decides about recipients, alone. */
	if (err.kind == PH_ERR_PERM) {
		ph_log(PH_LOG_WARN, mail->queue_id, "%s", what);
		return 0;
	}
	return defer(mail, what);
}

/* Behind the queue nobody knows any more who has logged in. */
static int
name_sender(struct ph_mail *mail, const char *sender, struct ph_err *err)
{
	bool whole = false;

	for (guint i = 0; i < mail->recipients->len && !whole; i++)
		whole = ph_recipient_is_whole(mail, mail->recipients->pdata[i]);
	return !whole || mail->auth_as != PH_AUTH_INTERNAL ||
		       strcasecmp(sender, mail->sender) == 0
		   ? 0
		   : complete(mail, PH_HEADER_ORIGINATOR, sender, err);
}

/*
 * Whether or not a rule looks at single recipients. If the rules have run, it
 * is too late: the members' copies must pass them, which they do when the
 * expansion service hands them in. 0, or 1 with a verdict.
 */
static int
expand(const struct ph_transport *transport, struct ph_mail *mail,
       struct ph_restrict_sender *sender,
       const struct ph_expansion_notes *notes)
{
	struct ph_err err = PH_ERR_INIT;

	if (has_field(mail, PH_HEADER_RULES_EXECUTED))
		return 0;
	if (ph_recipients_expand(mail, transport->server, sender, notes,
				 &err) == 0 &&
	    name_sender(mail, sender->address, &err) == 0)
		return 0;
	return defer(mail, err.text);
}

/* With nobody left the client gets the first refusal. 0, or 1 with a verdict.
 */
static int
check_refused(struct ph_mail *mail)
{
	const char *refusal = NULL;
	g_auto(GStrv) words = NULL;

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (r->removed)
			continue;
		if (r->refusal == NULL)
			return 0;
		if (refusal == NULL)
			refusal = r->refusal;
	}
	if (refusal == NULL)
		return 0;
	words = g_strsplit(refusal, " ", 2);
	return ph_verdict_reject(&mail->verdict, AGENT, words[0], words[1]);
}

static int
resolve_all(const struct ph_transport *transport, struct ph_mail *mail)
{
	const struct ph_expansion_notes notes = {note_step, note_group, mail};
	g_autofree char *login = ph_transport_login(mail);
	g_autofree char *address = find_sender(mail, login);
	struct ph_restrict_sender sender = make_sender(mail, login, address);
	guint n = mail->recipients->len;
	int r = 0;

	for (guint i = 0; r == 0 && i < n; i++)
		r = resolve_one(mail, mail->recipients->pdata[i], &sender,
				&notes);
	if (r == 0) {
		ph_recipients_merge(mail);
		r = expand(transport, mail, &sender, &notes);
	}
	ph_restrict_clear(&sender);
	return r == 0 ? check_refused(mail) : r;
}

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	const struct ph_transport *transport = app;
	int r;

	identify(transport, mail);
	if (!mail->trusted && may_be_ours(transport, mail))
		return defer(mail, "it may come from a server of ours whose "
				   "address cannot be looked up");
	if (!mail->trusted && remove_forged(mail) == 1)
		return 1;
	if (set_origin(transport, mail, err) < 0 || set_nmid(mail, err) < 0)
		return -1;
	if (!transport->resolve)
		return 0;
	r = resolve_all(transport, mail);
	return r != 0
		   ? r
		   : complete(mail, PH_HEADER_RESOLVED, transport->server, err);
}

const struct ph_agent ph_resolve_agent = {
    .name = AGENT,
    .on_message = on_message,
};
