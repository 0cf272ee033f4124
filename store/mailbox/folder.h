#ifndef PH_STORE_MAILBOX_FOLDER_H
#define PH_STORE_MAILBOX_FOLDER_H

#include "lib/base/err.h"
#include "store/mailbox/perms.h"

#include <stdbool.h>

/*
 * Folders of a Maildir++: a directory below the mailbox whose name is a dot
 * and the folder's in modified UTF-7 (RFC 3501 section 5.1.3), levels
 * separated by dots. Names may come from strangers (an address extension).
 */

/* A name (valid UTF-8) as Maildirs and IMAP write it; g_free. */
char *ph_folder_utf7(const char *name);

/* As IMAP servers are told it: in ASCII it may be written so already. */
char *ph_folder_imap(const char *name);

/* ".Junk" of "Junk"; g_free. NULL: no folder can have that name (empty, a dot
 * at either end or two together, '/', control characters, bad UTF-8, too
 * long). */
char *ph_folder_component(const char *name);

/* May a stranger choose it? Not the folders that mail is sent from or moved
 * through, nor what is posthub's own, whatever is above or below them. closed:
 * what an IMAP server calls the first; ends with NULL, NULL: nothing. */
bool ph_folder_is_open(const char *name, char *const *closed);

/* The folder's directory, of that name or, if there is none, one that differs
 * from it in case alone. 1 and *component_r (g_free); 0: there is none; -1
 * TEMP with errno. */
int ph_folder_find(int mailbox, const char *component, char **component_r,
		   struct ph_err *err);

/* Makes whatever is missing of tmp, new and cur, of a folder or the mailbox
 * itself; the caller syncs it. 0, or -1 TEMP with errno kept. */
int ph_folder_make_parts(int folder, const struct ph_perms *owner,
			 struct ph_err *err);

/*
 * Opens the folder, with whatever is missing of tmp, new, cur and maildirfolder
 * made and durable. Descriptor, or -1 TEMP with errno kept. *made_r (NULL is
 * fine): it was not there.
 */
int ph_folder_make(int mailbox, const char *component,
		   const struct ph_perms *owner, bool *made_r,
		   struct ph_err *err);

/*
 * Adds it to the file "subscriptions" in the mailbox, as Dovecot keeps it,
 * under its lock. 1; 0: it was there; -1 TEMP: also while somebody else holds
 * the lock, which is not waited for.
 */
int ph_folder_subscribe(int mailbox, const char *component,
			const struct ph_perms *owner, struct ph_err *err);

#endif
