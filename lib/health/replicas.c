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
	GMutex mutex;
	char *master; /* master_replid of one that has, or had, a replica */
};

/* Behind the scripts. */
enum { INFO, WAIT, COMMANDS };

struct ph_replicas *
ph_replicas_new(struct ph_redis *redis, const struct ph_conf *conf)
{
	struct ph_replicas *replicas = g_new0(struct ph_replicas, 1);

	replicas->redis = redis;
	g_mutex_init(&replicas->mutex);
	replicas->least = ph_conf_int(conf, "redis", "replicas");
	replicas->wait =
	    MIN(WAIT_MS, ph_conf_int(conf, "redis", "timeout") / 2);
	return replicas;
}

void
ph_replicas_free(struct ph_replicas **replicas)
{
	if (!*replicas)
		return;
	g_mutex_clear(&(*replicas)->mutex);
	g_free((*replicas)->master);
	g_clear_pointer(replicas, g_free);
}

/* Remembers a master that has replicas; forgets it when there is another one,
 * which took its place. */
static void
note_master(struct ph_replicas *replicas, const struct ph_reply *info)
{
	g_autofree char *master = ph_reply_info(info, "master_replid");
	g_autofree char *connected = ph_reply_info(info, "connected_slaves");

	g_mutex_lock(&replicas->mutex);
	if (g_strcmp0(master, replicas->master) != 0)
		g_clear_pointer(&replicas->master, g_free);
	if (*master && g_ascii_strtoll(connected, NULL, 10) > 0 &&
	    !replicas->master)
		replicas->master = g_strdup(master);
	g_mutex_unlock(&replicas->mutex);
}

static int64_t
needed(struct ph_replicas *replicas)
{
	int64_t n;

	g_mutex_lock(&replicas->mutex);
	n = MAX(replicas->least, replicas->master ? 1 : 0);
	g_mutex_unlock(&replicas->mutex);
	return n;
}

/* replies: of the scripts, then of INFO and WAIT. */
static int
judge(struct ph_replicas *replicas, struct ph_reply *const *replies, size_t n,
      int64_t *answers_r, struct ph_err *err)
{
	const struct ph_reply *wait = replies[n + WAIT];
	int64_t have;

	note_master(replicas, replies[n + INFO]);
	have = ph_reply_type(wait) == PH_REPLY_INTEGER ? ph_reply_integer(wait)
						       : 0;
	if (have < needed(replicas))
		return ph_err_set(err, PH_ERR_MAYBE,
				  "Redis: %" PRId64
				  " replicas have the change, %" PRId64
				  " are wanted",
				  have, needed(replicas));
	for (size_t i = 0; i < n; i++) {
		bool good = ph_reply_type(replies[i]) == PH_REPLY_INTEGER;

		answers_r[i] = good ? ph_reply_integer(replies[i]) : -1;
		if (!good)
			ph_err_set(err, PH_ERR_TEMP, "Redis: %s",
				   ph_reply_text(replies[i], NULL));
	}
	return 0;
}

/* Borrows the texts; g_free. */
static const char **
eval_command(const GPtrArray *args, struct ph_command *command_r)
{
	const char **words = g_new0(const char *, args->len + 1);

	words[0] = "EVAL";
	for (guint i = 0; i < args->len; i++)
		words[i + 1] = args->pdata[i];
	*command_r = (struct ph_command){.n = args->len + 1, .args = words};
	return words;
}

int
ph_replicas_eval_all(struct ph_replicas *replicas, GPtrArray *const *args,
		     size_t n, int64_t *answers_r, struct ph_err *err)
{
	g_autofree char *least = g_strdup_printf("%" PRId64, needed(replicas));
	g_autofree char *limit = g_strdup_printf("%" PRId64, replicas->wait);
	const char *const info[] = {"INFO", "replication"};
	const char *const wait[] = {"WAIT", least, limit};
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	g_autofree struct ph_command *commands =
	    g_new0(struct ph_command, n + COMMANDS);
	g_autofree struct ph_reply **replies =
	    g_new0(struct ph_reply *, n + COMMANDS);
	int r;

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(words, eval_command(args[i], &commands[i]));
	commands[n + INFO] = (struct ph_command){.n = 2, .args = info};
	commands[n + WAIT] = (struct ph_command){.n = 3, .args = wait};
	/* WAIT is about what its own connection wrote. */
	if (ph_redis_pipeline(replicas->redis, commands, n + COMMANDS, false,
			      replies, err) < 0)
		return -1;
	r = judge(replicas, replies, n, answers_r, err);
	for (size_t i = 0; i < n + COMMANDS; i++)
		ph_reply_free(&replies[i]);
	return r;
}

int
ph_replicas_eval(struct ph_replicas *replicas, GPtrArray *args,
		 int64_t *answer_r, struct ph_err *err)
{
	if (ph_replicas_eval_all(replicas, &args, 1, answer_r, err) < 0)
		return -1;
	return *answer_r < 0 ? -1 : 0;
}

int
ph_replicas_wait(struct ph_replicas *replicas, struct ph_err *err)
{
	struct ph_err first = PH_ERR_INIT;

	/* The first may do no more than learn that there are any. */
	if (ph_replicas_eval_all(replicas, NULL, 0, NULL, &first) == 0)
		return 0;
	if (first.kind == PH_ERR_MAYBE)
		return ph_replicas_eval_all(replicas, NULL, 0, NULL, err);
	if (err)
		*err = first;
	return -1;
}
