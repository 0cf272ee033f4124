#include "lib/directory/directory.h"
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
	    people_object("recipient|c@test.org|RecipientType=MailContact|"
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

UNIT_MAIN("lib/directory/directory", test_memory, test_ambiguous,
	  test_case_alone, test_failing, test_walk, test_primary,
	  test_no_mailbox)
