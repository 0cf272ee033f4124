#include "tests/unit/lib/classify/builtin.h"

#include <stdlib.h>
#include <string.h>

/*
 * Runs tests/classify/<Type>.cases, one file for each built-in type;
 * tests/classify/README says how they are written.
 */
#define DIRECTORY "tests/classify"

static struct ph_classifier *classifier;
static GString *wrong; /* what all cases have to say */

/* What there must be a case of: the beginning of its name. */
enum { WITH_EVIDENCE, ALONE, WRONG_CHECKSUM, TOO_FAR, LOOK_ALIKE, SHOWN };
static const char *const shown[] = {
    [WITH_EVIDENCE] = "with evidence",	 [ALONE] = "alone",
    [WRONG_CHECKSUM] = "wrong checksum", [TOO_FAR] = "too far",
    [LOOK_ALIKE] = "look-alike",
};

struct type_case {
	char *name, *file;
	int line;
	char *type;
	GString *text;
	char *expected;
	bool seen[SHOWN]; /* of the file so far */
};

/* ---- reading ------------------------------------------------------------ */

/* "\fill{300}" is 300 characters of one byte, "\wide{300}" of two; \n. */
static void
add_text(GString *text, const char *line)
{
	static const struct {
		const char *name, *with;
	} fillers[] = {{"\\fill{", "~"}, {"\\wide{", "\302\267"}};

	for (const char *p = line; *p != '\0';) {
		const char *start = p;

		for (size_t i = 0; i < G_N_ELEMENTS(fillers); i++) {
			char *end;

			if (!g_str_has_prefix(p, fillers[i].name))
				continue;
			for (long n =
				 strtol(p + strlen(fillers[i].name), &end, 10);
			     n > 0; n--)
				g_string_append(text, fillers[i].with);
			ck_assert(*end == '}');
			p = end + 1;
		}
		if (g_str_has_prefix(p, "\\n")) {
			g_string_append_c(text, '\n');
			p += 2;
		}
		if (p == start)
			g_string_append_c(text, *p++);
	}
	g_string_append_c(text, '\n');
}

/* "1 85", or "none". */
static char *
find(const struct type_case *c)
{
	struct ph_classify_text text = {"text", c->text->str, c->text->len,
					false};
	g_autoptr(GPtrArray) found = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_classifier_find(classifier, &text, 1, &found, &err) ==
			  0,
		      "%s", err.text);
	for (guint i = 0; i < found->len; i++) {
		const struct ph_classify_found *f = found->pdata[i];

		if (strcmp(f->type->rule->name, c->type) == 0)
			return g_strdup_printf("%u %u", f->count,
					       f->confidence);
	}
	return g_strdup("none");
}

static void
run_case(struct type_case *c)
{
	g_autofree char *is = NULL;

	if (c->name == NULL)
		return;
	ck_assert_msg(c->expected != NULL, "%s:%d: no found:", c->file,
		      c->line);
	is = find(c);
	if (strcmp(is, c->expected) != 0)
		g_string_append_printf(
		    wrong, "%s:%d: %s: found \"%s\", expected \"%s\" in: %s",
		    c->file, c->line, c->name, is, c->expected, c->text->str);
	for (size_t i = 0; i < SHOWN; i++)
		c->seen[i] |= g_str_has_prefix(c->name, shown[i]);
	g_clear_pointer(&c->name, g_free);
	g_clear_pointer(&c->expected, g_free);
	g_string_truncate(c->text, 0);
}

static void
take_line(struct type_case *c, const char *line, int number)
{
	if (g_str_has_prefix(line, "type: ")) {
		c->type = g_strdup(line + 6);
	} else if (g_str_has_prefix(line, "case: ")) {
		run_case(c);
		c->name = g_strdup(line + 6);
		c->line = number;
	} else if (g_str_has_prefix(line, "text: ")) {
		add_text(c->text, line + 6);
	} else if (g_str_has_prefix(line, "found: ")) {
		c->expected = g_strdup(line + 7);
	} else {
		ck_assert_msg(*line == '\0' || *line == '#', "%s:%d: \"%s\"?",
			      c->file, number, line);
	}
}

/* ---- is every type shown? ------------------------------------------------ */

static bool
has_match(const struct ph_package_rule *rule)
{
	for (guint i = 0; i < rule->levels->len; i++) {
		const struct ph_package_level *level = rule->levels->pdata[i];

		if (level->nodes->len > 0)
			return true;
	}
	return false;
}

static const struct ph_definition *
definition_of(const char *id)
{
	size_t n;
	const struct ph_classify_type *types =
	    ph_classifier_types(classifier, &n);
	const struct ph_definition *found = NULL;

	for (size_t i = 0; i < n && found == NULL; i++)
		found = ph_package_find(types[i].package, id);
	ck_assert_ptr_nonnull(found);
	return found;
}

static bool
has_check(const struct ph_package_rule *rule)
{
	for (guint i = 0; i < rule->levels->len; i++) {
		const struct ph_package_level *level = rule->levels->pdata[i];
		const GArray *parts = definition_of(level->id_match->id)->parts;

		for (guint j = 0; j < parts->len; j++)
			if (g_array_index(parts, struct ph_definition_part, j)
				.check != NULL)
				return true;
	}
	return false;
}

static void
check_shown(const struct type_case *c, const struct ph_package_rule *rule)
{
	bool needed[SHOWN] = {[WITH_EVIDENCE] = has_match(rule),
			      [ALONE] = true,
			      [WRONG_CHECKSUM] = has_check(rule),
			      [TOO_FAR] = has_match(rule),
			      [LOOK_ALIKE] = true};

	for (size_t i = 0; i < SHOWN; i++)
		ck_assert_msg(c->seen[i] || !needed[i],
			      "%s has no case that begins with \"%s\"", c->file,
			      shown[i]);
}

static void
run_file(const struct ph_package_rule *rule, const char *file)
{
	g_autofree char *path = g_build_filename(DIRECTORY, file, NULL);
	g_autofree char *content = NULL;
	g_auto(GStrv) lines = NULL;
	struct type_case c = {.file = path, .text = g_string_new(NULL)};

	ck_assert_msg(g_file_get_contents(path, &content, NULL, NULL),
		      "%s: %s has no cases", rule->name, path);
	lines = g_strsplit(content, "\n", -1);
	for (int i = 0; lines[i] != NULL; i++)
		take_line(&c, lines[i], i + 1);
	run_case(&c);
	ck_assert_str_eq(c.type, rule->name);
	check_shown(&c, rule);
	g_free(c.type);
	g_string_free(c.text, TRUE);
}

/* "U.S. / U.K. Passport Number" in USUKPassportNumber.cases. */
static char *
file_of(const char *type)
{
	GString *name = g_string_new(NULL);

	for (; *type != '\0'; type++)
		if (g_ascii_isalnum(*type))
			g_string_append_c(name, *type);
	g_string_append(name, ".cases");
	return g_string_free(name, FALSE);
}

START_TEST(test_types)
{
	size_t n;
	const struct ph_classify_type *types =
	    ph_classifier_types(classifier, &n);

	ck_assert_uint_eq(n, 80);
	wrong = g_string_new(NULL);
	for (size_t i = 0; i < n; i++) {
		g_autofree char *file = file_of(types[i].rule->name);

		run_file(types[i].rule, file);
	}
	ck_assert_msg(wrong->len == 0, "%s", wrong->str);
	g_string_free(wrong, TRUE);
}
END_TEST

/* No file is left over that nobody runs. */
START_TEST(test_files)
{
	g_autoptr(GDir) dir = g_dir_open(DIRECTORY, 0, NULL);
	const char *name;
	int files = 0;

	while ((name = g_dir_read_name(dir)) != NULL)
		files += g_str_has_suffix(name, ".cases");
	ck_assert_int_eq(files, 80);
}
END_TEST

static void
setup(void)
{
	classifier = builtin_with(NULL, NULL);
}

static void
teardown(void)
{
	ph_classifier_unref(&classifier);
}

int
main(void)
{
	Suite *s = suite_create("lib/classify/cases");
	TCase *t = tcase_create("cases");
	SRunner *runner;
	int failed;

	tcase_add_unchecked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_types);
	tcase_add_test(t, test_files);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
