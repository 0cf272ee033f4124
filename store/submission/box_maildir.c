#include "lib/base/fault.h"
#include "store/mailbox/path.h"
#include "store/submission/box_private.h"
#include "store/submission/letter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
maildir_items(struct ph_box *box, GPtrArray **names_r, struct ph_err *err)
{
	if (ph_box_work(box, false, err) < 0)
		return -1;
	*names_r = box->items < 0 ? g_ptr_array_new_with_free_func(g_free)
				  : ph_box_list(box->items, err);
	return *names_r == NULL ? -1 : 0;
}

/* errno is kept. */
static bool
is_there(int dir, const char *name)
{
	int saved = errno;
	struct stat st;
	bool is = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;

	errno = saved;
	return is;
}

/* 0, or -1 with errno. ZFS before 2.2, Ceph and NFS cannot do both in one step;
 * each of our names is made once, so that nobody makes it in between. */
static int
rename_new(int from, const char *name, int to, const char *as)
{
	struct stat st;

	if (renameat2(from, name, to, as, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(to, as, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	return errno == ENOENT ? renameat(from, name, to, as) : -1;
}

/* A rename that replaces nothing, with both directories synced. 1; 0: the name
 * is gone or the other one is there; -1 TEMP. */
static int
move(int from, const char *name, int to, const char *as, enum ph_fault fault,
     struct ph_err *err)
{
	if (rename_new(from, name, to, as) < 0) {
		/* Else it is the directory that is gone. */
		if (errno == EEXIST ||
		    (errno == ENOENT && !is_there(from, name)))
			return 0;
		return ph_box_fail("move", name, err);
	}
	ph_fault(fault);
	/* First the new entry: between the two it may be in both places, but
	 * never in none. */
	if (fsync(to) < 0 || fsync(from) < 0)
		return ph_box_fail("sync the directory of", name, err);
	return 1;
}

static const char *
outbox_part(const char *name)
{
	return strstr(name, ":2,") != NULL ? "cur" : "new";
}

/* This process may read what the mailbox's owner may not, and a link makes it
 * one of his files. 0, -1. */
static int
check_owner(const struct ph_box *box, const struct stat *st, struct ph_err *err)
{
	if (box->owner.uid == ph_perms_self.uid ||
	    st->st_uid == box->owner.uid || st->st_uid == geteuid())
		return 0;
	return ph_err_set(err, PH_ERR_TEMP,
			  "it is a file of somebody else, user %u",
			  (unsigned)st->st_uid);
}

/* Where it is its owner sees that it is not sent. */
static int
claim_own(struct ph_box *box, int from, const char *name, struct ph_err *err)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    check_owner(box, &st, err) < 0)
		return -1;
	return move(from, name, box->items, name, PH_FAULT_SUBMISSION_CLAIMED,
		    err);
}

static int
maildir_claim(struct ph_box *box, const char *part, const char *name,
	      struct ph_err *err)
{
	int from, r;

	if (ph_box_work(box, true, err) < 0)
		return -1;
	r = ph_box_folder(box, ".Outbox", part, &from, err);
	if (r != 1)
		return r;
	r = claim_own(box, from, name, err);
	ph_path_close(&from);
	return r;
}

static int
maildir_release(struct ph_box *box, const char *name, struct ph_err *err)
{
	int to = ph_box_make_folder(box, ".Outbox", outbox_part(name), err);
	int r;

	if (to < 0)
		return -1;
	r = move(box->items, name, to, name, PH_FAULT_SUBMISSION_RELEASED, err);
	ph_path_close(&to);
	return r;
}

/* With its substitute, if that is not where it belongs. */
static int
maildir_drop(struct ph_box *box, const char *name, struct ph_err *err)
{
	unlinkat(box->tmp, name, 0);
	if (unlinkat(box->items, name, 0) < 0 && errno != ENOENT)
		return ph_box_fail("remove", name, err);
	return fsync(box->items) < 0 ? ph_box_fail("sync", name, err) : 0;
}

static int
maildir_file(struct ph_box *box, const char *name, const char *folder,
	     const char *filed, bool substitute, struct ph_err *err)
{
	int to = ph_box_make_folder(box, folder, "cur", err);
	int r;

	if (to < 0)
		return -1;
	r = move(substitute ? box->tmp : box->items, name, to, filed,
		 PH_FAULT_SUBMISSION_FILED, err);
	ph_path_close(&to);
	/* It may be in both places, and would be taken for a new one. */
	if (r == 0 || (r == 1 && substitute))
		r = maildir_drop(box, name, err);
	return r < 0 ? -1 : 0;
}

/* ---- what is there already --------------------------------------------- */

static bool
is_value(const char *value, const char *wanted)
{
	g_autofree char *copy = g_strdup(value);

	return copy != NULL && strcmp(g_strstrip(copy), wanted) == 0;
}

bool
ph_box_is(const struct ph_headers *headers, const char *id, const char *date)
{
	return is_value(ph_headers_raw(headers, "Message-ID", 0), id) &&
	       is_value(ph_headers_raw(headers, "Date", 0), date);
}

static bool
is_message(int dir, const char *name, const char *id, const char *date)
{
	int fd =
	    openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct ph_letter *letter = NULL;
	bool is = fd >= 0 && ph_letter_peek(fd, &letter, NULL) == 1 &&
		  ph_box_is(letter->headers, id, date);

	ph_letter_free(&letter);
	ph_path_close(&fd);
	return is;
}

/* A Maildir's names begin with the time: of a large folder only what is new is
 * opened. */
static int
maildir_holds(struct ph_box *box, const char *folder, const char *id,
	      const char *date, int64_t since, struct ph_err *err)
{
	static const char *const parts[] = {"new", "cur"};
	int found = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(parts) && found == 0; i++) {
		g_autoptr(GPtrArray) names = NULL;
		int dir, r = ph_box_folder(box, folder, parts[i], &dir, err);

		if (r < 0)
			return -1;
		if (r == 0)
			continue;
		names = ph_box_list(dir, err);
		for (guint k = 0; names != NULL && k < names->len && !found;
		     k++)
			found = g_ascii_strtoll(names->pdata[k], NULL, 10) >=
				    since &&
				is_message(dir, names->pdata[k], id, date);
		ph_path_close(&dir);
		if (names == NULL)
			return -1;
	}
	return found;
}

int
ph_box_local_item(struct ph_box *box, const char *name, int *fd_r,
		  uint64_t *size_r, struct ph_err *err)
{
	struct stat st;

	if (ph_box_work(box, true, err) < 0)
		return -1;
	*fd_r = openat(box->items, name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*fd_r < 0)
		return errno == ENOENT || errno == ELOOP
			   ? 0
			   : ph_box_fail("open", name, err);
	if (fstat(*fd_r, &st) == 0 && S_ISREG(st.st_mode)) {
		*size_r = (uint64_t)st.st_size;
		return 1;
	}
	ph_path_close(fd_r);
	return 0;
}

/* After the power failed it may be in the Outbox as well (see move), and would
 * be sent once more from there. 0, -1. */
static int
remove_twin(struct ph_box *box, const char *part, const char *name,
	    const struct stat *item, struct ph_err *err)
{
	struct stat st;
	int dir, r = ph_box_folder(box, ".Outbox", part, &dir, err);

	if (r != 1)
		return r;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == item->st_dev && st.st_ino == item->st_ino &&
	    (unlinkat(dir, name, 0) < 0 || fsync(dir) < 0))
		r = ph_box_fail("remove from the Outbox", name, err);
	ph_path_close(&dir);
	return r < 0 ? -1 : 0;
}

static int
maildir_item(struct ph_box *box, const char *name, uint64_t limit, int *fd_r,
	     uint64_t *size_r, struct ph_err *err)
{
	struct stat st;
	int r = ph_box_local_item(box, name, fd_r, size_r, err);

	(void)limit;
	if (r != 1)
		return r;
	if (fstat(*fd_r, &st) < 0)
		r = ph_box_fail("look at", name, err);
	else if (check_owner(box, &st, err) < 0 ||
		 (st.st_nlink > 1 &&
		  (remove_twin(box, "new", name, &st, err) < 0 ||
		   remove_twin(box, "cur", name, &st, err) < 0)))
		r = -1;
	if (r < 0)
		ph_path_close(fd_r);
	return r;
}

const struct ph_box_kind ph_box_maildir = {
    .items = maildir_items,
    .claim = maildir_claim,
    .release = maildir_release,
    .item = maildir_item,
    .complete = ph_box_local_complete,
    .file = maildir_file,
    .holds = maildir_holds,
    .drop = maildir_drop,
    .notice = ph_box_maildir_notice,
};
