#include "lib/match/fold_private.h"

#include <glib.h>
#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

/* Characters are asked for by pages. */
#define PAGE ((uint32_t)256)
#define LAST_CHARACTER ((uint32_t)0x10ffff)
/* Of several. */
#define MOST 4

static gpointer
find_followers(gpointer unused)
{
	GHashTable *followers = g_hash_table_new(NULL, NULL);
	ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];

	(void)unused;
	/* No character of a higher plane is composed. */
	for (ucs4_t c = 0x80; c < 0x30000; c++)
		for (int n = uc_canonical_decomposition(c, parts) - 1; n > 0;
		     n--)
			g_hash_table_add(followers, GUINT_TO_POINTER(parts[n]));
	return followers;
}

/* Can composing join this character to the one before it? */
static bool
joins_backwards(ucs4_t c)
{
	static GOnce once = G_ONCE_INIT;

	return uc_combining_class(c) != UC_CCC_NR ||
	       g_hash_table_contains(g_once(&once, find_followers, NULL),
				     GUINT_TO_POINTER(c));
}

/* The characters that stand first after NFD, folding and NFKD, the steps of
 * libunistring's folding. */
static bool
starts_safely(ucs4_t c, ucs4_t folded)
{
	ucs4_t whole[UC_DECOMPOSITION_MAX_LENGTH * 4];
	size_t n = G_N_ELEMENTS(whole);

	if (u32_normalize(UNINORM_NFD, &c, 1, whole, &n) != whole || n == 0 ||
	    joins_backwards(whole[0]))
		return false;
	n = G_N_ELEMENTS(whole);
	if (u32_normalize(UNINORM_NFKD, &folded, 1, whole, &n) != whole ||
	    n == 0 || joins_backwards(whole[0]))
		return false;
	return !joins_backwards(c) && !joins_backwards(folded);
}

/* 0: not all of them are ASCII, or they are too many. */
static uint32_t
pack(const ucs4_t *folded, size_t n)
{
	uint32_t packed = PH_FOLD_SEVERAL;

	if (n > MOST)
		return PH_FOLD_NOT_PLAIN;
	for (size_t i = 0; i < n; i++) {
		if (folded[i] >= 0x80)
			return PH_FOLD_NOT_PLAIN;
		packed |= folded[i] << (7 * i);
	}
	return packed;
}

bool
ph_fold_is_unseen(uint32_t c)
{
	return c >= 0x80 && c <= LAST_CHARACTER &&
	       uc_is_property_default_ignorable_code_point(c);
}

static uint32_t
fold_character(ucs4_t c)
{
	ucs4_t folded[8];
	size_t n = G_N_ELEMENTS(folded);
	ucs4_t *result;

	if ((c >= 0xd800 && c < 0xe000) || ph_fold_is_unseen(c))
		return PH_FOLD_NOT_PLAIN;
	if (ph_fold_is_gap(c))
		return ' ';
	result = u32_casefold(&c, 1, NULL, UNINORM_NFKC, folded, &n);
	if (result != folded) {
		free(result);
		return PH_FOLD_NOT_PLAIN;
	}
	if (n == 0 || !starts_safely(c, folded[0]))
		return PH_FOLD_NOT_PLAIN;
	return n == 1 ? folded[0] : pack(folded, n);
}

/* ---- pages ---- */

/* Made when a text has one of its characters first; never changed nor freed. */
static gconstpointer
get_page(gpointer *slot, uint32_t c, gpointer (*make)(uint32_t first))
{
	gpointer page = g_atomic_pointer_get(slot);

	if (page != NULL)
		return page;
	page = make(c - c % PAGE);
	if (g_atomic_pointer_compare_and_exchange(slot, NULL, page))
		return page;
	g_free(page);
	return g_atomic_pointer_get(slot);
}

static gpointer
make_folded(uint32_t first)
{
	uint32_t *page = g_new(uint32_t, PAGE);

	for (uint32_t i = 0; i < PAGE; i++)
		page[i] = fold_character(first + i);
	return page;
}

uint32_t
ph_fold_plain(uint32_t c)
{
	static gpointer pages[(LAST_CHARACTER + 1) / PAGE];
	const uint32_t *page;

	if (c > LAST_CHARACTER)
		return PH_FOLD_NOT_PLAIN;
	page = get_page(&pages[c / PAGE], c, make_folded);
	return page[c % PAGE];
}

static gpointer
make_words(uint32_t first)
{
	bool *page = g_new(bool, PAGE);

	for (uint32_t i = 0; i < PAGE; i++)
		page[i] =
		    g_unichar_isalnum(first + i) || g_unichar_ismark(first + i);
	return page;
}

bool
ph_fold_is_word(uint32_t c)
{
	static gpointer pages[(LAST_CHARACTER + 1) / PAGE];
	const bool *page;

	if (c > LAST_CHARACTER)
		return false;
	page = get_page(&pages[c / PAGE], c, make_words);
	return page[c % PAGE];
}
