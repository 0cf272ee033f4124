#include "store/delivery/stalls.h"

#include "lib/base/text.h"

#include <errno.h>
#include <glib.h>

struct ph_stalls {
	int64_t limit;
	GMutex mutex;
	GQueue deliveries; /* struct ph_stall, by their links */
	GHashTable *told;  /* folded name: the name, of those that were stalled
			    * at the last look */
};

struct ph_stall {
	struct ph_stalls *stalls;
	char *database;
	int64_t since; /* monotonic; 0: it does not wait */
	enum ph_stall_place place;
	GList link;
};

struct ph_stalls *
ph_stalls_new(int64_t limit)
{
	struct ph_stalls *stalls = g_new0(struct ph_stalls, 1);

	stalls->limit = limit;
	g_mutex_init(&stalls->mutex);
	g_queue_init(&stalls->deliveries);
	stalls->told =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return stalls;
}

void
ph_stalls_free(struct ph_stalls **stalls)
{
	if (!*stalls)
		return;
	g_assert((*stalls)->deliveries.length == 0);
	g_hash_table_unref((*stalls)->told);
	g_mutex_clear(&(*stalls)->mutex);
	g_clear_pointer(stalls, g_free);
}

/* ---- one delivery ------------------------------------------------------ */

struct ph_stall *
ph_stall_new(struct ph_stalls *stalls, const char *database)
{
	struct ph_stall *stall = g_new0(struct ph_stall, 1);

	stall->stalls = stalls;
	stall->database = g_strdup(database);
	stall->link.data = stall;
	g_mutex_lock(&stalls->mutex);
	g_queue_push_tail_link(&stalls->deliveries, &stall->link);
	g_mutex_unlock(&stalls->mutex);
	return stall;
}

void
ph_stall_free(struct ph_stall **stall)
{
	struct ph_stall *p = *stall;

	if (!p)
		return;
	*stall = NULL;
	g_mutex_lock(&p->stalls->mutex);
	g_queue_unlink(&p->stalls->deliveries, &p->link);
	g_mutex_unlock(&p->stalls->mutex);
	g_free(p->database);
	g_free(p);
}

static void
set_since(struct ph_stall *stall, int64_t since, enum ph_stall_place place)
{
	g_mutex_lock(&stall->stalls->mutex);
	stall->since = since;
	stall->place = place;
	g_mutex_unlock(&stall->stalls->mutex);
}

void
ph_stall_begin(struct ph_stall *stall, enum ph_stall_place place, int64_t now)
{
	set_since(stall, now, place);
}

void
ph_stall_end(struct ph_stall *stall)
{
	int saved = errno;

	set_since(stall, 0, PH_STALL_BEFORE);
	errno = saved;
}

/* ---- all of them ------------------------------------------------------- */

/* With the mutex held; 0: not for too long. */
static int64_t
too_long(const struct ph_stall *stall, int64_t now)
{
	const int64_t limit = stall->stalls->limit;
	const int64_t waited = stall->since ? now - stall->since : 0;

	return limit > 0 && waited > limit ? waited : 0;
}

/* The same; of work nobody can tell. */
static int64_t
stalled_for(const struct ph_stall *stall, int64_t now)
{
	return stall->place != PH_STALL_WORK ? too_long(stall, now) : 0;
}

int64_t
ph_stalls_find(struct ph_stalls *stalls, const char *database, int64_t now)
{
	int64_t longest = 0;

	g_mutex_lock(&stalls->mutex);
	for (GList *l = stalls->deliveries.head; l; l = l->next) {
		const struct ph_stall *stall = l->data;
		int64_t waited = stalled_for(stall, now);

		if (waited > longest && ph_fold_same(stall->database, database))
			longest = waited;
	}
	g_mutex_unlock(&stalls->mutex);
	return longest;
}

/* With the mutex held: those that are stalled now, as of told. */
static GHashTable *
find_stalled(const struct ph_stalls *stalls, int64_t now)
{
	GHashTable *found =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	for (GList *l = stalls->deliveries.head; l; l = l->next) {
		const struct ph_stall *stall = l->data;

		if (stalled_for(stall, now) > 0)
			g_hash_table_insert(found, ph_fold(stall->database),
					    g_strdup(stall->database));
	}
	return found;
}

/* The same. */
static bool
is_in(GHashTable *stalled, const struct ph_stall *stall)
{
	g_autofree char *folded = ph_fold(stall->database);

	return g_hash_table_contains(stalled, folded);
}

/* The same: the turns that they have. */
static size_t
count_turns(const struct ph_stalls *stalls, GHashTable *stalled, int64_t now)
{
	size_t turns = 0;

	for (GList *l = stalls->deliveries.head; l; l = l->next) {
		const struct ph_stall *stall = l->data;

		if (stall->place != PH_STALL_BEFORE && too_long(stall, now) > 0)
			turns += is_in(stalled, stall);
	}
	return turns;
}

/* Of those that are in one and not in the other. */
static void
tell_of(GHashTable *in, GHashTable *not_in, bool stalled, ph_stalls_tell *tell,
	void *context)
{
	GHashTableIter iter;
	gpointer folded, name;

	g_hash_table_iter_init(&iter, in);
	while (g_hash_table_iter_next(&iter, &folded, &name))
		if (!g_hash_table_contains(not_in, folded))
			tell(context, name, stalled);
}

size_t
ph_stalls_look(struct ph_stalls *stalls, int64_t now, ph_stalls_tell *tell,
	       void *context)
{
	g_autoptr(GHashTable) before = NULL, stalled = NULL;
	size_t turns;

	g_mutex_lock(&stalls->mutex);
	stalled = find_stalled(stalls, now);
	turns = count_turns(stalls, stalled, now);
	before = stalls->told;
	stalls->told = g_hash_table_ref(stalled);
	g_mutex_unlock(&stalls->mutex);
	if (tell) {
		tell_of(stalled, before, true, tell, context);
		tell_of(before, stalled, false, tell, context);
	}
	return turns;
}
