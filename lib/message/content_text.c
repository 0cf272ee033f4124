#include "lib/message/content_private.h"

#include <string.h>
#include <strings.h>

/* The text of bytes of a part. */
static char *
convert(const struct ph_part *part, const void *data, size_t data_size,
	struct ph_charset_options *options, size_t *size_r)
{
	g_autofree char *text = NULL;
	size_t size;

	options->html = part->source->html;
	text = ph_charset_decode(data, data_size, options, &size);
	if (part->source->html)
		return ph_html_to_text(text, size, size_r);
	*size_r = size;
	return g_steal_pointer(&text);
}

static char *
read_text(const struct ph_part *part, struct ph_charset_options *options,
	  size_t *size_r)
{
	const char *data = ph_content_part_data(part);

	return convert(part, data, ph_content_source_size(part->source),
		       options, size_r);
}

bool
ph_content_part_is_text(const struct ph_part *part)
{
	return part->source->text;
}

int
ph_content_part_text(const struct ph_part *part, char **text_r, size_t *size_r)
{
	if (!part->source->text)
		return 0;
	*text_r =
	    read_text(part,
		      &(struct ph_charset_options){.charset = part->charset,
						   .limit = PH_CONTENT_TEXT},
		      size_r);
	return 1;
}

/* Takes text. */
static void
add_text(struct ph_content *content, char *text, size_t size)
{
	g_ptr_array_add(content->texts, text);
	g_array_append_val(content->sizes, size);
	content->text_room -= MIN(size, content->text_room);
}

/* Some readers decode what they can, some show it as it came. */
static void
check_base64(struct ph_content *content, const struct ph_content_source *source)
{
	bool bad = false;

	if (source->encoding == PH_ENCODING_BASE64)
		ph_encoding_base64_size(source->raw, source->size, &bad);
	if (!bad)
		return;
	ph_content_suspect(content, "malformed base64");
	ph_content_add_extra(content, source->raw, source->size);
}

/* As readers show it that know DelSp: a line that goes on behind a blank, which
 * may be "in the middle of a wo \nrd", and what quotes the next one. */
static void
add_joined(struct ph_content *content, const char *text, size_t size)
{
	GString *out = g_string_sized_new(size);
	const char *p = text, *gap;

	while ((gap = strstr(p, " \n")) != NULL) {
		g_string_append_len(out, p, gap - p);
		p = gap + 2;
		p += strspn(p, ">");
		p += *p == ' ';
	}
	g_string_append(out, p);
	size = out->len;
	add_text(content, g_string_free(out, FALSE), size);
}

/* Of several bytes a character, of which some are 0. */
static bool
is_wide(const char *charset)
{
	static const char *const begins[] = {"utf-16", "utf16",	  "utf-32",
					     "utf32",  "ucs",	  "unicode",
					     "csucs",  "csunico", "iso-10646"};

	for (size_t i = 0; i < G_N_ELEMENTS(begins); i++)
		if (strncasecmp(charset, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

/* A browser leaves out what is 0. */
static void
add_without_nul(struct ph_content *content, const struct ph_part *part,
		struct ph_charset_options *options)
{
	const char *data = ph_content_part_data(part);
	size_t n = ph_content_source_size(part->source), size;
	g_autoptr(GByteArray) rest = NULL;
	char *text;

	if (n == 0 || is_wide(options->charset) ||
	    memchr(data, '\0', n) == NULL ||
	    !ph_content_pay(content, &content->decode, n))
		return;
	rest = g_byte_array_sized_new((guint)n);
	for (size_t i = 0; i < n; i++)
		if (data[i] != '\0')
			g_byte_array_append(rest, (const guint8 *)data + i, 1);
	options->limit = content->text_room;
	text = convert(part, rest->data, rest->len, options, &size);
	add_text(content, text, size);
}

static void
add_reading(struct ph_content *content, const struct ph_part *part,
	    const char *charset)
{
	bool bad = false;
	struct ph_charset_options options = {
	    .charset = charset,
	    .limit = content->text_room,
	    .bad_r = &bad,
	    .cut_r = part->attachment ? NULL : &content->truncated,
	};
	size_t size;
	char *text = read_text(part, &options, &size), *shown;

	if (bad)
		ph_content_suspect(content, "unknown charset");
	add_text(content, text, size);
	if (part->source->joins)
		add_joined(content, text, size);
	if (part->source->marked) {
		shown = ph_html_to_text(text, size, &size);
		add_text(content, shown, size);
	}
	add_without_nul(content, part, &options);
}

static void
add_body(struct ph_content *content, const struct ph_part *part)
{
	char **charset = part->source->charsets;

	check_base64(content, part->source);
	add_reading(content, part, part->charset);
	for (; charset != NULL && *charset != NULL; charset++) {
		ph_content_suspect(content, "a part with two charsets");
		add_reading(content, part, *charset);
	}
}

static void
add_extra(struct ph_content *content, const struct ph_content_extra *extra)
{
	struct ph_charset_options options = {
	    .charset = "",
	    .limit = content->text_room,
	    .cut_r = &content->truncated,
	};
	size_t size;
	char *text =
	    ph_charset_decode(extra->raw, extra->size, &options, &size);

	add_text(content, text, size);
}

/* Those that are files as well come last, with what room is left: what is read
 * of a file has a limit of its own. */
static void
add_bodies(struct ph_content *content, bool attachments)
{
	for (guint i = 0; i < content->parts->len; i++) {
		const struct ph_part *part =
		    &g_array_index(content->parts, struct ph_part, i);

		if (part->source->body && part->attachment == attachments &&
		    (!attachments || content->text_room > 0))
			add_body(content, part);
	}
}

void
ph_content_make_texts(struct ph_content *content)
{
	if (content->texts != NULL)
		return;
	content->texts = g_ptr_array_new_with_free_func(g_free);
	content->sizes = g_array_new(FALSE, FALSE, sizeof(size_t));
	content->text_room = PH_CONTENT_TEXT;
	add_bodies(content, false);
	for (guint i = 0; i < content->extras->len; i++)
		add_extra(content, &g_array_index(content->extras,
						  struct ph_content_extra, i));
	add_bodies(content, true);
}

const char *const *
ph_content_texts(struct ph_content *content, const size_t **sizes_r,
		 size_t *n_r)
{
	ph_content_make_texts(content);
	*sizes_r = (const size_t *)(const void *)content->sizes->data;
	*n_r = content->texts->len;
	return (const char *const *)content->texts->pdata;
}
