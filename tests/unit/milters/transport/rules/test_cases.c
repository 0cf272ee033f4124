#include "lib/base/text.h"
#include "lib/directory/directory.h"
#include "lib/routing/topology.h"
#include "milters/transport/rules/evaluate.h"
#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
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
	GString *body;
	GPtrArray *objects;    /* struct ph_object: domains and rules */
	GPtrArray *entries;    /* struct ph_object: recipients */
	GArray *files;	       /* struct ph_inspect_row, owned strings */
	GPtrArray *properties; /* of files: struct ph_inspect_property * */
	GArray *findings;      /* struct ph_inspect_finding, owned strings */
	bool directory_down, inspection_down, no_types;
	int64_t now;
	struct ph_quarantine quarantine;
	char *answer;
	GPtrArray *expected; /* "key: value" lines after the answer */
	struct ph_rules_result result;
	int run;
	struct ph_err err;
};

static struct ph_client client;
/* The built-in types, compiled once. */
static struct ph_classifier *classifier;

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
	c->body = g_string_new(NULL);
	c->objects = g_ptr_array_new_with_free_func(unit_object_unref);
	c->entries = g_ptr_array_new_with_free_func(unit_object_unref);
	c->files = g_array_new(FALSE, TRUE, sizeof(struct ph_inspect_row));
	c->properties = g_ptr_array_new_with_free_func(g_free);
	c->findings =
	    g_array_new(FALSE, TRUE, sizeof(struct ph_inspect_finding));
	c->expected = g_ptr_array_new_with_free_func(g_free);
	return c;
}

static void
case_free(void *data)
{
	struct rule_case *c = data;

	g_free(c->name);
	g_ptr_array_unref(c->rules);
	ph_rules_result_clear(&c->result);
	ph_directory_close(&c->mail->directory);
	ph_mail_free(&c->mail);
	g_string_free(c->body, TRUE);
	g_ptr_array_unref(c->objects);
	g_ptr_array_unref(c->entries);
	g_array_unref(c->files);
	g_ptr_array_unref(c->properties);
	g_array_unref(c->findings);
	g_free(c->answer);
	g_ptr_array_unref(c->expected);
	g_free(c);
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

	g_ptr_array_add(c->objects, unit_object("domain", words[0], &pair, 1));
}

/* "name; Field=Value; Field=Value": the name, and the pairs. */
struct words {
	char **parts;
	GArray *pairs; /* struct ph_pair, borrowed from parts */
};

static void
split_words(const char *value, struct words *words)
{
	words->parts = g_strsplit(value, "; ", -1);
	words->pairs = g_array_new(FALSE, FALSE, sizeof(struct ph_pair));
	for (char **part = words->parts + 1; *part != NULL; part++) {
		char *equals = strchr(*part, '=');
		struct ph_pair pair = {*part, ""};

		if (equals != NULL) {
			*equals = '\0';
			pair.value = equals + 1;
		}
		g_array_append_val(words->pairs, pair);
	}
}

static void
clear_words(struct words *words)
{
	g_strfreev(words->parts);
	g_array_unref(words->pairs);
}

static void
add_pair(struct words *words, const char *field, const char *value)
{
	struct ph_pair pair = {field, value};

	for (guint i = 0; i < words->pairs->len; i++)
		if (strcmp(g_array_index(words->pairs, struct ph_pair, i).field,
			   field) == 0)
			return;
	g_array_append_val(words->pairs, pair);
}

static void
on_entry(struct rule_case *c, const char *value)
{
	struct words words;
	g_auto(GStrv) head = NULL;

	split_words(value, &words);
	head = g_strsplit(words.parts[0], " ", 2);
	add_pair(&words, "RecipientType", head[1]);
	if (strcmp(head[1], "UserMailbox") == 0)
		add_pair(&words, "Database", "DB1");
	else if (!g_str_has_suffix(head[1], "Group"))
		add_pair(&words, "ExternalEmailAddress", head[0]);
	g_ptr_array_add(c->entries,
			unit_object("recipient", head[0],
				    (struct ph_pair *)(void *)words.pairs->data,
				    words.pairs->len));
	clear_words(&words);
}

static void
on_object(struct rule_case *c, const char *value)
{
	struct words words;
	g_auto(GStrv) head = NULL;

	split_words(value, &words);
	head = g_strsplit(words.parts[0], " ", 2);
	g_ptr_array_add(c->objects,
			unit_object(head[0], head[1],
				    (struct ph_pair *)(void *)words.pairs->data,
				    words.pairs->len));
	clear_words(&words);
}

static void
on_directory(struct rule_case *c, const char *value)
{
	ck_assert_str_eq(value, "down");
	c->directory_down = true;
}

static void
on_inspection(struct rule_case *c, const char *value)
{
	ck_assert_str_eq(value, "down");
	c->inspection_down = true;
}

static void
on_types(struct rule_case *c, const char *value)
{
	ck_assert_str_eq(value, "none");
	c->no_types = true;
}

static void
on_body(struct rule_case *c, const char *value)
{
	g_autofree char *text = g_strcompress(value);

	g_string_append_printf(c->body, "%s\r\n", text);
}

/* "typed@a.test as real@a.test" for an alias. */
static void
on_recipient(struct rule_case *c, const char *value)
{
	g_auto(GStrv) parts = g_strsplit(value, " as ", 2);
	struct ph_recipient *r = ph_mail_add_recipient(c->mail, parts[0], NULL);

	if (parts[1] == NULL)
		return;
	g_free(r->address);
	r->address = g_strdup(parts[1]);
}

static void
on_client(struct rule_case *c, const char *value)
{
	g_free(c->mail->original_ip);
	c->mail->original_ip = g_strdup(value);
}

static void
on_size(struct rule_case *c, const char *value)
{
	int64_t size;

	ck_assert_int_eq(ph_parse_size(value, &size, NULL), 0);
	c->mail->size = (uint64_t)size;
}

static void
on_now(struct rule_case *c, const char *value)
{
	ck_assert_int_eq(ph_parse_date(value, &c->now, NULL), 0);
}

static void
on_quarantine(struct rule_case *c, const char *value)
{
	c->quarantine = (struct ph_quarantine){
	    .mailbox = g_intern_string(value),
	    .resolve = true,
	};
}

static const char *const flag_names[] = {
    [PH_INSPECT_UNSUPPORTED] = "unsupported",
    [PH_INSPECT_EXECUTABLE] = "executable",
    [PH_INSPECT_PROTECTED] = "protected",
    [PH_INSPECT_LIMIT] = "limit",
};

/* Strings live as long as the process: they are few. */
static void
set_file(struct ph_inspect_row *row, GArray *properties,
	 const struct ph_pair *pair)
{
	int64_t size;

	if (strcmp(pair->field, "size") == 0) {
		ck_assert_int_eq(ph_parse_size(pair->value, &size, NULL), 0);
		row->size = (uint64_t)size;
		return;
	}
	if (strcmp(pair->field, "text") == 0) {
		row->text = g_intern_string(pair->value);
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(flag_names); i++)
		if (strcmp(pair->field, flag_names[i]) == 0) {
			row->flags[i] = true;
			return;
		}
	if (g_str_has_prefix(pair->field, "property ")) {
		struct ph_inspect_property property = {
		    g_intern_string(pair->field + 9),
		    g_intern_string(pair->value)};

		g_array_append_val(properties, property);
		return;
	}
	ck_abort_msg("file: \"%s\"", pair->field);
}

/* "name; size=1MB; text=...; executable; property Department=Sales" */
static void
on_file(struct rule_case *c, const char *value)
{
	GArray *properties =
	    g_array_new(TRUE, TRUE, sizeof(struct ph_inspect_property));
	struct ph_inspect_row row = {.name = ""};
	struct words words;

	split_words(value, &words);
	row.name = g_intern_string(words.parts[0]);
	for (guint i = 0; i < words.pairs->len; i++)
		set_file(&row, properties,
			 &g_array_index(words.pairs, struct ph_pair, i));
	row.properties = (void *)g_array_free(properties, FALSE);
	g_ptr_array_add(c->properties, (void *)(uintptr_t)row.properties);
	g_array_append_val(c->files, row);
	clear_words(&words);
}

/* "name; id=GUID; count=2; confidence=85; recommended=75" */
static void
on_finding(struct rule_case *c, const char *value)
{
	struct ph_inspect_finding finding = {.id = "", .count = 1};
	struct words words;

	split_words(value, &words);
	finding.name = g_intern_string(words.parts[0]);
	for (guint i = 0; i < words.pairs->len; i++) {
		const struct ph_pair *p =
		    &g_array_index(words.pairs, struct ph_pair, i);
		unsigned number = (unsigned)strtoul(p->value, NULL, 10);

		if (strcmp(p->field, "id") == 0)
			finding.id = g_intern_string(p->value);
		else if (strcmp(p->field, "count") == 0)
			finding.count = number;
		else if (strcmp(p->field, "confidence") == 0)
			finding.confidence = number;
		else if (strcmp(p->field, "recommended") == 0)
			finding.recommended = number;
		else
			ck_abort_msg("finding: \"%s\"", p->field);
	}
	g_array_append_val(c->findings, finding);
	clear_words(&words);
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
    {"rule", on_rule},
    {"next rule", on_next_rule},
    {"header", on_header},
    {"body", on_body},
    {"sender", on_sender},
    {"recipient", on_recipient},
    {"auth", on_auth},
    {"client", on_client},
    {"size", on_size},
    {"now", on_now},
    {"quarantine", on_quarantine},
    {"domain", on_domain},
    {"entry", on_entry},
    {"object", on_object},
    {"directory", on_directory},
    {"file", on_file},
    {"finding", on_finding},
    {"inspection", on_inspection},
    {"types", on_types},
    {"answer", on_answer},
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

static bool
has_field(const struct rule_text *rule, const char *field)
{
	for (guint i = 0; i < rule->pairs->len; i++)
		if (strcmp(g_array_index(rule->pairs, struct ph_pair, i).field,
			   field) == 0)
			return true;
	return false;
}

/* Rules run as they stand in the case, unless one says its own Priority. */
static bool
has_order(const struct rule_case *c)
{
	for (guint i = 0; i < c->rules->len; i++)
		if (has_field(c->rules->pdata[i], "Priority"))
			return true;
	return false;
}

static void
set_order(struct rule_case *c)
{
	for (guint i = 0; i < c->rules->len; i++) {
		struct rule_text *rule = c->rules->pdata[i];
		struct ph_pair order = {g_strdup("Priority"),
					g_strdup_printf("%u", i)};

		g_array_append_val(rule->pairs, order);
	}
}

static void
add_rules(struct rule_case *c)
{
	if (!has_order(c))
		set_order(c);
	for (guint i = 0; i < c->rules->len; i++) {
		struct rule_text *rule = c->rules->pdata[i];
		g_autofree char *name = g_strdup_printf("rule %u", i + 1);

		g_ptr_array_add(
		    c->objects,
		    unit_object("rule", name,
				(struct ph_pair *)(void *)rule->pairs->data,
				rule->pairs->len));
	}
}

static const struct ph_derive derive[] = {
    {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
    {NULL, NULL, NULL, NULL},
};

/* The hit of the last rule; NULL: it was FALSE. */
static const struct ph_rule_hit *
last_hit(const struct rule_case *c)
{
	g_autofree char *last = g_strdup_printf("rule %u", c->rules->len);

	for (guint i = 0; i < c->result.hits->len; i++) {
		const struct ph_rule_hit *hit =
		    &g_array_index(c->result.hits, struct ph_rule_hit, i);

		if (strcmp(hit->rule->name, last) == 0)
			return hit;
	}
	return NULL;
}

static const char *
answer_of(const struct rule_case *c)
{
	const struct ph_rule_hit *hit = last_hit(c);

	if (hit == NULL)
		return "FALSE";
	return hit->answer == PH_ANSWER_TRUE ? "TRUE" : "ERROR";
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

static char *
join(GPtrArray *texts, const char *between)
{
	if (texts->len == 0)
		return g_strdup("none");
	g_ptr_array_add(texts, NULL);
	return g_strjoinv(between, (char **)texts->pdata);
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
	return join(texts, " | ");
}

/* Who gets the message, copy after copy. */
/* all: those that get the message; else those of whom the sender is told so. */
static char *
recipients_of(const struct rule_case *c, bool all)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new();

	for (guint i = 0; i < c->result.copies->len; i++) {
		const struct ph_mail *copy = c->result.copies->pdata[i];

		if (copy->verdict.decision != PH_DECISION_ACCEPT)
			continue;
		for (guint j = 0; j < copy->recipients->len; j++) {
			struct ph_recipient *r = copy->recipients->pdata[j];

			if (!r->removed && (all || r->tell_sender))
				g_ptr_array_add(texts, r->address);
		}
	}
	return join(texts, ", ");
}

/* The copy that somebody gets. */
static struct ph_mail *
copy_for(const struct rule_case *c, const char *address)
{
	for (guint i = 0; i < c->result.copies->len; i++) {
		struct ph_mail *copy = c->result.copies->pdata[i];

		for (guint j = 0; j < copy->recipients->len; j++) {
			struct ph_recipient *r = copy->recipients->pdata[j];

			if (!r->removed && strcmp(r->address, address) == 0)
				return copy;
		}
	}
	return NULL;
}

/* Order of enum ph_severity. */
static const char *
severity_of(const struct rule_case *c)
{
	static const char *const names[] = {"DoNotAudit", "Low", "Medium",
					    "High"};
	const struct ph_rule_hit *hit = last_hit(c);

	return hit != NULL ? names[hit->rule->severity] : "none";
}

/* What a line after the answer asks for, of one copy. */
static char *
seen(const struct rule_case *c, struct ph_mail *mail, const char *key)
{
	const char *raw;

	if (strcmp(key, "result") == 0)
		return c->run < 0 ? g_strdup("try again later")
				  : result_of(&mail->verdict);
	if (strcmp(key, "raw") == 0) {
		raw = ph_headers_raw(mail->headers, "Subject", 0);
		return g_strescape(raw != NULL ? raw : "none", NULL);
	}
	if (strcmp(key, "recipients") == 0)
		return recipients_of(c, true);
	if (strcmp(key, "told") == 0)
		return recipients_of(c, false);
	if (strcmp(key, "copies") == 0)
		return g_strdup_printf("%u", c->result.copies->len);
	if (strcmp(key, "matched") == 0)
		return g_strdup_printf(
		    "%u", last_hit(c) != NULL ? last_hit(c)->recipients : 0);
	if (strcmp(key, "severity") == 0)
		return g_strdup(severity_of(c));
	return fields_of(mail, key);
}

/* "Subject: text", or "for a@b.test: Subject: text". */
static void
check_expected(const char *where, struct rule_case *c, const char *line)
{
	g_auto(GStrv) parts = NULL;
	g_autofree char *is = NULL;
	struct ph_mail *mail = c->mail;

	if (g_str_has_prefix(line, "for ")) {
		const char *colon = strstr(line, ": ");
		g_autofree char *address = NULL;

		ck_assert_msg(colon != NULL, "%s: \"%s\"", where, line);
		address = g_strndup(line + 4, (gsize)(colon - line - 4));
		mail = copy_for(c, address);
		ck_assert_msg(mail != NULL, "%s: %s does not get it", where,
			      address);
		line = colon + 2;
	}
	parts = g_strsplit(line, ": ", 2);
	ck_assert_msg(parts[1] != NULL, "%s: \"%s\"", where, line);
	is = seen(c, mail, parts[0]);
	ck_assert_msg(strcmp(is, parts[1]) == 0, "%s: %s: \"%s\" is not \"%s\"",
		      where, parts[0], is, parts[1]);
}

static struct ph_classifier *
builtin_types(void)
{
	struct ph_err err = PH_ERR_INIT;
	GPtrArray *packages;
	struct ph_classify_options options = {0};

	if (classifier != NULL)
		return classifier;
	ck_assert_msg(ph_classify_read("share/posthub/sensitive-types",
				       &packages, &err) == 0,
		      "%s", err.text);
	options.library = (struct ph_package *const *)packages->pdata;
	options.n_library = packages->len;
	classifier = ph_classifier_new(&options);
	g_ptr_array_unref(packages);
	return classifier;
}

/* NULL: what the MIME tree says. */
static struct ph_inspection *
make_inspection(const struct rule_case *c)
{
	if (c->inspection_down)
		return ph_inspect_failing(PH_ERR_TEMP, "inspection is down");
	if (c->files->len == 0 && c->findings->len == 0)
		return NULL;
	return ph_inspect_memory(
	    (const struct ph_inspect_row *)(void *)c->files->data,
	    c->files->len,
	    (const struct ph_inspect_finding *)(void *)c->findings->data,
	    c->findings->len);
}

static void
prepare(struct rule_case *c)
{
	add_rules(c);
	if (c->mail->recipients->len == 0)
		ph_mail_add_recipient(c->mail, "somebody@elsewhere.test", NULL);
	c->mail->keep_body = true;
	ph_mail_add_body(c->mail, c->body->str, c->body->len);
	c->mail->classifier = c->no_types ? NULL : builtin_types();
	c->mail->inspection = make_inspection(c);
	/* Findings that a case names stand for themselves. */
	if (c->mail->inspection != NULL && c->findings->len == 0)
		c->mail->inspection = ph_inspect_classified(
		    c->mail->inspection, ph_mail_content(c->mail),
		    c->mail->headers, c->mail->classifier);
	c->mail->snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)c->objects->pdata, c->objects->len,
	    derive);
	c->mail->directory =
	    c->directory_down
		? ph_directory_failing(PH_ERR_TEMP, "the directory is down")
		: ph_directory_memory(
		      (const struct ph_object *const *)c->entries->pdata,
		      c->entries->len);
}

static void
run_case(const char *file, struct rule_case *c,
	 const struct ph_rules_trace *trace)
{
	g_autofree char *where =
	    g_strdup_printf("%s:%d: %s", file, c->line, c->name);
	struct ph_rules_options options = {
	    .now = c->now,
	    .loop_limit = 3,
	    .trace = trace,
	    .quarantine = c->quarantine.mailbox != NULL ? &c->quarantine : NULL,
	};

	ck_assert_msg(c->answer != NULL, "%s: no answer", where);
	prepare(c);
	c->run = ph_rules_run(ph_snapshot_derived(c->mail->snapshot, 0),
			      c->mail, &options, &c->result, &c->err);
	ck_assert_msg(strcmp(answer_of(c), c->answer) == 0, "%s: %s is not %s",
		      where, answer_of(c), c->answer);
	for (guint i = 0; i < c->expected->len; i++)
		check_expected(where, c, c->expected->pdata[i]);
}

/* While writing some: PH_CASES=From,SentTo runs these files alone. */
static bool
is_wanted(const char *file)
{
	const char *only = g_getenv("PH_CASES");
	g_auto(GStrv) names = g_strsplit(only != NULL ? only : "", ",", -1);
	g_autofree char *name =
	    g_strndup(file, strlen(file) - strlen(".cases"));

	return only == NULL ||
	       g_strv_contains((const char *const *)names, name);
}

static void
run_all(const struct ph_rules_trace *trace)
{
	GDir *dir = g_dir_open(DIRECTORY, 0, NULL);
	const char *name;
	int n = 0;

	ck_assert_msg(dir != NULL, "run it from the top of the tree");
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(DIRECTORY, name, NULL);
		GPtrArray *cases;

		if (!g_str_has_suffix(name, ".cases") || !is_wanted(name))
			continue;
		cases = read_cases(path);
		for (guint i = 0; i < cases->len; i++)
			run_case(name, cases->pdata[i], trace);
		n += (int)cases->len;
		g_ptr_array_unref(cases);
	}
	g_dir_close(dir);
	ck_assert(g_getenv("PH_CASES") != NULL || n > 50);
}

START_TEST(test_all)
{
	run_all(NULL);
}
END_TEST

static void
hear_predicate(void *arg, const struct ph_rule *rule,
	       const struct ph_predicate *p,
	       const struct ph_recipient *recipient, enum ph_answer answer,
	       const struct ph_finding *finding, const char *error)
{
	(void)arg;
	(void)recipient;
	(void)answer;
	(void)finding;
	ck_assert_ptr_nonnull(rule);
	ck_assert_ptr_nonnull(p);
	ck_assert((answer == PH_ANSWER_ERROR) == (error != NULL));
}

static void
hear_rule(void *arg, const struct ph_rule *rule,
	  const struct ph_recipient *recipient, enum ph_answer answer,
	  const char *note)
{
	(void)arg;
	(void)rule;
	(void)recipient;
	(void)answer;
	(void)note;
}

/* With somebody listening every rule is asked, without what tells that a rule
 * has nothing to say: it must come to the same. */
START_TEST(test_all_asked)
{
	static const struct ph_rules_trace trace = {.predicate = hear_predicate,
						    .rule = hear_rule};

	run_all(&trace);
}
END_TEST

/* ---- completeness ------------------------------------------------------- */

/* Does the last rule, the one that is asked, have the field? */
static bool
asks(const struct rule_case *c, const char *field)
{
	return c->rules->len > 0 &&
	       has_field(c->rules->pdata[c->rules->len - 1], field);
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
			if ((ph_condition_needs(c) & PH_NEED_FALLIBLE) != 0)
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

UNIT_MAIN("milters/transport/rules/cases", test_all, test_all_asked,
	  test_complete)
