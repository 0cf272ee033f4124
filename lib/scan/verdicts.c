#include "lib/scan/verdicts.h"

#include <glib.h>
#include <string.h>

struct verdict {
	uint8_t key[PH_VERDICT_KEY];
	char *name;
	int64_t at;
};

struct ph_verdicts {
	size_t limit;
	int64_t ttl;
	GMutex lock;
	GHashTable *set; /* of struct verdict, in order */
	GQueue order;	 /* oldest first */
};

/* A digest is spread well. */
static guint
hash(gconstpointer data)
{
	guint first;

	memcpy(&first, data, sizeof first);
	return first;
}

static gboolean
same(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, PH_VERDICT_KEY) == 0;
}

struct ph_verdicts *
ph_verdicts_new(size_t limit, int64_t ttl_ms)
{
	struct ph_verdicts *v = g_new0(struct ph_verdicts, 1);

	v->limit = limit;
	v->ttl = ttl_ms;
	g_mutex_init(&v->lock);
	v->set = g_hash_table_new(hash, same);
	g_queue_init(&v->order);
	return v;
}

static void
forget_oldest(struct ph_verdicts *v)
{
	struct verdict *oldest = g_queue_pop_head(&v->order);

	g_hash_table_remove(v->set, oldest);
	g_free(oldest->name);
	g_free(oldest);
}

void
ph_verdicts_free(struct ph_verdicts **verdicts)
{
	struct ph_verdicts *v = g_steal_pointer(verdicts);

	if (v == NULL)
		return;
	while (!g_queue_is_empty(&v->order))
		forget_oldest(v);
	g_hash_table_destroy(v->set);
	g_mutex_clear(&v->lock);
	g_free(v);
}

/* Times only grow along the order, so what is out of date is in front. */
static void
forget_old(struct ph_verdicts *v, int64_t now)
{
	const struct verdict *oldest;

	while ((oldest = g_queue_peek_head(&v->order)) != NULL &&
	       (now - oldest->at >= v->ttl ||
		g_queue_get_length(&v->order) > v->limit))
		forget_oldest(v);
}

void
ph_verdicts_put(struct ph_verdicts *verdicts, const uint8_t key[PH_VERDICT_KEY],
		const char *name, int64_t now)
{
	g_mutex_lock(&verdicts->lock);
	/* Two threads may have asked about the same at once. */
	if (!g_hash_table_contains(verdicts->set, key)) {
		struct verdict *verdict = g_new0(struct verdict, 1);

		memcpy(verdict->key, key, PH_VERDICT_KEY);
		verdict->name = g_strdup(name);
		verdict->at = now;
		g_hash_table_add(verdicts->set, verdict);
		g_queue_push_tail(&verdicts->order, verdict);
	}
	forget_old(verdicts, now);
	g_mutex_unlock(&verdicts->lock);
}

bool
ph_verdicts_find(struct ph_verdicts *verdicts,
		 const uint8_t key[PH_VERDICT_KEY], int64_t now, char **name_r)
{
	const struct verdict *found;

	g_mutex_lock(&verdicts->lock);
	forget_old(verdicts, now);
	found = g_hash_table_lookup(verdicts->set, key);
	if (found != NULL)
		*name_r = g_strdup(found->name);
	g_mutex_unlock(&verdicts->lock);
	return found != NULL;
}
