#include "lib/message/content_private.h"

#include <string.h>
#include <strings.h>

/*
 * The structure of a message (RFC 2045, 2046). Works on the body where it is
 * and copies nothing but what a container was encoded in. A part is read once
 * for each Content-Type it has.
 */
#define SEARCH_COST ((size_t)256)

static void read_entity(struct ph_content *content, struct ph_entity *entity,
			const struct ph_place *place);

/* Is the needle at p a line of its own? */
static bool
is_delimiter(struct ph_delimiter *d, const char *p)
{
	const char *after = p + d->needle_size;
	struct ph_line line;

	if (p > d->body && p[-1] != '\n')
		return false;
	line = ph_line_get(after, d->end);
	d->closing = line.end - after >= 2 && memcmp(after, "--", 2) == 0;
	for (after += d->closing ? 2 : 0; after < line.end; after++)
		if (*after != ' ' && *after != '\t')
			return false;
	/* The line end before it is its own (RFC 2046 section 5.1.1). */
	d->before = p;
	if (d->before > d->body)
		d->before--;
	if (d->before > d->body && d->before[-1] == '\r')
		d->before--;
	d->after = line.next;
	return true;
}

bool
ph_delimiter_find(struct ph_content *content, struct ph_delimiter *d)
{
	const char *p;

	/* Beginning to search costs as much as some bytes do: a body of
	 * nothing but lines that are nearly boundaries is paid for too. */
	while (ph_content_pay(content, &content->scan, SEARCH_COST) &&
	       (p = memmem(d->p, (size_t)(d->end - d->p), d->needle,
			   d->needle_size)) != NULL) {
		bool found = is_delimiter(d, p);

		d->p = found ? d->after : p + d->needle_size;
		if (found)
			return true;
	}
	return false;
}

static void
read_part(struct ph_content *content, const char *p, const char *end,
	  const struct ph_place *place)
{
	struct ph_entity entity = {.n_types = 0};

	ph_entity_read_header(content, &entity, p,
			      end > p ? (size_t)(end - p) : 0);
	read_entity(content, &entity, place);
	ph_entity_clear(&entity);
}

/* What stands before the first boundary is for nobody; a header of a part there
 * is for a reader that takes another line for the boundary. */
static bool
holds_part(const char *p, const char *end)
{
	static const char field[] = "Content-Type:";
	const size_t n = sizeof field - 1;

	while (p < end) {
		if ((size_t)(end - p) > n && strncasecmp(p, field, n) == 0)
			return true;
		p = ph_line_get(p, end).next;
	}
	return false;
}

/* How many delimiters there were. Parts after the closing one are read as well:
 * some readers show them. */
static size_t
read_parts(struct ph_content *content, struct ph_delimiter *d,
	   struct ph_place *place)
{
	const char *part = NULL;
	bool closed = false;
	size_t n = 0;

	for (; ph_delimiter_find(content, d); n++) {
		if (part != NULL) {
			place->number++;
			read_part(content, part, d->before, place);
		} else if (closed) {
			ph_content_suspect(content,
					   "a part after the last boundary");
		} else if (holds_part(d->body, d->before)) {
			ph_content_suspect(content,
					   "a part before the first boundary");
		}
		if (content->entities > PH_CONTENT_PARTS)
			return n + 1;
		part = d->closing ? NULL : d->after;
		closed |= d->closing;
	}
	if (part != NULL) {
		ph_content_suspect(content, "the last boundary is missing");
		place->number++;
		read_part(content, part, d->end, place);
	}
	return n;
}

char *
ph_boundary_find(const struct ph_field *type)
{
	g_autofree char *boundary = ph_field_param(type, "boundary");

	return boundary != NULL && *boundary != '\0'
		   ? g_strconcat("--", boundary, NULL)
		   : NULL;
}

static size_t
read_between(struct ph_content *content, const struct ph_field *type,
	     const char *boundary, const char *body, size_t size,
	     const struct ph_place *place)
{
	g_autofree char *needle = g_strconcat("--", boundary, NULL);
	g_autofree char *prefix =
	    place->root
		? g_strdup(place->prefix)
		: g_strdup_printf("%s%zu.", place->prefix, place->number);
	struct ph_place child = {
	    .prefix = prefix,
	    .depth = place->depth + 1,
	    .inner = place->inner,
	    .encrypted = strcmp(type->value, "multipart/encrypted") == 0,
	    .type = strcmp(type->value, "multipart/digest") == 0
			? "message/rfc822"
			: "text/plain",
	};
	struct ph_delimiter d = {
	    .needle = needle,
	    .needle_size = strlen(needle),
	    .body = body,
	    .p = body,
	    .end = body + size,
	};

	if (!ph_content_pay(content, &content->scan, size))
		return 1;
	return read_parts(content, &d, &child);
}

/* By each boundary that a reader may take. */
static size_t
read_multipart(struct ph_content *content, const struct ph_field *type,
	       const char *body, size_t size, const struct ph_place *place)
{
	g_autoptr(GPtrArray) boundaries =
	    g_ptr_array_new_with_free_func(g_free);
	size_t n = 0;

	ph_field_readings(type, "boundary", boundaries);
	if (boundaries->len == 0)
		ph_content_suspect(content, "a multipart without boundary");
	if (boundaries->len > 1)
		ph_content_suspect(content, "a multipart with two boundaries");
	for (guint i = 0; i < boundaries->len; i++)
		n += read_between(content, type, boundaries->pdata[i], body,
				  size, place);
	return n;
}

/* The decoded bytes of a container, which should not be encoded. */
static const char *
decode_container(struct ph_content *content, const struct ph_entity *entity,
		 size_t *size_r)
{
	char *data;

	if (entity->encoding == PH_ENCODING_NONE ||
	    entity->encoding == PH_ENCODING_UNKNOWN ||
	    !ph_content_pay(content, &content->decode, entity->size)) {
		*size_r = entity->size;
		return entity->body;
	}
	data = ph_encoding_decode(entity->encoding, entity->body, entity->size,
				  size_r);
	g_ptr_array_add(content->kept, data);
	return data;
}

/* A multipart may not be encoded (RFC 2045 section 6.4). Where it is and no
 * part is seen, a reader may have decoded it first. */
static void
take_multipart(struct ph_content *content, const struct ph_entity *entity,
	       const struct ph_field *type, const struct ph_place *place)
{
	const char *decoded;
	size_t size;

	if (!place->inner)
		content->types |= ph_content_multipart_kind(content, type);
	if (type->bad) /* it may have another boundary for others */
		ph_content_add_extra(content, entity->body, entity->size);
	if (read_multipart(content, type, entity->body, entity->size, place) >
	    0)
		return;
	ph_content_suspect(content, "a multipart without parts");
	if (!type->bad)
		ph_content_add_extra(content, entity->body, entity->size);
	decoded = decode_container(content, entity, &size);
	if (decoded == entity->body)
		return;
	ph_content_add_extra(content, decoded, size);
	read_multipart(content, type, decoded, size, place);
}

static void
take_message(struct ph_content *content, const struct ph_entity *entity,
	     const struct ph_field *type, const struct ph_place *place)
{
	struct ph_place inner = {
	    .number = 1,
	    .depth = place->depth + 1,
	    .inner = true,
	    .root = true,
	    .type = "text/plain",
	};
	g_autofree char *prefix =
	    g_strdup_printf("%s%zu.", place->prefix, place->number);
	const char *data;
	size_t size;

	ph_content_add_leaf(content, entity, type, place);
	inner.prefix = prefix;
	data = decode_container(content, entity, &size);
	read_part(content, data, data + size, &inner);
}

static void
take_reading(struct ph_content *content, const struct ph_entity *entity,
	     const struct ph_field *type, const struct ph_place *place)
{
	bool multipart = g_str_has_prefix(type->value, "multipart/");
	bool message = ph_content_is_message(type->value);

	if ((multipart || message) && place->depth >= PH_CONTENT_DEPTH) {
		content->truncated = true;
		return;
	}
	if (multipart)
		take_multipart(content, entity, type, place);
	else if (message)
		take_message(content, entity, type, place);
	else
		ph_content_add_leaf(content, entity, type, place);
}

/* "type/subtype" in ASCII and nothing else. */
static bool
is_type(const char *value)
{
	const char *slash = strchr(value, '/');

	for (const char *p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return slash != NULL && slash > value && slash[1] != '\0' &&
	       strchr(slash + 1, '/') == NULL;
}

static void
mend_type(struct ph_content *content, struct ph_field *type)
{
	if (is_type(type->value))
		return;
	ph_content_suspect(content, "malformed Content-Type");
	g_free(type->value);
	type->value = g_strdup("text/plain");
}

static void
read_entity(struct ph_content *content, struct ph_entity *entity,
	    const struct ph_place *place)
{
	if (entity->n_types == 0) {
		ph_field_parse(place->type, strlen(place->type),
			       &entity->types[0]);
		entity->n_types = 1;
	}
	if (entity->contradicts)
		ph_content_add_extra(content, entity->body, entity->size);
	for (size_t i = 0; i < entity->n_types; i++) {
		if (content->entities++ >= PH_CONTENT_PARTS) {
			content->truncated = true;
			return;
		}
		mend_type(content, &entity->types[i]);
		take_reading(content, entity, &entity->types[i], place);
	}
}

void
ph_content_parse(struct ph_content *content, const struct ph_headers *headers,
		 const char *body, size_t size)
{
	static const struct ph_place place = {
	    .prefix = "", .number = 1, .root = true, .type = "text/plain"};
	struct ph_entity entity = {.body = body, .size = size};

	ph_entity_read_fields(content, &entity, headers);
	read_entity(content, &entity, &place);
	ph_entity_clear(&entity);
}
