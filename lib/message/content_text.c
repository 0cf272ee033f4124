#include "lib/message/content_private.h"

#include <string.h>

/* The text of a source. *bad_r, *cut_r as in ph_charset_options. */
static char *
read_text(const struct ph_part *part, const char *charset, size_t limit,
	  bool *bad_r, bool *cut_r, size_t *size_r)
{
	struct ph_charset_options options = {
	    .charset = charset,
	    .html = part->source->html,
	    .limit = limit,
	    .bad_r = bad_r,
	    .cut_r = cut_r,
	};
	const char *data = ph_content_part_data(part);
	g_autofree char *text = NULL;
	size_t size;

	text = ph_charset_decode(data, ph_content_source_size(part->source),
				 &options, &size);
	if (part->source->html)
		return ph_html_to_text(text, size, size_r);
	*size_r = size;
	return g_steal_pointer(&text);
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
	    read_text(part, part->charset, PH_CONTENT_TEXT, NULL, NULL, size_r);
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

static void
add_reading(struct ph_content *content, const struct ph_part *part,
	    const char *charset)
{
	bool bad = false;
	size_t size;
	char *text = read_text(part, charset, content->text_room, &bad,
			       &content->truncated, &size);

	if (bad)
		ph_content_suspect(content, "unknown charset");
	add_text(content, text, size);
	if (part->source->joins)
		add_joined(content, text, size);
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

void
ph_content_make_texts(struct ph_content *content)
{
	if (content->texts != NULL)
		return;
	content->texts = g_ptr_array_new_with_free_func(g_free);
	content->sizes = g_array_new(FALSE, FALSE, sizeof(size_t));
	content->text_room = PH_CONTENT_TEXT;
	for (guint i = 0; i < content->parts->len; i++) {
		const struct ph_part *part =
		    &g_array_index(content->parts, struct ph_part, i);

		if (part->source->body)
			add_body(content, part);
	}
	for (guint i = 0; i < content->extras->len; i++)
		add_extra(content, &g_array_index(content->extras,
						  struct ph_content_extra, i));
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
