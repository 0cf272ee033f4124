#ifndef PH_STORE_SUBMISSION_SAID_H
#define PH_STORE_SUBMISSION_SAID_H

#include <stdbool.h>

/*
 * What the log has of items that cannot be worked on, which are tried again
 * each few seconds, so that it has it once. In memory; thread-safe.
 */
struct ph_said;

struct ph_said *ph_said_new(void);
void ph_said_free(struct ph_said **said);

/* Is the text (copied) another one than the last of that key? said NULL: it
 * always is. */
bool ph_said_is_new(struct ph_said *said, const char *key, const char *text);
/* It is over. NULL is fine. */
void ph_said_forget(struct ph_said *said, const char *key);

#endif
