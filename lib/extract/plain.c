#include "lib/extract/extract_private.h"
#include "lib/message/charset.h"
#include "lib/message/content.h"

#include <string.h>
#include <uchardet.h>

/*
 * Text, of the encoding that it is in: a byte order mark says more than what is
 * declared, and that more than a guess.
 */
#define SAMPLE ((size_t)64 * 1024)
#define FEW 16
#define ESC 0x1b

static const struct {
	const char *mark;
	size_t size;
	const char *charset;
} marks[] = {
    /* UTF-32 first: its mark begins as that of UTF-16. */
    {"\xff\xfe\0\0", 4, "utf-32le"}, {"\0\0\xfe\xff", 4, "utf-32be"},
    {"\xff\xfe", 2, "utf-16le"},     {"\xfe\xff", 2, "utf-16be"},
    {"\xef\xbb\xbf", 3, "utf-8"},
};

static const char *
find_mark(struct ph_bytes *text)
{
	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
		if (text->size < marks[i].size ||
		    memcmp(text->p, marks[i].mark, marks[i].size) != 0)
			continue;
		text->p += marks[i].size;
		text->size -= marks[i].size;
		return marks[i].charset;
	}
	return NULL;
}

/* UTF-16 has NULs, or the blocks of one script, in every second byte; other
 * text has no NUL at all. */
static const char *
find_wide(struct ph_bytes text)
{
	size_t zeros[4] = {0}, n = MIN(text.size, SAMPLE) / 4 * 4;

	for (size_t i = 0; i < n; i++)
		zeros[i % 4] += text.p[i] == 0;
	n /= 4;
	if (n == 0)
		return NULL;
	if (zeros[3] == n && zeros[2] > n / 2 && zeros[0] == 0)
		return "utf-32le";
	if (zeros[0] == n && zeros[1] > n / 2 && zeros[3] == 0)
		return "utf-32be";
	if (zeros[1] + zeros[3] > n / 20 && zeros[0] + zeros[2] == 0)
		return "utf-16le";
	if (zeros[0] + zeros[2] > n / 20 && zeros[1] + zeros[3] == 0)
		return "utf-16be";
	return NULL;
}

/* Of a few letters no statistics can tell one Latin charset from another, and
 * the most common one is likely. */
static bool
is_unlikely(const char *charset, struct ph_bytes text)
{
	static const char latin[] = "iso-8859-";
	static const char others[] = "5678"; /* other scripts */
	size_t letters = 0;

	if (!g_str_has_prefix(charset, latin))
		return false;
	charset += sizeof(latin) - 1;
	if (charset[1] == '\0' && strchr(others, charset[0]) != NULL)
		return false;
	for (size_t i = 0; i < text.size && letters < FEW; i++)
		letters += text.p[i] >= 0x80;
	return letters < FEW;
}

/* By the statistics of languages; g_free; "": no idea. */
static char *
guess(struct ph_bytes text)
{
	struct ph_bytes sample = ph_bytes_sub(text, 0, SAMPLE);
	bool escapes = memchr(sample.p, ESC, sample.size) != NULL;
	uchardet_t detector;
	char *charset;

	/* ISO 2022 has bytes of ASCII only. */
	if (!escapes &&
	    ph_utf8_valid((const char *)text.p, text.size) == text.size)
		return g_strdup("utf-8");
	detector = uchardet_new();
	uchardet_handle_data(detector, (const char *)sample.p, sample.size);
	uchardet_data_end(detector);
	charset = g_ascii_strdown(uchardet_get_charset(detector), -1);
	uchardet_delete(detector);
	if (is_unlikely(charset, sample))
		charset[0] = '\0';
	return charset;
}

/* *text loses its mark. g_free; "": not known. */
static char *
find_charset(const struct ph_extract_source *source, struct ph_bytes *text,
	     bool html)
{
	const char *charset = find_mark(text);

	if (charset == NULL)
		charset = find_wide(*text);
	if (charset == NULL && source->charset != NULL &&
	    source->charset[0] != '\0')
		charset = source->charset;
	if (charset != NULL)
		return g_strdup(charset);
	return html ? g_strdup("") : guess(*text);
}

/* g_free */
static char *
decode(struct ph_extract_job *job, bool html, size_t limit, size_t *size_r)
{
	struct ph_bytes text = {job->source->data, job->source->size};
	g_autofree char *charset = find_charset(job->source, &text, html);
	struct ph_charset_options options = {
	    .charset = charset,
	    .html = html,
	    .limit = limit,
	    .bad_r = &job->result->damaged,
	    .cut_r = &job->result->truncated,
	};

	return ph_charset_decode((const char *)text.p, text.size, &options,
				 size_r);
}

int
ph_extract_plain(struct ph_extract_job *job, struct ph_err *err)
{
	size_t size;
	g_autofree char *text = decode(job, false, job->limits.text, &size);

	(void)err;
	g_string_append_len(job->result->text, text, (gssize)size);
	return 1;
}

/* Tags may be most of it, so the limit is for what is left. */
int
ph_extract_html(struct ph_extract_job *job, struct ph_err *err)
{
	size_t size, text_size;
	g_autofree char *html = decode(job, true, job->limits.unpacked, &size);
	g_autofree char *text = ph_html_to_text(html, size, &text_size);

	(void)err;
	if (job->result->truncated) {
		job->result->truncated = false;
		job->result->limit = true;
	}
	ph_extract_put(job, text, text_size);
	return 1;
}

/* The detector's tables are in the library; a first use loads it. */
void
ph_extract_plain_prepare(void)
{
	uchardet_t detector = uchardet_new();

	uchardet_delete(detector);
}
