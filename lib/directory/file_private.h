#ifndef PH_DIRECTORY_FILE_PRIVATE_H
#define PH_DIRECTORY_FILE_PRIVATE_H

#include "lib/directory/file.h"

#include <lmdb.h>

/* What the files of the directory file share: no contract for others. */

/*
 * What a file holds. The databases and their rows differ; how a file is opened,
 * checked, shared and replaced does not.
 */
#define PH_DIRFILE_DBS 4

struct ph_dirfile_format {
	const char *version; /* in the database "info"; each format's own */
	struct {
		const char *name;
		unsigned flags;
	} db[PH_DIRFILE_DBS];
	size_t n_db;
	size_t info; /* which of them */
	bool briefs; /* its writer keeps them */
	/* In the child that checks, which must not use GLib: 0, or the LMDB
	 * code of what is wrong with a row. */
	int (*check)(struct ph_dirfile *file, MDB_txn *txn, MDB_dbi db,
		     const MDB_val *key, const MDB_val *value);
};

struct ph_dirfile *ph_dirfile_new_as(const struct ph_dirfile_format *format,
				     const char *path, int64_t map_size,
				     bool writer);

/* Of the format that file.h describes. */
enum ph_dirfile_db { DB_ENTRY, DB_ADDRESS, DB_ERROR, DB_INFO, DB_COUNT };

/* An entry: one byte, a checksum of the rest, the packed object. */
enum { ENTRY_IN_FORCE = 0, ENTRY_HELD = 1 };
#define ENTRY_HEAD (1 + sizeof(uint64_t))

enum { TROUBLE_NONE, TROUBLE_REOPEN, TROUBLE_DAMAGED };

struct ph_dirfile {
	gatomicrefcount references;
	const struct ph_dirfile_format *format;
	char *path;
	size_t map_size;
	bool writer;
	const struct ph_kind *kind; /* recipient */

	/* Readers hold it shared while they use env; opening and closing is
	 * exclusive. */
	GRWLock lock;
	MDB_env *env; /* NULL: not open */
	MDB_dbi db[PH_DIRFILE_DBS];
	dev_t device; /* of the open file */
	ino_t inode;
	int alive_fd;	   /* of a writer: locked as long as it lives; or -1 */
	gint trouble;	   /* atomic, enum trouble: seen in passing */
	gint full;	   /* atomic: there was no room in it */
	bool other;	   /* it was found to hold something else */
	int64_t failed_at; /* of a reader's last attempt to open; 0: none */
	struct ph_err failed;

	gsize complete_at; /* atomic: the id of the last transaction that was
			    * seen to hold everything; 0: none */

	struct ph_dirpool *pool;

	GHashTable *fresh; /* hashes of the entries new in this round */

	struct ph_dirbriefs *briefs; /* of a writer, if the format says so */
};

/* Sets err from an LMDB code and notes damage; returns -1. */
int ph_dirfile_fail(struct ph_dirfile *file, int rc, const char *what,
		    struct ph_err *err);
bool ph_dirfile_is_damage(int rc);

struct ph_dirwrite {
	struct ph_dirfile *file;
	MDB_txn *txn;
	bool complete;
	unsigned n_logged;
	GPtrArray *changes; /* of briefs; NULL: none */
};

/* Rows of a database. value NULL deletes all of a key; what is not there is
 * deleted already. */
int ph_dirwrite_row_put(struct ph_dirwrite *write, size_t db,
			const GString *key, const GString *value,
			struct ph_err *err);
int ph_dirwrite_row_del(struct ph_dirwrite *write, size_t db,
			const GString *key, const GString *value,
			struct ph_err *err);
/* 1: *value_r, a copy, since any write moves pages; 0; -1. */
int ph_dirwrite_row_get(struct ph_dirwrite *write, size_t db,
			const GString *key, GString **value_r,
			struct ph_err *err);
int ph_dirwrite_row_unpack(struct ph_dirwrite *write, const GString *value,
			   bool *held_r, struct ph_object **entry_r,
			   struct ph_err *err);
/* The exact name of an entry or an error; g_free; NULL: damaged. */
char *ph_dirwrite_row_name(struct ph_dirwrite *write, enum ph_dirfile_db db,
			   const MDB_val *value);

/* Parts of keys, see file.h. */
void ph_dirfile_append_part(GString *out, const char *text);
GString *ph_dirfile_entry_key(const char *folded, const char *name);
/* The key's part was too long and is a hash. */
bool ph_dirfile_is_hashed(const GString *key);

static inline MDB_val
ph_dirfile_val(const GString *text)
{
	return (MDB_val){text->len, text->str};
}

/* Of this machine: files are not carried to another kind. */
uint64_t ph_dirfile_sum(const void *data, size_t size);

/* Pure, for the child that checks: it must not use GLib. */
bool ph_dirfile_is_entry(const MDB_val *value);

/* An entry's stored form; -1 PERM: damaged. held_r may be NULL. */
int ph_dirfile_unpack(struct ph_dirfile *file, const MDB_val *value,
		      bool *held_r, struct ph_object **entry_r,
		      struct ph_err *err);

/* 0, or an LMDB code: VERSION_MISMATCH: the file holds something else. Without
 * GLib, too. */
int ph_dirfile_open_dbs(const struct ph_dirfile *file, MDB_txn *txn,
			bool create, MDB_dbi *db);

/* 1: value is there, 0, -1. */
int ph_dirfile_get_info(struct ph_dirfile *file, MDB_txn *txn, const char *name,
			char **value_r, struct ph_err *err);

/* A read transaction, and a cursor that is kept with it: making one costs more
 * than what it is used for. */
struct ph_dirreader {
	MDB_txn *txn;
	MDB_cursor *owners; /* of DB_ADDRESS; NULL: not made yet */
};

/*
 * Readers that are kept, reset, to be renewed without LMDB's lock. So many
 * look-ups run at once in one process; all processes share LMDB's 1,024 slots.
 * A look-up takes no lock of ours either, unless it has to wait for a reader: a
 * thread that loses the processor while it has one must not stop the others.
 */
#define PH_DIRPOOL_READERS 64
struct ph_dirpool;

struct ph_dirpool *ph_dirpool_new(void);
/* Waits for one; NULL: the caller may make one. */
struct ph_dirreader *ph_dirpool_take(struct ph_dirpool *pool);
/* A reader, reset, that was taken or made; NULL: it is no more. */
void ph_dirpool_give(struct ph_dirpool *pool, struct ph_dirreader *reader);
/* Ends all transactions; none is in use. */
void ph_dirpool_clear(struct ph_dirpool *pool);
void ph_dirpool_free(struct ph_dirpool **pool); /* clears it */

/*
 * Looks into the file with a read transaction; a reader opens it when it has
 * appeared or was replaced. 1: look was called and answered 0; 0: there is no
 * file; -1: look said so, or the file is not to be read.
 */
int ph_dirfile_read(struct ph_dirfile *file,
		    int (*look)(struct ph_dirfile *file,
				struct ph_dirreader *reader, void *arg,
				struct ph_err *err),
		    void *arg, struct ph_err *err);
/* The same where the file must be there: 0, or -1 TEMP. Of damage, too: to
 * whoever asks about an address, PERM would mean that two entries claim it. */
int ph_dirfile_need(struct ph_dirfile *file,
		    int (*look)(struct ph_dirfile *file,
				struct ph_dirreader *reader, void *arg,
				struct ph_err *err),
		    void *arg, struct ph_err *err);
void ph_dirreader_free(struct ph_dirreader *reader);
/* 0; -1: TEMP, not all entries are in it yet. */
int ph_dirfile_check_complete(struct ph_dirfile *file, MDB_txn *txn,
			      struct ph_err *err);

/* ---- briefs (file_brief.c); NULL is fine throughout --------------------- */

struct ph_dirbriefs;

struct ph_dirbriefs *ph_dirbriefs_new(struct ph_dirfile *file);
void ph_dirbriefs_free(struct ph_dirbriefs **briefs);
/* Begins to read what the file holds, which is open; stop ends that, before it
 * is closed, and forgets all. The writer's thread. */
void ph_dirbriefs_load(struct ph_dirbriefs *briefs);
void ph_dirbriefs_stop(struct ph_dirbriefs *briefs);
/* Those of all addresses that an entry had and has, whose rows are written
 * already, are noted; NULL: it was not there, or is there no more. 0 or -1. */
int ph_dirwrite_briefs(struct ph_dirwrite *write, const GString *key,
		       const struct ph_object *old, const struct ph_object *now,
		       bool held, struct ph_err *err);
/* The transaction that noted them is committed. */
void ph_dirbriefs_change(struct ph_dirbriefs *briefs, const GPtrArray *changes);
bool ph_dirfile_brief(void *self, const char *address,
		      struct ph_brief *brief_r);

/* self is the file. */
extern const struct ph_directory_ops ph_dirfile_ops;
/* The first row behind the key last, the first of all if that is empty. 0, or
 * an LMDB code. */
int ph_dirfile_next(MDB_cursor *cursor, const GString *last, MDB_val *key,
		    MDB_val *value);
int ph_dirfile_walk(void *self, const struct ph_object *group,
		    ph_directory_each *each, void *arg, struct ph_err *err);

/*
 * Walks through everything in a child process. 0: whole; -1: PERM damaged or
 * of another version, TEMP could not be checked.
 */
int ph_dirfile_check(struct ph_dirfile *file, struct ph_err *err);

#endif
