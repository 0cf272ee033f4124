#include "lib/fork/notice.h"
#include "tests/unit/unit.h"

#include <string.h>

#define NOW 1763765452123 /* Fri, 21 Nov 2025 22:50:52 UTC */

static struct ph_plan *
make_plan(const char *sender, const char *subject, guint recipients)
{
	struct ph_plan *plan = ph_plan_new();
	struct ph_plan_group *group = ph_plan_add_group(plan, PH_PLAN_NOTICE);

	plan->queue_id = g_strdup("4ABC");
	plan->sender = g_strdup(sender);
	plan->message_id = g_strdup("<m@x.test>");
	plan->subject = g_strdup(subject);
	plan->created = NOW;
	g_strlcpy(plan->nmid, "01234567-89ab-8def-8123-456789abcdef",
		  sizeof(plan->nmid));
	group->text = g_strdup("Card, Passport");
	for (guint i = 0; i < recipients; i++) {
		g_autofree char *address = g_strdup_printf("r%u@x.test", i);

		ph_plan_add_recipient(group, address,
				      i == 0 ? "typed@x.test" : NULL);
	}
	return plan;
}

static int
make(const struct ph_plan *plan, struct ph_report_text *text)
{
	return ph_notice_make(
	    &(struct ph_notice){
		.plan = plan,
		.group = plan->groups->pdata[0],
		.fqdn = "mbx2.x.test",
		.server = "MBX2",
		.now = NOW + 1000,
	    },
	    text);
}

/* What a reader sees; g_free. */
static char *
body_of(const struct ph_report_text *text)
{
	const char *body = strstr(text->head->str, "\r\n\r\n") + 4;
	gsize size;
	g_autofree guchar *plain = g_base64_decode(body, &size);

	return g_strndup((const char *)plain, size);
}

START_TEST(test_notice)
{
	struct ph_plan *plan = make_plan("nuno@x.test", "hi", 2);
	struct ph_report_text text;
	g_autofree char *body = NULL, *want = NULL, *head = NULL;

	ck_assert_int_eq(make(plan, &text), 1);
	head = g_strndup(
	    text.head->str,
	    (gsize)(strstr(text.head->str, "\r\n\r\n") - text.head->str));
	want = g_strdup_printf(
	    "From: Mail Delivery System <MAILER-DAEMON@mbx2.x.test>\r\n"
	    "To: <nuno@x.test>\r\n"
	    "Subject: Notification: hi\r\n"
	    "Date: Fri, 21 Nov 2025 22:50:53 +0000\r\n"
	    "Message-ID: <%s@mbx2.x.test>\r\n"
	    "In-Reply-To: <m@x.test>\r\n"
	    "References: <m@x.test>\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "X-MS-Exchange-Transport-Rules-Notification: 1\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Language: en-US\r\n"
	    "X-PostHub-Network-Message-Id: %s\r\n"
	    "X-PostHub-AuthAs: Internal\r\n"
	    "X-PostHub-AuthSource: mbx2.x.test\r\n"
	    "X-PostHub-Rules-Executed: MBX2",
	    text.nmid, text.nmid);
	ck_assert_str_eq(head, want);
	body = body_of(&text);
	ck_assert_str_eq(body, "Your message was sent on, but it may hold "
			       "sensitive information.\r\n"
			       "Please make sure that everybody who gets it is "
			       "allowed to have it.\r\n\r\n"
			       "Subject: hi\r\n"
			       "Date: Fri, 21 Nov 2025 22:50:52 +0000\r\n"
			       "Found: Card, Passport\r\n"
			       "Recipients:\r\n"
			       "    typed@x.test\r\n"
			       "    r1@x.test\r\n");
	ck_assert(!text.utf8 && !text.eight_bit);
	ck_assert_str_eq(text.subject, "Notification: hi");
	ph_report_clear(&text);
	ph_plan_free(&plan);
}
END_TEST

/* A mailbox takes it once, also when the message came again. */
START_TEST(test_same_id)
{
	struct ph_plan *a = make_plan("nuno@x.test", "hi", 1);
	struct ph_plan *b = make_plan("nuno@x.test", "hi", 1);
	struct ph_report_text one, two;

	ck_assert_str_ne(a->id, b->id);
	ck_assert_int_eq(make(a, &one), 1);
	ck_assert_int_eq(make(b, &two), 1);
	ck_assert_str_eq(one.nmid, two.nmid);
	ck_assert_str_ne(one.nmid, a->nmid);
	ph_report_clear(&one);
	ph_report_clear(&two);
	ph_plan_free(&a);
	ph_plan_free(&b);
}
END_TEST

START_TEST(test_null_sender)
{
	struct ph_plan *plan = make_plan("", "hi", 1);
	struct ph_report_text text;

	ck_assert_int_eq(make(plan, &text), 0);
	ph_report_clear(&text);
	ph_plan_free(&plan);
}
END_TEST

START_TEST(test_many)
{
	struct ph_plan *plan = make_plan("nuno@x.test", "hi", 12);
	struct ph_report_text text;
	g_autofree char *body = NULL;

	ck_assert_int_eq(make(plan, &text), 1);
	body = body_of(&text);
	ck_assert(
	    g_str_has_suffix(body, "    r9@x.test\r\n    and 2 more\r\n"));
	ph_report_clear(&text);
	ph_plan_free(&plan);
}
END_TEST

/* What comes from the message is one line of its own wherever it stands, and
 * every line of the notice is short ASCII. */
START_TEST(test_hostile)
{
	g_autofree char *long_text = g_strnfill(5000, 'x');
	const char *const subjects[] = {"a\r\nBcc: eve@x.test", "\xff\xfe",
					"\xc5\xbeivot", "=?x?=", long_text};

	for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++) {
		struct ph_plan *plan =
		    make_plan("\xc5\xbe@x.test", subjects[i], 1);
		struct ph_report_text text;
		g_auto(GStrv) lines = NULL;

		ck_assert_int_eq(make(plan, &text), 1);
		ck_assert(text.utf8);
		ck_assert_ptr_null(strstr(text.head->str, "\r\nBcc:"));
		lines = g_strsplit(text.head->str, "\r\n", -1);
		for (char **line = lines; *line != NULL; line++) {
			ck_assert_uint_le(strlen(*line), 998);
			ck_assert_ptr_null(strchr(*line, '\n'));
			ck_assert(g_str_is_ascii(*line) ||
				  g_str_has_prefix(*line, "To: "));
		}
		ph_report_clear(&text);
		ph_plan_free(&plan);
	}
}
END_TEST

UNIT_MAIN("lib/fork/notice", test_notice, test_same_id, test_null_sender,
	  test_many, test_hostile)
