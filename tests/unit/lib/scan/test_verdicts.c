#include "lib/scan/verdicts.h"
#include "tests/unit/unit.h"

#include <string.h>

static const uint8_t *
key(unsigned i)
{
	static uint8_t bytes[PH_VERDICT_KEY];

	memset(bytes, 0, sizeof bytes);
	memcpy(bytes, &i, sizeof i);
	return bytes;
}

/* "clean", a name, or "-": not known. */
static void
expect(struct ph_verdicts *verdicts, unsigned i, int64_t now, const char *said)
{
	g_autofree char *name = NULL;
	const char *is = "-";

	if (ph_verdicts_find(verdicts, key(i), now, &name))
		is = name != NULL ? name : "clean";
	ck_assert_str_eq(is, said);
}

START_TEST(test_known)
{
	struct ph_verdicts *verdicts = ph_verdicts_new(10, 1000);

	expect(verdicts, 1, 0, "-");
	ph_verdicts_put(verdicts, key(1), NULL, 0);
	ph_verdicts_put(verdicts, key(2), "Worm", 500);
	ph_verdicts_put(verdicts, key(2), "Other", 600);
	expect(verdicts, 1, 999, "clean");
	expect(verdicts, 2, 999, "Worm");
	expect(verdicts, 1, 1000, "-");
	expect(verdicts, 2, 1000, "Worm");
	expect(verdicts, 2, 1500, "-");
	ph_verdicts_put(verdicts, key(2), "Other", 1600);
	expect(verdicts, 2, 1600, "Other");
	ph_verdicts_free(&verdicts);
	ck_assert_ptr_null(verdicts);
}
END_TEST

START_TEST(test_bounded)
{
	struct ph_verdicts *verdicts = ph_verdicts_new(3, 1000);

	for (unsigned i = 1; i <= 4; i++)
		ph_verdicts_put(verdicts, key(i), "x", i);
	expect(verdicts, 1, 5, "-");
	for (unsigned i = 2; i <= 4; i++)
		expect(verdicts, i, 5, "x");
	ph_verdicts_free(&verdicts);
}
END_TEST

START_TEST(test_off)
{
	struct ph_verdicts *verdicts = ph_verdicts_new(3, 0);

	ph_verdicts_put(verdicts, key(1), "x", 5);
	expect(verdicts, 1, 5, "-");
	ph_verdicts_free(&verdicts);
}
END_TEST

UNIT_MAIN("lib/scan/verdicts", test_known, test_bounded, test_off)
