#include "lib/directory/resolve_steps.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define UNKNOWN "5.1.1 User unknown; RESOLVER.ADR.ExRecipNotFound; not found"
#define LOOP                                                             \
	"5.4.6 Mail is forwarded in a circle; RESOLVER.FWD.Loop; there " \
	"is a forwarding loop configured in the directory"
#define AMBIGUOUS                                                        \
	"5.1.4 Recipient address is ambiguous; RESOLVER.ADR.Ambiguous; " \
	"ambiguous address"

#define MAILBOX(name, more) \
	"recipient|" name "@t.org|RecipientType=UserMailbox|Database=DB1" more
#define TO(name) "|ForwardingAddress=" name
#define SMTP(name) "|ForwardingSmtpAddress=" name
#define BOTH "|DeliverToMailboxAndForward=true"

static const char *const people[] = {
    MAILBOX("plain", "|PrimarySmtpAddress=Plain@t.org|EmailAddresses=p@t.org"),
    MAILBOX("only", TO("p@t.org")),
    MAILBOX("both", TO("plain@t.org") BOTH),
    MAILBOX("smtp", SMTP("x@outside.test")),
    MAILBOX("smtpboth", SMTP("x@outside.test") BOTH),
    /* ForwardingAddress goes first. */
    MAILBOX("two", TO("plain@t.org") SMTP("x@outside.test")),
    MAILBOX("chain", TO("both@t.org") BOTH),
    MAILBOX("away", TO("nobody@t.org") BOTH),
    MAILBOX("lost", TO("nobody@t.org")),
    MAILBOX("far", TO("x@outside.test")),
    MAILBOX("unsure", TO("dup@t.org") BOTH),
    MAILBOX("d1", "|EmailAddresses=dup@t.org"),
    MAILBOX("d2", "|EmailAddresses=dup@t.org"),
    MAILBOX("group", TO("all@t.org")),
    /* Circles: of itself, of two, of three, with one that delivers. */
    MAILBOX("self", TO("self@t.org")),
    MAILBOX("selfboth", TO("selfboth@t.org") BOTH),
    MAILBOX("a", TO("b@t.org")),
    MAILBOX("b", TO("a@t.org")),
    MAILBOX("pair1", TO("pair2@t.org") BOTH),
    MAILBOX("pair2", TO("pair1@t.org") BOTH),
    MAILBOX("mixed1", TO("mixed2@t.org")),
    MAILBOX("mixed2", TO("mixed1@t.org") BOTH),
    MAILBOX("tail", TO("a@t.org") BOTH),
    /* Contacts. */
    "recipient|c@t.org|RecipientType=MailContact|"
    "ExternalEmailAddress=C@outside.test",
    "recipient|u@t.org|RecipientType=MailUser|"
    "ExternalEmailAddress=u@outside.test|EmailAddresses=u2@t.org",
    "recipient|own@t.org|RecipientType=MailContact|"
    "ExternalEmailAddress=own@outside.test|EmailAddresses=OWN@outside.test",
    "recipient|chained@t.org|RecipientType=MailContact|"
    "ExternalEmailAddress=p@t.org",
    "recipient|deep@t.org|RecipientType=MailContact|"
    "ExternalEmailAddress=chained@t.org",
    "recipient|ring1@t.org|RecipientType=MailContact|"
    "ExternalEmailAddress=ring2@t.org",
    "recipient|ring2@t.org|RecipientType=MailUser|"
    "ExternalEmailAddress=ring1@t.org",
    "recipient|uf@t.org|RecipientType=MailUser|"
    "ExternalEmailAddress=uf@outside.test" TO("plain@t.org") BOTH,
    MAILBOX("tocontact", TO("c@t.org") BOTH),
    "recipient|all@t.org|RecipientType=MailUniversalDistributionGroup|"
    "Members=plain@t.org" TO("plain@t.org"),
    /* Restrictions. */
    MAILBOX("closed", "|RequireSenderAuthenticationEnabled=true"),
    MAILBOX("toclosed", TO("closed@t.org") BOTH),
    MAILBOX("onlyclosed", TO("closed@t.org")),
};

static struct ph_snapshot *
domains(void)
{
	struct ph_object *object = unit_object_line("domain|t.org");
	struct ph_snapshot *snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)&object, 1, NULL);

	ph_object_unref(&object);
	return snapshot;
}

static struct ph_directory *
make_directory(const char *const *lines, size_t n)
{
	g_autofree struct ph_object **made = g_new0(struct ph_object *, n);
	struct ph_directory *d;

	for (size_t i = 0; i < n; i++)
		made[i] = unit_object_line(lines[i]);
	d = ph_directory_memory((const struct ph_object *const *)made, n);
	for (size_t i = 0; i < n; i++)
		ph_object_unref(&made[i]);
	return d;
}

/* "recipient Plain@t.org; ..." with the fate and where it goes. */
static char *
show(const GPtrArray *steps)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < steps->len; i++) {
		const struct ph_step *step = steps->pdata[i];

		ck_assert_int_eq(step->by == PH_BY_SENDER, i == 0);
		ck_assert_int_eq(step->refusal != NULL,
				 step->fate == PH_STEP_REFUSED);
		g_string_append_printf(
		    out, "%s%s %s%s%s", i > 0 ? "; " : "",
		    ph_step_fate_name(step->fate), ph_step_destination(step),
		    step->refusal != NULL ? ": " : "",
		    step->refusal != NULL ? step->refusal : "");
	}
	return g_string_free(out, FALSE);
}

static void
check(struct ph_directory *d, const char *address,
      struct ph_restrict_sender *sender, const char *expected)
{
	struct ph_snapshot *snapshot = domains();
	struct ph_err err = PH_ERR_INIT;
	g_autoptr(GPtrArray) steps = NULL;
	g_autofree char *is = NULL;

	ck_assert_msg(
	    ph_resolve_steps(d, snapshot, address, sender, &steps, &err) == 0,
	    "%s: %s", address, err.text);
	is = show(steps);
	ck_assert_msg(strcmp(is, expected) == 0, "%s: \"%s\", not \"%s\"",
		      address, is, expected);
	ck_assert_int_eq(ph_steps_refusal(steps) == NULL,
			 g_str_has_prefix(expected, "recipient ") ||
			     strstr(expected, "; recipient ") != NULL);
	ph_snapshot_unref(&snapshot);
}

START_TEST(test_steps)
{
	static const struct {
		const char *address, *steps;
	} rows[] = {
	    {"plain@t.org", "recipient Plain@t.org"},
	    {"p@t.org", "recipient Plain@t.org"},
	    {"only@t.org", "passed only@t.org; recipient Plain@t.org"},
	    {"both@t.org", "recipient both@t.org; recipient Plain@t.org"},
	    {"smtp@t.org", "passed smtp@t.org; recipient x@outside.test"},
	    {"smtpboth@t.org",
	     "recipient smtpboth@t.org; recipient x@outside.test"},
	    {"two@t.org", "passed two@t.org; recipient Plain@t.org"},
	    {"chain@t.org", "recipient chain@t.org; recipient both@t.org; "
			    "recipient Plain@t.org"},
	    {"away@t.org",
	     "recipient away@t.org; refused nobody@t.org: " UNKNOWN},
	    {"lost@t.org", "passed lost@t.org; refused nobody@t.org: " UNKNOWN},
	    {"far@t.org", "passed far@t.org; recipient x@outside.test"},
	    {"unsure@t.org",
	     "recipient unsure@t.org; refused dup@t.org: " AMBIGUOUS},
	    {"group@t.org", "passed group@t.org; recipient all@t.org"},
	    {"all@t.org", "recipient all@t.org"},
	    {"nobody@t.org", "refused nobody@t.org: " UNKNOWN},
	    {"x@outside.test", "recipient x@outside.test"},
	    {"x", "refused x: 5.1.3 Bad recipient address syntax"},
	};
	struct ph_directory *d = make_directory(people, G_N_ELEMENTS(people));

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check(d, rows[i].address, NULL, rows[i].steps);
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_contacts)
{
	static const struct {
		const char *address, *steps;
	} rows[] = {
	    {"c@t.org", "recipient C@outside.test"},
	    {"u2@t.org", "recipient u@outside.test"},
	    {"own@t.org", "recipient own@outside.test"},
	    {"own@outside.test", "recipient own@outside.test"},
	    {"chained@t.org", "passed p@t.org; recipient Plain@t.org"},
	    {"deep@t.org", "passed chained@t.org; passed p@t.org; "
			   "recipient Plain@t.org"},
	    {"ring1@t.org", "passed ring2@t.org; passed ring1@t.org; "
			    "refused ring2@t.org: " LOOP},
	    {"uf@t.org", "recipient uf@outside.test; recipient Plain@t.org"},
	    {"tocontact@t.org",
	     "recipient tocontact@t.org; recipient C@outside.test"},
	};
	struct ph_directory *d = make_directory(people, G_N_ELEMENTS(people));

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check(d, rows[i].address, NULL, rows[i].steps);
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_circles)
{
	static const struct {
		const char *address, *steps;
	} rows[] = {
	    {"self@t.org", "passed self@t.org; refused self@t.org: " LOOP},
	    {"selfboth@t.org",
	     "recipient selfboth@t.org; again selfboth@t.org"},
	    {"a@t.org",
	     "passed a@t.org; passed b@t.org; refused a@t.org: " LOOP},
	    {"pair1@t.org", "recipient pair1@t.org; recipient pair2@t.org; "
			    "again pair1@t.org"},
	    {"mixed1@t.org", "passed mixed1@t.org; recipient mixed2@t.org; "
			     "again mixed1@t.org"},
	    {"mixed2@t.org", "recipient mixed2@t.org; passed mixed1@t.org; "
			     "again mixed2@t.org"},
	    /* Who is outside the circle gets it, the circle is refused. */
	    {"tail@t.org", "recipient tail@t.org; passed a@t.org; "
			   "passed b@t.org; refused a@t.org: " LOOP},
	};
	struct ph_directory *d = make_directory(people, G_N_ELEMENTS(people));

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check(d, rows[i].address, NULL, rows[i].steps);
	ph_directory_close(&d);
}
END_TEST

/* n mailboxes, each forwarding to the next one alone. */
START_TEST(test_length)
{
	struct ph_snapshot *snapshot = domains();

	for (guint n = PH_STEPS - 1; n <= PH_STEPS + 1; n++) {
		g_autoptr(GPtrArray) lines =
		    g_ptr_array_new_with_free_func(g_free);
		g_autoptr(GPtrArray) steps = NULL;
		struct ph_directory *d;
		const char *refusal;

		for (guint i = 0; i < n; i++)
			g_ptr_array_add(
			    lines,
			    i + 1 < n
				? g_strdup_printf(
				      MAILBOX("m%u", TO("m%u@t.org")), i, i + 1)
				: g_strdup_printf(MAILBOX("m%u", ""), i));
		d = make_directory((const char *const *)lines->pdata, n);
		ck_assert_int_eq(ph_resolve_steps(d, snapshot, "m0@t.org", NULL,
						  &steps, NULL),
				 0);
		refusal = ph_steps_refusal(steps);
		if (n <= PH_STEPS)
			ck_assert_ptr_null(refusal);
		else
			ck_assert_str_eq(refusal, LOOP);
		ph_directory_close(&d);
	}
	ph_snapshot_unref(&snapshot);
}
END_TEST

#define CLOSED                                                       \
	"5.7.1 closed@t.org takes mail of authenticated senders "    \
	"only: log in, or ask its owner to take mail from outside; " \
	"RESOLVER.RST.AuthRequired; authentication required"

START_TEST(test_restricted)
{
	static const struct {
		const char *address;
		bool authenticated;
		const char *steps;
	} rows[] = {
	    {"closed@t.org", true, "recipient closed@t.org"},
	    {"closed@t.org", false, "refused closed@t.org: " CLOSED},
	    {"toclosed@t.org", false,
	     "recipient toclosed@t.org; refused closed@t.org: " CLOSED},
	    {"onlyclosed@t.org", false,
	     "passed onlyclosed@t.org; refused closed@t.org: " CLOSED},
	    {"onlyclosed@t.org", true,
	     "passed onlyclosed@t.org; recipient closed@t.org"},
	};
	struct ph_directory *d = make_directory(people, G_N_ELEMENTS(people));

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_restrict_sender sender = {.authenticated =
							rows[i].authenticated,
						    .address = "plain@t.org"};

		check(d, rows[i].address, &sender, rows[i].steps);
		ph_restrict_clear(&sender);
	}
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_cannot_say)
{
	struct ph_snapshot *snapshot = domains();
	struct ph_directory *down = ph_directory_failing(PH_ERR_TEMP, "down");
	struct ph_directory *d = make_directory(people, G_N_ELEMENTS(people));
	struct ph_err err = PH_ERR_INIT;
	GPtrArray *steps = NULL;

	ck_assert_int_eq(
	    ph_resolve_steps(down, snapshot, "plain@t.org", NULL, &steps, &err),
	    -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_int_eq(
	    ph_resolve_steps(d, snapshot, "dup@t.org", NULL, &steps, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_int_eq(
	    ph_resolve_steps(d, NULL, "plain@t.org", NULL, &steps, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_null(steps);
	ph_directory_close(&d);
	ph_directory_close(&down);
	ph_snapshot_unref(&snapshot);
}
END_TEST

UNIT_MAIN("lib/directory/resolve_steps", test_steps, test_contacts,
	  test_circles, test_length, test_restricted, test_cannot_say)
