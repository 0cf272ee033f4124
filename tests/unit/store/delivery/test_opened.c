#include "store/delivery/opened.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static struct ph_opened *
load(const char *path, const char *root)
{
	struct ph_opened *opened;

	ck_assert_int_eq(ph_opened_load(path, root, &opened, NULL), 0);
	return opened;
}

START_TEST(test_remembered)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "stores", NULL);
	struct ph_opened *opened = load(path, "/srv/mail");

	ck_assert(!ph_opened_has(opened, "DB1"));
	ck_assert_int_eq(ph_opened_add(opened, "DB1", NULL), 0);
	ck_assert_int_eq(ph_opened_add(opened, "My\tDB\n2", NULL), 0);
	ph_opened_free(&opened);
	opened = load(path, "/srv/mail");
	ck_assert(ph_opened_has(opened, "db1"));
	ck_assert(ph_opened_has(opened, "my\tdb\n2"));
	ck_assert(!ph_opened_has(opened, "db"));
	ck_assert(!ph_opened_has(opened, "db2"));
	ph_opened_free(&opened);
	/* Another store is another disk. */
	opened = load(path, "/srv/other");
	ck_assert(!ph_opened_has(opened, "db1"));
	ck_assert_int_eq(ph_opened_add(opened, "db1", NULL), 0);
	ph_opened_free(&opened);
	opened = load(path, "/srv/mail");
	ck_assert(ph_opened_has(opened, "db1"));
	ph_opened_free(&opened);
	unit_rmdir(&dir);
}
END_TEST

START_TEST(test_damaged)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "stores", NULL);
	struct ph_opened *opened = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert(g_file_set_contents(path, "db1\t/srv\nrubbish\n", -1, NULL));
	ck_assert_int_eq(ph_opened_load(path, "/srv", &opened, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "stores: damaged: \"rubbish\""));
	unit_rmdir(&dir);
}
END_TEST

/* It is known all the same. */
START_TEST(test_not_written)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "gone", "stores", NULL);
	struct ph_opened *opened = load(path, "/srv");
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_opened_add(opened, "db1", &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert(ph_opened_has(opened, "db1"));
	ph_opened_free(&opened);
	unit_rmdir(&dir);
}
END_TEST

UNIT_MAIN("store/delivery/opened", test_remembered, test_damaged,
	  test_not_written)
