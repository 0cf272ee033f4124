#include "policy/server.h"
#include "tests/unit/policy/sources.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server thread at one end of a socket pair, the test at the other. */
struct served {
	struct org org;
	char *dir;
	struct ph_conf *conf;
	struct ph_state *state;
	struct ph_policy *policy;
	struct ph_stream *stream;
	GThread *thread;
	bool map;
	gint stop;
	int fd;
};

static const struct ph_derive derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};

static bool
stopping(const void *data)
{
	const struct served *s = data;

	return g_atomic_int_get(&s->stop) != 0;
}

static void *
run(void *data)
{
	struct served *s = data;

	if (s->map)
		ph_policy_serve_map(s->stream, s->policy);
	else
		ph_policy_serve_policy(s->stream, s->policy);
	/* As the skeleton does when a server returns. */
	ph_stream_free(&s->stream);
	return NULL;
}

/* A daemon that starts from its snapshot, because there is no Redis. */
static void
open_state(struct served *s)
{
	g_autofree char *conf = g_build_filename(s->dir, "conf", NULL);
	g_autofree char *snapshot =
	    g_build_filename(s->dir, "test.snapshot", NULL);
	g_autofree char *text =
	    g_strdup_printf("[server]\nstate_dir = %s\n"
			    "[redis]\nurl = unix://%s/none\ntimeout = 20ms\n",
			    s->dir, s->dir);
	struct ph_err err = PH_ERR_INIT;

	ck_assert(g_file_set_contents(conf, text, -1, NULL));
	ck_assert_int_eq(ph_conf_load(conf, &s->conf, &err), 0);
	ck_assert_int_eq(
	    ph_snapshot_save(s->org.world.snapshot, snapshot, &err), 0);
	ck_assert_int_eq(
	    ph_state_open(s->conf, "test", derive, &s->state, &err), 0);
}

static void
connect_pair(struct served *s)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s->fd = fds[0];
	s->stream = ph_stream_new(fds[1]);
	s->thread = g_thread_new("served", run, s);
}

static void
served_open(struct served *s, bool map)
{
	memset(s, 0, sizeof *s);
	s->map = map;
	s->dir = unit_mkdir();
	org_open(&s->org);
	open_state(s);
	s->policy = ph_policy_new(&(struct ph_policy_sources){
	    .state = s->state,
	    .topology = 0,
	    .directory = s->org.directory,
	    .server = "MBX1",
	    .stopping = stopping,
	    .context = s,
	});
	connect_pair(s);
}

static void
disconnect(struct served *s)
{
	close(s->fd);
	g_thread_join(s->thread);
}

static void
served_close(struct served *s)
{
	disconnect(s);
	ph_policy_free(&s->policy);
	ph_state_close(&s->state);
	ph_conf_free(&s->conf);
	org_close(&s->org);
	unit_rmdir(&s->dir);
}

static void
say(struct served *s, const char *data, size_t size)
{
	ck_assert_int_eq(write(s->fd, data, size), (ssize_t)size);
}

/* Reads exactly what is expected. */
static void
expect(struct served *s, const char *reply)
{
	g_autofree char *got = g_malloc0(strlen(reply) + 1);
	size_t n = 0;

	while (n < strlen(reply)) {
		ssize_t r = read(s->fd, got + n, strlen(reply) - n);

		ck_assert_int_gt(r, 0);
		n += (size_t)r;
		ck_assert_msg(strncmp(got, reply, n) == 0, "got: %s", got);
	}
}

static void
expect_end(struct served *s)
{
	char c;

	ck_assert_int_le(read(s->fd, &c, 1), 0);
}

START_TEST(test_map)
{
	static const char request[] = "23:transport nuno@test.org,";
	static const char reply[] = "29:OK ph-mailbox:[mbx1.test]:475,";
	struct served s;

	served_open(&s, true);
	say(&s, request, strlen(request));
	expect(&s, reply);
	for (size_t i = 0; i < strlen(request); i++)
		say(&s, request + i, 1);
	expect(&s, reply);
	served_close(&s);
}
END_TEST

START_TEST(test_map_pipelined)
{
	static const char one[] = "25:recipient nobody@test.org,"
				  "15:domain test.org,"
				  "9:owner a@b,";
	g_autoptr(GString) requests = g_string_new(NULL);
	g_autoptr(GString) replies = g_string_new(NULL);
	struct served s;

	for (int i = 0; i < 500; i++) {
		g_string_append(requests, one);
		g_string_append(replies, "9:NOTFOUND ,5:OK OK,"
					 "28:PERM there is no map \"owner\",");
	}
	served_open(&s, true);
	say(&s, requests->str, requests->len);
	expect(&s, replies->str);
	served_close(&s);
}
END_TEST

START_TEST(test_policy)
{
	static const char request[] =
	    "request=smtpd_access_policy\nprotocol_state=RCPT\n"
	    "recipient=nuno@test.org\n\n";
	struct served s;

	served_open(&s, false);
	say(&s, request, strlen(request));
	expect(&s, "action=DUNNO\n\n");
	say(&s, request, strlen(request));
	say(&s, request, strlen(request));
	expect(&s, "action=DUNNO\n\naction=DUNNO\n\n");
	served_close(&s);
}
END_TEST

/* What was asked before the garbage is answered, then that one connection is
 * closed; others go on. */
START_TEST(test_garbage)
{
	static const struct {
		bool map;
		const char *data, *reply;
	} rows[] = {
	    {true, "8:domain x,GET / HTTP/1.0\r\n\r\n", "9:NOTFOUND ,"},
	    {true, "99999:transport ", ""},
	    {true, "\x16\x03\x01\x02", ""},
	    {false, "protocol_state=DATA\n\nGET / HTTP/1.0\r\n\r\n\n\n",
	     "action=DUNNO\n\n"},
	    {false, "\n", ""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct served s;

		served_open(&s, rows[i].map);
		say(&s, rows[i].data, strlen(rows[i].data));
		expect(&s, rows[i].reply);
		expect_end(&s);
		disconnect(&s);
		connect_pair(&s);
		if (rows[i].map) {
			say(&s, "8:domain x,", 11);
			expect(&s, "9:NOTFOUND ,");
		} else {
			say(&s, "a=b\n\n", 5);
			expect(&s, "action=DUNNO\n\n");
		}
		served_close(&s);
	}
}
END_TEST

START_TEST(test_oversize)
{
	g_autofree char *flood = g_strnfill(70000, 'x');
	struct served s;

	served_open(&s, false);
	/* The server may close before all of it is written. */
	ck_assert_int_gt(send(s.fd, flood, 70000, MSG_NOSIGNAL), 0);
	expect_end(&s);
	served_close(&s);
}
END_TEST

START_TEST(test_truncated)
{
	struct served s;

	served_open(&s, true);
	say(&s, "23:transport nu", 15);
	ck_assert_int_eq(shutdown(s.fd, SHUT_WR), 0);
	expect_end(&s);
	served_close(&s);
}
END_TEST

/* It ends between two requests, at the latest after the next one. */
START_TEST(test_stop)
{
	struct served s;
	char got[32];
	ssize_t n;

	served_open(&s, true);
	say(&s, "8:domain x,", 11);
	expect(&s, "9:NOTFOUND ,");
	g_atomic_int_set(&s.stop, 1);
	(void)send(s.fd, "8:domain x,", 11, MSG_NOSIGNAL);
	n = recv(s.fd, got, 12, MSG_WAITALL);
	ck_assert(n <= 0 || (n == 12 && memcmp(got, "9:NOTFOUND ,", 12) == 0));
	expect_end(&s);
	served_close(&s);
}
END_TEST

UNIT_MAIN("policy/server", test_map, test_map_pipelined, test_policy,
	  test_garbage, test_oversize, test_truncated, test_stop)
