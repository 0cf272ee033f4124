#include "lib/base/table.h"
#include "lib/extract/extract_private.h"

#include <string.h>

/*
 * OpenDocument: content.xml, styles.xml (headers and footers), meta.xml, the
 * same of objects inside, or all of it in one XML file. Text stands in
 * paragraphs; what hangs on a paragraph (a note, a comment, a frame) stands in
 * its middle, perhaps in the middle of a word, and goes behind all of it.
 */
enum element_kind {
	PARAGRAPH,
	ASIDE, /* hangs on a paragraph */
	SPACE,
	TAB,
	BREAK,
	CELL,
	ROW,
	TABLE,
	LINK,
	SECRET, /* encryption */
};

/* Sorted by name. */
static const struct element {
	const char *name;
	enum element_kind kind;
} elements[] = {
    {"a", LINK},
    {"annotation", ASIDE},
    {"caption", ASIDE},
    {"connector", ASIDE},
    {"custom-shape", ASIDE},
    {"desc", PARAGRAPH},
    {"encryption-data", SECRET},
    {"footer-decl", PARAGRAPH},
    {"frame", ASIDE},
    {"h", PARAGRAPH},
    {"header-decl", PARAGRAPH},
    {"line", ASIDE},
    {"line-break", BREAK},
    {"note", ASIDE},
    {"p", PARAGRAPH},
    {"rect", ASIDE},
    {"ruby-text", ASIDE},
    {"s", SPACE},
    {"tab", TAB},
    {"table", TABLE},
    {"table-cell", CELL},
    {"table-row", ROW},
    {"title", PARAGRAPH},
};

struct state {
	struct ph_extract_job *job;
	bool secret;
	bool flat, odf; /* the root is a document in one file */
	/* Text: */
	unsigned paragraphs; /* open, and no aside in them */
	GArray *asides;	     /* unsigned: paragraphs around each open one */
	GString *main;	     /* where the asides do not go */
	GString *aside;
	char *value; /* of the cell: a number */
	size_t cell; /* where its text begins */
	/* Properties: */
	bool meta;
	char *name; /* of the property, or NULL */
	GString *property;
};

static const struct element *
find_element(const char *name)
{
	return ph_table_find(name, elements, G_N_ELEMENTS(elements),
			     sizeof(elements[0]));
}

/* ---- asides ------------------------------------------------------------- */

static void
start_aside(struct state *s)
{
	g_array_append_val(s->asides, s->paragraphs);
	s->paragraphs = 0;
	s->job->result->text = s->aside;
	ph_extract_separate(s->job, '\n');
}

static void
end_aside(struct state *s)
{
	guint n = s->asides->len;

	if (n == 0)
		return;
	ph_extract_separate(s->job, '\n');
	s->paragraphs = g_array_index(s->asides, unsigned, n - 1);
	g_array_set_size(s->asides, n - 1);
	if (n == 1)
		s->job->result->text = s->main;
}

/* ---- cells -------------------------------------------------------------- */

static void
start_cell(struct ph_xml *xml, struct state *s)
{
	g_free(s->value);
	s->value = ph_xml_attribute(xml, "value");
	s->cell = xml->job->result->text->len;
}

/* What is shown as 4.1E+15 has other digits behind it. */
static void
end_cell(struct ph_xml *xml, struct state *s)
{
	GString *out = xml->job->result->text;

	if (s->value != NULL && s->cell <= out->len &&
	    strstr(out->str + s->cell, "E+") != NULL) {
		ph_extract_separate(xml->job, ' ');
		ph_extract_put_number(xml->job, g_ascii_strtod(s->value, NULL));
	}
	g_clear_pointer(&s->value, g_free);
	ph_extract_separate(xml->job, '\t');
}

/* ---- elements ----------------------------------------------------------- */

static void
put_attribute(struct ph_xml *xml, const char *name)
{
	g_autofree char *value = ph_xml_attribute(xml, name);

	if (value == NULL)
		return;
	ph_extract_put_line(xml->job, value, strlen(value));
}

static void
start_text(struct ph_xml *xml, struct state *s, enum element_kind kind)
{
	switch (kind) {
	case PARAGRAPH:
		s->paragraphs++;
		if (s->paragraphs == 1 && s->value == NULL)
			ph_extract_separate(xml->job, '\n');
		break;
	case ASIDE:
		start_aside(s);
		break;
	case SPACE:
		ph_extract_put(xml->job, " ", 1);
		break;
	case TAB:
		ph_extract_separate(xml->job, '\t');
		break;
	case BREAK:
		ph_extract_separate(xml->job, '\n');
		break;
	case CELL:
		start_cell(xml, s);
		break;
	case TABLE:
		put_attribute(xml, "name");
		break;
	case LINK:
		start_aside(s);
		put_attribute(xml, "href");
		end_aside(s);
		break;
	case SECRET:
		s->secret = true;
		break;
	case ROW:
		break;
	}
}

static void
end_text(struct ph_xml *xml, struct state *s, enum element_kind kind)
{
	switch (kind) {
	case PARAGRAPH:
		s->paragraphs -= s->paragraphs > 0;
		ph_extract_separate(xml->job, '\n');
		break;
	case ASIDE:
		end_aside(s);
		break;
	case CELL:
		end_cell(xml, s);
		break;
	case ROW:
	case TABLE:
		ph_extract_separate(xml->job, '\n');
		break;
	case SPACE:
	case TAB:
	case BREAK:
	case LINK:
	case SECRET:
		break;
	}
}

/* ---- properties: document/meta/NAME ------------------------------------- */

static void
start_meta(struct ph_xml *xml, struct state *s, const char *name)
{
	if (xml->depth != 3)
		return;
	g_free(s->name);
	s->name = ph_xml_attribute(xml, "name");
	if (s->name == NULL)
		s->name = g_strdup(name);
	g_string_truncate(s->property, 0);
}

static void
end_meta(struct ph_xml *xml, struct state *s, const char *name)
{
	if (xml->depth == 2)
		s->meta = false;
	if (xml->depth != 3 || s->name == NULL)
		return;
	if (strcmp(name, "user-defined") == 0)
		ph_extract_property(xml->job, s->name, s->property->str);
	else
		ph_extract_known_property(xml->job, s->name, s->property->str);
	g_clear_pointer(&s->name, g_free);
}

static void
start(struct ph_xml *xml, const char *name)
{
	struct state *s = xml->self;
	const struct element *element;

	if (xml->depth == 1) {
		s->odf = strstr(xml->uri, ":opendocument:") != NULL &&
			 strcmp(name, "document") == 0;
		if (s->flat && !s->odf)
			ph_xml_stop(xml);
	}
	if (xml->depth == 2 && strcmp(name, "meta") == 0)
		s->meta = true;
	if (s->meta)
		start_meta(xml, s, name);
	else if ((element = find_element(name)) != NULL)
		start_text(xml, s, element->kind);
}

static void
end(struct ph_xml *xml, const char *name)
{
	struct state *s = xml->self;
	const struct element *element;

	if (s->meta)
		end_meta(xml, s, name);
	else if ((element = find_element(name)) != NULL)
		end_text(xml, s, element->kind);
}

static void
text(struct ph_xml *xml, const char *bytes, size_t size)
{
	struct state *s = xml->self;

	if (s->meta && s->name != NULL &&
	    s->property->len < xml->job->limits.text)
		g_string_append_len(s->property, bytes, (gssize)size);
	else if (s->paragraphs > 0)
		ph_extract_put(xml->job, bytes, size);
}

static const struct ph_xml_handler handler = {start, end, text};

/* *s_r says what was seen. */
static void
read_xml(struct ph_extract_job *job, struct ph_zip_member *member,
	 struct state *s)
{
	struct ph_xml xml = {.job = job, .handler = &handler, .self = s};

	s->job = job;
	s->main = job->result->text;
	s->aside = g_string_new(NULL);
	s->asides = g_array_new(FALSE, FALSE, sizeof(unsigned));
	s->property = g_string_new(NULL);
	ph_extract_separate(job, '\n');
	ph_xml_parse(&xml, member, job->source->data, job->source->size);
	job->result->text = s->main;
	ph_extract_put_aside(job, s->aside);
	g_string_free(s->aside, TRUE);
	g_array_unref(s->asides);
	g_string_free(s->property, TRUE);
	g_free(s->name);
	g_free(s->value);
}

/* ---- the package -------------------------------------------------------- */

enum rank {
	RANK_MANIFEST, /* says what is encrypted */
	RANK_FIRST,    /* properties */
	RANK_MAIN,
	RANK_LAST,
	RANKS
};

struct package {
	unsigned rank;
	bool odf;
	bool secret;
};

static bool
is_picture(const char *name)
{
	return g_str_has_prefix(name, "Pictures/") ||
	       g_str_has_prefix(name, "Thumbnails/") ||
	       g_str_has_prefix(name, "ObjectReplacements/") ||
	       g_str_has_prefix(name, "Configurations2/") ||
	       g_str_has_prefix(name, "Fonts/") || g_str_has_suffix(name, "/");
}

static enum rank
rank_of(const char *name)
{
	if (strcmp(name, "META-INF/manifest.xml") == 0)
		return RANK_MANIFEST;
	if (strcmp(name, "meta.xml") == 0 || strcmp(name, "mimetype") == 0)
		return RANK_FIRST;
	return strcmp(name, "content.xml") == 0 ? RANK_MAIN : RANK_LAST;
}

static bool
find_kind(struct ph_extract_job *job, struct ph_zip_member *member, void *self)
{
	struct package *package = self;
	const char *name = ph_zip_name(member);
	char type[64] = "";

	(void)job;
	if (strcmp(name, "mimetype") == 0 &&
	    ph_zip_read(member, type, sizeof(type) - 1) > 0 &&
	    strstr(type, "opendocument") != NULL)
		package->odf = true;
	if (strcmp(name, "content.xml") == 0)
		package->odf = true;
	return !package->odf;
}

static bool
read_part(struct ph_extract_job *job, struct ph_zip_member *member, void *self)
{
	struct package *package = self;
	const char *name = ph_zip_name(member);
	struct state s = {0};

	if (rank_of(name) != package->rank || strcmp(name, "mimetype") == 0)
		return true;
	/* Parts that are encrypted are no XML. */
	if (package->secret)
		return true;
	if (strcmp(name, "settings.xml") == 0 || is_picture(name) ||
	    g_str_has_suffix(name, ".rdf"))
		return true;
	if (!g_str_has_suffix(name, ".xml")) {
		ph_extract_file(job, name, ph_zip_bytes(member));
		return true;
	}
	read_xml(job, member, &s);
	if (package->rank == RANK_MANIFEST && s.secret)
		package->secret = job->result->is_protected = true;
	return true;
}

int
ph_extract_odf(struct ph_extract_job *job, struct ph_err *err)
{
	struct package package = {0};

	(void)err;
	if (!ph_zip_walk(job, find_kind, &package) || !package.odf)
		return 0;
	for (package.rank = 0; package.rank < RANKS; package.rank++)
		ph_zip_walk(job, read_part, &package);
	return 1;
}

int
ph_extract_odf_flat(struct ph_extract_job *job, struct ph_err *err)
{
	struct state s = {.flat = true};

	(void)err;
	read_xml(job, NULL, &s);
	return s.odf ? 1 : 0;
}
