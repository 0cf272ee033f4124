#include "lib/message/content_private.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <unistr.h>

/* The bytes that the rules of UTF-8 are about, and what stands beside them. */
static const unsigned char edges[] = {
    0x00, 0x0a, 0x0d, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
    0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
    0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xfe, 0xff,
};

/* libunistring's answer. */
static size_t
slow_valid(const char *in, size_t size)
{
	const uint8_t *bad = u8_check((const uint8_t *)in, size);

	return bad != NULL ? (size_t)((const char *)bad - in) : size;
}

static void
check_valid(const char *in, size_t size)
{
	/* So that memory tools see a byte too many. */
	g_autofree char *copy = g_memdup2(in, size);

	ck_assert_uint_eq(ph_utf8_valid(copy, size), slow_valid(in, size));
}

START_TEST(test_edges)
{
	const size_t n = G_N_ELEMENTS(edges);

	for (size_t i = 0; i < n * n * n * n; i++) {
		char text[] = {(char)edges[i % n], (char)edges[i / n % n],
			       (char)edges[i / n / n % n],
			       (char)edges[i / n / n / n]};

		check_valid(text, 4);
		check_valid(text, i % 4);
	}
}
END_TEST

static const char *const pieces[] = {
    "a",
    "text",
    "\r",
    "\n",
    " ",
    "eight by eight by eight",
    "\r\n",
    "\xc3\xa9",
    "\xe2\x82\xac",
    "\xf0\x9f\x98\x80",
    "\xff",
    "\xc3",
    "\xe2\x82",
    "\xed\xa0\x80",
    "\xc0\x80",
    "\xf4\x90\x80\x80",
};

/* Now and then a NUL. */
static GString *
random_text(GRand *random)
{
	GString *text = g_string_new(NULL);

	for (gint32 n = g_rand_int_range(random, 0, 14); n > 0; n--) {
		gint32 i = g_rand_int_range(random, 0, G_N_ELEMENTS(pieces));

		g_string_append(text, pieces[i]);
		if (i == 0 && g_rand_boolean(random))
			g_string_append_c(text, '\0');
	}
	return text;
}

/* Character by character. */
static char *
slow_decode(const char *in, size_t size)
{
	GString *out = g_string_new(NULL);

	while (size > 0) {
		const uint8_t *p = (const uint8_t *)in;
		ucs4_t c;
		int n = u8_mbtoucr(&c, p, size);

		if (n > 0 && c == '\r' && size > 1 && in[1] == '\n')
			;
		else if (n > 0 && c != '\0')
			g_string_append_len(out, in, n);
		else
			g_string_append(out, "\xef\xbf\xbd");
		n = n > 0 ? n : u8_mbtouc(&c, p, size);
		in += n;
		size -= (size_t)n;
	}
	return g_string_free(out, FALSE);
}

START_TEST(test_random)
{
	const struct ph_charset_options options = {.charset = "utf-8",
						   .limit = 10000};
	GRand *random = g_rand_new_with_seed(4);

	for (int i = 0; i < 50000; i++) {
		GString *text = random_text(random);
		g_autofree char *slow = slow_decode(text->str, text->len);
		g_autofree char *copy = g_memdup2(text->str, text->len);
		size_t size;
		g_autofree char *fast =
		    ph_charset_decode(copy, text->len, &options, &size);

		check_valid(text->str, text->len);
		ck_assert_str_eq(fast, slow);
		ck_assert_uint_eq(size, strlen(slow));
		g_string_free(text, TRUE);
	}
	g_rand_free(random);
}
END_TEST

UNIT_MAIN("lib/message/content_utf8", test_edges, test_random)
