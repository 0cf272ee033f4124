#include "cli/status_keys.h"

#include "lib/base/text.h"
#include "lib/state/kinds.h"

#include <glib.h>
#include <string.h>

/* Keys of one step: so many do not hold up other clients. */
#define SCAN_COUNT "1000"
#define SHOWN 20

/* What is no kind: posthub-state(7), OTHER KEYS. */
static const char *const others[] = {
    "alive:", "history:", "lease:", "lock:",
    "rate:",  "stats:",	  "track",  "trackix:",
};

/*
 * ARGV: the cursor, the pattern, the prefix, and what is known: "rule:", or
 * "meta" of a key without name. Redis looks itself, because nearly all keys are
 * of recipients and messages, which need not be sent.
 */
static const char script[] =
    "local known = {} "
    "for i = 4, #ARGV do known[ARGV[i]] = true end "
    "local r = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], "
    "'COUNT', " SCAN_COUNT ") "
    "local odd = {} "
    "for _, key in ipairs(r[2]) do "
    "local name = string.sub(key, #ARGV[3] + 1) "
    "if not known[string.match(name, '^[^:]*:?')] then "
    "odd[#odd + 1] = name end end "
    "return {r[1], odd}";

/* Up to the cursor, which is put in at each step. */
static GPtrArray *
make_command(const struct ph_cli *cli)
{
	const char *prefix = ph_redis_prefix(cli->redis);
	g_autofree char *literal = ph_redis_literal(prefix);
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(args, g_strdup("EVAL"));
	g_ptr_array_add(args, g_strdup(script));
	g_ptr_array_add(args, g_strdup("0"));
	g_ptr_array_add(args, g_strdup("0"));
	g_ptr_array_add(args, g_strconcat(literal, "*", NULL));
	g_ptr_array_add(args, g_strdup(prefix));
	for (const struct ph_kind *kind = ph_kinds; kind->name; kind++)
		g_ptr_array_add(
		    args,
		    g_strconcat(kind->name,
				kind->flags & PH_KIND_SINGLETON ? "" : ":",
				NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		g_ptr_array_add(args, g_strdup(others[i]));
	return args;
}

#define CURSOR 3

/* A key may be found twice. */
static void
take_keys(const struct ph_reply *list, GHashTable *found)
{
	for (size_t i = 0; i < ph_reply_count(list); i++)
		g_hash_table_add(
		    found, g_strdup(ph_reply_text(ph_reply_at(list, i), NULL)));
}

static GPtrArray *
sorted(GHashTable *found)
{
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, found);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		g_ptr_array_add(keys, g_strdup(key));
	g_ptr_array_sort(keys, ph_by_text);
	return keys;
}

/* By name. -1: Redis does not say all of them. */
static int
find_keys(struct ph_cli *cli, GPtrArray **keys_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) args = make_command(cli);
	g_autoptr(GHashTable) found =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const struct ph_command command = {
	    .n = args->len,
	    .args = (const char *const *)(gpointer)args->pdata,
	};

	/* Without a prefix everybody's keys are below it. */
	bool more = *ph_redis_prefix(cli->redis) != '\0';
	int r = 0;

	while (r == 0 && more) {
		struct ph_reply *reply = NULL;

		r = ph_redis_callv(cli->redis, &command, &reply, err);
		if (r < 0)
			break;
		g_free(args->pdata[CURSOR]);
		args->pdata[CURSOR] =
		    g_strdup(ph_reply_text(ph_reply_at(reply, 0), NULL));
		more = strcmp(args->pdata[CURSOR], "0") != 0;
		take_keys(ph_reply_at(reply, 1), found);
		ph_reply_free(&reply);
	}
	*keys_r = sorted(found);
	return r;
}

/* What is wrong with one, and what was meant. */
static char *
problem_of(const char *key)
{
	const size_t n = strcspn(key, ":");
	g_autofree char *name = g_strndup(key, n);
	const struct ph_kind *kind = ph_kind_nearest(name);
	const bool once = kind && (kind->flags & PH_KIND_SINGLETON);

	if (!kind || (kind->flags & PH_KIND_INTERNAL))
		return g_strdup("no kind of object, and nobody reads it");
	return g_strdup_printf("nobody reads it; did you mean \"%s%s%s\"? "
			       "rename it with redis-cli",
			       kind->name, once ? "" : ":",
			       once		      ? ""
			       : key[n] && key[n + 1] ? key + n + 1
						      : "NAME");
}

struct ph_table *
ph_unknown_table(struct ph_cli *cli)
{
	static const char *const columns[] = {"Key", "Problem", NULL};
	struct ph_table *table = ph_table_new(columns);
	g_autoptr(GPtrArray) keys = NULL;
	struct ph_err err = PH_ERR_INIT;

	if (find_keys(cli, &keys, &err) < 0)
		ph_table_add(table, (const char *[]){"(not all)", err.text});
	for (guint i = 0; i < keys->len && i < SHOWN; i++) {
		g_autofree char *problem = problem_of(keys->pdata[i]);

		ph_table_add(table, (const char *[]){keys->pdata[i], problem});
	}
	if (keys->len > SHOWN) {
		g_autofree char *more =
		    g_strdup_printf("%u more", keys->len - SHOWN);

		ph_table_add(table, (const char *[]){NULL, more});
	}
	return table;
}
