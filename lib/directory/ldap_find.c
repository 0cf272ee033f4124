#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/directory/directory_ldap_private.h"
#include "lib/directory/entry.h"
#include "lib/state/value.h"

#include <string.h>

/* Owners of one address that are looked at; two are one too many. */
#define OWNERS_LIMIT 100
/* Links that many look-ups have in common; entries that have more are looked up
 * by themselves, with the time of one. */
#define LINKS_LIMIT 2000

/* ---- one ---------------------------------------------------------------- */

/* 1: *entry_r has the address; 0: it has not, by our way of comparing: Active
 * Directory's takes a letter with an accent for the
 * one without. */
static int
read_owner(struct ph_ldap_lookup *l, const struct ph_ldap_entry *found,
	   const char *address, struct ph_object **entry_r, struct ph_err *err)
{
	g_autoptr(GHashTable) addresses =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GPtrArray) own = NULL, one = g_ptr_array_new();
	struct ph_object *entry = NULL;
	bool owns = false;

	g_ptr_array_add(one, (gpointer)found);
	if (ph_ldap_resolve(l, one, addresses, err) < 0)
		return ph_err_wrap(err, "%s", found->dn);
	/* It is there, so nobody may say that it is not: never PERM. */
	if (ph_ldap_map_parse(&l->ldap->map, found, addresses, &entry, err) <
	    0) {
		if (err != NULL)
			err->kind = PH_ERR_TEMP;
		return -1;
	}
	own = ph_entry_addresses(entry);
	for (guint i = 0; i < own->len && !owns; i++)
		owns = strcmp(own->pdata[i], address) == 0;
	if (!owns)
		ph_object_unref(&entry);
	*entry_r = entry;
	return owns;
}

static int
choose(struct ph_ldap_lookup *l, const GPtrArray *found, const char *address,
       struct ph_object **entry_r, struct ph_err *err)
{
	struct ph_object *first = NULL;
	const char *first_dn = NULL;

	for (guint i = 0; i < found->len; i++) {
		const struct ph_ldap_entry *one = found->pdata[i];
		struct ph_object *entry = NULL;
		int r = read_owner(l, one, address, &entry, err);

		if (r == 1 && first != NULL)
			r = ph_err_set(err, PH_ERR_PERM,
				       "%s belongs to both %s and %s", address,
				       first_dn, one->dn);
		if (r < 0) {
			ph_object_unref(&entry);
			ph_object_unref(&first);
			return -1;
		}
		if (r == 1) {
			first = entry;
			first_dn = one->dn;
		}
	}
	*entry_r = first;
	return first != NULL;
}

int
ph_ldap_find(void *self, const char *address, struct ph_object **entry_r,
	     struct ph_found *found_r, struct ph_err *err)
{
	struct ph_ldap_directory *ldap = self;
	const struct ph_ldap_settings *settings =
	    ph_ldap_pool_settings(ldap->pool);
	g_autofree char *filter = NULL;
	g_autoptr(GPtrArray) found =
	    g_ptr_array_new_with_free_func(ph_ldap_entry_free);
	struct ph_ldap_lookup l = {ldap, ph_clock_mono() + settings->timeout,
				   PH_LDAP_UNKNOWN};
	struct ph_ldap_query query = {
	    .base = settings->base,
	    .attributes = (const char *const *)ldap->attributes->pdata,
	    .limit = OWNERS_LIMIT,
	};

	(void)found_r;
	/* No entry has what is no address. */
	if (!ph_value_is_address(address))
		return 0;
	filter = ph_ldap_map_filter(&ldap->map, &address, 1);
	query.filter = filter;
	if (ph_ldap_lookup_search(&l, &query, found, err) < 0)
		return -1;
	return choose(&l, found, address, entry_r, err);
}

/* ---- many at once ------------------------------------------------------- */

/*
 * One search finds the owners of all. Whatever is not plain (somebody who has
 * another text there than we compare with, a second owner, an entry that cannot
 * be read) is asked again alone, so that the answer is always the one that
 * ph_ldap_find gives.
 */
struct asked {
	const char *address;
	struct ph_directory_answer *answer;
	bool alone;
};

struct many {
	struct ph_ldap_lookup lookup;
	struct asked *asked;
	size_t n;
	GHashTable *by_address; /* -> struct asked, of those in the search */
};

/* Other letters are compared by each server in its own way. */
static void
sort_out(struct many *many, const char *const *addresses,
	 struct ph_directory_answer *answers)
{
	for (size_t i = 0; i < many->n; i++) {
		struct asked *asked = &many->asked[i];

		*asked = (struct asked){addresses[i], &answers[i], false};
		if (!ph_value_is_address(asked->address))
			continue;
		asked->alone =
		    !g_str_is_ascii(asked->address) ||
		    g_hash_table_contains(many->by_address, asked->address);
		if (!asked->alone)
			g_hash_table_insert(many->by_address,
					    (gpointer)asked->address, asked);
	}
}

static void
leave_all_alone(struct many *many)
{
	GHashTableIter iter;
	gpointer asked;

	g_hash_table_iter_init(&iter, many->by_address);
	while (g_hash_table_iter_next(&iter, NULL, &asked))
		((struct asked *)asked)->alone = true;
}

/* Of an entry that is not looked at now: which of them it may own. */
static void
leave_alone(struct many *many, GHashTable *owned)
{
	GHashTableIter iter;
	gpointer address;
	bool any = false;

	g_hash_table_iter_init(&iter, owned);
	while (g_hash_table_iter_next(&iter, &address, NULL)) {
		struct asked *asked =
		    g_hash_table_lookup(many->by_address, address);

		if (asked == NULL)
			continue;
		asked->alone = any = true;
	}
	if (!any)
		leave_all_alone(many);
}

static void
take_owner(struct many *many, const struct ph_ldap_entry *found,
	   GHashTable *addresses)
{
	const struct ph_ldap_map *map = &many->lookup.ldap->map;
	g_autoptr(GHashTable) owned = ph_ldap_map_owned(map, found);
	g_autoptr(GPtrArray) own = NULL;
	struct ph_object *entry = NULL;

	if (ph_ldap_map_parse(map, found, addresses, &entry, NULL) < 0) {
		leave_alone(many, owned);
		return;
	}
	own = ph_entry_addresses(entry);
	for (guint i = 0; i < own->len; i++) {
		struct asked *asked =
		    g_hash_table_lookup(many->by_address, own->pdata[i]);

		if (asked == NULL)
			continue;
		if (asked->answer->entry != NULL ||
		    !g_hash_table_contains(owned, asked->address))
			asked->alone = true;
		else
			asked->answer->entry = ph_object_ref(entry);
	}
	ph_object_unref(&entry);
}

/* Keeps those whose links are few enough for one request after the other. */
static void
drop_large(struct many *many, GPtrArray *found)
{
	const struct ph_ldap_map *map = &many->lookup.ldap->map;
	g_autoptr(GHashTable) links =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	for (guint i = found->len; i-- > 0;) {
		g_autoptr(GHashTable) own = g_hash_table_new_full(
		    g_str_hash, g_str_equal, g_free, g_free);
		g_autoptr(GHashTable) owned = NULL;

		ph_ldap_map_links(map, found->pdata[i], own);
		if (g_hash_table_size(links) + g_hash_table_size(own) <=
		    LINKS_LIMIT) {
			ph_ldap_map_links(map, found->pdata[i], links);
			continue;
		}
		owned = ph_ldap_map_owned(map, found->pdata[i]);
		leave_alone(many, owned);
		g_ptr_array_remove_index(found, i);
	}
}

static int
search_all(struct many *many, struct ph_err *err)
{
	struct ph_ldap_lookup *l = &many->lookup;
	guint n;
	g_autofree const char **addresses =
	    (const char **)g_hash_table_get_keys_as_array(many->by_address, &n);
	g_autofree char *filter =
	    ph_ldap_map_filter(&l->ldap->map, addresses, n);
	const struct ph_ldap_query query = {
	    .base = ph_ldap_pool_settings(l->ldap->pool)->base,
	    .filter = filter,
	    .attributes = (const char *const *)l->ldap->attributes->pdata,
	    .limit = n + OWNERS_LIMIT,
	};
	g_autoptr(GPtrArray) found =
	    g_ptr_array_new_with_free_func(ph_ldap_entry_free);
	g_autoptr(GHashTable) links =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	if (n == 0)
		return 0;
	if (ph_ldap_lookup_search(l, &query, found, err) < 0)
		return -1;
	drop_large(many, found);
	if (ph_ldap_resolve(l, found, links, err) < 0)
		return -1;
	for (guint i = 0; i < found->len; i++)
		take_owner(many, found->pdata[i], links);
	return 0;
}

static void
ask_alone(struct many *many, const struct asked *asked, int64_t limit,
	  const struct ph_err *why)
{
	struct ph_directory_answer *answer = asked->answer;

	ph_object_unref(&answer->entry);
	if (ph_clock_mono() < limit)
		answer->r =
		    ph_ldap_find(many->lookup.ldap, asked->address,
				 &answer->entry, &answer->found, &answer->err);
	else
		answer->r = ph_err_set(
		    &answer->err, PH_ERR_TEMP, "%s",
		    why->text[0] != '\0' ? why->text
					 : "no time was left to ask about it");
}

void
ph_ldap_find_many(void *self, const char *const *addresses, size_t n,
		  struct ph_directory_answer *answers)
{
	struct ph_ldap_directory *ldap = self;
	const int64_t timeout = ph_ldap_pool_settings(ldap->pool)->timeout;
	const int64_t now = ph_clock_mono();
	g_autofree struct asked *asked = g_new(struct asked, n);
	g_autoptr(GHashTable) by_address =
	    g_hash_table_new(g_str_hash, g_str_equal);
	struct many many = {
	    {ldap, now + timeout, PH_LDAP_UNKNOWN}, asked, n, by_address};
	struct ph_err why = PH_ERR_INIT;

	sort_out(&many, addresses, answers);
	if (search_all(&many, &why) < 0) {
		ph_debug("directory: %zu addresses at once: %s", n, why.text);
		leave_all_alone(&many);
	}
	for (size_t i = 0; i < n; i++) {
		if (asked[i].alone)
			ask_alone(&many, &asked[i], now + 2 * timeout, &why);
		else
			answers[i].r = answers[i].entry != NULL;
	}
}
