#include "lib/base/text.h"
#include "lib/message/charset.h"
#include "lib/message/headers.h"

#include <glib.h>
#include <string.h>

/*
 * RFC 2047. Lenient where mail clients are: an encoded word is decoded
 * wherever it stands, may be longer than 75 characters and may hold blanks,
 * because a rule has to see what the reader will see.
 */
#define CHARSET_LIMIT 64
#define CHARSET_BYTES G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.:+"

struct word {
	char charset[CHARSET_LIMIT + 1];
	char encoding; /* 'B' or 'Q' */
	const char *text;
	const char *end; /* of the text; "?=" follows */
};

struct decoder {
	GString *out;
	GString *pending; /* bytes of encoded words in one charset: a character
			   * may be cut at the end of a word */
	char charset[CHARSET_LIMIT + 1];
	const char *stop; /* the nearest "?=" not before the last place asked
			   * about; NULL: not looked yet. Looked for once,
			   * or "=?a?Q?" repeated would take square time */
	bool no_stop;
};

/* A charset that nobody knows is read as UTF-8: its ASCII can be read. */
static void
flush(struct decoder *d)
{
	const struct ph_charset_options options = {
	    .charset = d->charset,
	    .limit = PH_HEADERS_LIMIT,
	};
	g_autofree char *text = NULL;
	size_t size;

	if (d->pending->len == 0)
		return;
	text = ph_charset_decode(d->pending->str, d->pending->len, &options,
				 &size);
	g_string_append_len(d->out, text, (gssize)size);
	g_string_truncate(d->pending, 0);
}

/* The next place of two characters, or NULL. */
static const char *
find_pair(const char *p, char a, char b)
{
	while ((p = strchr(p, a)) != NULL && p[1] != b)
		p++;
	return p;
}

static const char *
find_stop(struct decoder *d, const char *from)
{
	if (!d->no_stop && (d->stop == NULL || d->stop < from)) {
		d->stop = find_pair(from, '?', '=');
		d->no_stop = d->stop == NULL;
	}
	return d->no_stop ? NULL : d->stop;
}

/* p stands at "=?". */
static bool
parse_word(struct decoder *d, const char *p, struct word *word_r)
{
	const char *charset = p + 2;
	size_t size = strspn(charset, CHARSET_BYTES);
	const char *mark = charset + size;

	if (size == 0 || size > CHARSET_LIMIT)
		return false;
	if (*mark == '*') { /* RFC 2231 section 5: a language */
		size_t language = strcspn(mark, "? \t\r\n=");

		if (language > CHARSET_LIMIT)
			return false;
		mark += language;
	}
	if (*mark != '?' || mark[1] == '\0' || mark[2] != '?')
		return false;
	memcpy(word_r->charset, charset, size);
	word_r->charset[size] = '\0';
	word_r->encoding = g_ascii_toupper(mark[1]);
	word_r->text = mark + 3;
	word_r->end = find_stop(d, word_r->text);
	return word_r->end != NULL &&
	       (word_r->encoding == 'B' || word_r->encoding == 'Q');
}

static void
decode_q(const struct word *word, GString *out)
{
	for (const char *p = word->text; p < word->end; p++) {
		int byte =
		    *p == '=' && word->end - p > 2 ? ph_hex_byte(p + 1) : -1;

		if (byte >= 0) {
			g_string_append_c(out, (char)byte);
			p += 2;
		} else {
			g_string_append_c(out, *p == '_' ? ' ' : *p);
		}
	}
}

static void
decode_b(const struct word *word, GString *out)
{
	size_t size = (size_t)(word->end - word->text);
	g_autofree guchar *bytes = g_malloc(size / 4 * 3 + 6);
	int state = 0;
	guint save = 0;
	size_t n = g_base64_decode_step(word->text, size, bytes, &state, &save);

	/* Padding that the sender left out. */
	if (state > 1)
		n += g_base64_decode_step("==", (size_t)(4 - state), bytes + n,
					  &state, &save);
	g_string_append_len(out, (char *)bytes, (gssize)n);
}

static void
take_word(struct decoder *d, const struct word *word)
{
	if (strcmp(d->charset, word->charset) != 0) {
		flush(d);
		g_strlcpy(d->charset, word->charset, sizeof(d->charset));
	}
	if (word->encoding == 'Q')
		decode_q(word, d->pending);
	else
		decode_b(word, d->pending);
}

static size_t
blanks(const char *p)
{
	return strspn(p, " \t\r\n");
}

static void
decode_words(struct decoder *d, const char *raw)
{
	const char *p = raw;
	struct word word;

	while (*p != '\0') {
		const char *next = find_pair(p, '=', '?');

		if (next == NULL)
			break;
		g_string_append_len(d->out, p, next - p);
		p = next;
		if (!parse_word(d, p, &word)) {
			g_string_append_len(d->out, p, 2);
			p += 2;
			continue;
		}
		/* Blanks between two encoded words are not part of the text
		 * (RFC 2047 section 6.2). */
		for (;;) {
			take_word(d, &word);
			p = word.end + 2;
			next = p + blanks(p);
			if (next[0] != '=' || next[1] != '?' ||
			    !parse_word(d, next, &word))
				break;
		}
		flush(d);
	}
	g_string_append(d->out, p);
}

/* One line of valid UTF-8 without control characters. */
static char *
tidy(GString *text)
{
	g_autofree char *valid = NULL;
	GString *out = g_string_sized_new(text->len + 1);

	for (size_t i = 0; i < text->len; i++)
		if (text->str[i] == '\0')
			text->str[i] = ' ';
	valid = g_utf8_make_valid(text->str, (gssize)text->len);
	for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		/* A fold is CR LF and a blank: only the blank stays. */
		if (c == '\r' || c == '\n') {
			if (p[1] != ' ' && p[1] != '\t' && p[1] != '\n' &&
			    p[1] != '\r')
				g_string_append_c(out, ' ');
		} else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			g_string_append_c(out, ' ');
		} else {
			g_string_append_len(out, p, g_utf8_next_char(p) - p);
		}
	}
	return g_string_free(out, FALSE);
}

char *
ph_header_decode(const char *raw)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GString) pending = g_string_new(NULL);
	struct decoder d = {.out = out, .pending = pending};

	decode_words(&d, raw + blanks(raw));
	return tidy(out);
}
