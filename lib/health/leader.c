#include "lib/health/leader.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/base/ticker.h"
#include "lib/base/uuid.h"
#include "lib/health/activation.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

enum {
	LOOK_MS = 1000,
	/* After a move that this server alone did not see coming, the store
	 * driver of before needs a moment to let go of the database. */
	BACK_MS = 2000,
};
/* The lock's, for Redis; what is believed in is PH_LEASE_MS. */
#define LIFE_TEXT "5000"
/* Of the note that the lease is free. */
#define NOTE_TEXT "60000"

struct ph_leader {
	struct ph_leader_options options;
	const char *server; /* as in posthub.conf */
	char *value;	    /* of the lock, ours alone */
	char *lock, *prefix;
	int64_t until; /* monotonic: we have the lock */
	bool leads;    /* as the log says */
	struct ph_sight *sight;
	GHashTable *failed; /* "database\nEpoch": set of servers */
	GHashTable *due;    /* database: int64_t, monotonic */
	struct ph_ticker *ticker;
};

/* KEYS lock. ARGV value, life. */
static const char lock_script[] =
    "local now = redis.call('GET', KEYS[1])\n"
    "if now and now ~= ARGV[1] then return 1 end\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "return 0\n";

/* KEYS lock. ARGV value. */
static const char unlock_script[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 1 end\n"
    "redis.call('DEL', KEYS[1])\n"
    "return 0\n";

/*
 * KEYS lock, database, lease. ARGV value of the lock, Epoch as it was seen,
 * server, lease as it was seen, life of the note. Fields keep their spelling.
 */
static const char activate_script[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 1 end\n"
    "local active, epoch, value = 'Active', 'Epoch', '0'\n"
    "local all = redis.call('HGETALL', KEYS[2])\n"
    "for i = 1, #all, 2 do\n"
    "  local name = string.lower(all[i])\n"
    "  if name == 'active' then active = all[i] end\n"
    "  if name == 'epoch' then epoch = all[i]; value = all[i + 1] end\n"
    "end\n"
    "if #all == 0 or tonumber(value) ~= tonumber(ARGV[2]) then return 2 end\n"
    "local lease = redis.call('GET', KEYS[3])\n"
    "if (lease or '') ~= ARGV[4] then return 3 end\n"
    "redis.call('HSET', KEYS[2], active, ARGV[3], epoch,\n"
    "           string.format('%.0f', tonumber(ARGV[2]) + 1))\n"
    "local ok, free = pcall(cjson.decode, lease or '')\n"
    "if ok and type(free) == 'table' then\n"
    "  free.free = true\n"
    "  redis.call('SET', KEYS[3], cjson.encode(free), 'PX', ARGV[5])\n"
    "end\n"
    "return 0\n";

/* ---- the lock ----------------------------------------------------------- */

static void
note_leads(struct ph_leader *leader, bool leads)
{
	if (leads != leader->leads)
		ph_info(leads ? "this server leads automatic activation"
			      : "this server does not lead automatic "
				"activation any more");
	leader->leads = leads;
}

/* True: ours, and nobody else can have it before the tick is done. */
static bool
take_lock(struct ph_leader *leader)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new();
	const int64_t asked = ph_clock_mono();
	int64_t answer;

	g_ptr_array_add(args, (gpointer)lock_script);
	g_ptr_array_add(args, (gpointer) "1");
	g_ptr_array_add(args, leader->lock);
	g_ptr_array_add(args, leader->value);
	g_ptr_array_add(args, (gpointer)LIFE_TEXT);
	if (ph_replicas_eval(leader->options.replicas, args, &answer, NULL) ==
	    0)
		leader->until = answer == 0 ? asked + PH_LEASE_MS : 0;
	note_leads(leader, ph_clock_mono() < leader->until);
	return leader->leads;
}

static void
give_lock(struct ph_leader *leader)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new();
	int64_t answer;

	if (ph_clock_mono() >= leader->until)
		return;
	leader->until = 0;
	g_ptr_array_add(args, (gpointer)unlock_script);
	g_ptr_array_add(args, (gpointer) "1");
	g_ptr_array_add(args, leader->lock);
	g_ptr_array_add(args, leader->value);
	ph_replicas_eval(leader->options.replicas, args, &answer, NULL);
}

/* ---- activating --------------------------------------------------------- */

/* Whose copies were tried in vain since the database was last held. */
static GHashTable *
failed_of(struct ph_leader *leader, const struct ph_database *database)
{
	const struct ph_sight_database *seen =
	    ph_sight_database(leader->sight, database->name);
	GHashTable *set = g_hash_table_lookup(leader->failed, database->name);

	if (!set) {
		set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					    NULL);
		g_hash_table_insert(leader->failed, g_strdup(database->name),
				    set);
	}
	if (seen && seen->lease.there && !seen->lease.free &&
	    seen->lease.epoch == database->epoch)
		g_hash_table_remove_all(set);
	return set;
}

static int
write_activation(struct ph_leader *leader, const struct ph_database *database,
		 const struct ph_server *server, int64_t *answer_r,
		 struct ph_err *err)
{
	const struct ph_sight_database *seen =
	    ph_sight_database(leader->sight, database->name);
	g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(args, g_strdup(activate_script));
	g_ptr_array_add(args, g_strdup("3"));
	g_ptr_array_add(args, g_strdup(leader->lock));
	g_ptr_array_add(args, g_strconcat(leader->prefix,
					  "database:", database->name, NULL));
	g_ptr_array_add(args,
			ph_lease_key(ph_state_redis(leader->options.state),
				     database->name));
	g_ptr_array_add(args, g_strdup(leader->value));
	g_ptr_array_add(args, g_strdup_printf("%" PRId64, database->epoch));
	g_ptr_array_add(args, g_strdup(server->name));
	g_ptr_array_add(args, g_strdup(seen->text ? seen->text : ""));
	g_ptr_array_add(args, g_strdup(NOTE_TEXT));
	return ph_replicas_eval(leader->options.replicas, args, answer_r, err);
}

static void
activate(struct ph_leader *leader, const struct ph_database *database,
	 const struct ph_server *server, const char *why)
{
	const char *from = database->active ? database->active->name : "none";
	struct ph_err err = PH_ERR_INIT;
	int64_t answer;

	if (ph_clock_mono() >= leader->until)
		return;
	if (write_activation(leader, database, server, &answer, &err) < 0) {
		ph_warn("database %s: cannot activate the copy on %s: %s",
			database->name, server->name, err.text);
		return;
	}
	if (answer != 0) {
		ph_info("database %s: it is not as it was seen, nothing is "
			"activated",
			database->name);
		return;
	}
	if (database->active)
		g_hash_table_add(failed_of(leader, database),
				 g_strdup(database->active->name));
	ph_warn("database %s: the copy on %s becomes the active one, was %s, "
		"Epoch %" PRId64 ": %s",
		database->name, server->name, from, database->epoch + 1, why);
}

static void
lead(struct ph_leader *leader, const struct ph_topology *topology)
{
	size_t n;
	const struct ph_database *list = ph_topology_databases(topology, &n);

	for (size_t i = 0; i < n; i++) {
		const struct ph_activation_facts facts = {
		    .database = &list[i],
		    .sight = leader->sight,
		    .now = ph_clock_mono(),
		    .hook_limit = ph_conf_int(leader->options.conf, "delivery",
					      "activation_timeout"),
		    .failed = list[i].auto_activation
				  ? failed_of(leader, &list[i])
				  : NULL,
		};
		const char *why;
		const struct ph_server *server =
		    ph_activation_target(&facts, &why);

		if (server)
			activate(leader, &list[i], server, why);
	}
}

/* ---- what is back ------------------------------------------------------- */

static void
tell_back(struct ph_leader *leader)
{
	g_autoptr(GPtrArray) names = ph_sight_take_back(leader->sight);
	GHashTableIter iter;
	gpointer name, due;

	for (guint i = 0; i < names->len; i++) {
		int64_t *at;

		/* What happens again and again must not put it off. */
		if (g_hash_table_contains(leader->due, names->pdata[i]))
			continue;
		at = g_new(int64_t, 1);
		*at = ph_clock_mono() + BACK_MS;
		g_hash_table_replace(leader->due, g_strdup(names->pdata[i]),
				     at);
	}
	g_hash_table_iter_init(&iter, leader->due);
	while (g_hash_table_iter_next(&iter, &name, &due)) {
		if (ph_clock_mono() < *(int64_t *)due)
			continue;
		if (leader->options.back)
			leader->options.back(leader->options.context, name);
		g_hash_table_iter_remove(&iter);
	}
}

/* ---- the thread --------------------------------------------------------- */

static bool
may_lead(const struct ph_leader *leader, const struct ph_topology *topology)
{
	const struct ph_server *own =
	    ph_topology_server(topology, leader->server);
	size_t n;
	const struct ph_database *list = ph_topology_databases(topology, &n);

	if (!own || own->state == PH_SERVER_INACTIVE)
		return false;
	for (size_t i = 0; i < n; i++)
		if (list[i].auto_activation)
			return true;
	return false;
}

static void
look(struct ph_leader *leader, const struct ph_topology *topology)
{
	struct ph_redis *redis = ph_state_redis(leader->options.state);

	if (ph_sight_look(leader->sight, redis, topology, NULL) < 0) {
		note_leads(leader, ph_clock_mono() < leader->until);
		return;
	}
	if (!may_lead(leader, topology)) {
		give_lock(leader);
		note_leads(leader, false);
	} else if (take_lock(leader)) {
		lead(leader, topology);
	}
}

static void
tick(void *context)
{
	struct ph_leader *leader = context;
	struct ph_snapshot *snapshot = ph_state_take(leader->options.state);

	if (!snapshot)
		return;
	look(leader, ph_snapshot_derived(snapshot, leader->options.topology));
	ph_snapshot_unref(&snapshot);
	tell_back(leader);
}

/* Nobody else's, so that a lock of before a restart is another's. */
static char *
make_value(const char *server)
{
	char token[PH_UUID_TEXT];

	ph_uuid_random(token);
	return g_strdup_printf("{\"server\":\"%s\",\"token\":\"%s\"}", server,
			       token);
}

struct ph_leader *
ph_leader_start(const struct ph_leader_options *options)
{
	struct ph_leader *leader = g_new0(struct ph_leader, 1);

	leader->options = *options;
	leader->server = ph_conf_text(options->conf, "server", "name");
	leader->value = make_value(leader->server);
	leader->prefix =
	    g_strdup(ph_redis_prefix(ph_state_redis(options->state)));
	leader->lock = g_strconcat(leader->prefix, "lock:leader", NULL);
	leader->sight = ph_sight_new();
	leader->failed =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
				  (GDestroyNotify)g_hash_table_unref);
	leader->due =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	leader->ticker = ph_ticker_start("leader", LOOK_MS, tick, leader);
	return leader;
}

void
ph_leader_stop(struct ph_leader **leader)
{
	struct ph_leader *p = *leader;

	if (!p)
		return;
	*leader = NULL;
	ph_ticker_stop(&p->ticker);
	give_lock(p);
	ph_sight_free(&p->sight);
	g_hash_table_unref(p->failed);
	g_hash_table_unref(p->due);
	g_free(p->value);
	g_free(p->prefix);
	g_free(p->lock);
	g_free(p);
}
