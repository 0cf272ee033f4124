#ifndef PH_STORE_DELIVERY_MDB_SET_H
#define PH_STORE_DELIVERY_MDB_SET_H

#include "store/delivery/mdb.h"

/*
 * The mailbox databases below one directory that are open now, each once,
 * whatever back end their mailboxes have. Thread-safe.
 */
struct ph_mdb_set;

struct ph_mdb_set_options {
	const char *root; /* made if it is not there, its parents too */
	int64_t window;	  /* of duplicates, ms; 0: none are recognised */
	/* A file, see opened.h; NULL: a database that is not there is a new
	 * one. */
	const char *opened;
};

/* 0, or -1. */
int ph_mdb_set_open(const struct ph_mdb_set_options *options,
		    struct ph_mdb_set **set_r, struct ph_err *err);
/* None is in use; NULL is fine. */
void ph_mdb_set_close(struct ph_mdb_set **set);

/* Opens the directory as it is now: what holds the databases may be mounted
 * there by an activation hook, and unmounted when none is open. The descriptor,
 * the caller's, or -1 with errno kept and err TEMP. */
int ph_mdb_set_root(const struct ph_mdb_set *set, struct ph_err *err);

/* Opens it if needed. OK, and until ph_mdb_set_leave it stays open; BUSY: it is
 * in use under another Epoch, or by another process. Of other failures errno is
 * kept. */
enum ph_store_result ph_mdb_set_use(struct ph_mdb_set *set, const char *name,
				    int64_t epoch, struct ph_mdb **mdb_r,
				    struct ph_err *err);
void ph_mdb_set_leave(struct ph_mdb_set *set, struct ph_mdb *mdb);

/* As ph_store_ops. */
void ph_mdb_set_sweep(struct ph_mdb_set *set,
		      bool (*keep)(void *context, const char *database,
				   int64_t epoch),
		      void *context);

#endif
