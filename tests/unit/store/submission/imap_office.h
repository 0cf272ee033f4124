#ifndef SUBMISSION_IMAP_OFFICE_H
#define SUBMISSION_IMAP_OFFICE_H

#include "lib/base/clock.h"
#include "store/submission/queue.h"
#include "store/submission/watch_imap.h"
#include "store/submission/watch_imap_look.h"
#include "tests/unit/store/submission/fake_imap.h"

/* Outboxes behind an IMAP server: nuno's and many's in DB1, ana's in DB3. */

#define HOUR 3600000
#define ANA "ana@a.example"
#define MANY "many@example.com"
#define TO_MOTA "\r\nTo: mota@example.com\r\n\r\nx\r\n"

/* A directory over the lab's, with more in it or as it is told. */
struct twin {
	struct ph_directory *inner; /* borrowed */
	GMutex mutex;
	GCond cond;
	const char *more; /* a mailbox of DB1 */
	bool hangs, fails;
	guint begun, ended; /* walks */
};

struct world {
	struct twin twin;
	struct fake fake;
	struct fake_imap imap;
	struct lab lab;
	struct ph_imap_server server;
	struct ph_queue *queue;
	struct ph_watch_imap *watch;
};

/* ---- the directory ------------------------------------------------------ */

static inline int
twin_find(void *self, const char *address, struct ph_object **entry_r,
	  struct ph_found *found_r, struct ph_err *err)
{
	const struct twin *twin = self;

	(void)found_r;
	return ph_directory_find(twin->inner, address, entry_r, err);
}

static inline int
tell_more(const char *name, ph_directory_each *each, void *arg,
	  struct ph_err *err)
{
	g_autofree char *line = g_strdup_printf(
	    "recipient|%s|RecipientType=UserMailbox|Database=DB1", name);
	struct ph_object *entry = unit_object_line(line);
	int r = each(entry, arg, err);

	ph_object_unref(&entry);
	return r;
}

/* It fails when it has told of all but one. */
static inline int
twin_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	  void *arg, struct ph_err *err)
{
	struct twin *twin = self;
	const char *more;
	bool fails;
	int r = 0;

	g_mutex_lock(&twin->mutex);
	twin->begun++;
	while (twin->hangs)
		g_cond_wait(&twin->cond, &twin->mutex);
	more = twin->more;
	fails = twin->fails;
	g_mutex_unlock(&twin->mutex);
	if (more != NULL)
		r = tell_more(more, each, arg, err);
	if (r == 0)
		r = fails
			? ph_err_set(err, PH_ERR_TEMP, "it is away")
			: ph_directory_walk(twin->inner, group, each, arg, err);
	g_mutex_lock(&twin->mutex);
	twin->ended++;
	g_mutex_unlock(&twin->mutex);
	return r;
}

static inline void
twin_close(void *self)
{
	struct twin *twin = self;

	g_mutex_clear(&twin->mutex);
	g_cond_clear(&twin->cond);
}

static const struct ph_directory_ops twin_ops = {
    .name = "twin",
    .find = twin_find,
    .walk = twin_walk,
    .close = twin_close,
};

/* ---- all of it ---------------------------------------------------------- */

static inline void
world_open(struct world *world, const struct fake_rule *rules)
{
	fake_open(&world->fake, rules);
	fake_imap_open(&world->imap);
	world->imap.idle = true;
	world->watch = NULL;
	lab_open(&world->lab, &world->fake);
	fake_imap_server(&world->imap, &world->server);
	world->lab.submission.imap = &world->server;
	world->twin = (struct twin){.inner = world->lab.directory};
	g_mutex_init(&world->twin.mutex);
	g_cond_init(&world->twin.cond);
	world->lab.submission.directory =
	    ph_directory_new(&twin_ops, &world->twin);
	world->lab.submission.retry_min = HOUR;
	world->lab.submission.retry_max = HOUR;
}

static inline void
world_start(struct world *world, int64_t rescan, int64_t idle)
{
	world->queue = ph_queue_new(4, lab_run_item, &world->lab);
	world->watch = ph_watch_imap_start(&world->lab.submission, world->queue,
					   rescan, idle);
}

static inline void
world_close(struct world *world)
{
	ck_assert(ph_watch_imap_stop(&world->watch, 20000));
	ck_assert_ptr_null(world->watch);
	ck_assert(ph_queue_stop(&world->queue, 20000));
	fake_close(&world->fake);
	fake_imap_close(&world->imap);
	ph_directory_close(&world->lab.submission.directory);
	lab_close(&world->lab);
}

static inline void
save(struct world *world, const char *user)
{
	g_autofree char *text = g_strconcat("From: ", user, TO_MOTA, NULL);

	g_mutex_lock(&world->imap.mutex);
	fake_imap_add_for(&world->imap, user, "Outbox", text, strlen(text), "");
	g_mutex_unlock(&world->imap.mutex);
}

static inline void
set_rules(struct world *world, struct fake_imap_rule *rules)
{
	g_mutex_lock(&world->imap.mutex);
	world->imap.rules = rules;
	g_mutex_unlock(&world->imap.mutex);
}

static inline void
wait_count(struct world *world, const char *folder, guint n)
{
	const int64_t end = ph_clock_mono() + 40000;

	while (fake_imap_count(&world->imap, folder) != n) {
		ck_assert_msg(ph_clock_mono() < end, "%s: %u, not %u", folder,
			      fake_imap_count(&world->imap, folder), n);
		g_usleep(2000);
	}
}

static inline void
wait_heard(struct world *world, const char *text, guint n)
{
	const int64_t end = ph_clock_mono() + 40000;

	while (fake_imap_heard(&world->imap, text) < n) {
		ck_assert_msg(ph_clock_mono() < end, "%s: %u, not %u", text,
			      fake_imap_heard(&world->imap, text), n);
		g_usleep(2000);
	}
}

static inline void
set_twin(struct world *world, const char *more, bool hangs, bool fails)
{
	g_mutex_lock(&world->twin.mutex);
	world->twin.more = more;
	world->twin.hangs = hangs;
	world->twin.fails = fails;
	g_cond_broadcast(&world->twin.cond);
	g_mutex_unlock(&world->twin.mutex);
}

/* So many more walks have ended, or, as it hangs, begun. */
static inline void
wait_walks(struct world *world, const guint *which, guint n)
{
	const int64_t end = ph_clock_mono() + 40000;
	guint first, now;

	g_mutex_lock(&world->twin.mutex);
	first = now = *which;
	while (now < first + n) {
		g_mutex_unlock(&world->twin.mutex);
		ck_assert(ph_clock_mono() < end);
		g_usleep(2000);
		g_mutex_lock(&world->twin.mutex);
		now = *which;
	}
	g_mutex_unlock(&world->twin.mutex);
}

static inline guint
logins(struct world *world, const char *user)
{
	g_autofree char *text = g_strconcat(user, ": login", NULL);

	return fake_imap_heard(&world->imap, text);
}

#define NUNO_IDLES FAKE_NUNO ": IDLE"
#define ANA_IDLES ANA ": IDLE"

#endif
