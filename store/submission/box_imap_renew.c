#include "store/submission/box_imap.h"

#include "lib/base/file.h"
#include "store/mailbox/path.h"
#include "store/submission/box_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The lines that ph_letter_missing adds. */
#define ADDED_LIMIT 1024
#define PIECE 65536

/* ---- names of another life ---------------------------------------------- */

/* "7." of "7.42". */
static size_t
validity_size(const char *name)
{
	return strspn(name, "0123456789") + 1;
}

/* Those with a state that are not of the Outbox as it is now; NULL with err. */
static GPtrArray *
find_old(struct ph_box *box, const char *current, struct ph_err *err)
{
	GPtrArray *names = ph_box_list(box->state, err);

	for (guint i = names != NULL ? names->len : 0; i > 0; i--)
		if (strncmp(names->pdata[i - 1], current,
			    validity_size(current)) == 0)
			g_ptr_array_remove_index(names, i - 1);
	return names;
}

static bool
is_in(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- the same message --------------------------------------------------- */

/* From where they stand to their ends; neither need fit into memory. 1, 0, -1
 * with errno. */
static int
same_rest(int a, int b)
{
	char in_a[PIECE], in_b[PIECE];
	ssize_t n, m;

	do {
		n = ph_file_read(a, in_a, sizeof in_a);
		m = ph_file_read(b, in_b, sizeof in_b);
		if (n < 0 || m < 0)
			return -1;
		if (n != m || memcmp(in_a, in_b, (size_t)n) != 0)
			return 0;
	} while (n > 0);
	return 1;
}

/* The copy may have lines in front that were added to it. */
static int
same_but_for(int copy, uint64_t added, int text)
{
	char first[sizeof("Message-ID: ")] = "";

	if (added > 0 && ph_file_read(copy, first, sizeof(first) - 1) < 0)
		return -1;
	if (added > 0 && !g_str_has_prefix(first, "Date: ") &&
	    !g_str_has_prefix(first, "Message-ID: "))
		return 0;
	return lseek(copy, (off_t)added, SEEK_SET) < 0 ? -1
						       : same_rest(copy, text);
}

/* Of so many bytes it may be, with what was added to our copy in front. */
static bool
may_be(const struct ph_box *box, const char *old, uint64_t size)
{
	struct stat st;

	return fstatat(box->items, old, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (uint64_t)st.st_size >= size &&
	       (uint64_t)st.st_size - size <= ADDED_LIMIT;
}

/* The message that is in the Outbox now is in tmp, by its name. 1, 0, -1. */
static int
is_same(struct ph_box *box, const char *old, const char *name, uint64_t size,
	struct ph_err *err)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	int copy, text, r = -1;

	if (!may_be(box, old, size))
		return 0;
	copy = openat(box->items, old, flags);
	text = openat(box->tmp, name, flags);
	if (copy >= 0 && text >= 0 && fstat(copy, &st) == 0)
		r = same_but_for(copy, (uint64_t)st.st_size - size, text);
	if (r < 0)
		ph_box_fail("compare", old, err);
	ph_path_close(&copy);
	ph_path_close(&text);
	return r;
}

static int
fetch(struct ph_box *box, const char *name, uint32_t uid, uint64_t size,
      struct ph_err *err)
{
	int tmp = ph_box_open_tmp(box, name, err);
	int r = tmp < 0 ? -1
			: ph_imap_fetch(ph_box_imap_session(box), uid, size,
					tmp, err);

	ph_path_close(&tmp);
	return r;
}

/* ---- one after the other ------------------------------------------------ */

/* The copy first, and the old one last: who dies meanwhile does it again. */
static int
rename_item(struct ph_box *box, const char *old, const char *name,
	    struct ph_err *err)
{
	unlinkat(box->items, name, 0);
	if (linkat(box->items, old, box->items, name, 0) < 0 ||
	    fsync(box->items) < 0 ||
	    renameat(box->state, old, box->state, name) < 0 ||
	    fsync(box->state) < 0)
		return ph_box_fail("rename", old, err);
	unlinkat(box->items, old, 0);
	/* It is made anew. */
	unlinkat(box->tmp, old, 0);
	return 0;
}

/* Whichever it is; it is not among the old ones any more. 0, -1. */
static int
find_same(struct ph_box *box, const char *name, uint64_t size, GPtrArray *olds,
	  struct ph_err *err)
{
	for (guint i = 0; i < olds->len; i++) {
		int r = is_same(box, olds->pdata[i], name, size, err);

		if (r < 0 ||
		    (r == 1 && rename_item(box, olds->pdata[i], name, err) < 0))
			return -1;
		if (r == 0)
			continue;
		g_ptr_array_remove_index(olds, i);
		return 0;
	}
	return 0;
}

static int
renew(struct ph_box *box, const char *name, GPtrArray *olds, struct ph_err *err)
{
	const uint32_t uid =
	    (uint32_t)g_ascii_strtoull(name + validity_size(name), NULL, 10);
	struct ph_imap_stat stat;
	bool any = false;
	int r;

	if (is_in(box->state, name))
		return 0;
	r = ph_imap_stat(ph_box_imap_session(box), uid, &stat, err);
	if (r != 1)
		return r;
	for (guint i = 0; i < olds->len && !any; i++)
		any = may_be(box, olds->pdata[i], stat.size);
	if (!any)
		return 0;
	r = fetch(box, name, uid, stat.size, err);
	if (r == 1)
		r = find_same(box, name, stat.size, olds, err);
	unlinkat(box->tmp, name, 0);
	return r;
}

int
ph_box_imap_renewed(struct ph_box *box, const char *name, struct ph_err *err)
{
	g_autoptr(GPtrArray) olds = find_old(box, name, err);

	return olds == NULL ? -1 : olds->len > 0;
}

int
ph_box_imap_renew(struct ph_box *box, const GPtrArray *names,
		  struct ph_err *err)
{
	g_autoptr(GPtrArray) olds =
	    names->len > 0 ? find_old(box, names->pdata[0], err) : NULL;

	if (olds == NULL)
		return names->len > 0 ? -1 : 0;
	for (guint i = 0; i < names->len && olds->len > 0; i++)
		if (renew(box, names->pdata[i], olds, err) < 0)
			return -1;
	return 0;
}
