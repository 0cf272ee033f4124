#ifndef PH_BASE_PROGRAM_PRIVATE_H
#define PH_BASE_PROGRAM_PRIVATE_H

#include "lib/base/program.h"

#include <stdatomic.h>

/* Inside the skeleton only. */
struct ph_server;

struct ph_run {
	const struct ph_program *program;
	struct ph_conf *conf;
	atomic_bool stopping;
	struct ph_server *server;
	int ready_fd; /* the waiting parent's pipe; -1: none */
};

/* ---- socket.c: sockets and privileges ---------------------------------- */

/* Opens a listening socket; a UNIX one under a temporary name that is renamed
 * over the public one, so that there is always one to connect to. */
int ph_socket_listen(const struct ph_conf *conf, const char *endpoint,
		     int *fd_r, struct ph_err *err);
/* Makes the directory for [server] user, and its parents for all to pass. What
 * is there already is left alone. */
int ph_make_directory(const struct ph_conf *conf, const char *path,
		      struct ph_err *err);
/* Becomes [server] user if root; files: with the rights of rights.h. */
int ph_drop_privileges(const struct ph_conf *conf, bool files,
		       struct ph_err *err);

/* ---- server.c: one thread a connection ---------------------------------- */

/* Binds all of the program's listeners. */
int ph_server_open(struct ph_run *run, struct ph_server **server_r,
		   struct ph_err *err);
/* Begins to accept. */
void ph_server_start(struct ph_server *server, void *app);
/* Stops accepting, wakes idle connections, waits for the others, cuts those
 * that are late; returns when no serve function runs any more. */
void ph_server_stop(struct ph_server *server, int64_t timeout_ms);
void ph_server_close(struct ph_server **server);

#endif
