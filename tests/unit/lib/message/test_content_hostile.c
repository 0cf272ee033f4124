#include "lib/message/content.h"
#include "tests/unit/lib/message/mail.h"
#include "tests/unit/unit.h"

#include <string.h>

/* Limits, and that nothing that can be sent does harm. */

static size_t
count_parts(struct mail *mail)
{
	size_t n;

	ph_content_parts(mail->content, &n);
	return n;
}

static void
open_parts(struct mail *mail, size_t n)
{
	GString *text =
	    g_string_new("Content-Type: multipart/mixed; boundary=b\n\n");

	for (size_t i = 0; i < n; i++)
		g_string_append_printf(text, "--b\n\np%zu\n", i);
	g_string_append(text, "--b--\n");
	mail_open(mail, text->str, text->len);
	g_string_free(text, TRUE);
}

START_TEST(test_parts)
{
	struct mail mail;
	g_autofree char *texts = NULL;

	/* The container counts as well. */
	open_parts(&mail, PH_CONTENT_PARTS - 1);
	ck_assert_uint_eq(count_parts(&mail), PH_CONTENT_PARTS - 1);
	ck_assert(!ph_content_truncated(mail.content));
	mail_close(&mail);
	open_parts(&mail, PH_CONTENT_PARTS);
	ck_assert_uint_eq(count_parts(&mail), PH_CONTENT_PARTS - 1);
	ck_assert(ph_content_truncated(mail.content));
	texts = mail_texts(&mail);
	ck_assert(g_str_has_prefix(texts, "p0|p1|p2|"));
	mail_close(&mail);
	open_parts(&mail, 1000000);
	ck_assert_uint_eq(count_parts(&mail), PH_CONTENT_PARTS - 1);
	ck_assert(ph_content_truncated(mail.content));
	mail_close(&mail);
}
END_TEST

static void
open_nested(struct mail *mail, size_t depth)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < depth; i++)
		g_string_append_printf(text,
				       "Content-Type: multipart/mixed; "
				       "boundary=b%zu\n\n--b%zu\n\nt%zu\n"
				       "--b%zu\n",
				       i, i, i, i);
	g_string_append(text, "\nbottom");
	for (size_t i = depth; i-- > 0;)
		g_string_append_printf(text, "\n--b%zu--", i);
	mail_open(mail, text->str, text->len);
	g_string_free(text, TRUE);
}

START_TEST(test_depth)
{
	struct mail mail;

	open_nested(&mail, PH_CONTENT_DEPTH);
	ck_assert_uint_eq(count_parts(&mail), PH_CONTENT_DEPTH + 1);
	ck_assert(!ph_content_truncated(mail.content));
	ck_assert_str_eq(mail_reason(&mail), "");
	mail_close(&mail);
	open_nested(&mail, PH_CONTENT_DEPTH + 1);
	ck_assert_uint_eq(count_parts(&mail), PH_CONTENT_DEPTH);
	ck_assert(ph_content_truncated(mail.content));
	mail_close(&mail);
	/* Stops earlier, for being read through too often. */
	open_nested(&mail, 5000);
	ck_assert_uint_gt(count_parts(&mail), 1);
	ck_assert(ph_content_truncated(mail.content));
	mail_close(&mail);
}
END_TEST

START_TEST(test_messages)
{
	GString *text = g_string_new(NULL);
	struct mail mail;

	for (size_t i = 0; i < 500; i++)
		g_string_append(text, "Content-Type: message/rfc822\n\n");
	g_string_append(text, "\nbottom");
	mail_open(&mail, text->str, text->len);
	ck_assert_uint_eq(count_parts(&mail), PH_CONTENT_DEPTH);
	ck_assert(ph_content_truncated(mail.content));
	mail_close(&mail);
	g_string_free(text, TRUE);
}
END_TEST

/* A large body inside many parts would be read through for each of them. */
START_TEST(test_passes)
{
	GString *text = g_string_new(NULL);
	struct mail mail;

	for (size_t i = 0; i < 90; i++)
		g_string_append_printf(text,
				       "Content-Type: multipart/mixed; "
				       "boundary=b%zu\n\n--b%zu\n",
				       i, i);
	g_string_append_c(text, '\n');
	for (size_t i = 0; i < 1000000; i++)
		g_string_append(text, "0123456\n");
	mail_open(&mail, text->str, text->len);
	ck_assert(ph_content_truncated(mail.content));
	mail_close(&mail);
	g_string_free(text, TRUE);
}
END_TEST

/* Every level is a text of what is inside it as well: three texts a level, each
 * of nearly the whole body. */
START_TEST(test_readings)
{
	GString *text = g_string_new(NULL);
	struct mail mail;
	const struct ph_part *parts;
	uint64_t sum = 0;
	size_t n;

	for (size_t i = 0; i < 90; i++)
		g_string_append_printf(
		    text,
		    "Content-Transfer-Encoding: quoted-printable\n"
		    "Content-Type: text/plain\nContent-Type: text/html\n"
		    "Content-Type: a/b\nContent-Type: multipart/mixed; "
		    "boundary=b%zu\n\n--b%zu\n",
		    i, i);
	g_string_append_c(text, '\n');
	for (size_t i = 0; i < 1000000; i++)
		g_string_append(text, "01234=3D");
	mail_open(&mail, text->str, text->len);
	ck_assert(ph_content_truncated(mail.content));
	parts = ph_content_parts(mail.content, &n);
	for (size_t i = 0; i < n; i++)
		sum += parts[i].size;
	ck_assert_uint_gt(sum, mail.size);
	ck_assert_uint_le(sum, mail.size * 5);
	mail_close(&mail);
	g_string_free(text, TRUE);
}
END_TEST

static void
open_text(struct mail *mail, const char *header, size_t size, const char *end)
{
	GString *text = g_string_new(header);

	g_string_append(text, "\n\n");
	size += text->len;
	while (text->len < size)
		g_string_append_len(text, "some more text\n",
				    (gssize)MIN(size - text->len, 15));
	g_string_append(text, end);
	mail_open(mail, text->str, text->len);
	g_string_free(text, TRUE);
}

START_TEST(test_text)
{
	const char *const *texts;
	const size_t *sizes;
	struct mail mail;
	size_t n;

	open_text(&mail, "X: x", PH_CONTENT_TEXT, "");
	texts = ph_content_texts(mail.content, &sizes, &n);
	ck_assert_uint_eq(sizes[0], PH_CONTENT_TEXT);
	ck_assert_uint_eq(strlen(texts[0]), PH_CONTENT_TEXT);
	ck_assert(!ph_content_truncated(mail.content));
	mail_close(&mail);
	/* Cut before a character that does not fit. */
	open_text(&mail, "X: x", PH_CONTENT_TEXT - 1, "\xc3\xa9");
	texts = ph_content_texts(mail.content, &sizes, &n);
	ck_assert_uint_eq(sizes[0], PH_CONTENT_TEXT - 1);
	ck_assert(g_utf8_validate(texts[0], -1, NULL));
	ck_assert(ph_content_truncated(mail.content));
	mail_close(&mail);
	open_text(&mail, "Content-Type: text/plain; charset=koi8-r",
		  PH_CONTENT_TEXT * 2, "");
	ph_content_texts(mail.content, &sizes, &n);
	ck_assert_uint_eq(sizes[0], PH_CONTENT_TEXT);
	ck_assert(ph_content_truncated(mail.content));
	mail_close(&mail);
}
END_TEST

/* Fields of any length and number. */
START_TEST(test_fields)
{
	static const char *const values[] = {
	    "text/plain; x=\"",
	    "text/plain; charset*=",
	    "text/plain;a=b;",
	    "text/plain; name*0=",
	    "((((((((((",
	    "\\\\\\\\",
	    "multipart/mixed; boundary=",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		GString *text = g_string_new("Content-Type: ");
		struct mail mail;

		while (text->len < 4000000)
			g_string_append(text, values[i]);
		g_string_append(text, "'en'x\n\nx");
		mail_open(&mail, text->str, text->len);
		ck_assert_str_ne(mail_reason(&mail), "");
		mail_close(&mail);
		g_string_free(text, TRUE);
	}
}
END_TEST

START_TEST(test_many_fields)
{
	GString *text =
	    g_string_new("Content-Type: multipart/mixed; boundary=b\n\n--b\n");
	struct mail mail;

	for (size_t i = 0; i < 100000; i++)
		g_string_append_printf(text, "Content-Type: a/b%zu\n", i);
	g_string_append(text, "\nx\n--b--");
	mail_open(&mail, text->str, text->len);
	ck_assert_uint_eq(count_parts(&mail), 4);
	ck_assert(ph_content_truncated(mail.content));
	ck_assert_str_eq(mail_reason(&mail), "several Content-Type fields");
	mail_close(&mail);
	g_string_free(text, TRUE);
}
END_TEST

static const char *const samples[] = {
    "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n"
    "Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n"
    "Content-Type: text/plain; charset=utf-16\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\na=00b=\r\n=00\r\n"
    "--c\r\nContent-Type: text/html; charset=koi8-r\r\n\r\n"
    "<p>\xd0\xd2\xc9&eacute;&#160;<!-- x --><a href=\"x\">y</a>\r\n"
    "--c--\r\n--b\r\nContent-Type: message/rfc822\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\n"
    "Q29udGVudC1UeXBlOiB0ZXh0L2h0bWwKCjxiPngK\r\n--b\r\n"
    "Content-Type: application/pdf; name*0*=utf-8''a%20; name*1=b.pdf\r\n"
    "Content-Disposition: attachment; filename=\"=?utf-8?B?YQ==?=\"\r\n"
    "Content-Transfer-Encoding: x-uuencode\r\n\r\n"
    "begin 644 x\r\n#86)C\r\n`\r\nend\r\n--b--\r\n",
    "Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B$\"$$\x1b(Bx\n",
    "Content-Type: text/html\nContent-Transfer-Encoding: base64\n"
    "Content-Type: text/plain; charset=utf-7; charset=\"x\n\n"
    "PHNjcmlwdD48L3NjcmlwdD4rQU9rLQ==\n",
};

/* Everything that can be asked. */
static void
read_all(const char *text, size_t size)
{
	struct mail mail;
	const struct ph_part *parts;
	size_t n;

	mail_open(&mail, text, size);
	parts = ph_content_parts(mail.content, &n);
	for (size_t i = 0; i < n; i++) {
		const char *data = ph_content_part_data(&parts[i]);
		g_autofree char *part_text = NULL;
		size_t part_size;
		unsigned sum = 0;

		for (size_t j = 0; j < parts[i].size; j++)
			sum += (unsigned char)data[j];
		ck_assert_uint_ge(sum, 0);
		ck_assert(g_utf8_validate(parts[i].name, -1, NULL));
		ck_assert(g_utf8_validate(parts[i].charset, -1, NULL));
		if (ph_content_part_text(&parts[i], &part_text, &part_size))
			ck_assert(g_utf8_validate(part_text, (gssize)part_size,
						  NULL));
	}
	g_free(mail_texts(&mail));
	mail_reason(&mail);
	mail_close(&mail);
}

START_TEST(test_cut)
{
	for (size_t i = 0; i < G_N_ELEMENTS(samples); i++)
		for (size_t n = 0; n <= strlen(samples[i]); n++)
			read_all(samples[i], n);
}
END_TEST

/* The same numbers every time. */
static uint32_t
next_number(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

START_TEST(test_flip)
{
	uint32_t state = 1;

	for (size_t round = 0; round < 3000; round++) {
		const char *sample = samples[round % G_N_ELEMENTS(samples)];
		size_t size = strlen(sample);
		g_autofree char *text = g_memdup2(sample, size);
		size_t flips = 1 + next_number(&state) % 8;

		for (size_t i = 0; i < flips; i++)
			text[next_number(&state) % size] =
			    (char)next_number(&state);
		read_all(text, size);
	}
}
END_TEST

/* Lines of one message put together in any order. */
START_TEST(test_shuffle)
{
	uint32_t state = 7;
	g_auto(GStrv) lines = g_strsplit(samples[0], "\n", -1);
	size_t n = g_strv_length(lines);

	for (size_t round = 0; round < 2000; round++) {
		GString *text = g_string_new(NULL);

		for (size_t i = 0; i < n; i++) {
			size_t line = i < 2 ? i : next_number(&state) % n;

			g_string_append(text, lines[line]);
			g_string_append_c(text, '\n');
		}
		read_all(text->str, text->len);
		g_string_free(text, TRUE);
	}
}
END_TEST

/* What a reader looks at is found behind any number of others. */
START_TEST(test_many_params)
{
	static const char *const fills[] = {"x=y;", "x=\"a;b\";\n ",
					    "boundary*9=x;", "; "};

	for (size_t i = 0; i < G_N_ELEMENTS(fills); i++) {
		GString *text = g_string_new("Content-Type: multipart/mixed; ");
		struct mail mail;
		g_autofree char *parts = NULL;

		while (text->len < 50000)
			g_string_append(text, fills[i]);
		g_string_append(text, " boundary=b\n\n--b\nContent-Type: a/b; "
				      "name=a.exe\n\nMZ\n--b--");
		mail_open(&mail, text->str, text->len);
		parts = mail_parts(&mail);
		ck_assert_str_eq(parts, "1 a/b [a.exe] 2 a;");
		mail_close(&mail);
		g_string_free(text, TRUE);
	}
}
END_TEST

/* So many that not all are followed: the first and the last, and it shows. */
START_TEST(test_many_boundaries)
{
	GString *text = g_string_new("Content-Type: multipart/mixed");
	struct mail mail;
	g_autofree char *parts = NULL;

	for (int i = 0; i < 100; i++)
		g_string_append_printf(text, "; boundary=b%d", i);
	g_string_append(text, "\n\n--b0\nContent-Type: a/b; name=first\n\nx\n"
			      "--b0--\n--b99\nContent-Type: a/b; "
			      "name=last\n\ny\n--b99--");
	mail_open(&mail, text->str, text->len);
	parts = mail_parts(&mail);
	ck_assert_str_eq(parts, "1 a/b [first] 1 a;1 a/b [last] 1 a;");
	ck_assert(ph_content_truncated(mail.content));
	mail_close(&mail);
	g_string_free(text, TRUE);
}
END_TEST

/* Nor does a field hide another one. */
START_TEST(test_hidden_field)
{
	static const char *const fills[] = {
	    "Content-Type: text/plain\n",
	    "Content-Disposition: inline\n",
	    "Content-Transfer-Encoding: 7bit\n",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(fills); i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_autofree char *texts = NULL;
		struct mail mail;

		for (int j = 0; j < 40; j++)
			g_string_append(text, fills[i]);
		g_string_append(text, "Content-Transfer-Encoding: base64\n\n"
				      "c2VjcmV0");
		mail_open(&mail, text->str, text->len);
		texts = mail_texts(&mail);
		ck_assert_msg(g_str_has_prefix(texts, "secret|"), "%s", texts);
		mail_close(&mail);
	}
}
END_TEST

/* The last of many types. */
START_TEST(test_many_types)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *parts = NULL;
	struct mail mail;

	for (int i = 0; i < 20; i++)
		g_string_append_printf(text, "Content-Type: a/b%d\n", i);
	g_string_append(text, "Content-Type: multipart/mixed; boundary=b\n\n"
			      "--b\nContent-Type: a/b; name=a.exe\n\nMZ\n"
			      "--b--");
	mail_open(&mail, text->str, text->len);
	parts = mail_parts(&mail);
	ck_assert_msg(strstr(parts, "[a.exe]") != NULL, "%s", parts);
	ck_assert(ph_content_truncated(mail.content));
	mail_close(&mail);
}
END_TEST

/* A long file among the text takes no room from it, and is no limit met. */
START_TEST(test_long_file)
{
	g_autofree char *file = g_strnfill(PH_CONTENT_TEXT + 10, 'x');
	g_autofree char *text =
	    g_strconcat("Content-Type: multipart/mixed; boundary=b\n\n--b\n"
			"Content-Type: text/plain; name=big.log\n\n",
			file, "\n--b\n\nsecret\n--b--", NULL);
	g_autofree char *texts = NULL;
	struct mail mail;

	mail_open(&mail, text, strlen(text));
	texts = mail_texts(&mail);
	ck_assert(g_str_has_prefix(texts, "secret|xxx"));
	ck_assert(!ph_content_truncated(mail.content));
	mail_close(&mail);
}
END_TEST

UNIT_MAIN("lib/message/content_hostile", test_long_file, test_hidden_field,
	  test_many_types, test_many_params, test_many_boundaries, test_parts,
	  test_depth, test_messages, test_passes, test_readings, test_text,
	  test_fields, test_many_fields, test_cut, test_flip, test_shuffle)
