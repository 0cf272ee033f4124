#include "lib/message/headers.h"
#include "tests/unit/unit.h"

/* What a list names, joined by '|'. RFC 5322 sections 3.4 and appendix A. */
static const struct {
	const char *raw, *want;
} rows[] = {
    {"", ""},
    {"a@x.example", "a@x.example"},
    {"a@x.example, b@y.example", "a@x.example|b@y.example"},
    {"A <a@x.example>,\n \"B, C\" <b@y.example>", "a@x.example|b@y.example"},
    {"a@x.example (one, two), b@y.example", "a@x.example|b@y.example"},
    {"Team: a@x.example, B <b@y.example>;, c@z.example",
     "a@x.example|b@y.example|c@z.example"},
    {"undisclosed-recipients:;", ""},
    {"A: a@x.example;, B: b@x.example;", "a@x.example|b@x.example"},
    {" , ,a@x.example,,", "a@x.example"},
    {"<@r.example,@s.example:a@x.example>", "a@x.example"},
    {"\"a b\"@x.example", "\"a b\"@x.example"},
    /* The same mailbox, spelt in another way. */
    {"\"bob\"@x.example", "bob@x.example"},
    {"B <\"b\\ob\"@x.example>", "bob@x.example"},
    {"\"a.b\"@x.example, a.\"b\"@x.example", "a.b@x.example|a.b@x.example"},
    {"\"a..b\"@x.example", "\"a..b\"@x.example"},
    {"\"a@b\"@x.example", "\"a@b\"@x.example"},
    {"\"\"@x.example", "\"\"@x.example"},
    {"a@x.example.", "a@x.example"},
    {"\"z\xc3\xa9\"@x.example", "z\xc3\xa9@x.example"},
    {"\"a, b\" <a@x.example>", "a@x.example"},
    {"bob", "bob"},
    {"bob, a@x.example", "bob|a@x.example"},
    {"<bob>, a@x.example", "bob|a@x.example"},
    {"<>", ""},
    {"a@x.example; b@y.example", "a@x.example|b@y.example"},
    {"a@x.example, a@x.example", "a@x.example|a@x.example"},
    {"\"open, a@x.example", "\"open, a@x.example"},
    {"<a@x.example", "a@x.example"},
    {"(open a@x.example", ""},
};

static char *
addresses_of(const char *raw)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

	ph_header_addresses(raw, list);
	g_ptr_array_add(list, NULL);
	return g_strjoinv("|", (char **)list->pdata);
}

START_TEST(test_lists)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *got = addresses_of(rows[i].raw);

		ck_assert_msg(strcmp(got, rows[i].want) == 0, "%s: %s",
			      rows[i].raw, got);
	}
}
END_TEST

/* Cut anywhere, the first addresses are still the first. */
START_TEST(test_cut)
{
	static const char raw[] = "T: a@x.example, \"B, C\" <b@y.example>;, "
				  "(c) <@r.example:d@z.example>";

	for (size_t n = 0; n < sizeof raw; n++) {
		g_autofree char *part = g_strndup(raw, n);
		g_autofree char *got = addresses_of(part);

		if (n > strlen("T: a@x.example"))
			ck_assert_msg(g_str_has_prefix(got, "a@x.example"),
				      "%s: %s", part, got);
	}
}
END_TEST

START_TEST(test_fields)
{
	struct ph_headers *headers = ph_headers_new();
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

	ph_headers_add(headers, "To", "a@x.example");
	ph_headers_add(headers, "Cc", "c@x.example");
	ph_headers_add(headers, "TO", "b@x.example");
	ph_headers_addresses(headers, "to", list);
	ck_assert_uint_eq(list->len, 2);
	ck_assert_str_eq(list->pdata[0], "a@x.example");
	ck_assert_str_eq(list->pdata[1], "b@x.example");
	ph_headers_free(&headers);
}
END_TEST

UNIT_MAIN("lib/message/addresses", test_lists, test_cut, test_fields)
