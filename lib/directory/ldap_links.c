#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/directory/directory_ldap_private.h"
#include "lib/directory/ldap_text.h"

/* Distinguished names in one filter. */
#define BATCH 200

int
ph_ldap_lookup_search(struct ph_ldap_lookup *l,
		      const struct ph_ldap_query *query, GPtrArray *entries,
		      struct ph_err *err)
{
	const int64_t timeout = ph_ldap_pool_settings(l->ldap->pool)->timeout;

	return ph_ldap_pool_search(l->ldap->pool, query,
				   l->deadline != 0 ? l->deadline
						    : ph_clock_mono() + timeout,
				   entries, &l->server, err);
}

/* The attribute that holds an entry's own name: it can be asked for many at
 * once. NULL: not known, one by one. */
static const char *
name_attribute(enum ph_ldap_server server)
{
	switch (server) {
	case PH_LDAP_ACTIVE_DIRECTORY:
		return "distinguishedName";
	case PH_LDAP_OPENLDAP:
	case PH_LDAP_389:
		return "entryDN"; /* RFC 5020 */
	case PH_LDAP_UNKNOWN:
		return NULL;
	}
	g_assert_not_reached();
}

static void
note_addresses(const struct ph_ldap_lookup *l, const GPtrArray *entries,
	       GHashTable *addresses)
{
	for (guint i = 0; i < entries->len; i++) {
		const struct ph_ldap_entry *entry = entries->pdata[i];
		char *key = ph_ldap_dn_canonical(entry->dn);
		char *address = ph_ldap_map_primary(&l->ldap->map, entry);

		if (key != NULL && address != NULL) {
			g_hash_table_insert(addresses, key, address);
			continue;
		}
		g_free(key);
		g_free(address);
	}
}

static int
resolve_query(struct ph_ldap_lookup *l, const struct ph_ldap_query *query,
	      GHashTable *addresses, struct ph_err *err)
{
	g_autoptr(GPtrArray) entries =
	    g_ptr_array_new_with_free_func(ph_ldap_entry_free);

	if (ph_ldap_lookup_search(l, query, entries, err) < 0)
		return -1;
	note_addresses(l, entries, addresses);
	return 0;
}

static int
resolve_batch(struct ph_ldap_lookup *l, const char *attribute, char **names,
	      size_t n, GHashTable *addresses, struct ph_err *err)
{
	g_autoptr(GString) filter = g_string_new("(|");
	const struct ph_ldap_query query = {
	    .base = ph_ldap_pool_settings(l->ldap->pool)->base,
	    .attributes =
		(const char *const *)l->ldap->address_attributes->pdata,
	    .limit = n,
	};
	struct ph_ldap_query filled = query;

	for (size_t i = 0; i < n; i++) {
		g_autofree char *escaped = ph_ldap_escape_filter(names[i]);

		g_string_append_printf(filter, "(%s=%s)", attribute, escaped);
	}
	g_string_append_c(filter, ')');
	filled.filter = filter->str;
	return resolve_query(l, &filled, addresses, err);
}

static int
resolve_single(struct ph_ldap_lookup *l, const char *name,
	       GHashTable *addresses, struct ph_err *err)
{
	const struct ph_ldap_query query = {
	    .base = name,
	    .single = true,
	    .filter = "(objectClass=*)",
	    .attributes =
		(const char *const *)l->ldap->address_attributes->pdata,
	    .limit = 1,
	};

	return resolve_query(l, &query, addresses, err);
}

static int
resolve_names(struct ph_ldap_lookup *l, const GPtrArray *names,
	      GHashTable *addresses, struct ph_err *err)
{
	const char *attribute = name_attribute(l->server);
	const guint step = attribute != NULL ? BATCH : 1;

	for (guint i = 0; i < names->len; i += step) {
		char **first = (char **)&names->pdata[i];
		const guint n = MIN(step, names->len - i);
		const int r =
		    attribute != NULL
			? resolve_batch(l, attribute, first, n, addresses, err)
			: resolve_single(l, *first, addresses, err);

		if (r < 0)
			return -1;
	}
	return 0;
}

int
ph_ldap_resolve(struct ph_ldap_lookup *l, const GPtrArray *entries,
		GHashTable *addresses, struct ph_err *err)
{
	g_autoptr(GHashTable) links =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	GHashTableIter iter;
	gpointer name;

	for (guint i = 0; i < entries->len; i++)
		ph_ldap_map_links(&l->ldap->map, entries->pdata[i], links);
	g_hash_table_iter_init(&iter, links);
	while (g_hash_table_iter_next(&iter, NULL, &name))
		g_ptr_array_add(names, name);
	if (resolve_names(l, names, addresses, err) < 0)
		return -1;
	ph_debug("directory: %u of %u links have an address",
		 g_hash_table_size(addresses), names->len);
	return 0;
}
