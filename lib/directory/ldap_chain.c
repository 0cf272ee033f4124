#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/directory/directory_ldap_private.h"
#include "lib/directory/ldap_text.h"
#include "lib/state/value.h"

#include <string.h>

/*
 * "Is he in the group, or in one inside it?" in one question, which Active
 * Directory answers (MS-ADTS 3.1.1.3.4.4.3); others say "no" to it without a
 * word. Only its "no" counts: it goes through groups without address as well,
 * which are none here. A dynamic group inside would hold people that no link
 * shows, so they are asked about like people.
 */
#define GROUP_CLASS "group"
#define IN_CHAIN "member:1.2.840.113556.1.4.1941:"

/* More are looked at level by level. */
#define NAMES_LIMIT 50
#define ENTRIES_LIMIT 20
#define ROOTS_LIMIT 5

struct chain {
	struct ph_ldap_lookup lookup;
	GHashTable *groups, *people; /* sets of folded addresses */
	GHashTable *roots;	     /* address -> struct ph_ldap_entry */
	GPtrArray *inside;	     /* names (char *) of what may be in them */
	bool unclear;
};

static const char *
dynamic_class(const struct ph_ldap_profile *profile)
{
	const struct ph_ldap_type *type;

	for (type = profile->types; type->object_class != NULL; type++)
		if (strcmp(type->type, "DynamicDistributionGroup") == 0)
			return type->object_class;
	return NULL;
}

static bool
knows_groups(const struct ph_ldap_profile *profile)
{
	const struct ph_ldap_type *type;

	for (type = profile->types; type->object_class != NULL; type++)
		if (strcmp(type->object_class, GROUP_CLASS) == 0)
			return true;
	return false;
}

static bool
has_class(const struct ph_ldap_entry *entry, const char *class)
{
	const GPtrArray *values = ph_ldap_entry_values(entry, "objectClass");

	for (guint i = 0; values != NULL && class != NULL && i < values->len;
	     i++)
		if (g_ascii_strcasecmp(values->pdata[i], class) == 0)
			return true;
	return false;
}

/* ---- names and entries -------------------------------------------------- */

/* 1; 0: there is one that the server compares in its own way, or too many. A
 * name that is no address is nobody's. */
static int
take_names(GHashTable *names, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (!g_str_is_ascii(*list))
			return 0;
		if (ph_value_is_address(*list))
			g_hash_table_add(names, (gpointer)*list);
	}
	return g_hash_table_size(names) <= NAMES_LIMIT;
}

/* An entry is in a group by its primary address, which may be one that nothing
 * finds it by. */
static void
append_names(GString *filter, const struct ph_ldap_directory *ldap,
	     GHashTable *names)
{
	guint n;
	g_autofree const char **list =
	    (const char **)g_hash_table_get_keys_as_array(names, &n);
	g_autofree char *owners = ph_ldap_map_filter(&ldap->map, list, n);
	char **attribute = (char **)ldap->address_attributes->pdata;

	if (n == 0)
		return;
	g_string_append(filter, owners);
	for (; *attribute != NULL; attribute++)
		for (guint i = 0; i < n; i++) {
			g_autofree char *escaped =
			    ph_ldap_escape_filter(list[i]);

			g_string_append_printf(filter, "(%s=%s)(%s=smtp:%s)",
					       *attribute, escaped, *attribute,
					       escaped);
		}
}

static void
take_root(struct chain *chain, const struct ph_ldap_entry *entry,
	  const char *address)
{
	const struct ph_ldap_profile *profile = chain->lookup.ldap->map.profile;

	if (g_hash_table_contains(chain->roots, address) ||
	    has_class(entry, dynamic_class(profile)))
		chain->unclear = true;
	else if (has_class(entry, GROUP_CLASS))
		g_hash_table_insert(chain->roots, (gpointer)address,
				    (gpointer)entry);
}

static void
take_entry(struct chain *chain, const struct ph_ldap_entry *entry)
{
	const struct ph_ldap_map *map = &chain->lookup.ldap->map;
	g_autoptr(GHashTable) owned = ph_ldap_map_owned(map, entry);
	g_autofree char *primary = ph_ldap_map_primary(map, entry);
	g_autofree char *folded = primary != NULL ? ph_fold(primary) : NULL;
	bool known = false, is_inside = false;
	GHashTableIter iter;
	gpointer address;

	if (folded != NULL)
		is_inside = g_hash_table_contains(chain->people, folded);
	g_hash_table_iter_init(&iter, owned);
	while (g_hash_table_iter_next(&iter, &address, NULL)) {
		gpointer name;

		if (g_hash_table_lookup_extended(chain->groups, address, &name,
						 NULL)) {
			take_root(chain, entry, name);
			known = true;
		}
		is_inside |= g_hash_table_contains(chain->people, address);
	}
	if (is_inside)
		g_ptr_array_add(chain->inside, g_strdup(entry->dn));
	/* Found, but by what? */
	chain->unclear |= !known && !is_inside;
}

/* ---- questions ---------------------------------------------------------- */

static int
ask(struct chain *chain, const struct ph_ldap_query *query, GPtrArray *found,
    struct ph_err *err)
{
	if (ph_ldap_lookup_search(&chain->lookup, query, found, err) < 0)
		return -1;
	chain->unclear |= chain->lookup.server != PH_LDAP_ACTIVE_DIRECTORY;
	return 0;
}

static int
find_entries(struct chain *chain, GPtrArray *found, struct ph_err *err)
{
	const struct ph_ldap_directory *ldap = chain->lookup.ldap;
	g_autoptr(GString) filter = g_string_new("(|");
	g_autoptr(GPtrArray) attributes = g_ptr_array_new();
	struct ph_ldap_query query = {
	    .base = ph_ldap_pool_settings(ldap->pool)->base,
	    .limit = ENTRIES_LIMIT,
	};

	for (char **name = (char **)ldap->address_attributes->pdata;
	     *name != NULL; name++)
		g_ptr_array_add(attributes, *name);
	g_ptr_array_add(attributes, (gpointer)(uintptr_t) "objectClass");
	g_ptr_array_add(attributes, NULL);
	append_names(filter, ldap, chain->groups);
	append_names(filter, ldap, chain->people);
	g_string_append_c(filter, ')');
	query.filter = filter->str;
	query.attributes = (const char *const *)attributes->pdata;
	if (ask(chain, &query, found, err) < 0)
		return -1;
	for (guint i = 0; i < found->len; i++)
		take_entry(chain, found->pdata[i]);
	return 0;
}

static const char *const nothing[] = {"1.1", NULL}; /* RFC 4511 4.5.1.8 */

static int
find_dynamic(struct chain *chain, struct ph_err *err)
{
	const struct ph_ldap_directory *ldap = chain->lookup.ldap;
	const char *class = dynamic_class(ldap->map.profile);
	g_autofree char *filter = g_strdup_printf("(objectClass=%s)", class);
	const struct ph_ldap_query query = {
	    .base = ph_ldap_pool_settings(ldap->pool)->base,
	    .filter = filter,
	    .attributes = nothing,
	    .limit = ENTRIES_LIMIT,
	};
	g_autoptr(GPtrArray) found =
	    g_ptr_array_new_with_free_func(ph_ldap_entry_free);

	if (class == NULL)
		return 0;
	if (ask(chain, &query, found, err) < 0)
		return -1;
	for (guint i = 0; i < found->len; i++) {
		const struct ph_ldap_entry *entry = found->pdata[i];

		g_ptr_array_add(chain->inside, g_strdup(entry->dn));
	}
	return 0;
}

/* 1: one of them may be in it; 0; -1. */
static int
ask_root(struct chain *chain, const struct ph_ldap_entry *root,
	 struct ph_err *err)
{
	g_autoptr(GString) filter = g_string_new("(|");
	struct ph_ldap_query query = {.base = root->dn,
				      .single = true,
				      .attributes = nothing,
				      .limit = 1};
	g_autoptr(GPtrArray) found =
	    g_ptr_array_new_with_free_func(ph_ldap_entry_free);

	for (guint i = 0; i < chain->inside->len; i++) {
		g_autofree char *escaped =
		    ph_ldap_escape_filter(chain->inside->pdata[i]);

		g_string_append_printf(filter, "(" IN_CHAIN "=%s)", escaped);
	}
	g_string_append_c(filter, ')');
	query.filter = filter->str;
	return ask(chain, &query, found, err) < 0 ? -1 : found->len > 0;
}

/* 1: certainly in none; 0: not known; -1. */
static int
exclude(struct chain *chain, struct ph_err *err)
{
	g_autoptr(GPtrArray) found =
	    g_ptr_array_new_with_free_func(ph_ldap_entry_free);
	GHashTableIter iter;
	gpointer root;

	if (find_entries(chain, found, err) < 0 ||
	    (!chain->unclear && find_dynamic(chain, err) < 0))
		return -1;
	if (g_hash_table_size(chain->roots) > ROOTS_LIMIT)
		return 0;
	g_hash_table_iter_init(&iter, chain->roots);
	while (!chain->unclear && chain->inside->len > 0 &&
	       g_hash_table_iter_next(&iter, NULL, &root)) {
		int r = ask_root(chain, root, err);

		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return !chain->unclear;
}

int
ph_ldap_excludes(void *self, const char *const *groups,
		 const char *const *addresses, struct ph_err *err)
{
	struct ph_ldap_directory *ldap = self;
	const int64_t timeout = ph_ldap_pool_settings(ldap->pool)->timeout;
	g_autoptr(GHashTable) of_groups =
	    g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) of_people =
	    g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) roots = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GPtrArray) inside = g_ptr_array_new_with_free_func(g_free);
	struct chain chain = {
	    {ldap, ph_clock_mono() + timeout, PH_LDAP_UNKNOWN},
	    of_groups,
	    of_people,
	    roots,
	    inside,
	    false};
	int r;

	if (ph_ldap_pool_server(ldap->pool) != PH_LDAP_ACTIVE_DIRECTORY ||
	    !knows_groups(ldap->map.profile) ||
	    !take_names(of_groups, groups) ||
	    !take_names(of_people, addresses) ||
	    g_hash_table_size(of_groups) == 0)
		return 0;
	r = exclude(&chain, err);
	ph_debug("directory: <%s> is %s <%s>", addresses[0],
		 r == 1 ? "not in" : "perhaps in", groups[0]);
	return r;
}
