#include "lib/base/file.h"
#include "store/mailbox/folder.h"
#include "store/mailbox/path.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The file is names without the dot in front, a line each; or, of its version
 * 2, "V<tab>2" and an empty line before names whose levels are separated by
 * tabs. Who writes it makes the lock file, which becomes the new file by
 * rename.
 */
enum {
	FILE_LIMIT = 1 << 20,
	LOCK_STALE = 30, /* seconds, as Dovecot counts */
};

#define VERSION_2 "V\t2\n\n"

static int
fail(const char *what, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "subscriptions: cannot %s: %s",
			  what, g_strerror(errno));
}

/* All of it, "" if there is none. */
static char *
read_file(int mailbox, struct ph_err *err)
{
	g_autofree char *text = NULL;
	struct stat st;
	ssize_t n = -1;
	int fd = openat(mailbox, "subscriptions",
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return g_strdup(VERSION_2);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= FILE_LIMIT) {
		text = g_malloc0((size_t)st.st_size + 1);
		n = read(fd, text, (size_t)st.st_size);
	} else if (fd >= 0) {
		errno = EFBIG;
	}
	if (n < 0)
		fail("read it", err);
	ph_path_close(&fd);
	return n < 0 ? NULL : g_steal_pointer(&text);
}

static bool
has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, line, n) == 0 && (p[n] == '\n' || p[n] == '\0'))
			return true;
		if (!*p)
			break;
	}
	return false;
}

/* A lock that was left behind is older than anybody holds it. */
static int
take_lock(int mailbox, const struct ph_perms *owner, struct ph_err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	int fd = openat(mailbox, "subscriptions.lock", flags, 0600);

	if (fd < 0 && errno == EEXIST &&
	    fstatat(mailbox, "subscriptions.lock", &st, AT_SYMLINK_NOFOLLOW) ==
		0 &&
	    st.st_mtime < g_get_real_time() / G_USEC_PER_SEC - LOCK_STALE) {
		unlinkat(mailbox, "subscriptions.lock", 0);
		fd = openat(mailbox, "subscriptions.lock", flags, 0600);
	}
	if (fd < 0)
		return fail("lock it", err);
	if (ph_perms_give(fd, owner, false) == 0)
		return fd;
	fail("give it away", err);
	unlinkat(mailbox, "subscriptions.lock", 0);
	ph_path_close(&fd);
	return -1;
}

/* 1: the lock has become the file; 0: nothing to do, -1. */
static int
rewrite(int mailbox, int lock, const char *component, struct ph_err *err)
{
	g_autofree char *text = read_file(mailbox, err);
	g_autofree char *line = g_strdup(component + 1);
	g_autofree char *whole = NULL;

	if (!text)
		return -1;
	if (g_str_has_prefix(text, VERSION_2))
		g_strdelimit(line, ".", '\t');
	if (has_line(text, line))
		return 0;
	whole = g_strdup_printf(
	    "%s%s%s\n", text,
	    *text && !g_str_has_suffix(text, "\n") ? "\n" : "", line);
	if (ph_file_write(lock, whole, strlen(whole)) < 0 || fsync(lock) < 0 ||
	    renameat(mailbox, "subscriptions.lock", mailbox, "subscriptions") <
		0)
		return fail("write it", err);
	return 1;
}

int
ph_folder_subscribe(int mailbox, const char *component,
		    const struct ph_perms *owner, struct ph_err *err)
{
	int lock = take_lock(mailbox, owner, err);
	int r;

	if (lock < 0)
		return -1;
	r = rewrite(mailbox, lock, component, err);
	if (r != 1)
		unlinkat(mailbox, "subscriptions.lock", 0);
	ph_path_close(&lock);
	return r;
}
