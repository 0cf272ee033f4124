#include "tests/unit/milters/transport/outcome.h"

/* Situations: what is told, to whom, and what goes on. */

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

/* ---- a run that is not applied ------------------------------------------ */

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

UNIT_MAIN("milters/transport/outcome", test_situations, test_gather, test_notes,
	  test_status)
