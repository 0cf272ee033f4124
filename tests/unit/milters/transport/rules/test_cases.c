#include "lib/directory/directory.h"
#include "lib/routing/topology.h"
#include "milters/transport/rules/evaluate.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * Runs tests/rules/<row>.cases: one file for each condition and action,
 * written for mail administrators; tests/rules/README says how.
 */
#define DIRECTORY "tests/rules"

struct rule_text {
	GArray *pairs; /* struct ph_pair, owned strings */
};

struct rule_case {
	char *name;
	int line;
	GPtrArray *rules; /* struct rule_text */
	struct ph_mail *mail;
	GPtrArray *objects; /* struct ph_object: domains and rules */
	GPtrArray *entries; /* struct ph_object: recipients */
	bool directory_down;
	char *answer;
	GPtrArray *expected; /* "key: value" lines after the answer */
};

static struct ph_client client;

static void
unref_object(void *data)
{
	struct ph_object *object = data;

	ph_object_unref(&object);
}

static void
free_rule_text(void *data)
{
	struct rule_text *rule = data;

	for (guint i = 0; i < rule->pairs->len; i++) {
		struct ph_pair *p =
		    &g_array_index(rule->pairs, struct ph_pair, i);

		g_free((char *)(uintptr_t)p->field);
		g_free((char *)(uintptr_t)p->value);
	}
	g_array_unref(rule->pairs);
	g_free(rule);
}

static struct rule_case *
case_new(const char *name, int line)
{
	struct rule_case *c = g_new0(struct rule_case, 1);

	c->name = g_strdup(name);
	c->line = line;
	c->rules = g_ptr_array_new_with_free_func(free_rule_text);
	c->mail = ph_mail_new(&client, "");
	c->objects = g_ptr_array_new_with_free_func(unref_object);
	c->entries = g_ptr_array_new_with_free_func(unref_object);
	c->expected = g_ptr_array_new_with_free_func(g_free);
	return c;
}

static void
case_free(void *data)
{
	struct rule_case *c = data;

	g_free(c->name);
	g_ptr_array_unref(c->rules);
	ph_directory_close(&c->mail->directory);
	ph_mail_free(&c->mail);
	g_ptr_array_unref(c->objects);
	g_ptr_array_unref(c->entries);
	g_free(c->answer);
	g_ptr_array_unref(c->expected);
	g_free(c);
}

static struct ph_object *
parse_object(const char *kind, const char *name, const struct ph_pair *pairs,
	     size_t n)
{
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_object_parse(ph_kind_find(kind), name, pairs, n,
				      &object, &err) == 0,
		      "%s", err.text);
	return object;
}

/* ---- the lines of a case ------------------------------------------------ */

static void
on_next_rule(struct rule_case *c, const char *value)
{
	struct rule_text *rule = g_new0(struct rule_text, 1);

	(void)value;
	rule->pairs = g_array_new(FALSE, FALSE, sizeof(struct ph_pair));
	g_ptr_array_add(c->rules, rule);
}

static void
on_rule(struct rule_case *c, const char *value)
{
	const char *equals = strchr(value, '=');
	struct ph_pair pair;
	struct rule_text *rule;

	ck_assert_msg(equals != NULL, "%s: rule: Field=Value", c->name);
	if (c->rules->len == 0)
		on_next_rule(c, NULL);
	rule = c->rules->pdata[c->rules->len - 1];
	pair.field = g_strndup(value, (gsize)(equals - value));
	pair.value = g_strcompress(equals + 1);
	g_array_append_val(rule->pairs, pair);
}

static void
on_header(struct rule_case *c, const char *value)
{
	g_autofree char *text = g_strcompress(value);
	char *colon = strchr(text, ':');

	ck_assert_msg(colon != NULL, "%s: header: Name: value", c->name);
	*colon = '\0';
	ph_headers_add(c->mail->headers, text,
		       colon[1] == ' ' ? colon + 2 : colon + 1);
}

static void
on_sender(struct rule_case *c, const char *value)
{
	g_free(c->mail->sender);
	c->mail->sender = g_strdup(value);
}

static void
on_auth(struct rule_case *c, const char *value)
{
	ck_assert(ph_auth_as_find(value, &c->mail->auth_as));
}

static void
on_domain(struct rule_case *c, const char *value)
{
	g_auto(GStrv) words = g_strsplit(value, " ", 2);
	struct ph_pair pair = {"DomainType", words[1]};

	g_ptr_array_add(c->objects, parse_object("domain", words[0], &pair, 1));
}

static void
on_entry(struct rule_case *c, const char *value)
{
	g_auto(GStrv) words = g_strsplit(value, " ", 2);
	const struct ph_pair pairs[] = {
	    {"RecipientType", words[1]},
	    {"Database", strcmp(words[1], "UserMailbox") == 0 ? "DB1" : ""},
	    {"ExternalEmailAddress",
	     strcmp(words[1], "UserMailbox") != 0 ? words[0] : ""},
	};

	g_ptr_array_add(c->entries, parse_object("recipient", words[0], pairs,
						 G_N_ELEMENTS(pairs)));
}

static void
on_directory(struct rule_case *c, const char *value)
{
	ck_assert_str_eq(value, "down");
	c->directory_down = true;
}

static void
on_answer(struct rule_case *c, const char *value)
{
	ck_assert_ptr_null(c->answer);
	c->answer = g_strdup(value);
}

static const struct {
	const char *key;
	void (*take)(struct rule_case *c, const char *value);
} facts[] = {
    {"rule", on_rule},	   {"next rule", on_next_rule}, {"header", on_header},
    {"sender", on_sender}, {"auth", on_auth},		{"domain", on_domain},
    {"entry", on_entry},   {"directory", on_directory}, {"answer", on_answer},
};

static void
take_line(struct rule_case *c, const char *line)
{
	const char *colon = strchr(line, ':');
	g_autofree char *key = NULL;
	g_autofree char *value = NULL;

	ck_assert_msg(colon != NULL, "%s: \"%s\"", c->name, line);
	key = g_strndup(line, (gsize)(colon - line));
	value = g_strdup(colon[1] == ' ' ? colon + 2 : colon + 1);
	if (c->answer != NULL) {
		g_ptr_array_add(c->expected, g_strdup(line));
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(facts); i++)
		if (strcmp(key, facts[i].key) == 0) {
			facts[i].take(c, value);
			return;
		}
	ck_abort_msg("%s: unknown line \"%s\"", c->name, line);
}

static GPtrArray *
read_cases(const char *path)
{
	GPtrArray *cases = g_ptr_array_new_with_free_func(case_free);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	struct rule_case *c = NULL;

	ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s", path);
	lines = g_strsplit(text, "\n", -1);
	for (int i = 0; lines[i] != NULL; i++) {
		if (*lines[i] == '#' || *lines[i] == '\0')
			continue;
		if (g_str_has_prefix(lines[i], "case: ")) {
			c = case_new(lines[i] + 6, i + 1);
			g_ptr_array_add(cases, c);
			continue;
		}
		ck_assert_msg(c != NULL, "%s:%d: no case yet", path, i + 1);
		take_line(c, lines[i]);
	}
	return cases;
}

/* ---- running ------------------------------------------------------------ */

static void
add_rules(struct rule_case *c)
{
	for (guint i = 0; i < c->rules->len; i++) {
		struct rule_text *rule = c->rules->pdata[i];
		g_autofree char *name = g_strdup_printf("rule %u", i + 1);
		struct ph_pair order = {g_strdup("Priority"),
					g_strdup_printf("%u", i)};

		g_array_append_val(rule->pairs, order);
		g_ptr_array_add(
		    c->objects,
		    parse_object("rule", name,
				 (struct ph_pair *)(void *)rule->pairs->data,
				 rule->pairs->len));
	}
}

static const struct ph_derive derive[] = {
    {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
    {NULL, NULL, NULL, NULL},
};

/* The answer of the last rule. */
static const char *
answer_of(const struct rule_case *c, const GArray *hits)
{
	g_autofree char *last = g_strdup_printf("rule %u", c->rules->len);

	for (guint i = 0; i < hits->len; i++) {
		const struct ph_rule_hit *hit =
		    &g_array_index(hits, struct ph_rule_hit, i);

		if (strcmp(hit->rule->name, last) == 0)
			return hit->answer == PH_ANSWER_TRUE ? "TRUE" : "ERROR";
	}
	return "FALSE";
}

static char *
result_of(const struct ph_verdict *v)
{
	switch (v->decision) {
	case PH_DECISION_ACCEPT:
		return g_strdup("accept");
	case PH_DECISION_DISCARD:
		return g_strdup("discard");
	case PH_DECISION_DEFER:
	case PH_DECISION_REJECT:
		break;
	}
	return g_strdup_printf("%s %s %s", v->code, v->enhanced, v->text);
}

/* All fields of a name, decoded, joined by " | "; "none". */
static char *
fields_of(struct ph_mail *mail, const char *name)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new();
	const char *text;

	for (size_t i = 0; (text = ph_headers_text(mail->headers, name, i));
	     i++)
		g_ptr_array_add(texts, (char *)(uintptr_t)text);
	if (texts->len == 0)
		return g_strdup("none");
	g_ptr_array_add(texts, NULL);
	return g_strjoinv(" | ", (char **)texts->pdata);
}

static void
check_expected(const char *where, struct rule_case *c, const char *line)
{
	g_auto(GStrv) parts = g_strsplit(line, ": ", 2);
	g_autofree char *is = NULL;

	ck_assert_msg(parts[1] != NULL, "%s: \"%s\"", where, line);
	if (strcmp(parts[0], "result") == 0) {
		is = result_of(&c->mail->verdict);
	} else if (strcmp(parts[0], "raw") == 0) {
		const char *raw =
		    ph_headers_raw(c->mail->headers, "Subject", 0);

		is = g_strescape(raw != NULL ? raw : "none", NULL);
	} else {
		is = fields_of(c->mail, parts[0]);
	}
	ck_assert_msg(strcmp(is, parts[1]) == 0, "%s: %s: \"%s\" is not \"%s\"",
		      where, parts[0], is, parts[1]);
}

static void
run_case(const char *file, struct rule_case *c)
{
	g_autofree char *where =
	    g_strdup_printf("%s:%d: %s", file, c->line, c->name);
	const struct ph_ruleset *set;
	GArray *hits;

	ck_assert_msg(c->answer != NULL, "%s: no answer", where);
	add_rules(c);
	c->mail->snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)c->objects->pdata, c->objects->len,
	    derive);
	c->mail->directory =
	    c->directory_down
		? ph_directory_failing(PH_ERR_TEMP, "the directory is down")
		: ph_directory_memory(
		      (const struct ph_object *const *)c->entries->pdata,
		      c->entries->len);
	set = ph_snapshot_derived(c->mail->snapshot, 0);
	hits = ph_rules_run(set, c->mail);
	ck_assert_msg(strcmp(answer_of(c, hits), c->answer) == 0,
		      "%s: %s is not %s", where, answer_of(c, hits), c->answer);
	for (guint i = 0; i < c->expected->len; i++)
		check_expected(where, c, c->expected->pdata[i]);
	g_array_unref(hits);
}

START_TEST(test_all)
{
	GDir *dir = g_dir_open(DIRECTORY, 0, NULL);
	const char *name;
	int n = 0;

	ck_assert_msg(dir != NULL, "run it from the top of the tree");
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(DIRECTORY, name, NULL);
		GPtrArray *cases;

		if (!g_str_has_suffix(name, ".cases"))
			continue;
		cases = read_cases(path);
		for (guint i = 0; i < cases->len; i++)
			run_case(name, cases->pdata[i]);
		n += (int)cases->len;
		g_ptr_array_unref(cases);
	}
	g_dir_close(dir);
	ck_assert_int_gt(n, 50);
}
END_TEST

/* ---- completeness ------------------------------------------------------- */

/* Does the last rule, the one that is asked, have the field? */
static bool
asks(const struct rule_case *c, const char *field)
{
	const struct rule_text *rule;

	if (c->rules->len == 0)
		return false;
	rule = c->rules->pdata[c->rules->len - 1];
	for (guint i = 0; i < rule->pairs->len; i++)
		if (strcmp(g_array_index(rule->pairs, struct ph_pair, i).field,
			   field) == 0)
			return true;
	return false;
}

static void
require(const char *row, const char *field, const char *answer)
{
	g_autofree char *path = g_strdup_printf(DIRECTORY "/%s.cases", row);
	GPtrArray *cases = read_cases(path);
	bool found = false;

	for (guint i = 0; i < cases->len; i++) {
		const struct rule_case *c = cases->pdata[i];

		found |= asks(c, field) && strcmp(c->answer, answer) == 0;
	}
	ck_assert_msg(found, "%s: no case of %s with answer %s", path, field,
		      answer);
	g_ptr_array_unref(cases);
}

START_TEST(test_complete)
{
	for (const struct ph_condition *c = ph_conditions; c->name != NULL;
	     c++) {
		g_autofree char *twin = g_strconcat("ExceptIf", c->name, NULL);

		for (int except = 0; except < 2; except++) {
			const char *field = except ? twin : c->name;

			require(c->name, field, "TRUE");
			require(c->name, field, "FALSE");
			if ((c->needs & PH_NEED_DIRECTORY) != 0)
				require(c->name, field, "ERROR");
		}
	}
	for (const struct ph_action *a = ph_actions; a->name != NULL; a++) {
		require(a->name, a->name, "TRUE");
		require(a->name, a->name, "FALSE");
		if (a->with != NULL)
			require(a->name, a->with, "TRUE");
	}
}
END_TEST

UNIT_MAIN("milters/transport/rules/cases", test_all, test_complete)
