#include "lib/match/pattern_private.h"

void
ph_pattern_emit_char(gunichar c, GString *out)
{
	if (c < 0x80 && g_ascii_isalnum((char)c))
		g_string_append_c(out, (char)c);
	else
		g_string_append_printf(out, "\\x{%x}", c);
}

/*
 * What a wide range is matched without folding. U+017F is an s to PCRE2, and
 * U+212A a k, so that a range above ASCII would find them in any English text;
 * in the others nothing has case, and PCRE2 would look at each character: 15 ms
 * for one class.
 */
static const struct {
	gunichar low, high;
} apart[] = {
    {0x17f, 0x17f},   {0x212a, 0x212a},	   {0x3000, 0xa63f},
    {0xac00, 0xfaff}, {0x1f000, 0x10ffff},
};

/* A class as it is folded, and what of it is not. */
struct parts {
	GString *folded, *plain;
};

static void
add_range(gunichar low, gunichar high, GString *out)
{
	if (low > high)
		return;
	ph_pattern_emit_char(low, out);
	if (low == high)
		return;
	g_string_append_c(out, '-');
	ph_pattern_emit_char(high, out);
}

/* The letters of an ASCII range are folded as ever. */
static void
emit_range(gunichar low, gunichar high, bool caseless, struct parts *parts)
{
	for (size_t i = 0; caseless && low < high && i < G_N_ELEMENTS(apart);
	     i++) {
		gunichar from = MAX(low, apart[i].low);
		gunichar to = MIN(high, apart[i].high);

		if (from > to || (low < 0x80 && i < 2))
			continue;
		add_range(from, to, parts->plain);
		if (from > low)
			add_range(low, from - 1, parts->folded);
		low = to + 1;
	}
	add_range(low, high, parts->folded);
}

/* What a shorthand is, and what it is not, as parts of a class. */
static const struct {
	const char *is, *is_not;
} shorthands[] = {
    [PH_PATTERN_DIGIT] = {"\\p{Nd}", "\\P{Nd}"},
    [PH_PATTERN_SPACE] = {"\\x{9}-\\x{d}\\x{85}\\p{Z}",
			  "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{7f}-\\x{84}"
			  "\\x{86}-\\x{9f}\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}"
			  "\\p{Cf}\\p{Cn}\\p{Co}"},
    [PH_PATTERN_WORD] = {"0-9A-Z_a-z\\p{L}\\p{Mn}\\p{Nd}\\p{Pc}",
			 "\\p{C}\\p{Mc}\\p{Me}\\p{Nl}\\p{No}\\p{Pd}\\p{Pe}"
			 "\\p{Pf}\\p{Pi}\\p{Po}\\p{Ps}\\p{S}\\p{Z}"},
    [PH_PATTERN_ALNUM] = {"0-9A-Za-z\\p{L}\\p{Nd}",
			  "\\p{C}\\p{M}\\p{Nl}\\p{No}\\p{P}\\p{S}\\p{Z}"},
};

static void
emit_category(const struct ph_pattern_item *item, bool caseless, GString *out)
{
	const char *name = item->name;

	if (caseless && ph_pattern_category_is_cased(name))
		name = "L&";
	g_string_append_printf(out, "\\%c{%s}", item->negated ? 'P' : 'p',
			       name);
}

static void
emit_items(const struct ph_pattern_class *set, bool caseless,
	   struct parts *parts)
{
	for (size_t i = 0; i < set->items->len; i++) {
		const struct ph_pattern_item *item =
		    &g_array_index(set->items, struct ph_pattern_item, i);

		if (item->kind == PH_PATTERN_RANGE)
			emit_range(item->low, item->high, caseless, parts);
		else if (item->kind == PH_PATTERN_CATEGORY)
			emit_category(item, caseless, parts->folded);
		else
			g_string_append(parts->folded,
					item->negated
					    ? shorthands[item->kind].is_not
					    : shorthands[item->kind].is);
	}
}

static void
emit_base(const struct ph_pattern_class *set, bool caseless, GString *out)
{
	g_autoptr(GString) folded = g_string_new(NULL);
	g_autoptr(GString) plain = g_string_new(NULL);
	struct parts parts = {.folded = folded, .plain = plain};
	const char *hat = set->negated ? "^" : "";

	emit_items(set, caseless, &parts);
	if (plain->len == 0)
		g_string_append_printf(out, "[%s%s]", hat, folded->str);
	else if (folded->len == 0)
		g_string_append_printf(out, "(?-i:[%s%s])", hat, plain->str);
	else if (set->negated)
		g_string_append_printf(out, "(?:(?!(?-i:[%s]))[^%s])",
				       plain->str, folded->str);
	else
		g_string_append_printf(out, "(?:(?-i:[%s])|[%s])", plain->str,
				       folded->str);
}

void
ph_pattern_emit_class(const struct ph_pattern_class *set, bool caseless,
		      GString *out)
{
	if (set->minus == NULL) {
		emit_base(set, caseless, out);
		return;
	}
	g_string_append(out, "(?:(?!");
	ph_pattern_emit_class(set->minus, caseless, out);
	g_string_append_c(out, ')');
	emit_base(set, caseless, out);
	g_string_append_c(out, ')');
}
