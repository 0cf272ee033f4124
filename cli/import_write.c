#include "cli/import.h"

#include "lib/base/text.h"
#include "lib/directory/entry.h"

#include <string.h>

/* One round trip; Redis answers others between the commands in it. */
#define BATCH 256
#define BATCH_SIZE ((size_t)4 << 20)
#define ATTEMPTS 5

void
ph_import_record_free(void *data)
{
	struct ph_import_record *record = data;

	if (!record)
		return;
	g_free(record->name);
	g_ptr_array_unref(record->pairs);
	g_free(record);
}

static void
reject(struct ph_import *import, const struct ph_import_record *record,
       const char *text)
{
	ph_import_note(import, PH_IMPORT_REJECTED, record->file, record->line,
		       record->name, text);
}

static const char *
at(const GPtrArray *list, guint i)
{
	return g_ptr_array_index(list, i);
}

/* ---- what is to be done ------------------------------------------------- */

static bool
is_kept(const struct ph_import *import, const struct ph_import_record *record,
	const char *field)
{
	if (!import->replace)
		return true;
	for (guint i = 0; i + 1 < record->pairs->len; i += 2)
		if (g_ascii_strcasecmp(at(record->pairs, i), field) == 0)
			return true;
	return false;
}

/* Canonical and folded names of what is stored -> index in stored. */
static GHashTable *
index_stored(const struct ph_import *import,
	     const struct ph_import_record *record, struct ph_change *change)
{
	GHashTable *index =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i + 1 < change->stored->len; i += 2) {
		const char *stored = at(change->stored, i);
		g_autofree char *name = ph_field_name(import->kind, stored);

		if (!is_kept(import, record, name))
			g_ptr_array_add(change->unset, g_strdup(stored));
		g_hash_table_insert(index, g_ascii_strdown(name, -1),
				    GUINT_TO_POINTER(i));
	}
	return index;
}

static void
plan_pair(struct ph_change *change, GHashTable *index, const char *field,
	  const char *value)
{
	g_autofree char *key = g_ascii_strdown(field, -1);
	gpointer position;
	const bool there =
	    g_hash_table_lookup_extended(index, key, NULL, &position);
	const guint i = there ? GPOINTER_TO_UINT(position) : 0;

	if (there && *value && strcmp(at(change->stored, i + 1), value) == 0)
		return;
	/* Spelt in another way, or to be unset. */
	if (there && (!*value || strcmp(at(change->stored, i), field) != 0))
		g_ptr_array_add(change->unset, g_strdup(at(change->stored, i)));
	if (!*value)
		return;
	g_ptr_array_add(change->set, g_strdup(field));
	g_ptr_array_add(change->set, g_strdup(value));
}

static int
check_left(const struct ph_change *change, struct ph_err *err)
{
	if (change->set->len == 0 &&
	    change->unset->len >= change->stored->len / 2)
		return ph_err_set(err, PH_ERR_PERM,
				  "no field would be left; expected some");
	return ph_change_check(change, err);
}

/* 1: to be written; 0: nothing to do, or rejected. */
static int
plan(struct ph_import *import, const struct ph_import_record *record,
     struct ph_change *change)
{
	g_autoptr(GHashTable) index = index_stored(import, record, change);
	struct ph_err err = PH_ERR_INIT;

	for (guint i = 0; i + 1 < record->pairs->len; i += 2)
		plan_pair(change, index, at(record->pairs, i),
			  at(record->pairs, i + 1));
	if (change->stored->len > 0 && change->set->len == 0 &&
	    change->unset->len == 0) {
		import->unchanged++;
		return 0;
	}
	if (check_left(change, &err) == 0)
		return 1;
	reject(import, record, err.text);
	return 0;
}

static void
count(struct ph_import *import, const struct ph_change *change)
{
	if (change->stored->len == 0)
		import->added++;
	else
		import->changed++;
}

/* ---- a batch ------------------------------------------------------------ */

struct round {
	GPtrArray *changes;  /* struct ph_change * */
	GPtrArray *records;  /* of the changes; borrowed */
	GPtrArray *commands; /* GPtrArray of char * */
	GPtrArray *again;    /* records, owned */
};

static struct ph_reply **
call(struct ph_import *import, const GPtrArray *commands, struct ph_err *err)
{
	const guint n = commands->len;
	g_autofree struct ph_command *list = g_new0(struct ph_command, n + 1);
	struct ph_reply **replies = g_new0(struct ph_reply *, n + 1);

	for (guint i = 0; i < n; i++) {
		const GPtrArray *words = commands->pdata[i];

		list[i].n = words->len;
		list[i].args = (const char *const *)(gpointer)words->pdata;
	}
	if (n == 0 || ph_redis_pipeline(import->cli->redis, list, n, false,
					replies, err) == 0)
		return replies;
	g_free(replies);
	return NULL;
}

static void
free_replies(struct ph_reply **replies, guint n)
{
	for (guint i = 0; replies && i < n; i++)
		ph_reply_free(&replies[i]);
	g_free(replies);
}

static void
free_words(void *data)
{
	g_ptr_array_unref(data);
}

static GPtrArray *
commands_new(void)
{
	return g_ptr_array_new_with_free_func(free_words);
}

static GPtrArray *
read_command(struct ph_import *import, const char *name)
{
	GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *object = ph_object_key(import->kind, name);

	g_ptr_array_add(words, g_strdup("HGETALL"));
	g_ptr_array_add(words, ph_cli_key(import->cli, object));
	return words;
}

/*
 * A key that differs in case alone would put both out of force: the one that is
 * there is meant. true: the record has its name now.
 */
static bool
take_known_name(struct ph_import *import, struct ph_import_record *record)
{
	struct ph_object *entry = NULL;
	bool other = false;

	if (import->directory &&
	    ph_directory_find(import->directory, record->name, &entry, NULL) ==
		1) {
		g_autofree char *folded = ph_fold(record->name);

		other = strcmp(ph_object_folded(entry), folded) == 0 &&
			strcmp(ph_object_name(entry), record->name) != 0;
	}
	if (other) {
		g_free(record->name);
		record->name = g_strdup(ph_object_name(entry));
	}
	ph_object_unref(&entry);
	return other;
}

/* So many records wait for others that may give up their addresses. */
#define LATER_MAX 10000

/* 1: may be written; 0: not, or not yet. */
static int
check_owners(struct ph_import *import, struct ph_import_record *record,
	     const struct ph_change *change, struct ph_err *err)
{
	g_autofree char *text = NULL;
	int r = ph_import_conflict(import, record, change, &text, err);

	if (r <= 0)
		return r == 0 ? 1 : -1;
	record->later = !import->last && import->later->len < LATER_MAX;
	if (!record->later)
		reject(import, record, text);
	return 0;
}

/* 0 or -1. */
static int
take_stored(struct ph_import *import, struct ph_import_record *record,
	    const struct ph_reply *reply, struct round *round,
	    struct ph_err *err)
{
	struct ph_err bad = PH_ERR_INIT;
	struct ph_change *change;
	GPtrArray *stored = NULL;
	int r;

	if (ph_reply_type(reply) == PH_REPLY_ERROR) {
		reject(import, record, ph_reply_text(reply, NULL));
		return 0;
	}
	if (ph_stored_take(reply, &stored, &bad) < 0) {
		reject(import, record, bad.text);
		return 0;
	}
	change =
	    ph_change_new(import->cli, import->kind, record->name, "import");
	change->stored = stored;
	r = plan(import, record, change);
	if (r == 1)
		r = check_owners(import, record, change, err);
	if (r != 1) {
		ph_change_free(change);
		return r;
	}
	g_ptr_array_add(round->changes, change);
	g_ptr_array_add(round->records, record);
	g_ptr_array_add(round->commands, ph_change_command(change));
	return 0;
}

/* Reads, and plans what is to be written. */
static int
read_batch(struct ph_import *import, GPtrArray *records, struct round *round,
	   struct ph_err *err)
{
	g_autoptr(GPtrArray) commands = commands_new();
	struct ph_reply **replies;
	int r = 0;

	for (guint i = 0; i < records->len; i++) {
		const struct ph_import_record *record = records->pdata[i];

		g_ptr_array_add(commands, read_command(import, record->name));
	}
	replies = call(import, commands, err);
	if (!replies)
		return -1;
	for (guint i = 0; r == 0 && i < records->len; i++) {
		struct ph_import_record *record = records->pdata[i];

		if (ph_reply_type(replies[i]) == PH_REPLY_ARRAY &&
		    ph_reply_count(replies[i]) == 0 &&
		    take_known_name(import, record))
			g_ptr_array_add(round->again, record);
		else
			r = take_stored(import, record, replies[i], round, err);
	}
	free_replies(replies, commands->len);
	return r;
}

static int
write_batch(struct ph_import *import, struct round *round, struct ph_err *err)
{
	const guint n = round->commands->len;
	struct ph_reply **replies = call(import, round->commands, err);
	int r = 0;

	if (!replies)
		return -1;
	for (guint i = 0; r == 0 && i < n; i++) {
		if (ph_reply_type(replies[i]) == PH_REPLY_ERROR)
			r = ph_err_set(err, PH_ERR_TEMP, "Redis: %s",
				       ph_reply_text(replies[i], NULL));
		else if (ph_reply_integer(replies[i]) == 1)
			count(import, round->changes->pdata[i]);
		else
			g_ptr_array_add(round->again, round->records->pdata[i]);
	}
	free_replies(replies, n);
	return r;
}

static int
run_round(struct ph_import *import, GPtrArray *records, GPtrArray *again,
	  struct ph_err *err)
{
	g_autoptr(GPtrArray) changes =
	    g_ptr_array_new_with_free_func(ph_change_free);
	g_autoptr(GPtrArray) planned = g_ptr_array_new();
	g_autoptr(GPtrArray) commands = commands_new();
	struct round round = {changes, planned, commands, again};

	if (read_batch(import, records, &round, err) < 0)
		return -1;
	if (!import->dry_run)
		return write_batch(import, &round, err);
	for (guint i = 0; i < changes->len; i++)
		count(import, changes->pdata[i]);
	return 0;
}

/* The batch becomes empty; who is to be tried again is kept. */
static void
end_batch(struct ph_import *import)
{
	for (guint i = 0; i < import->batch->len; i++) {
		struct ph_import_record *record = import->batch->pdata[i];

		if (!record->later)
			continue;
		record->later = false;
		g_ptr_array_add(import->later, record);
		import->batch->pdata[i] = NULL;
	}
	g_ptr_array_set_size(import->batch, 0);
	import->batch_size = 0;
}

static int
flush(struct ph_import *import)
{
	g_autoptr(GPtrArray) records = g_ptr_array_new();
	struct ph_err err = PH_ERR_INIT;

	for (guint i = 0; i < import->batch->len; i++)
		g_ptr_array_add(records, import->batch->pdata[i]);
	for (unsigned i = 0; i < ATTEMPTS && records->len > 0; i++) {
		GPtrArray *again = g_ptr_array_new();

		if (run_round(import, records, again, &err) < 0) {
			g_ptr_array_unref(again);
			return ph_cli_err(&err);
		}
		g_ptr_array_unref(records);
		records = again;
	}
	for (guint i = 0; i < records->len; i++)
		reject(import, records->pdata[i],
		       "is being changed by somebody else; try again");
	end_batch(import);
	ph_import_progress(import, false);
	return 0;
}

static int
add(struct ph_import *import, struct ph_import_record *record)
{
	for (guint i = 0; i < record->pairs->len; i++)
		import->batch_size += strlen(at(record->pairs, i));
	g_ptr_array_add(import->batch, record);
	return import->batch->len >= BATCH || import->batch_size >= BATCH_SIZE
		   ? flush(import)
		   : 0;
}

int
ph_import_add(struct ph_import *import, struct ph_import_record *record)
{
	if (!ph_import_claim(import, record)) {
		ph_import_record_free(record);
		return 0;
	}
	return add(import, record);
}

/* Those that wait, once more. */
static int
try_again(struct ph_import *import)
{
	GPtrArray *records = import->later;
	int status = 0;

	import->later = g_ptr_array_new_with_free_func(ph_import_record_free);
	for (guint i = 0; status == 0 && i < records->len; i++) {
		struct ph_import_record *record = records->pdata[i];

		records->pdata[i] = NULL;
		status = add(import, record);
	}
	g_ptr_array_unref(records);
	return status == 0 ? flush(import) : status;
}

int
ph_import_finish(struct ph_import *import)
{
	int status = flush(import);
	guint before = G_MAXUINT;

	/* One may wait for another. */
	while (status == 0 && import->later->len > 0 && !import->last) {
		import->last = import->later->len >= before;
		before = import->later->len;
		status = try_again(import);
	}
	return status;
}
