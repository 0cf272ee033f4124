#include "lib/directory/expand.h"

#include <string.h>

const char *
ph_member_fate_name(enum ph_member_fate fate)
{
	static const char *const names[] = {
	    [PH_MEMBER_GROUP] = "group",
	    [PH_MEMBER_PASSED] = "passed",
	    [PH_MEMBER_RECIPIENT] = "recipient",
	    [PH_MEMBER_APART] = "apart",
	    [PH_MEMBER_BEFORE] = "before",
	    [PH_MEMBER_REFUSED] = "refused",
	};

	return names[fate];
}

/* ---- ways to a member --------------------------------------------------- */

/* From the member upwards: the way so far, its end first. */
struct climb {
	const struct ph_expansion *expansion;
	GArray *way;
	GPtrArray *paths;
	size_t limit;
};

static bool
is_on_way(const GArray *way, guint i)
{
	for (guint k = 0; k < way->len; k++)
		if (g_array_index(way, guint, k) == i)
			return true;
	return false;
}

static void
add_path(const struct climb *climb)
{
	GArray *path = g_array_new(FALSE, FALSE, sizeof(guint));

	for (guint k = climb->way->len; k > 0; k--)
		g_array_append_val(path,
				   g_array_index(climb->way, guint, k - 1));
	g_ptr_array_add(climb->paths, path);
}

/* A way has as many steps as groups inside each other, but somebody may make
 * thousands of these. */
#define DEPTH 200

static void climb_from(struct climb *climb, guint i);

static void
climb_to(struct climb *climb, guint from)
{
	if (climb->paths->len < climb->limit && climb->way->len < DEPTH &&
	    !is_on_way(climb->way, from))
		climb_from(climb, from);
}

static void
climb_from(struct climb *climb, guint i)
{
	const struct ph_expansion *expansion = climb->expansion;
	const struct ph_member *member = expansion->members->pdata[i];

	g_array_append_val(climb->way, i);
	if (i == 0) {
		add_path(climb);
	} else {
		climb_to(climb, member->from);
		for (guint k = 0; k < expansion->again->len; k++) {
			const struct ph_member_again *again = &g_array_index(
			    expansion->again, struct ph_member_again, k);

			if (again->to == i)
				climb_to(climb, again->from);
		}
	}
	g_array_set_size(climb->way, climb->way->len - 1);
}

static void
free_path(gpointer data)
{
	g_array_unref(data);
}

GPtrArray *
ph_expansion_paths(const struct ph_expansion *expansion, guint member,
		   size_t limit)
{
	g_autoptr(GArray) way = g_array_new(FALSE, FALSE, sizeof(guint));
	struct climb climb = {
	    .expansion = expansion,
	    .way = way,
	    .paths = g_ptr_array_new_with_free_func(free_path),
	    .limit = limit,
	};

	climb_from(&climb, member);
	return climb.paths;
}

/* ---- what was done ------------------------------------------------------ */

static bool
is_opened(const struct ph_member *member)
{
	return member->fate == PH_MEMBER_GROUP;
}

static const char *
goes_to(const struct ph_member *member)
{
	return member->to != NULL ? member->to : member->address;
}

static const struct ph_member_again *
again_at(const struct ph_expansion *expansion, guint i)
{
	return &g_array_index(expansion->again, struct ph_member_again, i);
}

/* In one pass: a list of addresses for each member that is a group. */
static GPtrArray *
make_lists(const struct ph_expansion *expansion)
{
	GPtrArray *lists = g_ptr_array_new_full(expansion->members->len, NULL);

	for (guint i = 0; i < expansion->members->len; i++)
		g_ptr_array_add(lists, is_opened(expansion->members->pdata[i])
					   ? g_ptr_array_new()
					   : NULL);
	return lists;
}

static void
list(const struct ph_expansion *expansion, GPtrArray *lists, guint from,
     guint to)
{
	const struct ph_member *member = expansion->members->pdata[to];

	if (lists->pdata[from] != NULL)
		g_ptr_array_add(lists->pdata[from], member->address);
}

/* Frees the lists. An empty group was expanded as well. */
static void
tell_lists(const struct ph_expansion *expansion,
	   const struct ph_expansion_notes *notes, const char *event,
	   bool empty, GPtrArray *lists)
{
	for (guint i = 0; i < lists->len; i++) {
		const struct ph_member *group = expansion->members->pdata[i];
		GPtrArray *members = lists->pdata[i];

		if (members == NULL)
			continue;
		if (empty || members->len > 0)
			notes->group(notes->arg, event, group->address,
				     members);
		g_ptr_array_unref(members);
	}
	g_ptr_array_unref(lists);
}

static void
tell_groups(const struct ph_expansion *expansion,
	    const struct ph_expansion_notes *notes)
{
	GPtrArray *held = make_lists(expansion);
	GPtrArray *doubled = make_lists(expansion);

	for (guint i = 1; i < expansion->members->len; i++) {
		const struct ph_member *member = expansion->members->pdata[i];

		list(expansion, held, member->from, i);
	}
	for (guint i = 0; i < expansion->again->len; i++) {
		const struct ph_member_again *again = again_at(expansion, i);

		list(expansion, doubled, again->from, again->to);
	}
	tell_lists(expansion, notes, "EXPAND", true, held);
	tell_lists(expansion, notes, "DUPLICATEEXPAND", false, doubled);
}

static void
tell_step(const struct ph_expansion *expansion,
	  const struct ph_expansion_notes *notes,
	  const struct ph_member *member)
{
	const struct ph_member *from = expansion->members->pdata[member->from];

	if (member->fate == PH_MEMBER_REFUSED)
		return;
	if (member->by == PH_BY_FORWARD)
		notes->step(notes->arg, "REDIRECT", from->address,
			    goes_to(member));
	else if (member->given != NULL || member->to != NULL)
		notes->step(notes->arg, "RESOLVE",
			    member->given != NULL ? member->given
						  : member->address,
			    goes_to(member));
}

static void
tell_steps(const struct ph_expansion *expansion,
	   const struct ph_expansion_notes *notes)
{
	for (guint i = 1; i < expansion->members->len; i++)
		tell_step(expansion, notes, expansion->members->pdata[i]);
	for (guint i = 0; i < expansion->again->len; i++) {
		const struct ph_member_again *again = again_at(expansion, i);
		const struct ph_member *from =
		    expansion->members->pdata[again->from];

		if (!is_opened(from))
			notes->step(
			    notes->arg, "DUPLICATEREDIRECT", from->address,
			    goes_to(expansion->members->pdata[again->to]));
	}
}

void
ph_expansion_tell(const struct ph_expansion *expansion,
		  const struct ph_expansion_notes *notes)
{
	if (notes->step != NULL)
		tell_steps(expansion, notes);
	if (notes->group != NULL)
		tell_groups(expansion, notes);
}
