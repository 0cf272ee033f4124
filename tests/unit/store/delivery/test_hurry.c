#include "store/delivery/hurry.h"

#include "tests/unit/lib/health/organization.h"

#include <errno.h>
#include <stdlib.h>

/*
 * With a Redis, for the live state, and a shell in place of postqueue. It says
 * how it was called, one line a call, in the file "calls".
 */
static struct organization organization;
static struct ph_directory *directory;

static struct ph_object *
recipient(const char *address, const char *database)
{
	const struct ph_pair pairs[] = {{"RecipientType", "UserMailbox"},
					{"Database", database}};
	struct ph_object *object = NULL;

	ck_assert_int_eq(ph_object_parse(ph_kind_find("recipient"), address,
					 pairs, 2, &object, NULL),
			 0);
	return object;
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
	struct ph_object *people[2];

	organization_open(&organization);
	fixture_do(&organization.redis,
		   "HSET posthub:domain:a.test DomainType Authoritative");
	people[0] = recipient("one@a.test", "DB1");
	people[1] = recipient("two@a.test", "DB2");
	directory =
	    ph_directory_memory((const struct ph_object *const *)people, 2);
	ph_object_unref(&people[0]);
	ph_object_unref(&people[1]);
	WAIT_UNTIL(has_domain());
}

static void
teardown(void)
{
	ph_directory_close(&directory);
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

static bool
called(const char *wanted)
{
	g_autofree char *path =
	    g_build_filename(organization.redis.dir, "calls", NULL);
	g_autofree char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) &&
	       strcmp(text, wanted) == 0;
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
	WAIT_UNTIL(called("-j\n-i A\n-i E\n"));
	ph_hurry_stop(&hurry);
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
	static const char *const calls[] = {"-j\n-i A\n", "-j\n-i A\n", "-j\n"};

	setup();
	for (size_t i = 0; i < G_N_ELEMENTS(rests); i++) {
		g_autofree char *path =
		    g_build_filename(organization.redis.dir, "calls", NULL);
		struct ph_hurry *hurry = start(rests[i]);
		int64_t began;

		WAIT_UNTIL(called(calls[i]));
		began = ph_clock_mono();
		ph_hurry_stop(&hurry);
		/* The time of one round, which is what a stop waited for. */
		ck_assert_int_lt(ph_clock_mono() - began, 30000);
		ck_assert(called(calls[i]));
		ck_assert_int_eq(unlink(path), 0);
	}
	teardown();
}
END_TEST

UNIT_MAIN("store/delivery/hurry", test_asks_for_those, test_stop)
