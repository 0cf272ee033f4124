#ifndef PH_TRACKING_TAIL_H
#define PH_TRACKING_TAIL_H

#include "lib/base/err.h"
#include "lib/track/lines.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Follows a log file by name: through rotation by renaming (what is left in
 * the renamed file is read first, even after a restart, as long as it lies
 * uncompressed beside the new one), and through truncation in place. Where it
 * is can be saved to a key file and loaded again. Not thread-safe.
 */
struct ph_tail;

struct ph_tail *ph_tail_new(const char *path);
void ph_tail_free(struct ph_tail **tail);

/*
 * The group [maillog] of a key file: the file's inode, a digest of its first
 * bytes (an inode is used again for another file), where reading goes on, and
 * the offsets of lines before that whose work is not finished. Without such a
 * group the file is read from its beginning.
 */
void ph_tail_load(struct ph_tail *tail, GKeyFile *keys);
void ph_tail_save(const struct ph_tail *tail, GKeyFile *keys,
		  const int64_t *unfinished, size_t n);

struct ph_tail_line {
	char *text; /* borrowed until the next call; may be changed */
	int64_t offset;
	/* Read again after a restart, for what it says about messages: its own
	 * work was finished before. */
	bool done;
};

/* 1 a line, 0 nothing new, -1 TEMP. A file that does not exist has nothing
 * new. */
int ph_tail_next(struct ph_tail *tail, struct ph_tail_line *line_r,
		 struct ph_err *err);

/* Grows when the file is another one than before, or begins anew: offsets of
 * lines mean nothing after that. Changes within ph_tail_next only. */
uint64_t ph_tail_generation(const struct ph_tail *tail);

#endif
