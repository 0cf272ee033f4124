#ifndef PH_MILTERS_HOST_HOST_H
#define PH_MILTERS_HOST_HOST_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/base/program.h"
#include "milters/host/agent.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The one adapter to libmilter: it negotiates, assembles the message, calls
 * agents in order and turns their verdict into replies. libmilter is the
 * worker-pool build: the callbacks of one session run on different threads,
 * one at a time, so a session lives in smfi_setpriv alone. libmilter serves
 * one socket a process and hands its callbacks nothing of ours, so there is
 * one host a process.
 */
struct ph_host {
	const char *name;		      /* to libmilter: "posthub" */
	const struct ph_agent *const *agents; /* in order; NULL-terminated */
	bool streams;	/* agents take the content as it comes (on_header,
			 * on_body): mail->headers stays empty, mail->hash sees
			 * nothing, and nothing is changed at the end */
	int64_t limit;	/* messages between first header and answer; one more is
			 * deferred with 451 4.3.2 */
	int64_t memory; /* bytes of header fields and kept bodies of all these
			 * messages; one that would pass it is deferred with
			 * 451 4.3.1; 0: no limit */
	void *app;	/* handed to agents and the two below */
	/* Called at MAIL: fills in mail->snapshot and directory. A message
	 * that has no snapshot at its end is deferred with 451 4.3.0. */
	void (*begin)(struct ph_mail *mail, void *app);
	/* The MTA was told of the changes, the answer follows. */
	void (*done)(struct ph_mail *mail, void *app);
};

/*
 * Opens the socket ("unix:/path", "host:port"): a UNIX socket under a temporary
 * name which is then renamed over the public one, so that there is no moment
 * without a socket. host is borrowed until ph_host_run returns. 0, or -1 PERM.
 */
int ph_host_open(const struct ph_host *host, const struct ph_conf *conf,
		 const char *endpoint, struct ph_err *err);

/* Serves until SIGTERM or SIGINT; the "main" of a struct ph_program. Exit
 * status. */
int ph_host_run(struct ph_run *run, void *app);

#endif
