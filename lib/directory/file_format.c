#include "lib/directory/file_private.h"

#include <string.h>

/* In the database "info" of every format. */
#define VERSION "version"

int
ph_dirfile_get_info(struct ph_dirfile *file, MDB_txn *txn, const char *name,
		    char **value_r, struct ph_err *err)
{
	MDB_val key = {strlen(name), (void *)(uintptr_t)name}, value;
	int rc = mdb_get(txn, file->db[file->format->info], &key, &value);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return ph_dirfile_fail(file, rc, name, err);
	*value_r = g_strndup(value.mv_data, value.mv_size);
	return 1;
}

/* A text of "info" is what it should be. 0, or an LMDB code: NOTFOUND it is not
 * set. */
static int
compare_version(const struct ph_dirfile *file, MDB_txn *txn, MDB_dbi info)
{
	MDB_val key = {strlen(VERSION), (void *)(uintptr_t)VERSION}, value;
	const char *version = file->format->version;
	int rc = mdb_get(txn, info, &key, &value);

	if (rc != 0)
		return rc;
	return value.mv_size == strlen(version) &&
		       memcmp(value.mv_data, version, value.mv_size) == 0
		   ? 0
		   : MDB_VERSION_MISMATCH;
}

static int
set_version(const struct ph_dirfile *file, MDB_txn *txn, MDB_dbi info)
{
	const char *version = file->format->version;
	MDB_val key = {strlen(VERSION), (void *)(uintptr_t)VERSION};
	MDB_val value = {strlen(version), (void *)(uintptr_t)version};

	return mdb_put(txn, info, &key, &value, 0);
}

int
ph_dirfile_open_dbs(const struct ph_dirfile *file, MDB_txn *txn, bool create,
		    MDB_dbi *db)
{
	const struct ph_dirfile_format *format = file->format;
	const unsigned flags = create ? MDB_CREATE : 0;
	const size_t info = format->info;
	int rc = mdb_dbi_open(txn, format->db[info].name, flags, &db[info]);

	if (rc == 0)
		rc = compare_version(file, txn, db[info]);
	if (rc == MDB_NOTFOUND && create)
		rc = set_version(file, txn, db[info]);
	for (size_t i = 0; rc == 0 && i < format->n_db; i++)
		if (i != info)
			rc = mdb_dbi_open(txn, format->db[i].name,
					  format->db[i].flags | flags, &db[i]);
	return rc;
}
