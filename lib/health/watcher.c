#include "lib/health/watcher.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/ticker.h"
#include "lib/routing/topology.h"

#include <glib.h>

/* As long as a heartbeat lives: those that found Redis again have been
 * renewed by then. */
enum { SETTLE_MS = 3000 };

struct ph_health_watch {
	struct ph_state *state;
	size_t topology;
	bool away;	 /* Redis did not answer the last time */
	int64_t settled; /* monotonic: missing keys count from here on */
	GMutex lock;
	struct ph_health *health; /* under lock */
	struct ph_ticker *ticker;
};

/* NULL: Redis does not say. */
static struct ph_reply *
ask(struct ph_redis *redis, const struct ph_server *const *servers, size_t n)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
	struct ph_command command = {0};
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;

	g_ptr_array_add(args, g_strdup("MGET"));
	for (size_t i = 0; i < n * PH_SERVICES; i++)
		g_ptr_array_add(
		    args, g_strconcat(ph_redis_prefix(redis), "alive:",
				      servers[i / PH_SERVICES]->name, ":",
				      ph_service_name(i % PH_SERVICES), NULL));
	command.n = args->len;
	command.args = (const char *const *)(gpointer)args->pdata;
	if (ph_redis_callv(redis, &command, &reply, &err) < 0) {
		ph_debug("heartbeats: %s", err.text);
		return NULL;
	}
	if (ph_reply_count(reply) != n * PH_SERVICES)
		ph_reply_free(&reply);
	return reply;
}

static void
note_all(struct ph_health_watch *watch, const struct ph_server *const *servers,
	 size_t n, const struct ph_reply *reply, int64_t now)
{
	bool settled = now >= watch->settled;

	if (!settled)
		ph_health_no_news(watch->health, now);
	for (size_t i = 0; i < n * PH_SERVICES; i++) {
		bool seen =
		    ph_reply_type(ph_reply_at(reply, i)) == PH_REPLY_STRING;

		if (seen || settled)
			ph_health_note(watch->health,
				       servers[i / PH_SERVICES]->name,
				       i % PH_SERVICES, seen, now);
	}
}

static void
look(void *context)
{
	struct ph_health_watch *watch = context;
	struct ph_snapshot *snapshot = ph_state_take(watch->state);
	const struct ph_server *const *servers = NULL;
	struct ph_reply *reply = NULL;
	size_t n = 0;
	int64_t now;

	if (snapshot)
		servers = ph_topology_servers(
		    ph_snapshot_derived(snapshot, watch->topology), &n);
	if (n > 0)
		reply = ask(ph_state_redis(watch->state), servers, n);
	now = ph_clock_mono();
	if (reply && watch->away)
		watch->settled = now + SETTLE_MS;
	watch->away = !reply;
	g_mutex_lock(&watch->lock);
	if (reply)
		note_all(watch, servers, n, reply, now);
	else
		ph_health_no_news(watch->health, now);
	g_mutex_unlock(&watch->lock);
	ph_reply_free(&reply);
	ph_snapshot_unref(&snapshot);
}

struct ph_health_watch *
ph_health_watch_start(const struct ph_conf *conf, struct ph_state *state,
		      size_t topology)
{
	struct ph_health_watch *watch = g_new0(struct ph_health_watch, 1);

	watch->state = state;
	watch->topology = topology;
	watch->health = ph_health_new();
	g_mutex_init(&watch->lock);
	watch->ticker = ph_ticker_start(
	    "health", ph_conf_int(conf, "health", "interval"), look, watch);
	return watch;
}

void
ph_health_watch_stop(struct ph_health_watch **watch)
{
	struct ph_health_watch *p = *watch;

	if (!p)
		return;
	*watch = NULL;
	ph_ticker_stop(&p->ticker);
	ph_health_free(&p->health);
	g_mutex_clear(&p->lock);
	g_free(p);
}

struct ph_health *
ph_health_watch_take(struct ph_health_watch *watch)
{
	struct ph_health *copy;

	if (!watch)
		return NULL;
	g_mutex_lock(&watch->lock);
	copy = ph_health_copy(watch->health);
	g_mutex_unlock(&watch->lock);
	return copy;
}
