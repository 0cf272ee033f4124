#include "lib/state/redis.h"

#include "lib/base/clock.h"
#include "lib/state/redis_private.h"
#include "tests/unit/lib/state/redis_fixture.h"

#include <sys/un.h>

START_TEST(test_replies)
{
	struct fixture f;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	ck_assert_int_eq(
	    ph_redis_call(f.admin, &reply, &err, "SET", "k", "v", NULL), 0);
	ck_assert_int_eq(ph_reply_type(reply), PH_REPLY_STATUS);
	ck_assert_str_eq(ph_reply_text(reply, NULL), "OK");
	ph_reply_free(&reply);

	ck_assert_int_eq(
	    ph_redis_call(f.admin, &reply, &err, "GET", "none", NULL), 0);
	ck_assert_int_eq(ph_reply_type(reply), PH_REPLY_NIL);
	ck_assert_str_eq(ph_reply_text(reply, NULL), "");
	ck_assert_uint_eq(ph_reply_count(reply), 0);
	ph_reply_free(&reply);

	ck_assert_int_eq(fixture_do(&f, "INCRBY n 42"), 42);
	fixture_do(&f, "RPUSH list a bc");
	ck_assert_int_eq(ph_redis_call(f.admin, &reply, &err, "LRANGE", "list",
				       "0", "-1", NULL),
			 0);
	ck_assert_int_eq(ph_reply_type(reply), PH_REPLY_ARRAY);
	ck_assert_uint_eq(ph_reply_count(reply), 2);
	ck_assert_str_eq(ph_reply_text(ph_reply_at(reply, 1), NULL), "bc");
	ph_reply_free(&reply);
	ck_assert_ptr_null(reply);
	ph_reply_free(&reply);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_binary)
{
	struct fixture f;
	const char value[] = "a\0b\r\nc";
	const char *const args[] = {"SET", "bin", value};
	const size_t sizes[] = {3, 3, sizeof(value) - 1};
	const struct ph_command set = {3, args, sizes};
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	size_t size;

	fixture_start(&f);
	ck_assert_int_eq(ph_redis_callv(f.admin, &set, &reply, &err), 0);
	ph_reply_free(&reply);
	ck_assert_int_eq(
	    ph_redis_call(f.admin, &reply, &err, "GET", "bin", NULL), 0);
	ck_assert_mem_eq(ph_reply_text(reply, &size), value, sizeof(value));
	ck_assert_uint_eq(size, sizeof(value) - 1);
	ph_reply_free(&reply);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_error_reply)
{
	struct fixture f;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	fixture_do(&f, "RPUSH list a");
	ck_assert_int_eq(
	    ph_redis_call(f.admin, &reply, &err, "GET", "list", NULL), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "WRONGTYPE"));
	ck_assert_ptr_null(reply);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_pipeline)
{
	struct fixture f;
	const struct ph_command commands[] = {COMMAND("SET", "a", "1"),
					      COMMAND("LPUSH", "a", "x"),
					      COMMAND("GET", "a")};
	struct ph_reply *replies[3] = {NULL};
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	for (int atomic = 0; atomic < 2; atomic++) {
		ck_assert_msg(ph_redis_pipeline(f.admin, commands, 3,
						atomic != 0, replies,
						&err) == 0,
			      "%s", err.text);
		ck_assert_int_eq(ph_reply_type(replies[0]), PH_REPLY_STATUS);
		ck_assert_int_eq(ph_reply_type(replies[1]), PH_REPLY_ERROR);
		ck_assert_str_eq(ph_reply_text(replies[2], NULL), "1");
		for (size_t i = 0; i < 3; i++)
			ph_reply_free(&replies[i]);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(test_atomic_refused)
{
	struct fixture f;
	const struct ph_command commands[] = {COMMAND("SET", "a", "1"),
					      COMMAND("NOSUCHCOMMAND")};
	struct ph_reply *replies[2] = {NULL};
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	ck_assert_int_eq(
	    ph_redis_pipeline(f.admin, commands, 2, true, replies, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "NOSUCHCOMMAND"));
	ck_assert_ptr_null(fixture_get(f.admin, "a"));
	/* The connection is not left inside MULTI. */
	fixture_do(&f, "SET b 2");
	fixture_stop(&f);
}
END_TEST

START_TEST(test_away_and_back)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	redis = fixture_redis_with(&f, "");
	g_free(fixture_get(redis, "k"));
	fixture_kill(&f);
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "k", NULL),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, f.socket));
	fixture_run(&f);
	UNIT_WAIT(ph_redis_call(redis, &reply, &err, "SET", "k", "v", NULL) ==
		  0);
	ph_reply_free(&reply);
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_back_off)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *text = NULL;

	fixture_init(&f, NULL, true);
	fixture_run(&f);
	/* The kernel accepts for the stopped server; SELECT waits in vain. */
	kill(f.pid, SIGSTOP);
	text = g_strdup_printf("[redis]\nurl = redis://127.0.0.1:%d/1\n"
			       "timeout = 3s\n",
			       f.port);
	redis = fixture_redis(&f, text);
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "k", NULL),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	/* Thirty attempts would take longer than a test may last. */
	for (int i = 0; i < 30; i++)
		ck_assert_int_eq(
		    ph_redis_call(redis, &reply, &err, "GET", "k", NULL), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "SELECT"));
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_idle_connection_lost)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	redis = fixture_redis_with(&f, "");
	g_free(fixture_get(redis, "k"));
	fixture_kill(&f);
	fixture_run(&f);
	/* The connection in the pool is of the old server: not "maybe". */
	ck_assert_msg(ph_redis_call(redis, &reply, &err, "INCR", "n", NULL) ==
			  0,
		      "%s", err.text);
	ck_assert_int_eq(ph_reply_integer(reply), 1);
	ph_reply_free(&reply);
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_deadline)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	int64_t took;

	fixture_start(&f);
	redis = fixture_redis_with(&f, "timeout = 300ms\n");
	g_free(fixture_get(redis, "k"));
	kill(f.pid, SIGSTOP);
	took = ph_clock_mono();
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "INCR", "n", NULL),
			 -1);
	took = ph_clock_mono() - took;
	ck_assert_int_ge(took, 290);
	ck_assert_int_lt(took, 1500);
	ck_assert_int_eq(err.kind, PH_ERR_MAYBE);
	/* The one without an answer is not used again. */
	kill(f.pid, SIGCONT);
	UNIT_WAIT(ph_redis_call(redis, &reply, &err, "SET", "n", "x", NULL) ==
		  0);
	ck_assert_str_eq(ph_reply_text(reply, NULL), "OK");
	ph_reply_free(&reply);
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_maybe)
{
	struct fixture f;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	ck_assert_int_eq(
	    ph_redis_call(f.admin, &reply, &err, "SHUTDOWN", "NOSAVE", NULL),
	    -1);
	ck_assert_int_eq(err.kind, PH_ERR_MAYBE);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_read_only_is_outage)
{
	struct fixture f;
	struct ph_reply *reply = NULL;
	struct ph_reply *replies[2] = {NULL};
	const struct ph_command commands[] = {COMMAND("SET", "a", "1"),
					      COMMAND("GET", "a")};
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	fixture_do(&f, "REPLICAOF 127.0.0.1 1");
	ck_assert_int_eq(
	    ph_redis_call(f.admin, &reply, &err, "SET", "a", "1", NULL), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "READONLY"));
	for (int atomic = 0; atomic < 2; atomic++) {
		ck_assert_int_eq(ph_redis_pipeline(f.admin, commands, 2,
						   atomic != 0, replies, &err),
				 -1);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	}
	fixture_stop(&f);
}
END_TEST

/* A server that answers with given bytes, each in a segment of its own, and
 * closes. */
struct fake {
	int fd;
	const char *answer;
	size_t size;
	GThread *thread;
};

static void *
fake_main(void *data)
{
	const struct fake *fake = data;
	char buffer[4096];
	int fd = accept(fake->fd, NULL, NULL);

	if (recv(fd, buffer, sizeof(buffer), 0) > 0)
		for (size_t i = 0; i < fake->size; i++)
			if (send(fd, fake->answer + i, 1, MSG_NOSIGNAL) != 1)
				break;
	close(fd);
	return NULL;
}

static void
fake_listen(struct fake *fake, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	unlink(path);
	fake->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    bind(fake->fd, (const struct sockaddr *)&address, sizeof(address)),
	    0);
	ck_assert_int_eq(listen(fake->fd, 1), 0);
}

static void
fake_start(struct fake *fake, const char *path, const char *answer, size_t size)
{
	fake_listen(fake, path);
	fake->answer = answer;
	fake->size = size;
	fake->thread = g_thread_new("fake", fake_main, fake);
}

static void
fake_stop(struct fake *fake)
{
	g_thread_join(fake->thread);
	close(fake->fd);
}

static int
ask_fake(struct fixture *f, const char *answer, size_t size, struct ph_err *err)
{
	struct ph_redis *redis = fixture_redis_with(f, "");
	struct ph_reply *reply = NULL;
	struct fake fake;
	int r;

	fake_start(&fake, f->socket, answer, size);
	r = ph_redis_call(redis, &reply, err, "PING", NULL);
	fake_stop(&fake);
	ph_reply_free(&reply);
	ph_redis_close(&redis);
	return r;
}

START_TEST(test_answer_cut)
{
	static const char answer[] = "*2\r\n$3\r\nabc\r\n*1\r\n:-12\r\n";
	struct fixture f;
	struct ph_err err = PH_ERR_INIT;

	fixture_init(&f, NULL, false);
	ck_assert_int_eq(ask_fake(&f, answer, strlen(answer), &err), 0);
	for (size_t i = 0; i < strlen(answer); i++) {
		err = (struct ph_err)PH_ERR_INIT;
		ck_assert_int_eq(ask_fake(&f, answer, i, &err), -1);
		ck_assert_int_eq(err.kind, PH_ERR_MAYBE);
	}
	fixture_stop(&f);
}
END_TEST

/* Answers the first request only when a second one comes on the same
 * connection; a request on a second connection at once. */
static void *
late_main(void *data)
{
	const struct fake *fake = data;
	char buffer[4096];
	int fd = accept(fake->fd, NULL, NULL);

	(void)recv(fd, buffer, sizeof(buffer), 0);
	if (recv(fd, buffer, sizeof(buffer), 0) > 0)
		send(fd, "+late\r\n", 7, MSG_NOSIGNAL);
	else {
		close(fd);
		fd = accept(fake->fd, NULL, NULL);
		if (recv(fd, buffer, sizeof(buffer), 0) > 0)
			send(fd, "+fresh\r\n", 8, MSG_NOSIGNAL);
	}
	close(fd);
	return NULL;
}

START_TEST(test_late_answer)
{
	struct fixture f;
	struct fake fake;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_init(&f, NULL, false);
	fake_listen(&fake, f.socket);
	fake.thread = g_thread_new("late", late_main, &fake);
	redis = fixture_redis_with(&f, "timeout = 200ms\n");
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "a", NULL),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_MAYBE);
	/* Never the answer to somebody else's question. */
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "b", NULL),
			 0);
	ck_assert_str_eq(ph_reply_text(reply, NULL), "fresh");
	ph_reply_free(&reply);
	fake_stop(&fake);
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

static const struct {
	const char *answer;
	enum ph_err_kind kind;
} refusals[] = {
    {"-LOADING Redis is loading the dataset in memory\r\n", PH_ERR_TEMP},
    {"-BUSY Redis is busy running a script.\r\n", PH_ERR_TEMP},
    {"-MASTERDOWN Link with MASTER is down\r\n", PH_ERR_TEMP},
    {"-READONLY You can't write against a read only replica.\r\n", PH_ERR_TEMP},
    {"-OOM command not allowed\r\n", PH_ERR_TEMP},
    {"-ERR max number of clients reached\r\n", PH_ERR_TEMP},
    {"-BUSYGROUP Consumer Group name already exists\r\n", PH_ERR_PERM},
    {"-ERR syntax error\r\n", PH_ERR_PERM},
    {"-LOADING\r\n", PH_ERR_TEMP},
    {"-\r\n", PH_ERR_PERM},
    {"HTTP/1.1 400 Bad Request\r\n", PH_ERR_MAYBE},
    {"$99999999999999999999\r\n", PH_ERR_MAYBE},
    {"*-5\r\n", PH_ERR_MAYBE},
};

START_TEST(test_refusals)
{
	struct fixture f;

	fixture_init(&f, NULL, false);
	for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
		const char *answer = refusals[i].answer;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_int_eq(ask_fake(&f, answer, strlen(answer), &err),
				 -1);
		ck_assert_msg(err.kind == refusals[i].kind, "%s%s: %s", answer,
			      ph_err_kind_name(err.kind), err.text);
	}
	fixture_stop(&f);
}
END_TEST

struct worker {
	struct ph_redis *redis;
	int failed;
};

static void *
worker_main(void *data)
{
	struct worker *worker = data;

	for (int i = 0; i < 200; i++) {
		struct ph_reply *reply = NULL;

		if (ph_redis_call(worker->redis, &reply, NULL, "INCR", "sum",
				  NULL) != 0)
			worker->failed++;
		ph_reply_free(&reply);
	}
	return NULL;
}

START_TEST(test_pool_shared)
{
	struct fixture f;
	struct worker workers[8] = {{NULL, 0}};
	GThread *threads[8];
	g_autofree char *sum = NULL;
	struct ph_redis *redis;

	fixture_start(&f);
	redis = fixture_redis_with(&f, "pool = 3\n");
	for (size_t i = 0; i < 8; i++) {
		workers[i].redis = redis;
		threads[i] = g_thread_new("worker", worker_main, &workers[i]);
	}
	for (size_t i = 0; i < 8; i++) {
		g_thread_join(threads[i]);
		ck_assert_int_eq(workers[i].failed, 0);
	}
	sum = fixture_get(f.admin, "sum");
	ck_assert_str_eq(sum, "1600");
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

static void *
blocker_main(void *data)
{
	struct ph_reply *reply = NULL;

	if (ph_redis_call(data, &reply, NULL, "BLPOP", "queue", "0", NULL) != 0)
		return NULL;
	ph_reply_free(&reply);
	return data;
}

static int64_t
blocked_clients(struct fixture *f)
{
	struct ph_reply *reply = NULL;
	const char *found;
	int64_t n;

	ck_assert_int_eq(
	    ph_redis_call(f->admin, &reply, NULL, "INFO", "clients", NULL), 0);
	found = strstr(ph_reply_text(reply, NULL), "blocked_clients:");
	ck_assert_ptr_nonnull(found);
	n = g_ascii_strtoll(found + strlen("blocked_clients:"), NULL, 10);
	ph_reply_free(&reply);
	return n;
}

START_TEST(test_pool_waits)
{
	struct fixture f;
	struct ph_redis *redis;
	GThread *blockers[5];

	fixture_start(&f);
	redis = fixture_redis_with(&f, "pool = 2\ntimeout = 20s\n");
	for (size_t i = 0; i < 5; i++)
		blockers[i] = g_thread_new("blocker", blocker_main, redis);
	/* Two at a time; each one that is served lets another in. */
	for (int i = 0; i < 4; i++) {
		UNIT_WAIT(blocked_clients(&f) == 2);
		fixture_do(&f, "RPUSH queue x");
		UNIT_WAIT(fixture_do(&f, "LLEN queue") == 0);
	}
	UNIT_WAIT(blocked_clients(&f) == 1);
	fixture_do(&f, "RPUSH queue x");
	for (size_t i = 0; i < 5; i++)
		ck_assert_ptr_nonnull(g_thread_join(blockers[i]));
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_pool_exhausted)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	int64_t took;

	fixture_start(&f);
	redis = fixture_redis_with(&f, "pool = 3\ntimeout = 200ms\n");
	/* As if three threads held them. */
	redis->open = 3;
	took = ph_clock_mono();
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "k", NULL),
			 -1);
	took = ph_clock_mono() - took;
	ck_assert_int_ge(took, 190);
	ck_assert_int_lt(took, 1500);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "all 3 connections are busy"));
	redis->open = 0;
	g_free(fixture_get(redis, "k"));
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

UNIT_MAIN("lib/state/redis", test_replies, test_binary, test_error_reply,
	  test_pipeline, test_atomic_refused, test_away_and_back, test_back_off,
	  test_idle_connection_lost, test_deadline, test_maybe,
	  test_read_only_is_outage, test_answer_cut, test_late_answer,
	  test_refusals, test_pool_shared, test_pool_waits, test_pool_exhausted)
