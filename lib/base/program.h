#ifndef PH_BASE_PROGRAM_H
#define PH_BASE_PROGRAM_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/base/stream.h"

#include <stdbool.h>

/*
 * The skeleton of every daemon: options, configuration, log, listeners,
 * privileges, signals, sd_notify and a graceful stop, written once. A main.c
 * is a const struct ph_program and one call.
 */
struct ph_run; /* a running program */

/* One row a socket that a program listens on. */
struct ph_listen {
	const char *setting; /* in the program's section: its endpoint; an
			      * empty value switches the listener off */
	/* Serves one connection on a thread of its own. The stream is the
	 * skeleton's: not to be freed. Return to close it. */
	void (*serve)(struct ph_stream *stream, void *app);
	/* Sent before closing when connection_limit is reached; or NULL. */
	const char *busy;
};

struct ph_program {
	const char *name;    /* "posthub-policy" */
	const char *section; /* of posthub.conf: "policy" */
	const char *summary; /* one line, for -h */
	const struct ph_listen
	    *listen; /* ends with setting NULL; may be NULL */
	/*
	 * Optional: runs as the user that the program was started as, before
	 * its first thread, for children that give up other rights than it
	 * does. *app_r is there in start. 0 or -1 as start.
	 */
	int (*prepare)(struct ph_run *run, void **app_r, struct ph_err *err);
	/*
	 * Starts the program's threads; runs after privileges were dropped,
	 * before anything is served. *app_r is handed to all that follows.
	 * 0, or -1 and the process ends with 78 (PERM) or 75 (others); what
	 * prepare made is gone then as well.
	 */
	int (*start)(struct ph_run *run, void **app_r, struct ph_err *err);
	/*
	 * Optional: runs in the main thread instead of waiting for a signal,
	 * for libmilter, which has a loop and signal handling of its own;
	 * returns to stop. Exit status.
	 */
	int (*main)(struct ph_run *run, void *app);
	/* Connections have ended or been cut; stop threads, free app. */
	void (*stop)(void *app);
	/* Optional: setting of the program's section that names a directory to
	 * be made, while still root, for the user. [server] state_dir and
	 * [tracking] log_dir always are. */
	const char *directory;
	/* Optional: section and name of a text setting that, when it is not
	 * empty, makes it keep the right to give files away (rights.h). */
	const char *owner[2];
};

/*
 * Options -c FILE, -f (foreground, log to standard error), -t (test the
 * configuration and exit), -v, -V, -h. Exit status: 0, 64 usage, 75, 78
 * configuration and what it names.
 *
 * SIGTERM and SIGINT stop: listeners close, idle connections are woken, busy
 * ones have [server] stop_timeout to finish. SIGHUP is ignored, because
 * everything that changes while running lives in Redis. Without -f the program
 * leaves the terminal and logs to syslog; the command returns when the service
 * is ready, with its exit status if it never is.
 */
int ph_program_main(const struct ph_program *program, int argc, char **argv);

const struct ph_conf *ph_run_conf(const struct ph_run *run); /* borrowed */

/* True once a stop was asked for: a server loop ends between two requests. */
bool ph_run_stopping(const struct ph_run *run);

/* Text, int of the program's own section. */
const char *ph_run_text(const struct ph_run *run, const char *name);
int64_t ph_run_int(const struct ph_run *run, const char *name);

/* Does nobody listen at a UNIX socket yet? A second start must not take the
 * place of a daemon that runs. 0, or -1 PERM. */
int ph_socket_check_free(const char *path, struct ph_err *err);

/*
 * Gives a UNIX socket that somebody else made (libmilter opens its own) what
 * every socket of ours has: group [server] socket_group and mode 0660. Not
 * being root is fine when the group is right already, as in a directory with
 * the set-group-id bit. 0 or -1 with err.
 */
int ph_socket_publish(const struct ph_conf *conf, const char *path,
		      struct ph_err *err);

#define PH_VERSION "0.1.0"

#endif
