#include "store/mailbox/quota_limit.h"

#include "lib/base/file.h"
#include "store/mailbox/path.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME "posthub-quota"

bool
ph_quota_limit_is_ours(int mailbox, int64_t bytes)
{
	int fd = openat(mailbox, NAME,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	ph_path_close(&fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return g_ascii_strtoll(text, NULL, 10) == bytes;
}

int
ph_quota_limit_note(int mailbox, int64_t bytes, const struct ph_perms *owner,
		    struct ph_err *err)
{
	g_autofree char *text = g_strdup_printf("%" PRId64 "\n", bytes);
	int fd = ph_path_replace(mailbox, NAME, text, owner);
	int saved = errno;

	if (fd >= 0) {
		ph_path_close(&fd);
		return 0;
	}
	ph_err_set(err, PH_ERR_TEMP, "quota: cannot write " NAME ": %s",
		   g_strerror(saved));
	errno = saved;
	return -1;
}
