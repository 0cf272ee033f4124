#include "lib/inspect/walk_private.h"

#include <string.h>

/*
 * A zip file says twice what is in it: in a header before each file and in the
 * directory at its end. Most programs believe the directory, those that read a
 * stream the headers, so both are read here and compared. APPNOTE.TXT 4.3.
 */
#define END_SIZE ((size_t)22)
#define END_COMMENT ((size_t)65535)
#define CENTRAL_SIZE ((size_t)46)
#define LOCAL_SIZE ((size_t)30)
#define ENCRYPTED 1
/* Behind a file's data may be its size and checksum once more. */
#define DESCRIPTOR ((size_t)24)

struct local {
	size_t at, end;
};

struct reader {
	const uint8_t *data;
	size_t size;
	size_t base;	/* offsets count from here */
	size_t central; /* the directory */
	GArray *locals; /* struct local */
	struct ph_zipdir *zip;
};

static size_t
get16(const uint8_t *p)
{
	return (size_t)p[0] | (size_t)p[1] << 8;
}

static size_t
get32(const uint8_t *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static bool
is_record(const struct reader *r, size_t at, const char *mark, size_t size)
{
	return at <= r->size && size <= r->size - at &&
	       memcmp(r->data + at, mark, 4) == 0;
}

/* The last record of an end of directory; *n_r: how many could be it. */
static bool
find_end(const struct reader *r, size_t *at_r, size_t *n_r)
{
	size_t first = r->size > END_SIZE + END_COMMENT
			   ? r->size - END_SIZE - END_COMMENT
			   : 0;

	*n_r = 0;
	if (r->size < END_SIZE)
		return false;
	for (size_t at = r->size - END_SIZE + 1; at-- > first;) {
		if (!is_record(r, at, "PK\5\6", END_SIZE))
			continue;
		if (*n_r == 0)
			*at_r = at;
		/* One that says where the file ends is meant as one. */
		if (*n_r == 0 ||
		    at + END_SIZE + get16(r->data + at + 20) == r->size)
			++*n_r;
	}
	return *n_r > 0;
}

bool
ph_zipdir_ends(const uint8_t *data, size_t size)
{
	struct reader r = {.data = data, .size = size};
	size_t at, n;

	return find_end(&r, &at, &n) &&
	       at + END_SIZE + get16(data + at + 20) == size;
}

static void
read_local(struct reader *r, struct ph_zipdir_entry *entry, size_t at,
	   size_t packed)
{
	struct local local = {at, 0};
	size_t names;

	if (!is_record(r, at, "PK\3\4", LOCAL_SIZE))
		return;
	names = get16(r->data + at + 26);
	if (names > r->size - at - LOCAL_SIZE)
		return;
	entry->local = (const char *)r->data + at + LOCAL_SIZE;
	entry->local_size = names;
	entry->encrypted |= (get16(r->data + at + 6) & ENCRYPTED) != 0;
	local.end = at + LOCAL_SIZE + names + get16(r->data + at + 28) + packed;
	g_array_append_val(r->locals, local);
}

bool
ph_zipdir_agrees(const struct ph_zipdir_entry *entry)
{
	return entry->local != NULL && entry->local_size == entry->name_size &&
	       memcmp(entry->local, entry->name, entry->name_size) == 0 &&
	       memchr(entry->name, '\0', entry->name_size) == NULL;
}

/* The entry at a position; its size, 0: there is none. */
static size_t
read_central(struct reader *r, size_t at)
{
	const uint8_t *p = r->data + at;
	struct ph_zipdir_entry entry = {0};
	size_t size;

	if (!is_record(r, at, "PK\1\2", CENTRAL_SIZE))
		return 0;
	size = CENTRAL_SIZE + get16(p + 28) + get16(p + 30) + get16(p + 32);
	if (size > r->size - at)
		return 0;
	entry.name = (const char *)p + CENTRAL_SIZE;
	entry.name_size = get16(p + 28);
	entry.size = get32(p + 24);
	entry.encrypted = (get16(p + 8) & ENCRYPTED) != 0;
	/* Of an archive above 4 GB the offset is elsewhere: none is mailed. */
	read_local(r, &entry, r->base + get32(p + 42), get32(p + 20));
	if (!ph_zipdir_agrees(&entry))
		r->zip->contradicts = true;
	g_array_append_val(r->zip->entries, entry);
	return size;
}

/* ---- what is between the files ------------------------------------------- */

static gint
by_position(gconstpointer a, gconstpointer b)
{
	const struct local *first = a, *second = b;

	return first->at < second->at ? -1 : first->at > second->at;
}

static bool
hides_header(const struct reader *r, size_t from, size_t to)
{
	return from < to && to <= r->size &&
	       memmem(r->data + from, to - from, "PK\3\4", 4) != NULL;
}

/* A file that the directory does not have, or two that lie on each other. */
static void
look_between(struct reader *r)
{
	size_t end = r->base;

	/* Before the first is the program of an archive that opens itself. */
	if (r->base > 0 && memcmp(r->data, "MZ", 2) != 0 &&
	    hides_header(r, 0, r->base))
		r->zip->contradicts = true;
	g_array_sort(r->locals, by_position);
	for (guint i = 0; i <= r->locals->len; i++) {
		struct local local = {r->central, r->central};

		if (i < r->locals->len)
			local = g_array_index(r->locals, struct local, i);
		if (local.at < end || (local.at - end > DESCRIPTOR &&
				       hides_header(r, end, local.at)))
			r->zip->contradicts = true;
		end = MAX(end, local.end);
	}
}

/* ---- what the archive is ------------------------------------------------- */

static bool
begins(const struct ph_zipdir_entry *entry, const char *text)
{
	size_t n = strlen(text);

	return entry->name_size >= n && memcmp(entry->name, text, n) == 0;
}

static bool
is(const struct ph_zipdir_entry *entry, const char *text)
{
	return entry->name_size == strlen(text) && begins(entry, text);
}

#define OOXML "application/vnd.openxmlformats-officedocument."

static const struct {
	const char *part;
	const char *type;
} documents[] = {
    {"word/", OOXML "wordprocessingml.document"},
    {"xl/", OOXML "spreadsheetml.sheet"},
    {"ppt/", OOXML "presentationml.presentation"},
    {"visio/", "application/vnd.ms-visio.drawing"},
};

/* OpenDocument, EPUB: the first file holds the type as it is. */
static const char *
read_mimetype(const struct reader *r)
{
	static const char *const types[] = {
	    "application/vnd.oasis.opendocument.text",
	    "application/vnd.oasis.opendocument.text-template",
	    "application/vnd.oasis.opendocument.spreadsheet",
	    "application/vnd.oasis.opendocument.spreadsheet-template",
	    "application/vnd.oasis.opendocument.presentation",
	    "application/vnd.oasis.opendocument.presentation-template",
	    "application/vnd.oasis.opendocument.graphics",
	    "application/vnd.oasis.opendocument.formula",
	    "application/epub+zip"};
	const struct ph_zipdir_entry *entry;
	const char *value;
	size_t left;

	if (r->zip->entries->len == 0)
		return NULL;
	entry = &g_array_index(r->zip->entries, struct ph_zipdir_entry, 0);
	if (!is(entry, "mimetype") || entry->local == NULL)
		return NULL;
	value = entry->local + entry->local_size;
	left = r->size - (size_t)((const uint8_t *)value - r->data);
	for (size_t i = G_N_ELEMENTS(types); i-- > 0;)
		if (entry->size == strlen(types[i]) && entry->size <= left &&
		    memcmp(value, types[i], entry->size) == 0)
			return types[i];
	return NULL;
}

static const char *
find_type(const struct reader *r)
{
	const char *type = NULL;
	bool content_types = false, content = false, manifest = false;
	bool binary = false;

	for (guint i = 0; i < r->zip->entries->len; i++) {
		const struct ph_zipdir_entry *entry =
		    &g_array_index(r->zip->entries, struct ph_zipdir_entry, i);

		content_types |= is(entry, "[Content_Types].xml");
		content |= is(entry, "content.xml");
		binary |= is(entry, "xl/workbook.bin");
		manifest |= is(entry, "META-INF/MANIFEST.MF");
		for (size_t d = 0; type == NULL && d < G_N_ELEMENTS(documents);
		     d++)
			if (begins(entry, documents[d].part))
				type = documents[d].type;
	}
	/* Parts may have any name, and the file that says the type may be
	 * packed: then only who reads it knows. */
	r->zip->perhaps =
	    content_types || content || type != NULL || r->zip->damaged;
	if (manifest)
		return "application/java-archive";
	if (content_types && binary)
		return "application/vnd.ms-excel.sheet.binary.macroenabled.12";
	return content_types ? type : read_mimetype(r);
}

void
ph_zipdir_read(const uint8_t *data, size_t size, size_t limit,
	       struct ph_zipdir *zip_r)
{
	struct reader r = {.data = data, .size = size, .zip = zip_r};
	size_t end, ends, at, n, length;

	*zip_r = (struct ph_zipdir){
	    .entries =
		g_array_new(FALSE, FALSE, sizeof(struct ph_zipdir_entry))};
	if (!find_end(&r, &end, &ends)) {
		zip_r->damaged = zip_r->perhaps = true;
		return;
	}
	zip_r->contradicts = ends > 1;
	r.locals = g_array_new(FALSE, FALSE, sizeof(struct local));
	length = get32(data + end + 12);
	at = get32(data + end + 16);
	n = get16(data + end + 10);
	if (length > end || at > end - length) {
		zip_r->damaged = true;
	} else {
		r.base = end - length - at;
		r.central = end - length;
		at = r.central;
	}
	while (!zip_r->damaged && zip_r->entries->len < MIN(n, limit) &&
	       (length = read_central(&r, at)) > 0)
		at += length;
	zip_r->damaged |= zip_r->entries->len < MIN(n, limit);
	if (!zip_r->damaged && n <= limit) {
		zip_r->contradicts |= is_record(&r, at, "PK\1\2", CENTRAL_SIZE);
		look_between(&r);
	}
	zip_r->type = find_type(&r);
	g_array_unref(r.locals);
}

void
ph_zipdir_clear(struct ph_zipdir *zip)
{
	g_array_unref(zip->entries);
}

bool
ph_zipdir_document(const struct ph_zipdir *zip)
{
	return zip->type != NULL &&
	       strcmp(zip->type, "application/java-archive") != 0;
}
