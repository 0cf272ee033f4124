#include "cli/rule.h"
#include "lib/base/uuid.h"

#include <stdio.h>
#include <string.h>

/* As Export-TransportRuleCollection of Exchange 2013 and later writes it, but
 * for its encoding. */

/* A quote is doubled in quotes. */
static void
add_quoted(GString *out, const char *text)
{
	g_string_append_c(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			g_string_append_c(out, '\'');
		g_string_append_c(out, *text);
	}
	g_string_append_c(out, '\'');
}

static void
add_list(GString *out, const char *const *list)
{
	for (size_t i = 0; list[i]; i++) {
		if (i > 0)
			g_string_append_c(out, ',');
		add_quoted(out, list[i]);
	}
}

/* An ExceptIf twin has the type of its condition. */
static void
add_value(GString *out, const struct ph_object *rule,
	  const struct ph_pair *pair)
{
	const struct ph_field *field =
	    ph_kind_field(ph_object_kind(rule), pair->field, NULL);

	if (field->type == PH_TYPE_BOOL)
		g_string_append(out, ph_object_bool(rule, pair->field)
					 ? "$true"
					 : "$false");
	else if (ph_type_is_list(field->type))
		add_list(out, ph_object_list(rule, pair->field));
	else
		add_quoted(out, ph_object_text(rule, pair->field));
}

/* The order is the file's. A draft must not run where it is imported. */
static char *
format_command(const struct ph_object *rule)
{
	GString *out = g_string_new("New-TransportRule -Name ");
	const struct ph_pair *pairs;
	const size_t n = ph_object_pairs(rule, &pairs);

	add_quoted(out, ph_object_name(rule));
	for (size_t i = 0; i < n; i++) {
		if (strcmp(pairs[i].field, "Priority") == 0)
			continue;
		g_string_append_printf(out, " -%s ", pairs[i].field);
		add_value(out, rule, &pairs[i]);
	}
	if (ph_object_draft(rule))
		g_string_append(out, " -Enabled $false");
	return g_string_free(out, FALSE);
}

/* Its end cannot stand in it. */
static char *
format_cdata(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "]]>", -1);
	g_autofree char *joined = g_strjoinv("]]]]><![CDATA[>", parts);

	return g_strconcat("<![CDATA[", joined, "]]>", NULL);
}

static void
print_rule(const struct ph_object *rule)
{
	g_autofree char *command = format_command(rule);
	g_autofree char *block = format_cdata(command);
	g_autofree char *name = g_markup_escape_text(ph_object_name(rule), -1);
	char guid[PH_UUID_TEXT];

	ph_uuid_from_text(ph_object_folded(rule), guid);
	printf("  <rule name=\"%s\" id=\"%s\" format=\"cmdlet\">\n"
	       "    <version requiredMinVersion=\"15.0.3.0\">\n"
	       "      <commandBlock>%s</commandBlock>\n"
	       "    </version>\n"
	       "  </rule>\n",
	       name, guid, block);
}

/* They are not part of it: said, and a reason not to answer yes. */
static int
warn_of_errors(const struct ph_snapshot *snapshot)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	const struct ph_snapshot_error *errors;
	const size_t n = ph_snapshot_errors(snapshot, &errors);
	int status = PH_EXIT_YES;

	for (size_t i = 0; i < n; i++)
		if (ph_error_name(&errors[i], kind))
			status = ph_cli_fail(PH_EXIT_DATA, "not exported: %s",
					     errors[i].text);
	return status;
}

int
ph_rule_export(struct ph_cli *cli, const struct ph_input *input)
{
	g_autoptr(GPtrArray) rules = NULL;
	struct ph_snapshot *snapshot = NULL;
	int status = PH_EXIT_YES;

	(void)input;
	if (ph_cli_snapshot(cli, true, NULL, &snapshot, &status) < 0)
		return status;
	rules = ph_rules_sorted(snapshot);
	puts("<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\n"
	     "<rules name=\"TransportVersioned\">");
	for (guint i = 0; i < rules->len; i++)
		print_rule(rules->pdata[i]);
	puts("</rules>");
	status = warn_of_errors(snapshot);
	ph_snapshot_unref(&snapshot);
	return status;
}
