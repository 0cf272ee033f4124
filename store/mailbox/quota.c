#include "store/mailbox/quota.h"

#include "lib/base/file.h"
#include "store/mailbox/path.h"
#include "store/mailbox/quota_limit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME "maildirsize"

enum {
	FILE_LIMIT = 5120, /* bytes; a longer one is counted anew */
	STALE = 15 * 60,   /* seconds after which "full" is doubted */
};

/* What the file says. */
struct size_file {
	struct ph_quota limit, used;
	unsigned lines; /* after the first */
	time_t changed;
	int fd; /* for another line */
};

static int
fail(const char *what, const char *name, struct ph_err *err)
{
	int saved = errno;

	ph_err_set(err, PH_ERR_TEMP, "quota: cannot %s %s: %s", what, name,
		   g_strerror(saved));
	errno = saved;
	return -1;
}

/* ---- the file ---------------------------------------------------------- */

/* "1000S,10C"; what is not understood is no limit, as Dovecot reads it. */
static void
parse_limits(const char *line, struct ph_quota *limit)
{
	g_auto(GStrv) words = g_strsplit(line, ",", -1);

	*limit = (struct ph_quota){0, 0};
	for (char **word = words; *word; word++) {
		char *end;
		int64_t value = g_ascii_strtoll(*word, &end, 10);

		if (value > 0 && strcmp(end, "S") == 0)
			limit->bytes = value;
		else if (value > 0 && strcmp(end, "C") == 0)
			limit->messages = value;
	}
}

/* Courier puts blanks before and after numbers. */
static bool
parse_change(const char *line, struct ph_quota *used)
{
	char *end, *last;
	int64_t bytes = g_ascii_strtoll(line, &end, 10);
	int64_t messages = g_ascii_strtoll(end, &last, 10);

	if (end == line || last == end || last[strspn(last, " \t")] != '\0')
		return false;
	return !__builtin_add_overflow(used->bytes, bytes, &used->bytes) &&
	       !__builtin_add_overflow(used->messages, messages,
				       &used->messages);
}

/* NUL bytes are what a file system may leave after a crash. */
static bool
parse_file(char *text, size_t size, struct size_file *file)
{
	char *last = strrchr(text, '\n');
	g_auto(GStrv) lines = NULL;

	if (!last || last == text || strlen(text) < size)
		return false;
	/* A line that is not complete was cut off by a crash. */
	*last = '\0';
	lines = g_strsplit(text, "\n", -1);
	parse_limits(lines[0], &file->limit);
	for (char **line = lines + 1; *line; line++, file->lines++)
		if (!parse_change(*line, &file->used))
			return false;
	return file->lines > 0 && file->used.bytes >= 0 &&
	       file->used.messages >= 0;
}

/* 1; 0: there is none, or none of use, limit filled in if it could be read;
 * -1. */
static int
read_file(int mailbox, struct size_file *file, struct ph_err *err)
{
	char text[FILE_LIMIT + 1];
	struct stat st;
	ssize_t n;

	memset(file, 0, sizeof(*file));
	file->fd =
	    openat(mailbox, NAME,
		   O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (file->fd < 0)
		return errno == ENOENT ? 0 : fail("open", NAME, err);
	n = read(file->fd, text, sizeof(text) - 1);
	if (n < 0 || fstat(file->fd, &st) < 0)
		return fail("read", NAME, err);
	text[n] = '\0';
	file->changed = st.st_mtime;
	return parse_file(text, (size_t)n, file) && st.st_size < FILE_LIMIT;
}

static int
add_line(int fd, int64_t bytes, int64_t messages, struct ph_err *err)
{
	char line[64];
	int n = g_snprintf(line, sizeof(line), "%" PRId64 " %" PRId64 "\n",
			   bytes, messages);

	if (write(fd, line, (size_t)n) != n)
		return fail("write", NAME, err);
	return 0;
}

/* ---- counting ---------------------------------------------------------- */

struct sum {
	struct ph_quota used;
	/* Of all directories: another one afterwards means that messages came
	 * or went while they were counted. */
	uint64_t stamp;
};

/* The size that a file's name tells, or that of the file. */
static int64_t
size_of(int dir, const char *name)
{
	const char *mark = strstr(name, ",S=");
	struct stat st;
	char *end;

	if (mark && g_ascii_isdigit(mark[3])) {
		int64_t size = g_ascii_strtoll(mark + 3, &end, 10);

		if (*end == '\0' || *end == ':' || *end == ',')
			return size;
	}
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size
								 : -1;
}

static void
add_stamp(int fd, struct sum *sum)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		sum->stamp = sum->stamp * 31 +
			     (uint64_t)st.st_mtim.tv_sec * 1000000000 +
			     (uint64_t)st.st_mtim.tv_nsec;
}

/* A directory that is gone or was never there has no messages. */
static int
add_part(int folder, const char *part, bool stamp_only, struct sum *sum,
	 struct ph_err *err)
{
	int fd = ph_path_open(folder, part, false, err);
	DIR *dir;
	struct dirent *entry;
	int r = 0;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	add_stamp(fd, sum);
	if (stamp_only) {
		ph_path_close(&fd);
		return 0;
	}
	dir = fdopendir(fd);
	if (!dir) {
		fail("read", part, err);
		ph_path_close(&fd);
		return -1;
	}
	while ((errno = 0, entry = readdir(dir))) {
		int64_t size = entry->d_name[0] == '.'
				   ? -1
				   : size_of(dirfd(dir), entry->d_name);

		if (size >= 0) {
			sum->used.bytes += size;
			sum->used.messages++;
		}
	}
	if (errno != 0)
		r = fail("read", part, err);
	closedir(dir);
	return r;
}

static int
add_folder(int folder, bool stamp_only, struct sum *sum, struct ph_err *err)
{
	if (add_part(folder, "new", stamp_only, sum, err) < 0)
		return -1;
	return add_part(folder, "cur", stamp_only, sum, err);
}

static bool
is_folder(const char *name)
{
	return name[0] == '.' && name[1] != '\0' && name[1] != '.';
}

/* 1 and *fd_r; 0: it is no folder, gone, or nobody's who asks; -1. */
static int
open_folder(int mailbox, const char *name, int *fd_r, struct ph_err *err)
{
	*fd_r = is_folder(name) ? ph_path_open(mailbox, name, false, err) : -1;
	if (*fd_r >= 0)
		return 1;
	return !is_folder(name) || errno == ENOENT || errno == ENOTDIR ||
		       errno == EACCES
		   ? 0
		   : -1;
}

static int
add_folders(DIR *dir, bool stamp_only, struct sum *sum, struct ph_err *err)
{
	struct dirent *entry;
	int r = 0;

	/* readdir tells its end from an error by errno alone. */
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		int fd;

		r = open_folder(dirfd(dir), entry->d_name, &fd, err);
		if (r == 1)
			r = add_folder(fd, stamp_only, sum, err);
		ph_path_close(&fd);
	}
	return r == 0 && errno != 0 ? fail("read", "the folders", err) : r;
}

static int
count(int mailbox, bool stamp_only, struct sum *sum, struct ph_err *err)
{
	int fd = openat(mailbox, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r;

	*sum = (struct sum){{0, 0}, 0};
	if (!dir) {
		fail("read", "the folders", err);
		ph_path_close(&fd);
		return -1;
	}
	r = add_folder(mailbox, stamp_only, sum, err);
	if (r == 0)
		r = add_folders(dir, stamp_only, sum, err);
	closedir(dir);
	return r;
}

/* ---- writing it anew --------------------------------------------------- */

static char *
format_file(const struct ph_quota *limit, const struct ph_quota *used)
{
	GString *out = g_string_new(NULL);

	/* An empty first line would be none. */
	if (limit->bytes > 0 || limit->messages == 0)
		g_string_append_printf(out, "%" PRId64 "S", limit->bytes);
	if (limit->messages > 0)
		g_string_append_printf(out, "%s%" PRId64 "C",
				       out->len > 0 ? "," : "",
				       limit->messages);
	g_string_append_printf(out, "\n%" PRId64 " %" PRId64 "\n", used->bytes,
			       used->messages);
	return g_string_free(out, FALSE);
}

/* Into file. When messages came or went meanwhile, or it is nobody's who asks
 * (owner NULL), the sum is of use now, but must not stay: what made us count
 * still stands in the old file, as do its limits, which may be somebody
 * else's. */
static int
count_anew(int mailbox, struct size_file *file, const struct ph_perms *owner,
	   struct ph_err *err)
{
	struct sum before, sum;
	g_autofree char *text = NULL;
	struct sum after;

	if (count(mailbox, true, &before, err) < 0 ||
	    count(mailbox, false, &sum, err) < 0 ||
	    count(mailbox, true, &after, err) < 0)
		return -1;
	file->used = sum.used;
	if (before.stamp != after.stamp || !owner)
		return 0;
	file->lines = 1;
	file->changed = time(NULL);
	text = format_file(&file->limit, &sum.used);
	ph_path_close(&file->fd);
	file->fd = ph_path_replace(mailbox, NAME, text, owner);
	return file->fd < 0 ? fail("write", NAME, err) : 0;
}

/* ---- taking ------------------------------------------------------------ */

static bool
has_room(const struct size_file *file, int64_t size)
{
	const struct ph_quota *limit = &file->limit, *used = &file->used;

	return (limit->bytes == 0 ||
		(size <= limit->bytes && used->bytes <= limit->bytes - size)) &&
	       (limit->messages == 0 || used->messages < limit->messages);
}

static bool
is_doubtful(const struct size_file *file)
{
	return file->lines > 1 || file->changed < time(NULL) - STALE;
}

bool
ph_quota_is_limit(int64_t bytes)
{
	return bytes > 0 && bytes < INT64_MAX;
}

/* The directory says it, or does not any more. */
static bool
is_outdated(int mailbox, const struct ph_quota_limits *limits, int64_t limit,
	    const struct size_file *file)
{
	if (file->limit.bytes == limit)
		return false;
	return limits->receive > 0 ||
	       ph_quota_limit_is_ours(mailbox, file->limit.bytes);
}

static int
take(int mailbox, const struct ph_quota_limits *limits, int64_t size,
     struct size_file *file, const struct ph_perms *owner, struct ph_err *err)
{
	/* In the file 0 is none. */
	const int64_t limit =
	    ph_quota_is_limit(limits->receive) ? limits->receive : 0;
	int r = read_file(mailbox, file, err);
	bool good = r == 1;

	if (r < 0)
		return -1;
	if (limit == 0 && file->fd < 0 && ph_quota_notable(limits) == INT64_MAX)
		return 1;
	if (is_outdated(mailbox, limits, limit, file)) {
		if (limit > 0 &&
		    ph_quota_limit_note(mailbox, limit, owner, err) < 0)
			return -1;
		file->limit.bytes = limit;
		good = false;
	}
	if ((!good || (!has_room(file, size) && is_doubtful(file))) &&
	    count_anew(mailbox, file, owner, err) < 0)
		return -1;
	if (!has_room(file, size))
		return 0;
	file->used.bytes += size;
	file->used.messages++;
	return file->fd >= 0 && add_line(file->fd, size, 1, err) < 0 ? -1 : 1;
}

int
ph_quota_take(int mailbox, const struct ph_quota_limits *limits, int64_t size,
	      const struct ph_perms *owner, struct ph_quota *used_r,
	      struct ph_err *err)
{
	struct size_file file;
	int r = take(mailbox, limits, size, &file, owner, err);

	ph_path_close(&file.fd);
	*used_r = file.used;
	return r;
}

static void
note_change(int mailbox, int64_t bytes, int64_t messages)
{
	int fd =
	    openat(mailbox, NAME,
		   O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		add_line(fd, bytes, messages, NULL);
	ph_path_close(&fd);
}

void
ph_quota_give(int mailbox, int64_t size)
{
	note_change(mailbox, -size, -1);
}

void
ph_quota_put(int mailbox, int64_t size)
{
	note_change(mailbox, size, 1);
}

int
ph_quota_read(int mailbox, struct ph_quota *limit_r, struct ph_quota *used_r)
{
	struct size_file file;
	int r = read_file(mailbox, &file, NULL);

	ph_path_close(&file.fd);
	*limit_r = file.limit;
	*used_r = file.used;
	return r == 1 ? 1 : 0;
}

/* ---- above ------------------------------------------------------------- */

/* As ph_quota_says, and -1 with err for what cannot be read. */
static int
ask_file(int mailbox, int64_t bytes, struct size_file *file, bool *says_r,
	 struct ph_err *err)
{
	int r = read_file(mailbox, file, err);

	*says_r = r == 1 && (file->used.bytes <= bytes || !is_doubtful(file));
	return r < 0 ? -1 : 0;
}

int
ph_quota_says(int mailbox, int64_t bytes)
{
	struct size_file file;
	bool says;

	(void)ask_file(mailbox, bytes, &file, &says, NULL);
	ph_path_close(&file.fd);
	return says ? file.used.bytes > bytes : -1;
}

int
ph_quota_above(int mailbox, int64_t bytes, const struct ph_perms *owner,
	       struct ph_quota *used_r, struct ph_err *err)
{
	struct size_file file;
	bool says;
	int r;

	if (!ph_quota_is_limit(bytes))
		return 0;
	r = ask_file(mailbox, bytes, &file, &says, err);
	if (r == 0 && !says)
		r = count_anew(mailbox, &file, owner, err);
	ph_path_close(&file.fd);
	if (r < 0)
		return -1;
	*used_r = file.used;
	return file.used.bytes > bytes;
}
