#include "store/mailbox/path.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name, *component;
} components[] = {
    {"nuno", "nuno"},
    {"NuNo", "nuno"},
    {"example.com", "example.com"},
    {"first.last+tag", "first.last+tag"},
    {".", "%2E"},
    {"..", "%2E."},
    {"../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"},
    {".posthub", "%2Eposthub"},
    {"a/b", "a%2Fb"},
    {"a%2fb", "a%252fb"},
    {"a~b", "a%7Eb"},
    {"a:b", "a%3Ab"},
    {"a b", "a%20b"},
    {"a\nb\x7f", "a%0Ab%7F"},
    {"\xc3\xa4", "%C3%A4"},
    {"", "%"},
};

START_TEST(test_component)
{
	for (size_t i = 0; i < G_N_ELEMENTS(components); i++) {
		g_autofree char *got = ph_path_component(components[i].name);

		ck_assert_str_eq(got, components[i].component);
	}
}
END_TEST

START_TEST(test_long_component)
{
	g_autofree char *name = g_strnfill(300, 'a');
	g_autofree char *other = g_strconcat(name, "b", NULL);
	g_autofree char *fits = g_strnfill(200, 'a');
	g_autofree char *one = ph_path_component(name);
	g_autofree char *two = ph_path_component(other);
	g_autofree char *three = ph_path_component(fits);

	ck_assert_uint_le(strlen(one), 200);
	ck_assert_str_ne(one, two);
	ck_assert_ptr_nonnull(strchr(one, '~'));
	ck_assert_str_eq(three, fits);
}
END_TEST

START_TEST(test_walk)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *leaf = g_build_filename(root, "a", "b", NULL);
	const char *const path[] = {"a", "b", NULL};
	int dir = open(root, O_RDONLY | O_DIRECTORY);
	int fd;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_path_walk(dir, path, false, false, &err), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	fd = ph_path_walk(dir, path, true, true, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert(g_file_test(leaf, G_FILE_TEST_IS_DIR));
	ph_path_close(&fd);
	ck_assert_int_eq(fd, -1);
	ph_path_close(&fd);
	close(dir);
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_walk_follows_no_link)
{
	g_autofree char *root = unit_mkdir(), *outside = unit_mkdir();
	g_autofree char *link = g_build_filename(root, "a", NULL);
	const char *const path[] = {"a", "b", NULL};
	int dir = open(root, O_RDONLY | O_DIRECTORY);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(symlink(outside, link), 0);
	ck_assert_int_eq(ph_path_walk(dir, path, true, false, &err), -1);
	ck_assert(errno == ELOOP || errno == ENOTDIR);
	ck_assert_int_eq(rmdir(outside), 0); /* still empty */
	close(dir);
	unit_rmdir(&root);
}
END_TEST

UNIT_MAIN("store/mailbox/path", test_component, test_long_component, test_walk,
	  test_walk_follows_no_link)
