#include "tests/unit/lib/match/matcher.h"

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

MATCHER_MAIN("lib/match/matcher_change", test_take_over, test_given_up,
	     test_many_changes, test_refused_word, test_threads, test_many_hits)
