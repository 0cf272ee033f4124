#ifndef PH_STATE_VALUE_H
#define PH_STATE_VALUE_H

#include "lib/state/kinds.h"

/*
 * One value of one field: from its written form to what getters hand out. For
 * lib/state alone. Pure.
 */
struct ph_value {
	char *text;	/* as written; of ADDRESS and WORD normalised */
	int64_t number; /* BOOL, INT, SIZE, SPAN, DATE; of WORD its index */
	char **list;	/* of list types, else NULL */
};

/* Longest value in bytes: a group of 100,000 members fits. */
#define PH_VALUE_LIMIT (UINT32_C(16) << 20)

/* 0, or -1 PERM: "what is wrong; what is expected", without field name. */
int ph_value_parse(const struct ph_field *field, const char *text,
		   struct ph_value *value_r, struct ph_err *err);
void ph_value_clear(struct ph_value *value);

/* local@domain without type prefix, fit for an SMTP command. */
bool ph_value_is_address(const char *text);

/* A domain name: no blank, control character, '@', '*', ',' or '/', no empty
 * label. Not limited to ASCII. */
bool ph_value_is_domain(const char *text);

#define PH_NAME_LIMIT 1024 /* bytes */

/* Without control character, valid UTF-8, not empty. */
bool ph_value_is_name(const char *text);

/* A directory attribute that rules may use, without case, as the table spells
 * it; NULL: there is none of that name. */
const char *ph_value_attribute(const char *name, size_t size);

/* The text in quotes, made short and harmless for an error; g_free. */
char *ph_value_quote(const char *text);

#endif
