#include "store/delivery/mdb.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "store/mailbox/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int
fail(const struct ph_mdb *mdb, const char *what, struct ph_err *err)
{
	int saved = errno;

	ph_err_set(err, PH_ERR_TEMP, "database %s: %s: %s", mdb->name, what,
		   g_strerror(saved));
	errno = saved;
	return -1;
}

enum ph_store_result
ph_mdb_result(int error, bool mailbox)
{
	switch (error) {
	case ENOSPC:
	case EFBIG:
		return PH_STORE_FULL;
	case EDQUOT:
		return mailbox ? PH_STORE_QUOTA : PH_STORE_FULL;
	default:
		return PH_STORE_FAILED;
	}
}

/* ---- opening ----------------------------------------------------------- */

/* It was there: is it? What it would be without its mount is a directory with
 * nothing in it. */
static int
check_there(const struct ph_mdb *mdb, int root, const char *component,
	    struct ph_err *err)
{
	const char *const own[] = {component, ".posthub", NULL};
	int fd = ph_path_walk(root, own, false, false, err);

	if (fd < 0 && errno == ENOENT) {
		ph_err_set(err, PH_ERR_TEMP,
			   "database %s: it was in this store, and is not",
			   mdb->name);
		errno = ENOMEDIUM;
	}
	if (fd < 0)
		return -1;
	ph_path_close(&fd);
	return 0;
}

static int
open_directories(struct ph_mdb *mdb, const struct ph_mdb_options *options,
		 bool *fresh_r, struct ph_err *err)
{
	g_autofree char *name = ph_path_component(mdb->name);
	const char *const top[] = {name, NULL};
	const char *const own[] = {".posthub", NULL};
	const char *const tmp[] = {"tmp", NULL};

	if (options->expected && check_there(mdb, options->root, name, err) < 0)
		return -1;
	mdb->dir = ph_path_walk(options->root, top, true, true, err);
	if (mdb->dir < 0)
		return -1;
	mdb->own = ph_path_walk(mdb->dir, own, true, true, err);
	if (mdb->own < 0)
		return -1;
	*fresh_r =
	    faccessat(mdb->own, "duplicates", F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	mdb->tmp = ph_path_walk(mdb->own, tmp, true, false, err);
	return mdb->tmp < 0 ? -1 : 0;
}

static enum ph_store_result
take_lock(struct ph_mdb *mdb, struct ph_err *err)
{
	mdb->lock = openat(mdb->own, "lock",
			   O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (mdb->lock < 0) {
		fail(mdb, "cannot open its lock", err);
		return ph_mdb_result(errno, false);
	}
	if (flock(mdb->lock, LOCK_EX | LOCK_NB) == 0)
		return PH_STORE_OK;
	fail(mdb, "another store driver holds it", err);
	return PH_STORE_BUSY;
}

/* A small file with one number, durable when this returns. */
static int
write_mark(struct ph_mdb *mdb, const char *name, int64_t value,
	   struct ph_err *err)
{
	g_autofree char *text = g_strdup_printf("%" PRId64 "\n", value);
	int r = 0;
	int fd =
	    openat(mdb->own, name,
		   O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(mdb, "cannot make a mark", err);
	if (ph_file_write(fd, text, strlen(text)) < 0 || fsync(fd) < 0 ||
	    fsync(mdb->own) < 0)
		r = fail(mdb, "cannot write a mark", err);
	ph_path_close(&fd);
	return r;
}

/* 1 and *value_r; 0: there is none. A mark that cannot be read counts as one
 * of now: looking through a mailbox once too often is harmless. */
static int
read_mark(const struct ph_mdb *mdb, const char *name, int64_t *value_r)
{
	int fd = openat(mdb->own, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[32];
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return 0;
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	ph_path_close(&fd);
	*value_r = 0;
	if (n > 0) {
		text[n] = '\0';
		*value_r = g_ascii_strtoll(text, NULL, 10);
	}
	if (*value_r <= 0)
		*value_r = ph_clock_wall();
	return 1;
}

/* ---- the Epoch ---------------------------------------------------------- */

/* 0: it was never moved. */
static int64_t
read_epoch(const struct ph_mdb *mdb)
{
	int fd = openat(mdb->own, "epoch", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[32];
	ssize_t n;
	int saved;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	n = read(fd, text, sizeof(text) - 1);
	saved = n == 0 ? EIO : errno;
	ph_path_close(&fd);
	if (n > 0 && g_ascii_isdigit(*text)) {
		text[n] = '\0';
		return g_ascii_strtoll(text, NULL, 10);
	}
	errno = n > 0 ? EIO : saved;
	return -1;
}

/* A server that knows nothing of the last move must not write here, whatever
 * its Redis or its last good snapshot says: the copy itself remembers. */
static enum ph_store_result
note_epoch(struct ph_mdb *mdb, struct ph_err *err)
{
	int64_t highest = read_epoch(mdb);

	if (highest < 0) {
		fail(mdb,
		     "cannot read .posthub/epoch, which holds the number that "
		     "\"posthub database show\" tells",
		     err);
		return ph_mdb_result(errno, false);
	}
	if (mdb->epoch < highest) {
		ph_err_set(err, PH_ERR_TEMP,
			   "database %s: was opened under Epoch %" PRId64
			   ", this server knows of %" PRId64,
			   mdb->name, highest, mdb->epoch);
		return PH_STORE_BUSY;
	}
	if (mdb->epoch == highest)
		return PH_STORE_OK;
	/* By another name first: half a number would be a lower one. */
	if (write_mark(mdb, "epoch.new", mdb->epoch, err) < 0)
		return ph_mdb_result(errno, false);
	if (renameat(mdb->own, "epoch.new", mdb->own, "epoch") < 0 ||
	    fsync(mdb->own) < 0) {
		fail(mdb, "cannot note its Epoch", err);
		return ph_mdb_result(errno, false);
	}
	ph_fault(PH_FAULT_DATABASE_EPOCH);
	return PH_STORE_OK;
}

static int
note_stop(struct ph_mdb *mdb, bool fresh, struct ph_err *err)
{
	int64_t since, now = ph_clock_wall();
	bool unclean = fresh || read_mark(mdb, "open", &since) == 1;

	/* First that it is suspect, then that it is open: dying between the
	 * two must not look like a clean stop. */
	if (unclean && write_mark(mdb, "suspect", now, err) < 0)
		return -1;
	ph_fault(PH_FAULT_DATABASE_LOCKED);
	if (write_mark(mdb, "open", now, err) < 0)
		return -1;
	ph_fault(PH_FAULT_DATABASE_OPEN);
	mdb->suspect = read_mark(mdb, "suspect", &since) == 1;
	if (mdb->suspect && since + mdb->window < now) {
		unlinkat(mdb->own, "suspect", 0);
		mdb->suspect = false;
	}
	if (unclean && !fresh)
		ph_warn("database %s: not closed cleanly, mailboxes are "
			"checked at their next delivery",
			mdb->name);
	return 0;
}

/* Nobody else writes here, so all that is there was left by a crash. */
static void
clear_tmp(const struct ph_mdb *mdb)
{
	int fd = openat(mdb->tmp, ".", O_RDONLY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		ph_path_close(&fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(mdb->tmp, entry->d_name, 0);
	closedir(dir);
}

/* Tried, because it takes the file system and /proc. */
static bool
may_be_unnamed(const struct ph_mdb *mdb)
{
	static const char name[] = "probe";
	int fd = ph_file_unnamed(mdb->tmp);
	bool may = fd >= 0 && ph_file_name(fd, mdb->tmp, name) == 0;

	if (may)
		unlinkat(mdb->tmp, name, 0);
	ph_path_close(&fd);
	return may;
}

static int
open_duplicates(struct ph_mdb *mdb, struct ph_err *err)
{
	const char *const components[] = {"duplicates", NULL};
	int fd, r;

	if (mdb->window == 0)
		return 0;
	fd = ph_path_walk(mdb->own, components, true, true, err);
	if (fd < 0)
		return -1;
	r = ph_duplicates_open(fd, mdb->window, ph_clock_wall(),
			       &mdb->duplicates, err);
	ph_path_close(&fd);
	return r;
}

static void
mdb_free(struct ph_mdb *mdb)
{
	ph_duplicates_close(&mdb->duplicates, NULL);
	ph_path_close(&mdb->tmp);
	ph_path_close(&mdb->own);
	ph_path_close(&mdb->dir);
	/* Last: closing it lets another process in. */
	ph_path_close(&mdb->lock);
	g_hash_table_unref(mdb->known);
	g_mutex_clear(&mdb->first);
	g_mutex_clear(&mdb->mutex);
	for (size_t i = 0; i < G_N_ELEMENTS(mdb->quotas); i++)
		g_mutex_clear(&mdb->quotas[i]);
	g_free(mdb->name);
	g_free(mdb);
}

static enum ph_store_result
open_all(struct ph_mdb *mdb, const struct ph_mdb_options *options,
	 struct ph_err *err)
{
	enum ph_store_result result;
	bool fresh;

	if (open_directories(mdb, options, &fresh, err) < 0)
		return ph_mdb_result(errno, false);
	result = take_lock(mdb, err);
	if (result == PH_STORE_OK)
		result = note_epoch(mdb, err);
	if (result != PH_STORE_OK)
		return result;
	if (note_stop(mdb, fresh, err) < 0)
		return ph_mdb_result(errno, false);
	clear_tmp(mdb);
	mdb->unnamed = may_be_unnamed(mdb);
	return open_duplicates(mdb, err) < 0 ? PH_STORE_FAILED : PH_STORE_OK;
}

enum ph_store_result
ph_mdb_open(const struct ph_mdb_options *options, struct ph_mdb **mdb_r,
	    struct ph_err *err)
{
	struct ph_mdb *mdb = g_new0(struct ph_mdb, 1);
	enum ph_store_result result;

	mdb->name = g_strdup(options->name);
	mdb->epoch = options->epoch;
	mdb->window = options->window;
	mdb->dir = mdb->own = mdb->tmp = mdb->lock = -1;
	mdb->known =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_mutex_init(&mdb->first);
	g_mutex_init(&mdb->mutex);
	for (size_t i = 0; i < G_N_ELEMENTS(mdb->quotas); i++)
		g_mutex_init(&mdb->quotas[i]);
	result = open_all(mdb, options, err);
	if (result == PH_STORE_OK)
		*mdb_r = mdb;
	else
		mdb_free(mdb);
	return result;
}

void
ph_mdb_close(struct ph_mdb **mdb)
{
	struct ph_mdb *p = *mdb;
	struct ph_err err = PH_ERR_INIT;

	if (!p)
		return;
	*mdb = NULL;
	if (ph_duplicates_close(&p->duplicates, &err) < 0)
		ph_warn("database %s: %s", p->name, err.text);
	else if (!g_atomic_int_get(&p->lossy)) {
		ph_fault(PH_FAULT_BEFORE_CLEAN);
		unlinkat(p->own, "open", 0);
		fsync(p->own);
	}
	mdb_free(p);
}

void
ph_mdb_record(struct ph_mdb *mdb, struct ph_copy_key key, int64_t now)
{
	struct ph_err err = PH_ERR_INIT;

	if (!mdb->duplicates ||
	    ph_duplicates_add(mdb->duplicates, key, now, &err) == 0)
		return;
	g_atomic_int_set(&mdb->lossy, 1);
	ph_warn("database %s: %s", mdb->name, err.text);
}

int
ph_mdb_sync(struct ph_mdb *mdb, struct ph_err *err)
{
	int r = 0;

	if (!mdb->duplicates)
		return 0;
	r = ph_duplicates_sync(mdb->duplicates, err);
	if (r < 0)
		g_atomic_int_set(&mdb->lossy, 1);
	ph_fault(PH_FAULT_RECORD_SYNCED);
	return r;
}
