#include "milters/transport/transport.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <string.h>

/* A report of Postfix's own, as bounce(8) writes it. */
static struct ph_client client = {
    .name = (char[]){"localhost"},
    .address = (char[]){"127.0.0.1"},
    .helo = (char[]){"localhost"},
    .server_address = (char[]){"127.0.0.1"},
    .daemon = (char[]){PH_REPORT_LISTENER},
};

static struct ph_snapshot *
make_snapshot(const char *remote)
{
	struct ph_object *object = unit_object_line(remote);
	struct ph_snapshot *snapshot = ph_snapshot_build(
	    (const struct ph_object *const[]){object}, 1, NULL);

	ph_object_unref(&object);
	return snapshot;
}

static struct ph_mail *
make_mail(const char *remote, const char *status)
{
	struct ph_mail *mail = ph_mail_new(&client, "");
	g_autofree char *body = g_strdup_printf(
	    "--b\r\nContent-Type: text/plain\r\n\r\nAction: failed\r\n"
	    "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
	    "Reporting-MTA: dns; a.test\r\n\r\nFinal-Recipient: "
	    "rfc822; y@a.test\r\n%s\r\n"
	    "--b\r\nContent-Type: message/rfc822\r\n\r\n"
	    "Content-Type: multipart/report; boundary=c\r\n\r\n"
	    "--c\r\nContent-Type: message/delivery-status\r\n\r\n"
	    "Action: failed\r\n--c--\r\n--b--\r\n",
	    status);

	mail->snapshot = make_snapshot(remote);
	mail->directory = ph_directory_memory(NULL, 0);
	mail->report = ph_report_is(mail);
	mail->keep_body = ph_report_needs_body(mail);
	ph_mail_add_recipient(mail, "x@b.test", NULL);
	ph_headers_add(mail->headers, "Content-Type",
		       "multipart/report; report-type=delivery-status; "
		       "boundary=b");
	ph_mail_add_body(mail, body, strlen(body));
	return mail;
}

static void
mail_clear(struct ph_mail **mail)
{
	ph_directory_close(&(*mail)->directory);
	ph_mail_free(mail);
}

#define NO_NDR "remotedomain|b.test|NDREnabled=false"
#define NO_REPORT "remotedomain|b.test|DeliveryReportEnabled=false"

static const struct {
	const char *remote, *status;
	bool dropped;
} rows[] = {
    {NO_NDR, "Action: failed\r\n", true},
    {NO_NDR, "action:\tFAILED\r\n", true},
    {NO_NDR, "Action: delayed\r\n", false},
    {NO_NDR, "Action: delivered\r\n\r\nAction: failed\r\n", true},
    {NO_NDR, "Action: relayed\r\n", false},
    {NO_NDR, "Status: 5.0.0\r\n", false},
    {NO_REPORT, "Action: delayed\r\n", true},
    {NO_REPORT, "Action: relayed\r\n", true},
    {NO_REPORT, "Action: delivered\r\n", true},
    {NO_REPORT, "Action: failed\r\n", false},
    {NO_REPORT, "Action: delivered\r\n\r\nAction: failed\r\n", false},
    {NO_REPORT, "Status: 2.0.0\r\n", false},
    {"remotedomain|c.test|NDREnabled=false", "Action: failed\r\n", false},
    {"remotedomain|b.test", "Action: failed\r\n", false},
};

START_TEST(test_judged)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_mail *mail =
		    make_mail(rows[i].remote, rows[i].status);

		ck_assert(mail->report);
		/* No other agent sees it. */
		ck_assert_int_eq(ph_report_agent.on_message(mail, NULL, NULL),
				 1);
		ck_assert_msg((mail->verdict.decision == PH_DECISION_DISCARD) ==
				  rows[i].dropped,
			      "%s, %s", rows[i].remote, rows[i].status);
		mail_clear(&mail);
	}
}
END_TEST

START_TEST(test_cannot_say)
{
	struct ph_mail *mail = make_mail(NO_NDR, "Action: failed\r\n");
	struct ph_err err = PH_ERR_INIT;

	ph_directory_close(&mail->directory);
	mail->directory = ph_directory_failing(PH_ERR_TEMP, "down");
	ck_assert_int_eq(ph_report_agent.on_message(mail, NULL, &err), -1);
	ck_assert_int_eq(mail->verdict.decision, PH_DECISION_ACCEPT);
	mail_clear(&mail);
}
END_TEST

/* What only looks like one is a message as any other. */
START_TEST(test_others)
{
	struct ph_client other = client;
	struct ph_mail *mail = make_mail(NO_NDR, "Action: failed\r\n");

	other.daemon = (char[]){""};
	mail->client = &other;
	mail->report = ph_report_is(mail);
	ck_assert(!mail->report);
	ck_assert_int_eq(ph_report_agent.on_message(mail, NULL, NULL), 0);
	ck_assert_int_eq(mail->verdict.decision, PH_DECISION_ACCEPT);
	mail_clear(&mail);
}
END_TEST

UNIT_MAIN("milters/transport/report_agent", test_judged, test_cannot_say,
	  test_others)
