#include "lib/directory/entry.h"
#include "lib/directory/file_private.h"

#include "lib/base/text.h"

#include <string.h>

/*
 * Of an address that has one owner, a mailbox without forwarding: where its
 * mail is delivered. That is what the maps ask of nearly every recipient; it
 * takes one look-up with a short key, and nothing is parsed.
 *
 *	brief	hash of the folded address -> checksum of the rest; the folded
 *		address, its primary address, the database, each with a NUL
 *
 * Of two addresses with one hash only one has a brief. All others are looked
 * up as a whole.
 */
#define SUM_SIZE sizeof(uint64_t)

static GString *
brief_key(const char *address)
{
	const uint64_t hash = ph_dirfile_sum(address, strlen(address));

	return g_string_new_len((const char *)&hash, sizeof hash);
}

bool
ph_dirfile_is_brief(const MDB_val *value)
{
	const char *data = value->mv_data;
	uint64_t sum;

	if (value->mv_size <= SUM_SIZE || data[value->mv_size - 1] != '\0')
		return false;
	memcpy(&sum, data, SUM_SIZE);
	return sum ==
	       ph_dirfile_sum(data + SUM_SIZE, value->mv_size - SUM_SIZE);
}

/* ---- writing ------------------------------------------------------------ */

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

static GString *
pack(const char *address, const struct ph_object *entry)
{
	GString *value = g_string_new(NULL);
	uint64_t sum = 0;

	g_string_append_len(value, (const char *)&sum, SUM_SIZE);
	g_string_append_len(value, address, (gssize)strlen(address) + 1);
	g_string_append(value, ph_entry_primary(entry));
	g_string_append_c(value, '\0');
	g_string_append(value, ph_object_text(entry, "Database"));
	g_string_append_c(value, '\0');
	sum = ph_dirfile_sum(value->str + SUM_SIZE, value->len - SUM_SIZE);
	memcpy(value->str, &sum, SUM_SIZE);
	return value;
}

static bool
is_about(const GString *value, const char *address)
{
	const size_t size = strlen(address) + 1;

	return value->len > SUM_SIZE + size &&
	       memcmp(value->str + SUM_SIZE, address, size) == 0;
}

/* The one entry in force that owns an address; NULL: there is none, or there
 * are several. 0 or -1. */
static int
find_owner(struct ph_dirwrite *write, const char *address,
	   struct ph_object **entry_r, struct ph_err *err)
{
	g_autoptr(GString) key = g_string_new(NULL);
	g_autoptr(GString) name = NULL;
	g_autoptr(GString) value = NULL;
	size_t n = 0;
	bool held = false;
	int r;

	*entry_r = NULL;
	ph_dirfile_append_part(key, address);
	if (ph_dirfile_is_hashed(key))
		return 0;
	r = ph_dirwrite_row_count(write, DB_ADDRESS, key, &n, err);
	if (r < 0 || n != 1)
		return r;
	if (ph_dirwrite_row_get(write, DB_ADDRESS, key, &name, err) != 1 ||
	    ph_dirwrite_row_get(write, DB_ENTRY, name, &value, err) != 1)
		return ph_dirfile_fail(write->file, MDB_CORRUPTED, "an owner",
				       err);
	if (ph_dirwrite_row_unpack(write, value, &held, entry_r, err) < 0)
		return -1;
	if (held)
		ph_object_unref(entry_r);
	return 0;
}

static int
refresh(struct ph_dirwrite *write, const char *address, struct ph_err *err)
{
	g_autoptr(GString) key = brief_key(address);
	g_autoptr(GString) old = NULL;
	g_autoptr(GString) new = NULL;
	struct ph_object *entry = NULL;
	int r = ph_dirwrite_row_get(write, DB_BRIEF, key, &old, err);

	if (r < 0 || find_owner(write, address, &entry, err) < 0)
		return -1;
	if (entry != NULL && is_plain(entry))
		new = pack(address, entry);
	ph_object_unref(&entry);
	/* Another address has the place. */
	if (old != NULL && !is_about(old, address))
		return 0;
	if (new == NULL)
		return old == NULL ? 0
				   : ph_dirwrite_row_del(write, DB_BRIEF, key,
							 NULL, err);
	return old != NULL && g_string_equal(old, new)
		   ? 0
		   : ph_dirwrite_row_put(write, DB_BRIEF, key, new, err);
}

int
ph_dirwrite_briefs(struct ph_dirwrite *write, const struct ph_object *entry,
		   struct ph_err *err)
{
	g_autoptr(GPtrArray) addresses = ph_entry_addresses(entry);
	int r = 0;

	for (guint i = 0; r == 0 && i < addresses->len; i++)
		r = refresh(write, addresses->pdata[i], err);
	return r;
}

/* ---- looking up --------------------------------------------------------- */

struct search {
	const char *address;
	struct ph_brief *brief;
	bool found;
};

/* Everything in it ends with a NUL, the value does at the latest. */
static bool
take(const MDB_val *value, struct search *s)
{
	const size_t skip = SUM_SIZE + strlen(s->address) + 1;
	const char *data = value->mv_data;
	const char *end;

	if (value->mv_size <= skip || value->mv_size - skip > PH_BRIEF_SIZE ||
	    memcmp(data + SUM_SIZE, s->address, skip - SUM_SIZE) != 0)
		return false;
	memcpy(s->brief->text, data + skip, value->mv_size - skip);
	s->brief->primary = s->brief->text;
	end = memchr(s->brief->text, '\0', value->mv_size - skip - 1);
	if (end == NULL)
		return false;
	s->brief->database = end + 1;
	return true;
}

static int
look(struct ph_dirfile *file, struct ph_dirreader *reader, void *arg,
     struct ph_err *err)
{
	struct search *s = arg;
	uint64_t hash = ph_dirfile_sum(s->address, strlen(s->address));
	MDB_val key = {sizeof hash, &hash}, value;
	int rc;

	if (ph_dirfile_check_complete(file, reader->txn, err) < 0)
		return -1;
	rc = mdb_get(reader->txn, file->db[DB_BRIEF], &key, &value);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc == 0 && !ph_dirfile_is_brief(&value))
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return ph_dirfile_fail(file, rc, "a brief", err);
	s->found = take(&value, s);
	return 0;
}

bool
ph_dirfile_brief(void *self, const char *address, struct ph_brief *brief_r)
{
	struct search s = {address, brief_r, false};

	return ph_dirfile_read(self, look, &s, NULL) == 1 && s.found;
}
