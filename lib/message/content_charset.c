#include "lib/message/charset.h"

#include <glib.h>

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

/*
 * Charsets of mail: as clients read them, not as they are defined. A name that
 * iconv does not know is read as UTF-8, because its ASCII at least can be read.
 */
#define NAME_LIMIT 64
#define NAME_BYTES G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.:+"
#define META_LIMIT 1024

#define GUESS "guess" /* UTF-8 if it is, or windows-1252 */
#define UTF8 "utf-8"
#define WINDOWS "windows-1252"

#define BAD_CHARACTER "\xef\xbf\xbd"

/* The larger set is used where senders name the smaller one for it. */
static const struct {
	const char *name;
	const char *iconv;
} aliases[] = {
    {"", GUESS},
    {"us-ascii", GUESS},
    {"ascii", GUESS},
    {"ansi_x3.4-1968", GUESS},
    {"iso646-us", GUESS},
    {"unknown", GUESS},
    {"unknown-8bit", GUESS},
    {"x-unknown", GUESS},
    {"x-user-defined", GUESS},
    {"utf-8", UTF8},
    {"utf8", UTF8},
    {"unicode-1-1-utf-8", UTF8},
    {"iso-8859-1", WINDOWS},
    {"iso8859-1", WINDOWS},
    {"iso_8859-1", WINDOWS},
    {"latin1", WINDOWS},
    {"windows-1252", WINDOWS},
    {"cp1252", WINDOWS},
    {"iso-8859-8-i", "iso-8859-8"},
    {"iso-8859-9", "windows-1254"},
    {"gb2312", "gb18030"},
    {"gbk", "gb18030"},
    {"x-gbk", "gb18030"},
    {"ks_c_5601-1987", "cp949"},
    {"euc-kr", "cp949"},
    {"shift_jis", "cp932"},
    {"shift-jis", "cp932"},
    {"x-sjis", "cp932"},
    {"windows-31j", "cp932"},
    {"iso-2022-jp", "iso-2022-jp-2"},
    {"tis-620", "cp874"},
    {"windows-874", "cp874"},
    {"x-mac-roman", "macintosh"},
    {"x-mac-cyrillic", "mac-cyrillic"},
    {"unicode-1-1-utf-7", "utf-7"},
    {"unicode", "utf-16"},
};

/* 0x80 to 0x9f; the rest is ISO 8859-1. */
static const uint16_t windows[32] = {
    0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd,
    0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
};

static const char *
find_charset(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++)
		if (strcasecmp(aliases[i].name, name) == 0)
			return aliases[i].iconv;
	return name;
}

/* LF for CR LF; there is no NUL. What is put together is at most as long as it
 * was. */
static void
append_stretch(GString *out, const char *in, size_t size)
{
	const char *p = in, *end = in + size;
	gsize len = out->len;

	g_string_set_size(out, len + size);
	while (p < end) {
		const char *cr = memchr(p, '\r', (size_t)(end - p));
		size_t n = (size_t)((cr != NULL ? cr : end) - p);

		memcpy(out->str + len, p, n);
		len += n;
		p += n;
		if (cr == NULL)
			break;
		if (end - cr < 2 || cr[1] != '\n')
			out->str[len++] = '\r';
		p++;
	}
	g_string_truncate(out, len);
}

/* CR LF becomes LF, NUL becomes U+FFFD; the rest is valid UTF-8. */
static void
append_lines(GString *out, const char *in, size_t size)
{
	const char *end = in + size, *nul;

	while (in < end &&
	       (nul = memchr(in, '\0', (size_t)(end - in))) != NULL) {
		append_stretch(out, in, (size_t)(nul - in));
		g_string_append(out, BAD_CHARACTER);
		in = nul + 1;
	}
	append_stretch(out, in, (size_t)(end - in));
}

static void
append_utf8(GString *out, const char *in, size_t size, size_t limit)
{
	while (size > 0 && out->len <= limit) {
		size_t good = ph_utf8_valid(in, size);
		ucs4_t c;
		int skip;

		append_lines(out, in, good);
		in += good;
		size -= good;
		if (size == 0)
			break;
		skip = u8_mbtouc(&c, (const uint8_t *)in, size);
		g_string_append(out, BAD_CHARACTER);
		in += skip;
		size -= (size_t)skip;
	}
}

static void
append_windows(GString *out, const char *in, size_t size, size_t limit)
{
	while (size > 0 && out->len <= limit) {
		size_t ascii = ph_utf8_ascii(in, size);
		unsigned char c;

		append_lines(out, in, ascii);
		in += ascii;
		size -= ascii;
		if (size == 0)
			break;
		c = (unsigned char)*in;
		g_string_append_unichar(out, c < 0xa0 ? windows[c - 0x80] : c);
		in++;
		size--;
	}
}

/* Bytes to skip over where a charset says that something is wrong. */
static size_t
unit_of(const char *charset)
{
	if (strncasecmp(charset, "utf-16", 6) == 0 ||
	    strncasecmp(charset, "ucs-2", 5) == 0)
		return 2;
	if (strncasecmp(charset, "utf-32", 6) == 0 ||
	    strncasecmp(charset, "ucs-4", 5) == 0)
		return 4;
	return 1;
}

/* Vietnamese charsets hold a letter back: an accent may follow. */
static void
flush(GString *out, GIConv conv)
{
	char buffer[64];
	char *o = buffer;
	size_t room = sizeof(buffer);

	g_iconv(conv, NULL, NULL, &o, &room);
	g_string_append_len(out, buffer, o - buffer);
}

static void
convert(GString *out, GIConv conv, size_t unit, const char *bytes, size_t size,
	size_t limit)
{
	char buffer[4096];
	char *in = (char *)bytes;

	while (size > 0 && out->len <= limit) {
		char *o = buffer;
		size_t room = sizeof(buffer), before = size;
		size_t r = g_iconv(conv, &in, &size, &o, &room);
		int error = errno;

		g_string_append_len(out, buffer, o - buffer);
		if (r != (size_t)-1)
			continue;
		/* No progress and no error would be for ever. */
		if (error == E2BIG && (o > buffer || size < before))
			continue;
		g_string_append(out, BAD_CHARACTER);
		if (error == EINVAL)
			break;
		in += MIN(unit, size);
		size -= MIN(unit, size);
	}
	flush(out, conv);
}

/* UTF-16 without a mark of its order: text has more NULs in the high bytes. */
static const char *
order_of(const char *charset, const char *in, size_t size)
{
	if (strcasecmp(charset, "utf-16") != 0 || size < 2 ||
	    memcmp(in, "\xff\xfe", 2) == 0 || memcmp(in, "\xfe\xff", 2) == 0)
		return charset;
	return in[0] == '\0' ? "utf-16be" : "utf-16le";
}

static bool
append_iconv(GString *out, const char *charset, const char *in, size_t size,
	     size_t limit)
{
	size_t name = strspn(charset, NAME_BYTES);
	g_autoptr(GString) text = NULL;
	GIConv conv;

	/* A name goes into the paths of iconv's modules. */
	if (charset[name] != '\0' || name > NAME_LIMIT)
		return false;
	conv = g_iconv_open("UTF-8", order_of(charset, in, size));
	if (conv == (GIConv)-1)
		return false;
	text = g_string_sized_new(size + 1);
	convert(text, conv, unit_of(charset), in, size, limit);
	g_iconv_close(conv);
	append_utf8(out, text->str, text->len, limit);
	return true;
}

/* <meta charset=x> or <meta ... content="text/html; charset=x">; g_free. */
static char *
find_meta(const char *in, size_t size)
{
	g_autofree char *head = g_strndup(in, MIN(size, META_LIMIT));
	const char *p = strcasestr(head, "<meta");

	if (p == NULL || (p = strcasestr(p, "charset=")) == NULL)
		return g_strdup("");
	p += strlen("charset=");
	p += strspn(p, "\"' ");
	return g_strndup(p, strspn(p, NAME_BYTES));
}

static void
append_guess(GString *out, const char *in, size_t size,
	     const struct ph_charset_options *options)
{
	g_autofree char *meta = NULL;
	const char *charset;

	if (ph_utf8_valid(in, size) == size) {
		append_lines(out, in, size);
		return;
	}
	meta = options->html ? find_meta(in, size) : g_strdup("");
	charset = find_charset(meta);
	if (strcmp(charset, GUESS) == 0 || strcmp(charset, WINDOWS) == 0 ||
	    strcmp(charset, UTF8) == 0 ||
	    !append_iconv(out, charset, in, size, options->limit))
		append_windows(out, in, size, options->limit);
}

/* At a character's end. */
static void
cut(GString *out, size_t limit, bool *cut_r)
{
	if (out->len <= limit)
		return;
	while (limit > 0 && ((unsigned char)out->str[limit] & 0xc0) == 0x80)
		limit--;
	g_string_truncate(out, limit);
	if (cut_r != NULL)
		*cut_r = true;
}

char *
ph_charset_decode(const char *in, size_t size,
		  const struct ph_charset_options *options, size_t *size_r)
{
	const char *charset = find_charset(options->charset);
	/* Four bytes are the most that one byte of text takes (UTF-32); one
	 * more makes the text too long. */
	size_t most = MIN(size, (options->limit + 1) * 4);
	GString *out = g_string_sized_new(MIN(most, options->limit) + 1);

	if (strcmp(charset, GUESS) == 0) {
		append_guess(out, in, most, options);
	} else if (strcmp(charset, UTF8) == 0) {
		append_utf8(out, in, most, options->limit);
	} else if (strcmp(charset, WINDOWS) == 0) {
		append_windows(out, in, most, options->limit);
	} else if (!append_iconv(out, charset, in, most, options->limit)) {
		append_utf8(out, in, most, options->limit);
		if (options->bad_r != NULL)
			*options->bad_r = true;
	}
	cut(out, options->limit, options->cut_r);
	if (g_str_has_prefix(out->str, "\xef\xbb\xbf"))
		g_string_erase(out, 0, 3);
	*size_r = out->len;
	return g_string_free(out, FALSE);
}

/* Besides those of the aliases. The first ones are what others are made of. */
static const char *const common[] = {
    "utf-16le",
    "utf-16be",
    "utf-16",
    "utf-32",
    "utf-32le",
    "utf-32be",
    "ucs-2",
    "ucs-4",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-9",
    "iso-8859-10",
    "iso-8859-11",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "koi8-r",
    "koi8-u",
    "cp437",
    "cp737",
    "cp775",
    "cp850",
    "cp852",
    "cp855",
    "cp857",
    "cp858",
    "cp860",
    "cp861",
    "cp862",
    "cp863",
    "cp864",
    "cp865",
    "cp866",
    "cp869",
    "cp874",
    "cp932",
    "cp936",
    "cp949",
    "cp950",
    "euc-jp",
    "euc-tw",
    "euc-cn",
    "gb18030",
    "gb2312",
    "big5",
    "big5-hkscs",
    "shift_jis",
    "iso-2022-jp",
    "iso-2022-kr",
    "iso-2022-cn",
    "johab",
    "viscii",
    "tcvn",
    "mac-cyrillic",
    "macintosh",
    "hp-roman8",
    "mac-centraleurope",
    "georgian-ps",
    "georgian-academy",
    "tscii",
    "uhc",
};

/* A module that is in use by an open descriptor is not unloaded. */
void
ph_charset_prepare(void)
{
	static GIConv kept[G_N_ELEMENTS(aliases) + G_N_ELEMENTS(common)];
	size_t n = 0;

	if (kept[0] != NULL)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(common); i++)
		kept[n++] = g_iconv_open("UTF-8", common[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++)
		kept[n++] = g_iconv_open("UTF-8", aliases[i].iconv);
}
