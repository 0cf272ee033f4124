#include "lib/base/clock.h"
#include "lib/match/fold.h"
#include "lib/match/matcher.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* This program is the compiler's child as well: see main. */
static const char *const itself[] = {"/proc/self/exe", PH_MATCH_COMPILER_SWITCH,
				     NULL};

/* ---- helpers ---- */

static uint32_t
add_word(struct ph_terms *terms, const char *word)
{
	g_autofree char *folded = ph_match_fold(word, strlen(word), NULL);

	return ph_terms_add_word(terms, folded);
}

static uint32_t
add_pattern(struct ph_terms *terms, const char *text)
{
	struct ph_pattern *pattern;
	struct ph_err err;
	uint32_t number;

	if (ph_pattern_compile(text, 0, &pattern, &err) != 0)
		ck_abort_msg("%s: %s", text, err.text);
	number = ph_terms_add_pattern(terms, pattern);
	ph_pattern_unref(&pattern);
	return number;
}

static struct ph_match_compiler *
start(const char *cache_dir, const char *const *child)
{
	const struct ph_match_compiler_options options = {cache_dir, child};

	return ph_match_compiler_start(&options);
}

/* Readiness, with a generous limit. */
static void
wait_until_compiled(struct ph_matcher *m)
{
	int64_t limit = ph_clock_mono() + 50000;

	while (ph_matcher_pending(m) > 0) {
		ck_assert_msg(ph_clock_mono() < limit, "%zu terms pending",
			      ph_matcher_pending(m));
		g_usleep(1000);
	}
}

/* A word by the rule's own words: each place, and what stands at its sides. */
static bool
has_word(const char *text, const char *word)
{
	size_t size = strlen(word);

	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar before =
		    p == text ? ' ' : g_utf8_get_char(g_utf8_prev_char(p));
		gunichar after;

		if (strncmp(p, word, size) != 0)
			continue;
		after = g_utf8_get_char(p + size);
		if (!g_unichar_isalnum(before) && !g_unichar_ismark(before) &&
		    !g_unichar_isalnum(after) && !g_unichar_ismark(after))
			return true;
	}
	return false;
}

/* Words exactly, patterns none too few, each hit once. */
static void
check_scan(struct ph_matcher *m, const char *text)
{
	g_autofree char *folded = ph_match_fold(text, strlen(text), NULL);
	struct ph_hits hits;
	size_t n = 0;

	ph_matcher_scan(m, text, strlen(text), &hits);
	for (uint32_t i = 0; i < ph_matcher_count(m); i++) {
		const char *word = ph_matcher_word(m, i);

		n += ph_hits_has(&hits, i);
		if (word != NULL)
			ck_assert_msg(ph_hits_has(&hits, i) ==
					  has_word(folded, word),
				      "\"%s\" in \"%s\"", word, text);
		else if (ph_pattern_match(ph_matcher_pattern(m, i), text,
					  strlen(text), NULL, NULL, NULL) == 1)
			ck_assert_msg(ph_hits_has(&hits, i), "\"%s\" in \"%s\"",
				      ph_pattern_text(ph_matcher_pattern(m, i)),
				      text);
	}
	ck_assert_uint_eq(hits.n, n);
	for (size_t i = 0; i < hits.n; i++)
		ck_assert(ph_hits_has(&hits, hits.terms[i]));
	ph_hits_clear(&hits);
	ck_assert_ptr_null(hits.bits);
}

/* ---- terms and matching without a database ---- */

START_TEST(test_terms)
{
	struct ph_terms *terms = ph_terms_new();
	struct ph_matcher *m;

	ck_assert_uint_eq(add_word(terms, "Foo"), 0);
	ck_assert_uint_eq(add_pattern(terms, "foo"), 1);
	ck_assert_uint_eq(add_word(terms, "FOO"), 0);
	ck_assert_uint_eq(add_pattern(terms, "foo"), 1);
	ck_assert_uint_eq(add_word(terms, "bar"), 2);
	ck_assert_uint_eq(ph_terms_count(terms), 3);
	m = ph_matcher_new(terms, NULL, NULL);
	ck_assert_uint_eq(ph_matcher_count(m), 3);
	/* Words need no database. */
	ck_assert_uint_eq(ph_matcher_pending(m), 1);
	ck_assert_str_eq(ph_matcher_word(m, 0), "foo");
	ck_assert_ptr_null(ph_matcher_word(m, 1));
	ck_assert_ptr_null(ph_matcher_pattern(m, 2));
	ck_assert_str_eq(ph_pattern_text(ph_matcher_pattern(m, 1)), "foo");
	ph_matcher_unref(&m);
	ck_assert_ptr_null(m);
	ph_matcher_unref(&m);
}
END_TEST

START_TEST(test_no_compiler)
{
	struct ph_match_compiler *idle = start(NULL, NULL);
	struct ph_terms *terms = ph_terms_new();
	struct ph_matcher *m;
	struct ph_hits hits;

	add_word(terms, "stra\u00dfe");
	add_word(terms, "two words");
	add_word(terms, "!!!");
	m = ph_matcher_new(terms, NULL, idle);
	ph_match_compiler_stop(&idle);
	ck_assert_uint_eq(ph_matcher_pending(m), 1);
	ph_matcher_scan(m, "Die STRASSE.", 12, &hits);
	ck_assert_uint_eq(hits.n, 1);
	ck_assert(ph_hits_has(&hits, 0));
	ck_assert(!ph_hits_has(&hits, 1));
	ph_hits_clear(&hits);
	ph_matcher_scan(m, "", 0, &hits);
	ck_assert_uint_eq(hits.n, 0);
	ck_assert(!ph_hits_has(&hits, 0));
	ph_hits_clear(&hits);
	check_scan(m, "two words, twowords");
	check_scan(m, "two  words");
	check_scan(m, "two wo!!rds!!!");
	ph_matcher_unref(&m);
	terms = ph_terms_new();
	m = ph_matcher_new(terms, NULL, NULL);
	check_scan(m, "anything");
	check_scan(m, "");
	ph_matcher_unref(&m);
}
END_TEST

/* ---- the property ---- */

static char *
random_word(GRand *rand)
{
	static const char *const parts[] = {
	    "a", "b",	   "ab", "\u043a", "\u0301", "\u00df", "-",	 " ",
	    "1", "\u4e2d", "A",	 "S",	   "z9",     "\u2013", "\u20ac",
	};
	GString *word = g_string_new("");
	int n = g_rand_int_range(rand, 1, 5);

	for (int i = 0; i < n; i++)
		g_string_append(
		    word,
		    parts[g_rand_int_range(rand, 0, G_N_ELEMENTS(parts))]);
	return g_string_free(word, FALSE);
}

static char *
random_text(GRand *rand)
{
	GString *text = g_string_new("");
	int n = g_rand_int_range(rand, 0, 40);

	for (int i = 0; i < n; i++) {
		g_autofree char *word = random_word(rand);

		g_string_append(text, word);
		if (g_rand_int_range(rand, 0, 3) == 0)
			g_string_append(text, " ");
	}
	return g_string_free(text, FALSE);
}

/* Among them some that have no prefilter, that match the empty text, and that
 * Hyperscan refuses. */
static const char *const patterns[] = {"ab+",
				       "^a",
				       "b$",
				       "\\w1",
				       "a.b",
				       ".*",
				       "^\\s*$",
				       "x*",
				       "^$",
				       "\u043a-",
				       "(a|b)(?=1)",
				       "\\bab\\b",
				       "s{2}",
				       "[ab]{3,900}",
				       "\u00df",
				       "(a)\\1",
				       "a{1,3000}b{1,3000}",
				       "\\d\\d\\d"};

static struct ph_terms *
random_terms(GRand *rand, int words)
{
	struct ph_terms *terms = ph_terms_new();

	for (int i = 0; i < words; i++) {
		g_autofree char *word = random_word(rand);

		add_word(terms, word);
		if (i < 200 && g_rand_int_range(rand, 0, 8) == 0)
			add_pattern(terms,
				    patterns[g_rand_int_range(
					rand, 0, G_N_ELEMENTS(patterns))]);
	}
	return terms;
}

static void
check_texts(struct ph_matcher *m, GRand *rand, int n)
{
	check_scan(m, "");
	for (int i = 0; i < n; i++) {
		g_autofree char *text = random_text(rand);

		check_scan(m, text);
	}
}

/* Without databases, with those of the child and of this process, after taking
 * over, and while some terms are compiled and some not. */
START_TEST(test_random)
{
	GRand *rand = g_rand_new_with_seed(2010);
	struct ph_match_compiler *compiler = start(NULL, itself);
	struct ph_matcher *m = NULL;

	for (int round = 0; round < 12; round++) {
		struct ph_matcher *next =
		    ph_matcher_new(random_terms(rand, round % 3 * 150 + 5), m,
				   round % 4 == 3 ? NULL : compiler);

		check_texts(next, rand, 20);
		if (round % 4 != 3)
			wait_until_compiled(next);
		check_texts(next, rand, 60);
		ph_matcher_unref(&m);
		m = next;
	}
	ph_match_compiler_stop(&compiler);
	check_texts(m, rand, 20);
	ph_matcher_unref(&m);
	g_rand_free(rand);
}
END_TEST

/* Words in texts of some length, with runs of letters that are long. */
START_TEST(test_long_texts)
{
	static const char *const letters[] = {"a", "z", "0", "9", "\u00e9"};
	GRand *rand = g_rand_new_with_seed(64);

	for (int round = 0; round < 60; round++) {
		struct ph_matcher *m =
		    ph_matcher_new(random_terms(rand, 60), NULL, NULL);

		for (int i = 0; i < 40; i++) {
			g_autofree char *text = random_text(rand);
			g_autofree char *more = random_text(rand);
			GString *all = g_string_new(text);
			int at = g_rand_int_range(rand, 0, 5);

			for (int n = g_rand_int_range(rand, 0, 140); n > 0; n--)
				g_string_append(all, letters[at]);
			g_string_append(all, more);
			check_scan(m, all->str);
			g_string_free(all, TRUE);
		}
		ph_matcher_unref(&m);
	}
	g_rand_free(rand);
}
END_TEST

/* Each ASCII character inside a word, and at its sides, at each place of a
 * block. */
START_TEST(test_ascii)
{
	static const char word[] = "a0m9z";
	struct ph_terms *terms = ph_terms_new();
	struct ph_matcher *m;

	add_word(terms, word);
	add_word(terms, "9");
	m = ph_matcher_new(terms, NULL, NULL);
	for (int c = 1; c < 0x80; c++)
		for (int at = 0; at < 140; at++) {
			g_autofree char *before = g_strnfill((gsize)at, '.');
			g_autofree char *text = g_strdup_printf(
			    "%s%s%c%s%cx", before, word, c, word, c);

			check_scan(m, text);
		}
	ph_matcher_unref(&m);
}
END_TEST

/* ---- taking over ---- */

/* A number without letters and digits, so that a database is needed. */
static const char *
sign(int number, char buffer[8])
{
	static const char digits[] = "!#$%&*+-/=";

	buffer[0] = '<';
	for (int i = 5; i > 0; i--, number /= 10)
		buffer[i] = digits[number % 10];
	buffer[6] = '>';
	buffer[7] = '\0';
	return buffer;
}

/* As many of them as there are numbers, up to -1; g_free. */
static char *
signs(const int *numbers)
{
	GString *text = g_string_new("see");
	char buffer[8];

	for (; *numbers >= 0; numbers++)
		g_string_append_printf(text, " %s,", sign(*numbers, buffer));
	return g_string_free(text, FALSE);
}
#define SIGNS(...) signs((const int[]){__VA_ARGS__, -1})

static struct ph_terms *
numbered(int first, int n)
{
	struct ph_terms *terms = ph_terms_new();
	char buffer[8];

	for (int i = first; i < first + n; i++)
		ph_terms_add_word(terms, sign(i, buffer));
	return terms;
}

static void
check_signs(struct ph_matcher *m, int a, int b, int c)
{
	g_autofree char *text = SIGNS(a, b, c);

	check_scan(m, text);
}

/* How many of two are found. */
static size_t
count_signs(struct ph_matcher *m, int a, int b)
{
	g_autofree char *text = SIGNS(a, b);
	struct ph_hits hits;
	size_t n;

	ph_matcher_scan(m, text, strlen(text), &hits);
	n = hits.n;
	ph_hits_clear(&hits);
	return n;
}

START_TEST(test_take_over)
{
	struct ph_match_compiler *compiler = start(NULL, itself);
	struct ph_matcher *a =
	    ph_matcher_new(numbered(0, 1000), NULL, compiler);
	struct ph_matcher *b;

	wait_until_compiled(a);
	/* The compiler has no part in this: all but the new are served. */
	b = ph_matcher_new(numbered(10, 1000), a, NULL);
	ck_assert_uint_eq(ph_matcher_pending(b), 10);
	ph_matcher_unref(&a);
	ck_assert_uint_eq(count_signs(b, 10, 1009), 2);
	ck_assert_uint_eq(count_signs(b, 9, 1010), 0);
	a = ph_matcher_new(numbered(10, 1001), b, compiler);
	wait_until_compiled(a);
	/* Given up: what was before is still looked after. */
	ph_matcher_unref(&b);
	b = ph_matcher_new(numbered(10, 1002), a, compiler);
	ph_matcher_unref(&b);
	ck_assert_uint_eq(count_signs(a, 9, 1010), 1);
	ph_matcher_unref(&a);
	ph_match_compiler_stop(&compiler);
}
END_TEST

/* The one that was replaced is compiled when its successor is given up. */
START_TEST(test_given_up)
{
	struct ph_match_compiler *compiler = start(NULL, itself);
	struct ph_matcher *a = ph_matcher_new(numbered(0, 500), NULL, NULL);
	struct ph_matcher *b = ph_matcher_new(numbered(0, 500), a, compiler);
	struct ph_matcher *c = ph_matcher_new(numbered(5000, 9), b, compiler);

	ph_matcher_unref(&c);
	wait_until_compiled(b);
	ph_matcher_unref(&a);
	ph_matcher_unref(&b);
	ph_match_compiler_stop(&compiler);
}
END_TEST

/* A change each millisecond: the newest is complete in the end, and all were
 * right meanwhile. */
START_TEST(test_many_changes)
{
	struct ph_match_compiler *compiler = start(NULL, itself);
	struct ph_matcher *m =
	    ph_matcher_new(numbered(0, 2000), NULL, compiler);

	for (int i = 1; i <= 300; i++) {
		struct ph_matcher *next =
		    ph_matcher_new(numbered(i, 2000), m, compiler);

		ph_matcher_unref(&m);
		m = next;
		ck_assert_uint_eq(count_signs(m, i - 1, i), 1);
		ck_assert_uint_eq(count_signs(m, i, i + 1999), 2);
	}
	wait_until_compiled(m);
	ph_matcher_unref(&m);
	ph_match_compiler_stop(&compiler);
}
END_TEST

/* Hyperscan takes no literal of this length: found nevertheless. */
START_TEST(test_refused_word)
{
	struct ph_match_compiler *compiler = start(NULL, itself);
	struct ph_terms *terms = numbered(0, 100);
	g_autofree char *word = g_strnfill(40000, '+');
	g_autofree char *seven = SIGNS(7);
	g_autofree char *text = g_strconcat("- ", word, " ", seven, NULL);
	struct ph_matcher *m;
	struct ph_hits hits;

	ph_terms_add_word(terms, word);
	m = ph_matcher_new(terms, NULL, compiler);
	wait_until_compiled(m);
	ph_matcher_scan(m, text, strlen(text), &hits);
	ck_assert_uint_eq(hits.n, 2);
	ck_assert(ph_hits_has(&hits, 100));
	ck_assert(ph_hits_has(&hits, 7));
	ph_hits_clear(&hits);
	ph_matcher_unref(&m);
	ph_match_compiler_stop(&compiler);
}
END_TEST

struct swapper {
	GMutex mutex;
	struct ph_matcher *matcher;
	const char *text;
	gint stop;
	gint scans;
};

static gpointer
scan_always(gpointer data)
{
	struct swapper *s = data;

	while (!g_atomic_int_get(&s->stop)) {
		struct ph_matcher *m;
		struct ph_hits hits;

		g_mutex_lock(&s->mutex);
		m = ph_matcher_ref(s->matcher);
		g_mutex_unlock(&s->mutex);
		ph_matcher_scan(m, s->text, strlen(s->text), &hits);
		g_assert_true(hits.n == 3);
		ph_hits_clear(&hits);
		ph_matcher_unref(&m);
		g_atomic_int_inc(&s->scans);
	}
	return NULL;
}

START_TEST(test_threads)
{
	struct ph_match_compiler *compiler = start(NULL, itself);
	g_autofree char *two = SIGNS(60, 61);
	g_autofree char *text = g_strconcat(two, " CONSTANT.", NULL);
	struct swapper s = {
	    .matcher = ph_matcher_new(numbered(0, 100), NULL, compiler),
	    .text = text};
	GThread *threads[4];
	struct ph_terms *terms;
	int64_t limit;

	g_mutex_init(&s.mutex);
	terms = numbered(0, 100);
	add_word(terms, "constant");
	ph_matcher_unref(&s.matcher);
	s.matcher = ph_matcher_new(terms, NULL, compiler);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("scan", scan_always, &s);
	for (int i = 0; i < 60; i++) {
		struct ph_matcher *old = s.matcher;
		struct ph_matcher *next;

		terms = numbered(i, 100);
		add_word(terms, "constant");
		next = ph_matcher_new(terms, old, compiler);
		if (i % 10 == 0)
			wait_until_compiled(next);
		g_mutex_lock(&s.mutex);
		s.matcher = next;
		g_mutex_unlock(&s.mutex);
		ph_matcher_unref(&old);
	}
	wait_until_compiled(s.matcher);
	limit = ph_clock_mono() + 50000;
	while (g_atomic_int_get(&s.scans) < 1000) {
		ck_assert(ph_clock_mono() < limit);
		g_usleep(1000);
	}
	g_atomic_int_set(&s.stop, 1);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	ph_match_compiler_stop(&compiler);
	ph_matcher_unref(&s.matcher);
	g_mutex_clear(&s.mutex);
}
END_TEST

/* A word at every place of a large text costs its hits and no more. */
START_TEST(test_many_hits)
{
	struct ph_match_compiler *compiler = start(NULL, itself);
	struct ph_terms *terms = ph_terms_new();
	size_t size = (size_t)1 << 20;
	g_autofree char *text = g_malloc(size + 1);
	struct ph_matcher *m;
	struct ph_hits hits;

	memset(text, 'a', size);
	text[size] = '\0';
	add_word(terms, "a");
	add_word(terms, "aa");
	add_word(terms, "+");
	add_word(terms, "++");
	m = ph_matcher_new(terms, NULL, compiler);
	wait_until_compiled(m);
	ph_matcher_scan(m, text, size, &hits);
	ck_assert_uint_eq(hits.n, 0);
	ph_hits_clear(&hits);
	for (size_t i = 1; i < size; i += 2)
		text[i] = ' ';
	ph_matcher_scan(m, text, size, &hits);
	ck_assert_uint_eq(hits.n, 1);
	ck_assert_uint_eq(hits.terms[0], 0);
	ph_hits_clear(&hits);
	memset(text, '+', size);
	ph_matcher_scan(m, text, size, &hits);
	ck_assert_uint_eq(hits.n, 2);
	ph_hits_clear(&hits);
	ph_matcher_unref(&m);
	ph_match_compiler_stop(&compiler);
}
END_TEST

/* ---- the cache ---- */

static GPtrArray *
list_files(const char *dir)
{
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
	GDir *d = g_dir_open(dir, 0, NULL);
	const char *name;

	while (d != NULL && (name = g_dir_read_name(d)) != NULL)
		g_ptr_array_add(paths, g_build_filename(dir, name, NULL));
	if (d != NULL)
		g_dir_close(d);
	return paths;
}

/* A file is there before its matcher has the database. */
static void
check_files(const char *dir, guint n)
{
	GPtrArray *files = list_files(dir);

	ck_assert_uint_eq(files->len, n);
	g_ptr_array_unref(files);
}

static struct ph_matcher *
make_compiled(struct ph_match_compiler *compiler, int first, int n)
{
	struct ph_matcher *m =
	    ph_matcher_new(numbered(first, n), NULL, compiler);

	wait_until_compiled(m);
	return m;
}

START_TEST(test_cache)
{
	g_autofree char *base = unit_mkdir();
	g_autofree char *dir = g_build_filename(base, "not", "there", NULL);
	struct ph_match_compiler *compiler = start(dir, itself);
	struct ph_matcher *m = make_compiled(compiler, 0, 300);

	ph_matcher_unref(&m);
	check_files(dir, 1);
	ph_match_compiler_stop(&compiler);
	/* A child that cannot compile shows where the database came from. */
	compiler = start(dir, (const char *const[]){"/bin/false", NULL});
	m = make_compiled(compiler, 0, 300);
	check_signs(m, 0, 299, 300);
	ph_matcher_unref(&m);
	ph_match_compiler_stop(&compiler);
	unit_rmdir(&base);
}
END_TEST

static void
damage(const char *path, size_t at)
{
	g_autofree char *data = NULL;
	gsize size;

	ck_assert(g_file_get_contents(path, &data, &size, NULL));
	if (at == SIZE_MAX) {
		size /= 2;
	} else {
		ck_assert_uint_lt(at, size);
		data[at] ^= 1;
	}
	ck_assert(g_file_set_contents(path, data, (gssize)size, NULL));
}

/* At the start, in the sum, in the middle, and cut: never used, made anew. */
START_TEST(test_damaged_cache)
{
	static const size_t places[] = {0, 8, 20, 60, 3000, SIZE_MAX};
	g_autofree char *dir = unit_mkdir();

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		struct ph_match_compiler *compiler = start(dir, itself);
		struct ph_matcher *m = make_compiled(compiler, 0, 300);
		g_autofree char *before = NULL;
		g_autofree char *after = NULL;
		GPtrArray *files;
		gsize size;

		check_files(dir, 1);
		ph_matcher_unref(&m);
		ph_match_compiler_stop(&compiler);
		files = list_files(dir);
		ck_assert(
		    g_file_get_contents(files->pdata[0], &before, &size, NULL));
		damage(files->pdata[0], places[i]);
		compiler = start(dir, itself);
		m = make_compiled(compiler, 0, 300);
		check_signs(m, 0, 299, 300);
		ph_match_compiler_stop(&compiler);
		ph_matcher_unref(&m);
		ck_assert(
		    g_file_get_contents(files->pdata[0], &after, &size, NULL));
		ck_assert_mem_eq(before, after, size);
		g_ptr_array_unref(files);
	}
	unit_rmdir(&dir);
}
END_TEST

START_TEST(test_cache_is_bounded)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *other = g_build_filename(dir, "other", NULL);
	struct ph_match_compiler *compiler = start(dir, itself);

	ck_assert(g_file_set_contents(other, "x", 1, NULL));
	for (int i = 0; i < 20; i++) {
		struct ph_matcher *m = make_compiled(compiler, i, 70);

		ph_matcher_unref(&m);
	}
	ph_match_compiler_stop(&compiler);
	check_files(dir, 17);
	ck_assert(g_file_test(other, G_FILE_TEST_EXISTS));
	unit_rmdir(&dir);
}
END_TEST

/* ---- children that fail ---- */

/* A child whose script notes that it ran, then does something. */
static struct ph_match_compiler *
start_script(const char *dir, const char *then)
{
	g_autofree char *script =
	    g_strdup_printf("echo $$ >%s/pid.new; mv %s/pid.new %s/pid; %s",
			    dir, dir, dir, then);

	return start(NULL,
		     (const char *const[]){"/bin/sh", "-c", script, NULL});
}

static pid_t
wait_for_pid(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, "pid", NULL);
	int64_t limit = ph_clock_mono() + 50000;
	g_autofree char *text = NULL;

	while (!g_file_get_contents(path, &text, NULL, NULL)) {
		ck_assert(ph_clock_mono() < limit);
		g_usleep(1000);
	}
	return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

/* Gone, with its thread joined by stop. */
static void
check_script(const char *then)
{
	g_autofree char *dir = unit_mkdir();
	struct ph_match_compiler *compiler = start_script(dir, then);
	struct ph_matcher *m =
	    ph_matcher_new(numbered(0, 30000), NULL, compiler);
	pid_t pid = wait_for_pid(dir);

	check_signs(m, 17, 1, 30000);
	ph_match_compiler_stop(&compiler);
	ck_assert_int_eq(kill(pid, 0), -1);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert_uint_eq(ph_matcher_pending(m), 30000);
	check_signs(m, 17, 1, 30000);
	ph_matcher_unref(&m);
	unit_rmdir(&dir);
}

START_TEST(test_failing_children)
{
	static const char *const scripts[] = {"exec sleep 1000",
					      "exit 1",
					      "kill -SEGV $$",
					      "cat >/dev/null; exit 3",
					      "cat >/dev/null; echo nonsense",
					      "cat; exit 0",
					      "exec >&-; exec sleep 1000",
					      "exec cat /dev/zero"};

	for (size_t i = 0; i < G_N_ELEMENTS(scripts); i++)
		check_script(scripts[i]);
}
END_TEST

START_TEST(test_no_child)
{
	struct ph_match_compiler *compiler =
	    start(NULL, (const char *const[]){"/nowhere/at/all", NULL});
	struct ph_matcher *m = ph_matcher_new(numbered(0, 100), NULL, compiler);

	check_signs(m, 17, 1, 100);
	ph_match_compiler_stop(&compiler);
	ck_assert_uint_eq(ph_matcher_pending(m), 100);
	ph_matcher_unref(&m);
}
END_TEST

/* A failure is tried again: the child fails once, then does its work. */
START_TEST(test_retry)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *script = g_strdup_printf(
	    "test -e %s/again && exec /proc/%d/exe %s; : >%s/again; exit 1",
	    dir, getpid(), PH_MATCH_COMPILER_SWITCH, dir);
	struct ph_match_compiler *compiler =
	    start(NULL, (const char *const[]){"/bin/sh", "-c", script, NULL});
	struct ph_matcher *m = make_compiled(compiler, 0, 100);

	check_signs(m, 17, 1, 100);
	ph_matcher_unref(&m);
	ph_match_compiler_stop(&compiler);
	unit_rmdir(&dir);
}
END_TEST

int
main(int argc, char **argv)
{
	const TTest *const tests[] = {test_terms,
				      test_no_compiler,
				      test_random,
				      test_long_texts,
				      test_ascii,
				      test_take_over,
				      test_given_up,
				      test_many_changes,
				      test_refused_word,
				      test_threads,
				      test_many_hits,
				      test_cache,
				      test_damaged_cache,
				      test_cache_is_bounded,
				      test_failing_children,
				      test_no_child,
				      test_retry};

	if (argc == 2 && strcmp(argv[1], PH_MATCH_COMPILER_SWITCH) == 0)
		return ph_match_compiler_main();
	return unit_main("lib/match/matcher", tests, G_N_ELEMENTS(tests));
}
