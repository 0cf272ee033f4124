#include "cli/input.h"

#include <inttypes.h>
#include <string.h>

/* All help comes from the tables of verbs, kinds and fields. */

#define INDENT 36

static void
line(GString *out, const char *left, const char *help)
{
	size_t length = strlen(left);

	g_string_append_printf(out, "  %s", left);
	if (length + 2 > INDENT)
		g_string_append_printf(out, "\n%*s", INDENT + 2, "");
	else
		g_string_append_printf(out, "%*s", (int)(INDENT - length), "");
	g_string_append_printf(out, "%s\n", help);
}

static void
verb_line(GString *out, const struct ph_verb *verb, const char *noun,
	  const struct ph_kind *kind)
{
	const char *arguments = ph_verb_arguments(verb, kind);
	g_autofree char *left =
	    g_strjoin(" ", noun, verb->verb ? verb->verb : arguments,
		      verb->verb && *arguments ? arguments : NULL, NULL);

	line(out, g_strchomp(left), verb->help);
	for (const struct ph_option *o = verb->options; o && o->name; o++) {
		g_autofree char *option = g_strdup_printf(
		    "    --%s%s%s", o->name, o->argument ? " " : "",
		    o->argument ? o->argument : "");

		line(out, option, o->help);
	}
}

static void
all_kinds(GString *out)
{
	for (const struct ph_kind *kind = ph_kinds; kind->name; kind++) {
		g_autofree char *names =
		    kind->alias ? g_strjoin(", ", kind->name, kind->alias, NULL)
				: g_strdup(kind->name);

		if (!(kind->flags & PH_KIND_INTERNAL))
			line(out, names, kind->help);
	}
}

static void
global_line(GString *out, const struct ph_global *global)
{
	const bool same = strcmp(global->option, global->other) == 0;
	g_autofree char *left = g_strconcat(
	    global->option, same ? "" : ", ", same ? "" : global->other,
	    global->argument ? " " : "", global->argument, NULL);

	line(out, left, global->help);
}

static void
everything(GString *out, const struct ph_verb *verbs)
{
	g_string_append(
	    out, "posthub: Exchange's transport pipeline for Postfix\n\n"
		 "Usage: posthub [-c FILE] NOUN VERB [NAME] [Field=Value ...] "
		 "[--json]\n\nVerbs:\n");
	for (; verbs->noun; verbs++)
		verb_line(out, verbs, verbs->noun, NULL);
	g_string_append(out, "\nKinds (KIND above):\n");
	all_kinds(out);
	g_string_append(out, "\nOptions:\n");
	for (const struct ph_global *global = ph_globals; global->option;
	     global++)
		global_line(out, global);
	g_string_append(
	    out,
	    "\nExit codes: 0 yes or done, 1 no or not found, 64 usage, "
	    "65 bad data,\n66 no such file, 69 service unavailable, 70 bug, "
	    "75 temporary,\n77 permission, 78 configuration.\n");
}

static const char *
type_text(enum ph_type type)
{
	switch (type) {
	case PH_TYPE_TEXT:
		return "text";
	case PH_TYPE_BOOL:
		return "true|false";
	case PH_TYPE_INT:
		return "number";
	case PH_TYPE_SIZE:
		return "size";
	case PH_TYPE_SPAN:
		return "time span";
	case PH_TYPE_DATE:
		return "date";
	case PH_TYPE_WORD:
		return "one of";
	case PH_TYPE_LIST:
		return "list";
	case PH_TYPE_WORDS:
		return "list of words";
	case PH_TYPE_ADDRESS:
		return "address";
	case PH_TYPE_ADDRESSES:
		return "list of addresses";
	case PH_TYPE_ENDPOINT:
		return "host:port";
	case PH_TYPE_NAME:
		return "name";
	case PH_TYPE_NAMES:
		return "list of names";
	case PH_TYPE_HEADER:
		return "header name";
	case PH_TYPE_PATTERNS:
		return "list of patterns";
	case PH_TYPE_DOMAINS:
		return "list of domains";
	case PH_TYPE_RANGES:
		return "list of IP ranges";
	case PH_TYPE_ATTRIBUTE_WORDS:
		return "list of Attribute:words";
	case PH_TYPE_ATTRIBUTE_PATTERNS:
		return "list of Attribute:pattern";
	case PH_TYPE_FILTER:
		return "filter";
	}
	g_assert_not_reached();
}

static void
field_line(GString *out, const struct ph_field *field)
{
	g_autoptr(GString) help = g_string_new(field->help);

	g_string_append_printf(help, " (%s", type_text(field->type));
	if (field->refers)
		g_string_append_printf(help, " of %s", field->refers);
	for (size_t i = 0; field->words && field->words[i]; i++)
		g_string_append_printf(help, "%s%s", i > 0 ? ", " : " ",
				       field->words[i]);
	if (field->value)
		g_string_append_printf(help, "; default %s", field->value);
	if (field->alias)
		g_string_append_printf(help, "; also %s", field->alias);
	if (field->flags & PH_FIELD_REQUIRED)
		g_string_append(help, "; required");
	if (field->flags & PH_FIELD_CONDITION)
		g_string_append(help, "; has an ExceptIf twin");
	if (field->flags & PH_FIELD_SETUP)
		g_string_append(help,
				"; takes effect with posthub setup connectors");
	if (field->flags & PH_FIELD_KEPT)
		g_string_append(help, "; kept, and without effect in this "
				      "version");
	if (field->flags & PH_FIELD_UNSUPPORTED)
		g_string_append(help, "; not in this version");
	g_string_append_c(help, ')');
	line(out, field->name, help->str);
}

/* A verb that every kind has, but this one in its own way. */
static bool
is_hidden(const struct ph_verb *verbs, const struct ph_verb *generic,
	  const char *noun)
{
	for (; verbs->noun; verbs++) {
		if (verbs != generic && verbs->verb &&
		    strcmp(verbs->verb, generic->verb) == 0 &&
		    strcmp(verbs->noun, noun) == 0)
			return true;
	}
	return false;
}

static void
one_noun(GString *out, const struct ph_verb *verbs,
	 const struct ph_parsed *parsed)
{
	const char *noun = parsed->kind ? parsed->kind->name : parsed->noun;

	g_string_append(out, "Verbs:\n");
	for (const struct ph_verb *verb = verbs; verb->noun; verb++) {
		bool generic = strcmp(verb->noun, PH_ANY_KIND) == 0;

		if (generic
			? parsed->kind != NULL && !is_hidden(verbs, verb, noun)
			: g_ascii_strcasecmp(verb->noun, noun) == 0)
			verb_line(out, verb, noun, parsed->kind);
	}
	if (!parsed->kind)
		return;
	g_string_append_printf(out, "\n%s: %s\n\nFields:\n", parsed->kind->name,
			       parsed->kind->help);
	for (const struct ph_field *field = parsed->kind->fields; field->name;
	     field++)
		field_line(out, field);
}

char *
ph_help_text(const struct ph_verb *verbs, const struct ph_parsed *parsed)
{
	GString *out = g_string_new(NULL);

	if (parsed->noun)
		one_noun(out, verbs, parsed);
	else
		everything(out, verbs);
	return g_string_free(out, FALSE);
}
