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

int
ph_dirfile_next(MDB_cursor *cursor, const GString *last, MDB_val *key,
		MDB_val *value)
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
read_batch(struct ph_dirfile *file, struct ph_dirreader *reader, void *arg,
	   struct ph_err *err)
{
	struct batch *batch = arg;
	MDB_val key, value;
	MDB_cursor *cursor;
	int r = 0, rc;

	if (ph_dirfile_check_complete(file, reader->txn, err) < 0)
		return -1;
	rc = mdb_cursor_open(reader->txn, file->db[DB_ENTRY], &cursor);
	if (rc != 0)
		return ph_dirfile_fail(file, rc, "entries", err);
	rc = ph_dirfile_next(cursor, batch->last, &key, &value);
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
		if (ph_dirfile_need(file, read_batch, &batch, err) < 0)
			return -1;
		for (guint i = 0; i < entries->len; i++)
			if (each(entries->pdata[i], arg, err) < 0)
				return -1;
		g_ptr_array_set_size(entries, 0);
	}
	return 0;
}
