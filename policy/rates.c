#include "policy/rates.h"

#include "lib/base/clock.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>

#define MINUTE_MS INT64_C(60000)
/* Redis is left alone for so long after it did not answer. */
#define PAUSE_MS INT64_C(5000)
/* Seconds; longer than a minute, so that clocks may differ. */
#define EXPIRY "180"
/* Names counted here at most; further ones begin anew. */
#define NAMES_MAX 100000

struct ph_rates {
	struct ph_redis *redis;
	GMutex lock;
	/* Under the lock. */
	GHashTable *counts; /* name -> count, of this minute */
	int64_t minute;
	int64_t away_until; /* monotonic ms */
};

struct ph_rates *
ph_rates_new(struct ph_redis *redis)
{
	struct ph_rates *rates = g_new0(struct ph_rates, 1);

	rates->redis = redis;
	g_mutex_init(&rates->lock);
	rates->counts =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return rates;
}

void
ph_rates_free(struct ph_rates **rates)
{
	if (*rates == NULL)
		return;
	g_hash_table_unref((*rates)->counts);
	g_mutex_clear(&(*rates)->lock);
	g_free(*rates);
	*rates = NULL;
}

/* Under the lock. */
static int
count_here(struct ph_rates *rates, const char *name, int64_t minute)
{
	int n;

	if (rates->minute != minute ||
	    g_hash_table_size(rates->counts) >= NAMES_MAX)
		g_hash_table_remove_all(rates->counts);
	rates->minute = minute;
	n = GPOINTER_TO_INT(g_hash_table_lookup(rates->counts, name)) + 1;
	g_hash_table_replace(rates->counts, g_strdup(name), GINT_TO_POINTER(n));
	return n;
}

/* -1: Redis does not say. */
static int64_t
count_everywhere(struct ph_rates *rates, const char *name, int64_t minute)
{
	g_autofree char *key =
	    g_strdup_printf("%srate:%" PRId64 ":%s",
			    ph_redis_prefix(rates->redis), minute, name);
	const char *incr[] = {"INCR", key};
	const char *expire[] = {"EXPIRE", key, EXPIRY};
	const struct ph_command commands[] = {{2, incr, NULL},
					      {3, expire, NULL}};
	struct ph_reply *replies[2] = {NULL, NULL};
	int64_t n;

	if (ph_redis_pipeline(rates->redis, commands, 2, false, replies, NULL) <
	    0)
		return -1;
	n = ph_reply_type(replies[0]) == PH_REPLY_INTEGER
		? ph_reply_integer(replies[0])
		: -1;
	ph_reply_free(&replies[0]);
	ph_reply_free(&replies[1]);
	return n;
}

int64_t
ph_rates_count(struct ph_rates *rates, const char *name, int64_t now)
{
	const int64_t minute = now / MINUTE_MS;
	int64_t here, everywhere;
	bool ask;

	g_mutex_lock(&rates->lock);
	here = count_here(rates, name, minute);
	ask = rates->redis != NULL && ph_clock_mono() >= rates->away_until;
	g_mutex_unlock(&rates->lock);
	if (!ask)
		return here;
	everywhere = count_everywhere(rates, name, minute);
	if (everywhere >= 0)
		return everywhere;
	g_mutex_lock(&rates->lock);
	rates->away_until = ph_clock_mono() + PAUSE_MS;
	g_mutex_unlock(&rates->lock);
	return here;
}
