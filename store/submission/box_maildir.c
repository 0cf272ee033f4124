#include "lib/base/fault.h"
#include "store/mailbox/path.h"
#include "store/submission/box_private.h"

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

/* A rename that replaces nothing, with both directories synced. 1; 0: the name
 * is gone or the other one is there; -1 TEMP. */
static int
move(int from, const char *name, int to, const char *as, enum ph_fault fault,
     struct ph_err *err)
{
	if (renameat2(from, name, to, as, RENAME_NOREPLACE) < 0) {
		if (errno == ENOENT || errno == EEXIST)
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
	r = move(from, name, box->items, name, PH_FAULT_SUBMISSION_CLAIMED,
		 err);
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

static int
maildir_file(struct ph_box *box, const char *name, const char *folder,
	     const char *filed, struct ph_err *err)
{
	int to = ph_box_make_folder(box, folder, "cur", err);
	int r;

	if (to < 0)
		return -1;
	r = move(box->items, name, to, filed, PH_FAULT_SUBMISSION_FILED, err);
	ph_path_close(&to);
	return r < 0 ? -1 : 0;
}

int
ph_box_local_item(struct ph_box *box, const char *name, int *fd_r,
		  struct ph_err *err)
{
	struct stat st;

	if (ph_box_work(box, true, err) < 0)
		return -1;
	*fd_r = openat(box->items, name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*fd_r < 0)
		return errno == ENOENT ? 0 : ph_box_fail("open", name, err);
	if (fstat(*fd_r, &st) == 0 && S_ISREG(st.st_mode))
		return 1;
	ph_path_close(fd_r);
	return 0;
}

const struct ph_box_kind ph_box_maildir = {
    .items = maildir_items,
    .claim = maildir_claim,
    .release = maildir_release,
    .item = ph_box_local_item,
    .complete = ph_box_local_complete,
    .file = maildir_file,
    .notice = ph_box_maildir_notice,
};
