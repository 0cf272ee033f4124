#ifndef PH_STORE_MAILBOX_PATH_H
#define PH_STORE_MAILBOX_PATH_H

#include "lib/base/err.h"
#include "store/mailbox/perms.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Paths made of names that strangers choose: every name becomes one safe path
 * component, and directories are opened one component at a time without
 * following links, so that no address leads out of the store.
 */

/*
 * One path component for a name, g_free: case-folded; a leading dot, '/', '%',
 * '~', ':', control characters, blanks and non-ASCII bytes as %XX, so that two
 * names never share a component. What would be too long for a file system ends
 * with '~' and a digest of the whole. An empty name is "%".
 */
char *ph_path_component(const char *name);

/* Opens a directory below dir for use with openat. make: creates it, mode
 * 0700. Descriptor, or -1 with errno kept and err TEMP. ENOENT without make. */
int ph_path_open(int dir, const char *component, bool make, struct ph_err *err);

/* The same, made for an owner; *made_r (NULL is fine): it was not there. What
 * this process has made, but died before it could give it away, is given. */
int ph_path_make(int dir, const char *component, const struct ph_perms *owner,
		 bool *made_r, struct ph_err *err);

/* The same along several components; sync: makes the entries durable, also
 * those that were there (another process may have died before it could). */
int ph_path_walk(int dir, const char *const *components, bool make, bool sync,
		 struct ph_err *err);

/* A small file of an owner in the place of what has the name: by another name
 * first, because the owner may have linked a file of somebody else's by this
 * one. Not durable. Its descriptor, to append to it, or -1 with errno. */
int ph_path_replace(int dir, const char *name, const char *text,
		    const struct ph_perms *owner);

/* Closes and sets -1; -1 is fine. errno is kept. */
void ph_path_close(int *fd);

/* What an administrator can do about an error of a file system, for the log:
 * "free some space"; "" for the rest. fd is in that file system, or -1. */
const char *ph_path_remedy(int error, int fd);

#endif
