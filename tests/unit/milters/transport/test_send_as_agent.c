#include "milters/transport/transport.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <string.h>

#define MAILBOX "|RecipientType=UserMailbox|Database=DB1"

static const char *const people[] = {
    "recipient|ana@a.test" MAILBOX,
    "recipient|boss@a.test" MAILBOX "|GrantSendOnBehalfTo=ana@a.test",
};

static struct ph_transport transport = {.resolve = true, .check_from = true};

static struct ph_directory *
make_directory(void)
{
	struct ph_object *made[G_N_ELEMENTS(people)];
	struct ph_directory *directory;

	for (size_t i = 0; i < G_N_ELEMENTS(people); i++)
		made[i] = unit_object_line(people[i]);
	directory = ph_directory_memory((const struct ph_object *const *)made,
					G_N_ELEMENTS(made));
	for (size_t i = 0; i < G_N_ELEMENTS(people); i++)
		ph_object_unref(&made[i]);
	return directory;
}

static struct ph_snapshot *
make_snapshot(void)
{
	struct ph_object *domain =
	    unit_object_line("domain|a.test|Default=true");
	struct ph_snapshot *snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)&domain, 1, NULL);

	ph_object_unref(&domain);
	return snapshot;
}

struct row {
	const char *login, *author;
	bool trusted, resolved;
	const char *from, *sender;
	const char *code; /* "": it goes on */
};

/* The code that the message is answered with. */
static char *
answer(const struct row *row, struct ph_directory *directory)
{
	char empty[] = "", address[] = "192.0.2.1";
	const struct ph_client client = {.name = empty,
					 .address = address,
					 .helo = empty,
					 .server_address = empty};
	struct ph_mail *mail = ph_mail_new(&client, "x@b.test");
	struct ph_err err = PH_ERR_INIT;
	char *is;
	int r;

	mail->snapshot = make_snapshot();
	mail->directory = directory;
	mail->trusted = row->trusted;
	mail->resolved = row->resolved;
	g_free(mail->login);
	g_free(mail->author);
	mail->login = g_strdup(row->login);
	mail->author = g_strdup(row->author);
	if (row->from != NULL)
		ph_headers_add(mail->headers, "From", row->from);
	if (row->sender != NULL)
		ph_headers_add(mail->headers, "Sender", row->sender);
	r = ph_send_as_agent.on_message(mail, &transport, &err);
	ck_assert_int_eq(r == 1, mail->verdict.decision != PH_DECISION_ACCEPT);
	is = r == 0 ? g_strdup("")
		    : g_strconcat(mail->verdict.code, " ",
				  mail->verdict.enhanced, NULL);
	ph_mail_free(&mail);
	return is;
}

#define DENIED "550 5.7.60"
#define ANA "Ana <ana@a.test>"
#define BOSS "\"The boss\" <Boss@a.test>"

START_TEST(test_rows)
{
	static const struct row rows[] = {
	    {"ana", "", false, false, ANA, NULL, ""},
	    {"ana", "", false, false, BOSS, NULL, DENIED},
	    {"ana", "", false, false, BOSS, ANA, ""},
	    {"ana", "", false, false, ANA ", " BOSS, NULL, DENIED},
	    {"ana", "", false, false, "x@far.test", NULL, DENIED},
	    {"ana", "", false, false, "team:;", NULL, DENIED},
	    {"ana", "", false, false, NULL, NULL, ""},
	    {"other", "", false, false, ANA, NULL, DENIED},
	    /* A front end's client. What AUTH= says in a message that another
	     * server of ours has seen, or that comes from a stranger, is
	     * nothing to go by. */
	    {"", "ana@a.test", true, false, ANA, NULL, ""},
	    {"", "+61na@a.test", true, false, ANA, NULL, ""},
	    {"", "ana@a.test", true, false, BOSS, NULL, DENIED},
	    {"", "ana@a.test", false, false, BOSS, NULL, ""},
	    {"", "ana@a.test", true, true, BOSS, NULL, ""},
	    {"", "<>", true, false, BOSS, NULL, ""},
	    {"", "", true, false, BOSS, NULL, ""},
	    {"", "", false, false, BOSS, NULL, ""},
	};
	struct ph_directory *directory = make_directory();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *is = answer(&rows[i], directory);

		ck_assert_msg(strcmp(is, rows[i].code) == 0, "row %zu: %s", i,
			      is);
	}
	ph_directory_close(&directory);
}
END_TEST

START_TEST(test_off)
{
	const struct row row = {"ana", "", false, false, BOSS, NULL, ""};
	struct ph_directory *directory = make_directory();

	for (int i = 0; i < 2; i++) {
		g_autofree char *is = NULL;

		transport.resolve = i == 0;
		transport.check_from = i == 1;
		is = answer(&row, directory);
		ck_assert_str_eq(is, "");
	}
	transport.resolve = transport.check_from = true;
	ph_directory_close(&directory);
}
END_TEST

START_TEST(test_away)
{
	const struct row row = {"ana", "", false, false, BOSS, NULL, ""};

	for (int kind = PH_ERR_TEMP; kind <= PH_ERR_PERM; kind++) {
		struct ph_directory *down =
		    ph_directory_failing((enum ph_err_kind)kind, "down");
		g_autofree char *is = answer(&row, down);

		ck_assert_str_eq(is, "451 4.4.3");
		ph_directory_close(&down);
	}
}
END_TEST

UNIT_MAIN("milters/transport/send_as_agent", test_rows, test_off, test_away)
