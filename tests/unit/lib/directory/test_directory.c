#include "lib/directory/directory.h"
#include "lib/directory/entry.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct ph_directory *
memory(struct ph_object **entries, size_t n)
{
	struct ph_directory *directory =
	    ph_directory_memory((const struct ph_object *const *)entries, n);

	for (size_t i = 0; i < n; i++)
		ph_object_unref(&entries[i]);
	return directory;
}

START_TEST(test_memory)
{
	struct ph_object *entries[] = {
	    people_mailbox("nuno@test.org",
			   "|PrimarySmtpAddress=Nuno.Mota@test.org"
			   "|EmailAddresses=n@test.org,NM@other.test"),
	    people_mailbox("mota@test.org", ""),
	};
	struct ph_directory *d = memory(entries, 2);

	ck_assert_str_eq(people_find(d, "NUNO@test.ORG"), "nuno@test.org");
	ck_assert_str_eq(people_find(d, "nuno.mota@test.org"), "nuno@test.org");
	ck_assert_str_eq(people_find(d, "nm@other.test"), "nuno@test.org");
	ck_assert_str_eq(people_find(d, "mota@test.org"), "mota@test.org");
	ck_assert_str_eq(people_find(d, "nobody@test.org"), "-");
	ck_assert_str_eq(people_find(d, ""), "-");
	ph_directory_close(&d);
	ck_assert_ptr_null(d);
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_ambiguous)
{
	struct ph_object *entries[] = {
	    people_mailbox("a@test.org", "|EmailAddresses=info@test.org"),
	    people_mailbox("b@test.org", "|EmailAddresses=INFO@test.org"),
	};
	struct ph_directory *d = memory(entries, 2);

	ck_assert_str_eq(people_find(d, "info@test.org"),
			 ph_err_kind_name(PH_ERR_PERM));
	ck_assert_str_eq(people_find(d, "a@test.org"), "a@test.org");
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_case_alone)
{
	struct ph_object *entries[] = {people_mailbox("Bob@test.org", ""),
				       people_mailbox("bob@test.org", "")};
	struct ph_directory *d = memory(entries, 2);

	ck_assert_str_eq(people_find(d, "bob@test.org"),
			 ph_err_kind_name(PH_ERR_TEMP));
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_failing)
{
	struct ph_directory *d =
	    ph_directory_failing(PH_ERR_TEMP, "LDAP is away");
	struct ph_object *entry = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_directory_find(d, "a@b", &entry, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_str_eq(err.text, "LDAP is away");
	ck_assert_str_eq(people_walk(d, NULL), "temporary");
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_primary)
{
	static const struct {
		const char *more, *primary;
	} rows[] = {
	    {"", "name@test.org"},
	    {"|EmailAddresses=first@test.org,second@test.org",
	     "first@test.org"},
	    {"|EmailAddresses=first@test.org|PrimarySmtpAddress=p@test.org",
	     "p@test.org"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_object *o =
		    people_mailbox("name@test.org", rows[i].more);

		ck_assert_str_eq(ph_entry_primary(o), rows[i].primary);
		ck_assert(ph_entry_is_mailbox(o));
		ph_object_unref(&o);
	}
}
END_TEST

START_TEST(test_no_mailbox)
{
	struct ph_object *o =
	    unit_object_line("recipient|c@test.org|RecipientType=MailContact|"
			     "ExternalEmailAddress=c@far.test|Database=DB1");

	ck_assert(!ph_entry_is_mailbox(o));
	ph_object_unref(&o);
}
END_TEST

static int
stop_at_second(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	unsigned *told = arg;

	if (++*told < 2)
		return 0;
	return ph_err_set(err, PH_ERR_PEER, "%s is enough",
			  ph_object_name(entry));
}

START_TEST(test_walk)
{
	struct ph_object *entries[] = {
	    people_mailbox("a@test.org", "|EmailAddresses=x@test.org"),
	    people_mailbox("b@test.org", ""),
	    people_mailbox("c@test.org", ""),
	};
	struct ph_directory *d = memory(entries, 3);
	struct ph_err err = PH_ERR_INIT;
	unsigned told = 0;

	ck_assert_str_eq(people_walk(d, NULL),
			 "a@test.org b@test.org c@test.org");
	ck_assert_int_eq(
	    ph_directory_walk(d, NULL, stop_at_second, &told, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PEER);
	ck_assert_uint_eq(told, 2);
	ph_directory_close(&d);
}
END_TEST

/* Few, as many as are few, one more, and very many. */
START_TEST(test_addresses)
{
	static const unsigned counts[] = {0, 13, 14, 15, 16, 17, 5000};

	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
		g_autoptr(GString) more =
		    g_string_new("|PrimarySmtpAddress=P@test.org"
				 "|EmailAddresses=NAME@test.org");
		g_autoptr(GPtrArray) addresses = NULL;
		struct ph_object *o;

		for (unsigned k = 0; k < counts[i]; k++)
			g_string_append_printf(
			    more, ",%u@test.org,A%u@Test.org,a%u@test.org", k,
			    k, k / 2);
		o = people_mailbox("Name@test.org", more->str);
		addresses = ph_entry_addresses(o);
		ck_assert_uint_eq(addresses->len, 2 + 2 * counts[i]);
		ck_assert_str_eq(addresses->pdata[0], "name@test.org");
		ck_assert_str_eq(addresses->pdata[1], "p@test.org");
		for (unsigned k = 0; k < counts[i]; k++) {
			g_autofree char *one =
			    g_strdup_printf("%u@test.org", k);
			g_autofree char *two =
			    g_strdup_printf("a%u@test.org", k);

			ck_assert_str_eq(addresses->pdata[2 + 2 * k], one);
			ck_assert_str_eq(addresses->pdata[3 + 2 * k], two);
		}
		ph_object_unref(&o);
	}
}
END_TEST

UNIT_MAIN("lib/directory/directory", test_memory, test_ambiguous,
	  test_case_alone, test_failing, test_walk, test_primary,
	  test_no_mailbox, test_addresses)
