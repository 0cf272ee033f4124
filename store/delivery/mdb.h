#ifndef PH_STORE_DELIVERY_MDB_H
#define PH_STORE_DELIVERY_MDB_H

#include "lib/base/err.h"
#include "store/delivery/duplicates.h"
#include "store/delivery/store.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One mailbox database on disk, held by this process alone:
 *
 *	<domain>/<local part>/{tmp,new,cur}	mailboxes
 *	.posthub/lock		flock: one store driver a database
 *	.posthub/epoch		highest under which it was opened
 *	.posthub/open		there while it is open, and after a crash
 *	.posthub/suspect	when (milliseconds) it was last found so
 *	.posthub/tmp/		messages being written
 *	.posthub/duplicates/	see duplicates.h
 *
 * Between the link that makes a message visible and the record that recognises
 * its second copy a process can die. So from an unclean stop on, for one
 * duplicate window, each process looks through new/ and cur/ of a mailbox
 * before its first delivery there: the file names carry the network message
 * id. So a record need not be on disk before a message is answered; it is a
 * moment later, for an owner may move the message elsewhere.
 */
struct ph_mdb {
	char *name;
	int64_t epoch, window;
	int dir, own, tmp, lock;
	struct ph_duplicates *duplicates; /* NULL: window 0 */
	bool suspect;
	gint lossy;	   /* atomic: a record is not on disk */
	GMutex first;	   /* one first delivery to a mailbox at a time */
	GMutex mutex;	   /* known */
	GHashTable *known; /* mailboxes delivered to by this process */
	unsigned users;	   /* the store's, under its own mutex */
};

/* BUSY: another process holds it, or it was opened under a higher Epoch. */
enum ph_store_result ph_mdb_open(int root, const char *name, int64_t epoch,
				 int64_t window, struct ph_mdb **mdb_r,
				 struct ph_err *err);
void ph_mdb_close(struct ph_mdb **mdb);

/*
 * The directory "new" of an address's mailbox, made with what is above it if
 * needed; at the process's first delivery everything is made durable and, if
 * suspect, looked through. Descriptor, or -1 with errno kept.
 */
int ph_mdb_mailbox(struct ph_mdb *mdb, const char *address, int64_t now,
		   struct ph_err *err);

/* Remembers a message; a failure is logged and makes the next start look. */
void ph_mdb_record(struct ph_mdb *mdb, struct ph_copy_key key, int64_t now);

/* What was remembered is on disk after it; for mailboxes that cannot be looked
 * through. -1 TEMP: perhaps not. */
int ph_mdb_sync(struct ph_mdb *mdb, struct ph_err *err);

/* The network message id in a Maildir file name, copied out in lower case;
 * false: there is none. */
bool ph_mdb_name_nmid(const char *name, char nmid_r[37]);

/* Which answer a failed system call deserves. */
enum ph_store_result ph_mdb_result(int error, bool mailbox);

#endif
