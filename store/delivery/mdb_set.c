#include "store/delivery/mdb_set.h"

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "store/mailbox/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

struct ph_mdb_set {
	int root;
	int64_t window;
	GMutex opening;	       /* one is opened at a time */
	GMutex mutex;	       /* databases and their users */
	GHashTable *databases; /* folded name: struct ph_mdb */
};

static void
free_database(gpointer p)
{
	struct ph_mdb *mdb = p;

	ph_mdb_close(&mdb);
}

int
ph_mdb_set_open(const char *root, int64_t window, struct ph_mdb_set **set_r,
		struct ph_err *err)
{
	struct ph_mdb_set *set;
	int fd;

	if (g_mkdir_with_parents(root, 0700) < 0)
		return ph_err_set(err, PH_ERR_PERM, "cannot make %s: %s", root,
				  g_strerror(errno));
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ph_err_set(err, PH_ERR_PERM, "cannot open %s: %s", root,
				  g_strerror(errno));
	set = g_new0(struct ph_mdb_set, 1);
	set->root = fd;
	set->window = window;
	g_mutex_init(&set->opening);
	g_mutex_init(&set->mutex);
	set->databases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       free_database);
	*set_r = set;
	return 0;
}

void
ph_mdb_set_close(struct ph_mdb_set **set)
{
	if (!*set)
		return;
	g_hash_table_unref((*set)->databases);
	ph_path_close(&(*set)->root);
	g_mutex_clear(&(*set)->opening);
	g_mutex_clear(&(*set)->mutex);
	g_clear_pointer(set, g_free);
}

int
ph_mdb_set_root(const struct ph_mdb_set *set)
{
	return set->root;
}

/* With the mutex held. OK: it is open under this Epoch, and used; BUSY;
 * FAILED: it has to be opened. */
static enum ph_store_result
use_open(struct ph_mdb_set *set, const char *folded, const char *name,
	 int64_t epoch, struct ph_mdb **mdb_r, struct ph_err *err)
{
	struct ph_mdb *mdb = g_hash_table_lookup(set->databases, folded);

	if (mdb && mdb->epoch == epoch) {
		mdb->users++;
		*mdb_r = mdb;
		return PH_STORE_OK;
	}
	if (mdb && (mdb->users > 0 || mdb->epoch > epoch)) {
		ph_err_set(err, PH_ERR_TEMP,
			   "database %s: in use under Epoch %" PRId64, name,
			   mdb->epoch);
		return PH_STORE_BUSY;
	}
	return PH_STORE_FAILED;
}

/* Out of the set, with the mutex held: nobody uses it. NULL: it is not there.
 */
static struct ph_mdb *
steal(struct ph_mdb_set *set, const char *folded)
{
	gpointer key = NULL, mdb = NULL;

	g_hash_table_steal_extended(set->databases, folded, &key, &mdb);
	g_free(key);
	return mdb;
}

/* One at a time, and without the mutex over what the disk may keep waiting. An
 * open database of another Epoch was elsewhere in between, so what is in memory
 * of it may be out of date. */
static enum ph_store_result
open_one(struct ph_mdb_set *set, const char *folded, const char *name,
	 int64_t epoch, struct ph_mdb **mdb_r, struct ph_err *err)
{
	enum ph_store_result result;
	struct ph_mdb *old, *mdb = NULL;

	g_mutex_lock(&set->mutex);
	result = use_open(set, folded, name, epoch, mdb_r, err);
	old = result == PH_STORE_FAILED ? steal(set, folded) : NULL;
	g_mutex_unlock(&set->mutex);
	if (result != PH_STORE_FAILED)
		return result;
	ph_mdb_close(&old);
	result = ph_mdb_open(set->root, name, epoch, set->window, &mdb, err);
	if (result != PH_STORE_OK)
		return result;
	mdb->users++;
	*mdb_r = mdb;
	g_mutex_lock(&set->mutex);
	g_hash_table_insert(set->databases, g_strdup(folded), mdb);
	g_mutex_unlock(&set->mutex);
	return PH_STORE_OK;
}

enum ph_store_result
ph_mdb_set_use(struct ph_mdb_set *set, const char *name, int64_t epoch,
	       struct ph_mdb **mdb_r, struct ph_err *err)
{
	g_autofree char *folded = ph_fold(name);
	enum ph_store_result result;
	int saved;

	g_mutex_lock(&set->mutex);
	result = use_open(set, folded, name, epoch, mdb_r, err);
	g_mutex_unlock(&set->mutex);
	if (result != PH_STORE_FAILED)
		return result;
	g_mutex_lock(&set->opening);
	result = open_one(set, folded, name, epoch, mdb_r, err);
	saved = errno;
	g_mutex_unlock(&set->opening);
	errno = saved;
	return result;
}

void
ph_mdb_set_leave(struct ph_mdb_set *set, struct ph_mdb *mdb)
{
	g_mutex_lock(&set->mutex);
	mdb->users--;
	g_mutex_unlock(&set->mutex);
}

/* With the mutex held: what nobody uses or wants here goes out of the set, of
 * the others those that have something to forget are used. */
static void
sort_out(struct ph_mdb_set *set,
	 bool (*keep)(void *context, const char *database, int64_t epoch),
	 void *context, GPtrArray *unwanted, GPtrArray *used)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer name, value;

	g_hash_table_iter_init(&iter, set->databases);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		struct ph_mdb *mdb = value;

		if (mdb->users == 0 && !keep(context, mdb->name, mdb->epoch)) {
			g_ptr_array_add(names, g_strdup(name));
		} else if (mdb->duplicates) {
			mdb->users++;
			g_ptr_array_add(used, mdb);
		}
	}
	for (guint i = 0; i < names->len; i++)
		g_ptr_array_add(unwanted, steal(set, names->pdata[i]));
}

void
ph_mdb_set_sweep(struct ph_mdb_set *set,
		 bool (*keep)(void *context, const char *database,
			      int64_t epoch),
		 void *context)
{
	g_autoptr(GPtrArray) unwanted =
	    g_ptr_array_new_with_free_func(free_database);
	g_autoptr(GPtrArray) used = g_ptr_array_new();

	g_mutex_lock(&set->mutex);
	sort_out(set, keep, context, unwanted, used);
	g_mutex_unlock(&set->mutex);
	/* The disk of one must not hold up all. */
	g_ptr_array_set_size(unwanted, 0);
	for (guint i = 0; i < used->len; i++) {
		struct ph_mdb *mdb = used->pdata[i];

		ph_duplicates_expire(mdb->duplicates, ph_clock_wall());
		ph_mdb_set_leave(set, mdb);
	}
}
