#include "lib/base/log.h"
#include "lib/directory/directory_ldap_private.h"
#include "lib/directory/dynamic.h"

/*
 * All entries, page by page: links are looked up for a page at once, over
 * other connections, since this one is in the middle of a search.
 *
 * A dynamic group: Exchange writes its filter as one for LDAP as well, which
 * the server answers; one that is in OPATH alone is looked at here.
 */
struct walk {
	struct ph_ldap_lookup lookup;
	const struct ph_dynamic *dynamic; /* NULL: everybody */
	ph_directory_each *each;
	void *arg;
};

static bool
is_wanted(const struct walk *walk, const struct ph_object *entry)
{
	if (walk->dynamic == NULL)
		return true;
	return ph_filter_is_ldap(ph_dynamic_filter(walk->dynamic))
		   ? ph_dynamic_may_have(walk->dynamic, entry)
		   : ph_dynamic_has(walk->dynamic, entry);
}

/* NULL: cannot be a recipient as it is. A find of its address says why, here it
 * keeps nobody else out. */
static struct ph_object *
read_entry(const struct walk *walk, const struct ph_ldap_entry *found,
	   GHashTable *addresses)
{
	struct ph_object *entry = NULL;
	struct ph_err why = PH_ERR_INIT;

	if (ph_ldap_map_parse(&walk->lookup.ldap->map, found, addresses, &entry,
			      &why) < 0)
		ph_warn("directory: %s; left out", why.text);
	return entry;
}

/* Of a group most are not in it: their links need not be looked up. */
static void
drop_others(const struct walk *walk, GPtrArray *entries)
{
	g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = entries->len; i-- > 0;) {
		struct ph_object *entry =
		    read_entry(walk, entries->pdata[i], none);

		if (entry == NULL || !is_wanted(walk, entry))
			g_ptr_array_remove_index_fast(entries, i);
		ph_object_unref(&entry);
	}
}

static int
tell(struct walk *walk, const struct ph_ldap_entry *found,
     GHashTable *addresses, struct ph_err *err)
{
	struct ph_object *entry = read_entry(walk, found, addresses);
	int r = 0;

	if (entry != NULL && is_wanted(walk, entry))
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

	if (walk->dynamic != NULL &&
	    !ph_filter_has_links(ph_dynamic_filter(walk->dynamic)))
		drop_others(walk, entries);
	if (ph_ldap_resolve(&walk->lookup, entries, addresses, err) < 0)
		return -1;
	for (guint i = 0; i < entries->len; i++)
		if (tell(walk, entries->pdata[i], addresses, err) < 0)
			return -1;
	return 0;
}

static int
walk_below(struct walk *walk, const char *base, const char *filter,
	   struct ph_err *err)
{
	struct ph_ldap_directory *ldap = walk->lookup.ldap;
	const struct ph_ldap_query query = {
	    .base = base,
	    .filter = filter,
	    .attributes = (const char *const *)ldap->attributes->pdata,
	    .limit = SIZE_MAX,
	};

	return ph_ldap_pool_pages(ldap->pool, &query, tell_page, walk,
				  &walk->lookup.server, err);
}

static int
walk_group(struct walk *walk, struct ph_dynamic *dynamic,
	   const struct ph_object *group, const char *everybody,
	   struct ph_err *err)
{
	struct ph_ldap_directory *ldap = walk->lookup.ldap;
	const char *container = ph_object_text(group, "RecipientContainer");
	const char *base = container != NULL
			       ? container
			       : ph_ldap_pool_settings(ldap->pool)->base;
	g_autofree char *filter = NULL;

	walk->dynamic = dynamic;
	if (!ph_filter_is_ldap(ph_dynamic_filter(dynamic)))
		return ph_dynamic_prepare(dynamic, &ph_ldap_ops, ldap, err) < 0
			   ? -1
			   : walk_below(walk, base, everybody, err);
	filter = g_strdup_printf("(&%s%s)", everybody,
				 ph_object_text(group, "RecipientFilter"));
	return walk_below(walk, base, filter, err);
}

int
ph_ldap_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	     void *arg, struct ph_err *err)
{
	struct ph_ldap_directory *ldap = self;
	g_autofree char *everybody = ph_ldap_map_everybody(&ldap->map);
	struct walk walk = {{ldap, 0, PH_LDAP_UNKNOWN}, NULL, each, arg};
	struct ph_dynamic *dynamic = NULL;
	int r;

	if (group == NULL)
		return walk_below(&walk,
				  ph_ldap_pool_settings(ldap->pool)->base,
				  everybody, err);
	r = ph_dynamic_open(group, &dynamic, err);
	if (r == 0)
		r = walk_group(&walk, dynamic, group, everybody, err);
	ph_dynamic_close(&dynamic);
	return r;
}
