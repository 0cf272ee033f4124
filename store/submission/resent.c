#include "store/submission/resent.h"

#include <string.h>
#include <strings.h>

#define PREFIX "Resent-"

static bool
is_resent(const struct ph_header *field)
{
	return strncasecmp(field->name, PREFIX, strlen(PREFIX)) == 0;
}

struct ph_headers *
ph_resent_block(const struct ph_headers *headers)
{
	size_t n = ph_headers_count(headers), i = 0;
	struct ph_headers *block;

	while (i < n && !is_resent(ph_headers_at(headers, i)))
		i++;
	if (i == n)
		return NULL;
	block = ph_headers_new();
	for (; i < n; i++) {
		const struct ph_header *field = ph_headers_at(headers, i);
		const char *name = field->name + strlen(PREFIX);

		if (!is_resent(field) || ph_headers_raw(block, name, 0) != NULL)
			break;
		/* Less than the whole, which was within the limit. */
		ph_headers_add(block, name, field->value);
	}
	return block;
}
