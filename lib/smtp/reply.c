#include "lib/smtp/reply.h"

#include <glib.h>
#include <string.h>

struct ph_reply_parser {
	GString *buffer;
	size_t used;	  /* bytes of buffer that were taken */
	GPtrArray *lines; /* of the reply in progress */
	int code;	  /* of the reply in progress */
};

struct ph_reply_parser *
ph_reply_parser_new(void)
{
	struct ph_reply_parser *parser = g_new0(struct ph_reply_parser, 1);

	parser->buffer = g_string_new(NULL);
	parser->lines = g_ptr_array_new_with_free_func(g_free);
	return parser;
}

void
ph_reply_parser_free(struct ph_reply_parser **parser)
{
	if (*parser == NULL)
		return;
	g_string_free((*parser)->buffer, TRUE);
	g_ptr_array_unref((*parser)->lines);
	g_free(*parser);
	*parser = NULL;
}

void
ph_reply_parser_feed(struct ph_reply_parser *parser, const void *data,
		     size_t size)
{
	g_string_erase(parser->buffer, 0, (gssize)parser->used);
	parser->used = 0;
	g_string_append_len(parser->buffer, data, (gssize)size);
}

/* A line without its end. 1: it was the last of the reply, 0: more follow. */
static int
take_line(struct ph_reply_parser *parser, const char *line, size_t size,
	  struct ph_err *err)
{
	bool last = size == 3 || (size > 3 && line[3] == ' ');
	int code;

	if (size < 3 || line[0] < '2' || line[0] > '5' ||
	    !g_ascii_isdigit(line[1]) || !g_ascii_isdigit(line[2]) ||
	    (!last && line[3] != '-'))
		return ph_err_set(err, PH_ERR_PEER, "no SMTP answer: \"%.*s\"",
				  (int)MIN(size, 60), line);
	code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
	if (parser->lines->len > 0 && code != parser->code)
		return ph_err_set(err, PH_ERR_PEER,
				  "an answer of several lines changes its "
				  "code from %d to %d",
				  parser->code, code);
	if (parser->lines->len >= PH_REPLY_LINES_LIMIT)
		return ph_err_set(err, PH_ERR_PEER,
				  "an answer has more than %zu lines",
				  PH_REPLY_LINES_LIMIT);
	parser->code = code;
	g_ptr_array_add(parser->lines,
			g_strndup(line + MIN(size, 4), size - MIN(size, 4)));
	return last ? 1 : 0;
}

static void
finish_reply(struct ph_reply_parser *parser, struct ph_smtp_reply *reply_r)
{
	g_ptr_array_add(parser->lines, NULL);
	reply_r->code = parser->code;
	reply_r->lines = (char **)g_ptr_array_free(parser->lines, FALSE);
	parser->lines = g_ptr_array_new_with_free_func(g_free);
}

int
ph_reply_parser_next(struct ph_reply_parser *parser,
		     struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	for (;;) {
		const char *start = parser->buffer->str + parser->used;
		size_t left = parser->buffer->len - parser->used, size;
		const char *end = memchr(start, '\n', left);
		int rc;

		size = end != NULL ? (size_t)(end - start) : left;
		if (size > PH_REPLY_LINE_LIMIT)
			return ph_err_set(err, PH_ERR_PEER,
					  "a line of an answer is longer than "
					  "%zu bytes",
					  PH_REPLY_LINE_LIMIT);
		if (end == NULL)
			return 0;
		parser->used += size + 1;
		if (size > 0 && start[size - 1] == '\r')
			size--;
		rc = take_line(parser, start, size, err);
		if (rc < 0)
			return -1;
		if (rc > 0) {
			finish_reply(parser, reply_r);
			return 1;
		}
	}
}

void
ph_smtp_reply_clear(struct ph_smtp_reply *reply)
{
	g_strfreev(reply->lines);
	*reply = (struct ph_smtp_reply){0, NULL};
}

char *
ph_smtp_reply_format(const struct ph_smtp_reply *reply)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; reply->lines != NULL && reply->lines[i] != NULL; i++)
		g_string_append_printf(text, "%s%d %s", i > 0 ? "\n" : "",
				       reply->code, reply->lines[i]);
	return g_string_free(text, FALSE);
}

const char *
ph_smtp_reply_enhanced(const struct ph_smtp_reply *reply, char buffer[12])
{
	const char *line = reply->lines != NULL ? reply->lines[0] : "";
	size_t n = strspn(line, "0123456789."), dots = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < n; i++)
		dots += line[i] == '.';
	if (dots == 2 && n < 12 && n > 4 &&
	    line[0] == '0' + reply->code / 100) {
		memcpy(buffer, line, n);
		buffer[n] = '\0';
	}
	return buffer;
}

bool
ph_smtp_reply_passes(const struct ph_smtp_reply *reply)
{
	int class = reply->code / 100;

	return reply->code != 421 && (class == 2 || class == 4 || class == 5);
}

bool
ph_smtp_reply_is_setup(const struct ph_smtp_reply *reply)
{
	static const int codes[] = {500, 502, 503, 504, 521,
				    530, 534, 535, 538};

	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
		if (reply->code == codes[i])
			return true;
	return false;
}
