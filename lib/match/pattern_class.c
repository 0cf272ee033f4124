#include "lib/match/pattern_private.h"

#include <string.h>

struct ph_pattern_class *
ph_pattern_class_new(struct ph_pattern_parser *p)
{
	struct ph_pattern_class *set = g_new0(struct ph_pattern_class, 1);

	set->items = g_array_new(FALSE, TRUE, sizeof(struct ph_pattern_item));
	g_ptr_array_add(p->tree->classes, set);
	return set;
}

void
ph_pattern_class_add(struct ph_pattern_class *set,
		     enum ph_pattern_item_kind kind, bool negated)
{
	struct ph_pattern_item item = {.kind = kind, .negated = negated};

	g_array_append_val(set->items, item);
}

void
ph_pattern_class_add_range(struct ph_pattern_class *set, gunichar low,
			   gunichar high)
{
	struct ph_pattern_item item = {
	    .kind = PH_PATTERN_RANGE, .low = low, .high = high};

	g_array_append_val(set->items, item);
	/* To .NET, what is beyond U+FFFF is made of the surrogates: a range
	 * that has those has that too. */
	if (low < 0xd800 && high > 0xdfff && high <= 0xffff)
		ph_pattern_class_add_range(set, 0x10000, 0x10ffff);
}

/* All but a block is what stands before and behind it. */
static void
add_block(struct ph_pattern_class *set, gunichar low, gunichar high,
	  bool negated)
{
	if (!negated) {
		ph_pattern_class_add_range(set, low, high);
		return;
	}
	if (low > 0)
		ph_pattern_class_add_range(set, 0,
					   low == 0xe000 ? 0xd7ff : low - 1);
	ph_pattern_class_add_range(set, high + 1, 0x10ffff);
}

static int
add_property(struct ph_pattern_parser *p, size_t start, const char *name,
	     bool negated, struct ph_pattern_class *set)
{
	struct ph_pattern_item item = {
	    .kind = PH_PATTERN_CATEGORY,
	    .negated = negated,
	    .name = ph_pattern_category(name),
	};
	gunichar low, high;

	if (item.name != NULL) {
		g_array_append_val(set->items, item);
		return 0;
	}
	if (ph_pattern_block(name, &low, &high)) {
		add_block(set, low, high, negated);
		return 0;
	}
	if (strcmp(name, "Cs") == 0)
		return ph_pattern_fail(p->err, start,
				       "halves of surrogate pairs are not "
				       "characters here; expected a range of "
				       "characters");
	return ph_pattern_fail(p->err, start,
			       "\"%.60s\" is neither a Unicode category nor a "
			       "block of .NET; expected Lu, L, Nd, IsCyrillic "
			       "or the like",
			       name);
}

int
ph_pattern_parse_property(struct ph_pattern_parser *p, bool negated,
			  struct ph_pattern_class *set)
{
	g_autoptr(GString) name = g_string_new(NULL);
	size_t start = p->at;
	gunichar c;

	if (ph_pattern_peek(p, 0) != '{')
		return ph_pattern_fail(p->err, start,
				       "the category is not valid; expected "
				       "\\p{name}");
	p->at++;
	while (ph_pattern_is_word(c = ph_pattern_peek(p, 0)) || c == '-') {
		g_string_append_unichar(name, c);
		p->at++;
	}
	if (c != '}')
		return ph_pattern_fail(p->err, start,
				       "the category is not valid; expected "
				       "\\p{name}");
	p->at++;
	return add_property(p, start, name->str, negated, set);
}

/* Behind a '\' in a class. 1: a set was added. 0: *c_r is a character. */
static int
parse_class_escape(struct ph_pattern_parser *p, struct ph_pattern_class *set,
		   bool in_range, gunichar *c_r)
{
	static const char letters[] = "dDsSwWpP";
	static const enum ph_pattern_item_kind kinds[] = {
	    PH_PATTERN_DIGIT, PH_PATTERN_SPACE, PH_PATTERN_WORD};
	gunichar c = ph_pattern_peek(p, 0);
	const char *found;
	size_t i;

	found = c > 0 && c < 0x80 ? strchr(letters, (char)c) : NULL;
	if (found == NULL)
		return ph_pattern_parse_char_escape(p, c_r);
	if (in_range)
		return ph_pattern_fail(p->err, p->at - 1,
				       "a set cannot end a range; expected "
				       "\"\\-\" for the character '-'");
	p->at++;
	i = (size_t)(found - letters);
	if (i / 2 < G_N_ELEMENTS(kinds)) {
		ph_pattern_class_add(set, kinds[i / 2], i % 2 == 1);
		return 1;
	}
	return ph_pattern_parse_property(p, i % 2 == 1, set) < 0 ? -1 : 1;
}

/* Behind the '[' of "-[": the rest of the outer class is its ']'. */
static int
parse_minus(struct ph_pattern_parser *p, struct ph_pattern_class *set)
{
	if (++p->depth > PH_PATTERN_DEPTH)
		return ph_pattern_fail(p->err, p->at,
				       "classes are nested too deeply; "
				       "expected %d levels at most",
				       PH_PATTERN_DEPTH);
	if (ph_pattern_parse_class(p, &set->minus) < 0)
		return -1;
	p->depth--;
	if (p->at < p->size && p->text[p->at] != ']')
		return ph_pattern_fail(p->err, p->at,
				       "a subtracted class is not the last in "
				       "its class; expected ']'");
	return 0;
}

/* A POSIX class would be a set of the letters of its name to one .NET, and
 * a single '[' to another: nobody means either. */
static bool
is_posix(const struct ph_pattern_parser *p)
{
	size_t i = 1;

	if (ph_pattern_peek(p, 0) != ':')
		return false;
	if (ph_pattern_peek(p, i) == '^')
		i++;
	while (ph_pattern_is_word(ph_pattern_peek(p, i)))
		i++;
	return i > 1 && ph_pattern_peek(p, i) == ':' &&
	       ph_pattern_peek(p, i + 1) == ']';
}

struct class_state {
	struct ph_pattern_class *set;
	bool first;
	bool in_range; /* behind "a-" */
	gunichar low;  /* the a */
};

static int
end_range(struct ph_pattern_parser *p, struct class_state *s, size_t start,
	  gunichar c)
{
	s->in_range = false;
	if (s->low > c)
		return ph_pattern_fail(p->err, start,
				       "the range is reversed; expected the "
				       "smaller character first");
	ph_pattern_class_add_range(s->set, s->low, c);
	return 0;
}

/* One character, taken literally or begin or end of a range. */
static int
add_char(struct ph_pattern_parser *p, struct class_state *s, size_t start,
	 gunichar c, bool escaped)
{
	bool literal = !escaped && !s->first;

	if (s->in_range && literal && c == '[') {
		s->in_range = false;
		ph_pattern_class_add_range(s->set, s->low, s->low);
		return parse_minus(p, s->set);
	}
	if (s->in_range)
		return end_range(p, s, start, c);
	if (ph_pattern_peek(p, 0) == '-' && p->size - p->at > 1 &&
	    ph_pattern_peek(p, 1) != ']') {
		s->low = c;
		s->in_range = true;
		p->at++;
		return 0;
	}
	if (literal && c == '-' && ph_pattern_peek(p, 0) == '[') {
		p->at++;
		return parse_minus(p, s->set);
	}
	ph_pattern_class_add_range(s->set, c, c);
	return 0;
}

static int
parse_class_part(struct ph_pattern_parser *p, struct class_state *s)
{
	size_t start = p->at;
	gunichar c = p->text[p->at++];
	bool escaped = c == '\\';
	int rc;

	if (c == '[' && is_posix(p))
		return ph_pattern_fail(p->err, start,
				       "POSIX classes are not known to .NET; "
				       "expected \\p{L}, \\d, \\s, \\w or "
				       "ranges");
	if (escaped) {
		rc = parse_class_escape(p, s->set, s->in_range, &c);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		/* "\-" neither begins a range nor a subtraction. */
		if (c == '-' && p->text[p->at - 1] == '-' && !s->in_range) {
			ph_pattern_class_add_range(s->set, c, c);
			return 0;
		}
	}
	return add_char(p, s, start, c, escaped);
}

int
ph_pattern_parse_class(struct ph_pattern_parser *p,
		       struct ph_pattern_class **class_r)
{
	struct class_state s = {.set = ph_pattern_class_new(p), .first = true};
	size_t start = p->at - 1;

	*class_r = s.set;
	if (ph_pattern_peek(p, 0) == '^') {
		s.set->negated = true;
		p->at++;
	}
	for (;; s.first = false) {
		if (p->at == p->size)
			return ph_pattern_fail(p->err, start,
					       "the class has no end; expected "
					       "']', or \"\\[\" to take it "
					       "literally");
		if (p->text[p->at] == ']' && !s.first && !s.in_range) {
			p->at++;
			return 0;
		}
		if (parse_class_part(p, &s) < 0)
			return -1;
	}
}
