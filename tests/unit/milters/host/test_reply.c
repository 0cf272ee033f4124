#include "milters/host/host_private.h"
#include "tests/unit/unit.h"

#include <string.h>

static void
check_text(const char *text, bool utf8, const char *expected)
{
	g_autofree char *is = ph_reply_text_escape(text, utf8);

	ck_assert_str_eq(is, expected);
}

START_TEST(test_text)
{
	check_text("plain", false, "plain");
	/* libmilter refuses a lone one. */
	check_text("100% sure %s", false, "100%% sure %%s");
	check_text("a\r\n250 ok\tb", false, "a  250 ok b");
	check_text("Größe, Žluť", false, "Grosse, Zlut");
	check_text("Привет", false, "Pryvet");
	check_text("Привет", true, "Привет");
	check_text("a\xff", true, "a\xef\xbf\xbd");
	check_text("你", false, "?");
}
END_TEST

/* At the limit, one over, and never half a character or half a "%%". */
START_TEST(test_text_limit)
{
	g_autofree char *at = g_strnfill(PH_REPLY_LIMIT - 1, 'x');
	g_autofree char *over = g_strnfill(PH_REPLY_LIMIT + 1, 'x');
	g_autofree char *percent = g_strnfill(PH_REPLY_LIMIT, '%');
	g_autofree char *a = ph_reply_text_escape(at, false);
	g_autofree char *b = ph_reply_text_escape(over, false);
	g_autofree char *c = ph_reply_text_escape(percent, false);
	g_autoptr(GString) wide = g_string_new("x");
	g_autofree char *d = NULL;

	ck_assert_str_eq(a, at);
	ck_assert_uint_le(strlen(b), PH_REPLY_LIMIT);
	ck_assert_uint_eq(strlen(c) % 2, 0);
	ck_assert_uint_le(strlen(c), PH_REPLY_LIMIT);
	while (wide->len < PH_REPLY_LIMIT + 10)
		g_string_append(wide, "ж");
	d = ph_reply_text_escape(wide->str, true);
	ck_assert_uint_le(strlen(d), PH_REPLY_LIMIT);
	ck_assert(g_utf8_validate(d, -1, NULL));
}
END_TEST

/* What cannot be said is never a refusal. */
START_TEST(test_error)
{
	static const enum ph_err_kind kinds[] = {
	    PH_ERR_NONE, PH_ERR_TEMP, PH_ERR_PERM, PH_ERR_PEER, PH_ERR_MAYBE};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		struct ph_verdict v = {.decision = PH_DECISION_ACCEPT};
		struct ph_err err = {kinds[i], "x"};

		ph_reply_error(&v, "agent", &err);
		ck_assert_int_eq(v.decision, PH_DECISION_DEFER);
		ck_assert_str_eq(v.code, "451");
		ck_assert_int_eq(v.enhanced[0], '4');
		ck_assert_ptr_nonnull(v.text);
		ph_verdict_clear(&v);
	}
}
END_TEST

START_TEST(test_first_decision_stands)
{
	struct ph_verdict v = {.decision = PH_DECISION_ACCEPT};

	ck_assert_int_eq(ph_verdict_reject(&v, "one", "5.7.1", "no"), 1);
	ck_assert_int_eq(ph_verdict_discard(&v, "two"), 1);
	ck_assert_int_eq(ph_verdict_defer(&v, "two", "4.3.0", "later"), 1);
	ck_assert_int_eq(v.decision, PH_DECISION_REJECT);
	ck_assert_str_eq(v.agent, "one");
	ck_assert_str_eq(v.text, "no");
	ph_verdict_clear(&v);
	ck_assert_int_eq(v.decision, PH_DECISION_ACCEPT);
	ck_assert_ptr_null(v.text);
}
END_TEST

static char **
pass_lines(const char *enhanced, const char *const *lines,
	   struct ph_verdict *verdict)
{
	*verdict = (struct ph_verdict){.decision = PH_DECISION_ACCEPT};
	ck_assert_int_eq(ph_verdict_pass(verdict, "a", 550, enhanced, lines),
			 1);
	ck_assert_int_eq(verdict->decision, PH_DECISION_REJECT);
	ck_assert_str_eq(verdict->code, "550");
	return ph_reply_lines(verdict, false);
}

/* libmilter writes the enhanced code in front of each line itself. */
START_TEST(test_passed_on)
{
	static const struct {
		const char *enhanced, *lines[4], *expected[4];
	} rows[] = {
	    {"5.1.1", {"5.1.1 no"}, {"no"}},
	    {"5.1.1", {"5.1.1 100% no", "5.1.1 b"}, {"100%% no", "b"}},
	    {"5.1.1", {"5.1.1 a", "b"}, {"5.1.1 a", "b"}},
	    {"", {"no", "more"}, {"no", "more"}},
	    {"", {""}, {""}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_verdict v;
		g_auto(GStrv) is =
		    pass_lines(rows[i].enhanced, rows[i].lines, &v);

		ck_assert(
		    g_strv_equal((const char *const *)is, rows[i].expected));
		ph_verdict_clear(&v);
		ck_assert_ptr_null(v.lines);
	}
}
END_TEST

START_TEST(test_passed_on_limit)
{
	const char *lines[PH_REPLY_LINES + 2] = {NULL};
	struct ph_verdict v;
	g_auto(GStrv) at = NULL;
	g_auto(GStrv) over = NULL;

	for (size_t i = 0; i < PH_REPLY_LINES; i++)
		lines[i] = "x";
	at = pass_lines("", lines, &v);
	ck_assert_uint_eq(g_strv_length(at), PH_REPLY_LINES);
	ph_verdict_clear(&v);
	lines[PH_REPLY_LINES] = "x";
	over = pass_lines("", lines, &v);
	ck_assert_uint_eq(g_strv_length(over), PH_REPLY_LINES);
	ph_verdict_clear(&v);
}
END_TEST

static int
on_data(struct ph_mail *mail, void *app, struct ph_err *err)
{
	(void)mail;
	(void)app;
	(void)err;
	return 0;
}

static int
on_rcpt(struct ph_mail *mail, struct ph_recipient *recipient, void *app,
	struct ph_err *err)
{
	(void)mail;
	(void)recipient;
	(void)app;
	(void)err;
	return 0;
}

/* Only what an agent answers is waited for. */
START_TEST(test_negotiate)
{
	static const struct ph_agent quiet = {.name = "quiet"};
	static const struct ph_agent asks = {
	    .name = "asks", .on_rcpt = on_rcpt, .on_data = on_data};
	const struct ph_agent *const none[] = {&quiet, NULL};
	const struct ph_agent *const one[] = {&quiet, &asks, NULL};
	struct ph_host host = {.agents = none};
	struct ph_events events = ph_host_events(&host);
	unsigned long all = ph_negotiate_steps(&events, ~0UL);

	ck_assert_uint_eq(all & SMFIP_NR_RCPT, SMFIP_NR_RCPT);
	ck_assert_uint_eq(all & SMFIP_NR_MAIL, SMFIP_NR_MAIL);
	ck_assert_uint_eq(all & SMFIP_NOEOH, SMFIP_NOEOH);
	/* The content is needed, and refused recipients are not. */
	ck_assert_uint_eq(all &
			      (SMFIP_NOBODY | SMFIP_NOHDRS | SMFIP_NORCPT |
			       SMFIP_NOMAIL | SMFIP_NOCONNECT | SMFIP_RCPT_REJ),
			  0);
	ck_assert_uint_eq(all & SMFIP_NODATA, SMFIP_NODATA);
	ck_assert_uint_eq(ph_negotiate_steps(&events, 0), 0);
	host.agents = one;
	events = ph_host_events(&host);
	all = ph_negotiate_steps(&events, ~0UL);
	ck_assert_uint_eq(all & (SMFIP_NR_RCPT | SMFIP_NODATA), 0);
	ck_assert_uint_eq(all & SMFIP_NR_MAIL, SMFIP_NR_MAIL);
}
END_TEST

UNIT_MAIN("milters/host/reply", test_text, test_text_limit, test_error,
	  test_first_decision_stands, test_passed_on, test_passed_on_limit,
	  test_negotiate)
