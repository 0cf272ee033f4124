#ifndef PH_STORE_SUBMISSION_BOX_PRIVATE_H
#define PH_STORE_SUBMISSION_BOX_PRIVATE_H

#include "lib/message/headers.h"
#include "store/submission/box.h"

/* Inside box*.c only. */
struct ph_box_kind {
	bool immutable; /* see ph_box_immutable */
	/* As the functions of box.h. */
	int (*items)(struct ph_box *box, GPtrArray **names_r,
		     struct ph_err *err);
	int (*claim)(struct ph_box *box, const char *part, const char *name,
		     struct ph_err *err);
	int (*release)(struct ph_box *box, const char *name,
		       struct ph_err *err);
	int (*item)(struct ph_box *box, const char *name, uint64_t limit,
		    int *fd_r, uint64_t *size_r, struct ph_err *err);
	int (*complete)(struct ph_box *box, const char *name, const char *lines,
			struct ph_err *err);
	int (*file)(struct ph_box *box, const char *name, const char *folder,
		    const char *filed, bool substitute, struct ph_err *err);
	int (*holds)(struct ph_box *box, const char *folder, const char *id,
		     const char *date, int64_t since, struct ph_err *err);
	int (*drop)(struct ph_box *box, const char *name, struct ph_err *err);
	int (*notice)(struct ph_box *box, const char *name, const char *text,
		      size_t size, struct ph_err *err);
	void (*close)(void *self); /* NULL is fine */
};
extern const struct ph_box_kind ph_box_maildir, ph_box_imap;

struct ph_box {
	const struct ph_box_kind *kind;
	void *self;	       /* the kind's */
	int dir;	       /* of states, and of a Maildir everything */
	int items, state, tmp; /* -1: not open yet */
	struct ph_perms owner; /* of folders and messages */
};

/* Takes dir. */
struct ph_box *ph_box_new(const struct ph_box_kind *kind, int dir);

/* Files in items/, of whatever kind: as ph_box_item and ph_box_complete. */
int ph_box_local_item(struct ph_box *box, const char *name, int *fd_r,
		      uint64_t *size_r, struct ph_err *err);
int ph_box_local_complete(struct ph_box *box, const char *name,
			  const char *lines, struct ph_err *err);
/* A new file in tmp/, for writing; what was there is removed. Descriptor or
 * -1. */
int ph_box_open_tmp(struct ph_box *box, const char *name, struct ph_err *err);

/* Has this header these fields, but for blanks around them? */
bool ph_box_is(const struct ph_headers *headers, const char *id,
	       const char *date);

int ph_box_maildir_notice(struct ph_box *box, const char *name,
			  const char *text, size_t size, struct ph_err *err);

/* err from errno; -1. */
int ph_box_fail(const char *what, const char *name, struct ph_err *err);

/* Opens items, state, tmp. 1; 0: they are not there; -1. */
int ph_box_work(struct ph_box *box, bool make, struct ph_err *err);

/* As ph_box_folder, made with all its parts if needed. Descriptor or -1. */
int ph_box_make_folder(struct ph_box *box, const char *folder, const char *part,
		       struct ph_err *err);

/* Names without those that begin with a dot; NULL with err. */
GPtrArray *ph_box_list(int dir, struct ph_err *err);

#endif
