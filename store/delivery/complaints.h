#ifndef PH_STORE_DELIVERY_COMPLAINTS_H
#define PH_STORE_DELIVERY_COMPLAINTS_H

#include "lib/base/err.h"

/*
 * What is wrong with a store, for its administrator: the place and the remedy,
 * which stand in the log alone, since senders read answers. The same is said
 * once a minute, or a full disk would be told of for each message. Thread-safe.
 */
struct ph_complaints;

struct ph_complaints *ph_complaints_new(const char *root);
void ph_complaints_free(struct ph_complaints **complaints); /* NULL is fine */

/* below: the path below the database's directory, or NULL. error is an errno,
 * fd a descriptor in the file system. */
void ph_complain(struct ph_complaints *complaints, int fd, const char *database,
		 const char *below, int error, const struct ph_err *err);

#endif
