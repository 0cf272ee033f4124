#include "lib/base/log.h"
#include "lib/directory/briefs.h"
#include "lib/directory/entry.h"
#include "lib/directory/file_private.h"

#include <string.h>

/*
 * Of an address that has one owner, a mailbox without forwarding: where its
 * mail is delivered. That is what the maps ask of nearly every recipient; the
 * process that writes the file, which answers the maps, keeps it in memory.
 *
 * What a transaction changes is put there when it is committed. What was in the
 * file before is read by a thread, in portions; between the beginning of a
 * portion's read transaction and its end nothing committed is put there, so
 * that what is older never comes last.
 */
#define PORTION 256

struct ph_dirbriefs {
	struct ph_dirfile *file;
	struct ph_briefs *briefs;
	GMutex order; /* held over a portion, and while changes are put there */
	bool loading; /* or everything is there; the writer's thread's own */
	GThread *loader;
	GString *last; /* the loader's: key of the entry that was read last */
	gint loaded;   /* atomic: all that the file holds is there */
	gint stop;     /* atomic: the loader has to end */
};

struct ph_dirbriefs *
ph_dirbriefs_new(struct ph_dirfile *file)
{
	struct ph_dirbriefs *b = g_new0(struct ph_dirbriefs, 1);

	b->file = file;
	b->briefs = ph_briefs_new();
	b->last = g_string_new(NULL);
	g_mutex_init(&b->order);
	return b;
}

void
ph_dirbriefs_free(struct ph_dirbriefs **briefs)
{
	if (*briefs == NULL)
		return;
	ph_dirbriefs_stop(*briefs);
	ph_briefs_free(&(*briefs)->briefs);
	g_string_free((*briefs)->last, TRUE);
	g_mutex_clear(&(*briefs)->order);
	g_free(*briefs);
	*briefs = NULL;
}

static bool
is_plain(const struct ph_object *entry)
{
	return ph_entry_is_mailbox(entry) &&
	       !ph_object_has(entry, "ForwardingAddress") &&
	       !ph_object_has(entry, "ForwardingSmtpAddress") &&
	       strlen(ph_entry_primary(entry)) +
		       strlen(ph_object_text(entry, "Database")) <
		   PH_BRIEF_SIZE / 2;
}

/* Is there one entry that owns an address, and which? 0, or an LMDB code. */
static int
find_owner(MDB_cursor *owners, const char *address, bool *one_r,
	   MDB_val *name_r)
{
	g_autoptr(GString) key = g_string_new(NULL);
	size_t n = 0;
	MDB_val k;
	int rc;

	*one_r = false;
	ph_dirfile_append_part(key, address);
	if (ph_dirfile_is_hashed(key))
		return 0;
	k = ph_dirfile_val(key);
	rc = mdb_cursor_get(owners, &k, name_r, MDB_SET);
	if (rc == 0)
		rc = mdb_cursor_count(owners, &n);
	*one_r = n == 1;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static bool
is_name(const MDB_val *name, const void *key, size_t size)
{
	return name->mv_size == size && memcmp(name->mv_data, key, size) == 0;
}

/* ---- what a transaction changes ----------------------------------------- */

struct change {
	char *address, *primary, *database; /* as ph_briefs_set */
};

static void
free_change(void *data)
{
	struct change *change = data;

	g_free(change->address);
	g_free(change->primary);
	g_free(change->database);
	g_free(change);
}

static void
note(struct ph_dirwrite *write, const char *address,
     const struct ph_object *entry)
{
	struct change *change = g_new0(struct change, 1);

	change->address = g_strdup(address);
	if (entry != NULL && is_plain(entry)) {
		change->primary = g_strdup(ph_entry_primary(entry));
		change->database = g_strdup(ph_object_text(entry, "Database"));
	}
	if (write->changes == NULL)
		write->changes = g_ptr_array_new_with_free_func(free_change);
	g_ptr_array_add(write->changes, change);
}

/* One owner, which is another entry than the one that is written. 0 or -1. */
static int
note_other(struct ph_dirwrite *write, const char *address, const MDB_val *name,
	   struct ph_err *err)
{
	struct ph_object *entry = NULL;
	bool held = false;
	MDB_val key = *name, value;
	int rc = mdb_get(write->txn, write->file->db[DB_ENTRY], &key, &value);

	if (rc != 0)
		return ph_dirfile_fail(write->file, rc, "an owner", err);
	if (ph_dirfile_unpack(write->file, &value, &held, &entry, err) < 0)
		return -1;
	note(write, address, held ? NULL : entry);
	ph_object_unref(&entry);
	return 0;
}

static int
refresh(struct ph_dirwrite *write, MDB_cursor *owners, const char *address,
	const GString *key, const struct ph_object *now, struct ph_err *err)
{
	bool one = false;
	MDB_val name;
	int rc = find_owner(owners, address, &one, &name);

	if (rc != 0)
		return ph_dirfile_fail(write->file, rc, "owners", err);
	if (one && !is_name(&name, key->str, key->len))
		return note_other(write, address, &name, err);
	note(write, address, one ? now : NULL);
	return 0;
}

static int
refresh_all(struct ph_dirwrite *write, const struct ph_object *of,
	    const GString *key, const struct ph_object *now, struct ph_err *err)
{
	g_autoptr(GPtrArray) addresses = ph_entry_addresses(of);
	MDB_cursor *owners;
	int r =
	    mdb_cursor_open(write->txn, write->file->db[DB_ADDRESS], &owners);

	if (r != 0)
		return ph_dirfile_fail(write->file, r, "owners", err);
	for (guint i = 0; r == 0 && i < addresses->len; i++)
		r = refresh(write, owners, addresses->pdata[i], key, now, err);
	mdb_cursor_close(owners);
	return r;
}

int
ph_dirwrite_briefs(struct ph_dirwrite *write, const GString *key,
		   const struct ph_object *old, const struct ph_object *now,
		   bool held, struct ph_err *err)
{
	const struct ph_object *in_force = held ? NULL : now;

	if (write->file->briefs == NULL)
		return 0;
	if (old != NULL && refresh_all(write, old, key, in_force, err) < 0)
		return -1;
	return now != NULL ? refresh_all(write, now, key, in_force, err) : 0;
}

void
ph_dirbriefs_change(struct ph_dirbriefs *briefs, const GPtrArray *changes)
{
	if (briefs == NULL || changes == NULL)
		return;
	g_mutex_lock(&briefs->order);
	for (guint i = 0; i < changes->len; i++) {
		const struct change *change = changes->pdata[i];

		ph_briefs_set(briefs->briefs, change->address, change->primary,
			      change->database);
	}
	g_mutex_unlock(&briefs->order);
}

/* ---- what was in the file before ---------------------------------------- */

struct portion {
	GString *last; /* the loader's */
	bool end;
};

/* 0, or an LMDB code. */
static int
load_address(struct ph_dirbriefs *briefs, MDB_cursor *owners,
	     const char *address, const MDB_val *key,
	     const struct ph_object *entry)
{
	bool one = false;
	MDB_val name;
	int rc = find_owner(owners, address, &one, &name);

	if (one && is_plain(entry) &&
	    is_name(&name, key->mv_data, key->mv_size))
		ph_briefs_set(briefs->briefs, address, ph_entry_primary(entry),
			      ph_object_text(entry, "Database"));
	return rc;
}

static int
load_entry(struct ph_dirfile *file, MDB_cursor *owners, const MDB_val *key,
	   const MDB_val *value, struct ph_err *err)
{
	g_autoptr(GPtrArray) addresses = NULL;
	struct ph_object *entry = NULL;
	bool held = false;
	int rc = 0;

	if (ph_dirfile_unpack(file, value, &held, &entry, err) < 0)
		return -1;
	addresses = ph_entry_addresses(entry);
	for (guint i = 0; rc == 0 && !held && i < addresses->len; i++)
		rc = load_address(file->briefs, owners, addresses->pdata[i],
				  key, entry);
	ph_object_unref(&entry);
	return rc == 0 ? 0 : ph_dirfile_fail(file, rc, "owners", err);
}

static int
load_portion(struct ph_dirfile *file, struct ph_dirreader *reader, void *arg,
	     struct ph_err *err)
{
	struct portion *portion = arg;
	MDB_cursor *entries = NULL, *owners = NULL;
	MDB_val key, value;
	int r = 0, rc;

	rc = mdb_cursor_open(reader->txn, file->db[DB_ENTRY], &entries);
	if (rc == 0)
		rc =
		    mdb_cursor_open(reader->txn, file->db[DB_ADDRESS], &owners);
	if (rc == 0)
		rc = ph_dirfile_next(entries, portion->last, &key, &value);
	for (unsigned n = 0; rc == 0 && r == 0 && n < PORTION; n++) {
		g_string_truncate(portion->last, 0);
		g_string_append_len(portion->last, key.mv_data,
				    (gssize)key.mv_size);
		r = load_entry(file, owners, &key, &value, err);
		rc = mdb_cursor_get(entries, &key, &value, MDB_NEXT);
	}
	if (owners != NULL)
		mdb_cursor_close(owners);
	if (entries != NULL)
		mdb_cursor_close(entries);
	portion->end = rc == MDB_NOTFOUND;
	if (r < 0)
		return -1;
	return rc == 0 || portion->end
		   ? 0
		   : ph_dirfile_fail(file, rc, "entries", err);
}

/* False: that was all, or it cannot be read: what is damaged whoever looks up
 * sees and says. */
static bool
load_next(struct ph_dirbriefs *briefs)
{
	struct portion portion = {briefs->last, false};
	struct ph_err err = PH_ERR_INIT;
	int r;

	g_mutex_lock(&briefs->order);
	r = ph_dirfile_read(briefs->file, load_portion, &portion, &err);
	g_mutex_unlock(&briefs->order);
	if (r == 1 && portion.end)
		g_atomic_int_set(&briefs->loaded, 1);
	if (r < 0)
		ph_warn("%s; until it is opened again, look-ups are slower",
			err.text);
	return r == 1 && !portion.end;
}

static void *
load(void *data)
{
	struct ph_dirbriefs *briefs = data;

	while (!g_atomic_int_get(&briefs->stop) && load_next(briefs))
		;
	return NULL;
}

/* A file of one portion takes no thread. */
void
ph_dirbriefs_load(struct ph_dirbriefs *briefs)
{
	if (briefs == NULL || briefs->loading)
		return;
	briefs->loading = true;
	if (load_next(briefs))
		briefs->loader = g_thread_new("briefs", load, briefs);
}

void
ph_dirbriefs_stop(struct ph_dirbriefs *briefs)
{
	if (briefs == NULL || !briefs->loading)
		return;
	g_atomic_int_set(&briefs->stop, 1);
	if (briefs->loader != NULL)
		g_thread_join(g_steal_pointer(&briefs->loader));
	g_atomic_int_set(&briefs->stop, 0);
	g_atomic_int_set(&briefs->loaded, 0);
	briefs->loading = false;
	g_string_truncate(briefs->last, 0);
	ph_briefs_clear(briefs->briefs);
}

/* ---- looking up --------------------------------------------------------- */

static int
look_complete(struct ph_dirfile *file, struct ph_dirreader *reader, void *arg,
	      struct ph_err *err)
{
	(void)arg;
	return ph_dirfile_check_complete(file, reader->txn, err);
}

bool
ph_dirfile_brief(void *self, const char *address, struct ph_brief *brief_r)
{
	struct ph_dirfile *file = self;

	if (file->briefs == NULL || !g_atomic_int_get(&file->briefs->loaded))
		return false;
	if (g_atomic_pointer_get(&file->complete_at) == 0 &&
	    ph_dirfile_read(file, look_complete, NULL, NULL) != 1)
		return false;
	return ph_briefs_find(file->briefs->briefs, address, brief_r);
}
