#include "lib/directory/feeder.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/lib/state/redis_fixture.h"
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdlib.h>

/* A real Redis, the state of a daemon, and the feeder under test. */
struct live {
	struct fixture redis;
	struct ph_conf *conf;
	char *file, *snapshot;
	struct ph_state *state;
	struct ph_feeder *feeder;
	struct ph_directory *directory;
};

#define TEMP ph_err_kind_name(PH_ERR_TEMP)
#define PERM ph_err_kind_name(PH_ERR_PERM)
#define FOUND(l, address, name) \
	(strcmp(people_find((l)->directory, address), name) == 0)

static void
live_make(struct live *l, const char *prefix)
{
	g_autofree char *text = NULL;

	memset(l, 0, sizeof *l);
	fixture_start(&l->redis);
	l->file = g_build_filename(l->redis.dir, "lib", "directory", NULL);
	l->snapshot =
	    g_build_filename(l->redis.dir, "state", "test.snapshot", NULL);
	text = g_strdup_printf("[server]\nstate_dir = %s/state\n"
			       "[redis]\nurl = unix://%s\nprefix = %s\n"
			       "timeout = 2s\n"
			       "[directory]\nfile = %s\nmap_size = 64MB\n",
			       l->redis.dir, l->redis.socket, prefix, l->file);
	l->conf = fixture_conf(&l->redis, text);
}

static void
live_start(struct live *l)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_state_open(l->conf, "test", NULL, &l->state, &err) ==
			  0,
		      "%s", err.text);
	ck_assert_msg(ph_feeder_start(l->conf, l->state, &l->feeder, &err) == 0,
		      "%s", err.text);
	l->directory = ph_feeder_directory(l->feeder);
}

static void
live_stop(struct live *l)
{
	ph_directory_close(&l->directory);
	ph_feeder_stop(&l->feeder);
	ck_assert_ptr_null(l->feeder);
	ph_state_close(&l->state);
}

static void
live_free(struct live *l)
{
	live_stop(l);
	ph_conf_free(&l->conf);
	g_free(l->file);
	g_free(l->snapshot);
	fixture_stop(&l->redis);
}

static struct ph_directory_status
status(struct live *l)
{
	struct ph_directory_status s;

	ph_feeder_status(l->feeder, &s);
	return s;
}

static void
hset(struct live *l, const char *name, const char *more)
{
	g_autofree char *line = g_strdup_printf(
	    "HSET posthub:recipient:%s RecipientType UserMailbox Database "
	    "DB1%s",
	    name, more);

	fixture_do(&l->redis, line);
}

static void
del(struct live *l, const char *name)
{
	g_autofree char *line =
	    g_strdup_printf("DEL posthub:recipient:%s", name);

	fixture_do(&l->redis, line);
}

/* u0@test.org to u<n-1>@test.org. */
static void
people(struct live *l, int n)
{
	for (int i = 0; i < n; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);

		hset(l, name, "");
	}
}

/* A directory of n, in force and followed. */
static void
live_open(struct live *l, int n)
{
	live_make(l, "posthub:");
	people(l, n);
	live_start(l);
	UNIT_WAIT(status(l).complete);
	ck_assert_uint_eq(status(l).entries, (unsigned)n);
}

/* ---- filling and following ---------------------------------------------- */

START_TEST(test_follow)
{
	struct live l;

	live_open(&l, 2500);
	ck_assert_str_eq(people_find(l.directory, "U2499@test.org"),
			 "u2499@test.org");
	ck_assert_str_eq(people_find(l.directory, "u2500@test.org"), "-");
	UNIT_WAIT(status(&l).connected);
	ck_assert_str_eq(status(&l).reason, "");

	hset(&l, "new@test.org", " EmailAddresses n1@test.org");
	UNIT_WAIT(FOUND(&l, "n1@test.org", "new@test.org"));
	hset(&l, "new@test.org", " EmailAddresses n2@test.org");
	UNIT_WAIT(FOUND(&l, "n2@test.org", "new@test.org"));
	ck_assert_str_eq(people_find(l.directory, "n1@test.org"), "-");
	del(&l, "new@test.org");
	UNIT_WAIT(FOUND(&l, "new@test.org", "-"));
	ck_assert_uint_eq(status(&l).entries, 2500);
	live_free(&l);
}
END_TEST

/* Changes while everything is being read are not lost. */
START_TEST(test_change_while_reading)
{
	struct live l;

	live_make(&l, "posthub:");
	people(&l, 3000);
	live_start(&l);
	for (int i = 0; i < 200; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);
		g_autofree char *more =
		    g_strdup_printf(" EmailAddresses x%d@test.org", i);

		hset(&l, name, more);
	}
	del(&l, "u2999@test.org");
	UNIT_WAIT(FOUND(&l, "u2999@test.org", "-"));
	for (int i = 0; i < 200; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);
		g_autofree char *other = g_strdup_printf("x%d@test.org", i);

		UNIT_WAIT(FOUND(&l, other, name));
	}
	live_free(&l);
}
END_TEST

/* Nor do they wait until all is read: one after the other is in force. */
START_TEST(test_change_goes_first)
{
	struct live l;
	uint64_t reads;
	int found = 0;

	live_make(&l, "posthub:");
	fixture_do(&l.redis,
		   "EVAL for\ti=0,49999\tdo\t"
		   "redis.call('HSET','posthub:recipient:u'..i..'@test.org',"
		   "'RecipientType','UserMailbox','Database','DB1')\tend 0");
	live_start(&l);
	UNIT_WAIT(status(&l).complete);
	reads = status(&l).reads;
	fixture_do(&l.redis, "CLIENT KILL TYPE pubsub");
	while (status(&l).reads == reads) {
		g_autofree char *address =
		    g_strdup_printf("x%d@test.org", found);
		g_autofree char *more =
		    g_strconcat(" EmailAddresses ", address, NULL);

		/* Again and again: at first nobody listens, and SCAN may come
		 * by late. */
		hset(&l, "u7@test.org", more);
		g_usleep(10000);
		found += FOUND(&l, address, "u7@test.org") &&
			 status(&l).reads == reads;
	}
	/* SCAN itself comes by once. */
	ck_assert_int_ge(found, 3);
	ck_assert_uint_eq(status(&l).entries, 50000);
	live_free(&l);
}
END_TEST

START_TEST(test_any_prefix)
{
	struct live l;

	live_make(&l, "{p}[a-c]*?:");
	fixture_do(&l.redis, "HSET {p}[a-c]*?:recipient:a@test.org "
			     "RecipientType UserMailbox Database DB1");
	fixture_do(&l.redis, "HSET {p}bxyz:recipient:b@test.org "
			     "RecipientType UserMailbox Database DB1");
	live_start(&l);
	UNIT_WAIT(status(&l).complete);
	ck_assert_str_eq(people_find(l.directory, "a@test.org"), "a@test.org");
	ck_assert_str_eq(people_find(l.directory, "b@test.org"), "-");
	live_free(&l);
}
END_TEST

START_TEST(test_missed_changes)
{
	struct live l;

	live_open(&l, 5);
	live_stop(&l);
	del(&l, "u1@test.org");
	hset(&l, "u2@test.org", " EmailAddresses x@test.org");
	hset(&l, "u5@test.org", "");
	live_start(&l);
	/* Until everything is read again the file serves as it was. */
	ck_assert_str_eq(people_find(l.directory, "u0@test.org"),
			 "u0@test.org");
	UNIT_WAIT(FOUND(&l, "u1@test.org", "-"));
	UNIT_WAIT(FOUND(&l, "x@test.org", "u2@test.org"));
	UNIT_WAIT(FOUND(&l, "u5@test.org", "u5@test.org"));
	live_free(&l);
}
END_TEST

/* ---- what is wrong in Redis --------------------------------------------- */

START_TEST(test_bad_entry)
{
	struct live l;

	live_open(&l, 2);
	fixture_do(&l.redis, "HSET posthub:recipient:u1@test.org "
			     "RecipientType Nonsense");
	fixture_do(&l.redis, "SET posthub:recipient:string@test.org x");
	fixture_do(&l.redis, "HSET posthub:recipient:noaddress "
			     "RecipientType UserMailbox Database DB1");
	UNIT_WAIT(status(&l).errors == 3);
	ck_assert_str_eq(people_find(l.directory, "u1@test.org"),
			 "u1@test.org");
	ck_assert_str_eq(people_find(l.directory, "string@test.org"), TEMP);
	hset(&l, "u1@test.org", "");
	del(&l, "string@test.org");
	UNIT_WAIT(status(&l).errors == 1);
	ck_assert_str_eq(people_find(l.directory, "string@test.org"), "-");

	/* What was bad and is gone is forgotten after a whole read as well. */
	live_stop(&l);
	del(&l, "noaddress");
	live_start(&l);
	UNIT_WAIT(status(&l).errors == 0);
	live_free(&l);
}
END_TEST

/* As the command reads it. */
static bool
shown(struct live *l, const char *key, const char *text, bool kept)
{
	g_autofree char *path =
	    g_build_filename(l->redis.dir, "state", "directory.status", NULL);
	json_t *root = json_load_file(path, 0, NULL), *error;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(root, "errors"), i, error)
	{
		const char *k =
		    json_string_value(json_object_get(error, "key"));
		const char *t =
		    json_string_value(json_object_get(error, "text"));
		bool is = json_is_true(json_object_get(error, "kept"));

		found = found || (strcmp(k, key) == 0 &&
				  strstr(t, text) != NULL && is == kept);
	}
	found = found && json_is_true(json_object_get(root, "connected"));
	json_decref(root);
	return found;
}

START_TEST(test_shown)
{
	struct live l;

	live_open(&l, 1);
	fixture_do(&l.redis, "HSET posthub:recipient:u0@test.org "
			     "RecipientType Nonsense");
	fixture_do(&l.redis, "HSET posthub:recipient:x@test.org "
			     "RecipientType UserMailbox");
	UNIT_WAIT(shown(&l, "recipient:u0@test.org", "RecipientType", true));
	UNIT_WAIT(shown(&l, "recipient:x@test.org", "Database", false));
	live_free(&l);
}
END_TEST

START_TEST(test_ambiguous)
{
	struct live l;

	live_open(&l, 1);
	hset(&l, "a@test.org", " EmailAddresses info@test.org");
	hset(&l, "b@test.org", " EmailAddresses info@test.org");
	UNIT_WAIT(FOUND(&l, "info@test.org", PERM));
	del(&l, "a@test.org");
	UNIT_WAIT(FOUND(&l, "info@test.org", "b@test.org"));
	live_free(&l);
}
END_TEST

START_TEST(test_case_alone)
{
	struct live l;

	live_make(&l, "posthub:");
	hset(&l, "Bob@test.org", " EmailAddresses b1@test.org");
	hset(&l, "bob@test.org", " EmailAddresses b2@test.org");
	live_start(&l);
	UNIT_WAIT(status(&l).complete);
	ck_assert_str_eq(people_find(l.directory, "bob@test.org"), TEMP);
	ck_assert_str_eq(people_find(l.directory, "b2@test.org"), TEMP);
	ck_assert_uint_eq(status(&l).errors, 2);
	/* The other one is read again by itself. */
	del(&l, "Bob@test.org");
	UNIT_WAIT(FOUND(&l, "bob@test.org", "bob@test.org"));
	ck_assert_uint_eq(status(&l).errors, 0);
	/* Now there is a good one, and it stays. */
	hset(&l, "BOB@test.org", "");
	UNIT_WAIT(status(&l).errors == 2);
	ck_assert_str_eq(people_find(l.directory, "b2@test.org"),
			 "bob@test.org");
	live_free(&l);
}
END_TEST

/* ---- Redis away, empty, or another -------------------------------------- */

START_TEST(test_killed_and_empty)
{
	struct live l;

	live_open(&l, 20);
	fixture_kill(&l.redis);
	UNIT_WAIT(!status(&l).connected);
	ck_assert_str_ne(status(&l).reason, "");
	ck_assert_str_eq(people_find(l.directory, "u1@test.org"),
			 "u1@test.org");
	fixture_run(&l.redis);
	/* Nor is what appears there taken over. */
	hset(&l, "stranger@test.org", "");
	UNIT_WAIT(status(&l).connected);
	UNIT_WAIT(strstr(status(&l).reason, "meta") != NULL);
	ck_assert_str_eq(people_find(l.directory, "u1@test.org"),
			 "u1@test.org");
	ck_assert_str_eq(people_find(l.directory, "stranger@test.org"), "-");
	ck_assert_uint_eq(status(&l).entries, 20);
	ck_assert(status(&l).complete);
	live_free(&l);
}
END_TEST

START_TEST(test_flushed)
{
	struct live l;

	live_open(&l, 20);
	fixture_do(&l.redis, "FLUSHALL");
	UNIT_WAIT(*status(&l).reason != '\0');
	ck_assert_str_eq(people_find(l.directory, "u1@test.org"),
			 "u1@test.org");
	ck_assert_uint_eq(status(&l).entries, 20);
	live_free(&l);
}
END_TEST

START_TEST(test_away_at_start)
{
	struct live l;

	live_open(&l, 3);
	live_stop(&l);
	fixture_kill(&l.redis);
	live_start(&l);
	ck_assert_str_eq(people_find(l.directory, "u1@test.org"),
			 "u1@test.org");
	ck_assert_str_eq(people_find(l.directory, "u3@test.org"), "-");
	live_free(&l);
}
END_TEST

/* The organisation is known, the file is not, and Redis was emptied: nobody
 * can say who exists. */
START_TEST(test_no_file_and_empty)
{
	struct live l;

	live_open(&l, 3);
	live_stop(&l);
	ck_assert_int_eq(unlink(l.file), 0);
	fixture_do(&l.redis, "FLUSHALL");
	live_start(&l);
	UNIT_WAIT(strstr(status(&l).reason, "meta") != NULL);
	ck_assert_str_eq(people_find(l.directory, "u1@test.org"), TEMP);
	ck_assert(!status(&l).complete);
	live_free(&l);
}
END_TEST

START_TEST(test_half_gone)
{
	struct live l;

	live_open(&l, 22);
	live_stop(&l);
	for (int i = 0; i < 12; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);

		del(&l, name);
	}
	live_start(&l);
	UNIT_WAIT(strstr(status(&l).reason, "12 of 22") != NULL);
	ck_assert_str_eq(people_find(l.directory, "u1@test.org"),
			 "u1@test.org");
	ck_assert_uint_eq(status(&l).entries, 22);
	/* A change by somebody is in force all the same. */
	hset(&l, "new@test.org", "");
	UNIT_WAIT(FOUND(&l, "new@test.org", "new@test.org"));

	fixture_do(&l.redis,
		   "HSET posthub:meta Adopted 2026-11-21T10:00:00.000Z");
	UNIT_WAIT(FOUND(&l, "u1@test.org", "-"));
	UNIT_WAIT(*status(&l).reason == '\0');
	ck_assert_uint_eq(status(&l).entries, 11);
	live_free(&l);
}
END_TEST

/* Half of them exactly, or no more than ten, is somebody's work. */
START_TEST(test_few_gone)
{
	struct live l;

	live_open(&l, 22);
	live_stop(&l);
	for (int i = 0; i < 11; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);

		del(&l, name);
	}
	live_start(&l);
	UNIT_WAIT(status(&l).entries == 11);
	live_stop(&l);
	for (int i = 11; i < 21; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);

		del(&l, name);
	}
	live_start(&l);
	UNIT_WAIT(status(&l).entries == 1);
	live_free(&l);
}
END_TEST

/* An adoption is for what was gone then, not for the next accident. */
START_TEST(test_adopted_once)
{
	struct live l;

	live_open(&l, 20);
	fixture_do(&l.redis,
		   "HSET posthub:meta Adopted 2026-11-21T10:00:00.000Z");
	UNIT_WAIT(status(&l).reads == 2);
	live_stop(&l);
	for (int i = 0; i < 20; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);

		del(&l, name);
	}
	live_start(&l);
	UNIT_WAIT(strstr(status(&l).reason, "20 of 20") != NULL);
	ck_assert_uint_eq(status(&l).entries, 20);
	live_free(&l);
}
END_TEST

START_TEST(test_orders)
{
	struct live l;

	live_open(&l, 20);
	for (int i = 0; i < 20; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);

		del(&l, name);
	}
	UNIT_WAIT(status(&l).entries == 0);
	ck_assert_str_eq(people_find(l.directory, "u1@test.org"), "-");
	ck_assert_str_eq(status(&l).reason, "");
	live_free(&l);
}
END_TEST

START_TEST(test_other_organization)
{
	struct live l;

	live_open(&l, 3);
	fixture_do(&l.redis, "HSET posthub:meta Organization "
			     "00000000-0000-4000-8000-000000000001");
	hset(&l, "stranger@test.org", "");
	UNIT_WAIT(*status(&l).reason != '\0');
	ck_assert_str_eq(people_find(l.directory, "stranger@test.org"), "-");
	del(&l, "u1@test.org");
	fixture_do(&l.redis,
		   "HSET posthub:meta Adopted 2026-11-21T10:00:00.000Z");
	UNIT_WAIT(FOUND(&l, "stranger@test.org", "stranger@test.org"));
	UNIT_WAIT(FOUND(&l, "u1@test.org", "-"));
	live_free(&l);
}
END_TEST

/* The daemon's snapshot is lost, so that it takes the emptied Redis for a new
 * organisation; the file knows better. */
START_TEST(test_snapshot_lost)
{
	struct live l;

	live_open(&l, 3);
	live_stop(&l);
	ck_assert_int_eq(unlink(l.snapshot), 0);
	fixture_do(&l.redis, "FLUSHALL");
	live_start(&l);
	UNIT_WAIT(strstr(status(&l).reason, "another organisation") != NULL);
	ck_assert_str_eq(people_find(l.directory, "u1@test.org"),
			 "u1@test.org");
	fixture_do(&l.redis,
		   "HSET posthub:meta Adopted 2026-11-21T10:00:00.000Z");
	UNIT_WAIT(FOUND(&l, "u1@test.org", "-"));
	live_free(&l);
}
END_TEST

/* ---- the file ----------------------------------------------------------- */

START_TEST(test_file_removed)
{
	struct live l;

	live_open(&l, 3);
	ck_assert_int_eq(unlink(l.file), 0);
	UNIT_WAIT(g_file_test(l.file, G_FILE_TEST_EXISTS));
	UNIT_WAIT(FOUND(&l, "u1@test.org", "u1@test.org"));
	live_free(&l);
}
END_TEST

START_TEST(test_file_damaged)
{
	g_autofree char *aside = NULL;
	struct live l;

	live_open(&l, 3);
	live_stop(&l);
	aside = g_strconcat(l.file, ".damaged", NULL);
	ck_assert(g_file_set_contents(l.file, "not LMDB at all", -1, NULL));
	live_start(&l);
	ck_assert(g_file_test(aside, G_FILE_TEST_EXISTS));
	UNIT_WAIT(FOUND(&l, "u1@test.org", "u1@test.org"));
	live_free(&l);
}
END_TEST

START_TEST(test_file_impossible)
{
	struct ph_err err = PH_ERR_INIT;
	struct live l;

	live_make(&l, "posthub:");
	ck_assert_int_eq(ph_state_open(l.conf, "test", NULL, &l.state, &err),
			 0);
	/* A file where the directory would have to be. */
	*strrchr(l.file, '/') = '\0';
	ck_assert(g_file_set_contents(l.file, "", -1, NULL));
	ck_assert_int_eq(ph_feeder_start(l.conf, l.state, &l.feeder, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_null(l.feeder);
	live_free(&l);
}
END_TEST

UNIT_MAIN("lib/directory/feeder", test_follow, test_change_while_reading,
	  test_change_goes_first, test_any_prefix, test_missed_changes,
	  test_bad_entry, test_shown, test_ambiguous, test_case_alone,
	  test_killed_and_empty, test_flushed, test_away_at_start,
	  test_no_file_and_empty, test_half_gone, test_few_gone,
	  test_adopted_once, test_orders, test_other_organization,
	  test_snapshot_lost, test_file_removed, test_file_damaged,
	  test_file_impossible)
