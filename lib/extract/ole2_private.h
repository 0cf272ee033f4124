#ifndef PH_EXTRACT_OLE2_PRIVATE_H
#define PH_EXTRACT_OLE2_PRIVATE_H

#include "lib/extract/extract_private.h"

#include <gsf/gsf.h>

/* Shared by ole2.c and outlook.c only. */

/* A storage of a compound file. */
struct ph_storage {
	struct ph_extract_job *job;
	GsfInfile *infile;
	unsigned *entries; /* seen so far, in all storages */
	int counted;	   /* of those in it: they count once */
	bool *ours;	   /* one stream is of a document that we read */
	unsigned depth;
};

/* Told of each stream, and of each storage: that is inner then, and valid for
 * the time of the call; else NULL. */
typedef void ph_storage_visit(struct ph_storage *s, const char *name,
			      GsfInput *input, struct ph_storage *inner,
			      void *self);
/* All in it, until a limit is met. */
void ph_storage_each(struct ph_storage *s, ph_storage_visit *visit, void *self);
/* The whole stream, or what of it there is. */
GByteArray *ph_storage_bytes(struct ph_storage *s, GsfInput *input);
struct ph_bytes ph_bytes_of(const GByteArray *array); /* NULL: none */
/* Documents in it and in what is in it. name: of the attachment that it is, or
 * "". */
void ph_storage_read(struct ph_storage *s, const char *name);

/* A message of Outlook's (outlook.c), name as above: false, it is none. */
bool ph_outlook_read(struct ph_storage *s, const char *name);
/* A name of what ph_outlook_read reads. */
bool ph_outlook_is_part(const char *name);

#endif
