#ifndef PH_STORE_SUBMISSION_SIZES_H
#define PH_STORE_SUBMISSION_SIZES_H

#include "lib/base/err.h"
#include "store/submission/box.h"

#include <stdint.h>

/*
 * Is a mailbox too large to send? By its file "maildirsize"; if there is none,
 * or its word is doubtful, all folders are counted, which may be thousands of
 * messages, and the sum is remembered for some minutes: for each message that
 * is sent meanwhile its size is added, as if the mailbox had grown by it. Only
 * "no" is answered from memory: whoever has made room sends at once.
 * Thread-safe; one thread counts a mailbox, others wait for it.
 */
struct ph_sizes;

struct ph_sizes *ph_sizes_new(void);
void ph_sizes_free(struct ph_sizes **sizes);

/* Is more than limit (as ph_quota_above) in the mailbox at dir, of which a
 * message of so many bytes is to be sent? 1, 0, -1 TEMP. */
int ph_sizes_above(struct ph_sizes *sizes, const struct ph_box_name *name,
		   int dir, int64_t limit, uint64_t message,
		   struct ph_err *err);

#endif
