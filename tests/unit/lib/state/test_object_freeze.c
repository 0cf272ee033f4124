#include "lib/state/object.h"
#include "tests/unit/lib/state/objects.h"
#include "tests/unit/lib/state/packed.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct ph_object *
rich_recipient(void)
{
	return good("recipient", "Ann@example.com",
		    FIELDS("recipienttype=MailUser",
			   "TargetAddress=smtp:ann@far.example",
			   "EmailAddresses=smtp:a@b.example,SMTP:c@b.example",
			   "MaxReceiveSize=10MB", "badge=\xc3\xa9"));
}

static struct ph_object *
thaw(const struct ph_object *object)
{
	struct ph_object *copy = NULL;
	struct ph_err err = PH_ERR_INIT;
	size_t size;
	g_autofree void *data = ph_object_freeze(object, &size);

	ck_assert_msg(ph_object_thaw(ph_object_kind(object), data, size, &copy,
				     &err) == 0,
		      "%s", err.text);
	return copy;
}

START_TEST(thawing_undoes_freezing)
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
		struct ph_object *copy = thaw(objects[i]);

		ck_assert(ph_object_equal(objects[i], copy));
		ck_assert_str_eq(ph_object_folded(objects[i]),
				 ph_object_folded(copy));
		ph_object_unref(&copy);
		ph_object_unref(&objects[i]);
	}
}
END_TEST

START_TEST(values_are_what_they_were)
{
	struct ph_object *o = rich_recipient(), *copy = thaw(o);
	const char *const *list = ph_object_list(copy, "ProxyAddresses");

	ph_object_unref(&o);
	ck_assert_str_eq(ph_object_name(copy), "Ann@example.com");
	ck_assert_str_eq(ph_object_folded(copy), "ann@example.com");
	ck_assert_str_eq(ph_object_text(copy, "RecipientType"), "MailUser");
	ck_assert_uint_eq(ph_object_word(copy, "RecipientType"), 1);
	ck_assert_str_eq(ph_object_text(copy, "ExternalEmailAddress"),
			 "ann@far.example");
	ck_assert_str_eq(list[0], "c@b.example");
	ck_assert_str_eq(list[1], "a@b.example");
	ck_assert_ptr_null(list[2]);
	ck_assert_int_eq(ph_object_int(copy, "MaxReceiveSize"), 10 << 20);
	ck_assert_str_eq(ph_object_text(copy, "BADGE"), "\xc3\xa9");
	/* What is not set. */
	ck_assert(!ph_object_has(copy, "MaxSendSize"));
	ck_assert_int_eq(ph_object_int(copy, "MaxSendSize"), INT64_MAX);
	ck_assert_ptr_null(ph_object_list(copy, "Members")[0]);
	ck_assert_ptr_null(ph_object_text(copy, "Department"));
	ph_object_unref(&copy);
}
END_TEST

static const struct packed_form form = {ph_object_freeze, ph_object_thaw};

START_TEST(what_is_cut_is_refused)
{
	struct ph_object *o = rich_recipient();

	packed_check_cut(&form, o);
	ph_object_unref(&o);
}
END_TEST

/* A checksum keeps damage out; whatever gets past it reads nothing beyond. */
static void
read_everything(const struct ph_object *object)
{
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(object, &pairs), length = 0;
	const char *const *list = ph_object_list(object, "EmailAddresses");

	for (size_t i = 0; i < n; i++)
		length += strlen(pairs[i].field) + strlen(pairs[i].value);
	for (; *list != NULL; list++)
		length += strlen(*list);
	length += strlen(ph_object_name(object));
	ck_assert_uint_gt(length, 0);
}

START_TEST(damage_does_no_harm)
{
	struct ph_object *o = rich_recipient();
	size_t size;
	g_autofree void *data = ph_object_freeze(o, &size);

	ck_assert_uint_gt(packed_damage(&form, o, read_everything), size / 2);
	ph_object_unref(&o);
}
END_TEST

/* As after an upgrade: the first field's row is another one now. */
START_TEST(values_of_a_row_that_changed_are_parsed)
{
	struct ph_object *o = rich_recipient(), *copy = NULL;
	size_t size;
	g_autofree uint8_t *data = ph_object_freeze(o, &size);
	const size_t first = 3 * sizeof(uint32_t) +
			     2 * (sizeof(uint32_t) + sizeof "Ann@example.com");

	ck_assert_uint_eq(data[first], UINT8_MAX); /* badge has no row */
	memset(&data[first], 0, sizeof(uint32_t));
	ck_assert_int_eq(packed_take(&form, data, size, &copy), 0);
	ck_assert(ph_object_equal(o, copy));
	ck_assert_str_eq(ph_object_list(copy, "EmailAddresses")[0],
			 "c@b.example");
	ph_object_unref(&copy);
	ph_object_unref(&o);
}
END_TEST

UNIT_MAIN("lib/state/object_freeze", thawing_undoes_freezing,
	  values_are_what_they_were, what_is_cut_is_refused,
	  damage_does_no_harm, values_of_a_row_that_changed_are_parsed)
