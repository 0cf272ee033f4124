#ifndef PH_TRACKING_COLLECT_H
#define PH_TRACKING_COLLECT_H

#include "lib/base/err.h"
#include "lib/track/log.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * From Postfix's log to tracking rows: tail, parser, joiner, the rows of the
 * Transport service and the log writer put together, with a position on disk.
 * After a crash lines are read again from the last position, and rows that
 * were written by then are left out. Not thread-safe.
 */
struct ph_collect;

struct ph_collect_options {
	const char *maillog;
	const char *directory;	  /* of tracking log files */
	const char *position;	  /* path of the file that says how far */
	const char *server;	  /* short name */
	const char *address;	  /* of this server or "" */
	int64_t queue_timeout;	  /* ms, 0: never */
	struct ph_track_log *log; /* borrowed */
	/* As in struct ph_join_options. */
	bool (*peer)(void *context, const char *host, char **fqdn_r);
	void *context;
};

/* 0 and *collect_r, or -1: the position cannot be read. */
int ph_collect_new(const struct ph_collect_options *options,
		   struct ph_collect **collect_r, struct ph_err *err);
/* Saves the position; transactions still open are read again. NULL is fine. */
void ph_collect_free(struct ph_collect **collect);

/*
 * Reads some lines, at most a thousand, and writes their rows. 1: there may be
 * more; 0: nothing new; -1: a file cannot be read or written; nothing is lost,
 * call again later. now_ms: monotonic.
 */
int ph_collect_run(struct ph_collect *collect, int64_t now_ms,
		   struct ph_err *err);

/* True while rows wait for a second of quiet. */
bool ph_collect_pending(const struct ph_collect *collect);

#endif
