#include "lib/base/text.h"
#include "lib/message/content_private.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum ph_encoding encoding;
} encodings[] = {
    {"7bit", PH_ENCODING_NONE},
    {"8bit", PH_ENCODING_NONE},
    {"binary", PH_ENCODING_NONE},
    {"base64", PH_ENCODING_BASE64},
    {"quoted-printable", PH_ENCODING_QUOTED},
    {"x-uuencode", PH_ENCODING_UU},
    {"uuencode", PH_ENCODING_UU},
    {"x-uue", PH_ENCODING_UU},
};

enum ph_encoding
ph_encoding_of(const char *name, size_t size)
{
	for (size_t i = 0; i < G_N_ELEMENTS(encodings); i++)
		if (strlen(encodings[i].name) == size &&
		    strncasecmp(encodings[i].name, name, size) == 0)
			return encodings[i].encoding;
	return PH_ENCODING_UNKNOWN;
}

/* ---- base64 ------------------------------------------------------------- */

/* What a byte is in base64: its value, or one of these. */
enum { BASE64_BLANK = 64, BASE64_PAD = 65, BASE64_BAD = 66 };

static const unsigned char base64_value[256] = {
    66, 66, 66, 66, 66, 66, 66, 66, 66, 64, 64, 66, 66, 64, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 64, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 62, 66, 66, 66, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60,
    61, 66, 66, 66, 65, 66, 66, 66, 0,	1,  2,	3,  4,	5,  6,	7,  8,	9,  10,
    11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 66, 66, 66, 66,
    66, 66, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42,
    43, 44, 45, 46, 47, 48, 49, 50, 51, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 66, 66, 66, 66, 66, 66, 66,
};

struct base64 {
	unsigned char *out; /* NULL: only counted */
	size_t n;
	uint32_t bits;
	unsigned have; /* characters of an unfinished group of four */
	bool padded;
	bool bad;
};

static void
base64_put(struct base64 *b, unsigned bytes, uint32_t group)
{
	if (b->out != NULL)
		for (unsigned i = 0; i < bytes; i++)
			b->out[b->n + i] =
			    (unsigned char)(group >> (16 - 8 * i));
	b->n += bytes;
}

/* Ends a group that is not full. One character alone holds no byte. */
static void
base64_finish(struct base64 *b)
{
	if (b->have == 1)
		b->bad = true;
	if (b->have > 1)
		base64_put(b, b->have - 1, b->bits << (6 * (4 - b->have)));
	b->have = 0;
	b->bits = 0;
}

static void
base64_feed(struct base64 *b, unsigned char value)
{
	if (value == BASE64_BLANK)
		return;
	if (value == BASE64_PAD) {
		b->bad |= b->have == 0 && !b->padded;
		base64_finish(b);
		b->padded = true;
		return;
	}
	/* Some readers stop at the padding, others go on. */
	b->bad |= value == BASE64_BAD || b->padded;
	if (value == BASE64_BAD)
		return;
	b->bits = b->bits << 6 | value;
	if (++b->have == 4)
		base64_finish(b);
}

static void
base64_run(struct base64 *b, const char *in, size_t size)
{
	const unsigned char *p = (const unsigned char *)in, *end = p + size;

	while (p < end) {
		while (end - p >= 4 && b->have == 0 && !b->padded) {
			uint32_t w = base64_value[p[0]], x = base64_value[p[1]],
				 y = base64_value[p[2]], z = base64_value[p[3]];

			if ((w | x | y | z) >= BASE64_BLANK)
				break;
			base64_put(b, 3, w << 18 | x << 12 | y << 6 | z);
			p += 4;
		}
		if (p < end)
			base64_feed(b, base64_value[*p++]);
	}
	base64_finish(b);
}

size_t
ph_encoding_base64_size(const char *in, size_t size, bool *bad_r)
{
	struct base64 b = {.out = NULL};

	base64_run(&b, in, size);
	if (bad_r != NULL)
		*bad_r = b.bad;
	return b.n;
}

static size_t
decode_base64(const char *in, size_t size, char *out)
{
	struct base64 b = {.out = (unsigned char *)out};

	base64_run(&b, in, size);
	return b.n;
}

/* ---- quoted-printable --------------------------------------------------- */

/* Blanks at the end of a line were added on the way (RFC 2045 section 6.7,
 * rule 3). */
static size_t
trim_blanks(const char *out, size_t n, size_t from)
{
	while (n > from && (out[n - 1] == ' ' || out[n - 1] == '\t'))
		n--;
	return n;
}

/* p stands at '='. The bytes that it and what follows take; 0: the end of the
 * text or literal. A soft line break may have blanks after the sign. */
static size_t
soft_break(const char *p, const char *end)
{
	const char *q = p + 1;

	while (q < end && (*q == ' ' || *q == '\t'))
		q++;
	if (q < end && *q == '\r')
		q++;
	if (q == end)
		return (size_t)(q - p);
	return *q == '\n' ? (size_t)(q + 1 - p) : 0;
}

static size_t
decode_quoted(const char *in, size_t size, char *out)
{
	const char *p = in, *end = in + size;
	size_t n = 0, solid = 0; /* blanks before here were meant */

	while (p < end) {
		size_t skip;
		int byte;

		if (*p == '\n' || (*p == '\r' && end - p > 1 && p[1] == '\n'))
			n = trim_blanks(out, n, solid);
		if (*p != '=') {
			out[n++] = *p++;
			continue;
		}
		byte = end - p > 2 ? ph_hex_byte(p + 1) : -1;
		if (byte >= 0) {
			out[n++] = (char)byte;
			p += 3;
			solid = n;
		} else if ((skip = soft_break(p, end)) > 0) {
			p += skip;
			solid = n;
		} else {
			out[n++] = *p++;
		}
	}
	return trim_blanks(out, n, solid);
}

/* ---- uuencode ----------------------------------------------------------- */

static unsigned
uu_value(const char *p, const char *end)
{
	return p < end ? (unsigned)(*p - ' ') & 0x3f : 0;
}

/* A line says how many bytes it has. Its characters are not counted on: some
 * senders drop blanks at its end. */
static size_t
uu_line(const char *p, const char *end, char *out)
{
	unsigned bytes = uu_value(p, end);
	size_t room = (size_t)(end - p), n = 0;

	for (p++; n < bytes && n < room; p += 4) {
		unsigned group =
		    uu_value(p, end) << 18 | uu_value(p + 1, end) << 12 |
		    uu_value(p + 2, end) << 6 | uu_value(p + 3, end);

		for (unsigned i = 0; i < 3 && n < bytes && n < room; i++)
			out[n++] = (char)(group >> (16 - 8 * i));
	}
	return n;
}

static size_t
decode_uu(const char *in, size_t size, char *out)
{
	const char *p = in, *end = in + size;
	bool begun = false;
	size_t n = 0;

	while (p < end) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		const char *next = line_end != NULL ? line_end + 1 : end;
		size_t line;

		line_end = line_end != NULL ? line_end : end;
		if (line_end > p && line_end[-1] == '\r')
			line_end--;
		line = (size_t)(line_end - p);
		if (!begun)
			begun = line > 6 && memcmp(p, "begin ", 6) == 0;
		else if (line == 3 && memcmp(p, "end", 3) == 0)
			break;
		else if (line > 0)
			n += uu_line(p, line_end, out + n);
		p = next;
	}
	return n;
}

char *
ph_encoding_decode(enum ph_encoding encoding, const char *in, size_t size,
		   size_t *size_r)
{
	char *out = g_malloc(size + 1);

	switch (encoding) {
	case PH_ENCODING_BASE64:
		*size_r = decode_base64(in, size, out);
		break;
	case PH_ENCODING_QUOTED:
		*size_r = decode_quoted(in, size, out);
		break;
	case PH_ENCODING_UU:
		*size_r = decode_uu(in, size, out);
		break;
	case PH_ENCODING_NONE:
	case PH_ENCODING_UNKNOWN:
		g_assert_not_reached();
	}
	out[*size_r] = '\0';
	return out;
}
