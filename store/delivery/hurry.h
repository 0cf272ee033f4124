#ifndef PH_STORE_DELIVERY_HURRY_H
#define PH_STORE_DELIVERY_HURRY_H

#include "lib/directory/directory.h"
#include "lib/state/state.h"

#include <stdint.h>

/*
 * Deferred mail asked for at once: when a database has come back, Postfix
 * would let it wait until its next try, 300 s and more. A thread that lists
 * the queue of this server's Postfix (postqueue -j), looks for messages with a
 * recipient whose mailbox is in the database, and has them tried (postqueue
 * -i); when they are very many, everything (postqueue -f). It looks again as
 * long as the directory cannot say of some whose they are, and for some minutes
 * when postqueue fails; what was asked for already is then left alone.
 */
struct ph_hurry;

/* command: postqueue with its options, split as a shell would; "" or NULL:
 * nothing is ever done. All borrowed until stop. Never fails. */
struct ph_hurry *ph_hurry_start(const char *command, struct ph_state *state,
				struct ph_directory *directory);
/* A command that runs is ended. NULL is fine. */
void ph_hurry_stop(struct ph_hurry **hurry);

/* Mail for the database may go on. Returns at once; any thread. */
void ph_hurry_ask(struct ph_hurry *hurry, const char *database);

#endif
