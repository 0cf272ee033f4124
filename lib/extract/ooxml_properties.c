#include "lib/extract/ooxml_private.h"

#include <string.h>

/*
 * docProps/core.xml and app.xml: <root><Name>value</Name>...; custom.xml:
 * <root><property name="Name"><vt:lpwstr>value</vt:lpwstr></property>.... Lists
 * of app.xml (HeadingPairs) say nothing about a document.
 */
struct properties {
	char *name; /* NULL: outside, or of no interest */
	bool custom;
	GString *value;
};

static void
start(struct ph_xml *xml, const char *name)
{
	struct properties *p = xml->self;

	if (xml->depth == 3 && !p->custom)
		g_clear_pointer(&p->name, g_free);
	if (xml->depth != 2)
		return;
	g_free(p->name);
	p->name = ph_xml_attribute(xml, "name");
	p->custom = p->name != NULL;
	if (!p->custom)
		p->name = g_strdup(name);
	g_string_truncate(p->value, 0);
}

static void
end(struct ph_xml *xml, const char *name)
{
	struct properties *p = xml->self;

	(void)name;
	if (xml->depth != 2 || p->name == NULL)
		return;
	if (p->custom)
		ph_extract_property(xml->job, p->name, p->value->str);
	else
		ph_extract_known_property(xml->job, p->name, p->value->str);
	g_clear_pointer(&p->name, g_free);
}

static void
text(struct ph_xml *xml, const char *bytes, size_t size)
{
	struct properties *p = xml->self;

	if (p->name != NULL && p->value->len < xml->job->limits.text)
		g_string_append_len(p->value, bytes, (gssize)size);
}

void
ph_ooxml_read_properties(struct ph_ooxml *ooxml, struct ph_zip_member *member)
{
	static const struct ph_xml_handler handler = {start, end, text};
	struct properties p = {.value = g_string_new(NULL)};
	struct ph_xml xml = {
	    .job = ooxml->job, .handler = &handler, .self = &p};

	ph_xml_parse(&xml, member, NULL, 0);
	ooxml->job->result->damaged |= xml.doctype;
	g_free(p.name);
	g_string_free(p.value, TRUE);
}
