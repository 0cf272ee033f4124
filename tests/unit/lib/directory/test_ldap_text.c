#include "lib/directory/ldap_text.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static void
expect(char *got, const char *wanted)
{
	if (wanted == NULL)
		ck_assert_ptr_null(got);
	else
		ck_assert_ptr_nonnull(got);
	if (wanted != NULL)
		ck_assert_str_eq(got, wanted);
	g_free(got);
}

START_TEST(test_filter)
{
	expect(ph_ldap_escape_filter("nuno@test.org"), "nuno@test.org");
	expect(ph_ldap_escape_filter(""), "");
	expect(ph_ldap_escape_filter("*()\\"), "\\2a\\28\\29\\5c");
	expect(ph_ldap_escape_filter("a)(mail=*"), "a\\29\\28mail=\\2a");
	expect(ph_ldap_escape_filter("jos\xc3\xa9"), "jos\\c3\\a9");
	expect(ph_ldap_escape_filter("\x01\x1f \x7f\xff"), "\\01\\1f \\7f\\ff");
}
END_TEST

/* No byte can end the assertion or become another one. */
START_TEST(test_filter_every_byte)
{
	for (int byte = 1; byte < 256; byte++) {
		const char value[] = {(char)byte, '\0'};
		g_autofree char *got = ph_ldap_escape_filter(value);

		if (got[0] == '\\') {
			ck_assert_uint_eq(strlen(got), 3);
			ck_assert_int_eq(strtol(got + 1, NULL, 16), byte);
		} else {
			ck_assert_str_eq(got, value);
			ck_assert(byte >= ' ' && byte < 0x7f);
			ck_assert_ptr_null(strchr("*()\\", byte));
		}
	}
}
END_TEST

START_TEST(test_dn_value)
{
	expect(ph_ldap_escape_dn("Ann Lee"), "Ann Lee");
	expect(ph_ldap_escape_dn(" a "), "\\ a\\ ");
	expect(ph_ldap_escape_dn(" "), "\\ ");
	expect(ph_ldap_escape_dn("#a#"), "\\#a#");
	expect(ph_ldap_escape_dn("\"+,;<=>\\"), "\\\"\\+\\,\\;\\<\\=\\>\\\\");
	expect(ph_ldap_escape_dn("a\nb"), "a\\0ab");
	expect(ph_ldap_escape_dn(""), "");
}
END_TEST

START_TEST(test_canonical)
{
	static const struct {
		const char *dn, *same;
	} rows[] = {
	    {"CN=Nuno,DC=test", "cn=nuno,dc=test"},
	    {"cn = Nuno , dc=test", "cn=nuno,dc=test"},
	    {"cn=Lee\\, Ann,dc=test", "cn=lee\\, ann,dc=test"},
	    {"cn=Lee\\2c Ann,dc=test", "cn=lee\\, ann,dc=test"},
	    {"cn=Lee\\2C Ann;dc=test", "cn=lee\\, ann,dc=test"},
	    {"cn=a+sn=b,dc=test", "cn=a+sn=b,dc=test"},
	    {"2.5.4.3=x", "2.5.4.3=x"},
	    {"cn=\\ a\\ ,dc=x", "cn=\\ a\\ ,dc=x"},
	    {"cn=\\#a,dc=x", "cn=\\#a,dc=x"},
	    {"cn=\\23a,dc=x", "cn=\\#a,dc=x"},
	    {"cn=jos\\c3\\a9", "cn=jos\xc3\xa9"},
	    {"cn=JOS\xc3\x89", "cn=jos\xc3\xa9"},
	    {"cn=a=b", "cn=a\\=b"},
	    {"cn=", "cn="},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		expect(ph_ldap_dn_canonical(rows[i].dn), rows[i].same);
}
END_TEST

START_TEST(test_no_dn)
{
	static const char *const rows[] = {
	    "",	       "nuno",		"cn",	    "=x",
	    "cn=a,",   "cn=a,,b=c",	"cn=\"a\"", "cn=a\\",
	    "cn=a\\q", "cn=\\00",	"cn=\\c3",  "cn=a\xff,",
	    "c n=a",   "nuno@test.org",
	};
	g_autoptr(GString) many = g_string_new("a=b");

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		expect(ph_ldap_dn_canonical(rows[i]), NULL);
	for (int i = 1; i < 256; i++)
		g_string_append(many, ",a=b");
	expect(ph_ldap_dn_canonical(many->str), many->str);
	g_string_append(many, ",a=b");
	expect(ph_ldap_dn_canonical(many->str), NULL);
}
END_TEST

START_TEST(test_first)
{
	expect(ph_ldap_dn_first("CN=DB 1,CN=Databases,DC=test"), "DB 1");
	expect(ph_ldap_dn_first("CN=Lee\\, Ann,DC=test"), "Lee, Ann");
	expect(ph_ldap_dn_first("DB1"), NULL);
	expect(ph_ldap_dn_first(""), NULL);
}
END_TEST

START_TEST(test_range)
{
	static const struct {
		const char *attribute, *name, *next;
	} rows[] = {
	    {"member;range=0-1499", "member", "member;range=1500-*"},
	    {"member;Range=1500-2999", "member", "member;range=3000-*"},
	    {"member;range=3000-*", "member", NULL},
	    {"member", NULL, NULL},
	    {"member;binary", NULL, NULL},
	    {";range=0-1", NULL, NULL},
	    {"member;range=", NULL, NULL},
	    {"member;range=0", NULL, NULL},
	    {"member;range=0-", NULL, NULL},
	    {"member;range=-5", NULL, NULL},
	    {"member;range=0-1x", NULL, NULL},
	    {"member;range=0-99999999999", NULL, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *name = NULL, *next = NULL;
		const int r =
		    ph_ldap_range_parse(rows[i].attribute, &name, &next);

		ck_assert_msg(r == (rows[i].name != NULL), "%s",
			      rows[i].attribute);
		expect(name, rows[i].name);
		expect(next, rows[i].next);
	}
}
END_TEST

UNIT_MAIN("lib/directory/ldap_text", test_filter, test_filter_every_byte,
	  test_dn_value, test_canonical, test_no_dn, test_first, test_range)
