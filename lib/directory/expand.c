#include "lib/directory/expand.h"

#include "lib/base/text.h"
#include "lib/directory/expand_ahead.h"
#include "lib/directory/members.h"
#include "lib/directory/resolve_steps.h"
#include "lib/directory/texts.h"

#include <string.h>
#include <strings.h>

/* ---- what a group wants ------------------------------------------------- */

void
ph_group_wishes(const struct ph_object *group, struct ph_group_wishes *wishes_r)
{
	bool manager = ph_object_bool(group, "ReportToManagerEnabled");

	/* Exchange allows one of the two. */
	*wishes_r = (struct ph_group_wishes){
	    .server = ph_object_text(group, "ExpansionServer"),
	    .to_manager = manager,
	    .to_sender =
		!manager && ph_object_bool(group, "ReportToOriginatorEnabled"),
	    .no_replies =
		!ph_object_bool(group, "SendOofMessageToOriginatorEnabled"),
	};
}

static bool
is_elsewhere(const struct ph_group_wishes *wishes, const char *server)
{
	return wishes->server != NULL && *wishes->server != '\0' &&
	       (server == NULL || strcasecmp(wishes->server, server) != 0);
}

bool
ph_group_is_apart(const struct ph_expand_options *options,
		  const struct ph_object *group)
{
	struct ph_group_wishes wishes;
	unsigned apart = options->apart;

	ph_group_wishes(group, &wishes);
	return ((apart & PH_APART_DYNAMIC) && ph_entry_is_dynamic(group)) ||
	       ((apart & PH_APART_REPORTS) && !wishes.to_sender) ||
	       ((apart & PH_APART_REPLIES) && wishes.no_replies) ||
	       ((apart & PH_APART_SERVER) &&
		is_elsewhere(&wishes, options->server));
}

/* ---- the answer while it is made ---------------------------------------- */

/* Groups still to be opened are looked up again when their turn comes: of a
 * large organisation only names are in memory. */
struct work {
	const struct ph_expand_options *options;
	struct ph_expansion *expansion;
	GHashTable *known; /* folded address -> index of the member */
	guint groups, counted;
	struct ph_lookahead ahead;
};

static void
free_member(gpointer data)
{
	struct ph_member *member = data;

	g_free(member->address);
	g_free(member->given);
	g_free(member->to);
	g_free(member->refusal);
	g_free(member);
}

void
ph_expansion_free(struct ph_expansion **expansion)
{
	struct ph_expansion *p = *expansion;

	if (p == NULL)
		return;
	*expansion = NULL;
	g_ptr_array_unref(p->members);
	g_array_unref(p->again);
	g_free(p);
}

static struct ph_member *
member_at(const struct ph_expansion *expansion, guint i)
{
	return expansion->members->pdata[i];
}

/* Whether it is new; its index in *index_r. key tells it from others; one who
 * only sends on is told from one who gets the message. */
static bool
add_member(struct work *work, bool passed, const char *key, const char *address,
	   guint from, guint *index_r)
{
	struct ph_expansion *expansion = work->expansion;
	g_autofree char *folded = ph_fold(key);
	g_autofree char *name = g_strconcat(passed ? ">" : "", folded, NULL);
	struct ph_member *member;
	gpointer found;

	if (g_hash_table_lookup_extended(work->known, name, NULL, &found)) {
		const struct ph_member_again again = {from,
						      GPOINTER_TO_UINT(found)};

		g_array_append_val(expansion->again, again);
		*index_r = again.to;
		return false;
	}
	member = g_new0(struct ph_member, 1);
	member->address = g_strdup(address);
	member->from = from;
	*index_r = expansion->members->len;
	g_hash_table_insert(work->known, g_steal_pointer(&name),
			    GUINT_TO_POINTER(*index_r));
	g_ptr_array_add(expansion->members, member);
	return true;
}

static void
refuse(struct work *work, guint i, const char *refusal)
{
	struct ph_member *member = member_at(work->expansion, i);

	member->fate = PH_MEMBER_REFUSED;
	member->refusal = g_strdup(refusal);
	work->counted++;
}

/* ---- one member --------------------------------------------------------- */

static bool
was_opened(const struct work *work, const char *address)
{
	g_autofree char *folded = ph_fold(address);

	return work->options->opened != NULL &&
	       g_hash_table_contains(work->options->opened, folded);
}

/* Of a step that gets the message: a group is one to be opened. */
static void
take_recipient(struct work *work, struct ph_member *member,
	       const struct ph_object *entry)
{
	if (entry == NULL || !ph_entry_is_group(entry)) {
		member->fate = PH_MEMBER_RECIPIENT;
		work->counted++;
	} else if (was_opened(work, member->address)) {
		member->fate = PH_MEMBER_BEFORE;
	} else if (ph_group_is_apart(work->options, entry)) {
		member->fate = PH_MEMBER_APART;
		work->counted++;
	} else {
		member->fate = PH_MEMBER_GROUP;
		work->groups++;
	}
}

static void
describe(struct ph_member *member, const struct ph_step *step)
{
	const char *to = ph_step_destination(step);

	member->by = step->by;
	if (!ph_fold_same(step->at.original, member->address))
		member->given = g_strdup(step->at.original);
	if (!ph_fold_same(to, member->address))
		member->to = g_strdup(to);
}

/* Two contacts with one destination are one recipient. */
static guint
take_step(struct work *work, const struct ph_step *step, guint from)
{
	bool passed = step->fate == PH_STEP_PASSED;
	bool refused = step->fate == PH_STEP_REFUSED;
	const char *address = step->at.address;
	struct ph_member *member;
	guint i;

	if (!add_member(work, passed,
			passed || refused ? address : ph_step_destination(step),
			address, from, &i))
		return i;
	member = member_at(work->expansion, i);
	describe(member, step);
	switch (step->fate) {
	case PH_STEP_PASSED:
	case PH_STEP_AGAIN:
		member->fate = PH_MEMBER_PASSED;
		break;
	case PH_STEP_RECIPIENT:
		take_recipient(work, member, step->at.entry);
		break;
	case PH_STEP_REFUSED:
		refuse(work, i, step->refusal);
		member->bare =
		    step->by == PH_BY_SENDER && step->at.entry == NULL;
		break;
	}
	return i;
}

static void
take_steps(struct work *work, const GPtrArray *steps, guint from)
{
	for (guint i = 0; i < steps->len; i++)
		from = take_step(work, steps->pdata[i], from);
}

static int
add_address(struct work *work, const char *address, guint from,
	    struct ph_err *err)
{
	const struct ph_expand_options *options = work->options;
	g_autoptr(GPtrArray) steps = NULL;
	struct ph_err why = PH_ERR_INIT;
	guint i;

	if (ph_resolve_steps(ph_batch_directory(work->ahead.people),
			     options->snapshot, address, options->sender,
			     &steps, &why) == 0) {
		take_steps(work, steps, from);
		return 0;
	}
	if (why.kind != PH_ERR_PERM)
		return ph_err_set(err, why.kind, "member <%s>: %s", address,
				  why.text);
	/* Of two entries with its address none is chosen. */
	if (add_member(work, false, address, address, from, &i)) {
		refuse(work, i, PH_TEXT_AMBIGUOUS);
		member_at(work->expansion, i)->bare = true;
	}
	return 0;
}

/* ---- one group ---------------------------------------------------------- */

static int
add_name(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	GPtrArray *names = arg;

	if (names->len >= PH_EXPAND_LIMIT)
		return ph_err_set(err, PH_ERR_TEMP, "more than %zu members",
				  PH_EXPAND_LIMIT);
	g_ptr_array_add(names, g_strdup(ph_entry_primary(entry)));
	return 0;
}

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of those directly in it, in an order that does not change. 0 or -1.
 */
static int
list_names(const struct work *work, const struct ph_object *group,
	   GPtrArray *names, struct ph_err *err)
{
	const char *const *member = ph_object_list(group, "Members");

	if (ph_entry_is_dynamic(group)) {
		if (ph_directory_walk(work->options->directory, group, add_name,
				      names, err) < 0)
			return -1;
		g_ptr_array_sort(names, compare_texts);
		return 0;
	}
	for (; *member != NULL; member++)
		g_ptr_array_add(names, g_strdup(*member));
	return 0;
}

/* ---- one group after the other ------------------------------------------ */

/* 1 go on, 0 there are more than limit, -1. */
static int
check_counts(const struct work *work, struct ph_err *err)
{
	size_t limit = work->options->limit;

	if (limit > 0 && work->counted > limit)
		return 0;
	if (work->counted > PH_EXPAND_LIMIT)
		return ph_err_set(err, PH_ERR_TEMP, "more than %zu members",
				  PH_EXPAND_LIMIT);
	if (work->groups > PH_MEMBERS_GROUPS)
		return ph_err_set(err, PH_ERR_TEMP, "more than %d groups",
				  PH_MEMBERS_GROUPS);
	return 1;
}

/* The same. */
static int
open_group(struct work *work, const struct ph_object *group, guint i,
	   struct ph_err *err)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	struct ph_err why = PH_ERR_INIT;
	int r = list_names(work, group, names, &why);

	if (r < 0 && why.kind == PH_ERR_PERM && i > 0) {
		refuse(work, i, PH_TEXT_BAD_GROUP);
		return 1;
	}
	if (r < 0)
		return ph_err_set(err, why.kind, "%s",
				  why.kind == PH_ERR_PERM ? PH_TEXT_BAD_GROUP
							  : why.text);
	for (guint k = 0; k < names->len; k++) {
		if (i >= work->ahead.people_until && k % PH_DIRECTORY_MANY == 0)
			ph_lookahead_people(
			    &work->ahead, (const char *const *)&names->pdata[k],
			    MIN(names->len - k, PH_DIRECTORY_MANY));
		if (add_address(work, names->pdata[k], i, err) < 0)
			return -1;
		r = check_counts(work, err);
		if (r <= 0)
			return r;
	}
	return 1;
}

/* One that was found to be a group. It may have gone meanwhile. */
static int
open_found(struct work *work, guint i, struct ph_err *err)
{
	const char *address = member_at(work->expansion, i)->address;
	struct ph_object *group = NULL;
	int r;

	ph_lookahead_groups(&work->ahead, work->expansion, i);
	r = ph_directory_find(ph_batch_directory(work->ahead.groups), address,
			      &group, err);
	if (r == 1)
		r = open_group(work, group, i, err);
	else if (r == 0)
		r = 1;
	ph_object_unref(&group);
	return r;
}

/* All who are in it send on to it: the message must not vanish. */
static void
end_circle(struct work *work)
{
	const GPtrArray *members = work->expansion->members;

	if (work->counted > 0)
		return;
	for (guint i = 0; i < members->len; i++)
		if (member_at(work->expansion, i)->fate == PH_MEMBER_PASSED)
			refuse(work, i, PH_TEXT_LOOP);
}

static int
open_all(struct work *work, const struct ph_object *group, struct ph_err *err)
{
	GPtrArray *members = work->expansion->members;
	int r = open_group(work, group, 0, err);

	for (guint i = 1; r == 1 && i < members->len; i++)
		if (member_at(work->expansion, i)->fate == PH_MEMBER_GROUP)
			r = open_found(work, i, err);
	if (r == 1)
		end_circle(work);
	return r;
}

int
ph_expand(const struct ph_expand_options *options,
	  const struct ph_object *group, struct ph_expansion **expansion_r,
	  struct ph_err *err)
{
	struct work work = {.options = options, .groups = 1};
	struct ph_err why = PH_ERR_INIT;
	const char *address = ph_entry_primary(group);
	guint i;
	int r;

	work.expansion = g_new0(struct ph_expansion, 1);
	work.expansion->members = g_ptr_array_new_with_free_func(free_member);
	work.expansion->again =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_member_again));
	work.known =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	ph_lookahead_init(&work.ahead, options->directory);
	(void)add_member(&work, false, address, address, 0, &i);
	r = open_all(&work, group, &why);
	ph_lookahead_fini(&work.ahead);
	g_hash_table_unref(work.known);
	if (r == 1)
		*expansion_r = g_steal_pointer(&work.expansion);
	ph_expansion_free(&work.expansion);
	if (r == -1 && why.kind == PH_ERR_PERM)
		return ph_err_set(err, why.kind, "%s", why.text);
	return r < 0 ? ph_err_set(err, why.kind, "group <%s>: %s", address,
				  why.text)
		     : r;
}
