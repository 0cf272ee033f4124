#include "store/submission/watch_imap_private.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <sys/eventfd.h>

/* Mailboxes that are looked at, at once. */
#define LOOKERS 4
/* RFC 2177: a session is renewed before 30 minutes. */
#define RENEW_MS ((int64_t)20 * 60 * 1000)

/* ---- sessions ----------------------------------------------------------- */

static void
leave_idle(struct ph_watch_imap *watch, struct ph_imap_mailbox *mailbox)
{
	if (mailbox->idle_linked)
		g_queue_unlink(&watch->idle, &mailbox->idle_link);
	mailbox->idle_linked = false;
}

void
ph_imap_mailbox_end_session(struct ph_watch_imap *watch,
			    struct ph_imap_mailbox *mailbox)
{
	leave_idle(watch, mailbox);
	ph_box_close(&mailbox->look.box);
}

/* After a look. To be looked at is not to be used: it keeps its place. */
static void
update_idle(struct ph_watch_imap *watch, struct ph_imap_mailbox *mailbox,
	    int64_t now)
{
	struct ph_imap_mailbox *last;

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
		ph_imap_mailbox_end_session(watch, last);
}

/* ---- the threads that look ---------------------------------------------- */

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
	struct ph_imap_mailbox *mailbox = data;

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
begin_look(struct ph_watch_imap *watch, struct ph_imap_mailbox *mailbox)
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

/* ---- what came of a look ------------------------------------------------ */

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
note_server(struct ph_watch_imap *watch, const struct ph_imap_mailbox *mailbox,
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
note_mailbox(struct ph_watch_imap *watch, struct ph_imap_mailbox *mailbox,
	     int64_t now)
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
end_look(struct ph_watch_imap *watch, struct ph_imap_mailbox *mailbox)
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

void
ph_imap_turns_collect(struct ph_watch_imap *watch)
{
	struct ph_imap_mailbox *mailbox;

	while ((mailbox = g_async_queue_try_pop(watch->done)) != NULL) {
		end_look(watch, mailbox);
		if (!mailbox->gone)
			continue;
		ph_imap_mailbox_end_session(watch, mailbox);
		g_hash_table_foreach_remove(watch->mailboxes, is_mailbox,
					    mailbox);
	}
}

/* ---- whose turn it is --------------------------------------------------- */

static void
leave_turn(struct ph_imap_mailbox *mailbox)
{
	if (mailbox->turn != NULL)
		g_queue_unlink(mailbox->turn, &mailbox->turn_link);
	mailbox->turn = NULL;
}

/* News of a session come first. */
static void
await_turn(struct ph_watch_imap *watch, struct ph_imap_mailbox *mailbox)
{
	mailbox->turn = &watch->turns[mailbox->failures > 0 ? PH_IMAP_FAILING
							    : PH_IMAP_GOOD];
	mailbox->turn_link.data = mailbox;
	if (mailbox->look.box != NULL)
		g_queue_push_head_link(mailbox->turn, &mailbox->turn_link);
	else
		g_queue_push_tail_link(mailbox->turn, &mailbox->turn_link);
}

/* NULL: none may be looked at now. */
static struct ph_imap_mailbox *
next_turn(struct ph_watch_imap *watch, int64_t now)
{
	bool closed =
	    watch->down && (now < watch->down_until || watch->opening > 0);

	for (int i = 0; i < PH_IMAP_TURNS && watch->looking < LOOKERS; i++) {
		struct ph_imap_mailbox *first =
		    g_queue_peek_head(&watch->turns[i]);

		if (first == NULL || (closed && first->look.box == NULL) ||
		    (i == PH_IMAP_FAILING && watch->failing >= LOOKERS / 2))
			continue;
		leave_turn(first);
		return first;
	}
	return NULL;
}

int64_t
ph_imap_turns_begin(struct ph_watch_imap *watch)
{
	int64_t now = ph_clock_mono(), next = INT64_MAX;
	struct ph_imap_mailbox *mailbox;
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

/* ---- mailboxes --------------------------------------------------------- */

struct ph_imap_mailbox *
ph_imap_mailbox_new(struct ph_watch_imap *watch, const struct ph_box_name *name)
{
	struct ph_imap_mailbox *mailbox = g_new0(struct ph_imap_mailbox, 1);

	mailbox->look.name = ph_box_name_copy(name);
	mailbox->look.note = note_session;
	mailbox->look.context = watch;
	return mailbox;
}

void
ph_imap_mailbox_drop(struct ph_watch_imap *watch,
		     struct ph_imap_mailbox *mailbox)
{
	leave_turn(mailbox);
	ph_imap_mailbox_end_session(watch, mailbox);
}

void
ph_imap_mailbox_free(void *p)
{
	struct ph_imap_mailbox *mailbox = p;

	ph_box_close(&mailbox->look.box);
	ph_box_name_free(&mailbox->look.name);
	g_free(mailbox);
}

/* ---- all of it --------------------------------------------------------- */

void
ph_imap_turns_open(struct ph_watch_imap *watch)
{
	watch->waits = g_hash_table_new(NULL, NULL);
	watch->done = g_async_queue_new();
	g_mutex_init(&watch->mutex);
	g_cond_init(&watch->ended);
	g_queue_init(&watch->idle);
	for (int i = 0; i < PH_IMAP_TURNS; i++)
		g_queue_init(&watch->turns[i]);
	watch->lookers = g_thread_pool_new(look, watch, LOOKERS, FALSE, NULL);
}

bool
ph_imap_turns_end(struct ph_watch_imap *watch, int64_t timeout_ms)
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

void
ph_imap_turns_close(struct ph_watch_imap *watch)
{
	g_thread_pool_free(watch->lookers, FALSE, TRUE);
	g_hash_table_unref(watch->waits);
	g_async_queue_unref(watch->done);
	g_cond_clear(&watch->ended);
	g_mutex_clear(&watch->mutex);
}
