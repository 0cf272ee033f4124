#include "lib/directory/file_private.h"

#include <string.h>

/* ---- transactions ------------------------------------------------------- */

int
ph_dirwrite_begin(struct ph_dirfile *file, struct ph_dirwrite **write_r,
		  struct ph_err *err)
{
	struct ph_dirwrite *write;
	g_autofree char *complete = NULL;
	MDB_txn *txn;
	int rc, r;

	if (file->env == NULL)
		return ph_err_set(err, PH_ERR_TEMP, "%s is not open",
				  file->path);
	rc = mdb_txn_begin(file->env, NULL, 0, &txn);
	if (rc != 0)
		return ph_dirfile_fail(file, rc, "begin", err);
	r = ph_dirfile_get_info(file, txn, "complete", &complete, err);
	if (r < 0) {
		mdb_txn_abort(txn);
		return -1;
	}
	write = g_new0(struct ph_dirwrite, 1);
	write->file = file;
	write->txn = txn;
	write->complete = r == 1;
	*write_r = write;
	return 0;
}

static void
free_write(struct ph_dirwrite **write)
{
	if ((*write)->changes != NULL)
		g_ptr_array_unref((*write)->changes);
	g_free(*write);
	*write = NULL;
}

int
ph_dirwrite_commit(struct ph_dirwrite **write, struct ph_err *err)
{
	struct ph_dirfile *file = (*write)->file;
	int rc = mdb_txn_commit((*write)->txn);

	if (rc == 0)
		ph_dirbriefs_change(file->briefs, (*write)->changes);
	free_write(write);
	return rc == 0 ? 0 : ph_dirfile_fail(file, rc, "commit", err);
}

void
ph_dirwrite_abort(struct ph_dirwrite **write)
{
	if (*write == NULL)
		return;
	mdb_txn_abort((*write)->txn);
	free_write(write);
}

/* ---- rows --------------------------------------------------------------- */

int
ph_dirwrite_row_put(struct ph_dirwrite *write, size_t db, const GString *key,
		    const GString *value, struct ph_err *err)
{
	MDB_val k = ph_dirfile_val(key), v = ph_dirfile_val(value);
	int rc = mdb_put(write->txn, write->file->db[db], &k, &v, 0);

	return rc == 0 ? 0 : ph_dirfile_fail(write->file, rc, "write", err);
}

int
ph_dirwrite_row_del(struct ph_dirwrite *write, size_t db, const GString *key,
		    const GString *value, struct ph_err *err)
{
	MDB_val k = ph_dirfile_val(key), v = {0, NULL};
	int rc;

	if (value != NULL)
		v = ph_dirfile_val(value);
	rc = mdb_del(write->txn, write->file->db[db], &k,
		     value != NULL ? &v : NULL);
	return rc == 0 || rc == MDB_NOTFOUND
		   ? 0
		   : ph_dirfile_fail(write->file, rc, "delete", err);
}

int
ph_dirwrite_row_get(struct ph_dirwrite *write, size_t db, const GString *key,
		    GString **value_r, struct ph_err *err)
{
	MDB_val k = ph_dirfile_val(key), v;
	int rc = mdb_get(write->txn, write->file->db[db], &k, &v);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return ph_dirfile_fail(write->file, rc, "read", err);
	*value_r = g_string_new_len(v.mv_data, (gssize)v.mv_size);
	return 1;
}

int
ph_dirwrite_row_unpack(struct ph_dirwrite *write, const GString *value,
		       bool *held_r, struct ph_object **entry_r,
		       struct ph_err *err)
{
	MDB_val v = ph_dirfile_val(value);

	return ph_dirfile_unpack(write->file, &v, held_r, entry_r, err);
}

char *
ph_dirwrite_row_name(struct ph_dirwrite *write, enum ph_dirfile_db db,
		     const MDB_val *value)
{
	struct ph_object *entry = NULL;
	char *name;

	if (db == DB_ERROR)
		return g_strndup(value->mv_data, value->mv_size);
	if (ph_dirfile_unpack(write->file, value, NULL, &entry, NULL) < 0)
		return NULL;
	name = g_strdup(ph_object_name(entry));
	ph_object_unref(&entry);
	return name;
}

/* ---- what the file says about itself ------------------------------------ */

int
ph_dirwrite_info(struct ph_dirwrite *write, const char *name, char **value_r,
		 struct ph_err *err)
{
	int r =
	    ph_dirfile_get_info(write->file, write->txn, name, value_r, err);

	if (r == 0)
		*value_r = g_strdup("");
	return r < 0 ? -1 : 0;
}

int
ph_dirwrite_set_info(struct ph_dirwrite *write, const char *name,
		     const char *value, struct ph_err *err)
{
	g_autoptr(GString) k = g_string_new(name);
	g_autoptr(GString) v = g_string_new(value);

	return ph_dirwrite_row_put(write, write->file->format->info, k, v, err);
}

int
ph_dirwrite_counts(struct ph_dirwrite *write,
		   struct ph_dirfile_counts *counts_r, struct ph_err *err)
{
	MDB_stat entries, errors;
	int rc = mdb_stat(write->txn, write->file->db[DB_ENTRY], &entries);

	if (rc == 0)
		rc = mdb_stat(write->txn, write->file->db[DB_ERROR], &errors);
	if (rc != 0)
		return ph_dirfile_fail(write->file, rc, "count", err);
	counts_r->entries = entries.ms_entries;
	counts_r->errors = errors.ms_entries;
	return 0;
}

int
ph_dirwrite_names(struct ph_dirwrite *write, bool errors,
		  bool (*wanted)(uint64_t hash, const void *data),
		  const void *data, GPtrArray *names, struct ph_err *err)
{
	enum ph_dirfile_db db = errors ? DB_ERROR : DB_ENTRY;
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(write->txn, write->file->db[db], &cursor);

	if (rc != 0)
		return ph_dirfile_fail(write->file, rc, "read", err);
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		g_autofree char *name = ph_dirwrite_row_name(write, db, &value);

		if (name != NULL && wanted(ph_dirfile_hash(name), data))
			g_ptr_array_add(names, g_steal_pointer(&name));
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND
		   ? 0
		   : ph_dirfile_fail(write->file, rc, "read", err);
}

/* The row is "name NUL text". 0, or an LMDB code. */
static int
show_error(struct ph_dirwrite *write, MDB_val *key, const MDB_val *value,
	   void (*each)(const char *name, const char *text, bool kept,
			void *data),
	   void *data)
{
	g_autofree char *name = g_strndup(value->mv_data, value->mv_size);
	const size_t skip = strlen(name) + 1;
	g_autofree char *text = NULL;
	MDB_val entry;
	int rc = mdb_get(write->txn, write->file->db[DB_ENTRY], key, &entry);

	if (rc != 0 && rc != MDB_NOTFOUND)
		return rc;
	if (skip <= value->mv_size)
		text = g_strndup((const char *)value->mv_data + skip,
				 value->mv_size - skip);
	each(name, text != NULL ? text : "",
	     rc == 0 && *(const uint8_t *)entry.mv_data == ENTRY_IN_FORCE,
	     data);
	return 0;
}

int
ph_dirwrite_errors(struct ph_dirwrite *write, size_t limit,
		   void (*each)(const char *name, const char *text, bool kept,
				void *data),
		   void *data, struct ph_err *err)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc =
	    mdb_cursor_open(write->txn, write->file->db[DB_ERROR], &cursor);

	if (rc != 0)
		return ph_dirfile_fail(write->file, rc, "read", err);
	while (limit-- > 0 && rc == 0 &&
	       (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
		rc = show_error(write, &key, &value, each, data);
	mdb_cursor_close(cursor);
	return rc == 0 || rc == MDB_NOTFOUND
		   ? 0
		   : ph_dirfile_fail(write->file, rc, "read", err);
}
