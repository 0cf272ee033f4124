#include "lib/directory/expand_ahead.h"

#include "lib/directory/members.h"
#include "lib/directory/resolve_steps.h"

/* Steps that are looked up for many at once; a longer chain goes on alone. */
#define STEPS_AHEAD 3
/* They are in memory. */
#define GROUPS_AHEAD 20

void
ph_lookahead_init(struct ph_lookahead *ahead, struct ph_directory *directory)
{
	*ahead = (struct ph_lookahead){.groups = ph_batch_new(directory),
				       .people = ph_batch_new(directory)};
}

void
ph_lookahead_fini(struct ph_lookahead *ahead)
{
	ph_batch_free(&ahead->groups);
	ph_batch_free(&ahead->people);
}

/* ---- people ------------------------------------------------------------- */

static GPtrArray *
list_onward(const struct ph_batch *people, const GPtrArray *names)
{
	GPtrArray *next = g_ptr_array_new();

	for (guint i = 0; i < names->len; i++) {
		const struct ph_object *entry =
		    ph_batch_entry(people, names->pdata[i]);
		const char *onward =
		    entry != NULL ? ph_entry_onward(entry) : NULL;

		if (onward != NULL)
			g_ptr_array_add(next, (gpointer)onward);
	}
	return next;
}

void
ph_lookahead_people(struct ph_lookahead *ahead, const char *const *names,
		    size_t n)
{
	g_autoptr(GPtrArray) level = g_ptr_array_new();

	ph_batch_forget(ahead->people);
	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(level, (gpointer)names[i]);
	for (unsigned step = 0; step < STEPS_AHEAD && level->len > 0; step++) {
		GPtrArray *next;

		ph_batch_ask(ahead->people, (const char *const *)level->pdata,
			     level->len);
		next = list_onward(ahead->people, level);
		g_ptr_array_unref(level);
		level = next;
	}
}

/* ---- groups ------------------------------------------------------------- */

static const struct ph_member *
member_at(const struct ph_expansion *expansion, guint i)
{
	return expansion->members->pdata[i];
}

static void
look_at_groups(struct ph_lookahead *ahead, const struct ph_expansion *expansion,
	       guint first)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const guint n = expansion->members->len;

	ph_batch_forget(ahead->groups);
	for (guint i = first; i < n && names->len < GROUPS_AHEAD; i++) {
		const struct ph_member *member = member_at(expansion, i);

		if (member->fate == PH_MEMBER_GROUP)
			g_ptr_array_add(names, member->address);
		ahead->groups_until = i + 1;
	}
	ph_batch_ask(ahead->groups, (const char *const *)names->pdata,
		     names->len);
}

/* Whether there is room for all of them among the others. */
static bool
add_people(GPtrArray *names, const struct ph_object *group)
{
	const char *const *member = ph_object_list(group, "Members");

	if (names->len + g_strv_length((char **)(uintptr_t)member) >
	    PH_DIRECTORY_MANY)
		return false;
	for (; *member != NULL; member++)
		g_ptr_array_add(names, (gpointer)*member);
	return true;
}

/* Of several small groups at once; a large one looks at its own. */
static void
look_at_people(struct ph_lookahead *ahead, const struct ph_expansion *expansion,
	       guint first)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint i = first; i < ahead->groups_until; i++) {
		const struct ph_member *member = member_at(expansion, i);
		const struct ph_object *group =
		    ph_batch_entry(ahead->groups, member->address);

		if (member->fate != PH_MEMBER_GROUP)
			continue;
		if (group == NULL || ph_entry_is_dynamic(group) ||
		    !add_people(names, group))
			break;
		ahead->people_until = i + 1;
	}
	if (names->len > 0)
		ph_lookahead_people(ahead, (const char *const *)names->pdata,
				    names->len);
}

void
ph_lookahead_groups(struct ph_lookahead *ahead,
		    const struct ph_expansion *expansion, guint i)
{
	if (i >= ahead->groups_until)
		look_at_groups(ahead, expansion, i);
	if (i >= ahead->people_until)
		look_at_people(ahead, expansion, i);
}
