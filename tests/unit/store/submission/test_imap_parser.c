#include "store/submission/imap_parser.h"
#include "tests/unit/unit.h"

#include <string.h>

/* What a reply says, on one line. */
static char *
show(const struct ph_imap_reply *reply)
{
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "%s %s %u", reply->tag, reply->word,
			       reply->number);
	if (reply->code != NULL)
		g_string_append_printf(out, " [%s] %s", reply->code,
				       reply->text);
	for (guint i = 0; reply->tokens != NULL && i < reply->tokens->len;
	     i++) {
		const struct ph_imap_token *token =
		    &g_array_index(reply->tokens, struct ph_imap_token, i);

		ck_assert_int_eq(token->text[token->size], '\0');
		g_string_append_printf(out, " %c:", "asl()"[token->kind]);
		for (size_t k = 0; k < token->size; k++)
			g_string_append_c(
			    out, token->text[k] == '\0' ? '0' : token->text[k]);
	}
	return g_string_free(out, FALSE);
}

/* All of them, a line each; the last line "-1" if the protocol was broken. */
static char *
run(const char *const *pieces, const size_t *sizes, size_t n)
{
	struct ph_imap_parser *parser = ph_imap_parser_new();
	GString *out = g_string_new(NULL);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		struct ph_imap_reply reply;

		ph_imap_parser_feed(parser, pieces[i], sizes[i]);
		while ((r = ph_imap_parser_next(parser, &reply, NULL)) == 1) {
			g_autofree char *line = show(&reply);

			g_string_append_printf(out, "%s\n", line);
			ph_imap_reply_clear(&reply);
		}
	}
	if (r < 0)
		g_string_append(out, "-1\n");
	ph_imap_parser_free(&parser);
	return g_string_free(out, FALSE);
}

#define SESSION                                                                \
	"* OK [CAPABILITY IMAP4rev1 IDLE] ready {5}\r\n"                       \
	"* CAPABILITY IMAP4rev1 IDLE MOVE\r\n"                                 \
	"* 12 EXISTS\r\n"                                                      \
	"* FLAGS (\\Seen $Posthub [work later] x[)\r\n"                        \
	"* 3 FETCH (UID 7 FLAGS (\\Seen) BODY[]<0> {6}\r\na\r\n{3} X NIL)\r\n" \
	"* 4 FETCH (BODY[HEADER.FIELDS (From)] \"a \\\"b\\\\ {3}\" MODSEQ "    \
	"(9))\r\n"                                                             \
	"* LIST () \"/\" {3}\r\nA B\r\n"                                       \
	"* 5 FETCH (BODY[] {0}\r\n)\r\n"                                       \
	"* SEARCH\r\n"                                                         \
	"a1 OK [COPYUID 1 2 3] Moved \"half\r\n"                               \
	"+ idling\r\n"                                                         \
	"+\r\n"                                                                \
	"a2 no\r\n"                                                            \
	"* BYE\n"

#define SHOWN                                                           \
	"* OK 0 [CAPABILITY IMAP4rev1 IDLE] ready {5}\n"                \
	"* CAPABILITY 0 a:IMAP4rev1 a:IDLE a:MOVE\n"                    \
	"* EXISTS 12\n"                                                 \
	"* FLAGS 0 (:( a:\\Seen a:$Posthub a:[work a:later] a:x[ ):)\n" \
	"* FETCH 3 (:( a:UID a:7 a:FLAGS (:( a:\\Seen ):) a:BODY[]<0> " \
	"l:a\r\n{3} a:X a:NIL ):)\n"                                    \
	"* FETCH 4 (:( a:BODY[HEADER.FIELDS (From)] s:a \"b\\ {3} "     \
	"a:MODSEQ (:( a:9 ):) ):)\n"                                    \
	"* LIST 0 (:( ):) s:/ l:A B\n"                                  \
	"* FETCH 5 (:( a:BODY[] l: ):)\n"                               \
	"* SEARCH 0\n"                                                  \
	"a1 OK 0 [COPYUID 1 2 3] Moved \"half\n"                        \
	"+  0 [] idling\n"                                              \
	"+  0 [] \n"                                                    \
	"a2 NO 0 [] \n"                                                 \
	"* BYE 0 [] \n"

START_TEST(test_whole)
{
	const char *piece = SESSION;
	size_t size = strlen(SESSION);
	g_autofree char *shown = run(&piece, &size, 1);

	ck_assert_str_eq(shown, SHOWN);
}
END_TEST

START_TEST(test_cut_anywhere)
{
	size_t size = strlen(SESSION);

	for (size_t at = 0; at <= size; at++) {
		const char *pieces[] = {SESSION, SESSION};
		size_t sizes[] = {at, size - at};
		g_autofree char *shown = NULL;

		pieces[1] += at;
		shown = run(pieces, sizes, 2);
		ck_assert_msg(strcmp(shown, SHOWN) == 0, "%zu: %s", at, shown);
	}
}
END_TEST

START_TEST(test_byte_by_byte)
{
	size_t size = strlen(SESSION);
	g_autofree const char **pieces = g_new(const char *, size);
	g_autofree size_t *sizes = g_new(size_t, size);
	g_autofree char *shown = NULL;

	for (size_t i = 0; i < size; i++) {
		pieces[i] = SESSION + i;
		sizes[i] = 1;
	}
	shown = run(pieces, sizes, size);
	ck_assert_str_eq(shown, SHOWN);
}
END_TEST

/* A stream that ends early says less, never something else. */
START_TEST(test_ends_anywhere)
{
	const char *piece = SESSION;

	for (size_t size = 0; size < strlen(SESSION); size++) {
		g_autofree char *shown = run(&piece, &size, 1);

		ck_assert_msg(g_str_has_prefix(SHOWN, shown), "%zu: %s", size,
			      shown);
	}
}
END_TEST

START_TEST(test_broken)
{
	static const char *const bad[] = {
	    "\r\n",
	    " OK x\r\n",
	    "*\r\n",
	    "* \r\n",
	    "* 1\r\n",
	    "* 4294967296 EXISTS\r\n",
	    "* 1x EXISTS\r\n",
	    "* LIST \"a\r\n",
	    "* LIST \"a\\\r\n",
	    "* 1 FETCH (BODY[ x\r\n",
	    "* 1 FETCH (BODY[] {1048577}\r\n",
	    "* 1 FETCH (BODY[] {99999999999999999999999999}\r\n",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		size_t size = strlen(bad[i]);
		g_autofree char *shown = run(&bad[i], &size, 1);

		ck_assert_msg(strcmp(shown, "-1\n") == 0, "%s: %s", bad[i],
			      shown);
	}
}
END_TEST

/* At each limit, and one over. */
START_TEST(test_limits)
{
	for (size_t over = 0; over < 2; over++) {
		g_autofree char *literal = g_strdup_printf(
		    "* 1 FETCH (BODY[] {%zu}\r\n", PH_IMAP_LITERAL + over);
		g_autofree char *body = g_strnfill(PH_IMAP_LITERAL, 'x');
		g_autofree char *line =
		    g_strnfill(PH_IMAP_RESPONSE + over, 'x');
		g_autofree char *tokens =
		    g_strnfill(2 * (PH_IMAP_TOKENS + over), ' ');
		const char *pieces[] = {literal, body, ")\r\n"};
		size_t sizes[] = {strlen(literal), PH_IMAP_LITERAL, 3};
		g_autofree char *a = run(pieces, sizes, 3), *b = NULL;
		g_autofree char *c = NULL;

		ck_assert((strcmp(a, "-1\n") == 0) == (over > 0));
		pieces[0] = line;
		sizes[0] = PH_IMAP_RESPONSE + over;
		b = run(pieces, sizes, 1);
		ck_assert_str_eq(b, over ? "-1\n" : "");
		for (size_t i = 0; i < PH_IMAP_TOKENS + over; i++)
			tokens[2 * i] = '(';
		pieces[0] = "* X ";
		pieces[1] = tokens;
		pieces[2] = "\r\n";
		sizes[0] = 4;
		sizes[1] = 2 * (PH_IMAP_TOKENS + over);
		sizes[2] = 2;
		c = run(pieces, sizes, 3);
		ck_assert((strcmp(c, "-1\n") == 0) == (over > 0));
	}
}
END_TEST

/* NUL in text is kept in literals, and no atom. */
START_TEST(test_nul)
{
	static const char in[] = "* 1 FETCH (X {3}\r\na\0b)\r\n* A \0\r\n";
	const char *piece = in;
	size_t size = sizeof(in) - 1;
	g_autofree char *shown = run(&piece, &size, 1);

	ck_assert_str_eq(shown, "* FETCH 1 (:( a:X l:a0b ):)\n-1\n");
}
END_TEST

UNIT_MAIN("store/submission/imap_parser", test_whole, test_cut_anywhere,
	  test_byte_by_byte, test_ends_anywhere, test_broken, test_limits,
	  test_nul)
