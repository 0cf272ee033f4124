#include "lib/base/text.h"
#include "lib/extract/rtf_private.h"

#include <stdlib.h>
#include <string.h>

/*
 * Rich Text Format 1.9. A group is a destination: text, or not. What hangs on
 * the text (a note, a comment, a header, a field's code) stands in its middle,
 * perhaps in the middle of a word, and goes behind all of it.
 *
 * Bytes are of the font's code page; \uN is a character, behind which stand as
 * many as \uc says for readers that do not know it.
 */
#define KEYWORD 32
#define PENDING ((size_t)4096)

struct rtf_group *
ph_rtf_group(struct rtf *r)
{
	return &g_array_index(r->groups, struct rtf_group, r->groups->len - 1);
}

/* ---- text --------------------------------------------------------------- */

void
ph_rtf_flush(struct rtf *r)
{
	if (r->pending->len == 0)
		return;
	ph_extract_put_charset(r->job, r->pending_charset, r->pending->str,
			       r->pending->len);
	g_string_truncate(r->pending, 0);
}

static bool
is_hidden(const struct rtf_group *group)
{
	return group->destination != DEST_TEXT &&
	       group->destination != DEST_PROPERTY;
}

static void
take_byte(struct rtf *r, unsigned char c)
{
	struct rtf_group *group = ph_rtf_group(r);

	if (r->skip > 0) {
		r->skip--;
		return;
	}
	if (is_hidden(group))
		return;
	if (r->pending_charset != group->charset ||
	    r->pending->len >= PENDING) {
		ph_rtf_flush(r);
		r->pending_charset = group->charset;
	}
	g_string_append_c(r->pending, (char)c);
}

void
ph_rtf_put(struct rtf *r, gunichar c)
{
	if (r->skip > 0) {
		r->skip--;
		return;
	}
	if (is_hidden(ph_rtf_group(r)))
		return;
	ph_rtf_flush(r);
	if (c == '\n' || c == '\t' || c == ' ')
		ph_extract_separate(r->job, (char)c);
	else
		ph_extract_put_char(r->job, c);
}

/* A character outside the first plane is two. */
void
ph_rtf_put_unicode(struct rtf *r, int number)
{
	gunichar c = (gunichar)(number < 0 ? number + 0x10000 : number);
	gunichar high = r->high;

	r->skip = 0;
	r->high = 0;
	if (c >= 0xd800 && c < 0xdc00)
		r->high = c;
	else if (high != 0 && c >= 0xdc00 && c < 0xe000)
		ph_rtf_put(r, 0x10000 + ((high - 0xd800) << 10) + (c - 0xdc00));
	else
		ph_rtf_put(r, c);
	r->skip = ph_rtf_group(r)->replaced;
}

/* ---- groups ------------------------------------------------------------- */

static void
open_group(struct rtf *r)
{
	struct rtf_group group = *ph_rtf_group(r);

	r->skip = 0;
	r->optional = false;
	if (r->groups->len >= r->job->limits.depth) {
		r->job->result->limit = true;
		r->deeper++;
		return;
	}
	group.begins = NULL;
	g_array_append_val(r->groups, group);
}

static void
close_group(struct rtf *r)
{
	struct rtf_group *group = ph_rtf_group(r);

	r->skip = 0;
	r->optional = false;
	if (r->deeper > 0) {
		r->deeper--;
		return;
	}
	if (r->groups->len == 1) {
		/* Word reads no further; other readers may. */
		r->job->result->damaged |= r->closed;
		r->closed = true;
		return;
	}
	if (group->begins != NULL)
		ph_rtf_end_destination(r, group->begins);
	g_array_set_size(r->groups, r->groups->len - 1);
}

/* ---- control words ------------------------------------------------------ */

static int
hex(const struct rtf *r)
{
	return r->end - r->p < 2 ? -1 : ph_hex_byte((const char *)r->p);
}

static void
take_symbol(struct rtf *r, unsigned char c)
{
	int byte;

	switch (c) {
	case '\'':
		byte = hex(r);
		if (byte < 0)
			break;
		r->p += 2;
		take_byte(r, (unsigned char)byte);
		break;
	case '\\':
	case '{':
	case '}':
		take_byte(r, c);
		break;
	case '~':
		ph_rtf_put(r, ' ');
		break;
	case '_':
		ph_rtf_put(r, '-');
		break;
	case '\r':
	case '\n':
		ph_rtf_put(r, '\n');
		break;
	case '*':
		r->optional = true;
		break;
	default:
		break;
	}
}

/* The number behind a word; *has_r: there is one. */
static int
take_number(struct rtf *r, bool *has_r)
{
	bool minus = r->p < r->end && *r->p == '-';
	const unsigned char *digits = r->p + minus;
	const unsigned char *p = digits;
	int number = 0;

	for (; p < r->end && g_ascii_isdigit(*p); p++)
		if (number < 100000000)
			number = number * 10 + (*p - '0');
	*has_r = p > digits;
	if (*has_r)
		r->p = p;
	return minus ? -number : number;
}

static void
take_word(struct rtf *r)
{
	char word[KEYWORD + 1];
	size_t n = 0;
	bool has;
	int number;

	while (r->p < r->end && g_ascii_isalpha(*r->p)) {
		if (n < KEYWORD)
			word[n++] = (char)*r->p;
		r->p++;
	}
	word[n] = '\0';
	number = take_number(r, &has);
	if (r->p < r->end && *r->p == ' ')
		r->p++;
	ph_rtf_control(r, word, number, has);
	r->optional = false;
}

static void
take_control(struct rtf *r)
{
	if (r->p >= r->end)
		return;
	if (g_ascii_isalpha(*r->p))
		take_word(r);
	else
		take_symbol(r, *r->p++);
}

/* ---- the document ------------------------------------------------------- */

/* A property that is too long is no end of the text. */
static bool
is_over(struct rtf *r)
{
	return ph_extract_full(r->job) &&
	       ph_rtf_group(r)->destination != DEST_PROPERTY;
}

static void
read_all(struct rtf *r)
{
	while (r->p < r->end && !is_over(r)) {
		unsigned char c = *r->p++;

		if (c == '{')
			open_group(r);
		else if (c == '}')
			close_group(r);
		else if (c == '\\')
			take_control(r);
		else if (c != '\r' && c != '\n' && c != '\0')
			take_byte(r, c);
	}
	while (r->groups->len > 1) {
		r->job->result->damaged = true;
		r->deeper = 0;
		close_group(r);
	}
	ph_rtf_flush(r);
}

int
ph_extract_rtf(struct ph_extract_job *job, struct ph_err *err)
{
	struct rtf_group first = {
	    .charset = "windows-1252",
	    .replaced = 1,
	};
	struct rtf r = {
	    .job = job,
	    .p = job->source->data,
	    .end = (const unsigned char *)job->source->data + job->source->size,
	    .charset = first.charset,
	    .pending_charset = first.charset,
	    .main = job->result->text,
	};

	(void)err;
	r.groups = g_array_new(FALSE, FALSE, sizeof(struct rtf_group));
	r.pending = g_string_new(NULL);
	r.aside = g_string_new(NULL);
	r.property = g_string_new(NULL);
	g_array_append_val(r.groups, first);
	read_all(&r);
	job->result->text = r.main;
	ph_extract_put_aside(job, r.aside);
	g_array_unref(r.groups);
	g_string_free(r.pending, TRUE);
	g_string_free(r.aside, TRUE);
	g_string_free(r.property, TRUE);
	g_free(r.property_name);
	return 1;
}
