#include "lib/match/pattern_private.h"

#include <string.h>

static const struct {
	const char *name;
	GUnicodeType type;
} categories[] = {
    {"Cc", G_UNICODE_CONTROL},		 {"Cf", G_UNICODE_FORMAT},
    {"Cn", G_UNICODE_UNASSIGNED},	 {"Co", G_UNICODE_PRIVATE_USE},
    {"Ll", G_UNICODE_LOWERCASE_LETTER},	 {"Lm", G_UNICODE_MODIFIER_LETTER},
    {"Lo", G_UNICODE_OTHER_LETTER},	 {"Lt", G_UNICODE_TITLECASE_LETTER},
    {"Lu", G_UNICODE_UPPERCASE_LETTER},	 {"Mc", G_UNICODE_SPACING_MARK},
    {"Me", G_UNICODE_ENCLOSING_MARK},	 {"Mn", G_UNICODE_NON_SPACING_MARK},
    {"Nd", G_UNICODE_DECIMAL_NUMBER},	 {"Nl", G_UNICODE_LETTER_NUMBER},
    {"No", G_UNICODE_OTHER_NUMBER},	 {"Pc", G_UNICODE_CONNECT_PUNCTUATION},
    {"Pd", G_UNICODE_DASH_PUNCTUATION},	 {"Pe", G_UNICODE_CLOSE_PUNCTUATION},
    {"Pf", G_UNICODE_FINAL_PUNCTUATION}, {"Pi", G_UNICODE_INITIAL_PUNCTUATION},
    {"Po", G_UNICODE_OTHER_PUNCTUATION}, {"Ps", G_UNICODE_OPEN_PUNCTUATION},
    {"Sc", G_UNICODE_CURRENCY_SYMBOL},	 {"Sk", G_UNICODE_MODIFIER_SYMBOL},
    {"Sm", G_UNICODE_MATH_SYMBOL},	 {"So", G_UNICODE_OTHER_SYMBOL},
    {"Zl", G_UNICODE_LINE_SEPARATOR},	 {"Zp", G_UNICODE_PARAGRAPH_SEPARATOR},
    {"Zs", G_UNICODE_SPACE_SEPARATOR},
};

const char *
ph_pattern_category(const char *name)
{
	static const char *const majors[] = {"C", "L", "M", "N", "P", "S", "Z"};

	for (size_t i = 0; i < G_N_ELEMENTS(majors); i++)
		if (strcmp(majors[i], name) == 0)
			return majors[i];
	for (size_t i = 0; i < G_N_ELEMENTS(categories); i++)
		if (strcmp(categories[i].name, name) == 0)
			return categories[i].name;
	return NULL;
}

bool
ph_pattern_category_has(const char *name, gunichar c)
{
	GUnicodeType type = g_unichar_type(c);

	for (size_t i = 0; i < G_N_ELEMENTS(categories); i++)
		if (categories[i].type == type)
			return strncmp(categories[i].name, name,
				       strlen(name)) == 0;
	return false;
}

/* .NET's own list: Unicode 4.0, and its names. */
static const struct {
	const char *name;
	gunichar low, high;
} blocks[] = {
    {"IsAlphabeticPresentationForms", 0xfb00, 0xfb4f},
    {"IsArabic", 0x600, 0x6ff},
    {"IsArabicPresentationForms-A", 0xfb50, 0xfdff},
    {"IsArabicPresentationForms-B", 0xfe70, 0xfeff},
    {"IsArmenian", 0x530, 0x58f},
    {"IsArrows", 0x2190, 0x21ff},
    {"IsBasicLatin", 0, 0x7f},
    {"IsBengali", 0x980, 0x9ff},
    {"IsBlockElements", 0x2580, 0x259f},
    {"IsBopomofo", 0x3100, 0x312f},
    {"IsBopomofoExtended", 0x31a0, 0x31bf},
    {"IsBoxDrawing", 0x2500, 0x257f},
    {"IsBraillePatterns", 0x2800, 0x28ff},
    {"IsBuhid", 0x1740, 0x175f},
    {"IsCJKCompatibility", 0x3300, 0x33ff},
    {"IsCJKCompatibilityForms", 0xfe30, 0xfe4f},
    {"IsCJKCompatibilityIdeographs", 0xf900, 0xfaff},
    {"IsCJKRadicalsSupplement", 0x2e80, 0x2eff},
    {"IsCJKSymbolsandPunctuation", 0x3000, 0x303f},
    {"IsCJKUnifiedIdeographs", 0x4e00, 0x9fff},
    {"IsCJKUnifiedIdeographsExtensionA", 0x3400, 0x4dbf},
    {"IsCherokee", 0x13a0, 0x13ff},
    {"IsCombiningDiacriticalMarks", 0x300, 0x36f},
    {"IsCombiningDiacriticalMarksforSymbols", 0x20d0, 0x20ff},
    {"IsCombiningHalfMarks", 0xfe20, 0xfe2f},
    {"IsCombiningMarksforSymbols", 0x20d0, 0x20ff},
    {"IsControlPictures", 0x2400, 0x243f},
    {"IsCurrencySymbols", 0x20a0, 0x20cf},
    {"IsCyrillic", 0x400, 0x4ff},
    {"IsCyrillicSupplement", 0x500, 0x52f},
    {"IsDevanagari", 0x900, 0x97f},
    {"IsDingbats", 0x2700, 0x27bf},
    {"IsEnclosedAlphanumerics", 0x2460, 0x24ff},
    {"IsEnclosedCJKLettersandMonths", 0x3200, 0x32ff},
    {"IsEthiopic", 0x1200, 0x137f},
    {"IsGeneralPunctuation", 0x2000, 0x206f},
    {"IsGeometricShapes", 0x25a0, 0x25ff},
    {"IsGeorgian", 0x10a0, 0x10ff},
    {"IsGreek", 0x370, 0x3ff},
    {"IsGreekExtended", 0x1f00, 0x1fff},
    {"IsGreekandCoptic", 0x370, 0x3ff},
    {"IsGujarati", 0xa80, 0xaff},
    {"IsGurmukhi", 0xa00, 0xa7f},
    {"IsHalfwidthandFullwidthForms", 0xff00, 0xffef},
    {"IsHangulCompatibilityJamo", 0x3130, 0x318f},
    {"IsHangulJamo", 0x1100, 0x11ff},
    {"IsHangulSyllables", 0xac00, 0xd7af},
    {"IsHanunoo", 0x1720, 0x173f},
    {"IsHebrew", 0x590, 0x5ff},
    {"IsHiragana", 0x3040, 0x309f},
    {"IsIPAExtensions", 0x250, 0x2af},
    {"IsIdeographicDescriptionCharacters", 0x2ff0, 0x2fff},
    {"IsKanbun", 0x3190, 0x319f},
    {"IsKangxiRadicals", 0x2f00, 0x2fdf},
    {"IsKannada", 0xc80, 0xcff},
    {"IsKatakana", 0x30a0, 0x30ff},
    {"IsKatakanaPhoneticExtensions", 0x31f0, 0x31ff},
    {"IsKhmer", 0x1780, 0x17ff},
    {"IsKhmerSymbols", 0x19e0, 0x19ff},
    {"IsLao", 0xe80, 0xeff},
    {"IsLatin-1Supplement", 0x80, 0xff},
    {"IsLatinExtended-A", 0x100, 0x17f},
    {"IsLatinExtended-B", 0x180, 0x24f},
    {"IsLatinExtendedAdditional", 0x1e00, 0x1eff},
    {"IsLetterlikeSymbols", 0x2100, 0x214f},
    {"IsLimbu", 0x1900, 0x194f},
    {"IsMalayalam", 0xd00, 0xd7f},
    {"IsMathematicalOperators", 0x2200, 0x22ff},
    {"IsMiscellaneousMathematicalSymbols-A", 0x27c0, 0x27ef},
    {"IsMiscellaneousMathematicalSymbols-B", 0x2980, 0x29ff},
    {"IsMiscellaneousSymbols", 0x2600, 0x26ff},
    {"IsMiscellaneousSymbolsandArrows", 0x2b00, 0x2bff},
    {"IsMiscellaneousTechnical", 0x2300, 0x23ff},
    {"IsMongolian", 0x1800, 0x18af},
    {"IsMyanmar", 0x1000, 0x109f},
    {"IsNumberForms", 0x2150, 0x218f},
    {"IsOgham", 0x1680, 0x169f},
    {"IsOpticalCharacterRecognition", 0x2440, 0x245f},
    {"IsOriya", 0xb00, 0xb7f},
    {"IsPhoneticExtensions", 0x1d00, 0x1d7f},
    {"IsPrivateUse", 0xe000, 0xf8ff},
    {"IsPrivateUseArea", 0xe000, 0xf8ff},
    {"IsRunic", 0x16a0, 0x16ff},
    {"IsSinhala", 0xd80, 0xdff},
    {"IsSmallFormVariants", 0xfe50, 0xfe6f},
    {"IsSpacingModifierLetters", 0x2b0, 0x2ff},
    {"IsSpecials", 0xfff0, 0xffff},
    {"IsSuperscriptsandSubscripts", 0x2070, 0x209f},
    {"IsSupplementalArrows-A", 0x27f0, 0x27ff},
    {"IsSupplementalArrows-B", 0x2900, 0x297f},
    {"IsSupplementalMathematicalOperators", 0x2a00, 0x2aff},
    {"IsSyriac", 0x700, 0x74f},
    {"IsTagalog", 0x1700, 0x171f},
    {"IsTagbanwa", 0x1760, 0x177f},
    {"IsTaiLe", 0x1950, 0x197f},
    {"IsTamil", 0xb80, 0xbff},
    {"IsTelugu", 0xc00, 0xc7f},
    {"IsThaana", 0x780, 0x7bf},
    {"IsThai", 0xe00, 0xe7f},
    {"IsTibetan", 0xf00, 0xfff},
    {"IsUnifiedCanadianAboriginalSyllabics", 0x1400, 0x167f},
    {"IsVariationSelectors", 0xfe00, 0xfe0f},
    {"IsYiRadicals", 0xa490, 0xa4cf},
    {"IsYiSyllables", 0xa000, 0xa48f},
    {"IsYijingHexagramSymbols", 0x4dc0, 0x4dff},
};

bool
ph_pattern_block(const char *name, gunichar *low_r, gunichar *high_r)
{
	for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++)
		if (strcmp(blocks[i].name, name) == 0) {
			*low_r = blocks[i].low;
			*high_r = blocks[i].high;
			return true;
		}
	return false;
}

static bool
range_has(const struct ph_pattern_item *item, gunichar c)
{
	return c >= item->low && c <= item->high;
}

/* U+212A and U+017F are k and s to PCRE2 where they stand alone; a wide range
 * is not meant to have ASCII letters for their sake (pattern_emit.c). */
static bool
folded_range_has(const struct ph_pattern_item *item, gunichar c)
{
	gunichar lower = g_unichar_tolower(c);

	if (range_has(item, lower) || range_has(item, g_unichar_toupper(c)))
		return true;
	if (item->low != item->high)
		return false;
	return (lower == 'k' && item->low == 0x212a) ||
	       (lower == 's' && item->low == 0x17f);
}

bool
ph_pattern_category_is_cased(const char *name)
{
	return strcmp(name, "Lu") == 0 || strcmp(name, "Ll") == 0 ||
	       strcmp(name, "Lt") == 0;
}

static bool
item_has(const struct ph_pattern_item *item, gunichar c, bool caseless)
{
	switch (item->kind) {
	case PH_PATTERN_RANGE:
		return caseless ? folded_range_has(item, c)
				: range_has(item, c);
	case PH_PATTERN_CATEGORY:
		if (caseless && ph_pattern_category_is_cased(item->name))
			return g_ascii_isalpha((char)c);
		return ph_pattern_category_has(item->name, c);
	case PH_PATTERN_DIGIT:
		return g_ascii_isdigit((char)c);
	case PH_PATTERN_SPACE:
		return c == ' ' || (c >= '\t' && c <= '\r');
	case PH_PATTERN_WORD:
		return g_ascii_isalnum((char)c) || c == '_';
	case PH_PATTERN_ALNUM:
		return g_ascii_isalnum((char)c);
	}
	g_assert_not_reached();
}

bool
ph_pattern_class_has(const struct ph_pattern_class *set, gunichar c,
		     bool caseless)
{
	bool found = false;

	for (size_t i = 0; i < set->items->len && !found; i++) {
		const struct ph_pattern_item *item =
		    &g_array_index(set->items, struct ph_pattern_item, i);

		found = item_has(item, c, caseless) != item->negated;
	}
	if (found == set->negated)
		return false;
	return set->minus == NULL ||
	       !ph_pattern_class_has(set->minus, c, caseless);
}
