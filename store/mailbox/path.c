#include "store/mailbox/path.h"

#include "lib/base/file.h"
#include "lib/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	COMPONENT_LIMIT = 200, /* of NAME_MAX 255 */
	DIGEST_TEXT = 32,
};

static bool
safe(const char *name, size_t i)
{
	if (name[i] == '.')
		return i > 0;
	return g_ascii_isgraph(name[i]) && !strchr("/%~:", name[i]);
}

static char *
escape(const char *name)
{
	GString *out = g_string_new(NULL);

	if (!*name)
		g_string_append_c(out, '%');
	for (size_t i = 0; name[i]; i++)
		if (safe(name, i))
			g_string_append_c(out, name[i]);
		else
			g_string_append_printf(out, "%%%02X",
					       (unsigned char)name[i]);
	return g_string_free(out, FALSE);
}

char *
ph_path_component(const char *name)
{
	g_autofree char *folded = ph_fold(name);
	g_autofree char *escaped = escape(folded);
	g_autofree char *digest = NULL;

	if (strlen(escaped) <= COMPONENT_LIMIT)
		return g_steal_pointer(&escaped);
	digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, folded, -1);
	return g_strdup_printf("%.*s~%.*s", COMPONENT_LIMIT - DIGEST_TEXT - 1,
			       escaped, DIGEST_TEXT, digest);
}

void
ph_path_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static int
fail(const char *what, const char *component, struct ph_err *err)
{
	int saved = errno;

	ph_err_set(err, PH_ERR_TEMP, "%s %s: %s", what, component,
		   g_strerror(saved));
	errno = saved;
	return -1;
}

/* Links and files in the place of a directory look alike to open: ENOTDIR. */
static int
fail_open(int dir, const char *component, struct ph_err *err)
{
	int saved = errno;
	struct stat st;

	if (saved != ENOTDIR ||
	    fstatat(dir, component, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISLNK(st.st_mode)) {
		errno = saved;
		return fail("cannot open directory", component, err);
	}
	ph_err_set(err, PH_ERR_TEMP, "%s is a symbolic link", component);
	errno = saved;
	return -1;
}

int
ph_path_open(int dir, const char *component, bool make, struct ph_err *err)
{
	int fd;

	if (make && mkdirat(dir, component, 0700) < 0 && errno != EEXIST)
		return fail("cannot make directory", component, err);
	fd = openat(dir, component,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail_open(dir, component, err) : fd;
}

static bool
is_left(const struct stat *st, const struct ph_perms *owner)
{
	return owner->uid != ph_perms_self.uid && owner->uid != st->st_uid &&
	       st->st_uid == geteuid();
}

int
ph_path_make(int dir, const char *component, const struct ph_perms *owner,
	     bool *made_r, struct ph_err *err)
{
	bool made = mkdirat(dir, component, 0700) == 0;
	struct stat st;
	int fd;

	if (made_r)
		*made_r = made;
	if (!made && errno != EEXIST)
		return fail("cannot make directory", component, err);
	fd = ph_path_open(dir, component, false, err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fd;
	if ((made || is_left(&st, owner)) &&
	    ph_perms_give(fd, owner, true) < 0) {
		fail("cannot give away directory", component, err);
		ph_path_close(&fd);
	}
	return fd;
}

int
ph_path_walk(int dir, const char *const *components, bool make, bool sync,
	     struct ph_err *err)
{
	int parent = dir, fd = -1;

	for (; *components; components++) {
		fd = ph_path_open(parent, *components, make, err);
		if (fd >= 0 && sync && fsync(parent) < 0) {
			fail("cannot sync the directory of", *components, err);
			ph_path_close(&fd);
		}
		if (parent != dir)
			ph_path_close(&parent);
		if (fd < 0)
			return -1;
		parent = fd;
	}
	return fd;
}

int
ph_path_replace(int dir, const char *name, const char *text,
		const struct ph_perms *owner)
{
	g_autofree char *other =
	    g_strdup_printf("%s.P%dR%08x", name, (int)getpid(), g_random_int());
	int fd = openat(dir, other,
			O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int saved;

	if (fd < 0)
		return -1;
	if (ph_perms_give(fd, owner, false) == 0 &&
	    ph_file_write(fd, text, strlen(text)) == 0 &&
	    renameat(dir, other, dir, name) == 0)
		return fd;
	saved = errno;
	unlinkat(dir, other, 0);
	ph_path_close(&fd);
	errno = saved;
	return -1;
}

static bool
has_no_inodes(int fd)
{
	struct statvfs st;

	return fd >= 0 && fstatvfs(fd, &st) == 0 && st.f_files > 0 &&
	       st.f_favail == 0 && st.f_bavail > 0;
}

const char *
ph_path_remedy(int error, int fd)
{
	switch (error) {
	case ENOSPC:
		return has_no_inodes(fd)
			   ? "the file system has no inodes left: remove files "
			     "or enlarge it"
			   : "the file system is full: free some space or "
			     "enlarge it";
	case EDQUOT:
		return "raise the user's quota of the file system";
	case EROFS:
		return "mount the file system for writing";
	case EACCES:
	case EPERM:
		return "the daemon's user must own what is there, see "
		       "mailbox_user";
	case ELOOP:
	case ENOTDIR:
		return "put a directory in its place: links are not followed";
	case EXDEV:
		return "tmp, new and cur of a folder must be in one file "
		       "system";
	case ENOMEDIUM:
		return "mount the store; if the database is gone for good, "
		       "remove its line from the file \"stores\" in "
		       "state_dir and restart";
	case EIO:
		return "check the disk";
	default:
		return "";
	}
}
