#include "store/delivery/locks.h"

#include "lib/base/text.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

struct ph_copy_key
ph_copy_key_of(const char *nmid, const char *mailbox)
{
	g_autofree char *folded = ph_fold(mailbox);
	g_autofree char *lower = g_ascii_strdown(nmid, -1);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	uint8_t digest[32];
	gsize size = sizeof(digest);
	struct ph_copy_key key;

	/* With the NUL, so that no two pairs run into the same text. */
	g_checksum_update(sum, (const guchar *)lower,
			  (gssize)strlen(lower) + 1);
	g_checksum_update(sum, (const guchar *)folded, -1);
	g_checksum_get_digest(sum, digest, &size);
	memcpy(&key.high, digest, sizeof(key.high));
	memcpy(&key.low, digest + sizeof(key.high), sizeof(key.low));
	return key;
}

bool
ph_copy_key_equal(struct ph_copy_key a, struct ph_copy_key b)
{
	return a.high == b.high && a.low == b.low;
}

/* ---- keys -------------------------------------------------------------- */

struct ph_locks {
	GMutex mutex;
	GCond freed;
	GHashTable *held; /* struct ph_copy_key, owned */
	unsigned waiting; /* nobody is woken for nothing: it costs a call */
};

static guint
key_hash(gconstpointer p)
{
	return (guint)((const struct ph_copy_key *)p)->high;
}

static gboolean
key_same(gconstpointer a, gconstpointer b)
{
	return ph_copy_key_equal(*(const struct ph_copy_key *)a,
				 *(const struct ph_copy_key *)b);
}

struct ph_locks *
ph_locks_new(void)
{
	struct ph_locks *locks = g_new0(struct ph_locks, 1);

	g_mutex_init(&locks->mutex);
	g_cond_init(&locks->freed);
	locks->held = g_hash_table_new_full(key_hash, key_same, g_free, NULL);
	return locks;
}

void
ph_locks_free(struct ph_locks **locks)
{
	if (!*locks)
		return;
	g_assert(g_hash_table_size((*locks)->held) == 0);
	g_hash_table_unref((*locks)->held);
	g_cond_clear(&(*locks)->freed);
	g_mutex_clear(&(*locks)->mutex);
	g_clear_pointer(locks, g_free);
}

static int
compare(const void *a, const void *b)
{
	const struct ph_copy_key *x = a, *y = b;

	if (x->high != y->high)
		return x->high < y->high ? -1 : 1;
	return (x->low > y->low) - (x->low < y->low);
}

/* With the mutex held: until nobody holds it, then it is held. */
static bool
take_key(struct ph_locks *locks, const struct ph_copy_key *key, gint64 until)
{
	bool in_time = true;

	locks->waiting++;
	while (in_time && g_hash_table_contains(locks->held, key))
		in_time =
		    g_cond_wait_until(&locks->freed, &locks->mutex, until);
	locks->waiting--;
	in_time = in_time || !g_hash_table_contains(locks->held, key);
	if (in_time)
		g_hash_table_add(locks->held, g_memdup2(key, sizeof(*key)));
	return in_time;
}

/* The same. */
static void
give_keys(struct ph_locks *locks, const struct ph_copy_key *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		g_hash_table_remove(locks->held, &list[i]);
	if (locks->waiting > 0)
		g_cond_broadcast(&locks->freed);
}

bool
ph_locks_take(struct ph_locks *locks, struct ph_copy_key *list, size_t n,
	      int64_t timeout_ms)
{
	gint64 until = g_get_monotonic_time() + timeout_ms * 1000;
	bool taken = true;
	size_t i;

	qsort(list, n, sizeof(*list), compare);
	g_mutex_lock(&locks->mutex);
	/* One at a time in order: whoever waits holds smaller keys only, so
	 * there is no circle. */
	for (i = 0; i < n && taken; i++)
		if (i == 0 || !ph_copy_key_equal(list[i], list[i - 1]))
			taken = take_key(locks, &list[i], until);
	if (!taken)
		give_keys(locks, list, i - 1);
	g_mutex_unlock(&locks->mutex);
	return taken;
}

void
ph_locks_give(struct ph_locks *locks, const struct ph_copy_key *list, size_t n)
{
	g_mutex_lock(&locks->mutex);
	give_keys(locks, list, n);
	g_mutex_unlock(&locks->mutex);
}

/* ---- slots ------------------------------------------------------------- */

struct ph_slots {
	GMutex mutex;
	GCond turn;
	size_t n, busy;
	GQueue waiting; /* a link for each, in order */
};

struct ph_slots *
ph_slots_new(size_t n)
{
	struct ph_slots *slots = g_new0(struct ph_slots, 1);

	g_mutex_init(&slots->mutex);
	g_cond_init(&slots->turn);
	g_queue_init(&slots->waiting);
	slots->n = n;
	return slots;
}

void
ph_slots_free(struct ph_slots **slots)
{
	if (!*slots)
		return;
	g_queue_clear(&(*slots)->waiting);
	g_cond_clear(&(*slots)->turn);
	g_mutex_clear(&(*slots)->mutex);
	g_clear_pointer(slots, g_free);
}

static void
wake(struct ph_slots *slots)
{
	if (slots->waiting.length > 0)
		g_cond_broadcast(&slots->turn);
}

void
ph_slots_resize(struct ph_slots *slots, size_t n)
{
	g_mutex_lock(&slots->mutex);
	slots->n = n;
	wake(slots);
	g_mutex_unlock(&slots->mutex);
}

bool
ph_slots_take(struct ph_slots *slots, int64_t timeout_ms)
{
	gint64 until = g_get_monotonic_time() + timeout_ms * 1000;
	bool mine, in_time = true;
	GList *ticket;

	g_mutex_lock(&slots->mutex);
	g_queue_push_tail(&slots->waiting, slots);
	ticket = g_queue_peek_tail_link(&slots->waiting);
	for (;;) {
		mine = slots->busy < slots->n && slots->waiting.head == ticket;
		if (mine || !in_time)
			break;
		in_time = g_cond_wait_until(&slots->turn, &slots->mutex, until);
	}
	g_queue_delete_link(&slots->waiting, ticket);
	slots->busy += mine;
	/* Whoever is first now may find another slot free. */
	wake(slots);
	g_mutex_unlock(&slots->mutex);
	return mine;
}

void
ph_slots_give(struct ph_slots *slots)
{
	g_mutex_lock(&slots->mutex);
	slots->busy--;
	wake(slots);
	g_mutex_unlock(&slots->mutex);
}
