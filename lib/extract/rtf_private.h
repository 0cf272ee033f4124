#ifndef PH_EXTRACT_RTF_PRIVATE_H
#define PH_EXTRACT_RTF_PRIVATE_H

#include "lib/extract/extract_private.h"

/* Shared by rtf*.c only. */

#define RTF_FONTS 4096

enum rtf_destination {
	DEST_TEXT,
	DEST_SKIP,
	DEST_FONTS,
	DEST_INFO, /* holds properties */
	DEST_PROPERTY,
	DEST_DATE, /* a property that is made of numbers */
};

struct rtf_word;

struct rtf_group {
	enum rtf_destination destination;
	const struct rtf_word *begins; /* the destination that this group is */
	bool aside;		       /* its text goes behind all other */
	const char *charset;
	unsigned replaced; /* \uc: characters behind each \u */
};

struct rtf {
	struct ph_extract_job *job;
	const unsigned char *p, *end;
	GArray *groups;	 /* struct rtf_group; never empty */
	unsigned deeper; /* groups beyond the limit */
	bool closed;	 /* the outermost group */
	bool optional;	 /* \* was read: the next word may be unknown */
	unsigned skip;	 /* characters behind \u */
	gunichar high;	 /* the first half of a character */

	const char *charset;	      /* of the document; static */
	const char *fonts[RTF_FONTS]; /* static; NULL: the document's */
	int font;		      /* that is being declared */

	GString *pending; /* bytes of text in one charset: a character may be
			   * cut by what is no text */
	const char *pending_charset;
	GString *main, *aside; /* both become the result's text */

	GString *property;
	char *property_name; /* of one that the user defined; NULL: none */
	int date[6];	     /* year, ..., second */
};

/* ---- rtf.c -------------------------------------------------------------- */

struct rtf_group *ph_rtf_group(struct rtf *r); /* the innermost */
/* What is pending goes to the text. */
void ph_rtf_flush(struct rtf *r);
/* A character of the text, unless it is hidden or in the place of a \u. */
void ph_rtf_put(struct rtf *r, gunichar c);
/* \u: a unit of UTF-16, negative above 0x7fff. */
void ph_rtf_put_unicode(struct rtf *r, int number);

/* ---- rtf_words.c -------------------------------------------------------- */

/* A control word without its backslash; has: a number followed. */
void ph_rtf_control(struct rtf *r, const char *word, int number, bool has);
/* The group ends that went elsewhere than to the text. */
void ph_rtf_end_destination(struct rtf *r, const struct rtf_word *word);

#endif
