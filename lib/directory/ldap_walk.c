#include "lib/base/log.h"
#include "lib/directory/directory_ldap_private.h"

/* All entries, page by page: links are looked up for a page at once, over
 * other connections, since this one is in the middle of a search. */
struct walk {
	struct ph_ldap_lookup lookup;
	ph_directory_each *each;
	void *arg;
};

/* What cannot be a recipient as it is: a find of its address says why, here it
 * keeps nobody else out. */
static int
tell(struct walk *walk, const struct ph_ldap_entry *found,
     GHashTable *addresses, struct ph_err *err)
{
	struct ph_object *entry = NULL;
	struct ph_err why = PH_ERR_INIT;
	int r;

	if (ph_ldap_map_parse(&walk->lookup.ldap->map, found, addresses, &entry,
			      &why) < 0) {
		ph_warn("directory: %s; left out", why.text);
		return 0;
	}
	r = walk->each(entry, walk->arg, err);
	ph_object_unref(&entry);
	return r;
}

static int
tell_page(GPtrArray *entries, void *arg, struct ph_err *err)
{
	struct walk *walk = arg;
	g_autoptr(GHashTable) addresses =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	if (ph_ldap_resolve(&walk->lookup, entries, addresses, err) < 0)
		return -1;
	for (guint i = 0; i < entries->len; i++)
		if (tell(walk, entries->pdata[i], addresses, err) < 0)
			return -1;
	return 0;
}

int
ph_ldap_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	     void *arg, struct ph_err *err)
{
	struct ph_ldap_directory *ldap = self;
	g_autofree char *everybody = ph_ldap_map_everybody(&ldap->map);
	const struct ph_ldap_query query = {
	    .base = ph_ldap_pool_settings(ldap->pool)->base,
	    .filter = everybody,
	    .attributes = (const char *const *)ldap->attributes->pdata,
	    .limit = SIZE_MAX,
	};
	struct walk walk = {{ldap, 0, PH_LDAP_UNKNOWN}, each, arg};

	(void)group;
	return ph_ldap_pool_pages(ldap->pool, &query, tell_page, &walk,
				  &walk.lookup.server, err);
}
