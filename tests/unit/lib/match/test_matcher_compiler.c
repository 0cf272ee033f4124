#include "tests/unit/lib/match/matcher.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/* ---- the cache ---------------------------------------------------------- */

static GPtrArray *
list_files(const char *dir)
{
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
	GDir *d = g_dir_open(dir, 0, NULL);
	const char *name;

	while (d != NULL && (name = g_dir_read_name(d)) != NULL)
		g_ptr_array_add(paths, g_build_filename(dir, name, NULL));
	if (d != NULL)
		g_dir_close(d);
	return paths;
}

/* A file is there before its matcher has the database. */
static void
check_files(const char *dir, guint n)
{
	GPtrArray *files = list_files(dir);

	ck_assert_uint_eq(files->len, n);
	g_ptr_array_unref(files);
}

static struct ph_matcher *
make_compiled(struct ph_match_compiler *compiler, int first, int n)
{
	struct ph_matcher *m =
	    ph_matcher_new(numbered(first, n), NULL, compiler);

	wait_until_compiled(m);
	return m;
}

START_TEST(test_cache)
{
	g_autofree char *base = unit_mkdir();
	g_autofree char *dir = g_build_filename(base, "not", "there", NULL);
	struct ph_match_compiler *compiler = start(dir, itself);
	struct ph_matcher *m = make_compiled(compiler, 0, 300);

	ph_matcher_unref(&m);
	check_files(dir, 1);
	ph_match_compiler_stop(&compiler);
	/* A child that cannot compile shows where the database came from. */
	compiler = start(dir, (const char *const[]){"/bin/false", NULL});
	m = make_compiled(compiler, 0, 300);
	check_signs(m, 0, 299, 300);
	ph_matcher_unref(&m);
	ph_match_compiler_stop(&compiler);
	unit_rmdir(&base);
}
END_TEST

static void
damage(const char *path, size_t at)
{
	g_autofree char *data = NULL;
	gsize size;

	ck_assert(g_file_get_contents(path, &data, &size, NULL));
	if (at == SIZE_MAX) {
		size /= 2;
	} else {
		ck_assert_uint_lt(at, size);
		data[at] ^= 1;
	}
	ck_assert(g_file_set_contents(path, data, (gssize)size, NULL));
}

/* At the start, in the sum, in the middle, and cut: never used, made anew. */
START_TEST(test_damaged_cache)
{
	static const size_t places[] = {0, 8, 20, 60, 3000, SIZE_MAX};
	g_autofree char *dir = unit_mkdir();

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		struct ph_match_compiler *compiler = start(dir, itself);
		struct ph_matcher *m = make_compiled(compiler, 0, 300);
		g_autofree char *before = NULL;
		g_autofree char *after = NULL;
		GPtrArray *files;
		gsize size;

		check_files(dir, 1);
		ph_matcher_unref(&m);
		ph_match_compiler_stop(&compiler);
		files = list_files(dir);
		ck_assert(
		    g_file_get_contents(files->pdata[0], &before, &size, NULL));
		damage(files->pdata[0], places[i]);
		compiler = start(dir, itself);
		m = make_compiled(compiler, 0, 300);
		check_signs(m, 0, 299, 300);
		ph_match_compiler_stop(&compiler);
		ph_matcher_unref(&m);
		ck_assert(
		    g_file_get_contents(files->pdata[0], &after, &size, NULL));
		ck_assert_mem_eq(before, after, size);
		g_ptr_array_unref(files);
	}
	unit_rmdir(&dir);
}
END_TEST

START_TEST(test_cache_is_bounded)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *other = g_build_filename(dir, "other", NULL);
	struct ph_match_compiler *compiler = start(dir, itself);

	ck_assert(g_file_set_contents(other, "x", 1, NULL));
	for (int i = 0; i < 20; i++) {
		struct ph_matcher *m = make_compiled(compiler, i, 70);

		ph_matcher_unref(&m);
	}
	ph_match_compiler_stop(&compiler);
	check_files(dir, 17);
	ck_assert(g_file_test(other, G_FILE_TEST_EXISTS));
	unit_rmdir(&dir);
}
END_TEST

/* ---- children that fail ------------------------------------------------- */

/* A child whose script notes that it ran, then does something. */
static struct ph_match_compiler *
start_script(const char *dir, const char *then)
{
	g_autofree char *script =
	    g_strdup_printf("echo $$ >%s/pid.new; mv %s/pid.new %s/pid; %s",
			    dir, dir, dir, then);

	return start(NULL,
		     (const char *const[]){"/bin/sh", "-c", script, NULL});
}

static pid_t
wait_for_pid(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, "pid", NULL);
	int64_t limit = ph_clock_mono() + 50000;
	g_autofree char *text = NULL;

	while (!g_file_get_contents(path, &text, NULL, NULL)) {
		ck_assert(ph_clock_mono() < limit);
		g_usleep(1000);
	}
	return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

/* Gone, with its thread joined by stop. */
static void
check_script(const char *then)
{
	g_autofree char *dir = unit_mkdir();
	struct ph_match_compiler *compiler = start_script(dir, then);
	struct ph_matcher *m =
	    ph_matcher_new(numbered(0, 30000), NULL, compiler);
	pid_t pid = wait_for_pid(dir);

	check_signs(m, 17, 1, 30000);
	ph_match_compiler_stop(&compiler);
	ck_assert_int_eq(kill(pid, 0), -1);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert_uint_eq(ph_matcher_pending(m), 30000);
	check_signs(m, 17, 1, 30000);
	ph_matcher_unref(&m);
	unit_rmdir(&dir);
}

START_TEST(test_failing_children)
{
	static const char *const scripts[] = {"exec sleep 1000",
					      "exit 1",
					      "kill -SEGV $$",
					      "cat >/dev/null; exit 3",
					      "cat >/dev/null; echo nonsense",
					      "cat; exit 0",
					      "exec >&-; exec sleep 1000",
					      "exec cat /dev/zero"};

	for (size_t i = 0; i < G_N_ELEMENTS(scripts); i++)
		check_script(scripts[i]);
}
END_TEST

START_TEST(test_no_child)
{
	struct ph_match_compiler *compiler =
	    start(NULL, (const char *const[]){"/nowhere/at/all", NULL});
	struct ph_matcher *m = ph_matcher_new(numbered(0, 100), NULL, compiler);

	check_signs(m, 17, 1, 100);
	ph_match_compiler_stop(&compiler);
	ck_assert_uint_eq(ph_matcher_pending(m), 100);
	ph_matcher_unref(&m);
}
END_TEST

/* A failure is tried again: the child fails once, then does its work. */
START_TEST(test_retry)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *script = g_strdup_printf(
	    "test -e %s/again && exec /proc/%d/exe %s; : >%s/again; exit 1",
	    dir, getpid(), PH_MATCH_COMPILER_SWITCH, dir);
	struct ph_match_compiler *compiler =
	    start(NULL, (const char *const[]){"/bin/sh", "-c", script, NULL});
	struct ph_matcher *m = make_compiled(compiler, 0, 100);

	check_signs(m, 17, 1, 100);
	ph_matcher_unref(&m);
	ph_match_compiler_stop(&compiler);
	unit_rmdir(&dir);
}
END_TEST

MATCHER_MAIN("lib/match/matcher_compiler", test_cache, test_damaged_cache,
	     test_cache_is_bounded, test_failing_children, test_no_child,
	     test_retry)
