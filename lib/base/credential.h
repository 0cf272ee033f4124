#ifndef PH_BASE_CREDENTIAL_H
#define PH_BASE_CREDENTIAL_H

#include "lib/base/err.h"

#include <glib.h>

/*
 * A file whose first line is "user:password"; the name is what is before the
 * first colon. 0: the line is appended to line. -1 TEMP: the file cannot be
 * read, or has no such line; the text names the file and nothing of what is in
 * it. name has no '/'; directory NULL is the current one.
 */
int ph_credential_read(const char *directory, const char *name, GString *line,
		       struct ph_err *err);

#endif
