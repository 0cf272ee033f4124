#include "policy/expansion_plan.h"

#include "lib/fork/copy.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#define NMID "01234567-89ab-8def-8123-456789abcdef"
#define GROUP "|RecipientType=MailUniversalDistributionGroup|Members="

static const char *const lines[] = {
    "recipient|boss@t.org|RecipientType=UserMailbox|Database=DB1|"
    "PrimarySmtpAddress=Boss@t.org|EmailAddresses=b@t.org",
    "recipient|closed@t.org" GROUP
    "a@x.test|RequireSenderAuthenticationEnabled=true",
    "recipient|shut@t.org" GROUP
    "a@x.test|RequireSenderAuthenticationEnabled=true",
    "recipient|inner@t.org" GROUP "c@x.test|ReportToOriginatorEnabled=false",

    "recipient|team@t.org" GROUP
    "a@x.test,b@x.test,c@x.test|SendOofMessageToOriginatorEnabled=true",
    "recipient|quiet@t.org" GROUP "a@x.test|ReportToOriginatorEnabled=false",
    "recipient|managed@t.org" GROUP
    "a@x.test|ReportToManagerEnabled=true|ManagedBy=b@t.org,c@t.org|"
    "SendOofMessageToOriginatorEnabled=true",
    "recipient|orphan@t.org" GROUP
    "a@x.test|ReportToManagerEnabled=true|ManagedBy=gone@t.org",
    "recipient|alone@t.org" GROUP "a@x.test|ReportToManagerEnabled=true",
    "recipient|shy@t.org" GROUP "a@x.test",
    "recipient|refused@t.org" GROUP
    "closed@t.org,none1@t.org,a@x.test,none2@t.org,shut@t.org|"
    "SendOofMessageToOriginatorEnabled=true",
    "recipient|named@t.org" GROUP "jane@t.org,john@t.org,big@t.org,none1@t.org|"
    "SendOofMessageToOriginatorEnabled=true",
    "recipient|jane@t.org|RecipientType=UserMailbox|Database=DB1|"
    "DisplayName=Jane Doe|RequireSenderAuthenticationEnabled=true",
    "recipient|john@t.org|RecipientType=UserMailbox|Database=DB1|"
    "DisplayName=John|RequireSenderAuthenticationEnabled=true",
    "recipient|big@t.org|RecipientType=UserMailbox|Database=DB1|"
    "DisplayName=Big|AcceptMessagesOnlyFrom=boss@t.org",
    "recipient|holder@t.org" GROUP
    "inner@t.org,deep@t.org|SendOofMessageToOriginatorEnabled=true",
    "recipient|deep@t.org" GROUP
    "a@x.test|SendOofMessageToOriginatorEnabled=true",
    "recipient|empty@t.org|RecipientType=MailGroup",
};

static struct ph_directory *directory;
static struct ph_snapshot *snapshot;

static void
set_up(void)
{
	struct ph_object *entries[G_N_ELEMENTS(lines)];
	struct ph_object *domain = unit_object_line("domain|t.org");

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		entries[i] = unit_object_line(lines[i]);
	directory = ph_directory_memory(
	    (const struct ph_object *const *)entries, G_N_ELEMENTS(entries));
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		ph_object_unref(&entries[i]);
	snapshot = ph_snapshot_build((const struct ph_object *const *)&domain,
				     1, NULL);
	ph_object_unref(&domain);
}

static void
tear_down(void)
{
	ph_directory_close(&directory);
	ph_snapshot_unref(&snapshot);
}

/* ---- a message for a group ---------------------------------------------- */

#define PLAIN                                        \
	"X-PostHub-Network-Message-Id: " NMID "\r\n" \
	"X-PostHub-Resolved: MBX1\r\n"               \
	"Message-ID: <m@x.test>\r\nSubject: hi\r\n"

struct letter {
	const char *group, *header, *sender, *ret, *envid, *notify, *orcpt;
};

static struct ph_fork_content
make_content(const struct letter *letter, const char *header)
{
	return (struct ph_fork_content){
	    .data = header,
	    .size = strlen(header),
	    .headers = ph_copy_headers(header, strlen(header)),
	    .sender = letter->sender != NULL ? letter->sender : "s@x.test",
	    .queue_id = "4ABC",
	    .ret = letter->ret,
	    .envid = letter->envid,
	};
}

static struct ph_plan *
make_plan(const struct letter *letter, struct ph_directory *asked,
	  size_t portion, struct ph_err *err)
{
	const char *header = letter->header != NULL ? letter->header : PLAIN;
	struct ph_fork_content content = make_content(letter, header);
	const struct ph_fork_recipient recipient = {
	    letter->group, letter->notify, letter->orcpt};
	struct ph_restrict_sender stranger = {.address = ""};
	const struct ph_expand_options options = {
	    .directory = directory,
	    .snapshot = snapshot,
	    .sender = &stranger,
	    .apart = PH_APART_REPORTS,
	};
	struct ph_expansion_letter about = {
	    .content = &content,
	    .recipient = &recipient,
	    .server = "MBX2",
	    .now = 1763765452123,
	};
	struct ph_expansion *expansion = NULL;
	struct ph_object *group = NULL;
	struct ph_plan *plan = NULL;

	ck_assert_int_eq(
	    ph_directory_find(directory, letter->group, &group, NULL), 1);
	about.group = group;
	ck_assert_int_eq(ph_expand(&options, group, &expansion, NULL), 1);
	if (ph_expansion_plan(&about, expansion, asked, portion, &plan, err) <
	    0)
		ck_assert_ptr_null(plan);
	ph_expansion_free(&expansion);
	ph_object_unref(&group);
	ph_headers_free(&content.headers);
	ph_restrict_clear(&stranger);
	return plan;
}

/* ---- what came out ------------------------------------------------------ */

static void
show_group(GString *text, const struct ph_plan_group *group)
{
	g_string_append(text, group->kind == PH_PLAN_COPY ? "copy" : "report");
	if (group->kind == PH_PLAN_REPORT)
		g_string_append_printf(text, " %s %s %.20s", group->code,
				       group->enhanced, group->text);
	for (guint i = 0; i < group->recipients->len; i++) {
		const struct ph_plan_recipient *r = group->recipients->pdata[i];

		ck_assert_ptr_null(r->original);
		g_string_append_printf(text, " %s", r->address);
		if (i > 0)
			continue;
		g_string_append_printf(text, "(%s %s)",
				       r->notify != NULL ? r->notify : "-",
				       r->orcpt != NULL ? r->orcpt : "-");
	}
	g_string_append_c(text, '\n');
}

static char *
show(const struct ph_plan *plan)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "<%s> %s %s\n", plan->sender,
			       plan->ret != NULL ? plan->ret : "-",
			       plan->envid != NULL ? plan->envid : "-");
	for (guint i = 0; i < plan->groups->len; i++)
		show_group(text, plan->groups->pdata[i]);
	return g_string_free(text, FALSE);
}

static void
check(const struct letter *letter, size_t portion, const char *want)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_plan *plan = make_plan(letter, directory, portion, &err);
	g_autofree char *is = NULL;

	ck_assert_msg(plan != NULL, "%s: %s", letter->group, err.text);
	is = show(plan);
	ck_assert_msg(strcmp(is, want) == 0, "%s:\n%sexpected:\n%s",
		      letter->group, is, want);
	ph_plan_free(&plan);
}

#define TEAM_ORCPT "rfc822;team@t.org"

START_TEST(test_portions)
{
	const struct letter letter = {.group = "team@t.org"};

	set_up();
	check(&letter, 2,
	      "<s@x.test> - -\n"
	      "copy a@x.test(- " TEAM_ORCPT ") b@x.test\n"
	      "copy c@x.test(- " TEAM_ORCPT ")\n");
	check(&letter, 3,
	      "<s@x.test> - -\n"
	      "copy a@x.test(- " TEAM_ORCPT ") b@x.test c@x.test\n");
	check(&(struct letter){.group = "empty@t.org"}, 3, "<s@x.test> - -\n");
	tear_down();
}
END_TEST

START_TEST(test_wishes)
{
	static const struct {
		struct letter letter;
		const char *want;
	} rows[] = {
	    {{"team@t.org", NULL, NULL, "HDRS", "E1", "FAILURE,DELAY",
	      "rfc822;t+2B@x"},
	     "<s@x.test> HDRS E1\n"
	     "copy a@x.test(FAILURE,DELAY rfc822;t+2B@x) b@x.test c@x.test\n"},
	    {{"quiet@t.org", NULL, NULL, "HDRS", "E1", "FAILURE", NULL},
	     "<s@x.test> - -\ncopy a@x.test(NEVER rfc822;quiet@t.org)\n"},
	    {{"managed@t.org", NULL, NULL, "HDRS", "E1", "NEVER", NULL},
	     "<Boss@t.org> - -\ncopy a@x.test(- rfc822;managed@t.org)\n"},
	    {{.group = "orphan@t.org"},
	     "<gone@t.org> - -\ncopy a@x.test(- rfc822;orphan@t.org)\n"},
	    /* without a manager nobody hears */
	    {{.group = "alone@t.org"},
	     "<s@x.test> - -\ncopy a@x.test(NEVER rfc822;alone@t.org)\n"},
	    /* a notice stays without a sender */
	    {{.group = "managed@t.org", .sender = ""},
	     "<> - -\ncopy a@x.test(NEVER rfc822;managed@t.org)\n"},
	};

	set_up();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check(&rows[i].letter, 10, rows[i].want);
	tear_down();
}
END_TEST

START_TEST(test_refused)
{
	const struct letter letter = {.group = "refused@t.org",
				      .notify = "FAILURE",
				      .orcpt = "rfc822;r@t.org"};

	set_up();
	check(&letter, 1,
	      "<s@x.test> - -\n"
	      "copy a@x.test(FAILURE rfc822;r@t.org)\n"
	      "report 550 5.7.1 the recipient takes  "
	      "closed@t.org(FAILURE rfc822;r@t.org) shut@t.org\n"
	      "report 550 5.1.1 User unknown; RESOLV "
	      "none1@t.org(FAILURE rfc822;r@t.org) none2@t.org\n");
	tear_down();
}
END_TEST

/* A report for each would be as many as the group has members, and to a sender
 * who may be anybody. */
START_TEST(test_refused_by_name)
{
	const struct letter letter = {.group = "named@t.org"};
	const struct ph_plan_group *group;
	struct ph_plan *plan;

	set_up();
	plan = make_plan(&letter, directory, 1, NULL);
	ck_assert_uint_eq(plan->groups->len, 3);
	group = plan->groups->pdata[0];
	ck_assert_uint_eq(group->recipients->len, 2);
	ck_assert_str_eq(
	    group->text,
	    "the recipient takes mail of authenticated senders only: log in, "
	    "or ask its owner to take mail from outside; "
	    "RESOLVER.RST.AuthRequired; authentication required");
	group = plan->groups->pdata[1];
	ck_assert_str_eq(
	    group->text,
	    "Sender is not allowed to send to the recipient: ask its owner to "
	    "let you in; RESOLVER.RST.NotAuthorized; not authorized");
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

START_TEST(test_no_answer_about_the_manager)
{
	struct ph_directory *down = ph_directory_failing(PH_ERR_TEMP, "down");
	const struct letter letter = {.group = "managed@t.org"};
	struct ph_err err = PH_ERR_INIT;

	set_up();
	ck_assert_ptr_null(make_plan(&letter, down, 1, &err));
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_directory_close(&down);
	tear_down();
}
END_TEST

/* ---- header fields ------------------------------------------------------ */

/* "Name: a | b" of the first copy, X-PostHub- left out, in order. */
static char *
show_headers(const struct ph_plan *plan)
{
	const struct ph_plan_group *group = plan->groups->pdata[0];
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < group->headers->len; i++) {
		const struct ph_plan_header *header = group->headers->pdata[i];

		g_string_append_printf(
		    text, "%s:",
		    g_str_has_prefix(header->name, "X-PostHub-")
			? header->name + strlen("X-PostHub-")
			: header->name);
		for (guint k = 0; k < header->values->len; k++)
			g_string_append_printf(
			    text, " %s",
			    (const char *)header->values->pdata[k]);
		g_string_append_c(text, '\n');
	}
	return g_string_free(text, FALSE);
}

START_TEST(test_headers)
{
	static const struct {
		const char *group, *header, *want;
	} rows[] = {
	    {"team@t.org", PLAIN, "Expanded: team@t.org\n"},
	    {"shy@t.org", PLAIN,
	     "X-Auto-Response-Suppress: OOF\nExpanded: shy@t.org\n"},
	    {"shy@t.org", PLAIN "x-auto-response-suppress: DR, AutoReply\r\n",
	     "X-Auto-Response-Suppress: DR, AutoReply, OOF\n"
	     "Expanded: shy@t.org\n"},
	    {"shy@t.org", PLAIN "X-Auto-Response-Suppress: DR,oof\r\n",
	     "Expanded: shy@t.org\n"},
	    {"shy@t.org", PLAIN "X-Auto-Response-Suppress: All\r\n",
	     "Expanded: shy@t.org\n"},
	    {"managed@t.org", PLAIN,
	     "Originator: s@x.test\nExpanded: managed@t.org\n"},
	    {"managed@t.org", PLAIN "X-PostHub-Originator: o@x.test\r\n",
	     "Expanded: managed@t.org\n"},
	    {"team@t.org", PLAIN "X-PostHub-Expanded: one@t.org\r\n",
	     "Expanded: one@t.org team@t.org\n"},
	    /* all that were opened, where a group is among the recipients */
	    {"holder@t.org", PLAIN, "Expanded: holder@t.org deep@t.org\n"},
	};

	set_up();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct letter letter = {.group = rows[i].group,
					      .header = rows[i].header};
		struct ph_plan *plan = make_plan(&letter, directory, 9, NULL);
		g_autofree char *is = show_headers(plan);

		ck_assert_msg(strcmp(is, rows[i].want) == 0, "%zu: %s", i, is);
		ph_plan_free(&plan);
	}
	tear_down();
}
END_TEST

/* However many groups it has come through: the copies for those inside this one
 * must not come back here. */
START_TEST(test_long_history)
{
	set_up();
	for (size_t n = 498; n <= 502; n++) {
		g_autoptr(GString) header = g_string_new(PLAIN);
		struct letter letter = {.group = "holder@t.org"};
		const struct ph_plan_header *history;
		const struct ph_plan_group *group;
		struct ph_plan *plan;

		for (size_t i = 0; i < n; i++)
			g_string_append_printf(
			    header, "X-PostHub-Expanded: g%zu@t.org\r\n", i);
		letter.header = header->str;
		plan = make_plan(&letter, directory, 9, NULL);
		group = plan->groups->pdata[0];
		history = group->headers->pdata[group->headers->len - 1];
		ck_assert_str_eq(history->name, "X-PostHub-Expanded");
		ck_assert_str_eq(history->values->pdata[n], "holder@t.org");
		ck_assert_uint_eq(history->values->len, n + 1 + (n + 1 < 500));
		ph_plan_free(&plan);
	}
	tear_down();
}
END_TEST

/* A message that has passed no milter, as a report of the MTA's own. */
START_TEST(test_without_an_id)
{
	const struct letter letter = {.group = "team@t.org",
				      .header = "Subject: x\r\n"};
	const struct letter other = {.group = "team@t.org",
				     .header = "Subject: y\r\n"};
	struct ph_plan *plan, *again, *another;
	g_autofree char *headers = NULL, *want = NULL;

	set_up();
	plan = make_plan(&letter, directory, 9, NULL);
	again = make_plan(&letter, directory, 9, NULL);
	another = make_plan(&other, directory, 9, NULL);
	ck_assert_str_eq(plan->nmid, again->nmid);
	ck_assert_str_eq(plan->id, again->id);
	ck_assert_str_ne(plan->nmid, another->nmid);
	headers = show_headers(plan);
	want = g_strdup_printf("Network-Message-Id: %s\nResolved: MBX2\n"
			       "Expanded: team@t.org\n",
			       plan->nmid);
	ck_assert_str_eq(headers, want);
	ph_plan_free(&plan);
	ph_plan_free(&again);
	ph_plan_free(&another);
	tear_down();
}
END_TEST

#define REPORT PLAIN "Content-Type: Multipart/Report; boundary=x\r\n\r\n"

START_TEST(test_reports)
{
	static const struct {
		struct letter letter;
		bool report;
		const char *want;
	} rows[] = {
	    {{.group = "managed@t.org",
	      .header = REPORT "Action: failed\r\n",
	      .sender = ""},
	     true,
	     "<> - -\ncopy Boss@t.org(NEVER -)\n"},
	    {{.group = "managed@t.org",
	      .header = REPORT "Action: delayed\r\n",
	      .sender = ""},
	     true,
	     "<> - -\n"},
	    {{.group = "team@t.org",
	      .header = REPORT "Action: failed\r\n",
	      .sender = ""},
	     true,
	     "<> - -\n"},
	    {{.group = "team@t.org", .header = REPORT, .sender = "s@x.test"},
	     false,
	     NULL},
	    {{.group = "team@t.org", .header = PLAIN, .sender = ""},
	     false,
	     NULL},
	};

	set_up();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_fork_content content =
		    make_content(&rows[i].letter, rows[i].letter.header);
		const struct ph_fork_recipient recipient = {
		    rows[i].letter.group, NULL, NULL};
		struct ph_expansion_letter about = {.content = &content,
						    .recipient = &recipient};
		struct ph_object *group = NULL;
		struct ph_plan *plan = NULL;
		g_autofree char *is = NULL;

		ck_assert_int_eq(ph_expansion_is_report(&content),
				 rows[i].report);
		ck_assert_int_eq(ph_directory_find(directory,
						   rows[i].letter.group, &group,
						   NULL),
				 1);
		about.group = group;
		if (rows[i].report) {
			ck_assert_int_eq(ph_expansion_report_plan(
					     &about, directory, &plan, NULL),
					 0);
			is = show(plan);
			ck_assert_str_eq(is, rows[i].want);
		}
		ph_plan_free(&plan);
		ph_object_unref(&group);
		ph_headers_free(&content.headers);
	}
	tear_down();
}
END_TEST

/* ---- which message ------------------------------------------------------ */

START_TEST(test_id)
{
	const struct letter letter = {.group = ""};
	struct ph_fork_content content = make_content(&letter, PLAIN);
	struct ph_fork_content other =
	    make_content(&letter, PLAIN "Received: again\r\n");
	g_autofree char *a = ph_expansion_id(&content, "team@t.org");
	g_autofree char *b = ph_expansion_id(&other, "TEAM@t.org");
	g_autofree char *c = ph_expansion_id(&content, "deep@t.org");

	ck_assert_str_eq(a, b);
	ck_assert_str_ne(a, c);
	ph_headers_free(&content.headers);
	ph_headers_free(&other.headers);
}
END_TEST

START_TEST(test_before)
{
	const struct letter letter = {.group = ""};
	struct ph_fork_content content =
	    make_content(&letter, PLAIN "X-PostHub-Expanded: One@t.org\r\n"
					"X-PostHub-Originator: o@x.test\r\n"
					"x-posthub-expanded: two@t.org\r\n");
	g_autoptr(GHashTable) opened = ph_expansion_opened(&content);

	ck_assert_uint_eq(g_hash_table_size(opened), 2);
	ck_assert(g_hash_table_contains(opened, "one@t.org"));
	ck_assert(g_hash_table_contains(opened, "two@t.org"));
	ck_assert_str_eq(ph_expansion_sender(&content), "o@x.test");
	ph_headers_free(&content.headers);
}
END_TEST

UNIT_MAIN("policy/expansion_plan", test_portions, test_wishes, test_refused,
	  test_refused_by_name, test_long_history,
	  test_no_answer_about_the_manager, test_headers, test_without_an_id,
	  test_reports, test_id, test_before)
