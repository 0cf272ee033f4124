#include "lib/base/ip_range.h"
#include "tests/unit/unit.h"

#include <string.h>

START_TEST(test_refused)
{
	static const char *const texts[] = {
	    "",
	    " ",
	    "-",
	    "/",
	    "x",
	    "192.0.2",
	    "192.0.2.256",
	    "192.0.2.1.1",
	    "192.0.2.1 192.0.2.2",
	    "[192.0.2.1]",
	    "mail.example.com",
	    "192.0.2.1-",
	    "-192.0.2.1",
	    "192.0.2.1-9",
	    "192.0.2.9-192.0.2.8",
	    "192.0.2.1-192.0.2.2-192.0.2.3",
	    "192.0.2.1-2001:db8::1",
	    "2001:db8::1-192.0.2.1",
	    "2001:db8::2-2001:db8::1",
	    "192.0.2.0/",
	    "/24",
	    "192.0.2.0/33",
	    "192.0.2.0/-1",
	    "192.0.2.0/x",
	    "192.0.2.0/24x",
	    "192.0.2.0/255.255.255.0",
	    "192.0.2.0/99999999999999999999",
	    "192.0.2.0/24/8",
	    "192.0.2.0-192.0.2.9/24",
	    "192.0.2.0/24-192.0.2.9",
	    "2001:db8::/129",
	    "2001:db8:::1",
	    "fe80::1%eth0",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct ph_ip_range range;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ph_ip_range_parse(texts[i], &range, &err) == -1,
			      "\"%s\"", texts[i]);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_str_ne(err.text, "");
		ck_assert_int_eq(ph_ip_range_parse(texts[i], &range, NULL), -1);
	}
}
END_TEST

START_TEST(test_has)
{
	static const struct {
		const char *range, *address;
		bool want;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.1", true},
	    {"192.0.2.1", "192.0.2.0", false},
	    {"192.0.2.1", "192.0.2.2", false},
	    {" 192.0.2.1 ", "192.0.2.1", true},
	    /* first to last */
	    {"192.0.2.9-192.0.2.10", "192.0.2.8", false},
	    {"192.0.2.9-192.0.2.10", "192.0.2.9", true},
	    {"192.0.2.9-192.0.2.10", "192.0.2.10", true},
	    {"192.0.2.9-192.0.2.10", "192.0.2.11", false},
	    {"192.0.2.9 - 192.0.2.10", "192.0.2.10", true},
	    {"192.0.2.9-192.0.2.9", "192.0.2.9", true},
	    {"192.0.1.255-192.0.2.1", "192.0.2.0", true},
	    {"0.0.0.0-255.255.255.255", "255.255.255.255", true},
	    /* address and bits */
	    {"192.0.2.0/24", "192.0.1.255", false},
	    {"192.0.2.0/24", "192.0.2.0", true},
	    {"192.0.2.0/24", "192.0.2.255", true},
	    {"192.0.2.0/24", "192.0.3.0", false},
	    {"192.0.2.77/24", "192.0.2.1", true},
	    {"192.0.2.64/27", "192.0.2.63", false},
	    {"192.0.2.64/27", "192.0.2.95", true},
	    {"192.0.2.64/27", "192.0.2.96", false},
	    {"192.0.2.1/31", "192.0.2.0", true},
	    {"192.0.2.1/31", "192.0.2.2", false},
	    {"192.0.2.1/32", "192.0.2.1", true},
	    {"192.0.2.1/32", "192.0.2.0", false},
	    {"192.0.2.1/0", "0.0.0.0", true},
	    {"192.0.2.1/0", "255.255.255.255", true},
	    {"192.0.2.1/0", "::1", false},
	    {"128.0.0.0/1", "127.255.255.255", false},
	    {"128.0.0.0/1", "255.0.0.1", true},
	    /* IPv6 */
	    {"2001:db8::1", "2001:DB8:0:0:0:0:0:1", true},
	    {"2001:db8::1", "2001:db8::2", false},
	    {"2001:db8::/32", "2001:db8:ffff::1", true},
	    {"2001:db8::/32", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false},
	    {"2001:db8::/32", "2001:db9::", false},
	    {"2001:db8::/33", "2001:db8:8000::", false},
	    {"2001:db8::/33", "2001:db8:7fff::", true},
	    {"2001:db8::1/128", "2001:db8::1", true},
	    {"2001:db8::1/128", "2001:db8::", false},
	    {"::/0", "2001:db8::1", true},
	    {"::/0", "192.0.2.1", true},
	    {"2001:db8::1-2001:db8::ff", "2001:db8::ff", true},
	    {"2001:db8::1-2001:db8::ff", "2001:db8::100", false},
	    /* IPv4 as IPv6 */
	    {"192.0.2.0/24", "::ffff:192.0.2.1", true},
	    {"192.0.2.0/24", "::ffff:c000:0201", true},
	    {"::ffff:192.0.2.0/120", "192.0.2.1", true},
	    {"192.0.2.0/24", "::192.0.2.1", false},
	    {"192.0.2.0/24", "2002:c000:201::", false},
	    /* in brackets, and what is no address */
	    {"192.0.2.1", "[192.0.2.1]", true},
	    {"192.0.2.1", "[192.0.2.2]", false},
	    {"2001:db8::1", "[2001:db8::1]", true},
	    {"192.0.2.1", "[192.0.2.1", false},
	    {"192.0.2.1", "192.0.2.1]", false},
	    {"::/0", "", false},
	    {"::/0", "[]", false},
	    {"::/0", "[", false},
	    {"::/0", "unknown", false},
	    {"::/0", "192.0.2.1 ", false},
	    {"::/0", "192.0.2.1:25", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_ip_range range;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ph_ip_range_parse(rows[i].range, &range, &err) ==
				  0,
			      "\"%s\" %s", rows[i].range, err.text);
		ck_assert_msg(
		    ph_ip_range_has(&range, rows[i].address) == rows[i].want,
		    "\"%s\" in \"%s\"", rows[i].address, rows[i].range);
	}
}
END_TEST

/* The caller names the field and the value. */
START_TEST(test_messages)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    {"192.0.2.0-192.0.2.1-192.0.2.2", "is not an IP range"},
	    {"x", "is not an IP address"},
	    {"x/24", "is not an IP address"},
	    {"192.0.2.0/33", "bits"},
	    {"192.0.2.9-192.0.2.1", "before it begins"},
	    {"192.0.2.9-::1", "mixes"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_ip_range range;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_int_eq(ph_ip_range_parse(rows[i].text, &range, &err),
				 -1);
		ck_assert_msg(strstr(err.text, rows[i].says) != NULL, "%s: %s",
			      rows[i].text, err.text);
		ck_assert_ptr_null(strstr(err.text, rows[i].text));
	}
}
END_TEST

UNIT_MAIN("lib/base/ip_range", test_refused, test_has, test_messages)
