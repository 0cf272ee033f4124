#ifndef PH_DIRECTORY_ANSWERS_H
#define PH_DIRECTORY_ANSWERS_H

#include "lib/base/err.h"
#include "lib/directory/file.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What the directory file holds with [directory] type = ldap: what an LDAP
 * server said, for all programs of the host, so that neither an outage nor a
 * restart in it makes anybody unknown. A cache: whatever is wrong with it, the
 * server is asked. The databases are
 *
 *	answer	 folded address -> eight bytes of a checksum, eight of when it
 *		 was said (wall clock ms), one byte (0: nobody, 1: an entry),
 *		 the address, NUL, the packed entry
 *	time	 the same byte, the same time with its highest byte first, the
 *		 key of the answer -> nothing
 *	info	 version, origin
 *
 * so that what goes first when there is no room comes first in "time": that
 * nobody has an address, which a stranger can make us note without end; then
 * the oldest. Keys as in file.h.
 *
 * An origin is a text that stands for where answers come from. Those of another
 * one are not found.
 */

/* As ph_dirfile_new; opened, closed and shared in the same way. */
struct ph_dirfile *ph_answers_new(const char *path, int64_t map_size,
				  bool writer);

struct ph_answer {
	struct ph_object *entry; /* the caller's to unref; NULL: nobody */
	int64_t at;		 /* wall clock ms; may lie in the future */
};

/* 1; 0: none, or no file yet; -1: TEMP, the file cannot be read. The address is
 * folded. */
int ph_answers_find(struct ph_dirfile *file, const char *origin,
		    const char *address, struct ph_answer *answer_r,
		    struct ph_err *err);

/* ---- the writer, in a transaction (file.h) ------------------------------ */

/* 0: what is there is of this origin; 1: it was not, and is gone; -1. */
int ph_answers_claim(struct ph_dirwrite *write, const char *origin,
		     struct ph_err *err);

/* In the place of an older one. One that takes more than `largest` bytes is not
 * kept. 0 or -1. */
int ph_answers_put(struct ph_dirwrite *write, const char *address,
		   const struct ph_answer *answer, size_t largest,
		   struct ph_err *err);

/* Removes answers, `most` of them at most, until no more than this many bytes
 * of the file hold any. 0 or -1. */
int ph_answers_trim(struct ph_dirwrite *write, int64_t bytes, int64_t now,
		    size_t most, struct ph_err *err);

struct ph_answers_counts {
	uint64_t answers;
	int64_t bytes; /* of whole pages */
};
int ph_answers_counts(struct ph_dirwrite *write,
		      struct ph_answers_counts *counts_r, struct ph_err *err);

#endif
