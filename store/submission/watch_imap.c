#include "store/submission/watch_imap.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/directory/entry.h"
#include "store/mailbox/path.h"
#include "store/submission/box_imap.h"
#include "store/submission/item.h"
#include "store/submission/mine.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Between two looks while something is being tried. */
#define LOOK_MS 1000

/* How soon a change of the organisation is seen. */
#define TICK_MS 500
/* How soon a new mailbox is: nobody tells of one. */
#define WALK_MS 10000
/* RFC 2177: a session is renewed before 30 minutes. */
#define RENEW_MS ((int64_t)20 * 60 * 1000)
/* One that cannot be opened is tried again after this. */
#define FAILED_MS 5000

struct mailbox {
	struct ph_box_name *name;
	struct ph_box *box; /* with IDLE; NULL: none */
	int64_t due;	    /* monotonic ms */
	int64_t renew;
	uint64_t round;
	GList link; /* in watch->idle, while box is there */
};

struct ph_watch_imap {
	const struct ph_submission *submission;
	struct ph_queue *queue;
	int64_t rescan, next_walk;
	guint limit;
	int wake;
	GHashTable *mailboxes; /* "database/domain/local": struct mailbox */
	GQueue idle;	       /* used last first */
	uint64_t round;
	struct ph_snapshot *last; /* looked at last; a reference */
	GThread *thread;
	gint stopping; /* atomic */
};

/* ---- sessions ---------------------------------------------------------- */

static void
end_idle(struct ph_watch_imap *watch, struct mailbox *mailbox)
{
	if (mailbox->box == NULL)
		return;
	g_queue_unlink(&watch->idle, &mailbox->link);
	ph_box_close(&mailbox->box);
}

/* Takes the box. */
static void
begin_idle(struct ph_watch_imap *watch, struct mailbox *mailbox,
	   struct ph_box *box, int64_t now)
{
	struct ph_imap *session = ph_box_imap_session(box);

	if (watch->limit == 0 || !ph_imap_offers(session, "IDLE") ||
	    ph_imap_idle(session, NULL) < 0) {
		ph_box_close(&box);
		return;
	}
	if (watch->idle.length >= watch->limit)
		end_idle(watch, g_queue_peek_tail(&watch->idle));
	mailbox->box = box;
	mailbox->renew = now + RENEW_MS;
	mailbox->link.data = mailbox;
	g_queue_push_head_link(&watch->idle, &mailbox->link);
}

static void
mailbox_free(void *p)
{
	struct mailbox *mailbox = p;

	ph_box_close(&mailbox->box);
	ph_box_name_free(&mailbox->name);
	g_free(mailbox);
}

/* ---- looking ----------------------------------------------------------- */

static bool
is_listed(const char *base, const void *context)
{
	return g_hash_table_contains((GHashTable *)context, base);
}

/* In how many ms to look again; INT64_MAX: when something is heard. */
static int64_t
offer(const struct ph_watch_imap *watch, const struct mailbox *mailbox,
      const GPtrArray *names, const char *part, GHashTable *bases)
{
	int64_t again = INT64_MAX;

	for (guint i = 0; i < names->len; i++) {
		int64_t wait = ph_queue_offer(watch->queue, mailbox->name, part,
					      names->pdata[i]);

		g_hash_table_add(bases, g_strdup(names->pdata[i]));
		/* Nobody tells how a try has ended. */
		again = MIN(again, wait > 0 ? wait : LOOK_MS);
	}
	return again;
}

/* 0 or -1; *holds_r: was there anything? */
static int
look_into(const struct ph_watch_imap *watch, const struct mailbox *mailbox,
	  struct ph_box *box, int64_t *again_r, bool *holds_r,
	  struct ph_err *err)
{
	g_autoptr(GHashTable) bases =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) claimed = NULL, waiting = NULL;
	int64_t again;
	bool idle;

	/* As in ph_outbox_look. */
	idle = ph_queue_idle(watch->queue);
	if (ph_box_items(box, &claimed, err) < 0 ||
	    ph_box_imap_waiting(box, &waiting, err) < 0)
		return -1;
	again = offer(watch, mailbox, claimed, NULL, bases);
	*again_r = MIN(again, offer(watch, mailbox, waiting, "Outbox", bases));
	*holds_r = g_hash_table_size(bases) > 0;
	if (idle)
		ph_box_sweep(box, is_listed, bases);
	return 0;
}

static void
look(struct ph_watch_imap *watch, struct mailbox *mailbox, int64_t now)
{
	const struct ph_box_name *name = mailbox->name;
	struct ph_err err = PH_ERR_INIT;
	struct ph_box *box = mailbox->box;
	int64_t again = watch->rescan;
	bool idle = box != NULL, holds = false;
	int r = 1;

	if (idle) {
		g_queue_unlink(&watch->idle, &mailbox->link);
		mailbox->box = NULL;
		r = ph_imap_idle_end(ph_box_imap_session(box), &err) < 0 ? -1
									 : 1;
	} else {
		r = ph_item_open(watch->submission, name, &box, &err);
	}
	if (r == 1)
		r = look_into(watch, mailbox, box, &again, &holds, &err) < 0
			? -1
			: 1;
	mailbox->due = now + (r < 0 ? FAILED_MS : MIN(again, watch->rescan));
	if (r < 0)
		ph_info("mailbox %s/%s: %s", name->domain, name->local,
			err.text);
	/* Who never has anything in the Outbox has a session while there are
	 * any left. */
	if (r == 1 && (idle || holds || watch->idle.length < watch->limit))
		begin_idle(watch, mailbox, box, now);
	else
		ph_box_close(&box);
}

/* ---- which mailboxes there are ----------------------------------------- */

static int
see(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	struct ph_watch_imap *watch = arg;
	const char *database = ph_object_text(entry, "Database");
	g_autofree char *local = NULL, *domain = NULL, *key = NULL;
	g_autofree char *local_name = NULL, *domain_name = NULL;
	struct mailbox *mailbox;

	(void)err;
	if (g_atomic_int_get(&watch->stopping))
		return -1;
	if (!ph_entry_is_mailbox(entry) || database == NULL ||
	    ph_split_address(ph_entry_primary(entry), &local, &domain) != 1 ||
	    !ph_submission_mine(watch->submission, watch->last, database, NULL,
				NULL))
		return 0;
	local_name = ph_path_component(local);
	domain_name = ph_path_component(domain);
	key = g_strjoin("/", database, domain_name, local_name, NULL);
	mailbox = g_hash_table_lookup(watch->mailboxes, key);
	if (mailbox == NULL) {
		mailbox = g_new0(struct mailbox, 1);
		mailbox->name =
		    ph_box_name_new(database, domain_name, local_name);
		g_hash_table_insert(watch->mailboxes, g_steal_pointer(&key),
				    mailbox);
	}
	mailbox->round = watch->round;
	return 0;
}

static gboolean
is_gone(gpointer key, gpointer value, gpointer data)
{
	struct ph_watch_imap *watch = data;
	struct mailbox *mailbox = value;

	(void)key;
	if (mailbox->round == watch->round)
		return FALSE;
	end_idle(watch, mailbox);
	return TRUE;
}

static void
walk(struct ph_watch_imap *watch, int64_t now)
{
	watch->next_walk = now + MIN(watch->rescan, WALK_MS);
	ph_queue_tidy(watch->queue);
	watch->round++;
	if (ph_directory_walk(watch->submission->directory, NULL, see, watch,
			      NULL) == 0)
		g_hash_table_foreach_remove(watch->mailboxes, is_gone, watch);
	else
		watch->next_walk = now + TICK_MS;
}

/* ---- the thread -------------------------------------------------------- */

static bool
take_snapshot(struct ph_watch_imap *watch)
{
	const struct ph_submission *submission = watch->submission;
	struct ph_snapshot *snapshot = submission->take(submission->context);

	if (snapshot != watch->last) {
		ph_queue_hurry(watch->queue);
		watch->next_walk = 0;
	}
	ph_snapshot_unref(&watch->last);
	watch->last = snapshot;
	return snapshot != NULL;
}

/* In how many ms the next one is due. */
static int64_t
look_at_due(struct ph_watch_imap *watch)
{
	int64_t now = ph_clock_mono(), next = TICK_MS;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, watch->mailboxes);
	while (g_hash_table_iter_next(&iter, NULL, &value) &&
	       !g_atomic_int_get(&watch->stopping)) {
		struct mailbox *mailbox = value;

		now = ph_clock_mono();
		if (mailbox->due <= now ||
		    (mailbox->box != NULL && mailbox->renew <= now))
			look(watch, mailbox, now);
		next = MIN(next, MAX(mailbox->due - now, 1));
	}
	return next;
}

/* Waits for news of sessions; what is heard of is due. */
static void
listen_to(struct ph_watch_imap *watch, int64_t wait)
{
	g_autoptr(GArray) fds =
	    g_array_new(FALSE, FALSE, sizeof(struct pollfd));
	g_autoptr(GPtrArray) of = g_ptr_array_new();
	struct pollfd fd = {watch->wake, POLLIN, 0};

	g_array_append_val(fds, fd);
	for (GList *p = watch->idle.head; p != NULL; p = p->next) {
		struct mailbox *mailbox = p->data;

		fd.fd = ph_imap_fd(ph_box_imap_session(mailbox->box));
		g_array_append_val(fds, fd);
		g_ptr_array_add(of, mailbox);
	}
	if (poll((struct pollfd *)(void *)fds->data, fds->len, (int)wait) <= 0)
		return;
	for (guint i = 0; i < of->len; i++) {
		struct mailbox *mailbox = of->pdata[i];
		int r;

		if (g_array_index(fds, struct pollfd, i + 1).revents == 0)
			continue;
		r = ph_imap_heard(ph_box_imap_session(mailbox->box), NULL);
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

		if (take_snapshot(watch)) {
			if (ph_clock_mono() >= watch->next_walk)
				walk(watch, ph_clock_mono());
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
	g_queue_init(&watch->idle);
	watch->thread = g_thread_new("watch", run, watch);
	return watch;
}

void
ph_watch_imap_stop(struct ph_watch_imap **watch)
{
	struct ph_watch_imap *w = *watch;

	if (w == NULL)
		return;
	g_atomic_int_set(&w->stopping, 1);
	if (w->wake >= 0)
		eventfd_write(w->wake, 1);
	g_thread_join(w->thread);
	if (w->wake >= 0)
		close(w->wake);
	ph_snapshot_unref(&w->last);
	g_hash_table_unref(w->mailboxes);
	g_free(w);
	*watch = NULL;
}
