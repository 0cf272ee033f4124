#include "lib/base/tls.h"

#include "tests/unit/unit.h"

#include <gio/gio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a certificate of its own, for mx.test ------------------------------ */

static char *directory, *cert, *key;

static void
make_certificate(void)
{
	const char *argv[] = {"openssl",
			      "req",
			      "-x509",
			      "-newkey",
			      "ec",
			      "-pkeyopt",
			      "ec_paramgen_curve:prime256v1",
			      "-nodes",
			      "-subj",
			      "/CN=mx.test",
			      "-addext",
			      "subjectAltName=DNS:mx.test",
			      "-days",
			      "2",
			      "-keyout",
			      NULL,
			      "-out",
			      NULL,
			      NULL};
	int status = -1;

	directory = unit_mkdir();
	cert = g_build_filename(directory, "cert.pem", NULL);
	key = g_build_filename(directory, "key.pem", NULL);
	argv[15] = key;
	argv[17] = cert;
	ck_assert(g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL,
			       G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL,
			       NULL, NULL, NULL, NULL, &status, NULL));
	ck_assert_int_eq(status, 0);
}

static void
remove_certificate(void)
{
	unit_rmdir(&directory);
	g_clear_pointer(&cert, g_free);
	g_clear_pointer(&key, g_free);
}

/* ---- a server that sends back what it gets ------------------------------ */

static void *
echo(void *arg)
{
	g_autoptr(GSocket) socket =
	    g_socket_new_from_fd(GPOINTER_TO_INT(arg), NULL);
	g_autoptr(GSocketConnection) base =
	    g_socket_connection_factory_create_connection(socket);
	g_autoptr(GTlsCertificate) own =
	    g_tls_certificate_new_from_files(cert, key, NULL);
	g_autoptr(GIOStream) tls =
	    g_tls_server_connection_new(G_IO_STREAM(base), own, NULL);
	GInputStream *in = g_io_stream_get_input_stream(tls);
	GOutputStream *out = g_io_stream_get_output_stream(tls);
	char buffer[4096];
	gssize n;

	while ((n = g_input_stream_read(in, buffer, sizeof buffer, NULL,
					NULL)) > 0)
		if (!g_output_stream_write_all(out, buffer, (gsize)n, NULL,
					       NULL, NULL))
			break;
	return NULL;
}

struct pair {
	struct ph_stream *stream;
	int other;
	GThread *thread; /* NULL: nobody is there */
	GAsyncQueue *end;
};

static struct pair
pair_new(int fds[2], bool server)
{
	struct pair pair = {.other = -1};

	pair.stream = ph_stream_new(fds[0]);
	ph_stream_set_timeout(pair.stream, 5000);
	pair.other = fds[1];
	if (server)
		pair.thread =
		    g_thread_new("echo", echo, GINT_TO_POINTER(fds[1]));
	return pair;
}

static struct pair
pair_open(bool server)
{
	int fds[2];

	make_certificate();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	return pair_new(fds, server);
}

static void
pair_close(struct pair *pair)
{
	ph_stream_free(&pair->stream);
	if (pair->thread != NULL)
		g_thread_join(pair->thread);
	else
		close(pair->other);
	remove_certificate();
}

/* ---- tests -------------------------------------------------------------- */

static const struct {
	const char *name;
	enum ph_tls_verify verify;
	bool authority; /* its own certificate is known */
	bool good;
} offers[] = {
    {NULL, PH_TLS_ANY, false, true},
    {"mx.test", PH_TLS_ANY, false, true},
    {"other.test", PH_TLS_ANY, false, true},
    {"mx.test", PH_TLS_CA, false, false},
    {"mx.test", PH_TLS_CA, true, true},
    {"other.test", PH_TLS_CA, true, true},
    {"mx.test", PH_TLS_NAME, false, false},
    {"mx.test", PH_TLS_NAME, true, true},
    {"other.test", PH_TLS_NAME, true, false},
};

START_TEST(certificates_are_weighed)
{
	for (size_t i = 0; i < G_N_ELEMENTS(offers); i++) {
		struct pair pair = pair_open(true);
		const struct ph_tls_options options = {
		    .name = offers[i].name,
		    .verify = offers[i].verify,
		    .ca_file = offers[i].authority ? cert : NULL,
		};
		struct ph_err err = PH_ERR_INIT;
		int rc = ph_tls_start(pair.stream, &options, &err);

		ck_assert_msg((rc == 0) == offers[i].good, "row %zu: %d %s", i,
			      rc, err.text);
		ck_assert(rc == 0 || err.kind == PH_ERR_TEMP);
		pair_close(&pair);
	}
}
END_TEST

/* A server that lets clients resume their sessions; its port. */
static int
start_openssl(GPid *pid_r, int *output_r)
{
	const char *argv[] = {"openssl", "s_server", "-accept", "127.0.0.1:0",
			      "-rev",	 "-cert",    cert,	"-key",
			      key,	 NULL};
	g_autoptr(GString) said = g_string_new(NULL);
	const char *found;
	char c;

	ck_assert(g_spawn_async_with_pipes(
	    NULL, (char **)(uintptr_t)argv, NULL,
	    G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL |
		G_SPAWN_DO_NOT_REAP_CHILD,
	    NULL, NULL, pid_r, NULL, output_r, NULL, NULL));
	while (read(*output_r, &c, 1) == 1) {
		g_string_append_c(said, c);
		found = strstr(said->str, "ACCEPT 127.0.0.1:");
		if (c == '\n' && found != NULL)
			return atoi(strrchr(found, ':') + 1);
	}
	ck_abort_msg("openssl: %s", said->str);
	return -1;
}

/* A certificate that was not looked at the first time is looked at the second.
 */
START_TEST(no_session_is_resumed)
{
	static const enum ph_tls_verify order[] = {PH_TLS_ANY, PH_TLS_ANY,
						   PH_TLS_NAME};
	struct ph_endpoint endpoint = {.host = "127.0.0.1"};
	int output = -1;
	GPid pid;

	make_certificate();
	endpoint.port = start_openssl(&pid, &output);
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
		const struct ph_tls_options options = {.name = "mx.test",
						       .verify = order[i]};
		struct ph_stream *stream;
		struct ph_err err = PH_ERR_INIT;
		char buffer[8];
		int rc;

		ck_assert_int_eq(
		    ph_stream_connect(&endpoint, NULL, 5000, &stream, &err), 0);
		rc = ph_tls_start(stream, &options, &err);
		ck_assert_msg(rc == (order[i] == PH_TLS_ANY ? 0 : -1),
			      "%zu: %d %s", i, rc, err.text);
		/* Tickets come with the first bytes. */
		if (rc == 0) {
			ck_assert_int_eq(
			    ph_stream_write(stream, "x\n", 2, &err), 0);
			ck_assert_int_gt(
			    ph_stream_read(stream, buffer, sizeof buffer, &err),
			    0);
		}
		ph_stream_free(&stream);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(output);
	remove_certificate();
}
END_TEST

START_TEST(all_bytes_come_back)
{
	const struct ph_tls_options options = {.verify = PH_TLS_ANY};
	struct pair pair = pair_open(true);
	struct ph_err err = PH_ERR_INIT;
	char sent[60000], got[sizeof sent];
	size_t n = 0;

	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (char)(i * 7 % 251);
	ck_assert_msg(ph_tls_start(pair.stream, &options, &err) == 0, "%s",
		      err.text);
	ck_assert_int_eq(ph_stream_write(pair.stream, sent, sizeof sent, &err),
			 0);
	while (n < sizeof got) {
		ssize_t part =
		    ph_stream_read(pair.stream, got + n, sizeof got - n, &err);

		ck_assert_msg(part > 0, "%s", err.text);
		n += (size_t)part;
	}
	ck_assert_mem_eq(got, sent, sizeof sent);
	pair_close(&pair);
}
END_TEST

START_TEST(silence_ends)
{
	const struct ph_tls_options options = {.verify = PH_TLS_ANY};
	struct pair pair = pair_open(false);
	struct ph_err err = PH_ERR_INIT;

	ph_stream_set_timeout(pair.stream, 100);
	ck_assert_int_eq(ph_tls_start(pair.stream, &options, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_str_eq(err.text, "TLS handshake: timed out");
	pair_close(&pair);
}
END_TEST

START_TEST(silence_after_the_handshake_ends)
{
	const struct ph_tls_options options = {.verify = PH_TLS_ANY};
	struct pair pair = pair_open(true);
	struct ph_err err = PH_ERR_INIT;
	char c;

	ck_assert_int_eq(ph_tls_start(pair.stream, &options, &err), 0);
	ph_stream_set_timeout(pair.stream, 100);
	ck_assert_int_eq(ph_stream_read(pair.stream, &c, 1, &err), -1);
	ck_assert_str_eq(err.text, "TLS read: timed out");
	pair_close(&pair);
}
END_TEST

START_TEST(no_tls_at_the_other_end)
{
	const struct ph_tls_options options = {.verify = PH_TLS_ANY};
	struct pair pair = pair_open(false);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(write(pair.other, "500 what?\r\n", 11), 11);
	ck_assert_int_eq(ph_tls_start(pair.stream, &options, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	pair_close(&pair);
}
END_TEST

START_TEST(a_file_that_is_not_there)
{
	const struct ph_tls_options options = {.verify = PH_TLS_ANY,
					       .ca_file = "/nonexistent.pem"};
	struct pair pair = pair_open(false);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_tls_start(pair.stream, &options, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	pair_close(&pair);
}
END_TEST

/* The server's side; the client shows its certificate, or none. */
struct accepting {
	struct ph_stream *stream;
	bool authority, named, other;
	int rc;
};

static void *
accept_one(void *arg)
{
	struct accepting *a = arg;
	const struct ph_tls_options options = {
	    .cert_file = cert,
	    .key_file = key,
	    .ca_file = a->authority ? cert : NULL,
	};
	char c;

	a->rc = ph_tls_accept(a->stream, &options, NULL);
	/* With TLS 1.3 the client's certificate comes with what it says. */
	if (a->rc == 0 && ph_stream_read(a->stream, &c, 1, NULL) == 1) {
		a->named = ph_tls_proves(a->stream, "mx.test");
		a->other = ph_tls_proves(a->stream, "other.test");
		(void)ph_stream_write(a->stream, &c, 1, NULL);
	}
	return NULL;
}

static void
check_accept(bool shown, bool authority)
{
	struct pair pair = pair_open(false);
	struct accepting a = {.stream = ph_stream_new(dup(pair.other)),
			      .authority = authority};
	const struct ph_tls_options options = {
	    .verify = PH_TLS_NAME,
	    .name = "mx.test",
	    .ca_file = cert,
	    .cert_file = shown ? cert : NULL,
	    .key_file = shown ? key : NULL,
	};
	struct ph_err err = PH_ERR_INIT;
	GThread *thread;
	char c = 'x';

	ph_stream_set_timeout(a.stream, 5000);
	thread = g_thread_new("accept", accept_one, &a);
	ck_assert_msg(ph_tls_start(pair.stream, &options, &err) == 0, "%s",
		      err.text);
	ck_assert(!ph_tls_proves(pair.stream, "other.test"));
	ck_assert_int_eq(ph_stream_write(pair.stream, &c, 1, &err), 0);
	ck_assert_int_eq(ph_stream_read(pair.stream, &c, 1, &err), 1);
	g_thread_join(thread);
	ck_assert_int_eq(a.rc, 0);
	ck_assert(a.named == (shown && authority));
	ck_assert(!a.other);
	ph_stream_free(&a.stream);
	pair_close(&pair);
}

START_TEST(a_client_proves_who_it_is)
{
	struct pair plain = pair_open(false);

	ck_assert(!ph_tls_proves(plain.stream, "mx.test"));
	pair_close(&plain);
	check_accept(true, true);
	check_accept(true, false);
	check_accept(false, true);
}
END_TEST

/* Shakes hands and then takes nothing, until it is told to end. */
static void *
go_deaf(void *arg)
{
	const struct ph_tls_options options = {.cert_file = cert,
					       .key_file = key};
	struct pair *pair = arg;
	struct ph_stream *stream = ph_stream_new(pair->other);

	ck_assert_int_eq(ph_tls_accept(stream, &options, NULL), 0);
	g_async_queue_pop(pair->end);
	ph_stream_free(&stream);
	return NULL;
}

/* What is left to be said does not keep the stream from its end. */
START_TEST(a_deaf_peer_does_not_hold_the_end)
{
	const struct ph_tls_options options = {.verify = PH_TLS_ANY};
	struct pair pair = pair_open(false);
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *much = g_malloc0(8 << 20);

	pair.end = g_async_queue_new();
	pair.thread = g_thread_new("deaf", go_deaf, &pair);
	ck_assert_msg(ph_tls_start(pair.stream, &options, &err) == 0, "%s",
		      err.text);
	ph_stream_set_timeout(pair.stream, 50);
	ck_assert_int_eq(ph_stream_write(pair.stream, much, 8 << 20, &err), -1);
	ph_stream_free(&pair.stream);
	g_async_queue_push(pair.end, &pair);
	g_thread_join(pair.thread);
	g_async_queue_unref(pair.end);
	remove_certificate();
}
END_TEST

UNIT_MAIN("lib/base/tls", a_deaf_peer_does_not_hold_the_end,
	  a_client_proves_who_it_is, certificates_are_weighed,
	  no_session_is_resumed, all_bytes_come_back, silence_ends,
	  silence_after_the_handshake_ends, no_tls_at_the_other_end,
	  a_file_that_is_not_there)
