#include "lib/message/content.h"
#include "tests/unit/lib/message/mail.h"
#include "tests/unit/unit.h"

#include <string.h>

#define BAD "\xef\xbf\xbd"

/* One text part: its header fields, its body, the text. */
struct text_case {
	const char *header;
	const char *body;
	size_t size; /* 0: strlen */
	const char *text;
	const char *reason; /* NULL: none */
};

static void
check_texts(const struct text_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct text_case *c = &cases[i];
		GString *text = g_string_new(c->header);
		g_autofree char *got = NULL;
		struct mail mail;

		g_string_append(text, "\n\n");
		g_string_append_len(
		    text, c->body,
		    (gssize)(c->size > 0 ? c->size : strlen(c->body)));
		mail_open(&mail, text->str, text->len);
		got = mail_texts(&mail);
		ck_assert_msg(strcmp(got, c->text) == 0, "%zu %s: %s", i,
			      c->header, got);
		ck_assert_msg(g_strcmp0(mail_reason(&mail),
					c->reason != NULL ? c->reason : "") ==
				  0,
			      "%zu %s: %s", i, c->header, mail_reason(&mail));
		mail_close(&mail);
		g_string_free(text, TRUE);
	}
}

#define PLAIN(c) "Content-Type: text/plain; charset=" c
#define HTML "Content-Type: text/html"

START_TEST(test_charset)
{
	static const struct text_case cases[] = {
	    {PLAIN("utf-8"), "caf\xc3\xa9", 0, "café|", NULL},
	    {PLAIN("UTF-8"), "\xef\xbb\xbfx", 0, "x|", NULL},
	    {PLAIN("utf-8"),
	     "a\xe9"
	     "b\xc3",
	     0, "a" BAD "b" BAD "|", NULL},
	    {PLAIN("iso-8859-1"), "caf\xe9 \x80\x81", 0, "café €" BAD "|",
	     NULL},
	    {PLAIN("\"windows-1252\""), "\x93x\x94", 0, "“x”|", NULL},
	    {PLAIN("windows-1251"), "\xef\xf0\xe8", 0, "при|", NULL},
	    {PLAIN("koi8-r"), "\xd0\xd2\xc9", 0, "при|", NULL},
	    {PLAIN("iso-8859-15"), "\xa4", 0, "€|", NULL},
	    {PLAIN("iso-2022-jp"), "\x1b$B$\"\x1b(Bx", 0, "あx|", NULL},
	    {PLAIN("shift_jis"), "\x82\xa0\x87\x40", 0, "あ①|", NULL},
	    {PLAIN("gb2312"), "\xc4\xe3\xba\xc3", 0, "你好|", NULL},
	    {PLAIN("ks_c_5601-1987"), "\xb0\xa1", 0, "가|", NULL},
	    {PLAIN("utf-7"), "caf+AOk-", 0, "café|", NULL},
	    {PLAIN("utf-16"),
	     "\xff\xfe"
	     "a\0\xe9\0",
	     6, "aé|", NULL},
	    {PLAIN("utf-16"), "\xfe\xff\0a\0\xe9", 6, "aé|", NULL},
	    {PLAIN("utf-16"), "\0a\0b", 4, "ab|", NULL},
	    {PLAIN("utf-16"), "a\0b\0", 4, "ab|", NULL},
	    {PLAIN("utf-16le"),
	     "a\0\0\xd8"
	     "b\0c\0",
	     8, "a" BAD "bc|", NULL},
	    {PLAIN("utf-16be"), "\0a\0", 3, "a" BAD "|", NULL},
	    /* A letter that an accent might have followed is not lost. */
	    {PLAIN("windows-1258"), "a", 0, "a|", NULL},
	    {PLAIN("x-nonsense"), "caf\xc3\xa9", 0, "café|", "unknown charset"},
	    {PLAIN("x-nonsense"), "a\xe9z", 0, "a" BAD "z|", "unknown charset"},
	    {PLAIN("\"../../x\""), "a", 0, "a|", "unknown charset"},
	    {PLAIN("utf-8//IGNORE"), "a", 0, "a|", "unknown charset"},
	};

	check_texts(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_no_charset)
{
	static const struct text_case cases[] = {
	    {"X: x", "caf\xc3\xa9", 0, "café|", NULL},
	    {"X: x", "caf\xe9", 0, "café|", NULL},
	    {PLAIN("us-ascii"), "caf\xe9", 0, "café|", NULL},
	    {PLAIN("unknown-8bit"), "caf\xc3\xa9", 0, "café|", NULL},
	    {PLAIN(""), "caf\xe9", 0, "café|", NULL},
	    {HTML, "<meta charset=\"koi8-r\">\xd0\xd2\xc9", 0, "при|", NULL},
	    {HTML,
	     "<META content='text/html; charset=windows-1251'>\xef\xf0\xe8", 0,
	     "при|", NULL},
	    {HTML, "<meta charset=utf-8>\xe9", 0, "é|", NULL},
	    {HTML, "<meta charset=x-nonsense>\xe9", 0, "é|", NULL},
	    /* What is declared counts, and only in HTML. */
	    {HTML "; charset=iso-8859-1", "<meta charset=koi8-r>\xe9", 0, "é|",
	     NULL},
	    {"X: x", "<meta charset=koi8-r>\xe9", 0, "<meta charset=koi8-r>é|",
	     NULL},
	};

	check_texts(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_lines)
{
	static const struct text_case cases[] = {
	    {"X: x", "a\r\nb\nc\rd\r\n", 0, "a\nb\nc\rd\n|", NULL},
	    {"X: x", "a\r\r\nb\r", 0, "a\r\nb\r|", NULL},
	    {"X: x", "a\0b\r\n\0", 6, "a" BAD "b\n" BAD "|ab\n|", NULL},
	    {PLAIN("iso-8859-1"), "\xe9\0\r\n\xe9", 5, "é" BAD "\né|é\né|",
	     NULL},
	    {PLAIN("utf-8"), "\xe9\0\r\n\xe9", 5,
	     BAD BAD "\n" BAD "|" BAD "\n" BAD "|", NULL},
	    {PLAIN("utf-16le"), "a\0\r\0\n\0\0\0", 8, "a\n" BAD "|", NULL},
	    {HTML, "a\r\n<b>b\0c", 9, "a b" BAD "c|a bc|", NULL},
	};

	check_texts(cases, G_N_ELEMENTS(cases));
}
END_TEST

#define BASE64 "Content-Transfer-Encoding: base64"
#define QUOTED "Content-Transfer-Encoding: Quoted-Printable"

START_TEST(test_base64)
{
	static const struct text_case cases[] = {
	    {BASE64, "aGVsbG8=", 0, "hello|", NULL},
	    {BASE64, "aGVs\r\nbG8=\r\n", 0, "hello|", NULL},
	    {BASE64, "aG Vs\tbG8h", 0, "hello!|", NULL},
	    {BASE64, "aGVsbA==", 0, "hell|", NULL},
	    {BASE64, "aGVsbG8", 0, "hello|", NULL}, /* no padding */
	    {BASE64, "", 0, "|", NULL},
	    {BASE64, "aGVsbG8hI", 0, "hello!|aGVsbG8hI|", "malformed base64"},
	    {BASE64, "aGVs-bG8=", 0, "hello|aGVs-bG8=|", "malformed base64"},
	    {BASE64, "aGVsbG8=IHlvdQ==", 0, "hello you|aGVsbG8=IHlvdQ==|",
	     "malformed base64"},
	    {BASE64, "aGVsbG8=\n-- \nlist", 0, "hello–+-|aGVsbG8=\n-- \nlist|",
	     "malformed base64"},
	    {BASE64, "=", 0, "|=|", "malformed base64"},
	    {BASE64 "\nContent-Type: text/html", "PGI+eDwvYj4=", 0, "x|", NULL},
	};

	check_texts(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_quoted)
{
	static const struct text_case cases[] = {
	    {QUOTED, "caf=C3=A9", 0, "café|", NULL},
	    {QUOTED, "caf=c3=a9", 0, "café|", NULL},
	    {QUOTED, "se=\ncr=\r\net", 0, "secret|", NULL},
	    {QUOTED, "se= \t\r\ncret=", 0, "secret|", NULL},
	    {QUOTED, "blank  \r\nkept=20\nend \t", 0, "blank\nkept \nend|",
	     NULL},
	    {QUOTED, "1=2 =ZZ =4", 0, "1=2 =ZZ =4|", NULL},
	    {QUOTED, "a =\nb", 0, "a b|", NULL},
	    {QUOTED " (comment)", "=41", 0, "A|", NULL},
	};

	check_texts(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_uuencode)
{
	static const struct text_case cases[] = {
	    {"Content-Transfer-Encoding: x-uuencode",
	     "text\nbegin 644 x\n%:&5L;&\\\n`\nend\nmore", 0, "hello|", NULL},
	    /* Shorter than a line says. */
	    {"Content-Transfer-Encoding: x-uuencode",
	     "begin 644 x\n#86\n`\nend\n", 0, "a`" BAD "|a`|", NULL},
	    {"Content-Transfer-Encoding: x-uuencode", "no file", 0, "|", NULL},
	};

	check_texts(cases, G_N_ELEMENTS(cases));
}
END_TEST

/* Text of attachments. */
START_TEST(test_part_text)
{
	static const char text[] =
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	    "Content-Type: text/html; charset=koi8-r; name=a.html\n"
	    "Content-Transfer-Encoding: base64\n\nPGI+0NLJPC9iPg==\n--b\n"
	    "Content-Type: application/x\n\nx\n--b--";
	struct mail mail;
	const struct ph_part *parts;
	g_autofree char *got = NULL;
	size_t size, n;

	mail_open(&mail, text, strlen(text));
	parts = ph_content_parts(mail.content, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert(ph_content_part_is_text(&parts[0]));
	ck_assert_int_eq(ph_content_part_text(&parts[0], &got, &size), 1);
	ck_assert_str_eq(got, "при");
	ck_assert_uint_eq(size, 6);
	ck_assert(!ph_content_part_is_text(&parts[1]));
	ck_assert_int_eq(ph_content_part_text(&parts[1], &got, &size), 0);
	mail_close(&mail);
}
END_TEST

UNIT_MAIN("lib/message/content_text", test_charset, test_no_charset, test_lines,
	  test_base64, test_quoted, test_uuencode, test_part_text)
