#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "store/delivery/complaints.h"
#include "store/delivery/mdb_set.h"
#include "store/delivery/store.h"
#include "store/mailbox/path.h"
#include "store/mailbox/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

struct maildir {
	char *host; /* fit for a file name */
	pid_t pid;
	guint begun, named; /* atomic: messages, files in mailboxes */
	struct ph_mdb_set *databases;
	struct ph_mdb_layout layout;
	struct ph_complaints *complaints;
	struct ph_stalls *stalls;
};

struct message {
	struct ph_mdb *mdb;
	struct ph_stall *stall;
	int fd;
	char name[64]; /* in its tmp; "": it has none yet */
	uint64_t size;
	struct ph_perms owner; /* of the file */
	bool linked;	       /* in a mailbox: the owner stays */
	bool sealed;	       /* its turn has begun */
	bool committed;
};

/* ---- messages ---------------------------------------------------------- */

/* Until ph_stall_end the disk may keep this thread. */
static void
wait_begin(const struct message *message, enum ph_stall_place place)
{
	ph_stall_begin(message->stall, place, ph_clock_mono());
}

static enum ph_store_result
fail(struct maildir *maildir, const struct message *message, const char *what,
     struct ph_err *err)
{
	int saved = errno;
	struct ph_err why = PH_ERR_INIT;

	ph_err_set(&why, PH_ERR_TEMP, "database %s: %s: %s", message->mdb->name,
		   what, g_strerror(saved));
	ph_complain(maildir->complaints, message->mdb->dir, message->mdb->name,
		    ".posthub/tmp", saved, &why);
	if (err)
		*err = why;
	return ph_mdb_result(saved, false);
}

/* Where all mailboxes have one owner, so that sealing covers it. */
static int
give_file(struct maildir *maildir, struct message *message)
{
	const struct ph_perms *common =
	    ph_perms_rule_common(maildir->layout.owners);

	message->owner = ph_perms_self;
	if (!common)
		return 0;
	message->owner = *common;
	return ph_perms_give(message->fd, common, false);
}

static int
maildir_end(void *self, void *p, struct ph_err *err)
{
	struct maildir *maildir = self;
	struct message *message = p;
	struct ph_mdb *mdb = message->mdb;

	(void)err;
	wait_begin(message, message->sealed ? PH_STALL_TURN : PH_STALL_BEFORE);
	/* Nobody waits: until the record is on disk, the name of the message's
	 * file tells the same, and it is. */
	if (message->committed && mdb->duplicates)
		ph_duplicates_sync_soon(mdb->duplicates);
	if (message->fd >= 0 && *message->name)
		unlinkat(mdb->tmp, message->name, 0);
	ph_path_close(&message->fd);
	ph_mdb_set_leave(maildir->databases, mdb);
	ph_stall_free(&message->stall);
	g_free(message);
	return 0;
}

/* Other owners of mailboxes may pass through a directory. */
static void
let_pass(const struct maildir *maildir, int dir, const char *name)
{
	struct stat st;

	if (ph_perms_rule_is_self(maildir->layout.owners))
		return;
	if (fstat(dir, &st) < 0 ||
	    ((st.st_mode & 0011) != 0011 &&
	     fchmod(dir, (st.st_mode & 07777) | 0011) < 0))
		ph_warn("%s: cannot let owners of mailboxes pass: %s", name,
			g_strerror(errno));
}

/* Of a database that could not be opened. errno is kept. */
static void
complain_of(struct maildir *maildir, const char *database,
	    const struct ph_err *err)
{
	int saved = errno;
	int root = ph_mdb_set_root(maildir->databases, NULL);

	ph_complain(maildir->complaints, root, database, NULL, saved, err);
	ph_path_close(&root);
	errno = saved;
}

static int
make_file(struct maildir *maildir, struct message *message)
{
	const struct ph_mdb *mdb = message->mdb;

	if (mdb->unnamed) {
		message->fd = ph_file_unnamed(mdb->tmp);
	} else {
		g_snprintf(message->name, sizeof(message->name), "P%dQ%u",
			   (int)maildir->pid,
			   (guint)g_atomic_int_add(&maildir->begun, 1));
		message->fd =
		    openat(mdb->tmp, message->name,
			   O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	return message->fd < 0 ? -1 : give_file(maildir, message);
}

static enum ph_store_result
use_database(struct maildir *maildir, const char *database, int64_t epoch,
	     struct ph_mdb **mdb_r, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	enum ph_store_result result;

	result =
	    ph_mdb_set_use(maildir->databases, database, epoch, mdb_r, &why);
	if (result == PH_STORE_OK) {
		let_pass(maildir, (*mdb_r)->dir, (*mdb_r)->name);
		return PH_STORE_OK;
	}
	if (result != PH_STORE_BUSY)
		complain_of(maildir, database, &why);
	if (err)
		*err = why;
	return result;
}

/* Nobody follows those who wait for a disk already. */
static int
check_answers(const struct maildir *maildir, const char *database,
	      struct ph_err *err)
{
	int64_t waited =
	    ph_stalls_find(maildir->stalls, database, ph_clock_mono());

	if (waited == 0)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP,
			  "database %s: its disk has not answered for %" PRId64
			  " seconds",
			  database, waited / 1000);
}

static enum ph_store_result
maildir_begin(void *self, const char *database, int64_t epoch, void **message_r,
	      struct ph_err *err)
{
	struct maildir *maildir = self;
	struct message *message;
	struct ph_stall *stall;
	struct ph_mdb *mdb;
	enum ph_store_result result;

	if (check_answers(maildir, database, err) < 0)
		return PH_STORE_FAILED;
	stall = ph_stall_new(maildir->stalls, database);
	ph_stall_begin(stall, PH_STALL_BEFORE, ph_clock_mono());
	result = use_database(maildir, database, epoch, &mdb, err);
	if (result != PH_STORE_OK) {
		ph_stall_free(&stall);
		return result;
	}
	message = g_new0(struct message, 1);
	message->mdb = mdb;
	message->stall = stall;
	if (make_file(maildir, message) < 0) {
		result = fail(maildir, message, "cannot make a file", err);
		maildir_end(maildir, message, NULL);
		return result;
	}
	ph_stall_end(stall);
	ph_fault(PH_FAULT_STAGE_OPEN);
	*message_r = message;
	return PH_STORE_OK;
}

static enum ph_store_result
maildir_write(void *self, void *p, const char *data, size_t size,
	      struct ph_err *err)
{
	struct message *message = p;
	int r;

	wait_begin(message, PH_STALL_BEFORE);
	r = ph_file_write(message->fd, data, size);
	ph_stall_end(message->stall);
	if (r < 0)
		return fail(self, message, "cannot write", err);
	message->size += size;
	ph_fault(PH_FAULT_STAGE_WRITE);
	return PH_STORE_OK;
}

static enum ph_store_result
maildir_seal(void *self, void *p, struct ph_err *err)
{
	struct message *message = p;
	int r;

	message->sealed = true;
	wait_begin(message, PH_STALL_TURN);
	r = fdatasync(message->fd);
	ph_stall_end(message->stall);
	if (r < 0)
		return fail(self, message, "cannot sync", err);
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
			       (int)maildir->pid,
			       (guint)g_atomic_int_add(&maildir->named, 1),
			       maildir->host, nmid, message->size);
}

/* ---- a copy of its own ------------------------------------------------- */

/* 0, or -1 with errno. */
static int
copy_content(const struct message *message, int fd)
{
	off_t at = 0;
	ssize_t n = 1;

	while (n > 0 && at < (off_t)message->size)
		n = sendfile(fd, message->fd, &at,
			     message->size - (uint64_t)at);
	if (n == 0)
		errno = EIO;
	return n > 0 ? 0 : -1;
}

/* Into tmp, durable. 0, or -1 with errno and nothing left. */
static int
write_copy(const struct message *message, int tmp, const char *name,
	   const struct ph_perms *owner)
{
	int fd =
	    openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int saved;

	if (fd < 0)
		return -1;
	if (copy_content(message, fd) == 0 &&
	    ph_perms_give(fd, owner, false) == 0 && fsync(fd) == 0) {
		ph_path_close(&fd);
		return 0;
	}
	saved = errno;
	ph_path_close(&fd);
	unlinkat(tmp, name, 0);
	errno = saved;
	return -1;
}

/* For a mailbox in another file system, or of another owner than the message
 * has: by its own tmp, as any program would deliver. */
static int
link_copy(const struct message *message, const struct ph_mdb_mailbox *mailbox,
	  const char *name)
{
	int tmp =
	    ph_path_make(mailbox->folder, "tmp", &mailbox->owner, NULL, NULL);
	int r = -1, saved;

	if (tmp < 0)
		return -1;
	if (write_copy(message, tmp, name, &mailbox->owner) == 0) {
		r = linkat(tmp, name, mailbox->new, name, 0);
		saved = errno;
		unlinkat(tmp, name, 0);
		errno = saved;
	}
	ph_path_close(&tmp);
	return r;
}

/* ---- into the mailbox -------------------------------------------------- */

/* Is the file that mailbox's? It becomes so, as long as it is nobody's. 1, 0,
 * or -1 with errno. */
static int
fits(struct message *message, const struct ph_mdb_mailbox *mailbox)
{
	if (ph_perms_equal(&message->owner, &mailbox->owner))
		return 1;
	if (message->linked)
		return 0;
	if (ph_perms_give(message->fd, &mailbox->owner, false) < 0 ||
	    fsync(message->fd) < 0)
		return -1;
	message->owner = mailbox->owner;
	return 1;
}

static int
link_file(struct message *message, const struct ph_mdb_mailbox *mailbox,
	  const char *name)
{
	int r = *message->name ? linkat(message->mdb->tmp, message->name,
					mailbox->new, name, 0)
			       : ph_file_name(message->fd, mailbox->new, name);

	message->linked |= r == 0;
	return r;
}

static int
link_once(struct message *message, const struct ph_mdb_mailbox *mailbox,
	  const char *name)
{
	int r = fits(message, mailbox);

	if (r < 0)
		return -1;
	if (r == 1) {
		r = link_file(message, mailbox, name);
		/* ENOENT: whoever had it has removed it, its last name. */
		if (r == 0 || (errno != EXDEV && errno != ENOENT))
			return r;
	}
	return link_copy(message, mailbox, name);
}

/* The message is in the mailbox when the directory is synced. If that fails
 * nobody can tell, so the entry goes again. */
static int
link_message(struct maildir *maildir, struct message *message,
	     const struct ph_mdb_mailbox *mailbox, const char *nmid)
{
	g_autofree char *name = NULL;
	int r, saved;

	ph_fault(PH_FAULT_BEFORE_LINK);
	do {
		g_free(name);
		name = file_name(maildir, message, nmid);
		r = link_once(message, mailbox, name);
	} while (r < 0 && errno == EEXIST);
	if (r < 0)
		return -1;
	ph_fault(PH_FAULT_AFTER_LINK);
	if (fsync(mailbox->new) == 0)
		return 0;
	saved = errno;
	unlinkat(mailbox->new, name, 0);
	errno = saved;
	return -1;
}

/* 1, 0 no room, -1 with errno. */
static int
take_quota(const struct message *message, const struct ph_mdb_mailbox *mailbox,
	   const struct ph_quota_limits *limits, struct ph_quota *used_r,
	   struct ph_err *err)
{
	GMutex *mutex = ph_mdb_quota_mutex(message->mdb, mailbox);
	int r;

	g_mutex_lock(mutex);
	r = ph_quota_take(mailbox->dir, limits, (int64_t)message->size,
			  &mailbox->owner, used_r, err);
	g_mutex_unlock(mutex);
	return r;
}

static enum ph_store_result
commit(struct maildir *maildir, struct message *message,
       const struct ph_mdb_mailbox *mailbox,
       const struct ph_store_mailbox *wanted, int64_t now, struct ph_err *err)
{
	struct ph_copy_key key = ph_copy_key_of(wanted->nmid, wanted->address);
	struct ph_mdb *mdb = message->mdb;
	struct ph_quota used = {0, 0};
	int r = 0;

	if (mdb->duplicates)
		r = ph_duplicates_find(mdb->duplicates, key, now, err);
	if (r != 0)
		return r < 0 ? PH_STORE_FAILED : PH_STORE_DUPLICATE;
	r = take_quota(message, mailbox, &wanted->quota, &used, err);
	if (r == 0) {
		ph_err_set(err, PH_ERR_PERM,
			   "the message would exceed the mailbox's quota");
		return PH_STORE_OVER;
	}
	if (r < 0)
		return ph_mdb_result(errno, true);
	wait_begin(message, PH_STALL_TURN);
	r = link_message(maildir, message, mailbox, wanted->nmid);
	if (r < 0) {
		int saved = errno;

		ph_quota_give(mailbox->dir, (int64_t)message->size);
		errno = saved;
		ph_err_set(err, PH_ERR_TEMP, "cannot link: %s",
			   g_strerror(saved));
		return ph_mdb_result(saved, true);
	}
	ph_fault(PH_FAULT_LINK_SYNCED);
	ph_mdb_record(mdb, key, now);
	message->committed = true;
	if (wanted->in_folder_r)
		*wanted->in_folder_r = mailbox->in_folder;
	ph_fault(PH_FAULT_RECORD_WRITTEN);
	if (used.bytes > ph_quota_notable(&wanted->quota))
		ph_mdb_warn(mdb, mailbox, wanted, maildir->host, now);
	return PH_STORE_OK;
}

static bool
is_failure(enum ph_store_result result)
{
	return result != PH_STORE_OK && result != PH_STORE_DUPLICATE &&
	       result != PH_STORE_OVER;
}

static enum ph_store_result
maildir_commit(void *self, void *p, const struct ph_store_mailbox *wanted,
	       struct ph_err *err)
{
	struct maildir *maildir = self;
	struct message *message = p;
	int64_t now = ph_clock_wall();
	struct ph_mdb_mailbox mailbox;
	struct ph_err why = PH_ERR_INIT;
	enum ph_store_result result;
	int saved;

	/* Counting a mailbox, or looking through it, takes its time. */
	wait_begin(message, PH_STALL_WORK);
	if (ph_mdb_mailbox(message->mdb, &maildir->layout, wanted, now,
			   &mailbox, &why) < 0)
		result = ph_mdb_result(errno, true);
	else
		result = commit(maildir, message, &mailbox, wanted, now, &why);
	saved = errno;
	if (is_failure(result)) {
		ph_err_wrap(&why, "mailbox %s", wanted->address);
		ph_complain(maildir->complaints, message->mdb->dir,
			    message->mdb->name, mailbox.path, saved, &why);
	}
	if (err)
		*err = why;
	ph_mdb_mailbox_close(&mailbox);
	ph_stall_end(message->stall);
	return result;
}

/* ---- the store --------------------------------------------------------- */

static size_t
maildir_look(void *self, ph_stalls_tell *tell, void *context)
{
	const struct maildir *maildir = self;

	return ph_stalls_look(maildir->stalls, ph_clock_mono(), tell, context);
}

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
	ph_place_free(&maildir->layout.place);
	ph_perms_rule_free(&maildir->layout.owners);
	ph_complaints_free(&maildir->complaints);
	ph_stalls_free(&maildir->stalls);
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
    .look = maildir_look,
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

static const char *
or_default(const char *text, const char *value)
{
	return text ? text : value;
}

int
ph_store_maildir(const struct ph_store_maildir_options *options,
		 struct ph_store **store_r, struct ph_err *err)
{
	struct maildir *maildir = g_new0(struct maildir, 1);
	const struct ph_mdb_set_options set = {
	    options->root, options->duplicate_window, options->opened};
	int root;

	maildir->complaints = ph_complaints_new(options->root);
	maildir->stalls = ph_stalls_new(options->stall);
	maildir->host = escape_host(options->host);
	maildir->pid = getpid();
	if (ph_mdb_set_open(&set, &maildir->databases, err) < 0 ||
	    ph_place_parse(or_default(options->path, "{domain}/{local}"),
			   &maildir->layout.place, err) < 0 ||
	    ph_perms_rule_parse(or_default(options->user, ""),
				or_default(options->group, ""),
				or_default(options->mode, "0600"),
				&maildir->layout.owners, err) < 0) {
		maildir_close(maildir);
		return -1;
	}
	root = ph_mdb_set_root(maildir->databases, NULL);
	let_pass(maildir, root, options->root);
	ph_path_close(&root);
	*store_r = ph_store_new(&maildir_ops, maildir);
	return 0;
}
