#include "lib/directory/briefs.h"
#include "tests/unit/unit.h"

#include <string.h>

/* "primary database", or "-". */
static char *
find(struct ph_briefs *briefs, const char *address)
{
	struct ph_brief found;

	if (!ph_briefs_find(briefs, address, &found))
		return g_strdup("-");
	return g_strdup_printf("%s %s", found.primary, found.database);
}

static void
expect(struct ph_briefs *briefs, const char *address, const char *said)
{
	g_autofree char *is = find(briefs, address);

	ck_assert_str_eq(is, said);
}

START_TEST(test_set)
{
	struct ph_briefs *briefs = ph_briefs_new();

	expect(briefs, "a@t.org", "-");
	ph_briefs_set(briefs, "a@t.org", "b@t.org", "DB1");
	ph_briefs_set(briefs, "", "c@t.org", "");
	expect(briefs, "a@t.org", "b@t.org DB1");
	expect(briefs, "b@t.org", "-");
	expect(briefs, "", "c@t.org ");
	ph_briefs_set(briefs, "a@t.org", "a longer one@t.org", "DB2");
	expect(briefs, "a@t.org", "a longer one@t.org DB2");
	ph_briefs_set(briefs, "a@t.org", NULL, NULL);
	ph_briefs_set(briefs, "x@t.org", NULL, NULL);
	expect(briefs, "a@t.org", "-");
	ph_briefs_clear(briefs);
	expect(briefs, "", "-");
	ph_briefs_free(&briefs);
	ck_assert_ptr_null(briefs);
}
END_TEST

START_TEST(test_as_long_as_it_may_be)
{
	struct ph_briefs *briefs = ph_briefs_new();
	g_autofree char *address = g_strnfill(PH_BRIEF_SIZE - 1, 'a');
	g_autofree char *longer = g_strnfill(PH_BRIEF_SIZE, 'a');
	g_autofree char *primary = g_strnfill(PH_BRIEF_SIZE - 4, 'p');
	g_autofree char *both = NULL;

	ph_briefs_set(briefs, longer, "p", "DB");
	expect(briefs, longer, "-");
	primary[PH_BRIEF_SIZE - 5] = '\0';
	both = g_strconcat(primary, " DB", NULL);
	ph_briefs_set(briefs, address, primary, "DB");
	expect(briefs, address, both);
	ph_briefs_free(&briefs);
}
END_TEST

#define MANY 20000

static void *
look(void *data)
{
	struct ph_briefs *briefs = data;
	unsigned seen = 0;

	for (unsigned i = 0; i < MANY; i++) {
		char address[32];
		g_autofree char *is = NULL;

		g_snprintf(address, sizeof address, "%u@t.org", i);
		is = find(briefs, address);
		if (strcmp(is, "-") == 0)
			continue;
		ck_assert_ptr_nonnull(strstr(is, " DB"));
		seen++;
	}
	return GUINT_TO_POINTER(seen);
}

START_TEST(test_many_at_once)
{
	struct ph_briefs *briefs = ph_briefs_new();
	GThread *threads[4];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("look", look, briefs);
	for (unsigned i = 0; i < MANY; i++) {
		char address[32];

		g_snprintf(address, sizeof address, "%u@t.org", i);
		ph_briefs_set(briefs, address, address, "DB1");
	}
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	ck_assert_uint_eq(GPOINTER_TO_UINT(look(briefs)), MANY);
	ph_briefs_free(&briefs);
}
END_TEST

UNIT_MAIN("lib/directory/briefs", test_set, test_as_long_as_it_may_be,
	  test_many_at_once)
