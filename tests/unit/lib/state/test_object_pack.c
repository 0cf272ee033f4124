#include "lib/state/object.h"
#include "tests/unit/lib/state/objects.h"
#include "tests/unit/lib/state/packed.h"
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

static const struct packed_form form = {ph_object_pack, ph_object_unpack};

START_TEST(a_cut_pack_is_refused)
{
	struct ph_object *o = rich_recipient();

	packed_check_cut(&form, o);
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
		ck_assert_int_eq(packed_take(&form, data, size, &copy), -1);
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

	ck_assert_int_eq(packed_take(&form, data, size, &copy), 0);
	ck_assert(ph_object_equal(object, copy));
	ph_object_unref(&copy);
}

START_TEST(a_damaged_pack_does_no_harm)
{
	struct ph_object *o = rich_recipient();
	size_t size;
	g_autofree void *data = ph_object_pack(o, &size);

	ck_assert_uint_gt(packed_damage(&form, o, check_packs_again), size);
	ph_object_unref(&o);
}
END_TEST

UNIT_MAIN("lib/state/object_pack", packing_is_undone_by_unpacking,
	  a_cut_pack_is_refused, a_nul_in_a_pack_is_refused,
	  a_damaged_pack_does_no_harm)
