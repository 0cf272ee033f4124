#include "cli/change.h"
#include "cli/cmdlet.h"
#include "cli/rule_import.h"
#include "lib/base/text.h"

#include <string.h>

#define CMDLET "New-TransportRule"

/* ---- XML ---------------------------------------------------------------- */

struct document {
	ph_rule_taken *taken;
	void *context;
	int depth;
	char *name;	  /* of the rule that is read; NULL: none */
	GString *command; /* NULL: not in one */
	size_t rules;
};

static void
on_start(GMarkupParseContext *context, const char *element, const char **names,
	 const char **values, void *data, GError **error)
{
	struct document *document = data;

	(void)context;
	if (document->depth++ == 0 && strcmp(element, "rules") != 0) {
		g_set_error(error, G_MARKUP_ERROR,
			    G_MARKUP_ERROR_INVALID_CONTENT,
			    "expected <rules>, as "
			    "Export-TransportRuleCollection writes, not <%s>",
			    element);
	} else if (strcmp(element, "rule") == 0) {
		g_clear_pointer(&document->name, g_free);
		for (; *names; names++, values++)
			if (strcmp(*names, "name") == 0)
				document->name = g_strdup(*values);
	} else if (strcmp(element, "commandBlock") == 0 && !document->command) {
		document->command = g_string_new(NULL);
	}
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize size, void *data,
	GError **error)
{
	const struct document *document = data;

	(void)context;
	(void)error;
	if (document->command)
		g_string_append_len(document->command, text, (gssize)size);
}

static void
on_end(GMarkupParseContext *context, const char *element, void *data,
       GError **error)
{
	struct document *document = data;

	(void)context;
	(void)error;
	document->depth--;
	if (strcmp(element, "commandBlock") != 0 || !document->command)
		return;
	document->taken(document->context,
			document->name ? document->name : "(without a name)",
			document->command->str);
	document->rules++;
	g_string_free(document->command, TRUE);
	document->command = NULL;
}

int
ph_rule_import_parse(const char *text, size_t size, ph_rule_taken *taken,
		     void *context, struct ph_err *err)
{
	static const GMarkupParser parser = {
	    .start_element = on_start, .end_element = on_end, .text = on_text};
	struct document document = {.taken = taken, .context = context};
	GMarkupParseContext *markup = g_markup_parse_context_new(
	    &parser, G_MARKUP_TREAT_CDATA_AS_TEXT, &document, NULL);
	g_autoptr(GError) error = NULL;
	int r = 0;

	if (!g_markup_parse_context_parse(markup, text, (gssize)size, &error) ||
	    !g_markup_parse_context_end_parse(markup, &error))
		r = ph_err_set(err, PH_ERR_PERM, "%s", error->message);
	else if (document.rules == 0)
		r = ph_err_set(err, PH_ERR_PERM,
			       "there is no rule in it, which would be a "
			       "<commandBlock>");
	g_markup_parse_context_free(markup);
	g_free(document.name);
	if (document.command)
		g_string_free(document.command, TRUE);
	return r;
}

/* ---- values ------------------------------------------------------------- */

/* Patterns have commas and brackets of their own. */
static char *
format_patterns(char *const *texts)
{
	json_t *list = json_array();
	char *dumped, *copy;

	for (; *texts; texts++)
		json_array_append_new(list, ph_json_text(*texts));
	dumped = json_dumps(list, JSON_COMPACT);
	copy = g_strdup(dumped);
	free(dumped);
	json_decref(list);
	return copy;
}

/* The console of Exchange writes line breaks into Comments, also where there
 * are none. A blank at the end may be meant: PrependSubject. */
static char *
format_one(const struct ph_field *field, const char *text)
{
	char *copy = g_strdup(text);

	if (field->type == PH_TYPE_TEXT && !(field->flags & PH_FIELD_LINES))
		g_strdelimit(copy, "\r\n\t", ' ');
	if (copy[strspn(copy, " \t\r\n")] == '\0')
		*copy = '\0';
	return copy;
}

/* NULL: more than it takes. */
static char *
format_value(const struct ph_field *field, char *const *texts)
{
	if (field->type == PH_TYPE_PATTERNS ||
	    field->type == PH_TYPE_ATTRIBUTE_PATTERNS)
		return format_patterns(texts);
	if (ph_type_is_list(field->type))
		return ph_format_list((const char *const *)texts);
	if (!texts[0] || texts[1])
		return NULL;
	return format_one(field, texts[0]);
}

/* ---- fields ------------------------------------------------------------- */

/* What says how the cmdlet is run, not what the rule does; the order is the
 * file's. */
static bool
is_passed_over(const char *parameter)
{
	static const char *const names[] = {
	    "Confirm", "WhatIf",      "Force",	 "DomainController",
	    "Verbose", "ErrorAction", "Priority"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (g_ascii_strcasecmp(parameter, names[i]) == 0)
			return true;
	return false;
}

static int
add_parameter(const struct ph_kind *kind,
	      const struct ph_cmdlet_parameter *parameter, GPtrArray *rule,
	      struct ph_err *err)
{
	const struct ph_field *field =
	    ph_kind_field(kind, parameter->name, NULL);
	g_autofree char *value = NULL;

	if (is_passed_over(parameter->name))
		return 0;
	if (!field)
		return ph_err_set(err, PH_ERR_PERM,
				  "there is no parameter -%s here; remove it "
				  "from the file, or the rule",
				  parameter->name);
	if (!parameter->texts[0])
		return 0;
	value = format_value(field, parameter->texts);
	if (!value)
		return ph_err_set(err, PH_ERR_PERM, "-%s has several values",
				  parameter->name);
	if (!*value)
		return 0;
	g_ptr_array_add(rule, ph_field_name(kind, parameter->name));
	g_ptr_array_add(rule, g_steal_pointer(&value));
	return 0;
}

static int
add_parameters(const struct ph_kind *kind, const struct ph_cmdlet *cmdlet,
	       GPtrArray *rule, char **name_r, struct ph_err *err)
{
	if (g_ascii_strcasecmp(cmdlet->name, CMDLET) != 0)
		return ph_err_set(err, PH_ERR_PERM, "%s: expected " CMDLET,
				  cmdlet->name);
	for (guint i = 0; i < cmdlet->parameters->len; i++) {
		const struct ph_cmdlet_parameter *parameter =
		    cmdlet->parameters->pdata[i];

		if (g_ascii_strcasecmp(parameter->name, "Name") == 0) {
			g_free(*name_r);
			*name_r = g_strdup(parameter->texts[0]);
		} else if (add_parameter(kind, parameter, rule, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int
ph_rule_import_fields(const struct ph_kind *kind, const char *command,
		      GPtrArray *rule, char **name_r, struct ph_err *err)
{
	struct ph_cmdlet *cmdlet = NULL;
	bool enabled = false;
	int r;

	if (ph_cmdlet_parse(command, &cmdlet, err) < 0)
		return -1;
	r = add_parameters(kind, cmdlet, rule, name_r, err);
	for (guint i = 0; i + 1 < rule->len; i += 2)
		enabled |= strcmp(rule->pdata[i], "Enabled") == 0 ||
			   strcmp(rule->pdata[i], "State") == 0;
	/* Without it a rule that has no condition would be a draft. */
	if (r == 0 && !enabled) {
		g_ptr_array_add(rule, g_strdup("Enabled"));
		g_ptr_array_add(rule, g_strdup("true"));
	}
	ph_cmdlet_free(&cmdlet);
	return r;
}
