#ifndef TESTS_UNIT_MILTERS_FRONTEND_SCRIPT_H
#define TESTS_UNIT_MILTERS_FRONTEND_SCRIPT_H

#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A Transport server that follows a script on a thread, over any number of
 * connections: "A" accepts one, "S:..." is sent, "C:..." is expected word for
 * word, "D" reads content up to the dot, "E" reads to the end of the
 * connection, "X" closes it. What differs is kept for the test to see.
 */
struct server {
	const char *const *lines;
	int listener, port, fd;
	GThread *thread;
	GString *content; /* of "D" and "E" */
	char *trouble;
};

static bool
read_line(int fd, GString *line)
{
	char c;

	g_string_truncate(line, 0);
	while (recv(fd, &c, 1, 0) == 1) {
		g_string_append_c(line, c);
		if (c == '\n')
			return true;
	}
	return false;
}

/* Of "S" and "C". */
static void
follow_line(struct server *server, const char *step)
{
	g_autofree char *wire = g_strconcat(step + 2, "\r\n", NULL);
	g_autoptr(GString) line = g_string_new(NULL);

	if (step[0] == 'S') {
		(void)send(server->fd, wire, strlen(wire), MSG_NOSIGNAL);
		return;
	}
	(void)read_line(server->fd, line);
	if (strcmp(line->str, wire) != 0)
		server->trouble = g_strdup_printf("expected \"%s\", got \"%s\"",
						  wire, line->str);
}

static void
follow_content(struct server *server, bool to_end)
{
	g_autoptr(GString) line = g_string_new(NULL);

	while (read_line(server->fd, line) &&
	       (to_end || strcmp(line->str, ".\r\n") != 0))
		g_string_append(server->content, line->str);
}

static void *
run_server(void *data)
{
	struct server *server = data;

	for (const char *const *step = server->lines;
	     *step != NULL && server->trouble == NULL; step++) {
		switch (**step) {
		case 'A':
			server->fd = accept(server->listener, NULL, NULL);
			break;
		case 'D':
		case 'E':
			follow_content(server, **step == 'E');
			break;
		case 'X':
			close(server->fd);
			server->fd = -1;
			break;
		default:
			follow_line(server, *step);
		}
	}
	if (server->fd >= 0)
		close(server->fd);
	return NULL;
}

static inline void
start_server(struct server *server, const char *const *lines)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	*server = (struct server){.lines = lines, .fd = -1};
	server->content = g_string_new(NULL);
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(
	    bind(server->listener, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(server->listener, 4), 0);
	getsockname(server->listener, (struct sockaddr *)&address, &size);
	server->port = ntohs(address.sin_port);
	server->thread = g_thread_new("server", run_server, server);
}

static inline void
end_server(struct server *server)
{
	/* A script that nobody came for must not be waited for. */
	(void)shutdown(server->listener, SHUT_RDWR);
	if (server->thread != NULL)
		g_thread_join(server->thread);
	close(server->listener);
	ck_assert_msg(server->trouble == NULL, "%s", server->trouble);
	g_string_free(server->content, TRUE);
}

#endif
