#include "lib/directory/ldif.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const char *const wanted[] = {"cn", "mail", "member", NULL};

static void
append_entry(GString *out, const struct ph_ldap_entry *entry)
{
	g_string_append_printf(out, ":<%s>", entry->dn);
	for (const char *const *a = wanted; *a != NULL; a++) {
		const GPtrArray *values = ph_ldap_entry_values(entry, *a);

		for (guint i = 0; values != NULL && i < values->len; i++)
			g_string_append_printf(out, "%s=%s;", *a,
					       (char *)values->pdata[i]);
	}
}

/* "1:<dn>cn=x;mail=y; 5-modify 9!what is wrong". */
static char *
dump(const char *text, size_t size, size_t step)
{
	struct ph_ldif *ldif = ph_ldif_new(wanted);
	GString *out = g_string_new(NULL);

	for (size_t at = 0;; at += step) {
		struct ph_ldif_record record;
		struct ph_err err = PH_ERR_INIT;
		int r;

		if (at < size)
			ph_ldif_feed(ldif, text + at, MIN(step, size - at));
		else
			ph_ldif_end(ldif);
		while ((r = ph_ldif_next(ldif, &record, &err)) != 0) {
			g_string_append_printf(
			    out, "%s%zu", out->len > 0 ? " " : "", record.line);
			if (r < 0)
				g_string_append_printf(out, "!%s", err.text);
			else if (record.change != NULL)
				g_string_append_printf(out, "-%s",
						       record.change);
			else
				append_entry(out, record.entry);
		}
		if (at >= size)
			break;
	}
	ph_ldif_free(&ldif);
	return g_string_free(out, FALSE);
}

static const struct {
	const char *text, *records;
} rows[] = {
    {"", ""},
    {"\n\n# nothing\n\n", ""},
    {"version: 1\n", ""},
    {"version: 1\ndn: cn=a\ncn: a\n", "2:<cn=a>cn=a;"},
    {"version: 1\n\ndn: cn=a\ncn: a\n\ndn: cn=b\nmail: b@c",
     "3:<cn=a>cn=a; 6:<cn=b>mail=b@c;"},
    {"dn: cn=a\r\ncn: a\r\n\r\ndn: cn=b\r\n", "1:<cn=a>cn=a; 4:<cn=b>"},
    {"dn: cn=a,\n dc=t\ncn: on\n e\n  two\n", "1:<cn=a,dc=t>cn=one two;"},
    {"dn: cn=a\n# a comment\n that goes on\ncn:a\nCN:  b \n",
     "1:<cn=a>cn=a;cn=b ;"},
    {"dn:: Y249w6k=\ncn:: w6k=\nmail::\n", "1:<cn=\xc3\xa9>cn=\xc3\xa9;"},
    {"dn: cn=a\ncn:: w6\n k=\n", "1:<cn=a>cn=\xc3\xa9;"},
    {"dn: cn=a\njpegPhoto:: !!\nobjectSid:: AQU=\ncn: a\n", "1:<cn=a>cn=a;"},
    {"dn: cn=a\ncn;lang-en: x\ncn: a\n", "1:<cn=a>cn=a;"},
    {"dn: cn=a\nmember;range=0-*: cn=b\n", "1:<cn=a>member=cn=b;"},
    {"dn: cn=a\nchangetype: add\ncn: a\n", "1:<cn=a>cn=a;"},
    {"dn: cn=a\ncontrol: 1.2 true\nchangetype: modify\nadd: cn\ncn: x\n-\n\n"
     "dn: cn=b\nchangetype: delete\n\ndn: cn=c\n",
     "1-modify 8-delete 11:<cn=c>"},
    {"dn: cn=a\n\nsearch: 2\nresult: 0 Success\n\n# numEntries: 1\n",
     "1:<cn=a>"},
    /* Refused, each by itself. */
    {"cn: a\n\ndn: cn=b\n", "1!line 1: found \"cn\"; expected dn: first "
			    "3:<cn=b>"},
    {"dn: cn=a\nwhat\nmore\n\ndn: cn=b\n",
     "1!line 2: no attribute; expected \"attribute: value\" 5:<cn=b>"},
    {" x\n", "1!line 1: no attribute; expected \"attribute: value\""},
    {"dn: cn=a\n\n x\n\n",
     "1:<cn=a> 3!line 3: no attribute; expected \"attribute: value\""},
    {"dn: cn=a\ncn:: w6k\n\ndn: cn=b\n",
     "1!line 2: cn is not base64, or cut off; expected groups of four "
     "characters 4:<cn=b>"},
    {"dn: cn=a\ncn:: w=k=\n", "1!line 2: cn is not base64, or cut off; "
			      "expected groups of four characters"},
    {"dn: cn=a\ncn:: 6Q==\n", "1!line 2: cn is not UTF-8; expected text"},
    {"dn: cn=a\ncn:: YQBi\n", "1!line 2: cn is not UTF-8; expected text"},
    {"dn: cn=a\ncn: \xe9\n", "1!line 2: cn is not UTF-8; expected text"},
    {"dn: cn=\xe9\n", "1!line 1: dn is not UTF-8; expected text"},
    {"dn: cn=a\ncn:< file:///etc/passwd\n",
     "1!line 2: cn is a URL; expected the value itself"},
    {"dn: cn=a\nmember;range=0-1499: cn=b\n",
     "1!line 2: member;range=0-1499 is a part of the values; expected all of "
     "them, from a tool that asks for the rest"},
};

START_TEST(test_records)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		for (size_t step = 1; step < 80; step++) {
			g_autofree char *got =
			    dump(rows[i].text, strlen(rows[i].text), step);

			ck_assert_msg(strcmp(got, rows[i].records) == 0,
				      "%s by %zu: %s, not %s", rows[i].text,
				      step, got, rows[i].records);
		}
}
END_TEST

START_TEST(test_nul)
{
	g_autofree char *got = dump("dn: cn=a\ncn: a\0b\n\ndn: cn=b\n", 26, 5);

	ck_assert_str_eq(
	    got, "1!line 2: holds a NUL byte; expected base64 4:<cn=b>");
}
END_TEST

static char *
with_long(const char *attribute, size_t size)
{
	g_autofree char *value = g_strnfill(size, 'A');
	g_autofree char *text = g_strdup_printf(
	    "dn: cn=a\n%s:: %s\nmail: a@b\n\ndn: cn=b\n", attribute, value);

	return dump(text, strlen(text), 65536);
}

/* Ten megabytes are a photograph, or an attempt. */
START_TEST(test_long)
{
	g_autofree char *photo = with_long("jpegPhoto", (size_t)10 << 20);
	g_autofree char *name = with_long("cn", (size_t)10 << 20);
	g_autofree char *most = with_long("cn", PH_LDIF_LINE_LIMIT - 8);
	g_autofree char *no_colon = g_strnfill((gsize)10 << 20, 'x');
	g_autofree char *got = dump(no_colon, strlen(no_colon), 65536);

	ck_assert_str_eq(photo, "1:<cn=a>mail=a@b; 5:<cn=b>");
	ck_assert_str_eq(name, "1!line 2: cn is longer than 1 MB 5:<cn=b>");
	ck_assert_str_eq(most, "1!line 2: cn is not UTF-8; expected text "
			       "5:<cn=b>");
	ck_assert_str_eq(got, "1!line 1: no attribute; expected \"attribute: "
			      "value\"");
}
END_TEST

/* For the sanitizers: cut and changed anywhere. */
START_TEST(test_mutated)
{
	static const char text[] =
	    "version: 1\r\ndn:: Y249w6k=\ncn: a\n b\n# c\nmail:: YUBi\n\n"
	    "dn: cn=b\nchangetype: modify\n-\n\nmember;range=0-*:< x\n";
	static const char bytes[] = "\n\r :#;<=-\0\xe9"
				    "aZ0";
	g_autoptr(GRand) random = g_rand_new_with_seed(3);

	for (unsigned i = 0; i < 5000; i++) {
		g_autofree char *copy = g_memdup2(text, sizeof text);
		const size_t size =
		    (size_t)g_rand_int_range(random, 1, sizeof text);
		int n = g_rand_int_range(random, 0, 6);

		while (n-- > 0)
			copy[g_rand_int_range(random, 0, (gint)size)] =
			    bytes[g_rand_int_range(random, 0, sizeof bytes)];
		g_free(
		    dump(copy, size, (size_t)g_rand_int_range(random, 1, 20)));
	}
}
END_TEST

UNIT_MAIN("lib/directory/ldif", test_records, test_nul, test_long, test_mutated)
