#ifndef PH_INSPECT_WALK_PRIVATE_H
#define PH_INSPECT_WALK_PRIVATE_H

#include "lib/inspect/walk.h"

#include <locale.h>

/* Inside the walk only. */

struct ph_walk {
	struct ph_types *types;
	struct ph_walk_limits limits;
	ph_walk_emit *emit;
	void *context;
	uint64_t size;	  /* bytes that may still be unpacked */
	uint64_t texts;	  /* bytes of text that may still be kept */
	uint32_t entries; /* files that may still be told of */
	bool stopped;	  /* emit wanted no more */
};

/* A file that is being looked at. */
struct ph_node {
	const struct ph_node *parent; /* NULL: an attachment */
	struct ph_walked *walked;
	const char *charset;
	const uint8_t *data;
	size_t size;
	bool message;	   /* as in ph_walk_source */
	uint64_t unpacked; /* bytes that came out of it */
	GHashTable *known; /* files in it that were told of; NULL: all are
			    * new */
};

void ph_node_flag(struct ph_node *node, uint32_t flag, const char *note);

/* A file that was found in node; texts may be NULL. False: look no further in
 * this node. */
bool ph_walk_child(struct ph_walk *walk, struct ph_node *node,
		   const struct ph_walk_source *source);
/* The same of one that could not be read; name is any bytes, NULL: none. flags:
 * what is known of it. */
bool ph_walk_name(struct ph_walk *walk, struct ph_node *node, const char *name,
		  size_t name_size, uint64_t size, uint32_t flags,
		  const char *note);
/* Takes bytes that came out of node from the limits. False: they are more than
 * may be, and node is flagged. */
bool ph_walk_pay(struct ph_walk *walk, struct ph_node *node, uint64_t size);
/* Text of node: kept as far as the limits allow. */
void ph_walk_text(struct ph_walk *walk, struct ph_node *node, const char *text,
		  size_t size);

/* Bytes as valid UTF-8 without control characters, at most PH_WALKED_TEXT of
 * them; NUL and what is no UTF-8 become U+FFFD; g_free. *changed_r (NULL is
 * fine): a name that some reader will show otherwise, or that leaves the
 * directory. */
char *ph_walk_clean(const char *bytes, size_t size, bool *changed_r);

/* ---- type.c: what a file is by its content ------------------------------- */

enum ph_reader {
	PH_READER_NONE,
	PH_READER_ARCHIVE,
	PH_READER_ZIP,
	PH_READER_COMPRESSED, /* one file, perhaps a tar */
	PH_READER_TNEF,
	PH_READER_MESSAGE,
	PH_READER_OLE, /* for the true type */
};

/* archive_read_support_format_tar, ... */
struct archive;
typedef int ph_archive_format(struct archive *archive);

struct ph_type {
	const char *name; /* borrowed until the next call */
	enum ph_reader reader;
	ph_archive_format *format; /* of an ARCHIVE; else NULL */
};

/* What a file is known by. */
struct ph_signature {
	size_t at;
	const char *bytes;
	size_t size;
	struct ph_type type;
	bool inner; /* such an archive may stand behind the program that opens
		     * it */
};
/* The first that is inner, or the next one after it; NULL: no more. */
const struct ph_signature *
ph_signature_inner(const struct ph_signature *before);

/* Of this thread; what it was before. */
locale_t ph_types_use_locale(const struct ph_types *types);
void ph_type_find(struct ph_types *types, const uint8_t *data, size_t size,
		  struct ph_type *type_r);
/* By its first bytes alone. */
bool ph_type_is_container(const uint8_t *data, size_t size);
/* Of a compound file (OLE2): by its directory; NULL: some other. */
const char *ph_type_ole(const uint8_t *data, size_t size);
/* Is it a message with a header, as in a file .eml? */
bool ph_type_is_message(const uint8_t *data, size_t size);

/* ---- type_executable.c --------------------------------------------------- */

/* Executable content as Exchange has it (facts/exchange-rules.md section 6);
 * what it is, or NULL. A Java archive is told by its directory: walk_zip.c. */
const char *ph_executable_kind(const uint8_t *data, size_t size);

/* ---- walk_zip.c: zip's directory, by hand -------------------------------- */

struct ph_zipdir_entry {
	const char *name; /* in the data */
	size_t name_size;
	const char *local; /* in the file's own header; NULL: there is none */
	size_t local_size;
	uint64_t size;
	bool encrypted;
};

/* All readers find it under one name: to some a NUL is the end of it. */
bool ph_zipdir_agrees(const struct ph_zipdir_entry *entry);

struct ph_zipdir {
	GArray *entries;  /* struct ph_zipdir_entry, of the directory */
	bool contradicts; /* directory and headers say different things, or
			   * there is more than one directory */
	bool damaged;	  /* there is no directory, or it is cut */
	const char *type; /* of a document or Java archive; NULL: an archive */
	bool perhaps;	  /* an archive that some program may read as a
			   * document */
};
/* Never fails; to be cleared. At most limit entries. */
void ph_zipdir_read(const uint8_t *data, size_t size, size_t limit,
		    struct ph_zipdir *zip_r);
void ph_zipdir_clear(struct ph_zipdir *zip);
/* It is a document, and its files are what that consists of. */
bool ph_zipdir_document(const struct ph_zipdir *zip);
/* Does a directory end where the data do? That makes any file a zip, whatever
 * it begins with. */
bool ph_zipdir_ends(const uint8_t *data, size_t size);

/* ---- readers ------------------------------------------------------------ */

/* An ARCHIVE or COMPRESSED. */
void ph_walk_archive(struct ph_walk *walk, struct ph_node *node,
		     const struct ph_type *type);
void ph_walk_zip(struct ph_walk *walk, struct ph_node *node,
		 const struct ph_zipdir *zip);
/* A program, that is an archive perhaps. */
void ph_walk_program(struct ph_walk *walk, struct ph_node *node);
void ph_walk_tnef(struct ph_walk *walk, struct ph_node *node);
void ph_walk_message(struct ph_walk *walk, struct ph_node *node);

/* ---- walk_rar.c --------------------------------------------------------- */

/* RAR5 says in records that libarchive passes over whether files are
 * encrypted. */
bool ph_rar5_encrypted(const uint8_t *data, size_t size);

#endif
