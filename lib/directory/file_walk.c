#include "lib/directory/dynamic.h"
#include "lib/directory/file_private.h"

#include <string.h>

/*
 * A walk takes the entries in groups, each in a read transaction of its own,
 * and goes on behind the last key: an old transaction would keep LMDB from
 * using pages again, and the file would grow for as long as somebody reads.
 */
#define BATCH 256

struct batch {
	GString *last;	    /* key that was read last; empty: none yet */
	GPtrArray *entries; /* struct ph_object * */
	bool end;
};

static void
unref_entry(void *data)
{
	struct ph_object *entry = data;

	ph_object_unref(&entry);
}

/* The first entry behind last. 0, MDB_NOTFOUND, or another of LMDB's codes. */
static int
find_next(MDB_cursor *cursor, const GString *last, MDB_val *key, MDB_val *value)
{
	int rc;

	if (last->len == 0)
		return mdb_cursor_get(cursor, key, value, MDB_FIRST);
	*key = ph_dirfile_val(last);
	rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
	if (rc == 0 && key->mv_size == last->len &&
	    memcmp(key->mv_data, last->str, last->len) == 0)
		rc = mdb_cursor_get(cursor, key, value, MDB_NEXT);
	return rc;
}

static int
take_entry(struct ph_dirfile *file, const MDB_val *key, const MDB_val *value,
	   struct batch *batch, struct ph_err *err)
{
	struct ph_object *entry = NULL;
	bool held = false;

	if (ph_dirfile_unpack(file, value, &held, &entry, err) < 0)
		return -1;
	g_string_truncate(batch->last, 0);
	g_string_append_len(batch->last, key->mv_data, (gssize)key->mv_size);
	if (held)
		ph_object_unref(&entry);
	else
		g_ptr_array_add(batch->entries, entry);
	return 0;
}

static int
read_batch(struct ph_dirfile *file, MDB_txn *txn, struct batch *batch,
	   struct ph_err *err)
{
	MDB_val key, value;
	MDB_cursor *cursor;
	int r = 0, rc;

	if (ph_dirfile_check_complete(file, txn, err) < 0)
		return -1;
	rc = mdb_cursor_open(txn, file->db[DB_ENTRY], &cursor);
	if (rc != 0)
		return ph_dirfile_fail(file, rc, "entries", err);
	rc = find_next(cursor, batch->last, &key, &value);
	for (unsigned n = 0; rc == 0 && r == 0 && n < BATCH; n++) {
		r = take_entry(file, &key, &value, batch, err);
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	batch->end = rc == MDB_NOTFOUND;
	if (r < 0)
		return -1;
	return rc == 0 || batch->end
		   ? 0
		   : ph_dirfile_fail(file, rc, "entries", err);
}

/* 1: read; 0: not open, or not the file of that name any more; -1. */
static int
try_batch(struct ph_dirfile *file, struct batch *batch, struct ph_err *err)
{
	MDB_txn *txn = NULL;
	int r = 0;

	g_rw_lock_reader_lock(&file->lock);
	if (file->env != NULL && (file->writer || !ph_dirfile_lost(file))) {
		r = ph_dirfile_begin_read(file, &txn, err);
		if (r == 0) {
			r = read_batch(file, txn, batch, err);
			ph_dirfile_end_read(file, txn);
		}
		r = r < 0 ? -1 : 1;
	}
	g_rw_lock_reader_unlock(&file->lock);
	return r;
}

/* As ph_dirfile_find opens and tries again; all that fails is an outage. */
static int
next_batch(struct ph_dirfile *file, struct batch *batch, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	int r = try_batch(file, batch, &why);

	if (r == 0 && !file->writer) {
		r = ph_dirfile_open(file, &why);
		if (r == 1)
			r = try_batch(file, batch, &why);
	}
	if (r == 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s is not there yet",
				  file->path);
	return r < 0 ? ph_err_set(err, PH_ERR_TEMP, "%s", why.text) : 0;
}

int
ph_dirfile_walk(void *self, const struct ph_object *group,
		ph_directory_each *each, void *arg, struct ph_err *err)
{
	struct ph_dirfile *file = self;
	g_autoptr(GString) last = g_string_new(NULL);
	g_autoptr(GPtrArray) entries =
	    g_ptr_array_new_with_free_func(unref_entry);
	struct batch batch = {last, entries, false};

	if (group != NULL)
		return ph_dynamic_walk(&ph_dirfile_ops, file, group, each, arg,
				       err);
	while (!batch.end) {
		if (next_batch(file, &batch, err) < 0)
			return -1;
		for (guint i = 0; i < entries->len; i++)
			if (each(entries->pdata[i], arg, err) < 0)
				return -1;
		g_ptr_array_set_size(entries, 0);
	}
	return 0;
}
