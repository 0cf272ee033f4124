#ifndef PH_STORE_DELIVERY_STORE_H
#define PH_STORE_DELIVERY_STORE_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/state/object.h"
#include "store/delivery/stalls.h"
#include "store/mailbox/quota.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where mailboxes are. A back end is a struct ph_store_ops; it decides what
 * "on disk" means and recognises second copies, since only it knows what it
 * already has. Thread-safe; one message belongs to one thread.
 *
 * A message is written once for each mailbox database (begin, write, seal) and
 * then committed to each mailbox in it. What was not committed leaves nothing
 * behind.
 */
enum ph_store_result {
	PH_STORE_OK,
	PH_STORE_DUPLICATE, /* the mailbox has this message already */
	PH_STORE_FULL,	    /* no room in the database */
	PH_STORE_QUOTA,	    /* the system gives this mailbox no more room */
	PH_STORE_BUSY,	    /* somebody else holds the database */
	PH_STORE_FAILED,    /* anything else; never a reason to refuse */
	PH_STORE_ANSWERED,  /* by another server: err has its answer, word for
			     * word from the code on */
	PH_STORE_OVER,	    /* it would exceed the mailbox's own quota */
	PH_STORE_RESULTS    /* how many */
};

struct ph_store_mailbox {
	const char *address; /* primary address */
	const char *nmid;    /* of the message, lower case */
	/* What follows may be NULL, 0: nothing is known or wanted. */
	const struct ph_object *entry; /* of the directory */
	struct ph_quota_limits quota;
	const char *folder; /* a folder's name; else the Inbox */
	bool make_folder;   /* if it is not there; else the Inbox */
	bool *in_folder_r;  /* OK: it is in the folder */
};

/* A sealed message for several mailboxes of its database. */
struct ph_store_offer {
	const char *reverse_path; /* without angle brackets */
	const struct ph_store_mailbox *mailboxes;
	size_t n;
};

struct ph_store_ops {
	const char *name;
	/* Opens the database if needed, with the Epoch under which its active
	 * copy is here, and begins a message in it. */
	enum ph_store_result (*begin)(void *self, const char *database,
				      int64_t epoch, void **message_r,
				      struct ph_err *err);
	enum ph_store_result (*write)(void *self, void *message,
				      const char *data, size_t size,
				      struct ph_err *err);
	/* The content is complete and durable after it. */
	enum ph_store_result (*seal)(void *self, void *message,
				     struct ph_err *err);
	/* Optional: all mailboxes at once, before the first is committed, where
	 * that is less work; commit then tells what became of each. */
	void (*offer)(void *self, void *message,
		      const struct ph_store_offer *offer);
	/* After OK the message is in that mailbox for good. The caller sees to
	 * it that nobody offers or commits the same nmid to the same mailbox
	 * meanwhile, until end. */
	enum ph_store_result (*commit)(void *self, void *message,
				       const struct ph_store_mailbox *mailbox,
				       struct ph_err *err);
	/* Ends a message, committed or not, and frees it. -1: the record that
	 * recognises second copies may be lost with the power; what was
	 * committed is not. */
	int (*end)(void *self, void *message, struct ph_err *err);
	/* Closes databases that nobody uses and that keep does not want here
	 * any more; forgets what is out of the duplicate window. */
	void (*sweep)(void *self,
		      bool (*keep)(void *context, const char *database,
				   int64_t epoch),
		      void *context);
	/* Optional: as ph_stalls_look. */
	size_t (*look)(void *self, ph_stalls_tell *tell, void *context);
	/* No message is open. */
	void (*close)(void *self);
};

struct ph_store;

/* Takes self. */
struct ph_store *ph_store_new(const struct ph_store_ops *ops, void *self);
void ph_store_close(struct ph_store **store);

struct ph_store_message;

enum ph_store_result ph_store_begin(struct ph_store *store,
				    const char *database, int64_t epoch,
				    struct ph_store_message **message_r,
				    struct ph_err *err);
enum ph_store_result ph_store_write(struct ph_store_message *message,
				    const char *data, size_t size,
				    struct ph_err *err);
enum ph_store_result ph_store_seal(struct ph_store_message *message,
				   struct ph_err *err);
void ph_store_offer(struct ph_store_message *message,
		    const struct ph_store_offer *offer);
enum ph_store_result ph_store_commit(struct ph_store_message *message,
				     const struct ph_store_mailbox *mailbox,
				     struct ph_err *err);
int ph_store_end(struct ph_store_message **message, struct ph_err *err);
void ph_store_sweep(struct ph_store *store,
		    bool (*keep)(void *context, const char *database,
				 int64_t epoch),
		    void *context);
/* As ph_stalls_look; 0: none, or the back end has deadlines of its own. */
size_t ph_store_look(struct ph_store *store, ph_stalls_tell *tell,
		     void *context);

/* ---- back ends --------------------------------------------------------- */

struct ph_store_maildir_options {
	const char *root;	  /* made if it is not there, its parents too */
	const char *host;	  /* of this server, for file names */
	int64_t duplicate_window; /* milliseconds; 0: none are recognised */
	int64_t stall; /* ms: a disk that keeps somebody longer does not answer,
			* and nobody else goes there until it does; 0: all
			* do */
	const char *opened; /* a file, see opened.h; NULL: none */
	/* As place.h and perms.h read them; NULL: the default. */
	const char *path, *user, *group, *mode;
};

/*
 * root/<database>/<path>/{tmp,new,cur}, a Maildir++, and for itself
 * root/<database>/.posthub. A database is best within one file system: messages
 * are written once below .posthub/tmp and linked into new/. Where that cannot
 * be, and for mailboxes of other owners, each gets a copy. What went wrong is
 * logged with its place and the remedy, which answers do not tell. -1: PERM.
 */
int ph_store_maildir(const struct ph_store_maildir_options *options,
		     struct ph_store **store_r, struct ph_err *err);

struct ph_store_lmtp_options {
	struct ph_endpoint endpoint; /* of the server that has the mailboxes */
	const char *hello;	     /* own name */
	const char *root;   /* for the records of databases, and large messages
			     * on their way */
	const char *opened; /* a file, see opened.h; NULL: none */
	int64_t duplicate_window; /* milliseconds; 0: none are recognised */
	/* ms; as struct ph_smtp_options. */
	int64_t connect_timeout, timeout, final_timeout;
	int64_t message_timeout; /* ms: one message, from MAIL on */
};

/*
 * Mailboxes of another server on this host, Dovecot's or Cyrus', which takes
 * messages by LMTP for their primary addresses and answers for itself. What it
 * took and we have noted is recognised; between its 250 and our note the
 * process can die, or the connection after the final dot, and then the message
 * is there twice. Connections are kept. -1: PERM.
 */
int ph_store_lmtp(const struct ph_store_lmtp_options *options,
		  struct ph_store **store_r, struct ph_err *err);

/* Twin in memory. */
struct ph_store *ph_store_memory(void);
/* How many messages a mailbox holds, and one of them (borrowed until close).
 * Only of ph_store_memory. */
size_t ph_store_memory_count(struct ph_store *store, const char *address);
const char *ph_store_memory_content(struct ph_store *store, const char *address,
				    size_t i);

enum ph_store_step {
	PH_STORE_STEP_BEGIN,
	PH_STORE_STEP_WRITE,
	PH_STORE_STEP_SEAL,
	PH_STORE_STEP_COMMIT,
	PH_STORE_STEP_END,
};

/* Twin whose step always fails with that result (END with -1); the steps
 * before it work. only (copied): a database or address that fails alone; NULL:
 * all. What works is in the memory twin that ph_store_failing_memory borrows.
 */
struct ph_store *ph_store_failing(enum ph_store_step step,
				  enum ph_store_result result,
				  const char *only);
struct ph_store *ph_store_failing_memory(struct ph_store *store);

#endif
