#include "lib/directory/resolve.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct ph_snapshot *
domains(bool plus)
{
	const char *const lines[] = {
	    plus ? "transportconfig||AllowPlusAddressInRecipients=true"
		 : "transportconfig|",
	    "domain|test.org",
	    "domain|relay.test|DomainType=InternalRelay",
	    "domain|far.test|DomainType=ExternalRelay",
	    "domain|tree.test|MatchSubDomains=true",
	    "domain|flat.tree.test",
	};
	struct ph_object *objects[G_N_ELEMENTS(lines)];
	struct ph_snapshot *snapshot;

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		objects[i] = unit_object_line(lines[i]);
	snapshot = ph_snapshot_build((const struct ph_object *const *)objects,
				     G_N_ELEMENTS(lines), NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		ph_object_unref(&objects[i]);
	return snapshot;
}

static struct ph_directory *
people(void)
{
	struct ph_object *entries[] = {
	    people_mailbox("nuno@test.org",
			   "|PrimarySmtpAddress=Nuno.Mota@test.org"
			   "|EmailAddresses=n@legacy.test,two@test.org"),
	    people_mailbox("plus@test.org",
			   "|PrimarySmtpAddress=p+lus@test.org"
			   "|EmailAddresses=real+tag@test.org"),
	    people_mailbox("b@test.org", "|EmailAddresses=two@test.org"),
	    unit_object_line("recipient|c@test.org|RecipientType=MailContact|"
			     "ExternalEmailAddress=c@outside.test"),
	};
	struct ph_directory *d = ph_directory_memory(
	    (const struct ph_object *const *)entries, G_N_ELEMENTS(entries));

	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		ph_object_unref(&entries[i]);
	return d;
}

START_TEST(test_verdicts)
{
	static const struct {
		const char *address, *verdict, *on;
	} rows[] = {
	    {"NUNO@test.org", "entry", "Nuno.Mota@test.org"},
	    {"n@legacy.test", "entry", "Nuno.Mota@test.org"},
	    {"c@test.org", "entry", "c@test.org"},
	    {"x@TEST.org", "unknown", "x@TEST.org"},
	    {"nuno+tag@test.org", "unknown", "nuno+tag@test.org"},
	    {"x@sub.test.org", "outside", "x@sub.test.org"},
	    {"x@relay.test", "relay", "x@relay.test"},
	    {"x@far.test", "relay", "x@far.test"},
	    {"x@tree.test", "unknown", "x@tree.test"},
	    {"x@a.b.tree.test", "unknown", "x@a.b.tree.test"},
	    {"x@flat.tree.test", "unknown", "x@flat.tree.test"},
	    {"x@xtree.test", "outside", "x@xtree.test"},
	    {"c@outside.test", "outside", "c@outside.test"},
	    {"x", "invalid", "x"},
	    {"@test.org", "invalid", "@test.org"},
	    {"x@", "invalid", "x@"},
	    {"", "invalid", ""},
	    {"x\x01@test.org", "invalid", "x\x01@test.org"},
	    {"\xff@test.org", "invalid", "\xff@test.org"},
	};
	struct ph_snapshot *snapshot = domains(false);
	struct ph_directory *d = people();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_resolution r;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_int_eq(
		    ph_resolve(d, snapshot, rows[i].address, &r, &err), 0);
		ck_assert_msg(strcmp(ph_resolve_verdict_name(r.verdict),
				     rows[i].verdict) == 0,
			      "%s: %s", rows[i].address,
			      ph_resolve_verdict_name(r.verdict));
		ck_assert_str_eq(r.address, rows[i].on);
		ck_assert_str_eq(r.original, rows[i].address);
		ck_assert_int_eq(r.entry != NULL,
				 r.verdict == PH_RESOLVED_ENTRY);
		if (r.verdict == PH_RESOLVED_INVALID)
			ck_assert_ptr_null(r.found.source);
		else
			ck_assert_str_eq(r.found.source, "memory");
		ph_resolution_clear(&r);
		ck_assert_ptr_null(r.address);
	}
	ph_directory_close(&d);
	ph_snapshot_unref(&snapshot);
}
END_TEST

/* "on" has the extension, so that the next server can tell it as well. */
START_TEST(test_plus)
{
	static const struct {
		const char *address, *verdict, *on, *extension;
	} rows[] = {
	    {"NUNO+Tag@test.org", "entry", "Nuno.Mota+Tag@test.org", "Tag"},
	    {"n+a+b@legacy.test", "entry", "Nuno.Mota+a+b@test.org", "a+b"},
	    {"nuno+@test.org", "entry", "Nuno.Mota+@test.org", ""},
	    {"nuno@test.org", "entry", "Nuno.Mota@test.org", NULL},
	    /* An address of its own comes first. */
	    {"real+tag@test.org", "entry", "p+lus@test.org", NULL},
	    {"plus+x@test.org", "entry", "p+lus@test.org", "x"},
	    {"c+x@test.org", "entry", "c@test.org", "x"},
	    {"x+y@test.org", "unknown", "x+y@test.org", NULL},
	    {"+nuno@test.org", "unknown", "+nuno@test.org", NULL},
	    {"nuno+x@relay.test", "relay", "nuno+x@relay.test", NULL},
	    {"\"nuno+x\"@test.org", "unknown", "\"nuno+x\"@test.org", NULL},
	    {"x@a+b", "outside", "x@a+b", NULL},
	};
	struct ph_snapshot *snapshot = domains(true);
	struct ph_directory *d = people();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_resolution r;

		ck_assert_int_eq(
		    ph_resolve(d, snapshot, rows[i].address, &r, NULL), 0);
		ck_assert_str_eq(ph_resolve_verdict_name(r.verdict),
				 rows[i].verdict);
		ck_assert_str_eq(r.address, rows[i].on);
		ck_assert_pstr_eq(r.extension, rows[i].extension);
		ph_resolution_clear(&r);
	}
	ph_directory_close(&d);
	ph_snapshot_unref(&snapshot);
}
END_TEST

START_TEST(test_long)
{
	struct ph_snapshot *snapshot = domains(false);
	struct ph_directory *d = people();

	for (size_t n = 315; n <= 316; n++) {
		g_autofree char *local = g_strnfill(n, 'x');
		g_autofree char *address =
		    g_strconcat(local, "@test.org", NULL);
		struct ph_resolution r;

		ck_assert_int_eq(ph_resolve(d, snapshot, address, &r, NULL), 0);
		ck_assert_int_eq(r.verdict, n == 315 ? PH_RESOLVED_UNKNOWN
						     : PH_RESOLVED_INVALID);
		ph_resolution_clear(&r);
	}
	ph_directory_close(&d);
	ph_snapshot_unref(&snapshot);
}
END_TEST

START_TEST(test_cannot_say)
{
	struct ph_snapshot *snapshot = domains(false);
	struct ph_directory *d = people();
	struct ph_directory *down = ph_directory_failing(PH_ERR_TEMP, "down");
	struct ph_resolution r;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_resolve(d, snapshot, "two@test.org", &r, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_null(r.found.source);
	ck_assert_int_eq(ph_resolve(down, snapshot, "x@test.org", &r, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	err.kind = PH_ERR_NONE;
	ck_assert_int_eq(ph_resolve(d, NULL, "b@test.org", &r, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_resolution_clear(&r);
	ph_directory_close(&down);
	ph_directory_close(&d);
	ph_snapshot_unref(&snapshot);
}
END_TEST

UNIT_MAIN("lib/directory/resolve", test_verdicts, test_plus, test_long,
	  test_cannot_say)
