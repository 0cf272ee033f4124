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

/* ---- the directory ------------------------------------------------------- */

static int
twin_find(void *self, const char *address, struct ph_object **entry_r,
	  struct ph_found *found_r, struct ph_err *err)
{
	const struct twin *twin = self;

	(void)found_r;
	return ph_directory_find(twin->inner, address, entry_r, err);
}

static int
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
static int
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

static void
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

/* ---- all of it ----------------------------------------------------------- */

static int64_t
run(void *context, const struct ph_box_name *name, const char *part,
    const char *file)
{
	const struct lab *lab = context;

	return ph_item_run(&lab->submission, name, part, file);
}

static void
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

static void
world_start(struct world *world, int64_t rescan, int64_t idle)
{
	world->queue = ph_queue_new(4, run, &world->lab);
	world->watch = ph_watch_imap_start(&world->lab.submission, world->queue,
					   rescan, idle);
}

static void
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

static void
save(struct world *world, const char *user)
{
	g_autofree char *text = g_strconcat("From: ", user, TO_MOTA, NULL);

	g_mutex_lock(&world->imap.mutex);
	fake_imap_add_for(&world->imap, user, "Outbox", text, strlen(text), "");
	g_mutex_unlock(&world->imap.mutex);
}

static void
set_rules(struct world *world, struct fake_imap_rule *rules)
{
	g_mutex_lock(&world->imap.mutex);
	world->imap.rules = rules;
	g_mutex_unlock(&world->imap.mutex);
}

static void
wait_count(struct world *world, const char *folder, guint n)
{
	const int64_t end = ph_clock_mono() + 40000;

	while (fake_imap_count(&world->imap, folder) != n) {
		ck_assert_msg(ph_clock_mono() < end, "%s: %u, not %u", folder,
			      fake_imap_count(&world->imap, folder), n);
		g_usleep(2000);
	}
}

static void
wait_heard(struct world *world, const char *text, guint n)
{
	const int64_t end = ph_clock_mono() + 40000;

	while (fake_imap_heard(&world->imap, text) < n) {
		ck_assert_msg(ph_clock_mono() < end, "%s: %u, not %u", text,
			      fake_imap_heard(&world->imap, text), n);
		g_usleep(2000);
	}
}

static void
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
static void
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

#define NUNO_IDLES FAKE_NUNO ": IDLE"
#define ANA_IDLES ANA ": IDLE"

/* ---- when all is well --------------------------------------------------- */

/* The poll is an hour away: the server has told, each time. */
START_TEST(test_told)
{
	struct world world;

	world_open(&world, NULL);
	save(&world, FAKE_NUNO);
	world_start(&world, HOUR, 10);
	wait_count(&world, "Sent", 1);
	wait_heard(&world, ANA_IDLES, 1);
	save(&world, ANA);
	save(&world, FAKE_NUNO);
	wait_count(&world, "Sent", 3);
	wait_count(&world, "Outbox", 0);
	world_close(&world);
}
END_TEST

/* No IDLE, by the server or by the setting; one session for two. */
START_TEST(test_polled)
{
	for (int way = 0; way < 3; way++) {
		struct world world;

		world_open(&world, NULL);
		world.imap.idle = way > 0;
		world_start(&world, 100, way == 1 ? 0 : 1);
		save(&world, FAKE_NUNO);
		save(&world, ANA);
		wait_count(&world, "Sent", 2);
		save(&world, ANA);
		save(&world, FAKE_NUNO);
		wait_count(&world, "Sent", 4);
		if (way < 2)
			ck_assert_uint_eq(fake_imap_heard(&world.imap, "IDLE"),
					  0);
		world_close(&world);
	}
}
END_TEST

static guint
logins(struct world *world, const char *user)
{
	g_autofree char *text = g_strconcat(user, ": login", NULL);

	return fake_imap_heard(&world->imap, text);
}

/* Who has sent keeps the session, and who never did is polled, however often
 * all of them are looked at. */
START_TEST(test_who_listens)
{
	struct world world;
	guint nuno, ana;

	world_open(&world, NULL);
	world_start(&world, 20, 2);
	save(&world, FAKE_NUNO);
	save(&world, ANA);
	wait_count(&world, "Sent", 2);
	/* It has no session, so both others have. */
	wait_heard(&world, MANY ": login", logins(&world, MANY) + 3);
	nuno = logins(&world, FAKE_NUNO);
	ana = logins(&world, ANA);
	wait_heard(&world, MANY ": login", logins(&world, MANY) + 20);
	ck_assert_uint_eq(logins(&world, FAKE_NUNO), nuno);
	ck_assert_uint_eq(logins(&world, ANA), ana);
	world_close(&world);
}
END_TEST

/* One session: it goes to who sends, from one to the other. */
START_TEST(test_session_moves)
{
	static const char *const users[] = {FAKE_NUNO, ANA, MANY};
	struct world world;

	world_open(&world, NULL);
	world_start(&world, 20, 1);
	for (guint i = 0; i < 6; i++) {
		const char *other = users[(i + 1) % 3];
		g_autofree char *polled = g_strconcat(other, ": login", NULL);
		guint before;

		save(&world, users[i % 3]);
		wait_count(&world, "Sent", i + 1);
		wait_heard(&world, polled, logins(&world, other) + 3);
		before = logins(&world, users[i % 3]);
		wait_heard(&world, polled, logins(&world, other) + 5);
		ck_assert_uint_eq(logins(&world, users[i % 3]), before);
	}
	world_close(&world);
}
END_TEST

/* What waits in an Outbox for its time does not use it. */
START_TEST(test_who_waits)
{
	static const char later[] =
	    "From: " FAKE_NUNO "\r\nDeferred-Delivery: Thu, 1 Jan 2150 "
	    "10:00:00 +0000" TO_MOTA;
	struct world world;
	guint ana;

	world_open(&world, NULL);
	fake_imap_add(&world.imap, "Outbox", later, strlen(later), "");
	world_start(&world, 20, 1);
	wait_heard(&world, "-FLAGS.SILENT ($PosthubClaimed)", 1);
	save(&world, ANA);
	wait_count(&world, "Sent", 1);
	wait_heard(&world, FAKE_NUNO ": login", logins(&world, FAKE_NUNO) + 3);
	ana = logins(&world, ANA);
	wait_heard(&world, FAKE_NUNO ": login", logins(&world, FAKE_NUNO) + 20);
	ck_assert_uint_eq(logins(&world, ANA), ana);
	world_close(&world);
}
END_TEST

/* What is told right behind the "+" is looked at. */
START_TEST(test_told_at_once)
{
	struct fake_imap_rule rules[] = {
	    {FAKE_NUNO, "IDLE", FAKE_BEHIND, "* 1 EXISTS\r\n", 1},
	    {NULL, NULL, 0, NULL, 0}};
	struct world world;

	world_open(&world, NULL);
	world.imap.rules = rules;
	world_start(&world, HOUR, 10);
	wait_heard(&world, NUNO_IDLES, 2);
	world_close(&world);
}
END_TEST

/* In an empty Outbox nothing is searched for. */
START_TEST(test_searches)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	struct world world;

	world_open(&world, down);
	world_start(&world, HOUR, 10);
	wait_heard(&world, ": IDLE", 3);
	ck_assert_uint_eq(fake_imap_heard(&world.imap, "SELECT"), 3);
	ck_assert_uint_eq(fake_imap_heard(&world.imap, "SEARCH"), 0);
	world_close(&world);
}
END_TEST

/* ---- what messages wait for ---------------------------------------------- */

static void
wait_idle(struct world *world)
{
	while (!ph_queue_idle(world->queue))
		g_usleep(1000);
}

/* No Transport server has a heartbeat; when one has, it goes at once. */
START_TEST(test_health)
{
	struct world world;

	world_open(&world, NULL);
	world.lab.down = 1;
	save(&world, FAKE_NUNO);
	world_start(&world, HOUR, 10);
	wait_heard(&world, "-FLAGS.SILENT ($PosthubClaimed)", 1);
	wait_idle(&world);
	ck_assert_uint_eq(world.fake.connections, 0);
	g_atomic_int_set(&world.lab.down, 0);
	wait_count(&world, "Sent", 1);
	world_close(&world);
}
END_TEST

START_TEST(test_change)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	struct ph_snapshot *old, *next;
	struct world world;

	world_open(&world, down);
	save(&world, FAKE_NUNO);
	world_start(&world, HOUR, 10);
	wait_heard(&world, "-FLAGS.SILENT ($PosthubClaimed)", 1);
	wait_idle(&world);
	world.fake.rules = NULL;
	next = lab_snapshot(world.fake.port, "MBX1");
	old = g_atomic_pointer_get(&world.lab.snapshot);
	g_atomic_pointer_set(&world.lab.snapshot, next);
	wait_count(&world, "Sent", 1);
	world_close(&world);
	ph_snapshot_unref(&old);
}
END_TEST

/* Of a database that is active elsewhere nobody logs in, until it comes. */
START_TEST(test_other_database)
{
	struct ph_snapshot *old, *next;
	struct world world;

	world_open(&world, NULL);
	ph_snapshot_unref(&world.lab.snapshot);
	world.lab.snapshot = lab_snapshot(world.fake.port, "MBX2");
	save(&world, FAKE_NUNO);
	world_start(&world, HOUR, 10);
	wait_heard(&world, ANA_IDLES, 1);
	ck_assert_uint_eq(fake_imap_heard(&world.imap, FAKE_NUNO), 0);
	next = lab_snapshot(world.fake.port, "MBX1");
	old = g_atomic_pointer_get(&world.lab.snapshot);
	g_atomic_pointer_set(&world.lab.snapshot, next);
	wait_count(&world, "Sent", 1);
	world_close(&world);
	ph_snapshot_unref(&old);
}
END_TEST

/* ---- one look ------------------------------------------------------------ */

static void
note_nothing(void *context, struct ph_imap *session, bool begins)
{
	(void)context;
	(void)session;
	(void)begins;
}

/* What speaks of the server, and what of the mailbox alone. */
START_TEST(test_signs)
{
	static const struct {
		const char *command; /* NULL: none */
		enum fake_imap_how how;
		const char *text;
		bool directory; /* of states is there */
		enum ph_imap_look_end end;
		bool answered;
	} rows[] = {
	    {NULL, 0, NULL, true, PH_IMAP_LOOK_DONE, true},
	    {NULL, 0, NULL, false, PH_IMAP_LOOK_FAILED, false},
	    {"greeting", FAKE_INSTEAD, "BYE full", true, PH_IMAP_LOOK_NO_SERVER,
	     false},
	    {"greeting", FAKE_HANGS, NULL, true, PH_IMAP_LOOK_NO_SERVER, false},
	    {"login", FAKE_INSTEAD, "[UNAVAILABLE] ", true, PH_IMAP_LOOK_FAILED,
	     true},
	    {"login", FAKE_INSTEAD, "", true, PH_IMAP_LOOK_FAILED, true},
	    {"login", FAKE_HANGS, NULL, true, PH_IMAP_LOOK_FAILED, false},
	    {"SELECT", FAKE_INSTEAD, "NO [SERVERBUG] trouble", true,
	     PH_IMAP_LOOK_FAILED, true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake_imap_rule rules[] = {
		    {NULL, rows[i].command, rows[i].how, rows[i].text, 0},
		    {NULL, "LIST", FAKE_FRONT, "* LIST () \"/\" Outbox\r\n", 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct ph_imap_look look = {
		    .name = ph_box_name_new("DB1", "example.com", "nuno"),
		    .note = note_nothing};
		struct world world;

		world_open(&world, NULL);
		if (rows[i].how == FAKE_HANGS)
			world.server.connect_timeout = 100;
		if (rows[i].command != NULL)
			world.imap.rules = rules;
		if (!rows[i].directory) {
			ck_assert_int_eq(rmdir(world.lab.box), 0);
			ck_assert(
			    g_file_set_contents(world.lab.box, "x", 1, NULL));
		}
		world.queue = ph_queue_new(4, run, &world.lab);
		ph_imap_look(&world.lab.submission, world.queue, &look);
		ck_assert_msg(look.end == rows[i].end, "%zu: %d: %s", i,
			      look.end, look.err.text);
		ck_assert_int_eq(look.answered, rows[i].answered);
		ck_assert_ptr_null(look.box);
		ph_box_name_free(&look.name);
		world_close(&world);
	}
}
END_TEST

/* ---- when the server has trouble ----------------------------------------- */

/* One mailbox hangs for good, wherever: the other is served, and a stop waits
 * for neither. */
START_TEST(test_one_hangs)
{
	static const char *const places[] = {"SELECT", "IDLE"};

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		struct fake_imap_rule rules[] = {
		    {FAKE_NUNO, places[i], FAKE_HANGS, NULL, 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct world world;

		world_open(&world, NULL);
		world.server.timeout = HOUR;
		world.imap.rules = rules;
		world_start(&world, 100, 10);
		wait_heard(&world, i == 0 ? FAKE_NUNO ": SELECT" : NUNO_IDLES,
			   1);
		for (guint n = 1; n <= 3; n++) {
			save(&world, ANA);
			wait_count(&world, "Sent", n);
		}
		world_close(&world);
	}
}
END_TEST

/* It hung until its time was over: it is tried again, and then well. */
START_TEST(test_tried_again)
{
	static const struct {
		const char *command;
		enum fake_imap_how how;
		const char *text;
	} rows[] = {
	    {"SELECT", FAKE_HANGS, NULL},
	    {"SELECT", FAKE_INSTEAD, "NO [SERVERBUG] trouble"},
	    {"UID SEARCH", FAKE_INSTEAD, "NO trouble"},
	    {"login", FAKE_INSTEAD, ""},
	    {"login", FAKE_HANGS, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake_imap_rule rules[] = {
		    {FAKE_NUNO, rows[i].command, rows[i].how, rows[i].text, 2},
		    {FAKE_NUNO, "LIST", FAKE_FRONT,
		     "* LIST () \"/\" Outbox\r\n", 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct world world;

		world_open(&world, NULL);
		world.server.timeout = world.server.connect_timeout = 1000;
		world.lab.submission.retry_min = 50;
		world.imap.rules = rules;
		save(&world, FAKE_NUNO);
		world_start(&world, HOUR, 10);
		wait_count(&world, "Sent", 1);
		world_close(&world);
	}
}
END_TEST

/* A mailbox that cannot be opened is alone with its trouble: its next time is
 * an hour away, that of others is not. */
START_TEST(test_own_trouble)
{
	static const struct {
		enum fake_imap_how how;
		const char *text;
	} rows[] = {
	    {FAKE_INSTEAD, "[AUTHENTICATIONFAILED] "},
	    {FAKE_INSTEAD, "[UNAVAILABLE] "},
	    {FAKE_HANGS, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake_imap_rule rules[] = {
		    {FAKE_NUNO, "login", rows[i].how, rows[i].text, 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct world world;
		guint before;

		world_open(&world, NULL);
		world.server.connect_timeout = 1000;
		world_start(&world, 100, 0);
		wait_heard(&world, FAKE_NUNO ": login", 1);
		wait_heard(&world, ANA ": login", 1);
		before = fake_imap_heard(&world.imap, FAKE_NUNO ": login");
		set_rules(&world, rules);
		/* One of them may have been let in before. */
		wait_heard(&world, FAKE_NUNO ": login", before + 1);
		for (guint n = 1; n <= 3; n++) {
			save(&world, ANA);
			wait_count(&world, "Sent", n);
		}
		/* More than once after the hanging one was given up. */
		wait_heard(&world, ANA ": login",
			   fake_imap_heard(&world.imap, ANA ": login") + 20);
		ck_assert_uint_le(
		    fake_imap_heard(&world.imap, FAKE_NUNO ": login"),
		    before + 2);
		world_close(&world);
	}
}
END_TEST

static struct fake_imap_rule closed[] = {
    {NULL, "greeting", FAKE_INSTEAD, "BYE full", 0}, {NULL, NULL, 0, NULL, 0}};

/* Nobody comes in: one asks for all, again and again, however long it takes;
 * whoever has a session is served. */
START_TEST(test_server_is_down)
{
	struct world world;

	world_open(&world, NULL);
	world.lab.submission.retry_min = 10;
	/* Nuno has the only session, ana is polled. */
	save(&world, FAKE_NUNO);
	world_start(&world, 100, 1);
	wait_count(&world, "Sent", 1);
	set_rules(&world, closed);
	save(&world, ANA);
	wait_heard(&world, "turned away", 50);
	ck_assert_uint_eq(fake_imap_count(&world.imap, "Sent"), 1);
	set_rules(&world, NULL);
	wait_count(&world, "Sent", 2);
	save(&world, FAKE_NUNO);
	wait_count(&world, "Sent", 3);
	world_close(&world);
}
END_TEST

/* That a session is served says nothing of new ones: mailboxes that come
 * meanwhile do not ask. */
START_TEST(test_down_but_for_a_session)
{
	struct world world;
	guint before;

	world_open(&world, NULL);
	save(&world, FAKE_NUNO);
	world_start(&world, 100, 1);
	wait_count(&world, "Sent", 1);
	set_rules(&world, closed);
	wait_heard(&world, "turned away", 1);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = {
		    "c1@a.example", "c2@a.example", "c3@a.example"};

		before = fake_imap_heard(&world.imap, FAKE_NUNO ": SELECT");
		wait_heard(&world, FAKE_NUNO ": SELECT", before + 5);
		set_twin(&world, names[i], false, false);
		wait_walks(&world, &world.twin.ended, 3);
	}
	/* Two were on their way when the first was turned away. */
	ck_assert_uint_le(fake_imap_heard(&world.imap, "turned away"), 2);
	world_close(&world);
}
END_TEST

/* ---- when the directory has ------------------------------------------------
 */

/* It takes its time: who is known is heard, polled, and sends; and then there
 * are more. A stop does not wait for it either. */
START_TEST(test_directory_hangs)
{
	for (int way = 0; way < 2; way++) {
		struct world world;

		world_open(&world, NULL);
		world_start(&world, 100, 1);
		wait_heard(&world, ANA ": SELECT", 1);
		wait_heard(&world, FAKE_NUNO ": SELECT", 1);
		set_twin(&world, "new@a.example", true, false);
		wait_walks(&world, &world.twin.begun, 1);
		for (guint n = 1; n <= 3; n++) {
			save(&world, ANA);
			save(&world, FAKE_NUNO);
			wait_count(&world, "Sent", 2 * n);
		}
		if (way == 0) {
			set_twin(&world, "new@a.example", false, false);
			wait_heard(&world, "new@a.example: SELECT", 1);
		} else {
			ck_assert(!ph_watch_imap_stop(&world.watch, 1));
			set_twin(&world, NULL, false, false);
		}
		world_close(&world);
	}
}
END_TEST

/* It tells of a part of them, and fails: those known go on, what it told of
 * comes with a whole answer. */
START_TEST(test_directory_fails)
{
	struct world world;

	world_open(&world, NULL);
	world_start(&world, 100, 1);
	wait_heard(&world, ANA ": SELECT", 1);
	wait_heard(&world, FAKE_NUNO ": SELECT", 1);
	set_twin(&world, "new@a.example", false, true);
	/* The first of them may have begun before. */
	wait_walks(&world, &world.twin.ended, 3);
	save(&world, ANA);
	save(&world, FAKE_NUNO);
	wait_count(&world, "Sent", 2);
	wait_heard(&world, MANY ": SELECT",
		   fake_imap_heard(&world.imap, MANY ": SELECT") + 5);
	ck_assert_uint_eq(fake_imap_heard(&world.imap, "new@a.example"), 0);
	set_twin(&world, "new@a.example", false, false);
	wait_heard(&world, "new@a.example: SELECT", 1);
	world_close(&world);
}
END_TEST

/* All sessions break; new ones come, and hear. */
START_TEST(test_sessions_break)
{
	struct world world;

	world_open(&world, NULL);
	world_start(&world, HOUR, 10);
	wait_heard(&world, NUNO_IDLES, 1);
	wait_heard(&world, ANA_IDLES, 1);
	g_mutex_lock(&world.imap.mutex);
	for (guint i = 0; i < world.imap.fds->len; i++)
		shutdown(g_array_index(world.imap.fds, int, i), SHUT_RDWR);
	g_mutex_unlock(&world.imap.mutex);
	wait_heard(&world, NUNO_IDLES, 2);
	save(&world, FAKE_NUNO);
	wait_count(&world, "Sent", 1);
	world_close(&world);
}
END_TEST

UNIT_MAIN("store/submission/watch_imap", test_told, test_polled,
	  test_who_listens, test_session_moves, test_who_waits,
	  test_told_at_once, test_searches, test_health, test_change,
	  test_other_database, test_one_hangs, test_tried_again,
	  test_own_trouble, test_signs, test_server_is_down,
	  test_down_but_for_a_session, test_directory_hangs,
	  test_directory_fails, test_sessions_break)
