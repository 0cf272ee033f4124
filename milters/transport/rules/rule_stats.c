#include "milters/transport/rules/rule_stats.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define INTERVAL_US G_USEC_PER_SEC

struct counts {
	int64_t hits, audited, errors, last_hit;
};

struct ph_rule_stats {
	struct ph_redis *redis;
	GMutex lock;
	GCond wake;
	bool stop;
	GHashTable *counts; /* name -> struct counts, since the last sending */
	GThread *thread;
};

static GHashTable *
new_counts(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void
ph_rule_stats_note(struct ph_rule_stats *stats, const struct ph_rule_hit *hit)
{
	struct counts *counts;

	if (stats == NULL)
		return;
	g_mutex_lock(&stats->lock);
	counts = g_hash_table_lookup(stats->counts, hit->rule->name);
	if (counts == NULL) {
		counts = g_new0(struct counts, 1);
		g_hash_table_insert(stats->counts, g_strdup(hit->rule->name),
				    counts);
	}
	if (hit->answer == PH_ANSWER_ERROR) {
		counts->errors++;
	} else {
		counts->hits += hit->applied;
		counts->audited += !hit->applied;
		counts->last_hit = ph_clock_wall();
	}
	g_mutex_unlock(&stats->lock);
}

/* Commands own their arguments until the pipeline has run. */
struct batch {
	GArray *commands;   /* struct ph_command */
	GPtrArray *strings; /* char ** */
};

static void
add_command(struct batch *batch, const char *verb, const char *key,
	    const char *field, const char *value)
{
	char **args = g_new0(char *, 5);
	struct ph_command command = {.n = 4};

	args[0] = g_strdup(verb);
	args[1] = g_strdup(key);
	args[2] = g_strdup(field);
	args[3] = g_strdup(value);
	command.args = (const char *const *)args;
	g_ptr_array_add(batch->strings, args);
	g_array_append_val(batch->commands, command);
}

static void
add_count(struct batch *batch, const char *key, const char *field, int64_t n)
{
	char text[32];

	if (n == 0)
		return;
	g_snprintf(text, sizeof(text), "%" G_GINT64_FORMAT, n);
	add_command(batch, "HINCRBY", key, field, text);
}

static void
add_rule(struct batch *batch, const char *prefix, const char *name,
	 const struct counts *counts)
{
	g_autofree char *key = g_strconcat(prefix, "stats:rule:", name, NULL);
	char date[PH_DATE_TEXT];

	add_count(batch, key, "Hits", counts->hits);
	add_count(batch, key, "Audited", counts->audited);
	add_count(batch, key, "Errors", counts->errors);
	if (counts->last_hit == 0)
		return;
	ph_format_date(counts->last_hit, date, sizeof(date));
	add_command(batch, "HSET", key, "LastHit", date);
}

static void
free_args(void *args)
{
	g_strfreev(args);
}

static void
send_counts(struct ph_redis *redis, GHashTable *counts)
{
	struct batch batch = {
	    .commands = g_array_new(FALSE, FALSE, sizeof(struct ph_command)),
	    .strings = g_ptr_array_new_with_free_func(free_args),
	};
	g_autofree struct ph_reply **replies = NULL;
	struct ph_err err = PH_ERR_INIT;
	GHashTableIter iter;
	void *name, *value;

	g_hash_table_iter_init(&iter, counts);
	while (g_hash_table_iter_next(&iter, &name, &value))
		add_rule(&batch, ph_redis_prefix(redis), name, value);
	replies = g_new0(struct ph_reply *, batch.commands->len + 1);
	if (ph_redis_pipeline(
		redis, (const struct ph_command *)(void *)batch.commands->data,
		batch.commands->len, false, replies, &err) < 0)
		ph_debug("rule statistics of a second are lost: %s", err.text);
	for (guint i = 0; i < batch.commands->len; i++)
		ph_reply_free(&replies[i]);
	g_array_unref(batch.commands);
	g_ptr_array_unref(batch.strings);
}

static void *
run(void *arg)
{
	struct ph_rule_stats *stats = arg;
	bool stop = false;

	while (!stop) {
		gint64 until = g_get_monotonic_time() + INTERVAL_US;
		GHashTable *counts;

		g_mutex_lock(&stats->lock);
		while (!stats->stop &&
		       g_cond_wait_until(&stats->wake, &stats->lock, until))
			;
		stop = stats->stop;
		counts = stats->counts;
		stats->counts = new_counts();
		g_mutex_unlock(&stats->lock);
		if (g_hash_table_size(counts) > 0)
			send_counts(stats->redis, counts);
		g_hash_table_destroy(counts);
	}
	return NULL;
}

struct ph_rule_stats *
ph_rule_stats_start(struct ph_redis *redis)
{
	struct ph_rule_stats *stats = g_new0(struct ph_rule_stats, 1);

	stats->redis = redis;
	g_mutex_init(&stats->lock);
	g_cond_init(&stats->wake);
	stats->counts = new_counts();
	stats->thread = g_thread_new("rule-stats", run, stats);
	return stats;
}

void
ph_rule_stats_stop(struct ph_rule_stats **statsp)
{
	struct ph_rule_stats *stats = *statsp;

	if (stats == NULL)
		return;
	g_mutex_lock(&stats->lock);
	stats->stop = true;
	g_cond_signal(&stats->wake);
	g_mutex_unlock(&stats->lock);
	g_thread_join(stats->thread);
	g_hash_table_destroy(stats->counts);
	g_cond_clear(&stats->wake);
	g_mutex_clear(&stats->lock);
	g_free(stats);
	*statsp = NULL;
}
