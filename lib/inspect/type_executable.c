#include "lib/inspect/walk_private.h"

#include <string.h>

/* One row a kind that Windows or DOS starts. */

static uint32_t
get16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t
get32(const uint8_t *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static bool
has(const uint8_t *data, size_t size, size_t at, const char *bytes, size_t n)
{
	return at <= size && n <= size - at && memcmp(data + at, bytes, n) == 0;
}

/* What the DOS header points to; NULL: a program for DOS alone. */
static const char *
new_header(const uint8_t *data, size_t size)
{
	size_t at = size >= 64 ? get32(data + 60) : 0;

	if (at == 0)
		return NULL;
	if (has(data, size, at, "PE\0\0", 4))
		return at + 24 <= size && (get16(data + at + 22) & 0x2000) != 0
			   ? "library for Windows (PE)"
			   : "program for Windows (PE)";
	if (has(data, size, at, "NE", 2))
		return "program for 16-bit Windows or OS/2 (NE)";
	if (has(data, size, at, "LE", 2))
		return "virtual device driver (LE)";
	if (has(data, size, at, "LX", 2))
		return "program for OS/2 (LX)";
	return NULL;
}

/* Words that begin with these letters have no NUL soon. */
static const char *
find_dos(const uint8_t *data, size_t size)
{
	const char *kind;

	if (!has(data, size, 0, "MZ", 2) && !has(data, size, 0, "ZM", 2))
		return NULL;
	kind = new_header(data, size);
	if (kind != NULL)
		return kind;
	return size >= 28 && memchr(data, 0, MIN(size, (size_t)64)) != NULL
		   ? "program for DOS (MZ)"
		   : NULL;
}

static const char *
find_eicar(const uint8_t *data, size_t size)
{
	static const char test[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}"
				   "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

	return has(data, size, 0, test, sizeof test - 1) ? "test of EICAR"
							 : NULL;
}

static const char *
find_pif(const uint8_t *data, size_t size)
{
	return has(data, size, 0x171, "MICROSOFT PIFEX", 16)
		   ? "program information (PIF)"
		   : NULL;
}

static const char *
find_shortcut(const uint8_t *data, size_t size)
{
	static const char class[] =
	    "\x4c\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";

	return has(data, size, 0, class, sizeof class - 1) ? "program shortcut"
							   : NULL;
}

/* COFF: a machine, sections of which the headers fit, no optional header. */
static const char *
find_coff(const uint8_t *data, size_t size)
{
	static const uint16_t machines[] = {0x014c, 0x8664, 0x0200,
					    0x01c0, 0x01c4, 0xaa64};
	uint32_t sections, symbols;

	if (size < 60)
		return NULL;
	sections = get16(data + 2);
	symbols = get32(data + 8);
	if (sections == 0 || sections > 4096 || get16(data + 16) != 0 ||
	    20 + (size_t)sections * 40 > size || symbols > size ||
	    (uint64_t)symbols + (uint64_t)get32(data + 12) * 18 > size)
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(machines); i++)
		if (get16(data) == machines[i])
			return "object file (COFF)";
	return NULL;
}

/* OMF: its first record names the module; its bytes add up to nothing, or the
 * last one is not used. */
static const char *
find_omf(const uint8_t *data, size_t size)
{
	size_t n = size >= 6 ? get16(data + 1) : 0;
	uint8_t sum = 0;

	if (n < 3 || data[0] != 0x80 || 3 + n >= size || data[3] != n - 2)
		return NULL;
	for (size_t i = 0; i < 3 + n; i++)
		sum = (uint8_t)(sum + data[i]);
	return sum == 0 || data[2 + n] == 0 ? "object file (OMF)" : NULL;
}

static const char *(*const kinds[])(const uint8_t *data, size_t size) = {
    find_dos, find_eicar, find_pif, find_shortcut, find_coff, find_omf};

const char *
ph_executable_kind(const uint8_t *data, size_t size)
{
	const char *kind = NULL;

	for (size_t i = 0; kind == NULL && i < G_N_ELEMENTS(kinds); i++)
		kind = kinds[i](data, size);
	return kind;
}
