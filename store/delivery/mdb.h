#ifndef PH_STORE_DELIVERY_MDB_H
#define PH_STORE_DELIVERY_MDB_H

#include "lib/base/err.h"
#include "store/delivery/duplicates.h"
#include "store/delivery/store.h"
#include "store/mailbox/perms.h"
#include "store/mailbox/place.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One mailbox database on disk, held by this process alone:
 *
 *	<mailbox_path>/{tmp,new,cur}	mailboxes, and folders in them
 *	.posthub/lock		flock: one store driver a database
 *	.posthub/epoch		highest under which it was opened
 *	.posthub/open		there while it is open, and after a crash
 *	.posthub/suspect	when (milliseconds) it was last found so
 *	.posthub/tmp/		messages being written, where files need names
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
	bool unnamed; /* a file in tmp needs no name, see lib/base/file.h */
	struct ph_duplicates *duplicates; /* NULL: window 0 */
	bool suspect;
	gint lossy;	   /* atomic: a record is not on disk */
	GMutex first;	   /* one first delivery to a mailbox at a time */
	GMutex mutex;	   /* known */
	GHashTable *known; /* mailboxes delivered to by this process */
	unsigned users;	   /* the store's, under its own mutex */
	GMutex quotas[16]; /* one count at a time of a mailbox, by its path */
};

/* Where mailboxes are in a database, and whose. */
struct ph_mdb_layout {
	struct ph_place *place;
	struct ph_perms_rule *owners;
};

/* An open mailbox: what a message is put into. */
struct ph_mdb_mailbox {
	char *path;	      /* below the database */
	int dir, folder, new; /* folder: the mailbox itself, if it is the Inbox
			       */
	struct ph_perms owner;
	const struct ph_perms *way; /* of what is above it */
	bool in_folder;
};

struct ph_mdb_options {
	int root; /* borrowed until it is open */
	const char *name;
	int64_t epoch, window;
	bool expected; /* this server had it there: it is not made anew */
};

/* BUSY: another process holds it, or it was opened under a higher Epoch.
 * FAILED with errno ENOMEDIUM: it is expected and not there. */
enum ph_store_result ph_mdb_open(const struct ph_mdb_options *options,
				 struct ph_mdb **mdb_r, struct ph_err *err);
void ph_mdb_close(struct ph_mdb **mdb);

/*
 * Opens an address's mailbox and the folder in it, made with what is above it
 * if needed; at the process's first delivery to it everything is made durable
 * and, if suspect, looked through. 0 and *mailbox_r (ph_mdb_mailbox_close), or
 * -1 with errno kept; its path is filled in as far as it is known.
 */
int ph_mdb_mailbox(struct ph_mdb *mdb, const struct ph_mdb_layout *layout,
		   const struct ph_store_mailbox *wanted, int64_t now,
		   struct ph_mdb_mailbox *mailbox_r, struct ph_err *err);
void ph_mdb_mailbox_close(struct ph_mdb_mailbox *mailbox);

/* The mutex under which its quota is worked on. */
GMutex *ph_mdb_quota_mutex(struct ph_mdb *mdb,
			   const struct ph_mdb_mailbox *mailbox);

/* A message was put into a mailbox that is above a limit of which its owner is
 * told: puts a warning into the Inbox, at most one a day. Nobody waits for it:
 * a failure is logged. host: fit for a file name. */
void ph_mdb_warn(struct ph_mdb *mdb, const struct ph_mdb_mailbox *mailbox,
		 const struct ph_store_mailbox *wanted, const char *host,
		 int64_t now);

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
