#include "store/submission/watch_imap_private.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How soon a change of the organisation is seen. */
#define TICK_MS 500
/* How soon a new mailbox is: nobody tells of one. */
#define WALK_MS 10000

/* ---- which mailboxes there are ------------------------------------------ */

static void
see(struct ph_watch_imap *watch, const struct ph_box_name *name)
{
	g_autofree char *key = ph_box_name_key(name);
	struct ph_imap_mailbox *mailbox =
	    g_hash_table_lookup(watch->mailboxes, key);

	if (mailbox == NULL) {
		mailbox = ph_imap_mailbox_new(watch, name);
		g_hash_table_insert(watch->mailboxes, g_steal_pointer(&key),
				    mailbox);
	}
	mailbox->round = watch->round;
	mailbox->gone = false;
}

static gboolean
is_gone(gpointer key, gpointer value, gpointer data)
{
	struct ph_watch_imap *watch = data;
	struct ph_imap_mailbox *mailbox = value;

	(void)key;
	if (mailbox->round == watch->round)
		return FALSE;
	mailbox->gone = true;
	if (mailbox->busy)
		return FALSE;
	ph_imap_mailbox_drop(watch, mailbox);
	return TRUE;
}

static void
note_directory(struct ph_watch_imap *watch, bool blind,
	       const struct ph_err *err)
{
	if (blind && !watch->blind)
		ph_warn("the directory cannot say which mailboxes there are, "
			"those that are known go on: %s",
			err->text);
	if (!blind && watch->blind)
		ph_info("the directory says again which mailboxes there are");
	watch->blind = blind;
}

/* A directory that cannot say takes nobody away. */
static void
take_walk(struct ph_watch_imap *watch, int64_t now)
{
	g_autoptr(GPtrArray) names = NULL;
	struct ph_err err = PH_ERR_INIT;
	int r = ph_imap_walk_take(watch->walk, &names, &err);
	int64_t wait = r < 0 ? TICK_MS : MIN(watch->rescan, WALK_MS);

	if (r == 0)
		return;
	/* Unless it is wanted before. */
	watch->next_walk = MIN(watch->next_walk, now + wait);
	note_directory(watch, r < 0, &err);
	if (r < 0)
		return;
	watch->round++;
	for (guint i = 0; i < names->len; i++)
		see(watch, names->pdata[i]);
	g_hash_table_foreach_remove(watch->mailboxes, is_gone, watch);
}

static void
begin_walk(struct ph_watch_imap *watch)
{
	if (!ph_imap_walk_begin(watch->walk, watch->change.last))
		return;
	watch->next_walk = INT64_MAX;
	ph_queue_tidy(watch->queue);
}

/* ---- the thread --------------------------------------------------------- */

/* What was seen is not so any more: whatever waits may be tried at once. */
static void
hurry(struct ph_watch_imap *watch)
{
	GHashTableIter iter;
	gpointer value;

	ph_queue_hurry(watch->queue);
	watch->next_walk = 0;
	g_hash_table_iter_init(&iter, watch->mailboxes);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct ph_imap_mailbox *mailbox = value;

		mailbox->hurry = mailbox->busy;
		if (mailbox->holds && mailbox->failures == 0)
			mailbox->due = 0;
	}
}

/* Waits for news of sessions; what is heard of is due. */
static void
listen_to(struct ph_watch_imap *watch, int64_t wait)
{
	g_autoptr(GArray) fds =
	    g_array_new(FALSE, FALSE, sizeof(struct pollfd));
	g_autoptr(GPtrArray) of = g_ptr_array_new();
	struct pollfd fd = {watch->wake, POLLIN, 0};
	eventfd_t woken;

	g_array_append_val(fds, fd);
	for (GList *p = watch->idle.head; p != NULL; p = p->next) {
		struct ph_imap_mailbox *mailbox = p->data;

		if (mailbox->busy)
			continue;
		fd.fd = ph_imap_fd(ph_box_imap_session(mailbox->look.box));
		g_array_append_val(fds, fd);
		g_ptr_array_add(of, mailbox);
	}
	if (poll((struct pollfd *)(void *)fds->data, fds->len, (int)wait) <= 0)
		return;
	(void)eventfd_read(watch->wake, &woken);
	for (guint i = 0; i < of->len; i++) {
		struct ph_imap_mailbox *mailbox = of->pdata[i];
		int r;

		if (g_array_index(fds, struct pollfd, i + 1).revents == 0)
			continue;
		r = ph_imap_heard(ph_box_imap_session(mailbox->look.box), NULL);
		if (r < 0)
			ph_imap_mailbox_end_session(watch, mailbox);
		if (r != 0)
			mailbox->due = 0;
	}
}

static gpointer
run(gpointer data)
{
	struct ph_watch_imap *watch = data;

	while (!g_atomic_int_get(&watch->stopping)) {
		int64_t wait = TICK_MS;

		ph_imap_turns_collect(watch);
		if (ph_change_look(&watch->change, watch->submission))
			hurry(watch);
		if (watch->change.last != NULL) {
			take_walk(watch, ph_clock_mono());
			if (ph_clock_mono() >= watch->next_walk)
				begin_walk(watch);
			wait = MIN(TICK_MS, ph_imap_turns_begin(watch));
		}
		listen_to(watch, wait);
	}
	return NULL;
}

struct ph_watch_imap *
ph_watch_imap_start(const struct ph_submission *submission,
		    struct ph_queue *queue, int64_t rescan, int64_t idle)
{
	struct ph_watch_imap *watch = g_new0(struct ph_watch_imap, 1);

	watch->submission = submission;
	watch->queue = queue;
	watch->rescan = rescan;
	watch->limit = (guint)idle;
	watch->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	watch->mailboxes = g_hash_table_new_full(g_str_hash, g_str_equal,
						 g_free, ph_imap_mailbox_free);
	watch->walk = ph_imap_walk_new(submission, watch->wake);
	ph_imap_turns_open(watch);
	watch->thread = g_thread_new("watch", run, watch);
	return watch;
}

bool
ph_watch_imap_stop(struct ph_watch_imap **watch, int64_t timeout_ms)
{
	struct ph_watch_imap *w = *watch;
	int64_t end = ph_clock_mono() + timeout_ms;

	if (w == NULL)
		return true;
	g_atomic_int_set(&w->stopping, 1);
	if (w->wake >= 0)
		eventfd_write(w->wake, 1);
	if (w->thread != NULL)
		g_thread_join(g_steal_pointer(&w->thread));
	/* Tells it; looks may need all of the time. */
	(void)ph_imap_walk_stop(&w->walk, 0);
	if (!ph_imap_turns_end(w, timeout_ms) ||
	    !ph_imap_walk_stop(&w->walk, MAX(end - ph_clock_mono(), 0)))
		return false;
	ph_imap_turns_close(w);
	if (w->wake >= 0)
		close(w->wake);
	ph_change_clear(&w->change);
	g_hash_table_unref(w->mailboxes);
	g_free(w);
	*watch = NULL;
	return true;
}
