#ifndef PH_STORE_SUBMISSION_BOX_PRIVATE_H
#define PH_STORE_SUBMISSION_BOX_PRIVATE_H

#include "store/submission/box.h"

/* Inside box*.c only. */
struct ph_box {
	int dir;
	int items, state, tmp; /* -1: not open yet */
};

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
