#ifndef PH_INSPECT_WALK_H
#define PH_INSPECT_WALK_H

#include "lib/base/err.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ph_types;

/*
 * Opens an attachment: its true type, and through archives, messages and
 * documents every file in it, each told of as it is found. Pure: bytes in
 * memory, no file, no network, no process; so that it can run in the sandbox
 * (sandbox.h). What it calls are libraries that have faults, so outside of
 * tests and fuzzers it runs nowhere else.
 */

/* Zeros are the defaults. Those of a whole message, but for text. */
struct ph_walk_limits {
	uint32_t depth;	  /* archives and messages in each other: 16 */
	uint32_t entries; /* files: 10,000 */
	uint64_t size;	  /* bytes unpacked, in all: 256 MB */
	uint32_t ratio;	  /* bytes out of an archive for each of its own, above
			   * the first PH_WALK_RATIO_FREE: 250 */
	uint64_t text;	  /* bytes of text, of each file: 1 MB */
	uint64_t texts;	  /* of all files: 16 MB */
};
/* Defaults in the place of zeros. */
void ph_walk_limits_fill(struct ph_walk_limits *limits);
#define PH_WALK_RATIO_FREE ((uint64_t)16 * 1024 * 1024)

/* What was found of a file. */
enum {
	PH_WALKED_UNSUPPORTED = 1 << 0, /* nothing here reads its type */
	PH_WALKED_EXECUTABLE = 1 << 1,
	PH_WALKED_PROTECTED = 1 << 2,  /* by a password */
	PH_WALKED_LIMIT = 1 << 3,      /* a limit was met in it */
	PH_WALKED_SUSPICIOUS = 1 << 4, /* readers may see different things */
	PH_WALKED_CUT = 1 << 5,	       /* its text is longer than the limit */
	PH_WALKED_DAMAGED = 1 << 6,    /* not all could be read */
	PH_WALKED_UNREAD = 1 << 7,     /* a name alone: no bytes were seen */
	PH_WALKED_ALL = (1 << 8) - 1
};

/* "executable, suspicious": g_free. */
char *ph_walked_flag_names(uint32_t flags);

struct ph_walked_property {
	char *name;
	char *value;
};

#define PH_SHA256 32

/* Texts are valid UTF-8, never NULL. */
struct ph_walked {
	char *path;	/* "a.zip/b.zip/c.exe"; of an attachment its name */
	char *name;	/* of the file: what is behind the last '/' or '\' */
	char *declared; /* type; "" if nobody said */
	char *type;	/* by content */
	char *note;	/* why a flag is set, for people; "" */
	char *text;	/* NULL: none */
	size_t text_size;
	GArray *properties; /* struct ph_walked_property */
	uint64_t size;
	uint32_t depth; /* 0: the attachment itself */
	uint32_t flags; /* PH_WALKED_* */
	uint8_t sha256[PH_SHA256];
};
struct ph_walked *ph_walked_new(void);
void ph_walked_free(void *walked);

/* The longest of these texts; longer ones are cut. */
#define PH_WALKED_TEXT ((size_t)1024)	   /* path, name, type, note */
#define PH_WALKED_PROPERTIES ((size_t)256) /* of a file */
#define PH_WALKED_VALUE ((size_t)4096)

/* An attachment. */
struct ph_walk_source {
	const char *name;
	const char *declared;
	const char *charset;
	const void *data;
	size_t size;
	bool message; /* a MIME reader has it open: its parts are attachments
		       * of their own */
};

/* Told of each file, the attachment itself after what is in it. Takes walked.
 * False: nobody wants more. */
typedef bool ph_walk_emit(void *context, struct ph_walked *walked);

/* Of one message: limits are spent over all of its attachments. */
struct ph_walk;

/* What libraries would read from disk later, loaded once a process, before it
 * gives up its rights; a fork has it as well. One thread. NULL: *err says why.
 */
struct ph_types *ph_types_open(struct ph_err *err);
void ph_types_close(struct ph_types **types);

/* types and limits are borrowed; limits NULL: the defaults. */
struct ph_walk *ph_walk_new(struct ph_types *types,
			    const struct ph_walk_limits *limits,
			    ph_walk_emit *emit, void *context);
void ph_walk_free(struct ph_walk **walk);

/* False: emit wanted no more. */
bool ph_walk_run(struct ph_walk *walk, const struct ph_walk_source *source);

#endif
