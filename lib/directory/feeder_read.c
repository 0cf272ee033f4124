#include "lib/directory/feeder_private.h"

#include <string.h>

/* Keys of one MULTI and one transaction: small enough that Redis answers
 * others in between, and that its reply stays small. */
/* Changes that came together are read at one moment, up to so many. */
#define BATCH 500
/* Of everything so many: others wait for Redis meanwhile. */
#define AT_ONCE 50

void
ph_feeder_verdict_clear(struct ph_feeder_verdict *verdict)
{
	g_free(verdict->organization);
	g_free(verdict->adopted);
	memset(verdict, 0, sizeof *verdict);
}

bool
ph_feeder_same_organization(const char *a, const char *b)
{
	return g_ascii_strcasecmp(a, b) == 0;
}

int
ph_feeder_closed(struct ph_err *err, const char *text)
{
	(void)ph_err_set(err, PH_ERR_TEMP, "%s", text);
	return 0;
}

int
ph_feeder_gate(struct ph_feeder *feeder, struct ph_feeder_verdict *verdict_r,
	       struct ph_err *err)
{
	struct ph_snapshot *snapshot = ph_state_take(feeder->state);
	struct ph_state_status status;
	int r = 1;

	memset(verdict_r, 0, sizeof *verdict_r);
	if (snapshot == NULL)
		return ph_feeder_closed(err,
					"no state of the organisation yet");
	ph_state_status(feeder->state, &status);
	if (status.refused)
		r = ph_feeder_closed(err, status.reason);
	else if (*ph_snapshot_organization(snapshot) == '\0')
		r = ph_feeder_closed(err, "the state names no organisation");
	if (r == 1) {
		verdict_r->organization =
		    g_strdup(ph_snapshot_organization(snapshot));
		verdict_r->adopted = g_strdup(ph_snapshot_adopted(snapshot));
	}
	ph_snapshot_unref(&snapshot);
	return r;
}

/* What Redis says of itself, in the same MULTI as the keys. */
static int
check_organization(const struct ph_reply *reply,
		   const struct ph_feeder_verdict *verdict, struct ph_err *err)
{
	if (ph_reply_type(reply) == PH_REPLY_STRING &&
	    ph_feeder_same_organization(ph_reply_text(reply, NULL),
					verdict->organization))
		return 1;
	return ph_feeder_closed(
	    err, ph_reply_type(reply) == PH_REPLY_STRING
		     ? "Redis holds another organisation"
		     : "Redis holds no organisation: meta is gone");
}

/* ---- one key ------------------------------------------------------------ */

/* 0: *entry_r; -1 PERM: why it is not valid. */
static int
parse_entry(const char *name, const struct ph_reply *reply,
	    struct ph_object **entry_r, struct ph_err *err)
{
	g_autoptr(GArray) pairs =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_pair));

	if (ph_reply_type(reply) != PH_REPLY_ARRAY)
		return ph_err_set(err, PH_ERR_PERM, "%s",
				  ph_reply_text(reply, NULL));
	for (size_t i = 0; i + 1 < ph_reply_count(reply); i += 2) {
		size_t field, value;
		struct ph_pair pair = {
		    ph_reply_text(ph_reply_at(reply, i), &field),
		    ph_reply_text(ph_reply_at(reply, i + 1), &value)};

		if (strlen(pair.field) != field || strlen(pair.value) != value)
			return ph_err_set(err, PH_ERR_PERM,
					  "a field or value holds NUL");
		g_array_append_val(pairs, pair);
	}
	return ph_object_parse(ph_kind_find("recipient"), name,
			       (const struct ph_pair *)(void *)pairs->data,
			       pairs->len, entry_r, err);
}

static bool
is_absent(const struct ph_reply *reply)
{
	return ph_reply_type(reply) == PH_REPLY_ARRAY &&
	       ph_reply_count(reply) == 0;
}

static int
take_over(struct ph_dirwrite *write, const char *name,
	  const struct ph_reply *reply, GPtrArray *again, struct ph_err *err)
{
	struct ph_object *entry = NULL;
	struct ph_err why = PH_ERR_INIT;
	int r;

	if (is_absent(reply))
		return ph_dirwrite_absent(write, name, again, err);
	if (parse_entry(name, reply, &entry, &why) < 0)
		return ph_dirwrite_bad(write, name, why.text, err);
	r = ph_dirwrite_put(write, entry, err);
	ph_object_unref(&entry);
	return r;
}

/* ---- a batch of keys ---------------------------------------------------- */

static void
free_reply(void *data)
{
	struct ph_reply *reply = data;

	ph_reply_free(&reply);
}

/* Some of the names, all at one moment: adds a reply a name. 1, or as
 * check_organization says. */
static int
fetch_part(struct ph_feeder *feeder, const struct ph_feeder_verdict *verdict,
	   char *const *names, size_t n, GPtrArray *replies, struct ph_err *err)
{
	const char *const meta[] = {"HGET", feeder->meta, "Organization"};
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) got = g_ptr_array_new_with_free_func(free_reply);
	g_autofree const char **words = g_new(const char *, 2 * n + 1);
	g_autofree struct ph_command *commands =
	    g_new0(struct ph_command, n + 1);
	int r;

	commands[0] = (struct ph_command){G_N_ELEMENTS(meta), meta, NULL};
	for (size_t i = 0; i < n; i++) {
		g_ptr_array_add(keys,
				g_strconcat(feeder->prefix, names[i], NULL));
		words[2 * i] = "HGETALL";
		words[2 * i + 1] = keys->pdata[i];
		commands[i + 1] = (struct ph_command){2, &words[2 * i], NULL};
	}
	g_ptr_array_set_size(got, (gint)n + 1);
	if (ph_redis_watch_pipeline(feeder->watch, commands, n + 1, true,
				    (struct ph_reply **)got->pdata, err) < 0)
		return -1;
	r = check_organization(got->pdata[0], verdict, err);
	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(replies, g_steal_pointer(&got->pdata[i + 1]));
	return r;
}

/* A reply a name, at most part of them at one moment. */
static int
fetch(struct ph_feeder *feeder, const struct ph_feeder_verdict *verdict,
      const GPtrArray *names, size_t part, GPtrArray *replies,
      struct ph_err *err)
{
	size_t i = 0;
	int r;

	do {
		const size_t n = MIN(part, names->len - i);

		r = fetch_part(feeder, verdict, (char *const *)names->pdata + i,
			       n, replies, err);
		i += n;
	} while (r == 1 && i < names->len);
	return r;
}

static int
store(struct ph_feeder *feeder, const GPtrArray *names,
      const GPtrArray *replies, struct ph_feeder_seen *seen, struct ph_err *err)
{
	g_autoptr(GPtrArray) again = g_ptr_array_new_with_free_func(g_free);
	struct ph_dirwrite *write = NULL;
	int r = ph_dirwrite_begin(feeder->file, &write, err);

	for (guint i = 0; r == 0 && i < names->len; i++) {
		uint64_t hash = ph_dirfile_hash(names->pdata[i]);

		if (seen != NULL && is_absent(replies->pdata[i]))
			continue;
		if (seen != NULL)
			g_array_append_val(seen->hashes, hash);
		r = take_over(write, names->pdata[i], replies->pdata[i], again,
			      err);
	}
	if (r == 0)
		r = ph_feeder_commit(feeder, &write, err);
	ph_dirwrite_abort(&write);
	for (guint i = 0; r == 0 && i < again->len; i++)
		g_hash_table_add(feeder->pending, g_strdup(again->pdata[i]));
	return r == 0 ? 1 : -1;
}

static int
read_batch(struct ph_feeder *feeder, const GPtrArray *names,
	   struct ph_feeder_seen *seen, struct ph_err *err)
{
	g_autoptr(GPtrArray) replies =
	    g_ptr_array_new_with_free_func(free_reply);
	struct ph_feeder_verdict verdict;
	int r = ph_feeder_gate(feeder, &verdict, err);

	if (r == 1)
		r = fetch(feeder, &verdict, names,
			  seen != NULL ? AT_ONCE : BATCH, replies, err);
	if (r == 1)
		r = store(feeder, names, replies, seen, err);
	ph_feeder_verdict_clear(&verdict);
	return r;
}

/* At least once, even without names: the organisation is asked for. */
int
ph_feeder_read(struct ph_feeder *feeder, const GPtrArray *names,
	       struct ph_feeder_seen *seen, struct ph_err *err)
{
	const guint batch = seen != NULL ? PH_FEEDER_WHOLE : BATCH;
	guint i = 0;

	do {
		g_autoptr(GPtrArray) part = g_ptr_array_new();
		int r;

		for (guint end = i + batch; i < names->len && i < end; i++)
			g_ptr_array_add(part, names->pdata[i]);
		r = read_batch(feeder, part, seen, err);
		if (r != 1)
			return r;
	} while (i < names->len);
	return 1;
}

int
ph_feeder_read_changed(struct ph_feeder *feeder, struct ph_feeder_seen *seen,
		       struct ph_err *err)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	void *name;

	if (g_hash_table_size(feeder->pending) == 0)
		return 1;
	g_hash_table_iter_init(&iter, feeder->pending);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		g_ptr_array_add(names, name);
		g_hash_table_iter_steal(&iter);
	}
	for (guint i = 0; seen != NULL && i < names->len; i++) {
		uint64_t hash = ph_dirfile_hash(names->pdata[i]);

		g_array_append_val(seen->hashes, hash);
	}
	return ph_feeder_read(feeder, names, NULL, err);
}

int
ph_feeder_read_pending(struct ph_feeder *feeder, struct ph_err *err)
{
	/* Names that stood in another's way may come up meanwhile. */
	while (g_hash_table_size(feeder->pending) > 0) {
		int r;

		ph_dirfile_round(feeder->file);
		r = ph_feeder_read_changed(feeder, NULL, err);
		if (r != 1)
			return r;
	}
	return 1;
}
