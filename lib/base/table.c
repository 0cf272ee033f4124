#include "lib/base/table.h"

#include <stdlib.h>
#include <string.h>

static int
compare(const void *name, const void *row)
{
	return strcmp(name, *(const char *const *)row);
}

const void *
ph_table_find(const char *name, const void *rows, size_t n, size_t size)
{
	return bsearch(name, rows, n, size, compare);
}
