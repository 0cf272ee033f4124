#include "lib/message/content_private.h"

#include <string.h>

/*
 * Files in a text, as mail had them before MIME: "begin 644 name" on a line of
 * its own, lines of uuencode, "end". Outlook and others show them as
 * attachments, so they are.
 */

struct text {
	struct ph_content *content;
	const struct ph_place *place;
	const char *end;
	bool keep; /* it does not stay while content is */
};

/* After "begin " and the mode; NULL: the line is another. */
static const char *
find_name(const struct ph_line *line)
{
	const char *p = line->p + strlen("begin ");
	size_t digits = 0;

	if (line->end - line->p < (ptrdiff_t)strlen("begin 644 x") ||
	    memcmp(line->p, "begin ", strlen("begin ")) != 0)
		return NULL;
	while (p < line->end && *p >= '0' && *p <= '7') {
		p++;
		digits++;
	}
	return (digits == 3 || digits == 4) && line->end - p > 1 && *p == ' '
		   ? p + 1
		   : NULL;
}

static void
add_file(const struct text *text, const char *name, size_t name_size,
	 const char *data, size_t size)
{
	struct ph_content *content = text->content;
	g_autofree char *valid = g_utf8_make_valid(name, (gssize)name_size);
	struct ph_part part = {.path = NULL};

	if (text->keep) {
		data = g_memdup2(data, size);
		g_ptr_array_add(content->kept, (char *)data);
	}
	part.path =
	    g_strdup_printf("%s%zu", text->place->prefix, text->place->number);
	part.type = g_strdup("application/octet-stream");
	part.name = ph_header_decode(valid);
	part.charset = g_strdup("");
	part.attachment = true;
	part.source = g_new0(struct ph_content_source, 1);
	part.source->raw = data;
	part.source->size = size;
	part.source->encoding = PH_ENCODING_UU;
	g_array_append_val(content->parts, part);
}

/* Where the file ends that begins with this line; another one may begin before
 * its end. */
static const char *
find_end(const struct ph_line *begin, const char *end)
{
	const char *p = begin->next;

	while (p < end) {
		struct ph_line line = ph_line_get(p, end);

		if (find_name(&line) != NULL)
			break;
		p = line.next;
		if (line.end - line.p == 3 && memcmp(line.p, "end", 3) == 0)
			break;
	}
	return p;
}

/* What is behind it; NULL: no more may be read. */
static const char *
take_file(const struct text *text, const struct ph_line *line, const char *name)
{
	struct ph_content *content = text->content;
	const char *after = find_end(line, text->end);
	size_t size = (size_t)(after - line->p);

	if (content->entities++ >= PH_CONTENT_PARTS) {
		content->truncated = true;
		return NULL;
	}
	if (!ph_content_pay(content, &content->decode, size))
		return NULL;
	add_file(text, name, (size_t)(line->end - name), line->p, size);
	return after;
}

void
ph_content_add_uu(struct ph_content *content, const struct ph_part *part,
		  const struct ph_place *place)
{
	const char *data = ph_content_part_data(part), *p = data;
	const struct text text = {
	    .content = content,
	    .place = place,
	    .end = data + ph_content_source_size(part->source),
	    .keep = part->source->data != NULL,
	};

	while (p != NULL && (p = memmem(p, (size_t)(text.end - p), "begin ",
					strlen("begin "))) != NULL) {
		struct ph_line line = ph_line_get(p, text.end);
		const char *name = find_name(&line);

		if ((p == data || p[-1] == '\n') && name != NULL)
			p = take_file(&text, &line, name);
		else
			p += strlen("begin ");
	}
}
