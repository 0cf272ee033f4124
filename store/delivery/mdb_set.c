#include "store/delivery/mdb_set.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "store/delivery/opened.h"
#include "store/mailbox/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

/*
 * Nobody waits for a disk with the mutex: a database that is being opened or
 * closed is busy instead, and who wants it waits for the end of that.
 */
struct ph_mdb_set {
	char *root;
	int64_t window;
	struct ph_opened *opened; /* NULL: nobody remembers */
	GMutex mutex;		  /* all that follows, and users of databases */
	GHashTable *databases;	  /* folded name: struct ph_mdb */
	GHashTable *busy;	  /* folded names, of none in databases */
	GCond settled;		  /* one is busy no more */
};

static void
free_database(gpointer p)
{
	struct ph_mdb *mdb = p;

	ph_mdb_close(&mdb);
}

static int
check_root(const char *root, struct ph_err *err)
{
	int fd;

	if (g_mkdir_with_parents(root, 0700) < 0)
		return ph_err_set(err, PH_ERR_PERM, "cannot make %s: %s", root,
				  g_strerror(errno));
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ph_err_set(err, PH_ERR_PERM, "cannot open %s: %s", root,
				  g_strerror(errno));
	ph_path_close(&fd);
	return 0;
}

int
ph_mdb_set_open(const struct ph_mdb_set_options *options,
		struct ph_mdb_set **set_r, struct ph_err *err)
{
	struct ph_opened *opened = NULL;
	struct ph_mdb_set *set;

	if (check_root(options->root, err) < 0 ||
	    (options->opened &&
	     ph_opened_load(options->opened, options->root, &opened, err) < 0))
		return -1;
	set = g_new0(struct ph_mdb_set, 1);
	set->root = g_strdup(options->root);
	set->window = options->window;
	set->opened = opened;
	g_mutex_init(&set->mutex);
	g_cond_init(&set->settled);
	set->databases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       free_database);
	set->busy =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	*set_r = set;
	return 0;
}

void
ph_mdb_set_close(struct ph_mdb_set **set)
{
	if (!*set)
		return;
	g_hash_table_unref((*set)->databases);
	g_hash_table_unref((*set)->busy);
	g_mutex_clear(&(*set)->mutex);
	g_cond_clear(&(*set)->settled);
	ph_opened_free(&(*set)->opened);
	g_free((*set)->root);
	g_clear_pointer(set, g_free);
}

int
ph_mdb_set_root(const struct ph_mdb_set *set, struct ph_err *err)
{
	int fd = open(set->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int saved = errno;

	if (fd < 0)
		ph_err_set(err, PH_ERR_TEMP, "cannot open %s: %s", set->root,
			   g_strerror(saved));
	errno = saved;
	return fd;
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

/* With the mutex held: it is busy from here to settle, and what was open of it,
 * which nobody uses, is the caller's to close; NULL: nothing was. */
static struct ph_mdb *
seize(struct ph_mdb_set *set, const char *folded)
{
	gpointer key = NULL, mdb = NULL;

	g_hash_table_steal_extended(set->databases, folded, &key, &mdb);
	g_free(key);
	g_hash_table_add(set->busy, g_strdup(folded));
	return mdb;
}

/* With the mutex held. mdb NULL: it is not open. */
static void
settle(struct ph_mdb_set *set, const char *folded, struct ph_mdb *mdb)
{
	if (mdb)
		g_hash_table_insert(set->databases, g_strdup(folded), mdb);
	g_hash_table_remove(set->busy, folded);
	g_cond_broadcast(&set->settled);
}

static void
remember(const struct ph_mdb_set *set, const char *name)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_opened_add(set->opened, name, &err) < 0)
		ph_warn("database %s: a store that is not mounted will be "
			"taken for an empty one: %s",
			name, err.text);
}

static enum ph_store_result
open_in_root(const struct ph_mdb_set *set, const char *name, int64_t epoch,
	     struct ph_mdb **mdb_r, struct ph_err *err)
{
	int root = ph_mdb_set_root(set, err);
	const struct ph_mdb_options options = {
	    .root = root,
	    .name = name,
	    .epoch = epoch,
	    .window = set->window,
	    .expected = set->opened && ph_opened_has(set->opened, name),
	};
	enum ph_store_result result;

	if (root < 0)
		return ph_mdb_result(errno, false);
	result = ph_mdb_open(&options, mdb_r, err);
	ph_path_close(&root);
	if (result == PH_STORE_OK && set->opened && !options.expected)
		remember(set, name);
	return result;
}

/* With the mutex held, which others have meanwhile. An open database of another
 * Epoch was elsewhere in between, so what is in memory of it may be out of
 * date. */
static enum ph_store_result
open_one(struct ph_mdb_set *set, const char *folded, const char *name,
	 int64_t epoch, struct ph_mdb **mdb_r, struct ph_err *err)
{
	struct ph_mdb *old = seize(set, folded), *mdb = NULL;
	enum ph_store_result result;
	int saved;

	g_mutex_unlock(&set->mutex);
	ph_mdb_close(&old);
	result = open_in_root(set, name, epoch, &mdb, err);
	saved = errno;
	g_mutex_lock(&set->mutex);
	if (mdb) {
		mdb->users++;
		*mdb_r = mdb;
	}
	settle(set, folded, mdb);
	errno = saved;
	return result;
}

enum ph_store_result
ph_mdb_set_use(struct ph_mdb_set *set, const char *name, int64_t epoch,
	       struct ph_mdb **mdb_r, struct ph_err *err)
{
	g_autofree char *folded = ph_fold(name);
	enum ph_store_result result;
	int saved;

	g_mutex_lock(&set->mutex);
	while (g_hash_table_contains(set->busy, folded))
		g_cond_wait(&set->settled, &set->mutex);
	result = use_open(set, folded, name, epoch, mdb_r, err);
	if (result == PH_STORE_FAILED)
		result = open_one(set, folded, name, epoch, mdb_r, err);
	saved = errno;
	g_mutex_unlock(&set->mutex);
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

/* With the mutex held: one that nobody uses or wants here; NULL: there is none.
 */
static const struct ph_mdb *
find_unwanted(const struct ph_mdb_set *set,
	      bool (*keep)(void *context, const char *database, int64_t epoch),
	      void *context)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, set->databases);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct ph_mdb *mdb = value;

		if (mdb->users == 0 && !keep(context, mdb->name, mdb->epoch))
			return mdb;
	}
	return NULL;
}

/* With the mutex held, which others have meanwhile. One by one: the next may be
 * used while the disk of this one does not answer. */
static void
close_unwanted(struct ph_mdb_set *set,
	       bool (*keep)(void *context, const char *database, int64_t epoch),
	       void *context)
{
	const struct ph_mdb *unwanted;

	while ((unwanted = find_unwanted(set, keep, context))) {
		g_autofree char *folded = ph_fold(unwanted->name);
		struct ph_mdb *mdb = seize(set, folded);

		g_mutex_unlock(&set->mutex);
		ph_mdb_close(&mdb);
		g_mutex_lock(&set->mutex);
		settle(set, folded, NULL);
	}
}

/* With the mutex held: those that have something to forget, used. */
static GPtrArray *
use_those_with_duplicates(struct ph_mdb_set *set)
{
	GPtrArray *used = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, set->databases);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct ph_mdb *mdb = value;

		if (!mdb->duplicates)
			continue;
		mdb->users++;
		g_ptr_array_add(used, mdb);
	}
	return used;
}

void
ph_mdb_set_sweep(struct ph_mdb_set *set,
		 bool (*keep)(void *context, const char *database,
			      int64_t epoch),
		 void *context)
{
	g_autoptr(GPtrArray) used = NULL;

	g_mutex_lock(&set->mutex);
	close_unwanted(set, keep, context);
	used = use_those_with_duplicates(set);
	g_mutex_unlock(&set->mutex);
	for (guint i = 0; i < used->len; i++) {
		struct ph_mdb *mdb = used->pdata[i];

		ph_duplicates_expire(mdb->duplicates, ph_clock_wall());
		ph_mdb_set_leave(set, mdb);
	}
}
