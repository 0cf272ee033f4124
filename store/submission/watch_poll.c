#include "store/submission/watch_private.h"

#include "lib/base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

/* A directory's time has the grain of the kernel's clock, or of the server of
 * a network file system: what changes within it after a look leaves no trace.
 * So a time is believed only if it was this long ago. */
#define GRAIN_NS ((int64_t)2000 * 1000 * 1000)
/* Mailboxes polled between two readings of the kernel's events. */
#define PORTION 2000

static const char *const parts[PH_WATCHED_BOX] = {
    [PH_WATCHED_NEW] = "new",
    [PH_WATCHED_CUR] = "cur",
};

/* Only a hint: what is at the path is opened without following links. */
static void
read_stamp(const struct ph_watch_box *w, int part,
	   struct ph_watch_stamp *stamp_r)
{
	char path[PATH_MAX];
	struct stat st;

	*stamp_r = (struct ph_watch_stamp){0, 0};
	g_snprintf(path, sizeof(path), "%s/%s", w->path, parts[part]);
	if (lstat(path, &st) < 0)
		return;
	stamp_r->ns =
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	stamp_r->inode = (uint64_t)st.st_ino;
}

void
ph_watch_stamp(struct ph_watch_box *w)
{
	int64_t now = ph_clock_wall() * 1000000;

	for (int part = 0; part < PH_WATCHED_BOX; part++) {
		read_stamp(w, part, &w->stamps[part]);
		if (w->stamps[part].ns > now - GRAIN_NS)
			w->stamps[part].ns = -1;
	}
}

static bool
has_changed(const struct ph_watch_box *w)
{
	for (int part = 0; part < PH_WATCHED_BOX; part++) {
		struct ph_watch_stamp stamp;

		read_stamp(w, part, &stamp);
		if (stamp.ns != w->stamps[part].ns ||
		    stamp.inode != w->stamps[part].inode)
			return true;
	}
	return false;
}

/* How many of them it is time for. */
static guint
share(const struct ph_watch *watch, int64_t now)
{
	int64_t since = MIN(now - watch->polled, watch->rescan);

	return (
	    guint)(((int64_t)watch->order->len * since + watch->rescan - 1) /
		   watch->rescan);
}

bool
ph_watch_poll(struct ph_watch *watch, int64_t now)
{
	bool found = false;
	guint n;

	watch->next = MIN(watch->next, watch->order->len);
	n = watch->lost ? watch->order->len - watch->next
			: MIN(share(watch, now), watch->order->len);
	for (guint i = 0; i < MIN(n, PORTION); i++) {
		struct ph_watch_box *w;

		if (watch->next >= watch->order->len)
			watch->next = 0;
		w = watch->order->pdata[watch->next++];
		if (w->due <= now || !has_changed(w))
			continue;
		ph_watch_due(watch, w, now);
		found = true;
	}
	if (!watch->lost)
		watch->polled = now;
	watch->lost = watch->lost && n > PORTION;
	return found || watch->lost;
}
