#ifndef PH_EXTRACT_PRIVATE_H
#define PH_EXTRACT_PRIVATE_H

#include "lib/extract/extract.h"

#include <stdint.h>

/* Shared by lib/extract/ and its fuzz targets only. */

struct ph_extract_job {
	const struct ph_extract_source *source;
	struct ph_extract_limits limits;
	struct ph_extract_result *result;
	size_t unpacked; /* bytes so far */
	bool spent;	 /* no more of them */
};

/* The readers of the rows: 1, 0, -1 as ph_extract. */
int ph_extract_ooxml(struct ph_extract_job *job, struct ph_err *err);
int ph_extract_odf(struct ph_extract_job *job, struct ph_err *err);
int ph_extract_odf_flat(struct ph_extract_job *job, struct ph_err *err);
int ph_extract_ole2(struct ph_extract_job *job, struct ph_err *err);
int ph_extract_pdf(struct ph_extract_job *job, struct ph_err *err);
void ph_extract_pdf_info(struct ph_extract_job *job); /* properties alone */
int ph_extract_rtf(struct ph_extract_job *job, struct ph_err *err);
int ph_extract_html(struct ph_extract_job *job, struct ph_err *err);
int ph_extract_xml(struct ph_extract_job *job, struct ph_err *err);
int ph_extract_plain(struct ph_extract_job *job, struct ph_err *err);

/* What each library wants before it works without files. */
void ph_extract_xml_prepare(void);
void ph_extract_ole2_prepare(void);
void ph_extract_pdf_prepare(void);
void ph_extract_plain_prepare(void);

/* ---- sink.c: where everything that is read goes -------------------------- */

/* Text, made valid; nothing once it is full. */
void ph_extract_put(struct ph_extract_job *job, const char *text, size_t size);
void ph_extract_put_char(struct ph_extract_job *job, gunichar c);
/* Bytes of a charset as lib/message/charset.h knows it. */
void ph_extract_put_charset(struct ph_extract_job *job, const char *charset,
			    const void *bytes, size_t size);
/* What was read aside, behind all other: full or not, there is an end of it. */
void ph_extract_put_aside(struct ph_extract_job *job, const GString *aside);
/* Keeps what comes apart from what was: ' ', '\t' or '\n'; twice is once. */
void ph_extract_separate(struct ph_extract_job *job, char with);
/* Text on lines of its own. */
void ph_extract_put_line(struct ph_extract_job *job, const char *text,
			 size_t size);
/* No more text is wanted. */
bool ph_extract_full(const struct ph_extract_job *job);
/* A header or footer of a spreadsheet's page: "&C&\"Arial\"&12Secret". UTF-8.
 */
void ph_extract_put_header(struct ph_extract_job *job, const char *text,
			   size_t size);
/* A number as a person would see it in a cell. */
void ph_extract_put_number(struct ph_extract_job *job, double number);
/* The same of Excel's short form of a number. */
void ph_extract_put_rk(struct ph_extract_job *job, uint32_t rk);

/* Copied; blanks around the value are dropped, an empty one is none. */
void ph_extract_property(struct ph_extract_job *job, const char *name,
			 const char *value);
/* By the name that a format has for it ("creator"), shown as Exchange does; the
 * name itself if it is not known. */
void ph_extract_known_property(struct ph_extract_job *job, const char *name,
			       const char *value);
/* Takes data. */
void ph_extract_file(struct ph_extract_job *job, const char *name,
		     GBytes *data);

/* Bytes came out of a container: false: they are too many, limit is set. */
bool ph_extract_unpacked(struct ph_extract_job *job, size_t size);

/* ---- codepage.c ---------------------------------------------------------- */

/* The charset of a code page of Windows, as lib/message/charset.h knows it; one
 * that ph_charset_prepare opens. Static; NULL: none is known. */
const char *ph_extract_codepage(unsigned number);
/* The same with those in which bytes of ASCII may mean something else, and in
 * which Outlook keeps mail. */
const char *ph_extract_codepage_of_mail(unsigned number);

/* The charset itself; NULL: in its place one that nobody knows, of which ASCII
 * is read, and the document is damaged. */
const char *ph_extract_charset_or_none(const char *charset);

/* ---- shared.c: a workbook's strings, to which its cells point ------------ */

struct ph_shared {
	struct ph_extract_job *job;
	GString *text; /* one behind the other; the last may have no end yet */
	GArray *ends;  /* size_t: where in text */
};
void ph_shared_init(struct ph_shared *shared, struct ph_extract_job *job);
void ph_shared_fini(struct ph_shared *shared);
/* Is there room for so many bytes more, more of the last one's text, its end.
 * False: they are too many, or too long; limit is set. */
bool ph_shared_room(struct ph_shared *shared, size_t size);
bool ph_shared_append(struct ph_shared *shared, const char *text, size_t size);
bool ph_shared_end(struct ph_shared *shared);
/* The text of one of them, if it is there, counted from 0. */
void ph_shared_put(const struct ph_shared *shared, uint64_t i);

/* ---- zip.c: a document's container --------------------------------------- */

struct ph_zip_member;
/* false: go no further. */
typedef bool ph_zip_visit(struct ph_extract_job *job,
			  struct ph_zip_member *member, void *self);
/* Each file in the order of the archive; false: it is none that can be read. A
 * member that is encrypted makes the document protected and is not shown. */
bool ph_zip_walk(struct ph_extract_job *job, ph_zip_visit *visit, void *self);
/* In UTF-8, "" if it has none. Borrowed. */
const char *ph_zip_name(const struct ph_zip_member *member);
/* Bytes, 0 at the end or where it cannot be read further. */
size_t ph_zip_read(struct ph_zip_member *member, void *buffer, size_t size);
/* The whole, to be unref'd. */
GBytes *ph_zip_bytes(struct ph_zip_member *member);

/* ---- xml.c: elements and text, and nothing that XML refers to ----------- */

struct ph_xml;
struct ph_xml_handler {
	void (*start)(struct ph_xml *xml, const char *name); /* local name */
	/* NULL is fine: */
	void (*end)(struct ph_xml *xml, const char *name);
	void (*text)(struct ph_xml *xml, const char *text, size_t size);
};
struct ph_xml {
	struct ph_extract_job *job;
	const struct ph_xml_handler *handler;
	void *self;
	unsigned depth;	 /* of the element that begins or ends: the root is 1 */
	const char *uri; /* its namespace, "" if none */
	const char *prefix; /* and its prefix */
	bool doctype;	    /* there is one */
	/* Private. */
	const unsigned char **attributes;
	int n_attributes;
	void *parser;
};
/* Reads from the member, or from the bytes if it is NULL. */
void ph_xml_parse(struct ph_xml *xml, struct ph_zip_member *member,
		  const void *bytes, size_t size);
/* Of the element that begins, without its namespace; g_free; NULL: none. */
char *ph_xml_attribute(const struct ph_xml *xml, const char *name);
/* Puts the values of all attributes, apart. */
void ph_xml_put_attributes(struct ph_xml *xml);
void ph_xml_stop(struct ph_xml *xml);
/* Elements in any XML; for parts of other documents too. */
void ph_extract_xml_part(struct ph_extract_job *job,
			 struct ph_zip_member *member);

/* ---- readers of one stream: bytes are borrowed, every length is checked - */

struct ph_bytes {
	const unsigned char *p;
	size_t size;
};

/* 0 beyond the end. */
uint16_t ph_bytes_u16(struct ph_bytes bytes, size_t at);
uint32_t ph_bytes_u32(struct ph_bytes bytes, size_t at);
double ph_bytes_double(struct ph_bytes bytes, size_t at);
/* At most size bytes from there; less, or none, at the end. */
struct ph_bytes ph_bytes_sub(struct ph_bytes bytes, size_t at, size_t size);
/* UTF-16LE and Latin 1 (high bytes left out) to the text. */
void ph_extract_put_utf16(struct ph_extract_job *job, struct ph_bytes text);
void ph_extract_put_latin1(struct ph_extract_job *job, struct ph_bytes text);

/* Word: the streams WordDocument and 0Table or 1Table. */
const char *ph_word_table(struct ph_bytes document);
void ph_extract_word(struct ph_extract_job *job, struct ph_bytes document,
		     struct ph_bytes table);
/* Excel: Workbook or Book, or a whole file of before OLE2. */
void ph_extract_excel(struct ph_extract_job *job, struct ph_bytes book);
/* PowerPoint: PowerPoint Document. */
void ph_extract_powerpoint(struct ph_extract_job *job,
			   struct ph_bytes document);

#endif
