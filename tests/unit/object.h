#ifndef UNIT_OBJECT_H
#define UNIT_OBJECT_H

#include "lib/state/kinds.h"
#include "lib/state/object.h"

#include <check.h>
#include <glib.h>
#include <string.h>

/* Objects as Redis would hold them; one that is refused fails the test. */

/* A pair whose field is NULL ends them before max. */
static inline struct ph_object *
unit_object(const char *kind, const char *name, const struct ph_pair *pairs,
	    size_t max)
{
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;
	size_t n = 0;

	while (n < max && pairs[n].field != NULL)
		n++;
	ck_assert_msg(ph_object_parse(ph_kind_find(kind), name, pairs, n,
				      &object, &err) == 0,
		      "%s %s: %s", kind, name, err.text);
	return object;
}

/* "kind|name|Field=value|...". */
static inline struct ph_object *
unit_object_line(const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, "|", -1);
	struct ph_pair pairs[16];
	size_t n = 0;

	for (char **word = words + 2; *word != NULL; word++) {
		char *equals = strchr(*word, '=');

		ck_assert_msg(equals != NULL && n < G_N_ELEMENTS(pairs), "%s",
			      line);
		*equals = '\0';
		pairs[n++] = (struct ph_pair){*word, equals + 1};
	}
	return unit_object(words[0], words[1], pairs, n);
}

/* A GDestroyNotify. */
static inline void
unit_object_unref(void *data)
{
	struct ph_object *object = data;

	ph_object_unref(&object);
}

#endif
