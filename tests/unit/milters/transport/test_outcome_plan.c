#include "tests/unit/milters/transport/outcome.h"

#include <unistd.h>

/* What the plan holds. */

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

/* A client that says too much would try again for ever. */
START_TEST(test_too_long)
{
	g_autofree char *parameter = g_strnfill(1600, 'x');
	g_autofree char *envid = g_strconcat("ENVID=", parameter, NULL);
	g_autofree char *orcpt = g_strconcat("ORCPT=rfc822;", parameter, NULL);
	g_autofree char *id = g_strnfill(59000, '\xff');
	struct ph_mail *mail = make_mail("x@b.test");
	const struct ph_plan_group *group;
	const struct ph_plan_recipient *to;
	struct ph_rules_result result;
	struct ph_plan *plan;

	set_params(mail, envid);
	ph_headers_replace(mail->headers, 0, id);
	result = make_result(mail);
	add_recipients(mail, "a");
	add_with(add_fork(&result, "[x] hello"), "b", "NOTIFY=NEVER", orcpt);
	apply(mail, &result, 0);
	plan = read_plan(mail);
	ck_assert_ptr_nonnull(plan);
	ck_assert_ptr_null(plan->envid);
	group = plan->groups->pdata[0];
	to = group->recipients->pdata[0];
	ck_assert_str_eq(to->notify, "NEVER");
	ck_assert_ptr_null(to->orcpt);
	ph_plan_free(&plan);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* Nobody is told to try again with an address that nobody can have. */
START_TEST(test_no_address)
{
	g_autofree char *local = g_strnfill(1001, 'x');
	g_autofree char *address = g_strconcat(local, "@b.test", NULL);
	const char *const addresses[] = {address, "\"a\tb\"@b.test"};

	for (size_t i = 0; i < 2 * G_N_ELEMENTS(addresses); i++) {
		const char *odd = addresses[i / 2];
		struct ph_mail *mail = make_mail(i % 2 == 0 ? "x@b.test" : odd);
		struct ph_rules_result result = make_result(mail);

		add_recipients(mail, "a");
		add_with(add_fork(&result, "[x] hello"), i % 2 == 0 ? odd : "b",
			 NULL, NULL);
		apply(mail, &result, 1);
		ck_assert_int_eq(mail->verdict.decision, PH_DECISION_REJECT);
		ck_assert_str_eq(mail->verdict.enhanced, "5.1.3");
		ck_assert_uint_eq(count_plans(), 0);
		ph_rules_result_clear(&result);
		mail_clear(&mail);
	}
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

static const char *
nmid_of(const struct ph_plan *plan, guint i)
{
	const struct ph_plan_group *group = plan->groups->pdata[i];

	for (guint j = 0; j < group->headers->len; j++) {
		const struct ph_plan_header *header = group->headers->pdata[j];

		if (strcmp(header->name, PH_HEADER_NMID) == 0)
			return header->values->pdata[0];
	}
	return NULL;
}

/* Put aside for two by two rules: two messages to the mailbox, which would take
 * only one of two copies of a message. */
START_TEST(test_put_aside_twice)
{
	static const char *const whose[] = {"u@a.test", "v@a.test"};
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);
	struct ph_plan *plan;

	add_recipients(mail, "w@a.test q@a.test");
	for (size_t i = 0; i < G_N_ELEMENTS(whose); i++) {
		struct ph_mail *fork = add_fork(&result, "hello");

		ck_assert_int_eq(ph_mail_set_header(fork, PH_HEADER_QUARANTINE,
						    whose[i], NULL),
				 0);
		add_recipients(fork, "q@a.test");
	}
	apply(mail, &result, 0);
	plan = read_plan(mail);
	ck_assert_uint_eq(plan->groups->len, 2);
	for (guint i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(nmid_of(plan, i));
		ck_assert_str_ne(nmid_of(plan, i), mail->nmid);
		ck_assert(ph_uuid_valid(nmid_of(plan, i)));
	}
	ck_assert_str_ne(nmid_of(plan, 0), nmid_of(plan, 1));
	ph_plan_free(&plan);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

UNIT_MAIN("milters/transport/outcome_plan", test_put_aside_twice, test_envelope,
	  test_recipients, test_notice_params, test_no_room_for_a_notice,
	  test_token_params, test_headers, test_restored, test_unwritable,
	  test_too_long, test_no_address, test_redirected)
