#include "store/submission/box.h"

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

char *
ph_box_name_key(const struct ph_box_name *name)
{
	return g_strjoin("/", name->database, name->domain, name->local, NULL);
}

/* The inverse of ph_path_component; false: a digest, or none of its names. */
static bool
unescape(const char *component, GString *out)
{
	int byte;

	for (const char *p = component; *p != '\0'; p++) {
		if (*p != '%') {
			if (*p == '~')
				return false;
			g_string_append_c(out, *p);
			continue;
		}
		byte = ph_hex_byte(p + 1);
		if (byte < 0)
			return false;
		g_string_append_c(out, (char)byte);
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

struct ph_box *
ph_box_new(const struct ph_box_kind *kind, int dir)
{
	struct ph_box *box = g_new0(struct ph_box, 1);

	box->kind = kind;
	box->dir = dir;
	box->items = box->state = box->tmp = -1;
	box->owner = ph_perms_self;
	return box;
}

int
ph_box_root(const char *root, struct ph_err *err)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? ph_box_fail("open", root, err) : fd;
}

int
ph_box_open(const char *root, const struct ph_box_name *name,
	    struct ph_box **box_r, struct ph_err *err)
{
	g_autofree char *database = ph_path_component(name->database);
	const char *const path[] = {database, name->domain, name->local, NULL};
	int fd = ph_box_root(root, err);
	int dir;

	if (fd < 0)
		return -1;
	dir = ph_path_walk(fd, path, false, false, err);
	ph_path_close(&fd);
	if (dir < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	*box_r = ph_box_new(&ph_box_maildir, dir);
	return 1;
}

void
ph_box_close(struct ph_box **box)
{
	if (*box == NULL)
		return;
	if ((*box)->kind->close != NULL)
		(*box)->kind->close((*box)->self);
	ph_path_close(&(*box)->items);
	ph_path_close(&(*box)->state);
	ph_path_close(&(*box)->tmp);
	ph_path_close(&(*box)->dir);
	g_free(*box);
	*box = NULL;
}

void
ph_box_own(struct ph_box *box, const struct ph_perms *owner)
{
	box->owner = *owner;
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

/* Who owns the mailbox could have made it. */
static int
open_own(struct ph_box *box, bool make, struct ph_err *err)
{
	static const char *const path[] = {".posthub-submission", NULL};
	int fd = ph_path_walk(box->dir, path, make, make, err);
	struct stat st;

	if (fd < 0 || (fstat(fd, &st) == 0 && st.st_uid == geteuid()))
		return fd;
	ph_path_close(&fd);
	errno = EPERM;
	return ph_err_set(err, PH_ERR_TEMP, "%s belongs to somebody else",
			  path[0]);
}

int
ph_box_work(struct ph_box *box, bool make, struct ph_err *err)
{
	static const char *const names[] = {"items", "state", "tmp"};
	int *const fds[] = {&box->items, &box->state, &box->tmp};
	int own, r = 1;

	if (box->items >= 0 && box->state >= 0 && box->tmp >= 0)
		return 1;
	own = open_own(box, make, err);
	if (own < 0)
		return !make && errno == ENOENT ? 0 : -1;
	for (size_t i = 0; i < G_N_ELEMENTS(names) && r == 1; i++) {
		const char *const path[] = {names[i], NULL};

		if (*fds[i] < 0)
			*fds[i] = ph_path_walk(own, path, make, make, err);
		if (*fds[i] < 0)
			r = !make && errno == ENOENT ? 0 : -1;
	}
	ph_path_close(&own);
	return r;
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

/* ---- by kind ----------------------------------------------------------- */

bool
ph_box_immutable(const struct ph_box *box)
{
	return box->kind->immutable;
}

int
ph_box_items(struct ph_box *box, GPtrArray **names_r, struct ph_err *err)
{
	return box->kind->items(box, names_r, err);
}

int
ph_box_claim(struct ph_box *box, const char *part, const char *name,
	     struct ph_err *err)
{
	return box->kind->claim(box, part, name, err);
}

int
ph_box_release(struct ph_box *box, const char *name, struct ph_err *err)
{
	return box->kind->release(box, name, err);
}

int
ph_box_item(struct ph_box *box, const char *name, uint64_t limit, int *fd_r,
	    uint64_t *size_r, struct ph_err *err)
{
	return box->kind->item(box, name, limit, fd_r, size_r, err);
}

int
ph_box_complete(struct ph_box *box, const char *name, const char *lines,
		struct ph_err *err)
{
	return box->kind->complete(box, name, lines, err);
}

int
ph_box_file(struct ph_box *box, const char *name, const char *folder,
	    const char *filed, bool substitute, struct ph_err *err)
{
	return box->kind->file(box, name, folder, filed, substitute, err);
}

int
ph_box_holds(struct ph_box *box, const char *folder, const char *id,
	     const char *date, int64_t since, struct ph_err *err)
{
	return box->kind->holds(box, folder, id, date, since, err);
}

int
ph_box_drop(struct ph_box *box, const char *name, struct ph_err *err)
{
	return box->kind->drop(box, name, err);
}

int
ph_box_notice(struct ph_box *box, const char *name, const char *text,
	      size_t size, struct ph_err *err)
{
	return box->kind->notice(box, name, text, size, err);
}
