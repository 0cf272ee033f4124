#ifndef PH_MESSAGE_CONTENT_PRIVATE_H
#define PH_MESSAGE_CONTENT_PRIVATE_H

#include "lib/message/charset.h"
#include "lib/message/content.h"

#include <glib.h>

/* Shared by content*.c only. */

/* ---- content_decode.c: transfer encodings (RFC 2045 section 6) ---------- */

enum ph_encoding {
	PH_ENCODING_NONE, /* 7bit, 8bit, binary */
	PH_ENCODING_BASE64,
	PH_ENCODING_QUOTED,
	PH_ENCODING_UU,
	PH_ENCODING_UNKNOWN, /* read as it is */
};

/* By the value of Content-Transfer-Encoding, without blanks around it. */
enum ph_encoding ph_encoding_of(const char *name, size_t size);

/* Decoded; at most size bytes, NUL-terminated; g_free. Lenient: what does not
 * belong there is skipped. PH_ENCODING_BASE64, _QUOTED and _UU only. */
char *ph_encoding_decode(enum ph_encoding encoding, const char *in, size_t size,
			 size_t *size_r);

/* The size that base64 has decoded, without decoding; *bad_r (NULL is fine):
 * characters that do not belong there, something after the end, a cut end. */
size_t ph_encoding_base64_size(const char *in, size_t size, bool *bad_r);

/* ---- content_field.c: Content-Type, Content-Disposition ----------------- */

/* More than Postfix shows of a field of the header. A longer value, of a part,
 * is cut; of more parameters that somebody looks at the last stays. */
#define PH_FIELD_LIMIT ((size_t)64 * 1024)
#define PH_FIELD_PARAMS 64

struct ph_field {
	char *value;	   /* before the first ';', lower case, no blanks or
			    * comments */
	GPtrArray *params; /* private */
	bool bad;	   /* readers may disagree about it */
	bool cut;	   /* there is more than is read */
};

/* Never fails; to be cleared. */
void ph_field_parse(const char *raw, size_t size, struct ph_field *field_r);
void ph_field_clear(struct ph_field *field);

/* Decoded value of a parameter (RFC 2231, RFC 2047): one line of valid UTF-8
 * without blanks at its end; g_free; NULL: none. */
char *ph_field_param(const struct ph_field *field, const char *name);

/* Readers differ about a parameter that is there twice, or both as RFC 2231 has
 * it and without: appends every value (char *) that is not there yet, that of
 * ph_field_param first, "" left out, up to PH_ENTITY_READINGS in all. */
#define PH_ENTITY_READINGS ((size_t)4)
void ph_field_readings(const struct ph_field *field, const char *name,
		       GPtrArray *readings);

/* ---- content.c ---------------------------------------------------------- */

struct ph_content_source {
	const char *raw; /* in the body, or decoded from it */
	size_t size;
	enum ph_encoding encoding;
	char **charsets; /* that other readers take it to be in */
	char *data;	 /* decoded; NULL: not yet, or raw is what it is */
	size_t data_size;
	bool sized;  /* the part's size is known */
	bool body;   /* shown as text of the message */
	bool marked; /* text/enriched: some show its tags, some obey them */
	bool joins;  /* RFC 3676, DelSp=yes: a blank at the end of a line and
		      * the line end are nothing */
	bool text;
	bool html;
};

/* Bytes that are a text because the structure around them is broken. */
struct ph_content_extra {
	const char *raw;
	size_t size;
};

struct ph_content {
	GArray *parts;	  /* struct ph_part */
	GArray *extras;	  /* struct ph_content_extra */
	GPtrArray *kept;  /* decoded bodies of attached messages */
	GHashTable *seen; /* charsets */
	GPtrArray *charsets;
	unsigned types;
	bool report;
	bool open; /* a part of it is not encrypted */
	bool truncated;
	const char *reason; /* the first; NULL: not suspicious */
	size_t entities;
	size_t scan;	  /* bytes that may still be read through */
	size_t decode;	  /* bytes that may still become text or be decoded */
	GPtrArray *texts; /* NULL: not made yet */
	GArray *sizes;
	size_t text_room;
};

/* The first reason stays. */
void ph_content_suspect(struct ph_content *content, const char *reason);

/* Decoded size. */
size_t ph_content_source_size(struct ph_content_source *source);

/* Takes size from one of the two budgets, or the message is truncated. */
bool ph_content_pay(struct ph_content *content, size_t *budget, size_t size);

/* Becomes a text if it is not empty. */
void ph_content_add_extra(struct ph_content *content, const char *raw,
			  size_t size);

/* ---- content_entity.c: the header of a part ----------------------------- */

/* What is known of a part, or of the message, before its body is read. Begins
 * as zeros, to be cleared. */
struct ph_entity {
	/* Each is a way to read the part; more than these are not followed. */
	struct ph_field types[PH_ENTITY_READINGS];
	struct ph_content_extra raw_types[PH_ENTITY_READINGS];
	size_t n_types;
	struct ph_field disposition; /* value NULL: none */
	GPtrArray *names; /* char *: of dispositions before it; NULL: none */
	enum ph_encoding encoding;
	bool encoded;	  /* has a Content-Transfer-Encoding */
	bool contradicts; /* has another one too */
	size_t fields[3]; /* of each name that is looked at */
	const char *body;
	size_t size;
};

/* One field, if it says how to read the part; its value is folded as it came,
 * and borrowed while the entity is. */
void ph_entity_take_field(struct ph_content *content, struct ph_entity *entity,
			  const char *name, size_t name_size, const char *value,
			  size_t size);
/* The header of the message itself. */
void ph_entity_read_fields(struct ph_content *content, struct ph_entity *entity,
			   const struct ph_headers *headers);
/* The header that a part begins with; what is behind it is the body. */
void ph_entity_read_header(struct ph_content *content, struct ph_entity *entity,
			   const char *p, size_t size);
void ph_entity_clear(struct ph_entity *entity);

/* A line and what it is followed by. */
struct ph_line {
	const char *p;
	const char *end; /* without its line end */
	const char *next;
};

/* The one that begins at p; it ends with LF or CRLF, or at end. */
struct ph_line ph_line_get(const char *p, const char *end);

/* ---- content_parse.c: containers ---------------------------------------- */

/* A search for the boundaries of one multipart. */
struct ph_delimiter {
	const char *needle; /* "--" and the boundary */
	size_t needle_size;
	const char *body;
	const char *p; /* not looked at yet */
	const char *end;
	/* Of the one that was found: */
	const char *before; /* the end of what stands before it */
	const char *after;
	bool closing;
};

/* The next one. False: there is none, or no more may be read through. */
bool ph_delimiter_find(struct ph_content *content, struct ph_delimiter *d);
/* The needle, g_free; NULL: it has no boundary. */
char *ph_boundary_find(const struct ph_field *type);

/* Where a part stands. */
struct ph_place {
	const char *prefix; /* "1.2.", "" */
	size_t number;
	size_t depth;
	bool inner;	  /* inside an attached message */
	bool root;	  /* not in a multipart */
	bool encrypted;	  /* in a multipart/encrypted */
	const char *type; /* if it declares none (RFC 2046 section 5.1.5) */
};

/* All parts of a message, of which the body is borrowed while content is. */
void ph_content_parse(struct ph_content *content,
		      const struct ph_headers *headers, const char *body,
		      size_t size);

/* ---- content_leaf.c: parts that are no containers ----------------------- */

/* Decoded file name; "" if none; g_free. */
char *ph_entity_name(struct ph_content *content, const struct ph_entity *entity,
		     const struct ph_field *type);
/* As one of this type; a part with several readings is added as each. */
void ph_content_add_leaf(struct ph_content *content,
			 const struct ph_entity *entity,
			 const struct ph_field *type,
			 const struct ph_place *place);
/* Flags PH_CONTENT_* that follow from the type of a multipart. */
unsigned ph_content_multipart_kind(struct ph_content *content,
				   const struct ph_field *type);
/* message/rfc822 and its like. */
bool ph_content_is_message(const char *type);

/* ---- content_uu.c: files in a text --------------------------------------- */

/* Those in a plain text are parts behind it. */
void ph_content_add_uu(struct ph_content *content, const struct ph_part *part,
		       const struct ph_place *place);

/* ---- content_text.c ----------------------------------------------------- */

/* Decodes the bodies, as far as the limits allow; once. */
void ph_content_make_texts(struct ph_content *content);

#endif
