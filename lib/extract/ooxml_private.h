#ifndef PH_EXTRACT_OOXML_PRIVATE_H
#define PH_EXTRACT_OOXML_PRIVATE_H

#include "lib/extract/extract_private.h"

/* Shared by ooxml*.c only. */

struct ph_ooxml {
	struct ph_extract_job *job;
	GHashTable *types; /* "/word/document.xml" -> content type; keys and
			    * values lower case; ".xml" for what a suffix
			    * means */
	bool office;	   /* some part is of Office */
	struct ph_shared shared;
};

typedef void ph_ooxml_read(struct ph_ooxml *ooxml,
			   struct ph_zip_member *member);

/* ooxml_text.c */
ph_ooxml_read ph_ooxml_read_text;
ph_ooxml_read ph_ooxml_read_master;  /* without text that stands for other */
ph_ooxml_read ph_ooxml_read_strings; /* a workbook's shared ones */
ph_ooxml_read ph_ooxml_read_links;
/* xlsb.c: any part of a workbook that is not XML */
ph_ooxml_read ph_ooxml_read_binary;
void ph_xlsb_parse(struct ph_ooxml *ooxml, struct ph_bytes part);
/* ooxml_properties.c */
ph_ooxml_read ph_ooxml_read_properties;

#endif
