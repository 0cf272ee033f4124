#ifndef PH_DIRECTORY_SEND_AS_H
#define PH_DIRECTORY_SEND_AS_H

#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>

/*
 * Who may send as whom: an address is its owner's, and of those whom SendAs of
 * its entry names; those in GrantSendOnBehalfTo may put it into From where
 * Sender says that it was they. An address without entry is nobody's. The same
 * for the sender login map, for clients that have logged in and for the
 * Outbox. Only look-ups are done.
 */

/* The names in UserLogonName, of which a directory may know several, one a
 * line: is login, with "DOMAIN\" in front or not, one of them? */
bool ph_entry_has_logon(const struct ph_object *entry, const char *login);

/* Members of groups in SendAs that are looked at one by one, which is only
 * needed where nobody in particular asks, or one whose login says nothing. */
#define PH_SEND_AS_MEMBERS 1000

/* Somebody who wants to send. Directory and snapshot are borrowed. */
struct ph_send_as {
	struct ph_directory *directory;
	const struct ph_snapshot *snapshot;
	GPtrArray *names; /* char *, folded: addresses and logins */
	bool known;	  /* all addresses are there */
};

/* Who has logged in. 0 or -1 TEMP. */
int ph_send_as_login(struct ph_directory *directory,
		     const struct ph_snapshot *snapshot, const char *login,
		     struct ph_send_as *who_r, struct ph_err *err);
/* The owner of a mailbox: all its addresses, folded. */
void ph_send_as_owner(struct ph_directory *directory,
		      const struct ph_snapshot *snapshot,
		      const GPtrArray *addresses, struct ph_send_as *who_r);
void ph_send_as_clear(struct ph_send_as *who);

/* What who may not write. */
struct ph_send_as_no {
	const char *field;   /* "From" or "Sender" */
	const char *address; /* borrowed from the arrays; NULL: the field names
			      * nobody */
};

/*
 * May who send a message whose From and Sender fields name these (char *, as
 * ph_headers_addresses; NULL: there is no such field)? Every one counts,
 * because a reader may show any of them. 1; 0 with *no_r; -1 cannot say, always
 * TEMP.
 */
int ph_send_as_check(const struct ph_send_as *who, const GPtrArray *from,
		     const GPtrArray *sender, struct ph_send_as_no *no_r,
		     struct ph_err *err);

/*
 * The logins that may send as an address, folded, added to logins (GHashTable
 * used as a set, keys g_free). 1; 0 it has no entry; -1 cannot say, always
 * TEMP, also where a group is too large.
 */
int ph_send_as_logins(struct ph_directory *directory,
		      const struct ph_snapshot *snapshot, const char *address,
		      GHashTable *logins, struct ph_err *err);

#endif
