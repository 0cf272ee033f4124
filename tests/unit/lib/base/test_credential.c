#include "lib/base/credential.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define LIMIT 4096

static const struct {
	const char *text, *line; /* line NULL: refused */
} rows[] = {
    {"user:secret\n", "user:secret"},
    {"user:secret", "user:secret"},
    {"user:se:cret\r\nmore:of it\n", "user:se:cret"},
    {":\n", ":"},
    {"user\n", NULL},
    {"user\nother:secret\n", NULL},
    {"\nuser:secret\n", NULL},
    {"", NULL},
};

START_TEST(test_lines)
{
	char *root = unit_mkdir();
	g_autofree char *file = g_build_filename(root, "file", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) line = g_string_new("before ");
		struct ph_err err = PH_ERR_INIT;
		int r;

		ck_assert(g_file_set_contents(file, rows[i].text, -1, NULL));
		r = ph_credential_read(root, "file", line, &err);
		ck_assert_msg(r == (rows[i].line ? 0 : -1), "%zu", i);
		ck_assert_str_eq(line->str + 7,
				 rows[i].line ? rows[i].line : "");
		if (r < 0)
			ck_assert_ptr_nonnull(strstr(err.text, file));
	}
	unit_rmdir(&root);
}
END_TEST

/* At the limit, one over, and what never ends: which is not read to find
 * out. */
START_TEST(test_length)
{
	char *root = unit_mkdir();
	g_autofree char *file = g_build_filename(root, "file", NULL);

	for (gsize over = 0; over < 2; over++) {
		g_autofree char *rest = g_strnfill(LIMIT + over - 5, 'x');
		g_autofree char *text = g_strconcat("user:", rest, NULL);
		g_autoptr(GString) line = g_string_new(NULL);

		ck_assert(g_file_set_contents(file, text, -1, NULL));
		ck_assert_int_eq(ph_credential_read(root, "file", line, NULL),
				 over == 0 ? 0 : -1);
		ck_assert_uint_eq(line->len, over == 0 ? LIMIT : 0);
	}
#ifndef __SANITIZE_ADDRESS__
	ck_assert_int_eq(
	    setrlimit(RLIMIT_AS, &(struct rlimit){256 << 20, 256 << 20}), 0);
#endif
	for (int i = 0; i < 2; i++) {
		g_autoptr(GString) line = g_string_new(NULL);

		ck_assert_int_eq(ph_credential_read("/dev",
						    i == 0 ? "zero" : "none",
						    line, NULL),
				 -1);
	}
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_password)
{
	static const struct {
		const char *text, *password; /* NULL: refused */
	} files[] = {
	    {"secret\n", "secret"},
	    {"a secret of ours\r\nnot this\n", "a secret of ours"},
	    {"secret", "secret"},
	    {"\nsecret\n", NULL},
	    {"", NULL},
	    {NULL, NULL},
	};
	char *directory = unit_mkdir();
	g_autofree char *path = g_build_filename(directory, "file", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		struct ph_err err = PH_ERR_INIT;
		char *password = NULL;
		int r;

		if (files[i].text != NULL)
			ck_assert(
			    g_file_set_contents(path, files[i].text, -1, NULL));
		else
			ck_assert_int_eq(remove(path), 0);
		r = ph_password_read(path, &password, &err);
		ck_assert_int_eq(r, files[i].password != NULL ? 0 : -1);
		ck_assert_int_eq(g_strcmp0(password, files[i].password), 0);
		if (r < 0) {
			ck_assert_int_eq(err.kind, PH_ERR_PERM);
			ck_assert_ptr_nonnull(strstr(err.text, path));
			ck_assert_ptr_null(strstr(err.text, "secret"));
		}
		ph_secret_free(&password);
		ck_assert_ptr_null(password);
	}
	unit_rmdir(&directory);
}
END_TEST

START_TEST(test_plain)
{
	/* RFC 4616 section 4. */
	char *own = ph_secret_plain("", "tim", "tanstaaftanstaaf");
	char *other = ph_secret_plain("Ursel", "Kurt", "xipj3plmq");

	ck_assert_str_eq(own, "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
	ck_assert_str_eq(other, "VXJzZWwAS3VydAB4aXBqM3BsbXE=");
	ph_secret_free(&own);
	ph_secret_free(&other);
}
END_TEST

UNIT_MAIN("lib/base/credential", test_lines, test_length, test_password,
	  test_plain)
