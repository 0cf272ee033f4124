#include "policy/request.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const char two[] = "request=smtpd_access_policy\n"
			  "protocol_state=RCPT\n"
			  "recipient=a=b@test.org\n"
			  "sender=\n"
			  "\n"
			  "protocol_state=DATA\n"
			  "\n";

/* "state|recipient " of each request, or "broken". */
static char *
drain(struct ph_request *p, GString *seen)
{
	struct ph_err err = PH_ERR_INIT;
	int r;

	while ((r = ph_request_next(p, &err)) == 1)
		g_string_append_printf(seen, "%s|%s ",
				       ph_policy_attribute(p, "protocol_state"),
				       ph_policy_attribute(p, "recipient"));
	if (r < 0) {
		ck_assert_int_eq(err.kind, PH_ERR_PEER);
		g_string_append(seen, "broken");
	}
	return seen->str;
}

static void
check_whole(const char *data, size_t size, const char *expected)
{
	struct ph_request *p = ph_request_new();
	g_autoptr(GString) seen = g_string_new(NULL);

	ph_request_feed(p, data, size);
	ck_assert_str_eq(drain(p, seen), expected);
	ph_request_free(&p);
	ck_assert_ptr_null(p);
}

START_TEST(test_whole)
{
	/* The second request knows nothing of the first one's recipient. */
	check_whole(two, strlen(two), "RCPT|a=b@test.org DATA| ");
}
END_TEST

START_TEST(test_byte_by_byte)
{
	struct ph_request *p = ph_request_new();
	g_autoptr(GString) seen = g_string_new(NULL);

	for (size_t i = 0; i < strlen(two); i++) {
		ph_request_feed(p, two + i, 1);
		drain(p, seen);
	}
	ck_assert_str_eq(seen->str, "RCPT|a=b@test.org DATA| ");
	ph_request_free(&p);
}
END_TEST

START_TEST(test_cut)
{
	const size_t first = (size_t)(strstr(two, "\n\n") + 2 - two);

	for (size_t cut = 0; cut <= strlen(two); cut++) {
		struct ph_request *p = ph_request_new();
		g_autoptr(GString) seen = g_string_new(NULL);

		ph_request_feed(p, two, cut);
		drain(p, seen);
		ck_assert_str_eq(seen->str, cut < first ? ""
					    : cut < strlen(two)
						? "RCPT|a=b@test.org "
						: "RCPT|a=b@test.org "
						  "DATA| ");
		ph_request_feed(p, two + cut, strlen(two) - cut);
		ck_assert_str_eq(drain(p, seen), "RCPT|a=b@test.org DATA| ");
		ph_request_free(&p);
	}
}
END_TEST

/* n bytes in all, line ends included. */
static GString *
request_of(size_t n)
{
	GString *data = g_string_new("x=");

	while (data->len < n - 2)
		g_string_append_c(data, 'y');
	return g_string_append(data, "\n\n");
}

START_TEST(test_limit)
{
	g_autoptr(GString) fits = request_of(PH_POLICY_REQUEST_LIMIT);
	g_autoptr(GString) over = request_of(PH_POLICY_REQUEST_LIMIT + 1);
	g_autoptr(GString) twice = g_string_new(fits->str);

	check_whole(fits->str, fits->len, "| ");
	check_whole(over->str, over->len, "broken");
	g_string_append(twice, fits->str);
	check_whole(twice->str, twice->len, "| | ");
	/* Refused before its end has arrived. */
	check_whole(over->str, over->len - 1, "");
	g_string_truncate(over, over->len - 2);
	g_string_append(over, "yy");
	check_whole(over->str, over->len, "broken");
}
END_TEST

START_TEST(test_broken)
{
	static const char *const rows[] = {"\n", "name\n\n", "=value\n\n",
					   "a=b\nGET / HTTP/1.0\n\n"};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check_whole(rows[i], strlen(rows[i]), "broken");
	check_whole("a=\0b\n\n", 6, "broken");
}
END_TEST

START_TEST(test_first_counts)
{
	const char data[] = "recipient=a@b\nrecipient=c@d\n\n";

	check_whole(data, strlen(data), "|a@b ");
}
END_TEST

START_TEST(test_reply)
{
	g_autoptr(GString) out = g_string_new(NULL);

	ph_policy_reply(out, "DUNNO");
	ph_policy_reply(out, "550 no\r\naction=OK\n");
	ck_assert_str_eq(out->str,
			 "action=DUNNO\n\naction=550 no  action=OK \n\n");
}
END_TEST

UNIT_MAIN("policy/request", test_whole, test_byte_by_byte, test_cut, test_limit,
	  test_broken, test_first_counts, test_reply)
