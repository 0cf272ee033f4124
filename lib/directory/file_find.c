#include "lib/directory/entry.h"
#include "lib/directory/file_private.h"

#include <string.h>

/* ---- looking up --------------------------------------------------------- */

static void
unref_owner(void *data)
{
	struct ph_object *owner = data;

	ph_object_unref(&owner);
}

/* The address behind a hash must be the one that was asked for. */
static bool
owns(const struct ph_object *entry, const char *address)
{
	g_autoptr(GPtrArray) addresses = ph_entry_addresses(entry);

	for (guint i = 0; i < addresses->len; i++)
		if (strcmp(addresses->pdata[i], address) == 0)
			return true;
	return false;
}

static int
add_owner(struct ph_dirfile *file, MDB_txn *txn, MDB_val *name,
	  GPtrArray *owners, struct ph_err *err)
{
	struct ph_object *entry = NULL;
	bool held = false;
	MDB_val value;
	int rc = mdb_get(txn, file->db[DB_ENTRY], name, &value);

	if (rc != 0)
		return ph_dirfile_fail(file,
				       rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc,
				       "an entry", err);
	if (ph_dirfile_unpack(file, &value, &held, &entry, err) < 0)
		return -1;
	g_ptr_array_add(owners, entry);
	if (held)
		return ph_err_set(err, PH_ERR_TEMP,
				  "recipient:%s exists twice, in different "
				  "case",
				  ph_object_name(entry));
	return 0;
}

static int
open_owners(const struct ph_dirfile *file, struct ph_dirreader *reader)
{
	return reader->owners != NULL
		   ? mdb_cursor_renew(reader->txn, reader->owners)
		   : mdb_cursor_open(reader->txn, file->db[DB_ADDRESS],
				     &reader->owners);
}

static int
read_owners(struct ph_dirfile *file, struct ph_dirreader *reader,
	    const GString *key, GPtrArray *owners, struct ph_err *err)
{
	MDB_val k = ph_dirfile_val(key), name;
	int r = 0, rc = open_owners(file, reader);

	if (rc == 0)
		rc = mdb_cursor_get(reader->owners, &k, &name, MDB_SET);
	while (rc == 0 && r == 0) {
		r = add_owner(file, reader->txn, &name, owners, err);
		rc = mdb_cursor_get(reader->owners, &k, &name, MDB_NEXT_DUP);
	}
	if (r < 0)
		return -1;
	return rc == MDB_NOTFOUND ? 0
				  : ph_dirfile_fail(file, rc, "owners", err);
}

/* Does it hold everything? Once it does it goes on to; asked of the file when
 * something was written since. 1, 0, -1. */
static int
is_complete(struct ph_dirfile *file, MDB_txn *txn, struct ph_err *err)
{
	const gsize id = mdb_txn_id(txn);
	g_autofree char *complete = NULL;
	int r;

	if ((gsize)g_atomic_pointer_get(&file->complete_at) == id)
		return 1;
	r = ph_dirfile_get_info(file, txn, "complete", &complete, err);
	if (r == 1)
		g_atomic_pointer_set(&file->complete_at, id);
	return r;
}

/* Nobody owns the address; but a key of that name whose value was never good
 * is no reason to say that there is nobody. */
static int
check_error(struct ph_dirfile *file, MDB_txn *txn, const char *address,
	    struct ph_err *err)
{
	g_autoptr(GString) prefix = g_string_new(NULL);
	MDB_val key, value;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, file->db[DB_ERROR], &cursor);

	if (rc != 0)
		return ph_dirfile_fail(file, rc, "errors", err);
	ph_dirfile_append_part(prefix, address);
	g_string_append_c(prefix, '\0');
	key = ph_dirfile_val(prefix);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	mdb_cursor_close(cursor);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return ph_dirfile_fail(file, rc, "errors", err);
	if (rc == 0 && key.mv_size > prefix->len &&
	    memcmp(key.mv_data, prefix->str, prefix->len) == 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "recipient:%s is there, but not valid",
				  address);
	return 0;
}

int
ph_dirfile_check_complete(struct ph_dirfile *file, MDB_txn *txn,
			  struct ph_err *err)
{
	int r = is_complete(file, txn, err);

	if (r == 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s is not filled yet",
				  file->path);
	return r < 0 ? -1 : 0;
}

/* Whatever fails in here is an outage. */
static int
find_in(struct ph_dirfile *file, struct ph_dirreader *reader,
	const char *address, GPtrArray *owners, struct ph_err *err)
{
	g_autoptr(GString) key = g_string_new(NULL);

	if (ph_dirfile_check_complete(file, reader->txn, err) < 0)
		return -1;
	/* No key of LMDB is empty. */
	if (*address == '\0')
		return 0;
	ph_dirfile_append_part(key, address);
	if (read_owners(file, reader, key, owners, err) < 0)
		return -1;
	for (guint i = owners->len; ph_dirfile_is_hashed(key) && i-- > 0;)
		if (!owns(owners->pdata[i], address))
			g_ptr_array_remove_index(owners, i);
	return owners->len > 0 ? 0
			       : check_error(file, reader->txn, address, err);
}

struct search {
	const char *address;
	GPtrArray *owners;
};

static int
search(struct ph_dirfile *file, struct ph_dirreader *reader, void *arg,
       struct ph_err *err)
{
	const struct search *s = arg;

	return find_in(file, reader, s->address, s->owners, err);
}

int
ph_dirfile_find(struct ph_dirfile *file, const char *address,
		struct ph_object **entry_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) owners =
	    g_ptr_array_new_with_free_func(unref_owner);
	struct search s = {address, owners};

	if (ph_dirfile_need(file, search, &s, err) < 0)
		return -1;
	return ph_entry_choose((struct ph_object *const *)owners->pdata,
			       owners->len, address, entry_r, err);
}

/* ---- as a directory ----------------------------------------------------- */

static int
directory_find(void *self, const char *address, struct ph_object **entry_r,
	       struct ph_found *found_r, struct ph_err *err)
{
	(void)found_r;
	return ph_dirfile_find(self, address, entry_r, err);
}

static void
directory_close(void *self)
{
	struct ph_dirfile *file = self;

	ph_dirfile_unref(&file);
}

const struct ph_directory_ops ph_dirfile_ops = {
    .name = "redis",
    .find = directory_find,
    .brief = ph_dirfile_brief,
    .walk = ph_dirfile_walk,
    .close = directory_close,
};

struct ph_directory *
ph_dirfile_directory(struct ph_dirfile *file)
{
	return ph_directory_new(&ph_dirfile_ops, ph_dirfile_ref(file));
}
