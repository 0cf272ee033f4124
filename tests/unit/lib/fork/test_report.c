#include "lib/fork/report.h"

#include "tests/unit/unit.h"

#include <string.h>

#define TOKEN "0f0e.1"
#define NOW 1763765452123 /* Fri, 21 Nov 2025 22:50:52 UTC */

static const char message[] = "Received: from a\r\n\tby b\r\n"
			      "X-PostHub-Network-Message-Id: 1\r\n\tsecret\r\n"
			      "From: nuno@x.test\r\n"
			      "x-posthub-auth: secret\r\n"
			      "Subject: hi\r\n"
			      "\r\n"
			      "body line\r\n";

static struct ph_plan *plan;
static GArray *recipients;
static struct ph_report report;
static struct ph_report_text text;
static GString *all;

static void
set_up(void)
{
	plan = ph_plan_new();
	plan->queue_id = g_strdup("4ABC");
	plan->sender = g_strdup("nuno@x.test");
	plan->message_id = g_strdup("<m@x.test>");
	plan->subject = g_strdup("hi");
	plan->created = NOW;
	ph_plan_add_group(plan, PH_PLAN_REPORT);
	recipients =
	    g_array_new(FALSE, TRUE, sizeof(struct ph_report_recipient));
	report = (struct ph_report){
	    .plan = plan,
	    .token = TOKEN,
	    .fqdn = "mbx2.x.test",
	    .server = "MBX2",
	    .now = NOW + 1000,
	    .recipients = recipients,
	    .data = message,
	    .size = sizeof(message) - 1,
	};
	all = g_string_new(NULL);
}

static void
tear_down(void)
{
	ph_report_clear(&text);
	g_string_free(all, TRUE);
	g_array_unref(recipients);
	ph_plan_free(&plan);
}

static struct ph_plan_recipient *
add(const char *address, const char *original, const char *notify,
    const char *orcpt, const char *reason)
{
	struct ph_plan_group *group = plan->groups->pdata[0];
	struct ph_report_recipient r = {
	    ph_plan_add_recipient(group, address, original), "550", "5.7.1",
	    reason};
	struct ph_plan_recipient *p =
	    group->recipients->pdata[group->recipients->len - 1];

	p->notify = g_strdup(notify);
	p->orcpt = g_strdup(orcpt);
	g_array_append_val(recipients, r);
	return p;
}

/* The whole of it in all, and what each must be: lines of at most 998 bytes
 * that end with CRLF. */
static int
make(void)
{
	int rc = ph_report_make(&report, &text);

	if (rc == 0)
		return 0;
	g_string_append_len(all, text.head->str, (gssize)text.head->len);
	g_string_append_len(all, text.body, (gssize)text.body_size);
	g_string_append_len(all, text.tail->str, (gssize)text.tail->len);
	for (const char *line = all->str; *line != '\0';) {
		const char *end = strchr(line, '\n');

		ck_assert_ptr_nonnull(end);
		ck_assert_int_eq(end[-1], '\r');
		ck_assert_int_le(end - line, 999);
		line = end + 1;
	}
	return 1;
}

static void
has(const char *what)
{
	ck_assert_msg(strstr(all->str, what) != NULL, "no \"%s\" in:\n%s", what,
		      all->str);
}

static void
has_not(const char *what)
{
	ck_assert_msg(strstr(all->str, what) == NULL, "\"%s\" in:\n%s", what,
		      all->str);
}

START_TEST(plain)
{
	set_up();
	plan->envid = g_strdup("QQ+2B1+20x");
	add("bob@x.test", "robert@x.test", NULL, "rfc822;rob+2Bert@x.test",
	    "TRANSPORT.RULES.RejectMessage; no");
	ck_assert_int_eq(make(), 1);
	has("From: Mail Delivery System <MAILER-DAEMON@mbx2.x.test>\r\n"
	    "To: <nuno@x.test>\r\n"
	    "Subject: Undeliverable: hi\r\n"
	    "Date: Fri, 21 Nov 2025 22:50:53 +0000\r\n");
	has("\r\nIn-Reply-To: <m@x.test>\r\nReferences: <m@x.test>\r\n"
	    "Auto-Submitted: auto-replied\r\n");
	has("\r\nContent-Type: multipart/report; "
	    "report-type=delivery-status;\r\n\tboundary=");
	has("\r\nX-PostHub-Rules-Executed: MBX2\r\n");
	has("Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n"
	    "Delivery has failed to these recipients or groups:\r\n\r\n"
	    "robert@x.test\r\n");
	has("\r\nDiagnostic information for administrators:\r\n\r\n"
	    "Generating server: mbx2.x.test\r\n\r\nrobert@x.test\r\n"
	    "#550 5.7.1 TRANSPORT.RULES.RejectMessage; no ##\r\n");
	has("Content-Type: message/delivery-status\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n"
	    "Reporting-MTA: dns; mbx2.x.test\r\n"
	    "Original-Envelope-Id: QQ+1 x\r\n"
	    "Arrival-Date: Fri, 21 Nov 2025 22:50:52 +0000\r\n"
	    "\r\n"
	    "Original-Recipient: rfc822; rob+ert@x.test\r\n"
	    "Final-Recipient: rfc822; robert@x.test\r\n"
	    "Action: failed\r\n"
	    "Status: 5.7.1\r\n"
	    "Diagnostic-Code: smtp; 550 5.7.1 "
	    "TRANSPORT.RULES.RejectMessage; no\r\n\r\n--");
	has("Content-Type: text/rfc822-headers\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n"
	    "Received: from a\r\n\tby b\r\nFrom: nuno@x.test\r\n"
	    "Subject: hi\r\n\r\n--");
	has_not("secret");
	has_not("body line");
	ck_assert(!text.utf8 && !text.eight_bit);
	tear_down();
}
END_TEST

START_TEST(whole_message)
{
	set_up();
	plan->ret = g_strdup("full");
	add("bob@x.test", "bob@x.test", NULL, NULL, "no");
	ck_assert_int_eq(make(), 1);
	has("Content-Type: message/rfc822\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n"
	    "Received: from a\r\n\tby b\r\nFrom: nuno@x.test\r\n"
	    "Subject: hi\r\n\r\nbody line\r\n\r\n--");
	has_not("secret");
	has_not("Original-Recipient");
	ck_assert(g_str_has_suffix(all->str, "--\r\n"));
	tear_down();
}
END_TEST

/* Above what Exchange attaches: the header alone. */
START_TEST(whole_message_too_large)
{
	g_autoptr(GString) large = g_string_new(message);

	set_up();
	while (large->len <= (gsize)10 << 20)
		g_string_append(large,
				"0123456789012345678901234567890123\r\n");
	report.data = large->str;
	report.size = large->len;
	plan->ret = g_strdup("FULL");
	add("bob@x.test", "bob@x.test", NULL, NULL, "no");
	ck_assert_int_eq(make(), 1);
	has("text/rfc822-headers");
	has_not("body line");
	tear_down();
}
END_TEST

/* NOTIFY -> is the sender told? */
static const struct {
	const char *notify;
	bool told;
} notifies[] = {
    {NULL, true},
    {"", true},
    {"NEVER", false},
    {"SUCCESS", false},
    {"SUCCESS,DELAY", false},
    {"FAILURE", true},
    {"success,failure", true},
    {"DELAY,FAILURES", false},
};

START_TEST(notify)
{
	for (size_t i = 0; i < G_N_ELEMENTS(notifies); i++) {
		set_up();
		add("bob@x.test", "bob@x.test", notifies[i].notify, NULL, "no");
		ck_assert_int_eq(make(), notifies[i].told);
		tear_down();
	}
}
END_TEST

START_TEST(some_want_to_know)
{
	set_up();
	add("never@x.test", NULL, "NEVER", NULL, "no");
	add("bob@x.test", NULL, "FAILURE", NULL, "no");
	ck_assert_int_eq(make(), 1);
	has("Final-Recipient: rfc822; bob@x.test\r\n");
	has_not("never@x.test");
	tear_down();
}
END_TEST

START_TEST(null_sender)
{
	set_up();
	*plan->sender = '\0';
	add("bob@x.test", NULL, NULL, NULL, "no");
	ck_assert_int_eq(make(), 0);
	tear_down();
}
END_TEST

static char *
id_of(const char *nmid, const char *token, const char *address)
{
	char *id;

	set_up();
	g_strlcpy(plan->nmid, nmid, sizeof(plan->nmid));
	report.token = token;
	report.now += g_random_int_range(1, 1000000);
	add(address, NULL, NULL, NULL, "no");
	ck_assert_int_eq(make(), 1);
	id = g_strconcat(text.message_id, " ", text.nmid, NULL);
	tear_down();
	return id;
}

/* The same report has the same ids, even by another plan for the same message;
 * another one has others. */
START_TEST(ids)
{
	g_autofree char *a = id_of("1-2", "x.0", "a@x.test");
	g_autofree char *again = id_of("1-2", "x.0", "a@x.test");
	g_autofree char *plan_2 = id_of("1-2", "y.1", "a@x.test");
	g_autofree char *another = id_of("1-3", "x.0", "a@x.test");
	g_autofree char *other = id_of("1-2", "x.0", "b@x.test");

	ck_assert_str_eq(a, again);
	ck_assert_str_eq(a, plan_2);
	ck_assert_str_ne(a, another);
	ck_assert_str_ne(a, other);
	ck_assert(ph_uuid_valid(strchr(a, ' ') + 1));
}
END_TEST

START_TEST(internationalized)
{
	set_up();
	plan->utf8 = true;
	plan->ret = g_strdup("FULL");
	add("жук@x.test", "жук@x.test", NULL, "utf-8;\\x{436}ук@x.test",
	    "не можна");
	ck_assert_int_eq(make(), 1);
	has("Content-Type: message/global-delivery-status; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n");
	has("Original-Recipient: utf-8; \\x{436}ук@x.test\r\n"
	    "Final-Recipient: utf-8; жук@x.test\r\n");
	has("Diagnostic-Code: smtp; 550 5.7.1 не можна\r\n");
	has("Content-Type: message/global\r\n");
	ck_assert(text.utf8 && text.eight_bit);
	tear_down();
}
END_TEST

/* A sender without SMTPUTF8 gets what it can read: the machine's part is
 * ASCII, the text for people is as it was. */
START_TEST(text_alone_needs_no_utf8)
{
	set_up();
	add("bob@x.test", NULL, NULL, NULL, "café");
	ck_assert_int_eq(make(), 1);
	has("charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n");
	has("    café\r\n");
	has("Content-Type: message/delivery-status\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n");
	has("Diagnostic-Code: smtp; 550 5.7.1 caf");
	has_not("smtp; 550 5.7.1 café");
	ck_assert(!text.utf8 && text.eight_bit);
	tear_down();
}
END_TEST

START_TEST(address_alone_needs_utf8)
{
	set_up();
	add("жук@x.test", NULL, NULL, NULL, "no");
	ck_assert_int_eq(make(), 1);
	has("Final-Recipient: utf-8; жук@x.test\r\n");
	has("Content-Type: message/global-headers\r\n");
	ck_assert(text.utf8);
	tear_down();
}
END_TEST

/* Header injection: nothing of the message or of a rule makes a line of its
 * own. */
START_TEST(hostile)
{
	struct ph_plan_recipient *r;

	set_up();
	g_free(plan->subject);
	plan->subject = g_strdup("x\r\nBcc: evil@x.test\r\n\r\nbody");
	g_free(plan->message_id);
	plan->message_id = g_strdup("<m@x.test>\r\nX-Evil: 1");
	plan->envid = g_strdup("a+0D+0AX-Evil:+202");
	r = add("bob@x.test\r\nX-Evil: 3", NULL, NULL,
		"rfc822;a+0D+0AX-Evil:+204", "no\r\n\r\n--x\r\nX-Evil: 5");
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(make(), 1);
	has_not("\nX-Evil");
	has_not("\nBcc");
	has_not("In-Reply-To");
	has_not("Original-");
	has("Subject: Undeliverable: x  Bcc: evil@x.test    body\r\n");
	tear_down();
}
END_TEST

START_TEST(long_and_encoded)
{
	g_autofree char *word = g_strnfill(5000, 'w');
	g_autofree char *words = NULL;
	g_auto(GStrv) list = g_new0(char *, 501);

	for (int i = 0; i < 500; i++)
		list[i] = g_strdup("words ");
	words = g_strjoinv(" ", list);
	set_up();
	g_free(plan->subject);
	plan->subject = g_strdup_printf("ž %s", word);
	add("bob@x.test", NULL, NULL, NULL, word);
	add("eve@x.test", NULL, NULL, NULL, words);
	/* make() looks at the length of the lines. */
	ck_assert_int_eq(make(), 1);
	has("Subject: =?UTF-8?B?");
	has_not("\r\n \r\n");
	has_not("\r\n    \r\n");
	tear_down();
}
END_TEST

/* A header that may be anything is sent back as it was, and shown as text. */
START_TEST(eight_bit_header)
{
	static const char latin[] = "Subject: caf\xe9\r\n\r\nx\r\n";

	set_up();
	report.data = latin;
	report.size = sizeof(latin) - 1;
	add("bob@x.test", NULL, NULL, NULL, "no");
	ck_assert_int_eq(make(), 1);
	has("Content-Type: text/rfc822-headers\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: caf\xe9\r\n");
	has("Original message headers:\r\n\r\nSubject: caf\xef\xbf\xbd\r\n");
	ck_assert(text.eight_bit && !text.utf8);
	tear_down();
}
END_TEST

static const struct {
	const char *enhanced, *status;
} statuses[] = {
    {"5.7.1", "5.7.1"},	    {"4.4.7", "4.4.7"},	  {"", "5.0.0"},
    {"5.7", "5.0.0"},	    {"5.7.1 x", "5.0.0"}, {"2.0.0", "5.0.0"},
    {"5.7.900", "5.7.900"}, {"5....", "5.0.0"},	  {"5.7.1.", "5.0.0"},
    {"5.7.1000", "5.0.0"},
};

START_TEST(status)
{
	for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
		g_autofree char *want =
		    g_strdup_printf("\r\nStatus: %s\r\n", statuses[i].status);

		set_up();
		add("bob@x.test", NULL, NULL, NULL, "no");
		g_array_index(recipients, struct ph_report_recipient, 0)
		    .enhanced = statuses[i].enhanced;
		ck_assert_int_eq(make(), 1);
		has(want);
		tear_down();
	}
}
END_TEST

UNIT_MAIN("lib/fork/report", plain, whole_message, whole_message_too_large,
	  notify, some_want_to_know, null_sender, ids, internationalized,
	  text_alone_needs_no_utf8, address_alone_needs_utf8, hostile,
	  long_and_encoded, eight_bit_header, status)
