#include "lib/scan/scl.h"
#include "tests/unit/unit.h"

START_TEST(test_levels)
{
	struct ph_scl scl;

	ck_assert_int_eq(ph_scl_parse("1, 2,3,4.5,6,8,10,12, 15", &scl, NULL),
			 0);
	ck_assert_int_eq(ph_scl_of(&scl, -5), 0);
	ck_assert_int_eq(ph_scl_of(&scl, 0.99), 0);
	ck_assert_int_eq(ph_scl_of(&scl, 1), 1);
	ck_assert_int_eq(ph_scl_of(&scl, 4.5), 4);
	ck_assert_int_eq(ph_scl_of(&scl, 14.99), 8);
	ck_assert_int_eq(ph_scl_of(&scl, 1e9), 9);
}
END_TEST

/* Exchange has levels that nothing gets, where two scores are the same. */
START_TEST(test_same_scores)
{
	struct ph_scl scl;

	ck_assert_int_eq(ph_scl_parse("5,5,5,5,5,7,7,7,9", &scl, NULL), 0);
	ck_assert_int_eq(ph_scl_of(&scl, 4.9), 0);
	ck_assert_int_eq(ph_scl_of(&scl, 5), 5);
	ck_assert_int_eq(ph_scl_of(&scl, 7), 8);
}
END_TEST

START_TEST(test_bad)
{
	static const char *const rows[] = {
	    "",
	    "1,2,3,4,5,6,7,8",
	    "1,2,3,4,5,6,7,8,9,10",
	    "1,2,3,4,5,6,7,8,7",
	    "1,2,3,4,5,6,7,8,x",
	    "1,2,3,4,5,6,7,,9",
	    "1,2,3,4,5,6,7,8,nan",
	    "1,2,3,4,5,6,7,8,inf",
	    "1 2,2,3,4,5,6,7,8,9",
	};
	struct ph_scl scl;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ph_scl_parse(rows[i], &scl, &err) == -1, "%s",
			      rows[i]);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
	}
}
END_TEST

UNIT_MAIN("lib/scan/scl", test_levels, test_same_scores, test_bad)
