#include "lib/state/filter_private.h"

#include <string.h>

/* What Exchange makes of IncludedRecipients; resources are mailboxes, too, but
 * nobody reads them. */
#define RESOURCES                                   \
	"((RecipientTypeDetails -eq 'RoomMailbox')" \
	" -or (RecipientTypeDetails -eq 'EquipmentMailbox'))"
#define GROUPS                          \
	"((ObjectCategory -eq 'group')" \
	" -or (RecipientType -eq 'DynamicDistributionGroup'))"

static const struct {
	const char *included, *filter;
} precanned[] = {
    {"AllRecipients", "((ObjectCategory -eq 'person') -or " GROUPS ")"},
    {"MailboxUsers",
     "((RecipientType -eq 'UserMailbox') -and (-not" RESOURCES "))"},
    {"Resources", "((RecipientType -eq 'UserMailbox') -and " RESOURCES ")"},
    {"MailContacts", "(RecipientType -eq 'MailContact')"},
    {"MailUsers", "(RecipientType -eq 'MailUser')"},
    {"MailGroups", GROUPS},
};

static const char *
find_precanned(const char *included)
{
	for (size_t i = 0; i < G_N_ELEMENTS(precanned); i++)
		if (strcmp(precanned[i].included, included) == 0)
			return precanned[i].filter;
	g_assert_not_reached();
}

static void
append_included(GString *out, const char *const *list)
{
	g_string_append_c(out, '(');
	for (size_t i = 0; list[i] != NULL; i++)
		g_string_append_printf(out, "%s%s", i > 0 ? " -or " : "",
				       find_precanned(list[i]));
	g_string_append_c(out, ')');
}

static void
append_conditional(GString *out, const char *property, const char *const *list)
{
	g_string_append(out, " -and (");
	for (size_t i = 0; list[i] != NULL; i++) {
		g_auto(GStrv) parts = g_strsplit(list[i], "'", -1);
		g_autofree char *quoted = g_strjoinv("''", parts);

		g_string_append_printf(out, "%s(%s -eq '%s')",
				       i > 0 ? " -or " : "", property, quoted);
	}
	g_string_append_c(out, ')');
}

static int
parse_precanned(const struct ph_object *group, struct ph_filter **filter_r,
		struct ph_err *err)
{
	static const char prefix[] = "Conditional";
	g_autoptr(GString) out = g_string_new(NULL);
	const struct ph_field *f = ph_object_kind(group)->fields;

	append_included(out, ph_object_list(group, "IncludedRecipients"));
	for (; f->name != NULL; f++)
		if (g_str_has_prefix(f->name, prefix) &&
		    ph_object_list(group, f->name)[0] != NULL)
			append_conditional(out, f->name + strlen(prefix),
					   ph_object_list(group, f->name));
	return ph_filter_parse(out->str, filter_r, err);
}

int
ph_filter_of_group(const struct ph_object *group, struct ph_filter **filter_r,
		   struct ph_err *err)
{
	const char *text = ph_object_text(group, "RecipientFilter");
	int r;

	*filter_r = NULL;
	if (text != NULL)
		r = ph_filter_parse(text, filter_r, err);
	else if (ph_object_list(group, "IncludedRecipients")[0] != NULL)
		r = parse_precanned(group, filter_r, err);
	else
		return ph_err_set(err, PH_ERR_PERM,
				  "group <%s> is dynamic, and has no "
				  "RecipientFilter",
				  ph_object_name(group));
	return r < 0 ? ph_err_wrap(err, "group <%s>: RecipientFilter",
				   ph_object_name(group))
		     : 0;
}
