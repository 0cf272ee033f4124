#include "lib/match/match_private.h"
#include "tests/unit/unit.h"

#include <string.h>

static void
fill_set(struct ph_set *set, enum ph_term_kind kind, const char *const *texts,
	 uint32_t n)
{
	ph_set_init(set, kind, n);
	for (uint32_t i = 0; i < n; i++) {
		set->texts[i] = texts[i];
		set->sizes[i] = strlen(texts[i]);
	}
}

/* What Hyperscan does not take is named; the rest is compiled. */
START_TEST(test_refused)
{
	static const char *const texts[] = {"(", "abc", "a{3", "[", "x*"};
	struct ph_set set;
	struct ph_image image;
	GByteArray *bytes;

	fill_set(&set, PH_TERM_PATTERN, texts, G_N_ELEMENTS(texts));
	bytes = ph_set_compile(&set);
	ck_assert_int_eq(ph_image_parse(bytes, &image, NULL), 0);
	ck_assert_int_eq(image.kind, PH_TERM_PATTERN);
	ck_assert_uint_eq(image.n, 5);
	ck_assert_uint_eq(image.n_refused, 2);
	ck_assert_uint_eq(g_array_index(image.refused, uint32_t, 0), 0);
	ck_assert_uint_eq(g_array_index(image.refused, uint32_t, 1), 3);
	ck_assert_uint_eq(image.n_databases, 1);
	ph_image_clear(&image);
	g_byte_array_unref(bytes);
	ph_set_clear(&set);
}
END_TEST

static const char *const words[] = {"one", "two", "three"};

/* Cut at every place, and one byte too long. */
START_TEST(test_request)
{
	struct ph_set set;
	struct ph_set parsed;
	GByteArray *request;
	guint size;

	fill_set(&set, PH_TERM_WORD, words, G_N_ELEMENTS(words));
	request = ph_request_format(&set);
	size = request->len;
	ck_assert_int_eq(ph_request_parse(request, &parsed), 0);
	ck_assert_int_eq(parsed.kind, PH_TERM_WORD);
	ck_assert_uint_eq(parsed.n, 3);
	ck_assert_str_eq(parsed.texts[2], "three");
	ck_assert_uint_eq(parsed.sizes[2], 5);
	ph_set_clear(&parsed);
	for (guint i = 0; i < size; i++) {
		GByteArray *cut = g_byte_array_new();

		g_byte_array_append(cut, request->data, i);
		ck_assert_int_eq(ph_request_parse(cut, &parsed), -1);
		g_byte_array_unref(cut);
	}
	g_byte_array_append(request, (const guint8 *)"", 1);
	ck_assert_int_eq(ph_request_parse(request, &parsed), -1);
	/* More expressions than there can be. */
	g_byte_array_set_size(request, size);
	memset(request->data + 8, 0xff, 4);
	ck_assert_int_eq(ph_request_parse(request, &parsed), -1);
	g_byte_array_unref(request);
	ph_set_clear(&set);
}
END_TEST

/* Writes size and sum of a changed image: magic, size, sum, payload. */
static void
seal(GByteArray *bytes)
{
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	uint64_t size = bytes->len - 48;
	gsize n = 32;

	g_checksum_update(sum, bytes->data + 48, (gssize)size);
	g_checksum_get_digest(sum, bytes->data + 16, &n);
	memcpy(bytes->data + 8, &size, sizeof size);
	g_checksum_free(sum);
}

/* Even with a right checksum no length is believed. */
START_TEST(test_malformed)
{
	struct ph_set set;
	struct ph_image image;
	GByteArray *bytes;

	fill_set(&set, PH_TERM_WORD, words, G_N_ELEMENTS(words));
	bytes = ph_set_compile(&set);
	for (guint at = 48; at < 72; at++) {
		GByteArray *copy = g_byte_array_new();

		g_byte_array_append(copy, bytes->data, bytes->len);
		copy->data[at] ^= 0x81;
		seal(copy);
		/* The number of expressions is compared by the segment. */
		if (at < 52 || at >= 56)
			ck_assert_int_eq(ph_image_parse(copy, &image, NULL),
					 -1);
		g_byte_array_unref(copy);
	}
	g_byte_array_append(bytes, (const guint8 *)"", 1);
	seal(bytes);
	ck_assert_int_eq(ph_image_parse(bytes, &image, NULL), -1);
	g_byte_array_set_size(bytes, bytes->len - 1);
	seal(bytes);
	ck_assert_int_eq(ph_image_parse(bytes, &image, NULL), 0);
	ph_image_clear(&image);
	while (bytes->len > 48) {
		g_byte_array_set_size(bytes, bytes->len - 1);
		seal(bytes);
		ck_assert_int_eq(ph_image_parse(bytes, &image, NULL), -1);
	}
	g_byte_array_unref(bytes);
	ph_set_clear(&set);
}
END_TEST

UNIT_MAIN("lib/match/image", test_refused, test_request, test_malformed)
