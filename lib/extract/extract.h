#ifndef PH_EXTRACT_EXTRACT_H
#define PH_EXTRACT_EXTRACT_H

#include "lib/base/err.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Text and properties of documents: Office (2007 and later, and before),
 * OpenDocument, PDF, RTF, HTML, XML and plain text. Pure: bytes in, result out;
 * no file, no network, no process, no thread, so that it can run where all of
 * these are forbidden, once ph_extract_prepare() was called. It opens no
 * archives but those that a document consists of.
 *
 * The bytes are a stranger's and the libraries that read them have faults: the
 * limits below bound what is kept, not the time or what a library takes on its
 * way. Whoever calls this with mail does so in a process that may be lost.
 */

/* Zeros are the defaults. */
struct ph_extract_limits {
	size_t text;	  /* bytes of text: 1 MB, as Exchange's
			   * TransportRuleAttachmentTextScanLimit */
	size_t unpacked;  /* bytes out of the containers that a document
			   * consists of, in all: 256 MB */
	unsigned depth;	  /* elements, groups or storages in each other: 200 */
	unsigned entries; /* in a container, and pages: 10,000 */
};

struct ph_extract_source {
	const char *type;    /* by content if known, else as declared; lower
			      * case, without parameters */
	const char *name;    /* of the file: its suffix decides where the type
			      * says nothing ("application/octet-stream"); ""
			      * or NULL if none */
	const char *charset; /* as declared; "" or NULL if not */
	const void *data;    /* borrowed for the time of the call */
	size_t size;
};

struct ph_extract_property {
	char *name;  /* as Exchange shows them: "Title", "Company", a custom
		      * property's own name */
	char *value; /* valid UTF-8; dates as ISO 8601 in UTC */
};

/* A file inside the document: an embedded document, a PDF's attachment. */
struct ph_extract_file {
	char *name; /* "word/embeddings/sheet.xlsx"; untrusted; valid UTF-8 */
	GBytes *data;
};

/* Begins as PH_EXTRACT_RESULT_INIT, ends with ph_extract_clear(). */
struct ph_extract_result {
	GString *text;	    /* valid UTF-8 without NUL; words, cells, paragraphs
			     * and pages are kept apart by blanks, tabs, lines */
	GArray *properties; /* struct ph_extract_property; a name may repeat */
	GArray *files;	    /* struct ph_extract_file */
	bool is_protected;  /* needs a password to be read: no text (but there
			     * may be properties) */
	bool truncated;	    /* the text was longer than limits.text */
	bool limit;	    /* another limit was met, so that text may lack */
	bool damaged;	    /* not all could be read, or not as it should be */
};

#define PH_EXTRACT_RESULT_INIT                               \
	{                                                    \
		NULL, NULL, NULL, false, false, false, false \
	}

/*
 * 1: read; what could be read is in *result_r, even if damaged.
 * 0: the type is none of ours (unsupported).
 * -1: nothing could be read, PERM, err says why.
 * *result_r is filled in all cases (empty, not NULL). limits NULL: defaults.
 */
int ph_extract(const struct ph_extract_source *source,
	       const struct ph_extract_limits *limits,
	       struct ph_extract_result *result_r, struct ph_err *err);
void ph_extract_clear(struct ph_extract_result *result);

/*
 * Loads what libraries would read from disk later: modules of iconv, tables of
 * the PDF library. Once a process, before it gives up its rights; forked
 * children inherit it. What it takes is kept until the process ends. It sets TZ
 * to UTC, because libc would look for the file of another zone at each date,
 * and drops GLib's warnings (not its errors), which a library writes about bad
 * documents.
 * Without it everything works where there are files.
 */
void ph_extract_prepare(void);

/*
 * One row a kind of document; the array is the only list. A row's types end
 * with NULL; "text/" with nothing behind it is all of text/, "+xml" all that
 * end so. Asked is the first row whose magic the bytes begin with, else the
 * first with that type, else the first with the name's suffix; a kind that
 * finds that the bytes are of another answers 0, and the next is asked. Bytes
 * go before types, because a type is what a sender says.
 */
struct ph_extract_job; /* private: source, limits, result */
struct ph_extract_kind {
	const char *name; /* "docx, xlsx, pptx" */
	const char *help;
	const char *const *types;
	const char *const *suffixes; /* lower case, without the point */
	const char *magic;	     /* NULL: none */
	int (*read)(struct ph_extract_job *job, struct ph_err *err);
};
extern const struct ph_extract_kind ph_extract_kinds[];
extern const size_t ph_extract_kinds_count;

#endif
