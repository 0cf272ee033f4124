#include "cli/import.h"

#include "lib/directory/ldap_text.h"
#include "lib/directory/ldif.h"
#include "lib/state/value.h"

#include <string.h>

/* ---- what a distinguished name stands for ------------------------------- */

/*
 * Members are named before or after the group: the files are read for the names
 * first. A hash in the place of the name, which is often the longest thing in
 * an entry.
 */
struct known {
	guint8 hash[16];
	char address[];
};

static guint
known_hash(gconstpointer data)
{
	guint hash;

	memcpy(&hash, data, sizeof hash);
	return hash;
}

static gboolean
known_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof((const struct known *)a)->hash) == 0;
}

GHashTable *
ph_import_names_new(void)
{
	return g_hash_table_new_full(known_hash, known_equal, g_free, NULL);
}

static void
hash_name(const char *canonical, guint8 *hash)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[32];
	gsize size = sizeof digest;

	g_checksum_update(checksum, (const guchar *)canonical, -1);
	g_checksum_get_digest(checksum, digest, &size);
	memcpy(hash, digest, 16);
}

static const char *
find_name(const struct ph_import *import, const char *canonical)
{
	guint8 hash[16];
	const struct known *known;

	hash_name(canonical, hash);
	known = g_hash_table_lookup(import->names, hash);
	return known ? known->address : NULL;
}

static void
keep_name(struct ph_import *import, const struct ph_ldap_entry *entry)
{
	g_autofree char *canonical = ph_ldap_dn_canonical(entry->dn);
	g_autofree char *address = ph_ldap_map_primary(&import->map, entry);
	struct known *known;
	size_t size;

	if (!canonical || !address)
		return;
	size = strlen(address) + 1;
	known = g_malloc(sizeof *known + size);
	hash_name(canonical, known->hash);
	memcpy(known->address, address, size);
	g_hash_table_add(import->names, known);
}

/* ---- reading ------------------------------------------------------------ */

struct reader {
	struct ph_import *import;
	const struct ph_import_file *file;
	/* r and err as of ph_ldif_next. 0, or an exit code. */
	int (*take)(struct reader *reader, const struct ph_ldif_record *record,
		    int r, const struct ph_err *err);
};

static int
take_records(struct reader *reader, struct ph_ldif *ldif)
{
	struct ph_ldif_record record;
	struct ph_err err = PH_ERR_INIT;
	int status = 0, r;

	while (status == 0 && (r = ph_ldif_next(ldif, &record, &err)) != 0)
		status = reader->take(reader, &record, r, &err);
	return status;
}

static int
read_file(struct reader *reader, bool address_only)
{
	g_autoptr(GPtrArray) attributes =
	    ph_ldap_map_attributes(&reader->import->map, address_only);
	struct ph_ldif *ldif =
	    ph_ldif_new((const char *const *)attributes->pdata);
	char buffer[65536];
	int status = 0;
	ssize_t n;

	do {
		n = ph_import_feed(reader->file, buffer, sizeof buffer,
				   &status);
		if (n > 0)
			ph_ldif_feed(ldif, buffer, (size_t)n);
		else if (n == 0)
			ph_ldif_end(ldif);
		if (n >= 0)
			status = take_records(reader, ldif);
	} while (n > 0 && status == 0);
	ph_ldif_free(&ldif);
	return status;
}

static int
take_for_name(struct reader *reader, const struct ph_ldif_record *record, int r,
	      const struct ph_err *err)
{
	(void)err;
	if (r == 1 && !record->change)
		keep_name(reader->import, record->entry);
	return 0;
}

int
ph_import_ldif_names(struct ph_import *import,
		     const struct ph_import_file *file)
{
	struct reader reader = {import, file, take_for_name};

	return read_file(&reader, true);
}

/* ---- entries ------------------------------------------------------------ */

static int
note(const struct reader *reader, const struct ph_ldif_record *record,
     enum ph_import_note sort, const char *text)
{
	ph_import_note(reader->import, sort, reader->file, record->line,
		       record->entry ? record->entry->dn : NULL, text);
	return 0;
}

/* What the entry's links stand for; those that are not known are told. */
static GHashTable *
find_links(const struct reader *reader, const struct ph_ldif_record *record)
{
	g_autoptr(GHashTable) links =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	GHashTable *addresses =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	GHashTableIter iter;
	gpointer canonical, written;

	ph_ldap_map_links(&reader->import->map, record->entry, links);
	g_hash_table_iter_init(&iter, links);
	while (g_hash_table_iter_next(&iter, &canonical, &written)) {
		const char *address = find_name(reader->import, canonical);
		g_autofree char *text = NULL;

		if (address) {
			g_hash_table_insert(addresses, g_strdup(canonical),
					    g_strdup(address));
			continue;
		}
		text = g_strdup_printf("%s is no recipient of the files",
				       (const char *)written);
		note(reader, record, PH_IMPORT_UNRESOLVED, text);
	}
	return addresses;
}

static struct ph_import_record *
make_record(const struct reader *reader, size_t line,
	    const struct ph_object *object)
{
	struct ph_import_record *record = g_new0(struct ph_import_record, 1);
	const struct ph_pair *pairs;
	const size_t n = ph_object_pairs(object, &pairs);

	record->name = g_strdup(ph_object_name(object));
	record->file = reader->file;
	record->line = line;
	record->pairs = g_ptr_array_new_with_free_func(g_free);
	for (size_t i = 0; i < n; i++) {
		g_ptr_array_add(record->pairs, g_strdup(pairs[i].field));
		g_ptr_array_add(record->pairs, g_strdup(pairs[i].value));
	}
	return record;
}

/* Behind the name, which stands before it already. */
static const char *
skip_name(const char *text, const char *dn)
{
	const size_t n = strlen(dn);

	return g_str_has_prefix(text, dn) && g_str_has_prefix(text + n, ": ")
		   ? text + n + 2
		   : text;
}

static int
take_entry(struct reader *reader, const struct ph_ldif_record *record)
{
	struct ph_import *import = reader->import;
	const char *bad = ph_ldap_map_bad_address(&import->map, record->entry);
	g_autoptr(GHashTable) addresses = NULL;
	g_autofree char *quoted = NULL, *text = NULL;
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status;

	if (bad) {
		quoted = ph_value_quote(bad);
		text = g_strdup_printf("EmailAddresses: %s is not an address; "
				       "expected local@domain",
				       quoted);
		return note(reader, record, PH_IMPORT_REJECTED, text);
	}
	if (!ph_ldap_map_is_recipient(&import->map, record->entry)) {
		import->others++;
		return 0;
	}
	addresses = find_links(reader, record);
	if (ph_ldap_map_parse(&import->map, record->entry, addresses, &object,
			      &err) < 0)
		return note(reader, record, PH_IMPORT_REJECTED,
			    skip_name(err.text, record->entry->dn));
	status =
	    ph_import_add(import, make_record(reader, record->line, object));
	ph_object_unref(&object);
	return status;
}

static int
take_record(struct reader *reader, const struct ph_ldif_record *record, int r,
	    const struct ph_err *err)
{
	g_autofree char *text = NULL;

	if (r < 0)
		return note(reader, record, PH_IMPORT_REJECTED, err->text);
	if (!record->change)
		return take_entry(reader, record);
	text = g_strdup_printf("changetype is %s; only add is followed",
			       record->change);
	return note(reader, record, PH_IMPORT_SKIPPED, text);
}

int
ph_import_ldif(struct ph_import *import, const struct ph_import_file *file)
{
	struct reader reader = {import, file, take_record};

	return read_file(&reader, false);
}
