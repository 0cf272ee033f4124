#include "store/submission/sizes.h"

#include "lib/base/clock.h"
#include "store/mailbox/quota.h"

#include <glib.h>
#include <stdbool.h>

/* What others put there without a word is seen after this. */
#define REMEMBER_MS ((int64_t)5 * 60 * 1000)

struct size {
	int64_t bytes; /* counted, and sent since */
	int64_t until; /* monotonic ms */
	bool counting; /* somebody does */
};

struct ph_sizes {
	GMutex mutex;
	GCond counted;
	GHashTable *known; /* "database/domain/local": struct size */
	int64_t next_tidy;
};

struct ph_sizes *
ph_sizes_new(void)
{
	struct ph_sizes *sizes = g_new0(struct ph_sizes, 1);

	g_mutex_init(&sizes->mutex);
	g_cond_init(&sizes->counted);
	sizes->known =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return sizes;
}

void
ph_sizes_free(struct ph_sizes **sizes)
{
	struct ph_sizes *s = *sizes;

	if (s == NULL)
		return;
	g_hash_table_unref(s->known);
	g_cond_clear(&s->counted);
	g_mutex_clear(&s->mutex);
	g_free(s);
	*sizes = NULL;
}

/* ---- with the mutex held ----------------------------------------------- */

static gboolean
is_old(gpointer key, gpointer value, gpointer data)
{
	const struct size *size = value;

	(void)key;
	return !size->counting && size->until <= *(int64_t *)data;
}

static struct size *
get(struct ph_sizes *sizes, const char *key, int64_t now)
{
	struct size *size;

	if (now >= sizes->next_tidy) {
		g_hash_table_foreach_remove(sizes->known, is_old, &now);
		sizes->next_tidy = now + REMEMBER_MS;
	}
	size = g_hash_table_lookup(sizes->known, key);
	if (size == NULL) {
		size = g_new0(struct size, 1);
		g_hash_table_insert(sizes->known, g_strdup(key), size);
	}
	return size;
}

/* True: with this message as well it is not above. */
static bool
add(struct size *size, int64_t limit, uint64_t message, int64_t now)
{
	if (now >= size->until || size->bytes > limit ||
	    message > (uint64_t)(limit - size->bytes))
		return false;
	size->bytes += (int64_t)message;
	return true;
}

/* ---- counting ---------------------------------------------------------- */

static int
count(struct ph_sizes *sizes, struct size *size, int dir, int64_t limit,
      uint64_t message, struct ph_err *err)
{
	struct ph_quota used = {0, 0};
	int r;

	size->counting = true;
	g_mutex_unlock(&sizes->mutex);
	r = ph_quota_above(dir, limit, NULL, &used, err);
	g_mutex_lock(&sizes->mutex);
	size->counting = false;
	/* While it is being sent it is in no folder. What file names tell may
	 * be anything. */
	used.bytes = MAX(used.bytes, 0);
	size->bytes = used.bytes +
		      (int64_t)MIN(message, (uint64_t)(INT64_MAX - used.bytes));
	size->until = r == 0 ? ph_clock_mono() + REMEMBER_MS : 0;
	g_cond_broadcast(&sizes->counted);
	return r;
}

static int
recall_or_count(struct ph_sizes *sizes, const char *key, int dir, int64_t limit,
		uint64_t message, struct ph_err *err)
{
	struct size *size;
	int r = 0;

	g_mutex_lock(&sizes->mutex);
	while ((size = get(sizes, key, ph_clock_mono()))->counting)
		g_cond_wait(&sizes->counted, &sizes->mutex);
	if (!add(size, limit, message, ph_clock_mono()))
		r = count(sizes, size, dir, limit, message, err);
	g_mutex_unlock(&sizes->mutex);
	return r;
}

int
ph_sizes_above(struct ph_sizes *sizes, const struct ph_box_name *name, int dir,
	       int64_t limit, uint64_t message, struct ph_err *err)
{
	g_autofree char *key = NULL;
	int says;

	if (!ph_quota_is_limit(limit))
		return 0;
	says = ph_quota_says(dir, limit);
	if (says >= 0)
		return says;
	key = ph_box_name_key(name);
	return recall_or_count(sizes, key, dir, limit, message, err);
}
