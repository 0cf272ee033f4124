#include "lib/extract/ooxml_private.h"

#include <string.h>

/*
 * Office Open XML (ECMA-376): a zip of parts. What a part is follows from
 * [Content_Types].xml, as Office reads it, and not from its name, which is the
 * sender's choice; names count only where the types are lost. The archive is
 * gone through several times, in the order of the ranks, so that nothing but
 * shared strings has to be kept and what is read first is what a reader sees.
 */
enum rank {
	RANK_FIRST, /* properties, and what others refer to */
	RANK_MAIN,
	RANK_REST, /* headers, notes, comments, charts */
	RANK_LAST, /* what is seen least */
	RANKS,
	RANK_NEVER,
};

/* The first row that fits. A type ends so, or, of a part without a type, its
 * name begins so. */
static const struct part {
	const char *type;
	const char *name;
	enum rank rank;
	ph_ooxml_read *read;
} parts[] = {
    {"core-properties+xml", "/docprops/core.xml", RANK_FIRST,
     ph_ooxml_read_properties},
    {"extended-properties+xml", "/docprops/app.xml", RANK_FIRST,
     ph_ooxml_read_properties},
    {"custom-properties+xml", "/docprops/custom.xml", RANK_FIRST,
     ph_ooxml_read_properties},
    {"sharedstrings+xml", "/xl/sharedstrings.xml", RANK_FIRST,
     ph_ooxml_read_strings},
    {".main+xml", "/word/document.xml", RANK_MAIN, ph_ooxml_read_text},
    {"worksheet+xml", "/xl/worksheets/", RANK_MAIN, ph_ooxml_read_text},
    {".slide+xml", "/ppt/slides/", RANK_MAIN, ph_ooxml_read_text},
    {"slidelayout+xml", "/ppt/slidelayouts/", RANK_LAST, ph_ooxml_read_master},
    {"slidemaster+xml", "/ppt/slidemasters/", RANK_LAST, ph_ooxml_read_master},
    {"notesmaster+xml", "/ppt/notesmasters/", RANK_LAST, ph_ooxml_read_master},
    {"handoutmaster+xml", "/ppt/handoutmasters/", RANK_LAST,
     ph_ooxml_read_master},
    {"vmldrawing", "/xl/drawings/vml", RANK_LAST, ph_ooxml_read_text},
    {"relationships+xml", "/_rels/", RANK_LAST, ph_ooxml_read_links},
    {".styles+xml", "/word/styles.xml", RANK_NEVER, NULL},
    {"theme+xml", "/word/theme", RANK_NEVER, NULL},
    {"+xml", "/word/", RANK_REST, ph_ooxml_read_text},
    {"", "/xl/", RANK_REST, ph_ooxml_read_text},
    {"", "/ppt/", RANK_REST, ph_ooxml_read_text},
};

/* Parts of a workbook that is not XML, in the same form. */
static const struct part binary_parts[] = {
    {"ms-excel.styles", "/xl/styles.bin", RANK_NEVER, NULL},
    {"ms-excel.calcchain", "/xl/calcchain.bin", RANK_NEVER, NULL},
    {"ms-excel.binindexws", "/xl/worksheets/binaryindex", RANK_NEVER, NULL},
    {"ms-excel.binindexms", "/xl/macrosheets/binaryindex", RANK_NEVER, NULL},
    {"ms-excel.sheetmetadata", "/xl/metadata.bin", RANK_NEVER, NULL},
    {"ms-excel.table", "/xl/tables/", RANK_REST, ph_ooxml_read_binary},
    {"ms-excel.querytable", "/xl/querytables/", RANK_REST,
     ph_ooxml_read_binary},
    {"ms-excel.connections", "/xl/connections.bin", RANK_REST,
     ph_ooxml_read_binary},
    {"ms-excel.pivottable", "/xl/pivottables/", RANK_REST,
     ph_ooxml_read_binary},
    {"ms-excel.pivotcache", "/xl/pivotcache/", RANK_REST, ph_ooxml_read_binary},
    {"ms-excel.sharedstrings", "/xl/sharedstrings.bin", RANK_FIRST,
     ph_ooxml_read_binary},
    {"ms-excel.sheet.binary.macroenabled.main", "/xl/workbook.bin", RANK_MAIN,
     ph_ooxml_read_binary},
    {"ms-excel.worksheet", "/xl/worksheets/", RANK_MAIN, ph_ooxml_read_binary},
    {"ms-excel.macrosheet", "/xl/macrosheets/", RANK_MAIN,
     ph_ooxml_read_binary},
    {"ms-excel.intlmacrosheet", "/xl/intlmacrosheets/", RANK_MAIN,
     ph_ooxml_read_binary},
    {"ms-excel.chartsheet", "/xl/chartsheets/", RANK_REST,
     ph_ooxml_read_binary},
    {"ms-excel.dialogsheet", "/xl/dialogsheets/", RANK_REST,
     ph_ooxml_read_binary},
    {"ms-excel.comments", "/xl/comments", RANK_REST, ph_ooxml_read_binary},
    {"ms-excel.externallink", "/xl/externallinks/", RANK_REST,
     ph_ooxml_read_binary},
};

/* ---- [Content_Types].xml ------------------------------------------------ */

#define TYPES_NAME "/[content_types].xml"

static void
start_type(struct ph_xml *xml, const char *name)
{
	struct ph_ooxml *ooxml = xml->self;
	bool suffix = strcmp(name, "Default") == 0;
	g_autofree char *part =
	    ph_xml_attribute(xml, suffix ? "Extension" : "PartName");
	g_autofree char *type = ph_xml_attribute(xml, "ContentType");
	char *key;

	if (part == NULL || type == NULL)
		return;
	if (g_hash_table_size(ooxml->types) > xml->job->limits.entries) {
		xml->job->result->limit = true;
		return;
	}
	key = g_strdup_printf("%s%s",
			      suffix	       ? "."
			      : part[0] == '/' ? ""
					       : "/",
			      part);
	for (char *c = key; *c != '\0'; c++)
		*c = g_ascii_tolower(*c);
	g_hash_table_replace(ooxml->types, key, g_ascii_strdown(type, -1));
	if (strstr(type, "officedocument.") != NULL ||
	    strstr(type, "application/vnd.ms-") != NULL)
		ooxml->office = true;
}

/* "/word/document.xml"; g_free */
static char *
part_name(const struct ph_zip_member *member)
{
	const char *name = ph_zip_name(member);
	g_autofree char *slash =
	    g_strconcat(name[0] == '/' ? "" : "/", name, NULL);

	for (char *c = slash; *c != '\0'; c++)
		if (*c == '\\')
			*c = '/';
	return g_ascii_strdown(slash, -1);
}

static bool
find_types(struct ph_extract_job *job, struct ph_zip_member *member, void *self)
{
	static const struct ph_xml_handler handler = {start_type, NULL, NULL};
	struct ph_ooxml *ooxml = self;
	struct ph_xml xml = {.job = job, .handler = &handler, .self = ooxml};
	g_autofree char *name = part_name(member);

	if (strcmp(name, TYPES_NAME) == 0) {
		ph_xml_parse(&xml, member, NULL, 0);
		job->result->damaged |= xml.doctype;
	} else if (g_str_has_prefix(name, "/word/") ||
		   g_str_has_prefix(name, "/xl/") ||
		   g_str_has_prefix(name, "/ppt/")) {
		ooxml->office = true;
	}
	return true;
}

/* ---- parts -------------------------------------------------------------- */

/* NULL: not known; borrowed. */
static const char *
type_of(const struct ph_ooxml *ooxml, const char *name)
{
	const char *type = g_hash_table_lookup(ooxml->types, name);
	const char *suffix = strrchr(name, '.');

	if (type == NULL && suffix != NULL)
		type = g_hash_table_lookup(ooxml->types, suffix);
	return type;
}

static const struct part *
find_part(const struct part *some, size_t n, const char *name, const char *type)
{
	for (size_t i = 0; i < n; i++) {
		const struct part *part = &some[i];

		if (type != NULL ? part->type[0] != '\0' &&
				       g_str_has_suffix(type, part->type)
				 : g_str_has_prefix(name, part->name))
			return part;
	}
	return NULL;
}

/* Pictures and fonts are no documents. */
static bool
is_file(const char *name, const char *type)
{
	static const char *const dull[] = {
	    "image/",
	    "audio/",
	    "video/",
	    "application/x-font",
	    "application/vnd.openxmlformats-officedocument.obfuscatedfont",
	    "application/vnd.openxmlformats-officedocument.spreadsheetml."
	    "printersettings",
	    "application/vnd.openxmlformats-officedocument.wordprocessingml."
	    "printersettings",
	};

	if (g_str_has_suffix(name, "/"))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(dull); i++)
		if (type != NULL && g_str_has_prefix(type, dull[i]))
			return false;
	return true;
}

static bool
is_xml(const char *name, const char *type)
{
	if (type == NULL)
		return g_str_has_suffix(name, ".xml") ||
		       g_str_has_suffix(name, ".rels");
	if (strcmp(type, "application/xhtml+xml") == 0 ||
	    strcmp(type, "image/svg+xml") == 0)
		return false;
	return g_str_has_suffix(type, "+xml") ||
	       g_str_has_suffix(type, "/xml") ||
	       g_str_has_suffix(type, ".vmldrawing");
}

struct pass {
	struct ph_ooxml *ooxml;
	unsigned rank;
};

static bool
read_part(struct ph_extract_job *job, struct ph_zip_member *member, void *self)
{
	const struct pass *pass = self;
	g_autofree char *name = part_name(member);
	const char *type = type_of(pass->ooxml, name);
	const struct part *part;

	if (strcmp(name, TYPES_NAME) == 0)
		return true;
	if (is_xml(name, type)) {
		part = find_part(parts, G_N_ELEMENTS(parts), name, type);
		if (part != NULL && part->rank == pass->rank)
			part->read(pass->ooxml, member);
		else if (part == NULL && pass->rank == RANK_LAST)
			ph_extract_xml_part(job, member);
		return true;
	}
	part = find_part(binary_parts, G_N_ELEMENTS(binary_parts), name, type);
	if (part != NULL) {
		if (part->rank == pass->rank)
			part->read(pass->ooxml, member);
	} else if (pass->rank == RANK_LAST && is_file(name, type)) {
		ph_extract_file(job, ph_zip_name(member), ph_zip_bytes(member));
	}
	return true;
}

/* Cells point to them; where cells are lost, they are all that is left. */
static void
put_lost_strings(struct ph_ooxml *ooxml)
{
	for (guint i = 0; i < ooxml->shared.ends->len; i++) {
		ph_extract_separate(ooxml->job, '\n');
		ph_shared_put(&ooxml->shared, i);
	}
}

static int
read_parts(struct ph_ooxml *ooxml)
{
	struct ph_extract_job *job = ooxml->job;

	if (!ph_zip_walk(job, find_types, ooxml) || !ooxml->office)
		return 0;
	for (unsigned rank = 0; rank < RANKS; rank++) {
		struct pass pass = {ooxml, rank};

		ph_zip_walk(job, read_part, &pass);
	}
	if (job->result->damaged)
		put_lost_strings(ooxml);
	return 1;
}

int
ph_extract_ooxml(struct ph_extract_job *job, struct ph_err *err)
{
	struct ph_ooxml ooxml = {
	    .job = job,
	    .types =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
	};
	int r;

	(void)err;
	ph_shared_init(&ooxml.shared, job);
	r = read_parts(&ooxml);
	g_hash_table_unref(ooxml.types);
	ph_shared_fini(&ooxml.shared);
	return r;
}
