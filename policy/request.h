#ifndef PH_POLICY_REQUEST_H
#define PH_POLICY_REQUEST_H

#include "lib/base/err.h"

#include <glib.h>
#include <stddef.h>

/*
 * The policy delegation protocol of Postfix (SMTPD_POLICY_README): lines
 * "name=value", an empty line ends a request; the answer is "action=..." and
 * an empty line. A parser, one per connection, not thread-safe; no descriptor.
 */
struct ph_request;

#define PH_POLICY_REQUEST_LIMIT 65536 /* bytes of one request */

struct ph_request *ph_request_new(void);
void ph_request_free(struct ph_request **p);
void ph_request_feed(struct ph_request *p, const void *data, size_t size);

/* 1: a request is complete, ask for its attributes until the next call;
 * 0: feed more; -1 PEER: close. */
int ph_request_next(struct ph_request *p, struct ph_err *err);

/* "" when not given; borrowed. */
const char *ph_policy_attribute(const struct ph_request *p, const char *name);

/* Appends "action=<action>\n\n"; line breaks in it become blanks. */
void ph_policy_reply(GString *out, const char *action);

#endif
