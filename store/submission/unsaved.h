#ifndef PH_STORE_SUBMISSION_UNSAVED_H
#define PH_STORE_SUBMISSION_UNSAVED_H

/*
 * States of items that could not be written, as on a full disk: without them
 * whoever has a message by now would get it again with the next try. In memory;
 * thread-safe.
 */
struct ph_unsaved;

struct ph_unsaved *ph_unsaved_new(void);
void ph_unsaved_free(struct ph_unsaved **unsaved);

/* Takes the text. unsaved NULL: it is lost. */
void ph_unsaved_put(struct ph_unsaved *unsaved, const char *key, char *text);
/* Gives it back, and has it no more; g_free; NULL: there is none. unsaved NULL
 * is fine. */
char *ph_unsaved_take(struct ph_unsaved *unsaved, const char *key);

#endif
