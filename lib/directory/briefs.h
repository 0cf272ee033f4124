#ifndef PH_DIRECTORY_BRIEFS_H
#define PH_DIRECTORY_BRIEFS_H

#include "lib/directory/directory.h"

/*
 * Briefs (ph_directory_brief) of many addresses in memory: about 120 bytes
 * each. A look-up in a file of a million recipients takes ten times as long as
 * one in here, because each page on its way down the tree is a cold one. Knows
 * nothing of where they come from; thread-safe, and one who looks up waits for
 * a writer of one part in 256 at most.
 */
struct ph_briefs;

struct ph_briefs *ph_briefs_new(void);
void ph_briefs_free(struct ph_briefs **briefs); /* NULL is fine */

/* Texts are copied. database NULL: the address has none any more. */
void ph_briefs_set(struct ph_briefs *briefs, const char *address,
		   const char *primary, const char *database);
/* primary and database together are shorter than PH_BRIEF_SIZE - 2. */
bool ph_briefs_find(struct ph_briefs *briefs, const char *address,
		    struct ph_brief *brief_r);
void ph_briefs_clear(struct ph_briefs *briefs);

#endif
