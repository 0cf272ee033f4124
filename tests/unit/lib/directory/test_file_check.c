#include "tests/unit/lib/directory/place.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PAGE INT64_C(4096)

static void
fill(struct place *p)
{
	struct ph_dirwrite *write;

	place_open(p);
	write = begin(p);
	for (int i = 0; i < 2000; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);

		put_in(write, name, "");
	}
	commit(write);
	complete(p);
	place_close(p);
}

static off_t
size_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

static void
overwrite(const char *path, off_t from, off_t size)
{
	g_autoptr(GString) noise = g_string_new(NULL);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	for (off_t i = 0; i < size; i++)
		g_string_append_c(noise, (char)(i * 7 + i / 251));
	ck_assert_int_eq(pwrite(fd, noise->str, noise->len, from), size);
	close(fd);
}

static void
cut(const char *path, off_t size)
{
	ck_assert_int_eq(truncate(path, size), 0);
}

static void
damage_head(const char *path)
{
	overwrite(path, 0, 8192);
}

static void
damage_half(const char *path)
{
	cut(path, size_of(path) / 2 / PAGE * PAGE);
}

static void
damage_page(const char *path)
{
	cut(path, size_of(path) - PAGE);
}

static void
damage_start(const char *path)
{
	cut(path, 100);
}

static void
damage_middle(const char *path)
{
	overwrite(path, 3 * PAGE, size_of(path) - 4 * PAGE);
}

static void
damage_zero(const char *path)
{
	off_t size = size_of(path);

	cut(path, 2 * PAGE);
	cut(path, size);
}

/* A single byte inside each entry. */
static void
damage_byte(const char *path)
{
	g_autofree char *data = NULL;
	gsize size;
	char *at;
	int n = 0;

	ck_assert(g_file_get_contents(path, &data, &size, NULL));
	for (at = data; (at = memmem(at, size - (gsize)(at - data),
				     "UserMailbox", 11)) != NULL;
	     n++)
		*at = 'X';
	ck_assert_int_ge(n, 2000);
	ck_assert(g_file_set_contents(path, data, (gssize)size, NULL));
}

static void (*const damages[])(const char *path) = {
    damage_head,   damage_half, damage_page, damage_start,
    damage_middle, damage_zero, damage_byte,
};

START_TEST(test_damaged)
{
	g_autofree char *aside = NULL;
	struct ph_directory *directory = NULL;
	struct ph_err err = PH_ERR_INIT;
	struct ph_conf *conf = NULL;
	g_autofree char *text = NULL;
	g_autofree char *conf_path = NULL;
	struct place p;

	place_make(&p);
	aside = g_strconcat(p.path, ".damaged", NULL);
	conf_path = g_build_filename(p.dir, "posthub.conf", NULL);
	text = g_strdup_printf("[directory]\nfile = %s\nmap_size = 64MB\n",
			       p.path);
	ck_assert(g_file_set_contents(conf_path, text, -1, NULL));
	ck_assert_int_eq(ph_conf_load(conf_path, &conf, &err), 0);
	ck_assert_int_eq(in_child(fill, &p), 0);
	damages[_i](p.path);

	/* A reader says so at start, and does not die of it. */
	ck_assert_int_eq(ph_directory_open(conf, &directory, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	err.kind = PH_ERR_NONE;
	p.file = ph_dirfile_new(p.path, MAP_SIZE, true);
	ck_assert_int_eq(ph_dirfile_open(p.file, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_int_eq(ph_dirfile_discard(p.file, &err), 0);
	ck_assert(g_file_test(aside, G_FILE_TEST_EXISTS));
	ck_assert_msg(ph_dirfile_open(p.file, &err) == 1, "%s", err.text);
	p.directory = ph_dirfile_directory(p.file);
	ck_assert_str_eq(people_find(p.directory, "u1@test.org"), TEMP);
	ph_conf_free(&conf);
	place_free(&p);
}
END_TEST

START_TEST(test_whole_is_whole)
{
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(fill, &p), 0);
	place_open(&p);
	ck_assert_str_eq(people_find(p.directory, "u1999@test.org"),
			 "u1999@test.org");
	place_free(&p);
}
END_TEST

static void
other_version(struct place *p)
{
	struct ph_dirwrite *write;

	place_open(p);
	write = begin(p);
	ck_assert_int_eq(ph_dirwrite_set_info(write, "version", "0", NULL), 0);
	commit(write);
	place_close(p);
}

START_TEST(test_version)
{
	struct ph_err err = PH_ERR_INIT;
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(other_version, &p), 0);
	p.file = ph_dirfile_new(p.path, MAP_SIZE, true);
	ck_assert_int_eq(ph_dirfile_open(p.file, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	place_free(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/directory/file_check");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_damaged, 0, G_N_ELEMENTS(damages));
	tcase_add_test(tc, test_whole_is_whole);
	tcase_add_test(tc, test_version);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
