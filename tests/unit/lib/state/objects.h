#ifndef TEST_STATE_OBJECTS_H
#define TEST_STATE_OBJECTS_H

#include "lib/state/object.h"
#include "tests/unit/unit.h"

#include <string.h>

/* "Field=value" pairs, a NUL-terminated list; 0 or -1 as ph_object_parse. */
static inline int
parse(const char *kind, const char *name, const char *const *fields,
      struct ph_object **object_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) copies = g_ptr_array_new_with_free_func(g_free);
	struct ph_pair pairs[32];
	size_t n = 0;

	for (; fields[n] != NULL; n++) {
		char *copy = g_strdup(fields[n]), *equals = strchr(copy, '=');

		g_assert(n < G_N_ELEMENTS(pairs) && equals != NULL);
		*equals = '\0';
		g_ptr_array_add(copies, copy);
		pairs[n] = (struct ph_pair){copy, equals + 1};
	}
	return ph_object_parse(ph_kind_find(kind), name, pairs, n, object_r,
			       err);
}

#define FIELDS(...)               \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}
#define NO_FIELDS             \
	(const char *const[]) \
	{                     \
		NULL          \
	}

static inline struct ph_object *
good(const char *kind, const char *name, const char *const *fields)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *object = NULL;

	ck_assert_msg(parse(kind, name, fields, &object, &err) == 0, "%s",
		      err.text);
	return object;
}

/* Refused as PERM, and the text begins so. */
static inline void
bad(const char *kind, const char *name, const char *const *fields,
    const char *text)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *object = NULL;

	ck_assert_msg(parse(kind, name, fields, &object, &err) == -1,
		      "taken: %s %s", name, fields[0]);
	ck_assert_ptr_null(object);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_msg(g_str_has_prefix(err.text, text), "%s, not %s", err.text,
		      text);
	ck_assert_msg(strstr(err.text, "; expected ") != NULL, "%s", err.text);
}

/* n characters of two bytes each. */
static inline char *
filled(const char *field, size_t n)
{
	GString *text = g_string_new(field);

	for (size_t i = 0; i < n; i++)
		g_string_append(text, "\xc3\xa9");
	return g_string_free(text, FALSE);
}

#endif
