#include "lib/message/content_private.h"

#include <string.h>
#include <strings.h>

/* Of one name in one header; more are not looked at. */
#define FIELDS 1000

static bool
has_type(const struct ph_entity *entity, const char *value, size_t size)
{
	for (size_t i = 0; i < entity->n_types; i++)
		if (entity->raw_types[i].size == size &&
		    memcmp(entity->raw_types[i].raw, value, size) == 0)
			return true;
	return false;
}

static void
take_type(struct ph_content *content, struct ph_entity *entity,
	  const char *value, size_t size)
{
	size_t n = entity->n_types;

	if (has_type(entity, value, size))
		return;
	if (n > 0)
		ph_content_suspect(content, "several Content-Type fields");
	/* Of too many, the last, which some readers take. */
	if (n == PH_ENTITY_READINGS) {
		content->truncated = true;
		ph_field_clear(&entity->types[--n]);
		entity->n_types--;
	}
	ph_field_parse(value, size, &entity->types[n]);
	if (entity->types[n].bad)
		ph_content_suspect(content, "malformed Content-Type");
	content->truncated |= entity->types[n].cut;
	entity->raw_types[n].raw = value;
	entity->raw_types[n].size = size;
	entity->n_types++;
}

/* The last counts, as in most libraries; the name may be another's. */
static void
take_disposition(struct ph_content *content, struct ph_entity *entity,
		 const char *value, size_t size)
{
	if (entity->disposition.value != NULL) {
		ph_content_suspect(content,
				   "several Content-Disposition fields");
		if (entity->names == NULL)
			entity->names = g_ptr_array_new_with_free_func(g_free);
		ph_field_readings(&entity->disposition, "filename",
				  entity->names);
	}
	ph_field_clear(&entity->disposition);
	ph_field_parse(value, size, &entity->disposition);
	if (entity->disposition.bad)
		ph_content_suspect(content, "malformed Content-Disposition");
	content->truncated |= entity->disposition.cut;
}

/* Of two, the one that changes the bytes; how the part reads without it is
 * added to the texts. */
static void
take_encoding(struct ph_content *content, struct ph_entity *entity,
	      const char *value, size_t size)
{
	struct ph_field field;
	enum ph_encoding encoding;

	ph_field_parse(value, size, &field);
	encoding = ph_encoding_of(field.value, strlen(field.value));
	ph_field_clear(&field);
	if (encoding == PH_ENCODING_UNKNOWN)
		ph_content_suspect(content,
				   "unknown Content-Transfer-Encoding");
	if (entity->encoded && encoding != entity->encoding) {
		ph_content_suspect(content,
				   "several Content-Transfer-Encoding fields");
		entity->contradicts = true;
	}
	if (!entity->encoded || entity->encoding == PH_ENCODING_NONE ||
	    entity->encoding == PH_ENCODING_UNKNOWN)
		entity->encoding = encoding;
	entity->encoded = true;
}

static const struct {
	const char *name;
	void (*take)(struct ph_content *content, struct ph_entity *entity,
		     const char *value, size_t size);
} fields[] = {
    {"Content-Type", take_type},
    {"Content-Disposition", take_disposition},
    {"Content-Transfer-Encoding", take_encoding},
};

void
ph_entity_take_field(struct ph_content *content, struct ph_entity *entity,
		     const char *name, size_t name_size, const char *value,
		     size_t size)
{
	if (name_size < 12 || g_ascii_tolower(*name) != 'c')
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		if (strlen(fields[i].name) != name_size ||
		    strncasecmp(fields[i].name, name, name_size) != 0)
			continue;
		if (entity->fields[i]++ < FIELDS)
			fields[i].take(content, entity, value, size);
		else
			content->truncated = true;
	}
}

void
ph_entity_read_fields(struct ph_content *content, struct ph_entity *entity,
		      const struct ph_headers *headers)
{
	for (size_t i = 0; i < ph_headers_count(headers); i++) {
		const struct ph_header *field = ph_headers_at(headers, i);

		ph_entity_take_field(content, entity, field->name,
				     strlen(field->name), field->value,
				     strlen(field->value));
	}
}

void
ph_entity_clear(struct ph_entity *entity)
{
	for (size_t i = 0; i < entity->n_types; i++)
		ph_field_clear(&entity->types[i]);
	ph_field_clear(&entity->disposition);
	if (entity->names != NULL)
		g_ptr_array_unref(entity->names);
	entity->names = NULL;
}

struct ph_line
ph_line_get(const char *p, const char *end)
{
	struct ph_line line = {p, end, end};
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	if (lf != NULL) {
		line.end = lf;
		line.next = lf + 1;
	}
	if (line.end > p && line.end[-1] == '\r')
		line.end--;
	return line;
}

/* After the colon; NULL: the line is no field. */
static const char *
find_value(const struct ph_line *line, size_t *name_r)
{
	const char *p = line->p;

	while (p<line->end && * p> ' ' && *p < 0x7f && *p != ':')
		p++;
	*name_r = (size_t)(p - line->p);
	while (p < line->end && (*p == ' ' || *p == '\t'))
		p++;
	return *name_r > 0 && p < line->end && *p == ':' ? p + 1 : NULL;
}

static bool
is_folded(const char *p, const char *end)
{
	return p < end && (*p == ' ' || *p == '\t');
}

static bool
is_from_line(const struct ph_line *line)
{
	size_t size = (size_t)(line->end - line->p);

	return (size > 5 && memcmp(line->p, "From ", 5) == 0) ||
	       (size > 6 && memcmp(line->p, ">From ", 6) == 0);
}

/*
 * The header of a part and where its body is. What is no field is passed over,
 * and the part as it is becomes a text: one reader takes such a line for the
 * beginning of the body, another for nothing.
 */
void
ph_entity_read_header(struct ph_content *content, struct ph_entity *entity,
		      const char *p, size_t size)
{
	const char *start = p, *end = p + size;
	bool broken = false;

	while (p < end) {
		struct ph_line line = ph_line_get(p, end);
		const char *value;
		size_t name;

		if (line.p == line.end) {
			p = line.next;
			break;
		}
		value = find_value(&line, &name);
		broken |= value == NULL && !(p == start && is_from_line(&line));
		while (is_folded(line.next, end))
			line = ph_line_get(line.next, end);
		if (value != NULL)
			ph_entity_take_field(content, entity, p, name, value,
					     (size_t)(line.end - value));
		p = line.next;
	}
	if (broken) {
		ph_content_suspect(content, "malformed header of a part");
		ph_content_add_extra(content, start, size);
	}
	entity->body = p;
	entity->size = (size_t)(end - p);
}
