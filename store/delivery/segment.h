#ifndef PH_STORE_DELIVERY_SEGMENT_H
#define PH_STORE_DELIVERY_SEGMENT_H

#include "lib/base/err.h"
#include "store/delivery/locks.h"

#include <glib.h>
#include <stdint.h>

/*
 * Inside duplicates.c only: the keys of some time, and their file. That is
 * named by its start, 16 hexadecimal digits of milliseconds, and holds records
 * of 32 bytes, then zeros; big endian where it is a number:
 *
 *	16 key, as in memory
 *	 8 time, milliseconds
 *	 8 check: FNV-1a of the 24 bytes before
 */
enum {
	PH_RECORD = 32,
	PH_SEGMENT_NAME = 16,
	/* Of a segment; then the next one begins. */
	PH_SEGMENT_RECORDS = 1 << 18,
};

/* Counted (g_atomic_rc_box): who looks into its file holds it. With a filter it
 * does not change any more. */
struct ph_segment {
	int64_t start;
	int fd;		  /* -1: there is no file yet */
	uint64_t size;	  /* whole records, bytes */
	uint64_t room;	  /* of the file, zeros behind them */
	GHashTable *keys; /* high half to low half, both in the pointers; NULL:
			   * there is a filter instead */
	uint64_t *filter;
	uint64_t filter_mask; /* of bit numbers */
};

/* Takes fd. */
struct ph_segment *ph_segment_new(int64_t start, int fd);
void ph_segment_unref(gpointer segment);

void ph_segment_name(int64_t start, char name[PH_SEGMENT_NAME + 1]);
void ph_segment_format(uint8_t record[PH_RECORD], struct ph_copy_key key,
		       int64_t now);

/* In memory alone. */
void ph_segment_put(struct ph_segment *segment, struct ph_copy_key key);

/* 1; 0; -1: ph_segment_file_has can say. */
int ph_segment_knows(const struct ph_segment *segment, struct ph_copy_key key);
/* What is cut off or damaged is lost. 1, 0, or -1 with errno: nobody can say.
 */
int ph_segment_file_has(const struct ph_segment *segment,
			struct ph_copy_key key);

/* What memory is for is the newest; of those before, the file can be asked. Not
 * if a record is in memory alone. */
void ph_segment_shrink(struct ph_segment *segment);

/* A record that does not check was torn by a crash or a copy: it is skipped.
 * Half a record at the end is written over by the next one, as are zeros. 0,
 * -1 TEMP. */
int ph_segment_load(struct ph_segment *segment, struct ph_err *err);

/* Opens or makes its file in dir. A segment whose file could not be made
 * remembers all the same, and tries again when it is to write. 0, -1 TEMP. */
int ph_segment_need_file(struct ph_segment *segment, int dir,
			 struct ph_err *err);

/* Writes records behind those that are there; the caller counts them in size.
 * Part of a record: the next one is written over it. 0, -1 TEMP. */
int ph_segment_write(struct ph_segment *segment, const uint8_t *records,
		     size_t size, struct ph_err *err);

#endif
