#include "cli/message.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct ph_client client;
static struct ph_mail *mail;
static struct ph_err err;

static int
parse(const char *text, size_t size)
{
	static const struct ph_err none = PH_ERR_INIT;

	ph_mail_free(&mail);
	mail = ph_mail_new(&client, "");
	err = none;
	return ph_message_parse(text, size, mail, &err);
}

static const char *
body(void)
{
	static char *text;

	g_free(text);
	text = mail->body ? g_strndup((char *)mail->body->data, mail->body->len)
			  : g_strdup("");
	return text;
}

/* "name=value|..." of the fields in order. */
static char *
fields(void)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < ph_headers_count(mail->headers); i++) {
		const struct ph_header *h = ph_headers_at(mail->headers, i);

		g_string_append_printf(out, "%s%s=%s", i > 0 ? "|" : "",
				       h->name, h->value);
	}
	return g_string_free(out, FALSE);
}

START_TEST(test_forms)
{
	static const struct {
		const char *text, *fields, *body;
		uint64_t size;
	} rows[] = {
	    {"A: 1\nB:2\n\nHello\nyou\n", "A=1|B=2", "Hello\r\nyou\r\n", 25},
	    {"A: 1\r\nB:2\r\n\r\nHello\r\nyou\r\n", "A=1|B=2",
	     "Hello\r\nyou\r\n", 25},
	    /* Without a line end at the end. */
	    {"A: 1\n\nHello", "A=1", "Hello\r\n", 15},
	    /* A folded field is as on the wire to a milter. */
	    {"A: 1\r\n 2\r\n\t3\r\n\r\n", "A=1\n 2\n\t3", "", 16},
	    /* The blank after the colon is not part of it, further ones are. */
	    {"A:   1 \n\n", "A=  1 ", "", 11},
	    {"A:\n\n", "A=", "", 6},
	    {"From bob Mon Jan  1\nA: 1\n\nx\n", "A=1", "x\r\n", 11},
	    /* A colon in the first line does not make it a field of mbox. */
	    {"From: bob\n\nx\n", "From=bob", "x\r\n", 16},
	    /* What is no field ends the header, as in Postfix. */
	    {"A: 1\nno field\nB: 2\n", "A=1", "no field\r\nB: 2\r\n", 22},
	    {"no header at all\n", "", "no header at all\r\n", 18},
	    {"A: 1\n", "A=1", "", 6},
	    {"A: 1", "A=1", "", 6},
	    {"A : 1\n", "", "A : 1\r\n", 7},
	    {": 1\n", "", ": 1\r\n", 5},
	    {"\n\nx\n", "", "\r\nx\r\n", 7},
	    {" folded\nA: 1\n", "", " folded\r\nA: 1\r\n", 15},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *is = NULL;

		ck_assert_int_eq(parse(rows[i].text, strlen(rows[i].text)), 0);
		is = fields();
		ck_assert_str_eq(is, rows[i].fields);
		ck_assert_str_eq(body(), rows[i].body);
		ck_assert_msg(mail->size == rows[i].size, "%s: %d",
			      rows[i].text, (int)mail->size);
	}
	ph_mail_free(&mail);
}
END_TEST

/* Cut anywhere it is still a message: nothing is read behind its end. */
START_TEST(test_cut)
{
	static const char whole[] =
	    "From x\r\nA: 1\r\n 2\r\nB: 3\r\n\r\nHello\r\n";

	for (size_t i = 0; i < sizeof whole; i++) {
		g_autofree char *copy = g_memdup2(whole, i + 1);

		/* Of its own size, so that a sanitizer sees one more. */
		copy = g_realloc(copy, i > 0 ? i : 1);
		ck_assert_int_eq(parse(copy, i), 0);
	}
	ph_mail_free(&mail);
}
END_TEST

START_TEST(test_large_header)
{
	static const char name[] = {'X', ':', ' '};
	static const char end[] = {'\n', '\n'};
	size_t size = (size_t)5 * 1024 * 1024;
	g_autofree char *text = g_malloc(size * 4 + 16);

	/* One field of 5 MB is whole. */
	memset(text, 'a', size);
	memcpy(text, name, sizeof name);
	memcpy(text + size, end, sizeof end);
	ck_assert_int_eq(parse(text, size + 2), 0);
	ck_assert_uint_eq(strlen(ph_headers_raw(mail->headers, "X", 0)),
			  size - 3);
	/* More than 16 MB is what the daemons refuse. */
	memset(text, 'a', size * 4);
	memcpy(text, name, sizeof name);
	ck_assert_int_eq(parse(text, size * 4), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "16 MB"));
	ph_mail_free(&mail);
}
END_TEST

UNIT_MAIN("cli/message", test_forms, test_cut, test_large_header)
