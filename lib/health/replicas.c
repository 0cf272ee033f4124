#include "lib/health/replicas.h"

#include <inttypes.h>
#include <stdint.h>

/* Below the wait between two renewals of a lease; and half of what a call may
 * take, if that is less. */
enum { WAIT_MS = 500 };

struct ph_replicas {
	struct ph_redis *redis;
	int64_t least; /* by setting */
	int64_t wait;  /* ms */
	gint seen;     /* atomic: the master has, or had, a replica */
};

enum { EVAL, ROLE, WAIT, COMMANDS };

struct ph_replicas *
ph_replicas_new(struct ph_redis *redis, const struct ph_conf *conf)
{
	struct ph_replicas *replicas = g_new0(struct ph_replicas, 1);

	replicas->redis = redis;
	replicas->least = ph_conf_int(conf, "redis", "replicas");
	replicas->wait =
	    MIN(WAIT_MS, ph_conf_int(conf, "redis", "timeout") / 2);
	return replicas;
}

void
ph_replicas_free(struct ph_replicas **replicas)
{
	g_clear_pointer(replicas, g_free);
}

/* "master", an offset, and a list of those who are connected. */
static void
note_role(struct ph_replicas *replicas, const struct ph_reply *role)
{
	if (ph_reply_type(role) == PH_REPLY_ARRAY && ph_reply_count(role) > 2 &&
	    ph_reply_count(ph_reply_at(role, 2)) > 0)
		g_atomic_int_set(&replicas->seen, 1);
}

static int64_t
needed(struct ph_replicas *replicas)
{
	return MAX(replicas->least, g_atomic_int_get(&replicas->seen));
}

static int
judge(struct ph_replicas *replicas, struct ph_reply *const *replies,
      int64_t *answer_r, struct ph_err *err)
{
	const struct ph_reply *eval = replies[EVAL], *wait = replies[WAIT];
	int64_t have;

	if (ph_reply_type(eval) != PH_REPLY_INTEGER)
		return ph_err_set(err, PH_ERR_TEMP, "Redis: %s",
				  ph_reply_text(eval, NULL));
	note_role(replicas, replies[ROLE]);
	have = ph_reply_type(wait) == PH_REPLY_INTEGER ? ph_reply_integer(wait)
						       : 0;
	if (have < needed(replicas))
		return ph_err_set(err, PH_ERR_MAYBE,
				  "Redis: %" PRId64
				  " replicas have the change, %" PRId64
				  " are wanted",
				  have, needed(replicas));
	*answer_r = ph_reply_integer(eval);
	return 0;
}

int
ph_replicas_eval(struct ph_replicas *replicas, const GPtrArray *args,
		 int64_t *answer_r, struct ph_err *err)
{
	g_autofree char *n = g_strdup_printf("%" PRId64, needed(replicas));
	g_autofree char *limit = g_strdup_printf("%" PRId64, replicas->wait);
	g_autoptr(GPtrArray) eval = g_ptr_array_new();
	const char *const role[] = {"ROLE"};
	const char *const wait[] = {"WAIT", n, limit};
	struct ph_command commands[COMMANDS] = {
	    [ROLE] = {.n = 1, .args = role},
	    [WAIT] = {.n = 3, .args = wait},
	};
	struct ph_reply *replies[COMMANDS] = {NULL};
	int r;

	g_ptr_array_add(eval, (gpointer) "EVAL");
	for (guint i = 0; i < args->len; i++)
		g_ptr_array_add(eval, args->pdata[i]);
	commands[EVAL].n = eval->len;
	commands[EVAL].args = (const char *const *)eval->pdata;
	/* WAIT is about what its own connection wrote. */
	if (ph_redis_pipeline(replicas->redis, commands, COMMANDS, false,
			      replies, err) < 0)
		return -1;
	r = judge(replicas, replies, answer_r, err);
	for (size_t i = 0; i < COMMANDS; i++)
		ph_reply_free(&replies[i]);
	return r;
}
