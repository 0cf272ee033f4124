#include "cli/rule.h"

#include "cli/change.h"
#include "lib/base/text.h"

#include <stdio.h>
#include <string.h>

const struct ph_option ph_rule_move_options[] = {
    {"before", "OTHER", "just before this rule"},
    {"after", "OTHER", "just after this rule"},
    {"first", NULL, "before all others"},
    {"last", NULL, "after all others"},
    {"to", "N", "N rules run before it; its Priority becomes N"},
    {NULL, NULL, NULL},
};

/* ---- numbers ------------------------------------------------------------ */

static void
rearrange(struct ph_place *places, size_t from, size_t to)
{
	struct ph_place moved = places[from];

	if (from < to)
		memmove(&places[from], &places[from + 1],
			(to - from) * sizeof *places);
	else
		memmove(&places[to + 1], &places[to],
			(from - to) * sizeof *places);
	places[to] = moved;
}

static int64_t
number_of(const struct ph_place *place)
{
	return place->to >= 0 ? place->to : place->priority;
}

static void
set_number(struct ph_place *place, int64_t number)
{
	place->to = place->priority == number ? -1 : number;
}

/* What has no number runs last, so what comes to stand before the moved rule
 * needs one; where they are counted each gets its own. Returns the last. */
static int64_t
number_before(struct ph_place *places, size_t to, bool counted)
{
	int64_t last = -1;

	for (size_t i = 0; i < to; i++) {
		if (counted || places[i].priority == INT64_MAX)
			set_number(&places[i], last + 1);
		last = number_of(&places[i]);
	}
	return last;
}

void
ph_places_move(struct ph_place *places, size_t n, size_t from, size_t to,
	       bool counted)
{
	int64_t last;

	for (size_t i = 0; i < n; i++)
		places[i].to = -1;
	if (from == to && !counted)
		return;
	rearrange(places, from, to);
	last = number_before(places, to, counted) + 1;
	set_number(&places[to], last);
	/* Those behind give way as far as the numbers are taken. */
	for (size_t i = to + 1; i < n && places[i].priority <= last; i++)
		set_number(&places[i], ++last);
}

/* ---- where to ----------------------------------------------------------- */

struct move {
	const GPtrArray *rules; /* struct ph_object *, in order */
	struct ph_place *places;
	size_t from, to;
	bool counted;
};

/* Position in the order; a failure is said. */
static int
find_rule(const struct move *move, const struct ph_snapshot *snapshot,
	  const char *typed, size_t *at_r)
{
	const struct ph_object *rule =
	    ph_snapshot_find(snapshot, "rule", typed);
	guint at;

	if (rule && g_ptr_array_find((GPtrArray *)move->rules, rule, &at)) {
		*at_r = at;
		return PH_EXIT_YES;
	}
	if (ph_error_find(snapshot, ph_kind_find("rule"), typed))
		return ph_cli_fail(PH_EXIT_DATA,
				   "rule %s is not valid, so it has no place; "
				   "\"posthub rule list\" says why",
				   typed);
	return ph_cli_fail(PH_EXIT_NO, "rule %s does not exist", typed);
}

/* In the order without the moved rule, next to another. */
static int
find_beside(struct move *move, const struct ph_snapshot *snapshot,
	    const char *other, bool after)
{
	size_t at = 0;
	int status = find_rule(move, snapshot, other, &at);

	if (status != PH_EXIT_YES)
		return status;
	if (at == move->from)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "rule %s cannot be beside itself", other);
	move->to = at - (at > move->from) + after;
	return PH_EXIT_YES;
}

static int
find_counted(struct move *move, const char *text)
{
	int64_t n;

	if (ph_parse_int(text, &n, NULL) < 0 || n < 0 ||
	    n >= (int64_t)move->rules->len)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--to \"%s\": expected a number from 0 to "
				   "%u, as there are %u rules",
				   text, move->rules->len - 1,
				   move->rules->len);
	move->to = (size_t)n;
	move->counted = true;
	return PH_EXIT_YES;
}

static int
find_place(struct move *move, const struct ph_snapshot *snapshot,
	   const struct ph_input *input)
{
	const char *before = ph_input_option(input, "before");
	const char *after = ph_input_option(input, "after");
	const char *to = ph_input_option(input, "to");
	bool first = ph_input_option(input, "first") != NULL;
	bool last = ph_input_option(input, "last") != NULL;

	if ((before != NULL) + (after != NULL) + (to != NULL) + first + last !=
	    1)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "expected one of --before, --after, "
				   "--first, --last, --to");
	if (before)
		return find_beside(move, snapshot, before, false);
	if (after)
		return find_beside(move, snapshot, after, true);
	if (to)
		return find_counted(move, to);
	move->to = first ? 0 : move->rules->len - 1;
	return PH_EXIT_YES;
}

/* ---- writing ------------------------------------------------------------ */

static const struct ph_place *
place_of(const struct move *move, const char *name)
{
	for (guint i = 0; i < move->rules->len; i++)
		if (strcmp(move->places[i].name, name) == 0)
			return &move->places[i];
	return NULL;
}

static int
plan_number(struct ph_change *change, const void *context)
{
	const struct ph_place *place = place_of(context, change->name);
	const char *stored = ph_change_get(change, "Priority");
	char number[32];
	int64_t now;

	if (!stored || ph_parse_int(stored, &now, NULL) < 0)
		now = INT64_MAX;
	/* Another order than the one that was looked at. */
	if (!place || change->stored->len == 0 || now != place->priority)
		return ph_cli_fail(PH_EXIT_TEMPORARY,
				   "the order is being changed by somebody "
				   "else; nothing was changed, try again");
	g_snprintf(number, sizeof number, "%" G_GINT64_FORMAT, place->to);
	ph_change_set(change, "Priority", number);
	return 0;
}

static int
write_numbers(struct ph_cli *cli, const struct move *move)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	int status = PH_EXIT_YES;

	for (guint i = 0; i < move->rules->len; i++)
		if (move->places[i].to >= 0)
			g_ptr_array_add(names, (gpointer)move->places[i].name);
	if (names->len == 0)
		return ph_cli_may_write(cli, &status) < 0 ? status
							  : PH_EXIT_YES;
	g_ptr_array_add(names, NULL);
	return ph_changes_run(cli, ph_kind_find("rule"),
			      (const char *const *)(void *)names->pdata, "move",
			      plan_number, move);
}

/* ---- the new order ------------------------------------------------------ */

static void
show(const struct ph_cli *cli, const struct move *move)
{
	static const char *const columns[] = {"Priority", "Name", "Before",
					      NULL};
	struct ph_table *table = ph_table_new(columns);

	for (guint i = 0; i < move->rules->len; i++) {
		const struct ph_place *place = &move->places[i];
		g_autofree char *was = ph_priority_text(place->priority);
		g_autofree char *now = ph_priority_text(number_of(place));

		ph_table_add(table,
			     (const char *[]){now, place->name,
					      place->to >= 0 ? was : NULL});
	}
	ph_table_show(table, cli->json);
	ph_table_free(&table);
}

static int
run_move(struct ph_cli *cli, const struct ph_input *input,
	 const struct ph_snapshot *snapshot, struct move *move)
{
	size_t n = move->rules->len;
	int status = find_rule(move, snapshot, input->words[0], &move->from);

	if (status == PH_EXIT_YES)
		status = find_place(move, snapshot, input);
	if (status != PH_EXIT_YES)
		return status;
	move->places = g_new0(struct ph_place, n);
	for (guint i = 0; i < n; i++) {
		const struct ph_object *rule = move->rules->pdata[i];

		move->places[i].name = ph_object_name(rule);
		move->places[i].priority = ph_rule_priority(rule);
	}
	ph_places_move(move->places, n, move->from, move->to, move->counted);
	status = write_numbers(cli, move);
	if (status == PH_EXIT_YES)
		show(cli, move);
	g_free(move->places);
	return status;
}

int
ph_rule_move(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_snapshot *snapshot = NULL;
	g_autoptr(GPtrArray) rules = NULL;
	struct move move = {.rules = NULL};
	int status = PH_EXIT_YES;

	if (ph_cli_snapshot(cli, false, NULL, &snapshot, &status) < 0)
		return status;
	rules = ph_rules_sorted(snapshot);
	move.rules = rules;
	status = run_move(cli, input, snapshot, &move);
	ph_snapshot_unref(&snapshot);
	return status;
}
