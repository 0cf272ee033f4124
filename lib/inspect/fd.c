#include "lib/inspect/child.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor, aligned. */
union ancillary {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

ssize_t
ph_fd_send(int socket, const void *data, size_t size, int fd)
{
	union ancillary ancillary = {0};
	struct iovec part = {(void *)(uintptr_t)data, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		message.msg_control = &ancillary;
		message.msg_controllen = sizeof ancillary;
		ancillary.head.cmsg_len = CMSG_LEN(sizeof fd);
		ancillary.head.cmsg_level = SOL_SOCKET;
		ancillary.head.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&ancillary.head), &fd, sizeof fd);
	}
	while ((n = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 &&
	       errno == EINTR)
		;
	return n;
}

ssize_t
ph_fd_receive(int socket, void *data, size_t size, int *fd_r)
{
	union ancillary ancillary = {0};
	struct iovec part = {data, size};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &ancillary,
				 .msg_controllen = sizeof ancillary};
	const struct cmsghdr *head;
	ssize_t n;

	*fd_r = -1;
	while ((n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 &&
	       errno == EINTR)
		;
	head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (head != NULL && head->cmsg_level == SOL_SOCKET &&
	    head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof *fd_r))
		memcpy(fd_r, CMSG_DATA(head), sizeof *fd_r);
	return n;
}
