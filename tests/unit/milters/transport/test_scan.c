#include "milters/transport/scan.h"
#include "milters/transport/transport.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct ph_mail *
make_mail(const char *body)
{
	static char empty[] = "", address[] = "192.0.2.1";
	static const struct ph_client client = {.name = empty,
						.address = address,
						.helo = empty,
						.server_address = empty};
	struct ph_mail *mail = ph_mail_new(&client, "x@b.test");

	mail->keep_body = true;
	ph_headers_add(mail->headers, "From", "x@b.test");
	ph_headers_add(mail->headers, "Subject", "One\n two");
	ph_headers_add(mail->headers, "Content-Type", "text/plain");
	ph_mail_add_body(mail, body, strlen(body));
	return mail;
}

START_TEST(test_message)
{
	struct ph_mail *mail = make_mail("Hello.\r\n");
	struct ph_scan_message message;
	g_autoptr(GString) whole = g_string_new(NULL);

	ph_scan_message_init(&message, mail);
	for (size_t i = 0; i < PH_SCAN_PIECES; i++)
		g_string_append_len(whole, message.pieces[i].data,
				    (gssize)message.pieces[i].size);
	ck_assert_str_eq(whole->str, "From: x@b.test\r\n"
				     "Subject: One\r\n two\r\n"
				     "Content-Type: text/plain\r\n\r\n"
				     "Hello.\r\n");
	ph_scan_message_clear(&message);
	ph_mail_free(&mail);
}
END_TEST

static bool
same_key(const struct ph_mail *a, const struct ph_mail *b)
{
	uint8_t x[PH_VERDICT_KEY], y[PH_VERDICT_KEY];

	ph_scan_key(a, x);
	ph_scan_key(b, y);
	return memcmp(x, y, sizeof x) == 0;
}

/* The same content has the same key, whoever sends it; how it is to be read
 * belongs to it. */
START_TEST(test_key)
{
	struct ph_mail *a = make_mail("Hello.\r\n");
	struct ph_mail *b = make_mail("Hello.\r\n");
	struct ph_mail *c = make_mail("Hello!\r\n");

	ph_headers_add(b->headers, "Received", "from somewhere");
	ck_assert(same_key(a, b));
	ck_assert(!same_key(a, c));
	ph_headers_add(b->headers, "Content-Transfer-Encoding", "base64");
	ck_assert(!same_key(a, b));
	ph_mail_free(&a);
	ph_mail_free(&b);
	ph_mail_free(&c);
}
END_TEST

/* A body may hold NULs: what looks like a field in it is none, or what was
 * found clean as text would be clean as what it is. */
START_TEST(test_key_of_a_body_like_a_field)
{
	static const char field[] = "Content-Transfer-Encoding\0base64";
	struct ph_mail *a = make_mail("");
	struct ph_mail *b = make_mail("SGVsbG8u\r\n");

	ph_mail_add_body(a, field, sizeof field);
	ph_mail_add_body(a, "SGVsbG8u\r\n", strlen("SGVsbG8u\r\n"));
	ph_headers_add(b->headers, "Content-Transfer-Encoding", "base64");
	ck_assert(!same_key(a, b));
	ph_mail_free(&a);
	ph_mail_free(&b);
}
END_TEST

START_TEST(test_trouble)
{
	static const struct {
		size_t on_error;
		enum ph_err_kind kind;
		int r;
		const char *code, *enhanced;
	} rows[] = {
	    {PH_SCAN_SKIP, PH_ERR_TEMP, 0, "", ""},
	    {PH_SCAN_SKIP, PH_ERR_PERM, 0, "", ""},
	    {PH_SCAN_DEFER, PH_ERR_TEMP, 1, "451", "4.7.1"},
	    {PH_SCAN_DEFER, PH_ERR_PERM, 1, "552", "5.3.4"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_mail *mail = make_mail("");
		struct ph_err err = PH_ERR_INIT;

		(void)ph_err_set(&err, rows[i].kind, "why");
		ck_assert_int_eq(
		    ph_scan_trouble(mail, "Agent", rows[i].on_error, &err),
		    rows[i].r);
		ck_assert_str_eq(mail->verdict.code, rows[i].code);
		ck_assert_str_eq(mail->verdict.enhanced, rows[i].enhanced);
		ph_mail_free(&mail);
	}
}
END_TEST

/* Nothing is asked again of what a server of ours has had, or of copies for
 * members; a level that stands is not replaced. */
START_TEST(test_once)
{
	struct ph_transport transport = {
	    .scan = {
		.malware = {.on = true, .on_error = PH_SCAN_DEFER},
		.spam = {.on = true, .on_error = PH_SCAN_DEFER},
	    }};
	const struct ph_agent *const agents[] = {&ph_malware_agent,
						 &ph_spam_agent};

	transport.scan.malware.clamd = (struct ph_endpoint){
	    .unix_socket = true, .host = "/nowhere/clamd.sock"};
	transport.scan.spam.rspamd = transport.scan.malware.clamd;
	transport.scan.malware.timeout = transport.scan.spam.timeout = 1000;
	transport.scan.malware.seen = ph_verdicts_new(1, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(agents); i++) {
		for (int had = 0; had < 3; had++) {
			struct ph_mail *mail = make_mail("");

			mail->resolved = had == 1;
			mail->members = had == 2;
			ck_assert_int_eq(
			    agents[i]->on_message(mail, &transport, NULL),
			    had == 0);
			ph_mail_free(&mail);
		}
	}
	ph_scan_clear(&transport.scan);
}
END_TEST

START_TEST(test_whose_level_stands)
{
	struct ph_transport transport = {
	    .scan = {.spam = {.on = true, .on_error = PH_SCAN_DEFER}}};
	struct ph_mail *given = make_mail(""), *internal = make_mail("");

	ph_headers_add(given->headers, "X-PostHub-SCL", "3");
	internal->auth_as = PH_AUTH_INTERNAL;
	ck_assert_int_eq(ph_spam_agent.on_message(given, &transport, NULL), 0);
	ck_assert_str_eq(ph_headers_raw(given->headers, "X-PostHub-SCL", 0),
			 "3");
	ck_assert_int_eq(ph_spam_agent.on_message(internal, &transport, NULL),
			 0);
	ck_assert_str_eq(ph_headers_raw(internal->headers, "X-PostHub-SCL", 0),
			 "-1");
	ph_mail_free(&given);
	ph_mail_free(&internal);
}
END_TEST

UNIT_MAIN("milters/transport/scan", test_message, test_key,
	  test_key_of_a_body_like_a_field, test_trouble, test_once,
	  test_whose_level_stands)
