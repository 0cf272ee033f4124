#include "cli/rule.h"
#include "cli/trial_private.h"
#include "lib/routing/topology.h"
#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * Rules put before a message without Redis and without a directory: what is
 * noted of them, what becomes of whom, and how both are shown.
 */

static const struct ph_derive derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {"rules", ph_ruleset_build_all, ph_ruleset_free, NULL},
    {NULL, NULL, NULL, NULL},
};

static struct ph_cli cli;
static struct ph_trial trial;
static GPtrArray *objects;

static void
person_free(void *data)
{
	struct ph_trial_person *person = data;

	g_free(person->given);
	g_free(person->before);
	g_free(person->group);
	g_ptr_array_unref(person->hits);
	g_free(person);
}

static void
begin(void)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_conf_load(NULL, &cli.conf, &err), 0);
	objects = g_ptr_array_new_with_free_func(unit_object_unref);
	trial = (struct ph_trial){
	    .cli = &cli,
	    .explain = true,
	    .people = g_ptr_array_new_with_free_func(person_free),
	    .rules = g_ptr_array_new_with_free_func(ph_trial_rule_free),
	    .known = g_hash_table_new(NULL, NULL),
	    .client = {.name = g_strdup(""),
		       .address = g_strdup(""),
		       .helo = g_strdup(""),
		       .server_address = g_strdup("")},
	    .defer = PH_ERR_INIT,
	};
	trial.mail = ph_mail_new(&trial.client, "alice@sender.test");
	ph_headers_add(trial.mail->headers, "From", "<alice@sender.test>");
	ph_headers_add(trial.mail->headers, "Subject", "Lunch");
	ph_headers_add(trial.mail->headers, "X-Old", "one");
}

/* "Field=value|Field=value" */
static void
add_rule(const char *name, const char *fields)
{
	g_autofree char *line = g_strdup_printf("rule|%s|%s", name, fields);

	g_ptr_array_add(objects, unit_object_line(line));
}

static void
run(const char *recipients)
{
	g_auto(GStrv) list = g_strsplit(recipients, " ", -1);

	trial.snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)(void *)objects->pdata,
	    objects->len, derive);
	trial.stored = ph_snapshot_ref(trial.snapshot);
	trial.mail->snapshot = ph_snapshot_ref(trial.snapshot);
	trial.directory = ph_directory_memory(NULL, 0);
	trial.mail->directory = trial.directory;
	for (char **r = list; *r; r++)
		ph_trial_person_of(&trial,
				   ph_mail_add_recipient(trial.mail, *r, NULL));
	ck_assert_int_eq(ph_trial_run(&trial), PH_EXIT_YES);
}

static void
end(void)
{
	ph_trial_close(&trial);
	g_ptr_array_unref(objects);
	ph_conf_free(&cli.conf);
}

static const struct ph_trial_person *
person(const char *address)
{
	for (guint i = 0; i < trial.people->len; i++) {
		const struct ph_trial_person *p = trial.people->pdata[i];

		if (strcmp(p->recipient->address, address) == 0)
			return p;
	}
	ck_abort_msg("nobody is %s", address);
}

static const char *
fate(const char *address)
{
	return ph_fate_name(ph_trial_fate(&trial, person(address)));
}

/* "a@x.test TRUE,b@x.test FALSE: note" of one rule, as they were told. */
static char *
answers(const char *name)
{
	static const char *const words[] = {"FALSE", "TRUE", "ERROR"};
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < trial.rules->len; i++) {
		const struct ph_trial_rule *notes = trial.rules->pdata[i];

		for (guint k = 0; strcmp(notes->rule->name, name) == 0 &&
				  k < notes->answers->len;
		     k++) {
			const struct ph_trial_answer *a = &g_array_index(
			    notes->answers, struct ph_trial_answer, k);

			g_string_append_printf(
			    out, "%s%s %s%s%s", out->len > 0 ? "," : "",
			    a->recipient->address, words[a->answer],
			    a->note ? ": " : "", a->note ? a->note : "");
		}
	}
	return g_string_free(out, FALSE);
}

static void
expect_answers(const char *name, const char *expected)
{
	g_autofree char *is = answers(name);

	ck_assert_str_eq(is, expected);
}

#define ENDED ": an earlier rule ended processing"
#define GONE                                                        \
	": an earlier rule has sent the message to others in this " \
	"recipient's place"

/* Every rule is accounted for on every recipient, whatever went before. */
START_TEST(test_everybody_hears_of_every_rule)
{
	begin();
	add_rule("1 drop", "SubjectContainsWords=lunch|RecipientDomainIs="
			   "drop.test|DeleteMessage=true|Priority=1");
	add_rule("2 redirect",
		 "RecipientDomainIs=move.test|RedirectMessageTo=c@x.test|"
		 "Priority=2");
	add_rule("3 later", "SubjectContainsWords=lunch|PrependSubject=x |"
			    "Priority=3");
	add_rule("4 off", "SubjectContainsWords=lunch|PrependSubject=x |"
			  "Enabled=false|Priority=4");
	add_rule("5 draft", "PrependSubject=x |Priority=5");
	add_rule("6 over", "SubjectContainsWords=lunch|PrependSubject=x |"
			   "ExpiryDate=2001-01-01|Priority=6");
	add_rule("7 soon", "SubjectContainsWords=dinner|PrependSubject=x |"
			   "ActivationDate=2999-01-01|Priority=7");
	run("a@drop.test b@move.test d@x.test");
	expect_answers("1 drop",
		       "a@drop.test TRUE,b@move.test FALSE,d@x.test FALSE");
	expect_answers("2 redirect", "b@move.test TRUE,d@x.test FALSE,"
				     "a@drop.test FALSE" ENDED);
	expect_answers("3 later", "b@move.test FALSE" GONE ",d@x.test TRUE,"
				  "a@drop.test TRUE" ENDED ",c@x.test TRUE");
	expect_answers("4 off", "b@move.test FALSE" GONE
				",d@x.test TRUE: it is disabled,"
				"a@drop.test TRUE: it is disabled,"
				"c@x.test TRUE: it is disabled");
	expect_answers(
	    "5 draft",
	    "b@move.test FALSE" GONE ",d@x.test TRUE: it is a draft: it has "
	    "neither a condition nor Enabled,a@drop.test TRUE: it is a draft: "
	    "it has neither a condition nor Enabled,c@x.test TRUE: it is a "
	    "draft: it has neither a condition nor Enabled");
	expect_answers("6 over", "b@move.test FALSE" GONE
				 ",d@x.test TRUE: its ExpiryDate has passed,"
				 "a@drop.test TRUE: its ExpiryDate has passed,"
				 "c@x.test TRUE: its ExpiryDate has passed");
	expect_answers("7 soon",
		       "b@move.test FALSE" GONE
		       ",d@x.test FALSE: its ActivationDate has not come,"
		       "a@drop.test FALSE: its ActivationDate has not come,"
		       "c@x.test FALSE: its ActivationDate has not come");
	ck_assert_str_eq(fate("a@drop.test"), "Dropped");
	ck_assert_str_eq(fate("b@move.test"), "Redirected");
	ck_assert_str_eq(fate("d@x.test"), "Delivered");
	ck_assert_str_eq(fate("c@x.test"), "Delivered");
	ck_assert_str_eq(person("c@x.test")->added_by->name, "2 redirect");
	ck_assert_str_eq(person("b@move.test")->gone_by->name, "2 redirect");
	ck_assert_int_eq(ph_trial_status(&trial), PH_EXIT_NO);
	end();
}
END_TEST

/* Those who only want to know change nothing: the disabled rule did nothing. */
START_TEST(test_changes)
{
	g_autoptr(GPtrArray) changes = NULL;
	g_autofree char *text = NULL;

	begin();
	add_rule("A", "SubjectContainsWords=lunch|SetHeaderName=X-New|"
		      "SetHeaderValue=two|RemoveHeader=X-Old|Priority=0");
	add_rule("B", "SubjectContainsWords=lunch|PrependSubject=x |"
		      "Enabled=false");
	run("a@x.test");
	changes =
	    ph_trial_changes(person("a@x.test")->copy, trial.result.before);
	g_ptr_array_add(changes, NULL);
	text = g_strjoinv("|", (char **)changes->pdata);
	ck_assert_str_eq(text, "- X-Old: one|+ X-New: two");
	ck_assert_int_eq(ph_trial_status(&trial), PH_EXIT_YES);
	ck_assert_uint_eq(person("a@x.test")->hits->len, 1);
	end();
}
END_TEST

START_TEST(test_refused_with_everybody)
{
	begin();
	add_rule("A", "RecipientDomainIs=x.test|SmtpRejectMessageRejectText="
		      "No|SmtpRejectMessageRejectStatusCode=450");
	run("a@x.test b@y.test");
	ck_assert_str_eq(fate("a@x.test"), "Deferred");
	ck_assert_str_eq(fate("b@y.test"), "Deferred");
	ck_assert_int_eq(ph_trial_status(&trial), PH_EXIT_TEMPORARY);
	end();
}
END_TEST

START_TEST(test_audit_does_nothing)
{
	begin();
	add_rule("A", "SubjectContainsWords=lunch|DeleteMessage=true|"
		      "Mode=Audit");
	run("a@x.test");
	ck_assert_str_eq(fate("a@x.test"), "Delivered");
	ck_assert_uint_eq(person("a@x.test")->hits->len, 1);
	ck_assert_int_eq(ph_trial_status(&trial), PH_EXIT_YES);
	end();
}
END_TEST

/* ---- how it is shown ---------------------------------------------------- */

static void
expect_text(bool all, const char *expected)
{
	g_autofree char *text = ph_explain_text(&trial, all);

	ck_assert_str_eq(text, expected);
}

START_TEST(test_explained)
{
	begin();
	add_rule("Other", "SubjectContainsWords=dinner|PrependSubject=x |"
			  "Priority=0");
	add_rule("Except", "SubjectContainsWords=lunch|"
			   "ExceptIfFrom=alice@sender.test|PrependSubject=x |"
			   "Priority=1");
	add_rule("Whole", "SubjectContainsWords=lunch|SetHeaderName=X-A|"
			  "SetHeaderValue=1|Priority=2");
	add_rule("Some", "RecipientDomainIs=y.test|SetHeaderName=X-B|"
			 "SetHeaderValue=2|Priority=3");
	run("a@x.test b@y.test");
	expect_text(
	    false,
	    "0  Other: FALSE; SubjectContainsWords=dinner: no, looked at "
	    "\"Lunch\"\n"
	    "1  Except\n"
	    "    SubjectContainsWords=lunch: yes, \"lunch\" in subject, "
	    "character 1: \"lunch\"\n"
	    "    ExceptIfFrom[Header]=alice@sender.test: yes, it is "
	    "\"alice@sender.test\" in sender\n"
	    "    a@x.test, b@y.test: FALSE\n"
	    "2  Whole\n"
	    "    SubjectContainsWords=lunch: yes, \"lunch\" in subject, "
	    "character 1: \"lunch\"\n"
	    "    a@x.test, b@y.test: TRUE, done: SetHeaderName=X-A "
	    "SetHeaderValue=1\n"
	    "3  Some\n"
	    "    a@x.test: FALSE\n"
	    "      RecipientDomainIs[Resolved]=y.test: no, looked at "
	    "\"a@x.test\"\n"
	    "    b@y.test: TRUE, done: SetHeaderName=X-B SetHeaderValue=2\n"
	    "      RecipientDomainIs[Resolved]=y.test: yes, it is "
	    "\"b@y.test\" in recipient\n");
	trial.only_name = g_strdup("Other");
	expect_text(false, "0  Other\n"
			   "    SubjectContainsWords=dinner: no, looked at "
			   "\"Lunch\"\n"
			   "    a@x.test, b@y.test: FALSE\n");
	end();
}
END_TEST

/* Copies that differ are shown one by one, those that do not together. */
START_TEST(test_copies)
{
	g_autofree char *text = NULL;

	begin();
	add_rule("Split", "RecipientDomainIs=y.test|PrependSubject=x |"
			  "Priority=0");
	add_rule("After", "SubjectContainsWords=lunch|SetHeaderName=X-A|"
			  "SetHeaderValue=1|Priority=1");
	add_rule("Alike", "HeaderContainsMessageHeader=X-Old|"
			  "HeaderContainsWords=one|SetHeaderName=X-B|"
			  "SetHeaderValue=1|Priority=2");
	run("a@x.test b@y.test");
	text = ph_explain_text(&trial, false);
	ck_assert_ptr_nonnull(
	    strstr(text, "1  After\n"
			 "  copy 1 of the message:\n"
			 "    SubjectContainsWords=lunch: yes, \"lunch\" in "
			 "subject, character 1: \"lunch\"\n"
			 "    a@x.test: TRUE, done: SetHeaderName=X-A "
			 "SetHeaderValue=1\n"
			 "  copy 2 of the message:\n"
			 "    SubjectContainsWords=lunch: yes, \"lunch\" in "
			 "subject, character 3: \"x lunch\"\n"
			 "    b@y.test: TRUE, done:"));
	ck_assert_ptr_nonnull(strstr(
	    text, "2  Alike\n"
		  "    HeaderContainsWords[X-Old]=one: yes, \"one\" in header "
		  "field, character 1: \"one\"\n"
		  "    a@x.test, b@y.test: TRUE, done:"));
	end();
}
END_TEST

UNIT_MAIN("cli/trial", test_everybody_hears_of_every_rule, test_changes,
	  test_refused_with_everybody, test_audit_does_nothing, test_explained,
	  test_copies)
