#ifndef PH_EXTRACT_OOXML_PRIVATE_H
#define PH_EXTRACT_OOXML_PRIVATE_H

#include "lib/extract/extract_private.h"

/* Shared by ooxml*.c only. */

struct ph_ooxml {
	struct ph_extract_job *job;
	GHashTable *types;   /* "/word/document.xml" -> content type; keys and
			      * values lower case; ".xml" for what a suffix
			      * means */
	bool office;	     /* some part is of Office */
	GString *strings;    /* the shared ones of a workbook, one behind the
			      * other */
	GArray *string_ends; /* size_t */
};

typedef void ph_ooxml_read(struct ph_ooxml *ooxml,
			   struct ph_zip_member *member);

/* ooxml_text.c */
ph_ooxml_read ph_ooxml_read_text;
ph_ooxml_read ph_ooxml_read_master;  /* without text that stands for other */
ph_ooxml_read ph_ooxml_read_strings; /* shared ones */
ph_ooxml_read ph_ooxml_read_links;
/* One more of the shared strings. False: they are too many, limit is set. */
bool ph_ooxml_add_string(struct ph_ooxml *ooxml, const char *text, size_t size);
/* One of them, if it is there. */
void ph_ooxml_put_shared(struct ph_ooxml *ooxml, uint64_t i);
/* xlsb.c: any part of a workbook that is not XML */
ph_ooxml_read ph_ooxml_read_binary;
void ph_xlsb_parse(struct ph_ooxml *ooxml, struct ph_bytes part);
/* ooxml_properties.c */
ph_ooxml_read ph_ooxml_read_properties;

#endif
