#ifndef PH_INSPECT_CHILD_H
#define PH_INSPECT_CHILD_H

#include "lib/inspect/inspector.h"
#include "lib/inspect/sandbox.h"
#include "lib/inspect/wire.h"

#include <stdint.h>
#include <sys/types.h>

/* Inside lib/inspect: what the program and its child say to each other about
 * workers. Standard input of the child is a SOCK_SEQPACKET socket; answers come
 * in the order of the requests. */

enum ph_child_op {
	PH_CHILD_START, /* with a socket: the worker's; value: errno or 0 */
	PH_CHILD_END,	/* kill it if need be; value: its wait status */
};

struct ph_child_request {
	uint32_t op;
	uint32_t id; /* of the worker, chosen by the program */
};

struct ph_child_reply {
	uint32_t id;
	int32_t value;
};

/* Sends data with a descriptor, or receives it: -1 for none. Bytes, 0 the end,
 * -1 errno. */
ssize_t ph_fd_send(int socket, const void *data, size_t size, int fd);
ssize_t ph_fd_receive(int socket, void *data, size_t size, int *fd_r);

/* Descriptor of the program in a worker. */
#define PH_WORKER_FD 3

/* A worker's life; never returns. */
struct ph_worker_life {
	struct ph_types *types;
	const struct ph_sandbox *sandbox;
	unsigned layers;
	ph_worker_work *work;
};
void ph_worker_main(const struct ph_worker_life *life)
    __attribute__((noreturn));

#endif
