#ifndef TEST_STATE_PACKED_H
#define TEST_STATE_PACKED_H

#include "lib/state/object.h"
#include "tests/unit/unit.h"

#include <string.h>

/* What both binary forms of an object promise. */
struct packed_form {
	void *(*pack)(const struct ph_object *object, size_t *size_r);
	int (*unpack)(const struct ph_kind *kind, const void *data, size_t size,
		      struct ph_object **object_r, struct ph_err *err);
};

/* Of a recipient, from a copy of exactly that size, so that reading beyond it
 * is seen. */
static inline int
packed_take(const struct packed_form *form, const void *data, size_t size,
	    struct ph_object **object_r)
{
	g_autofree void *exact = g_memdup2(data, size);
	struct ph_err err = PH_ERR_INIT;
	int result = form->unpack(ph_kind_find("recipient"), exact, size,
				  object_r, &err);

	ck_assert(result == 0 ||
		  (err.kind == PH_ERR_PERM && err.text[0] != '\0'));
	return result;
}

/* A part of it is refused, and so is one byte more. */
static inline void
packed_check_cut(const struct packed_form *form, const struct ph_object *object)
{
	struct ph_object *copy = NULL;
	size_t size;
	g_autofree uint8_t *data = form->pack(object, &size);
	uint8_t longer[1024] = {0};

	for (size_t i = 0; i < size; i++)
		ck_assert_int_eq(packed_take(form, data, i, &copy), -1);
	ck_assert_uint_lt(size, sizeof(longer));
	memcpy(longer, data, size);
	ck_assert_int_eq(packed_take(form, longer, size + 1, &copy), -1);
	ck_assert_ptr_null(copy);
}

/*
 * With each byte changed in several ways: check is told of what is taken all
 * the same. Returns how many were refused.
 */
static inline size_t
packed_damage(const struct packed_form *form, const struct ph_object *object,
	      void (*check)(const struct ph_object *copy))
{
	static const uint8_t changes[] = {0x01, 0x20, 0x80, 0xff};
	size_t size, refused = 0;
	g_autofree uint8_t *data = form->pack(object, &size);

	for (size_t i = 0; i < size * G_N_ELEMENTS(changes); i++) {
		uint8_t *byte = &data[i / G_N_ELEMENTS(changes)];
		uint8_t change = changes[i % G_N_ELEMENTS(changes)];
		struct ph_object *copy = NULL;

		*byte ^= change;
		if (packed_take(form, data, size, &copy) == 0)
			check(copy);
		else
			refused++;
		ph_object_unref(&copy);
		*byte ^= change;
	}
	return refused;
}

#endif
