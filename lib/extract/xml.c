#include "lib/extract/extract_private.h"

#include <libxml/parser.h>
#include <string.h>

/*
 * libxml2 as a reader of events: no tree, so that memory does not grow with
 * the document. Whatever XML may refer to (external subsets, entities of any
 * kind) has no function here that could fetch or expand it: a reference is left
 * out. That goes for entities that the document declares itself too, so nothing
 * grows.
 */

/* A rule that reads a declared entity once, where it is declared, is not evaded
 * by it. */
static void
on_entity(void *ctx, const xmlChar *name, int type, const xmlChar *public_id,
	  const xmlChar *system_id, xmlChar *content)
{
	struct ph_xml *xml = ctx;

	(void)name;
	(void)type;
	(void)public_id;
	(void)system_id;
	if (content == NULL)
		return;
	ph_extract_put_line(xml->job, (char *)content, strlen((char *)content));
}

static xmlEntityPtr
on_get_entity(void *ctx, const xmlChar *name)
{
	(void)ctx;
	return xmlGetPredefinedEntity(name);
}

static void
on_doctype(void *ctx, const xmlChar *name, const xmlChar *external,
	   const xmlChar *system)
{
	struct ph_xml *xml = ctx;

	(void)name;
	(void)external;
	(void)system;
	xml->doctype = true;
}

static void
set_names(struct ph_xml *xml, const xmlChar *prefix, const xmlChar *uri)
{
	xml->uri = uri != NULL ? (const char *)uri : "";
	xml->prefix = prefix != NULL ? (const char *)prefix : "";
}

static void
on_start(void *ctx, const xmlChar *name, const xmlChar *prefix,
	 const xmlChar *uri, int n_namespaces, const xmlChar **namespaces,
	 int n_attributes, int n_defaulted, const xmlChar **attributes)
{
	struct ph_xml *xml = ctx;

	(void)n_namespaces;
	(void)namespaces;
	(void)n_defaulted;
	if (xml->depth >= xml->job->limits.depth) {
		xml->job->result->limit = true;
		ph_xml_stop(xml);
		return;
	}
	xml->depth++;
	xml->attributes = attributes;
	xml->n_attributes = n_attributes;
	set_names(xml, prefix, uri);
	xml->handler->start(xml, (const char *)name);
	xml->n_attributes = 0;
	if (ph_extract_full(xml->job))
		ph_xml_stop(xml);
}

static void
on_end(void *ctx, const xmlChar *name, const xmlChar *prefix,
       const xmlChar *uri)
{
	struct ph_xml *xml = ctx;

	set_names(xml, prefix, uri);
	if (xml->handler->end != NULL)
		xml->handler->end(xml, (const char *)name);
	xml->depth--;
	if (ph_extract_full(xml->job))
		ph_xml_stop(xml);
}

static void
on_text(void *ctx, const xmlChar *text, int size)
{
	struct ph_xml *xml = ctx;

	if (xml->handler->text != NULL)
		xml->handler->text(xml, (const char *)text, (size_t)size);
	if (ph_extract_full(xml->job))
		ph_xml_stop(xml);
}

#if LIBXML_VERSION >= 21200
typedef const xmlError *error_pointer;
#else
typedef xmlErrorPtr error_pointer;
#endif

static void
on_error(void *ctx, error_pointer error)
{
	struct ph_xml *xml = ctx;

	if (error->level >= XML_ERR_ERROR)
		xml->job->result->damaged = true;
}

void
ph_xml_stop(struct ph_xml *xml)
{
	xmlStopParser(xml->parser);
}

/* ---- attributes: localname, prefix, URI, value, end --------------------- */

char *
ph_xml_attribute(const struct ph_xml *xml, const char *name)
{
	for (int i = 0; i < xml->n_attributes; i++) {
		const unsigned char **a = xml->attributes + (size_t)i * 5;

		if (strcmp((const char *)a[0], name) == 0)
			return g_strndup((const char *)a[3],
					 (size_t)(a[4] - a[3]));
	}
	return NULL;
}

void
ph_xml_put_attributes(struct ph_xml *xml)
{
	for (int i = 0; i < xml->n_attributes; i++) {
		const unsigned char **a = xml->attributes + (size_t)i * 5;

		ph_extract_separate(xml->job, ' ');
		ph_extract_put(xml->job, (const char *)a[3],
			       (size_t)(a[4] - a[3]));
		ph_extract_separate(xml->job, ' ');
	}
}

/* ---- the parser --------------------------------------------------------- */

static int
read_member(void *member, char *buffer, int size)
{
	return (int)ph_zip_read(member, buffer, (size_t)size);
}

static int
read_bytes(void *bytes, char *buffer, int size)
{
	struct ph_bytes *left = bytes;
	size_t n = MIN((size_t)size, left->size);

	memcpy(buffer, left->p, n);
	left->p += n;
	left->size -= n;
	return (int)n;
}

static const xmlSAXHandler sax = {
    .internalSubset = on_doctype,
    .getEntity = on_get_entity,
    .entityDecl = on_entity,
    .characters = on_text,
    .ignorableWhitespace = on_text,
    .cdataBlock = on_text,
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .serror = on_error,
};

void
ph_xml_parse(struct ph_xml *xml, struct ph_zip_member *member,
	     const void *bytes, size_t size)
{
	struct ph_bytes left = {bytes, size};
	xmlSAXHandler events = sax;
	xmlParserCtxtPtr parser;

	if (member == NULL && size == 0)
		return;
	xml->depth = 0;
	xml->doctype = false;
	parser = xmlCreateIOParserCtxt(
	    &events, xml, member != NULL ? read_member : read_bytes, NULL,
	    member != NULL ? (void *)member : (void *)&left,
	    XML_CHAR_ENCODING_NONE);
	if (parser == NULL) {
		xml->job->result->damaged = true;
		return;
	}
	xml->parser = parser;
	xmlCtxtUseOptions(parser, XML_PARSE_NONET | XML_PARSE_RECOVER);
	xmlParseDocument(parser);
	/* Entities are declared in a document of the parser's own. */
	if (parser->myDoc != NULL)
		xmlFreeDoc(parser->myDoc);
	xmlFreeParserCtxt(parser);
	xml->parser = NULL;
}

void
ph_extract_xml_prepare(void)
{
	xmlInitParser();
}

/* ---- any XML ------------------------------------------------------------ */

static void
start_any(struct ph_xml *xml, const char *name)
{
	(void)name;
	ph_extract_separate(xml->job, '\n');
	ph_xml_put_attributes(xml);
}

static void
end_any(struct ph_xml *xml, const char *name)
{
	(void)name;
	ph_extract_separate(xml->job, '\n');
}

static void
text_any(struct ph_xml *xml, const char *text, size_t size)
{
	ph_extract_put(xml->job, text, size);
}

static const struct ph_xml_handler any = {start_any, end_any, text_any};

void
ph_extract_xml_part(struct ph_extract_job *job, struct ph_zip_member *member)
{
	struct ph_xml xml = {.job = job, .handler = &any};

	ph_xml_parse(&xml, member, NULL, 0);
}

int
ph_extract_xml(struct ph_extract_job *job, struct ph_err *err)
{
	struct ph_xml xml = {.job = job, .handler = &any};

	(void)err;
	ph_xml_parse(&xml, NULL, job->source->data, job->source->size);
	return 1;
}
