#ifndef PH_INSPECT_SANDBOX_H
#define PH_INSPECT_SANDBOX_H

#include "lib/base/err.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * How a process gives up everything but its memory and the descriptors that it
 * has. In two steps: ph_sandbox_enter in the process that workers are forked
 * from, which never sees a stranger's byte but has to fork; ph_sandbox_seal in
 * each worker. A process of one thread.
 *
 * The filter of system calls is not optional: it alone forbids files, sockets
 * and processes, and where it cannot be had nothing is inspected. The other
 * layers stand behind it; a container without privileges may have but some of
 * them, and the program says which are missing.
 */
enum {
	PH_SANDBOX_CALLS = 1 << 0,    /* seccomp: what is not needed kills */
	PH_SANDBOX_LANDLOCK = 1 << 1, /* no file can be reached */
	PH_SANDBOX_ROOT = 1 << 2,     /* the root directory is an empty one */
	PH_SANDBOX_NETWORK = 1 << 3,  /* a network with nothing in it */
	PH_SANDBOX_USER = 1 << 4,     /* a user of its own */
	PH_SANDBOX_ALL = (1 << 5) - 1
};

/* "its own user, network": g_free. */
char *ph_sandbox_names(unsigned layers);

struct ph_sandbox {
	uid_t uid; /* to become, if root; 0: do not */
	gid_t gid;
	uint64_t memory; /* bytes, beside what it has when it begins */
	uint64_t cpu;	 /* seconds, of its whole life */
};

/* The user of that name, or else nobody; into uid and gid. */
void ph_sandbox_find_user(struct ph_sandbox *sandbox, const char *name);
/* Layers that it has now; memory becomes the limit of the address space. */
unsigned ph_sandbox_enter(struct ph_sandbox *sandbox);
/*
 * Of the descriptors of this process only 0 to 3 may be there, and one more may
 * be received. Adds PH_SANDBOX_CALLS; or -1 PERM: nothing may be parsed here.
 */
int ph_sandbox_seal(const struct ph_sandbox *sandbox, unsigned *layers,
		    struct ph_err *err);

#endif
