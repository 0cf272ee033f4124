#ifndef PH_POLICY_EXPANSION_H
#define PH_POLICY_EXPANSION_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/base/stream.h"
#include "policy/server.h"

/*
 * Group expansion: an LMTP service that the MTA hands a message for a group.
 * The members are written down, durably, as a plan (lib/fork/plan.h), then
 * copies for them are handed in in portions, each of which is noted. The same
 * message for the same group goes on where it was, from what was written:
 * whoever has come to the group meanwhile does not get it, and nobody is
 * forgotten. 250 when all is done, 4xx and the MTA tries again. A thread a
 * connection.
 */
struct ph_expander;

/* sources as for ph_policy_new. 0, or -1 PERM: a setting is wrong, or the
 * directory of lists cannot be used. */
int ph_expander_open(const struct ph_conf *conf,
		     const struct ph_policy_sources *sources,
		     struct ph_expander **expander_r, struct ph_err *err);
/* When no connection is served any more; NULL is fine. */
void ph_expander_close(struct ph_expander **expander);

void ph_expander_serve(struct ph_stream *stream, struct ph_expander *expander);

/* Removes lists that are too old; for a ticker. */
void ph_expander_tidy(struct ph_expander *expander);

#endif
