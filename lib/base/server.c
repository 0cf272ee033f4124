#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/program_private.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct listener {
	struct ph_server *server;
	const struct ph_listen *row;
	int fd;
	GThread *thread;
	size_t n; /* connections now; under the server's lock */
};

struct ph_server {
	const struct ph_run *run;
	void *app;
	size_t limit;
	int wake; /* eventfd: readable once the server stops */
	struct listener *listeners;
	size_t n_listeners;
	GMutex lock;
	GCond idle;	     /* the last connection has ended */
	GHashTable *streams; /* of running connections; under lock */
};

struct connection {
	struct listener *listener;
	struct ph_stream *stream;
};

static void *
serve_connection(void *data)
{
	struct connection *c = data;
	struct ph_server *server = c->listener->server;

	c->listener->row->serve(c->stream, server->app);
	g_mutex_lock(&server->lock);
	g_hash_table_remove(server->streams, c->stream);
	c->listener->n--;
	/* Under the lock, so that a stop never touches a freed stream. */
	ph_stream_free(&c->stream);
	if (g_hash_table_size(server->streams) == 0)
		g_cond_broadcast(&server->idle);
	g_mutex_unlock(&server->lock);
	g_free(c);
	return NULL;
}

static void
refuse(struct listener *l, struct ph_stream *stream, const char *why)
{
	ph_warn("%s: connection from %s refused: %s", l->row->setting,
		ph_stream_peer(stream), why);
	ph_stream_set_timeout(stream, 1000);
	if (l->row->busy != NULL)
		(void)ph_stream_write(stream, l->row->busy,
				      strlen(l->row->busy), NULL);
	ph_stream_free(&stream);
}

static void
start_connection(struct listener *l, int fd)
{
	struct ph_server *server = l->server;
	struct connection *c;
	struct ph_stream *stream = ph_stream_new(fd);
	GThread *thread;
	bool full;

	g_mutex_lock(&server->lock);
	full = l->n >= server->limit;
	if (!full) {
		l->n++;
		g_hash_table_add(server->streams, stream);
	}
	g_mutex_unlock(&server->lock);
	if (full) {
		refuse(l, stream, "as many as allowed are open");
		return;
	}
	c = g_new0(struct connection, 1);
	*c = (struct connection){l, stream};
	thread = g_thread_try_new("connection", serve_connection, c, NULL);
	if (thread != NULL) {
		g_thread_unref(thread);
		return;
	}
	g_mutex_lock(&server->lock);
	l->n--;
	g_hash_table_remove(server->streams, stream);
	g_mutex_unlock(&server->lock);
	g_free(c);
	refuse(l, stream, "no more threads can be started");
}

static void *
accept_connections(void *data)
{
	struct listener *l = data;
	struct pollfd fds[] = {{.fd = l->fd, .events = POLLIN},
			       {.fd = l->server->wake, .events = POLLIN}};

	for (;;) {
		int fd;

		if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
			g_error("poll: %s", g_strerror(errno));
		if (fds[1].revents != 0)
			return NULL;
		if (fds[0].revents == 0)
			continue;
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			start_connection(l, fd);
		} else if (errno == EMFILE || errno == ENFILE ||
			   errno == ENOMEM || errno == ENOBUFS) {
			/* The connection stays in the backlog: a short wait
			 * keeps this from being a busy loop. */
			ph_warn("%s: accept: %s", l->row->setting,
				g_strerror(errno));
			(void)poll(&fds[1], 1, 100);
		}
	}
}

static int
open_listeners(struct ph_server *server, struct ph_err *err)
{
	const struct ph_run *run = server->run;
	const struct ph_listen *rows = run->program->listen;
	size_t n = 0;

	while (rows != NULL && rows[n].setting != NULL)
		n++;
	server->listeners = g_new0(struct listener, n);
	for (size_t i = 0; i < n; i++) {
		const char *endpoint = ph_run_text(run, rows[i].setting);
		struct listener *l = &server->listeners[server->n_listeners];

		if (*endpoint == '\0')
			continue;
		if (ph_socket_listen(run->conf, endpoint, &l->fd, err) < 0)
			return -1;
		l->server = server;
		l->row = &rows[i];
		server->n_listeners++;
	}
	if (n > 0)
		server->limit = (size_t)ph_run_int(run, "connections");
	return 0;
}

int
ph_server_open(struct ph_run *run, struct ph_server **server_r,
	       struct ph_err *err)
{
	struct ph_server *server = g_new0(struct ph_server, 1);

	server->run = run;
	server->wake = eventfd(0, EFD_CLOEXEC);
	g_assert(server->wake >= 0);
	g_mutex_init(&server->lock);
	g_cond_init(&server->idle);
	server->streams = g_hash_table_new(NULL, NULL);
	if (open_listeners(server, err) < 0) {
		ph_server_close(&server);
		return -1;
	}
	*server_r = server;
	return 0;
}

void
ph_server_start(struct ph_server *server, void *app)
{
	server->app = app;
	for (size_t i = 0; i < server->n_listeners; i++) {
		struct listener *l = &server->listeners[i];

		l->thread =
		    g_thread_new(l->row->setting, accept_connections, l);
	}
}

/* Under the lock: ends the waits of connections; all: held ones, too. */
static void
wake_connections(struct ph_server *server, bool all)
{
	GHashTableIter iter;
	void *stream;

	g_hash_table_iter_init(&iter, server->streams);
	while (g_hash_table_iter_next(&iter, &stream, NULL))
		if (all || !ph_stream_held(stream))
			ph_stream_shutdown(stream);
}

void
ph_server_stop(struct ph_server *server, int64_t timeout_ms)
{
	int64_t deadline = ph_clock_mono() + timeout_ms;
	uint64_t one = 1;

	if (write(server->wake, &one, sizeof one) != sizeof one)
		g_error("eventfd: %s", g_strerror(errno));
	for (size_t i = 0; i < server->n_listeners; i++)
		if (server->listeners[i].thread != NULL)
			g_thread_join(server->listeners[i].thread);
	g_mutex_lock(&server->lock);
	while (g_hash_table_size(server->streams) > 0) {
		/* Again and again: a connection that was held becomes idle. */
		wake_connections(server, ph_clock_mono() >= deadline);
		g_cond_wait_until(&server->idle, &server->lock,
				  g_get_monotonic_time() + 50000);
	}
	g_mutex_unlock(&server->lock);
}

void
ph_server_close(struct ph_server **server)
{
	if (*server == NULL)
		return;
	for (size_t i = 0; i < (*server)->n_listeners; i++)
		close((*server)->listeners[i].fd);
	close((*server)->wake);
	g_free((*server)->listeners);
	g_hash_table_destroy((*server)->streams);
	g_cond_clear(&(*server)->idle);
	g_mutex_clear(&(*server)->lock);
	g_free(*server);
	*server = NULL;
}
