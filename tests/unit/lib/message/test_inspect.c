#include "lib/message/inspect.h"
#include "tests/unit/lib/message/mail.h"
#include "tests/unit/unit.h"

#include <string.h>

static const char message[] =
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n--b\n"
    "Content-Type: text/plain; name=notes.txt\n\nnotes\n--b\n"
    "Content-Type: application/pdf; name=x.pdf\n\n%PDF\n--b\n"
    "Content-Type: message/rfc822\n\nSubject: x\n\nin\n--b--";

START_TEST(test_plain_files)
{
	struct mail mail;
	struct ph_inspection *inspection;
	const struct ph_inspect_file *files;
	size_t n;

	mail_open(&mail, message, strlen(message));
	inspection = ph_inspect_plain(mail.content);
	ck_assert_int_eq(ph_inspect_files(inspection, &files, &n, NULL), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(files[0].name, "notes.txt");
	ck_assert_uint_eq(files[0].size, 5);
	ck_assert_str_eq(files[1].name, "x.pdf");
	ck_assert_uint_eq(files[1].size, 4);
	ck_assert_str_eq(files[2].name, "");
	ck_assert_uint_eq(files[2].size, 14);
	ph_inspect_free(&inspection);
	ck_assert_ptr_null(inspection);
	ph_inspect_free(&inspection);
	mail_close(&mail);
}
END_TEST

START_TEST(test_plain_text)
{
	struct mail mail;
	struct ph_inspection *inspection;
	struct ph_err err = PH_ERR_INIT;
	const char *text;
	const char *again;
	size_t size;

	mail_open(&mail, message, strlen(message));
	inspection = ph_inspect_plain(mail.content);
	ck_assert_int_eq(ph_inspect_text(inspection, 0, &text, &size, NULL), 0);
	ck_assert_str_eq(text, "notes");
	ck_assert_uint_eq(size, 5);
	ck_assert_int_eq(ph_inspect_text(inspection, 0, &again, &size, NULL),
			 0);
	ck_assert_ptr_eq(again, text);
	ck_assert_int_eq(ph_inspect_text(inspection, 1, &text, &size, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "application/pdf"));
	ck_assert_int_eq(ph_inspect_text(inspection, 2, &text, &size, NULL), 0);
	ck_assert_uint_eq(size, 0);
	ph_inspect_free(&inspection);
	mail_close(&mail);
}
END_TEST

START_TEST(test_plain_flags)
{
	static const enum ph_inspect_flag flags[] = {PH_INSPECT_UNSUPPORTED,
						     PH_INSPECT_EXECUTABLE,
						     PH_INSPECT_PROTECTED};
	struct mail mail;
	struct ph_inspection *inspection;
	const struct ph_inspect_property *properties;
	const struct ph_inspect_finding *findings;
	bool yes;
	size_t n;

	mail_open(&mail, message, strlen(message));
	inspection = ph_inspect_plain(mail.content);
	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
		for (size_t file = 0; file < 3; file += 2) {
			yes = true;
			ck_assert_int_eq(ph_inspect_flag(inspection, file,
							 flags[i], &yes, NULL),
					 0);
			ck_assert(!yes);
		}
		ck_assert_int_eq(
		    ph_inspect_flag(inspection, 1, flags[i], &yes, NULL), -1);
	}
	for (size_t file = 0; file < 3; file++) {
		yes = true;
		ck_assert_int_eq(ph_inspect_flag(inspection, file,
						 PH_INSPECT_LIMIT, &yes, NULL),
				 0);
		ck_assert(!yes);
	}
	n = 1;
	ck_assert_int_eq(
	    ph_inspect_properties(inspection, 0, &properties, &n, NULL), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(
	    ph_inspect_properties(inspection, 1, &properties, &n, NULL), -1);
	ck_assert_int_eq(ph_inspect_findings(inspection, &findings, &n, NULL),
			 -1);
	ph_inspect_free(&inspection);
	mail_close(&mail);
}
END_TEST

START_TEST(test_plain_limit)
{
	GString *text =
	    g_string_new("Content-Type: multipart/mixed; boundary=b\n\n");
	struct mail mail;
	struct ph_inspection *inspection;
	bool yes = false;

	for (size_t i = 0; i <= PH_CONTENT_PARTS; i++)
		g_string_append(text, "--b\nContent-Type: a/b\n\n\n");
	mail_open(&mail, text->str, text->len);
	inspection = ph_inspect_plain(mail.content);
	ck_assert_int_eq(
	    ph_inspect_flag(inspection, 0, PH_INSPECT_LIMIT, &yes, NULL), 0);
	ck_assert(yes);
	ph_inspect_free(&inspection);
	mail_close(&mail);
	g_string_free(text, TRUE);
}
END_TEST

START_TEST(test_memory)
{
	struct ph_inspect_property own[] = {{"Project", "Blue"}, {NULL, NULL}};
	struct ph_inspect_row rows[] = {
	    {.name = "a.docx", .size = 7, .text = "words", .properties = own},
	    {.name = "b.exe", .size = 9},
	};
	struct ph_inspect_finding found[] = {{"Card", "id", 2, 85, 75}};
	struct ph_inspection *inspection;
	const struct ph_inspect_file *files;
	const struct ph_inspect_property *properties;
	const struct ph_inspect_finding *findings;
	const char *text;
	size_t n;
	bool yes;

	rows[1].flags[PH_INSPECT_EXECUTABLE] = true;
	inspection = ph_inspect_memory(rows, 2, found, 1);
	memset(rows, 0, sizeof(rows)); /* they were copied */
	memset(found, 0, sizeof(found));
	memset(own, 0, sizeof(own));
	ck_assert_int_eq(ph_inspect_files(inspection, &files, &n, NULL), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(files[1].name, "b.exe");
	ck_assert_uint_eq(files[1].size, 9);
	ck_assert_int_eq(ph_inspect_text(inspection, 0, &text, &n, NULL), 0);
	ck_assert_str_eq(text, "words");
	ck_assert_uint_eq(n, 5);
	ck_assert_int_eq(ph_inspect_text(inspection, 1, &text, &n, NULL), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(
	    ph_inspect_flag(inspection, 1, PH_INSPECT_EXECUTABLE, &yes, NULL),
	    0);
	ck_assert(yes);
	ck_assert_int_eq(
	    ph_inspect_flag(inspection, 0, PH_INSPECT_EXECUTABLE, &yes, NULL),
	    0);
	ck_assert(!yes);
	ck_assert_int_eq(
	    ph_inspect_properties(inspection, 0, &properties, &n, NULL), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(properties[0].value, "Blue");
	ck_assert_int_eq(
	    ph_inspect_properties(inspection, 1, &properties, &n, NULL), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(ph_inspect_findings(inspection, &findings, &n, NULL),
			 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(findings[0].id, "id");
	ck_assert_uint_eq(findings[0].recommended, 75);
	ph_inspect_free(&inspection);
	inspection = ph_inspect_memory(NULL, 0, NULL, 0);
	ck_assert_int_eq(ph_inspect_files(inspection, &files, &n, NULL), 0);
	ck_assert_uint_eq(n, 0);
	ph_inspect_free(&inspection);
}
END_TEST

static void
check_failure(int r, struct ph_err *err)
{
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(err->kind, PH_ERR_TEMP);
	ck_assert_str_eq(err->text, "scanner is away");
	*err = (struct ph_err)PH_ERR_INIT;
}

START_TEST(test_failing)
{
	struct ph_inspection *inspection =
	    ph_inspect_failing(PH_ERR_TEMP, "scanner is away");
	struct ph_err err = PH_ERR_INIT;
	const struct ph_inspect_file *files;
	const struct ph_inspect_property *properties;
	const struct ph_inspect_finding *findings;
	const char *text;
	size_t n;
	bool yes;

	check_failure(ph_inspect_files(inspection, &files, &n, &err), &err);
	check_failure(ph_inspect_text(inspection, 0, &text, &n, &err), &err);
	check_failure(
	    ph_inspect_flag(inspection, 0, PH_INSPECT_LIMIT, &yes, &err), &err);
	check_failure(
	    ph_inspect_properties(inspection, 0, &properties, &n, &err), &err);
	check_failure(ph_inspect_findings(inspection, &findings, &n, &err),
		      &err);
	ph_inspect_free(&inspection);
}
END_TEST

/* Functions that are not there cannot say. */
START_TEST(test_nothing)
{
	static const struct ph_inspect_ops ops = {.name = "empty"};
	struct ph_inspection *inspection = ph_inspect_new(&ops, NULL);
	struct ph_err err = PH_ERR_INIT;
	const struct ph_inspect_file *files;
	const struct ph_inspect_property *properties;
	const char *text;
	size_t n;
	bool yes;

	ck_assert_int_eq(ph_inspect_files(inspection, &files, &n, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_int_eq(ph_inspect_text(inspection, 0, &text, &n, NULL), -1);
	ck_assert_int_eq(
	    ph_inspect_flag(inspection, 0, PH_INSPECT_LIMIT, &yes, NULL), -1);
	ck_assert_int_eq(
	    ph_inspect_properties(inspection, 0, &properties, &n, NULL), -1);
	ph_inspect_free(&inspection);
}
END_TEST

UNIT_MAIN("lib/message/inspect", test_plain_files, test_plain_text,
	  test_plain_flags, test_plain_limit, test_memory, test_failing,
	  test_nothing)
