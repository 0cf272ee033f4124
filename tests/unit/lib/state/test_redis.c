#include "lib/state/redis.h"

#include "lib/base/clock.h"
#include "lib/state/redis_private.h"
#include "tests/unit/lib/state/redis_fixture.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/un.h>

static struct ph_redis *
open_text(const struct fixture *f, const char *text)
{
	struct ph_conf *conf = fixture_conf(f, text);
	struct ph_redis *redis = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_redis_open(conf, &redis, &err) == 0, "%s", err.text);
	ph_conf_free(&conf);
	return redis;
}

/* With further settings of [redis]. */
static struct ph_redis *
open_with(const struct fixture *f, const char *settings)
{
	g_autofree char *text = g_strdup_printf("[redis]\nurl = unix://%s\n%s",
						f->socket, settings);

	return open_text(f, text);
}

static char *
get(struct ph_redis *redis, const char *key)
{
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	char *text = NULL;

	ck_assert_msg(ph_redis_call(redis, &reply, &err, "GET", key, NULL) == 0,
		      "%s", err.text);
	if (ph_reply_type(reply) == PH_REPLY_STRING)
		text = g_strdup(ph_reply_text(reply, NULL));
	ph_reply_free(&reply);
	return text;
}

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

#define COMMAND(...)                                                    \
	{                                                               \
		sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), \
		    (const char *const[]){__VA_ARGS__}, NULL            \
	}

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
	ck_assert_ptr_null(get(f.admin, "a"));
	/* The connection is not left inside MULTI. */
	fixture_do(&f, "SET b 2");
	fixture_stop(&f);
}
END_TEST

static const struct {
	const char *url;
	const char *says;
} bad_urls[] = {
    {"rediss://h:1", "not supported by this version"},
    {"sentinel://h1,h2,h3/master", "not supported by this version"},
    {"cluster://h1,h2", "not supported by this version"},
    {"http://h", "expected unix:///path"},
    {"/run/redis.sock", "expected unix:///path"},
    {"unix://host/path", "a host before the path"},
    {"unix://", "absolute"},
    {"redis://", "no host"},
    {"redis://h:port", "cannot be read"},
    {"redis://h/x", "the database"},
    {"redis://h/65536", "the database"},
    {"redis://h/-1", "the database"},
    {"redis://h?db=1", "nothing may follow"},
};

static void
check_bad_url(const struct fixture *f, const char *url, const char *says)
{
	g_autofree char *text = g_strdup_printf("[redis]\nurl = %s\n", url);
	struct ph_conf *conf = fixture_conf(f, text);
	struct ph_redis *redis = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_redis_open(conf, &redis, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_msg(strstr(err.text, says) != NULL, "%s: %s", url, err.text);
	ck_assert_ptr_nonnull(strstr(err.text, "[redis] url"));
	ck_assert_ptr_null(redis);
	ph_conf_free(&conf);
}

START_TEST(test_bad_url)
{
	struct fixture f;

	fixture_init(&f, NULL, false);
	for (size_t i = 0; i < G_N_ELEMENTS(bad_urls); i++)
		check_bad_url(&f, bad_urls[i].url, bad_urls[i].says);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_long_path)
{
	struct fixture f;
	g_autofree char *path = g_strnfill(107, 'p');
	g_autofree char *text = NULL;
	struct ph_conf *conf;
	struct ph_redis *redis = NULL;

	fixture_init(&f, NULL, false);
	text = g_strdup_printf("[redis]\nurl = unix:///%s\n", path);
	conf = fixture_conf(&f, text);
	ck_assert_int_eq(ph_redis_open(conf, &redis, NULL), -1);
	ph_conf_free(&conf);
	g_free(text);
	text = g_strdup_printf("[redis]\nurl = unix:///%s\n", path + 1);
	conf = fixture_conf(&f, text);
	ck_assert_int_eq(ph_redis_open(conf, &redis, NULL), 0);
	ph_conf_free(&conf);
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_password)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *file = NULL;
	g_autofree char *text = NULL;

	fixture_init(&f, "s3cret", true);
	fixture_run(&f);
	fixture_do(&f, "SET k v");

	redis = open_with(&f, "");
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "k", NULL),
			 -1);
	/* Nobody may take this for an answer about the key. */
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "NOAUTH"));
	ph_redis_close(&redis);

	text = g_strdup_printf("[redis]\nurl = redis://:wrong@127.0.0.1:%d\n",
			       f.port);
	redis = open_text(&f, text);
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "k", NULL),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "WRONGPASS"));
	ck_assert_ptr_null(strstr(err.text, "wrong@"));
	ph_redis_close(&redis);

	file = g_build_filename(f.dir, "password", NULL);
	ck_assert(g_file_set_contents(file, "s3cret\nsecond line\n", -1, NULL));
	g_free(text);
	text = g_strdup_printf("password_file = %s\n", file);
	redis = open_with(&f, text);
	g_free(text);
	text = get(redis, "k");
	ck_assert_str_eq(text, "v");
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_password_file_bad)
{
	struct fixture f;
	g_autofree char *file = NULL;
	g_autofree char *text = NULL;
	struct ph_conf *conf;
	struct ph_redis *redis = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_init(&f, NULL, false);
	file = g_build_filename(f.dir, "password", NULL);
	text = g_strdup_printf("[redis]\npassword_file = %s\n", file);
	conf = fixture_conf(&f, text);
	ck_assert_int_eq(ph_redis_open(conf, &redis, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert(g_file_set_contents(file, "\nsecret\n", -1, NULL));
	ck_assert_int_eq(ph_redis_open(conf, &redis, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "first line is empty"));
	ph_conf_free(&conf);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_tcp_and_database)
{
	struct fixture f;
	struct ph_redis *redis;
	g_autofree char *text = NULL;
	g_autofree char *value = NULL;

	fixture_init(&f, NULL, true);
	fixture_run(&f);
	fixture_do(&f, "SET k zero");
	text =
	    g_strdup_printf("[redis]\nurl = redis://localhost:%d/3\n", f.port);
	redis = open_text(&f, text);
	ck_assert_ptr_null(get(redis, "k"));
	ph_redis_close(&redis);
	g_free(text);
	text =
	    g_strdup_printf("[redis]\nurl = redis://127.0.0.1:%d/\n", f.port);
	redis = open_text(&f, text);
	value = get(redis, "k");
	ck_assert_str_eq(value, "zero");
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_prefix)
{
	struct fixture f;
	struct ph_redis *redis;

	fixture_init(&f, NULL, false);
	ck_assert_str_eq(ph_redis_prefix(f.admin), "posthub:");
	redis = open_with(&f, "prefix = {posthub}:\n");
	ck_assert_str_eq(ph_redis_prefix(redis), "{posthub}:");
	ph_redis_close(&redis);
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
	redis = open_with(&f, "");
	g_free(get(redis, "k"));
	fixture_kill(&f);
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "k", NULL),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, f.socket));
	fixture_run(&f);
	WAIT_UNTIL(ph_redis_call(redis, &reply, &err, "SET", "k", "v", NULL) ==
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
	int64_t took;

	fixture_init(&f, NULL, true);
	fixture_run(&f);
	/* The kernel accepts for the stopped server; SELECT waits in vain. */
	kill(f.pid, SIGSTOP);
	text = g_strdup_printf("[redis]\nurl = redis://127.0.0.1:%d/1\n"
			       "timeout = 200ms\n",
			       f.port);
	redis = open_text(&f, text);
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "k", NULL),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	took = ph_clock_mono();
	for (int i = 0; i < 30; i++)
		ck_assert_int_eq(
		    ph_redis_call(redis, &reply, &err, "GET", "k", NULL), -1);
	/* Thirty attempts would take six seconds. */
	ck_assert_int_lt(ph_clock_mono() - took, 2000);
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
	redis = open_with(&f, "");
	g_free(get(redis, "k"));
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
	redis = open_with(&f, "timeout = 300ms\n");
	g_free(get(redis, "k"));
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
	WAIT_UNTIL(ph_redis_call(redis, &reply, &err, "SET", "n", "x", NULL) ==
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
	struct ph_redis *redis = open_with(f, "");
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
	redis = open_with(&f, "timeout = 200ms\n");
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

START_TEST(test_host_unknown)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	int64_t took;

	fixture_init(&f, NULL, false);
	redis = open_text(&f, "[redis]\nurl = redis://nowhere.invalid\n"
			      "timeout = 200ms\n");
	took = ph_clock_mono();
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "PING", NULL), -1);
	took = ph_clock_mono() - took;
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "nowhere.invalid"));
	ck_assert_int_lt(took, 1500);
	ph_redis_close(&redis);
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
	redis = open_with(&f, "pool = 3\n");
	for (size_t i = 0; i < 8; i++) {
		workers[i].redis = redis;
		threads[i] = g_thread_new("worker", worker_main, &workers[i]);
	}
	for (size_t i = 0; i < 8; i++) {
		g_thread_join(threads[i]);
		ck_assert_int_eq(workers[i].failed, 0);
	}
	sum = get(f.admin, "sum");
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
	redis = open_with(&f, "pool = 2\ntimeout = 20s\n");
	for (size_t i = 0; i < 5; i++)
		blockers[i] = g_thread_new("blocker", blocker_main, redis);
	/* Two at a time; each one that is served lets another in. */
	for (int i = 0; i < 4; i++) {
		WAIT_UNTIL(blocked_clients(&f) == 2);
		fixture_do(&f, "RPUSH queue x");
		WAIT_UNTIL(fixture_do(&f, "LLEN queue") == 0);
	}
	WAIT_UNTIL(blocked_clients(&f) == 1);
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
	redis = open_with(&f, "pool = 3\ntimeout = 200ms\n");
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
	g_free(get(redis, "k"));
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

/* ---- the watch ---- */

static const char *const prefixes[] = {"posthub:rule:", "posthub:meta", NULL};

static struct ph_redis_watch *
watch_open(struct ph_redis *redis)
{
	struct ph_redis_watch *watch = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_redis_watch_open(redis, prefixes, &watch, &err) == 0,
		      "%s", err.text);
	return watch;
}

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Waits until so many keys were reported; joined and sorted, "*" for
 * everything. */
static char *
watch_keys(struct ph_redis_watch *watch, size_t n)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
	struct ph_err err = PH_ERR_INIT;

	while (all->len < n) {
		char **keys = NULL;
		const int r =
		    ph_redis_watch_wait(watch, FIXTURE_WAIT, &keys, &err);

		ck_assert_msg(r == 1, "%d: %s", r, err.text);
		if (keys == NULL)
			return g_strdup("*");
		for (size_t i = 0; keys[i] != NULL; i++)
			g_ptr_array_add(all, keys[i]);
		g_free(keys);
	}
	qsort(all->pdata, all->len, sizeof(void *), compare_words);
	g_ptr_array_add(all, NULL);
	return g_strjoinv(",", (char **)all->pdata);
}

static void
assert_watch(struct ph_redis_watch *watch, size_t n, const char *expected)
{
	g_autofree char *keys = watch_keys(watch, n);

	ck_assert_str_eq(keys, expected);
}

START_TEST(test_watch)
{
	struct fixture f;
	struct ph_redis_watch *watch;
	char **keys = NULL;

	fixture_start(&f);
	watch = watch_open(f.admin);
	ck_assert_int_eq(ph_redis_watch_wait(watch, 0, &keys, NULL), 0);

	fixture_do(&f, "HSET posthub:rule:Secret Priority 1");
	assert_watch(watch, 1, "rule:Secret");
	fixture_do(&f, "HSET posthub:meta Schema 1");
	assert_watch(watch, 1, "meta");
	fixture_do(&f, "DEL posthub:rule:Secret");
	assert_watch(watch, 1, "rule:Secret");
	fixture_do(&f, "HSET posthub:server:A Site B");
	fixture_do(&f, "HSET rule:A Priority 1");
	ck_assert_int_eq(ph_redis_watch_wait(watch, 0, &keys, NULL), 0);

	fixture_do(&f, "FLUSHALL");
	assert_watch(watch, 1, "*");
	ph_redis_watch_close(&watch);
	ck_assert_ptr_null(watch);
	ph_redis_watch_close(&watch);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_multi)
{
	struct fixture f;
	struct ph_redis_watch *watch;
	const struct ph_command commands[] = {
	    COMMAND("HSET", "posthub:rule:A", "Priority", "1"),
	    COMMAND("HSET", "posthub:meta", "Schema", "1"),
	    COMMAND("HSET", "posthub:rule:B", "Priority", "2")};
	struct ph_reply *replies[3] = {NULL};

	fixture_start(&f);
	watch = watch_open(f.admin);
	ck_assert_int_eq(
	    ph_redis_pipeline(f.admin, commands, 3, true, replies, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		ph_reply_free(&replies[i]);
	assert_watch(watch, 3, "meta,rule:A,rule:B");
	ph_redis_watch_close(&watch);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_reads)
{
	struct fixture f;
	struct ph_redis_watch *watch;
	const struct ph_command commands[] = {
	    COMMAND("HGET", "posthub:rule:A", "Priority")};
	struct ph_reply *replies[1] = {NULL};

	fixture_start(&f);
	watch = watch_open(f.admin);
	fixture_do(&f, "HSET posthub:rule:A Priority 7");
	assert_watch(watch, 1, "rule:A");
	ck_assert_int_eq(
	    ph_redis_watch_pipeline(watch, commands, 1, true, replies, NULL),
	    0);
	ck_assert_str_eq(ph_reply_text(replies[0], NULL), "7");
	ph_reply_free(&replies[0]);
	ph_redis_watch_close(&watch);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_overlap)
{
	static const char *const overlap[] = {
	    "posthub:", "posthub:rule:", NULL};
	struct fixture f;
	struct ph_redis_watch *watch = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	ck_assert_int_eq(ph_redis_watch_open(f.admin, overlap, &watch, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "overlaps"));
	ck_assert_ptr_null(watch);
	fixture_stop(&f);
}
END_TEST

/* Each of the pair, alone. */
static const char *const pair[] = {"CLIENT KILL TYPE pubsub",
				   "CLIENT KILL TYPE normal SKIPME yes"};

START_TEST(test_watch_broken)
{
	struct fixture f;

	fixture_start(&f);
	for (size_t i = 0; i < G_N_ELEMENTS(pair); i++) {
		struct ph_redis *redis = open_with(&f, "");
		struct ph_redis_watch *watch = watch_open(redis);
		char **keys = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_int_eq(ph_redis_watch_wait(watch, 0, &keys, &err), 0);
		ck_assert_int_eq(fixture_do(&f, pair[i]), 1);
		ck_assert_int_eq(ph_redis_watch_wait(watch, 0, &keys, &err),
				 -1);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
		ph_redis_watch_close(&watch);
		ph_redis_close(&redis);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_stopped_server)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_redis_watch *watch;
	char **keys = NULL;
	int64_t took;

	fixture_start(&f);
	redis = open_with(&f, "timeout = 300ms\n");
	watch = watch_open(redis);
	kill(f.pid, SIGSTOP);
	took = ph_clock_mono();
	ck_assert_int_eq(ph_redis_watch_wait(watch, 50, &keys, NULL), -1);
	took = ph_clock_mono() - took;
	ck_assert_int_ge(took, 340);
	ck_assert_int_lt(took, 1500);
	ph_redis_watch_close(&watch);
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_flood)
{
	enum {
		N = 20000,
	};
	struct fixture f;
	struct ph_redis_watch *watch;
	g_autofree struct ph_command *commands = g_new0(struct ph_command, N);
	g_autofree struct ph_reply **replies = g_new0(struct ph_reply *, N);
	g_autofree char *keys = NULL;
	size_t commas = 0;

	fixture_start(&f);
	watch = watch_open(f.admin);
	for (size_t i = 0; i < N; i++) {
		const char **args = g_new0(const char *, 3);

		args[0] = "SET";
		args[1] = g_strdup_printf("posthub:rule:%zu", i);
		args[2] = "x";
		commands[i] = (struct ph_command){3, args, NULL};
	}
	ck_assert_int_eq(
	    ph_redis_pipeline(f.admin, commands, N, false, replies, NULL), 0);
	for (size_t i = 0; i < N; i++) {
		ph_reply_free(&replies[i]);
		g_free((void *)(uintptr_t)commands[i].args[1]);
		g_free((void *)(uintptr_t)commands[i].args);
	}
	keys = watch_keys(watch, N);
	for (const char *p = keys; *p != '\0'; p++)
		commas += *p == ',';
	ck_assert_uint_eq(commas, N - 1);
	ck_assert_ptr_nonnull(strstr(keys, "rule:19999"));
	ph_redis_watch_close(&watch);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_wake)
{
	struct fixture f;
	struct ph_redis_watch *watch;
	char **keys = NULL;
	const uint64_t one = 1;
	int fd = eventfd(0, EFD_CLOEXEC);
	int64_t took;

	fixture_start(&f);
	watch = watch_open(f.admin);
	ph_redis_watch_set_wake(watch, fd);
	ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
	took = ph_clock_mono();
	ck_assert_int_eq(ph_redis_watch_wait(watch, FIXTURE_WAIT, &keys, NULL),
			 0);
	ck_assert_int_lt(ph_clock_mono() - took, FIXTURE_WAIT / 2);
	ph_redis_watch_close(&watch);
	close(fd);
	fixture_stop(&f);
}
END_TEST

UNIT_MAIN("lib/state/redis", test_replies, test_binary, test_error_reply,
	  test_pipeline, test_atomic_refused, test_bad_url, test_long_path,
	  test_password, test_password_file_bad, test_tcp_and_database,
	  test_prefix, test_away_and_back, test_back_off,
	  test_idle_connection_lost, test_deadline, test_maybe,
	  test_read_only_is_outage, test_answer_cut, test_late_answer,
	  test_refusals, test_host_unknown, test_pool_shared, test_pool_waits,
	  test_pool_exhausted, test_watch, test_watch_multi, test_watch_reads,
	  test_watch_overlap, test_watch_broken, test_watch_stopped_server,
	  test_watch_flood, test_watch_wake)
