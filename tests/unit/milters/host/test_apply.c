#include "milters/host/host_private.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * libmilter's own are replaced: what the MTA would be told is written down,
 * and can be refused.
 */
static GString *told;
static int answer;

static int tell(const char *format, ...) G_GNUC_PRINTF(1, 2);

static int
tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_string_append_vprintf(told, format, args);
	va_end(args);
	return answer;
}

int
smfi_addheader(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	return tell("add %s:%s\n", name, value);
}

int
smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	(void)ctx;
	if (value == NULL)
		return tell("remove %s %d\n", name, index);
	return tell("change %s %d:%s\n", name, index, value);
}

int
smfi_addrcpt_par(SMFICTX *ctx, char *address, char *params)
{
	(void)ctx;
	return tell("rcpt %s %s\n", address, params);
}

int
smfi_delrcpt(SMFICTX *ctx, char *address)
{
	(void)ctx;
	return tell("del %s\n", address);
}

int
smfi_replacebody(SMFICTX *ctx, unsigned char *body, int size)
{
	(void)ctx;
	return tell("body %.*s\n", size, (const char *)body);
}

static const struct ph_client client;

static struct ph_mail *
make(void)
{
	struct ph_mail *mail = ph_mail_new(&client, "a@b.test");

	ph_headers_add(mail->headers, "Subject", "hello");
	ph_headers_add(mail->headers, "X-A", "1");
	ph_headers_add(mail->headers, "x-a", "2");
	ph_headers_add(mail->headers, "X-A", "3");
	return mail;
}

static void
check(struct ph_mail *mail, bool leading, const char *expected)
{
	struct ph_err err = PH_ERR_INIT;

	told = g_string_new(NULL);
	answer = MI_SUCCESS;
	ck_assert_int_eq(ph_apply_changes(NULL, mail, leading, &err), 0);
	ck_assert_str_eq(told->str, expected);
	g_string_free(told, TRUE);
	ph_mail_free(&mail);
}

START_TEST(test_nothing)
{
	struct ph_mail *mail = make();

	ph_mail_add_recipient(mail, "u@a.test", NULL);
	check(mail, true, "");
}
END_TEST

START_TEST(test_set)
{
	struct ph_mail *mail = make();

	ck_assert_int_eq(ph_mail_set_header(mail, "X-A", "new", NULL), 0);
	ck_assert_int_eq(ph_mail_set_header(mail, "X-B", "added", NULL), 0);
	/* Twice: only the last counts. */
	ck_assert_int_eq(ph_mail_edit_header(mail, 0, "once", NULL), 0);
	ck_assert_int_eq(ph_mail_edit_header(mail, 0, "twice", NULL), 0);
	check(mail, true,
	      "change X-A 1: new\nremove X-A 3\nremove X-A 2\n"
	      "add X-B: added\nchange Subject 1: twice\n");
}
END_TEST

START_TEST(test_body)
{
	struct ph_mail *mail = make();
	static const guint8 text[] = {'n', 'e', 'w'};
	GByteArray *body = g_byte_array_new();

	mail->keep_body = true;
	ph_mail_add_body(mail, "old", 3);
	g_byte_array_append(body, text, sizeof(text));
	ph_mail_replace_body(mail, body);
	check(mail, true, "body new\n");
	mail = make();
	mail->keep_body = true;
	ph_mail_add_body(mail, "old", 3);
	check(mail, true, "");
}
END_TEST

START_TEST(test_back_again)
{
	struct ph_mail *mail = make();

	ck_assert_int_eq(ph_mail_edit_header(mail, 0, "other", NULL), 0);
	ck_assert_int_eq(ph_mail_edit_header(mail, 0, "hello", NULL), 0);
	ck_assert_int_eq(ph_mail_set_header(mail, "X-B", "added", NULL), 0);
	ph_mail_remove_header(mail, "X-B");
	check(mail, true, "");
}
END_TEST

START_TEST(test_remove_and_add)
{
	struct ph_mail *mail = make();

	ph_mail_remove_header(mail, "x-A");
	check(mail, true, "remove x-A 3\nremove x-A 2\nremove x-A 1\n");
	mail = make();
	ph_mail_remove_header(mail, "X-A");
	ck_assert_int_eq(ph_mail_set_header(mail, "X-A", "2", NULL), 0);
	check(mail, false, "change X-A 1:2\nremove X-A 3\nremove X-A 2\n");
}
END_TEST

/* milter_header_checks see what is told, even if it is the same. */
START_TEST(test_stamp)
{
	struct ph_mail *mail = make();

	ck_assert_int_eq(ph_mail_stamp_header(mail, "Subject", "hello", NULL),
			 0);
	check(mail, true, "change Subject 1: hello\n");
}
END_TEST

START_TEST(test_long_value)
{
	struct ph_mail *mail = make();
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *value = g_strnfill(70000, 'x');

	ck_assert_int_eq(ph_mail_set_header(mail, "Subject", value, NULL), 0);
	told = g_string_new(NULL);
	answer = MI_SUCCESS;
	ck_assert_int_eq(ph_apply_changes(NULL, mail, true, &err), 0);
	ck_assert_uint_eq(told->len, strlen("change Subject 1:\n") + 60000);
	g_string_free(told, TRUE);
	ph_mail_free(&mail);
}
END_TEST

static struct ph_recipient *
add_recipient(struct ph_mail *mail, const char *given, const char *address,
	      const char *param1, const char *param2)
{
	const char *const params[] = {param1, param2, NULL};
	struct ph_recipient *r = ph_mail_add_recipient(mail, given, params);

	g_free(r->address);
	r->address = g_strdup(address);
	return r;
}

START_TEST(test_recipients)
{
	struct ph_mail *mail = make();

	add_recipient(mail, "same@a.test", "same@a.test", NULL, NULL);
	add_recipient(mail, "w+x=@a.test", "u@a.test", NULL, NULL);
	add_recipient(mail, "v@a.test", "u2@a.test", "NOTIFY=NEVER",
		      "ORCPT=rfc822;first@x.test");
	add_recipient(mail, "gone@a.test", "u@a.test", NULL, NULL)->removed =
	    true;
	add_recipient(mail, NULL, "new@a.test", "NOTIFY=NEVER", NULL);
	check(mail, true,
	      "del <w+x=@a.test>\ndel <v@a.test>\ndel <gone@a.test>\n"
	      "rcpt <u@a.test> ORCPT=rfc822;w+2Bx+3D@a.test\n"
	      "rcpt <u2@a.test> NOTIFY=NEVER ORCPT=rfc822;first@x.test\n"
	      "rcpt <new@a.test> NOTIFY=NEVER\n");
}
END_TEST

/* To the MTA <"u"@a.test> is <u@a.test>: one cannot be removed without the
 * other, who must not be lost. */
START_TEST(test_two_spellings)
{
	struct ph_mail *mail = make();
	struct ph_recipient *r;

	add_recipient(mail, "u@a.test", "u@a.test", "NOTIFY=NEVER", NULL);
	r = add_recipient(mail, "u@a.test", "u@a.test", NULL, NULL);
	r->typed = g_strdup("\"u\"@a.test");
	r->removed = true;
	check(mail, true,
	      "del <u@a.test>\ndel <u@a.test>\ndel <\"u\"@a.test>\n"
	      "rcpt <u@a.test> NOTIFY=NEVER ORCPT=rfc822;u@a.test\n");
	mail = make();
	r = add_recipient(mail, "u@a.test", "u@a.test", NULL, NULL);
	r->typed = g_strdup("u@a.test.");
	check(mail, true, "");
}
END_TEST

START_TEST(test_refused)
{
	struct ph_mail *mail = make();
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_mail_set_header(mail, "X-B", "added", NULL), 0);
	told = g_string_new(NULL);
	answer = MI_FAILURE;
	ck_assert_int_eq(ph_apply_changes(NULL, mail, true, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	g_string_free(told, TRUE);
	ph_mail_free(&mail);
}
END_TEST

UNIT_MAIN("milters/host/apply", test_nothing, test_set, test_body,
	  test_back_again, test_remove_and_add, test_stamp, test_long_value,
	  test_recipients, test_two_spellings, test_refused)
