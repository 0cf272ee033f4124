#include "lib/directory/file_private.h"

struct ph_dirpool {
	struct ph_dirreader *idle[PH_DIRPOOL_READERS]; /* atomic */
	gint n;	      /* atomic: readers, idle and taken */
	gint waiting; /* atomic: who must be told; changed under the lock */
	GMutex lock;
	GCond given;
};

struct ph_dirpool *
ph_dirpool_new(void)
{
	struct ph_dirpool *pool = g_new0(struct ph_dirpool, 1);

	g_mutex_init(&pool->lock);
	g_cond_init(&pool->given);
	return pool;
}

/* Where a thread looks first, so that each has its own reader most times, and
 * no line of memory goes to and fro between processors. */
static size_t
first_place(void)
{
	const uint64_t self = (uint64_t)(uintptr_t)g_thread_self();

	return (size_t)((self * UINT64_C(0x9e3779b97f4a7c15)) >> 32) %
	       PH_DIRPOOL_READERS;
}

static struct ph_dirreader *
take_idle(struct ph_dirpool *pool)
{
	const size_t first = first_place();

	for (size_t i = 0; i < PH_DIRPOOL_READERS; i++) {
		struct ph_dirreader **place =
		    &pool->idle[(first + i) % PH_DIRPOOL_READERS];
		struct ph_dirreader *reader = g_atomic_pointer_get(place);

		if (reader != NULL &&
		    g_atomic_pointer_compare_and_exchange(place, reader, NULL))
			return reader;
	}
	return NULL;
}

/* One more may be made. */
static bool
reserve(struct ph_dirpool *pool)
{
	gint n;

	do {
		n = g_atomic_int_get(&pool->n);
		if (n == PH_DIRPOOL_READERS)
			return false;
	} while (!g_atomic_int_compare_and_exchange(&pool->n, n, n + 1));
	return true;
}

/* Who gives one back first puts it there and then looks for who waits; here it
 * is the other way round, so that one of the two sees the other. */
static struct ph_dirreader *
wait_idle(struct ph_dirpool *pool)
{
	struct ph_dirreader *reader;

	g_mutex_lock(&pool->lock);
	g_atomic_int_inc(&pool->waiting);
	while ((reader = take_idle(pool)) == NULL && !reserve(pool))
		g_cond_wait(&pool->given, &pool->lock);
	(void)g_atomic_int_add(&pool->waiting, -1);
	g_mutex_unlock(&pool->lock);
	return reader;
}

struct ph_dirreader *
ph_dirpool_take(struct ph_dirpool *pool)
{
	struct ph_dirreader *reader = take_idle(pool);

	return reader != NULL || reserve(pool) ? reader : wait_idle(pool);
}

/* There is a place for each that exists. */
static void
put_idle(struct ph_dirpool *pool, struct ph_dirreader *reader)
{
	size_t i = first_place();

	while (!g_atomic_pointer_compare_and_exchange(&pool->idle[i], NULL,
						      reader))
		i = (i + 1) % PH_DIRPOOL_READERS;
}

void
ph_dirpool_give(struct ph_dirpool *pool, struct ph_dirreader *reader)
{
	if (reader != NULL)
		put_idle(pool, reader);
	else
		(void)g_atomic_int_add(&pool->n, -1);
	if (g_atomic_int_get(&pool->waiting) == 0)
		return;
	g_mutex_lock(&pool->lock);
	g_cond_signal(&pool->given);
	g_mutex_unlock(&pool->lock);
}

void
ph_dirpool_clear(struct ph_dirpool *pool)
{
	struct ph_dirreader *reader;

	while ((reader = take_idle(pool)) != NULL) {
		ph_dirreader_free(reader);
		pool->n--;
	}
	g_assert(pool->n == 0);
}

void
ph_dirpool_free(struct ph_dirpool **pool)
{
	if (*pool == NULL)
		return;
	ph_dirpool_clear(*pool);
	g_mutex_clear(&(*pool)->lock);
	g_cond_clear(&(*pool)->given);
	g_free(*pool);
	*pool = NULL;
}
