#include "lib/health/sight.h"

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/routing/health.h"

#include <string.h>

/* Two looks further apart than this: what was between them was not seen. */
#define GAP_MS 3000

struct beat {
	int64_t last; /* seen, or looking began */
	bool alive;   /* at the last look */
	/* As it was seen last, NULL: never. It says since when the service
	 * answers, so that a pause shorter than that between two looks is seen,
	 * too. */
	char *text;
};

struct ph_sight {
	GHashTable *databases; /* folded name: struct ph_sight_database */
	GHashTable *beats;     /* name of a server: struct beat */
	GHashTable *back;      /* folded name: name as in the topology */
	int64_t looked;	       /* 0: never */
	bool again;	       /* this look begins anew */
};

static void
free_database(gpointer p)
{
	struct ph_sight_database *database = p;

	ph_lease_clear(&database->lease);
	g_free(database->text);
	g_free(database);
}

static void
free_beat(gpointer p)
{
	struct beat *beat = p;

	g_free(beat->text);
	g_free(beat);
}

struct ph_sight *
ph_sight_new(void)
{
	struct ph_sight *sight = g_new0(struct ph_sight, 1);

	sight->databases = g_hash_table_new_full(g_str_hash, g_str_equal,
						 g_free, free_database);
	sight->beats =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_beat);
	sight->back =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return sight;
}

void
ph_sight_free(struct ph_sight **sight)
{
	struct ph_sight *p = *sight;

	if (!p)
		return;
	*sight = NULL;
	g_hash_table_unref(p->databases);
	g_hash_table_unref(p->beats);
	g_hash_table_unref(p->back);
	g_free(p);
}

/* ---- what is back ------------------------------------------------------- */

static void
note_back(struct ph_sight *sight, const struct ph_database *database)
{
	g_hash_table_replace(sight->back, ph_fold(database->name),
			     g_strdup(database->name));
}

GPtrArray *
ph_sight_take_back(struct ph_sight *sight)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, sight->back);
	while (g_hash_table_iter_next(&iter, NULL, &name))
		g_ptr_array_add(names, g_strdup(name));
	g_hash_table_remove_all(sight->back);
	return names;
}

/* ---- leases ------------------------------------------------------------- */

static struct ph_sight_database *
database_of(struct ph_sight *sight, const struct ph_database *database,
	    int64_t now)
{
	g_autofree char *folded = ph_fold(database->name);
	struct ph_sight_database *known =
	    g_hash_table_lookup(sight->databases, folded);

	if (known)
		return known;
	known = g_new0(struct ph_sight_database, 1);
	known->epoch = database->epoch;
	known->changed = known->epoch_since = now;
	g_hash_table_insert(sight->databases, g_steal_pointer(&folded), known);
	return known;
}

static bool
is_held(const struct ph_lease *lease)
{
	return lease->there && !lease->free;
}

static void
note_lease(struct ph_sight *sight, const struct ph_database *database,
	   const char *text, int64_t now)
{
	struct ph_sight_database *known = database_of(sight, database, now);
	struct ph_lease lease;

	known->seen = true;
	if (known->epoch != database->epoch) {
		known->epoch = database->epoch;
		known->epoch_since = now;
		if (!database->auto_activation)
			note_back(sight, database);
	}
	if (!text && known->renewed != 0 &&
	    now - known->renewed < PH_LEASE_KEY_MS)
		known->changed = now;
	if (g_strcmp0(known->text, text) == 0)
		return;
	known->changed = now;
	ph_lease_parse(text, &lease);
	if (lease.there)
		known->renewed = lease.free ? 0 : now;
	if (is_held(&lease) &&
	    (!is_held(&known->lease) || known->lease.epoch != lease.epoch ||
	     strcmp(known->lease.server, lease.server) != 0))
		note_back(sight, database);
	ph_lease_clear(&known->lease);
	known->lease = lease;
	g_free(known->text);
	known->text = g_strdup(text);
}

static gboolean
is_gone(gpointer name, gpointer value, gpointer data)
{
	const struct ph_sight_database *database = value;

	(void)name;
	(void)data;
	return !database->seen;
}

/* ---- heartbeats --------------------------------------------------------- */

static void
note_returned(struct ph_sight *sight, const struct ph_topology *topology,
	      const struct ph_server *server)
{
	size_t n;
	const struct ph_database *list = ph_topology_databases(topology, &n);

	for (size_t i = 0; i < n; i++)
		if (list[i].active == server && !list[i].auto_activation)
			note_back(sight, &list[i]);
}

static void
note_beat(struct ph_sight *sight, const struct ph_topology *topology,
	  const struct ph_server *server, const char *text, int64_t now)
{
	struct beat *beat = g_hash_table_lookup(sight->beats, server->name);
	const bool known = beat != NULL;

	if (!known) {
		beat = g_new0(struct beat, 1);
		beat->last = now;
		g_hash_table_insert(sight->beats, g_strdup(server->name), beat);
	}
	/* Of one that was there when looking began nobody knows since when. */
	if (text && known && g_strcmp0(text, beat->text) != 0)
		note_returned(sight, topology, server);
	beat->alive = text != NULL;
	if (text || sight->again)
		beat->last = now;
	if (text) {
		g_free(beat->text);
		beat->text = g_strdup(text);
	}
}

/* ---- a look ------------------------------------------------------------- */

static void
begin_anew(struct ph_sight *sight, int64_t now)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, sight->databases);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct ph_sight_database *database = value;

		database->changed = now;
		database->epoch_since = now;
	}
}

void
ph_sight_note(struct ph_sight *sight, const struct ph_topology *topology,
	      const char *const *values, int64_t now)
{
	size_t n_databases, n_servers;
	const struct ph_database *databases =
	    ph_topology_databases(topology, &n_databases);
	const struct ph_server *const *servers =
	    ph_topology_servers(topology, &n_servers);
	GHashTableIter iter;
	gpointer value;

	sight->again = sight->looked == 0 || now - sight->looked > GAP_MS;
	sight->looked = now;
	if (sight->again)
		begin_anew(sight, now);
	g_hash_table_iter_init(&iter, sight->databases);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		((struct ph_sight_database *)value)->seen = false;
	for (size_t i = 0; i < n_databases; i++)
		note_lease(sight, &databases[i], values[i], now);
	g_hash_table_foreach_remove(sight->databases, is_gone, NULL);
	for (size_t i = 0; i < n_servers; i++)
		note_beat(sight, topology, servers[i], values[n_databases + i],
			  now);
}

static GPtrArray *
keys_of(struct ph_redis *redis, const struct ph_topology *topology)
{
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
	size_t n_databases, n_servers;
	const struct ph_database *databases =
	    ph_topology_databases(topology, &n_databases);
	const struct ph_server *const *servers =
	    ph_topology_servers(topology, &n_servers);

	g_ptr_array_add(args, g_strdup("MGET"));
	for (size_t i = 0; i < n_databases; i++)
		g_ptr_array_add(args, ph_lease_key(redis, databases[i].name));
	for (size_t i = 0; i < n_servers; i++)
		g_ptr_array_add(
		    args,
		    g_strconcat(ph_redis_prefix(redis),
				"alive:", servers[i]->name, ":",
				ph_service_name(PH_SERVICE_DELIVERY), NULL));
	return args;
}

int
ph_sight_look(struct ph_sight *sight, struct ph_redis *redis,
	      const struct ph_topology *topology, struct ph_err *err)
{
	g_autoptr(GPtrArray) args = keys_of(redis, topology);
	g_autoptr(GPtrArray) values = g_ptr_array_new();
	const struct ph_command command = {
	    .n = args->len,
	    .args = (const char *const *)(gpointer)args->pdata,
	};
	struct ph_reply *reply = NULL;

	if (args->len == 1)
		return 0;
	if (ph_redis_callv(redis, &command, &reply, err) < 0)
		return -1;
	for (size_t i = 0; i + 1 < args->len; i++) {
		const struct ph_reply *one = ph_reply_at(reply, i);

		g_ptr_array_add(values, ph_reply_type(one) == PH_REPLY_STRING
					    ? (gpointer)ph_reply_text(one, NULL)
					    : NULL);
	}
	if (ph_reply_count(reply) + 1 == args->len)
		ph_sight_note(sight, topology,
			      (const char *const *)values->pdata,
			      ph_clock_mono());
	ph_reply_free(&reply);
	return 0;
}

const struct ph_sight_database *
ph_sight_database(const struct ph_sight *sight, const char *database)
{
	g_autofree char *folded = ph_fold(database);

	return g_hash_table_lookup(sight->databases, folded);
}

int64_t
ph_sight_beat(const struct ph_sight *sight, const char *server, bool *alive_r)
{
	const struct beat *beat = g_hash_table_lookup(sight->beats, server);

	if (alive_r)
		*alive_r = beat && beat->alive;
	return beat ? beat->last : sight->looked;
}
