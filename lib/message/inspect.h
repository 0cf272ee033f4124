#ifndef PH_MESSAGE_INSPECT_H
#define PH_MESSAGE_INSPECT_H

#include "lib/base/err.h"
#include "lib/message/content.h"

#include <glib.h>
#include <stddef.h>

/*
 * What can be known about attachments only by opening them. The interface
 * through which rules ask; who answers is a row of functions: the plain one
 * knows what the MIME tree says and cannot say the rest, the one in memory is
 * for tests. One an inspected message; one thread.
 */
struct ph_inspection;

enum ph_inspect_flag {
	PH_INSPECT_UNSUPPORTED, /* its type cannot be read */
	PH_INSPECT_EXECUTABLE,	/* by its content */
	PH_INSPECT_PROTECTED,	/* by a password */
	PH_INSPECT_LIMIT,	/* inspection had to stop before the end */
	PH_INSPECT_FLAGS
};

/* A file: a part, or one inside an archive that is a part. */
struct ph_inspect_file {
	const char *name; /* "" if none */
	uint64_t size;
	/* Names that some readers show in place of it, NULL-terminated; NULL:
	 * none. */
	char *const *other_names;
};

struct ph_inspect_property {
	const char *name;
	const char *value;
};

/* A sensitive information type that was found in the message. */
struct ph_inspect_finding {
	const char *name; /* of the type */
	const char *id;	  /* its GUID */
	unsigned count;
	unsigned confidence; /* per cent, of the best */
	unsigned recommended;
};

/* Each answers 0, or -1 cannot say: TEMP it was tried, PERM nobody here can.
 * What is handed out is borrowed until the inspection is freed. NULL members
 * answer "cannot say". */
struct ph_inspect_ops {
	const char *name;
	int (*files)(void *self, const struct ph_inspect_file **files_r,
		     size_t *n_r, struct ph_err *err);
	int (*text)(void *self, size_t file, const char **text_r,
		    size_t *size_r, struct ph_err *err);
	/* *yes_r for this file. */
	int (*flag)(void *self, size_t file, enum ph_inspect_flag flag,
		    bool *yes_r, struct ph_err *err);
	int (*properties)(void *self, size_t file,
			  const struct ph_inspect_property **properties_r,
			  size_t *n_r, struct ph_err *err);
	int (*findings)(void *self,
			const struct ph_inspect_finding **findings_r,
			size_t *n_r, struct ph_err *err);
	void (*free)(void *self);
};

/* Takes self. */
struct ph_inspection *ph_inspect_new(const struct ph_inspect_ops *ops,
				     void *self);
void ph_inspect_free(struct ph_inspection **inspection); /* NULL is fine */

/* The functions above with their arguments checked. */
int ph_inspect_files(struct ph_inspection *inspection,
		     const struct ph_inspect_file **files_r, size_t *n_r,
		     struct ph_err *err);
int ph_inspect_text(struct ph_inspection *inspection, size_t file,
		    const char **text_r, size_t *size_r, struct ph_err *err);
int ph_inspect_flag(struct ph_inspection *inspection, size_t file,
		    enum ph_inspect_flag flag, bool *yes_r, struct ph_err *err);
int ph_inspect_properties(struct ph_inspection *inspection, size_t file,
			  const struct ph_inspect_property **properties_r,
			  size_t *n_r, struct ph_err *err);
int ph_inspect_findings(struct ph_inspection *inspection,
			const struct ph_inspect_finding **findings_r,
			size_t *n_r, struct ph_err *err);

/*
 * What the MIME tree says: names and sizes of attachments, the text of those
 * that are text, LIMIT when the message was too deep or had too many parts.
 * A text part is neither UNSUPPORTED nor EXECUTABLE nor PROTECTED and has no
 * properties; nor is an attached message, which has no text of its own: its
 * bodies are among ph_content_texts and its parts are files too. About
 * everything else it cannot say (PERM). content is borrowed.
 */
struct ph_inspection *ph_inspect_plain(struct ph_content *content);

/*
 * In memory, for tests: copies. Rows of flags, properties and texts belong to
 * the file of the same position.
 */
struct ph_inspect_row {
	const char *name;
	uint64_t size;
	const char *text; /* NULL: cannot be read (no error) */
	bool flags[PH_INSPECT_FLAGS];
	const struct ph_inspect_property *properties; /* ends with name NULL */
};
struct ph_inspection *
ph_inspect_memory(const struct ph_inspect_row *rows, size_t n,
		  const struct ph_inspect_finding *findings, size_t n_findings);
/* Every question is -1 with this kind and text (copied). */
struct ph_inspection *ph_inspect_failing(enum ph_err_kind kind,
					 const char *text);

#endif
