#include "lib/track/index.h"

#include "tests/unit/unit.h"

#include <string.h>

#define NIGHT INT64_C(1795305599999) /* 2026-11-21T23:59:59.999Z */

START_TEST(one_key)
{
	g_autofree char *key = ph_track_index_key(
	    "posthub:", "recipient", "Mota@LetsExchange.com", NIGHT);
	g_autofree char *next =
	    ph_track_index_key("p:", "sender", "<>", NIGHT + 1);

	ck_assert_str_eq(
	    key, "posthub:trackix:recipient:mota@letsexchange.com:20261121");
	ck_assert_str_eq(next, "p:trackix:sender:<>:20261122");
}
END_TEST

START_TEST(long_values_are_cut)
{
	g_autofree char *value = g_strnfill(513, 'a');
	g_autofree char *one = ph_track_index_key("", "sender", value, 0);
	g_autofree char *two = NULL;

	value[512] = '\0';
	two = ph_track_index_key("", "sender", value, 0);
	ck_assert_str_eq(one, two);
	value[511] = '\0';
	g_free(two);
	two = ph_track_index_key("", "sender", value, 0);
	ck_assert_str_ne(one, two);
}
END_TEST

START_TEST(keys_of_a_row)
{
	static const char *const expected[] = {
	    "trackix:message-id:<dsn@x>:19700101",
	    "trackix:message-id:<original@x>:19700101",
	    "trackix:recipient:a@x:19700101",
	    "trackix:recipient:b@x:19700101",
	    "trackix:recipient:group@x:19700101",
	    "trackix:sender:s@x:19700101",
	};
	struct ph_track_record r = {{NULL}};
	GPtrArray *keys;

	ph_track_set(&r, PH_COL_MESSAGE_ID, "<dsn@x>");
	ph_track_set(&r, PH_COL_REFERENCE, "<Original@x>");
	ph_track_set(&r, PH_COL_RECIPIENT_ADDRESS, "a@x;B@x;;A@X");
	ph_track_set(&r, PH_COL_RELATED_RECIPIENT_ADDRESS, "group@x");
	ph_track_set(&r, PH_COL_SENDER_ADDRESS, "s@x");
	ph_track_set(&r, PH_COL_RETURN_PATH, "S@x");
	keys = ph_track_index_keys("", &r, 0);
	ck_assert_uint_eq(keys->len, G_N_ELEMENTS(expected));
	for (guint i = 0; i < keys->len; i++)
		ck_assert_str_eq(g_ptr_array_index(keys, i), expected[i]);
	g_ptr_array_unref(keys);
	ph_track_clear(&r);
}
END_TEST

UNIT_MAIN("lib/track/index", one_key, long_values_are_cut, keys_of_a_row)
