#ifndef PH_STORE_SUBMISSION_LETTER_H
#define PH_STORE_SUBMISSION_LETTER_H

#include "lib/base/err.h"
#include "lib/base/uuid.h"
#include "lib/message/headers.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A message as its owner's program left it in a file: LF or CRLF line ends,
 * with Bcc, perhaps without Message-ID and Date. Its header is in memory, its
 * body stays in the file and is read in pieces: twenty large messages at once
 * take no memory to speak of. Not thread-safe.
 */
struct ph_letter {
	struct ph_headers *headers;
	bool crlf;	    /* how the first line ends */
	bool eight_bit;	    /* anywhere */
	off_t body;	    /* where it begins */
	uint64_t body_size; /* with CRLF line ends */
	uint64_t size;	    /* of all, as it is sent, with CRLF line ends */
	struct ph_nmid *hash;
};

/* The header takes at most this many bytes of the file. */
#define PH_LETTER_HEADER_LIMIT ((size_t)1024 * 1024)

/*
 * Reads a file from its start. 1: *letter_r. 0: it is no message that can be
 * sent, err says why, for its owner. -1: TEMP, it cannot be read.
 */
int ph_letter_read(int fd, struct ph_letter **letter_r, struct ph_err *err);
/* The header alone, of a message that will not be sent; size is the file's. */
int ph_letter_peek(int fd, struct ph_letter **letter_r, struct ph_err *err);
void ph_letter_free(struct ph_letter **letter);

/* Once: the network message id. A message that is sent again on purpose is
 * another one: its Resent- fields count as a part of the reverse path. */
void ph_letter_nmid(struct ph_letter *letter, const char *reverse_path,
		    char nmid_r[PH_UUID_TEXT]);

/*
 * The lines that have to be put in front of the file to make it complete: Date
 * and Message-ID, those that are missing, with the file's line ends; g_free.
 * NULL: nothing is missing.
 */
char *ph_letter_missing(const struct ph_letter *letter, int64_t now,
			const char *fqdn);

/*
 * What is sent: without Bcc, Return-Path and X-PostHub- fields of the owner's,
 * with CRLF line ends, in pieces. 0; -1: TEMP, the file cannot be read or is
 * not what it was; or what sink answered.
 */
typedef int (*ph_letter_sink)(void *context, const char *data, size_t size,
			      struct ph_err *err);
int ph_letter_send(const struct ph_letter *letter, int fd, ph_letter_sink sink,
		   void *context, struct ph_err *err);

#endif
