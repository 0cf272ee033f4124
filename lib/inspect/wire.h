#ifndef PH_INSPECT_WIRE_H
#define PH_INSPECT_WIRE_H

#include "lib/base/err.h"
#include "lib/inspect/walk.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the program and its workers say to each other, in the machine's own byte
 * order. No file descriptor but that of the request, no state.
 *
 * A request is a sealed file in memory that the worker maps: limits, the table
 * of attachments, their bytes. An answer is a stream of records; it comes from
 * a process that a stranger's bytes may have taken over, so each length is
 * checked before memory is taken, each text is valid UTF-8, and all together
 * are bounded.
 */

/* ---- request ------------------------------------------------------------- */

struct ph_request {
	struct ph_walk_limits limits;
	struct ph_walk_source *parts; /* borrow from the mapping */
	uint32_t n;
	void *map; /* private */
	size_t map_size;
};

/* A sealed file with them: the descriptor, or -1 TEMP. */
int ph_request_new(const struct ph_walk_limits *limits,
		   const struct ph_walk_source *parts, uint32_t n,
		   struct ph_err *err);
/* 0, or -1: malformed, or not sealed. */
int ph_request_open(int fd, struct ph_request *request_r);
void ph_request_close(struct ph_request *request);

/* What is sent with the descriptor: from which attachment on. */
#define PH_REQUEST_MAGIC ((uint32_t)0x71696870)
struct ph_request_call {
	uint32_t magic;
	uint32_t first;
};

/* ---- answer -------------------------------------------------------------- */

enum ph_record_kind {
	PH_RECORD_HELLO,  /* number: the layers of the sandbox */
	PH_RECORD_BEGIN,  /* number: of the attachment */
	PH_RECORD_FILE,	  /* in the attachment */
	PH_RECORD_END,	  /* of the attachment */
	PH_RECORD_DONE,	  /* of the request; number: CPU ms since it began */
	PH_RECORD_FAILED, /* in place of HELLO: text is why */
	PH_RECORDS
};

struct ph_record {
	enum ph_record_kind kind;
	uint32_t number;
	struct ph_walked *walked; /* of FILE; the caller's */
	char *text;		  /* of FAILED; g_free */
};

void ph_record_format(GByteArray *out, enum ph_record_kind kind,
		      uint32_t number);
void ph_record_format_file(GByteArray *out, const struct ph_walked *walked);
void ph_record_format_failed(GByteArray *out, const char *why);

/*
 * The first record of bytes: 1 and *used_r of them were read, 0 feed more, -1
 * PEER. No record takes more than PH_RECORD_SIZE and the text limit.
 */
#define PH_RECORD_SIZE ((size_t)4 * 1024 * 1024)
int ph_record_parse(const uint8_t *bytes, size_t size,
		    const struct ph_walk_limits *limits,
		    struct ph_record *record_r, size_t *used_r,
		    struct ph_err *err);

#endif
