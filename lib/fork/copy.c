#include "lib/fork/copy.h"

#include "lib/fork/plan.h"

#include <string.h>
#include <strings.h>

/* ---- fields ------------------------------------------------------------ */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Where the next line begins. A lone LF ends a line for the server that will
 * read this, so it does here. */
static size_t
line_end(const char *data, size_t size, size_t at)
{
	const char *lf = memchr(data + at, '\n', size - at);

	return lf == NULL ? size : (size_t)(lf - data) + 1;
}

bool
ph_copy_field_next(const char *data, size_t size, size_t *at,
		   struct ph_copy_field *field_r)
{
	const char *text = data + *at;
	size_t left = size - *at, colon = 0, end;

	/* RFC 5322 section 2.2: printable ASCII but the colon. */
	while (colon < left && text[colon] > ' ' && text[colon] < 0x7f &&
	       text[colon] != ':')
		colon++;
	field_r->name = colon;
	while (colon < left && is_blank(text[colon]))
		colon++;
	if (field_r->name == 0 || colon == left || text[colon] != ':')
		return false;
	end = line_end(data, size, *at);
	while (end < size && is_blank(data[end]))
		end = line_end(data, size, end);
	field_r->text = text;
	field_r->size = end - *at;
	field_r->value = colon + 1;
	while (field_r->value < field_r->size && is_blank(text[field_r->value]))
		field_r->value++;
	*at = end;
	return true;
}

/* The value with LF for each fold and without its end; g_free. NUL becomes a
 * blank. */
static char *
field_value(const struct ph_copy_field *field)
{
	GString *value = g_string_sized_new(field->size);

	for (size_t i = field->value; i < field->size; i++) {
		char c = field->text[i];

		if (c == '\r' && i + 1 < field->size &&
		    field->text[i + 1] == '\n')
			continue;
		g_string_append_c(value, c == '\0' ? ' ' : c);
	}
	if (value->len > 0 && value->str[value->len - 1] == '\n')
		g_string_truncate(value, value->len - 1);
	return g_string_free(value, FALSE);
}

struct ph_headers *
ph_copy_headers(const char *data, size_t size)
{
	struct ph_headers *headers = ph_headers_new();
	struct ph_copy_field field;
	size_t at = 0;

	while (ph_copy_field_next(data, size, &at, &field)) {
		g_autofree char *name = g_strndup(field.text, field.name);
		g_autofree char *value = field_value(&field);

		if (!ph_headers_add(headers, name, value))
			break;
	}
	return headers;
}

/* ---- edits ------------------------------------------------------------- */

/* One name whose fields change. */
struct edit {
	const struct ph_plan_header *header;
	guint next; /* value */
	guint keep; /* fields to pass over first */
};

static gboolean
same_name(gconstpointer a, gconstpointer b)
{
	return strcasecmp(a, b) == 0;
}

static guint
hash_name(gconstpointer p)
{
	g_autofree char *folded = g_ascii_strdown(p, -1);

	return g_str_hash(folded);
}

/* By name; the first of two for one name counts. */
static GHashTable *
make_edits(const GPtrArray *headers)
{
	GHashTable *edits =
	    g_hash_table_new_full(hash_name, same_name, NULL, g_free);

	for (guint i = 0; i < headers->len; i++) {
		const struct ph_plan_header *header = headers->pdata[i];
		struct edit *edit;

		if (g_hash_table_contains(edits, header->name))
			continue;
		edit = g_new0(struct edit, 1);
		edit->header = header;
		edit->keep = strcasecmp(header->name, "Received") == 0;
		g_hash_table_insert(edits, header->name, edit);
	}
	return edits;
}

static struct edit *
find_edit(GHashTable *edits, const struct ph_copy_field *field)
{
	g_autofree char *name = g_strndup(field->text, field->name);

	return g_hash_table_lookup(edits, name);
}

static const char *
skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

static bool
is_same(const struct ph_copy_field *field, const char *value)
{
	g_autofree char *now = field_value(field);
	size_t n;

	value = skip_blanks(value);
	n = strlen(value);
	return strcmp(now, value) == 0 ||
	       (n >= PH_HEADER_SHOWN && strncmp(now, value, n) == 0);
}

/* As it came. A message that ends in its header may lack the last line end. */
static int
send_same(const struct ph_copy_field *field, ph_copy_sink *sink, void *context,
	  struct ph_err *err)
{
	if (sink(context, field->text, field->size, err) < 0)
		return -1;
	return field->text[field->size - 1] == '\n'
		   ? 0
		   : sink(context, "\r\n", 2, err);
}

/* A field that a rule made. A line of it that would be a field of its own
 * becomes a fold. */
static int
send_field(const char *name, size_t name_size, const char *value,
	   ph_copy_sink *sink, void *context, struct ph_err *err)
{
	g_autoptr(GString) text = g_string_new_len(name, (gssize)name_size);

	g_string_append(text, ": ");
	for (const char *p = skip_blanks(value); *p != '\0'; p++) {
		if (*p == '\r' || (*p == '\n' && p[1] == '\0'))
			continue;
		if (*p != '\n') {
			g_string_append_c(text, *p);
			continue;
		}
		g_string_append(text, "\r\n");
		if (!is_blank(p[1]))
			g_string_append_c(text, ' ');
	}
	g_string_append(text, "\r\n");
	return sink(context, text->str, text->len, err);
}

static int
send_edited(struct edit *edit, const struct ph_copy_field *field,
	    ph_copy_sink *sink, void *context, struct ph_err *err)
{
	const GPtrArray *values = edit->header->values;
	const char *value;

	if (edit->keep > 0) {
		edit->keep--;
		return send_same(field, sink, context, err);
	}
	if (edit->next >= values->len)
		return 0;
	value = values->pdata[edit->next++];
	if (is_same(field, value))
		return send_same(field, sink, context, err);
	return send_field(field->text, field->name, value, sink, context, err);
}

/* Values that no field had. */
static int
send_added(GHashTable *edits, const GPtrArray *headers, ph_copy_sink *sink,
	   void *context, struct ph_err *err)
{
	for (guint i = 0; i < headers->len; i++) {
		const struct ph_plan_header *header = headers->pdata[i];
		struct edit *edit = g_hash_table_lookup(edits, header->name);

		for (;
		     edit->header == header && edit->next < header->values->len;
		     edit->next++)
			if (send_field(header->name, strlen(header->name),
				       header->values->pdata[edit->next], sink,
				       context, err) < 0)
				return -1;
	}
	return 0;
}

int
ph_copy_send(const char *data, size_t size, const GPtrArray *headers,
	     ph_copy_sink *sink, void *context, struct ph_err *err)
{
	g_autoptr(GHashTable) edits = make_edits(headers);
	struct ph_copy_field field;
	size_t at = 0;

	while (ph_copy_field_next(data, size, &at, &field)) {
		struct edit *edit = find_edit(edits, &field);
		int rc = edit == NULL
			     ? send_same(&field, sink, context, err)
			     : send_edited(edit, &field, sink, context, err);

		if (rc < 0)
			return -1;
	}
	if (send_added(edits, headers, sink, context, err) < 0)
		return -1;
	return at == size ? 0 : sink(context, data + at, size - at, err);
}
