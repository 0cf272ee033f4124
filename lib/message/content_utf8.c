#include "lib/message/content_private.h"

#include <string.h>

/* Nearly all text is ASCII for the most part, and is read eight bytes at a
 * time where it is. */

size_t
ph_utf8_ascii(const char *in, size_t size)
{
	size_t n = 0;
	uint64_t word;

	for (; size - n >= sizeof(word); n += sizeof(word)) {
		memcpy(&word, in + n, sizeof(word));
		if ((word & 0x8080808080808080) != 0)
			break;
	}
	while (n < size && (unsigned char)in[n] < 0x80)
		n++;
	return n;
}

/* Unicode 15, table 3-7: the first byte says how many there are, and which the
 * second may be; the others are 80 to BF. */
static const struct sequence {
	unsigned char first, last;
	unsigned char low, high; /* of the second */
	unsigned char size;
} sequences[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* The length of a character above ASCII; 0: it is none. */
static size_t
character(const unsigned char *p, size_t size)
{
	const struct sequence *s = sequences;
	const struct sequence *end = s + G_N_ELEMENTS(sequences);

	while (s < end && p[0] > s->last)
		s++;
	if (s == end || p[0] < s->first || size < s->size || p[1] < s->low ||
	    p[1] > s->high)
		return 0;
	for (size_t i = 2; i < s->size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return s->size;
}

size_t
ph_utf8_valid(const char *in, size_t size)
{
	size_t n = ph_utf8_ascii(in, size);

	while (n < size) {
		size_t one = character((const unsigned char *)in + n, size - n);

		if (one == 0)
			break;
		n += one;
		if (n < size && (unsigned char)in[n] < 0x80)
			n += ph_utf8_ascii(in + n, size - n);
	}
	return n;
}
