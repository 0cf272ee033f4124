#include "lib/directory/dynamic.h"
#include "tests/unit/lib/directory/place.h"

static const char *const lines[] = {
    "ann@t.org|Department=Sales|EmailAddresses=a@t.org",
    "bob@t.org|Department=Sales",
    "cy@t.org|Department=IT",
};

static const char *const groups[] = {
    "recipient|all@t.org|RecipientType=MailGroup|Department=Sales|"
    "Members=A@t.org,cy@t.org,gone@t.org",
    "recipient|other@t.org|RecipientType=DynamicDistributionGroup|"
    "Department=Sales|RecipientFilter=Department -eq 'IT'",
};

static GPtrArray *
entries(void)
{
	GPtrArray *list = g_ptr_array_new();

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_auto(GStrv) parts = g_strsplit(lines[i], "|", 2);
		g_autofree char *more = g_strconcat("|", parts[1], NULL);

		g_ptr_array_add(list, people_mailbox(parts[0], more));
	}
	for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
		g_ptr_array_add(list, unit_object_line(groups[i]));
	return list;
}

static struct ph_object *
dynamic(const char *fields)
{
	g_autofree char *line = g_strconcat(
	    "recipient|sales@t.org|RecipientType=DynamicDistributionGroup|"
	    "Department=Sales",
	    fields, NULL);

	return unit_object_line(line);
}

static const char *
who(struct ph_directory *directory, const char *fields)
{
	struct ph_object *group = dynamic(fields);
	const char *names = people_walk(directory, group);

	ph_object_unref(&group);
	return names;
}

#define FILTER "|RecipientFilter="

static const struct {
	const char *fields, *who;
} rows[] = {
    {FILTER "Department -eq 'Sales'", "ann@t.org bob@t.org"},
    {FILTER "Department -eq 'None'", ""},
    /* No group that was not asked for, and never itself. */
    {FILTER "Alias -ne $null", "ann@t.org bob@t.org cy@t.org"},
    {FILTER "RecipientType -like '*Group'", "all@t.org other@t.org"},
    {"|IncludedRecipients=MailGroups", "all@t.org other@t.org"},
    {FILTER "(&(department=sales)(objectClass=user))", "ann@t.org bob@t.org"},
    {FILTER "MemberOfGroup -eq 'ALL@t.org'", "ann@t.org cy@t.org"},
    {FILTER "-not(MemberOfGroup -eq 'all@t.org')", "bob@t.org"},
    {FILTER "MemberOfGroup -eq 'gone@t.org'", "permanent"},
    {FILTER "MemberOfGroup -eq 'bob@t.org'", "permanent"},
    {FILTER "MemberOfGroup -eq 'other@t.org'", "permanent"},
    {FILTER "(memberOf=CN=All,DC=t,DC=org)", "permanent"},
    {FILTER "Department -eq 'Sales'|RecipientContainer=OU=Sales,DC=t",
     "permanent"},
    {"", "permanent"},
};

START_TEST(test_memory)
{
	g_autoptr(GPtrArray) list = entries();
	struct ph_directory *d = ph_directory_memory(
	    (const struct ph_object *const *)list->pdata, list->len);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_msg(strcmp(who(d, rows[i].fields), rows[i].who) == 0,
			      "%s: %s", rows[i].fields, who(d, rows[i].fields));
	ph_directory_close(&d);
	for (guint i = 0; i < list->len; i++) {
		struct ph_object *entry = list->pdata[i];

		ph_object_unref(&entry);
	}
}
END_TEST

static void
put_entry(struct place *p, struct ph_object *entry)
{
	struct ph_dirwrite *write = begin(p);

	ph_dirfile_round(p->file);
	ck_assert_int_eq(ph_dirwrite_put(write, entry, NULL), 0);
	commit(write);
	ph_object_unref(&entry);
}

START_TEST(test_file)
{
	g_autoptr(GPtrArray) list = entries();
	struct place p;

	place_make(&p);
	place_open(&p);
	for (guint i = 0; i < list->len; i++)
		put_entry(&p, list->pdata[i]);
	ck_assert_str_eq(who(p.directory, rows[0].fields), TEMP);
	put_entry(&p, dynamic(rows[0].fields));
	complete(&p);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_msg(
		    strcmp(who(p.directory, rows[i].fields), rows[i].who) == 0,
		    "%s: %s", rows[i].fields, who(p.directory, rows[i].fields));
	place_free(&p);
}
END_TEST

/* A group that cannot be looked up is an outage, not an empty one. */
START_TEST(test_failing)
{
	struct ph_directory *d = ph_directory_failing(PH_ERR_TEMP, "away");

	ck_assert_str_eq(who(d, rows[0].fields), "temporary");
	ph_directory_close(&d);
}
END_TEST

UNIT_MAIN("lib/directory/dynamic", test_memory, test_file, test_failing)
