#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "store/delivery/mdb_set.h"
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
	char *host;    /* fit for a file name */
	guint counter; /* atomic */
	struct ph_mdb_set *databases;
};

struct message {
	struct ph_mdb *mdb;
	int fd;
	char name[64]; /* below .posthub/tmp */
	uint64_t size;
	bool committed;
};

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

	(void)err;
	/* Nobody waits: until the record is on disk, the name of the message's
	 * file tells the same, and it is. */
	if (message->committed && mdb->duplicates)
		ph_duplicates_sync_soon(mdb->duplicates);
	if (message->fd >= 0)
		unlinkat(mdb->tmp, message->name, 0);
	ph_path_close(&message->fd);
	ph_mdb_set_leave(maildir->databases, mdb);
	g_free(message);
	return 0;
}

static enum ph_store_result
maildir_begin(void *self, const char *database, int64_t epoch, void **message_r,
	      struct ph_err *err)
{
	struct maildir *maildir = self;
	struct message *message;
	struct ph_mdb *mdb;
	enum ph_store_result result;

	result = ph_mdb_set_use(maildir->databases, database, epoch, &mdb, err);
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
maildir_sweep(void *self,
	      bool (*keep)(void *context, const char *database, int64_t epoch),
	      void *context)
{
	struct maildir *maildir = self;

	ph_mdb_set_sweep(maildir->databases, keep, context);
}

static void
maildir_close(void *self)
{
	struct maildir *maildir = self;

	ph_mdb_set_close(&maildir->databases);
	g_free(maildir->host);
	g_free(maildir);
}

static const struct ph_store_ops maildir_ops = {
    .name = "maildir",
    .begin = maildir_begin,
    .write = maildir_write,
    .seal = maildir_seal,
    .commit = maildir_commit,
    .end = maildir_end,
    .sweep = maildir_sweep,
    .close = maildir_close,
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
	struct ph_mdb_set *databases;
	struct maildir *maildir;

	if (ph_mdb_set_open(options->root, options->duplicate_window,
			    &databases, err) < 0)
		return -1;
	maildir = g_new0(struct maildir, 1);
	maildir->databases = databases;
	maildir->host = escape_host(options->host);
	*store_r = ph_store_new(&maildir_ops, maildir);
	return 0;
}
