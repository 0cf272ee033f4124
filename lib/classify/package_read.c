#include "lib/classify/package_private.h"

#include <string.h>

/* ---- bytes to UTF-8 ------------------------------------------------------ */

static int
from_utf16(const char *data, size_t size, const char *charset, char **text_r,
	   size_t *size_r, struct ph_err *err)
{
	gsize n;
	char *text =
	    g_convert(data, (gssize)size, "UTF-8", charset, NULL, &n, NULL);

	if (text == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "line 1: this is no %s; expected XML in "
				  "UTF-8 or UTF-16",
				  charset);
	*text_r = text;
	*size_r = n;
	return 0;
}

int
ph_package_decode(const void *data, size_t size, char **text_r, size_t *size_r,
		  struct ph_err *err)
{
	const char *bytes = data;

	if (size > PH_PACKAGE_LIMIT)
		return ph_err_set(err, PH_ERR_PERM,
				  "the package is too large; expected %zu "
				  "bytes at most",
				  PH_PACKAGE_LIMIT);
	if (size >= 2 && memcmp(bytes, "\377\376", 2) == 0)
		return from_utf16(bytes + 2, size - 2, "UTF-16LE", text_r,
				  size_r, err);
	if (size >= 2 && memcmp(bytes, "\376\377", 2) == 0)
		return from_utf16(bytes + 2, size - 2, "UTF-16BE", text_r,
				  size_r, err);
	if (size >= 3 && memcmp(bytes, "\357\273\277", 3) == 0) {
		bytes += 3;
		size -= 3;
	}
	if (!g_utf8_validate(bytes, (gssize)size, NULL))
		return ph_err_set(err, PH_ERR_PERM,
				  "this is neither UTF-8 nor UTF-16 with a "
				  "byte order mark; expected XML in one of "
				  "them");
	*text_r = g_strndup(bytes, size);
	*size_r = size;
	return 0;
}

/* ---- the walk ------------------------------------------------------------ */

static void
clear_level(void *data)
{
	struct ph_reader_level *level = data;

	if (level->text != NULL)
		g_string_free(level->text, TRUE);
	if (level->attributes != NULL)
		g_hash_table_unref(level->attributes);
}

static struct ph_reader_level *
top(struct ph_reader *r)
{
	return r->levels->len == 0
		   ? NULL
		   : &g_array_index(r->levels, struct ph_reader_level,
				    r->levels->len - 1);
}

/* GMarkup wants an error of its own; what it says is in r->err. */
static void
stop(struct ph_reader *r, int line, GError **error)
{
	ph_err_wrap(r->err, "line %d", line);
	g_set_error_literal(error, G_MARKUP_ERROR,
			    G_MARKUP_ERROR_INVALID_CONTENT, "");
}

/* "mce:Entity" is "Entity": the namespace is looked at in RulePackage. */
static const char *
local_name(const char *name)
{
	const char *colon = strchr(name, ':');

	return colon != NULL ? colon + 1 : name;
}

static bool
has_word(const char *words, const char *word)
{
	g_auto(GStrv) list = g_strsplit(words, " ", -1);

	return *words == '\0'
		   ? *word == '\0'
		   : g_strv_contains((const char *const *)list, word);
}

/* An element of that name that may stand here; else *known_r tells whether it
 * may stand elsewhere. */
static const struct ph_element *
find_element(struct ph_reader *r, const char *name, const char **known_r)
{
	const struct ph_reader_level *parent = top(r);
	const char *above = parent != NULL ? parent->element->name : "";

	*known_r = NULL;
	for (const struct ph_element *e = ph_elements; e->name != NULL; e++) {
		if (strcmp(e->name, name) != 0)
			continue;
		if (has_word(e->parents, above))
			return e;
		*known_r = e->parents;
	}
	return NULL;
}

static GHashTable *
take_attributes(const char **names, const char **values)
{
	GHashTable *attributes =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	for (; *names != NULL; names++, values++)
		g_hash_table_insert(attributes, g_ascii_strdown(*names, -1),
				    g_strstrip(g_strdup(*values)));
	return attributes;
}

static void
on_start(GMarkupParseContext *context, const char *name, const char **names,
	 const char **values, void *data, GError **error)
{
	struct ph_reader *r = data;
	struct ph_reader_level level = {0};
	const char *elsewhere;

	g_markup_parse_context_get_position(context, &level.line, NULL);
	name = local_name(name);
	level.element = find_element(r, name, &elsewhere);
	if (level.element == NULL) {
		const struct ph_reader_level *parent = top(r);

		ph_err_set(r->err, PH_ERR_PERM,
			   "<%.64s> cannot stand %s%s; %s%s", name,
			   parent != NULL ? "in " : "at the top",
			   parent != NULL ? parent->element->name : "",
			   elsewhere != NULL ? "expected in "
					     : "no element has this name",
			   elsewhere != NULL ? elsewhere : "");
		stop(r, level.line, error);
		return;
	}
	level.attributes = take_attributes(names, values);
	if (level.element->text)
		level.text = g_string_new(NULL);
	g_array_append_val(r->levels, level);
	if (level.element->start != NULL && level.element->start(r, top(r)) < 0)
		stop(r, level.line, error);
}

static void
on_end(GMarkupParseContext *context, const char *name, void *data,
       GError **error)
{
	struct ph_reader *r = data;
	const struct ph_reader_level *level = top(r);

	(void)context;
	(void)name;
	if (level->element->end != NULL && level->element->end(r, level) < 0) {
		stop(r, level->line, error);
		return;
	}
	g_array_set_size(r->levels, r->levels->len - 1);
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize size, void *data,
	GError **error)
{
	struct ph_reader *r = data;
	const struct ph_reader_level *level = top(r);
	int line;

	if (level != NULL && level->text != NULL) {
		g_string_append_len(level->text, text, (gssize)size);
		return;
	}
	g_markup_parse_context_get_position(context, &line, NULL);
	for (gsize i = size; i-- > 0;) {
		/* The place is that of its end. */
		line -= text[i] == '\n';
		if (g_ascii_isspace(text[i]))
			continue;
		ph_err_set(r->err, PH_ERR_PERM,
			   "there is text where only elements can stand");
		stop(r, line, error);
		return;
	}
}

/* Comments and the XML declaration. */
static void
on_other(GMarkupParseContext *context, const char *text, gsize size, void *data,
	 GError **error)
{
	struct ph_reader *r = data;
	int line;

	if (size < 2 || text[1] != '!' || g_str_has_prefix(text, "<!--"))
		return;
	g_markup_parse_context_get_position(context, &line, NULL);
	ph_err_set(r->err, PH_ERR_PERM,
		   "a document type declaration is not taken; remove it");
	stop(r, line, error);
}

static const GMarkupParser parser = {on_start, on_end, on_text, on_other, NULL};

/* ---- the package --------------------------------------------------------- */

static int
read_all(struct ph_reader *r, const char *text, size_t size)
{
	g_autoptr(GError) error = NULL;
	const char *what;
	int line;

	if (g_markup_parse_context_parse(r->context, text, (gssize)size,
					 &error) &&
	    g_markup_parse_context_end_parse(r->context, &error))
		return ph_package_finish(r);
	if (r->err->kind != PH_ERR_NONE)
		return -1;
	g_markup_parse_context_get_position(r->context, &line, NULL);
	/* "Error on line 1 char 14: ..." */
	what = strstr(error->message, ": ");
	return ph_err_set(r->err, PH_ERR_PERM,
			  "line %d: this is not well-formed XML: %s", line,
			  what != NULL ? what + 2 : error->message);
}

static void
fini(struct ph_reader *r)
{
	g_markup_parse_context_free(r->context);
	g_array_unref(r->levels);
	g_ptr_array_unref(r->outer);
	g_free(r->resource);
	g_hash_table_unref(r->names);
	g_hash_table_unref(r->descriptions);
	g_hash_table_unref(r->chosen);
	ph_package_unref(&r->package);
}

int
ph_package_parse(const char *name, const void *data, size_t size,
		 struct ph_package **package_r, struct ph_err *err)
{
	struct ph_err own = PH_ERR_INIT;
	struct ph_reader r = {0};
	g_autofree char *text = NULL;
	int answer;

	*package_r = NULL;
	if (ph_package_decode(data, size, &text, &size, err) < 0)
		return -1;
	r.err = &own;
	r.package = ph_package_new(name);
	r.context = g_markup_parse_context_new(
	    &parser, G_MARKUP_TREAT_CDATA_AS_TEXT, &r, NULL);
	r.levels = g_array_new(FALSE, TRUE, sizeof(struct ph_reader_level));
	g_array_set_clear_func(r.levels, clear_level);
	r.outer = g_ptr_array_new();
	r.names =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	r.descriptions =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	r.chosen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	answer = read_all(&r, text, size);
	if (answer == 0)
		*package_r = g_steal_pointer(&r.package);
	else if (err != NULL)
		*err = own;
	fini(&r);
	return answer;
}
