#include "lib/extract/extract_private.h"
#include "lib/message/charset.h"

/*
 * Excel 2 to 2003 (MS-XLS, BIFF): records of type, size (2 bytes each) and
 * data. The stream is read from its begin to its end without regard to which
 * sheet a record belongs to, so that a hidden one is read like any other. The
 * strings of Excel 97 are in one table that goes on over several records.
 */
#define HEADER 4
#define VERSION_8 0x0600

enum {
	WIDE = 0x01,  /* UTF-16, else its low bytes */
	ASIAN = 0x04, /* 4 bytes: size of what follows */
	RICH = 0x08,  /* 2 bytes: runs of 4 bytes that follow */
};

enum {
	TYPE_BOF = 0x09,
	TYPE_HEADER = 0x14,
	TYPE_FOOTER = 0x15,
	TYPE_NOTE = 0x1c,
	TYPE_FILEPASS = 0x2f,
	TYPE_CONTINUE = 0x3c,
	TYPE_CODEPAGE = 0x42,
	TYPE_BOUNDSHEET = 0x85,
	TYPE_MULRK = 0xbd,
	TYPE_SST = 0xfc,
	TYPE_LABELSST = 0xfd,
	TYPE_TXO = 0x1b6,
	TYPE_SERIESTEXT = 0x100d,
};

struct excel {
	struct ph_extract_job *job;
	struct ph_bytes book;
	size_t next; /* record */
	bool version8;
	unsigned codepage;
	unsigned row; /* of the last cell */
	struct ph_shared shared;
	bool over;
};

/* ---- records ------------------------------------------------------------ */

static bool
next_record(struct excel *x, uint16_t *type_r, struct ph_bytes *data_r)
{
	size_t at = x->next;
	uint16_t size = ph_bytes_u16(x->book, at + 2);

	if (at > x->book.size || x->book.size - at < HEADER)
		return false;
	*type_r = ph_bytes_u16(x->book, at);
	*data_r = ph_bytes_sub(x->book, at + HEADER, size);
	x->job->result->damaged |= data_r->size < size;
	x->next = at + HEADER + data_r->size;
	return true;
}

/* The next record, if it continues the one before. */
static bool
next_continued(struct excel *x, struct ph_bytes *data_r)
{
	uint16_t type;
	size_t here = x->next;
	struct ph_bytes data;

	if (!next_record(x, &type, &data))
		return false;
	if (type != TYPE_CONTINUE) {
		x->next = here;
		return false;
	}
	*data_r = data;
	return true;
}

/* ---- strings ------------------------------------------------------------ */

static void
put_coded(struct excel *x, struct ph_bytes text)
{
	/* None, or that of strings that are no bytes. */
	bool ours = x->codepage == 0 || x->codepage == 1200;
	const char *charset = ph_extract_codepage(ours ? 1252 : x->codepage);

	ph_extract_put_charset(x->job, ph_extract_charset_or_none(charset),
			       text.p, text.size);
}

/* Flags and characters of version 8; one with rich text has more before them.
 */
static void
put_string8(struct excel *x, struct ph_bytes data, size_t at, size_t characters)
{
	unsigned flags = at < data.size ? data.p[at] : 0;

	at += (size_t)1 + (flags & RICH ? 2 : 0) + (flags & ASIAN ? 4 : 0);
	if (flags & WIDE)
		ph_extract_put_utf16(x->job,
				     ph_bytes_sub(data, at, characters * 2));
	else
		ph_extract_put_latin1(x->job,
				      ph_bytes_sub(data, at, characters));
}

/* A string and its length, of 1 or 2 bytes, at a place in a record. */
static void
put_string(struct excel *x, struct ph_bytes data, size_t at, size_t width)
{
	size_t n = width == 2	    ? ph_bytes_u16(data, at)
		   : at < data.size ? data.p[at]
				    : 0;

	if (x->version8)
		put_string8(x, data, at + width, n);
	else
		put_coded(x, ph_bytes_sub(data, at + width, n));
}

static void
take_line(struct excel *x, struct ph_bytes data, size_t at, size_t width)
{
	ph_extract_separate(x->job, '\n');
	put_string(x, data, at, width);
	ph_extract_separate(x->job, '\n');
}

/* ---- the table of strings ----------------------------------------------- */

/* Reads over the ends of records. */
struct reader {
	struct excel *x;
	struct ph_bytes left;
	bool over;
};

static size_t
read_some(struct reader *r, const unsigned char **p_r, size_t most)
{
	size_t n;

	while (r->left.size == 0 && !r->over)
		r->over = !next_continued(r->x, &r->left);
	n = r->over ? 0 : MIN(most, r->left.size);
	*p_r = r->left.p;
	r->left.p += n;
	r->left.size -= n;
	return n;
}

static uint32_t
read_number(struct reader *r, unsigned width)
{
	uint32_t number = 0;
	const unsigned char *p;

	for (unsigned i = 0; i < width; i++)
		if (read_some(r, &p, 1) == 1)
			number |= (uint32_t)*p << (8 * i);
	return number;
}

static void
skip(struct reader *r, size_t size)
{
	const unsigned char *p;
	size_t n;

	while (size > 0 && (n = read_some(r, &p, size)) > 0)
		size -= n;
}

/* Units, as many as there are in this record. */
static void
append_units(GString *out, struct ph_bytes text, bool wide)
{
	for (size_t i = 0; i < text.size; i += wide ? 2 : 1) {
		gunichar c = wide ? ph_bytes_u16(text, i) : text.p[i];
		gunichar low = wide ? ph_bytes_u16(text, i + 2) : 0;

		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 &&
		    low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		}
		g_string_append_unichar(
		    out, c != 0 && g_unichar_validate(c) ? c : 0xfffd);
	}
}

/* Where characters go on in a new record, a byte of flags comes first. */
static void
read_characters(struct reader *r, size_t n, bool wide)
{
	const unsigned char *p;

	while (n > 0) {
		size_t unit = wide ? 2 : 1, size;

		if (r->left.size == 0) {
			wide = read_number(r, 1) & WIDE;
			unit = wide ? 2 : 1;
			if (r->over)
				return;
		}
		/* Half a character at a record's end is none. */
		if (r->left.size < unit) {
			skip(r, r->left.size);
			continue;
		}
		size = read_some(r, &p, MIN(n, r->left.size / unit) * unit);
		append_units(r->x->shared.text, (struct ph_bytes){p, size},
			     wide);
		n -= size / unit;
	}
}

static void
read_string(struct reader *r)
{
	size_t characters = read_number(r, 2);
	unsigned flags = read_number(r, 1);
	size_t runs = flags & RICH ? read_number(r, 2) : 0;
	size_t asian = flags & ASIAN ? read_number(r, 4) : 0;

	read_characters(r, characters, flags & WIDE);
	skip(r, runs * 4);
	skip(r, asian);
	ph_shared_end(&r->x->shared);
}

static void
take_strings(struct excel *x, struct ph_bytes data)
{
	struct reader r = {x, data, false};

	skip(&r, 8); /* how many there are: counted instead */
	while (!r.over) {
		if (r.left.size == 0 && !next_continued(x, &r.left))
			break;
		if (r.left.size == 0)
			continue;
		if (!ph_shared_room(&x->shared, 0))
			break;
		read_string(&r);
	}
}

/* ---- cells -------------------------------------------------------------- */

/* Cells of one row are apart by tabs. */
static void
begin_cell(struct excel *x, struct ph_bytes data)
{
	unsigned row = ph_bytes_u16(data, 0);

	ph_extract_separate(x->job, row == x->row ? '\t' : '\n');
	x->row = row;
}

/* 30 bits of an integer, or of a double's; perhaps of its hundredfold. */
static void
take_rk(struct excel *x, struct ph_bytes data)
{
	begin_cell(x, data);
	ph_extract_put_rk(x->job, ph_bytes_u32(data, 6));
}

/* Row, first column, {format, RK} each column, last column. */
static void
take_mulrk(struct excel *x, struct ph_bytes data)
{
	for (size_t at = 4; at + 8 <= data.size; at += 6) {
		begin_cell(x, data);
		ph_extract_put_rk(x->job, ph_bytes_u32(data, at + 2));
	}
}

static void
take_number(struct excel *x, struct ph_bytes data)
{
	begin_cell(x, data);
	ph_extract_put_number(x->job, ph_bytes_double(data, 6));
}

static void
take_number2(struct excel *x, struct ph_bytes data)
{
	begin_cell(x, data);
	ph_extract_put_number(x->job, ph_bytes_double(data, 7));
}

static void
take_integer2(struct excel *x, struct ph_bytes data)
{
	begin_cell(x, data);
	ph_extract_put_number(x->job, ph_bytes_u16(data, 7));
}

/* Its value, or 0xffff: a string (a record STRING follows), a truth, nothing.
 */
static void
take_formula(struct excel *x, struct ph_bytes data)
{
	begin_cell(x, data);
	if (ph_bytes_u16(data, 12) != 0xffff)
		ph_extract_put_number(x->job, ph_bytes_double(data, 6));
}

static void
take_string(struct excel *x, struct ph_bytes data)
{
	ph_extract_separate(x->job, '\t');
	put_string(x, data, 0, 2);
}

static void
take_label(struct excel *x, struct ph_bytes data)
{
	begin_cell(x, data);
	put_string(x, data, 6, 2);
}

static void
take_label2(struct excel *x, struct ph_bytes data)
{
	begin_cell(x, data);
	put_coded(x, ph_bytes_sub(data, 8, data.size > 7 ? data.p[7] : 0));
}

static void
take_labelsst(struct excel *x, struct ph_bytes data)
{
	begin_cell(x, data);
	ph_shared_put(&x->shared, ph_bytes_u32(data, 6));
}

/* ---- other records ------------------------------------------------------ */

/* BOF of Excel 5 and later has its version; those before were one stream each,
 * whose cells have another form (types below 0x100). */
static void
take_bof(struct excel *x, struct ph_bytes data)
{
	x->version8 = ph_bytes_u16(data, 0) == VERSION_8;
	x->row = G_MAXUINT;
	ph_extract_separate(x->job, '\n');
}

static void
take_codepage(struct excel *x, struct ph_bytes data)
{
	x->codepage = ph_bytes_u16(data, 0);
}

/* All after it is encrypted. */
static void
take_filepass(struct excel *x, struct ph_bytes data)
{
	(void)data;
	x->job->result->is_protected = true;
	x->over = true;
}

static void
take_sheet(struct excel *x, struct ph_bytes data)
{
	take_line(x, data, 6, 1);
}

/* Codes of layout are among the text, so it is put together first. */
static void
take_header(struct excel *x, struct ph_bytes data)
{
	GString *out = x->job->result->text, *header;
	size_t len = out->len;

	if (data.size == 0)
		return;
	put_string(x, data, 0, x->version8 ? 2 : 1);
	header = g_string_new_len(out->str + len, (gssize)(out->len - len));
	g_string_truncate(out, len);
	ph_extract_put_header(x->job, header->str, header->len);
	g_string_free(header, TRUE);
}

/* Before version 8 the text is here; since then in a TXO. */
static void
take_note(struct excel *x, struct ph_bytes data)
{
	if (x->version8)
		return;
	ph_extract_separate(x->job, '\n');
	put_coded(x, ph_bytes_sub(data, 6, data.size));
	ph_extract_separate(x->job, '\n');
}

/* Number of characters, which follow, with flags, in the next records. */
static void
take_txo(struct excel *x, struct ph_bytes data)
{
	size_t left = ph_bytes_u16(data, 10);
	struct ph_bytes text;

	ph_extract_separate(x->job, '\n');
	while (left > 0 && next_continued(x, &text)) {
		unsigned flags = text.size > 0 ? text.p[0] : 0;
		size_t unit = flags & WIDE ? 2 : 1;
		size_t n = text.size > 0 ? (text.size - 1) / unit : 0;

		put_string8(x, text, 0, MIN(n, left));
		left -= MIN(n, left);
	}
	ph_extract_separate(x->job, '\n');
}

static void
take_series(struct excel *x, struct ph_bytes data)
{
	take_line(x, data, 2, 1);
}

static const struct {
	uint16_t type;
	void (*take)(struct excel *x, struct ph_bytes data);
} records[] = {
    {0x0002, take_integer2},
    {0x0003, take_number2},
    {0x0004, take_label2},
    {0x0006, take_formula},
    {TYPE_BOF, take_bof},
    {TYPE_HEADER, take_header},
    {TYPE_FOOTER, take_header},
    {TYPE_NOTE, take_note},
    {TYPE_FILEPASS, take_filepass},
    {TYPE_CODEPAGE, take_codepage},
    {TYPE_BOUNDSHEET, take_sheet},
    {TYPE_MULRK, take_mulrk},
    {0x00d6, take_label},
    {TYPE_SST, take_strings},
    {TYPE_LABELSST, take_labelsst},
    {TYPE_TXO, take_txo},
    {0x0203, take_number},
    {0x0204, take_label},
    {0x0206, take_formula},
    {0x0207, take_string},
    {0x0209, take_bof},
    {0x027e, take_rk},
    {0x0406, take_formula},
    {0x0409, take_bof},
    {0x0809, take_bof},
    {TYPE_SERIESTEXT, take_series},
};

void
ph_extract_excel(struct ph_extract_job *job, struct ph_bytes book)
{
	struct excel x = {.job = job, .book = book, .row = G_MAXUINT};
	struct ph_bytes data;
	uint16_t type;

	ph_shared_init(&x.shared, job);
	while (!x.over && !ph_extract_full(job) &&
	       next_record(&x, &type, &data))
		for (size_t i = 0; i < G_N_ELEMENTS(records); i++)
			if (records[i].type == type)
				records[i].take(&x, data);
	ph_extract_separate(job, '\n');
	ph_shared_fini(&x.shared);
}
