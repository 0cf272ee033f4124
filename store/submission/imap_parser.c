#include "store/submission/imap_parser.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* A line up to a literal, or to the end of the response. */
struct segment {
	size_t begin, end;    /* in input, without CRLF and {n} */
	size_t literal, size; /* where it is; size SIZE_MAX: none */
};

struct ph_imap_parser {
	GString *input;
	size_t looked; /* so much of input holds no LF behind "line" */
	size_t line;   /* where the current line begins */
	GArray *segments;
	bool broken;
};

struct ph_imap_parser *
ph_imap_parser_new(void)
{
	struct ph_imap_parser *parser = g_new0(struct ph_imap_parser, 1);

	parser->input = g_string_new(NULL);
	parser->segments = g_array_new(FALSE, FALSE, sizeof(struct segment));
	return parser;
}

void
ph_imap_parser_free(struct ph_imap_parser **parser)
{
	if (*parser == NULL)
		return;
	g_string_free((*parser)->input, TRUE);
	g_array_unref((*parser)->segments);
	g_free(*parser);
	*parser = NULL;
}

void
ph_imap_reply_clear(struct ph_imap_reply *reply)
{
	g_free(reply->tag);
	g_free(reply->word);
	g_free(reply->code);
	g_free(reply->text);
	g_free(reply->store);
	if (reply->tokens != NULL)
		g_array_unref(reply->tokens);
	memset(reply, 0, sizeof(*reply));
}

void
ph_imap_parser_feed(struct ph_imap_parser *parser, const char *data,
		    size_t size)
{
	if (!parser->broken)
		g_string_append_len(parser->input, data, (gssize)size);
}

static int
broke(struct ph_imap_parser *parser, const char *how, struct ph_err *err)
{
	parser->broken = true;
	g_string_truncate(parser->input, 0);
	return ph_err_set(err, PH_ERR_PEER, "IMAP server: %s", how);
}

/* ---- one line ---------------------------------------------------------- */

static const char *const conditions[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};

static bool
is_word(const char *text, size_t size, const char *word)
{
	return strlen(word) == size && strncasecmp(text, word, size) == 0;
}

/* What people read behind OK may end like a literal. */
static bool
is_condition(const char *line, size_t size)
{
	const char *space = memchr(line, ' ', size);
	const char *word = space == NULL ? line + size : space + 1;
	const char *end = line + size;
	size_t n = 0;

	if (size > 0 && line[0] == '+')
		return true;
	while (word + n < end && word[n] != ' ')
		n++;
	for (size_t i = 0; i < G_N_ELEMENTS(conditions); i++)
		if (is_word(word, n, conditions[i]))
			return true;
	return false;
}

/* Does the line end with "{n}"? 1, *at_r where it begins and *size_r; 0; -1: it
 * is too large. */
static int
literal_size(const char *line, size_t size, size_t *at_r, size_t *size_r)
{
	size_t at = size, n = 0;

	if (size < 3 || line[size - 1] != '}')
		return 0;
	for (at = size - 1; at > 0 && g_ascii_isdigit(line[at - 1]);)
		at--;
	if (at == size - 1 || at == 0 || line[at - 1] != '{')
		return 0;
	for (size_t i = at; i < size - 1; i++) {
		n = n * 10 + (size_t)(line[i] - '0');
		if (n > PH_IMAP_LITERAL)
			return -1;
	}
	*at_r = at - 1;
	*size_r = n;
	return 1;
}

/* Reads lines up to the end of the response. 1, 0 more, -1. */
static int
read_segments(struct ph_imap_parser *parser, struct ph_err *err)
{
	for (;;) {
		const char *text = parser->input->str;
		const char *lf = memchr(text + parser->looked, '\n',
					parser->input->len - parser->looked);
		struct segment segment = {parser->line, 0, 0, SIZE_MAX};
		size_t at;
		int r = 0;

		if (lf == NULL) {
			parser->looked = parser->input->len;
			return parser->looked > PH_IMAP_RESPONSE
				   ? broke(parser, "a line without end", err)
				   : 0;
		}
		segment.end = (size_t)(lf - text);
		if (segment.end > segment.begin && lf[-1] == '\r')
			segment.end--;
		if (parser->segments->len > 0 ||
		    !is_condition(text + segment.begin,
				  segment.end - segment.begin))
			r = literal_size(text + segment.begin,
					 segment.end - segment.begin, &at,
					 &segment.size);
		if (r < 0)
			return broke(parser, "a literal is too large", err);
		segment.literal = (size_t)(lf - text) + 1;
		if (r == 0)
			segment.size = SIZE_MAX;
		else
			segment.end = segment.begin + at;
		if (r == 1 && segment.literal + segment.size > PH_IMAP_RESPONSE)
			return broke(parser, "a response is too large", err);
		/* The whole literal, or this line is read again. */
		if (r == 1 &&
		    parser->input->len < segment.literal + segment.size)
			return 0;
		g_array_append_val(parser->segments, segment);
		parser->line = parser->looked =
		    segment.literal + (r == 1 ? segment.size : 0);
		if (r == 0)
			return 1;
	}
}

/* ---- tokens ------------------------------------------------------------ */

struct tokens {
	GArray *list; /* struct ph_imap_token, text an offset into store */
	GString *store;
};

static void
add(struct tokens *tokens, enum ph_imap_token_kind kind, const char *text,
    size_t size)
{
	struct ph_imap_token token = {
	    kind, GSIZE_TO_POINTER(tokens->store->len), size};

	g_string_append_len(tokens->store, text, (gssize)size);
	g_string_append_c(tokens->store, '\0');
	g_array_append_val(tokens->list, token);
}

/* Returns the place behind the closing quote; NULL: there is none. */
static const char *
quoted(struct tokens *tokens, const char *p, const char *end)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (p++; p < end && *p != '"'; p++) {
		if (*p == '\\' && ++p == end)
			return NULL;
		g_string_append_c(text, *p);
	}
	if (p == end)
		return NULL;
	add(tokens, PH_IMAP_STRING, text->str, text->len);
	return p + 1;
}

/* Elsewhere a bracket is a character as any other, as in somebody's keyword. */
static bool
begins_section(const char *begin, const char *p)
{
	return *p == '[' && (is_word(begin, (size_t)(p - begin), "BODY") ||
			     is_word(begin, (size_t)(p - begin), "BINARY"));
}

/* "BODY[HEADER.FIELDS (FROM)]<0>" is one. NULL: its bracket is not closed. */
static const char *
atom(struct tokens *tokens, const char *p, const char *end)
{
	const char *begin = p;

	for (; p < end && strchr(" ()\"", *p) == NULL; p++) {
		if (!begins_section(begin, p))
			continue;
		p = memchr(p, ']', (size_t)(end - p));
		if (p == NULL)
			return NULL;
	}
	/* A NUL ends strchr's list as well. */
	if (p == begin)
		return NULL;
	add(tokens, PH_IMAP_ATOM, begin, (size_t)(p - begin));
	return p;
}

static bool
tokenize(struct tokens *tokens, const char *p, const char *end)
{
	while (p != NULL && p < end) {
		if (*p == ' ') {
			p++;
			continue;
		}
		if (tokens->list->len >= PH_IMAP_TOKENS)
			return false;
		switch (*p) {
		case '(':
		case ')':
			add(tokens, *p == '(' ? PH_IMAP_OPEN : PH_IMAP_CLOSE, p,
			    1);
			p++;
			break;
		case '"':
			p = quoted(tokens, p, end);
			break;
		default:
			p = atom(tokens, p, end);
		}
	}
	return p != NULL;
}

/* ---- the response ------------------------------------------------------ */

/* The next word of a line, g_free; *p goes behind it and one blank. */
static char *
take_word(const char **p, const char *end)
{
	const char *space = memchr(*p, ' ', (size_t)(end - *p));
	const char *stop = space == NULL ? end : space;
	char *word = g_strndup(*p, (gsize)(stop - *p));

	*p = space == NULL ? end : space + 1;
	return word;
}

static void
parse_condition(struct ph_imap_reply *reply, const char *p, const char *end)
{
	const char *close =
	    p < end && *p == '[' ? memchr(p, ']', (size_t)(end - p)) : NULL;

	reply->code = close == NULL ? g_strdup("")
				    : g_strndup(p + 1, (gsize)(close - p - 1));
	if (close != NULL)
		p = close + 1;
	while (p < end && *p == ' ')
		p++;
	reply->text = g_strndup(p, (gsize)(end - p));
}

static bool
parse_data(struct ph_imap_parser *parser, struct ph_imap_reply *reply,
	   const char *p)
{
	const char *text = parser->input->str;
	struct tokens tokens = {
	    g_array_new(FALSE, FALSE, sizeof(struct ph_imap_token)),
	    g_string_new(NULL)};
	bool good = true;

	for (guint i = 0; i < parser->segments->len && good; i++) {
		const struct segment *segment =
		    &g_array_index(parser->segments, struct segment, i);

		good = tokenize(&tokens, i == 0 ? p : text + segment->begin,
				text + segment->end);
		if (segment->size != SIZE_MAX)
			add(&tokens, PH_IMAP_LITERAL_TEXT,
			    text + segment->literal, segment->size);
	}
	reply->store = g_string_free(tokens.store, FALSE);
	reply->tokens = tokens.list;
	for (guint i = 0; i < tokens.list->len; i++) {
		struct ph_imap_token *token =
		    &g_array_index(tokens.list, struct ph_imap_token, i);

		token->text = reply->store + GPOINTER_TO_SIZE(token->text);
	}
	return good;
}

static bool
parse(struct ph_imap_parser *parser, struct ph_imap_reply *reply)
{
	const struct segment *first =
	    &g_array_index(parser->segments, struct segment, 0);
	const char *p = parser->input->str + first->begin;
	const char *end = parser->input->str + first->end;
	bool condition = is_condition(p, first->end - first->begin);

	reply->tag = take_word(&p, end);
	if (strcmp(reply->tag, "+") == 0)
		reply->word = g_strdup("");
	else
		reply->word = take_word(&p, end);
	if (g_ascii_isdigit(reply->word[0])) {
		guint64 number;

		if (!g_ascii_string_to_unsigned(reply->word, 10, 0, UINT32_MAX,
						&number, NULL))
			return false;
		reply->number = (uint32_t)number;
		g_free(reply->word);
		reply->word = take_word(&p, end);
	}
	for (char *c = reply->word; *c != '\0'; c++)
		*c = g_ascii_toupper(*c);
	if (*reply->tag == '\0')
		return false;
	if (condition) {
		parse_condition(reply, p, end);
		return true;
	}
	return *reply->word != '\0' && parse_data(parser, reply, p);
}

int
ph_imap_parser_next(struct ph_imap_parser *parser,
		    struct ph_imap_reply *reply_r, struct ph_err *err)
{
	int r;

	memset(reply_r, 0, sizeof(*reply_r));
	if (parser->broken)
		return broke(parser, "the protocol was broken before", err);
	r = read_segments(parser, err);
	if (r != 1)
		return r;
	if (!parse(parser, reply_r)) {
		ph_imap_reply_clear(reply_r);
		return broke(parser, "a response cannot be read", err);
	}
	g_string_erase(parser->input, 0, (gssize)parser->line);
	parser->line = parser->looked = 0;
	g_array_set_size(parser->segments, 0);
	return 1;
}
