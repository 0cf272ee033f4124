#ifndef PH_DIRECTORY_FILE_H
#define PH_DIRECTORY_FILE_H

#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/state/object.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The shared directory file: one LMDB file with its lock file beside it. One
 * process writes, all others read; a reader is never blocked, and a SIGKILL of
 * anybody leaves the file whole. With type = ldap it holds answers (answers.h).
 * With type = redis the feeder writes it, and it holds the databases
 *
 *	entry	 name of the entry -> one byte (0, or 1: held), eight of a
 *		 checksum, packed object
 *	address	 folded address -> names of the entries that own it
 *	error	 name of the entry -> exact name, NUL, what is wrong in Redis
 *	info	 version, complete, organization, adopted
 *
 * where "name of the entry" is the folded name, NUL, the exact name, so that
 * keys which differ in case alone lie side by side. LMDB takes at most 511
 * bytes in a key: a part longer than 200 is replaced by the byte 1 and its
 * SHA-256, and checked against the object when it is found.
 *
 * A held entry is known but not in force: its addresses answer "cannot say".
 *
 * LMDB forbids to open a file twice in one process: the process of the feeder
 * looks up in the feeder's own (ph_feeder_directory).
 */
struct ph_dirfile;

/* Opens nothing yet. Reference counted, thread-safe. */
struct ph_dirfile *ph_dirfile_new(const char *path, int64_t map_size,
				  bool writer);
struct ph_dirfile *ph_dirfile_ref(struct ph_dirfile *file);
void ph_dirfile_unref(struct ph_dirfile **file);

/*
 * 1: open. 0: a reader, and there is no file yet. -1: TEMP, or PERM for a file
 * that is damaged. One that holds something else, or is of another version, is
 * the writer's to replace: PERM to it, TEMP to a reader. What a file holds is
 * walked through in a child process first, unless a writer that did so is
 * alive, because damaged pages make LMDB crash.
 */
int ph_dirfile_open(struct ph_dirfile *file, struct ph_err *err);

/* The open file is not the one under this name any more, or was found to be
 * damaged: the writer has to close it and start again. */
bool ph_dirfile_lost(struct ph_dirfile *file);
bool ph_dirfile_damaged(struct ph_dirfile *file); /* only that */
/* There was no room for something since it was opened, or since room was made.
 */
bool ph_dirfile_is_full(struct ph_dirfile *file);
void ph_dirfile_has_room(struct ph_dirfile *file);
void ph_dirfile_close(struct ph_dirfile *file);

/* Moves a damaged file aside, to "<path>.damaged", a full one to "<path>.full",
 * and one that holds something else to "<path>.old". 0 or -1 TEMP. */
int ph_dirfile_discard(struct ph_dirfile *file, struct ph_err *err);

/* Opens it for writing; what is damaged or holds something else is moved aside,
 * which is logged, and made anew. 0 or -1. */
int ph_dirfile_begin(struct ph_dirfile *file, struct ph_err *err);

/* As ph_directory_find of a folded address; a reader opens the file when it
 * has appeared or was replaced. */
int ph_dirfile_find(struct ph_dirfile *file, const char *address,
		    struct ph_object **entry_r, struct ph_err *err);

/* A directory over the file; takes a reference. */
struct ph_directory *ph_dirfile_directory(struct ph_dirfile *file);

/* ---- the writer: one thread ------------------------------------------- */

/*
 * A round is a group of changes that came together. Of two new keys of one
 * round that differ in case alone neither is in force; of a new one and one
 * that was there before the round, the older value stays.
 */
void ph_dirfile_round(struct ph_dirfile *file);

/* A transaction. All calls between begin and commit answer 0, or -1 after
 * which only abort may follow. */
struct ph_dirwrite;
int ph_dirwrite_begin(struct ph_dirfile *file, struct ph_dirwrite **write_r,
		      struct ph_err *err);
int ph_dirwrite_commit(struct ph_dirwrite **write, struct ph_err *err);
void ph_dirwrite_abort(struct ph_dirwrite **write); /* NULL is fine */

/* The newest value of a key: good; bad (what is in force stays, the reason is
 * noted and logged once); or the key is gone. Only what differs is written. */
int ph_dirwrite_put(struct ph_dirwrite *write, const struct ph_object *entry,
		    struct ph_err *err);
int ph_dirwrite_bad(struct ph_dirwrite *write, const char *name,
		    const char *reason, struct ph_err *err);
/* Names that must be read again because the one that stood in their way is
 * gone are added to again. */
int ph_dirwrite_absent(struct ph_dirwrite *write, const char *name,
		       GPtrArray *again, struct ph_err *err);

/* "complete", "organization", "adopted"; *value_r is "" when not set. */
int ph_dirwrite_info(struct ph_dirwrite *write, const char *name,
		     char **value_r, struct ph_err *err);
int ph_dirwrite_set_info(struct ph_dirwrite *write, const char *name,
			 const char *value, struct ph_err *err);

struct ph_dirfile_counts {
	uint64_t entries; /* in force or held */
	uint64_t errors;
};
int ph_dirwrite_counts(struct ph_dirwrite *write,
		       struct ph_dirfile_counts *counts_r, struct ph_err *err);

/* Names of the entries, or of the errors, for which wanted is true of their
 * hash, are added to names. */
int ph_dirwrite_names(struct ph_dirwrite *write, bool errors,
		      bool (*wanted)(uint64_t hash, const void *data),
		      const void *data, GPtrArray *names, struct ph_err *err);

/* The first errors: the exact name, what is wrong, and whether an earlier good
 * value stays in force. */
int ph_dirwrite_errors(struct ph_dirwrite *write, size_t limit,
		       void (*each)(const char *name, const char *text,
				    bool kept, void *data),
		       void *data, struct ph_err *err);

/* A name's hash, for sets of what was seen. */
uint64_t ph_dirfile_hash(const char *name);

/* Frees the slots of readers that were killed. */
void ph_dirfile_clean(struct ph_dirfile *file);

#endif
