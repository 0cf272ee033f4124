#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/directory/entry.h"
#include "lib/directory/file_private.h"

#include <string.h>

/* A broken import has thousands of bad recipients: the log shows the first of
 * each transaction, the number is in the status. */
#define LOG_LIMIT 20

uint64_t
ph_dirfile_hash(const char *name)
{
	return ph_dirfile_sum(name, strlen(name));
}

void
ph_dirfile_round(struct ph_dirfile *file)
{
	g_hash_table_remove_all(file->fresh);
}

static GString *
pack(const struct ph_object *entry, bool held)
{
	size_t size;
	g_autofree void *data = ph_object_freeze(entry, &size);
	uint64_t sum = ph_dirfile_sum(data, size);
	GString *value = g_string_sized_new(ENTRY_HEAD + size);

	g_string_append_c(value, held ? ENTRY_HELD : ENTRY_IN_FORCE);
	g_string_append_len(value, (const char *)&sum, sizeof sum);
	g_string_append_len(value, data, (gssize)size);
	return value;
}

static GString *
entry_key(const char *name)
{
	g_autofree char *folded = ph_fold(name);

	return ph_dirfile_entry_key(folded, name);
}

/* ---- the index of addresses --------------------------------------------- */

static bool
holds(const GPtrArray *addresses, const char *address)
{
	for (guint i = 0; addresses != NULL && i < addresses->len; i++)
		if (strcmp(addresses->pdata[i], address) == 0)
			return true;
	return false;
}

/* What old owned and new does not is removed, the other way round added;
 * either may be NULL. */
static int
update_addresses(struct ph_dirwrite *write, const GString *key,
		 const struct ph_object *old, const struct ph_object *new,
		 struct ph_err *err)
{
	g_autoptr(GPtrArray) before =
	    old != NULL ? ph_entry_addresses(old) : NULL;
	g_autoptr(GPtrArray) after =
	    new != NULL ? ph_entry_addresses(new) : NULL;
	int r = 0;

	for (guint i = 0; r == 0 && before != NULL && i < before->len; i++) {
		g_autoptr(GString) address = g_string_new(NULL);

		if (holds(after, before->pdata[i]))
			continue;
		ph_dirfile_append_part(address, before->pdata[i]);
		r = ph_dirwrite_row_del(write, DB_ADDRESS, address, key, err);
	}
	for (guint i = 0; r == 0 && after != NULL && i < after->len; i++) {
		g_autoptr(GString) address = g_string_new(NULL);

		if (holds(before, after->pdata[i]))
			continue;
		ph_dirfile_append_part(address, after->pdata[i]);
		r = ph_dirwrite_row_put(write, DB_ADDRESS, address, key, err);
	}
	return r;
}

/* ---- errors ------------------------------------------------------------- */

static int
note_error(struct ph_dirwrite *write, const GString *key, const char *name,
	   const char *reason, struct ph_err *err)
{
	g_autoptr(GString) value = g_string_new(name);
	GString *old = NULL;
	bool same;
	int r = ph_dirwrite_row_get(write, DB_ERROR, key, &old, err);

	if (r < 0)
		return -1;
	g_string_append_c(value, '\0');
	g_string_append(value, reason);
	same = r == 1 && g_string_equal(old, value);
	if (old != NULL)
		g_string_free(old, TRUE);
	if (same)
		return 0;
	if (write->n_logged++ < LOG_LIMIT)
		ph_warn("recipient:%s: not taken over: %s", name, reason);
	return ph_dirwrite_row_put(write, DB_ERROR, key, value, err);
}

/* ---- entries ------------------------------------------------------------ */

static void
note_fresh(struct ph_dirwrite *write, const char *name)
{
	uint64_t hash = ph_dirfile_hash(name);

	/* While the file fills for the first time everything is new. */
	if (write->complete)
		g_hash_table_add(write->file->fresh,
				 g_memdup2(&hash, sizeof hash));
}

static bool
is_fresh(struct ph_dirwrite *write, const char *name)
{
	uint64_t hash = ph_dirfile_hash(name);

	return !write->complete ||
	       g_hash_table_contains(write->file->fresh, &hash);
}

static int
store(struct ph_dirwrite *write, const GString *key,
      const struct ph_object *entry, bool held, struct ph_err *err)
{
	g_autoptr(GString) value = pack(entry, held);
	g_autoptr(GString) old_value = NULL;
	struct ph_object *old = NULL;
	int r = ph_dirwrite_row_get(write, DB_ENTRY, key, &old_value, err);

	if (r == 1 && g_string_equal(old_value, value))
		return 0;
	if (r == 1 &&
	    ph_dirwrite_row_unpack(write, old_value, NULL, &old, err) < 0)
		return -1;
	if (r == 0)
		note_fresh(write, ph_object_name(entry));
	if (r >= 0)
		r = update_addresses(write, key, old, entry, err);
	if (r >= 0)
		r = ph_dirwrite_row_put(write, DB_ENTRY, key, value, err);
	if (r >= 0)
		r = ph_dirwrite_briefs(write, key, old, entry, held, err);
	ph_object_unref(&old);
	return r < 0 ? -1 : 0;
}

static int
remove_entry(struct ph_dirwrite *write, const GString *key, struct ph_err *err)
{
	g_autoptr(GString) value = NULL;
	struct ph_object *old = NULL;
	int r = ph_dirwrite_row_get(write, DB_ENTRY, key, &value, err);

	if (r <= 0)
		return r;
	if (ph_dirwrite_row_unpack(write, value, NULL, &old, err) < 0)
		return -1;
	r = update_addresses(write, key, old, NULL, err);
	if (r >= 0)
		r = ph_dirwrite_row_del(write, DB_ENTRY, key, NULL, err);
	if (r >= 0)
		r = ph_dirwrite_briefs(write, key, old, NULL, false, err);
	ph_object_unref(&old);
	return r < 0 ? -1 : 0;
}

/* ---- keys that differ in case alone -------------------------------------- */

static int
add_siblings(struct ph_dirwrite *write, enum ph_dirfile_db db, const char *name,
	     GPtrArray *names, struct ph_err *err)
{
	g_autoptr(GString) prefix = g_string_new(NULL);
	g_autofree char *folded = ph_fold(name);
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(write->txn, write->file->db[db], &cursor);

	if (rc != 0)
		return ph_dirfile_fail(write->file, rc, "read", err);
	ph_dirfile_append_part(prefix, folded);
	g_string_append_c(prefix, '\0');
	key = ph_dirfile_val(prefix);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (rc == 0 && key.mv_size > prefix->len &&
	       memcmp(key.mv_data, prefix->str, prefix->len) == 0) {
		g_autofree char *other =
		    ph_dirwrite_row_name(write, db, &value);

		if (other != NULL && strcmp(other, name) != 0 &&
		    !holds(names, other))
			g_ptr_array_add(names, g_steal_pointer(&other));
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == 0 || rc == MDB_NOTFOUND
		   ? 0
		   : ph_dirfile_fail(write->file, rc, "read", err);
}

/* Other keys, good or bad, that are the same name in another case. */
static GPtrArray *
siblings(struct ph_dirwrite *write, const char *name, struct ph_err *err)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	if (add_siblings(write, DB_ENTRY, name, names, err) == 0 &&
	    add_siblings(write, DB_ERROR, name, names, err) == 0)
		return names;
	g_ptr_array_unref(names);
	return NULL;
}

/* 1: an older value of it is in force and stays; 0: not; -1. What is as new as
 * the other is held. */
static int
judge_sibling(struct ph_dirwrite *write, const char *name, struct ph_err *err)
{
	g_autoptr(GString) key = entry_key(name);
	g_autoptr(GString) value = NULL;
	struct ph_object *entry = NULL;
	bool held = false;
	int r = ph_dirwrite_row_get(write, DB_ENTRY, key, &value, err);

	if (r <= 0)
		return r;
	if (ph_dirwrite_row_unpack(write, value, &held, &entry, err) < 0)
		return -1;
	if (held)
		r = 0;
	else if (is_fresh(write, name))
		r = store(write, key, entry, true, err);
	ph_object_unref(&entry);
	return r;
}

static int
note_collision(struct ph_dirwrite *write, const char *name, const char *other,
	       struct ph_err *err)
{
	g_autoptr(GString) key = entry_key(name);
	g_autofree char *reason =
	    g_strdup_printf("differs from recipient:%s in case alone", other);

	return note_error(write, key, name, reason, err);
}

static int
collide(struct ph_dirwrite *write, const struct ph_object *entry,
	const GPtrArray *others, struct ph_err *err)
{
	const char *name = ph_object_name(entry);
	g_autoptr(GString) key = entry_key(name);
	bool in_force = false;
	int own;

	for (guint i = 0; i < others->len; i++) {
		int r = judge_sibling(write, others->pdata[i], err);

		if (r < 0 ||
		    note_collision(write, others->pdata[i], name, err) < 0)
			return -1;
		in_force = in_force || r == 1;
	}
	own = judge_sibling(write, name, err);
	if (own < 0 || note_collision(write, name, others->pdata[0], err) < 0)
		return -1;
	return own == 1 || in_force ? 0 : store(write, key, entry, true, err);
}

/* ---- the three things that can happen to a key --------------------------- */

int
ph_dirwrite_put(struct ph_dirwrite *write, const struct ph_object *entry,
		struct ph_err *err)
{
	const char *name = ph_object_name(entry);
	g_autoptr(GString) key = entry_key(name);
	g_autoptr(GPtrArray) others = siblings(write, name, err);

	if (others == NULL)
		return -1;
	if (others->len > 0)
		return collide(write, entry, others, err);
	if (store(write, key, entry, false, err) < 0)
		return -1;
	return ph_dirwrite_row_del(write, DB_ERROR, key, NULL, err);
}

int
ph_dirwrite_bad(struct ph_dirwrite *write, const char *name, const char *reason,
		struct ph_err *err)
{
	g_autoptr(GString) key = entry_key(name);

	return note_error(write, key, name, reason, err);
}

int
ph_dirwrite_absent(struct ph_dirwrite *write, const char *name,
		   GPtrArray *again, struct ph_err *err)
{
	g_autoptr(GString) key = entry_key(name);
	g_autoptr(GPtrArray) others = NULL;

	if (remove_entry(write, key, err) < 0 ||
	    ph_dirwrite_row_del(write, DB_ERROR, key, NULL, err) < 0)
		return -1;
	others = siblings(write, name, err);
	if (others == NULL)
		return -1;
	for (guint i = 0; i < others->len; i++)
		g_ptr_array_add(again, g_strdup(others->pdata[i]));
	return 0;
}
