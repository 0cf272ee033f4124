#include "lib/message/units.h"

#include "lib/message/content_private.h"

#include <string.h>

struct walk {
	struct ph_content *content; /* counts what is read */
	const char *body;
	GArray *units;
	bool odd; /* not all of it can be exchanged */
};

static void
clear_unit(void *data)
{
	struct ph_unit *unit = data;

	g_free(unit->type);
	g_free(unit->name);
}

/* Its parts can be exchanged. */
static bool
is_open(const struct ph_entity *entity)
{
	const char *type = entity->n_types == 1 ? entity->types[0].value : "";

	return g_str_has_prefix(type, "multipart/") &&
	       strcmp(type, "multipart/signed") != 0 &&
	       strcmp(type, "multipart/encrypted") != 0 &&
	       entity->encoding == PH_ENCODING_NONE;
}

static void
add_unit(struct walk *walk, const struct ph_entity *entity, const char *begin,
	 const char *end)
{
	struct ph_field plain;
	const struct ph_field *type = &plain;
	struct ph_unit unit = {
	    .begin = (size_t)(begin - walk->body),
	    .end = (size_t)(end - walk->body),
	};

	if (walk->units->len == PH_UNITS) {
		walk->odd = true;
		return;
	}
	ph_field_parse("text/plain", strlen("text/plain"), &plain);
	if (entity->n_types > 0)
		type = &entity->types[0];
	unit.type = g_strdup(type->value);
	unit.name = ph_entity_name(walk->content, entity, type);
	ph_field_clear(&plain);
	g_array_append_val(walk->units, unit);
}

static void walk_parts(struct walk *walk, const struct ph_entity *entity,
		       size_t depth);

static void
walk_part(struct walk *walk, const char *begin, const char *end, size_t depth)
{
	struct ph_entity entity = {.n_types = 0};

	if (end < begin || depth > PH_CONTENT_DEPTH) {
		walk->odd = true;
		return;
	}
	ph_entity_read_header(walk->content, &entity, begin,
			      (size_t)(end - begin));
	if (is_open(&entity))
		walk_parts(walk, &entity, depth + 1);
	else
		add_unit(walk, &entity, begin, end);
	ph_entity_clear(&entity);
}

static void
walk_parts(struct walk *walk, const struct ph_entity *entity, size_t depth)
{
	g_autofree char *needle = ph_boundary_find(&entity->types[0]);
	struct ph_delimiter d = {
	    .needle = needle,
	    .body = entity->body,
	    .p = entity->body,
	    .end = entity->body + entity->size,
	};
	const char *part = NULL;

	if (needle == NULL) {
		walk->odd = true;
		return;
	}
	d.needle_size = strlen(needle);
	while (!walk->odd && ph_delimiter_find(walk->content, &d)) {
		if (part != NULL)
			walk_part(walk, part, d.before, depth);
		part = d.closing ? NULL : d.after;
		if (d.closing)
			return;
	}
	walk->odd = true;
}

GArray *
ph_units_find(struct ph_headers *headers, const void *body, size_t size)
{
	struct ph_content *content = ph_content_new(headers, body, size);
	struct ph_entity root = {.body = body, .size = size};
	struct walk walk = {
	    .content = content,
	    .body = body,
	    .units = g_array_new(FALSE, FALSE, sizeof(struct ph_unit)),
	};

	g_array_set_clear_func(walk.units, clear_unit);
	ph_entity_read_fields(content, &root, headers);
	walk.odd = ph_content_suspicious(content, NULL) || !is_open(&root);
	if (!walk.odd)
		walk_parts(&walk, &root, 0);
	if (walk.odd || ph_content_truncated(content) || walk.units->len == 0)
		g_clear_pointer(&walk.units, g_array_unref);
	ph_entity_clear(&root);
	ph_content_free(&content);
	return walk.units;
}

GByteArray *
ph_units_exchange(const void *body, size_t size, const GArray *units,
		  char *const *parts)
{
	const guint8 *data = body;
	GByteArray *out = g_byte_array_new();
	size_t at = 0;

	for (guint i = 0; i < units->len; i++) {
		const struct ph_unit *unit =
		    &g_array_index(units, struct ph_unit, i);

		if (parts[i] == NULL)
			continue;
		g_byte_array_append(out, data + at, (guint)(unit->begin - at));
		g_byte_array_append(out, (const guint8 *)parts[i],
				    (guint)strlen(parts[i]));
		at = unit->end;
	}
	g_byte_array_append(out, data + at, (guint)(size - at));
	return out;
}
