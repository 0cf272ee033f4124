#include "cli/setup.h"
#include "tests/unit/unit.h"

#include <string.h>

static char *dir;

/* A queue file with these words before the content, in it, and behind it. */
static void
put(const char *name, const char *head, const char *content, const char *tail)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *folder = g_path_get_dirname(path);
	size_t begin = 2 + 95 + strlen(head);
	g_autofree char *record =
	    g_strdup_printf("C_%15zu %15zu %15d %15d %15zu", strlen(content),
			    begin, 1, 0, strlen(content));
	g_autofree char *all =
	    g_strdup_printf("%-97s%s%s%s", record, head, content, tail);

	ck_assert_int_eq(g_mkdir_with_parents(folder, 0700), 0);
	ck_assert(g_file_set_contents(path, all, -1, NULL));
}

static const struct {
	const char *file, *head, *content, *tail;
	bool named;
} rows[] = {
    {"active/A", "S a@b.test", "N hello", "R x@c.test", false},
    {"active/A", "L ph-out-for-x:[h]:25", "N hello", "R x", true},
    {"deferred/D/EF/DEF", "S", "N hello", "L ph-out-for-x:h", true},
    {"incoming/I", "S", "N hello", "L ph-out-for-x:h", true},
    {"hold/H", "S", "N hello", "L ph-out-for-x:h", true},
    {"corrupt/C", "S", "N hello", "L ph-out-for-x:h", false},
    /* What somebody writes is no way that it takes. */
    {"deferred/A", "S", "N ph-out-for-x:h", "R x", false},
    {"deferred/A", "S", "N hello", "L ph-out-for-xy:h", false},
    {"deferred/A", "S", "N hello", "L ph-out:h", false},
};

static int
is_named(const char *transport)
{
	const char *const transports[] = {transport, NULL};
	struct ph_err err = PH_ERR_INIT;
	bool named = true;

	ck_assert_msg(ph_postfix_queue_names(dir, transports, &named, &err) ==
			  0,
		      "%s", err.text);
	return named;
}

START_TEST(test_named)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		dir = unit_mkdir();
		put(rows[i].file, rows[i].head, rows[i].content, rows[i].tail);
		ck_assert_msg(is_named("ph-out-for-x") == rows[i].named, "%zu",
			      i);
		unit_rmdir(&dir);
	}
}
END_TEST

/* All of them, in one reading. */
START_TEST(test_several)
{
	static const char *const transports[] = {"ph-out-for-x", "ph-out-for-y",
						 "ph-out-for-longer",
						 "ph-out-for-none", NULL};
	struct ph_err err = PH_ERR_INIT;
	bool named[4];

	dir = unit_mkdir();
	put("active/A", "L ph-out-for-y:h", "N hello", "");
	put("deferred/B", "S", "N hello", "L ph-out-for-longer:h");
	put("hold/C", "S", "N ph-out-for-none:h", "L ph-out-for-x:h");
	ck_assert_int_eq(ph_postfix_queue_names(dir, transports, named, &err),
			 0);
	ck_assert(named[0] && named[1] && named[2] && !named[3]);
	unit_rmdir(&dir);
}
END_TEST

/* Behind many recipients, or what a milter has added to the content; across
 * the parts that a file is read in. */
START_TEST(test_far_behind)
{
	static const size_t sizes[] = {(1 << 20) - 20, (1 << 20) - 5,
				       (1 << 20),      (1 << 20) + 100,
				       (2 << 20) - 8,  5 << 20};

	for (size_t i = 0; i < 2 * G_N_ELEMENTS(sizes); i++) {
		g_autofree char *much = g_strnfill(sizes[i / 2], 'x');
		g_autofree char *text =
		    g_strconcat(much, "L ph-out-for-x:h", NULL);

		dir = unit_mkdir();
		put("deferred/D/DEF", i % 2 == 0 ? text : "S", "N hello",
		    i % 2 == 0 ? "R x" : text);
		ck_assert_msg(is_named("ph-out-for-x"), "%zu", i);
		ck_assert(!is_named("ph-out-for-y"));
		unit_rmdir(&dir);
	}
}
END_TEST

/* A file that cleanup(8) is at, or that is none, says nothing. */
START_TEST(test_other_files)
{
	g_autofree char *active = NULL, *path = NULL;

	dir = unit_mkdir();
	ck_assert(!is_named("ph-out-for-x"));
	active = g_build_filename(dir, "active", NULL);
	path = g_build_filename(active, "A", NULL);
	ck_assert_int_eq(g_mkdir_with_parents(active, 0700), 0);
	ck_assert(g_file_set_contents(path, "", 0, NULL));
	ck_assert(!is_named("ph-out-for-x"));
	ck_assert(g_file_set_contents(path, "ph-out-for-x:h", -1, NULL));
	ck_assert(!is_named("ph-out-for-x"));
	unit_rmdir(&dir);
}
END_TEST

/* What somebody has edited since it was read is not written over. */
START_TEST(test_edited_meanwhile)
{
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *path = NULL, *backup = NULL, *text = NULL;

	dir = unit_mkdir();
	path = g_build_filename(dir, "master.cf", NULL);
	backup = g_strconcat(path, ".posthub-backup", NULL);
	ck_assert(g_file_set_contents(path, "edited\n", -1, NULL));
	ck_assert_int_eq(
	    ph_postfix_replace(dir, "as read\n", "as read\n", "new\n", &err),
	    -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "changed it meanwhile"));
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "edited\n");
	ck_assert(!g_file_test(backup, G_FILE_TEST_EXISTS));
	unit_rmdir(&dir);
}
END_TEST

UNIT_MAIN("cli/setup_queue", test_named, test_several, test_far_behind,
	  test_other_files, test_edited_meanwhile)
