#include "lib/directory/expand.h"
#include "lib/directory/members.h"
#include "tests/unit/lib/directory/many.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#define GROUP "|RecipientType=MailUniversalDistributionGroup|Members="
#define BOX "|RecipientType=UserMailbox|Database=DB1"

static const char *const lines[] = {
    "recipient|nuno@test.org" BOX "|PrimarySmtpAddress=Nuno@test.org|"
    "EmailAddresses=n@test.org",
    "recipient|mota@test.org" BOX,
    "recipient|rui@test.org" BOX "|RequireSenderAuthenticationEnabled=true",
    "recipient|on@test.org" BOX "|ForwardingAddress=mota@test.org",
    "recipient|both@test.org" BOX "|ForwardingAddress=mota@test.org|"
    "DeliverToMailboxAndForward=true",
    "recipient|ring1@test.org" BOX "|ForwardingAddress=ring2@test.org",
    "recipient|ring2@test.org" BOX "|ForwardingAddress=ring1@test.org",
    "recipient|lost@test.org" BOX "|ForwardingAddress=gone@test.org",
    "recipient|back@test.org" BOX "|ForwardingAddress=self@test.org",
    "recipient|c@test.org|RecipientType=MailContact|"
    "ExternalEmailAddress=c@outside.test",
    "recipient|d@test.org|RecipientType=MailContact|"
    "ExternalEmailAddress=C@outside.test",
    "recipient|e@test.org|RecipientType=MailContact|"
    "ExternalEmailAddress=mota@test.org",
    "recipient|two1@test.org" BOX "|EmailAddresses=two@test.org",
    "recipient|two2@test.org" BOX "|EmailAddresses=two@test.org",

    "recipient|team@test.org" GROUP
    "n@test.org,inner@test.org,X@else.test,mota@test.org",
    "recipient|inner@test.org" GROUP "mota@test.org,nuno@test.org,im@test.org",
    "recipient|innermost@test.org|RecipientType=MailGroup|"
    "EmailAddresses=im@test.org|Members=team@test.org,both@test.org",
    "recipient|contacts@test.org" GROUP
    "c@test.org,d@test.org,e@test.org,mota@test.org",
    "recipient|forward@test.org" GROUP "on@test.org,both@test.org",
    "recipient|broken@test.org" GROUP
    "ring1@test.org,ring2@test.org,lost@test.org,nobody@test.org,"
    "two@test.org,nuno@test.org",
    "recipient|self@test.org" GROUP "back@test.org",
    "recipient|pair1@test.org" GROUP "pair2@test.org",
    "recipient|pair2@test.org" GROUP "pair1@test.org",
    "recipient|empty@test.org|RecipientType=MailUniversalDistributionGroup",
    "recipient|shut@test.org" GROUP
    "rui@test.org,closed@test.org,nuno@test.org",
    "recipient|closed@test.org" GROUP
    "mota@test.org|RequireSenderAuthenticationEnabled=true",
    "recipient|dynamic@test.org|RecipientType=DynamicDistributionGroup|"
    "RecipientFilter=(x=y)",
    "recipient|bad@test.org|RecipientType=DynamicDistributionGroup|"
    "RecipientFilter=(bad=y)",
    "recipient|mixed@test.org" GROUP
    "dynamic@test.org,manager@test.org,mbx2@test.org,replies@test.org",
    "recipient|manager@test.org" GROUP
    "nuno@test.org|ReportToManagerEnabled=true|ReportToOriginatorEnabled=false",
    "recipient|quiet@test.org" GROUP
    "nuno@test.org|ReportToOriginatorEnabled=false",
    "recipient|mbx2@test.org" GROUP "nuno@test.org|ExpansionServer=MBX2",
    "recipient|replies@test.org" GROUP
    "mota@test.org|SendOofMessageToOriginatorEnabled=true",
    "recipient|worse@test.org" GROUP "bad@test.org,nuno@test.org",
    "recipient|hop@test.org" BOX "|ForwardingAddress=inner@test.org",
    "recipient|hops@test.org" GROUP "hop@test.org",
};

/* ---- a directory that is walked, and asked about all but one ------------ */

struct walked {
	struct ph_directory *people;
	const char *silent; /* an address, folded; NULL: none */
};

static int
walked_find(void *self, const char *address, struct ph_object **entry_r,
	    struct ph_found *found_r, struct ph_err *err)
{
	struct walked *w = self;

	(void)found_r;
	if (w->silent != NULL && strcmp(address, w->silent) == 0)
		return ph_err_set(err, PH_ERR_TEMP, "no answer");
	return ph_directory_find(w->people, address, entry_r, err);
}

/* The filter "bad" is none; another holds three people, not in order. */
static int
walked_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	    void *arg, struct ph_err *err)
{
	static const char *const names[] = {"on@test.org", "nuno@test.org",
					    "c@test.org"};
	struct walked *w = self;

	if (strcmp(ph_object_text(group, "RecipientFilter"), "(bad=y)") == 0)
		return ph_err_set(err, PH_ERR_PERM, "bad filter");
	if (w->silent != NULL && *w->silent == '\0')
		return ph_err_set(err, PH_ERR_TEMP, "no answer");
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		struct ph_object *entry = NULL;
		int r;

		ck_assert_int_eq(
		    ph_directory_find(w->people, names[i], &entry, err), 1);
		r = each(entry, arg, err);
		ph_object_unref(&entry);
		if (r < 0)
			return -1;
	}
	return 0;
}

static void
walked_close(void *self)
{
	struct walked *w = self;

	ph_directory_close(&w->people);
	g_free(w);
}

static const struct ph_directory_ops walked_ops = {
    .name = "walked",
    .find = walked_find,
    .walk = walked_walk,
    .close = walked_close,
};

static void
leave_open(void *self)
{
	(void)self;
}

static const struct ph_directory_ops borrowed_ops = {
    .name = "walked",
    .find = walked_find,
    .walk = walked_walk,
    .close = leave_open,
};

static struct ph_directory *directory, *at_once;
static struct walked *walked;
static struct ph_snapshot *snapshot;
static struct ph_expand_options options;

static void
set_up(void)
{
	struct ph_object *entries[G_N_ELEMENTS(lines)];
	struct ph_object *domain =
	    unit_object_line("domain|test.org|DomainType=Authoritative");

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		entries[i] = unit_object_line(lines[i]);
	walked = g_new0(struct walked, 1);
	walked->people = ph_directory_memory(
	    (const struct ph_object *const *)entries, G_N_ELEMENTS(entries));
	directory = ph_directory_new(&walked_ops, walked);
	at_once = many_over(ph_directory_new(&borrowed_ops, walked), NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		ph_object_unref(&entries[i]);
	snapshot = ph_snapshot_build((const struct ph_object *const *)&domain,
				     1, NULL);
	ph_object_unref(&domain);
	options = (struct ph_expand_options){.directory = directory,
					     .snapshot = snapshot};
}

static void
tear_down(void)
{
	ph_snapshot_unref(&snapshot);
	ph_directory_close(&at_once);
	ph_directory_close(&directory);
}

static int
expand(const char *name, struct ph_expansion **expansion_r, struct ph_err *err)
{
	struct ph_object *group = NULL;
	int r;

	*expansion_r = NULL;
	ck_assert_int_eq(ph_directory_find(walked->people, name, &group, NULL),
			 1);
	r = ph_expand(&options, group, expansion_r, err);
	ph_object_unref(&group);
	return r;
}

/* "fate address from", with a '!' and the code for a refusal, one a line. */
static char *
show(const struct ph_expansion *expansion)
{
	GString *text = g_string_new(NULL);

	for (guint i = 1; i < expansion->members->len; i++) {
		const struct ph_member *m = expansion->members->pdata[i];
		const struct ph_member *from =
		    expansion->members->pdata[m->from];

		g_string_append_printf(text, "%s %s < %.*s",
				       ph_member_fate_name(m->fate), m->address,
				       (int)strcspn(from->address, "@"),
				       from->address);
		if (m->refusal != NULL)
			g_string_append_printf(text, " %.5s%s", m->refusal,
					       m->bare ? " bare" : "");
		g_string_append_c(text, '\n');
	}
	return g_string_free(text, FALSE);
}

static void
check_once(const char *name, const char *want)
{
	struct ph_expansion *expansion = NULL;
	struct ph_err err = PH_ERR_INIT;
	int r = expand(name, &expansion, &err);
	g_autofree char *text = NULL;

	ck_assert_msg(r == 1, "%s: %d %s", name, r, err.text);
	text = show(expansion);
	ck_assert_msg(strcmp(text, want) == 0, "%s:\n%sexpected:\n%s", name,
		      text, want);
	ph_expansion_free(&expansion);
}

/* One by one, and many at once. */
static void
check(const char *name, const char *want)
{
	check_once(name, want);
	options.directory = at_once;
	check_once(name, want);
	options.directory = directory;
}

/* ---- who gets it -------------------------------------------------------- */

START_TEST(test_nested)
{
	set_up();
	check("team@test.org", "recipient Nuno@test.org < team\n"
			       "group inner@test.org < team\n"
			       "recipient X@else.test < team\n"
			       "recipient mota@test.org < team\n"
			       "group im@test.org < inner\n"
			       "recipient both@test.org < im\n");
	check("pair1@test.org", "group pair2@test.org < pair1\n");
	check("empty@test.org", "");
	tear_down();
}
END_TEST

START_TEST(test_contacts_and_forwarding)
{
	set_up();
	check("contacts@test.org", "recipient c@test.org < contacts\n"
				   "passed e@test.org < contacts\n"
				   "recipient mota@test.org < e\n");
	check("forward@test.org", "passed on@test.org < forward\n"
				  "recipient mota@test.org < on\n"
				  "recipient both@test.org < forward\n");
	check("hops@test.org", "passed hop@test.org < hops\n"
			       "group inner@test.org < hop\n"
			       "recipient mota@test.org < inner\n"
			       "recipient Nuno@test.org < inner\n"
			       "group im@test.org < inner\n"
			       "group team@test.org < im\n"
			       "recipient both@test.org < im\n"
			       "recipient X@else.test < team\n");
	tear_down();
}
END_TEST

START_TEST(test_refused_alone)
{
	set_up();
	check("broken@test.org", "passed ring1@test.org < broken\n"
				 "passed ring2@test.org < ring1\n"
				 "refused ring1@test.org < ring2 5.4.6\n"
				 "refused ring2@test.org < ring1 5.4.6\n"
				 "passed lost@test.org < broken\n"
				 "refused gone@test.org < lost 5.1.1\n"
				 "refused nobody@test.org < broken 5.1.1 bare\n"
				 "refused two@test.org < broken 5.1.4 bare\n"
				 "recipient Nuno@test.org < broken\n");
	/* all of it goes in a circle */
	check("self@test.org", "refused back@test.org < self 5.4.6\n");
	tear_down();
}
END_TEST

START_TEST(test_sender_is_asked_about)
{
	struct ph_restrict_sender stranger = {.authenticated = false,
					      .address = ""};

	set_up();
	check("shut@test.org", "recipient rui@test.org < shut\n"
			       "group closed@test.org < shut\n"
			       "recipient Nuno@test.org < shut\n"
			       "recipient mota@test.org < closed\n");
	options.sender = &stranger;
	check("shut@test.org", "refused rui@test.org < shut 5.7.1\n"
			       "refused closed@test.org < shut 5.7.1\n"
			       "recipient Nuno@test.org < shut\n");
	ph_restrict_clear(&stranger);
	tear_down();
}
END_TEST

START_TEST(test_dynamic)
{
	set_up();
	check("dynamic@test.org", "recipient Nuno@test.org < dynamic\n"
				  "recipient c@test.org < dynamic\n"
				  "passed on@test.org < dynamic\n"
				  "recipient mota@test.org < on\n");
	check("worse@test.org", "refused bad@test.org < worse 5.2.4\n"
				"recipient Nuno@test.org < worse\n");
	tear_down();
}
END_TEST

START_TEST(test_apart)
{
	static const char all[] = "group dynamic@test.org < mixed\n"
				  "group manager@test.org < mixed\n"
				  "group mbx2@test.org < mixed\n"
				  "group replies@test.org < mixed\n"
				  "recipient Nuno@test.org < dynamic\n"
				  "recipient c@test.org < dynamic\n"
				  "passed on@test.org < dynamic\n"
				  "recipient mota@test.org < on\n";
	static const char none[] = "apart dynamic@test.org < mixed\n"
				   "apart manager@test.org < mixed\n"
				   "apart mbx2@test.org < mixed\n"
				   "group replies@test.org < mixed\n"
				   "recipient mota@test.org < replies\n";

	set_up();
	check("mixed@test.org", all);
	options.apart = PH_APART_DYNAMIC | PH_APART_REPORTS | PH_APART_SERVER;
	check("mixed@test.org", none);
	options.apart = PH_APART_SERVER;
	options.server = "mbx2";
	check("mixed@test.org", all);
	options.apart = PH_APART_REPLIES | PH_APART_REPORTS;
	check("mixed@test.org", "apart dynamic@test.org < mixed\n"
				"apart manager@test.org < mixed\n"
				"apart mbx2@test.org < mixed\n"
				"group replies@test.org < mixed\n"
				"recipient mota@test.org < replies\n");
	tear_down();
}
END_TEST

START_TEST(test_opened_before)
{
	set_up();
	options.opened = g_hash_table_new(g_str_hash, g_str_equal);
	g_hash_table_add(options.opened, (gpointer) "inner@test.org");
	check("team@test.org", "recipient Nuno@test.org < team\n"
			       "before inner@test.org < team\n"
			       "recipient X@else.test < team\n"
			       "recipient mota@test.org < team\n");
	g_hash_table_unref(options.opened);
	tear_down();
}
END_TEST

/* ---- how many ----------------------------------------------------------- */

START_TEST(test_limit)
{
	struct ph_expansion *expansion = NULL;

	set_up();
	for (options.limit = 1; options.limit <= 4; options.limit++) {
		ck_assert_int_eq(expand("team@test.org", &expansion, NULL),
				 options.limit == 4);
		ck_assert((expansion != NULL) == (options.limit == 4));
	}
	ph_expansion_free(&expansion);
	tear_down();
}
END_TEST

/* Groups one inside the other: g0 holds g1, ..., and the last Nuno. */
static struct ph_directory *
chain(size_t n)
{
	g_autofree struct ph_object **entries = g_new(struct ph_object *, n);
	struct ph_directory *d;

	for (size_t i = 0; i < n; i++) {
		g_autofree char *line = g_strdup_printf(
		    "recipient|g%zu@test.org" GROUP "g%zu@test.org", i, i + 1);

		entries[i] = unit_object_line(line);
	}
	d = ph_directory_memory((const struct ph_object *const *)entries, n);
	for (size_t i = 0; i < n; i++)
		ph_object_unref(&entries[i]);
	return d;
}

START_TEST(test_many_groups)
{
	struct ph_expansion *expansion = NULL;
	struct ph_object *group = NULL;
	struct ph_err err = PH_ERR_INIT;

	set_up();
	options.directory = chain(PH_MEMBERS_GROUPS + 1);
	ck_assert_int_eq(
	    ph_directory_find(options.directory, "g1@test.org", &group, NULL),
	    1);
	ck_assert_int_eq(ph_expand(&options, group, &expansion, &err), 1);
	ph_expansion_free(&expansion);
	ph_object_unref(&group);
	ck_assert_int_eq(
	    ph_directory_find(options.directory, "g0@test.org", &group, NULL),
	    1);
	ck_assert_int_eq(ph_expand(&options, group, &expansion, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_object_unref(&group);
	ph_directory_close(&options.directory);
	tear_down();
}
END_TEST

/* A group of groups with three mailboxes and a contact each, and of n
 * mailboxes. */
static struct ph_directory *
crowd(unsigned groups, unsigned n)
{
	g_autoptr(GPtrArray) entries = g_ptr_array_new();
	g_autoptr(GString) top = g_string_new("recipient|top@test.org" GROUP);
	struct ph_directory *d;

	for (unsigned i = 0; i < groups; i++) {
		g_autofree char *line = g_strdup_printf(
		    "recipient|g%u@test.org" GROUP
		    "p%u@test.org,p%u@test.org,p%u@test.org,c%u@test.org",
		    i, 3 * i, 3 * i + 1, 3 * i + 2, i);
		g_autofree char *contact = g_strdup_printf(
		    "recipient|c%u@test.org|RecipientType=MailContact|"
		    "ExternalEmailAddress=c%u@outside.test",
		    i, i);

		g_ptr_array_add(entries, unit_object_line(line));
		g_ptr_array_add(entries, unit_object_line(contact));
		g_string_append_printf(top, "g%u@test.org,", i);
	}
	for (unsigned i = 0; i < MAX(n, 3 * groups); i++) {
		g_autofree char *name = g_strdup_printf("p%u@test.org", i);

		g_ptr_array_add(entries, people_mailbox(name, ""));
		if (i < n)
			g_string_append_printf(top, "%s,", name);
	}
	g_ptr_array_add(entries, unit_object_line(top->str));
	d = ph_directory_memory((const struct ph_object *const *)entries->pdata,
				entries->len);
	for (guint i = 0; i < entries->len; i++)
		ph_object_unref((struct ph_object **)&entries->pdata[i]);
	return d;
}

START_TEST(test_requests)
{
	static const struct {
		unsigned groups, n, recipients, most;
	} rows[] = {
	    {0, 1000, 1000, 10},
	    {0, 1001, 1001, 11},
	    /* 100 groups, by 20, and 400 in them with where contacts go */
	    {100, 0, 400, 1 + 5 + 2 * 5},
	    {100, 1000, 1100, 1 + 10 + 5 + 2 * 5},
	};

	set_up();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_expansion *expansion = NULL;
		struct ph_object *group = NULL;
		struct many *asked;
		size_t got = 0;

		options.directory =
		    many_over(crowd(rows[i].groups, rows[i].n), &asked);
		ck_assert_int_eq(ph_directory_find(asked->inner, "top@test.org",
						   &group, NULL),
				 1);
		ck_assert_int_eq(ph_expand(&options, group, &expansion, NULL),
				 1);
		for (guint k = 0; k < expansion->members->len; k++) {
			const struct ph_member *m =
			    expansion->members->pdata[k];

			got += m->fate == PH_MEMBER_RECIPIENT;
		}
		ck_assert_uint_eq(got, rows[i].recipients);
		ck_assert_msg(asked->at_once <= rows[i].most,
			      "%zu: %u requests", i, asked->at_once);
		ck_assert_uint_le(asked->alone, 1);
		ph_expansion_free(&expansion);
		ph_object_unref(&group);
		ph_directory_close(&options.directory);
	}
	tear_down();
}
END_TEST

START_TEST(test_cannot_say)
{
	static const struct {
		const char *silent, *group;
		enum ph_err_kind kind;
	} rows[] = {
	    {"mota@test.org", "team@test.org", PH_ERR_TEMP},
	    {"im@test.org", "team@test.org", PH_ERR_TEMP},
	    {"gone@test.org", "broken@test.org", PH_ERR_TEMP},
	    {"", "dynamic@test.org", PH_ERR_TEMP},
	    {"", "mixed@test.org", PH_ERR_TEMP},
	    {NULL, "bad@test.org", PH_ERR_PERM},
	};

	set_up();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_expansion *expansion = NULL;
		struct ph_err err = PH_ERR_INIT;

		walked->silent = rows[i].silent;
		ck_assert_int_eq(expand(rows[i].group, &expansion, &err), -1);
		ck_assert_ptr_null(expansion);
		ck_assert_msg(err.kind == rows[i].kind, "%zu: %s", i, err.text);
		ck_assert_str_ne(err.text, "");
	}
	tear_down();
}
END_TEST

/* ---- by which ways ------------------------------------------------------ */

static char *
show_paths(const struct ph_expansion *expansion, const char *address,
	   size_t limit)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < expansion->members->len; i++) {
		const struct ph_member *m = expansion->members->pdata[i];
		g_autoptr(GPtrArray) paths = NULL;

		if (g_ascii_strcasecmp(m->address, address) != 0)
			continue;
		paths = ph_expansion_paths(expansion, i, limit);
		for (guint k = 0; k < paths->len; k++) {
			const GArray *path = paths->pdata[k];

			for (guint j = 0; j < path->len; j++) {
				const struct ph_member *on =
				    expansion->members
					->pdata[g_array_index(path, guint, j)];

				g_string_append_printf(
				    text, "%s%.*s", j > 0 ? ">" : "",
				    (int)strcspn(on->address, "@"),
				    on->address);
			}
			g_string_append_c(text, ' ');
		}
	}
	return g_string_free(text, FALSE);
}

START_TEST(test_paths)
{
	static const struct {
		const char *address;
		size_t limit;
		const char *want;
	} rows[] = {
	    {"mota@test.org", 10,
	     "team>mota team>inner>mota team>inner>im>both>mota "},
	    {"both@test.org", 10, "team>inner>im>both "},
	    {"nuno@test.org", 1, "team>Nuno "},
	    {"team@test.org", 10, "team "},
	    {"rui@test.org", 10, ""},
	};
	struct ph_expansion *expansion = NULL;

	set_up();
	ck_assert_int_eq(expand("team@test.org", &expansion, NULL), 1);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text =
		    show_paths(expansion, rows[i].address, rows[i].limit);

		ck_assert_str_eq(text, rows[i].want);
	}
	ph_expansion_free(&expansion);
	tear_down();
}
END_TEST

/* ---- what is told ------------------------------------------------------- */

static void
note_step(void *arg, const char *event, const char *from, const char *to)
{
	g_string_append_printf(arg, "%s %s %s\n", event, from, to);
}

static void
note_group(void *arg, const char *event, const char *group,
	   const GPtrArray *members)
{
	g_string_append_printf(arg, "%s %s", event, group);
	for (guint i = 0; i < members->len; i++)
		g_string_append_printf(arg, " %s",
				       (const char *)members->pdata[i]);
	g_string_append_c(arg, '\n');
}

static void
check_told(const char *name, const char *want)
{
	struct ph_expansion *expansion = NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	const struct ph_expansion_notes notes = {note_step, note_group, text};

	ck_assert_int_eq(expand(name, &expansion, NULL), 1);
	ph_expansion_tell(expansion, &notes);
	ck_assert_msg(strcmp(text->str, want) == 0, "%s:\n%sexpected:\n%s",
		      name, text->str, want);
	ph_expansion_free(&expansion);
}

START_TEST(test_told)
{
	set_up();
	check_told("forward@test.org",
		   "REDIRECT on@test.org mota@test.org\n"
		   "DUPLICATEREDIRECT both@test.org mota@test.org\n"
		   "EXPAND forward@test.org on@test.org both@test.org\n");
	check_told("contacts@test.org",
		   "RESOLVE c@test.org c@outside.test\n"
		   "RESOLVE e@test.org mota@test.org\n"
		   "EXPAND contacts@test.org c@test.org e@test.org\n"
		   "DUPLICATEEXPAND contacts@test.org c@test.org "
		   "mota@test.org\n");
	check_told("inner@test.org",
		   "DUPLICATEREDIRECT both@test.org mota@test.org\n"
		   "EXPAND inner@test.org mota@test.org Nuno@test.org "
		   "im@test.org\n"
		   "EXPAND im@test.org team@test.org both@test.org\n"
		   "EXPAND team@test.org X@else.test\n"
		   "DUPLICATEEXPAND team@test.org Nuno@test.org "
		   "inner@test.org mota@test.org\n");
	check_told("empty@test.org", "EXPAND empty@test.org\n");
	tear_down();
}
END_TEST

UNIT_MAIN("lib/directory/expand", test_nested, test_contacts_and_forwarding,
	  test_refused_alone, test_sender_is_asked_about, test_dynamic,
	  test_apart, test_opened_before, test_limit, test_many_groups,
	  test_requests, test_cannot_say, test_paths, test_told)
