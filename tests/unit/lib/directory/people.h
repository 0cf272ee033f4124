#ifndef PEOPLE_H
#define PEOPLE_H

#include "lib/directory/directory.h"
#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <string.h>

/* An object from "kind|name|Field=value|Field=value". */
/* A mailbox: name, then further fields. */
G_GNUC_UNUSED static struct ph_object *
people_mailbox(const char *name, const char *more)
{
	g_autofree char *line =
	    g_strconcat("recipient|", name,
			"|RecipientType=UserMailbox|Database=DB1", more, NULL);

	return unit_object_line(line);
}

/* What a find says: the entry's name, "-", "temporary" or "permanent". */
G_GNUC_UNUSED static const char *
people_find(struct ph_directory *directory, const char *address)
{
	struct ph_object *entry = NULL;
	struct ph_err err = PH_ERR_INIT;
	const char *name;
	int r = ph_directory_find(directory, address, &entry, &err);

	if (r < 0) {
		ck_assert_ptr_null(entry);
		ck_assert_str_ne(err.text, "");
		return ph_err_kind_name(err.kind);
	}
	if (r == 0)
		return "-";
	name = g_intern_string(ph_object_name(entry));
	ph_object_unref(&entry);
	return name;
}

static int
people_add_name(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	(void)err;
	g_ptr_array_add(arg, g_strdup(ph_object_name(entry)));
	return 0;
}

static int
people_by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Who is told of in a walk, sorted: "a@b c@d", "" nobody, "temporary" or
 * "permanent". */
G_GNUC_UNUSED static const char *
people_walk(struct ph_directory *directory, const struct ph_object *group)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *text = NULL;
	struct ph_err err = PH_ERR_INIT;

	if (ph_directory_walk(directory, group, people_add_name, names, &err) <
	    0) {
		ck_assert_str_ne(err.text, "");
		return ph_err_kind_name(err.kind);
	}
	g_ptr_array_sort(names, people_by_name);
	g_ptr_array_add(names, NULL);
	text = g_strjoinv(" ", (char **)names->pdata);
	return g_intern_string(text);
}

#endif
