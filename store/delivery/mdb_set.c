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
	g_mutex_clear(&(*set)->mutex);
	g_clear_pointer(set, g_free);
}

int
ph_mdb_set_root(const struct ph_mdb_set *set)
{
	return set->root;
}

/* With the mutex held: an open database of another Epoch was elsewhere in
 * between, so what is in memory of it may be out of date. */
static enum ph_store_result
reopen(struct ph_mdb_set *set, const char *folded, const char *name,
       int64_t epoch, struct ph_mdb **mdb_r, struct ph_err *err)
{
	struct ph_mdb *mdb = g_hash_table_lookup(set->databases, folded);
	enum ph_store_result result;

	if (mdb && mdb->epoch == epoch) {
		*mdb_r = mdb;
		return PH_STORE_OK;
	}
	if (mdb && (mdb->users > 0 || mdb->epoch > epoch)) {
		ph_err_set(err, PH_ERR_TEMP,
			   "database %s: in use under Epoch %" PRId64, name,
			   mdb->epoch);
		return PH_STORE_BUSY;
	}
	g_hash_table_remove(set->databases, folded);
	result = ph_mdb_open(set->root, name, epoch, set->window, &mdb, err);
	if (result != PH_STORE_OK)
		return result;
	g_hash_table_insert(set->databases, g_strdup(folded), mdb);
	*mdb_r = mdb;
	return PH_STORE_OK;
}

enum ph_store_result
ph_mdb_set_use(struct ph_mdb_set *set, const char *name, int64_t epoch,
	       struct ph_mdb **mdb_r, struct ph_err *err)
{
	g_autofree char *folded = ph_fold(name);
	enum ph_store_result result;

	g_mutex_lock(&set->mutex);
	result = reopen(set, folded, name, epoch, mdb_r, err);
	if (result == PH_STORE_OK)
		(*mdb_r)->users++;
	g_mutex_unlock(&set->mutex);
	return result;
}

void
ph_mdb_set_leave(struct ph_mdb_set *set, struct ph_mdb *mdb)
{
	g_mutex_lock(&set->mutex);
	mdb->users--;
	g_mutex_unlock(&set->mutex);
}

void
ph_mdb_set_sweep(struct ph_mdb_set *set,
		 bool (*keep)(void *context, const char *database,
			      int64_t epoch),
		 void *context)
{
	GHashTableIter iter;
	gpointer value;

	g_mutex_lock(&set->mutex);
	g_hash_table_iter_init(&iter, set->databases);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct ph_mdb *mdb = value;

		if (mdb->users == 0 && !keep(context, mdb->name, mdb->epoch))
			g_hash_table_iter_remove(&iter);
		else if (mdb->duplicates)
			ph_duplicates_expire(mdb->duplicates, ph_clock_wall());
	}
	g_mutex_unlock(&set->mutex);
}
