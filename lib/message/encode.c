#include "lib/message/encode.h"
#include "lib/message/headers.h"

#include <glib.h>
#include <string.h>

/* RFC 2047 section 2: 75 characters a word, of which "=?UTF-8?B?" and "?="
 * take 12; 45 bytes make 60. */
#define WORD_BYTES 45
/* RFC 5322 section 2.1.1: 998 bytes a line, with the name. */
#define PLAIN_LIMIT 900

char *
ph_header_encode(const char *text)
{
	g_autoptr(GString) out = NULL;
	const char *p = text;

	/* "=?" as it is would be decoded by whoever reads it. */
	if (g_str_is_ascii(text) && strlen(text) <= PLAIN_LIMIT &&
	    strstr(text, "=?") == NULL)
		return g_strdup(text);
	out = g_string_new(NULL);
	while (*p != '\0') {
		const char *end = p;
		g_autofree char *word = NULL;

		while (*end != '\0' && g_utf8_next_char(end) - p <= WORD_BYTES)
			end = g_utf8_next_char(end);
		word = g_base64_encode((const guchar *)p, (gsize)(end - p));
		g_string_append_printf(
		    out, "%s=?UTF-8?B?%s?=", out->len > 0 ? "\n " : "", word);
		p = end;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* 76 characters. */
#define LINE_BYTES ((size_t)57)

char *
ph_base64_lines(const char *text)
{
	const guchar *p = (const guchar *)text;
	size_t left = strlen(text);
	GString *out = g_string_new(NULL);

	while (left > 0) {
		size_t n = MIN(left, LINE_BYTES);
		g_autofree char *line = g_base64_encode(p, n);

		g_string_append_printf(out, "%s%s", out->len > 0 ? "\r\n" : "",
				       line);
		p += n;
		left -= n;
	}
	return g_string_free(out, FALSE);
}
