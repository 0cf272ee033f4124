#include "store/mailbox/path.h"
#include "store/mailbox/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>

#define WARNED "posthub-warned"

enum { DAY = 24 * 60 * 60 };

static int
fail(const char *what, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "quota: cannot %s " WARNED ": %s",
			  what, g_strerror(errno));
}

int64_t
ph_quota_notable(const struct ph_quota_limits *limits)
{
	int64_t least = INT64_MAX;

	if (ph_quota_is_limit(limits->send))
		least = limits->send;
	if (ph_quota_is_limit(limits->warning))
		least = MIN(least, limits->warning);
	return least;
}

/* A time to come is of a clock that was wrong. */
static bool
is_recent(int fd, int64_t now)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_mtime <= now / 1000 &&
	       st.st_mtime > now / 1000 - DAY;
}

/* Only what was made here is given away: the owner may have linked another
 * file by this name. */
static int
note_told(int fd, bool made, int64_t now, const struct ph_perms *owner)
{
	const struct timespec at = {.tv_sec = now / 1000};

	if (made && ph_perms_give(fd, owner, false) < 0)
		return -1;
	return futimens(fd, (struct timespec[]){at, at});
}

int
ph_quota_tell(int mailbox, int64_t bytes, int64_t now,
	      const struct ph_perms *owner, struct ph_quota *used_r,
	      struct ph_err *err)
{
	static const int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(mailbox, WARNED, flags), r = 0;
	const bool made = fd < 0;

	if (fd < 0 && errno != ENOENT)
		return fail("open", err);
	/* First what is cheap: it is asked at each delivery. */
	if (fd < 0 || !is_recent(fd, now))
		r = ph_quota_above(mailbox, bytes, owner, used_r, err);
	if (r == 1 && fd < 0)
		fd = openat(mailbox, WARNED, flags | O_CREAT | O_EXCL, 0600);
	if (r == 1 && (fd < 0 || note_told(fd, made, now, owner) < 0))
		r = fail("write", err);
	ph_path_close(&fd);
	return r;
}
