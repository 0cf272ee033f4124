#ifndef PH_FORK_SPOOL_H
#define PH_FORK_SPOOL_H

#include "lib/base/err.h"

#include <stddef.h>

/*
 * The content of one message while its copies are made: in memory while it is
 * small, then in a file without a name, which is gone with the process. One
 * thread at a time.
 */
struct ph_spool;

/* Up to memory bytes in memory; a file is made in directory (copied). */
struct ph_spool *ph_spool_new(const char *directory, size_t memory);
void ph_spool_free(struct ph_spool **spool); /* NULL is fine */

/* 0, or -1 TEMP: the disk is full, or it is more than anybody may send. */
int ph_spool_write(struct ph_spool *spool, const char *data, size_t size,
		   struct ph_err *err);

/* After the last write: all of it in one piece, borrowed. 0 or -1 TEMP. */
int ph_spool_read(struct ph_spool *spool, const char **data_r, size_t *size_r,
		  struct ph_err *err);

#endif
