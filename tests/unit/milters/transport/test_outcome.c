#include "lib/fork/plan.h"
#include "lib/routing/topology.h"
#include "milters/transport/outcome.h"
#include "milters/transport/rules/names.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

/* What becomes of a message after the rules: copies as the rules left them, and
 * what the MTA is told. */
static const struct ph_derive derive[] = {
    [PH_DERIVED_TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free,
			     NULL},
    [PH_DERIVED_RULES] = {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
    [PH_DERIVED] = {NULL, NULL, NULL, NULL},
};

static const struct {
	const char *kind, *name;
	struct ph_pair pairs[4];
} objects[] = {
    {"site", "S1", {{NULL, NULL}}},
    {"domain", "a.test", {{"DomainType", "Authoritative"}}},
    {"server",
     "MBX2",
     {{"Fqdn", "mbx2.a.test"},
      {"Site", "S1"},
      {"Transport", "192.0.2.2:2525"}}},
    {"sendconnector",
     "Internet",
     {{"AddressSpaces", "*"}, {"SmartHosts", "out.test"}, {NULL, NULL}}},
    {"sendconnector",
     "Sized",
     {{"AddressSpaces", "sized.test"},
      {"MaxMessageSize", "1000"},
      {NULL, NULL}}},
    {"sendconnector",
     "Bank",
     {{"AddressSpaces", "bank.test"},
      {"SmartHosts", "bank.test"},
      {"MaxMessageSize", "1MB"}}},
    {"remotedomain",
     "quiet.test",
     {{"AutoReplyEnabled", "false"}, {NULL, NULL}}},
    {"remotedomain",
     "*.away.test",
     {{"AllowedOOFType", "None"}, {"AutoForwardEnabled", "false"}}},
    /* A mailbox behind a link that takes little. */
    {"site", "S2", {{NULL, NULL}}},
    {"sitelink",
     "S1-S2",
     {{"Sites", "S1,S2"}, {"MaxMessageSize", "64KB"}, {NULL, NULL}}},
    {"server", "MBX3", {{"Site", "S2"}, {"Transport", "192.0.2.3:2525"}}},
    {"database", "DB2", {{"Active", "MBX3"}, {NULL, NULL}}},
};

static struct ph_client client = {
    .name = (char[]){"c.test"},
    .address = (char[]){"203.0.113.5"},
    .helo = (char[]){""},
    .server_address = (char[]){""},
};

static char *dir, *plans_dir;
static struct ph_transport transport;

static void
set_up(void)
{
	struct ph_err err = PH_ERR_INIT;

	dir = unit_mkdir();
	plans_dir = g_build_filename(dir, "forks", NULL);
	transport = (struct ph_transport){
	    .server = "MBX2",
	    .report_to_strangers = true,
	};
	ck_assert_msg(ph_plans_open(plans_dir, &transport.plans, &err) == 0,
		      "%s", err.text);
}

static void
tear_down(void)
{
	ph_plans_close(&transport.plans);
	g_clear_pointer(&plans_dir, g_free);
	unit_rmdir(&dir);
}

static struct ph_object *
parse(const char *kind, const char *name, const struct ph_pair *pairs, size_t n)
{
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;
	size_t used = 0;

	while (used < n && pairs[used].field != NULL)
		used++;
	ck_assert_msg(ph_object_parse(ph_kind_find(kind), name, pairs, used,
				      &object, &err) == 0,
		      "%s", err.text);
	return object;
}

static struct ph_snapshot *
make_snapshot(void)
{
	struct ph_object *made[G_N_ELEMENTS(objects)];
	struct ph_snapshot *snapshot;

	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++)
		made[i] = parse(objects[i].kind, objects[i].name,
				objects[i].pairs, 3);
	snapshot = ph_snapshot_build((const struct ph_object *const *)made,
				     G_N_ELEMENTS(made), derive);
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
	return snapshot;
}

/* u@a.test has a mailbox here, v@a.test one in the other site. */
static struct ph_directory *
make_directory(void)
{
	static const struct {
		const char *address;
		struct ph_pair pairs[2];
	} rows[] = {
	    {"u@a.test",
	     {{"RecipientType", "UserMailbox"}, {"Database", "DB1"}}},
	    {"v@a.test",
	     {{"RecipientType", "UserMailbox"}, {"Database", "DB2"}}},
	};
	struct ph_object *made[G_N_ELEMENTS(rows)];
	struct ph_directory *directory;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		made[i] = parse("recipient", rows[i].address, rows[i].pairs, 2);
	directory = ph_directory_memory((const struct ph_object *const *)made,
					G_N_ELEMENTS(made));
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
	return directory;
}

/* A message, and a directory of plans for it. */
static struct ph_mail *
make_mail(const char *sender)
{
	struct ph_mail *mail = ph_mail_new(&client, sender);

	set_up();
	mail->snapshot = make_snapshot();
	mail->directory = make_directory();
	g_free(mail->queue_id);
	mail->queue_id = g_strdup("Q1");
	mail->size = 1000;
	g_strlcpy(mail->nmid, "0d28a029-f4ac-4bc3-b9d4-1ef7626de61e",
		  sizeof(mail->nmid));
	ph_headers_add(mail->headers, "Message-ID", "<1@b.test>");
	ph_headers_add(mail->headers, "Subject", "hello");
	return mail;
}

static void
mail_clear(struct ph_mail **mail)
{
	ph_directory_close(&(*mail)->directory);
	ph_mail_free(mail);
	tear_down();
}

/* A run that has made no copies yet; the message is the first. */
static struct ph_rules_result
make_result(struct ph_mail *mail)
{
	struct ph_rules_result result;

	ph_rules_result_init(&result, mail);
	result.before = ph_headers_copy(mail->headers);
	return result;
}

/* "a!": the sender is told that it gets the message; "a-": so it was, but it
 * was sent away since. */
static void
add_recipients(struct ph_mail *mail, const char *addresses)
{
	g_auto(GStrv) words = g_strsplit(addresses, " ", -1);

	for (char **word = words; *word != NULL; word++) {
		bool away = g_str_has_suffix(*word, "-");
		bool tell = away || g_str_has_suffix(*word, "!");
		g_autofree char *address =
		    g_strndup(*word, strlen(*word) - tell);
		struct ph_recipient *r =
		    ph_mail_add_recipient(mail, address, NULL);

		r->tell_sender = tell;
		r->removed = away;
	}
}

/* ---- what is seen at the end ----------------------------------------------
 */

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "#0" for the token of the first group. */
static char *
name_of(const struct ph_recipient *r)
{
	const char *at = strstr(r->address, "@" PH_FORK_DOMAIN);

	if (at == NULL)
		return g_strdup(r->address);
	ck_assert_ptr_null(r->given);
	while (at > r->address && at[-1] != '.')
		at--;
	return g_strdup_printf("#%c", *at);
}

/* Those that the message goes on to, sorted. */
static char *
going_of(const struct ph_mail *mail)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed)
			g_ptr_array_add(names, name_of(r));
	}
	g_ptr_array_sort(names, compare_texts);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(" ", (char **)names->pdata);
}

static const struct ph_recipient *
first_token(const struct ph_mail *mail)
{
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (g_str_has_suffix(r->address, "@" PH_FORK_DOMAIN))
			return r;
	}
	return NULL;
}

/* The plan, read from where it was written; NULL: the message has none. */
static struct ph_plan *
read_plan(const struct ph_mail *mail)
{
	const struct ph_recipient *r = first_token(mail);
	struct ph_err err = PH_ERR_INIT;
	struct ph_plan *plan = NULL;
	g_autofree char *token = NULL;
	size_t group;

	if (r == NULL)
		return NULL;
	token = g_strndup(r->address,
			  (gsize)(strchr(r->address, '@') - r->address));
	ck_assert_msg(
	    ph_plans_read(transport.plans, token, &plan, &group, &err) == 1,
	    "%s", err.text);
	return plan;
}

static void
append_headers(GString *out, const struct ph_plan_group *group)
{
	for (guint i = 0; i < group->headers->len; i++) {
		const struct ph_plan_header *h = group->headers->pdata[i];

		g_string_append_printf(out, ", %s", h->name);
		for (guint j = 0; j < h->values->len; j++)
			g_string_append_printf(
			    out, "%s%s", j > 0 ? " | " : "=",
			    (const char *)h->values->pdata[j]);
	}
}

/* "copy b c, Subject=[x] hello; report d, 550 5.7.1 no" */
static char *
show_plan(const struct ph_plan *plan)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; plan != NULL && i < plan->groups->len; i++) {
		const struct ph_plan_group *group = plan->groups->pdata[i];
		static const char *const kinds[] = {
		    [PH_PLAN_COPY] = "copy",
		    [PH_PLAN_REPORT] = "report",
		    [PH_PLAN_NOTICE] = "notice",
		};

		g_string_append_printf(out, "%s%s", i > 0 ? "; " : "",
				       kinds[group->kind]);
		for (guint j = 0; j < group->recipients->len; j++) {
			const struct ph_plan_recipient *r =
			    group->recipients->pdata[j];

			g_string_append_printf(out, " %s", r->address);
		}
		if (group->kind == PH_PLAN_COPY)
			append_headers(out, group);
		else if (group->kind == PH_PLAN_NOTICE)
			g_string_append_printf(out, ", %s", group->text);
		else
			g_string_append_printf(out, ", %s %s %s", group->code,
					       group->enhanced, group->text);
	}
	return g_string_free(out, FALSE);
}

/* "drop b; fail c" */
static char *
show_rows(const struct ph_mail *mail)
{
	const struct ph_outcome *outcome = ph_outcome_of(mail);
	GString *out = g_string_new(NULL);

	for (guint i = 0; outcome != NULL && i < outcome->rows->len; i++) {
		const struct ph_outcome_row *row = outcome->rows->pdata[i];

		g_string_append_printf(out, "%s%s", i > 0 ? "; " : "",
				       row->dropped ? "drop" : "fail");
		for (guint j = 0; j < row->addresses->len; j++)
			g_string_append_printf(
			    out, " %s", (const char *)row->addresses->pdata[j]);
	}
	return g_string_free(out, FALSE);
}

static char *
show_verdict(const struct ph_mail *mail)
{
	const struct ph_verdict *v = &mail->verdict;

	switch (v->decision) {
	case PH_DECISION_ACCEPT:
		return g_strdup_printf(
		    "accept, %s", ph_headers_raw(mail->headers, "Subject", 0));
	case PH_DECISION_DISCARD:
		return g_strdup("discard");
	case PH_DECISION_REJECT:
	case PH_DECISION_DEFER:
		break;
	}
	return g_strdup_printf("%s %s %s", v->code, v->enhanced, v->text);
}

static size_t
count_plans(void)
{
	GDir *files = g_dir_open(plans_dir, 0, NULL);
	size_t n = 0;

	ck_assert_ptr_nonnull(files);
	while (g_dir_read_name(files) != NULL)
		n++;
	g_dir_close(files);
	return n;
}

/* ---- situations -----------------------------------------------------------
 */

enum end { GOES, DROPPED, REFUSED, CLOSED };

struct copy {
	const char *to;	     /* addresses, with blanks between; NULL: no copy */
	const char *subject; /* NULL: not changed */
	enum end end;
	const char *text; /* of REFUSED */
};

static const struct situation {
	const char *name;
	const char *sender; /* NULL: x@b.test */
	bool inside;	    /* authenticated */
	bool tell_nobody;   /* report_to_strangers = no */
	struct copy copies[4];
	bool backwards; /* the last copy was decided about first */
	int r;
	const char *verdict;
	const char *going; /* not looked at when r is 1 */
	const char *plan, *rows;
} situations[] = {
    {"untouched", .copies = {{"a b"}}, .verdict = "accept, hello",
     .going = "a b"},
    {"changed for all: in place", .copies = {{"a b", "[x] hello"}},
     .verdict = "accept, [x] hello", .going = "a b"},
    {"everybody was split off: in place",
     .copies = {{"", NULL}, {"a b", "[x] hello"}},
     .verdict = "accept, [x] hello", .going = "a b"},
    {"two rules, the same end: one copy, in place",
     .copies = {{"a", "[x] hello"}, {"b", "[x] hello"}},
     .verdict = "accept, [x] hello", .going = "a b"},
    {"changed and back: as it came", .copies = {{"a"}, {"b", "hello"}},
     .verdict = "accept, hello", .going = "a b"},
    {"one changed", .copies = {{"a c"}, {"b", "[x] hello"}},
     .verdict = "accept, hello", .going = "#0 a c",
     .plan = "copy b, Subject=[x] hello"},
    {"the message itself is the changed one",
     .copies = {{"a", "[x] hello"}, {"b"}}, .verdict = "accept, hello",
     .going = "#0 b", .plan = "copy a, Subject=[x] hello"},
    {"all changed, each in another way",
     .copies = {{"a", "[1] hello"}, {"b", "[2] hello"}},
     .verdict = "accept, hello", .going = "#0 #1",
     .plan = "copy a, Subject=[1] hello; copy b, Subject=[2] hello"},
    {"three, two of them alike",
     .copies = {{"a"}, {"b", "[x] hello"}, {"c", "[x] hello"}, {"d"}},
     .verdict = "accept, hello", .going = "#0 a d",
     .plan = "copy b c, Subject=[x] hello"},
    {"refused for all", .copies = {{"a b", NULL, REFUSED, "no"}}, .r = 1,
     .verdict = "550 5.7.1 no"},
    {"refused for all by two rules: one answer, the first",
     .copies = {{"a", NULL, REFUSED, "one"}, {"b", NULL, REFUSED, "two"}},
     .r = 1, .verdict = "550 5.7.1 one"},
    {"the message itself by the second rule",
     .copies = {{"a", NULL, REFUSED, "one"}, {"b", NULL, REFUSED, "two"}},
     .backwards = true, .r = 1, .verdict = "550 5.7.1 two"},
    {"everybody was split off and refused",
     .copies = {{"", NULL}, {"a b", NULL, REFUSED, "no"}}, .r = 1,
     .verdict = "550 5.7.1 no"},
    {"refused for one", .copies = {{"a"}, {"b", NULL, REFUSED, "no"}},
     .verdict = "accept, hello", .going = "#0 a",
     .plan = "report b, 550 5.7.1 no"},
    {"the message itself is the refused one",
     .copies = {{"a", NULL, REFUSED, "no"}, {"b"}}, .verdict = "accept, hello",
     .going = "#0 b", .plan = "report a, 550 5.7.1 no"},
    {"refused in two ways: two reports",
     .copies = {{"a"},
		{"b", NULL, REFUSED, "one"},
		{"c", NULL, REFUSED, "two"}},
     .verdict = "accept, hello", .going = "#0 #1 a",
     .plan = "report b, 550 5.7.1 one; report c, 550 5.7.1 two"},
    {"refused in the same way: one report",
     .copies = {{"a"}, {"b", NULL, REFUSED, "no"}, {"c", NULL, REFUSED, "no"}},
     .verdict = "accept, hello", .going = "#0 a",
     .plan = "report b c, 550 5.7.1 no"},
    {"refused, and changed by a rule before: what was changed does not matter",
     .copies = {{"a"}, {"b", "[x] hello", REFUSED, "no"}},
     .verdict = "accept, hello", .going = "#0 a",
     .plan = "report b, 550 5.7.1 no"},
    {"the null sender gets no report", .sender = "", .inside = true,
     .copies = {{"a"}, {"b", NULL, REFUSED, "no"}}, .verdict = "accept, hello",
     .going = "a", .rows = "fail b"},
    {"the null sender, and the message itself is the refused one", .sender = "",
     .copies = {{"a", NULL, REFUSED, "no"}, {"b", "[x] hello"}},
     .verdict = "accept, [x] hello", .going = "b", .rows = "fail a"},
    {"the null sender is answered while he is there", .sender = "",
     .copies = {{"a", NULL, REFUSED, "no"}}, .r = 1, .verdict = "550 5.7.1 no"},
    {"strangers are not told", .tell_nobody = true,
     .copies = {{"a"}, {"b", NULL, REFUSED, "no"}}, .verdict = "accept, hello",
     .going = "a", .rows = "fail b"},
    {"strangers are answered while they are there", .tell_nobody = true,
     .copies = {{"a", NULL, REFUSED, "one"}, {"b", NULL, REFUSED, "two"}},
     .r = 1, .verdict = "550 5.7.1 one"},
    {"the message itself by the second rule",
     .copies = {{"a", NULL, REFUSED, "one"}, {"b", NULL, REFUSED, "two"}},
     .backwards = true, .r = 1, .verdict = "550 5.7.1 two"},
    {"our own people are told", .tell_nobody = true, .inside = true,
     .copies = {{"a"}, {"b", NULL, REFUSED, "no"}}, .verdict = "accept, hello",
     .going = "#0 a", .plan = "report b, 550 5.7.1 no"},
    {"strangers are not told, and two others differ", .tell_nobody = true,
     .copies = {{"a", NULL, REFUSED, "no"}, {"b"}, {"c", "[x] hello"}},
     .verdict = "accept, hello", .going = "#0 b",
     .plan = "copy c, Subject=[x] hello", .rows = "fail a"},
    {"dropped for all", .copies = {{"a b", NULL, DROPPED}}, .r = 1,
     .verdict = "discard", .rows = "drop a b"},
    {"dropped for one: the others in place",
     .copies = {{"a c"}, {"b", NULL, DROPPED}}, .verdict = "accept, hello",
     .going = "a c", .rows = "drop b"},
    {"dropped for one: the others in place, changed",
     .copies = {{"a c", "[x] hello"}, {"b", NULL, DROPPED}},
     .verdict = "accept, [x] hello", .going = "a c", .rows = "drop b"},
    {"the message itself is the dropped one",
     .copies = {{"a", NULL, DROPPED}, {"b", "[x] hello"}},
     .verdict = "accept, [x] hello", .going = "b", .rows = "drop a"},
    {"dropped for one, refused for the other",
     .copies = {{"a", NULL, DROPPED}, {"b", NULL, REFUSED, "no"}}, .r = 1,
     .verdict = "550 5.7.1 no", .rows = "drop a"},
    {"dropped for one, refused for another, and a third",
     .copies = {{"a", NULL, DROPPED}, {"b", NULL, REFUSED, "no"}, {"c"}},
     .verdict = "accept, hello", .going = "#0 c",
     .plan = "report b, 550 5.7.1 no", .rows = "drop a"},
    {"one closes the session: for all", .copies = {{"a"}, {"b", NULL, CLOSED}},
     .r = 1, .verdict = "421 4.7.0 closed"},
    {"one closes the session, and another was refused before",
     .copies = {{"a", NULL, REFUSED, "no"}, {"b", NULL, CLOSED}}, .r = 1,
     .verdict = "421 4.7.0 closed"},
    {"one closes the session, and another was dropped before",
     .copies = {{"a", NULL, DROPPED}, {"b"}, {"c", NULL, CLOSED}}, .r = 1,
     .verdict = "421 4.7.0 closed"},
    {"the sender is told", .copies = {{"a! b!"}}, .verdict = "accept, hello",
     .going = "#0 a b", .plan = "notice a b, Card, Passport"},
    {"the sender is told of one", .copies = {{"a b!"}},
     .verdict = "accept, hello", .going = "#0 a b",
     .plan = "notice b, Card, Passport"},
    {"the sender is told, and all is changed in place",
     .copies = {{"", NULL}, {"a!", "[x] hello"}},
     .verdict = "accept, [x] hello", .going = "#0 a",
     .plan = "notice a, Card, Passport"},
    {"the sender is told once of two outcomes",
     .copies = {{"a!"}, {"b!", "[x] hello"}}, .verdict = "accept, hello",
     .going = "#0 #1 a",
     .plan = "copy b, Subject=[x] hello; notice a b, Card, Passport"},
    {"nothing is told of who does not get it",
     .copies = {{"a"}, {"b!", NULL, REFUSED, "no"}, {"c!", NULL, DROPPED}},
     .verdict = "accept, hello", .going = "#0 a",
     .plan = "report b, 550 5.7.1 no", .rows = "drop c"},
    {"nor of who was sent away", .copies = {{"a- b"}},
     .verdict = "accept, hello", .going = "b"},
    {"nor of what is refused in the session",
     .copies = {{"a!", NULL, REFUSED, "no"}}, .r = 1,
     .verdict = "550 5.7.1 no"},
};

static void
end_copy(struct ph_mail *copy, const struct copy *from)
{
	if (from->subject != NULL)
		ck_assert_int_eq(
		    ph_mail_set_header(copy, "Subject", from->subject, NULL),
		    0);
	switch (from->end) {
	case GOES:
		break;
	case DROPPED:
		ph_verdict_discard(&copy->verdict, PH_RULES_AGENT);
		break;
	case REFUSED:
		ph_verdict_reject(&copy->verdict, PH_RULES_AGENT, "5.7.1",
				  from->text);
		break;
	case CLOSED:
		ph_verdict_answer(&copy->verdict, PH_RULES_AGENT, 421, "4.7.0",
				  "closed");
		copy->verdict.whole = true;
		break;
	}
}

static void
fill_copy(struct ph_mail *copy, const struct copy *from)
{
	if (*from->to != '\0')
		add_recipients(copy, from->to);
	end_copy(copy, from);
}

/* The message itself last: its forks are of it as it came. */
static void
make_copies(const struct situation *s, struct ph_rules_result *result)
{
	struct ph_mail *mail = result->copies->pdata[0];

	for (size_t i = 1; i < 4 && s->copies[i].to != NULL; i++) {
		struct ph_mail *fork = ph_mail_fork(mail);

		g_ptr_array_add(result->copies, fork);
		fill_copy(fork, &s->copies[i]);
	}
	fill_copy(mail, &s->copies[0]);
	for (guint i = 0; i < result->copies->len; i++) {
		struct ph_mail *copy = result->copies->pdata[i];

		if (copy->verdict.decision != PH_DECISION_ACCEPT)
			g_ptr_array_insert(result->decided,
					   s->backwards ? 0 : -1, copy);
	}
}

static void
check(const struct situation *s, const char *what, char *is, const char *want)
{
	if (want == NULL)
		want = "";
	ck_assert_msg(strcmp(is, want) == 0, "%s: %s: \"%s\" is not \"%s\"",
		      s->name, what, is, want);
	g_free(is);
}

/* The second is too unsure to be spoken of. */
static const struct ph_inspect_finding findings[] = {
    {.name = "Card", .id = "1", .confidence = 85, .recommended = 85},
    {.name = "Account", .id = "2", .confidence = 65, .recommended = 85},
    {.name = "Passport", .id = "3", .confidence = 75, .recommended = 75},
};

static void
run_situation(const struct situation *s)
{
	struct ph_mail *mail =
	    make_mail(s->sender != NULL ? s->sender : "x@b.test");
	struct ph_rules_result result = make_result(mail);
	struct ph_err err = PH_ERR_INIT;
	struct ph_plan *plan;
	int r;

	mail->inspection =
	    ph_inspect_memory(NULL, 0, findings, G_N_ELEMENTS(findings));
	mail->auth_as = s->inside ? PH_AUTH_INTERNAL : PH_AUTH_ANONYMOUS;
	transport.report_to_strangers = !s->tell_nobody;
	make_copies(s, &result);
	r = ph_outcome_apply(&transport, mail, &result, &err);
	ck_assert_msg(r == s->r, "%s: %d %s", s->name, r, err.text);
	plan = read_plan(mail);
	check(s, "verdict", show_verdict(mail), s->verdict);
	if (s->r == 0)
		check(s, "recipients", going_of(mail), s->going);
	check(s, "plan", show_plan(plan), s->plan);
	check(s, "rows", show_rows(mail), s->rows);
	ck_assert_msg(count_plans() == (plan != NULL), "%s", s->name);
	ph_plan_free(&plan);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}

START_TEST(test_situations)
{
	for (size_t i = 0; i < G_N_ELEMENTS(situations); i++)
		run_situation(&situations[i]);
}
END_TEST

/* ---- what the plan holds ---------------------------------------------------
 */

static struct ph_recipient *
add_with(struct ph_mail *mail, const char *address, const char *notify,
	 const char *orcpt)
{
	const char *params[] = {notify, orcpt, NULL};

	if (notify == NULL) {
		params[0] = orcpt;
		params[1] = NULL;
	}
	return ph_mail_add_recipient(mail, address, params);
}

static struct ph_mail *
add_fork(struct ph_rules_result *result, const char *subject)
{
	struct ph_mail *fork = ph_mail_fork(result->copies->pdata[0]);

	ck_assert_int_eq(ph_mail_set_header(fork, "Subject", subject, NULL), 0);
	g_ptr_array_add(result->copies, fork);
	return fork;
}

static void
apply(struct ph_mail *mail, struct ph_rules_result *result, int want)
{
	struct ph_err err = PH_ERR_INIT;
	int r = ph_outcome_apply(&transport, mail, result, &err);

	ck_assert_msg(r == want, "%d %s", r, err.text);
}

static void
set_params(struct ph_mail *mail, const char *params)
{
	g_strfreev(mail->params);
	mail->params = g_strsplit(params, " ", -1);
}

START_TEST(test_envelope)
{
	static const struct {
		const char *params, *ret, *envid;
		bool eight_bit, utf8;
	} cases[] = {
	    {"RET=HDRS ENVID=id+2B1 BODY=8BITMIME SMTPUTF8", "HDRS", "id+2B1",
	     true, true},
	    {"body=8bitmime ret=FULL smtputf8 envid=x", "FULL", "x", true,
	     true},
	    {"BODY=7BIT", NULL, NULL, false, false},
	    {"SIZE=100", NULL, NULL, false, false},
	    {"ENVID=", NULL, "", false, false},
	    {"RETURN=1 XENVID=2 BODY=8BITMIMEX SMTPUTF8=1", NULL, NULL, false,
	     false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail("x@b.test");
		struct ph_rules_result result = make_result(mail);
		struct ph_plan *plan;

		set_params(mail, cases[i].params);
		mail->received = 1234567;
		add_recipients(mail, "a");
		add_recipients(add_fork(&result, "[x] hello"), "b");
		apply(mail, &result, 0);
		plan = read_plan(mail);
		ck_assert_ptr_nonnull(plan);
		ck_assert_str_eq(plan->queue_id, "Q1");
		ck_assert_str_eq(plan->sender, "x@b.test");
		ck_assert_pstr_eq(plan->ret, cases[i].ret);
		ck_assert_pstr_eq(plan->envid, cases[i].envid);
		ck_assert_int_eq(plan->eight_bit, cases[i].eight_bit);
		ck_assert_int_eq(plan->utf8, cases[i].utf8);
		ck_assert_str_eq(plan->nmid, mail->nmid);
		ck_assert_str_eq(plan->message_id, "<1@b.test>");
		ck_assert_str_eq(plan->subject, "hello");
		ck_assert_uint_eq(plan->size, 1000);
		ck_assert_int_eq(plan->created, 1234567);
		ph_plan_free(&plan);
		ph_rules_result_clear(&result);
		mail_clear(&mail);
	}
}
END_TEST

/* One who was named under another address, one whom a rule has added. */
START_TEST(test_recipients)
{
	struct ph_mail *mail = make_mail("x@b.test"), *fork;
	struct ph_rules_result result = make_result(mail);
	const struct ph_plan_group *group;
	const struct ph_plan_recipient *to;
	struct ph_recipient *r;
	struct ph_plan *plan;

	add_recipients(mail, "a");
	fork = add_fork(&result, "[x] hello");
	r = add_with(fork, "alias@a.test", "notify=SUCCESS,FAILURE",
		     "ORCPT=rfc822;first@a.test");
	g_free(r->address);
	r->address = g_strdup("u@a.test");
	r = add_with(fork, "added@a.test", NULL, NULL);
	g_clear_pointer(&r->given, g_free);
	add_with(fork, "gone@a.test", NULL, NULL)->removed = true;
	apply(mail, &result, 0);
	plan = read_plan(mail);
	ck_assert_uint_eq(plan->groups->len, 1);
	group = plan->groups->pdata[0];
	ck_assert_uint_eq(group->recipients->len, 2);
	to = group->recipients->pdata[0];
	ck_assert_str_eq(to->address, "u@a.test");
	ck_assert_str_eq(to->original, "alias@a.test");
	ck_assert_str_eq(to->notify, "SUCCESS,FAILURE");
	ck_assert_str_eq(to->orcpt, "rfc822;first@a.test");
	to = group->recipients->pdata[1];
	ck_assert_str_eq(to->address, "added@a.test");
	ck_assert_ptr_null(to->original);
	ck_assert_ptr_null(to->notify);
	ck_assert_ptr_null(to->orcpt);
	ph_plan_free(&plan);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* A notice that cannot be made is no news to anybody. */
START_TEST(test_notice_params)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);
	g_autofree char *params = NULL;

	add_recipients(mail, "b@a.test!");
	ck_assert_int_eq(ph_outcome_apply(&transport, mail, &result, NULL), 0);
	params = g_strjoinv(" ", first_token(mail)->params);
	ck_assert_str_eq(params, "NOTIFY=NEVER");
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* The message does not go on without its notice. */
START_TEST(test_no_room_for_a_notice)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);
	struct ph_err err = PH_ERR_INIT;

	add_recipients(mail, "b@a.test!");
	unit_rmdir(&dir);
	ck_assert_int_eq(ph_outcome_apply(&transport, mail, &result, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_null(first_token(mail));
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* What the token in the queue is given, so that the sender hears of the
 * recipient whom he knows should it never leave. */
START_TEST(test_token_params)
{
	static const struct {
		const char *first, *notify, *orcpt; /* of the first recipient */
		const char *second_notify;	    /* NULL: not given */
		const char *want;
	} cases[] = {
	    {"b@a.test", NULL, NULL, NULL,
	     "NOTIFY=FAILURE ORCPT=rfc822;b@a.test"},
	    {"b+x@a.test", NULL, NULL, NULL,
	     "NOTIFY=FAILURE ORCPT=rfc822;b+2Bx@a.test"},
	    {"b@a.test", "NOTIFY=SUCCESS", "ORCPT=rfc822;o+2B@a.test", NULL,
	     "NOTIFY=FAILURE ORCPT=rfc822;o+2B@a.test"},
	    {"b@a.test", "NOTIFY=NEVER", NULL, "NOTIFY=NEVER",
	     "NOTIFY=NEVER ORCPT=rfc822;b@a.test"},
	    {"b@a.test", "NOTIFY=NEVER", NULL, NULL,
	     "NOTIFY=FAILURE ORCPT=rfc822;b@a.test"},
	    {"b@a.test", "NOTIFY=never", NULL, "NOTIFY=Never",
	     "NOTIFY=NEVER ORCPT=rfc822;b@a.test"},
	    {"\xd0\xb1@a.test", NULL, NULL, NULL, "NOTIFY=FAILURE"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail("x@b.test"), *fork;
		struct ph_rules_result result = make_result(mail);
		g_autofree char *is = NULL;

		add_recipients(mail, "a");
		fork = add_fork(&result, "[x] hello");
		add_with(fork, cases[i].first, cases[i].notify, cases[i].orcpt);
		add_with(fork, "c@a.test", cases[i].second_notify, NULL);
		apply(mail, &result, 0);
		is = g_strjoinv(" ", first_token(mail)->params);
		ck_assert_str_eq(is, cases[i].want);
		ph_rules_result_clear(&result);
		mail_clear(&mail);
	}
}
END_TEST

/* Of a copy only what differs; several fields of a name, and one that is gone.
 */
START_TEST(test_headers)
{
	struct ph_mail *mail = make_mail("x@b.test"), *fork;
	struct ph_rules_result result;
	struct ph_plan *plan;
	g_autofree char *is = NULL;

	ph_headers_add(mail->headers, "X-Gone", "1");
	ph_headers_add(mail->headers, "Cc", "one@b.test");
	ph_headers_add(mail->headers, "Cc", "two@b.test");
	ph_headers_add(mail->headers, "X-Same", "same");
	result = make_result(mail);
	add_recipients(mail, "a");
	fork = add_fork(&result, "hello");
	add_recipients(fork, "b");
	ph_mail_remove_header(fork, "x-gone");
	ck_assert_int_eq(
	    ph_mail_edit_header(fork, ph_headers_find(fork->headers, "Cc", 3),
				"two@b.test,\n three@b.test", NULL),
	    0);
	ck_assert_int_eq(ph_mail_set_header(fork, "X-Same", "same", NULL), 0);
	ck_assert_int_eq(ph_mail_set_header(fork, "X-New", "", NULL), 0);
	apply(mail, &result, 0);
	plan = read_plan(mail);
	is = show_plan(plan);
	ck_assert_str_eq(is, "copy b, Cc=one@b.test | two@b.test,\n "
			     "three@b.test, x-gone, X-New=");
	ph_plan_free(&plan);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* The MTA is told of no change of the header: the copies are made of it. */
START_TEST(test_restored)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);

	add_recipients(add_fork(&result, "[2] hello"), "b");
	add_recipients(mail, "a");
	ck_assert_int_eq(ph_mail_set_header(mail, "Subject", "[1] hello", NULL),
			 0);
	ck_assert_int_eq(ph_mail_set_header(mail, "X-New", "1", NULL), 0);
	ph_mail_remove_header(mail, "Message-ID");
	apply(mail, &result, 0);
	ck_assert_uint_eq(ph_headers_count(mail->headers), 2);
	ck_assert_str_eq(ph_headers_raw(mail->headers, "Subject", 0), "hello");
	ck_assert_str_eq(ph_headers_raw(mail->headers, "Message-ID", 0),
			 "<1@b.test>");
	ck_assert_uint_eq(count_plans(), 1);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* A token that was given to the MTA without a plan would wait for ever. The
 * host answers 4xx, whatever some were refused with. */
START_TEST(test_unwritable)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *going = NULL;

	add_recipients(mail, "a");
	ph_verdict_reject(&mail->verdict, PH_RULES_AGENT, "5.7.1", "no");
	add_recipients(add_fork(&result, "[x] hello"), "b");
	ck_assert_int_eq(rmdir(plans_dir), 0);
	ck_assert_int_eq(ph_outcome_apply(&transport, mail, &result, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_int_eq(mail->verdict.decision, PH_DECISION_ACCEPT);
	ck_assert_ptr_null(first_token(mail));
	going = going_of(mail);
	ck_assert_str_eq(going, "a b");
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* Those whom a rule took away stay away. */
START_TEST(test_redirected)
{
	struct ph_mail *mail = make_mail("x@b.test"), *fork;
	struct ph_rules_result result = make_result(mail);
	g_autofree char *going = NULL;
	g_autofree char *plan_text = NULL;
	struct ph_plan *plan;

	add_recipients(mail, "a");
	fork = add_fork(&result, "[x] hello");
	add_recipients(fork, "b boss");
	((struct ph_recipient *)fork->recipients->pdata[0])->removed = true;
	apply(mail, &result, 0);
	going = going_of(mail);
	ck_assert_str_eq(going, "#0 a");
	plan = read_plan(mail);
	plan_text = show_plan(plan);
	ck_assert_str_eq(plan_text, "copy boss, Subject=[x] hello");
	ck_assert_uint_eq(mail->recipients->len, 4);
	ph_plan_free(&plan);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* ---- remote domains ---------------------------------------------------------
 */

#define REPLY "Auto-Submitted", " auto-replied (vacation)"
#define FORWARD "Auto-Submitted", " auto-forwarded"

static const struct remote_case {
	const char *name;
	const char *field, *value;
	const char *to, *going; /* going NULL: dropped as a whole */
} remotes[] = {
    {"any mail", "Subject", " hello", "a@quiet.test b@away.test",
     "a@quiet.test b@away.test"},
    {"a reply", REPLY, "a@quiet.test z@b.test", "z@b.test"},
    {"a reply, below *.", REPLY, "b@x.away.test b@away.test z@b.test",
     "z@b.test"},
    {"a reply to nobody else", REPLY, "a@quiet.test", NULL},
    {"forwarded", FORWARD, "a@quiet.test b@away.test", "a@quiet.test"},
    {"one of ours is not outside", REPLY, "u@a.test a@quiet.test", "u@a.test"},
};

START_TEST(test_remote_domains)
{
	for (size_t i = 0; i < G_N_ELEMENTS(remotes); i++) {
		const struct remote_case *c = &remotes[i];
		struct ph_mail *mail = make_mail("x@b.test");
		struct ph_rules_result result;
		g_autofree char *going = NULL;

		ph_headers_add(mail->headers, c->field, c->value);
		result = make_result(mail);
		add_recipients(mail, c->to);
		apply(mail, &result, c->going == NULL);
		going = going_of(mail);
		ck_assert_msg(c->going == NULL || strcmp(going, c->going) == 0,
			      "%s: %s", c->name, going);
		ck_assert_msg((mail->verdict.decision == PH_DECISION_DISCARD) ==
				  (c->going == NULL),
			      "%s: verdict", c->name);
		ph_rules_result_clear(&result);
		mail_clear(&mail);
	}
}
END_TEST

/* ---- ways out ---------------------------------------------------------------
 */

#define SIZE_LIMIT \
	"ROUTING.SizeLimit; message size exceeds fixed maximum size for route"

static const struct route_case {
	const char *name;
	const char *connector, *tls; /* header fields; NULL: none */
	bool came; /* with the message, from the server that ran the rules */
	const char *to;
	const char *going, *plan;
	const char *route; /* of the message itself; NULL: none */
	uint64_t size;	   /* 0: a small one */
} routes[] = {
    {"nothing is asked for", .to = "u@a.test z@b.test",
     .going = "u@a.test z@b.test"},
    {"a connector, and all are outside: in place", .connector = "Bank",
     .to = "y@b.test z@c.test", .going = "y@b.test z@c.test",
     .route = "ph-out:bank.test:25"},
    {"a connector, and all are inside", .connector = "Bank", .to = "u@a.test",
     .going = "u@a.test"},
    {"a connector, inside and outside", .connector = "Bank",
     .to = "u@a.test z@b.test", .going = "#0 #1",
     .plan = "copy u@a.test, X-PostHub-Outbound-Connector=Bank; "
	     "copy z@b.test, X-PostHub-Outbound-Connector=Bank, "
	     "X-PostHub-Route=ph-out:bank.test:25"},
    {"the same from another server: who is inside gets it as it came",
     .connector = "Bank", .came = true, .to = "u@a.test z@b.test",
     .going = "#0 u@a.test",
     .plan = "copy z@b.test, X-PostHub-Route=ph-out:bank.test:25"},
    {"TLS, one way out: in place", .tls = "true", .to = "y@b.test z@c.test",
     .going = "y@b.test z@c.test", .route = "ph-out-tls:out.test:25"},
    {"TLS, two ways out", .tls = "true", .came = true,
     .to = "y@b.test x@bank.test z@c.test", .going = "#0 #1",
     .plan = "copy y@b.test z@c.test, X-PostHub-Route=ph-out-tls:out.test:25; "
	     "copy x@bank.test, X-PostHub-Route=ph-out-tls:bank.test:25"},
    {"too large for a connector: another one", .to = "z@sized.test",
     .size = 2000, .going = "z@sized.test", .route = "ph-out:out.test:25"},
    {"as large as it may be", .to = "z@sized.test", .size = 1000,
     .going = "z@sized.test"},
    {"too large for some", .came = true, .to = "z@sized.test y@b.test u@a.test",
     .size = 2000, .going = "#0 u@a.test y@b.test",
     .plan = "copy z@sized.test, X-PostHub-Route=ph-out:out.test:25"},
    {"a connector and TLS", .connector = "Bank", .tls = "true",
     .to = "z@b.test", .going = "z@b.test", .route = "ph-out-tls:bank.test:25"},
    {"too large for a connector: the next one", .to = "x@bank.test",
     .going = "x@bank.test", .route = "ph-out:out.test:25", .size = 2 << 20},
    {"not too large for it", .to = "x@bank.test", .going = "x@bank.test",
     .size = 1 << 20},
    {"too large for a link: that recipient alone is told",
     .to = "u@a.test v@a.test", .going = "#0 u@a.test",
     .plan = "report v@a.test, 550 5.3.4 " SIZE_LIMIT, .size = (64 << 10) + 1},
    {"not too large for it", .to = "u@a.test v@a.test",
     .going = "u@a.test v@a.test", .size = 64 << 10},
};

static void
run_route(const struct route_case *c)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result;
	g_autofree char *going = NULL;
	g_autofree char *text = NULL;
	struct ph_plan *plan;
	const char *route;

	if (!c->came)
		result = make_result(mail);
	if (c->connector != NULL)
		ph_mail_set_header(mail, PH_HEADER_CONNECTOR, c->connector,
				   NULL);
	if (c->tls != NULL)
		ph_mail_set_header(mail, PH_HEADER_REQUIRE_TLS, c->tls, NULL);
	if (c->came)
		ph_rules_result_init(&result, mail);
	add_recipients(mail, c->to);
	if (c->size > 0)
		mail->size = c->size;
	apply(mail, &result, 0);
	going = going_of(mail);
	ck_assert_msg(strcmp(going, c->going) == 0, "%s: %s", c->name, going);
	plan = read_plan(mail);
	text = show_plan(plan);
	ck_assert_msg(strcmp(text, c->plan != NULL ? c->plan : "") == 0,
		      "%s: %s", c->name, text);
	route = ph_headers_raw(mail->headers, PH_HEADER_ROUTE, 0);
	ck_assert_msg(g_strcmp0(route, c->route) == 0, "%s: %s", c->name,
		      route);
	ph_plan_free(&plan);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}

START_TEST(test_routes)
{
	for (size_t i = 0; i < G_N_ELEMENTS(routes); i++)
		run_route(&routes[i]);
}
END_TEST

/* With no connector that is large enough. */
START_TEST(test_route_too_large)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);

	mail->size = 40 << 20;
	add_recipients(mail, "z@sized.test y@b.test");
	apply(mail, &result, 1);
	ck_assert_int_eq(mail->verdict.decision, PH_DECISION_REJECT);
	ck_assert_str_eq(mail->verdict.enhanced, "5.3.4");
	ck_assert_ptr_nonnull(strstr(mail->verdict.text, "ROUTING.SizeLimit"));
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* A copy that is refused or dropped is not routed. */
START_TEST(test_route_refused)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);

	ph_mail_set_header(mail, PH_HEADER_CONNECTOR, "Bank", NULL);
	add_recipients(mail, "z@b.test u@a.test");
	ph_verdict_reject(&mail->verdict, PH_RULES_AGENT, "5.7.1", "no");
	apply(mail, &result, 1);
	ck_assert_str_eq(mail->verdict.text, "no");
	ck_assert_uint_eq(count_plans(), 0);
	ck_assert_uint_eq(result.copies->len, 1);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* ---- a run that is not applied ----------------------------------------------
 */

START_TEST(test_gather)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);
	g_autofree char *going = NULL;

	add_recipients(mail, "a");
	add_recipients(add_fork(&result, "1"), "b c");
	add_recipients(add_fork(&result, "2"), "d");
	ph_outcome_gather(mail, &result);
	ph_rules_result_clear(&result);
	going = going_of(mail);
	ck_assert_str_eq(going, "a b c d");
	mail_clear(&mail);
}
END_TEST

/* As the rules saw them, whatever became of them. */
START_TEST(test_notes)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);
	g_autoptr(GPtrArray) members = g_ptr_array_new();
	const struct ph_outcome *outcome;
	const struct ph_outcome_group *group;

	ck_assert_ptr_null(ph_outcome_of(mail));
	add_recipients(mail, "all a b");
	((struct ph_recipient *)mail->recipients->pdata[0])->removed = true;
	g_ptr_array_add(members, (char[]){"a"});
	g_ptr_array_add(members, (char[]){"b"});
	ph_outcome_expanded(mail, "EXPAND", "all", members);
	ph_outcome_begin(mail);
	ph_verdict_discard(&mail->verdict, PH_RULES_AGENT);
	apply(mail, &result, 1);
	outcome = ph_outcome_of(mail);
	ck_assert_uint_eq(outcome->recipients->len, 2);
	ck_assert_str_eq(outcome->recipients->pdata[0], "a");
	ck_assert_str_eq(outcome->recipients->pdata[1], "b");
	ck_assert_uint_eq(outcome->groups->len, 1);
	group = outcome->groups->pdata[0];
	ck_assert_str_eq(group->address, "all");
	ck_assert_uint_eq(group->members->len, 2);
	ck_assert_str_eq(group->members->pdata[1], "b");
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

START_TEST(test_status)
{
	struct ph_mail *mail = make_mail("");
	struct ph_rules_result result = make_result(mail);
	struct ph_mail *fork = add_fork(&result, "hello");
	const struct ph_outcome_row *row;

	add_recipients(mail, "a");
	add_recipients(fork, "b");
	ph_verdict_reject(&fork->verdict, PH_RULES_AGENT, "5.7.900", "no");
	fork->verdict.status = g_strdup("[{LED=550 5.7.900}]");
	fork = add_fork(&result, "hello");
	add_recipients(fork, "c");
	ph_verdict_reject(&fork->verdict, PH_RULES_AGENT, "5.7.1", "never");
	apply(mail, &result, 0);
	ck_assert_uint_eq(ph_outcome_of(mail)->rows->len, 2);
	row = ph_outcome_of(mail)->rows->pdata[0];
	ck_assert_str_eq(row->status, "[{LED=550 5.7.900}]");
	row = ph_outcome_of(mail)->rows->pdata[1];
	ck_assert_str_eq(row->status, "550 5.7.1 never");
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

UNIT_MAIN("milters/transport/outcome", test_situations, test_envelope,
	  test_recipients, test_token_params, test_notice_params,
	  test_no_room_for_a_notice, test_headers, test_restored,
	  test_unwritable, test_redirected, test_routes, test_remote_domains,
	  test_route_too_large, test_route_refused, test_gather, test_notes,
	  test_status)
