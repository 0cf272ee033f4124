#ifndef UNIT_TWO_ADDRESSES_H
#define UNIT_TWO_ADDRESSES_H

#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* A host with two addresses, which the test fills in. For one file of a
 * program: the functions are in place of the C library's. */
#define TWO_ADDRESSES "two.example"

int connect(int fd, const struct sockaddr *address, socklen_t size);

static struct sockaddr_in addresses[2];
static struct addrinfo infos[2];

/* In place of the C library's. */
int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
	    struct addrinfo **list_r)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
		    struct addrinfo **) =
	    (int (*)(const char *, const char *, const struct addrinfo *,
		     struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");

	if (strcmp(host, TWO_ADDRESSES) != 0)
		return real(host, port, hints, list_r);
	if (hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	for (size_t i = 0; i < G_N_ELEMENTS(infos); i++)
		infos[i] = (struct addrinfo){
		    .ai_family = AF_INET,
		    .ai_socktype = SOCK_STREAM,
		    .ai_addr = (struct sockaddr *)&addresses[i],
		    .ai_addrlen = sizeof addresses[i],
		    .ai_next = i == 0 ? &infos[1] : NULL,
		};
	*list_r = infos;
	return 0;
}

void
freeaddrinfo(struct addrinfo *list)
{
	void (*real)(struct addrinfo *) =
	    (void (*)(struct addrinfo *))dlsym(RTLD_NEXT, "freeaddrinfo");

	if (list != infos)
		real(list);
}

#define ANSWERS_MS 50
static int slow = -1; /* connects to the second one */

int
connect(int fd, const struct sockaddr *address, socklen_t size)
{
	int (*real)(int, const struct sockaddr *, socklen_t) =
	    (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT,
								    "connect");

	if (address == infos[1].ai_addr)
		slow = fd;
	return real(fd, address, size);
}

/* It takes a while until it answers, as a network does. */
int
poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int (*real)(struct pollfd *, nfds_t, int) =
	    (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");

	if (n == 1 && fds[0].fd == slow) {
		if (timeout < ANSWERS_MS)
			return 0;
		g_usleep(ANSWERS_MS * 1000);
	}
	return real(fds, n, timeout);
}

static inline int
listen_at(struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof *address;

	*address = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)address, size), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	getsockname(fd, (struct sockaddr *)address, &size);
	return fd;
}

/* As many connections as it takes until the next is not answered. */
static inline void
fill(const struct sockaddr_in *address, int fds[8])
{
	for (int i = 0; i < 8; i++) {
		fds[i] = socket(AF_INET,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (const struct sockaddr *)address,
			      sizeof *address);
	}
}

#endif
