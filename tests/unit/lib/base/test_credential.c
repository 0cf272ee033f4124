#include "lib/base/credential.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

START_TEST(test_password)
{
	static const struct {
		const char *file, *password; /* NULL: refused */
	} rows[] = {
	    {"secret\n", "secret"},
	    {"a secret of ours\r\nnot this\n", "a secret of ours"},
	    {"secret", "secret"},
	    {"\nsecret\n", NULL},
	    {"", NULL},
	    {NULL, NULL},
	};
	char *directory = unit_mkdir();
	g_autofree char *path = g_build_filename(directory, "file", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_err err = PH_ERR_INIT;
		char *password = NULL;
		int r;

		if (rows[i].file != NULL)
			ck_assert(
			    g_file_set_contents(path, rows[i].file, -1, NULL));
		else
			ck_assert_int_eq(remove(path), 0);
		r = ph_password_read(path, &password, &err);
		ck_assert_int_eq(r, rows[i].password != NULL ? 0 : -1);
		ck_assert_int_eq(g_strcmp0(password, rows[i].password), 0);
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

UNIT_MAIN("lib/base/credential", test_password, test_plain)
