#include "lib/inspect/walk_private.h"

/*
 * RAR5: after eight bytes of signature (or a program before it) blocks:
 *
 *	CRC32, 4 bytes; size of what follows, type, flags, each a number of
 *	variable length; with flag 1 the size of the extra area, with flag 2
 *	that of the data behind the block; ...; the extra area.
 *
 * Type 4 is the encryption of all that follows, type 2 a file, 3 a service
 * (comment, ...). The extra area is records: size, type, ...; type 1 of a file
 * is its encryption. https://www.rarlab.com/technote.htm
 */
#define SIGNATURE ((size_t)8)
#define BLOCKS 100000

enum {
	BLOCK_FILE = 2,
	BLOCK_ENCRYPTION = 4,
	HAS_EXTRA = 1,
	HAS_DATA = 2,
	EXTRA_ENCRYPTION = 1,
};

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
};

/* 7 bits a byte, the lowest first. */
static bool
get_number(struct cursor *c, uint64_t *number_r)
{
	uint64_t number = 0;

	for (unsigned shift = 0; shift < 63 && c->p < c->end; shift += 7) {
		uint8_t byte = *c->p++;

		number |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*number_r = number;
			return true;
		}
	}
	return false;
}

static bool
has_encryption(struct cursor extra)
{
	uint64_t size, type;

	while (get_number(&extra, &size)) {
		struct cursor record = extra;

		if (size > (uint64_t)(extra.end - extra.p))
			return false;
		if (get_number(&record, &type) && type == EXTRA_ENCRYPTION)
			return true;
		extra.p += size;
	}
	return false;
}

/* 1 encrypted, 0 look at the next (c is behind this one), -1 there is none. */
static int
read_block(struct cursor *c)
{
	uint64_t size, type, flags, extra = 0, data = 0;
	struct cursor block;

	if (c->end - c->p < 4)
		return -1;
	c->p += 4;
	if (!get_number(c, &size) || size > (uint64_t)(c->end - c->p))
		return -1;
	block = (struct cursor){c->p, c->p + size};
	c->p = block.end;
	if (!get_number(&block, &type) || !get_number(&block, &flags) ||
	    ((flags & HAS_EXTRA) != 0 && !get_number(&block, &extra)) ||
	    ((flags & HAS_DATA) != 0 && !get_number(&block, &data)))
		return -1;
	if (type == BLOCK_ENCRYPTION)
		return 1;
	if (extra > (uint64_t)(block.end - block.p))
		return -1;
	block.p = block.end - extra;
	if (type == BLOCK_FILE && has_encryption(block))
		return 1;
	if (data > (uint64_t)(c->end - c->p))
		return -1;
	c->p += data;
	return 0;
}

bool
ph_rar5_encrypted(const uint8_t *data, size_t size)
{
	struct cursor c = {data, data + size};
	int r = 0;

	if (size < SIGNATURE)
		return false;
	c.p += SIGNATURE;
	for (size_t i = 0; r == 0 && i < BLOCKS; i++)
		r = read_block(&c);
	return r == 1;
}
