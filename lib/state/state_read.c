#include "lib/state/snapshot_private.h"
#include "lib/state/state_private.h"

#include <string.h>

enum {
	/* Keys of one round trip: so many do not hold up other clients. */
	READ_BATCH = 1000,
	/* Keys of one MULTI, which cannot be cut without losing its point. */
	ATOMIC_BATCH = 10000,
};

/* Of one step, likewise: 100 keys are a tenth of a millisecond of Redis, and
 * all daemons of all hosts may read at the same time. */
#define SCAN_COUNT "100"
/* Of a command, which waits for it, perhaps from afar. */
#define SCAN_COUNT_ONCE "1000"

static int
run(const struct ph_state_source *source, const struct ph_command *commands,
    size_t n, bool atomic, struct ph_reply **replies_r, struct ph_err *err)
{
	if (source->watch != NULL)
		return ph_redis_watch_pipeline(source->watch, commands, n,
					       atomic, replies_r, err);
	return ph_redis_pipeline(source->redis, commands, n, atomic, replies_r,
				 err);
}

static bool
holds_nul(const struct ph_reply *reply)
{
	size_t size;
	const char *text = ph_reply_text(reply, &size);

	return strlen(text) != size;
}

static int
bad(const struct ph_kind *kind, const char *key, struct ph_err *err,
    const char *what)
{
	if (kind->flags & PH_KIND_SINGLETON)
		return ph_err_set(err, PH_ERR_PERM, "%s: %s", kind->name, what);
	return ph_err_set(err, PH_ERR_PERM, "%s %s: %s", kind->name,
			  ph_keys_name(kind, key), what);
}

static bool
any_holds_nul(const struct ph_reply *list)
{
	for (size_t i = 0; i < ph_reply_count(list); i++)
		if (holds_nul(ph_reply_at(list, i)))
			return true;
	return false;
}

static int
parse_hash(const struct ph_kind *kind, const char *key,
	   const struct ph_reply *reply, struct ph_object **object_r,
	   struct ph_err *err)
{
	g_autoptr(GArray) pairs =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_pair));

	if (any_holds_nul(reply))
		return bad(kind, key, err, "a field or value holds a NUL byte");
	for (size_t i = 0; i + 1 < ph_reply_count(reply); i += 2) {
		const struct ph_pair pair = {
		    ph_reply_text(ph_reply_at(reply, i), NULL),
		    ph_reply_text(ph_reply_at(reply, i + 1), NULL),
		};

		g_array_append_val(pairs, pair);
	}
	return ph_object_parse(kind, ph_keys_name(kind, key),
			       (const struct ph_pair *)pairs->data, pairs->len,
			       object_r, err);
}

static int
parse_string(const struct ph_kind *kind, const char *key,
	     const struct ph_reply *reply, struct ph_object **object_r,
	     struct ph_err *err)
{
	const struct ph_pair pair = {"Value", ph_reply_text(reply, NULL)};

	if (holds_nul(reply))
		return bad(kind, key, err, "it holds a NUL byte");
	return ph_object_parse(kind, ph_keys_name(kind, key), &pair, 1,
			       object_r, err);
}

static const char *
wrong_type(const struct ph_kind *kind)
{
	return kind->flags & PH_KIND_STRING
		   ? "not a Redis string; delete the key and use SET"
		   : "not a Redis hash; delete the key and use HSET";
}

static void
tell(struct ph_keys *keys, const char *key, const struct ph_reply *reply)
{
	const struct ph_kind *kind = ph_keys_kind(key);
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;
	int r = -1;

	if (ph_reply_type(reply) == PH_REPLY_ERROR) {
		const char *text = ph_reply_text(reply, NULL);

		bad(kind, key, &err,
		    g_str_has_prefix(text, "WRONGTYPE") ? wrong_type(kind)
							: text);
	} else if (ph_reply_type(reply) == PH_REPLY_NIL ||
		   (ph_reply_type(reply) == PH_REPLY_ARRAY &&
		    ph_reply_count(reply) == 0)) {
		ph_keys_remove(keys, kind, key);
		return;
	} else if (kind->flags & PH_KIND_STRING)
		r = parse_string(kind, key, reply, &object, &err);
	else
		r = parse_hash(kind, key, reply, &object, &err);
	ph_keys_set(keys, kind, key, object, r != 0 ? err.text : NULL);
	ph_object_unref(&object);
}

/* names are of snapshot kinds; replies has room for n. */
static int
ask(const struct ph_state_source *source, const char *const *names, size_t n,
    bool atomic, struct ph_reply **replies, struct ph_err *err)
{
	const char *prefix = ph_redis_prefix(source->redis);
	g_autoptr(GArray) commands = g_array_sized_new(
	    FALSE, FALSE, sizeof(struct ph_command), (guint)n);
	g_autofree const char **args = g_new0(const char *, 2 * n);
	g_autoptr(GStringChunk) texts = g_string_chunk_new(4096);

	for (size_t i = 0; i < n; i++) {
		const struct ph_kind *kind = ph_keys_kind(names[i]);
		g_autofree char *key = g_strconcat(prefix, names[i], NULL);
		const struct ph_command command = {2, &args[2 * i], NULL};

		args[2 * i] = kind->flags & PH_KIND_STRING ? "GET" : "HGETALL";
		args[2 * i + 1] = g_string_chunk_insert(texts, key);
		g_array_append_val(commands, command);
	}
	return run(source, (const struct ph_command *)commands->data, n, atomic,
		   replies, err);
}

static int
read_batch(const struct ph_state_source *source, const char *const *names,
	   size_t n, bool atomic, struct ph_keys *keys, struct ph_err *err)
{
	g_autofree struct ph_reply **replies = g_new0(struct ph_reply *, n);
	const int r = ask(source, names, n, atomic, replies, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		tell(keys, names[i], replies[i]);
		ph_reply_free(&replies[i]);
	}
	return r;
}

int
ph_state_read_keys(const struct ph_state_source *source,
		   const char *const *names, size_t n, bool atomic,
		   struct ph_keys *keys, struct ph_err *err)
{
	const size_t batch = atomic ? ATOMIC_BATCH : READ_BATCH;
	g_autoptr(GPtrArray) ours = g_ptr_array_new();

	/* A prefix such as "posthub:meta" brings keys of nobody, too. */
	for (size_t i = 0; i < n; i++)
		if (ph_keys_kind(names[i]) != NULL)
			g_ptr_array_add(ours, (void *)(uintptr_t)names[i]);
	for (size_t i = 0; i < ours->len; i += batch)
		if (read_batch(source, (const char *const *)ours->pdata + i,
			       MIN(batch, ours->len - i), atomic, keys,
			       err) != 0)
			return -1;
	return 0;
}

/*
 * One pattern for all kinds: for each of the first letters the set that occurs
 * there, "[rsd...][uie...]...". It lets through too much, but leaves hundreds
 * of thousands of recipients with the server, which one "posthub:*" would
 * send, and one SCAN for each kind would walk over again and again.
 */
static char *
scan_pattern(const char *prefix)
{
	g_auto(GStrv) beginnings = ph_keys_prefixes("");
	g_autofree char *literal = ph_redis_literal(prefix);
	GString *pattern = g_string_new(NULL);
	size_t depth = strlen(beginnings[0]);

	for (size_t i = 0; beginnings[i] != NULL; i++)
		depth = MIN(depth, strlen(beginnings[i]));
	g_string_append(pattern, literal);
	for (size_t at = 0; at < depth; at++) {
		g_string_append_c(pattern, '[');
		for (size_t i = 0; beginnings[i] != NULL; i++)
			g_string_append_c(pattern, beginnings[i][at]);
		g_string_append_c(pattern, ']');
	}
	g_string_append_c(pattern, '*');
	return g_string_free(pattern, FALSE);
}

/* A key may be found twice; found is a set. */
static void
take_found(const struct ph_reply *list, const char *prefix, GHashTable *found)
{
	for (size_t i = 0; i < ph_reply_count(list); i++) {
		const struct ph_reply *key = ph_reply_at(list, i);
		const char *text = ph_reply_text(key, NULL);

		if (holds_nul(key) || !g_str_has_prefix(text, prefix))
			continue;
		text += strlen(prefix);
		if (ph_keys_kind(text) != NULL)
			g_hash_table_add(found, g_strdup(text));
	}
}

/* One step; cursor is replaced. */
static int
scan_step(const struct ph_state_source *source, const char *pattern,
	  char **cursor, GHashTable *found, struct ph_err *err)
{
	const char *const args[] = {
	    "SCAN",  *cursor,
	    "MATCH", pattern,
	    "COUNT", source->watch != NULL ? SCAN_COUNT : SCAN_COUNT_ONCE};
	const struct ph_command command = {G_N_ELEMENTS(args), args, NULL};
	struct ph_reply *reply = NULL;

	if (run(source, &command, 1, false, &reply, err) != 0)
		return -1;
	if (ph_reply_count(reply) != 2) {
		ph_err_set(err, PH_ERR_TEMP, "Redis: SCAN: %s",
			   ph_reply_text(reply, NULL));
		ph_reply_free(&reply);
		return -1;
	}
	g_free(*cursor);
	*cursor = g_strdup(ph_reply_text(ph_reply_at(reply, 0), NULL));
	take_found(ph_reply_at(reply, 1), ph_redis_prefix(source->redis),
		   found);
	ph_reply_free(&reply);
	return 0;
}

int
ph_state_read_all(const struct ph_state_source *source, struct ph_keys *keys,
		  struct ph_err *err)
{
	g_autoptr(GHashTable) found =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *pattern = scan_pattern(ph_redis_prefix(source->redis));
	g_autofree char *cursor = g_strdup("0");
	g_autofree void **names = NULL;
	guint n;

	do {
		if (scan_step(source, pattern, &cursor, found, err) != 0)
			return -1;
	} while (strcmp(cursor, "0") != 0);
	names = g_hash_table_get_keys_as_array(found, &n);
	return ph_state_read_keys(source, (const char *const *)names, n, false,
				  keys, err);
}

int
ph_state_read(struct ph_redis *redis, const struct ph_derive *derive,
	      struct ph_snapshot **snapshot_r, struct ph_err *err)
{
	const struct ph_state_source source = {redis, NULL};
	struct ph_keys *keys = ph_keys_new(NULL);
	const int r = ph_state_read_all(&source, keys, err);

	if (r == 0)
		*snapshot_r = ph_keys_snapshot(keys, 1, derive, NULL);
	ph_keys_free(&keys);
	return r;
}
