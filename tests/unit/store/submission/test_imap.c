#include "lib/base/clock.h"
#include "store/submission/box_imap.h"
#include "store/submission/imap.h"
#include "tests/unit/store/submission/fake_imap.h"

#include <sys/stat.h>

/* ---- one session with a server that answers as it likes ----------------- */

struct world {
	struct fake_imap fake;
	struct ph_imap_server server;
	struct ph_imap *imap;
};

static void
world_open(struct world *world, struct fake_imap_rule *rules)
{
	struct ph_err err = PH_ERR_INIT;
	uint32_t validity;

	fake_imap_open(&world->fake);
	world->fake.idle = true;
	world->fake.rules = rules;
	fake_imap_server(&world->fake, &world->server);
	ck_assert_msg(ph_imap_open(&world->server, FAKE_NUNO, NULL,
				   &world->imap, &err) == 0,
		      "%s", err.text);
	ck_assert_int_eq(ph_imap_select(world->imap, "Outbox", &validity, &err),
			 1);
	ck_assert_uint_eq(validity, 7);
}

static void
world_close(struct world *world)
{
	ph_imap_close(&world->imap);
	fake_imap_close(&world->fake);
}

static void
save(struct world *world, size_t size)
{
	g_autofree char *text = g_strnfill(size, 'x');

	g_mutex_lock(&world->fake.mutex);
	fake_imap_add(&world->fake, "Outbox", text, size, "");
	g_mutex_unlock(&world->fake.mutex);
}

static bool
is_readable(const struct ph_imap *imap, int ms)
{
	struct pollfd fd = {ph_imap_fd(imap), POLLIN, 0};

	return poll(&fd, 1, ms) == 1;
}

/* ---- IDLE -------------------------------------------------------------- */

START_TEST(test_idle)
{
	struct world world;

	world_open(&world, NULL);
	ck_assert_int_eq(ph_imap_idle(world.imap, NULL), 0);
	ck_assert(!is_readable(world.imap, 20));
	save(&world, 10);
	ck_assert(is_readable(world.imap, 20000));
	ck_assert_int_eq(ph_imap_heard(world.imap, NULL), 1);
	ck_assert_int_eq(ph_imap_idle_end(world.imap, NULL), 0);
	/* And it goes on. */
	ck_assert_int_eq(ph_imap_idle(world.imap, NULL), 1);
	ck_assert_int_eq(ph_imap_idle_end(world.imap, NULL), 0);
	world_close(&world);
}
END_TEST

/* Whatever was read with the "+" is not heard of again. */
START_TEST(test_idle_with_news)
{
	static const struct {
		enum fake_imap_how how;
		const char *command, *text;
		int told;
	} rows[] = {
	    {FAKE_BEHIND, "IDLE", "* 1 EXISTS\r\n", 1},
	    {FAKE_BEHIND, "IDLE", "* OK Still here\r\n* 1 EXISTS\r\n", 1},
	    {FAKE_FRONT, "IDLE", "* 1 EXISTS\r\n", 1},
	    {FAKE_FRONT, "UID SEARCH", "* 1 EXISTS\r\n", 1},
	    {FAKE_BEHIND, "IDLE", "* 1 EXPUNGE\r\n", 1},
	    {FAKE_BEHIND, "IDLE", "* OK Still here\r\n", 0},
	    {FAKE_BEHIND, "IDLE", "* BYE Good night\r\n", -1},
	    {FAKE_FRONT, "IDLE", "* BYE Good night\r\n", -1},
	    {FAKE_INSTEAD, "IDLE", "NO not now", -1},
	    {FAKE_INSTEAD, "IDLE", "OK that was it", -1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake_imap_rule rules[] = {
		    {NULL, rows[i].command, rows[i].how, rows[i].text, 0},
		    {NULL, NULL, 0, NULL, 0}};
		g_autoptr(GArray) uids = NULL;
		struct ph_err err = PH_ERR_INIT;
		struct world world;
		int r;

		world_open(&world, rules);
		world.fake.rules = NULL;
		save(&world, 10);
		ck_assert_int_eq(
		    ph_imap_select(world.imap, "Outbox", &(uint32_t){0}, NULL),
		    1);
		world.fake.rules = rules;
		ck_assert_int_eq(
		    ph_imap_search(world.imap, "UNDELETED", &uids, NULL), 0);
		ck_assert_uint_eq(uids->len, 1);
		r = ph_imap_idle(world.imap, &err);
		ck_assert_msg(r == rows[i].told, "%zu: %d %s", i, r, err.text);
		ck_assert_int_eq(err.kind, r < 0 ? PH_ERR_TEMP : PH_ERR_NONE);
		world_close(&world);
	}
}
END_TEST

/* A new SELECT begins anew. */
START_TEST(test_news_are_old)
{
	struct fake_imap_rule rules[] = {
	    {NULL, "UID SEARCH", FAKE_FRONT, "* 1 EXISTS\r\n", 0},
	    {NULL, NULL, 0, NULL, 0}};
	g_autoptr(GArray) uids = NULL;
	struct world world;
	uint32_t validity;

	world_open(&world, rules);
	save(&world, 10);
	ph_imap_select(world.imap, "Outbox", &validity, NULL);
	ck_assert_int_eq(ph_imap_search(world.imap, "ALL", &uids, NULL), 0);
	ck_assert_int_eq(ph_imap_select(world.imap, "Outbox", &validity, NULL),
			 1);
	ck_assert_int_eq(ph_imap_idle(world.imap, NULL), 0);
	world_close(&world);
}
END_TEST

/* ---- messages ---------------------------------------------------------- */

/* What a piece holds, and around it; a server may say NIL behind the end. */
START_TEST(test_sizes)
{
	static const size_t sizes[] = {0,      1,      262143, 262144,
				       262145, 524288, 524289};
	g_autofree char *directory = unit_mkdir();
	g_autofree char *path = g_build_filename(directory, "file", NULL);
	struct world world;

	world_open(&world, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
		save(&world, sizes[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_imap_stat info;
		struct stat st;
		uint32_t uid = (uint32_t)i + 1;
		int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

		ck_assert_int_eq(ph_imap_stat(world.imap, uid, &info, &err), 1);
		ck_assert_uint_eq(info.size, sizes[i]);
		/* 7-Nov-2012 10:00:00 +0100 */
		ck_assert_int_eq(info.came, INT64_C(1352278800000));
		ck_assert_msg(
		    ph_imap_fetch(world.imap, uid, info.size, fd, &err) == 1,
		    "%zu: %s", sizes[i], err.text);
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_uint_eq((size_t)st.st_size, sizes[i]);
		close(fd);
	}
	unit_rmdir(&directory);
	world_close(&world);
}
END_TEST

/* One that is not what the server said is not taken. */
START_TEST(test_wrong_size)
{
	struct ph_err err = PH_ERR_INIT;
	struct world world;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	world_open(&world, NULL);
	save(&world, 100);
	ck_assert_int_eq(ph_imap_fetch(world.imap, 1, 99, fd, &err), -1);
	ck_assert_int_eq(ph_imap_fetch(world.imap, 1, 101, fd, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "of 101 bytes has 100"));
	ck_assert_int_eq(ph_imap_fetch(world.imap, 2, 100, fd, &err), 0);
	close(fd);
	world_close(&world);
}
END_TEST

/* With CONDSTORE, without, and where this mailbox has none. */
START_TEST(test_claim)
{
	for (int kind = 0; kind < 3; kind++) {
		struct ph_err err = PH_ERR_INIT;
		struct world world;
		uint32_t validity;

		world_open(&world, NULL);
		ph_imap_close(&world.imap);
		world.fake.condstore = kind != 1;
		world.fake.nomodseq = kind == 2;
		ck_assert_int_eq(ph_imap_open(&world.server, FAKE_NUNO, NULL,
					      &world.imap, &err),
				 0);
		save(&world, 10);
		ck_assert_int_eq(
		    ph_imap_select(world.imap, "Outbox", &validity, &err), 1);
		ck_assert_msg(
		    ph_imap_claim(world.imap, 1, PH_BOX_CLAIMED, &err) == 1,
		    "%d: %s", kind, err.text);
		ck_assert_uint_eq(
		    fake_imap_heard(&world.fake, "UNCHANGEDSINCE 7"),
		    kind == 0);
		ck_assert_int_eq(
		    ph_imap_claim(world.imap, 1, PH_BOX_CLAIMED, &err), 0);
		ck_assert_int_eq(
		    ph_imap_claim(world.imap, 2, PH_BOX_CLAIMED, &err), 0);
		world_close(&world);
	}
}
END_TEST

START_TEST(test_claim_too_late)
{
	static const char *const answers[] = {
	    "OK [MODIFIED 1] another was faster", "NO [MODIFIED 1] it is gone"};

	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		struct fake_imap_rule rules[] = {
		    {NULL, "UID STORE", FAKE_INSTEAD, answers[i], 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct world world;

		world_open(&world, rules);
		save(&world, 10);
		ck_assert_int_eq(
		    ph_imap_claim(world.imap, 1, PH_BOX_CLAIMED, NULL), 0);
		world_close(&world);
	}
}
END_TEST

/* Only what came since then, less the day that zones may make. */
START_TEST(test_find)
{
	static const char *const keys[] = {
	    "UID SEARCH UNDELETED HEADER Message-ID \"<1@x>\"\n",
	    "UID SEARCH UNDELETED SINCE 10-Nov-2012 HEADER Message-ID "
	    "\"<1@x>\" HEADER Date \"x\"\n"};
	struct ph_imap_sought sought = {.id = "<1@x>", .field = "Date"};
	struct world world;

	world_open(&world, NULL);
	/* Nothing is looked for where nothing is. */
	ck_assert_int_eq(ph_imap_find(world.imap, "Sent", &sought, NULL), 0);
	ck_assert_uint_eq(fake_imap_heard(&world.fake, "SEARCH"), 0);
	fake_imap_add(&world.fake, "Sent", "Message-ID: <1@x>\r\n", 19, "");
	ck_assert_int_eq(ph_imap_find(world.imap, "Sent", &sought, NULL), 1);
	ck_assert_uint_eq(fake_imap_heard(&world.fake, keys[0]), 1);
	sought.date = "x";
	sought.since = 1352628000;
	ck_assert_int_eq(ph_imap_find(world.imap, "Sent", &sought, NULL), 1);
	ck_assert_uint_eq(fake_imap_heard(&world.fake, keys[1]), 1);
	world_close(&world);
}
END_TEST

/* ---- answers that do not come ------------------------------------------- */

/* A server that says NO has trouble, unless there is no such mailbox. */
START_TEST(test_select_no)
{
	static const struct {
		const char *answer, *listed;
		int wanted;
	} rows[] = {
	    {"NO [NONEXISTENT] no such mailbox", "", 0},
	    {"NO it is not there", "", 0},
	    {"NO [SERVERBUG] Internal error", "* LIST () \"/\" Outbox\r\n", -1},
	    {"NO it is locked", "* LIST () \"/\" Outbox\r\n", -1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake_imap_rule rules[] = {
		    {NULL, "SELECT", FAKE_INSTEAD, rows[i].answer, 0},
		    {NULL, "LIST", FAKE_FRONT, rows[i].listed, 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct ph_err err = PH_ERR_INIT;
		struct world world;
		uint32_t validity;

		world_open(&world, NULL);
		world.fake.rules = rules;
		ck_assert_int_eq(
		    ph_imap_select(world.imap, "Outbox", &validity, &err),
		    rows[i].wanted);
		ck_assert_int_eq(err.kind, rows[i].wanted < 0 ? PH_ERR_TEMP
							      : PH_ERR_NONE);
		world_close(&world);
	}
}
END_TEST

/* The login is refused; there is no answer at all; or the server lacks what we
 * need. */
START_TEST(test_open_refused)
{
	static const struct {
		const char *command;
		enum fake_imap_how how;
		const char *text, *said;
		enum ph_imap_sign sign;
	} rows[] = {
	    {"AUTHENTICATE", FAKE_INSTEAD, "NO [AUTHENTICATIONFAILED] you?",
	     "you?", PH_IMAP_UP},
	    {"AUTHENTICATE", FAKE_INSTEAD,
	     "OK [CAPABILITY IMAP4rev1 UIDPLUS] in", "does not know MOVE",
	     PH_IMAP_DOWN},
	    {"AUTHENTICATE", FAKE_HANGS, NULL, "", PH_IMAP_NO_SIGN},
	    {"greeting", FAKE_HANGS, NULL, "", PH_IMAP_DOWN},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake_imap_rule rules[] = {
		    {NULL, rows[i].command, rows[i].how, rows[i].text, 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct ph_err err = PH_ERR_INIT;
		enum ph_imap_sign sign;
		struct world world;

		world_open(&world, NULL);
		ph_imap_close(&world.imap);
		world.fake.rules = rules;
		if (rows[i].how == FAKE_HANGS)
			world.server.connect_timeout = 50;
		ck_assert_int_eq(ph_imap_open(&world.server, FAKE_NUNO, &sign,
					      &world.imap, &err),
				 -1);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
		ck_assert_int_eq(sign, rows[i].sign);
		ck_assert_msg(strstr(err.text, rows[i].said) != NULL, "%s",
			      err.text);
		ck_assert_ptr_null(strstr(err.text, "secret"));
		world_close(&world);
	}
}
END_TEST

/* When the server has heard what it will not answer. */
static gpointer
shut_down(gpointer data)
{
	struct world *world = data;

	while (fake_imap_heard(&world->fake, "UID SEARCH") == 0)
		g_usleep(1000);
	ph_imap_shutdown(world->imap);
	return NULL;
}

/* Each step ends by its own deadline, by that of all, and by a stop. */
START_TEST(test_hangs)
{
	for (int way = 0; way < 3; way++) {
		struct fake_imap_rule rules[] = {
		    {NULL, "UID SEARCH", FAKE_HANGS, NULL, 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct ph_err err = PH_ERR_INIT;
		g_autoptr(GArray) uids = NULL;
		GThread *thread = NULL;
		struct world world;

		world_open(&world, rules);
		save(&world, 1);
		ck_assert_int_eq(
		    ph_imap_select(world.imap, "Outbox", &(uint32_t){0}, NULL),
		    1);
		if (way == 0) {
			ph_imap_close(&world.imap);
			world.server.timeout = 50;
			ck_assert_int_eq(ph_imap_open(&world.server, FAKE_NUNO,
						      NULL, &world.imap, NULL),
					 0);
		} else if (way == 1) {
			ph_imap_limit(world.imap, ph_clock_mono() + 50);
		} else {
			thread = g_thread_new("stop", shut_down, &world);
		}
		ck_assert_int_eq(ph_imap_search(world.imap, "ALL", &uids, &err),
				 -1);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
		if (thread != NULL)
			g_thread_join(thread);
		world_close(&world);
	}
}
END_TEST

/* What took long was to send the message: the answer has its own time. */
START_TEST(test_slow_append)
{
	GString *text = g_string_new(NULL);
	struct ph_err err = PH_ERR_INIT;
	struct world world;

	world_open(&world, NULL);
	g_string_set_size(text, (gsize)32 * 1024 * 1024);
	memset(text->str, 'x', text->len);
	world.fake.slow = true;
	ph_imap_close(&world.imap);
	world.server.timeout = 3000;
	ck_assert_int_eq(
	    ph_imap_open(&world.server, FAKE_NUNO, NULL, &world.imap, &err), 0);
	ck_assert_msg(ph_imap_append(world.imap, "Sent", "", text, &err) == 0,
		      "%s", err.text);
	ck_assert_uint_eq(fake_imap_count(&world.fake, "Sent"), 1);
	g_string_free(text, TRUE);
	world_close(&world);
}
END_TEST

UNIT_MAIN("store/submission/imap", test_idle, test_idle_with_news,
	  test_news_are_old, test_sizes, test_wrong_size, test_claim,
	  test_claim_too_late, test_find, test_select_no, test_open_refused,
	  test_hangs, test_slow_append)
