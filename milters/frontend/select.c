#include "milters/frontend/frontend.h"

#include "lib/base/log.h"
#include "lib/directory/resolve.h"
#include "lib/routing/route.h"

#include <string.h>

static const struct ph_topology *
topology_of(const struct ph_mail *mail)
{
	return ph_snapshot_derived(mail->snapshot, PH_FRONTEND_TOPOLOGY);
}

const char *
ph_frontend_fqdn(const struct ph_frontend *frontend, const struct ph_mail *mail)
{
	const struct ph_server *own =
	    ph_topology_server(topology_of(mail), frontend->server);

	return own != NULL ? own->fqdn : frontend->server;
}

/* The mailbox database of a recipient, g_free; NULL: none that is known. */
static char *
find_database(const struct ph_mail *mail, const char *address)
{
	struct ph_resolution resolution;
	struct ph_err err = PH_ERR_INIT;
	char *database = NULL;

	if (ph_resolve(mail->directory, mail->snapshot, address, &resolution,
		       &err) < 0) {
		ph_log(PH_LOG_WARN, mail->queue_id,
		       "recipient <%s>: %s; a server of the local site decides",
		       address, err.text);
		return NULL;
	}
	if (resolution.entry != NULL && ph_entry_is_mailbox(resolution.entry))
		database =
		    g_strdup(ph_object_text(resolution.entry, "Database"));
	ph_resolution_clear(&resolution);
	return database;
}

const struct ph_server **
ph_frontend_select(const struct ph_frontend *frontend,
		   const struct ph_mail *mail, guint32 seed)
{
	g_autoptr(GPtrArray) databases = g_ptr_array_new_with_free_func(g_free);
	guint n = MIN(mail->recipients->len, PH_SELECT_RECIPIENTS);
	GRand *random = g_rand_new_with_seed(seed);
	struct ph_health *health = ph_health_watch_take(frontend->health);
	const struct ph_server **servers;

	for (guint i = 0; i < n; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];
		char *database = find_database(mail, r->address);

		if (database != NULL)
			g_ptr_array_add(databases, database);
	}
	servers = ph_select_transport(topology_of(mail), frontend->server,
				      PH_SELECT_FRONTEND,
				      (const char *const *)databases->pdata,
				      databases->len, health, random);
	ph_health_free(&health);
	g_rand_free(random);
	return servers;
}

/* A private socket is no reason: here it would be a client whose address the
 * MTA does not know. */
const struct ph_server *
ph_frontend_peer(const struct ph_frontend *frontend, const struct ph_mail *mail)
{
	const struct ph_topology *topology = topology_of(mail);
	const struct ph_client *client = mail->client;
	const struct ph_server *peer = NULL;

	if (*client->address != '\0')
		peer =
		    ph_peers_find(frontend->peers, topology, client->address);
	if (peer == NULL && *client->name != '\0')
		peer = ph_peers_find(frontend->peers, topology, client->name);
	return peer;
}

/* Who logs in is a user, at whatever server he sits. */
bool
ph_frontend_trusts(const struct ph_frontend *frontend,
		   const struct ph_mail *mail)
{
	return *mail->login == '\0' && ph_frontend_peer(frontend, mail) != NULL;
}

bool
ph_frontend_is_outbound(const struct ph_mail *mail)
{
	return strcmp(mail->client->daemon, PH_OUTBOUND_LISTENER) == 0;
}
