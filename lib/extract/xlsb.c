#include "lib/extract/ooxml_private.h"
#include "lib/message/charset.h"

/*
 * Parts of a workbook that is not XML (MS-XLSB): records; their kind is a
 * number of one or two bytes, their size one of up to four, seven bits each,
 * the lowest first. A string is a number of characters (32 bits), UTF-16; all
 * bits set: none. No library reads it.
 */
#define CELL ((size_t)8)       /* column, style, flags */
#define SHORT_CELL ((size_t)4) /* without column */
#define NO_STRING UINT32_MAX

struct xlsb {
	struct ph_ooxml *ooxml;
	struct ph_bytes data; /* of the record */
};

static struct ph_bytes
get_string(const struct xlsb *x, size_t at, size_t *after)
{
	uint32_t n = ph_bytes_u32(x->data, at);
	struct ph_bytes text;

	if (n == NO_STRING)
		n = 0;
	text = ph_bytes_sub(x->data, at + 4, (size_t)n * 2);
	if (after != NULL)
		*after = at + 4 + text.size;
	return text;
}

/* The same in UTF-8; g_free. */
static char *
get_text(const struct xlsb *x, size_t at, size_t *after, size_t *size_r)
{
	struct ph_bytes bytes = get_string(x, at, after);
	const struct ph_charset_options options = {
	    .charset = "utf-16le",
	    .limit = x->ooxml->job->limits.unpacked,
	};

	return ph_charset_decode((const char *)bytes.p, bytes.size, &options,
				 size_r);
}

static void
put_string(const struct xlsb *x, size_t at, char with)
{
	ph_extract_separate(x->ooxml->job, with);
	ph_extract_put_utf16(x->ooxml->job, get_string(x, at, NULL));
	ph_extract_separate(x->ooxml->job, with);
}

/* ---- records ------------------------------------------------------------- */

static void
take_row(const struct xlsb *x)
{
	ph_extract_separate(x->ooxml->job, '\n');
}

/* Flags, text, runs. */
static void
take_shared(const struct xlsb *x)
{
	size_t size;
	g_autofree char *text = get_text(x, 1, NULL, &size);

	if (ph_shared_append(&x->ooxml->shared, text, size))
		ph_shared_end(&x->ooxml->shared);
}

static void
put_index(const struct xlsb *x, size_t at)
{
	ph_extract_separate(x->ooxml->job, '\t');
	ph_shared_put(&x->ooxml->shared, ph_bytes_u32(x->data, at));
	ph_extract_separate(x->ooxml->job, '\t');
}

static void
take_index(const struct xlsb *x)
{
	put_index(x, CELL);
}

static void
take_short_index(const struct xlsb *x)
{
	put_index(x, SHORT_CELL);
}

static void
take_text(const struct xlsb *x)
{
	put_string(x, CELL, '\t');
}

static void
take_short_text(const struct xlsb *x)
{
	put_string(x, SHORT_CELL, '\t');
}

static void
take_rich_text(const struct xlsb *x)
{
	put_string(x, CELL + 1, '\t');
}

static void
put_rk(const struct xlsb *x, size_t at)
{
	ph_extract_separate(x->ooxml->job, '\t');
	ph_extract_put_rk(x->ooxml->job, ph_bytes_u32(x->data, at));
	ph_extract_separate(x->ooxml->job, '\t');
}

static void
take_rk(const struct xlsb *x)
{
	put_rk(x, CELL);
}

static void
take_short_rk(const struct xlsb *x)
{
	put_rk(x, SHORT_CELL);
}

static void
put_number(const struct xlsb *x, size_t at)
{
	ph_extract_separate(x->ooxml->job, '\t');
	ph_extract_put_number(x->ooxml->job, ph_bytes_double(x->data, at));
	ph_extract_separate(x->ooxml->job, '\t');
}

static void
take_number(const struct xlsb *x)
{
	put_number(x, CELL);
}

static void
take_short_number(const struct xlsb *x)
{
	put_number(x, SHORT_CELL);
}

/* State, number, name of the relation, name. */
static void
take_sheet(const struct xlsb *x)
{
	size_t at;

	get_string(x, 8, &at);
	put_string(x, at, '\n');
}

/* Flags, text, runs. */
static void
take_comment(const struct xlsb *x)
{
	put_string(x, 1, '\n');
}

/* Flags; of odd pages, even ones and the first one a header and a footer. */
static void
take_headers(const struct xlsb *x)
{
	struct ph_extract_job *job = x->ooxml->job;
	size_t at = 2;

	for (int i = 0; i < 6; i++) {
		size_t size;
		g_autofree char *text = get_text(x, at, &at, &size);

		ph_extract_put_header(job, text, size);
	}
}

/* Cells; name of the relation, place, tip, text. */
static void
take_link(const struct xlsb *x)
{
	size_t at = 16;

	get_string(x, at, &at);
	for (int i = 0; i < 3; i++) {
		size_t next;

		get_string(x, at, &next);
		put_string(x, at, '\n');
		at = next;
	}
}

static const struct {
	unsigned kind;
	void (*take)(const struct xlsb *x);
} records[] = {
    {0, take_row},	   {2, take_rk},	   {5, take_number},
    {6, take_text},	   {7, take_index},	   {8, take_text},
    {9, take_number},	   {13, take_short_rk},	   {16, take_short_number},
    {17, take_short_text}, {18, take_short_index}, {19, take_shared},
    {62, take_rich_text},  {156, take_sheet},	   {479, take_headers},
    {494, take_link},	   {637, take_comment},
};

/* ---- a part -------------------------------------------------------------- */

/* False: the bytes are at their end, or it is longer than it may be. */
static bool
get_number(struct ph_bytes bytes, size_t *at, unsigned most, uint32_t *number_r)
{
	uint32_t number = 0;

	for (unsigned i = 0; i < most && *at < bytes.size; i++) {
		uint8_t byte = bytes.p[(*at)++];

		number |= (uint32_t)(byte & 0x7f) << 7 * i;
		if ((byte & 0x80) == 0 || i + 1 == most) {
			*number_r = number;
			return (byte & 0x80) == 0;
		}
	}
	return false;
}

void
ph_xlsb_parse(struct ph_ooxml *ooxml, struct ph_bytes bytes)
{
	struct xlsb x = {.ooxml = ooxml};
	size_t at = 0;
	uint32_t kind, size;

	while (at < bytes.size && !ph_extract_full(ooxml->job)) {
		if (!get_number(bytes, &at, 2, &kind) ||
		    !get_number(bytes, &at, 4, &size) ||
		    size > bytes.size - at) {
			ooxml->job->result->damaged = true;
			return;
		}
		x.data = ph_bytes_sub(bytes, at, size);
		for (size_t i = 0; i < G_N_ELEMENTS(records); i++)
			if (records[i].kind == kind)
				records[i].take(&x);
		at += size;
	}
}

void
ph_ooxml_read_binary(struct ph_ooxml *ooxml, struct ph_zip_member *member)
{
	g_autoptr(GBytes) bytes = ph_zip_bytes(member);
	struct ph_bytes part;

	part.p = g_bytes_get_data(bytes, &part.size);
	ph_xlsb_parse(ooxml, part);
}
