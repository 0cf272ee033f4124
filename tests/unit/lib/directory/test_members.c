#include "lib/base/text.h"
#include "lib/directory/entry.h"
#include "lib/directory/members.h"
#include "tests/unit/lib/directory/many.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define GROUP "|RecipientType=MailUniversalDistributionGroup|Members="

static const char *const lines[] = {
    "recipient|nuno@test.org|RecipientType=UserMailbox|Database=DB1|"
    "PrimarySmtpAddress=Nuno@test.org|EmailAddresses=n.mota@test.org",
    "recipient|old@test.org|RecipientType=UserMailbox|Database=DB1|"
    "PrimarySmtpAddress=Piet@test.org|EmailAddresses=p@test.org",
    "recipient|lea@test.org|RecipientType=UserMailbox|Database=DB1|"
    "EmailAddresses=l2@test.org|Title=Chief",
    "recipient|c@test.org|RecipientType=MailContact|"
    "ExternalEmailAddress=c@outside.test",
    "recipient|team@test.org" GROUP "nuno@test.org,inner@test.org,X@else.test",
    "recipient|inner@test.org|RecipientType=MailUniversalSecurityGroup|"
    "Members=c@test.org,im@test.org",
    "recipient|innermost@test.org|RecipientType=MailGroup|"
    "EmailAddresses=im@test.org|Members=p@test.org",
    "recipient|one@test.org" GROUP "two@test.org,one@test.org",
    "recipient|two@test.org" GROUP "One@test.org,lea@test.org",
    "recipient|empty@test.org|RecipientType=MailUniversalDistributionGroup",
    "recipient|all@test.org|RecipientType=DynamicDistributionGroup|"
    "RecipientFilter=Title -eq 'chief'",
    "recipient|strange@test.org|RecipientType=DynamicDistributionGroup|"
    "RecipientFilter=MemberOfGroup -eq 'nobody@test.org'",
    "recipient|mixed@test.org" GROUP "all@test.org,lea@test.org,inner@test.org",
    "recipient|twice@test.org" GROUP
    "nuno@test.org,N.Mota@test.org,NUNO@test.org",
};

static struct ph_directory *
people(void)
{
	struct ph_object *entries[G_N_ELEMENTS(lines)];
	struct ph_directory *d;

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		entries[i] = unit_object_line(lines[i]);
	d = ph_directory_memory((const struct ph_object *const *)entries,
				G_N_ELEMENTS(entries));
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		ph_object_unref(&entries[i]);
	return d;
}

/* ---- a directory that does not answer about everybody ------------------- */

struct trouble {
	struct ph_directory *people;
	const char *about; /* one address, folded; NULL: none */
	int good;	   /* so many times it is answered */
	int answer;	   /* and then this is: 0, or -1 */
};

static int
trouble_find(void *self, const char *address, struct ph_object **entry_r,
	     struct ph_found *found_r, struct ph_err *err)
{
	struct trouble *t = self;

	(void)found_r;
	if (t->about == NULL || strcmp(address, t->about) != 0 || t->good-- > 0)
		return ph_directory_find(t->people, address, entry_r, err);
	return t->answer < 0 ? ph_err_set(err, PH_ERR_TEMP, "no answer") : 0;
}

static void
trouble_close(void *self)
{
	struct trouble *t = self;

	ph_directory_close(&t->people);
	g_free(t);
}

static const struct ph_directory_ops trouble_ops = {
    .name = "trouble",
    .find = trouble_find,
    .close = trouble_close,
};

static struct ph_directory *
people_without(const char *about, int good, int answer)
{
	struct trouble *t = g_new0(struct trouble, 1);

	t->people = people();
	t->about = about;
	t->good = good;
	t->answer = answer;
	return ph_directory_new(&trouble_ops, t);
}

/* ---- is somebody in it? ------------------------------------------------- */

/* All addresses of somebody, folded. 0 or -1. */
static int
all_addresses(struct ph_directory *directory, const char *address,
	      GPtrArray *wanted, struct ph_err *err)
{
	struct ph_object *entry = NULL;
	g_autoptr(GPtrArray) owned = NULL;

	g_ptr_array_add(wanted, ph_fold(address));
	if (ph_directory_find(directory, address, &entry, err) < 0)
		return ph_err_wrap(err, "<%s>", address);
	if (entry == NULL)
		return 0;
	owned = ph_entry_addresses(entry);
	for (guint i = 0; i < owned->len; i++)
		g_ptr_array_add(wanted, g_strdup(owned->pdata[i]));
	ph_object_unref(&entry);
	return 0;
}

static int
is_in_any(struct ph_directory *directory, const char *const *groups,
	  const char *address, struct ph_err *err)
{
	g_autoptr(GPtrArray) wanted = g_ptr_array_new_with_free_func(g_free);
	struct ph_member_search *search;
	int r;

	if (*address == '\0')
		return 0;
	if (all_addresses(directory, address, wanted, err) < 0)
		return -1;
	search = ph_member_search_new(directory, groups);
	r = ph_member_search_has(search, wanted, err);
	ph_member_search_free(search);
	return r;
}

static int
ask(struct ph_directory *d, const char *groups, const char *address,
    struct ph_err *err)
{
	g_auto(GStrv) list = g_strsplit(groups, " ", -1);

	return is_in_any(d, (const char *const *)list, address, err);
}

/* Takes d. */
static void
check_of_any(struct ph_directory *d)
{
	static const struct {
		const char *groups, *address;
		int want;
	} rows[] = {
	    {"team@test.org", "nuno@test.org", 1},
	    {"TEAM@test.org", "Nuno@Test.org", 1},
	    {"team@test.org", "n.mota@test.org", 1},
	    {"team@test.org", "x@ELSE.test", 1},
	    {"team@test.org", "lea@test.org", 0},
	    {"team@test.org", "", 0},
	    /* groups inside, also under another address, and members as well */
	    {"team@test.org", "c@test.org", 1},
	    {"team@test.org", "piet@test.org", 1},
	    {"team@test.org", "old@test.org", 1},
	    {"im@test.org", "p@test.org", 1},
	    {"team@test.org", "inner@test.org", 1},
	    {"team@test.org", "innermost@test.org", 1},
	    {"team@test.org", "team@test.org", 0},
	    {"inner@test.org", "nuno@test.org", 0},
	    /* where the mail of a contact goes is not in the group */
	    {"inner@test.org", "c@outside.test", 0},
	    /* groups that hold each other */
	    {"one@test.org", "lea@test.org", 1},
	    {"one@test.org", "nuno@test.org", 0},
	    {"one@test.org two@test.org one@test.org", "nuno@test.org", 0},
	    {"one@test.org", "one@test.org", 1},
	    /* several, none, and what is no group */
	    {"empty@test.org", "nuno@test.org", 0},
	    {"gone@test.org", "nuno@test.org", 0},
	    {"nuno@test.org", "nuno@test.org", 0},
	    {"", "nuno@test.org", 0},
	    {"gone@test.org empty@test.org team@test.org", "nuno@test.org", 1},
	    {"inner@test.org two@test.org", "nuno@test.org", 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_err err = PH_ERR_INIT;
		int r = ask(d, rows[i].groups, rows[i].address, &err);

		ck_assert_msg(r == rows[i].want, "\"%s\" in \"%s\": %d %s",
			      rows[i].address, rows[i].groups, r, err.text);
	}
	ph_directory_close(&d);
}

START_TEST(test_of_any)
{
	check_of_any(people());
	check_of_any(many_over(people(), NULL));
}
END_TEST

START_TEST(test_no_groups)
{
	static const char *const none[] = {NULL};
	struct ph_directory *d = people();

	ck_assert_int_eq(is_in_any(d, none, "nuno@test.org", NULL), 0);
	ph_directory_close(&d);
}
END_TEST

/* Takes d. */
static void
check_dynamic(struct ph_directory *d)
{
	static const struct {
		const char *groups, *address;
		int want;
	} rows[] = {
	    {"all@test.org", "lea@test.org", 1},
	    {"all@test.org", "L2@test.org", 1},
	    {"all@test.org", "nuno@test.org", 0},
	    {"mixed@test.org", "lea@test.org", 1},
	    {"mixed@test.org", "c@test.org", 1},
	    {"mixed@test.org", "all@test.org", 1},
	    {"mixed@test.org", "nuno@test.org", 0},
	    {"strange@test.org", "nuno@test.org", -1},
	    {"strange@test.org team@test.org", "nuno@test.org", 1},
	    {"strange@test.org team@test.org", "lea@test.org", -1},
	    {"strange@test.org", "", 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_err err = PH_ERR_INIT;
		int r = ask(d, rows[i].groups, rows[i].address, &err);

		ck_assert_msg(r == rows[i].want, "\"%s\" in \"%s\": %d",
			      rows[i].address, rows[i].groups, r);
		if (r < 0) {
			ck_assert_int_eq(err.kind, PH_ERR_PERM);
			ck_assert_ptr_nonnull(
			    strstr(err.text, "<strange@test.org>"));
		}
	}
	ph_directory_close(&d);
}

START_TEST(test_dynamic)
{
	check_dynamic(people());
	check_dynamic(many_over(people(), NULL));
}
END_TEST

/* One yes is enough, whatever else cannot be said. */
START_TEST(test_some_fail)
{
	static const struct {
		const char *about;
		int good;
		const char *groups, *address;
		int want;
	} rows[] = {
	    {"nuno@test.org", 0, "team@test.org", "nuno@test.org", -1},
	    {"gone@test.org", 0, "gone@test.org", "nuno@test.org", -1},
	    {"gone@test.org", 0, "gone@test.org team@test.org", "nuno@test.org",
	     1},
	    {"gone@test.org", 0, "gone@test.org inner@test.org",
	     "nuno@test.org", -1},
	    {"team@test.org", 0, "inner@test.org team@test.org", "c@test.org",
	     1},
	    /* a member */
	    {"x@else.test", 0, "team@test.org", "nuno@test.org", 1},
	    {"x@else.test", 0, "team@test.org", "lea@test.org", -1},
	    {"x@else.test", 0, "team@test.org", "c@test.org", 1},
	    {"nuno@test.org", 0, "team@test.org", "c@test.org", 1},
	    {"nuno@test.org", 0, "team@test.org", "piet@test.org", 1},
	    {"nuno@test.org", 0, "team@test.org two@test.org", "lea@test.org",
	     1},
	    /* a group inside, when it is found to be one and when it is opened
	     */
	    {"inner@test.org", 0, "team@test.org", "c@test.org", -1},
	    {"inner@test.org", 1, "team@test.org", "c@test.org", -1},
	    {"inner@test.org", 2, "team@test.org", "c@test.org", 1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_directory *d =
		    people_without(rows[i].about, rows[i].good, -1);
		struct ph_err err = PH_ERR_INIT;
		int r = ask(d, rows[i].groups, rows[i].address, &err);

		ck_assert_msg(r == rows[i].want, "%zu: \"%s\" in \"%s\": %d", i,
			      rows[i].address, rows[i].groups, r);
		if (r < 0) {
			ck_assert_int_eq(err.kind, PH_ERR_TEMP);
			ck_assert_ptr_nonnull(
			    strcasestr(err.text, rows[i].about));
		}
		ph_directory_close(&d);
	}
}
END_TEST

START_TEST(test_all_fail)
{
	struct ph_directory *d = ph_directory_failing(PH_ERR_TEMP, "down");
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ask(d, "team@test.org", "nuno@test.org", &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_int_eq(ask(d, "team@test.org", "nuno@test.org", NULL), -1);
	ck_assert_int_eq(ask(d, "team@test.org", "", NULL), 0);
	ph_directory_close(&d);
}
END_TEST

/* Groups one inside the other: g1 holds g2, ..., and the last somebody. */
static struct ph_directory *
chain(size_t n)
{
	g_autofree struct ph_object **entries = g_new(struct ph_object *, n);
	struct ph_directory *d;

	for (size_t i = 0; i < n; i++) {
		g_autofree char *line =
		    i + 1 < n ? g_strdup_printf("recipient|g%zu@test.org" GROUP
						"g%zu@test.org",
						i, i + 1)
			      : g_strdup_printf("recipient|g%zu@test.org" GROUP
						"nuno@test.org",
						i);

		entries[i] = unit_object_line(line);
	}
	d = ph_directory_memory((const struct ph_object *const *)entries, n);
	for (size_t i = 0; i < n; i++)
		ph_object_unref(&entries[i]);
	return d;
}

START_TEST(test_too_many)
{
	struct ph_directory *d = chain(PH_MEMBERS_GROUPS);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ask(d, "g0@test.org", "nuno@test.org", NULL), 1);
	ph_directory_close(&d);
	d = chain(PH_MEMBERS_GROUPS + 1);
	ck_assert_int_eq(ask(d, "g1@test.org", "nuno@test.org", NULL), 1);
	ck_assert_int_eq(ask(d, "g0@test.org", "nuno@test.org", &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_directory_close(&d);
}
END_TEST

static struct ph_directory *
crowd(unsigned groups, unsigned each)
{
	g_autoptr(GPtrArray) entries = g_ptr_array_new();
	g_autoptr(GString) top = g_string_new("recipient|top@test.org" GROUP);
	struct ph_directory *d;

	for (unsigned i = 0; i < groups; i++) {
		g_autoptr(GString) line = g_string_new(NULL);

		g_string_printf(line, "recipient|g%u@test.org" GROUP, i);
		for (unsigned k = 0; k < each; k++) {
			g_autofree char *name =
			    g_strdup_printf("p%u@test.org", i * each + k);

			g_string_append_printf(line, "%s%s", k > 0 ? "," : "",
					       name);
			g_ptr_array_add(entries, people_mailbox(name, ""));
		}
		g_ptr_array_add(entries, unit_object_line(line->str));
		g_string_append_printf(top, "%sg%u@test.org", i > 0 ? "," : "",
				       i);
	}
	g_ptr_array_add(entries, unit_object_line(top->str));
	d = ph_directory_memory((const struct ph_object *const *)entries->pdata,
				entries->len);
	for (guint i = 0; i < entries->len; i++)
		ph_object_unref((struct ph_object **)&entries->pdata[i]);
	return d;
}

/* Level by level, not one by one. */
START_TEST(test_requests)
{
	struct many *counts;
	struct ph_directory *d = many_over(crowd(200, 3), &counts);

	ck_assert_int_eq(ask(d, "top@test.org", "nobody@test.org", NULL), 0);
	ck_assert_uint_le(counts->alone, 2);
	/* 200 groups in the one, these opened, and 600 in them */
	ck_assert_uint_le(counts->at_once, 2 + 10 + 6);
	ck_assert_int_eq(ask(d, "top@test.org", "p599@test.org", NULL), 1);
	ph_directory_close(&d);
}
END_TEST

/* Where many would have to be looked at, the directory may know better. */
START_TEST(test_excluded)
{
	static const struct {
		unsigned each;
		int excludes;
		const char *address;
		int want;
		unsigned excluded, at_most;
	} rows[] = {
	    {1001, 1, "nobody@test.org", 0, 1, 1},
	    {1001, 0, "nobody@test.org", 0, 1, 12},
	    {1001, -1, "nobody@test.org", 0, 1, 12},
	    {1001, 0, "p1000@test.org", 1, 0, 1},
	    {1000, 1, "nobody@test.org", 0, 0, 11},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct many *counts;
		struct ph_directory *d =
		    many_over(crowd(1, rows[i].each), &counts);

		counts->excludes = rows[i].excludes;
		ck_assert_int_eq(ask(d, "top@test.org", rows[i].address, NULL),
				 rows[i].want);
		ck_assert_uint_eq(counts->excluded, rows[i].excluded);
		ck_assert_msg(counts->at_once <= rows[i].at_most, "%zu: %u", i,
			      counts->at_once);
		ph_directory_close(&d);
	}
}
END_TEST

/* Who asks about many gets all by looking at the members. */
START_TEST(test_excluded_for_few)
{
	static const char *const groups[] = {"top@test.org", NULL};
	struct many *counts;
	struct ph_directory *d = many_over(crowd(1, 2000), &counts);
	struct ph_member_search *search = ph_member_search_new(d, groups);

	counts->excludes = 1;
	for (unsigned i = 0; i < 50; i++) {
		g_autoptr(GPtrArray) one =
		    g_ptr_array_new_with_free_func(g_free);

		g_ptr_array_add(one, g_strdup_printf("x%u@test.org", i));
		ck_assert_int_eq(ph_member_search_has(search, one, NULL), 0);
	}
	ck_assert_uint_eq(counts->excluded, 10);
	ck_assert_uint_eq(counts->at_once, 20);
	ph_member_search_free(search);
	ph_directory_close(&d);
}
END_TEST

/* What cannot be said stays so. */
START_TEST(test_not_excluded_after_failure)
{
	struct many *counts;
	struct trouble *t = g_new0(struct trouble, 1);
	struct ph_directory *d;
	struct ph_err err = PH_ERR_INIT;

	t->people = crowd(1, 1001);
	t->about = "gone@test.org";
	t->answer = -1;
	d = many_over(ph_directory_new(&trouble_ops, t), &counts);
	counts->excludes = 1;
	ck_assert_int_eq(
	    ask(d, "gone@test.org top@test.org", "nobody@test.org", &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_uint_eq(counts->excluded, 0);
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_is_group)
{
	static const struct {
		const char *type;
		bool want;
	} rows[] = {
	    {"MailUniversalDistributionGroup", true},
	    {"mailuniversalsecuritygroup", true},
	    {"DynamicDistributionGroup", true},
	    {"MailGroup", true},
	    {"UserMailbox|Database=DB1", false},
	    {"MailUser|ExternalEmailAddress=a@else.test", false},
	    {"MailContact|ExternalEmailAddress=a@else.test", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *line = g_strconcat(
		    "recipient|a@test.org|RecipientType=", rows[i].type, NULL);
		struct ph_object *entry = unit_object_line(line);

		ck_assert_msg(ph_entry_is_group(entry) == rows[i].want, "%s",
			      rows[i].type);
		ph_object_unref(&entry);
	}
}
END_TEST

UNIT_MAIN("lib/directory/members", test_of_any, test_no_groups, test_dynamic,
	  test_some_fail, test_all_fail, test_too_many, test_is_group,
	  test_requests, test_excluded, test_excluded_for_few,
	  test_not_excluded_after_failure)
