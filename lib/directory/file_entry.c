#include "lib/directory/file_private.h"

#include <string.h>

/* The format of a file that holds the entries of Redis, see file.h. */

GString *
ph_dirfile_entry_key(const char *folded, const char *name)
{
	GString *key = g_string_new(NULL);

	ph_dirfile_append_part(key, folded);
	g_string_append_c(key, '\0');
	ph_dirfile_append_part(key, name);
	return key;
}

bool
ph_dirfile_is_entry(const MDB_val *value)
{
	const uint8_t *data = value->mv_data;
	uint64_t sum;

	if (value->mv_size < ENTRY_HEAD || data[0] > ENTRY_HELD)
		return false;
	memcpy(&sum, data + 1, sizeof sum);
	return sum ==
	       ph_dirfile_sum(data + ENTRY_HEAD, value->mv_size - ENTRY_HEAD);
}

int
ph_dirfile_unpack(struct ph_dirfile *file, const MDB_val *value, bool *held_r,
		  struct ph_object **entry_r, struct ph_err *err)
{
	const uint8_t *data = value->mv_data;

	if (!ph_dirfile_is_entry(value) ||
	    ph_object_thaw(file->kind, data + ENTRY_HEAD,
			   value->mv_size - ENTRY_HEAD, entry_r, err) < 0)
		return ph_dirfile_fail(file, MDB_CORRUPTED, "an entry", err);
	if (held_r != NULL)
		*held_r = data[0] == ENTRY_HELD;
	return 0;
}

/* In the child that checks. */
static int
check_row(struct ph_dirfile *file, MDB_txn *txn, MDB_dbi db, const MDB_val *key,
	  const MDB_val *value)
{
	MDB_val name = *value, found;

	(void)key;
	if (db == file->db[DB_ENTRY])
		return ph_dirfile_is_entry(value) ? 0 : MDB_CORRUPTED;
	if (db == file->db[DB_ADDRESS])
		return mdb_get(txn, file->db[DB_ENTRY], &name, &found);
	return 0;
}

static const struct ph_dirfile_format entries = {
    .version = "4",
    .db =
	{
	    [DB_ENTRY] = {"entry", 0},
	    [DB_ADDRESS] = {"address", MDB_DUPSORT},
	    [DB_ERROR] = {"error", 0},
	    [DB_INFO] = {"info", 0},
	},
    .n_db = DB_COUNT,
    .info = DB_INFO,
    .briefs = true,
    .check = check_row,
};

struct ph_dirfile *
ph_dirfile_new(const char *path, int64_t map_size, bool writer)
{
	return ph_dirfile_new_as(&entries, path, map_size, writer);
}
