#ifndef PH_MESSAGE_HTML_ENTITIES_H
#define PH_MESSAGE_HTML_ENTITIES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of html.c only. */
struct ph_html_entity {
	const char *name;
	uint32_t code;
	bool bare; /* its ';' may be missing */
};

extern const struct ph_html_entity ph_html_entities[];
extern const size_t ph_html_entities_count;

#endif
