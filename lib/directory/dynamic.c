#include "lib/directory/dynamic.h"

#include "lib/base/text.h"
#include "lib/directory/entry.h"
#include "lib/directory/members.h"

#include <string.h>

struct ph_dynamic {
	const struct ph_object *group;
	struct ph_filter *filter;
	GHashTable *members; /* folded group -> set of folded addresses */
};

static void
free_set(void *data)
{
	g_hash_table_destroy(data);
}

int
ph_dynamic_open(const struct ph_object *group, struct ph_dynamic **dynamic_r,
		struct ph_err *err)
{
	struct ph_filter *filter = NULL;

	*dynamic_r = NULL;
	if (ph_filter_of_group(group, &filter, err) < 0)
		return -1;
	*dynamic_r = g_new0(struct ph_dynamic, 1);
	(*dynamic_r)->group = group;
	(*dynamic_r)->filter = filter;
	(*dynamic_r)->members =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_set);
	return 0;
}

void
ph_dynamic_close(struct ph_dynamic **dynamic)
{
	struct ph_dynamic *d = *dynamic;

	*dynamic = NULL;
	if (d == NULL)
		return;
	ph_filter_free(&d->filter);
	g_hash_table_destroy(d->members);
	g_free(d);
}

const struct ph_filter *
ph_dynamic_filter(const struct ph_dynamic *dynamic)
{
	return dynamic->filter;
}

/* ---- MemberOfGroup ------------------------------------------------------ */

static void
keep_members(struct ph_dynamic *dynamic, const char *address,
	     const struct ph_object *group)
{
	GHashTable *set =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const char *const *member = ph_object_list(group, "Members");

	for (; *member != NULL; member++)
		g_hash_table_add(set, ph_fold(*member));
	g_hash_table_insert(dynamic->members, g_strdup(address), set);
}

/* Members as they are written: as in Exchange, not those of groups inside. */
static int
load_members(struct ph_dynamic *dynamic, const char *address,
	     const struct ph_directory_ops *ops, void *self, struct ph_err *err)
{
	struct ph_object *group = NULL;
	struct ph_found found = {.source = ops->name};
	int r = ops->find(self, address, &group, &found, err);

	if (r == 1 && ph_entry_is_group(group) && !ph_entry_is_dynamic(group))
		keep_members(dynamic, address, group);
	else if (r >= 0)
		r = ph_err_set(err, PH_ERR_PERM, "<%s> is %s", address,
			       r == 0			  ? "not there"
			       : ph_entry_is_group(group) ? "dynamic itself"
							  : "no group");
	ph_object_unref(&group);
	return r < 0 ? ph_err_wrap(err, "group <%s>: MemberOfGroup",
				   ph_object_name(dynamic->group))
		     : 0;
}

int
ph_dynamic_prepare(struct ph_dynamic *dynamic,
		   const struct ph_directory_ops *ops, void *self,
		   struct ph_err *err)
{
	const char *obstacle = ph_filter_obstacle(dynamic->filter);
	const char *const *group = ph_filter_groups(dynamic->filter);

	if (obstacle != NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "group <%s>: RecipientFilter: %s, which only "
				  "an LDAP server can answer",
				  ph_object_name(dynamic->group), obstacle);
	for (; *group != NULL; group++)
		if (load_members(dynamic, *group, ops, self, err) < 0)
			return -1;
	return 0;
}

static bool
is_member(const char *group, const struct ph_object *entry, void *arg)
{
	const struct ph_dynamic *dynamic = arg;
	GHashTable *set = g_hash_table_lookup(dynamic->members, group);
	g_autoptr(GPtrArray) addresses = ph_entry_addresses(entry);

	for (guint i = 0; i < addresses->len; i++)
		if (g_hash_table_contains(set, addresses->pdata[i]))
			return true;
	return false;
}

/* ---- who is in it ------------------------------------------------------- */

bool
ph_dynamic_may_have(const struct ph_dynamic *dynamic,
		    const struct ph_object *entry)
{
	return strcmp(ph_object_folded(entry),
		      ph_object_folded(dynamic->group)) != 0 &&
	       (!ph_entry_is_group(entry) ||
		ph_filter_names_groups(dynamic->filter));
}

bool
ph_dynamic_has(const struct ph_dynamic *dynamic, const struct ph_object *entry)
{
	return ph_dynamic_may_have(dynamic, entry) &&
	       ph_filter_match(dynamic->filter, entry, is_member,
			       (void *)(uintptr_t)dynamic);
}

/* ---- walking ------------------------------------------------------------ */

struct walk {
	const struct ph_dynamic *dynamic;
	ph_directory_each *each;
	void *arg;
};

static int
tell(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	const struct walk *walk = arg;

	return ph_dynamic_has(walk->dynamic, entry)
		   ? walk->each(entry, walk->arg, err)
		   : 0;
}

int
ph_dynamic_walk(const struct ph_directory_ops *ops, void *self,
		const struct ph_object *group, ph_directory_each *each,
		void *arg, struct ph_err *err)
{
	struct walk walk = {NULL, each, arg};
	struct ph_dynamic *dynamic = NULL;
	int r;

	/* To leave it out would let in more people than were meant. */
	if (ph_object_has(group, "RecipientContainer"))
		return ph_err_set(err, PH_ERR_PERM,
				  "group <%s>: RecipientContainer: there are "
				  "no containers here; unset it, and say in "
				  "RecipientFilter who is in the group",
				  ph_object_name(group));
	if (ph_dynamic_open(group, &dynamic, err) < 0)
		return -1;
	walk.dynamic = dynamic;
	r = ph_dynamic_prepare(dynamic, ops, self, err);
	if (r == 0)
		r = ops->walk(self, NULL, tell, &walk, err);
	ph_dynamic_close(&dynamic);
	return r;
}
