#include "tests/fuzz/fuzz.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

/*
 * Feeds a target what stands in the files named, or else in the corpus of the
 * program's name: one Check test a file, in a process of its own, so that a
 * crash says which file it was.
 */
static GPtrArray *files;

START_TEST(replay)
{
	g_autofree char *data = NULL;
	gsize size = 0;

	ck_assert(g_file_get_contents(files->pdata[_i], &data, &size, NULL));
	ck_assert_int_eq(LLVMFuzzerTestOneInput((uint8_t *)data, size), 0);
}
END_TEST

static gint
compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
find_corpus(const char *program)
{
	g_autofree char *name = g_path_get_basename(program);
	const char *target =
	    g_str_has_prefix(name, "fuzz_") ? name + strlen("fuzz_") : name;
	g_autofree char *path =
	    g_build_filename("tests/fuzz/corpus", target, NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *entry;

	while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL)
		g_ptr_array_add(files, g_build_filename(path, entry, NULL));
	g_ptr_array_sort(files, compare);
	if (files->len == 0)
		g_printerr("%s: no files in %s\n", name, path);
}

int
main(int argc, char **argv)
{
	Suite *suite = suite_create(argv[0]);
	SRunner *runner;
	int ran, failed;

	files = g_ptr_array_new_with_free_func(g_free);
	for (int i = 1; i < argc; i++)
		g_ptr_array_add(files, g_strdup(argv[i]));
	if (argc == 1)
		find_corpus(argv[0]);
	for (guint i = 0; i < files->len; i++) {
		TCase *tc = tcase_create(files->pdata[i]);

		tcase_set_timeout(tc, 60);
		tcase_add_loop_test(tc, replay, (int)i, (int)i + 1);
		suite_add_tcase(suite, tc);
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	ran = srunner_ntests_run(runner);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	g_ptr_array_unref(files);
	return ran > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
