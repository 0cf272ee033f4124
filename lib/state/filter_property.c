#include "lib/state/filter_private.h"
#include "lib/state/ldap_profile.h"
#include "lib/state/value.h"

#include <string.h>

/* ---- values of an entry ------------------------------------------------- */

static void
add(GPtrArray *texts, const char *text)
{
	if (text != NULL && *text != '\0')
		g_ptr_array_add(texts, g_strdup(text));
}

static void
field_values(const struct ph_object *entry, const char *field, GPtrArray *texts)
{
	add(texts, ph_object_text(entry, field));
}

static void
list_values(const struct ph_object *entry, const char *field, GPtrArray *texts)
{
	const char *const *list = ph_object_list(entry, field);

	for (; *list != NULL; list++)
		add(texts, *list);
}

/* The names that somebody logs in by, one a line. */
static void
line_values(const struct ph_object *entry, const char *field, GPtrArray *texts)
{
	const char *text = ph_object_text(entry, field);
	g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);

	for (char **line = lines; *line != NULL; line++)
		add(texts, g_strstrip(*line));
}

static void
bool_values(const struct ph_object *entry, const char *field, GPtrArray *texts)
{
	add(texts, ph_object_bool(entry, field) ? "true" : "false");
}

/* Every entry is known by a name and by an address. */
static void
name_values(const struct ph_object *entry, const char *field, GPtrArray *texts)
{
	field_values(entry, field, texts);
	add(texts, ph_object_name(entry));
}

/* As Exchange makes one for whoever has none: all recipients have an alias. */
static void
alias_values(const struct ph_object *entry, const char *field, GPtrArray *texts)
{
	field_values(entry, field, texts);
	if (texts->len == 0) {
		const char *name = ph_object_name(entry);

		g_ptr_array_add(texts, g_strndup(name, strcspn(name, "@")));
	}
}

static void
address_values(const struct ph_object *entry, const char *field,
	       GPtrArray *texts)
{
	add(texts, ph_object_name(entry));
	add(texts, ph_object_text(entry, "PrimarySmtpAddress"));
	list_values(entry, field, texts);
}

static void
primary_values(const struct ph_object *entry, const char *field,
	       GPtrArray *texts)
{
	field_values(entry, field, texts);
	if (texts->len == 0)
		add(texts, ph_object_list(entry, "EmailAddresses")[0]);
	if (texts->len == 0)
		add(texts, ph_object_name(entry));
}

/* What a recipient is in the words of Active Directory. */
static const struct {
	const char *type;
	const char *more; /* also this type */
	const char *classes[5];
	const char *category;
} types[] = {
    {"UserMailbox",
     NULL,
     {"user", "organizationalPerson", "person", "top"},
     "person"},
    {"MailUser",
     NULL,
     {"user", "organizationalPerson", "person", "top"},
     "person"},
    {"MailContact",
     NULL,
     {"contact", "organizationalPerson", "person", "top"},
     "person"},
    {"MailUniversalDistributionGroup", NULL, {"group", "top"}, "group"},
    {"MailUniversalSecurityGroup", NULL, {"group", "top"}, "group"},
    {"DynamicDistributionGroup",
     NULL,
     {"msExchDynamicDistributionList", "top"},
     "msExchDynamicDistributionList"},
    {"MailGroup", "MailUniversalDistributionGroup", {"group", "top"}, "group"},
};

/* Of Exchange, but not of ours: nobody has them. */
static const char *const foreign_types[] = {"User",
					    "Contact",
					    "Group",
					    "MailNonUniversalGroup",
					    "PublicFolder",
					    "SystemMailbox",
					    "SystemAttendantMailbox",
					    "MicrosoftExchange",
					    "Computer",
					    NULL};

static size_t
type_index(const struct ph_object *entry)
{
	const char *type = ph_object_text(entry, "RecipientType");

	for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
		if (g_ascii_strcasecmp(types[i].type, type) == 0)
			return i;
	g_assert_not_reached();
}

static void
type_values(const struct ph_object *entry, const char *field, GPtrArray *texts)
{
	const size_t i = type_index(entry);

	(void)field;
	add(texts, types[i].type);
	add(texts, types[i].more);
}

static void
details_values(const struct ph_object *entry, const char *field,
	       GPtrArray *texts)
{
	add(texts, ph_object_text(entry, "RecipientTypeDetails"));
	if (texts->len == 0)
		type_values(entry, field, texts);
}

static void
class_values(const struct ph_object *entry, const char *field, GPtrArray *texts)
{
	const size_t i = type_index(entry);

	(void)field;
	for (const char *const *c = types[i].classes; *c != NULL; c++)
		add(texts, *c);
}

static void
category_values(const struct ph_object *entry, const char *field,
		GPtrArray *texts)
{
	(void)field;
	add(texts, types[type_index(entry)].category);
}

/* ---- OPATH's names ------------------------------------------------------ */

#define FIELD(name, field)                                \
	{                                                 \
		(name), (field), NULL, NULL, false, false \
	}

/* Where Exchange has another name than the field, or another meaning. */
static const struct ph_property properties[] = {
    {"RecipientType", "RecipientType", type_values, NULL, true, false},
    {"RecipientTypeDetails", NULL, details_values, NULL, true, false},
    {"RecipientTypeDetailsValue", NULL, details_values, NULL, true, false},
    {"ObjectClass", NULL, class_values, NULL, true, false},
    {"ObjectCategory", NULL, category_values, NULL, true, false},
    {"MemberOfGroup", NULL, NULL, NULL, false, true},
    {"Name", "DisplayName", name_values, NULL, false, false},
    {"Alias", "Alias", alias_values, NULL, false, false},
    {"EmailAddresses", "EmailAddresses", address_values, NULL, false, false},
    {"ProxyAddresses", "EmailAddresses", address_values, NULL, false, false},
    {"PrimarySmtpAddress", "PrimarySmtpAddress", primary_values, NULL, false,
     false},
    FIELD("StateOrProvince", "State"),
    FIELD("PostalCode", "ZipCode"),
    FIELD("CountryOrRegion", "Country"),
    FIELD("StreetAddress", "Street"),
    FIELD("PostOfficeBox", "POBox"),
    FIELD("PhysicalDeliveryOfficeName", "Office"),
    FIELD("Phone", "PhoneNumber"),
    FIELD("OtherTelephone", "OtherPhoneNumber"),
    FIELD("MobilePhone", "MobileNumber"),
    FIELD("HomePhone", "HomePhoneNumber"),
    FIELD("OtherHomePhone", "OtherHomePhoneNumber"),
    FIELD("Fax", "FaxNumber"),
    FIELD("OtherFax", "OtherFaxNumber"),
    FIELD("Pager", "PagerNumber"),
    FIELD("WindowsEmailAddress", "Email"),
    {"UserLogonName", "UserLogonName", line_values, NULL, false, false},
    {"UserPrincipalName", "UserLogonName", line_values, NULL, false, false},
    {"SamAccountName", "UserLogonName", line_values, NULL, false, false},
};

static void
use_field(const struct ph_field *row, struct ph_property *property_r)
{
	const bool list = row->type == PH_TYPE_ADDRESSES ||
			  row->type == PH_TYPE_NAMES ||
			  row->type == PH_TYPE_LIST;

	property_r->row = row;
	if (property_r->values == NULL)
		property_r->values = row->type == PH_TYPE_BOOL ? bool_values
				     : list		       ? list_values
							       : field_values;
}

static const struct ph_field *
field_of(const char *name)
{
	return ph_kind_field(ph_kind_find("recipient"), name, NULL);
}

bool
ph_property_find(const char *name, struct ph_property *property_r)
{
	const struct ph_field *row;

	for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
		if (g_ascii_strcasecmp(properties[i].name, name) != 0)
			continue;
		*property_r = properties[i];
		if (property_r->field != NULL)
			use_field(field_of(property_r->field), property_r);
		return true;
	}
	row = field_of(name);
	if (row == NULL)
		return false;
	*property_r =
	    (struct ph_property){.name = row->name, .field = row->name};
	use_field(row, property_r);
	return true;
}

const char *
ph_property_suggest(const char *name)
{
	return ph_kind_suggest(ph_kind_find("recipient"), name);
}

/* ---- LDAP's names ------------------------------------------------------- */

/* What no profile maps, or not for this. */
static const struct {
	const char *attribute, *property;
} attributes[] = {
    {"objectClass", "ObjectClass"},
    {"objectCategory", "ObjectCategory"},
    {"cn", "Name"},
    {"name", "Name"},
    {"mailNickname", "Alias"},
    {"legacyExchangeDN", "Alias"},
    {"msExchHomeServerName", "Database"},
    {"sAMAccountName", "UserLogonName"},
    {"proxyAddresses", "EmailAddresses"},
    {"mail", "PrimarySmtpAddress"},
};

static const struct ph_ldap_row *
find_row(const char *attribute)
{
	const struct ph_ldap_profile *profile;

	for (profile = ph_ldap_profiles; profile->name != NULL; profile++)
		for (const struct ph_ldap_row *row = profile->rows;
		     row->field != NULL; row++)
			for (size_t i = 0;
			     i < PH_LDAP_SOURCES && row->attributes[i] != NULL;
			     i++)
				if (g_ascii_strcasecmp(row->attributes[i],
						       attribute) == 0)
					return row;
	return NULL;
}

static bool
is_dn(enum ph_ldap_convert convert)
{
	return convert == PH_LDAP_LINK || convert == PH_LDAP_LINKS ||
	       convert == PH_LDAP_ONLY || convert == PH_LDAP_NAME ||
	       convert == PH_LDAP_DATABASE;
}

void
ph_property_of_attribute(const char *attribute, bool presence,
			 struct ph_property *property_r,
			 const char **obstacle_r)
{
	const struct ph_ldap_row *row = find_row(attribute);

	*obstacle_r = NULL;
	if (row != NULL && is_dn(row->convert) && !presence)
		*obstacle_r = "compares with a distinguished name";
	if (row != NULL && row->convert == PH_LDAP_KB && !presence)
		*obstacle_r = "compares with a size in kilobytes";
	for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
		if (g_ascii_strcasecmp(attributes[i].attribute, attribute) ==
		    0) {
			(void)ph_property_find(attributes[i].property,
					       property_r);
			return;
		}
	if (row != NULL && ph_property_find(row->field, property_r))
		return;
	/* Wrong silently if it were taken for one that nobody has. */
	if (g_ascii_strncasecmp(attribute, "msExch", 6) == 0 ||
	    g_ascii_strcasecmp(attribute, "memberOf") == 0)
		*obstacle_r = "asks for an attribute that entries do not have";
	*property_r = (struct ph_property){
	    .name = attribute, .field = attribute, .values = field_values};
	if (field_of(attribute) != NULL)
		(void)ph_property_find(attribute, property_r);
}

/* ---- values of a filter ------------------------------------------------- */

bool
ph_property_is_number(const struct ph_property *property)
{
	return property->row != NULL && (property->row->type == PH_TYPE_INT ||
					 property->row->type == PH_TYPE_SIZE);
}

bool
ph_property_is_link(const struct ph_property *property)
{
	return property->row != NULL &&
	       (property->row->type == PH_TYPE_ADDRESS ||
		property->row->type == PH_TYPE_ADDRESSES) &&
	       (property->values == field_values ||
		property->values == list_values);
}

static int
type_value(const char *text, char **value_r, struct ph_err *err)
{
	g_autofree char *quoted = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
		if (g_ascii_strcasecmp(types[i].type, text) == 0) {
			*value_r = g_strdup(types[i].type);
			return 0;
		}
	for (const char *const *word = foreign_types; *word != NULL; word++)
		if (g_ascii_strcasecmp(*word, text) == 0) {
			*value_r = g_strdup(*word);
			return 0;
		}
	quoted = ph_value_quote(text);
	return ph_err_set(err, PH_ERR_PERM,
			  "%s is no RecipientType; expected UserMailbox, "
			  "MailUser, MailContact, MailUniversalDistribution"
			  "Group, MailUniversalSecurityGroup or "
			  "DynamicDistributionGroup",
			  quoted);
}

/* "smtp:" in front is how Active Directory keeps addresses. */
static const char *
skip_smtp(const char *text)
{
	return g_ascii_strncasecmp(text, "smtp:", 5) == 0 ? text + 5 : text;
}

static int
address_value(const char *text, bool whole, char **value_r, struct ph_err *err)
{
	g_autofree char *quoted = NULL;

	text = skip_smtp(text);
	if (!whole || ph_value_is_address(text)) {
		*value_r = g_strdup(text);
		return 0;
	}
	quoted = ph_value_quote(text);
	return ph_err_set(err, PH_ERR_PERM,
			  "%s is not an address; expected local@domain",
			  quoted);
}

static int
typed_value(const struct ph_field *row, const char *text, char **value_r,
	    int64_t *number_r, struct ph_err *err)
{
	struct ph_value value = {0};

	if (ph_value_parse(row, text, &value, err) < 0)
		return -1;
	*number_r = value.number;
	*value_r = row->type == PH_TYPE_BOOL
		       ? g_strdup(value.number != 0 ? "true" : "false")
		       : g_strdup(text);
	ph_value_clear(&value);
	return 0;
}

int
ph_property_value(const struct ph_property *property, enum ph_test test,
		  const char *text, char **value_r, int64_t *number_r,
		  struct ph_err *err)
{
	const bool equal = test == PH_TEST_EQ || test == PH_TEST_NE;
	const bool like = test == PH_TEST_LIKE || test == PH_TEST_NOTLIKE;
	const enum ph_type type =
	    property->row != NULL ? property->row->type : PH_TYPE_TEXT;

	*number_r = 0;
	if (property->member)
		return address_value(text, true, value_r, err);
	if (property->values == type_values && equal)
		return type_value(text, value_r, err);
	if (type == PH_TYPE_ADDRESS || type == PH_TYPE_ADDRESSES)
		return address_value(text, equal, value_r, err);
	if (!like && (type == PH_TYPE_BOOL || ph_property_is_number(property)))
		return typed_value(property->row, text, value_r, number_r, err);
	*value_r = g_strdup(text);
	return 0;
}

/* ---- kinds of recipients ------------------------------------------------ */

static bool
is_group_word(const char *word)
{
	return g_str_has_suffix(word, "group") ||
	       strcmp(word, "msexchdynamicdistributionlist") == 0;
}

bool
ph_property_is_group(const struct ph_node *test)
{
	if (!test->property.of_type || test->null)
		return false;
	if (test->test == PH_TEST_EQ)
		return is_group_word(test->folded);
	return test->test == PH_TEST_LIKE && strstr(test->folded, "group");
}
