#include "lib/state/object.h"
#include "tests/unit/lib/state/objects.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct ph_object *
rich_recipient(void)
{
	return good("recipient", "ann@example.com",
		    FIELDS("RecipientType=UserMailbox", "Database=DB1",
			   "EmailAddresses=a@b.example", "badge=\xc3\xa9"));
}

START_TEST(packing_is_undone_by_unpacking)
{
	struct ph_object *objects[] = {
	    rich_recipient(),
	    good("rule", "all \xff bytes",
		 FIELDS("ExceptIfSubjectContainsWords=a,\"b,c\"", "Enabled=0",
			"Comments=two\nlines")),
	    good("site", "empty", NO_FIELDS),
	    good("meta", NULL,
		 FIELDS("Organization=4ccf6bd2-b11c-46ba-a1f5-6bd69ea0ba4c")),
	};

	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_object *copy = NULL;
		size_t size;
		g_autofree void *data = ph_object_pack(objects[i], &size);

		ck_assert_msg(ph_object_unpack(ph_object_kind(objects[i]), data,
					       size, &copy, &err) == 0,
			      "%s", err.text);
		ck_assert(ph_object_equal(objects[i], copy));
		ph_object_unref(&copy);
		ph_object_unref(&objects[i]);
	}
}
END_TEST

/* A copy of exactly that size, so that reading beyond it is seen. */
static int
unpack_copy(const void *data, size_t size, struct ph_object **object_r)
{
	g_autofree void *exact = g_memdup2(data, size);
	struct ph_err err = PH_ERR_INIT;
	int result = ph_object_unpack(ph_kind_find("recipient"), exact, size,
				      object_r, &err);

	ck_assert(result == 0 ||
		  (err.kind == PH_ERR_PERM && err.text[0] != '\0'));
	return result;
}

START_TEST(a_cut_pack_is_refused)
{
	struct ph_object *o = rich_recipient(), *copy = NULL;
	size_t size;
	g_autofree uint8_t *data = ph_object_pack(o, &size);
	uint8_t longer[1024] = {0};

	for (size_t i = 0; i < size; i++)
		ck_assert_int_eq(unpack_copy(data, i, &copy), -1);
	ck_assert_uint_lt(size, sizeof(longer));
	memcpy(longer, data, size);
	ck_assert_int_eq(unpack_copy(longer, size + 1, &copy), -1);
	ck_assert_ptr_null(copy);
	ph_object_unref(&o);
}
END_TEST

/* C would see the string end there, another reader would not. */
START_TEST(a_nul_in_a_pack_is_refused)
{
	struct ph_object *o = rich_recipient(), *copy = NULL;
	size_t size, checked = 0;
	g_autofree char *data = ph_object_pack(o, &size);

	for (size_t i = 0; i < size; i++) {
		char kept = data[i];

		if (kept != '@' && kept != '1')
			continue;
		data[i] = '\0';
		ck_assert_int_eq(unpack_copy(data, size, &copy), -1);
		data[i] = kept;
		checked++;
	}
	/* Two addresses, and the last byte of DB1. */
	ck_assert_uint_eq(checked, 3);
	ph_object_unref(&o);
}
END_TEST

/* A changed byte may give another object, but only one that is as good. */
static void
check_packs_again(const struct ph_object *object)
{
	struct ph_object *copy = NULL;
	size_t size;
	g_autofree void *data = ph_object_pack(object, &size);

	ck_assert_int_eq(unpack_copy(data, size, &copy), 0);
	ck_assert(ph_object_equal(object, copy));
	ph_object_unref(&copy);
}

START_TEST(a_damaged_pack_does_no_harm)
{
	static const uint8_t changes[] = {0x01, 0x20, 0x80, 0xff};
	struct ph_object *o = rich_recipient();
	size_t size, refused = 0;
	g_autofree uint8_t *data = ph_object_pack(o, &size);

	for (size_t i = 0; i < size * G_N_ELEMENTS(changes); i++) {
		uint8_t *byte = &data[i / G_N_ELEMENTS(changes)];
		uint8_t change = changes[i % G_N_ELEMENTS(changes)];
		struct ph_object *copy = NULL;

		*byte ^= change;
		if (unpack_copy(data, size, &copy) == 0)
			check_packs_again(copy);
		else
			refused++;
		ph_object_unref(&copy);
		*byte ^= change;
	}
	ck_assert_uint_gt(refused, size);
	ph_object_unref(&o);
}
END_TEST

UNIT_MAIN("lib/state/object_pack", packing_is_undone_by_unpacking,
	  a_cut_pack_is_refused, a_nul_in_a_pack_is_refused,
	  a_damaged_pack_does_no_harm)
