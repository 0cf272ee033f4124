#include "lib/health/lease.h"

#include "lib/base/text.h"

#include <glib.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* Of a note: long enough for whoever becomes active to read it. */
#define NOTE_TEXT "60000"

/*
 * KEYS lease, database. ARGV server, epoch, value, waited, life. Field names
 * are without case, as everywhere; a database that names no Active server is
 * active on the first of its list.
 *
 * The key says who took the lease last, as long as it is there: to find
 * oneself in it is as good as "free".
 */
static const char ask_script[] =
    "local server, epoch, list\n"
    "local all = redis.call('HGETALL', KEYS[2])\n"
    "for i = 1, #all, 2 do\n"
    "  local name = string.lower(all[i])\n"
    "  if name == 'active' then server = all[i + 1] end\n"
    "  if name == 'epoch' then epoch = all[i + 1] end\n"
    "  if name == 'servers' then list = all[i + 1] end\n"
    "end\n"
    "if not server and list then\n"
    "  server = string.match(list, '[^%s%[\",]+')\n"
    "end\n"
    "if not server or string.lower(server) ~= string.lower(ARGV[1]) or\n"
    "   tonumber(epoch or '0') ~= tonumber(ARGV[2]) then\n"
    "  return 1\n"
    "end\n"
    "local now = redis.call('GET', KEYS[1])\n"
    "local open = ARGV[4] == '1'\n"
    "if now then\n"
    "  local ok, lease = pcall(cjson.decode, now)\n"
    "  open = open or (ok and type(lease) == 'table' and\n"
    "                  (lease.free == true or lease.server == ARGV[1]))\n"
    "end\n"
    "if not open then return 2 end\n"
    "redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[5])\n"
    "return 0\n";

/* KEYS lease. ARGV server, value, life. A key that is gone proves nothing, so
 * it is not made anew. */
static const char free_script[] =
    "local ok, lease = pcall(cjson.decode, redis.call('GET', KEYS[1]) or '')\n"
    "if not ok or type(lease) ~= 'table' or lease.server ~= ARGV[1] then\n"
    "  return 1\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
    "return 0\n";

/* ---- the value ---------------------------------------------------------- */

void
ph_lease_parse(const char *text, struct ph_lease *lease_r)
{
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;
	const char *server = json_string_value(json_object_get(json, "server"));

	memset(lease_r, 0, sizeof(*lease_r));
	if (server) {
		lease_r->there = true;
		lease_r->free = json_is_true(json_object_get(json, "free"));
		lease_r->server = g_strdup(server);
		lease_r->epoch =
		    json_integer_value(json_object_get(json, "epoch"));
		lease_r->count =
		    json_integer_value(json_object_get(json, "count"));
	}
	json_decref(json);
}

void
ph_lease_clear(struct ph_lease *lease)
{
	g_clear_pointer(&lease->server, g_free);
	memset(lease, 0, sizeof(*lease));
}

static char *
format(const struct ph_lease_request *request, bool is_free)
{
	json_t *json = json_pack("{s:s, s:I, s:I}", "server", request->server,
				 "epoch", (json_int_t)request->epoch, "count",
				 (json_int_t)request->count);
	char *text, *copy;

	if (is_free)
		json_object_set_new(json, "free", json_true());
	text = json_dumps(json, JSON_COMPACT);
	copy = g_strdup(text);
	free(text);
	json_decref(json);
	return copy;
}

char *
ph_lease_key(struct ph_redis *redis, const char *database)
{
	g_autofree char *folded = ph_fold(database);

	return g_strconcat(ph_redis_prefix(redis), "lease:", folded, NULL);
}

/* ---- asking ------------------------------------------------------------- */

static GPtrArray *
ask_args(struct ph_redis *redis, const struct ph_lease_request *request)
{
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(args, g_strdup(ask_script));
	g_ptr_array_add(args, g_strdup("2"));
	g_ptr_array_add(args, ph_lease_key(redis, request->database));
	g_ptr_array_add(args, g_strconcat(ph_redis_prefix(redis), "database:",
					  request->database, NULL));
	g_ptr_array_add(args, g_strdup(request->server));
	g_ptr_array_add(args, g_strdup_printf("%" PRId64, request->epoch));
	g_ptr_array_add(args, format(request, false));
	g_ptr_array_add(args, g_strdup(request->waited ? "1" : "0"));
	g_ptr_array_add(args, g_strdup_printf("%d", PH_LEASE_KEY_MS));
	return args;
}

static GPtrArray *
free_args(struct ph_redis *redis, const struct ph_lease_request *request)
{
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(args, g_strdup(free_script));
	g_ptr_array_add(args, g_strdup("1"));
	g_ptr_array_add(args, ph_lease_key(redis, request->database));
	g_ptr_array_add(args, g_strdup(request->server));
	g_ptr_array_add(args, format(request, true));
	g_ptr_array_add(args, g_strdup(NOTE_TEXT));
	return args;
}

static enum ph_lease_answer
answer_of(int64_t answer)
{
	switch (answer) {
	case 0:
		return PH_LEASE_GIVEN;
	case 1:
		return PH_LEASE_STALE;
	case 2:
		return PH_LEASE_TAKEN;
	default:
		return PH_LEASE_UNKNOWN;
	}
}

int
ph_lease_run(struct ph_replicas *replicas, struct ph_redis *redis,
	     struct ph_lease_job *jobs, size_t n, struct ph_err *err)
{
	g_autoptr(GPtrArray) args =
	    g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	g_autofree int64_t *answers = g_new(int64_t, n);
	int r;

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(args, jobs[i].release
					  ? free_args(redis, &jobs[i].request)
					  : ask_args(redis, &jobs[i].request));
	r = ph_replicas_eval_all(replicas, (GPtrArray **)args->pdata, n,
				 answers, err);
	for (size_t i = 0; i < n; i++)
		jobs[i].answer =
		    r == 0 ? answer_of(answers[i]) : PH_LEASE_UNKNOWN;
	return r;
}
