#ifndef PH_DIRECTORY_ANSWERS_KEEPER_H
#define PH_DIRECTORY_ANSWERS_KEEPER_H

#include "lib/directory/answers.h"

#include <stdint.h>

/*
 * The writer of the file of answers: one thread in posthub-policy alone. It
 * writes what it was told within a moment, many at a time. Nothing that is
 * wrong with the file holds anything up: an answer that could not be written
 * will be asked for again, and a file that is damaged, full or holds something
 * else is made anew.
 */
struct ph_keeper;

struct ph_keeper_settings {
	const char *path; /* of the file */
	int64_t map_size;
	int64_t size;	    /* bytes that answers may take */
	const char *origin; /* answers.h */
	const char *status; /* path of the status file (status.h); or NULL */
	int64_t (*clock)(void); /* wall clock, ms */
};

/* Copies what is in settings. The file is open when it returns, if it can be:
 * what was known before a restart is known at once. */
struct ph_keeper *ph_keeper_start(const struct ph_keeper_settings *settings);

/* Writes what it was told before. NULL is fine. */
void ph_keeper_stop(struct ph_keeper **keeper);

/* Borrowed. One process must not open the file twice: the keeper's looks up in
 * this one. */
struct ph_dirfile *ph_keeper_file(struct ph_keeper *keeper);

/* Takes over an answer; entry NULL: nobody. Waits for nothing; thread-safe. */
void ph_keeper_note(struct ph_keeper *keeper, const char *address,
		    const struct ph_object *entry);

/* For the status: the source answered (why NULL), or could not say. */
void ph_keeper_tell(struct ph_keeper *keeper, const struct ph_err *why);

#endif
