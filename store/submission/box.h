#ifndef PH_STORE_SUBMISSION_BOX_H
#define PH_STORE_SUBMISSION_BOX_H

#include "lib/base/err.h"
#include "store/mailbox/perms.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One mailbox as submission sees it, behind one interface: a Maildir++, or a
 * mailbox of an IMAP server (box_imap.h). The Maildir++ has
 *
 *	.Outbox/{new,cur}		what its owner wants sent
 *	.posthub-submission/items/	messages that were claimed, by the name
 *					they had in the Outbox
 *	.posthub-submission/state/	by the same name without flags, see
 *					state.h; stays while a message waits in
 *					the Outbox for its next try
 *	.posthub-submission/tmp/	files being written
 *	.Sent, .Drafts			where messages go
 *	new/				where notices go
 *
 * All on one file system, so that each move is a rename. Every function that
 * changes something makes it durable before it returns. Directories are opened
 * without following links: a mailbox's owner cannot lead us elsewhere, nor put
 * states of his own in the place of ours. One
 * worker at a time handles one base name of a mailbox.
 */

/* Names of directories below the store, as they are there. */
struct ph_box_name {
	char *database; /* as in the topology */
	char *domain, *local;
};
struct ph_box_name *ph_box_name_new(const char *database, const char *domain,
				    const char *local);
struct ph_box_name *ph_box_name_copy(const struct ph_box_name *name);
void ph_box_name_free(struct ph_box_name **name);
/* "database/domain/local", by which a mailbox is found in a table; g_free. */
char *ph_box_name_key(const struct ph_box_name *name);
/* "local@domain" that the directories stand for, g_free; NULL: they stand for
 * none, or for one too long to be told from its directory. */
char *ph_box_name_address(const struct ph_box_name *name);

struct ph_box; /* an open mailbox */

/* Opens the store's directory as it is now: what holds the mailboxes may be
 * mounted there later, and unmounted when nothing of it is open. Descriptor, or
 * -1 TEMP. */
int ph_box_root(const char *root, struct ph_err *err);

/* 1; 0: it is not there; -1 TEMP. root is the store's directory. */
int ph_box_open(const char *root, const struct ph_box_name *name,
		struct ph_box **box_r, struct ph_err *err);
void ph_box_close(struct ph_box **box);

/* Whose folders and messages are that are made in a Maildir (a copy); what is
 * in .posthub-submission stays this process's own. Without it all is. */
void ph_box_own(struct ph_box *box, const struct ph_perms *owner);

/* A message of one name is always the same one: nobody can change it. */
bool ph_box_immutable(const struct ph_box *box);

/* A Maildir's: a folder's directory (".Outbox", "new"; folder NULL: the Inbox).
 * 1 and *fd_r; 0: not there; -1 TEMP. */
int ph_box_folder(const struct ph_box *box, const char *folder,
		  const char *part, int *fd_r, struct ph_err *err);
/* A Maildir's own directory; borrowed. */
int ph_box_dir(const struct ph_box *box);

/* The name without its flags: "1.M2P3.h:2,S" is "1.M2P3.h"; g_free. */
char *ph_box_base(const char *name);

/* Names of what was claimed; g_ptr_array_unref. */
int ph_box_items(struct ph_box *box, GPtrArray **names_r, struct ph_err *err);

/* Claims name: moves it from .Outbox/<part> to items/, or sets a keyword. 1; 0:
 * it is gone, or one of the name is there; -1 TEMP. */
int ph_box_claim(struct ph_box *box, const char *part, const char *name,
		 struct ph_err *err);
/* And back: to cur/ if the name has flags, else new/. 1; 0: one of the name is
 * there by now. */
int ph_box_release(struct ph_box *box, const char *name, struct ph_err *err);

/* A claimed message, for reading, and its size; of one that is larger than
 * limit the file may hold no more than the beginning. 1; 0: gone or no regular
 * file; -1. */
int ph_box_item(struct ph_box *box, const char *name, uint64_t limit, int *fd_r,
		uint64_t *size_r, struct ph_err *err);

/* Puts lines in front of a claimed message. */
int ph_box_complete(struct ph_box *box, const char *name, const char *lines,
		    struct ph_err *err);

/*
 * What is to be filed in place of a claimed message: write puts it into a file.
 * Whatever write answers.
 */
typedef int (*ph_box_write)(int fd, void *context, struct ph_err *err);
int ph_box_substitute(struct ph_box *box, const char *name, ph_box_write write,
		      void *context, struct ph_err *err);

/* Moves a claimed message, or its substitute, to <folder>/cur/<filed>, making
 * the folder; filed ends with its flags. */
int ph_box_file(struct ph_box *box, const char *name, const char *folder,
		const char *filed, bool substitute, struct ph_err *err);

/* Has a folder a message with this Message-ID and Date (as they stand there,
 * without blanks around them) that came at or after "since" (seconds since
 * 1970)? 1, 0, -1. */
int ph_box_holds(struct ph_box *box, const char *folder, const char *id,
		 const char *date, int64_t since, struct ph_err *err);

/* Removes a claimed message. */
int ph_box_drop(struct ph_box *box, const char *name, struct ph_err *err);

/* A new message in the Inbox; is there already (also if its owner has moved it
 * to cur): nothing is done. */
int ph_box_notice(struct ph_box *box, const char *name, const char *text,
		  size_t size, struct ph_err *err);

/* State files. load: 1 and *text_r (g_free), 0, -1. */
int ph_box_save(struct ph_box *box, const char *base, const char *text,
		struct ph_err *err);
int ph_box_load(struct ph_box *box, const char *base, char **text_r,
		size_t *size_r, struct ph_err *err);
void ph_box_forget(struct ph_box *box, const char *base);
/* Removes states, and copies of messages that are elsewhere, for which keep
 * answers false. */
void ph_box_sweep(struct ph_box *box,
		  bool (*keep)(const char *base, const void *context),
		  const void *context);

#endif
