#include "tests/unit/lib/state/redis_fixture.h"
#include "tests/unit/two_addresses.h"

/* The first does not answer at all: what is left of the time is enough for the
 * other one. */
START_TEST(test_second_address)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *text = NULL;
	int silent = listen_at(&addresses[0]), fds[8];

	fill(&addresses[0], fds);
	fixture_init(&f, NULL, true);
	fixture_run(&f);
	addresses[1] =
	    (struct sockaddr_in){.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)f.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	text = g_strdup_printf("[redis]\nurl = redis://" TWO_ADDRESSES
			       ":%d\ntimeout = 1s\n",
			       f.port);
	redis = fixture_redis(&f, text);
	ck_assert_msg(ph_redis_call(redis, &reply, &err, "PING", NULL) == 0,
		      "%s", err.text);
	ph_reply_free(&reply);
	ph_redis_close(&redis);
	fixture_stop(&f);
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
	close(silent);
}
END_TEST

UNIT_MAIN("lib/state/redis_addresses", test_second_address)
