#include "cli/import.h"

#include "lib/base/text.h"
#include "lib/directory/entry.h"

#include <string.h>

/* Which addresses whose are: of the records in the files, and in Redis. */

/* What an entry of these fields would own, as it is written; g_strfreev. */
static char **
addresses_of(const char *name, const char *primary, const char *text)
{
	g_auto(GStrv) list = NULL;
	GPtrArray *addresses = g_ptr_array_new();

	g_ptr_array_add(addresses, g_strdup(name));
	if (*primary)
		g_ptr_array_add(addresses, g_strdup(primary));
	(void)ph_parse_list(text, &list, NULL);
	for (char **p = list; p && *p; p++) {
		const bool smtp = g_ascii_strncasecmp(*p, "smtp:", 5) == 0;

		if (smtp || !strchr(*p, ':'))
			g_ptr_array_add(addresses,
					g_strdup(*p + (smtp ? 5 : 0)));
	}
	g_ptr_array_add(addresses, NULL);
	return (char **)g_ptr_array_free(addresses, FALSE);
}

static const char *
get(const GPtrArray *pairs, const char *field)
{
	for (guint i = 0; i + 1 < pairs->len; i += 2)
		if (g_ascii_strcasecmp(g_ptr_array_index(pairs, i), field) == 0)
			return g_ptr_array_index(pairs, i + 1);
	return "";
}

/* ---- twice in the files ------------------------------------------------- */

/* A hash in the place of the address: of a million two are alike once in ten
 * million imports. */
static gpointer
hash_address(const char *address)
{
	g_autofree char *folded = ph_fold(address);
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[32];
	gsize size = sizeof digest;
	gpointer hash;

	g_checksum_update(checksum, (const guchar *)folded, -1);
	g_checksum_get_digest(checksum, digest, &size);
	memcpy(&hash, digest, sizeof hash);
	return hash;
}

/* Is there a record of this name or address? */
static bool
is_claimed(const struct ph_import *import, const char *address)
{
	return g_hash_table_contains(import->owners, hash_address(address));
}

static bool
is_taken(struct ph_import *import, const struct ph_import_record *record,
	 const char *address)
{
	gpointer line =
	    g_hash_table_lookup(import->owners, hash_address(address));
	g_autofree char *text = NULL;

	if (!line)
		return false;
	text = g_strdup_printf("%s is in the files twice, before in line %u",
			       address, GPOINTER_TO_UINT(line));
	ph_import_note(import, PH_IMPORT_REJECTED, record->file, record->line,
		       record->name, text);
	return true;
}

bool
ph_import_claim(struct ph_import *import, const struct ph_import_record *record)
{
	g_auto(GStrv) addresses =
	    addresses_of(record->name, get(record->pairs, "PrimarySmtpAddress"),
			 get(record->pairs, "EmailAddresses"));
	const guint line = (guint)MIN(record->line, G_MAXUINT);

	for (char **p = addresses; *p; p++)
		if (is_taken(import, record, *p))
			return false;
	for (char **p = addresses; *p; p++)
		g_hash_table_insert(import->owners, hash_address(*p),
				    GUINT_TO_POINTER(line));
	return true;
}

/* ---- in Redis ----------------------------------------------------------- */

static const char *
stored_text(const struct ph_change *change, const char *field)
{
	const char *text = ph_change_get(change, field);

	return text ? text : "";
}

static bool
is_among(char **addresses, const char *address)
{
	for (char **p = addresses; *p; p++)
		if (ph_fold_same(*p, address))
			return true;
	return false;
}

/* The file may be older than what Redis holds: 1 the owner has it still, 0, -1.
 * What is stored and is not valid is not in force; the file's is. */
static int
has_still(struct ph_import *import, const char *owner, const char *address,
	  struct ph_err *err)
{
	g_autoptr(GPtrArray) stored = NULL;
	g_autoptr(GPtrArray) addresses = NULL;
	g_autofree char *folded = ph_fold(address);
	struct ph_object *entry = NULL;

	if (ph_stored_read(import->cli, import->kind, owner, &stored, err) < 0)
		return -1;
	if (stored->len == 0)
		return 0;
	if (ph_stored_parse(import->kind, owner, stored, &entry, NULL) < 0)
		return 1;
	addresses = ph_entry_addresses(entry);
	ph_object_unref(&entry);
	return g_ptr_array_find_with_equal_func(addresses, folded, g_str_equal,
						NULL);
}

static int
check_address(struct ph_import *import, const char *name, const char *address,
	      char **text_r, struct ph_err *err)
{
	struct ph_object *entry = NULL;
	struct ph_err found = PH_ERR_INIT;
	int r = ph_directory_find(import->directory, address, &entry, &found);

	if (r < 0 && found.kind == PH_ERR_PERM) {
		*text_r = g_strdup(found.text);
		return 1;
	}
	if (r == 1 && !ph_fold_same(ph_object_name(entry), name)) {
		const char *owner = ph_object_name(entry);

		/* Nothing has been written that he could have given up. */
		r = import->dry_run && import->last && is_claimed(import, owner)
			? 0
			: has_still(import, owner, address, err);
		if (r == 1)
			*text_r = g_strdup_printf("%s belongs to recipient:%s",
						  address, owner);
	} else
		r = 0;
	ph_object_unref(&entry);
	return r;
}

int
ph_import_conflict(struct ph_import *import,
		   const struct ph_import_record *record,
		   const struct ph_change *change, char **text_r,
		   struct ph_err *err)
{
	g_auto(GStrv) before = addresses_of(
	    record->name, stored_text(change, "PrimarySmtpAddress"),
	    stored_text(change, "EmailAddresses"));
	g_auto(GStrv) addresses = NULL;
	const char *primary = "", *list = "";
	int r = 0;

	if (!import->directory)
		return 0;
	for (guint i = 0; i + 1 < change->set->len; i += 2) {
		const char *field = change->set->pdata[i];

		if (strcmp(field, "PrimarySmtpAddress") == 0)
			primary = change->set->pdata[i + 1];
		else if (strcmp(field, "EmailAddresses") == 0)
			list = change->set->pdata[i + 1];
	}
	addresses = addresses_of(record->name, primary, list);
	for (char **p = addresses; r == 0 && *p; p++)
		if (change->stored->len == 0 || !is_among(before, *p))
			r = check_address(import, record->name, *p, text_r,
					  err);
	return r;
}
