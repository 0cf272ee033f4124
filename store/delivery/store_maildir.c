#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "store/delivery/mdb.h"
#include "store/delivery/store.h"
#include "store/mailbox/path.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct maildir {
	int root;
	char *host; /* fit for a file name */
	int64_t window;
	guint counter;	       /* atomic */
	GMutex mutex;	       /* databases and their users */
	GHashTable *databases; /* folded name: struct ph_mdb */
};

struct message {
	struct ph_mdb *mdb;
	int fd;
	char name[64]; /* below .posthub/tmp */
	uint64_t size;
	bool committed;
};

/* ---- databases --------------------------------------------------------- */

/* With the mutex held: an open database of another Epoch was elsewhere in
 * between, so what is in memory of it may be out of date. */
static enum ph_store_result
reopen(struct maildir *maildir, const char *folded, const char *name,
       int64_t epoch, struct ph_mdb **mdb_r, struct ph_err *err)
{
	struct ph_mdb *mdb = g_hash_table_lookup(maildir->databases, folded);
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
	g_hash_table_remove(maildir->databases, folded);
	result =
	    ph_mdb_open(maildir->root, name, epoch, maildir->window, &mdb, err);
	if (result != PH_STORE_OK)
		return result;
	g_hash_table_insert(maildir->databases, g_strdup(folded), mdb);
	*mdb_r = mdb;
	return PH_STORE_OK;
}

static enum ph_store_result
use_database(struct maildir *maildir, const char *name, int64_t epoch,
	     struct ph_mdb **mdb_r, struct ph_err *err)
{
	g_autofree char *folded = ph_fold(name);
	enum ph_store_result result;

	g_mutex_lock(&maildir->mutex);
	result = reopen(maildir, folded, name, epoch, mdb_r, err);
	if (result == PH_STORE_OK)
		(*mdb_r)->users++;
	g_mutex_unlock(&maildir->mutex);
	return result;
}

static void
leave_database(struct maildir *maildir, struct ph_mdb *mdb)
{
	g_mutex_lock(&maildir->mutex);
	mdb->users--;
	g_mutex_unlock(&maildir->mutex);
}

static void
maildir_sweep(void *self,
	      bool (*keep)(void *context, const char *database, int64_t epoch),
	      void *context)
{
	struct maildir *maildir = self;
	GHashTableIter iter;
	gpointer value;

	g_mutex_lock(&maildir->mutex);
	g_hash_table_iter_init(&iter, maildir->databases);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct ph_mdb *mdb = value;

		if (mdb->users == 0 && !keep(context, mdb->name, mdb->epoch))
			g_hash_table_iter_remove(&iter);
		else if (mdb->duplicates)
			ph_duplicates_expire(mdb->duplicates, ph_clock_wall());
	}
	g_mutex_unlock(&maildir->mutex);
}

/* ---- messages ---------------------------------------------------------- */

static enum ph_store_result
fail(const struct message *message, const char *what, struct ph_err *err)
{
	enum ph_store_result result = ph_mdb_result(errno, false);

	ph_err_set(err, PH_ERR_TEMP, "database %s: %s: %s", message->mdb->name,
		   what, g_strerror(errno));
	return result;
}

static int
maildir_end(void *self, void *p, struct ph_err *err)
{
	struct maildir *maildir = self;
	struct message *message = p;
	struct ph_mdb *mdb = message->mdb;
	int r = 0;

	if (message->committed && mdb->duplicates) {
		r = ph_duplicates_sync(mdb->duplicates, err);
		if (r < 0)
			g_atomic_int_set(&mdb->lossy, 1);
		ph_fault(PH_FAULT_RECORD_SYNCED);
	}
	if (message->fd >= 0)
		unlinkat(mdb->tmp, message->name, 0);
	ph_path_close(&message->fd);
	leave_database(maildir, mdb);
	g_free(message);
	return r;
}

static enum ph_store_result
maildir_begin(void *self, const char *database, int64_t epoch, void **message_r,
	      struct ph_err *err)
{
	struct maildir *maildir = self;
	struct message *message;
	struct ph_mdb *mdb;
	enum ph_store_result result;

	result = use_database(maildir, database, epoch, &mdb, err);
	if (result != PH_STORE_OK)
		return result;
	message = g_new0(struct message, 1);
	message->mdb = mdb;
	g_snprintf(message->name, sizeof(message->name), "P%dQ%u",
		   (int)getpid(), g_atomic_int_add(&maildir->counter, 1));
	message->fd = openat(mdb->tmp, message->name,
			     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (message->fd < 0) {
		result = fail(message, "cannot make a file", err);
		maildir_end(maildir, message, NULL);
		return result;
	}
	ph_fault(PH_FAULT_STAGE_OPEN);
	*message_r = message;
	return PH_STORE_OK;
}

static enum ph_store_result
maildir_write(void *self, void *p, const char *data, size_t size,
	      struct ph_err *err)
{
	struct message *message = p;
	ssize_t n;

	(void)self;
	while (size > 0) {
		n = write(message->fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(message, "cannot write", err);
		data += n;
		size -= (size_t)n;
		message->size += (uint64_t)n;
		ph_fault(PH_FAULT_STAGE_WRITE);
	}
	return PH_STORE_OK;
}

static enum ph_store_result
maildir_seal(void *self, void *p, struct ph_err *err)
{
	struct message *message = p;

	(void)self;
	if (fdatasync(message->fd) < 0)
		return fail(message, "cannot sync", err);
	ph_fault(PH_FAULT_STAGE_SYNCED);
	return PH_STORE_OK;
}

/* http://cr.yp.to/proto/maildir.html, with the network message id and the size
 * as further fields. */
static char *
file_name(struct maildir *maildir, const struct message *message,
	  const char *nmid)
{
	int64_t now = g_get_real_time();

	return g_strdup_printf("%" PRId64 ".M%dP%dQ%u.%s,N=%s,S=%" PRIu64,
			       now / 1000000, (int)(now % 1000000),
			       (int)getpid(),
			       g_atomic_int_add(&maildir->counter, 1),
			       maildir->host, nmid, message->size);
}

/* The message is in the mailbox when the directory is synced. If that fails
 * nobody can tell, so the entry goes again. */
static int
link_message(struct maildir *maildir, const struct message *message, int folder,
	     const char *nmid)
{
	g_autofree char *name = NULL;
	int r, saved;

	ph_fault(PH_FAULT_BEFORE_LINK);
	do {
		g_free(name);
		name = file_name(maildir, message, nmid);
		r = linkat(message->mdb->tmp, message->name, folder, name, 0);
	} while (r < 0 && errno == EEXIST);
	if (r < 0)
		return -1;
	ph_fault(PH_FAULT_AFTER_LINK);
	if (fsync(folder) == 0)
		return 0;
	saved = errno;
	unlinkat(folder, name, 0);
	errno = saved;
	return -1;
}

static enum ph_store_result
commit(struct maildir *maildir, struct message *message, int folder,
       const struct ph_store_mailbox *mailbox, int64_t now, struct ph_err *err)
{
	struct ph_copy_key key =
	    ph_copy_key_of(mailbox->nmid, mailbox->address);
	struct ph_mdb *mdb = message->mdb;

	if (mdb->duplicates && ph_duplicates_find(mdb->duplicates, key, now))
		return PH_STORE_DUPLICATE;
	if (link_message(maildir, message, folder, mailbox->nmid) < 0) {
		int saved = errno;

		ph_err_set(err, PH_ERR_TEMP, "mailbox %s: cannot link: %s",
			   mailbox->address, g_strerror(saved));
		return ph_mdb_result(saved, true);
	}
	ph_fault(PH_FAULT_LINK_SYNCED);
	ph_mdb_record(mdb, key, now);
	message->committed = true;
	ph_fault(PH_FAULT_RECORD_WRITTEN);
	return PH_STORE_OK;
}

static enum ph_store_result
maildir_commit(void *self, void *p, const struct ph_store_mailbox *mailbox,
	       struct ph_err *err)
{
	struct message *message = p;
	int64_t now = ph_clock_wall();
	enum ph_store_result result;
	int folder = ph_mdb_mailbox(message->mdb, mailbox->address, now, err);

	if (folder < 0) {
		int saved = errno;

		ph_err_wrap(err, "mailbox %s", mailbox->address);
		return ph_mdb_result(saved, true);
	}
	result = commit(self, message, folder, mailbox, now, err);
	ph_path_close(&folder);
	return result;
}

/* ---- the store --------------------------------------------------------- */

static void
free_database(gpointer p)
{
	struct ph_mdb *mdb = p;

	ph_mdb_close(&mdb);
}

static void
maildir_close(void *self)
{
	struct maildir *maildir = self;

	g_hash_table_unref(maildir->databases);
	ph_path_close(&maildir->root);
	g_mutex_clear(&maildir->mutex);
	g_free(maildir->host);
	g_free(maildir);
}

static const struct ph_store_ops maildir_ops = {
    "maildir",	    maildir_begin, maildir_write, maildir_seal,
    maildir_commit, maildir_end,   maildir_sweep, maildir_close,
};

/* The host part of a Maildir name: '/' as \057, ':' as \072; ',' begins a
 * field. */
static char *
escape_host(const char *host)
{
	GString *out = g_string_new(NULL);

	for (; *host; host++)
		if (g_ascii_isgraph(*host) && !strchr("/:,\\", *host))
			g_string_append_c(out, *host);
		else
			g_string_append_printf(out, "\\%03o",
					       (unsigned char)*host);
	g_string_truncate(out, MIN(out->len, 120));
	return g_string_free(out, FALSE);
}

int
ph_store_maildir(const struct ph_store_maildir_options *options,
		 struct ph_store **store_r, struct ph_err *err)
{
	struct maildir *maildir;
	int root;

	if (g_mkdir_with_parents(options->root, 0700) < 0)
		return ph_err_set(err, PH_ERR_PERM, "cannot make %s: %s",
				  options->root, g_strerror(errno));
	root = open(options->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return ph_err_set(err, PH_ERR_PERM, "cannot open %s: %s",
				  options->root, g_strerror(errno));
	maildir = g_new0(struct maildir, 1);
	maildir->root = root;
	maildir->host = escape_host(options->host);
	maildir->window = options->duplicate_window;
	g_mutex_init(&maildir->mutex);
	maildir->databases = g_hash_table_new_full(g_str_hash, g_str_equal,
						   g_free, free_database);
	*store_r = ph_store_new(&maildir_ops, maildir);
	return 0;
}
