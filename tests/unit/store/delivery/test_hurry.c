#include "store/delivery/hurry.h"

#include "tests/unit/lib/health/organization.h"
#include "tests/unit/object.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * With a Redis, for the live state, and a shell in place of postqueue. It says
 * how it was called, one line a call, in the file "calls".
 */
static struct organization organization;
static struct ph_directory *directory;

/* A directory that cannot say, as long as there is an outage, of anybody or of
 * two@a.test. */
static struct ph_directory *people;
static atomic_bool outage, of_two;

static int
find(void *self, const char *address, struct ph_object **entry_r,
     struct ph_found *found_r, struct ph_err *err)
{
	(void)self;
	if (outage || (of_two && strcmp(address, "two@a.test") == 0))
		return ph_err_set(err, PH_ERR_TEMP, "outage");
	return ph_directory_find_from(people, address, entry_r, found_r, err);
}

static void
close_nothing(void *self)
{
	(void)self;
}

static const struct ph_directory_ops ops = {
    .name = "outage",
    .find = find,
    .close = close_nothing,
};

static struct ph_object *
recipient(const char *address, const char *database)
{
	const struct ph_pair pairs[] = {{"RecipientType", "UserMailbox"},
					{"Database", database}};

	return unit_object("recipient", address, pairs, G_N_ELEMENTS(pairs));
}

static bool
has_domain(void)
{
	struct ph_snapshot *snapshot = ph_state_take(organization.state);
	bool has = ph_snapshot_find(snapshot, "domain", "a.test") != NULL;

	ph_snapshot_unref(&snapshot);
	return has;
}

static void
setup(void)
{
	struct ph_object *objects[2];

	organization_open(&organization);
	fixture_do(&organization.redis,
		   "HSET posthub:domain:a.test DomainType Authoritative");
	objects[0] = recipient("one@a.test", "DB1");
	objects[1] = recipient("two@a.test", "DB2");
	people =
	    ph_directory_memory((const struct ph_object *const *)objects, 2);
	directory = ph_directory_new(&ops, NULL);
	ph_object_unref(&objects[0]);
	ph_object_unref(&objects[1]);
	UNIT_WAIT(has_domain());
}

static void
teardown(void)
{
	ph_directory_close(&directory);
	ph_directory_close(&people);
	organization_close(&organization);
}

/* rest: what it does; $0 and $1 are what it is asked for. */
static struct ph_hurry *
start(const char *rest)
{
	g_autofree char *command = g_strdup_printf(
	    "sh -c 'echo $0 $1 >> %s/calls; %s'", organization.redis.dir, rest);
	struct ph_hurry *hurry =
	    ph_hurry_start(command, organization.state, directory);

	ph_hurry_ask(hurry, "db1");
	return hurry;
}

/* g_free; NULL: not at all. */
static char *
calls(void)
{
	g_autofree char *path =
	    g_build_filename(organization.redis.dir, "calls", NULL);
	char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

static bool
called(const char *wanted)
{
	g_autofree char *text = calls();

	return g_strcmp0(text, wanted) == 0;
}

static bool
called_last(const char *wanted)
{
	g_autofree char *text = calls();

	return text && g_str_has_suffix(text, wanted);
}

#define MESSAGE(queue, id, address)                                 \
	"echo {\\\"queue_name\\\": \\\"" queue                      \
	"\\\", \\\"queue_id\\\": \\\"" id                           \
	"\\\", \\\"recipients\\\": [{\\\"address\\\": \\\"" address \
	"\\\"}]}; "
#define LIST                                        \
	MESSAGE("deferred", "A", "one@a.test")      \
	MESSAGE("deferred", "B", "two@a.test")      \
	MESSAGE("active", "deferred", "one@a.test") \
	MESSAGE("deferred", "D", "deferred@a.test") \
	MESSAGE("deferred", "E", "ONE@a.test")

START_TEST(test_asks_for_those)
{
	struct ph_hurry *hurry;

	setup();
	hurry = start("test $0 = -j || exit 1; " LIST);
	/* That one fails does not keep the next from being asked for. */
	UNIT_WAIT(called("-j\n-i A\n-i E\n"));
	ph_hurry_stop(&hurry);
	ph_hurry_stop(&hurry);
	teardown();
}
END_TEST

/* What the directory cannot say is asked again until it can, and no longer. */
START_TEST(test_outage)
{
	struct ph_hurry *hurry;

	setup();
	outage = true;
	hurry = start(LIST);
	UNIT_WAIT(called_last("-j\n-j\n"));
	outage = false;
	UNIT_WAIT(called_last("-j\n-i A\n-i E\n"));
	ph_hurry_ask(hurry, "db2");
	UNIT_WAIT(called_last("-j\n-i A\n-i E\n-j\n-i B\n"));
	ph_hurry_stop(&hurry);
	teardown();
}
END_TEST

/* How often "-i A" was. */
static guint
asked_for_a(void)
{
	g_autofree char *text = calls();
	guint n = 0;

	for (const char *p = text; p && (p = strstr(p, "-i A\n")); p++)
		n++;
	return n;
}

/* What is asked for is left alone in the rounds for the others; but not when a
 * database is asked for anew. */
START_TEST(test_asked_for_once)
{
	struct ph_hurry *hurry;

	setup();
	of_two = true;
	hurry = start(LIST);
	UNIT_WAIT(called_last("-i E\n-j\n-j\n"));
	of_two = false;
	ck_assert_uint_eq(asked_for_a(), 1);
	ph_hurry_ask(hurry, "db1");
	UNIT_WAIT(asked_for_a() == 2);
	ph_hurry_stop(&hurry);
	teardown();
}
END_TEST

/* Postfix may be about to start. */
START_TEST(test_list_fails)
{
	g_autofree char *up = NULL, *rest = NULL;
	struct ph_hurry *hurry;

	setup();
	up = g_build_filename(organization.redis.dir, "up", NULL);
	rest = g_strdup_printf("test -e %s || exit 1; " LIST, up);
	hurry = start(rest);
	UNIT_WAIT(called("-j\n-j\n"));
	ck_assert(g_file_set_contents(up, "", 0, NULL));
	UNIT_WAIT(called_last("-j\n-i A\n-i E\n"));
	ph_hurry_stop(&hurry);
	teardown();
}
END_TEST

/* Or about to stop: what it was not told of is asked for again, and no more. */
START_TEST(test_asking_fails)
{
	g_autofree char *failed = NULL, *rest = NULL;
	struct ph_hurry *hurry;

	setup();
	failed = g_build_filename(organization.redis.dir, "failed", NULL);
	/* The first time. */
	rest = g_strdup_printf(
	    "test $0$1 != -iE || ! mkdir %s || exit 1; " LIST, failed);
	hurry = start(rest);
	UNIT_WAIT(called("-j\n-i A\n-i E\n-j\n-i E\n"));
	ph_hurry_ask(hurry, "db2");
	UNIT_WAIT(called("-j\n-i A\n-i E\n-j\n-i E\n-j\n-i B\n"));
	ph_hurry_stop(&hurry);
	teardown();
}
END_TEST

/* A stop ends what runs, and no other is started. */
START_TEST(test_stop)
{
	static const char *const rests[] = {
	    "test $0 = -j || exec sleep 1000; " LIST,
	    "test $0 = -j || exec sleep 1000 >&-; " LIST,
	    "exec sleep 1000",
	};
	static const char *const wanted[] = {"-j\n-i A\n", "-j\n-i A\n",
					     "-j\n"};

	setup();
	for (size_t i = 0; i < G_N_ELEMENTS(rests); i++) {
		g_autofree char *path =
		    g_build_filename(organization.redis.dir, "calls", NULL);
		struct ph_hurry *hurry = start(rests[i]);
		int64_t began;

		UNIT_WAIT(called(wanted[i]));
		began = ph_clock_mono();
		ph_hurry_stop(&hurry);
		/* The time of one round, which is what a stop waited for. */
		ck_assert_int_lt(ph_clock_mono() - began, 30000);
		ck_assert(called(wanted[i]));
		ck_assert_int_eq(unlink(path), 0);
	}
	teardown();
}
END_TEST

UNIT_MAIN("store/delivery/hurry", test_asks_for_those, test_outage,
	  test_asked_for_once, test_list_fails, test_asking_fails, test_stop)
