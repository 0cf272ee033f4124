#include "cli/change.h"

#include "cli/output.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define ATTEMPTS 5
#define HISTORY_LENGTH "10000"

/*
 * KEYS: the objects', and if they have a history those of their statistics,
 * then its own. ARGV: how many
 * objects, and for each: how many fields are stored, and these with their
 * values; how many to set, and these; how many to unset, and these; how many
 * words the history's entry has, and these. Statistics go with their object,
 * and a new one begins without. 0: changed meanwhile, nothing was done.
 */
static const char write_hashes[] =
    "local at = 0 "
    "local function take() at = at + 1 return ARGV[at] end "
    "local function list(step) local l = {} "
    "for i = 1, tonumber(take()) * step do l[i] = take() end return l end "
    "local changes = {} "
    "for k = 1, tonumber(take()) do "
    "local old = list(2) "
    "if redis.call('HLEN', KEYS[k]) * 2 ~= #old then return 0 end "
    "for i = 1, #old, 2 do "
    "if redis.call('HGET', KEYS[k], old[i]) ~= old[i + 1] "
    "then return 0 end end "
    "changes[k] = {list(2), list(1), list(1), #old == 0} end "
    "local stats = (#KEYS - 1) / 2 "
    "for k, t in ipairs(changes) do "
    "for i = 1, #t[1], 2 do "
    "redis.call('HSET', KEYS[k], t[1][i], t[1][i + 1]) end "
    "for i = 1, #t[2] do redis.call('HDEL', KEYS[k], t[2][i]) end "
    "if #t[3] > 0 then "
    "if t[4] or redis.call('EXISTS', KEYS[k]) == 0 then "
    "redis.call('DEL', KEYS[stats + k]) end "
    "redis.call('XADD', KEYS[#KEYS], 'MAXLEN', "
    "'~', " HISTORY_LENGTH ", '*', unpack(t[3])) end end "
    "return 1";

/* The same for a key that is a string: its one field has no name there. */
static const char write_string[] =
    "local old = redis.call('GET', KEYS[1]) "
    "if ARGV[1] == '0' and old then return 0 end "
    "local at = 2 "
    "if ARGV[1] == '1' then "
    "if old ~= ARGV[3] then return 0 end at = 4 end "
    "if ARGV[at] == '1' then redis.call('SET', KEYS[1], ARGV[at + 2]) "
    "else redis.call('DEL', KEYS[1]) end "
    "return 1";

/* ---- lists of texts ---------------------------------------------------- */

static const char *
at(const GPtrArray *list, guint i)
{
	return g_ptr_array_index(list, i);
}

static bool
same_field(const struct ph_kind *kind, const char *a, const char *b)
{
	g_autofree char *x = ph_field_name(kind, a);
	g_autofree char *y = ph_field_name(kind, b);

	return g_ascii_strcasecmp(x ? x : a, y ? y : b) == 0;
}

static GPtrArray *
texts_new(void)
{
	return g_ptr_array_new_with_free_func(g_free);
}

/* ---- for plans ---------------------------------------------------------- */

const char *
ph_change_get(const struct ph_change *change, const char *field)
{
	for (guint i = 0; i + 1 < change->stored->len; i += 2) {
		if (same_field(change->kind, at(change->stored, i), field))
			return at(change->stored, i + 1);
	}
	return NULL;
}

void
ph_change_set(struct ph_change *change, const char *field, const char *value)
{
	if (!*value) {
		ph_change_unset(change, field);
		return;
	}
	for (guint i = 0; i + 1 < change->stored->len; i += 2) {
		const char *old = at(change->stored, i);

		if (same_field(change->kind, old, field) &&
		    strcmp(old, field) != 0)
			g_ptr_array_add(change->unset, g_strdup(old));
	}
	g_ptr_array_add(change->set, g_strdup(field));
	g_ptr_array_add(change->set, g_strdup(value));
}

bool
ph_change_unset(struct ph_change *change, const char *field)
{
	bool found = false;

	for (guint i = 0; i + 1 < change->stored->len; i += 2) {
		const char *old = at(change->stored, i);

		if (!same_field(change->kind, old, field))
			continue;
		g_ptr_array_add(change->unset, g_strdup(old));
		found = true;
	}
	return found;
}

/* ---- writing ------------------------------------------------------------ */

static bool
has(const GPtrArray *list, guint step, const char *text)
{
	for (guint i = 0; i < list->len; i += step) {
		if (strcmp(at(list, i), text) == 0)
			return true;
	}
	return false;
}

/* What the object will be. */
static GPtrArray *
merge(const struct ph_change *change)
{
	GPtrArray *merged = texts_new();

	for (guint i = 0; i + 1 < change->stored->len; i += 2) {
		if (has(change->unset, 1, at(change->stored, i)) ||
		    has(change->set, 2, at(change->stored, i)))
			continue;
		g_ptr_array_add(merged, g_strdup(at(change->stored, i)));
		g_ptr_array_add(merged, g_strdup(at(change->stored, i + 1)));
	}
	for (guint i = 0; i < change->set->len; i++)
		g_ptr_array_add(merged, g_strdup(at(change->set, i)));
	return merged;
}

static void
add_counted(GPtrArray *args, const GPtrArray *list, guint step)
{
	g_ptr_array_add(args, g_strdup_printf("%u", list->len / step));
	for (guint i = 0; i < list->len; i++)
		g_ptr_array_add(args, g_strdup(at(list, i)));
}

static char *
who(void)
{
	const struct passwd *user = getpwuid(getuid());
	const char *sudo = g_getenv("SUDO_USER");

	if (sudo && *sudo)
		return g_strdup(sudo);
	return user ? g_strdup(user->pw_name)
		    : g_strdup_printf("uid %u", (unsigned)getuid());
}

static void
add_history(GPtrArray *args, const struct ph_change *change)
{
	json_t *json = json_object();
	char when[PH_DATE_TEXT];
	char *text;

	for (guint i = 0; i + 1 < change->stored->len; i += 2)
		json_object_set_new(json, at(change->stored, i),
				    ph_json_text(at(change->stored, i + 1)));
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	ph_format_date(ph_clock_wall(), when, sizeof when);
	g_ptr_array_add(args, g_strdup("10")); /* words that follow */
	g_ptr_array_add(args, g_strdup("rule"));
	g_ptr_array_add(args, g_strdup(change->name));
	g_ptr_array_add(args, g_strdup("verb"));
	g_ptr_array_add(args, g_strdup(change->verb));
	g_ptr_array_add(args, g_strdup("who"));
	g_ptr_array_add(args, who());
	g_ptr_array_add(args, g_strdup("when"));
	g_ptr_array_add(args, g_strdup(when));
	g_ptr_array_add(args, g_strdup("before"));
	g_ptr_array_add(args, g_strdup(text));
	free(text);
}

static void
add_change(GPtrArray *args, const struct ph_change *change)
{
	add_counted(args, change->stored, 2);
	add_counted(args, change->set, 2);
	add_counted(args, change->unset, 1);
}

/* 1 written, 0 somebody was faster, -1. */
static int
run_script(struct ph_cli *cli, const GPtrArray *args, struct ph_err *err)
{
	const struct ph_command command = {
	    .n = args->len,
	    .args = (const char *const *)(gpointer)args->pdata,
	};
	struct ph_reply *reply = NULL;
	int r;

	if (ph_redis_callv(cli->redis, &command, &reply, err) < 0)
		return -1;
	r = ph_reply_integer(reply) == 1;
	ph_reply_free(&reply);
	return r;
}

static void
add_key(GPtrArray *args, const struct ph_change *change)
{
	g_autofree char *object = ph_object_key(change->kind, change->name);

	g_ptr_array_add(args, ph_cli_key(change->cli, object));
}

static int
write_string_change(const struct ph_change *change, struct ph_err *err)
{
	g_autoptr(GPtrArray) args = texts_new();

	g_ptr_array_add(args, g_strdup("EVAL"));
	g_ptr_array_add(args, g_strdup(write_string));
	g_ptr_array_add(args, g_strdup("1"));
	add_key(args, change);
	add_change(args, change);
	return run_script(change->cli, args, err);
}

static bool
has_history(const struct ph_kind *kind)
{
	return strcmp(kind->name, "rule") == 0;
}

static void
add_stats_key(GPtrArray *args, const struct ph_change *change)
{
	g_autofree char *object = ph_object_key(change->kind, change->name);
	g_autofree char *stats = g_strconcat("stats:", object, NULL);

	g_ptr_array_add(args, ph_cli_key(change->cli, stats));
}

static GPtrArray *
hashes_command(const GPtrArray *changes)
{
	const struct ph_change *first = changes->pdata[0];
	const bool history = has_history(first->kind);
	GPtrArray *args = texts_new();

	g_ptr_array_add(args, g_strdup("EVAL"));
	g_ptr_array_add(args, g_strdup(write_hashes));
	g_ptr_array_add(args,
			g_strdup_printf("%u", history ? 2 * changes->len + 1
						      : changes->len));
	for (guint i = 0; i < changes->len; i++)
		add_key(args, changes->pdata[i]);
	for (guint i = 0; history && i < changes->len; i++)
		add_stats_key(args, changes->pdata[i]);
	if (history)
		g_ptr_array_add(args, ph_cli_key(first->cli, "history:rule"));
	g_ptr_array_add(args, g_strdup_printf("%u", changes->len));
	for (guint i = 0; i < changes->len; i++) {
		add_change(args, changes->pdata[i]);
		if (history)
			add_history(args, changes->pdata[i]);
		else
			g_ptr_array_add(args, g_strdup("0"));
	}
	return args;
}

GPtrArray *
ph_change_command(const struct ph_change *change)
{
	g_autoptr(GPtrArray) one = g_ptr_array_new();

	g_assert(!has_history(change->kind));
	g_ptr_array_add(one, (gpointer)change);
	return hashes_command(one);
}

/* All of one kind; at least one. */
static int
write_changes(const GPtrArray *changes, struct ph_err *err)
{
	const struct ph_change *first = changes->pdata[0];
	g_autoptr(GPtrArray) args = NULL;

	if (first->kind->flags & PH_KIND_STRING)
		return write_string_change(first, err);
	args = hashes_command(changes);
	return run_script(first->cli, args, err);
}

/* ---- the whole ---------------------------------------------------------- */

int
ph_change_check(const struct ph_change *change, struct ph_err *err)
{
	g_autoptr(GPtrArray) merged = merge(change);
	struct ph_object *object = NULL;

	if (merged->len == 0)
		return 0;
	if (ph_stored_parse(change->kind, change->name, merged, &object, err) <
	    0)
		return -1;
	ph_object_unref(&object);
	return 0;
}

static int
validate(const struct ph_change *change)
{
	struct ph_err err = PH_ERR_INIT;

	return ph_change_check(change, &err) < 0
		   ? ph_cli_fail(PH_EXIT_DATA, "%s; nothing was changed",
				 err.text)
		   : 0;
}

struct ph_change *
ph_change_new(struct ph_cli *cli, const struct ph_kind *kind, const char *name,
	      const char *verb)
{
	struct ph_change *change = g_new0(struct ph_change, 1);

	change->cli = cli;
	change->kind = kind;
	change->name = name;
	change->verb = verb;
	change->set = texts_new();
	change->unset = texts_new();
	return change;
}

void
ph_change_free(void *data)
{
	struct ph_change *change = data;

	if (!change)
		return;
	g_clear_pointer(&change->stored, g_ptr_array_unref);
	g_ptr_array_unref(change->set);
	g_ptr_array_unref(change->unset);
	g_free(change);
}

/* Reads and plans one: 0, or an exit code. */
static int
plan_one(struct ph_change *change, ph_plan *plan, const void *context)
{
	struct ph_err err = PH_ERR_INIT;
	int status;

	if (ph_stored_read(change->cli, change->kind, change->name,
			   &change->stored, &err) < 0)
		return ph_cli_err(&err);
	status = plan(change, context);
	if (status != 0 || change->nothing)
		return status;
	return validate(change);
}

/* What is to be written, in changes; 0, or an exit code. */
static int
plan_all(const struct ph_change *template, const char *const *names,
	 ph_plan *plan, const void *context, GPtrArray *changes)
{
	for (; *names; names++) {
		struct ph_change *change = ph_change_new(
		    template->cli, template->kind, *names, template->verb);
		int status;

		g_ptr_array_add(changes, change);
		status = plan_one(change, plan, context);
		if (status != 0)
			return status;
		if (change->nothing)
			g_ptr_array_remove_index(changes, changes->len - 1);
	}
	return 0;
}

/* -1: once more. */
static int
attempt(const struct ph_change *template, const char *const *names,
	ph_plan *plan, const void *context)
{
	g_autoptr(GPtrArray) changes =
	    g_ptr_array_new_with_free_func(ph_change_free);
	struct ph_err err = PH_ERR_INIT;
	int status = plan_all(template, names, plan, context, changes), r;

	if (status != 0 || changes->len == 0)
		return status;
	r = write_changes(changes, &err);
	if (r < 0) {
		g_autofree char *object =
		    ph_object_key(template->kind, names[0]);

		ph_err_wrap(&err, "%s", object);
		return ph_cli_err(&err);
	}
	return r == 1 ? PH_EXIT_YES : -1;
}

int
ph_changes_run(struct ph_cli *cli, const struct ph_kind *kind,
	       const char *const *names, const char *verb, ph_plan *plan,
	       const void *context)
{
	const struct ph_change template = {
	    .cli = cli, .kind = kind, .verb = verb};
	int status = -1;

	if (ph_cli_may_write(cli, &status) < 0)
		return status;
	for (int i = 0; i < ATTEMPTS; i++) {
		status = attempt(&template, names, plan, context);
		if (status >= 0)
			return status;
	}
	return ph_cli_fail(PH_EXIT_TEMPORARY,
			   "%s %s is being changed by somebody else; try again",
			   kind->name, names[0]);
}

int
ph_change_run(struct ph_cli *cli, const struct ph_kind *kind, const char *name,
	      const char *verb, ph_plan *plan, const void *context)
{
	return ph_changes_run(cli, kind, (const char *const[]){name, NULL},
			      verb, plan, context);
}
