#include "lib/message/headers.h"
#include "tests/unit/unit.h"

#include <string.h>

START_TEST(test_find)
{
	struct ph_headers *h = ph_headers_new();

	ck_assert(ph_headers_add(h, "Received", "one"));
	ck_assert(ph_headers_add(h, "Subject", "=?utf-8?Q?caf=C3=A9?="));
	ck_assert(ph_headers_add(h, "received", "two"));
	ck_assert_uint_eq(ph_headers_count(h), 3);
	ck_assert_str_eq(ph_headers_at(h, 2)->name, "received");
	ck_assert_str_eq(ph_headers_raw(h, "RECEIVED", 0), "one");
	ck_assert_str_eq(ph_headers_raw(h, "RECEIVED", 1), "two");
	ck_assert_ptr_null(ph_headers_raw(h, "Received", 2));
	ck_assert_str_eq(ph_headers_text(h, "subject", 0), "café");
	ck_assert_ptr_null(ph_headers_text(h, "Subject", 1));
	ck_assert_uint_eq(ph_headers_find(h, "Received", 1), 2);
	ck_assert_uint_eq(ph_headers_find(h, "Received", 3), 3);
	ck_assert_uint_eq(ph_headers_find(h, "Receive", 0), 3);
	ph_headers_free(&h);
	ck_assert_ptr_null(h);
	ph_headers_free(&h);
}
END_TEST

START_TEST(test_change)
{
	struct ph_headers *h = ph_headers_new();

	ph_headers_add(h, "A", "1");
	ph_headers_add(h, "B", "=?utf-8?Q?x?=");
	ck_assert_str_eq(ph_headers_text(h, "B", 0), "x");
	ck_assert(ph_headers_replace(h, 1, "y"));
	ck_assert_str_eq(ph_headers_text(h, "B", 0), "y");
	ph_headers_remove(h, 0);
	ck_assert_uint_eq(ph_headers_count(h), 1);
	ck_assert_str_eq(ph_headers_at(h, 0)->name, "B");
	ph_headers_free(&h);
}
END_TEST

START_TEST(test_remove_all)
{
	static const char *const names[] = {"A", "b", "a", "A", "C", "A"};
	struct ph_headers *h = ph_headers_new();
	g_autofree char *rest =
	    g_strnfill(PH_HEADERS_LIMIT - 4 * PH_HEADER_COST - 4, 'v');

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		ph_headers_add(h, names[i], "");
	ph_headers_remove_all(h, "Z", 0);
	ph_headers_remove_all(h, "A", 6);
	ck_assert_uint_eq(ph_headers_count(h), 6);
	ph_headers_remove_all(h, "A", 1);
	ck_assert_uint_eq(ph_headers_count(h), 3);
	ck_assert_str_eq(ph_headers_at(h, 0)->name, "A");
	ck_assert_str_eq(ph_headers_at(h, 1)->name, "b");
	ck_assert_str_eq(ph_headers_at(h, 2)->name, "C");
	/* Room for what was removed, to the byte. */
	ck_assert(ph_headers_add(h, "N", rest));
	ck_assert(!ph_headers_add(h, "", ""));
	ph_headers_remove_all(h, "a", 0);
	ck_assert_str_eq(ph_headers_at(h, 0)->name, "b");
	ck_assert(ph_headers_add(h, "A", ""));
	ph_headers_free(&h);
}
END_TEST

/* A copy has fields of its own, and the same size. */
START_TEST(test_copy)
{
	struct ph_headers *h = ph_headers_new(), *copy;
	g_autofree char *rest = NULL;
	size_t room = PH_HEADERS_LIMIT - 2 * (PH_HEADER_COST + 2);

	ph_headers_add(h, "A", "1");
	ph_headers_add(h, "B", "2");
	copy = ph_headers_copy(h);
	ck_assert(ph_headers_replace(copy, 1, "3"));
	ph_headers_remove(copy, 0);
	ck_assert_uint_eq(ph_headers_count(h), 2);
	ck_assert_str_eq(ph_headers_raw(h, "A", 0), "1");
	ck_assert_str_eq(ph_headers_raw(h, "B", 0), "2");
	ph_headers_free(&copy);
	copy = ph_headers_copy(h);
	ph_headers_free(&h);
	ck_assert_uint_eq(ph_headers_count(copy), 2);
	ck_assert_str_eq(ph_headers_at(copy, 0)->name, "A");
	ck_assert_str_eq(ph_headers_at(copy, 1)->value, "2");
	rest = g_strnfill(room - PH_HEADER_COST, 'v');
	ck_assert(!ph_headers_add(copy, "N", rest));
	rest[room - PH_HEADER_COST - 1] = '\0';
	ck_assert(ph_headers_add(copy, "N", rest));
	ph_headers_free(&copy);
}
END_TEST

/* At the limit, one over, and that removing gives room again. */
START_TEST(test_limit)
{
	struct ph_headers *h = ph_headers_new();
	size_t room = PH_HEADERS_LIMIT - PH_HEADER_COST - 1;
	g_autofree char *value = g_malloc(room + 2);

	memset(value, 'v', room + 1);
	value[room + 1] = '\0';
	ck_assert(!ph_headers_add(h, "N", value));
	ck_assert_uint_eq(ph_headers_count(h), 0);
	value[room] = '\0';
	ck_assert(ph_headers_add(h, "N", value));
	ck_assert(!ph_headers_add(h, "", ""));
	value[room] = 'v';
	ck_assert(!ph_headers_replace(h, 0, value));
	ck_assert_uint_eq(strlen(ph_headers_raw(h, "N", 0)), room);
	ck_assert(ph_headers_replace(h, 0, "short"));
	ck_assert(ph_headers_add(h, "", ""));
	ph_headers_remove(h, 1);
	ph_headers_remove(h, 0);
	value[room] = '\0';
	ck_assert(ph_headers_add(h, "N", value));
	ph_headers_free(&h);
}
END_TEST

/* Empty fields take memory as well. */
START_TEST(test_many)
{
	struct ph_headers *h = ph_headers_new();
	size_t n = 0;

	while (ph_headers_add(h, "X", ""))
		n++;
	ck_assert_uint_eq(n, PH_HEADERS_LIMIT / (PH_HEADER_COST + 1));
	ph_headers_free(&h);
}
END_TEST

START_TEST(test_address)
{
	static const struct {
		const char *raw;
		const char *address; /* NULL: none */
	} cases[] = {
	    {"a@b.test", "a@b.test"},
	    {" a@b.test ", "a@b.test"},
	    {"<a@b.test>", "a@b.test"},
	    {"Nuno <a@b.test>", "a@b.test"},
	    {"\"x, y <z@w.test>\" <a@b.test>", "a@b.test"},
	    {"=?utf-8?Q?a=40b=2Etest?= <c@d.test>", "c@d.test"},
	    {"(a@x.test) Nuno (a (nested) one) <a@b.test>", "a@b.test"},
	    {"a@b.test (Nuno)", "a@b.test"},
	    {"\"a b\"@c.test", "\"a b\"@c.test"},
	    {"\"a@x.test\" <c@d.test>", "c@d.test"},
	    {"<@r1.test,@r2.test:a@b.test>", "a@b.test"},
	    {"Group: a@b.test, c@d.test;", "a@b.test"},
	    {"Undisclosed recipients:;", NULL},
	    {"Undisclosed recipients:; , x@y.test", "x@y.test"},
	    {"\r\n Nuno\r\n <a@b.test>", "a@b.test"},
	    {"first@a.test, second@b.test", "first@a.test"},
	    {"nobody, second@b.test", "second@b.test"},
	    {"", NULL},
	    {"nobody", NULL},
	    {"<>", NULL},
	    {"@b.test", NULL},
	    {"a@", NULL},
	    {"(never closed", NULL},
	    {"\"never closed", NULL},
	    {"<never closed", NULL},
	    {"<a@b.test", "a@b.test"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *address = ph_header_address(cases[i].raw);

		ck_assert_msg(g_strcmp0(address, cases[i].address) == 0,
			      "\"%s\": %s", cases[i].raw,
			      address != NULL ? address : "none");
	}
}
END_TEST

START_TEST(test_address_of_field)
{
	struct ph_headers *h = ph_headers_new();
	g_autofree char *none = ph_headers_address(h, "From");
	g_autofree char *from = NULL;

	ck_assert_ptr_null(none);
	ph_headers_add(h, "from", "A <a@b.test>");
	ph_headers_add(h, "From", "C <c@d.test>");
	from = ph_headers_address(h, "From");
	ck_assert_str_eq(from, "a@b.test");
	ph_headers_free(&h);
}
END_TEST

START_TEST(test_sender)
{
	struct ph_headers *h = ph_headers_new();
	g_autofree char *nobody = ph_headers_sender(h);
	g_autofree char *from = NULL, *both = NULL;

	ck_assert_ptr_null(nobody);
	ph_headers_add(h, "From", "A <a@b.test>");
	from = ph_headers_sender(h);
	ck_assert_str_eq(from, "a@b.test");
	ph_headers_add(h, "Sender", "C <c@d.test>");
	both = ph_headers_sender(h);
	ck_assert_str_eq(both, "c@d.test");
	ph_headers_free(&h);
}
END_TEST

UNIT_MAIN("lib/message/headers", test_find, test_change, test_remove_all,
	  test_copy, test_limit, test_many, test_address, test_address_of_field,
	  test_sender)
