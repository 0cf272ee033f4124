#include "lib/base/table.h"
#include "lib/extract/ooxml_private.h"

#include <string.h>

/*
 * The text of a part, whatever part it is: the elements that hold text have the
 * same local names in all of them, and their namespaces differ between the
 * editions of the standard.
 */
#define CELL_LIMIT ((size_t)64 * 1024)

enum element_kind {
	TEXT,	  /* its characters are text */
	LINE,	  /* ends a line */
	CELL,	  /* stands apart */
	TAB,	  /* is a tab */
	BREAK,	  /* is a line break */
	HYPHEN,	  /* is a hyphen */
	NAMED,	  /* attributes that a person wrote */
	VALUE,	  /* a cell's, or a chart's */
	HEADER,	  /* of a sheet's page */
	SHEETS_C, /* a cell */
	HOLDER,	  /* text of this shape is never shown */
	SHAPE,
	CHOICE, /* the same text twice, for different readers */
	FALLBACK,
	BOX,  /* hangs on a paragraph, in its middle */
	RUBY, /* how a word is pronounced, in its middle */
};

/* Sorted by name. */
static const struct element {
	const char *name;
	enum element_kind kind;
} elements[] = {
    {"Choice", CHOICE},
    {"Fallback", FALLBACK},
    {"br", BREAK},
    {"c", SHEETS_C},
    {"cNvPr", NAMED},
    {"cr", BREAK},
    {"dataValidation", NAMED},
    {"definedName", TEXT},
    {"delText", TEXT},
    {"docPr", NAMED},
    {"evenFooter", HEADER},
    {"evenHeader", HEADER},
    {"firstFooter", HEADER},
    {"firstHeader", HEADER},
    {"font", TEXT},
    {"hyperlink", NAMED},
    {"instrText", TEXT},
    {"noBreakHyphen", HYPHEN},
    {"oddFooter", HEADER},
    {"oddHeader", HEADER},
    {"p", LINE},
    {"ph", HOLDER},
    {"ptab", TAB},
    {"rPh", RUBY},
    {"row", LINE},
    {"sheet", NAMED},
    {"si", LINE},
    {"sp", SHAPE},
    {"t", TEXT},
    {"tab", TAB},
    {"tc", CELL},
    {"text", TEXT},
    {"textpath", NAMED},
    {"tr", LINE},
    {"txbxContent", BOX},
    {"v", VALUE},
};

/* Choice and Fallback: where each began in a text. */
struct twice {
	size_t choice, choice_end, fallback;
};

struct state {
	struct ph_ooxml *ooxml;
	unsigned text; /* elements TEXT that are open */
	bool master;
	bool hidden; /* until this shape ends */
	unsigned ruby;
	/* The cell. */
	bool in_cell, in_value, shared;
	GString *value;
	/* Text boxes, in each other: their text goes behind all other. */
	unsigned boxes;
	GString *main, *aside;
	/* Where in both. */
	struct twice twice_main, twice_aside;
};

static const struct element *
find_element(const char *name)
{
	return ph_table_find(name, elements, G_N_ELEMENTS(elements),
			     sizeof(elements[0]));
}

/* ---- values of cells ---------------------------------------------------- */

/* A number is written with an exponent where it is long; a card's is. */
static void
put_value(struct state *s)
{
	const char *value = s->value->str;
	char *end;
	double number = g_ascii_strtod(value, &end);

	if (s->shared)
		ph_shared_put(&s->ooxml->shared,
			      g_ascii_strtoull(value, NULL, 10));
	else if (strpbrk(value, "Ee") != NULL && end != value && *end == '\0')
		ph_extract_put_number(s->ooxml->job, number);
	else
		ph_extract_put(s->ooxml->job, value, s->value->len);
}

/* ---- Choice, Fallback --------------------------------------------------- */

/* What is the same twice is there once, so that it is not counted twice; what
 * differs is kept, because which of them is shown depends on who reads. */
static void
end_fallback(const struct twice *twice, GString *out)
{
	size_t size = twice->choice_end - twice->choice;

	if (twice->choice_end < twice->choice ||
	    twice->fallback < twice->choice_end || out->len < twice->fallback ||
	    out->len - twice->fallback != size)
		return;
	if (memcmp(out->str + twice->choice, out->str + twice->fallback,
		   size) == 0)
		g_string_truncate(out, twice->fallback);
}

/* ---- text boxes ---------------------------------------------------------- */

static void
start_box(struct state *s)
{
	s->boxes++;
	s->ooxml->job->result->text = s->aside;
	ph_extract_separate(s->ooxml->job, '\n');
}

static void
end_box(struct state *s)
{
	ph_extract_separate(s->ooxml->job, '\n');
	s->boxes--;
	if (s->boxes == 0)
		s->ooxml->job->result->text = s->main;
}

/* ---- elements ----------------------------------------------------------- */

static void
start_cell(struct ph_xml *xml, struct state *s)
{
	g_autofree char *type = ph_xml_attribute(xml, "t");

	s->in_cell = true;
	s->shared = type != NULL && strcmp(type, "s") == 0;
}

static void
put_named(struct ph_xml *xml)
{
	static const char *const names[] = {
	    "title",	  "descr", "string",  "prompt",	 "promptTitle",
	    "errorTitle", "error", "tooltip", "display",
	};
	g_autofree char *sheet = ph_xml_attribute(xml, "sheetId");

	for (size_t i = 0; i < G_N_ELEMENTS(names) + 1; i++) {
		const char *name = i < G_N_ELEMENTS(names) ? names[i] : "name";
		g_autofree char *value = NULL;

		/* "Picture 1" is nobody's text; a sheet's name is. */
		if (i == G_N_ELEMENTS(names) && sheet == NULL)
			continue;
		value = ph_xml_attribute(xml, name);
		if (value == NULL || value[0] == '\0')
			continue;
		ph_extract_put_line(xml->job, value, strlen(value));
	}
}

static void
start(struct ph_xml *xml, const char *name)
{
	struct state *s = xml->self;
	const struct element *element = find_element(name);

	if (element == NULL)
		return;
	switch (element->kind) {
	case TEXT:
		s->text++;
		/* Not "t": a word may be cut into several. */
		if (name[1] != '\0' && strcmp(name, "delText") != 0)
			ph_extract_separate(xml->job, ' ');
		break;
	case TAB:
		ph_extract_separate(xml->job, '\t');
		break;
	case BREAK:
		ph_extract_separate(xml->job, '\n');
		break;
	case HYPHEN:
		ph_extract_put(xml->job, "-", 1);
		break;
	case NAMED:
		put_named(xml);
		break;
	case VALUE:
	case HEADER:
		s->in_value = true;
		g_string_truncate(s->value, 0);
		break;
	case SHEETS_C:
		start_cell(xml, s);
		break;
	case HOLDER:
		s->hidden = s->master;
		break;
	case CHOICE:
		s->twice_main.choice = s->main->len;
		s->twice_aside.choice = s->aside->len;
		break;
	case FALLBACK:
		s->twice_main.fallback = s->main->len;
		s->twice_aside.fallback = s->aside->len;
		break;
	case BOX:
		start_box(s);
		break;
	case RUBY:
		s->ruby++;
		break;
	case LINE:
	case CELL:
	case SHAPE:
		break;
	}
}

static void
end_value(struct ph_xml *xml, struct state *s)
{
	s->in_value = false;
	put_value(s);
	ph_extract_separate(xml->job, s->in_cell ? '\t' : '\n');
}

static void
end(struct ph_xml *xml, const char *name)
{
	struct state *s = xml->self;
	const struct element *element = find_element(name);

	if (element == NULL)
		return;
	switch (element->kind) {
	case TEXT:
		s->text--;
		if (name[1] != '\0' && strcmp(name, "delText") != 0)
			ph_extract_separate(xml->job, ' ');
		break;
	case LINE:
		ph_extract_separate(xml->job, '\n');
		break;
	case CELL:
		ph_extract_separate(xml->job, '\t');
		break;
	case SHEETS_C:
		ph_extract_separate(xml->job, '\t');
		s->in_cell = s->shared = false;
		break;
	case VALUE:
		end_value(xml, s);
		break;
	case HEADER:
		s->in_value = false;
		ph_extract_put_header(xml->job, s->value->str, s->value->len);
		break;
	case SHAPE:
		s->hidden = false;
		break;
	case CHOICE:
		s->twice_main.choice_end = s->main->len;
		s->twice_aside.choice_end = s->aside->len;
		break;
	case FALLBACK:
		end_fallback(&s->twice_main, s->main);
		end_fallback(&s->twice_aside, s->aside);
		break;
	case BOX:
		end_box(s);
		break;
	case RUBY:
		s->ruby--;
		break;
	case TAB:
	case BREAK:
	case HYPHEN:
	case NAMED:
	case HOLDER:
		break;
	}
}

static void
text(struct ph_xml *xml, const char *bytes, size_t size)
{
	struct state *s = xml->self;

	if (s->in_value) {
		size_t room = CELL_LIMIT - MIN(CELL_LIMIT, s->value->len);

		xml->job->result->limit |= size > room;
		g_string_append_len(s->value, bytes, (gssize)MIN(size, room));
	} else if (s->text > 0 && s->ruby == 0 && !s->hidden) {
		ph_extract_put(xml->job, bytes, size);
	}
}

static void
read_with(struct ph_ooxml *ooxml, struct ph_zip_member *member, bool master)
{
	static const struct ph_xml_handler handler = {start, end, text};
	struct state s = {
	    .ooxml = ooxml,
	    .master = master,
	    .value = g_string_new(NULL),
	    .main = ooxml->job->result->text,
	    .aside = g_string_new(NULL),
	};
	struct ph_xml xml = {
	    .job = ooxml->job, .handler = &handler, .self = &s};

	ph_extract_separate(ooxml->job, '\n');
	ph_xml_parse(&xml, member, NULL, 0);
	ooxml->job->result->text = s.main;
	ph_extract_put_aside(ooxml->job, s.aside);
	g_string_free(s.aside, TRUE);
	/* Office opens no document with a DTD. */
	ooxml->job->result->damaged |= xml.doctype;
	g_string_free(s.value, TRUE);
}

void
ph_ooxml_read_text(struct ph_ooxml *ooxml, struct ph_zip_member *member)
{
	read_with(ooxml, member, false);
}

void
ph_ooxml_read_master(struct ph_ooxml *ooxml, struct ph_zip_member *member)
{
	read_with(ooxml, member, true);
}

/* ---- shared strings ----------------------------------------------------- */

static void
start_string(struct ph_xml *xml, const char *name)
{
	struct state *s = xml->self;

	s->text += strcmp(name, "t") == 0;
	s->ruby += strcmp(name, "rPh") == 0;
}

static void
end_string(struct ph_xml *xml, const char *name)
{
	struct state *s = xml->self;

	s->text -= strcmp(name, "t") == 0;
	s->ruby -= strcmp(name, "rPh") == 0;
	if (strcmp(name, "si") == 0 && !ph_shared_end(&s->ooxml->shared))
		ph_xml_stop(xml);
}

static void
text_string(struct ph_xml *xml, const char *bytes, size_t size)
{
	struct state *s = xml->self;

	if (s->text > 0 && s->ruby == 0 &&
	    !ph_shared_append(&s->ooxml->shared, bytes, size))
		ph_xml_stop(xml);
}

void
ph_ooxml_read_strings(struct ph_ooxml *ooxml, struct ph_zip_member *member)
{
	static const struct ph_xml_handler handler = {start_string, end_string,
						      text_string};
	struct state s = {.ooxml = ooxml};
	struct ph_xml xml = {
	    .job = ooxml->job, .handler = &handler, .self = &s};

	ph_xml_parse(&xml, member, NULL, 0);
	ooxml->job->result->damaged |= xml.doctype;
}

/* ---- relationships: where links go -------------------------------------- */

static void
start_link(struct ph_xml *xml, const char *name)
{
	g_autofree char *mode = ph_xml_attribute(xml, "TargetMode");
	g_autofree char *target = ph_xml_attribute(xml, "Target");

	(void)name;
	if (mode == NULL || strcmp(mode, "External") != 0 || target == NULL)
		return;
	ph_extract_put_line(xml->job, target, strlen(target));
}

void
ph_ooxml_read_links(struct ph_ooxml *ooxml, struct ph_zip_member *member)
{
	static const struct ph_xml_handler handler = {start_link, NULL, NULL};
	struct ph_xml xml = {.job = ooxml->job, .handler = &handler};

	ph_xml_parse(&xml, member, NULL, 0);
}
