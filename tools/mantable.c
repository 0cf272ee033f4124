/*
 * mantable FILE.in: prints a manual page, with the tables of the program in the
 * place of lines such as
 *
 *	.\" @table settings policy
 *
 * so that a page cannot say anything else than the code, and with another file
 * of its directory in the place of
 *
 *	.\" @include daemon.inc
 *
 * Output is mdoc(7).
 */
#include "tools/mantable.h"
#include "cli/command.h"
#include "lib/base/conf.h"
#include "lib/state/kinds.h"
#include "lib/track/record.h"
#include "milters/transport/rules/action.h"
#include "milters/transport/rules/condition.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define TABLE ".\\\" @table "
#define INCLUDE ".\\\" @include "
#define WIDTH 76

/* ---- text as mdoc ------------------------------------------------------- */

static void
append_char(GString *out, char c)
{
	switch (c) {
	case '\\':
		g_string_append(out, "\\e");
		break;
	case '-':
		g_string_append(out, "\\-");
		break;
	case '"':
		g_string_append(out, "\\(dq");
		break;
	default:
		g_string_append_c(out, c);
	}
}

/* One argument of a macro: quoted, and never taken for a macro's name. */
static void
append_argument(GString *out, const char *text)
{
	g_string_append(out, "\"\\&");
	for (; *text != '\0'; text++)
		append_char(out, *text);
	g_string_append_c(out, '"');
}

void
ph_man_append_text(GString *out, const char *text)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	size_t column = 0;

	for (char **word = words; *word != NULL; word++) {
		size_t size = strlen(*word);

		if (size == 0)
			continue;
		if (column > 0 && column + 1 + size > WIDTH) {
			g_string_append_c(out, '\n');
			column = 0;
		}
		if (column > 0)
			g_string_append_c(out, ' ');
		else if (**word == '.' || **word == '\'')
			g_string_append(out, "\\&");
		for (const char *p = *word; *p != '\0'; p++)
			append_char(out, *p);
		column += size + 1;
	}
	g_string_append_c(out, '\n');
}

/* Does the text begin with a word, not with a value or a name? */
static bool
begins_with_word(const char *text)
{
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz");

	return size > 0 && (text[size] == '\0' || text[size] == ' ' ||
			    text[size] == ',' || text[size] == ';');
}

void
ph_man_append_help(GString *out, const char *help, const GString *more)
{
	g_autofree char *sentence = g_strdup(help);

	if (begins_with_word(sentence))
		sentence[0] = g_ascii_toupper(sentence[0]);
	ph_man_append_text(out, sentence);
	if (more->len > 0) {
		g_string_append(out, ".br\n");
		ph_man_append_text(out, more->str);
	}
}

void
ph_man_begin_list(GString *out)
{
	g_string_append(out, ".Bl -tag -width Ds\n");
}

void
ph_man_end_list(GString *out)
{
	g_string_append(out, ".El\n");
}

void
ph_man_item(GString *out, const char *macro, const char *name)
{
	g_string_append_printf(out, ".It %s ", macro);
	append_argument(out, name);
	g_string_append_c(out, '\n');
}

/* ---- settings ----------------------------------------------------------- */

struct unit {
	int64_t factor;
	const char *name;
};

static const struct unit sizes[] = {
    {1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "KB"}, {1, " bytes"}};
static const struct unit spans[] = {
    {86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
static const struct unit numbers[] = {{1, ""}};

static const char *const type_names[] = {
    [PH_SETTING_TEXT] = "text",
    [PH_SETTING_BOOL] = "yes or no",
    [PH_SETTING_INT] = "number",
    [PH_SETTING_SIZE] = "size",
    [PH_SETTING_SPAN] = "time",
    [PH_SETTING_WORD] = "word",
    [PH_SETTING_ENDPOINT] = "host:port or unix:/path",
};

static const struct unit *
units_of(enum ph_setting_type type)
{
	if (type == PH_SETTING_SIZE)
		return sizes;
	return type == PH_SETTING_SPAN ? spans : numbers;
}

/* In the largest unit that divides it. */
static void
append_amount(GString *out, const char *before, int64_t value,
	      const struct unit *unit)
{
	while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
		unit++;
	g_string_append_printf(out, "%s%" G_GINT64_FORMAT "%s", before,
			       value / unit->factor, unit->name);
}

static void
append_limits(GString *out, const struct ph_setting *row)
{
	const struct unit *units = units_of(row->type);

	if (row->min != 0 || row->max != 0)
		append_amount(out, "; at least ", row->min, units);
	if (row->max != 0)
		append_amount(out, ", at most ", row->max, units);
}

static void
append_setting(GString *out, const struct ph_setting *row)
{
	g_autoptr(GString) more = g_string_new(type_names[row->type]);
	g_autofree char *words =
	    row->words != NULL ? g_strjoinv(", ", (char **)row->words) : NULL;

	if (words != NULL)
		g_string_append_printf(more, ", one of %s", words);
	append_limits(more, row);
	if (row->value != NULL)
		g_string_append_printf(more, "; default %s", row->value);
	ph_man_item(out, "Ic", row->name);
	ph_man_append_help(out, row->help, more);
}

static bool
put_settings(GString *out, const char *section)
{
	bool any = false;

	ph_man_begin_list(out);
	for (const struct ph_setting *row = ph_settings; row->section; row++) {
		if (strcmp(row->section, section) != 0)
			continue;
		append_setting(out, row);
		any = true;
	}
	ph_man_end_list(out);
	return any;
}

/* ---- kinds -------------------------------------------------------------- */

/* What a field takes, without the marks that need no saying; g_string_free. */
static GString *
describe_field(const struct ph_field *field, unsigned without)
{
	static const struct {
		unsigned flag;
		const char *text;
	} marks[] = {
	    {PH_FIELD_REQUIRED, "; required"},
	    {PH_FIELD_CONDITION, "; has an ExceptIf twin"},
	    {PH_FIELD_SETUP, "; takes effect with posthub setup connectors"},
	    {PH_FIELD_KEPT, "; kept, and without effect in this version"},
	    {PH_FIELD_SECRET, "; not shown"},
	    {PH_FIELD_UNSUPPORTED, "; not in this version"},
	};
	g_autofree char *expected = ph_field_expected(field);
	GString *more = g_string_new(expected);

	if (field->value != NULL)
		g_string_append_printf(more, "; default %s", field->value);
	if (field->alias != NULL)
		g_string_append_printf(more, "; also %s", field->alias);
	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
		if ((field->flags & marks[i].flag & ~without) != 0)
			g_string_append(more, marks[i].text);
	return more;
}

static void
append_field(GString *out, const struct ph_field *field)
{
	g_autoptr(GString) more = describe_field(field, 0);

	ph_man_item(out, "Cm", field->name);
	ph_man_append_help(out, field->help, more);
}

static void
append_fields(GString *out, const struct ph_kind *kind)
{
	ph_man_begin_list(out);
	for (const struct ph_field *field = kind->fields; field->name; field++)
		append_field(out, field);
	ph_man_end_list(out);
}

/* The key of one object, without the prefix. */
static char *
key_of(const struct ph_kind *kind)
{
	return (kind->flags & PH_KIND_SINGLETON) != 0
		   ? g_strdup(kind->name)
		   : g_strdup_printf("%s:<name>", kind->name);
}

/* A subsection for each kind; the rule's fields have a page of their own. */
static bool
put_kinds(GString *out, const char *unused)
{
	(void)unused;
	for (const struct ph_kind *kind = ph_kinds; kind->name; kind++) {
		g_autofree char *key = key_of(kind);
		g_autoptr(GString) more = g_string_new("Key: ");

		g_string_append(out, ".Ss ");
		append_argument(out, kind->name);
		g_string_append_c(out, '\n');
		g_string_append_printf(
		    more, "%s, a %s", key,
		    (kind->flags & PH_KIND_STRING) != 0 ? "string" : "hash");
		if (kind->alias != NULL)
			g_string_append_printf(more,
					       "; the command takes %s as well",
					       kind->alias);
		ph_man_append_help(out, kind->help, more);
		if (strcmp(kind->name, "rule") == 0)
			g_string_append(out, ".br\nIts fields are in\n"
					     ".Xr posthub-rules 7 .\n");
		else
			append_fields(out, kind);
	}
	return true;
}

/* ---- rules -------------------------------------------------------------- */

/* What of the kind rule is wanted. */
struct choice {
	const char *name;
	unsigned with, without; /* flags */
};

static const struct choice choices[] = {
    {"properties", 0,
     PH_FIELD_CONDITION | PH_FIELD_ACTION | PH_FIELD_UNSUPPORTED},
    {"later", PH_FIELD_UNSUPPORTED, 0},
};

static bool
put_rule(GString *out, const char *which)
{
	const struct ph_kind *kind = ph_kind_find("rule");

	for (size_t i = 0; i < G_N_ELEMENTS(choices); i++) {
		const struct choice *c = &choices[i];

		if (strcmp(c->name, which) != 0)
			continue;
		ph_man_begin_list(out);
		for (const struct ph_field *f = kind->fields; f->name; f++)
			if ((f->flags & c->with) == c->with &&
			    (f->flags & c->without) == 0)
				append_field(out, f);
		ph_man_end_list(out);
		return true;
	}
	return false;
}

/* The condition that a field is, or is one half of; NULL: of none. */
static const struct ph_condition *
condition_of(const struct ph_field *field)
{
	for (const struct ph_condition *c = ph_conditions; c->name; c++)
		if (strcmp(c->name, field->name) == 0 ||
		    (c->with && strcmp(c->with, field->name) == 0))
			return c;
	return NULL;
}

static void
append_condition(GString *out, const struct ph_field *field,
		 const struct ph_condition *condition)
{
	unsigned needs = ph_condition_needs(condition);
	g_autoptr(GString) more = describe_field(field, PH_FIELD_CONDITION);

	g_string_append(more, condition->level == PH_LEVEL_RECIPIENT
				  ? "; about each recipient"
				  : "; about the message");
	if ((needs & PH_NEED_TEXT) != 0)
		g_string_append(more, "; opens attachments");
	else if ((needs & PH_NEED_CONTENT) != 0)
		g_string_append(more, "; looks at the content");
	ph_man_item(out, "Cm", field->name);
	ph_man_append_help(out, field->help, more);
}

/* What the agent can ask, as Exchange lists it; false when a field that may be
 * set is no condition's. */
static bool
put_conditions(GString *out, const char *unused)
{
	const struct ph_kind *kind = ph_kind_find("rule");

	(void)unused;
	ph_man_begin_list(out);
	for (const struct ph_field *f = kind->fields; f->name != NULL; f++) {
		const struct ph_condition *condition = condition_of(f);

		if ((f->flags & PH_FIELD_CONDITION) == 0 ||
		    (f->flags & PH_FIELD_UNSUPPORTED) != 0)
			continue;
		if (condition == NULL)
			return false;
		append_condition(out, f, condition);
	}
	ph_man_end_list(out);
	return true;
}

static void
append_action(GString *out, const struct ph_action *action, const char *name)
{
	const struct ph_field *field =
	    ph_kind_field(ph_kind_find("rule"), name, NULL);
	bool first = strcmp(name, action->name) == 0;
	g_autoptr(GString) more = describe_field(field, 0);

	if (first && strcmp(action->track, name) != 0)
		g_string_append_printf(more, "; action=%s in the tracking log",
				       action->track);
	if (first && action->stops)
		g_string_append(more, "; later rules do not run");
	ph_man_item(out, "Cm", name);
	ph_man_append_help(out, field->help, more);
}

/* What the agent has a function for, in the order in which it runs. */
static bool
put_actions(GString *out, const char *unused)
{
	(void)unused;
	ph_man_begin_list(out);
	for (const struct ph_action *a = ph_actions; a->name != NULL; a++) {
		append_action(out, a, a->name);
		if (a->with != NULL)
			append_action(out, a, a->with);
	}
	ph_man_end_list(out);
	return true;
}

/* ---- the command and the tracking log ----------------------------------- */

static void
append_options(GString *out, const struct ph_option *options)
{
	if (options == NULL)
		return;
	ph_man_begin_list(out);
	for (; options->name != NULL; options++) {
		g_autofree char *name = g_strconcat("--", options->name, NULL);
		g_autoptr(GString) none = g_string_new(NULL);

		g_string_append(out, ".It Cm ");
		append_argument(out, name);
		if (options->argument != NULL) {
			g_string_append(out, " Ar ");
			append_argument(out, options->argument);
		}
		g_string_append_c(out, '\n');
		ph_man_append_help(out, options->help, none);
	}
	ph_man_end_list(out);
}

static bool
put_verbs(GString *out, const char *unused)
{
	(void)unused;
	ph_man_begin_list(out);
	for (const struct ph_verb *verb = ph_verbs; verb->noun; verb++) {
		g_autoptr(GString) none = g_string_new(NULL);
		g_autofree char *name =
		    g_strjoin(" ", verb->noun, verb->verb, NULL);

		g_string_append(out, ".It Ic ");
		append_argument(out, name);
		if (*verb->arguments != '\0') {
			g_string_append(out, " Ar ");
			append_argument(out, verb->arguments);
		}
		g_string_append_c(out, '\n');
		ph_man_append_help(out, verb->help, none);
		append_options(out, verb->options);
	}
	ph_man_end_list(out);
	return true;
}

static bool
put_columns(GString *out, const char *unused)
{
	(void)unused;
	ph_man_begin_list(out);
	for (size_t i = 0; i < PH_COLUMNS; i++) {
		const struct ph_track_column *column = &ph_track_columns[i];
		g_autoptr(GString) none = g_string_new(NULL);

		g_string_append(out, ".It Cm ");
		append_argument(out, column->name);
		g_string_append(out, " Pq ");
		append_argument(out, column->property);
		g_string_append_c(out, '\n');
		ph_man_append_help(out, column->help, none);
	}
	ph_man_end_list(out);
	return true;
}

/* ---- when fields take effect --------------------------------------------- */

static void
append_effect(GString *out, const struct ph_kind *kind, const char *when,
	      unsigned mask, unsigned wanted)
{
	bool any = false;

	for (const struct ph_field *f = kind->fields; f->name != NULL; f++) {
		if ((f->flags & mask) != wanted)
			continue;
		if (any)
			g_string_append(out, " ,\n.Cm ");
		else
			g_string_append_printf(out, ".It %s\n.Cm ", when);
		append_argument(out, f->name);
		any = true;
	}
	if (any)
		g_string_append(out, " .\n");
}

static bool
put_effect(GString *out, const char *name)
{
	static const struct {
		const char *when;
		unsigned wanted;
	} rows[] = {
	    {"Immediately", 0},
	    {"With posthub setup connectors", PH_FIELD_SETUP},
	    {"Not in this version", PH_FIELD_KEPT},
	};
	const struct ph_kind *kind = ph_kind_find(name);

	if (kind == NULL)
		return false;
	ph_man_begin_list(out);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		append_effect(out, kind, rows[i].when,
			      PH_FIELD_SETUP | PH_FIELD_KEPT, rows[i].wanted);
	ph_man_end_list(out);
	return true;
}

/* ---- pages -------------------------------------------------------------- */

struct table {
	const char *name;
	/* False: there is nothing of that name. */
	bool (*put)(GString *out, const char *argument);
};

static const struct table tables[] = {
    {"settings", put_settings}, {"kinds", put_kinds},
    {"rule", put_rule},		{"conditions", put_conditions},
    {"actions", put_actions},	{"verbs", put_verbs},
    {"columns", put_columns},	{"effect", put_effect},
    {"checks", ph_man_checks},	{"sensitive", ph_man_sensitive},
};

static bool
put_table(GString *out, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 2);
	const char *argument = words[1] != NULL ? words[1] : "";

	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
		if (strcmp(tables[i].name, words[0]) == 0)
			return tables[i].put(out, argument);
	return false;
}

/* Exit status. */
static int
put_page(GString *out, const char *path)
{
	g_autofree char *page = NULL;
	g_autofree char *dir = g_path_get_dirname(path);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) lines = NULL;
	int status = EX_OK;

	if (!g_file_get_contents(path, &page, NULL, &error)) {
		fprintf(stderr, "mantable: %s\n", error->message);
		return EX_NOINPUT;
	}
	lines = g_strsplit(g_strchomp(page), "\n", -1);
	for (size_t i = 0; lines[i] != NULL && status == EX_OK; i++) {
		const char *line = lines[i];

		if (g_str_has_prefix(line, INCLUDE)) {
			g_autofree char *part =
			    g_build_filename(dir, line + strlen(INCLUDE), NULL);

			status = put_page(out, part);
		} else if (!g_str_has_prefix(line, TABLE)) {
			g_string_append_printf(out, "%s\n", line);
		} else if (!put_table(out, line + strlen(TABLE))) {
			fprintf(stderr, "mantable: %s:%zu: no such table: %s\n",
				path, i + 1, line + strlen(TABLE));
			status = EX_DATAERR;
		}
	}
	return status;
}

int
main(int argc, char **argv)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int status;

	if (argc != 2) {
		fputs("usage: mantable FILE.in\n", stderr);
		return EX_USAGE;
	}
	status = put_page(out, argv[1]);
	if (status == EX_OK &&
	    fwrite(out->str, 1, out->len, stdout) != out->len)
		status = EX_IOERR;
	return status;
}
