#include "lib/extract/extract_private.h"
#include "lib/message/charset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define TEXT ((size_t)1024 * 1024)
#define UNPACKED ((size_t)256 * 1024 * 1024)
#define DEPTH 200
#define ENTRIES 10000

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define OOXML "application/vnd.openxmlformats-officedocument."
#define OPENDOCUMENT "application/vnd.oasis.opendocument."

const struct ph_extract_kind ph_extract_kinds[] = {
    {"docx, xlsx, xlsb, pptx", "Office 2007 and later (Office Open XML)",
     LIST(OOXML "wordprocessingml.document", OOXML "wordprocessingml.template",
	  OOXML "spreadsheetml.sheet", OOXML "spreadsheetml.template",
	  OOXML "presentationml.presentation", OOXML "presentationml.slideshow",
	  OOXML "presentationml.template",
	  "application/vnd.ms-word.document.macroenabled.12",
	  "application/vnd.ms-word.template.macroenabled.12",
	  "application/vnd.ms-excel.sheet.macroenabled.12",
	  "application/vnd.ms-excel.sheet.binary.macroenabled.12",
	  "application/vnd.ms-excel.template.macroenabled.12",
	  "application/vnd.ms-excel.addin.macroenabled.12",
	  "application/vnd.ms-powerpoint.presentation.macroenabled.12",
	  "application/vnd.ms-powerpoint.slideshow.macroenabled.12",
	  "application/vnd.ms-powerpoint.template.macroenabled.12",
	  "application/vnd.ms-powerpoint.addin.macroenabled.12"),
     LIST("docx", "docm", "dotx", "dotm", "xlsx", "xlsb", "xlsm", "xltx",
	  "xltm", "xlam", "pptx", "pptm", "ppsx", "ppsm", "potx", "potm",
	  "ppam"),
     "PK\x03\x04", ph_extract_ooxml},
    {"odt, ods, odp", "OpenDocument",
     LIST(OPENDOCUMENT "text", OPENDOCUMENT "text-template",
	  OPENDOCUMENT "text-master", OPENDOCUMENT "spreadsheet",
	  OPENDOCUMENT "spreadsheet-template", OPENDOCUMENT "presentation",
	  OPENDOCUMENT "presentation-template", OPENDOCUMENT "graphics",
	  OPENDOCUMENT "graphics-template", OPENDOCUMENT "chart",
	  OPENDOCUMENT "formula", OPENDOCUMENT "database"),
     LIST("odt", "ott", "odm", "ods", "ots", "odp", "otp", "odg", "otg"),
     "PK\x03\x04", ph_extract_odf},
    {"fodt, fods, fodp", "OpenDocument in one XML file",
     LIST(OPENDOCUMENT "text-flat-xml", OPENDOCUMENT "spreadsheet-flat-xml",
	  OPENDOCUMENT "presentation-flat-xml",
	  OPENDOCUMENT "graphics-flat-xml", "text/xml", "application/xml"),
     LIST("fodt", "fods", "fodp", "fodg", "xml"), NULL, ph_extract_odf_flat},
    {"doc, xls, ppt, msg",
     "Office 97 to 2003, what it encrypts since, and messages of Outlook",
     LIST("application/msword", "application/vnd.ms-excel",
	  "application/vnd.ms-powerpoint", "application/vnd.ms-outlook",
	  "application/vnd.ms-office", "application/x-ole-storage",
	  "application/cdfv2", "application/encrypted"),
     LIST("doc", "dot", "xls", "xlt", "xla", "ppt", "pps", "pot", "ppa", "msg"),
     "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ph_extract_ole2},
    {"pdf", "Portable Document Format",
     LIST("application/pdf", "application/x-pdf"), LIST("pdf"), "%PDF-",
     ph_extract_pdf},
    {"rtf", "Rich Text Format", LIST("text/rtf", "application/rtf"),
     LIST("rtf"), "{\\rt", ph_extract_rtf},
    {"html", "HTML",
     LIST("text/html", "application/xhtml+xml",
	  "application/vnd.wap.xhtml+xml"),
     LIST("html", "htm", "xhtml", "xht", "hta", "shtml"), NULL,
     ph_extract_html},
    {"xml", "XML",
     LIST("text/xml", "application/xml", "application/xml-dtd", "+xml"),
     LIST("xml", "xsl", "xslt", "xsd", "svg", "rss", "atom", "rdf"), NULL,
     ph_extract_xml},
    {"txt, csv, ...", "Text of any encoding",
     LIST("text/", "application/csv", "application/json",
	  "application/javascript", "application/x-javascript",
	  "application/ecmascript", "application/x-sh", "application/x-perl",
	  "application/x-python", "application/x-php", "application/sql",
	  "application/yaml", "application/x-yaml", "application/toml",
	  "application/x-ndjson", "application/x-subrip", "application/x-tex",
	  "application/x-wine-extension-ini", "application/postscript"),
     LIST("txt", "text", "csv", "tsv", "log", "ini", "conf", "cfg", "json",
	  "yaml", "yml", "md", "ics", "vcf", "sql", "ps", "asc"),
     NULL, ph_extract_plain},
};

const size_t ph_extract_kinds_count = G_N_ELEMENTS(ph_extract_kinds);

/* ---- the result ---------------------------------------------------------- */

static void
clear_property(void *property)
{
	struct ph_extract_property *p = property;

	g_free(p->name);
	g_free(p->value);
}

static void
clear_file(void *file)
{
	struct ph_extract_file *f = file;

	g_free(f->name);
	g_bytes_unref(f->data);
}

static void
begin(struct ph_extract_result *result)
{
	*result = (struct ph_extract_result)PH_EXTRACT_RESULT_INIT;
	result->text = g_string_new(NULL);
	result->properties =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_extract_property));
	g_array_set_clear_func(result->properties, clear_property);
	result->files =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_extract_file));
	g_array_set_clear_func(result->files, clear_file);
}

void
ph_extract_clear(struct ph_extract_result *result)
{
	if (result->text != NULL)
		g_string_free(result->text, TRUE);
	g_clear_pointer(&result->properties, g_array_unref);
	g_clear_pointer(&result->files, g_array_unref);
	*result = (struct ph_extract_result)PH_EXTRACT_RESULT_INIT;
}

/* ---- which kind ---------------------------------------------------------- */

static bool
begins_with(const struct ph_extract_source *source, const char *magic)
{
	size_t size = magic != NULL ? strlen(magic) : 0;

	return size > 0 && source->size >= size &&
	       memcmp(source->data, magic, size) == 0;
}

static bool
has_type(const struct ph_extract_kind *kind, const char *type)
{
	for (const char *const *t = kind->types; *t != NULL; t++) {
		bool part = g_str_has_suffix(*t, "/")
				? g_str_has_prefix(type, *t)
				: (*t)[0] == '+' && g_str_has_suffix(type, *t);

		if (part || strcmp(*t, type) == 0)
			return true;
	}
	return false;
}

static bool
has_suffix(const struct ph_extract_kind *kind, const char *name)
{
	const char *suffix = strrchr(name, '.');

	if (suffix == NULL)
		return false;
	for (const char *const *s = kind->suffixes; *s != NULL; s++)
		if (strcasecmp(*s, suffix + 1) == 0)
			return true;
	return false;
}

/* A suffix says less than a type that was found. */
static bool
is_vague(const char *type)
{
	return type[0] == '\0' || strcmp(type, "application/octet-stream") == 0;
}

enum reason { REASON_MAGIC, REASON_TYPE, REASON_SUFFIX, REASONS };

static bool
is_reason(const struct ph_extract_kind *kind, enum reason reason,
	  const struct ph_extract_source *source)
{
	switch (reason) {
	case REASON_MAGIC:
		return begins_with(source, kind->magic);
	case REASON_TYPE:
		return has_type(kind, source->type);
	case REASON_SUFFIX:
		return is_vague(source->type) && source->name != NULL &&
		       has_suffix(kind, source->name);
	case REASONS:
		break;
	}
	return false;
}

static int
read_by(struct ph_extract_job *job, enum reason reason, struct ph_err *err)
{
	for (size_t i = 0; i < ph_extract_kinds_count; i++) {
		const struct ph_extract_kind *kind = &ph_extract_kinds[i];
		int r;

		if (!is_reason(kind, reason, job->source))
			continue;
		r = kind->read(job, err);
		if (r != 0)
			return r;
		/* What was seen on the way to "not mine" is nobody's. */
		ph_extract_clear(job->result);
		begin(job->result);
		job->unpacked = 0;
		job->spent = false;
	}
	return 0;
}

static struct ph_extract_limits
fill_limits(const struct ph_extract_limits *given)
{
	struct ph_extract_limits limits = {0};

	if (given != NULL)
		limits = *given;
	if (limits.text == 0)
		limits.text = TEXT;
	if (limits.unpacked == 0)
		limits.unpacked = UNPACKED;
	if (limits.depth == 0)
		limits.depth = DEPTH;
	if (limits.entries == 0)
		limits.entries = ENTRIES;
	return limits;
}

int
ph_extract(const struct ph_extract_source *source,
	   const struct ph_extract_limits *limits,
	   struct ph_extract_result *result_r, struct ph_err *err)
{
	struct ph_extract_job job = {
	    .limits = fill_limits(limits),
	    .result = result_r,
	};
	struct ph_extract_source some = *source;
	int r = 0;

	/* Nothing is bytes too. */
	if (some.data == NULL)
		some.data = "";
	job.source = &some;
	begin(result_r);
	for (unsigned reason = 0; reason < REASONS && r == 0; reason++)
		r = read_by(&job, reason, err);
	return r;
}

void
ph_extract_prepare(void)
{
	/* Else libc looks for the file of its time zone at each date. */
	setenv("TZ", "UTC0", 1);
	tzset();
	ph_charset_prepare();
	ph_extract_plain_prepare();
	ph_extract_xml_prepare();
	ph_extract_ole2_prepare();
	ph_extract_pdf_prepare();
}
