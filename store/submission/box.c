#include "store/submission/box.h"

#include "lib/base/fault.h"
#include "lib/base/text.h"
#include "store/mailbox/path.h"
#include "store/submission/box_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names ------------------------------------------------------------- */

struct ph_box_name *
ph_box_name_new(const char *database, const char *domain, const char *local)
{
	struct ph_box_name *name = g_new0(struct ph_box_name, 1);

	name->database = g_strdup(database);
	name->domain = g_strdup(domain);
	name->local = g_strdup(local);
	return name;
}

struct ph_box_name *
ph_box_name_copy(const struct ph_box_name *name)
{
	return ph_box_name_new(name->database, name->domain, name->local);
}

void
ph_box_name_free(struct ph_box_name **name)
{
	if (*name == NULL)
		return;
	g_free((*name)->database);
	g_free((*name)->domain);
	g_free((*name)->local);
	g_free(*name);
	*name = NULL;
}

/* The inverse of ph_path_component; false: a digest, or none of its names. */
static bool
unescape(const char *component, GString *out)
{
	for (const char *p = component; *p != '\0'; p++) {
		if (*p != '%') {
			if (*p == '~')
				return false;
			g_string_append_c(out, *p);
			continue;
		}
		if (!g_ascii_isxdigit(p[1]) || !g_ascii_isxdigit(p[2]))
			return false;
		g_string_append_c(out, (char)(g_ascii_xdigit_value(p[1]) * 16 +
					      g_ascii_xdigit_value(p[2])));
		p += 2;
	}
	return true;
}

char *
ph_box_name_address(const struct ph_box_name *name)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *local = NULL, *domain = NULL;

	if (!unescape(name->local, out))
		return NULL;
	g_string_append_c(out, '@');
	if (!unescape(name->domain, out) ||
	    !ph_split_address(out->str, &local, &domain))
		return NULL;
	return g_strdup(out->str);
}

char *
ph_box_base(const char *name)
{
	const char *flags = strstr(name, ":2,");

	return flags == NULL || flags == name
		   ? g_strdup(name)
		   : g_strndup(name, (gsize)(flags - name));
}

/* ---- opening ----------------------------------------------------------- */

int
ph_box_open(int root, const struct ph_box_name *name, struct ph_box **box_r,
	    struct ph_err *err)
{
	g_autofree char *database = ph_path_component(name->database);
	const char *const path[] = {database, name->domain, name->local, NULL};
	int dir = ph_path_walk(root, path, false, false, err);

	if (dir < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	*box_r = g_new0(struct ph_box, 1);
	(*box_r)->dir = dir;
	(*box_r)->items = (*box_r)->state = (*box_r)->tmp = -1;
	return 1;
}

void
ph_box_close(struct ph_box **box)
{
	if (*box == NULL)
		return;
	ph_path_close(&(*box)->items);
	ph_path_close(&(*box)->state);
	ph_path_close(&(*box)->tmp);
	ph_path_close(&(*box)->dir);
	g_free(*box);
	*box = NULL;
}

int
ph_box_dir(const struct ph_box *box)
{
	return box->dir;
}

int
ph_box_folder(const struct ph_box *box, const char *folder, const char *part,
	      int *fd_r, struct ph_err *err)
{
	const char *const in[] = {folder, part, NULL};
	const char *const inbox[] = {part, NULL};

	*fd_r = ph_path_walk(box->dir, folder == NULL ? inbox : in, false,
			     false, err);
	if (*fd_r >= 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
}

int
ph_box_fail(const char *what, const char *name, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "cannot %s %s: %s", what, name,
			  g_strerror(errno));
}

int
ph_box_work(struct ph_box *box, bool make, struct ph_err *err)
{
	static const char *const names[] = {"items", "state", "tmp"};
	int *const fds[] = {&box->items, &box->state, &box->tmp};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		const char *const path[] = {".posthub-submission", names[i],
					    NULL};

		if (*fds[i] >= 0)
			continue;
		*fds[i] = ph_path_walk(box->dir, path, make, make, err);
		if (*fds[i] < 0)
			return !make && errno == ENOENT ? 0 : -1;
	}
	return 1;
}

/* ---- items ------------------------------------------------------------- */

GPtrArray *
ph_box_list(int dir, struct ph_err *err)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (stream == NULL) {
		ph_box_fail("read", "a directory", err);
		ph_path_close(&fd);
		return NULL;
	}
	/* readdir tells its end from an error by errno alone. */
	while ((errno = 0, entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.')
			g_ptr_array_add(names, g_strdup(entry->d_name));
	if (errno != 0) {
		ph_box_fail("read", "a directory", err);
		closedir(stream);
		return NULL;
	}
	closedir(stream);
	return g_steal_pointer(&names);
}

int
ph_box_items(struct ph_box *box, GPtrArray **names_r, struct ph_err *err)
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

int
ph_box_claim(struct ph_box *box, const char *part, const char *name,
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

int
ph_box_release(struct ph_box *box, const char *name, struct ph_err *err)
{
	int to = ph_box_make_folder(box, ".Outbox", outbox_part(name), err);
	int r;

	if (to < 0)
		return -1;
	r = move(box->items, name, to, name, PH_FAULT_SUBMISSION_RELEASED, err);
	ph_path_close(&to);
	return r;
}

int
ph_box_file(struct ph_box *box, const char *name, const char *folder,
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
ph_box_item(struct ph_box *box, const char *name, int *fd_r, struct ph_err *err)
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
