#include "store/submission/watch_imap.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "store/submission/change.h"
#include "store/submission/watch_imap_look.h"
#include "store/submission/watch_imap_walk.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Mailboxes that are looked at, at once. */
#define LOOKERS 4
/* How soon a change of the organisation is seen. */
#define TICK_MS 500
/* How soon a new mailbox is: nobody tells of one. */
#define WALK_MS 10000
/* RFC 2177: a session is renewed before 30 minutes. */
#define RENEW_MS ((int64_t)20 * 60 * 1000)

/* Mailboxes that are due, first come first served. */
enum turn {
	GOOD,
	FAILING, /* could not be looked at the last time */
	TURNS
};

struct mailbox {
	struct ph_imap_look look; /* its name, and its session with IDLE */
	int64_t due;		  /* monotonic ms */
	int64_t renew;
	uint64_t round;
	unsigned failures; /* one after the other */
	bool holds;	   /* something was in its Outbox */
	bool busy;	   /* with one of the threads that look */
	bool failing;	   /* counted in watch->failing */
	bool opening;	   /* and in watch->opening */
	bool hurry, gone;  /* meanwhile */
	GQueue *turn;	   /* NULL: not waiting for its turn */
	GList turn_link;
	GList idle_link; /* in watch->idle, while it has a session; while it
			  * is busy, as it was before */
	bool idle_linked;
};

struct ph_watch_imap {
	const struct ph_submission *submission;
	struct ph_queue *queue;
	int64_t rescan, next_walk;
	guint limit;
	int wake;
	GHashTable *mailboxes; /* "database/domain/local": struct mailbox */
	GQueue turns[TURNS];
	GQueue idle; /* with a session: used last first */
	uint64_t round;
	unsigned looking, failing; /* of them */
	unsigned opening;	   /* without a session that was there */
	bool down;		   /* the server could not be used */
	int64_t down_until;
	struct ph_imap_walk *walk;
	bool blind; /* the last one failed */
	struct ph_change change;
	GThreadPool *lookers;
	GAsyncQueue *done; /* struct mailbox */
	GThread *thread;

	GMutex mutex;
	GCond ended;
	unsigned running;  /* under the mutex: looks that have not ended */
	GHashTable *waits; /* under the mutex: set of their sessions */
	gint stopping;	   /* atomic */
};

/* ---- sessions ---------------------------------------------------------- */

static void
leave_idle(struct ph_watch_imap *watch, struct mailbox *mailbox)
{
	if (mailbox->idle_linked)
		g_queue_unlink(&watch->idle, &mailbox->idle_link);
	mailbox->idle_linked = false;
}

static void
end_idle(struct ph_watch_imap *watch, struct mailbox *mailbox)
{
	leave_idle(watch, mailbox);
	ph_box_close(&mailbox->look.box);
}

/* After a look. To be looked at is not to be used: it keeps its place. */
static void
update_idle(struct ph_watch_imap *watch, struct mailbox *mailbox, int64_t now)
{
	struct mailbox *last;

	if (mailbox->look.box == NULL || mailbox->look.used)
		leave_idle(watch, mailbox);
	if (mailbox->look.box != NULL)
		mailbox->renew = now + RENEW_MS;
	if (mailbox->look.box != NULL && !mailbox->idle_linked) {
		mailbox->idle_linked = true;
		mailbox->idle_link.data = mailbox;
		if (mailbox->look.used)
			g_queue_push_head_link(&watch->idle,
					       &mailbox->idle_link);
		else
			g_queue_push_tail_link(&watch->idle,
					       &mailbox->idle_link);
	}
	/* Of one that is busy the end of its look decides. */
	while (watch->idle.length > watch->limit &&
	       !(last = g_queue_peek_tail(&watch->idle))->busy)
		end_idle(watch, last);
}

static void
mailbox_free(void *p)
{
	struct mailbox *mailbox = p;

	ph_box_close(&mailbox->look.box);
	ph_box_name_free(&mailbox->look.name);
	g_free(mailbox);
}

/* ---- the threads that look --------------------------------------------- */

/* That a stop can end its wait. */
static void
note_session(void *context, struct ph_imap *session, bool begins)
{
	struct ph_watch_imap *watch = context;

	g_mutex_lock(&watch->mutex);
	if (begins)
		g_hash_table_add(watch->waits, session);
	else
		g_hash_table_remove(watch->waits, session);
	if (begins && g_atomic_int_get(&watch->stopping))
		ph_imap_shutdown(session);
	g_mutex_unlock(&watch->mutex);
}

static void
look(gpointer data, gpointer user_data)
{
	struct ph_watch_imap *watch = user_data;
	struct mailbox *mailbox = data;

	if (!g_atomic_int_get(&watch->stopping))
		ph_imap_look(watch->submission, watch->queue, &mailbox->look);
	g_async_queue_push(watch->done, mailbox);
	g_mutex_lock(&watch->mutex);
	watch->running--;
	g_cond_broadcast(&watch->ended);
	/* Under the mutex: whoever stops closes it after that. */
	if (watch->wake >= 0)
		eventfd_write(watch->wake, 1);
	g_mutex_unlock(&watch->mutex);
}

static void
begin_look(struct ph_watch_imap *watch, struct mailbox *mailbox)
{
	mailbox->busy = true;
	mailbox->failing = mailbox->failures > 0;
	mailbox->opening = mailbox->look.box == NULL;
	watch->looking++;
	watch->failing += mailbox->failing;
	watch->opening += mailbox->opening;
	/* Who never has anything in the Outbox has a session while there are
	 * any left. */
	mailbox->look.listen =
	    watch->limit > 0 &&
	    (mailbox->look.box != NULL || watch->idle.length < watch->limit);
	mailbox->look.listen_if_used = watch->limit > 0;
	g_mutex_lock(&watch->mutex);
	watch->running++;
	g_mutex_unlock(&watch->mutex);
	g_thread_pool_push(watch->lookers, mailbox, NULL);
}

/* ---- what came of a look ----------------------------------------------- */

static int64_t
back_off(const struct ph_submission *submission, unsigned failures)
{
	int64_t wait = submission->retry_min;

	while (failures-- > 1 && wait < submission->retry_max)
		wait *= 2;
	return MIN(wait, submission->retry_max);
}

/* It is down, or up, by what a new session met; by nothing else. */
static void
note_server(struct ph_watch_imap *watch, const struct mailbox *mailbox,
	    int64_t now)
{
	const struct ph_imap_look *look_at = &mailbox->look;
	bool down = look_at->end == PH_IMAP_LOOK_NO_SERVER;

	/* Also who asked for it and got no answer. */
	if (down || (watch->down && mailbox->opening && !look_at->answered))
		watch->down_until = now + watch->submission->retry_min;
	if (down && !watch->down)
		ph_warn("the IMAP server cannot be used: %s",
			look_at->err.text);
	if (look_at->answered && watch->down)
		ph_info("the IMAP server is back");
	watch->down = down || (watch->down && !look_at->answered);
}

static void
note_mailbox(struct ph_watch_imap *watch, struct mailbox *mailbox, int64_t now)
{
	const struct ph_imap_look *look_at = &mailbox->look;
	const struct ph_box_name *name = look_at->name;

	switch (look_at->end) {
	case PH_IMAP_LOOK_DONE:
		mailbox->failures = 0;
		mailbox->holds = look_at->holds;
		mailbox->due = now + MIN(look_at->again, watch->rescan);
		break;
	case PH_IMAP_LOOK_FAILED:
		mailbox->failures++;
		mailbox->due =
		    now + back_off(watch->submission, mailbox->failures);
		ph_info("mailbox %s/%s: %s", name->domain, name->local,
			look_at->err.text);
		break;
	case PH_IMAP_LOOK_NO_SERVER:
		/* It waits for the server, behind the others. */
		mailbox->due = 0;
		break;
	}
}

static void
end_look(struct ph_watch_imap *watch, struct mailbox *mailbox)
{
	const struct ph_imap_look *look_at = &mailbox->look;
	int64_t now = ph_clock_mono();

	watch->looking--;
	watch->failing -= mailbox->failing;
	watch->opening -= mailbox->opening;
	note_server(watch, mailbox, now);
	note_mailbox(watch, mailbox, now);
	if (look_at->news || mailbox->hurry)
		mailbox->due = 0;
	mailbox->busy = mailbox->hurry = false;
	update_idle(watch, mailbox, now);
}

static gboolean
is_mailbox(gpointer key, gpointer value, gpointer data)
{
	(void)key;
	return value == data;
}

static void
collect(struct ph_watch_imap *watch)
{
	struct mailbox *mailbox;

	while ((mailbox = g_async_queue_try_pop(watch->done)) != NULL) {
		end_look(watch, mailbox);
		if (!mailbox->gone)
			continue;
		end_idle(watch, mailbox);
		g_hash_table_foreach_remove(watch->mailboxes, is_mailbox,
					    mailbox);
	}
}

/* ---- whose turn it is -------------------------------------------------- */

static void
leave_turn(struct mailbox *mailbox)
{
	if (mailbox->turn != NULL)
		g_queue_unlink(mailbox->turn, &mailbox->turn_link);
	mailbox->turn = NULL;
}

/* News of a session come first. */
static void
await_turn(struct ph_watch_imap *watch, struct mailbox *mailbox)
{
	mailbox->turn = &watch->turns[mailbox->failures > 0 ? FAILING : GOOD];
	mailbox->turn_link.data = mailbox;
	if (mailbox->look.box != NULL)
		g_queue_push_head_link(mailbox->turn, &mailbox->turn_link);
	else
		g_queue_push_tail_link(mailbox->turn, &mailbox->turn_link);
}

/* NULL: none may be looked at now. */
static struct mailbox *
next_turn(struct ph_watch_imap *watch, int64_t now)
{
	bool closed =
	    watch->down && (now < watch->down_until || watch->opening > 0);

	for (int i = 0; i < TURNS && watch->looking < LOOKERS; i++) {
		struct mailbox *first = g_queue_peek_head(&watch->turns[i]);

		if (first == NULL || (closed && first->look.box == NULL) ||
		    (i == FAILING && watch->failing >= LOOKERS / 2))
			continue;
		leave_turn(first);
		return first;
	}
	return NULL;
}

/* In how many ms the next one is due. */
static int64_t
look_at_due(struct ph_watch_imap *watch)
{
	int64_t now = ph_clock_mono(), next = TICK_MS;
	struct mailbox *mailbox;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, watch->mailboxes);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		mailbox = value;
		if (mailbox->busy || mailbox->turn != NULL)
			continue;
		if (mailbox->due <= now ||
		    (mailbox->look.box != NULL && mailbox->renew <= now))
			await_turn(watch, mailbox);
		else
			next = MIN(next, mailbox->due - now);
	}
	while ((mailbox = next_turn(watch, now)) != NULL)
		begin_look(watch, mailbox);
	if (watch->down && now < watch->down_until)
		next = MIN(next, watch->down_until - now);
	return next;
}

/* ---- which mailboxes there are ----------------------------------------- */

static void
see(struct ph_watch_imap *watch, const struct ph_box_name *name)
{
	g_autofree char *key = ph_box_name_key(name);
	struct mailbox *mailbox = g_hash_table_lookup(watch->mailboxes, key);

	if (mailbox == NULL) {
		mailbox = g_new0(struct mailbox, 1);
		mailbox->look.name = ph_box_name_copy(name);
		mailbox->look.note = note_session;
		mailbox->look.context = watch;
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
	struct mailbox *mailbox = value;

	(void)key;
	if (mailbox->round == watch->round)
		return FALSE;
	mailbox->gone = true;
	if (mailbox->busy)
		return FALSE;
	leave_turn(mailbox);
	end_idle(watch, mailbox);
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

/* ---- the thread -------------------------------------------------------- */

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
		struct mailbox *mailbox = value;

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
		struct mailbox *mailbox = p->data;

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
		struct mailbox *mailbox = of->pdata[i];
		int r;

		if (g_array_index(fds, struct pollfd, i + 1).revents == 0)
			continue;
		r = ph_imap_heard(ph_box_imap_session(mailbox->look.box), NULL);
		if (r < 0)
			end_idle(watch, mailbox);
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

		collect(watch);
		if (ph_change_look(&watch->change, watch->submission))
			hurry(watch);
		if (watch->change.last != NULL) {
			take_walk(watch, ph_clock_mono());
			if (ph_clock_mono() >= watch->next_walk)
				begin_walk(watch);
			wait = look_at_due(watch);
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
						 g_free, mailbox_free);
	watch->walk = ph_imap_walk_new(submission, watch->wake);
	watch->waits = g_hash_table_new(NULL, NULL);
	watch->done = g_async_queue_new();
	g_mutex_init(&watch->mutex);
	g_cond_init(&watch->ended);
	g_queue_init(&watch->idle);
	for (int i = 0; i < TURNS; i++)
		g_queue_init(&watch->turns[i]);
	watch->lookers = g_thread_pool_new(look, watch, LOOKERS, FALSE, NULL);
	watch->thread = g_thread_new("watch", run, watch);
	return watch;
}

/* True: all looks have ended. */
static bool
end_looks(struct ph_watch_imap *watch, int64_t timeout_ms)
{
	int64_t end = g_get_monotonic_time() + timeout_ms * 1000;
	GHashTableIter iter;
	gpointer session;
	bool ended = true;

	g_mutex_lock(&watch->mutex);
	g_hash_table_iter_init(&iter, watch->waits);
	while (g_hash_table_iter_next(&iter, &session, NULL))
		ph_imap_shutdown(session);
	while (watch->running > 0 && ended)
		ended = g_cond_wait_until(&watch->ended, &watch->mutex, end);
	ended = watch->running == 0;
	g_mutex_unlock(&watch->mutex);
	return ended;
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
	if (!end_looks(w, timeout_ms) ||
	    !ph_imap_walk_stop(&w->walk, MAX(end - ph_clock_mono(), 0)))
		return false;
	g_thread_pool_free(w->lookers, FALSE, TRUE);
	if (w->wake >= 0)
		close(w->wake);
	ph_change_clear(&w->change);
	g_hash_table_unref(w->mailboxes);
	g_hash_table_unref(w->waits);
	g_async_queue_unref(w->done);
	g_cond_clear(&w->ended);
	g_mutex_clear(&w->mutex);
	g_free(w);
	*watch = NULL;
	return true;
}
