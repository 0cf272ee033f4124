#include "lib/extract/extract.h"
#include "tests/unit/unit.h"

#include <jansson.h>
#include <string.h>
#include <sys/resource.h>

/*
 * Each file of tests/files/documents: what documents.json says was put into it
 * is what is read out of it. All faults are collected, so that one run shows
 * them all.
 */
#define FILES "tests/files/documents"

struct check {
	const char *name;
	json_t *expected;
	char *data;
	size_t size;
	struct ph_extract_result result;
	char *text; /* blanks made one */
	GString *faults;
};

static void
fault(struct check *c, const char *what, const char *value)
{
	g_string_append_printf(c->faults, "%s: %s: %s\n", c->name, what, value);
}

/* Runs of blanks as one, and one at both ends. */
static char *
normalize(const char *text)
{
	g_autofree char *copy = g_strdup(text);
	g_auto(GStrv) words = NULL;
	GString *out = g_string_new(" ");

	words = g_strsplit_set(g_strdelimit(copy, "\t\n\f", ' '), " ", -1);
	for (char **word = words; *word != NULL; word++)
		if (**word != '\0')
			g_string_append_printf(out, "%s ", *word);
	return g_string_free(out, FALSE);
}

static unsigned
count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		n++;
	return n;
}

/* ---- one expectation ---------------------------------------------------- */

static void
check_text(struct check *c)
{
	size_t i;
	json_t *value;

	json_array_foreach(json_object_get(c->expected, "text"), i, value)
	{
		g_autofree char *words = normalize(json_string_value(value));

		if (strstr(c->text, words) == NULL)
			fault(c, "lacks, as whole words", words);
	}
	json_array_foreach(json_object_get(c->expected, "within"), i, value)
	{
		if (strstr(c->text, json_string_value(value)) == NULL)
			fault(c, "lacks", json_string_value(value));
	}
	json_array_foreach(json_object_get(c->expected, "absent"), i, value)
	{
		if (strstr(c->text, json_string_value(value)) != NULL)
			fault(c, "has", json_string_value(value));
	}
	json_array_foreach(json_object_get(c->expected, "once"), i, value)
	{
		if (count(c->text, json_string_value(value)) != 1)
			fault(c, "has not once", json_string_value(value));
	}
}

static bool
has_property(const struct check *c, const char *name, const char *value)
{
	for (guint i = 0; i < c->result.properties->len; i++) {
		const struct ph_extract_property *p = &g_array_index(
		    c->result.properties, struct ph_extract_property, i);

		if (strcmp(p->name, name) == 0 && strcmp(p->value, value) == 0)
			return true;
	}
	return false;
}

static void
check_properties(struct check *c)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(c->expected, "properties"), name,
			    value)
	{
		if (!has_property(c, name, json_string_value(value)))
			fault(c, "lacks the property", name);
	}
}

static void
check_files(struct check *c)
{
	json_t *expected = json_object_get(c->expected, "files");
	GArray *files = c->result.files;

	if (files->len != json_array_size(expected)) {
		fault(c, "files", "not as many as there are");
		return;
	}
	for (guint i = 0; i < files->len; i++) {
		const char *name =
		    g_array_index(files, struct ph_extract_file, i).name;
		bool found = false;

		for (size_t k = 0; k < json_array_size(expected); k++)
			found |= strcmp(name, json_string_value(json_array_get(
						  expected, k))) == 0;
		if (!found)
			fault(c, "has the file", name);
	}
}

static void
check_flag(struct check *c, const char *name, bool is)
{
	if (json_is_true(json_object_get(c->expected, name)) != is)
		fault(c, name, is ? "is set" : "is not set");
}

static void
check_form(struct check *c)
{
	const GString *text = c->result.text;

	if (!g_utf8_validate(text->str, (gssize)text->len, NULL))
		fault(c, "text", "is no UTF-8");
	if (memchr(text->str, '\0', text->len) != NULL)
		fault(c, "text", "has a NUL");
}

/* ---- one file ----------------------------------------------------------- */

static const char *
get(const struct check *c, const char *key, const char *otherwise)
{
	json_t *value = json_object_get(c->expected, key);

	return value != NULL ? json_string_value(value) : otherwise;
}

static void
check_file(struct check *c)
{
	json_t *answer = json_object_get(c->expected, "answer");
	struct ph_err err = PH_ERR_INIT;
	struct ph_extract_source source = {
	    .type = get(c, "type", "application/octet-stream"),
	    .name = c->name,
	    .charset = get(c, "charset", ""),
	    .data = c->data,
	    .size = c->size,
	};
	int r = ph_extract(&source, NULL, &c->result, &err);

	c->text = normalize(c->result.text->str);
	if (r != (answer != NULL ? json_integer_value(answer) : 1))
		fault(c, "answer", r < 0 ? err.text : r > 0 ? "1" : "0");
	check_text(c);
	check_properties(c);
	check_files(c);
	check_flag(c, "protected", c->result.is_protected);
	check_flag(c, "damaged", c->result.damaged);
	check_flag(c, "limit", c->result.limit);
	check_flag(c, "truncated", c->result.truncated);
	check_form(c);
	ph_extract_clear(&c->result);
	g_free(c->text);
}

/* ---- all of them -------------------------------------------------------- */

/* struct check, with the bytes. */
static GArray *
load(json_t *all, GString *faults)
{
	GArray *checks = g_array_new(FALSE, FALSE, sizeof(struct check));
	const char *name;
	json_t *expected;

	json_object_foreach(all, name, expected)
	{
		struct check c = {
		    .name = name, .expected = expected, .faults = faults};
		g_autofree char *path = g_build_filename(FILES, name, NULL);

		ck_assert_msg(g_file_get_contents(path, &c.data, &c.size, NULL),
			      "%s is not there", path);
		g_array_append_val(checks, c);
	}
	return checks;
}

static void
check_all(bool sealed)
{
	struct rlimit files, none;
	json_error_t error;
	json_t *all = json_load_file(FILES ".json", 0, &error);
	GString *faults = g_string_new(NULL);
	GArray *checks;

	ck_assert_msg(all != NULL, "%s", error.text);
	ck_assert_uint_ge(json_object_size(all), 60);
	checks = load(all, faults);
	if (sealed) {
		ph_extract_prepare();
		ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
		none = files;
		none.rlim_cur = 0;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	}
	for (guint i = 0; i < checks->len; i++) {
		struct check *c = &g_array_index(checks, struct check, i);

		check_file(c);
		g_free(c->data);
	}
	if (sealed)
		setrlimit(RLIMIT_NOFILE, &files);
	ck_assert_msg(faults->len == 0, "%s", faults->str);
	g_array_unref(checks);
	g_string_free(faults, TRUE);
	json_decref(all);
}

START_TEST(test_documents)
{
	check_all(false);
}
END_TEST

/* Where no file can be opened any more, the answers are the same. */
START_TEST(test_sealed)
{
	check_all(true);
}
END_TEST

UNIT_MAIN("lib/extract/documents", test_documents, test_sealed)
