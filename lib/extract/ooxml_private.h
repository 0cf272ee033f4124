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
	bool binary;	     /* a workbook that is not XML */
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
/* ooxml_properties.c */
ph_ooxml_read ph_ooxml_read_properties;

#endif
