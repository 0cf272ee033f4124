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

/* By another name first: the owner may have linked another file by this one. 0,
 * or -1 with errno. */
static int
write_limit(int mailbox, int64_t bytes, const struct ph_perms *owner)
{
	g_autofree char *name =
	    g_strdup_printf("%s.P%dR%08x", NAME, (int)getpid(), g_random_int());
	g_autofree char *text = g_strdup_printf("%" PRId64 "\n", bytes);
	int fd = openat(mailbox, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			0600);
	int saved;

	if (fd < 0)
		return -1;
	if (ph_perms_give(fd, owner, false) == 0 &&
	    ph_file_write(fd, text, strlen(text)) == 0 &&
	    renameat(mailbox, name, mailbox, NAME) == 0) {
		ph_path_close(&fd);
		return 0;
	}
	saved = errno;
	ph_path_close(&fd);
	unlinkat(mailbox, name, 0);
	errno = saved;
	return -1;
}

int
ph_quota_limit_note(int mailbox, int64_t bytes, const struct ph_perms *owner,
		    struct ph_err *err)
{
	int saved;

	if (write_limit(mailbox, bytes, owner) == 0)
		return 0;
	saved = errno;
	ph_err_set(err, PH_ERR_TEMP, "quota: cannot write " NAME ": %s",
		   g_strerror(saved));
	errno = saved;
	return -1;
}
