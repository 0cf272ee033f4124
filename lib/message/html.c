#include "lib/message/content.h"
#include "lib/message/html_entities.h"

#include <glib.h>
#include <string.h>
#include <strings.h>
#include <unictype.h>

/*
 * Not an HTML parser: it finds what is a tag and what is text, as browsers do
 * (HTML Living Standard, 13.2.5), in one pass. Where a browser would throw away
 * the rest of a broken document, the rest is text here: a rule that reads too
 * much is better than one that is evaded by an open quote.
 */
struct html {
	const char *p;
	const char *end;
	GString *out;
	/* What was looked for to the end and is not there is not looked for
	 * again, or "<!--" repeated would take square time. */
	bool no_comment_end;
	bool no_tag_end;
	bool no_quotes; /* a tag had an open one */
	bool pre;	/* white space is as it stands */
};

enum tag_kind {
	TAG_LINE, /* begins a line of its own */
	TAG_CELL, /* stands apart */
	TAG_HIDE, /* its content is no text */
	TAG_PRE,  /* a line of its own, and those in it are lines */
};

#define TAG_NAME 16 /* bytes, filled up with NULs */

/* Sorted by name. All others leave nothing: "se<b>cr</b>et" is one word. */
static const struct {
	char name[TAG_NAME];
	enum tag_kind kind;
} tags[] = {
    {"address", TAG_LINE},    {"article", TAG_LINE},  {"aside", TAG_LINE},
    {"blockquote", TAG_LINE}, {"body", TAG_LINE},     {"br", TAG_LINE},
    {"button", TAG_CELL},     {"caption", TAG_LINE},  {"center", TAG_LINE},
    {"dd", TAG_LINE},	      {"details", TAG_LINE},  {"dialog", TAG_LINE},
    {"dir", TAG_LINE},	      {"div", TAG_LINE},      {"dl", TAG_LINE},
    {"dt", TAG_LINE},	      {"fieldset", TAG_LINE}, {"figcaption", TAG_LINE},
    {"figure", TAG_LINE},     {"footer", TAG_LINE},   {"form", TAG_LINE},
    {"h1", TAG_LINE},	      {"h2", TAG_LINE},	      {"h3", TAG_LINE},
    {"h4", TAG_LINE},	      {"h5", TAG_LINE},	      {"h6", TAG_LINE},
    {"head", TAG_LINE},	      {"header", TAG_LINE},   {"hr", TAG_LINE},
    {"html", TAG_LINE},	      {"iframe", TAG_CELL},   {"input", TAG_CELL},
    {"legend", TAG_LINE},     {"li", TAG_LINE},	      {"main", TAG_LINE},
    {"menu", TAG_LINE},	      {"nav", TAG_LINE},      {"object", TAG_CELL},
    {"ol", TAG_LINE},	      {"option", TAG_LINE},   {"p", TAG_LINE},
    {"pre", TAG_PRE},	      {"script", TAG_HIDE},   {"section", TAG_LINE},
    {"select", TAG_CELL},     {"style", TAG_HIDE},    {"summary", TAG_LINE},
    {"table", TAG_LINE},      {"tbody", TAG_LINE},    {"td", TAG_CELL},
    {"textarea", TAG_CELL},   {"tfoot", TAG_LINE},    {"th", TAG_CELL},
    {"thead", TAG_LINE},      {"title", TAG_LINE},    {"tr", TAG_LINE},
    {"ul", TAG_LINE},
};

static size_t
left(const struct html *h)
{
	return (size_t)(h->end - h->p);
}

/* ---- characters ---------------------------------------------------------- */

/* Numbers 128 to 159 are meant in windows-1252. */
static gunichar
mend_number(gunichar c)
{
	static const uint16_t windows[32] = {
	    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,   0x017d, 0x8f,
	    0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178,
	};

	if (c >= 0x80 && c < 0xa0)
		return windows[c - 0x80];
	return c != 0 && g_unichar_validate(c) ? c : 0xfffd;
}

/* No width, no meaning but to cut a word where nobody sees it. */
static bool
is_invisible(gunichar c)
{
	return c >= 0x80 && uc_is_property_default_ignorable_code_point(c);
}

static void
append(struct html *h, gunichar c)
{
	if (c == 0xa0)
		g_string_append_c(h->out, ' ');
	else if (!is_invisible(c))
		g_string_append_unichar(h->out, c);
}

/* p stands at "&#". 0: not a number, or the bytes it takes. */
static size_t
parse_number(const struct html *h, gunichar *c_r)
{
	const char *p = h->p + 2;
	bool hex = p < h->end && (*p == 'x' || *p == 'X');
	const char *digits = p += hex;
	gunichar c = 0;

	for (; p < h->end; p++) {
		int v =
		    hex ? g_ascii_xdigit_value(*p) : g_ascii_digit_value(*p);

		if (v < 0)
			break;
		if (c <= 0x10ffff)
			c = c * (hex ? 16 : 10) + (gunichar)v;
	}
	if (p == digits)
		return 0;
	*c_r = mend_number(c);
	return (size_t)(p - h->p) + (p < h->end && *p == ';');
}

static const struct ph_html_entity *
find_entity(const char *name, size_t size)
{
	size_t low = 0, high = ph_html_entities_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct ph_html_entity *e = &ph_html_entities[middle];
		int order = e->name[0] - name[0];

		if (order == 0)
			order = strncmp(e->name, name, size);
		if (order == 0 && e->name[size] == '\0')
			return e;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

#define ENTITY_NAME 24 /* none is longer */

/* p stands at '&'. The ';' may be missing after the oldest ones, even when
 * letters follow. */
static size_t
parse_name(const struct html *h, gunichar *c_r)
{
	const struct ph_html_entity *entity;
	const char *name = h->p + 1;
	size_t n = 0;

	while (n <= ENTITY_NAME && name + n < h->end &&
	       g_ascii_isalnum(name[n]))
		n++;
	if (name + n < h->end && name[n] == ';' &&
	    (entity = find_entity(name, n)) != NULL) {
		*c_r = entity->code;
		return n + 2;
	}
	for (; n >= 2; n--) {
		entity = find_entity(name, n);
		if (entity != NULL && entity->bare) {
			*c_r = entity->code;
			return n + 1;
		}
	}
	return 0;
}

static void
take_entity(struct html *h)
{
	bool number = left(h) > 1 && h->p[1] == '#';
	gunichar c;
	size_t n = number ? parse_number(h, &c) : parse_name(h, &c);

	if (n > 0) {
		append(h, c);
	} else {
		g_string_append_c(h->out, '&');
		n = 1;
	}
	h->p += n;
}

/* p stands at a byte that begins one of a few characters. */
static void
take_character(struct html *h)
{
	gunichar c = g_utf8_get_char_validated(h->p, (gssize)left(h));

	if (*h->p == '\0' || (gint32)c < 0) {
		g_string_append(h->out, "\xef\xbf\xbd");
		h->p++;
		return;
	}
	append(h, c);
	h->p = g_utf8_next_char(h->p);
}

/* ---- tags ---------------------------------------------------------------- */

/* From p, which stands after a tag's name, to after its '>'. A quote counts
 * only where a value begins. NULL: there is no end. */
static const char *
find_quoted_end(const struct html *h, const char *p)
{
	bool value = false;

	for (; p < h->end && *p != '>'; p++) {
		if (value && (*p == '"' || *p == '\'')) {
			p = memchr(p + 1, *p, (size_t)(h->end - p - 1));
			if (p == NULL)
				return NULL;
			value = false;
		} else if (!g_ascii_isspace(*p)) {
			value = *p == '=';
		}
	}
	return p < h->end ? p + 1 : NULL;
}

static const char *
find_tag_end(struct html *h, const char *p)
{
	const char *end = NULL;

	if (h->no_tag_end)
		return NULL;
	if (!h->no_quotes) {
		end = find_quoted_end(h, p);
		h->no_quotes = end == NULL;
	}
	if (end == NULL && (end = memchr(p, '>', (size_t)(h->end - p))) != NULL)
		end++;
	h->no_tag_end = end == NULL;
	return end;
}

/* Names compare as numbers: the order is that of their bytes. strcmp() took a
 * fifth of the time of a document with many tags. */
static int
compare_names(const char *a, const char *b)
{
	uint64_t x[TAG_NAME / 8], y[TAG_NAME / 8];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	for (size_t i = 0; i < G_N_ELEMENTS(x); i++)
		if (x[i] != y[i])
			return GUINT64_FROM_BE(x[i]) < GUINT64_FROM_BE(y[i])
				   ? -1
				   : 1;
	return 0;
}

static bool
find_kind(const char *name, size_t size, enum tag_kind *kind_r)
{
	char lower[TAG_NAME] = "";
	size_t low = 0, high = G_N_ELEMENTS(tags);

	if (size > TAG_NAME)
		return false;
	for (size_t i = 0; i < size; i++)
		lower[i] =
		    (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20
							    : name[i]);
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_names(tags[middle].name, lower);

		if (order == 0) {
			*kind_r = tags[middle].kind;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static void
separate(struct html *h, char with)
{
	char last = h->out->len > 0 ? h->out->str[h->out->len - 1] : '\n';

	if (last != '\n' && (with == '\n' || last != ' '))
		g_string_append_c(h->out, with);
}

static bool
ends_name(const char *p, const char *end)
{
	return p == end || g_ascii_isspace(*p) || *p == '/' || *p == '>';
}

/* p stands after <script> or <style>; up to its end tag, or to the end, as in a
 * browser. */
static void
skip_content(struct html *h, const char *name, size_t size)
{
	while (h->p < h->end) {
		const char *close = memchr(h->p, '<', left(h));

		if (close == NULL)
			break;
		h->p = close + 1;
		if (left(h) > size && *h->p == '/' &&
		    strncasecmp(h->p + 1, name, size) == 0 &&
		    ends_name(h->p + 1 + size, h->end)) {
			h->p = close;
			return;
		}
	}
	h->p = h->end;
}

/* p stands at '<' before a letter, or at "</" before one. */
static void
take_tag(struct html *h)
{
	bool close = h->p[1] == '/';
	const char *name = h->p + 1 + close;
	size_t size = 0;
	const char *end;
	enum tag_kind kind;

	while (!h->no_tag_end && !ends_name(name + size, h->end))
		size++;
	end = find_tag_end(h, name + size);
	if (end == NULL) {
		g_string_append_c(h->out, '<');
		h->p++;
		return;
	}
	h->p = end;
	if (!find_kind(name, size, &kind))
		return;
	switch (kind) {
	case TAG_PRE:
		h->pre = !close;
		separate(h, '\n');
		break;
	case TAG_LINE:
		separate(h, '\n');
		break;
	case TAG_CELL:
		separate(h, ' ');
		break;
	case TAG_HIDE:
		if (!close)
			skip_content(h, name, size);
		break;
	}
}

/* After "<!--"; NULL: the comment has no end. "<!-->" and "<!--->" are
 * comments. */
static const char *
find_comment_end(struct html *h)
{
	const char *p = h->p + 4;

	if (h->end - p >= 1 && *p == '>')
		return p + 1;
	if (h->end - p >= 2 && memcmp(p, "->", 2) == 0)
		return p + 2;
	if (h->no_comment_end)
		return NULL;
	for (; (p = memmem(p, (size_t)(h->end - p), "--", 2)) != NULL; p++) {
		if (h->end - p > 2 && p[2] == '>')
			return p + 3;
		if (h->end - p > 3 && p[2] == '!' && p[3] == '>')
			return p + 4;
	}
	h->no_comment_end = true;
	return NULL;
}

/* "<!...", "<?..." and "</" before no letter. */
static void
take_declaration(struct html *h)
{
	const char *end = NULL;

	/* What stands between "<!--[if mso]>" and "<![endif]-->" is read in
	 * Outlook alone, but it is read. */
	if (left(h) >= 4 && memcmp(h->p, "<!--", 4) == 0 &&
	    !(left(h) >= 7 && strncasecmp(h->p + 4, "[if", 3) == 0))
		end = find_comment_end(h);
	if (end == NULL && !h->no_tag_end) {
		end = memchr(h->p, '>', left(h));
		h->no_tag_end = end == NULL;
		if (end != NULL)
			end++;
	}
	if (end == NULL) {
		g_string_append_c(h->out, '<');
		end = h->p + 1;
	}
	h->p = end;
}

static void
take_less_than(struct html *h)
{
	char next = left(h) > 1 ? h->p[1] : '\0';

	if (g_ascii_isalpha(next) ||
	    (next == '/' && left(h) > 2 && g_ascii_isalpha(h->p[2]))) {
		take_tag(h);
	} else if (next == '!' || next == '?' || next == '/') {
		take_declaration(h);
	} else {
		g_string_append_c(h->out, '<');
		h->p++;
	}
}

/* Lines of the source are no lines of the text, and wrap in the middle of a
 * number: what a browser shows is one blank. */
static void
take_space(struct html *h)
{
	if (h->pre) {
		g_string_append_c(h->out, *h->p++);
		return;
	}
	while (h->p < h->end && g_ascii_isspace(*h->p))
		h->p++;
	separate(h, ' ');
}

/* Bytes that are copied without a look: not '<', '&', NUL, white space that is
 * more than one blank, and not the first byte of a character that append()
 * treats (U+00AD, U+00A0; U+034F; U+061C; U+1xxx; U+2xxx; U+Fxxx; tags). */
static size_t
plain_prefix(const struct html *h)
{
	static const bool special[256] = {
	    [0] = true,	   ['\t'] = true, ['\n'] = true, ['\f'] = true,
	    ['\r'] = true, ['<'] = true,  ['&'] = true,	 [0xc2] = true,
	    [0xcd] = true, [0xd8] = true, [0xe1] = true, [0xe2] = true,
	    [0xef] = true, [0xf3] = true,
	};
	const char *p = h->p;

	if (p < h->end && *p == ' ')
		return 0;
	while (p < h->end && !special[(unsigned char)*p] &&
	       (*p != ' ' || p + 1 == h->end || !g_ascii_isspace(p[1])))
		p++;
	return (size_t)(p - h->p);
}

/* As g_string_append_len; most runs are short, and there is room: text is not
 * longer than its HTML. */
static void
append_plain(struct html *h, size_t n)
{
	GString *out = h->out;

	if (n < out->allocated_len - out->len) {
		memcpy(out->str + out->len, h->p, n);
		out->len += n;
		out->str[out->len] = '\0';
	} else {
		g_string_append_len(out, h->p, (gssize)n);
	}
}

char *
ph_html_to_text(const char *html, size_t size, size_t *size_r)
{
	struct html h = {.p = html, .end = html + size};

	h.out = g_string_sized_new(size + 1);
	while (h.p < h.end) {
		size_t plain = plain_prefix(&h);

		append_plain(&h, plain);
		h.p += plain;
		if (h.p == h.end)
			break;
		if (*h.p == '<')
			take_less_than(&h);
		else if (*h.p == '&')
			take_entity(&h);
		else if (g_ascii_isspace(*h.p))
			take_space(&h);
		else
			take_character(&h);
	}
	if (size_r != NULL)
		*size_r = h.out->len;
	return g_string_free(h.out, FALSE);
}
