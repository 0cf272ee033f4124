#include "lib/state/object.h"
#include "store/mailbox/concurrency.h"
#include "tests/unit/unit.h"

#define FIELD "MaxConcurrentMailboxSubmissions"

static struct ph_object *
server(const char *name, const char *value)
{
	const struct ph_pair pair = {FIELD, value};
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_object_parse(ph_kind_find("mailboxtransport"), name,
				      &pair, value != NULL, &object, &err) == 0,
		      "%s", err.text);
	return object;
}

/* The server's own field, where it has one; never its default. */
START_TEST(test_concurrency)
{
	static const struct ph_derive none[] = {{NULL, NULL, NULL, NULL}};
	struct ph_object *objects[] = {server("MBX1", "3"),
				       server("MBX2", NULL)};
	struct ph_snapshot *snapshot =
	    ph_snapshot_build((const struct ph_object *const *)objects,
			      G_N_ELEMENTS(objects), none);
	static const struct {
		const char *name;
		int64_t wanted;
	} rows[] = {{"MBX1", 3}, {"mbx1", 3}, {"MBX2", 7}, {"MBX3", 7}};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_int_eq(
		    ph_mailbox_concurrency(snapshot, rows[i].name, FIELD, 7),
		    rows[i].wanted);
	ck_assert_int_eq(ph_mailbox_concurrency(NULL, "MBX1", FIELD, 7), 7);
	ph_snapshot_unref(&snapshot);
	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++)
		ph_object_unref(&objects[i]);
}
END_TEST

UNIT_MAIN("store/mailbox/concurrency", test_concurrency)
