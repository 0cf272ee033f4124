#include "lib/message/charset.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

/* Nearly all text is ASCII for the most part, and is read eight bytes at a
 * time where it is. */

static inline bool
is_ascii(const char *in)
{
	uint64_t eight;

	memcpy(&eight, in, sizeof(eight));
	return (eight & 0x8080808080808080) == 0;
}

size_t
ph_utf8_ascii(const char *in, size_t size)
{
	size_t n = 0;

	while (size - n >= 8 && is_ascii(in + n))
		n += 8;
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
	size_t n = 0, one;

	for (; n < size; n += one) {
		const unsigned char *p = (const unsigned char *)in + n;

		if (p[0] < 0x80)
			one = size - n >= 8 && is_ascii(in + n)
				  ? ph_utf8_ascii(in + n, size - n)
				  : 1;
		else if (p[0] >= 0xc2 && p[0] < 0xe0 && size - n >= 2 &&
			 (p[1] & 0xc0) == 0x80)
			one = 2;
		else if ((one = character(p, size - n)) == 0)
			break;
	}
	return n;
}
