#include "lib/directory/send_as.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define MAILBOX "|RecipientType=UserMailbox|Database=DB1"
#define GROUP "|RecipientType=MailUniversalSecurityGroup"

static const char *const people[] = {
    "recipient|ana@t.org" MAILBOX "|PrimarySmtpAddress=Ana@t.org"
    "|EmailAddresses=a@old.test|UserLogonName=ana.lima",
    "recipient|rui@t.org" MAILBOX,
    "recipient|eva@t.org" MAILBOX "|UserLogonName=CORP-eva",
    "recipient|two@t.org" MAILBOX "|UserLogonName=x\ny z",
    "recipient|desk@t.org" GROUP "|Members=a@old.test,inner@t.org",
    "recipient|inner@t.org" GROUP "|Members=eva@t.org,far@far.test",
    "recipient|dyn@t.org|RecipientType=DynamicDistributionGroup|"
    "RecipientFilter=UserLogonName -eq 'CORP-eva'",
    "recipient|info@t.org" MAILBOX "|SendAs=rui@t.org,nobody@t.org",
    "recipient|help@t.org" MAILBOX "|SendAs=desk@t.org",
    "recipient|boss@t.org" MAILBOX "|GrantSendOnBehalfTo=rui@t.org",
    "recipient|chief@t.org" MAILBOX "|GrantSendOnBehalfTo=desk@t.org",
    "recipient|odd@t.org" MAILBOX "|SendAs=dyn@t.org,rui@t.org"
    "|GrantSendOnBehalfTo=ana@t.org",
    "recipient|crowd@t.org" MAILBOX "|SendAs=many@t.org",
};

struct org {
	struct ph_snapshot *snapshot;
	struct ph_directory *directory, *down;
};

/* One member more than are looked at one by one; the last is eva. */
static struct ph_object *
make_many(void)
{
	g_autoptr(GString) line =
	    g_string_new("recipient|many@t.org" GROUP "|Members=eva@t.org");

	for (int i = 0; i < PH_SEND_AS_MEMBERS; i++)
		g_string_append_printf(line, ",m%d@t.org", i);
	return unit_object_line(line->str);
}

static void
org_open(struct org *org)
{
	struct ph_object *made[G_N_ELEMENTS(people) + 1];

	struct ph_object *domain =
	    unit_object_line("domain|t.org|Default=true");

	org->snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)&domain, 1, NULL);
	ph_object_unref(&domain);
	for (size_t i = 0; i < G_N_ELEMENTS(people); i++)
		made[i] = unit_object_line(people[i]);
	made[G_N_ELEMENTS(people)] = make_many();
	org->directory = ph_directory_memory(
	    (const struct ph_object *const *)made, G_N_ELEMENTS(made));
	org->down = ph_directory_failing(PH_ERR_PERM, "down");
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
}

static void
org_close(struct org *org)
{
	ph_directory_close(&org->directory);
	ph_directory_close(&org->down);
	ph_snapshot_unref(&org->snapshot);
}

/* ---- who is asked about ------------------------------------------------- */

/* Separated by commas; NULL: there is no such field. */
static GPtrArray *
addresses(const char *field)
{
	g_auto(GStrv) words = NULL;
	GPtrArray *list;

	if (field == NULL)
		return NULL;
	words = g_strsplit(field, ",", -1);
	list = g_ptr_array_new_with_free_func(g_free);
	for (char **word = words; *word != NULL; word++)
		g_ptr_array_add(list, g_strdup(*word));
	return list;
}

/* "ok", "temporary", "Field: address" or "Field: nobody". */
static char *
answer(const struct ph_send_as *who, const char *from, const char *sender)
{
	g_autoptr(GPtrArray) froms = addresses(from);
	g_autoptr(GPtrArray) senders = addresses(sender);
	struct ph_send_as_no no;
	struct ph_err err = PH_ERR_INIT;
	int r = ph_send_as_check(who, froms, senders, &no, &err);

	if (r == 0)
		return g_strconcat(no.field, ": ",
				   no.address != NULL ? no.address : "nobody",
				   NULL);
	if (r < 0)
		ck_assert_str_ne(err.text, "");
	return g_strdup(r == 1 ? "ok" : ph_err_kind_name(err.kind));
}

START_TEST(test_login)
{
	static const struct {
		const char *login, *from, *sender, *answer;
	} rows[] = {
	    /* His own, under any address and however he logs in. */
	    {"ana@t.org", "ANA@t.org", NULL, "ok"},
	    {"ana", "a@old.test", NULL, "ok"},
	    {"ana.lima", "ana@t.org", NULL, "ok"},
	    {"corp-EVA", "eva@t.org", NULL, "ok"},
	    {"Corp\\ANA.Lima", "ana@t.org", NULL, "ok"},
	    {"CORP\\ana", "a@old.test", NULL, "ok"},
	    {"X", "two@t.org", NULL, "ok"},
	    {"CORP\\x", "two@t.org", NULL, "ok"},
	    {"x@corp.local", "two@t.org", NULL, "From: two@t.org"},
	    /* What is in front of an address is part of it. */
	    {"CORP\\ana@t.org", "ana@t.org", NULL, "From: ana@t.org"},
	    {"\\ana.lima", "ana@t.org", NULL, "From: ana@t.org"},
	    {"CORP\\", "ana@t.org", NULL, "From: ana@t.org"},
	    {"a@old.test", "ana@t.org", NULL, "ok"},
	    {"a", "ana@t.org", NULL, "From: ana@t.org"},
	    {"y z", "two@t.org", NULL, "ok"},
	    {"ana", "ana@t.org", "ana@t.org", "ok"},
	    {"ana", NULL, NULL, "ok"},
	    /* Somebody else's, or nobody's. */
	    {"ana", "rui@t.org", NULL, "From: rui@t.org"},
	    {"ana", "ana@t.org,rui@t.org", NULL, "From: rui@t.org"},
	    {"ana", "ana@t.org", "rui@t.org", "Sender: rui@t.org"},
	    {"ana", "ana@gmail.test", NULL, "From: ana@gmail.test"},
	    {"nobody", "nobody@t.org", NULL, "From: nobody@t.org"},
	    {"ana", "ana", NULL, "From: ana"},
	    {"ana", "", NULL, "From: nobody"},
	    {"ana", "ana@t.org", "", "Sender: nobody"},
	    /* SendAs. */
	    {"rui", "info@t.org", NULL, "ok"},
	    {"rui", "info@t.org", "info@t.org", "ok"},
	    {"nobody", "info@t.org", NULL, "ok"},
	    {"ana", "info@t.org", NULL, "From: info@t.org"},
	    {"ana", "help@t.org", NULL, "ok"},
	    {"eva", "help@t.org", NULL, "ok"},
	    {"CORP-eva", "help@t.org", NULL, "ok"},
	    {"far@far.test", "help@t.org", NULL, "ok"},
	    {"rui", "help@t.org", NULL, "From: help@t.org"},
	    {"ana.lime", "help@t.org", NULL, "From: help@t.org"},
	    /* On behalf: Sender must say who it was. */
	    {"rui", "boss@t.org", "rui@t.org", "ok"},
	    {"rui", "boss@t.org", NULL, "From: boss@t.org"},
	    {"rui", "boss@t.org", "boss@t.org", "Sender: boss@t.org"},
	    {"rui", "boss@t.org", "info@t.org", "ok"},
	    {"ana", "boss@t.org", "ana@t.org", "From: boss@t.org"},
	    {"eva", "chief@t.org", "eva@t.org", "ok"},
	    {"CORP-eva", "chief@t.org", "eva@t.org", "ok"},
	    /* What cannot be said is no refusal; a yes is one all the same. */
	    {"eva", "odd@t.org", NULL, "ok"},
	    {"ana.lima", "odd@t.org", NULL, "From: odd@t.org"},
	    {"rui", "odd@t.org", NULL, "ok"},
	    {"ana", "odd@t.org", "ana@t.org", "ok"},
	    {"ana", "ana@t.org,odd@t.org", NULL, "From: odd@t.org"},
	    /* A large group, whose members are known by address alone. */
	    {"eva", "crowd@t.org", NULL, "ok"},
	    {"m7", "crowd@t.org", NULL, "temporary"},
	    {"rui", "crowd@t.org", NULL, "From: crowd@t.org"},
	};
	struct org org;

	org_open(&org);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_send_as who;
		g_autofree char *is = NULL;

		ck_assert_int_eq(ph_send_as_login(org.directory, org.snapshot,
						  rows[i].login, &who, NULL),
				 0);
		is = answer(&who, rows[i].from, rows[i].sender);
		ck_assert_msg(strcmp(is, rows[i].answer) == 0,
			      "row %zu: %s as %s: %s", i, rows[i].login,
			      rows[i].from, is);
		ph_send_as_clear(&who);
	}
	org_close(&org);
}
END_TEST

START_TEST(test_owner)
{
	g_autoptr(GPtrArray) owned = addresses("rui@t.org,r@old.test");
	struct ph_send_as who;
	g_autofree char *own = NULL, *given = NULL, *other = NULL;
	struct org org;

	org_open(&org);
	ph_send_as_owner(org.directory, org.snapshot, owned, &who);
	own = answer(&who, "rui@t.org", NULL);
	given = answer(&who, "info@t.org", NULL);
	other = answer(&who, "help@t.org", NULL);
	ck_assert_str_eq(own, "ok");
	ck_assert_str_eq(given, "ok");
	ck_assert_str_eq(other, "From: help@t.org");
	ph_send_as_clear(&who);
	org_close(&org);
}
END_TEST

START_TEST(test_down)
{
	g_autoptr(GHashTable) logins =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct ph_send_as who;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *is = NULL;
	struct org org;

	org_open(&org);
	ck_assert_int_eq(
	    ph_send_as_login(org.down, org.snapshot, "ana", &who, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_null(who.names);
	ck_assert_int_eq(
	    ph_send_as_login(org.directory, org.snapshot, "ana", &who, &err),
	    0);
	who.directory = org.down;
	is = answer(&who, "ana@t.org", NULL);
	ck_assert_str_eq(is, "temporary");
	ph_send_as_clear(&who);
	ck_assert_int_eq(ph_send_as_logins(org.down, org.snapshot, "ana@t.org",
					   logins, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	org_close(&org);
}
END_TEST

/* The names, sorted; "-" nobody has it; "temporary". */
static char *
ask_logins(const struct org *org, const char *address)
{
	g_autoptr(GHashTable) logins =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GList) names = NULL;
	struct ph_err err = PH_ERR_INIT;
	int r = ph_send_as_logins(org->directory, org->snapshot, address,
				  logins, &err);

	if (r < 0)
		return g_strdup(ph_err_kind_name(err.kind));
	if (r == 0)
		return g_strdup("-");
	names =
	    g_list_sort(g_hash_table_get_keys(logins), (GCompareFunc)strcmp);
	for (const GList *name = names; name != NULL; name = name->next)
		g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "",
				       (const char *)name->data);
	return g_strdup(out->str);
}

START_TEST(test_logins)
{
	static const char *const rows[][2] = {
	    {"ANA@t.org", "a@old.test ana ana.lima ana@t.org"},
	    {"a@old.test", "a@old.test ana ana.lima ana@t.org"},
	    {"info@t.org", "info info@t.org nobody nobody@t.org rui rui@t.org"},
	    {"help@t.org",
	     "a@old.test ana ana.lima ana@t.org corp-eva eva eva@t.org "
	     "far@far.test help help@t.org"},
	    {"boss@t.org", "boss boss@t.org"},
	    {"odd@t.org", "corp-eva eva eva@t.org odd odd@t.org rui rui@t.org"},
	    {"crowd@t.org", "temporary"},
	    {"none@t.org", "-"},
	};
	struct org org;

	org_open(&org);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *is = ask_logins(&org, rows[i][0]);

		ck_assert_msg(strcmp(is, rows[i][1]) == 0, "%s: %s", rows[i][0],
			      is);
	}
	org_close(&org);
}
END_TEST

UNIT_MAIN("lib/directory/send_as", test_login, test_owner, test_down,
	  test_logins)
