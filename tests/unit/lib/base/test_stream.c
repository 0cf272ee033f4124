#include "lib/base/stream.h"
#include "tests/unit/two_addresses.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct ph_stream *
open_pair(int *other_r)
{
	int fds[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*other_r = fds[1];
	return ph_stream_new(fds[0]);
}

START_TEST(what_was_sent_is_read_and_then_the_end)
{
	char buffer[16];
	int other;
	struct ph_stream *stream = open_pair(&other);

	ck_assert_int_eq(write(other, "abc", 3), 3);
	close(other);
	ck_assert_int_eq(ph_stream_read(stream, buffer, sizeof buffer, NULL),
			 3);
	ck_assert_mem_eq(buffer, "abc", 3);
	ck_assert_int_eq(ph_stream_read(stream, buffer, sizeof buffer, NULL),
			 0);
	ph_stream_free(&stream);
}
END_TEST

static void
check_times_out(struct ph_stream *stream, int64_t timeout)
{
	struct ph_err err = PH_ERR_INIT;
	char buffer[16];

	ph_stream_set_timeout(stream, timeout);
	ck_assert_int_eq(ph_stream_read(stream, buffer, sizeof buffer, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "timed out"));
}

/* Each limit counts from the call that follows it. */
START_TEST(a_read_ends_when_its_time_is_over)
{
	int other;
	struct ph_stream *stream = open_pair(&other);
	char byte;

	check_times_out(stream, 20);
	check_times_out(stream, 1);
	check_times_out(stream, -5);
	ck_assert_int_eq(write(other, "x", 1), 1);
	ck_assert_int_eq(ph_stream_read(stream, &byte, 1, NULL), 1);
	check_times_out(stream, 20);
	close(other);
	ph_stream_free(&stream);
}
END_TEST

/* Nobody reads at the other end. */
START_TEST(a_write_ends_when_its_time_is_over)
{
	struct ph_err err = PH_ERR_INIT;
	int other;
	struct ph_stream *stream = open_pair(&other);
	g_autofree char *much = g_malloc0(16 << 20);

	ph_stream_set_timeout(stream, 20);
	ck_assert_int_eq(ph_stream_write(stream, much, 16 << 20, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "timed out"));
	close(other);
	ph_stream_free(&stream);
}
END_TEST

static gpointer
read_byte(gpointer data)
{
	char byte;

	return GINT_TO_POINTER((int)ph_stream_read(data, &byte, 1, NULL));
}

/* Whether the reader waits already or comes later. */
START_TEST(a_shutdown_wakes_a_reader)
{
	int other;
	struct ph_stream *stream = open_pair(&other);
	GThread *reader = g_thread_new("reader", read_byte, stream);

	ph_stream_shutdown(stream);
	ck_assert_int_eq(GPOINTER_TO_INT(g_thread_join(reader)), 0);
	close(other);
	ph_stream_free(&stream);
}
END_TEST

/* ---- a host with two addresses ------------------------------------------ */

/* The time of one that does not answer is not all there is. */
START_TEST(the_second_address_is_tried_in_time)
{
	const struct ph_endpoint endpoint = {.host = TWO_ADDRESSES, .port = 25};
	struct ph_stream *stream = NULL;
	struct ph_err err = PH_ERR_INIT;
	int silent = listen_at(&addresses[0]), good = listen_at(&addresses[1]);
	int fds[2][8], r;

	fill(&addresses[0], fds[0]);
	r = ph_stream_connect(&endpoint, NULL, 1000, &stream, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	ph_stream_free(&stream);
	fill(&addresses[1], fds[1]);
	ck_assert_int_eq(ph_stream_connect(&endpoint, NULL, 20, &stream, &err),
			 -1);
	ck_assert_ptr_nonnull(strstr(err.text, "timed out"));
	for (int i = 0; i < 16; i++)
		close(fds[i / 8][i % 8]);
	close(silent);
	close(good);
}
END_TEST

/* ---- a server that is busy ---------------------------------------------- */

struct busy {
	char *directory, *path;
	int listener;
	GArray *waiting; /* int: as many as wait there */
};

static int
connect_once(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	ck_assert_int_eq(errno, EAGAIN);
	close(fd);
	return -1;
}

static void
start_busy(struct busy *busy)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	busy->directory = unit_mkdir();
	busy->path = g_build_filename(busy->directory, "s", NULL);
	busy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	busy->waiting = g_array_new(FALSE, FALSE, sizeof(int));
	g_strlcpy(address.sun_path, busy->path, sizeof address.sun_path);
	ck_assert_int_eq(
	    bind(busy->listener, (struct sockaddr *)&address, sizeof address),
	    0);
	ck_assert_int_eq(listen(busy->listener, 1), 0);
	while ((fd = connect_once(busy->path)) >= 0)
		g_array_append_val(busy->waiting, fd);
}

static void
end_busy(struct busy *busy)
{
	for (guint i = 0; i < busy->waiting->len; i++)
		close(g_array_index(busy->waiting, int, i));
	g_array_unref(busy->waiting);
	close(busy->listener);
	g_free(busy->path);
	unit_rmdir(&busy->directory);
}

/* After a moment, in which the other side has found no place. */
static gpointer
accept_all(gpointer data)
{
	const struct busy *busy = data;

	g_usleep(50000);
	for (guint i = 0; i <= busy->waiting->len; i++)
		close(accept(busy->listener, NULL, NULL));
	return NULL;
}

START_TEST(a_busy_server_is_waited_for)
{
	struct ph_endpoint endpoint = {.unix_socket = true};
	struct ph_stream *stream = NULL;
	struct ph_err err = PH_ERR_INIT;
	struct busy busy;
	GThread *thread;

	start_busy(&busy);
	g_strlcpy(endpoint.host, busy.path, sizeof endpoint.host);
	ck_assert_int_eq(ph_stream_connect(&endpoint, NULL, 30, &stream, &err),
			 -1);
	thread = g_thread_new("accept", accept_all, &busy);
	ck_assert_msg(
	    ph_stream_connect(&endpoint, NULL, 10000, &stream, &err) == 0, "%s",
	    err.text);
	g_thread_join(thread);
	ph_stream_free(&stream);
	end_busy(&busy);
}
END_TEST

UNIT_MAIN("lib/base/stream", what_was_sent_is_read_and_then_the_end,
	  a_read_ends_when_its_time_is_over, a_write_ends_when_its_time_is_over,
	  a_shutdown_wakes_a_reader, the_second_address_is_tried_in_time,
	  a_busy_server_is_waited_for)
