#include "lib/match/fold.h"

#include "lib/match/fold_private.h"

/*
 * A text is folded in pieces that end where folding may be cut: between two
 * plain characters (fold_private.h), the second of which is no white space. A
 * place is then found by folding again what one piece begins with.
 */

/* A piece has at least so many bytes... */
#define PIECE_MIN ((size_t)96)
/* ... and is cut anywhere behind so many: text in which no two plain characters
 * stand together would else have to be folded again and again. */
#define PIECE_MAX ((size_t)4096)

struct cut {
	size_t written, folded;
};

static bool
is_blank(uint32_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What a character becomes, when it is plain; else PH_FOLD_NOT_PLAIN. */
static uint32_t
plain(uint32_t c)
{
	return c < 0x80 ? c : ph_fold_plain(c);
}

/* May a piece begin with this one? */
static bool
may_begin(uint32_t c)
{
	uint32_t folded = plain(c);

	if (folded == PH_FOLD_NOT_PLAIN)
		return false;
	if ((folded & PH_FOLD_SEVERAL) != 0)
		folded &= 0x7f;
	return !is_blank(folded);
}

static size_t
find_cut(const char *text, size_t size, size_t from)
{
	size_t at = from + PIECE_MIN;
	bool after_plain = false;

	while (at < size && ph_fold_is_inside((uint8_t)text[at]))
		at++;
	while (at < size) {
		uint32_t c;
		size_t n =
		    ph_fold_decode((const uint8_t *)text + at, size - at, &c);

		if ((after_plain && may_begin(c)) || at - from > PIECE_MAX)
			return at;
		after_plain = plain(c) != PH_FOLD_NOT_PLAIN;
		at += n;
	}
	return size;
}

void
ph_folded_init(struct ph_folded *folded, const char *text, size_t size)
{
	GString *out = g_string_sized_new(size + 1);
	size_t at = 0;

	folded->written = text;
	folded->written_size = size;
	folded->cuts = g_array_new(FALSE, FALSE, sizeof(struct cut));
	while (at < size) {
		struct cut cut = {at, out->len};
		size_t end = find_cut(text, size, at);
		size_t n;
		g_autofree char *piece = ph_match_fold(text + at, end - at, &n);

		/* A run of white space that was cut is one blank, too. */
		if (*piece == ' ' && out->len > 0 &&
		    out->str[out->len - 1] == ' ')
			g_string_truncate(out, --cut.folded);
		g_array_append_val(folded->cuts, cut);
		g_string_append_len(out, piece, (gssize)n);
		at = end;
	}
	folded->size = out->len;
	folded->text = g_string_free(out, FALSE);
}

void
ph_folded_clear(struct ph_folded *folded)
{
	g_free(folded->text);
	if (folded->cuts != NULL)
		g_array_unref(folded->cuts);
	*folded = (struct ph_folded){0};
}

/* The last cut at or before a place of the folded text. */
static guint
find_piece(const struct ph_folded *folded, size_t at)
{
	guint low = 0, high = folded->cuts->len;

	while (low + 1 < high) {
		guint middle = low + (high - low) / 2;

		if (g_array_index(folded->cuts, struct cut, middle).folded <=
		    at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Of ASCII a byte is a byte, but a blank behind a blank. False: the piece has
 * other characters. */
static bool
find_ascii(const char *piece, size_t size, size_t folded, size_t *at_r)
{
	size_t n = 0, at;

	for (size_t i = 0; i < size; i++)
		if ((piece[i] & 0x80) != 0)
			return false;
	for (at = 0; at + 1 < size; at++) {
		n += at == 0 || !is_blank((uint8_t)piece[at]) ||
		     !is_blank((uint8_t)piece[at - 1]);
		if (n > folded)
			break;
	}
	*at_r = at;
	return true;
}

/* Where the character begins that the folded byte "at" comes from: the last one
 * before which the piece folds to no more than what stands before that byte. */
static size_t
find_place(const struct ph_folded *folded, size_t at)
{
	guint i = find_piece(folded, at);
	const struct cut *cut = &g_array_index(folded->cuts, struct cut, i);
	size_t end =
	    i + 1 < folded->cuts->len ? cut[1].written : folded->written_size;
	const char *piece = folded->written + cut->written;
	glong low = 0, high;
	size_t ascii;

	if (find_ascii(piece, end - cut->written, at - cut->folded, &ascii))
		return cut->written + ascii;
	high = g_utf8_strlen(piece, (gssize)(end - cut->written));
	while (low + 1 < high) {
		glong middle = low + (high - low) / 2;
		const char *to = g_utf8_offset_to_pointer(piece, middle);
		size_t n;

		g_free(ph_match_fold(piece, (size_t)(to - piece), &n));
		if (n <= at - cut->folded)
			low = middle;
		else
			high = middle;
	}
	return cut->written +
	       (size_t)(g_utf8_offset_to_pointer(piece, low) - piece);
}

void
ph_folded_place(const struct ph_folded *folded, size_t at, size_t size,
		size_t *start_r, size_t *end_r)
{
	const char *last;

	if (folded->cuts->len == 0 || size == 0) {
		*start_r = *end_r = 0;
		return;
	}
	*start_r = find_place(folded, at);
	/* The end is behind the character that the last byte comes from. */
	last = folded->written + find_place(folded, at + size - 1);
	*end_r = (size_t)(g_utf8_next_char(last) - folded->written);
}
