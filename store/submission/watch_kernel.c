#include "store/submission/watch_private.h"

#include "lib/base/log.h"
#include "store/mailbox/path.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Mailboxes that get watches between two readings of the kernel's events. */
#define PORTION 200

static const struct {
	const char *part; /* of the Outbox; NULL: the mailbox itself */
	uint32_t events;
} kinds[PH_WATCHED] = {
    [PH_WATCHED_NEW] = {"new", IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE},
    [PH_WATCHED_CUR] = {"cur", IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE},
    [PH_WATCHED_BOX] = {NULL, IN_MOVED_TO | IN_CREATE},
};

void
ph_watch_used(struct ph_watch *watch, struct ph_watch_box *w)
{
	w->used = true;
	if (!w->linked)
		return;
	g_queue_unlink(&watch->watched, &w->link);
	g_queue_push_head_link(&watch->watched, &w->link);
}

static void
link_watched(struct ph_watch *watch, struct ph_watch_box *w)
{
	if (w->linked)
		return;
	w->link.data = w;
	w->linked = true;
	if (w->used)
		g_queue_push_head_link(&watch->watched, &w->link);
	else
		g_queue_push_tail_link(&watch->watched, &w->link);
}

static void
remove_watch(struct ph_watch *watch, struct ph_watch_box *w,
	     enum ph_watched kind)
{
	if (w->wd[kind] < 0)
		return;
	g_hash_table_remove(watch->by_wd, GINT_TO_POINTER(w->wd[kind]));
	inotify_rm_watch(watch->inotify, w->wd[kind]);
	w->wd[kind] = -1;
}

void
ph_watch_drop(struct ph_watch *watch, struct ph_watch_box *w)
{
	for (int kind = 0; kind < PH_WATCHED; kind++)
		remove_watch(watch, w, (enum ph_watched)kind);
	if (w->linked)
		g_queue_unlink(&watch->watched, &w->link);
	w->linked = false;
}

/* Takes the watches of the mailbox that has not used its Outbox for longest;
 * false: w is no better. */
static bool
make_room(struct ph_watch *watch, const struct ph_watch_box *w)
{
	struct ph_watch_box *last = g_queue_peek_tail(&watch->watched);

	if (!w->used || last == NULL || last == w)
		return false;
	ph_watch_drop(watch, last);
	return true;
}

void
ph_watch_again(struct ph_watch *watch)
{
	watch->refused = false;
	watch->fill = 0;
	if (watch->inotify < 0)
		watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

static void
note_full(struct ph_watch *watch)
{
	if (!watch->full)
		ph_warn("cannot watch all Outboxes: %s; those that are used "
			"least are looked at each %d s "
			"(fs.inotify.max_user_watches)",
			g_strerror(errno), (int)(watch->rescan / 1000));
	watch->full = watch->refused = true;
}

/* By descriptor: a path could have become a link to elsewhere. -1: the kernel
 * has no more (refused), or cannot watch this one. */
static int
watch_dir(struct ph_watch *watch, int dir, uint32_t events)
{
	char path[64];
	int wd;

	if (watch->inotify < 0) {
		watch->refused = true;
		return -1;
	}
	g_snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	wd = inotify_add_watch(watch->inotify, path, events | IN_ONLYDIR);
	if (wd < 0 && (errno == ENOSPC || errno == ENOMEM))
		note_full(watch);
	return wd;
}

void
ph_watch_place(struct ph_watch *watch, int dir)
{
	(void)watch_dir(watch, dir, IN_MOVED_TO | IN_CREATE);
}

/* room: by taking it from others, if need be. */
static void
add_watch(struct ph_watch *watch, struct ph_watch_box *w, enum ph_watched kind,
	  int dir, bool room)
{
	/* At the limit a mailbox that is never used is not worth a try. */
	if (w->wd[kind] >= 0 || (watch->refused && !w->used))
		return;
	do
		w->wd[kind] = watch_dir(watch, dir, kinds[kind].events);
	while (w->wd[kind] < 0 && watch->refused && room &&
	       make_room(watch, w));
	if (w->wd[kind] < 0)
		return;
	g_hash_table_insert(watch->by_wd, GINT_TO_POINTER(w->wd[kind]), w);
	link_watched(watch, w);
}

static bool
put(struct ph_watch *watch, struct ph_watch_box *w, const struct ph_box *box,
    bool room)
{
	bool complete = true, any = false;
	int dir, r;

	for (int kind = PH_WATCHED_NEW; kind <= PH_WATCHED_CUR; kind++) {
		r = ph_box_folder(box, ".Outbox", kinds[kind].part, &dir, NULL);
		/* Who cannot say looks again. */
		any |= r != 0;
		if (r != 1) {
			complete = false;
			continue;
		}
		add_watch(watch, w, (enum ph_watched)kind, dir, room);
		ph_path_close(&dir);
	}
	if (complete)
		remove_watch(watch, w, PH_WATCHED_BOX);
	else
		add_watch(watch, w, PH_WATCHED_BOX, ph_box_dir(box), room);
	return complete || !any;
}

bool
ph_watch_put(struct ph_watch *watch, struct ph_watch_box *w,
	     const struct ph_box *box)
{
	return put(watch, w, box, true);
}

/* ---- more of them ------------------------------------------------------- */

static bool
is_watched(const struct ph_watch_box *w)
{
	return w->wd[PH_WATCHED_BOX] >= 0 ||
	       (w->wd[PH_WATCHED_NEW] >= 0 && w->wd[PH_WATCHED_CUR] >= 0);
}

static void
put_free(struct ph_watch *watch, struct ph_watch_box *w)
{
	struct ph_box *box = NULL;

	if (ph_box_open(watch->submission->root, ph_outbox_name(w->outbox),
			&box, NULL) == 1 &&
	    !put(watch, w, box, false))
		ph_watch_due(watch, w, 0);
	ph_box_close(&box);
}

bool
ph_watch_fill(struct ph_watch *watch)
{
	int tried = 0;

	if (!watch->full)
		return false;
	while (!watch->refused && watch->fill < watch->order->len &&
	       tried < PORTION) {
		struct ph_watch_box *w = watch->order->pdata[watch->fill++];

		if (is_watched(w))
			continue;
		put_free(watch, w);
		tried++;
	}
	if (watch->refused || watch->fill < watch->order->len)
		return !watch->refused;
	watch->full = false;
	ph_info("all Outboxes are watched now");
	return false;
}

/* ---- events ------------------------------------------------------------ */

static enum ph_watched
kind_of(const struct ph_watch_box *w, int wd)
{
	int kind = 0;

	while (kind < PH_WATCHED - 1 && w->wd[kind] != wd)
		kind++;
	return (enum ph_watched)kind;
}

/* True: of a place, or a loss, which may be of one. */
static bool
handle(struct ph_watch *watch, const struct inotify_event *event)
{
	struct ph_watch_box *w =
	    g_hash_table_lookup(watch->by_wd, GINT_TO_POINTER(event->wd));
	enum ph_watched kind;

	if (event->mask & IN_Q_OVERFLOW) {
		watch->lost = true;
		watch->next = 0;
		return true;
	}
	if (w == NULL)
		return (event->mask & IN_IGNORED) == 0;
	kind = kind_of(w, event->wd);
	ph_watch_due(watch, w, 0);
	if (event->mask & IN_IGNORED) {
		g_hash_table_remove(watch->by_wd, GINT_TO_POINTER(event->wd));
		w->wd[kind] = -1;
	} else if (kinds[kind].part != NULL && event->len > 0 &&
		   (event->mask & (IN_MOVED_TO | IN_CLOSE_WRITE)) != 0) {
		ph_outbox_settled(w->outbox, kinds[kind].part, event->name);
	}
	return false;
}

bool
ph_watch_read(struct ph_watch *watch)
{
	_Alignas(struct inotify_event) char buffer[16384];
	bool walk = false;
	ssize_t n;

	while ((n = read(watch->inotify, buffer, sizeof(buffer))) > 0)
		for (const char *p = buffer; p < buffer + n;) {
			const struct inotify_event *event =
			    (const struct inotify_event *)(const void *)p;

			walk |= handle(watch, event);
			p += sizeof(*event) + event->len;
		}
	return walk;
}
