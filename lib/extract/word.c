#include "lib/extract/extract_private.h"

/*
 * Word 6 to 2003 (MS-DOC). The text is in pieces, in the order of the document
 * and behind it its footnotes, headers, comments, endnotes and text boxes; the
 * piece table says where each begins and whether its characters have one byte
 * or two.
 */
#define IDENT_WORD97 0xa5ec
#define IDENT_WORD6 0xa5dc
#define FIB_VERSION 2
#define FIB_LANGUAGE 6
#define FIB_FLAGS 10
#define FIB_TEXT_BEGIN 24
#define FIB_TEXT_END 28
#define FIB_CLX6 0x160
#define FIB_CLX97 0x1a2
#define VERSION_WORD97 0xc1

#define FLAG_PIECES 0x0004 /* Word 6, 95: there is a piece table */
#define FLAG_ENCRYPTED 0x0100
#define FLAG_TABLE1 0x0200

#define PIECE 8
#define PIECE_PLACE 2
#define COMPRESSED 0x40000000u

struct word {
	struct ph_extract_job *job;
	struct ph_bytes document;
	const char *charset; /* of one-byte characters */
	bool word97;
};

static bool
is_word97(struct ph_bytes document)
{
	return ph_bytes_u16(document, FIB_VERSION) >= VERSION_WORD97;
}

const char *
ph_word_table(struct ph_bytes document)
{
	if (!is_word97(document))
		return NULL;
	return ph_bytes_u16(document, FIB_FLAGS) & FLAG_TABLE1 ? "1Table"
							       : "0Table";
}

/* Before Word 97 the language says what a byte is. Primary languages. */
static const char *
find_charset(uint16_t language)
{
	static const struct {
		uint16_t language;
		const char *charset;
	} charsets[] = {
	    {0x01, "cp1256"}, {0x02, "cp1251"}, {0x04, "gb18030"},
	    {0x05, "cp1250"}, {0x08, "cp1253"}, {0x0d, "cp1255"},
	    {0x0e, "cp1250"}, {0x11, "cp932"},	{0x12, "cp949"},
	    {0x15, "cp1250"}, {0x18, "cp1250"}, {0x19, "cp1251"},
	    {0x1a, "cp1250"}, {0x1b, "cp1250"}, {0x1f, "cp1254"},
	    {0x22, "cp1251"}, {0x23, "cp1251"}, {0x24, "cp1250"},
	    {0x25, "cp1257"}, {0x26, "cp1257"}, {0x27, "cp1257"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(charsets); i++)
		if (charsets[i].language == (language & 0x3ff))
			return charsets[i].charset;
	return "windows-1252";
}

/* ---- characters --------------------------------------------------------- */

/* What stands for something else; false: it is a character of the text. */
static bool
take_special(struct ph_extract_job *job, unsigned c)
{
	switch (c) {
	case 0x07: /* a cell ends */
	case '\t':
		ph_extract_separate(job, '\t');
		return true;
	case 0x0b:
	case 0x0c:
	case '\r':
	case 0x0e:
		ph_extract_separate(job, '\n');
		return true;
	case 0x13: /* a field: code, result */
	case 0x14:
	case 0xa0:
		ph_extract_separate(job, ' ');
		return true;
	case 0x1e:
		ph_extract_put(job, "-", 1);
		return true;
	default: /* 0x1f is a soft hyphen; the others are objects and marks */
		return c < ' ';
	}
}

static void
put_bytes(const struct word *w, struct ph_bytes text)
{
	size_t begin = 0;

	for (size_t i = 0; i < text.size && !ph_extract_full(w->job); i++) {
		if (text.p[i] >= ' ')
			continue;
		ph_extract_put_charset(w->job, w->charset, text.p + begin,
				       i - begin);
		take_special(w->job, text.p[i]);
		begin = i + 1;
	}
	if (begin < text.size)
		ph_extract_put_charset(w->job, w->charset, text.p + begin,
				       text.size - begin);
}

static void
put_wide(const struct word *w, struct ph_bytes text)
{
	size_t begin = 0;

	for (size_t i = 0; i + 1 < text.size && !ph_extract_full(w->job);
	     i += 2) {
		unsigned c = ph_bytes_u16(text, i);

		if (c >= ' ' && c != 0xa0)
			continue;
		ph_extract_put_utf16(w->job,
				     ph_bytes_sub(text, begin, i - begin));
		take_special(w->job, c);
		begin = i + 2;
	}
	ph_extract_put_utf16(w->job, ph_bytes_sub(text, begin, text.size));
}

/* ---- pieces ------------------------------------------------------------- */

/* At a place in the document; false: enough. */
static bool
put_piece(const struct word *w, uint32_t place, uint32_t characters)
{
	bool wide = w->word97 && !(place & COMPRESSED);
	size_t at = wide || !w->word97 ? place : (place & ~COMPRESSED) / 2;
	size_t size = (size_t)characters * (wide ? 2 : 1);
	struct ph_bytes text = ph_bytes_sub(w->document, at, size);

	w->job->result->damaged |= text.size < size;
	/* Pieces may lie over each other: what is read is bounded in all. */
	if (!ph_extract_unpacked(w->job, text.size))
		return false;
	if (wide)
		put_wide(w, text);
	else
		put_bytes(w, text);
	return !ph_extract_full(w->job);
}

/* PlcPcd: n + 1 positions, n pieces. */
static void
put_pieces(const struct word *w, struct ph_bytes plc)
{
	size_t n = plc.size >= 4 ? (plc.size - 4) / (4 + PIECE) : 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t begin = ph_bytes_u32(plc, i * 4);
		uint32_t end = ph_bytes_u32(plc, (i + 1) * 4);
		size_t piece = (n + 1) * 4 + i * PIECE;

		if (end <= begin) {
			w->job->result->damaged |= end < begin;
			continue;
		}
		if (!put_piece(w, ph_bytes_u32(plc, piece + PIECE_PLACE),
			       end - begin))
			break;
	}
}

/* Clx: Prc (0x01, size of 2 bytes) any number of times, then Pcdt (0x02, size
 * of 4 bytes). Empty: there is none. */
static struct ph_bytes
find_pieces(struct ph_bytes clx)
{
	struct ph_bytes none = {NULL, 0};
	size_t at = 0;

	while (at < clx.size && clx.p[at] == 0x01)
		at += (size_t)3 + ph_bytes_u16(clx, at + 1);
	if (at >= clx.size || clx.p[at] != 0x02)
		return none;
	return ph_bytes_sub(clx, at + 5, ph_bytes_u32(clx, at + 1));
}

static struct ph_bytes
sub_at(struct ph_bytes document, size_t field, struct ph_bytes in)
{
	return ph_bytes_sub(in, ph_bytes_u32(document, field),
			    ph_bytes_u32(document, field + 4));
}

static void
read_word6(const struct word *w, uint16_t flags)
{
	uint32_t begin = ph_bytes_u32(w->document, FIB_TEXT_BEGIN);
	uint32_t end = ph_bytes_u32(w->document, FIB_TEXT_END);

	if (flags & FLAG_PIECES)
		put_pieces(
		    w, find_pieces(sub_at(w->document, FIB_CLX6, w->document)));
	else if (end > begin)
		put_piece(w, begin, end - begin);
}

void
ph_extract_word(struct ph_extract_job *job, struct ph_bytes document,
		struct ph_bytes table)
{
	uint16_t ident = ph_bytes_u16(document, 0);
	uint16_t flags = ph_bytes_u16(document, FIB_FLAGS);
	uint16_t language = ph_bytes_u16(document, FIB_LANGUAGE);
	struct word w = {
	    .job = job,
	    .document = document,
	    .charset = "windows-1252",
	    .word97 = is_word97(document),
	};
	struct ph_bytes pieces;

	if (ident != IDENT_WORD97 && ident != IDENT_WORD6) {
		job->result->damaged = true;
	} else if (flags & FLAG_ENCRYPTED) {
		job->result->is_protected = true;
	} else if (!w.word97) {
		w.charset = find_charset(language);
		read_word6(&w, flags);
	} else {
		pieces = find_pieces(sub_at(document, FIB_CLX97, table));
		job->result->damaged |= pieces.size == 0;
		put_pieces(&w, pieces);
	}
	ph_extract_separate(job, '\n');
}
