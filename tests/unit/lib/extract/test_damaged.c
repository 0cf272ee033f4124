#include "lib/extract/extract.h"
#include "tests/unit/unit.h"

#include <stdint.h>
#include <string.h>

/*
 * Documents that are not what they should be: whatever the answer is, the
 * result has its form. Which answer it is depends on where the document was cut
 * and is not asked; that nothing is read beyond its bytes, the sanitizers ask:
 * each copy is exactly as large as it says.
 */
#define FILES "tests/files/documents"
#define LARGE ((size_t)100 * 1024)
#define CUTS 12
#define FLIPS 6

static const struct ph_extract_limits limits = {
    .text = 20000,
    .unpacked = (size_t)4 * 1024 * 1024,
};

static void
check_read(const char *name, const char *data, size_t size)
{
	g_autofree char *copy = g_memdup2(data, size);
	struct ph_extract_source source = {
	    .type = "application/octet-stream",
	    .name = name,
	    .data = copy,
	    .size = size,
	};
	struct ph_extract_result result;
	struct ph_err err = PH_ERR_INIT;
	int r = ph_extract(&source, &limits, &result, &err);

	ck_assert_msg(r >= -1 && r <= 1, "%s", name);
	ck_assert_msg((r == -1) == (err.kind != PH_ERR_NONE), "%s", name);
	ck_assert_uint_le(result.text->len, limits.text);
	ck_assert(
	    g_utf8_validate(result.text->str, (gssize)result.text->len, NULL));
	for (guint i = 0; i < result.properties->len; i++) {
		const struct ph_extract_property *p = &g_array_index(
		    result.properties, struct ph_extract_property, i);

		ck_assert(g_utf8_validate(p->name, -1, NULL));
		ck_assert(g_utf8_validate(p->value, -1, NULL));
	}
	ph_extract_clear(&result);
}

static void
check_cut(const char *name, const char *data, size_t size)
{
	for (size_t i = 0; i < CUTS; i++)
		check_read(name, data, size * i / CUTS);
	/* The end is where zip and PDF have what leads to the rest. */
	for (size_t i = 1; i < CUTS && i < size; i++)
		check_read(name, data, size - i * i);
}

/* Some bytes changed, the same in each run. */
static void
check_flipped(const char *name, const char *data, size_t size)
{
	uint32_t seed = 1;

	for (size_t i = 0; i < FLIPS; i++) {
		g_autofree char *copy = g_memdup2(data, size);

		for (size_t n = 0; n < 8 && size > 0; n++) {
			seed = seed * 1664525 + 1013904223;
			copy[(seed >> 4) % size] ^= (char)(seed >> 24);
		}
		check_read(name, copy, size);
	}
}

static void
check_each(void (*check)(const char *name, const char *data, size_t size))
{
	g_autoptr(GDir) dir = g_dir_open(FILES, 0, NULL);
	const char *name;

	ck_assert(dir != NULL);
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(FILES, name, NULL);
		g_autofree char *data = NULL;
		size_t size;

		ck_assert(g_file_get_contents(path, &data, &size, NULL));
		if (size > 600 && size < LARGE)
			check(name, data, size);
	}
}

START_TEST(test_cut)
{
	ph_extract_prepare();
	check_each(check_cut);
}
END_TEST

START_TEST(test_flipped)
{
	ph_extract_prepare();
	check_each(check_flipped);
}
END_TEST

UNIT_MAIN("lib/extract/damaged", test_cut, test_flipped)
