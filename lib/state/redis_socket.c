#include "lib/base/clock.h"
#include "lib/base/stream.h"
#include "lib/state/redis_private.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int
ph_redis_socket_wait(int fd, short events, int64_t deadline, struct ph_err *err)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		const int64_t left = deadline - ph_clock_mono();
		const int r =
		    poll(&p, 1, (int)CLAMP(left, 0, INT64_C(3600000)));

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return ph_err_set(err, PH_ERR_TEMP, "poll: %s",
					  g_strerror(errno));
		if (left <= 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "no answer within the time limit");
	}
}

static int
connect_address(const struct sockaddr *address, socklen_t size,
		int64_t deadline, int *fd_r, struct ph_err *err)
{
	int fd = socket(address->sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;
	socklen_t length = sizeof(error);

	if (fd < 0)
		return ph_err_set(err, PH_ERR_TEMP, "socket: %s",
				  g_strerror(errno));
	if (connect(fd, address, size) != 0) {
		error = errno;
		if (error == EINPROGRESS &&
		    ph_redis_socket_wait(fd, POLLOUT, deadline, err) != 0) {
			close(fd);
			return -1;
		}
		if (error == EINPROGRESS &&
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
			error = errno;
	}
	if (error != 0) {
		close(fd);
		return ph_err_set(err, PH_ERR_TEMP, "%s", g_strerror(error));
	}
	*fd_r = fd;
	return 0;
}

static int
connect_unix(const char *path, int64_t deadline, int *fd_r, struct ph_err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
	    sizeof(address.sun_path))
		return ph_err_set(err, PH_ERR_PERM, "path too long");
	return connect_address((const struct sockaddr *)&address,
			       sizeof(address), deadline, fd_r, err);
}

/*
 * A look-up of a host name on a thread of its own: getaddrinfo(3) takes as
 * long as resolv.conf says, which can be more than the caller has. Shared by
 * that thread and the caller; the last one frees it.
 */
struct lookup {
	char *host;
	char port[8];
	GMutex mutex;
	GCond ready;
	bool done;
	bool abandoned;
	int error;
	struct addrinfo *addresses;
};

static void
lookup_free(struct lookup *lookup)
{
	if (lookup->addresses != NULL)
		freeaddrinfo(lookup->addresses);
	g_mutex_clear(&lookup->mutex);
	g_cond_clear(&lookup->ready);
	g_free(lookup->host);
	g_free(lookup);
}

static int
resolve(const char *host, const char *port, int flags,
	struct addrinfo **addresses_r)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV | flags,
	};

	return getaddrinfo(host, port, &hints, addresses_r);
}

static void *
lookup_main(void *data)
{
	struct lookup *lookup = data;
	struct addrinfo *addresses = NULL;
	const int error = resolve(lookup->host, lookup->port, 0, &addresses);
	bool abandoned;

	g_mutex_lock(&lookup->mutex);
	lookup->error = error;
	lookup->addresses = error == 0 ? addresses : NULL;
	lookup->done = true;
	abandoned = lookup->abandoned;
	g_cond_signal(&lookup->ready);
	g_mutex_unlock(&lookup->mutex);
	if (abandoned)
		lookup_free(lookup);
	return NULL;
}

static int
lookup_run(const char *host, const char *port, int64_t deadline,
	   struct addrinfo **addresses_r, struct ph_err *err)
{
	struct lookup *lookup = g_new0(struct lookup, 1);
	const int64_t left = MAX(deadline - ph_clock_mono(), 0);
	const int64_t end = g_get_monotonic_time() + left * 1000;
	GThread *thread;
	int error;

	lookup->host = g_strdup(host);
	g_strlcpy(lookup->port, port, sizeof(lookup->port));
	g_mutex_init(&lookup->mutex);
	g_cond_init(&lookup->ready);
	thread = g_thread_new("lookup", lookup_main, lookup);

	g_mutex_lock(&lookup->mutex);
	while (!lookup->done &&
	       g_cond_wait_until(&lookup->ready, &lookup->mutex, end))
		;
	lookup->abandoned = !lookup->done;
	if (lookup->abandoned) {
		g_mutex_unlock(&lookup->mutex);
		g_thread_unref(thread);
		return ph_err_set(err, PH_ERR_TEMP,
				  "no answer from DNS within the time limit");
	}
	error = lookup->error;
	*addresses_r = g_steal_pointer(&lookup->addresses);
	g_mutex_unlock(&lookup->mutex);
	g_thread_join(thread);
	lookup_free(lookup);
	if (error != 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s", gai_strerror(error));
	return 0;
}

static int
connect_tcp(const struct ph_redis_target *target, int64_t deadline, int *fd_r,
	    struct ph_err *err)
{
	struct addrinfo *addresses = NULL;
	char port[8];
	const int on = 1;
	int r = -1;

	g_snprintf(port, sizeof(port), "%d", target->port);
	if (resolve(target->host, port, AI_NUMERICHOST, &addresses) != 0 &&
	    lookup_run(target->host, port, deadline, &addresses, err) != 0)
		return -1;
	for (const struct addrinfo *a = addresses; a != NULL && r != 0;
	     a = a->ai_next)
		r = connect_address(a->ai_addr, a->ai_addrlen,
				    ph_connect_deadline(a, deadline), fd_r,
				    err);
	freeaddrinfo(addresses);
	if (r != 0)
		return -1;
	(void)setsockopt(*fd_r, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(*fd_r, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return 0;
}

int
ph_redis_socket_connect(const struct ph_redis_target *target, int64_t deadline,
			int *fd_r, struct ph_err *err)
{
	if (target->unix_socket) {
		if (connect_unix(target->host, deadline, fd_r, err) != 0)
			return ph_err_wrap(err, "%s", target->host);
		return 0;
	}
	if (connect_tcp(target, deadline, fd_r, err) != 0)
		return ph_err_wrap(err, "%s:%d", target->host, target->port);
	return 0;
}
