#include "lib/match/fold.h"

#include "lib/match/fold_private.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

/* Runs of plain characters (fold_private.h) are folded by a table; everything
 * else by libunistring, together with the character before it (a letter with a
 * combining accent). */

/* So much ASCII is folded at a time. */
#define BLOCK (2 * sizeof(uint64_t))
/* So many plain characters end a stretch for libunistring: a call costs as much
 * as they do. */
#define PLAIN_RUN 8

struct output {
	char *data;
	size_t size;
	size_t room;
};

static void
reserve(struct output *out, size_t more)
{
	if (out->room - out->size > more)
		return;
	out->room = out->size + more + out->size / 2 + 1;
	out->data = g_realloc(out->data, out->room);
}

static void
append(struct output *out, const void *data, size_t size)
{
	reserve(out, size);
	memcpy(out->data + out->size, data, size);
	out->size += size;
}

static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Of ASCII; white space is a blank. */
static inline char
fold_byte(char c)
{
	c = (unsigned char)(c - '\t') < 5 ? ' ' : c;
	return (char)(c | (((unsigned char)(c - 'A') < 26) << 5));
}

/* ---- folding ---- */

/* What a page says. */
static inline void
encode(struct output *out, uint32_t c)
{
	char *to;

	reserve(out, 4);
	to = out->data + out->size;
	if ((c & PH_FOLD_SEVERAL) != 0) {
		for (c &= ~PH_FOLD_SEVERAL; c != 0; c >>= 7)
			out->data[out->size++] = (char)(c & 0x7f);
	} else if (c >= 0x80 && c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		out->size += 2;
	} else {
		out->size += (size_t)g_unichar_to_utf8(c, to);
	}
}

/* A block, if it is ASCII: without a branch, so that it becomes vectors. */
static inline bool
fold_block(char *restrict to, const char *restrict from)
{
	uint64_t half[2];

	memcpy(half, from, BLOCK);
	if (((half[0] | half[1]) & 0x8080808080808080) != 0)
		return false;
	for (size_t i = 0; i < BLOCK; i++)
		to[i] = fold_byte(from[i]);
	return true;
}

/* Folds ASCII from the start of the text; how much. */
static size_t
fold_ascii(struct output *out, const char *text, size_t size)
{
	size_t n = 0;
	char *to;

	reserve(out, size);
	to = out->data + out->size;
	while (size - n >= BLOCK && fold_block(to + n, text + n))
		n += BLOCK;
	for (; n < size && (unsigned char)text[n] < 0x80; n++)
		to[n] = fold_byte(text[n]);
	out->size += n;
	return n;
}

/* Folds plain characters up to one that is not, or to a longer run of ASCII;
 * how much. */
static size_t
fold_plain(struct output *out, const char *text, size_t size)
{
	size_t ascii = 0;
	size_t at = 0;

	while (at < size && ascii < BLOCK) {
		uint32_t c;
		size_t n =
		    ph_fold_decode((const uint8_t *)text + at, size - at, &c);

		if (c < 0x80) {
			reserve(out, 1);
			out->data[out->size++] = fold_byte((char)c);
			ascii++;
		} else {
			c = ph_fold_plain(c);
			if (c == PH_FOLD_NOT_PLAIN)
				break;
			encode(out, c);
			ascii = 0;
		}
		at += n;
	}
	return at;
}

/* Where the stretch for libunistring ends that begins here. */
static size_t
find_end(const char *text, size_t size, size_t at)
{
	size_t end = size;
	int run = 0;

	while (at < size) {
		uint32_t c;
		size_t n =
		    ph_fold_decode((const uint8_t *)text + at, size - at, &c);

		if (c >= 0x80 && ph_fold_plain(c) == PH_FOLD_NOT_PLAIN)
			run = 0;
		else if (run++ == 0)
			end = at;
		if (run == PLAIN_RUN)
			return end;
		at += n;
	}
	return size;
}

static size_t
step_back(const char *text, size_t at)
{
	if (at == 0)
		return 0;
	at--;
	while (at > 0 && ph_fold_is_inside((uint8_t)text[at]))
		at--;
	return at;
}

/* How much of the output the last character has become, the one at start. */
static size_t
last_size(const struct output *out, const char *text, size_t start, size_t at)
{
	size_t n = 0;
	uint32_t c;

	ph_fold_decode((const uint8_t *)text + start, at - start, &c);
	c = c < 0x80 ? c : ph_fold_plain(c);
	if ((c & PH_FOLD_SEVERAL) == 0)
		return out->size - step_back(out->data, out->size);
	for (c &= ~PH_FOLD_SEVERAL; c != 0; c >>= 7)
		n++;
	return n;
}

/* Without what nobody sees, and a blank for any gap; g_free. */
static char *
leave_seen(const char *text, size_t size, size_t *size_r)
{
	struct output out = {NULL, 0, 0};
	size_t n;

	reserve(&out, size);
	for (size_t at = 0; at < size; at += n) {
		uint32_t c;

		n = ph_fold_decode((const uint8_t *)text + at, size - at, &c);
		if (ph_fold_is_gap(c))
			append(&out, " ", 1);
		else if (!ph_fold_is_unseen(c))
			append(&out, text + at, n);
	}
	*size_r = out.size;
	return out.data;
}

/* Folds from the character before "at", which is folded already and plain;
 * where it ends. */
static size_t
fold_stretch(struct output *out, const char *text, size_t size, size_t at)
{
	size_t start = step_back(text, at);
	size_t end = find_end(text, size, at);
	size_t n = 0, seen_size;
	g_autofree char *seen =
	    leave_seen(text + start, end - start, &seen_size);
	uint8_t *folded = u8_casefold((const uint8_t *)seen, seen_size, NULL,
				      UNINORM_NFKC, NULL, &n);

	if (folded == NULL && errno == ENOMEM)
		g_error("no memory to fold %zu bytes", seen_size);
	if (start < at)
		out->size -= last_size(out, text, start, at);
	if (folded == NULL)
		append(out, seen, seen_size);
	else
		append(out, folded, n);
	free(folded);
	return end;
}

/* Does a run of white space begin here that is not one blank already? */
static inline bool
is_gap(const char *p, const char *end)
{
	return is_space(*p) && (*p != ' ' || (p + 1 < end && is_space(p[1])));
}

/* Does a gap begin in a block? The byte behind it is looked at, too. */
static inline bool
has_gap(const char *p)
{
	unsigned char gap = 0;

	for (size_t i = 0; i < BLOCK; i++)
		gap |= (unsigned char)((p[i] == ' ') & (p[i + 1] == ' ')) |
		       ((unsigned char)(p[i] - '\t') < 5);
	return gap != 0;
}

/* The first gap, or the end. */
static inline const char *
find_gap(const char *from, const char *end)
{
	while ((size_t)(end - from) > BLOCK && !has_gap(from))
		from += BLOCK;
	while (from < end && !is_gap(from, end))
		from++;
	return from;
}

/* In place; what stays is moved by whole stretches, which are mostly
 * paragraphs. */
static void
join_spaces(struct output *out)
{
	const char *end = out->data + out->size;
	const char *from = out->data;
	char *to = out->data;

	while (from < end) {
		const char *start = from;

		from = find_gap(from, end);
		if (to != start)
			memmove(to, start, (size_t)(from - start));
		to += from - start;
		if (from == end)
			break;
		*to++ = ' ';
		while (from < end && is_space(*from))
			from++;
	}
	out->size = (size_t)(to - out->data);
}

char *
ph_match_fold(const char *text, size_t size, size_t *size_r)
{
	struct output out = {NULL, 0, 0};
	size_t at = 0;

	reserve(&out, size);
	while (at < size) {
		at += fold_ascii(&out, text + at, size - at);
		at += fold_plain(&out, text + at, size - at);
		if (at < size && (unsigned char)text[at] >= 0x80)
			at = fold_stretch(&out, text, size, at);
	}
	join_spaces(&out);
	out.data[out.size] = '\0';
	if (size_r != NULL)
		*size_r = out.size;
	return out.data;
}

/* ---- words ---- */

bool
ph_match_is_word(const char *text, size_t size)
{
	uint32_t c = (unsigned char)text[0];

	if (c < 0x80)
		return g_ascii_isalnum((char)c);
	ph_fold_decode((const uint8_t *)text, size, &c);
	return ph_fold_is_word(c);
}

bool
ph_match_delimited(const char *text, size_t end, size_t at, size_t size)
{
	size_t after = at + size;
	size_t before;

	if (after < end && ph_match_is_word(text + after, end - after))
		return false;
	if (at == 0)
		return true;
	before = step_back(text, at);
	return !ph_match_is_word(text + before, at - before);
}

size_t
ph_match_find_word(const char *text, size_t size, size_t from, const char *word,
		   size_t word_size)
{
	while (word_size > 0 && from < size) {
		const char *hit =
		    memmem(text + from, size - from, word, word_size);

		if (hit == NULL)
			return SIZE_MAX;
		from = (size_t)(hit - text);
		if (ph_match_delimited(text, size, from, word_size))
			return from;
		from++;
	}
	return SIZE_MAX;
}
