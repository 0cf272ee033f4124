#include "tests/unit/milters/frontend/common.h"

#include <stdlib.h>

/* The line up to its date, which is checked apart: in UTC, as all that we write
 * into mail, wherever this is. */
static char *
received(struct world *world, struct ph_mail *mail)
{
	g_autoptr(GString) out = g_string_new(NULL);
	char *end;

	ph_frontend_received(&world->frontend, mail, out);
	end = strstr(out->str, ";\r\n\t");
	ck_assert_ptr_nonnull(end);
	ck_assert(g_regex_match_simple(
	    "^;\\r\\n\\t[A-Z][a-z]{2}, [1-9]\\d? [A-Z][a-z]{2} \\d{4} "
	    "\\d\\d:\\d\\d:\\d\\d \\+0000\\r\\n$",
	    end, G_REGEX_DOLLAR_ENDONLY, 0));
	return g_strndup(out->str, (gsize)(end - out->str));
}

START_TEST(test_received)
{
	static const struct {
		const char *tls, *login, *id, *expected;
	} rows[] = {
	    {"", "", "", "ESMTP via"},
	    {"TLSv1.3", "", "4F1", "ESMTPS id 4F1 via"},
	    {"", "nuno", "4F1", "ESMTPA id 4F1 via"},
	    {"TLSv1.3", "nuno", "4F1", "ESMTPSA id 4F1 via"},
	};
	struct world world;

	setenv("TZ", "+05:30", 1);
	world_open(&world, 1, 2);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_mail *mail = world_mail(&world);
		g_autofree char *is = NULL;
		g_autofree char *expected = g_strdup_printf(
		    "Received: from helo.test (mx.out.test [198.51.100.7])\r\n"
		    "\tby fe1.x.test with %s Frontend Transport",
		    rows[i].expected);

		set_text(&mail->tls, rows[i].tls);
		set_text(&mail->login, rows[i].login);
		set_text(&mail->queue_id, rows[i].id);
		is = received(&world, mail);
		ck_assert_str_eq(is, expected);
		ph_mail_free(&mail);
	}
	world_close(&world);
}
END_TEST

/* No clause, comment, field or line of the client's making. */
START_TEST(test_received_is_safe)
{
	char helo[] = "a) by evil.test\r\nX-PostHub-AuthAs: Internal (%s\xff";
	char name[] = "b]) (;\n\tc";
	struct world world;
	struct ph_mail *mail;
	g_autofree char *is = NULL;
	g_autofree char *longest = g_strnfill(5000, 'x');
	g_autofree char *cut = NULL;

	world_open(&world, 1, 2);
	mail = world_mail(&world);
	world.client.helo = helo;
	world.client.name = name;
	is = received(&world, mail);
	ck_assert_str_eq(is,
			 "Received: from a??by?evil.test??X-PostHub-AuthAs:?"
			 "Internal???s? (b]??????c [198.51.100.7])\r\n"
			 "\tby fe1.x.test with ESMTP via Frontend Transport");
	world.client.helo = longest;
	cut = received(&world, mail);
	ck_assert_uint_lt(strlen(cut), 500);
	ph_mail_free(&mail);
	world_close(&world);
}
END_TEST

static void
check_origin(struct world *world, const struct ph_mail *mail, unsigned present,
	     const char *expected)
{
	g_autoptr(GString) out = g_string_new(NULL);

	ph_frontend_origin(&world->frontend, mail, present, out);
	ck_assert_str_eq(out->str, expected);
}

START_TEST(test_origin)
{
	struct world world;
	struct ph_mail *mail;

	world_open(&world, 1, 2);
	mail = world_mail(&world);
	/* Said by the client, so nothing of ours. */
	set_text(&mail->author, "boss@x.test");
	check_origin(&world, mail, 0,
		     "X-PostHub-AuthAs: Anonymous\r\n"
		     "X-PostHub-AuthSource: fe1.x.test\r\n"
		     "X-PostHub-OriginalClientIPAddress: 198.51.100.7\r\n"
		     "X-PostHub-OriginalServerIPAddress: 192.0.2.3\r\n");
	set_text(&mail->login, "nuno");
	set_text(&mail->mechanism, "PLAIN");
	check_origin(&world, mail,
		     ph_frontend_field("x-posthub-AUTHSOURCE") |
			 ph_frontend_field("X-PostHub-OriginalServerIPAddress"),
		     "X-PostHub-AuthAs: Internal\r\n"
		     "X-PostHub-AuthMechanism: PLAIN\r\n"
		     "X-PostHub-OriginalClientIPAddress: 198.51.100.7\r\n");
	ck_assert_uint_eq(ph_frontend_field("X-PostHub-SCL"), 0);
	ph_mail_free(&mail);
	world_close(&world);
}
END_TEST

START_TEST(test_append)
{
	static const struct {
		const char *value, *expected;
	} rows[] = {
	    {" plain", "N: plain\r\n"},
	    {"", "N:\r\n"},
	    {"\ttight  ", "N:\ttight  \r\n"},
	    {" a\n\tb\n c", "N: a\r\n\tb\r\n c\r\n"},
	    {" a\r\n\tb", "N: a\r\n\tb\r\n"},
	    /* Neither a line end nor a field for anybody further on. */
	    {" a\rX: b", "N: aX: b\r\n"},
	    {" a\nX: b", "N: a\r\n\tX: b\r\n"},
	    {" a\n\nb", "N: a\r\n\t\r\n\tb\r\n"},
	    {" a\n", "N: a\r\n\t\r\n"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) out = g_string_new(NULL);

		ph_frontend_append(out, "N", rows[i].value);
		ck_assert_str_eq(out->str, rows[i].expected);
	}
}
END_TEST

START_TEST(test_trust)
{
	struct world world;
	struct ph_mail *mail;
	char ours[] = "192.0.2.3", none[] = "";

	world_open(&world, 1, 2);
	mail = world_mail(&world);
	ck_assert(!ph_frontend_trusts(&world.frontend, mail));
	world.client.address = ours;
	ck_assert(ph_frontend_trusts(&world.frontend, mail));
	/* A user who has logged in there is none. */
	g_free(mail->login);
	mail->login = g_strdup("u");
	ck_assert(!ph_frontend_trusts(&world.frontend, mail));
	g_free(mail->login);
	mail->login = g_strdup("");
	world.client.address = none;
	world.client.private_socket = true;
	ck_assert(!ph_frontend_trusts(&world.frontend, mail));
	ph_mail_free(&mail);
	world_close(&world);
}
END_TEST

UNIT_MAIN("milters/frontend/header", test_received, test_received_is_safe,
	  test_origin, test_append, test_trust)
