#ifndef PH_STORE_DELIVERY_OPENED_H
#define PH_STORE_DELIVERY_OPENED_H

#include "lib/base/err.h"

#include <stdbool.h>

/*
 * Which databases this server has had below a store, on a disk of its own: a
 * store that is not mounted looks like one in which there never was anything,
 * and what is delivered into the directory below it is out of sight when it is
 * mounted again. A file of lines "<database>\t<store>". Thread-safe.
 */
struct ph_opened;

/* path: of the file, which need not be there; root: of the store. 0, or -1 TEMP
 * or, of a file that is damaged, PERM. */
int ph_opened_load(const char *path, const char *root,
		   struct ph_opened **opened_r, struct ph_err *err);
/* NULL is fine. */
void ph_opened_free(struct ph_opened **opened);

bool ph_opened_has(struct ph_opened *opened, const char *database);

/* Durable. -1 TEMP: it is known until the process ends. */
int ph_opened_add(struct ph_opened *opened, const char *database,
		  struct ph_err *err);

#endif
