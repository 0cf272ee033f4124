#define PCRE2_CODE_UNIT_WIDTH 8

#include "lib/match/pattern_private.h"

#include "lib/base/clock.h"

#include <pcre2.h>
#include <string.h>

/*
 * Backtracking is limited twice. PCRE2 counts steps, but anew at each place of
 * the text, and a step may run through all of it: four \w* in a row took
 * seconds. So the expression has a callout before each such run, and those
 * look at the processor time, which does not hang on the load.
 */
#define JIT_STEPS 1000000U
#define INTERPRETER_STEPS 300000U
#define HEAP_KIB 32768U
#define TIME_LIMIT_NS (INT64_C(50) * 1000 * 1000)
/* A look is a system call. */
#define RUNS_PER_LOOK_MIN 16U
#define RUNS_PER_LOOK_MAX 1024U
#define BYTES_PER_LOOK ((size_t)64 * 1024)
/* The machine stack lends JIT 32 kB; for long texts more is made. */
#define JIT_STACK ((size_t)64 * 1024)
#define JIT_STACK_LIMIT ((size_t)4 * 1024 * 1024)

struct ph_pattern {
	gint references;
	char *text;
	unsigned flags;
	char *prefilter;
	char *factor;
	uint32_t span; /* characters that an attempt looks at, at most */
	bool has_digits;
	struct ph_pattern_digits digits;  /* of has_digits */
	struct ph_pattern_window *window; /* likewise, else NULL */
	pcre2_code *code;
	pcre2_match_context *limits;
};

/* The place of the last node that begins at or before an offset of the
 * expression. */
static size_t
find_mark(const GArray *marks, size_t emitted)
{
	size_t at = 0;

	for (size_t i = 0; i < marks->len; i++) {
		const struct ph_pattern_mark *mark =
		    &g_array_index(marks, struct ph_pattern_mark, i);

		if (mark->emitted > emitted)
			break;
		at = mark->at;
	}
	return at;
}

static pcre2_code *
compile_code(const GString *expression, const GArray *marks, bool limited,
	     struct ph_err *err)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	PCRE2_UCHAR text[256] = "";
	PCRE2_SIZE offset;
	pcre2_code *code;
	int number;

	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	code = pcre2_compile((PCRE2_SPTR)expression->str, expression->len,
			     (limited ? PCRE2_USE_OFFSET_LIMIT : 0U) |
				 PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS |
				 PCRE2_ALT_CIRCUMFLEX | PCRE2_NEVER_BACKSLASH_C,
			     &number, &offset, context);
	pcre2_compile_context_free(context);
	if (code == NULL) {
		pcre2_get_error_message(number, text, sizeof text);
		ph_pattern_fail(err, find_mark(marks, offset),
				"this is not supported: %s", (char *)text);
		return NULL;
	}
	/* Without leave to make memory executable there is none. */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	return code;
}

static int
parse_text(const char *text, unsigned flags, struct ph_pattern_tree *tree_r,
	   struct ph_err *err)
{
	g_autofree gunichar *characters = NULL;
	glong size = 0;

	/* Longer ones are not read to their end. */
	if (strnlen(text, PH_PATTERN_LIMIT + 1) > PH_PATTERN_LIMIT)
		return ph_pattern_fail(err, 0,
				       "the pattern is too long; expected %zu "
				       "bytes at most",
				       PH_PATTERN_LIMIT);
	if (!g_utf8_validate(text, -1, NULL))
		return ph_pattern_fail(err, 0,
				       "the pattern is not valid UTF-8");
	characters = g_utf8_to_ucs4_fast(text, -1, &size);
	if ((flags & PH_PATTERN_LEGACY) != 0)
		return ph_pattern_parse_legacy(characters, (size_t)size, tree_r,
					       err);
	return ph_pattern_parse(characters, (size_t)size, tree_r, err);
}

static struct ph_pattern *
pattern_new(const char *text, unsigned flags, pcre2_code *code, char *prefilter)
{
	struct ph_pattern *pattern = g_new0(struct ph_pattern, 1);
	uint32_t has_jit = 0;
	size_t jit = 0;

	pattern->references = 1;
	pattern->text = g_strdup(text);
	pattern->flags = flags;
	pattern->prefilter = prefilter;
	pattern->code = code;
	pattern->limits = pcre2_match_context_create(NULL);
	pcre2_config(PCRE2_CONFIG_JIT, &has_jit);
	if (has_jit != 0)
		pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &jit);
	pcre2_set_match_limit(pattern->limits,
			      jit > 0 ? JIT_STEPS : INTERPRETER_STEPS);
	pcre2_set_depth_limit(pattern->limits, INTERPRETER_STEPS);
	pcre2_set_heap_limit(pattern->limits, HEAP_KIB);
	return pattern;
}

int
ph_pattern_compile(const char *text, unsigned flags,
		   struct ph_pattern **pattern_r, struct ph_err *err)
{
	struct ph_pattern_tree tree = {0};
	g_autoptr(GString) expression = g_string_new(NULL);
	g_autoptr(GArray) marks =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_pattern_mark));
	struct ph_pattern_digits digits = {0};
	bool has_digits = false;
	uint32_t span = 0;
	pcre2_code *code = NULL;

	*pattern_r = NULL;
	if (parse_text(text, flags, &tree, err) == 0 &&
	    ph_pattern_emit(&tree, expression, marks, err) == 0) {
		has_digits = ph_pattern_find_digits(&tree, &digits, &span);
		code = compile_code(expression, marks, has_digits, err);
	}
	if (code != NULL) {
		*pattern_r = pattern_new(text, flags, code,
					 ph_pattern_emit_prefilter(&tree));
		(*pattern_r)->factor = ph_pattern_find_factor(&tree);
		(*pattern_r)->span = span;
		(*pattern_r)->has_digits = has_digits;
		(*pattern_r)->digits = digits;
	}
	if (code != NULL && has_digits) {
		(*pattern_r)->window = g_new(struct ph_pattern_window, 1);
		ph_pattern_find_window(&tree, (*pattern_r)->window);
	}
	ph_pattern_tree_clear(&tree);
	return code != NULL ? 0 : -1;
}

struct ph_pattern *
ph_pattern_ref(struct ph_pattern *pattern)
{
	g_atomic_int_inc(&pattern->references);
	return pattern;
}

void
ph_pattern_unref(struct ph_pattern **pattern)
{
	struct ph_pattern *p = g_steal_pointer(pattern);

	if (p == NULL || !g_atomic_int_dec_and_test(&p->references))
		return;
	pcre2_code_free(p->code);
	pcre2_match_context_free(p->limits);
	g_free(p->window);
	g_free(p->prefilter);
	g_free(p->factor);
	g_free(p->text);
	g_free(p);
}

int
ph_pattern_check(const char *text, unsigned flags, struct ph_err *err)
{
	struct ph_pattern *pattern;

	if (ph_pattern_compile(text, flags, &pattern, err) < 0)
		return -1;
	ph_pattern_unref(&pattern);
	return 0;
}

const char *
ph_pattern_text(const struct ph_pattern *pattern)
{
	return pattern->text;
}

unsigned
ph_pattern_flags(const struct ph_pattern *pattern)
{
	return pattern->flags;
}

const char *
ph_pattern_factor(const struct ph_pattern *pattern)
{
	return pattern->factor;
}

bool
ph_pattern_digits(const struct ph_pattern *pattern,
		  struct ph_pattern_digits *digits_r)
{
	*digits_r = pattern->digits;
	return pattern->has_digits;
}

const struct ph_pattern_window *
ph_pattern_window(const struct ph_pattern *pattern)
{
	return pattern->window;
}

const char *
ph_pattern_prefilter(const struct ph_pattern *pattern)
{
	return pattern->prefilter;
}

struct watch {
	unsigned runs, runs_per_look;
	int64_t start; /* 0: nobody has looked yet */
	int64_t limit;
};

static int
on_run(pcre2_callout_block *block, void *data)
{
	struct watch *watch = data;
	int64_t now;

	(void)block;
	if (++watch->runs % watch->runs_per_look != 0)
		return 0;
	now = ph_clock_processor();
	if (watch->start == 0)
		watch->start = now;
	return now - watch->start > watch->limit ? PCRE2_ERROR_CALLOUT : 0;
}

/* A run goes to the end of the text, or as far as the pattern can. */
static struct watch
watch_new(const struct ph_pattern *pattern, size_t size, int64_t limit)
{
	size_t runs =
	    BYTES_PER_LOOK / MAX(MIN(size, (size_t)pattern->span * 4), 1);

	return (struct watch){
	    .runs_per_look =
		(unsigned)CLAMP(runs, RUNS_PER_LOOK_MIN, RUNS_PER_LOOK_MAX),
	    .limit = MIN(limit, TIME_LIMIT_NS),
	};
}

/* One pattern, one text; made once for many matches. */
struct ph_pattern_search {
	const struct ph_pattern *pattern;
	const char *text;
	size_t size;
	struct watch watch;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	pcre2_jit_stack *stack; /* NULL: that of the machine was enough */
};

static void
search_init(struct ph_pattern_search *s, const struct ph_pattern *pattern,
	    const char *text, size_t size)
{
	*s = (struct ph_pattern_search){
	    .pattern = pattern,
	    .text = text,
	    .size = size,
	    .data = pcre2_match_data_create(1, NULL),
	    .limits = pcre2_match_context_copy(pattern->limits),
	};
	pcre2_set_callout(s->limits, on_run, &s->watch);
}

static void
search_clear(struct ph_pattern_search *s)
{
	pcre2_match_data_free(s->data);
	pcre2_match_context_free(s->limits);
	pcre2_jit_stack_free(s->stack);
}

static int
run_match(const struct ph_pattern_search *s, size_t from)
{
	/* Its callers have validated the text, once for all patterns. */
	return pcre2_match(s->pattern->code, (PCRE2_SPTR)s->text, s->size, from,
			   PCRE2_NO_UTF_CHECK, s->data, s->limits);
}

/* A text that needs more than the machine stack is tried once more, with a
 * stack that costs a mapping. */
static int
run_limited(struct ph_pattern_search *s, size_t from, size_t until)
{
	int rc;

	if (until != SIZE_MAX)
		pcre2_set_offset_limit(s->limits, until);
	rc = run_match(s, from);
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT && s->stack == NULL) {
		s->stack =
		    pcre2_jit_stack_create(JIT_STACK, JIT_STACK_LIMIT, NULL);
		pcre2_jit_stack_assign(s->limits, NULL, s->stack);
		rc = run_match(s, from);
	}
	return rc;
}

static int
refuse_match(const struct ph_pattern *pattern, int rc, struct ph_err *err)
{
	PCRE2_UCHAR text[256] = "";

	if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ||
	    rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_JIT_STACKLIMIT ||
	    rc == PCRE2_ERROR_CALLOUT)
		return ph_err_set(err, PH_ERR_PERM,
				  "pattern \"%.200s\": match limit",
				  pattern->text);
	pcre2_get_error_message(rc, text, sizeof text);
	return ph_err_set(err, PH_ERR_PERM, "pattern \"%.200s\": %s",
			  pattern->text, (char *)text);
}

int
ph_pattern_match(const struct ph_pattern *pattern, const char *text,
		 size_t size, size_t *start_r, size_t *end_r,
		 struct ph_err *err)
{
	int64_t left = TIME_LIMIT_NS;

	return ph_pattern_match_within(pattern, text, size, &left, start_r,
				       end_r, err);
}

int
ph_pattern_match_within(const struct ph_pattern *pattern, const char *text,
			size_t size, int64_t *left, size_t *start_r,
			size_t *end_r, struct ph_err *err)
{
	return ph_pattern_match_from(pattern, text, size, 0, SIZE_MAX, left,
				     start_r, end_r, err);
}

/* 1, 0, -1. */
static int
search_from(struct ph_pattern_search *s, size_t from, size_t until,
	    int64_t *left, size_t *start_r, size_t *end_r, struct ph_err *err)
{
	const PCRE2_SIZE *found = pcre2_get_ovector_pointer(s->data);
	int rc;

	if (*left <= 0)
		return refuse_match(s->pattern, PCRE2_ERROR_MATCHLIMIT, err);
	s->watch = watch_new(s->pattern, s->size, *left);
	rc = run_limited(s, from, until);
	if (s->watch.start != 0)
		*left -= ph_clock_processor() - s->watch.start;
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		return refuse_match(s->pattern, rc, err);
	if (rc >= 0 && start_r != NULL)
		*start_r = found[0];
	if (rc >= 0 && end_r != NULL)
		*end_r = found[1];
	return rc >= 0;
}

int
ph_pattern_match_from(const struct ph_pattern *pattern, const char *text,
		      size_t size, size_t from, size_t until, int64_t *left,
		      size_t *start_r, size_t *end_r, struct ph_err *err)
{
	struct ph_pattern_search search;
	int r;

	g_assert(until == SIZE_MAX || pattern->has_digits);
	search_init(&search, pattern, text, size);
	r = search_from(&search, from, until, left, start_r, end_r, err);
	search_clear(&search);
	return r;
}

struct ph_pattern_search *
ph_pattern_search_new(const struct ph_pattern *pattern, const char *text,
		      size_t size)
{
	struct ph_pattern_search *search = g_new(struct ph_pattern_search, 1);

	g_assert(pattern->has_digits);
	search_init(search, pattern, text, size);
	return search;
}

void
ph_pattern_search_free(struct ph_pattern_search **search)
{
	struct ph_pattern_search *s = g_steal_pointer(search);

	if (s == NULL)
		return;
	search_clear(s);
	g_free(s);
}

int
ph_pattern_search_at(struct ph_pattern_search *search, size_t at, int64_t *left,
		     size_t *end_r, struct ph_err *err)
{
	return search_from(search, at, at, left, NULL, end_r, err);
}
