#include "lib/inspect/walk_private.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

/* Archives, by libarchive. */

/* Of one file in an archive; the rest of what a message may unpack is for
 * others. */
#define FILE_SHARE 2

struct archive_reader {
	struct ph_walk *walk;
	struct ph_node *node;
	struct archive *archive;
	const struct ph_zipdir *zip; /* NULL: it is none */
	bool names_only; /* it is encrypted in a way that libarchive does not
			  * see */
	size_t skip;	 /* bytes before it */
	guint found;	 /* files */
	bool surely;	 /* it is an archive; else a program, which is one
			  * perhaps */
};

static struct archive *
new_archive(void)
{
	struct archive *a = archive_read_new();

	if (a == NULL)
		g_error("no memory for an archive");
	return a;
}

/* ---- one file ------------------------------------------------------------ */

/* 1: all of it, 0: not all, -1: no more of this archive. */
static int
read_data(struct archive_reader *r, GByteArray *bytes)
{
	uint64_t limit = r->walk->limits.size / FILE_SHARE;
	const void *block;
	size_t size;
	la_int64_t offset;
	int rc;

	while ((rc = archive_read_data_block(r->archive, &block, &size,
					     &offset)) == ARCHIVE_OK) {
		if (!ph_walk_pay(r->walk, r->node, size))
			return -1;
		if (bytes->len + size > limit) {
			ph_node_flag(r->node, PH_WALKED_LIMIT,
				     "a file in it is too large");
			return -1;
		}
		g_byte_array_append(bytes, block, (guint)size);
	}
	return rc == ARCHIVE_EOF ? 1 : rc == ARCHIVE_FATAL ? -1 : 0;
}

static const char *
entry_name(struct archive_entry *entry)
{
	const char *name = archive_entry_pathname_utf8(entry);

	return name != NULL ? name : archive_entry_pathname(entry);
}

/* One name that is but a name: a link, an encrypted file. */
static bool
tell_name(struct archive_reader *r, struct archive_entry *entry, uint32_t flags,
	  const char *note)
{
	const char *name = entry_name(entry);
	la_int64_t size = archive_entry_size(entry);

	return ph_walk_name(r->walk, r->node, name,
			    name != NULL ? strlen(name) : 0,
			    size > 0 ? (uint64_t)size : 0, flags, note);
}

/* What a compressed file is called without its suffix. */
static char *
name_without_suffix(const char *name)
{
	static const char *const suffixes[] = {".gz", ".bz2", ".xz", ".zst",
					       ".Z"};

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++)
		if (g_str_has_suffix(name, suffixes[i]))
			return g_strndup(name,
					 strlen(name) - strlen(suffixes[i]));
	return g_strdup(name);
}

static bool
tell_bytes(struct archive_reader *r, const char *name, const GByteArray *bytes)
{
	return ph_walk_child(r->walk, r->node,
			     &(struct ph_walk_source){.name = name,
						      .data = bytes->data,
						      .size = bytes->len});
}

static bool
tell_data(struct archive_reader *r, struct archive_entry *entry)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	const char *given = entry_name(entry);
	g_autofree char *name = NULL;
	int complete = read_data(r, bytes);
	bool more;

	if (archive_format(r->archive) == ARCHIVE_FORMAT_RAW)
		name = name_without_suffix(r->node->walked->name);
	else
		name = g_strdup(given != NULL ? given : "");
	if (complete < 1 && (r->node->walked->flags & PH_WALKED_LIMIT) == 0)
		ph_node_flag(r->node, PH_WALKED_DAMAGED,
			     "a file in it is damaged");
	/* What it begins with tells its type all the same. */
	more = tell_bytes(r, name, bytes);
	return more && complete >= 0;
}

/* A document has files that nobody is shown; programs and archives are not what
 * it is made of, and may be why it only looks like one. */
static bool
tell_program(struct archive_reader *r, struct archive_entry *entry)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	const char *name = entry_name(entry);
	int complete = read_data(r, bytes);

	if ((ph_executable_kind(bytes->data, bytes->len) != NULL ||
	     ph_type_is_container(bytes->data, bytes->len)) &&
	    !tell_bytes(r, name, bytes))
		return false;
	return complete >= 0;
}

static bool
tell_entry(struct archive_reader *r, struct archive_entry *entry)
{
	const char *link = archive_entry_symlink(entry);

	if (archive_entry_filetype(entry) == AE_IFDIR)
		return true;
	if (r->names_only || archive_entry_is_encrypted(entry)) {
		ph_node_flag(r->node, PH_WALKED_PROTECTED, "encrypted");
		return tell_name(r, entry, PH_WALKED_PROTECTED, "encrypted");
	}
	if (link != NULL) {
		ph_node_flag(r->node, PH_WALKED_SUSPICIOUS,
			     "a symbolic link is in it");
		return tell_name(r, entry, PH_WALKED_SUSPICIOUS,
				 "a symbolic link");
	}
	if (archive_entry_hardlink(entry) != NULL ||
	    (archive_entry_filetype(entry) != AE_IFREG &&
	     archive_entry_filetype(entry) != 0))
		return tell_name(r, entry, 0, "no file of its own");
	return r->zip != NULL && ph_zipdir_document(r->zip)
		   ? tell_program(r, entry)
		   : tell_data(r, entry);
}

/* ---- an archive ---------------------------------------------------------- */

/* opened: libarchive knows the format; else it must not be asked about it
 * (3.6.2 follows a pointer behind its table then). */
static bool
is_encrypted(struct archive_reader *r, bool opened)
{
	const char *why = archive_error_string(r->archive);

	return (opened &&
		archive_read_has_encrypted_entries(r->archive) == 1) ||
	       (why != NULL && strstr(why, "ncrypt") != NULL);
}

static void
note_end(struct archive_reader *r, int rc)
{
	const char *why = archive_error_string(r->archive);

	if (rc == ARCHIVE_EOF ||
	    (r->node->walked->flags & PH_WALKED_LIMIT) != 0)
		return;
	ph_node_flag(r->node,
		     PH_WALKED_DAMAGED |
			 (r->found == 0 ? PH_WALKED_UNSUPPORTED : 0),
		     why != NULL ? why : "damaged");
}

static void
read_entries(struct archive_reader *r)
{
	struct archive_entry *entry;
	int rc = archive_read_open_memory(r->archive, r->node->data + r->skip,
					  r->node->size - r->skip);
	bool opened = rc == ARCHIVE_OK;

	r->found = 0;
	while (opened && ((rc = archive_read_next_header(r->archive, &entry)) ==
			      ARCHIVE_OK ||
			  rc == ARCHIVE_WARN)) {
		r->found++;
		if (!tell_entry(r, entry))
			break;
	}
	if (!r->surely && r->found == 0)
		return;
	if (is_encrypted(r, opened))
		ph_node_flag(r->node, PH_WALKED_PROTECTED, "encrypted");
	else
		note_end(r, opened && rc == ARCHIVE_OK ? ARCHIVE_EOF : rc);
}

/* Takes archive. */
static void
read_archive(struct archive_reader *r, struct archive *archive)
{
	r->archive = archive;
	read_entries(r);
	archive_read_free(r->archive);
}

/* Where two look at the same files. */
static void
know_files(struct ph_node *node)
{
	if (node->known == NULL)
		node->known = g_hash_table_new_full(g_str_hash, g_str_equal,
						    g_free, NULL);
}

/*
 * One format alone, where it is known: asked which of many it is, libarchive
 * takes for a zip what has a zip in its last bytes, and so would not see what
 * else is in an archive that holds one as it is.
 */
void
ph_walk_archive(struct ph_walk *walk, struct ph_node *node,
		const struct ph_type *type)
{
	struct archive_reader r = {.walk = walk, .node = node, .surely = true};
	struct archive *a = new_archive();

	r.names_only = type->format == archive_read_support_format_rar5 &&
		       ph_rar5_encrypted(node->data, node->size);
	if (r.names_only)
		ph_node_flag(node, PH_WALKED_PROTECTED, "encrypted");
	if (type->format != NULL) {
		type->format(a);
	} else {
		archive_read_support_filter_gzip(a);
		archive_read_support_filter_bzip2(a);
		archive_read_support_filter_xz(a);
		archive_read_support_filter_zstd(a);
		archive_read_support_filter_compress(a);
		archive_read_support_format_tar(a);
		archive_read_support_format_raw(a);
	}
	read_archive(&r, a);
}

/* A program that opens archives has these bytes in it more than once. */
#define INNER_TRIES 8

/* An archive that opens itself. libarchive looks for what is behind its program
 * where the programs of some years ended. */
static void
read_inner(struct archive_reader *r, const struct ph_signature *inner)
{
	const uint8_t *data = r->node->data;
	size_t size = r->node->size;
	const uint8_t *p = data;

	for (int n = 0; n < INNER_TRIES && r->found == 0; n++) {
		struct archive *a;

		p = memmem(p, size - (size_t)(p - data), inner->bytes,
			   inner->size);
		if (p == NULL)
			return;
		a = new_archive();
		inner->type.format(a);
		r->skip = (size_t)(p - data);
		r->names_only =
		    inner->type.format == archive_read_support_format_rar5 &&
		    ph_rar5_encrypted(p, size - r->skip);
		read_archive(r, a);
		p++;
	}
}

void
ph_walk_program(struct ph_walk *walk, struct ph_node *node)
{
	struct archive_reader r = {.walk = walk, .node = node};
	const struct ph_signature *inner = NULL;
	struct archive *a;

	know_files(node);
	while (!walk->stopped && (inner = ph_signature_inner(inner)) != NULL) {
		r.found = 0;
		read_inner(&r, inner);
	}
	r.skip = 0;
	r.names_only = false;
	if (walk->stopped)
		return;
	a = new_archive();
	archive_read_support_format_lha(a);
	archive_read_support_format_zip_seekable(a);
	read_archive(&r, a);
}

/* ---- zip ----------------------------------------------------------------- */

/* Of a file with two names each is one by which somebody opens it; libarchive
 * tells of the one in its own header. */
static void
tell_other_names(struct archive_reader *r)
{
	for (guint i = 0; i < r->zip->entries->len; i++) {
		const struct ph_zipdir_entry *e =
		    &g_array_index(r->zip->entries, struct ph_zipdir_entry, i);

		if (ph_zipdir_agrees(e))
			continue;
		if (!ph_walk_name(r->walk, r->node, e->name, e->name_size,
				  e->size, PH_WALKED_SUSPICIOUS,
				  "so called in the directory alone"))
			return;
	}
}

static void
read_zip(struct archive_reader *r, bool stream)
{
	struct archive *a = new_archive();

	if (stream)
		archive_read_support_format_zip_streamable(a);
	else
		archive_read_support_format_zip(a);
	read_archive(r, a);
}

void
ph_walk_zip(struct ph_walk *walk, struct ph_node *node,
	    const struct ph_zipdir *zip)
{
	struct archive_reader r = {
	    .walk = walk, .node = node, .zip = zip, .surely = true};

	if (zip->damaged)
		ph_node_flag(node, PH_WALKED_DAMAGED,
			     "its directory is missing or cut");
	if (zip->contradicts) {
		ph_node_flag(node, PH_WALKED_SUSPICIOUS,
			     "its directory contradicts what is in it");
		know_files(node);
	}
	read_zip(&r, zip->damaged);
	if (zip->contradicts) {
		tell_other_names(&r);
		/* What a reader of streams finds, if it begins as a zip. */
		if (!walk->stopped && !zip->damaged &&
		    memcmp(node->data, "PK", 2) == 0)
			read_zip(&r, true);
	}
}
