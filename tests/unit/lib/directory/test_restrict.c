#include "lib/directory/restrict.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define SIZE                                              \
	"5.2.3 Message is too large for r@t.org; "        \
	"RESOLVER.RST.RecipSizeLimit; message too large " \
	"for this recipient"
#define AUTH                                                             \
	"5.7.1 r@t.org takes mail of authenticated "                     \
	"senders only: log in, or ask its owner to take mail from outsi" \
	"de; RESOLVER.RST.AuthRequired; authentication required"
#define DENIED                                                            \
	"5.7.1 Sender is not allowed to send to r@t.org"                  \
	": ask its owner to let you in; RESOLVER.RST.NotAuthorized; not " \
	"authorized"

#define GROUP(name, members)                                              \
	"recipient|" name "|RecipientType=MailUniversalDistributionGroup" \
	"|Members=" members

static const char *const people[] = {
    "recipient|ana@t.org|RecipientType=UserMailbox|Database=DB1|"
    "PrimarySmtpAddress=Ana@t.org|EmailAddresses=a@old.test",
    "recipient|rui@t.org|RecipientType=UserMailbox|Database=DB1",
    "recipient|eva@t.org|RecipientType=UserMailbox|Database=DB1|"
    "EmailAddresses=e@old.test|UserLogonName=Eva.Logon",
    GROUP("staff@t.org", "a@old.test,inner@t.org"),
    GROUP("inner@t.org", "rui@t.org,staff@t.org"),
    GROUP("others@t.org", "eva@t.org"),
    "recipient|dyn@t.org|RecipientType=DynamicDistributionGroup|"
    "RecipientFilter=MemberOfGroup -eq 'none@t.org'",
    "recipient|found@t.org|RecipientType=DynamicDistributionGroup|"
    "RecipientFilter=UserLogonName -eq 'Eva.Logon'",
};

static struct ph_directory *
make_directory(void)
{
	struct ph_object *made[G_N_ELEMENTS(people)];
	struct ph_directory *d;

	for (size_t i = 0; i < G_N_ELEMENTS(people); i++)
		made[i] = unit_object_line(people[i]);
	d = ph_directory_memory((const struct ph_object *const *)made,
				G_N_ELEMENTS(made));
	for (size_t i = 0; i < G_N_ELEMENTS(people); i++)
		ph_object_unref(&made[i]);
	return d;
}

/* "ok", the refusal, or "temporary". */
static char *
ask(struct ph_directory *d, const char *fields,
    struct ph_restrict_sender *sender)
{
	g_autofree char *line = g_strconcat(
	    "recipient|r@t.org|RecipientType=UserMailbox|Database=DB1", fields,
	    NULL);
	struct ph_object *recipient = unit_object_line(line);
	struct ph_err err = PH_ERR_INIT;
	char *refusal = NULL;
	int r = ph_restrict_check(d, recipient, sender, &refusal, &err);

	ph_object_unref(&recipient);
	ph_restrict_clear(sender);
	ck_assert_int_eq(refusal != NULL, r == 0);
	if (r == 0)
		return refusal;
	return g_strdup(r == 1 ? "ok" : ph_err_kind_name(err.kind));
}

START_TEST(test_rows)
{
	static const struct {
		const char *fields;
		const char *sender; /* NULL: a stranger */
		const char *answer;
	} rows[] = {
	    {"", NULL, "ok"},
	    {"", "ana@t.org", "ok"},
	    {"|RequireSenderAuthenticationEnabled=true", NULL, AUTH},
	    {"|RequireSenderAuthenticationEnabled=true", "ana@t.org", "ok"},
	    {"|RequireSenderAuthenticationEnabled=true", "", "ok"},
	    /* By name, under any address. */
	    {"|AcceptMessagesOnlyFrom=ana@t.org", "ANA@t.org", "ok"},
	    {"|AcceptMessagesOnlyFrom=ana@t.org", "A@old.test", "ok"},
	    {"|AcceptMessagesOnlyFrom=A@OLD.test", "ana@t.org", "ok"},
	    {"|AcceptMessagesOnlyFrom=ana@t.org", "rui@t.org", DENIED},
	    {"|AcceptMessagesOnlyFrom=x@far.test", "x@far.test", "ok"},
	    {"|AcceptMessagesOnlyFrom=ana@t.org", NULL, DENIED},
	    {"|AcceptMessagesOnlyFrom=ana@t.org", "", DENIED},
	    {"|AcceptMessagesOnlyFrom=staff@t.org", "ana@t.org", DENIED},
	    {"|RejectMessagesFrom=ana@t.org", "ana@t.org", DENIED},
	    {"|RejectMessagesFrom=ana@t.org", "rui@t.org", "ok"},
	    {"|RejectMessagesFrom=ana@t.org", NULL, "ok"},
	    {"|RejectMessagesFrom=staff@t.org", "ana@t.org", "ok"},
	    /* By membership, also in a group inside. */
	    {"|AcceptMessagesOnlyFromDLMembers=staff@t.org", "ana@t.org", "ok"},
	    {"|AcceptMessagesOnlyFromDLMembers=staff@t.org", "rui@t.org", "ok"},
	    {"|AcceptMessagesOnlyFromDLMembers=others@t.org", "rui@t.org",
	     DENIED},
	    {"|AcceptMessagesOnlyFromDLMembers=ana@t.org", "ana@t.org", DENIED},
	    {"|AcceptMessagesOnlyFromDLMembers=none@t.org", "ana@t.org",
	     DENIED},
	    {"|RejectMessagesFromDLMembers=staff@t.org", "rui@t.org", DENIED},
	    {"|RejectMessagesFromDLMembers=others@t.org", "rui@t.org", "ok"},
	    /* Both in one list. */
	    {"|AcceptMessagesOnlyFromSendersOrMembers=ana@t.org,others@t.org",
	     "ana@t.org", "ok"},
	    {"|AcceptMessagesOnlyFromSendersOrMembers=ana@t.org,others@t.org",
	     "eva@t.org", "ok"},
	    {"|AcceptMessagesOnlyFromSendersOrMembers=ana@t.org,others@t.org",
	     "rui@t.org", DENIED},
	    {"|RejectMessagesFromSendersOrMembers=eva@t.org,staff@t.org",
	     "rui@t.org", DENIED},
	    {"|RejectMessagesFromSendersOrMembers=eva@t.org,staff@t.org",
	     "eva@t.org", DENIED},
	    {"|RejectMessagesFromSendersOrMembers=eva@t.org,staff@t.org",
	     "x@far.test", "ok"},
	    /* A refusal beats a permission. */
	    {"|AcceptMessagesOnlyFrom=ana@t.org"
	     "|RejectMessagesFrom=a@old.test",
	     "ana@t.org", DENIED},
	    {"|AcceptMessagesOnlyFrom=ana@t.org"
	     "|RejectMessagesFromDLMembers=staff@t.org",
	     "ana@t.org", DENIED},
	    {"|AcceptMessagesOnlyFromDLMembers=found@t.org", "eva@t.org", "ok"},
	    {"|AcceptMessagesOnlyFromDLMembers=found@t.org", "ana@t.org",
	     DENIED},
	    /* A group that cannot be asked; a name in a list can. */
	    {"|AcceptMessagesOnlyFromDLMembers=dyn@t.org", "ana@t.org",
	     "temporary"},
	    {"|AcceptMessagesOnlyFrom=ana@t.org"
	     "|AcceptMessagesOnlyFromDLMembers=dyn@t.org",
	     "ana@t.org", "ok"},
	    {"|RejectMessagesFromDLMembers=dyn@t.org", "ana@t.org",
	     "temporary"},
	    {"|RejectMessagesFrom=ana@t.org"
	     "|RejectMessagesFromDLMembers=dyn@t.org",
	     "ana@t.org", DENIED},
	    {"|RejectMessagesFromDLMembers=dyn@t.org", NULL, "ok"},
	};
	struct ph_directory *d = make_directory();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_restrict_sender sender = {.authenticated =
							rows[i].sender != NULL,
						    .address = rows[i].sender};
		g_autofree char *is = ask(d, rows[i].fields, &sender);

		ck_assert_msg(strcmp(is, rows[i].answer) == 0, "%s %s: %s",
			      rows[i].fields, rows[i].sender, is);
	}
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_size)
{
	static const struct {
		const char *fields;
		uint64_t size;
		const char *answer;
	} rows[] = {
	    {"|MaxReceiveSize=10KB", 0, "ok"},
	    {"|MaxReceiveSize=10KB", 10240, "ok"},
	    {"|MaxReceiveSize=10KB", 10241, SIZE},
	    {"|MaxReceiveSize=unlimited", UINT64_C(1) << 62, "ok"},
	    {"", UINT64_C(1) << 62, "ok"},
	    /* Size is looked at first. */
	    {"|MaxReceiveSize=1KB|RequireSenderAuthenticationEnabled=true",
	     1025, SIZE},
	    {"|MaxReceiveSize=1KB|RequireSenderAuthenticationEnabled=true",
	     1024, AUTH},
	    {"|AcceptMessagesOnlyFrom=ana@t.org"
	     "|RequireSenderAuthenticationEnabled=true",
	     1, AUTH},
	};
	struct ph_directory *d = make_directory();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_restrict_sender sender = {.size = rows[i].size};
		struct ph_restrict_sender system = {.size = rows[i].size,
						    .exempt = true};
		g_autofree char *is = ask(d, rows[i].fields, &sender);
		g_autofree char *exempt = ask(d, rows[i].fields, &system);

		ck_assert_msg(strcmp(is, rows[i].answer) == 0, "%s: %s",
			      rows[i].fields, is);
		ck_assert_str_eq(exempt, "ok");
	}
	ph_directory_close(&d);
}
END_TEST

/* A login that is no address: the envelope's sender may say whose it is. */
START_TEST(test_logon)
{
	static const struct {
		const char *login, *claimed, *answer;
	} rows[] = {
	    {"eva.logon", "eva@t.org", "ok"},
	    {"EVA.logon", "e@old.test", "ok"},
	    {"CORP\\EVA.logon", "e@old.test", "ok"},
	    {"CORP\\EVA.logon@t.org", "e@old.test", DENIED},
	    {"eva.other", "eva@t.org", DENIED},
	    {"eva.logon", "ana@t.org", DENIED},
	    {"eva.logon", "nobody@t.org", DENIED},
	    {"eva.logon", "", DENIED},
	    {"eva.logon", NULL, DENIED},
	    {NULL, "eva@t.org", DENIED},
	};
	struct ph_directory *d = make_directory();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_restrict_sender sender = {
		    .authenticated = true,
		    .address = "eva.logon@t.org",
		    .login = rows[i].login,
		    .claimed = rows[i].claimed,
		};
		g_autofree char *is =
		    ask(d, "|AcceptMessagesOnlyFrom=eva@t.org", &sender);

		ck_assert_msg(strcmp(is, rows[i].answer) == 0, "row %zu: %s", i,
			      is);
	}
	ph_directory_close(&d);
}
END_TEST

/* The name that people see, in ASCII and on one line. */
START_TEST(test_names)
{
	static const char *const rows[][2] = {
	    {"All staff", "All staff <r@t.org>"},
	    {"Geschäftsführung", "Geschaftsfuhrung <r@t.org>"},
	    {"Люди", "Lyudy <r@t.org>"},
	    {"a\nb <x@y>", "a b  x@y <r@t.org>"},
	    {"R@t.org", "r@t.org"},
	    {"1234567890123456789012345678901234567890123456789012345678901234",
	     "1234567890123456789012345678901234567890123456789012345678901234 "
	     "<r@t.org>"},
	    {"1234567890123456789012345678901234567890123456789012345678901234"
	     "5",
	     "r@t.org"},
	};
	struct ph_directory *d = make_directory();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_restrict_sender sender = {0};
		g_autofree char *fields =
		    g_strconcat("|RequireSenderAuthenticationEnabled=true|"
				"DisplayName=",
				rows[i][0], NULL);
		g_autofree char *is = ask(d, fields, &sender);
		g_autofree char *start =
		    g_strconcat("5.7.1 ", rows[i][1], " takes mail", NULL);

		ck_assert_msg(g_str_has_prefix(is, start), "%s", is);
	}
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_away)
{
	static const struct {
		const char *fields, *sender, *answer;
	} rows[] = {
	    {"", "ana@t.org", "ok"},
	    {"|RequireSenderAuthenticationEnabled=true", NULL, AUTH},
	    {"|AcceptMessagesOnlyFrom=ana@t.org", NULL, DENIED},
	    {"|AcceptMessagesOnlyFrom=ana@t.org", "ana@t.org", "temporary"},
	    {"|RejectMessagesFrom=rui@t.org", "ana@t.org", "temporary"},
	};

	for (int kind = PH_ERR_TEMP; kind <= PH_ERR_PERM; kind++) {
		struct ph_directory *down =
		    ph_directory_failing((enum ph_err_kind)kind, "down");

		for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
			struct ph_restrict_sender sender = {
			    .authenticated = rows[i].sender != NULL,
			    .address = rows[i].sender};
			g_autofree char *is =
			    ask(down, rows[i].fields, &sender);

			ck_assert_msg(strcmp(is, rows[i].answer) == 0, "%s: %s",
				      rows[i].fields, is);
		}
		ph_directory_close(&down);
	}
}
END_TEST

UNIT_MAIN("lib/directory/restrict", test_rows, test_size, test_logon,
	  test_names, test_away)
