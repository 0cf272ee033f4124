#include "lib/health/leader.h"

#include "lib/health/lease.h"
#include "tests/unit/lib/health/organization.h"

#include <string.h>

/* MBX1 is this server; its daemons would have the heartbeats that are written
 * here by hand. */
static struct organization organization;
static struct ph_replicas *replicas;
static GMutex lock;
static GString *told;

#define DB1 "HSET posthub:database:DB1 Servers MBX1,MBX2 "

static void
set(const char *line)
{
	fixture_do(&organization.redis, line);
}

static void
back(void *context, const char *database)
{
	g_mutex_lock(context);
	g_string_append_printf(told, "%s ", database);
	g_mutex_unlock(context);
}

static bool
is_told(const char *database)
{
	bool answer;

	g_mutex_lock(&lock);
	answer = strstr(told->str, database) != NULL;
	g_mutex_unlock(&lock);
	return answer;
}

static struct ph_leader *
start(void)
{
	return ph_leader_start(&(struct ph_leader_options){
	    .conf = organization.conf,
	    .state = organization.state,
	    .replicas = replicas,
	    .back = back,
	    .context = &lock,
	});
}

static void
setup(void)
{
	organization_open(&organization);
	replicas = ph_replicas_new(ph_state_redis(organization.state),
				   organization.conf);
	told = g_string_new(NULL);
}

static void
teardown(void)
{
	ph_replicas_free(&replicas);
	organization_close(&organization);
	g_string_free(told, TRUE);
}

static char *
field(const char *name)
{
	struct ph_reply *reply = NULL;
	char *text;

	ck_assert_int_eq(ph_redis_call(organization.redis.admin, &reply, NULL,
				       "HGET", "posthub:database:DB1", name,
				       NULL),
			 0);
	text = g_strdup(ph_reply_text(reply, NULL));
	ph_reply_free(&reply);
	return text;
}

static bool
is(const char *name, const char *wanted)
{
	g_autofree char *text = field(name);

	return strcmp(text, wanted) == 0;
}

static bool
key_is(const char *key, const char *part)
{
	g_autofree char *text = fixture_get(organization.redis.admin, key);

	return text ? strstr(text, part) != NULL : *part == '\0';
}

/* Whatever the spelling of its fields; and the lease is known to be free. */
START_TEST(test_activates)
{
	struct ph_leader *leader;

	setup();
	set("SET posthub:alive:MBX2:delivery x");
	set("SET posthub:lease:db1 {\"server\":\"MBX1\",\"epoch\":4}");
	set("HSET posthub:database:DB1 servers MBX1,MBX2 active MBX1 EPOCH 4 "
	    "autoactivation yes");
	leader = start();
	UNIT_WAIT(is("active", "MBX2"));
	ck_assert(is("EPOCH", "5"));
	ck_assert(is("Active", "") && is("Epoch", ""));
	ck_assert(key_is("posthub:lease:db1", "\"free\":true"));
	ck_assert(key_is("posthub:lock:leader", "\"mbx1\""));
	ph_leader_stop(&leader);
	ph_leader_stop(&leader);
	ck_assert(key_is("posthub:lock:leader", ""));
	teardown();
}
END_TEST

/* A lock of another's, and one that nobody renews. */
START_TEST(test_one_leads)
{
	struct ph_leader *leader;

	setup();
	set("SET posthub:alive:MBX2:delivery x");
	set("SET posthub:lock:leader other PX 8000");
	set(DB1 "Active MBX1 Epoch 4 AutoActivation true");
	leader = start();
	for (int64_t end = ph_clock_mono() + 6500; ph_clock_mono() < end;
	     g_usleep(10000))
		ck_assert(is("Epoch", "4"));
	ck_assert(key_is("posthub:lock:leader", "other"));
	UNIT_WAIT(is("Active", "MBX2"));
	ck_assert(is("Epoch", "5"));
	ph_leader_stop(&leader);
	teardown();
}
END_TEST

/* Both look, and both see the same: once all the same. */
START_TEST(test_two_at_once)
{
	struct ph_leader *one, *two;

	setup();
	set("SET posthub:alive:MBX2:delivery x");
	set(DB1 "Active MBX1 Epoch 4 AutoActivation true");
	one = start();
	two = start();
	UNIT_WAIT(is("Active", "MBX2"));
	/* Whoever leads now sees its heartbeat, and no reason. */
	ph_leader_stop(&one);
	ph_leader_stop(&two);
	ck_assert(is("Epoch", "5"));
	teardown();
}
END_TEST

START_TEST(test_nothing_automatic)
{
	struct ph_leader *leader;

	setup();
	set("SET posthub:alive:MBX2:delivery x");
	set(DB1 "Active MBX1 Epoch 4");
	leader = start();
	/* It looks, though it has nothing to lead. */
	for (int epoch = 5; !is_told("DB1"); epoch++) {
		g_autofree char *line = g_strdup_printf(
		    "HSET posthub:database:DB1 Epoch %d", epoch);

		set(line);
		g_usleep(300000);
	}
	ck_assert(key_is("posthub:lock:leader", ""));
	ck_assert(is("Active", "MBX1"));
	ph_leader_stop(&leader);
	teardown();
}
END_TEST

UNIT_MAIN("lib/health/leader", test_activates, test_one_leads, test_two_at_once,
	  test_nothing_automatic)
