#include "lib/inspect/walk_private.h"

#include <archive.h>
#include <locale.h>
#include <magic.h>
#include <string.h>
#include <strings.h>

struct ph_types {
	magic_t magic;
	locale_t locale;
};

/* What decides who opens a file is looked at here, since libmagic weighs it
 * against everything else that the bytes could be. */
static const struct ph_signature signatures[] = {
#define PLAIN(bytes, size, name, reader)                    \
	{                                                   \
		0, bytes, size, {name, reader, NULL}, false \
	}
#define ZIP(bytes, size) PLAIN(bytes, size, "application/zip", PH_READER_ZIP)
#define COMPRESSED(bytes, size, type) \
	PLAIN(bytes, size, "application/" type, PH_READER_COMPRESSED)
#define ARCHIVE(at, bytes, size, type, format, inner)        \
	{                                                    \
		at, bytes, size,                             \
		    {"application/" type, PH_READER_ARCHIVE, \
		     archive_read_support_format_##format},  \
		    inner                                    \
	}
    ZIP("PK\3\4", 4),
    ZIP("PK\5\6", 4),
    ZIP("PK00PK\3\4", 8),
    ZIP("PK\7\10PK\3\4", 8),
    ARCHIVE(0, "Rar!\32\7\1\0", 8, "vnd.rar", rar5, true),
    ARCHIVE(0, "Rar!\32\7\0", 7, "vnd.rar", rar, true),
    ARCHIVE(0, "7z\274\257\47\34", 6, "x-7z-compressed", 7zip, true),
    ARCHIVE(0, "MSCF\0\0\0\0", 8, "vnd.ms-cab-compressed", cab, true),
    ARCHIVE(257, "ustar", 5, "x-tar", tar, false),
    ARCHIVE(0x8001, "CD001", 5, "x-iso9660-image", iso9660, false),
    ARCHIVE(0x8001, "BEA01", 5, "x-iso9660-image", iso9660, false),
    ARCHIVE(2, "-lh", 3, "x-lzh-compressed", lha, false),
    ARCHIVE(2, "-lz", 3, "x-lzh-compressed", lha, false),
    COMPRESSED("\37\213\10", 3, "gzip"),
    COMPRESSED("BZh", 3, "x-bzip2"),
    COMPRESSED("\3757zXZ\0", 6, "x-xz"),
    COMPRESSED("\50\265\57\375", 4, "zstd"),
    COMPRESSED("\37\235", 2, "x-compress"),
    PLAIN("\170\237\76\42", 4, "application/vnd.ms-tnef", PH_READER_TNEF),
    PLAIN("\320\317\21\340\241\261\32\341", 8, "application/x-ole-storage",
	  PH_READER_OLE),
    PLAIN("%PDF-", 5, "application/pdf", PH_READER_NONE),
    /* A workbook of before OLE2. */
    PLAIN("\11\0\4\0", 4, "application/vnd.ms-excel", PH_READER_NONE),
    PLAIN("\11\2\6\0", 4, "application/vnd.ms-excel", PH_READER_NONE),
    PLAIN("\11\4\6\0", 4, "application/vnd.ms-excel", PH_READER_NONE),
    PLAIN("{\\rt", 4, "text/rtf", PH_READER_NONE),
#undef PLAIN
#undef ZIP
#undef ARCHIVE
#undef COMPRESSED
};

/* libmagic's names for what nobody has recognised. */
static const char *const unknown[] = {"application/octet-stream",
				      "application/x-empty", "inode/x-empty",
				      "text/plain"};

struct ph_types *
ph_types_open(struct ph_err *err)
{
	magic_t magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS |
				   MAGIC_NO_CHECK_TAR);
	struct ph_types *types;

	if (magic == NULL || magic_load(magic, NULL) != 0) {
		ph_err_set(err, PH_ERR_PERM, "libmagic: %s",
			   magic != NULL ? magic_error(magic) : "no memory");
		if (magic != NULL)
			magic_close(magic);
		return NULL;
	}
	types = g_new0(struct ph_types, 1);
	types->magic = magic;
	/* libarchive gives names in the locale's charset. */
	types->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return types;
}

locale_t
ph_types_use_locale(const struct ph_types *types)
{
	return uselocale(types->locale);
}

void
ph_types_close(struct ph_types **types)
{
	if (*types == NULL)
		return;
	magic_close((*types)->magic);
	if ((*types)->locale != (locale_t)0)
		freelocale((*types)->locale);
	g_clear_pointer(types, g_free);
}

static bool
find_signature(const uint8_t *data, size_t size, struct ph_type *type_r)
{
	for (size_t i = 0; i < G_N_ELEMENTS(signatures); i++) {
		const struct ph_signature *one = &signatures[i];

		if (size < one->at + one->size ||
		    memcmp(data + one->at, one->bytes, one->size) != 0)
			continue;
		*type_r = one->type;
		return true;
	}
	return false;
}

const struct ph_signature *
ph_signature_inner(const struct ph_signature *before)
{
	size_t i = before != NULL ? (size_t)(before - signatures) + 1 : 0;

	for (; i < G_N_ELEMENTS(signatures); i++)
		if (signatures[i].inner)
			return &signatures[i];
	return NULL;
}

bool
ph_type_is_container(const uint8_t *data, size_t size)
{
	struct ph_type type;

	return find_signature(data, size, &type) &&
	       type.reader != PH_READER_NONE && type.reader != PH_READER_OLE;
}

static bool
is_unknown(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
		if (strcmp(name, unknown[i]) == 0)
			return true;
	return false;
}

/* A reader of PDF looks for its mark in the first 1024 bytes. */
static bool
is_late_pdf(const uint8_t *data, size_t size)
{
	return memmem(data, MIN(size, (size_t)1024), "%PDF-", 5) != NULL;
}

void
ph_type_find(struct ph_types *types, const uint8_t *data, size_t size,
	     struct ph_type *type_r)
{
	const char *name;

	*type_r =
	    (struct ph_type){"application/octet-stream", PH_READER_NONE, NULL};
	if (size == 0) {
		type_r->name = "application/x-empty";
		return;
	}
	if (find_signature(data, size, type_r)) {
		if (type_r->reader == PH_READER_OLE) {
			name = ph_type_ole(data, size);
			type_r->name = name != NULL ? name : type_r->name;
		}
		return;
	}
	if (is_late_pdf(data, size)) {
		type_r->name = "application/pdf";
		return;
	}
	name = magic_buffer(types->magic, data, size);
	/* Of a program for DOS without a header libmagic knows but a jump, with
	 * which a text of many a charset begins as well. */
	if (name != NULL && (strcmp(name, "application/x-dosexec") != 0 ||
			     memcmp(data, "MZ", MIN(size, (size_t)2)) == 0))
		type_r->name = name;
	if ((is_unknown(type_r->name) ||
	     strcmp(type_r->name, "message/rfc822") == 0) &&
	    ph_type_is_message(data, size))
		*type_r =
		    (struct ph_type){"message/rfc822", PH_READER_MESSAGE, NULL};
}

/* ---- messages ------------------------------------------------------------ */

/* Fields of which a header has at least two, and what is before it a line
 * "From " at most. */
static const char *const fields[] = {"received",
				     "from",
				     "to",
				     "subject",
				     "date",
				     "message-id",
				     "mime-version",
				     "content-type",
				     "return-path",
				     "cc",
				     "delivered-to",
				     "sender",
				     "reply-to",
				     "x-mailer",
				     "content-transfer-encoding",
				     "dkim-signature"};

static bool
is_field(const char *line, size_t size)
{
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		size_t n = strlen(fields[i]);

		if (size > n && line[n] == ':' &&
		    strncasecmp(line, fields[i], n) == 0)
			return true;
	}
	return false;
}

bool
ph_type_is_message(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	const char *end = p + MIN(size, (size_t)16384);
	size_t known = 0;

	for (size_t i = 0; p < end && i < 100; i++) {
		const char *feed = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((feed != NULL ? feed : end) - p);
		size_t name = 0;

		if (n > 0 && p[n - 1] == '\r')
			n--;
		if (n == 0)
			break;
		while (name < n && p[name] > ' ' && p[name] < 127 &&
		       p[name] != ':')
			name++;
		if (is_field(p, n))
			known++;
		else if (*p != ' ' && *p != '\t' &&
			 (name == n || p[name] != ':') &&
			 !(i == 0 && n > 5 && memcmp(p, "From ", 5) == 0))
			break;
		if (known == 2)
			return true;
		if (feed == NULL)
			break;
		p = feed + 1;
	}
	return false;
}

/* ---- compound files ([MS-CFB]) ------------------------------------------- */

#define OLE_HEADER ((size_t)512)
#define OLE_ENTRY ((size_t)128)
#define OLE_ENTRIES 4096 /* looked at */

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* A name of the directory (UTF-16) that tells what the file is; the first row
 * that is there. */
static const struct {
	const char *name;
	const char *type;
} ole_types[] = {
    {"EncryptedPackage", "application/x-ole-encrypted-package"},
    {"WordDocument", "application/msword"},
    {"Workbook", "application/vnd.ms-excel"},
    {"Book", "application/vnd.ms-excel"},
    {"PowerPoint Document", "application/vnd.ms-powerpoint"},
    {"VisioDocument", "application/vnd.visio"},
    {"__properties_version1.0", "application/vnd.ms-outlook"},
    {"Quill", "application/x-mspublisher"},
};

static bool
is_name(const uint8_t *entry, const char *name)
{
	size_t n = strlen(name);
	size_t size = (size_t)entry[64] | (size_t)entry[65] << 8;

	if (size != (n + 1) * 2)
		return false;
	for (size_t i = 0; i < n; i++)
		if (entry[2 * i] != (uint8_t)name[i] || entry[2 * i + 1] != 0)
			return false;
	return true;
}

/* The sector behind one, by the table of which the header names the first
 * parts; anything else ends the chain. */
static uint32_t
next_sector(const uint8_t *data, size_t size, unsigned shift, uint32_t sector)
{
	size_t per = ((size_t)1 << shift) / 4;
	size_t part = sector / per;
	size_t at;

	if (part >= 109)
		return UINT32_MAX;
	at = ((size_t)get32(data + 76 + 4 * part) + 1) << shift;
	at += (sector % per) * 4;
	return at + 4 <= size ? get32(data + at) : UINT32_MAX;
}

const char *
ph_type_ole(const uint8_t *data, size_t size)
{
	unsigned shift;
	uint32_t sector;
	size_t best = G_N_ELEMENTS(ole_types);
	size_t seen = 0;

	if (size < OLE_HEADER)
		return NULL;
	shift = data[30];
	if (data[31] != 0 || (shift != 9 && shift != 12))
		return NULL;
	sector = get32(data + 48);
	while (seen < OLE_ENTRIES && sector < UINT32_MAX - 4) {
		size_t at = ((size_t)sector + 1) << shift;

		if (at + ((size_t)1 << shift) > size)
			break;
		for (size_t i = 0; i < (size_t)1 << shift; i += OLE_ENTRY)
			for (size_t t = 0; t < best; t++)
				if (is_name(data + at + i, ole_types[t].name))
					best = t;
		seen += ((size_t)1 << shift) / OLE_ENTRY;
		sector = next_sector(data, size, shift, sector);
	}
	return best < G_N_ELEMENTS(ole_types) ? ole_types[best].type : NULL;
}
