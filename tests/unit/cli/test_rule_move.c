#include "cli/rule.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * An order as text: "A0 B1 C-", "-" for a rule without a number. What comes out
 * has "!" behind what has to be written.
 */
static char *
move(const char *order, size_t from, size_t to, bool counted)
{
	g_auto(GStrv) words = g_strsplit(order, " ", -1);
	size_t n = g_strv_length(words);
	g_autofree struct ph_place *places = g_new0(struct ph_place, n);
	g_autofree char *names = g_new0(char, n * 2 + 2);
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < n; i++) {
		names[i * 2] = words[i][0];
		places[i].name = &names[i * 2];
		places[i].priority =
		    words[i][1] == '-'
			? INT64_MAX
			: g_ascii_strtoll(words[i] + 1, NULL, 10);
	}
	ph_places_move(places, n, from, to, counted);
	for (size_t i = 0; i < n; i++) {
		int64_t is =
		    places[i].to >= 0 ? places[i].to : places[i].priority;

		g_string_append_printf(out, "%s%s", i > 0 ? " " : "",
				       places[i].name);
		if (is == INT64_MAX)
			g_string_append_c(out, '-');
		else
			g_string_append_printf(out, "%d", (int)is);
		g_string_append(out, places[i].to >= 0 ? "!" : "");
	}
	return g_string_free(out, FALSE);
}

/* As few as possible are written. */
START_TEST(test_beside)
{
	static const struct {
		const char *before;
		size_t from, to;
		const char *after;
	} rows[] = {
	    {"A0 B1 C2 D3", 3, 0, "D0! A1! B2! C3!"},
	    {"A0 B1 C2 D3", 0, 3, "B1 C2 D3 A4!"},
	    {"A0 B1 C2 D3", 0, 1, "B1 A2! C3! D4!"},
	    {"A0 B1 C2 D3", 3, 2, "A0 B1 D2! C3!"},
	    {"A0 B1 C2 D3", 2, 2, "A0 B1 C2 D3"},
	    /* There is room. */
	    {"A0 B10 C20", 2, 1, "A0 C1! B10"},
	    {"A5 B10 C20", 2, 0, "C0! A5 B10"},
	    {"A0 B10 C12", 0, 1, "B10 A11! C12"},
	    /* The others give way only as far as the numbers are taken. */
	    {"A0 B1 C2 D9 E9", 4, 0, "E0! A1! B2! C3! D9"},
	    /* Equal numbers, in the order of the names. */
	    {"A5 B5 C5", 2, 1, "A5 C6! B7!"},
	    {"A5 B5 C5", 0, 2, "B5 C5 A6!"},
	    /* Those without run last. */
	    {"A0 B- C-", 2, 0, "C0! A1! B-"},
	    {"A0 B- C-", 0, 2, "B0! C1! A2!"},
	    {"A0 B- C-", 2, 1, "A0 C1! B-"},
	    {"A0 B- C- D-", 1, 2, "A0 C1! B2! D-"},
	    {"A-", 0, 0, "A-"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *after =
		    move(rows[i].before, rows[i].from, rows[i].to, false);

		ck_assert_msg(strcmp(after, rows[i].after) == 0,
			      "%s, %zu to %zu: %s", rows[i].before,
			      rows[i].from, rows[i].to, after);
	}
}
END_TEST

/* The number is the place, as in Exchange. */
START_TEST(test_counted)
{
	static const struct {
		const char *before;
		size_t from, to;
		const char *after;
	} rows[] = {
	    {"A0 B1 C2 D3", 0, 2, "B0! C1! A2! D3"},
	    {"A0 B1 C2 D3", 3, 1, "A0 D1! B2! C3!"},
	    {"A0 B1 C2 D3", 1, 1, "A0 B1 C2 D3"},
	    {"A5 B10 C20", 1, 1, "A0! B1! C20"},
	    {"A0 B- C-", 2, 1, "A0 C1! B-"},
	    {"A0 B- C-", 0, 1, "B0! A1! C-"},
	    {"A0 B0 C0", 1, 0, "B0 A1! C2!"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *after =
		    move(rows[i].before, rows[i].from, rows[i].to, true);

		ck_assert_msg(strcmp(after, rows[i].after) == 0,
			      "%s, %zu to %zu: %s", rows[i].before,
			      rows[i].from, rows[i].to, after);
	}
}
END_TEST

UNIT_MAIN("cli/rule_move", test_beside, test_counted)
