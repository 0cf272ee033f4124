#ifndef PH_BASE_CREDENTIAL_H
#define PH_BASE_CREDENTIAL_H

#include "lib/base/err.h"

#include <glib.h>

/*
 * Secrets: how they are read from files, what is said of them to a server, and
 * that nothing of them stays in memory that was given back. No error's text
 * holds any.
 */

/*
 * A file whose first line is "user:password"; the name is what is before the
 * first colon. 0: the line is appended to line. -1 TEMP: the file cannot be
 * read, or has no such line; the text names the file. name has no '/';
 * directory NULL is the current one.
 */
int ph_credential_read(const char *directory, const char *name, GString *line,
		       struct ph_err *err);

/* A file whose first line is a password, which is not empty: 0 and *password_r
 * (ph_secret_free), or -1 PERM. */
int ph_password_read(const char *path, char **password_r, struct ph_err *err);

/* SASL PLAIN (RFC 4616) in base64; identity: for whom, "" is the user.
 * ph_secret_free. */
char *ph_secret_plain(const char *identity, const char *user,
		      const char *password);

/* Overwrites and frees; sets NULL; NULL is fine. */
void ph_secret_free(char **secret);

#endif
