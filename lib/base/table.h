#ifndef PH_BASE_TABLE_H
#define PH_BASE_TABLE_H

#include <stddef.h>

/* Of a table of n rows, each of so many bytes and beginning with its name (a
 * const char *), sorted by it as strcmp does: the row of a name, borrowed;
 * NULL: there is none. */
const void *ph_table_find(const char *name, const void *rows, size_t n,
			  size_t size);

#endif
