#include "lib/state/kinds.h"
#include "lib/state/object.h"
#include "milters/transport/rules/sensitive.h"
#include "tests/unit/unit.h"

#include <glib/gstdio.h>
#include <string.h>

/*
 * Packages of an organisation, beside a directory with one built-in type. The
 * names of types tell which packages are in force.
 */

#define LIBRARY "00000000-0000-4000-8000-000000000001"
#define STAFF "00000000-0000-4000-8000-000000000002"
#define OTHER "00000000-0000-4000-8000-000000000003"

/* A package of one type; refers: to what its pattern refers. g_free. */
static char *
package_xml(const char *id, const char *name, const char *refers)
{
	return g_strdup_printf(
	    "<RulePackage xmlns=\"http://schemas.microsoft.com/office/2011/"
	    "mce\"><Rules><Entity id=\"%s\" patternsProximity=\"300\" "
	    "recommendedConfidence=\"75\"><Pattern confidenceLevel=\"75\">"
	    "<IdMatch idRef=\"%s\"/></Pattern></Entity><Regex id=\"Number\">"
	    "E[0-9]{6}</Regex><LocalizedStrings><Resource idRef=\"%s\">"
	    "<Name>%s</Name></Resource></LocalizedStrings></Rules>"
	    "</RulePackage>",
	    id, refers, id, name);
}

static char *directory;
static struct ph_sensitive_options options = {.always = true};

static void
make_directory(void)
{
	g_autofree char *xml = package_xml(LIBRARY, "Library", "Number");
	g_autofree char *path = NULL;

	directory = g_dir_make_tmp("sensitive-XXXXXX", NULL);
	g_assert_nonnull(directory);
	path = g_build_filename(directory, "library.xml", NULL);
	g_assert_true(g_file_set_contents(path, xml, -1, NULL));
	options.directory = directory;
}

static void
remove_directory(void)
{
	g_autofree char *path =
	    g_build_filename(directory, "library.xml", NULL);

	g_unlink(path);
	g_rmdir(directory);
	g_free(directory);
}

/* ---- snapshots ----------------------------------------------------------- */

struct row {
	const char *package; /* its name */
	const char *id, *type, *refers;
};

/* Rows end with one without a name. */
static struct ph_snapshot *
snapshot_of(const struct row *row)
{
	g_autoptr(GPtrArray) objects = g_ptr_array_new();
	struct ph_snapshot *snapshot;

	for (; row->package != NULL; row++) {
		g_autofree char *xml =
		    package_xml(row->id, row->type, row->refers);
		const struct ph_pair pair = {"Value", xml};
		struct ph_object *object = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(
		    ph_object_parse(ph_kind_find("dataclassification"),
				    row->package, &pair, 1, &object, &err) == 0,
		    "%s", err.text);
		g_ptr_array_add(objects, object);
	}
	snapshot =
	    ph_snapshot_build((const struct ph_object *const *)objects->pdata,
			      objects->len, NULL);
	for (guint i = 0; i < objects->len; i++) {
		struct ph_object *object = objects->pdata[i];

		ph_object_unref(&object);
	}
	return snapshot;
}

/* The types in force: "Library, Staff". */
static void
check_types(const void *sensitive, const char *expected)
{
	struct ph_classifier *classifier = ph_sensitive_classifier(sensitive);
	g_autoptr(GString) names = g_string_new(NULL);
	const struct ph_classify_type *types;
	size_t n;

	ck_assert_ptr_nonnull(classifier);
	types = ph_classifier_types(classifier, &n);
	for (size_t i = 0; i < n; i++)
		g_string_append_printf(names, "%s%s", i > 0 ? ", " : "",
				       types[i].rule->name);
	ck_assert_str_eq(names->str, expected);
}

/* Frees before. */
static void *
build(const struct row *rows, void *before, struct ph_err *err)
{
	struct ph_snapshot *snapshot = snapshot_of(rows);
	void *sensitive = ph_sensitive_build(snapshot, before, &options, err);

	ph_snapshot_unref(&snapshot);
	ph_sensitive_free(before);
	return sensitive;
}

/* ---- one that is refused ------------------------------------------------- */

/* The one before stays, as long as the new one is refused; and the others. */
START_TEST(test_step_back)
{
	static const struct row good[] = {{"Staff", STAFF, "Staff", "Number"},
					  {NULL, NULL, NULL, NULL}};
	static const struct row bad[] = {{"Staff", STAFF, "Crew", "Nothing"},
					 {NULL, NULL, NULL, NULL}};
	static const struct row more[] = {{"Staff", STAFF, "Crew", "Nothing"},
					  {"Other", OTHER, "Other", "Number"},
					  {NULL, NULL, NULL, NULL}};
	static const struct row taken[] = {{"Staff", STAFF, "Crew", "Number"},
					   {"Other", OTHER, "Other", "Number"},
					   {NULL, NULL, NULL, NULL}};
	struct ph_err err = PH_ERR_INIT;
	void *s = build(good, NULL, &err);

	ck_assert_msg(err.kind == PH_ERR_NONE, "%s", err.text);
	check_types(s, "Library, Staff");
	s = build(bad, s, &err);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "Staff"));
	check_types(s, "Library, Staff");
	/* It is tried again, and said again, with each change. */
	err = (struct ph_err)PH_ERR_INIT;
	s = build(more, s, &err);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	check_types(s, "Library, Other, Staff");
	err = (struct ph_err)PH_ERR_INIT;
	s = build(taken, s, &err);
	ck_assert_msg(err.kind == PH_ERR_NONE, "%s", err.text);
	check_types(s, "Library, Other, Crew");
	ph_sensitive_free(s);
}
END_TEST

/* There is none before. */
START_TEST(test_no_step_back)
{
	static const struct row rows[] = {{"Other", OTHER, "Other", "Number"},
					  {"Staff", STAFF, "Staff", "Nothing"},
					  {NULL, NULL, NULL, NULL}};
	struct ph_err err = PH_ERR_INIT;
	void *s = build(rows, NULL, &err);

	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	check_types(s, "Library, Other");
	ph_sensitive_free(s);
}
END_TEST

/* ---- one that is tried --------------------------------------------------- */

static const struct {
	struct row row;
	int answer;
	const char *why;
} tries[] = {
    {{"New", STAFF, "Staff", "Number"}, 1, ""},
    {{"New", STAFF, "Staff", "Nothing"}, 0, "Nothing"},
    {{"New", LIBRARY, "Staff", "Number"}, 0, "another package"},
    {{"New", STAFF, "library", "Number"}, 0, "library"},
    /* What a package of ours has already. */
    {{"New", OTHER, "Staff", "Number"}, 0, "another package"},
    {{"Zoo", STAFF, "other", "Number"}, 0, "other"},
    /* By its name it comes first, and the other one would be left out. */
    {{"Anew", STAFF, "Other", "Number"}, 0, "mine"},
    /* In its own place it may have them. */
    {{"mine", OTHER, "Other", "Number"}, 1, ""},
    {{"MINE", OTHER, "Another", "Number"}, 1, ""},
    /* One that is left out anyway hinders nobody. */
    {{"Last", STAFF, "Bad", "Number"}, 1, ""},
};

START_TEST(test_try)
{
	static const struct row there[] = {{"Mine", OTHER, "Other", "Number"},
					   {"Zap", STAFF, "Bad", "Nothing"},
					   {NULL, NULL, NULL, NULL}};
	struct ph_snapshot *snapshot = snapshot_of(there);
	const struct row *row = &tries[_i].row;
	g_autofree char *xml = package_xml(row->id, row->type, row->refers);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(
	    ph_sensitive_try(snapshot, row->package, xml, &options, &err),
	    tries[_i].answer);
	ck_assert_msg(strstr(err.text, tries[_i].why) != NULL, "%s", err.text);
	ph_snapshot_unref(&snapshot);
}
END_TEST

START_TEST(test_try_in_an_outage)
{
	const struct ph_sensitive_options none = {.directory = "/nonexistent"};
	struct ph_snapshot *snapshot = ph_snapshot_build(NULL, 0, NULL);
	g_autofree char *xml = package_xml(STAFF, "Staff", "Number");
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_sensitive_try(snapshot, "New", xml, &none, &err),
			 -1);
	ck_assert_int_eq(ph_sensitive_try(snapshot, "New", "<x/>", &none, &err),
			 0);
	ph_snapshot_unref(&snapshot);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("milters/transport/rules/sensitive");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	make_directory();
	tcase_add_test(tc, test_step_back);
	tcase_add_test(tc, test_no_step_back);
	tcase_add_loop_test(tc, test_try, 0, G_N_ELEMENTS(tries));
	tcase_add_test(tc, test_try_in_an_outage);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	remove_directory();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
