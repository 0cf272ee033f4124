#include "store/submission/watch_private.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How soon a change of the organisation is seen. */
#define TICK_MS 500
/* An Outbox, or a mailbox, that is just being made. */
#define SOON_MS 500
/* Mailboxes looked at between two readings of the kernel's events. */
#define PORTION 200

void
ph_watch_look(struct ph_watch *watch, struct ph_watch_box *w, int64_t now)
{
	const struct ph_box_name *name = ph_outbox_name(w->outbox);
	struct ph_err err = PH_ERR_INIT;
	struct ph_box *box = NULL;
	int64_t again = -1, due = INT64_MAX;
	bool holds = false;
	int r = ph_box_open(watch->submission->root, name, &box, &err);

	if (r == 1) {
		/* Watches and times first, or what comes between them and the
		 * look would be heard of by nobody. */
		if (!ph_watch_put(watch, w, box))
			due = now + SOON_MS;
		ph_watch_stamp(w);
		r = ph_outbox_look(w->outbox, box, watch->queue, &again, &holds,
				   &err);
		if (again >= 0)
			due = MIN(due, now + again);
		if (holds)
			ph_watch_used(watch, w);
		/* Now it is worth a watch. */
		if (holds && !w->linked)
			ph_watch_put(watch, w, box);
	}
	/* What could not be looked at, or is not there before a walk says so,
	 * is looked at with the next poll. */
	if (r != 1)
		for (int part = 0; part < PH_WATCHED_BOX; part++)
			w->stamps[part].ns = -1;
	ph_watch_due(watch, w, due);
	if (r < 0)
		ph_debug("mailbox %s/%s: %s", name->domain, name->local,
			 err.text);
	ph_box_close(&box);
}

/* In how many ms the next one is due; 0: now, but the kernel's events come
 * first. */
static int64_t
look_at_due(struct ph_watch *watch, int64_t now)
{
	g_autoptr(GPtrArray) ready = g_ptr_array_new();
	int64_t next = TICK_MS;
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, watch->due);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		struct ph_watch_box *w = key;

		if (w->due <= now)
			g_ptr_array_add(ready, w);
		else
			next = MIN(next, w->due - now);
		if (ready->len == PORTION)
			break;
	}
	for (guint i = 0; i < ready->len; i++)
		ph_watch_look(watch, ready->pdata[i], now);
	return ready->len == PORTION ? 0 : next;
}

/* Those that wait for something. */
static void
look_soon(struct ph_watch *watch)
{
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, watch->due);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		((struct ph_watch_box *)key)->due = 0;
}

static void
rescan(struct ph_watch *watch, int64_t now)
{
	int64_t wait = watch->rescan;

	ph_queue_tidy(watch->queue);
	ph_watch_again(watch);
	if (ph_watch_walk(watch, watch->change.last) < 0)
		wait = MIN(wait, watch->submission->retry_min);
	watch->next_rescan = now + wait;
}

/* What was seen is not so any more: whatever waits may be tried at once. */
static void
hurry(struct ph_watch *watch)
{
	ph_queue_hurry(watch->queue);
	look_soon(watch);
	watch->next_rescan = 0;
}

static gpointer
run(gpointer data)
{
	struct ph_watch *watch = data;

	while (!g_atomic_int_get(&watch->stopping)) {
		struct pollfd fds[] = {{watch->inotify, POLLIN, 0},
				       {watch->wake, POLLIN, 0}};
		int64_t now = ph_clock_mono(), wait = TICK_MS;

		if (ph_change_look(&watch->change, watch->submission))
			hurry(watch);
		if (watch->change.last != NULL) {
			if (now >= watch->next_rescan)
				rescan(watch, now);
			wait = look_at_due(watch, now);
			/* While there is enough to do, what the kernel told
			 * need not wait behind what a poll finds. */
			if (wait > 0 &&
			    (ph_watch_poll(watch, now) || ph_watch_fill(watch)))
				wait = 0;
			fds[0].fd = watch->inotify;
		}
		/* Soon, not at once: many mailboxes are made together. */
		if (poll(fds, G_N_ELEMENTS(fds), (int)wait) > 0 &&
		    ph_watch_read(watch))
			watch->next_rescan =
			    MIN(watch->next_rescan, now + SOON_MS);
	}
	return NULL;
}

int
ph_watch_start(const struct ph_submission *submission, struct ph_queue *queue,
	       int64_t rescan_ms, struct ph_watch **watch_r, struct ph_err *err)
{
	struct ph_watch *watch = g_new0(struct ph_watch, 1);

	watch->submission = submission;
	watch->queue = queue;
	watch->rescan = rescan_ms;
	watch->boxes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					     ph_watch_box_free);
	watch->by_wd = g_hash_table_new(NULL, NULL);
	watch->due = g_hash_table_new(NULL, NULL);
	watch->order = g_ptr_array_new();
	g_queue_init(&watch->watched);
	watch->inotify = -1;
	ph_watch_again(watch);
	watch->full = watch->inotify < 0;
	if (watch->full)
		ph_warn("no inotify: %s; Outboxes are looked at each %d s "
			"(fs.inotify.max_user_instances)",
			g_strerror(errno), (int)(rescan_ms / 1000));
	watch->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (watch->wake < 0) {
		ph_err_set(err, PH_ERR_TEMP, "cannot make an eventfd: %s",
			   g_strerror(errno));
		ph_watch_stop(&watch);
		return -1;
	}
	watch->thread = g_thread_new("watch", run, watch);
	*watch_r = watch;
	return 0;
}

void
ph_watch_stop(struct ph_watch **watch)
{
	struct ph_watch *w = *watch;

	if (w == NULL)
		return;
	g_atomic_int_set(&w->stopping, 1);
	if (w->thread != NULL) {
		eventfd_write(w->wake, 1);
		g_thread_join(w->thread);
	}
	if (w->inotify >= 0)
		close(w->inotify);
	if (w->wake >= 0)
		close(w->wake);
	ph_change_clear(&w->change);
	g_hash_table_unref(w->boxes);
	g_hash_table_unref(w->by_wd);
	g_hash_table_unref(w->due);
	g_ptr_array_unref(w->order);
	g_free(w);
	*watch = NULL;
}
