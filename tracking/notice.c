#include "tracking/notice.h"

#include <glib.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

struct ph_notice {
	char *directory;
	int inotify; /* -1: not available */
	int watch;   /* -1: no such directory yet */
	int event;
};

static void
watch_directory(struct ph_notice *notice)
{
	if (notice->inotify >= 0 && notice->watch < 0)
		notice->watch = inotify_add_watch(
		    notice->inotify, notice->directory,
		    IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM);
}

struct ph_notice *
ph_notice_new(const char *directory)
{
	struct ph_notice *notice = g_new0(struct ph_notice, 1);

	notice->directory = g_strdup(directory);
	notice->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	notice->watch = -1;
	notice->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	g_assert(notice->event >= 0);
	watch_directory(notice);
	return notice;
}

void
ph_notice_free(struct ph_notice **notice)
{
	if (!*notice)
		return;
	if ((*notice)->inotify >= 0)
		close((*notice)->inotify);
	close((*notice)->event);
	g_free((*notice)->directory);
	g_clear_pointer(notice, g_free);
}

void
ph_notice_wake(struct ph_notice *notice)
{
	(void)eventfd_write(notice->event, 1);
}

/* What happened does not matter, only that it did; but a directory that was
 * removed has to be watched anew. */
static void
drain(struct ph_notice *notice)
{
	_Alignas(struct inotify_event) char buffer[4096];
	eventfd_t value;
	ssize_t n;

	(void)eventfd_read(notice->event, &value);
	while (notice->inotify >= 0 &&
	       (n = read(notice->inotify, buffer, sizeof buffer)) > 0)
		for (char *p = buffer; p < buffer + n;) {
			struct inotify_event *e = (struct inotify_event *)p;

			if (e->mask & IN_IGNORED)
				notice->watch = -1;
			p += sizeof *e + e->len;
		}
}

void
ph_notice_wait(struct ph_notice *notice, int64_t timeout_ms)
{
	struct pollfd fds[] = {
	    {.fd = notice->event, .events = POLLIN},
	    {.fd = notice->inotify, .events = POLLIN}, /* -1 is ignored */
	};

	watch_directory(notice);
	(void)poll(fds, G_N_ELEMENTS(fds), (int)timeout_ms);
	drain(notice);
}

void
ph_notice_pause(struct ph_notice *notice, int64_t timeout_ms)
{
	struct pollfd fd = {.fd = notice->event, .events = POLLIN};

	(void)poll(&fd, 1, (int)timeout_ms);
	drain(notice);
}
