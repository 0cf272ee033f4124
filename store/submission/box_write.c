#include "lib/base/fault.h"
#include "lib/base/file.h"
#include "store/mailbox/folder.h"
#include "store/mailbox/path.h"
#include "store/submission/box_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)65536)
#define STATE_LIMIT ((off_t)64 * 1024 * 1024)

/* ---- folders ----------------------------------------------------------- */

/* The Inbox, with all its parts. Descriptor or -1. */
static int
make_inbox(struct ph_box *box, struct ph_err *err)
{
	if (ph_folder_make_parts(box->dir, &box->owner, err) < 0)
		return -1;
	if (fsync(box->dir) < 0)
		return ph_box_fail("sync", "the Inbox", err);
	return dup(box->dir);
}

int
ph_box_make_folder(struct ph_box *box, const char *folder, const char *part,
		   struct ph_err *err)
{
	int fd, dir;

	if (ph_box_folder(box, folder, part, &fd, err) == 1)
		return fd;
	dir = folder == NULL
		  ? make_inbox(box, err)
		  : ph_folder_make(box->dir, folder, &box->owner, NULL, err);
	if (dir < 0)
		return -1;
	fd = ph_path_open(dir, part, false, err);
	ph_path_close(&dir);
	return fd;
}

/* ---- files ------------------------------------------------------------- */

int
ph_box_open_tmp(struct ph_box *box, const char *name, struct ph_err *err)
{
	int fd;

	if (ph_box_work(box, true, err) < 0)
		return -1;
	/* What a dead process left under this name is of no use. */
	unlinkat(box->tmp, name, 0);
	fd = openat(box->tmp, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? ph_box_fail("make", name, err) : fd;
}

/* A message that will be its owner's. */
static int
give(const struct ph_box *box, int fd, const char *name, struct ph_err *err)
{
	return ph_perms_give(fd, &box->owner, false) < 0
		   ? ph_box_fail("give away", name, err)
		   : 0;
}

/* Makes durable what is whole (r is 0), and closes it. r, or -1. */
static int
end_tmp(int fd, const char *name, int r, struct ph_err *err)
{
	if (r == 0 && fsync(fd) < 0)
		r = ph_box_fail("sync", name, err);
	ph_path_close(&fd);
	return r;
}

static int
write_tmp(struct ph_box *box, const char *name, const char *text, size_t size,
	  bool message, struct ph_err *err)
{
	int fd = ph_box_open_tmp(box, name, err), r;

	if (fd < 0)
		return -1;
	r = ph_file_write(fd, text, size) < 0 ? ph_box_fail("write", name, err)
					      : 0;
	if (r == 0 && message)
		r = give(box, fd, name, err);
	return end_tmp(fd, name, r, err);
}

static int
copy_after(int from, int to, const char *lines, struct ph_err *err)
{
	g_autofree char *piece = g_malloc(PIECE);
	off_t at = 0;
	ssize_t n;

	if (ph_file_write(to, lines, strlen(lines)) < 0)
		return ph_box_fail("write", "the message", err);
	while ((n = pread(from, piece, PIECE, at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ph_box_fail("read", "the message", err);
		if (ph_file_write(to, piece, (size_t)n) < 0)
			return ph_box_fail("write", "the message", err);
		at += n;
	}
	return 0;
}

/* A Maildir's file keeps its time: programs show it as the time of arrival. */
static int
keep_time(int from, int to)
{
	struct stat st;

	if (fstat(from, &st) < 0)
		return -1;
	return futimens(to, (struct timespec[]){st.st_atim, st.st_mtim});
}

int
ph_box_local_complete(struct ph_box *box, const char *name, const char *lines,
		      struct ph_err *err)
{
	uint64_t size;
	int from, to, r;

	r = ph_box_local_item(box, name, &from, &size, err);
	if (r != 1)
		return -1;
	to = ph_box_open_tmp(box, name, err);
	r = to < 0 ? -1 : copy_after(from, to, lines, err);
	if (r == 0)
		r = give(box, to, name, err);
	if (r == 0 && (keep_time(from, to) < 0 || fsync(to) < 0))
		r = ph_box_fail("sync", name, err);
	ph_path_close(&to);
	ph_path_close(&from);
	if (r == 0 && renameat(box->tmp, name, box->items, name) < 0)
		r = ph_box_fail("replace", name, err);
	ph_fault(PH_FAULT_SUBMISSION_COMPLETED);
	if (r == 0 && fsync(box->items) < 0)
		r = ph_box_fail("sync", name, err);
	return r;
}

int
ph_box_substitute(struct ph_box *box, const char *name, ph_box_write write,
		  void *context, struct ph_err *err)
{
	int fd = ph_box_open_tmp(box, name, err), r;

	if (fd < 0)
		return -1;
	r = write(fd, context, err);
	if (r == 0)
		r = give(box, fd, name, err);
	return end_tmp(fd, name, r, err);
}

/* ---- notices ----------------------------------------------------------- */

/* In cur a name has flags. */
static int
has_notice(int cur, const char *base, struct ph_err *err)
{
	g_autoptr(GPtrArray) names = ph_box_list(cur, err);
	bool found = false;

	if (names == NULL)
		return -1;
	for (guint i = 0; i < names->len && !found; i++) {
		g_autofree char *other = ph_box_base(names->pdata[i]);

		found = strcmp(other, base) == 0;
	}
	return found;
}

int
ph_box_maildir_notice(struct ph_box *box, const char *name, const char *text,
		      size_t size, struct ph_err *err)
{
	int to = ph_box_make_folder(box, NULL, "new", err);
	int cur = to < 0 ? -1 : ph_box_make_folder(box, NULL, "cur", err);
	int r = cur < 0 ? -1 : has_notice(cur, name, err);

	ph_path_close(&cur);
	/* Who died here has left another name of it. */
	if (r == 1 && ph_box_work(box, true, NULL) == 1)
		unlinkat(box->tmp, name, 0);
	if (r == 0 && write_tmp(box, name, text, size, true, err) < 0)
		r = -1;
	if (r == 0 && linkat(box->tmp, name, to, name, 0) < 0 &&
	    errno != EEXIST)
		r = ph_box_fail("link", name, err);
	if (r == 0) {
		ph_fault(PH_FAULT_SUBMISSION_NOTICE);
		unlinkat(box->tmp, name, 0);
		if (fsync(to) < 0)
			r = ph_box_fail("sync", "the Inbox", err);
	}
	ph_path_close(&to);
	return r < 0 ? -1 : 0;
}

/* ---- states ------------------------------------------------------------ */

int
ph_box_save(struct ph_box *box, const char *base, const char *text,
	    struct ph_err *err)
{
	if (write_tmp(box, base, text, strlen(text), false, err) < 0)
		return -1;
	ph_fault(PH_FAULT_SUBMISSION_STATE);
	if (renameat(box->tmp, base, box->state, base) < 0 ||
	    fsync(box->state) < 0)
		return ph_box_fail("save the state of", base, err);
	return 0;
}

int
ph_box_load(struct ph_box *box, const char *base, char **text_r, size_t *size_r,
	    struct ph_err *err)
{
	struct stat st;
	ssize_t n;
	int fd;

	if (ph_box_work(box, true, err) < 0)
		return -1;
	fd = openat(box->state, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : ph_box_fail("open", base, err);
	if (fstat(fd, &st) < 0 || st.st_size > STATE_LIMIT) {
		ph_path_close(&fd);
		return ph_err_set(err, PH_ERR_TEMP,
				  "the state of %s is no such file", base);
	}
	*text_r = g_malloc0((gsize)st.st_size + 1);
	n = pread(fd, *text_r, (size_t)st.st_size, 0);
	ph_path_close(&fd);
	if (n != (ssize_t)st.st_size) {
		g_clear_pointer(text_r, g_free);
		return ph_box_fail("read the state of", base, err);
	}
	*size_r = (size_t)n;
	return 1;
}

void
ph_box_forget(struct ph_box *box, const char *base)
{
	if (ph_box_work(box, false, NULL) == 1)
		unlinkat(box->state, base, 0);
}

static void
sweep(int dir, bool (*keep)(const char *base, const void *context),
      const void *context)
{
	g_autoptr(GPtrArray) names = ph_box_list(dir, NULL);

	for (guint i = 0; names != NULL && i < names->len; i++)
		if (!keep(names->pdata[i], context))
			unlinkat(dir, names->pdata[i], 0);
}

void
ph_box_sweep(struct ph_box *box,
	     bool (*keep)(const char *base, const void *context),
	     const void *context)
{
	if (ph_box_work(box, false, NULL) != 1)
		return;
	sweep(box->state, keep, context);
	/* A Maildir's items are messages, those of others copies of some. */
	if (box->kind->immutable)
		sweep(box->items, keep, context);
}
