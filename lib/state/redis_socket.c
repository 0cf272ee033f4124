#include "lib/base/clock.h"
#include "lib/base/lookup.h"
#include "lib/base/stream.h"
#include "lib/state/redis_private.h"

#include <errno.h>
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

static int
connect_tcp(const struct ph_redis_target *target, int64_t deadline, int *fd_r,
	    struct ph_err *err)
{
	struct ph_lookup *lookup = NULL;
	const int on = 1;
	int r = -1;

	if (ph_lookup_run(target->host, target->port, 0, deadline, &lookup,
			  err) < 0)
		return -1;
	for (const struct addrinfo *a = ph_lookup_list(lookup);
	     a != NULL && r != 0; a = a->ai_next)
		r = connect_address(a->ai_addr, a->ai_addrlen,
				    ph_connect_deadline(a, deadline), fd_r,
				    err);
	ph_lookup_unref(&lookup);
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
