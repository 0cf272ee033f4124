#ifndef PH_DIRECTORY_DIRECTORY_SHARED_H
#define PH_DIRECTORY_DIRECTORY_SHARED_H

#include "lib/directory/directory.h"
#include "lib/directory/directory_cache.h"

#include <stdint.h>

/*
 * A directory that looks into the file of answers (answers.h) before it asks
 * another one: what one program of the host was told, all of them know, and
 * after a restart still. It follows the rules of directory_cache.h, by the wall
 * clock: an answer from the future serves as one that is too old. It may stand
 * behind a cache in memory. Thread-safe.
 *
 * One process writes what it is told into the file; another asks for itself
 * what is not there, and so depends on nobody.
 */
struct ph_shared_settings {
	const char *path; /* of the file */
	int64_t map_size;
	struct ph_cache_limits limits; /* size: of the file, about */
	const char *origin;	       /* answers.h */
	bool writer;
	const char *status;	/* the writer's: as ph_keeper_settings */
	int64_t (*clock)(void); /* milliseconds, as ph_clock_wall */
};

/* Takes the inner one; copies what is in settings. */
struct ph_directory *
ph_directory_shared(struct ph_directory *inner,
		    const struct ph_shared_settings *settings);

#endif
