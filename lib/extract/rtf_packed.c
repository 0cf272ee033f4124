#include "lib/extract/rtf_packed.h"

#include "lib/extract/extract_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* Its headers know neither const nor strict prototypes. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <ytnef.h>
#pragma GCC diagnostic pop

/* Size of the packed, size of the text, mark, checksum; packed, or as it is,
 * which the library does not take. */
#define HEAD ((size_t)16)
#define PLAIN 0x414c454d
/* Times as large at the most: 17 bytes of 2, and a bit of each for its kind. */
#define MOST 9
/* The library looks so far behind a reference that is cut. */
#define BEHIND 2

static bool
is_plain(struct ph_bytes bytes)
{
	return ph_bytes_u32(bytes, 8) == PLAIN;
}

bool
ph_rtf_packed_size(const void *data, size_t size, size_t *unpacked_r)
{
	struct ph_bytes bytes = {data, size};
	uint32_t claimed = ph_bytes_u32(bytes, 4);

	if (size < HEAD || size > G_MAXINT - BEHIND)
		return false;
	if (is_plain(bytes)) {
		*unpacked_r = MIN(claimed, size - HEAD);
		return true;
	}
	*unpacked_r = claimed;
	return claimed <= G_MAXINT && claimed / MOST <= size;
}

GBytes *
ph_rtf_unpack(const void *data, size_t size)
{
	struct ph_bytes bytes = {data, size};
	struct ph_bytes plain =
	    ph_bytes_sub(bytes, HEAD, ph_bytes_u32(bytes, 4));
	variableLength packed = {.size = (int)size};
	int unpacked = 0;
	BYTE *rtf;

	if (is_plain(bytes))
		return g_bytes_new(plain.p, plain.size);
	packed.data = g_malloc0(size + BEHIND);
	memcpy(packed.data, data, size);
	rtf = DecompressRTF(&packed, &unpacked);
	g_free(packed.data);
	if (rtf != NULL && unpacked > 0)
		return g_bytes_new_with_free_func(rtf, (gsize)unpacked, free,
						  rtf);
	free(rtf);
	return NULL;
}
