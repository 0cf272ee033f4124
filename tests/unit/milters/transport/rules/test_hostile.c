#include "tests/unit/milters/transport/rules/hostile.h"

/*
 * Messages and rules made to be dear. Nothing here asserts a time: work that
 * grows with the square of what a client sends does not end within the time
 * that a test has, or is counted.
 */
#define KB ((size_t)1024)
#define MB (KB * KB)

struct lab {
	GPtrArray *objects;
	GPtrArray *entries;
	struct ph_snapshot *snapshot;
	struct ph_directory *directory;
	struct ph_mail *mail;
	struct ph_rules_result result;
	guint lookups;
};

static void
setup(struct lab *lab)
{
	*lab = (struct lab){.objects = hostile_objects()};
}

/* A directory that counts. */
struct counting {
	struct ph_directory *behind;
	guint *lookups;
};

static int
count_find(void *self, const char *address, struct ph_object **entry_r,
	   struct ph_found *found_r, struct ph_err *err)
{
	struct counting *counting = self;

	(void)found_r;
	++*counting->lookups;
	return ph_directory_find(counting->behind, address, entry_r, err);
}

static void
count_close(void *self)
{
	struct counting *counting = self;

	ph_directory_close(&counting->behind);
	g_free(counting);
}

static const struct ph_directory_ops counting_ops = {
    .name = "counting",
    .find = count_find,
    .close = count_close,
};

/* After the rules were added. */
static struct ph_mail *
begin(struct lab *lab, const char *sender)
{
	struct counting *counting = g_new0(struct counting, 1);

	counting->behind = hostile_directory();
	counting->lookups = &lab->lookups;
	lab->directory = ph_directory_new(&counting_ops, counting);
	lab->snapshot = hostile_snapshot(lab->objects);
	lab->mail = hostile_mail(lab->snapshot, lab->directory, sender);
	return lab->mail;
}

static void
run(struct lab *lab)
{
	const struct ph_rules_options options = {.now = 1, .loop_limit = 3};
	guint recipients = lab->mail->recipients->len;
	guint n = 0;

	ck_assert_int_eq(ph_rules_run(ph_snapshot_derived(lab->snapshot, 0),
				      lab->mail, &options, &lab->result, NULL),
			 0);
	for (guint i = 0; i < lab->result.copies->len; i++) {
		const struct ph_mail *copy = lab->result.copies->pdata[i];

		for (guint j = 0; j < copy->recipients->len; j++) {
			const struct ph_recipient *r =
			    copy->recipients->pdata[j];

			n += r->given != NULL;
		}
	}
	ck_assert_uint_eq(n, recipients);
}

static void
teardown(struct lab *lab)
{
	ph_rules_result_clear(&lab->result);
	ph_mail_free(&lab->mail);
	ph_snapshot_unref(&lab->snapshot);
	ph_directory_close(&lab->directory);
	g_ptr_array_unref(lab->objects);
}

static const struct ph_rule_hit *
hit_of(const struct lab *lab, const char *rule)
{
	for (guint i = 0; i < lab->result.hits->len; i++) {
		const struct ph_rule_hit *hit =
		    &g_array_index(lab->result.hits, struct ph_rule_hit, i);

		if (strcmp(hit->rule->name, rule) == 0)
			return hit;
	}
	return NULL;
}

static void
assert_hit(const struct lab *lab, const char *rule)
{
	const struct ph_rule_hit *hit = hit_of(lab, rule);

	ck_assert_msg(hit != NULL && hit->answer == PH_ANSWER_TRUE, "%s", rule);
}

static void
assert_no_hit(const struct lab *lab, const char *rule)
{
	ck_assert_msg(hit_of(lab, rule) == NULL, "%s", rule);
}

static void
add_recipients(struct ph_mail *mail, const char *prefix, guint n)
{
	for (guint i = 0; i < n; i++) {
		g_autofree char *address =
		    g_strdup_printf("%s%u@elsewhere.test", prefix, i);

		ph_mail_add_recipient(mail, address, NULL);
	}
}

static guint
count_staying(const struct ph_mail *mail)
{
	guint n = 0;

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		n += !r->removed;
	}
	return n;
}

/* "prefix0@elsewhere.test,prefix1@..."; g_free. */
static char *
make_list(const char *prefix, guint n)
{
	GString *list = g_string_new(NULL);

	for (guint i = 0; i < n; i++)
		g_string_append_printf(list, "%s%s%u@elsewhere.test",
				       i > 0 ? "," : "", prefix, i);
	return g_string_free(list, FALSE);
}

static void
add_fields(struct ph_mail *mail, const char *name, const char *value, guint n)
{
	for (guint i = 0; i < n; i++)
		ck_assert(ph_headers_add(mail->headers, name, value));
}

static guint
count_fields(const struct ph_mail *mail, const char *name)
{
	size_t all = ph_headers_count(mail->headers);
	guint n = 0;

	for (size_t i = ph_headers_find(mail->headers, name, 0); i < all;
	     i = ph_headers_find(mail->headers, name, i + 1))
		n++;
	return n;
}

/* The body that is asked about by every rule there can be. */
static void
run_everything(struct lab *lab, const char *sender, const GString *text)
{
	static const char *const to[] = {"alice@a.test", "team@a.test",
					 "bob@elsewhere.test", NULL};

	setup(lab);
	hostile_add_rules(lab->objects);
	begin(lab, sender);
	hostile_recipients(lab->mail, to);
	hostile_read(lab->mail, text->str, text->len);
	run(lab);
}

/* ---- recipients --------------------------------------------------------- */

#define MANY 10000U

START_TEST(test_many_recipients)
{
	struct lab lab;

	setup(&lab);
	hostile_add_rules(lab.objects);
	begin(&lab, "alice@a.test");
	add_recipients(lab.mail, "r", MANY);
	ph_mail_add_recipient(lab.mail, "alice@a.test", NULL);
	ph_headers_add(lab.mail->headers, "From", "alice@a.test");
	run(&lab);
	assert_hit(&lab, "RecipientDomainIs");
	assert_hit(&lab, "SentTo");
	/* Each once as a recipient, and not once a rule. */
	ck_assert_uint_le(lab.lookups, (size_t)3 * MANY);
	teardown(&lab);
}
END_TEST

/* In To as well, where a client may name as many. */
START_TEST(test_many_addresses_in_header)
{
	g_autofree char *list = make_list("r", 10 * MANY);
	struct lab lab;

	setup(&lab);
	hostile_add_rules(lab.objects);
	begin(&lab, "");
	ph_mail_add_recipient(lab.mail, "alice@a.test", NULL);
	ph_headers_add(lab.mail->headers, "To", list);
	ph_headers_add(lab.mail->headers, "Cc", "(((((((,,,,,;;;;;:::");
	run(&lab);
	assert_no_hit(&lab, "AnyOfToHeader");
	assert_hit(&lab, "ExceptIfAnyOfToHeader");
	ck_assert_uint_le(lab.lookups, (size_t)40 * MANY);
	teardown(&lab);
}
END_TEST

/* One rule for each of many: above the limit the rules count as rules that
 * could not be evaluated, and nobody is lost. */
START_TEST(test_many_copies)
{
	struct lab lab;
	guint errors = 0;

	setup(&lab);
	for (guint i = 0; i < 1100; i++) {
		g_autofree char *name = g_strdup_printf("rule %04u", i);
		g_autofree char *to =
		    g_strdup_printf("r%u@elsewhere.test", i * 2);

		HOSTILE_ADD(lab.objects, "rule", name, "SentTo", to,
			    "SetHeaderName", "X-Mark", "SetHeaderValue", name);
	}
	begin(&lab, "a@b.test");
	add_recipients(lab.mail, "r", 2500);
	add_fields(lab.mail, "X-Field", "value", 300);
	run(&lab);
	ck_assert_uint_eq(lab.result.copies->len, 1000);
	for (guint i = 0; i < lab.result.hits->len; i++)
		errors += g_array_index(lab.result.hits, struct ph_rule_hit, i)
			      .error != NULL;
	ck_assert_uint_eq(errors, 1100 - 999);
	teardown(&lab);
}
END_TEST

START_TEST(test_many_take_the_place_of_many)
{
	g_autofree char *one = make_list("one", 1000);
	g_autofree char *two = make_list("two", 1000);
	struct lab lab;

	setup(&lab);
	HOSTILE_ADD(lab.objects, "rule", "1", "Priority", "1", "Enabled",
		    "true", "RedirectMessageTo", one);
	HOSTILE_ADD(lab.objects, "rule", "2", "Priority", "2", "Enabled",
		    "true", "RedirectMessageTo", two);
	begin(&lab, "a@b.test");
	add_recipients(lab.mail, "r", MANY);
	run(&lab);
	ck_assert_uint_eq(count_staying(lab.mail), 1000);
	teardown(&lab);
}
END_TEST

START_TEST(test_many_are_added)
{
	g_autofree char *blind = make_list("blind", MANY);
	g_autofree char *copy = make_list("copy", MANY);
	struct lab lab;

	setup(&lab);
	HOSTILE_ADD(lab.objects, "rule", "1", "Priority", "1", "Enabled",
		    "true", "BlindCopyTo", blind);
	HOSTILE_ADD(lab.objects, "rule", "2", "Priority", "2", "Enabled",
		    "true", "CopyTo", copy);
	begin(&lab, "a@b.test");
	add_recipients(lab.mail, "r", MANY);
	run(&lab);
	ck_assert_uint_eq(count_staying(lab.mail), (size_t)3 * MANY);
	teardown(&lab);
}
END_TEST

/* Two rules that send it to each other's, and nobody's, address. */
START_TEST(test_redirected_in_a_circle)
{
	struct lab lab;

	setup(&lab);
	HOSTILE_ADD(lab.objects, "rule", "1", "Priority", "1", "SentTo",
		    "alice@a.test", "RedirectMessageTo", "nobody@a.test");
	HOSTILE_ADD(lab.objects, "rule", "2", "Priority", "2", "SentTo",
		    "nobody@a.test", "RedirectMessageTo", "alice@a.test");
	begin(&lab, "a@b.test");
	ph_mail_add_recipient(lab.mail, "alice@a.test", NULL);
	run(&lab);
	ck_assert_int_eq(lab.mail->verdict.decision, PH_DECISION_REJECT);
	ck_assert_str_eq(lab.mail->verdict.enhanced, "5.4.6");
	teardown(&lab);
}
END_TEST

/* ---- header fields ------------------------------------------------------ */

#define FIELDS 100000

START_TEST(test_many_fields)
{
	struct lab lab;

	setup(&lab);
	hostile_add_rules(lab.objects);
	HOSTILE_ADD(lab.objects, "rule", "remove", "Enabled", "true",
		    "RemoveHeader", "X-Big");
	HOSTILE_ADD(lab.objects, "rule", "set", "Enabled", "true",
		    "SetHeaderName", "To", "SetHeaderValue", "nobody");
	begin(&lab, "");
	ph_mail_add_recipient(lab.mail, "alice@a.test", NULL);
	add_fields(lab.mail, "X-Big", "n", FIELDS);
	add_fields(lab.mail, "To", "n", FIELDS);
	run(&lab);
	ck_assert_uint_eq(count_fields(lab.mail, "X-Big"), 0);
	ck_assert_uint_eq(count_fields(lab.mail, "To"), 1);
	teardown(&lab);
}
END_TEST

START_TEST(test_header_of_16_mb)
{
	g_autofree char *value = g_strnfill(60000, 'a');
	g_autofree char *large = g_strnfill(5 * MB, 'n');
	struct lab lab;

	setup(&lab);
	hostile_add_rules(lab.objects);
	begin(&lab, "");
	ph_mail_add_recipient(lab.mail, "alice@a.test", NULL);
	ck_assert(ph_headers_add(lab.mail->headers, "X-Big", large));
	while (ph_headers_add(lab.mail->headers, "X-Big", value))
		;
	ph_headers_replace(lab.mail->headers, 1, "one needle");
	run(&lab);
	assert_hit(&lab, "HeaderContainsWords");
	teardown(&lab);
}
END_TEST

/* Each takes some fifty milliseconds to be given up: many must not take that
 * many times as long. */
START_TEST(test_catastrophic_pattern_in_many_fields)
{
	static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	const struct ph_rule_hit *hit;
	struct lab lab;

	setup(&lab);
	HOSTILE_ADD(lab.objects, "rule", "bad", "HeaderMatchesMessageHeader",
		    "X-Big", "HeaderMatchesPatterns", "(a+)+$",
		    "PrependSubject", "bad ");
	HOSTILE_ADD(lab.objects, "rule", "good", "HeaderMatchesMessageHeader",
		    "X-Big", "HeaderMatchesPatterns", "^needle$",
		    "PrependSubject", "good ");
	begin(&lab, "");
	ph_mail_add_recipient(lab.mail, "alice@a.test", NULL);
	add_fields(lab.mail, "X-Big", text, 2 * 1000);
	add_fields(lab.mail, "X-Big", "needle", 1);
	run(&lab);
	hit = hit_of(&lab, "bad");
	ck_assert_ptr_nonnull(hit);
	ck_assert_int_eq(hit->answer, PH_ANSWER_ERROR);
	ck_assert_ptr_nonnull(strstr(hit->error, "match limit"));
	ck_assert(!hit->applied);
	/* It takes nothing from others. */
	assert_hit(&lab, "good");
	ck_assert_str_eq(ph_headers_raw(lab.mail->headers, "Subject", 0),
			 "good ");
	teardown(&lab);
}
END_TEST

START_TEST(test_catastrophic_pattern_for_many_recipients)
{
	struct lab lab;
	guint asked = 2000;

	setup(&lab);
	HOSTILE_ADD(lab.objects, "rule", "bad",
		    "RecipientAddressMatchesPatterns", "^(a+)+$", "SetSCL",
		    "9");
	begin(&lab, "");
	add_recipients(lab.mail, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", asked);
	run(&lab);
	ck_assert_int_eq(hit_of(&lab, "bad")->answer, PH_ANSWER_ERROR);
	teardown(&lab);
}
END_TEST

/* ---- parts -------------------------------------------------------------- */

static void
append_part(GString *text, guint i)
{
	g_string_append_printf(text,
			       "--b\nContent-Type: text/plain; name=%u.exe\n\n"
			       "needle\n",
			       i);
}

START_TEST(test_many_parts)
{
	g_autoptr(GString) text = g_string_new(
	    "Content-Type: multipart/mixed; boundary=b\nSubject: x\n\n");
	struct lab lab;

	for (guint i = 0; i < 10000; i++)
		append_part(text, i);
	run_everything(&lab, "a@a.test", text);
	assert_hit(&lab, "AttachmentContainsWords");
	assert_hit(&lab, "AttachmentProcessingLimitExceeded");
	teardown(&lab);
}
END_TEST

START_TEST(test_deep_parts)
{
	g_autoptr(GString) text = g_string_new("Subject: needle\n");
	struct lab lab;

	for (guint i = 0; i < 500; i++)
		g_string_append_printf(
		    text,
		    "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i,
		    i);
	g_string_append(text, "\nneedle\n");
	run_everything(&lab, "a@a.test", text);
	assert_hit(&lab, "SubjectContainsWords");
	assert_hit(&lab, "AttachmentProcessingLimitExceeded");
	teardown(&lab);
}
END_TEST

/* What was not kept may hold an attachment. */
START_TEST(test_body_that_was_cut)
{
	g_autofree char *piece = g_strnfill(MB, '\n');
	struct lab lab;

	setup(&lab);
	hostile_add_rules(lab.objects);
	begin(&lab, "");
	ph_mail_add_recipient(lab.mail, "alice@a.test", NULL);
	lab.mail->keep_body = true;
	for (size_t i = 0; i < PH_BODY_LIMIT / MB; i++)
		ph_mail_add_body(lab.mail, piece, MB);
	ck_assert(!lab.mail->body_cut);
	ph_mail_add_body(lab.mail, piece, 1);
	run(&lab);
	assert_hit(&lab, "AttachmentProcessingLimitExceeded");
	teardown(&lab);
}
END_TEST

/* ---- what is not as it should be ---------------------------------------- */

#define TEXT(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}

START_TEST(test_malformed)
{
	static const struct {
		const char *text;
		size_t size;
	} rows[] = {
	    TEXT(""),
	    TEXT("\n"),
	    TEXT("\nneedle"),
	    TEXT(":\n: \nX\n\n"),
	    TEXT("Subject: a\0b needle\nX-Big: \0\n\n\0needle\0"),
	    TEXT("Subject: \xff\xfe\x80\xc3\nX-Big: \xed\xa0\x80\n\n\xc3"),
	    TEXT("Content-Type: text/plain; charset=\n\n\xe9"),
	    TEXT("Content-Type: text/plain; charset=utf-7\n\n+AAAA-"),
	    TEXT("Content-Type: text/plain; charset=\xff\xff\n\n\xe9"),
	    TEXT("Content-Type: multipart/mixed\n\n--\n--\n--b\n"),
	    TEXT("Content-Type: multipart/mixed; boundary=\n\n--\n\nneedle"),
	    TEXT("Content-Type: multipart/mixed; boundary=\"\n\n--\n\nneedle"),
	    TEXT("Content-Type: multipart/mixed; boundary=b\n\n--b"),
	    TEXT("Content-Type: message/rfc822\n\n"),
	    TEXT("From: \nSender: <\nTo: @\nCc: a@\nSubject:\n\n"),
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) text =
		    g_string_new_len(rows[i].text, (gssize)rows[i].size);
		struct lab lab;

		run_everything(&lab, i % 2 == 0 ? "" : "a@a.test", text);
		assert_hit(&lab, "RecipientDomainIs");
		teardown(&lab);
	}
}
END_TEST

/* A null sender is nobody: no rule about a sender hits, and none fails. */
START_TEST(test_null_sender)
{
	g_autoptr(GString) text = g_string_new("Subject: needle\n\nx\n");
	struct lab lab;

	run_everything(&lab, "", text);
	assert_hit(&lab, "SubjectContainsWords");
	assert_no_hit(&lab, "From");
	assert_no_hit(&lab, "FromMemberOf");
	assert_no_hit(&lab, "SenderDomainIs");
	teardown(&lab);
}
END_TEST

/* ---- rules at their limits ---------------------------------------------- */

START_TEST(test_rules_at_their_limits)
{
	g_autoptr(GString) words = g_string_new(NULL);
	g_autofree char *fill = g_strnfill(128 - 5, 'w');
	g_autofree char *pattern = g_strnfill(8192, 'p');
	struct lab lab;

	for (guint i = 0; i < 10000; i++)
		g_string_append_printf(words, "%05u%s,", i, fill);
	g_string_append(words, "needle");
	setup(&lab);
	HOSTILE_ADD(lab.objects, "rule", "words", "SubjectOrBodyContainsWords",
		    words->str, "ExceptIfSubjectContainsWords", words->str,
		    "SetSCL", "1");
	HOSTILE_ADD(lab.objects, "rule", "pattern",
		    "SubjectOrBodyMatchesPatterns", pattern, "SetSCL", "2");
	begin(&lab, "");
	ph_mail_add_recipient(lab.mail, "alice@a.test", NULL);
	ph_headers_add(lab.mail->headers, "Subject", "hay");
	lab.mail->keep_body = true;
	ph_mail_add_body(lab.mail, pattern, 8192);
	ph_mail_add_body(lab.mail, "\n needle", 8);
	run(&lab);
	assert_hit(&lab, "words");
	assert_hit(&lab, "pattern");
	teardown(&lab);
}
END_TEST

/* Sources that are many: one for each field that a rule names. */
START_TEST(test_many_sources_and_recipients)
{
	struct lab lab;

	setup(&lab);
	for (guint i = 0; i < 2000; i++) {
		g_autofree char *name = g_strdup_printf("X-Field-%u", i);

		HOSTILE_ADD(lab.objects, "rule", name,
			    "HeaderContainsMessageHeader", name,
			    "HeaderContainsWords", "needle", "SetSCL", "1");
	}
	HOSTILE_ADD(lab.objects, "rule", "all", "RecipientAddressContainsWords",
		    "elsewhere", "SetSCL", "1");
	begin(&lab, "");
	add_recipients(lab.mail, "r", MANY);
	run(&lab);
	assert_hit(&lab, "all");
	teardown(&lab);
}
END_TEST

UNIT_MAIN("milters/transport/rules/hostile", test_many_recipients,
	  test_many_addresses_in_header, test_many_copies,
	  test_many_take_the_place_of_many, test_many_are_added,
	  test_redirected_in_a_circle, test_many_fields, test_header_of_16_mb,
	  test_catastrophic_pattern_in_many_fields,
	  test_catastrophic_pattern_for_many_recipients, test_many_parts,
	  test_deep_parts, test_body_that_was_cut, test_malformed,
	  test_null_sender, test_rules_at_their_limits,
	  test_many_sources_and_recipients)
