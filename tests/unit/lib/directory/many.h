#ifndef MANY_H
#define MANY_H

#include "tests/unit/lib/directory/people.h"

/* A back end that is asked about many at once, in front of another one, and
 * counts. */
struct many {
	struct ph_directory *inner;
	unsigned alone, at_once; /* requests */
	size_t largest;
	int excludes; /* what is said of groups, and how often */
	unsigned excluded;
};

static int
many_find(void *self, const char *address, struct ph_object **entry_r,
	  struct ph_found *found_r, struct ph_err *err)
{
	struct many *many = self;

	many->alone++;
	return ph_directory_find_from(many->inner, address, entry_r, found_r,
				      err);
}

static void
many_find_many(void *self, const char *const *addresses, size_t n,
	       struct ph_directory_answer *answers)
{
	struct many *many = self;

	many->at_once++;
	many->largest = MAX(many->largest, n);
	for (size_t i = 0; i < n; i++)
		answers[i].r = ph_directory_find_from(
		    many->inner, addresses[i], &answers[i].entry,
		    &answers[i].found, &answers[i].err);
}

static int
many_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	  void *arg, struct ph_err *err)
{
	struct many *many = self;

	return ph_directory_walk(many->inner, group, each, arg, err);
}

static int
many_excludes(void *self, const char *const *groups,
	      const char *const *addresses, struct ph_err *err)
{
	struct many *many = self;

	ck_assert(groups[0] != NULL && addresses[0] != NULL);
	many->excluded++;
	return many->excludes < 0 ? ph_err_set(err, PH_ERR_TEMP, "away")
				  : many->excludes;
}

static void
many_close(void *self)
{
	struct many *many = self;

	ph_directory_close(&many->inner);
	g_free(many);
}

static const struct ph_directory_ops many_ops = {
    .name = "many",
    .find = many_find,
    .find_many = many_find_many,
    .excludes = many_excludes,
    .walk = many_walk,
    .close = many_close,
};

/* Takes the inner one; *many_r lives as long as what is returned. */
G_GNUC_UNUSED static struct ph_directory *
many_over(struct ph_directory *inner, struct many **many_r)
{
	struct many *many = g_new0(struct many, 1);

	many->inner = inner;
	if (many_r != NULL)
		*many_r = many;
	return ph_directory_new(&many_ops, many);
}

/* What is said of addresses that are asked about at once, with blanks between:
 * as people_find, in one line. g_free. */
G_GNUC_UNUSED static char *
many_told(struct ph_directory *directory, const char *addresses)
{
	g_auto(GStrv) words = g_strsplit(addresses, " ", -1);
	const size_t n = g_strv_length(words);
	g_autofree struct ph_directory_answer *told =
	    g_new(struct ph_directory_answer, n);
	GString *text = g_string_new(NULL);

	ph_directory_find_many(directory, (const char *const *)words, n, told);
	for (size_t i = 0; i < n; i++) {
		ck_assert((told[i].r == 1) == (told[i].entry != NULL));
		ck_assert(told[i].r >= 0 || told[i].err.text[0] != '\0');
		g_string_append_printf(
		    text, "%s%s", i > 0 ? " " : "",
		    told[i].r == 1   ? ph_object_name(told[i].entry)
		    : told[i].r == 0 ? "-"
				     : ph_err_kind_name(told[i].err.kind));
	}
	ph_directory_answers_clear(told, n);
	return g_string_free(text, FALSE);
}

#endif
