#ifndef PH_CLI_IMPORT_H
#define PH_CLI_IMPORT_H

#include "cli/change.h"
#include "lib/directory/directory.h"
#include "lib/directory/ldap_map.h"

#include <stdio.h>

/*
 * "posthub recipient import": readers of formats give records, which are
 * compared with Redis and written in batches. What is kept of a file that was
 * read: a hash of each address, and of LDIF what each distinguished name
 * stands for; about 200 bytes for a recipient.
 */
struct ph_import_file {
	const char *name; /* as typed; "-" is standard input */
	FILE *file;
	const struct ph_import_format *format;
};

/* What happened to a record, or to a part of it. */
enum ph_import_note {
	PH_IMPORT_REJECTED,
	PH_IMPORT_SKIPPED,    /* a change that does not add */
	PH_IMPORT_UNRESOLVED, /* names somebody who is not in the files */
};
#define PH_IMPORT_NOTES (PH_IMPORT_UNRESOLVED + 1)

struct ph_import_record {
	char *name;	  /* the key's */
	GPtrArray *pairs; /* field, value, ...: canonical, each once; an empty
			   * value unsets */
	const struct ph_import_file *file;
	size_t line;
	bool later; /* tried again when all others have been written */
};

struct ph_import {
	struct ph_cli *cli;
	const struct ph_kind *kind;
	bool dry_run, replace, verbose;
	struct ph_ldap_map map;
	GArray *files; /* struct ph_import_file */

	GHashTable *names;  /* of LDIF: what a distinguished name stands for */
	GHashTable *owners; /* hash of an address -> where */

	struct ph_directory *directory; /* NULL: not there to ask */
	GPtrArray *batch;		/* struct ph_import_record * */
	size_t batch_size;		/* bytes, about */
	GPtrArray *later;		/* struct ph_import_record * */
	bool last;			/* nobody is tried again any more */

	size_t added, changed, unchanged;
	size_t others; /* of LDIF: entries that are no recipients */
	size_t counts[PH_IMPORT_NOTES];
	GPtrArray *notes[PH_IMPORT_NOTES]; /* struct, those that are shown */
};

struct ph_import_format {
	const char *name;
	const char *suffixes[3]; /* NULL-terminated */
	/* Before any file is read for good; NULL: it needs no such pass. 0, or
	 * an exit code, said why. */
	int (*prepare)(struct ph_import *import,
		       const struct ph_import_file *file);
	int (*read)(struct ph_import *import,
		    const struct ph_import_file *file);
};

/* import_csv.c, import_ldif.c */
int ph_import_csv(struct ph_import *import, const struct ph_import_file *file);
int ph_import_ldif_names(struct ph_import *import,
			 const struct ph_import_file *file);
int ph_import_ldif(struct ph_import *import, const struct ph_import_file *file);
GHashTable *ph_import_names_new(void);

/* Reads what comes next; 0: the end; -1: said why, *status_r. */
ssize_t ph_import_feed(const struct ph_import_file *file, void *buffer,
		       size_t size, int *status_r);

/* import_write.c: takes the record. 0, or an exit code, said why. */
int ph_import_add(struct ph_import *import, struct ph_import_record *record);
/* The same for what is left when all files have been read. */
int ph_import_finish(struct ph_import *import);
void ph_import_record_free(void *record); /* NULL is fine */

/* import_owner.c. true: no record before it has one of its addresses; else it
 * is rejected. */
bool ph_import_claim(struct ph_import *import,
		     const struct ph_import_record *record);
/* Has somebody else in Redis an address that the change brings? As far as the
 * directory file of this server knows whom to look at. 1: *text_r (g_free) says
 * who; 0; -1. */
int ph_import_conflict(struct ph_import *import,
		       const struct ph_import_record *record,
		       const struct ph_change *change, char **text_r,
		       struct ph_err *err);

/* import_report.c; name may be NULL. */
void ph_import_note(struct ph_import *import, enum ph_import_note note,
		    const struct ph_import_file *file, size_t line,
		    const char *name, const char *text);
void ph_import_notes_init(struct ph_import *import);
void ph_import_notes_fini(struct ph_import *import);
void ph_import_progress(const struct ph_import *import, bool end);
void ph_import_report(const struct ph_import *import);

#endif
