#include "lib/base/table.h"
#include "tests/unit/unit.h"

#include <glib.h>

static const struct row {
	const char *name;
	int value;
} rows[] = {
    {"Alpha", 1},
    {"alpha", 2},
    {"alphabet", 3},
    {"beta", 4},
};

static int
value_of(const char *name)
{
	const struct row *row =
	    ph_table_find(name, rows, G_N_ELEMENTS(rows), sizeof(rows[0]));

	return row != NULL ? row->value : 0;
}

START_TEST(test_find)
{
	static const char *const absent[] = {"", "ALPHA", "alph", "alphabets",
					     "zeta"};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_int_eq(value_of(rows[i].name), rows[i].value);
	for (size_t i = 0; i < G_N_ELEMENTS(absent); i++)
		ck_assert_int_eq(value_of(absent[i]), 0);
}
END_TEST

UNIT_MAIN("lib/base/table", test_find)
