#include "lib/health/activation.h"

#include <glib.h>

/* NULL: the active copy stays. */
static const char *
reason(const struct ph_activation_facts *facts,
       const struct ph_sight_database *seen)
{
	const struct ph_server *active = facts->database->active;
	const int64_t quiet =
	    facts->now - MAX(seen->changed, seen->epoch_since);

	if (quiet < PH_LEASE_WAIT_MS)
		return NULL;
	if (!active)
		return "it has no active server";
	if (active->state == PH_SERVER_INACTIVE)
		return "its server is Inactive";
	if (facts->now - ph_sight_beat(facts->sight, active->name, NULL) >=
	    PH_LEASE_MS)
		return "lease and heartbeat have run out";
	if (quiet >= facts->hook_limit + 2 * (int64_t)PH_LEASE_WAIT_MS)
		return "its server has not taken the lease";
	return NULL;
}

static bool
is_candidate(const struct ph_activation_facts *facts,
	     const struct ph_server *server, bool again)
{
	bool alive;

	ph_sight_beat(facts->sight, server->name, &alive);
	return server != facts->database->active && alive &&
	       server->state == PH_SERVER_ACTIVE &&
	       (again || !facts->failed ||
		!g_hash_table_contains(facts->failed, server->name));
}

const struct ph_server *
ph_activation_target(const struct ph_activation_facts *facts,
		     const char **why_r)
{
	const struct ph_database *database = facts->database;
	const struct ph_sight_database *seen =
	    ph_sight_database(facts->sight, database->name);

	*why_r = NULL;
	if (!database->auto_activation || !seen)
		return NULL;
	*why_r = reason(facts, seen);
	if (!*why_r)
		return NULL;
	for (int again = 0; again <= 1; again++)
		for (size_t i = 0; database->servers[i]; i++)
			if (is_candidate(facts, database->servers[i],
					 again == 1))
				return database->servers[i];
	return NULL;
}
