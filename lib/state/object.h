#ifndef PH_STATE_OBJECT_H
#define PH_STATE_OBJECT_H

#include "lib/base/err.h"
#include "lib/state/kinds.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One validated object of a kind: immutable, reference counted (atomically),
 * safe from all threads. Fields are known under their canonical names, however
 * they were spelt.
 */
struct ph_object;

struct ph_pair {
	const char *field;
	const char *value;
};

/*
 * Validates and takes copies. 0: *object_r is the caller's. -1: PERM, text
 * "<kind> <name>: <Field>: what is wrong; what is expected". An empty value
 * counts as unset. Of a field given under both name and alias the name wins; a
 * field given twice otherwise ("mode", "Mode") is an error. The name of a
 * singleton is not looked at and may be NULL.
 */
int ph_object_parse(const struct ph_kind *kind, const char *name,
		    const struct ph_pair *pairs, size_t n_pairs,
		    struct ph_object **object_r, struct ph_err *err);

struct ph_object *ph_object_ref(const struct ph_object *object);
void ph_object_unref(struct ph_object **object); /* NULL is fine */

const struct ph_kind *ph_object_kind(const struct ph_object *object);
/* As in the key; "" of a singleton. */
const char *ph_object_name(const struct ph_object *object);
/* The name folded, for comparing; borrowed. */
const char *ph_object_folded(const struct ph_object *object);

/* Set explicitly (not by default). */
bool ph_object_has(const struct ph_object *object, const char *field);

/*
 * Values, borrowed from the object; the default when unset. Asking for a field
 * that the kind does not have, or with the wrong type (text fits all, int also
 * sizes, spans and dates), is a bug and aborts, except that a kind with
 * PH_KIND_OPEN has every text. Unset without default: NULL text, 0, false, an
 * empty list.
 *
 * An address is given without "smtp:" in front. A list of addresses holds the
 * SMTP ones alone (of "SMTP:a@b,smtp:c@d,X500:/o=e" two), that with "SMTP:" in
 * capitals first, as Exchange marks the primary one. A word, and an element
 * of a list that has words, is spelt as in the table.
 */
const char *ph_object_text(const struct ph_object *object, const char *field);
bool ph_object_bool(const struct ph_object *object, const char *field);
int64_t ph_object_int(const struct ph_object *object, const char *field);
/* Index into the field's words; the default's when unset; SIZE_MAX if none. */
size_t ph_object_word(const struct ph_object *object, const char *field);
/* NULL-terminated. */
const char *const *ph_object_list(const struct ph_object *object,
				  const char *field);

/* The explicitly set fields in the kind's order, then open ones by name.
 * Borrowed. */
size_t ph_object_pairs(const struct ph_object *object,
		       const struct ph_pair **pairs_r);

/* Same kind, name and values. */
bool ph_object_equal(const struct ph_object *a, const struct ph_object *b);

/*
 * A rule that has an action but neither a condition nor the field Enabled is
 * a draft: shown, not run. Always false for other kinds.
 */
bool ph_object_draft(const struct ph_object *object);

/* Compact binary form for files; g_free. Parsing checks every length. */
void *ph_object_pack(const struct ph_object *object, size_t *size_r);
int ph_object_unpack(const struct ph_kind *kind, const void *data, size_t size,
		     struct ph_object **object_r, struct ph_err *err);

/*
 * The same with what parsing made of the values, for objects that are looked up
 * often: thawing checks lengths and that the kind's rows are as they were, but
 * not the values again, so the bytes must be protected by a checksum. Where a
 * row has changed since, the values are parsed.
 */
void *ph_object_freeze(const struct ph_object *object, size_t *size_r);
int ph_object_thaw(const struct ph_kind *kind, const void *data, size_t size,
		   struct ph_object **object_r, struct ph_err *err);

#endif
