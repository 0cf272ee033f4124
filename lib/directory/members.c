#include "lib/directory/members.h"

#include "lib/base/text.h"
#include "lib/directory/directory_batch.h"
#include "lib/directory/entry.h"

#include <string.h>

bool
ph_entry_is_group(const struct ph_object *entry)
{
	const char *type = ph_object_text(entry, "RecipientType");

	return type != NULL && g_str_has_suffix(type, "Group");
}

bool
ph_entry_is_dynamic(const struct ph_object *entry)
{
	return strcmp(ph_object_text(entry, "RecipientType"),
		      "DynamicDistributionGroup") == 0;
}

/* Groups still to be opened, and those that were or will be. */
struct walk {
	struct ph_directory *directory;
	GPtrArray *open; /* char *, owned by seen */
	GHashTable *seen;
};

static void
walk_init(struct walk *walk, struct ph_directory *directory)
{
	walk->directory = directory;
	walk->open = g_ptr_array_new();
	walk->seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void
walk_fini(struct walk *walk)
{
	g_ptr_array_unref(walk->open);
	g_hash_table_unref(walk->seen);
}

static void
walk_add(struct walk *walk, const char *address)
{
	g_autofree char *folded = ph_fold(address);

	/* Adding a key again would free the one that open borrows. */
	if (g_hash_table_contains(walk->seen, folded))
		return;
	g_ptr_array_add(walk->open, folded);
	g_hash_table_add(walk->seen, g_steal_pointer(&folded));
}

static int
check_group(const struct walk *walk, const struct ph_object *group,
	    struct ph_err *err)
{
	if (g_hash_table_size(walk->seen) > PH_MEMBERS_GROUPS)
		return ph_err_set(err, PH_ERR_TEMP,
				  "group <%s> holds more than %d groups",
				  ph_object_name(group), PH_MEMBERS_GROUPS);
	return 0;
}

/* ---- is somebody in it? ------------------------------------------------- */

/* A member that may be a group. */
struct inside {
	const char *name; /* folded, owned by names */
	char *group;	  /* that it is in */
};

/*
 * Groups are opened only as far as an answer needs it, level by level, and each
 * once for all questions: a client may name 100,000 addresses.
 */
struct ph_member_search {
	struct walk walk;
	guint n_roots;	   /* of walk.open: the groups that are asked about */
	unsigned excluded; /* questions to the directory, instead */
	guint opened;	   /* of walk.open */
	/* Adding a key again would free the one that inside borrows. */
	GHashTable *names;	/* folded, of members of opened groups */
	GArray *inside;		/* struct inside: of these groups */
	guint looked_up;	/* of inside */
	struct ph_err failed;	/* the first of what could not be said */
	struct ph_batch *ahead; /* what comes next of open or inside */
	guint ahead_of_open;
};

static void
clear_inside(void *data)
{
	struct inside *inside = data;

	g_free(inside->group);
}

struct ph_member_search *
ph_member_search_new(struct ph_directory *directory, const char *const *groups)
{
	struct ph_member_search *search = g_new0(struct ph_member_search, 1);

	walk_init(&search->walk, directory);
	search->names =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	search->inside = g_array_new(FALSE, FALSE, sizeof(struct inside));
	g_array_set_clear_func(search->inside, clear_inside);
	search->ahead = ph_batch_new(directory);
	for (; *groups != NULL; groups++)
		walk_add(&search->walk, *groups);
	search->n_roots = search->walk.open->len;
	return search;
}

void
ph_member_search_free(void *data)
{
	struct ph_member_search *search = data;

	if (search == NULL)
		return;
	walk_fini(&search->walk);
	g_hash_table_unref(search->names);
	g_array_unref(search->inside);
	ph_batch_free(&search->ahead);
	g_free(search);
}

/* ---- one level of groups ------------------------------------------------ */

/* They are in memory. */
#define GROUPS_AHEAD 20

/* Who is in a dynamic group is known by all addresses at once. */
static int
note_member(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	struct ph_member_search *search = arg;
	g_autoptr(GPtrArray) addresses = ph_entry_addresses(entry);

	(void)err;
	for (guint i = 0; i < addresses->len; i++)
		if (!g_hash_table_contains(search->names, addresses->pdata[i]))
			g_hash_table_add(search->names,
					 g_strdup(addresses->pdata[i]));
	if (ph_entry_is_group(entry))
		walk_add(&search->walk, ph_object_name(entry));
	return 0;
}

static void
note_members(struct ph_member_search *search, const struct ph_object *group)
{
	const char *const *member = ph_object_list(group, "Members");

	for (; *member != NULL; member++) {
		char *folded = ph_fold(*member);
		const struct inside inside = {folded,
					      g_strdup(ph_object_name(group))};

		if (g_hash_table_contains(search->names, folded)) {
			g_free(folded);
			g_free(inside.group);
			continue;
		}
		g_hash_table_add(search->names, folded);
		g_array_append_val(search->inside, inside);
	}
}

static void
look_at_groups(struct ph_member_search *search)
{
	const GPtrArray *open = search->walk.open;
	const guint n = MIN(open->len - search->opened, GROUPS_AHEAD);

	ph_batch_forget(search->ahead);
	ph_batch_ask(search->ahead,
		     (const char *const *)&open->pdata[search->opened], n);
	search->ahead_of_open = search->opened + n;
}

/* One group: its members' names; those inside it are left for later. */
static int
open_group(struct ph_member_search *search, struct ph_err *err)
{
	const char *address = search->walk.open->pdata[search->opened];
	struct ph_object *group = NULL;
	int r;

	if (search->opened >= search->ahead_of_open)
		look_at_groups(search);
	search->opened++;
	r = ph_directory_find(ph_batch_directory(search->ahead), address,
			      &group, err);
	if (r < 0)
		return ph_err_wrap(err, "group <%s>", address);
	if (r == 1 && ph_entry_is_group(group)) {
		r = check_group(&search->walk, group, err);
		if (r == 0 && ph_entry_is_dynamic(group))
			r = ph_directory_walk(search->walk.directory, group,
					      note_member, search, err);
		else if (r == 0)
			note_members(search, group);
	} else {
		r = 0;
	}
	ph_object_unref(&group);
	return r;
}

/* ---- the next level ----------------------------------------------------- */

/* Of the members only groups are opened. One that cannot be looked up keeps
 * none of the others out. */
static int
look_up(struct ph_member_search *search, const struct inside *inside,
	struct ph_err *err)
{
	struct ph_object *entry = NULL;
	int r = ph_directory_find(ph_batch_directory(search->ahead),
				  inside->name, &entry, err);

	if (r < 0)
		return ph_err_wrap(err, "group <%s>, member <%s>",
				   inside->group, inside->name);
	if (r == 1 && ph_entry_is_group(entry))
		walk_add(&search->walk, inside->name);
	ph_object_unref(&entry);
	return 0;
}

static int
look_up_some(struct ph_member_search *search, struct ph_err *err)
{
	const guint n = MIN(search->inside->len - search->looked_up,
			    (guint)PH_DIRECTORY_MANY);
	const struct inside *inside =
	    &g_array_index(search->inside, struct inside, search->looked_up);
	const char *names[PH_DIRECTORY_MANY];
	int answer = 0;

	for (guint i = 0; i < n; i++)
		names[i] = inside[i].name;
	ph_batch_forget(search->ahead);
	ph_batch_ask(search->ahead, names, n);
	for (guint i = 0; i < n; i++)
		if (look_up(search, &inside[i], err) < 0)
			answer = -1;
	search->looked_up += n;
	search->ahead_of_open = search->opened;
	return answer;
}

/* False: there is nothing left to do. */
static bool
search_on(struct ph_member_search *search)
{
	struct ph_err err = PH_ERR_INIT;
	int r;

	if (search->opened < search->walk.open->len)
		r = open_group(search, &err);
	else if (search->looked_up < search->inside->len)
		r = look_up_some(search, &err);
	else
		return false;
	if (r < 0 && search->failed.kind == PH_ERR_NONE)
		search->failed = err;
	return true;
}

static bool
has_name(const struct ph_member_search *search, const GPtrArray *addresses)
{
	for (guint i = 0; i < addresses->len; i++)
		if (g_hash_table_contains(search->names, addresses->pdata[i]))
			return true;
	return false;
}

/* ---- without looking at all --------------------------------------------- */

/* Members of a level that are looked up rather; and questions of one search
 * after which they are all the same, because that serves for all. */
#define FEW_INSIDE 1000
#define QUESTIONS 10

static bool
is_excluded(struct ph_member_search *search, const GPtrArray *addresses)
{
	g_autofree const char **groups =
	    g_new0(const char *, search->n_roots + 1);
	g_autofree const char **who = g_new0(const char *, addresses->len + 1);

	memcpy(groups, search->walk.open->pdata,
	       search->n_roots * sizeof *groups);
	memcpy(who, addresses->pdata, addresses->len * sizeof *who);
	search->excluded++;
	return ph_directory_excludes(search->walk.directory, groups, who,
				     NULL) == 1;
}

/* Is there much to be looked at, and nothing yet that cannot be said? */
static bool
may_exclude(const struct ph_member_search *search)
{
	return search->opened == search->walk.open->len &&
	       search->inside->len - search->looked_up > FEW_INSIDE &&
	       search->failed.kind == PH_ERR_NONE &&
	       search->excluded < QUESTIONS;
}

int
ph_member_search_has(struct ph_member_search *search,
		     const GPtrArray *addresses, struct ph_err *err)
{
	bool asked = false;

	/* One yes is enough, whatever else cannot be said. */
	do {
		if (has_name(search, addresses))
			return 1;
		if (!asked && may_exclude(search)) {
			asked = true;
			if (is_excluded(search, addresses))
				return 0;
		}
	} while (search_on(search));
	return search->failed.kind == PH_ERR_NONE
		   ? 0
		   : ph_err_set(err, search->failed.kind, "%s",
				search->failed.text);
}

/* ---- how many may be in it? ---- */

#define DEFAULT_LIMIT 1000

size_t
ph_members_limit(const struct ph_snapshot *snapshot)
{
	const struct ph_object *config =
	    ph_snapshot_find(snapshot, "transportconfig", NULL);

	return config != NULL
		   ? (size_t)ph_object_int(config, "ExpansionSizeLimit")
		   : DEFAULT_LIMIT;
}
