#include "lib/smtp/reply.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * Feeds text in pieces of at most "step" bytes; the replies, formatted and
 * joined by '|', "!" at the end when the parser refused.
 */
static char *
parse(const char *text, size_t size, size_t step)
{
	struct ph_reply_parser *parser = ph_reply_parser_new();
	GString *got = g_string_new(NULL);
	struct ph_smtp_reply reply;
	int rc = 0;

	for (size_t i = 0; i < size && rc >= 0; i += step) {
		struct ph_err err = PH_ERR_INIT;

		ph_reply_parser_feed(parser, text + i, MIN(step, size - i));
		while ((rc = ph_reply_parser_next(parser, &reply, &err)) > 0) {
			g_autofree char *line = ph_smtp_reply_format(&reply);

			g_string_append_printf(got, "%s|", line);
			ph_smtp_reply_clear(&reply);
		}
		if (rc < 0) {
			ck_assert_int_eq(err.kind, PH_ERR_PEER);
			g_string_append_c(got, '!');
		}
	}
	ph_reply_parser_free(&parser);
	return g_string_free(got, FALSE);
}

START_TEST(test_conversations)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"220 mx ESMTP\r\n", "220 mx ESMTP|"},
	    {"250-a\r\n250-b c\r\n250 d\r\n", "250 a\n250 b c\n250 d|"},
	    {"250 2.1.0 Ok\r\n354 go\r\n", "250 2.1.0 Ok|354 go|"},
	    {"250\r\n", "250 |"},
	    {"250-\r\n250 x\r\n", "250 \n250 x|"},
	    {"451 4.3.0 lf only\n", "451 4.3.0 lf only|"},
	    {"250 cut", ""},
	    {"250-cut\r\n250", ""},
	    {"hello\r\n", "!"},
	    {"25\r\n", "!"},
	    {"150 no\r\n", "!"},
	    {"650 no\r\n", "!"},
	    {"250_no\r\n", "!"},
	    {"250-a\r\n550 b\r\n", "!"},
	    {"\r\n", "!"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		for (size_t step = 1; step <= 64; step *= 4) {
			g_autofree char *got =
			    parse(cases[i].text, strlen(cases[i].text), step);

			ck_assert_msg(strcmp(got, cases[i].want) == 0,
				      "%s in steps of %zu: got %s",
				      cases[i].text, step, got);
		}
}
END_TEST

START_TEST(test_limits)
{
	for (size_t over = 0; over <= 1; over++) {
		g_autoptr(GString) text = g_string_new("250 ");
		g_autoptr(GString) many = g_string_new(NULL);
		g_autofree char *got = NULL, *got_many = NULL;

		while (text->len < PH_REPLY_LINE_LIMIT + over)
			g_string_append_c(text, 'x');
		g_string_append(text, "\n");
		got = parse(text->str, text->len, 7);
		ck_assert_int_eq(g_str_has_suffix(got, "!"), over == 1);
		for (size_t i = 1; i < PH_REPLY_LINES_LIMIT + over; i++)
			g_string_append(many, "250-x\r\n");
		g_string_append(many, "250 x\r\n");
		got_many = parse(many->str, many->len, 7);
		ck_assert_int_eq(g_str_has_suffix(got_many, "!"), over == 1);
	}
	/* A line that never ends is refused before it is all in memory. */
	{
		g_autofree char *endless = g_strnfill(100000, '2');
		g_autofree char *got = parse(endless, 100000, 100);

		ck_assert_str_eq(got, "!");
	}
}
END_TEST

START_TEST(test_enhanced)
{
	static const struct {
		int code;
		const char *line, *want;
	} cases[] = {{550, "5.1.1 unknown", "5.1.1"},
		     {550, "5.7.900 x", "5.7.900"},
		     {250, "Ok", ""},
		     {550, "4.1.1 x", ""},
		     {250, "2.1 x", ""},
		     {550, "", ""}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *lines[] = {(char *)cases[i].line, NULL};
		struct ph_smtp_reply reply = {cases[i].code, lines};
		char buffer[12];

		ck_assert_str_eq(ph_smtp_reply_enhanced(&reply, buffer),
				 cases[i].want);
	}
}
END_TEST

UNIT_MAIN("lib/smtp/reply", test_conversations, test_limits, test_enhanced)
