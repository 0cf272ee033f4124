#include "lib/base/stream.h"
#include "lib/base/clock.h"
#include "lib/base/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct ph_stream {
	int fd;
	int64_t timeout;		     /* ms; 0: none */
	int64_t limited;		     /* the one that the kernel minds */
	const struct ph_stream_layer *layer; /* NULL: none */
	void *layer_ctx;
	atomic_bool held;
	char peer[INET6_ADDRSTRLEN];
};

#define DEFAULT_TIMEOUT 60000

/* 1 ready, 0 timed out, -1 errno. deadline 0 waits for ever. */
static int
wait_ready(int fd, short events, int64_t deadline)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	int64_t left = -1;
	int rc;

	do {
		if (deadline != 0) {
			left = deadline - ph_clock_mono();
			if (left < 0)
				left = 0;
		}
		rc = poll(&pfd, 1, (int)MIN(left, G_MAXINT));
	} while (rc < 0 && errno == EINTR);
	return rc;
}

static void
name_peer(struct ph_stream *stream)
{
	struct sockaddr_storage ss = {0};
	socklen_t size = sizeof ss;

	g_strlcpy(stream->peer, "local", sizeof stream->peer);
	if (getpeername(stream->fd, (struct sockaddr *)&ss, &size) < 0)
		return;
	if (ss.ss_family == AF_INET) {
		inet_ntop(AF_INET, &((struct sockaddr_in *)&ss)->sin_addr,
			  stream->peer, sizeof stream->peer);
	} else if (ss.ss_family == AF_INET6) {
		struct in6_addr *a = &((struct sockaddr_in6 *)&ss)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(a))
			inet_ntop(AF_INET, &a->s6_addr[12], stream->peer,
				  sizeof stream->peer);
		else
			inet_ntop(AF_INET6, a, stream->peer,
				  sizeof stream->peer);
	}
}

struct ph_stream *
ph_stream_new(int fd)
{
	struct ph_stream *stream = g_new0(struct ph_stream, 1);
	int one = 1;

	stream->fd = fd;
	stream->timeout = DEFAULT_TIMEOUT;
	name_peer(stream);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	/* Answers are small and waited for; fails on a UNIX socket. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return stream;
}

static int
connect_address(int fd, const struct sockaddr *address, socklen_t size,
		int64_t deadline)
{
	int why = 0;
	socklen_t why_size = sizeof why;

	if (connect(fd, address, size) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -1;
	switch (wait_ready(fd, POLLOUT, deadline)) {
	case 0:
		errno = ETIMEDOUT;
		return -1;
	case 1:
		break;
	default:
		return -1;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &why_size) < 0)
		return -1;
	errno = why;
	return why == 0 ? 0 : -1;
}

/* Leaves the reason in errno. */
static int
bind_local(int fd, const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		return bind(fd, (struct sockaddr *)&v4, sizeof v4);
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		return bind(fd, (struct sockaddr *)&v6, sizeof v6);
	errno = EINVAL;
	return -1;
}

/* A server that is busy has a UNIX socket without a place, which nobody can
 * wait for but by asking again. */
#define BUSY_MS 10

static int
connect_local(int fd, const struct sockaddr_un *address, int64_t deadline)
{
	int rc;

	while ((rc = connect_address(fd, (const struct sockaddr *)address,
				     sizeof *address, deadline)) < 0 &&
	       errno == EAGAIN && ph_clock_mono() < deadline)
		g_usleep(BUSY_MS * 1000);
	return rc;
}

static int
connect_unix(const char *path, int64_t deadline, int *fd_r)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect_local(fd, &address, deadline) < 0) {
		int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	*fd_r = fd;
	return 0;
}

int64_t
ph_connect_deadline(const struct addrinfo *list, int64_t deadline)
{
	const int64_t now = ph_clock_mono();
	int64_t n = 0;

	for (; list != NULL; list = list->ai_next)
		n++;
	return now + (deadline - now) / n;
}

/* Leaves the reason in errno. */
static int
connect_first(const struct addrinfo *list, const char *bind_address,
	      int64_t deadline, int *fd_r)
{
	int why = EHOSTUNREACH;

	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		int fd = socket(a->ai_family,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd >= 0 &&
		    (bind_address == NULL || *bind_address == '\0' ||
		     bind_local(fd, bind_address) == 0) &&
		    connect_address(fd, a->ai_addr, a->ai_addrlen,
				    ph_connect_deadline(a, deadline)) == 0) {
			*fd_r = fd;
			return 0;
		}
		why = errno;
		if (fd >= 0)
			close(fd);
	}
	errno = why;
	return -1;
}

static int
connect_tcp(const struct ph_endpoint *endpoint, const char *bind_address,
	    int64_t deadline, int *fd_r, struct ph_err *err)
{
	struct ph_lookup *lookup = NULL;
	int rc;

	if (ph_lookup_run(endpoint->host, endpoint->port, AI_ADDRCONFIG,
			  deadline, &lookup, err) < 0)
		return -1;
	rc =
	    connect_first(ph_lookup_list(lookup), bind_address, deadline, fd_r);
	if (rc < 0)
		ph_err_set(err, PH_ERR_TEMP, "%s", g_strerror(errno));
	ph_lookup_unref(&lookup);
	return rc;
}

int
ph_stream_connect(const struct ph_endpoint *endpoint, const char *bind_address,
		  int64_t timeout_ms, struct ph_stream **stream_r,
		  struct ph_err *err)
{
	int64_t deadline = ph_clock_mono() + timeout_ms;
	int fd;

	if (endpoint->unix_socket) {
		if (connect_unix(endpoint->host, deadline, &fd) < 0)
			return ph_err_set(err, PH_ERR_TEMP, "connect to %s: %s",
					  endpoint->host, g_strerror(errno));
	} else if (connect_tcp(endpoint, bind_address, deadline, &fd, err) <
		   0) {
		return ph_err_wrap(err, "connect to %s:%d", endpoint->host,
				   endpoint->port);
	}
	*stream_r = ph_stream_new(fd);
	return 0;
}

void
ph_stream_free(struct ph_stream **stream)
{
	if (*stream == NULL)
		return;
	if ((*stream)->layer != NULL)
		(*stream)->layer->free((*stream)->layer_ctx);
	close((*stream)->fd);
	g_free(*stream);
	*stream = NULL;
}

void
ph_stream_set_timeout(struct ph_stream *stream, int64_t timeout_ms)
{
	stream->timeout = timeout_ms;
}

int64_t
ph_stream_deadline(const struct ph_stream *stream)
{
	return stream->timeout == 0 ? 0 : ph_clock_mono() + stream->timeout;
}

void
ph_stream_put(struct ph_stream *stream, const struct ph_stream_layer *layer,
	      void *ctx)
{
	g_assert(stream->layer == NULL);
	stream->layer = layer;
	stream->layer_ctx = ctx;
}

const void *
ph_stream_layer_ctx(const struct ph_stream *stream,
		    const struct ph_stream_layer *layer)
{
	return stream->layer == layer ? stream->layer_ctx : NULL;
}

int
ph_stream_fd(const struct ph_stream *stream)
{
	return stream->fd;
}

static int
set_io_error(const struct ph_stream *stream, const char *what, int ready,
	     struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "%s %s: %s", what, stream->peer,
			  ready == 0 ? "timed out" : g_strerror(errno));
}

/* The kernel minds the time: a reader that asked first whether there is
 * something, and then for the time, would cost three calls a request. */
static void
limit_reading(struct ph_stream *stream)
{
	/* A deadline that has passed is no "for ever". */
	const int64_t ms = stream->timeout < 0 ? 1 : stream->timeout;
	const struct timeval limit = {
	    .tv_sec = ms / 1000,
	    .tv_usec = ms % 1000 * 1000,
	};

	if (stream->limited == stream->timeout)
		return;
	if (setsockopt(stream->fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
		       sizeof limit) == 0)
		stream->limited = stream->timeout;
}

ssize_t
ph_stream_read(struct ph_stream *stream, void *buffer, size_t size,
	       struct ph_err *err)
{
	ssize_t n;

	if (stream->layer != NULL)
		return stream->layer->read(stream->layer_ctx, buffer, size,
					   ph_stream_deadline(stream), err);
	limit_reading(stream);
	do
		n = recv(stream->fd, buffer, size, 0);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? n
		      : set_io_error(stream, "read from", errno != EAGAIN, err);
}

static int
write_layer(struct ph_stream *stream, const char *p, size_t size,
	    struct ph_err *err)
{
	int64_t deadline = ph_stream_deadline(stream);

	while (size > 0) {
		ssize_t n = stream->layer->write(stream->layer_ctx, p, size,
						 deadline, err);

		if (n < 0)
			return -1;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int
ph_stream_write(struct ph_stream *stream, const void *data, size_t size,
		struct ph_err *err)
{
	int64_t deadline = ph_stream_deadline(stream);
	const char *p = data;

	if (stream->layer != NULL)
		return write_layer(stream, data, size, err);
	while (size > 0) {
		ssize_t n =
		    send(stream->fd, p, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		int ready;

		if (n >= 0) {
			p += n;
			size -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return set_io_error(stream, "write to", 1, err);
		ready = wait_ready(stream->fd, POLLOUT, deadline);
		if (ready <= 0)
			return set_io_error(stream, "write to", ready, err);
	}
	return 0;
}

const char *
ph_stream_peer(const struct ph_stream *stream)
{
	return stream->peer;
}

void
ph_stream_hold(struct ph_stream *stream, bool held)
{
	atomic_store(&stream->held, held);
}

bool
ph_stream_held(const struct ph_stream *stream)
{
	return atomic_load(&stream->held);
}

void
ph_stream_shutdown(struct ph_stream *stream)
{
	(void)shutdown(stream->fd, SHUT_RD);
}
