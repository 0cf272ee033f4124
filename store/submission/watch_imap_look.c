#include "store/submission/watch_imap_look.h"

#include "lib/base/clock.h"

/* Between two looks while something is being tried. */
#define AGAIN_MS 1000

static bool
is_listed(const char *base, const void *context)
{
	return g_hash_table_contains((GHashTable *)context, base);
}

static void
offer(struct ph_queue *queue, struct ph_imap_look *look, const GPtrArray *names,
      const char *part, GHashTable *bases)
{
	for (guint i = 0; i < names->len; i++) {
		int64_t wait =
		    ph_queue_offer(queue, look->name, part, names->pdata[i]);

		g_hash_table_add(bases, g_strdup(names->pdata[i]));
		look->used |= wait == 0;
		/* Nobody tells how a try has ended. */
		look->again = MIN(look->again, wait > 0 ? wait : AGAIN_MS);
	}
}

static void
add_all(GPtrArray *names, const GPtrArray *more)
{
	for (guint i = 0; i < more->len; i++)
		g_ptr_array_add(names, more->pdata[i]);
}

/* Whatever has another name since the last look has what is known of it. 1; 0:
 * not now, somebody works on one under its old name; -1. */
static int
renew(struct ph_queue *queue, struct ph_imap_look *look,
      const GPtrArray *claimed, const GPtrArray *waiting)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	int r;

	add_all(names, claimed);
	add_all(names, waiting);
	if (names->len == 0)
		return 1;
	r = ph_box_imap_renewed(look->box, names->pdata[0], &look->err);
	if (r != 1)
		return r < 0 ? -1 : 1;
	if (ph_queue_works(queue, look->name))
		return 0;
	return ph_box_imap_renew(look->box, names, &look->err) < 0 ? -1 : 1;
}

static int
look_into(struct ph_queue *queue, struct ph_imap_look *look)
{
	g_autoptr(GHashTable) bases =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) claimed = NULL, waiting = NULL;
	/* As in ph_outbox_look; other threads offer what is in other mailboxes
	 * alone. */
	const bool idle = !ph_queue_works(queue, look->name);
	int r = ph_box_imap_look(look->box, &claimed, &waiting, &look->err);
	int known;

	if (r < 0)
		return -1;
	known = renew(queue, look, claimed, waiting);
	if (known != 1) {
		look->holds = true;
		look->again = AGAIN_MS;
		return known;
	}
	offer(queue, look, claimed, NULL, bases);
	offer(queue, look, waiting, "Outbox", bases);
	look->holds = g_hash_table_size(bases) > 0;
	/* An Outbox that is not there, as while the server's own store is away,
	 * may come back with all that was in it. */
	if (idle && r == 1)
		ph_box_sweep(look->box, is_listed, bases);
	return 0;
}

/* The box stays open if a session with IDLE is wanted and could be had. */
static bool
listen_on(struct ph_imap_look *look, struct ph_imap *session)
{
	bool wanted = look->listen || (look->used && look->listen_if_used);
	int r = -1;

	if (wanted && ph_imap_offers(session, "IDLE"))
		r = ph_imap_idle(session, NULL);
	look->news = r == 1;
	return r >= 0;
}

/* With the box, which is closed unless it is to be listened to. */
static int
use(const struct ph_submission *submission, struct ph_queue *queue,
    struct ph_imap_look *look)
{
	struct ph_imap *session = ph_box_imap_session(look->box);
	bool keep = false;
	int r;

	look->note(look->context, session, true);
	ph_imap_limit(session, ph_clock_mono() + submission->imap->timeout);
	r = ph_imap_idle_end(session, &look->err);
	if (r == 0)
		r = look_into(queue, look);
	if (r == 0)
		keep = listen_on(look, session);
	look->note(look->context, session, false);
	if (!keep)
		ph_box_close(&look->box);
	return r;
}

void
ph_imap_look(const struct ph_submission *submission, struct ph_queue *queue,
	     struct ph_imap_look *look)
{
	enum ph_imap_sign sign;
	int r;

	look->end = PH_IMAP_LOOK_DONE;
	look->answered = false;
	look->again = INT64_MAX;
	look->holds = look->used = look->news = false;
	/* What becomes of a session says nothing of a new one. */
	if (look->box != NULL && use(submission, queue, look) == 0)
		return;
	r = ph_box_imap_open(submission->imap, submission->root, look->name,
			     &sign, &look->box, &look->err);
	look->answered = sign == PH_IMAP_UP;
	if (sign == PH_IMAP_DOWN)
		look->end = PH_IMAP_LOOK_NO_SERVER;
	else if (r < 0 || (r == 1 && use(submission, queue, look) < 0))
		look->end = PH_IMAP_LOOK_FAILED;
}
