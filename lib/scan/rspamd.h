#ifndef PH_SCAN_RSPAMD_H
#define PH_SCAN_RSPAMD_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/scan/scan.h"

#include <stdint.h>

/* Before the process has a second thread. */
void ph_rspamd_prepare(void);

/* What rspamd is told beside the message; texts may be "" (not known). */
struct ph_rspamd_query {
	const char *sender;	       /* "" is null */
	const char *const *recipients; /* ends with NULL */
	const char *address;	       /* of the client */
	const char *name, *helo;       /* of the client */
	const char *login;	       /* "": has not logged in */
	const char *queue_id;
};

struct ph_rspamd_answer {
	double score;
	char *action;  /* "no action", "add header", "reject", ... */
	char *symbols; /* names, sorted, separated by ", " */
};
void ph_rspamd_answer_clear(struct ph_rspamd_answer *answer);

/*
 * Asks a normal worker of rspamd(8), POST /checkv2, over a UNIX socket or TCP,
 * a connection each: it closes them whatever it is asked. 0 and *answer_r; -1
 * TEMP: no answer within timeout_ms, or not one that can be read. Thread-safe.
 */
int ph_rspamd_check(const struct ph_endpoint *endpoint,
		    const struct ph_rspamd_query *query,
		    const struct ph_scan_piece *pieces, size_t n,
		    int64_t timeout_ms, struct ph_rspamd_answer *answer_r,
		    struct ph_err *err);

/* Reads the JSON of an answer. Pure. 0 or -1 TEMP. */
int ph_rspamd_read_answer(const char *json, size_t size,
			  struct ph_rspamd_answer *answer_r,
			  struct ph_err *err);

#endif
