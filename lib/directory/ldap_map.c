#include "lib/directory/ldap_map.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/directory/ldap_text.h"
#include "lib/state/value.h"

#include <string.h>

/* GROUP_TYPE_SECURITY_ENABLED, MS-ADTS 2.2.12. */
#define GROUP_SECURITY INT64_C(0x80000000)

/* In a list of those who may write, in place of people that are gone. */
#define NOBODY "nobody@unresolved.invalid"

/* ---- addresses ---------------------------------------------------------- */

/* "smtp:" of "smtp:a@b", "" of "a@b". */
static size_t
type_length(const char *value)
{
	size_t n = 0;

	while (g_ascii_isalnum(value[n]))
		n++;
	return value[n] == ':' ? n + 1 : 0;
}

/* Borrowed from value; NULL: no address that mail can go to. */
static const char *
smtp_address(const char *value)
{
	size_t type = type_length(value);

	if (type > 0 && g_ascii_strncasecmp(value, "smtp:", 5) != 0)
		return NULL;
	return ph_value_is_address(value + type) ? value + type : NULL;
}

enum rank { MARKED, PLAIN, ANY, RANKS };

static bool
has_rank(const char *value, enum rank rank)
{
	switch (rank) {
	case MARKED:
		return strncmp(value, "SMTP:", 5) == 0;
	case PLAIN:
		return type_length(value) == 0;
	case ANY:
	case RANKS:
		return true;
	}
	g_assert_not_reached();
}

static const char *
find_address(const struct ph_ldap_row *row, const struct ph_ldap_entry *entry,
	     enum rank rank)
{
	for (size_t i = 0; i < PH_LDAP_SOURCES && row->attributes[i] != NULL;
	     i++) {
		const GPtrArray *values =
		    ph_ldap_entry_values(entry, row->attributes[i]);

		for (guint j = 0; values != NULL && j < values->len; j++) {
			const char *value = values->pdata[j];
			const char *address = smtp_address(value);

			if (address != NULL && has_rank(value, rank))
				return address;
		}
	}
	return NULL;
}

static const char *
primary_of(const struct ph_ldap_row *row, const struct ph_ldap_entry *entry)
{
	const char *found = NULL;

	for (enum rank rank = MARKED; rank < RANKS && found == NULL; rank++)
		found = find_address(row, entry, rank);
	return found;
}

char *
ph_ldap_map_primary(const struct ph_ldap_map *map,
		    const struct ph_ldap_entry *entry)
{
	const struct ph_ldap_row *row;

	for (row = map->profile->rows; row->field != NULL; row++)
		if (row->convert == PH_LDAP_PRIMARY)
			return g_strdup(primary_of(row, entry));
	return NULL;
}

static bool
is_bad_address(const char *value)
{
	const size_t type = type_length(value);

	return (type == 0 || g_ascii_strncasecmp(value, "smtp:", 5) == 0) &&
	       smtp_address(value) == NULL;
}

const char *
ph_ldap_map_bad_address(const struct ph_ldap_map *map,
			const struct ph_ldap_entry *entry)
{
	const struct ph_ldap_row *row;

	for (row = map->profile->rows; row->field != NULL; row++) {
		if (row->convert != PH_LDAP_PRIMARY &&
		    row->convert != PH_LDAP_ADDRESSES)
			continue;
		for (size_t i = 0;
		     i < PH_LDAP_SOURCES && row->attributes[i] != NULL; i++) {
			const GPtrArray *values =
			    ph_ldap_entry_values(entry, row->attributes[i]);

			for (guint j = 0; values != NULL && j < values->len;
			     j++)
				if (is_bad_address(values->pdata[j]))
					return values->pdata[j];
		}
	}
	return NULL;
}

/* ---- links -------------------------------------------------------------- */

void
ph_ldap_map_links(const struct ph_ldap_map *map,
		  const struct ph_ldap_entry *entry, GHashTable *links)
{
	const struct ph_ldap_row *row;

	for (row = map->profile->rows; row->field != NULL; row++) {
		if (!ph_ldap_row_is_link(row))
			continue;
		for (size_t i = 0;
		     i < PH_LDAP_SOURCES && row->attributes[i] != NULL; i++) {
			const GPtrArray *values =
			    ph_ldap_entry_values(entry, row->attributes[i]);

			for (guint j = 0; values != NULL && j < values->len;
			     j++) {
				char *key =
				    ph_ldap_dn_canonical(values->pdata[j]);

				if (key != NULL)
					g_hash_table_insert(
					    links, key,
					    g_strdup(values->pdata[j]));
			}
		}
	}
}

/* ---- conversions: NULL: unset; else g_free ------------------------------ */

struct source {
	const struct ph_ldap_map *map;
	const struct ph_ldap_entry *entry;
	GHashTable *addresses;
};

static const char *
first_value(const struct source *s, const struct ph_ldap_row *row)
{
	const char *value = NULL;

	for (size_t i = 0;
	     value == NULL && i < PH_LDAP_SOURCES && row->attributes[i] != NULL;
	     i++)
		value = ph_ldap_entry_value(s->entry, row->attributes[i]);
	return value;
}

/* Adds what each value becomes by use, if anything; how many there were. */
static size_t
gather(const struct source *s, const struct ph_ldap_row *row,
       const char *(*use)(const struct source *s, const char *value),
       GPtrArray *list)
{
	size_t n = 0;

	for (size_t i = 0; i < PH_LDAP_SOURCES && row->attributes[i] != NULL;
	     i++) {
		const GPtrArray *values =
		    ph_ldap_entry_values(s->entry, row->attributes[i]);

		for (guint j = 0; values != NULL && j < values->len; j++) {
			const char *text = use(s, values->pdata[j]);

			n++;
			if (text != NULL)
				g_ptr_array_add(list, (gpointer)text);
		}
	}
	return n;
}

static const char *
use_text(const struct source *s, const char *value)
{
	(void)s;
	return value;
}

static const char *
use_address(const struct source *s, const char *value)
{
	(void)s;
	return smtp_address(value);
}

static const char *
use_link(const struct source *s, const char *value)
{
	g_autofree char *key = ph_ldap_dn_canonical(value);

	return key != NULL ? g_hash_table_lookup(s->addresses, key) : NULL;
}

static char *
format_list(GPtrArray *list)
{
	if (list->len == 0)
		return NULL;
	g_ptr_array_add(list, NULL);
	return ph_format_list((const char *const *)list->pdata);
}

static char *
convert_list(const struct source *s, const struct ph_ldap_row *row)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new();
	size_t n;

	if (row->convert == PH_LDAP_TEXTS) {
		if (gather(s, row, use_text, list) == 0)
			return NULL;
		g_ptr_array_add(list, NULL);
		return g_strjoinv("\n", (char **)list->pdata);
	}
	if (row->convert == PH_LDAP_ADDRESSES) {
		(void)gather(s, row, use_address, list);
		return format_list(list);
	}
	n = gather(s, row, use_link, list);
	if (row->convert == PH_LDAP_ONLY && n > 0 && list->len == 0)
		return g_strdup(NOBODY);
	return format_list(list);
}

/* "DB1" of "CN=DB1,CN=Databases,..."; "MBX1" of "/o=Org/.../cn=MBX1"; else as
 * it is. */
static char *
convert_name(const char *value)
{
	const char *slash = strrchr(value, '/'), *equals;
	char *first;

	if (value[0] == '/' && slash != NULL) {
		equals = strchr(slash, '=');
		return g_strdup(equals != NULL ? equals + 1 : slash + 1);
	}
	first = ph_ldap_dn_first(value);
	return first != NULL ? first : g_strdup(value);
}

static char *
convert(const struct source *s, const struct ph_ldap_row *row)
{
	const char *value = first_value(s, row);

	if (value == NULL)
		return NULL;
	switch (row->convert) {
	case PH_LDAP_TEXT:
	case PH_LDAP_BOOL:
		return g_strdup(value);
	case PH_LDAP_ADDRESS:
	case PH_LDAP_TARGET:
		return g_strdup(find_address(row, s->entry, ANY));
	case PH_LDAP_PRIMARY:
		return g_strdup(primary_of(row, s->entry));
	case PH_LDAP_KB:
		return g_strconcat(value, "KB", NULL);
	case PH_LDAP_NAME:
	case PH_LDAP_DATABASE:
		return convert_name(value);
	case PH_LDAP_LINK:
		return g_strdup(use_link(s, value));
	case PH_LDAP_TEXTS:
	case PH_LDAP_ADDRESSES:
	case PH_LDAP_LINKS:
	case PH_LDAP_ONLY:
		return convert_list(s, row);
	}
	g_assert_not_reached();
}

/* ---- the object --------------------------------------------------------- */

static bool
has_class(const struct ph_ldap_entry *entry, const char *wanted)
{
	const GPtrArray *classes = ph_ldap_entry_values(entry, "objectClass");

	if (strcmp(wanted, PH_LDAP_ANY_CLASS) == 0)
		return true;
	for (guint i = 0; classes != NULL && i < classes->len; i++)
		if (g_ascii_strcasecmp(classes->pdata[i], wanted) == 0)
			return true;
	return false;
}

/* A negative number of 32 bits, as Active Directory writes it. */
static bool
is_security_group(const struct ph_ldap_entry *entry)
{
	const char *text = ph_ldap_entry_value(entry, "groupType");
	int64_t flags;

	return text != NULL && ph_parse_int(text, &flags, NULL) == 0 &&
	       (flags & GROUP_SECURITY) != 0;
}

static const char *
find_type(const struct source *s)
{
	const struct ph_ldap_type *row;

	for (row = s->map->profile->types; row->object_class != NULL; row++) {
		if (!has_class(s->entry, row->object_class) ||
		    (row->attribute != NULL &&
		     ph_ldap_entry_value(s->entry, row->attribute) == NULL))
			continue;
		return row->security != NULL && is_security_group(s->entry)
			   ? row->security
			   : row->type;
	}
	return NULL;
}

bool
ph_ldap_map_is_recipient(const struct ph_ldap_map *map,
			 const struct ph_ldap_entry *entry)
{
	const struct source s = {map, entry, NULL};
	g_autofree char *primary = ph_ldap_map_primary(map, entry);

	return primary != NULL && find_type(&s) != NULL;
}

/* Borrowed from the map or the entry, or *made_r. */
static const char *
find_database(const struct source *s, char **made_r)
{
	const struct ph_ldap_map *map = s->map;
	const struct ph_ldap_row *row;
	const char *value = NULL;

	if (ph_ldap_map_names_database(map))
		value = ph_ldap_entry_value(s->entry, map->database_attribute);
	for (row = map->profile->rows;
	     !ph_ldap_map_names_database(map) && row->field != NULL; row++)
		if (row->convert == PH_LDAP_DATABASE)
			value = first_value(s, row);
	if (value == NULL)
		return map->database;
	*made_r = convert_name(value);
	return *made_r;
}

/* What a rule may look at must not stop somebody's mail by being odd. */
static bool
is_usable(const struct source *s, const struct ph_ldap_row *row,
	  const char *value)
{
	const struct ph_field *field =
	    ph_kind_field(ph_kind_find("recipient"), row->field, NULL);
	struct ph_value parsed = {0};
	struct ph_err err = PH_ERR_INIT;

	g_assert(field != NULL);
	if (s->map->strict ||
	    (row->convert != PH_LDAP_TEXT && row->convert != PH_LDAP_TEXTS))
		return true;
	if (ph_value_parse(field, value, &parsed, &err) == 0) {
		ph_value_clear(&parsed);
		return true;
	}
	ph_warn("directory: %s: %s: %s; left out", s->entry->dn, row->field,
		err.text);
	return false;
}

/* A mail address says nothing of where mail for a mailbox goes; of a contact
 * it does. */
static bool
is_wanted(const struct ph_ldap_row *row, const char *type)
{
	if (row->convert == PH_LDAP_DATABASE)
		return false; /* apart */
	return row->convert != PH_LDAP_TARGET ||
	       strcmp(type, "MailContact") == 0 ||
	       strcmp(type, "MailUser") == 0;
}

static void
add_pair(GArray *pairs, const char *field, const char *value)
{
	struct ph_pair pair = {field, value};

	if (value != NULL && *value != '\0')
		g_array_append_val(pairs, pair);
}

static void
add_rows(const struct source *s, const char *type, GArray *pairs,
	 GPtrArray *values)
{
	const struct ph_ldap_row *row;

	for (row = s->map->profile->rows; row->field != NULL; row++) {
		char *value = is_wanted(row, type) ? convert(s, row) : NULL;

		if (value == NULL)
			continue;
		g_ptr_array_add(values, value);
		if (is_usable(s, row, value))
			add_pair(pairs, row->field, value);
	}
}

int
ph_ldap_map_parse(const struct ph_ldap_map *map,
		  const struct ph_ldap_entry *entry, GHashTable *addresses,
		  struct ph_object **object_r, struct ph_err *err)
{
	const struct source s = {map, entry, addresses};
	g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GArray) pairs =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_pair));
	g_autofree char *name = ph_ldap_map_primary(map, entry);
	g_autofree char *database = NULL;
	const char *type = find_type(&s);

	if (type == NULL || name == NULL)
		return ph_err_set(err, PH_ERR_PERM, "%s: %s", entry->dn,
				  name == NULL ? "has no address"
					       : "is no recipient of a known "
						 "type");
	add_pair(pairs, "RecipientType", type);
	if (strcmp(type, "UserMailbox") == 0)
		add_pair(pairs, "Database", find_database(&s, &database));
	add_rows(&s, type, pairs, values);
	if (ph_object_parse(ph_kind_find("recipient"), name,
			    (const struct ph_pair *)(void *)pairs->data,
			    pairs->len, object_r, err) < 0)
		return ph_err_wrap(err, "%s", entry->dn);
	return 0;
}
