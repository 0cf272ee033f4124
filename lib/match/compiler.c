#include "lib/match/match_private.h"

#include "lib/base/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * One thread, one child at a time. What waits are matchers, not compilations:
 * what the newest lacks is asked for when the thread is free, so that any
 * number of changes meanwhile cost one compilation; a segment that is ready is
 * offered to all that wait.
 */

/* So few words take Hyperscan a millisecond and little memory. */
#define IN_PROCESS_WORDS 64
#define RETRY_LIMIT_S 60

struct ph_match_compiler {
	gatomicrefcount refs;
	char *cache_dir; /* NULL: none */
	char **child;	 /* NULL: nothing is compiled */
	int wake;	 /* eventfd, readable once it is to stop */
	GThread *thread;
	GMutex mutex;
	GCond changed;
	/* Guarded by mutex. */
	bool stopping;
	GQueue waiting; /* struct ph_matcher, the newest first; held */
	unsigned failures;
	gint64 not_before; /* monotonic, microseconds */
};

struct job {
	struct ph_matcher *matcher; /* held */
	enum ph_term_kind kind;
	GPtrArray *terms;
};

/* ---- a job ---- */

static gint
compare_terms(gconstpointer a, gconstpointer b)
{
	const struct ph_term *const *term_a = a;
	const struct ph_term *const *term_b = b;

	return strcmp((*term_a)->expression, (*term_b)->expression);
}

/* In an order of its own, so that the same rules find the same file. */
static void
make_set(struct ph_set *set, enum ph_term_kind kind, GPtrArray *terms)
{
	g_ptr_array_sort(terms, compare_terms);
	ph_set_init(set, kind, terms->len);
	for (guint i = 0; i < terms->len; i++) {
		const struct ph_term *term = terms->pdata[i];

		set->texts[i] = term->expression;
		set->sizes[i] = strlen(set->texts[i]);
	}
}

static struct ph_segment *
load(struct ph_match_compiler *c, const struct job *job, const char *key)
{
	GByteArray *image = ph_cache_load(c->cache_dir, key);
	struct ph_segment *segment;
	struct ph_err err = PH_ERR_INIT;

	if (image == NULL)
		return NULL;
	segment = ph_segment_new(job->kind, job->terms, image, &err);
	if (segment == NULL) {
		ph_warn("database of terms %s removed: %s", key, err.text);
		ph_cache_remove(c->cache_dir, key);
	}
	g_byte_array_unref(image);
	return segment;
}

static struct ph_segment *
compile(struct ph_match_compiler *c, const struct job *job,
	const struct ph_set *set, const char *key, struct ph_err *err)
{
	bool here = job->kind == PH_TERM_WORD && set->n < IN_PROCESS_WORDS;
	GByteArray *image = NULL;
	struct ph_segment *segment;

	if (here)
		image = ph_set_compile(set);
	if (image == NULL &&
	    ph_child_run(c->child, set, c->wake, &image, err) != 0)
		return NULL;
	segment = ph_segment_new(job->kind, job->terms, image, err);
	if (segment != NULL && !here)
		ph_cache_store(c->cache_dir, key, image);
	g_byte_array_unref(image);
	return segment;
}

static struct ph_segment *
run_job(struct ph_match_compiler *c, const struct job *job, struct ph_err *err)
{
	struct ph_set set;
	struct ph_segment *segment;
	char *key;

	make_set(&set, job->kind, job->terms);
	key = ph_cache_key(&set);
	segment = load(c, job, key);
	if (segment == NULL)
		segment = compile(c, job, &set, key, err);
	ph_set_clear(&set);
	g_free(key);
	return segment;
}

/* ---- the thread ---- */

/* With the mutex. True: the newest that lacks something. Those that lack
 * nothing are no longer waiting. */
static bool
next_job(struct ph_match_compiler *c, struct job *job)
{
	GList *link = c->waiting.head;

	while (link != NULL) {
		struct ph_matcher *m = link->data;
		GList *next = link->next;

		if (!ph_matcher_replaced(m)) {
			job->terms = ph_matcher_wanted(m, &job->kind);
			if (job->terms != NULL) {
				job->matcher = ph_matcher_hold(m);
				return true;
			}
			g_queue_delete_link(&c->waiting, link);
			ph_matcher_drop(m);
		}
		link = next;
	}
	return false;
}

/* Waits for a job. False: it is to stop. */
static bool
wait_for_job(struct ph_match_compiler *c, struct job *job)
{
	bool found = false;

	g_mutex_lock(&c->mutex);
	while (!c->stopping && !found) {
		if (g_get_monotonic_time() < c->not_before)
			g_cond_wait_until(&c->changed, &c->mutex,
					  c->not_before);
		else if (!(found = next_job(c, job)))
			g_cond_wait(&c->changed, &c->mutex);
	}
	g_mutex_unlock(&c->mutex);
	return found;
}

/* With the mutex. */
static void
note_failure(struct ph_match_compiler *c, const struct job *job,
	     const struct ph_err *err)
{
	gint64 wait =
	    c->failures < 6 ? (gint64)1 << c->failures : RETRY_LIMIT_S;

	if (c->failures++ == 0 && !c->stopping)
		ph_warn("%u %s not compiled, and matched one by one: %s",
			job->terms->len,
			job->kind == PH_TERM_WORD ? "words" : "patterns",
			err->text);
	c->not_before =
	    g_get_monotonic_time() + MIN(wait, RETRY_LIMIT_S) * G_USEC_PER_SEC;
}

static void
deliver(struct ph_match_compiler *c, const struct job *job,
	struct ph_segment *segment, const struct ph_err *err)
{
	g_mutex_lock(&c->mutex);
	if (segment == NULL) {
		note_failure(c, job, err);
	} else {
		c->failures = 0;
		/* It has got them otherwise meanwhile; not again at once. */
		if (!ph_matcher_offer(job->matcher, segment))
			c->not_before = g_get_monotonic_time() + G_USEC_PER_SEC;
		for (GList *l = c->waiting.head; l != NULL; l = l->next)
			if (l->data != job->matcher &&
			    !ph_matcher_replaced(l->data))
				ph_matcher_offer(l->data, segment);
	}
	g_mutex_unlock(&c->mutex);
}

static gpointer
run(gpointer data)
{
	struct ph_match_compiler *c = data;
	struct job job;
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	while (wait_for_job(c, &job)) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_segment *segment = run_job(c, &job, &err);

		deliver(c, &job, segment, &err);
		if (segment != NULL)
			ph_segment_unref(segment);
		g_ptr_array_unref(job.terms);
		ph_matcher_drop(job.matcher);
	}
	return NULL;
}

/* ---- for matchers ---- */

struct ph_match_compiler *
ph_compiler_ref(struct ph_match_compiler *compiler)
{
	g_atomic_ref_count_inc(&compiler->refs);
	return compiler;
}

void
ph_compiler_unref(struct ph_match_compiler *compiler)
{
	if (!g_atomic_ref_count_dec(&compiler->refs))
		return;
	g_strfreev(compiler->child);
	g_free(compiler->cache_dir);
	g_mutex_clear(&compiler->mutex);
	g_cond_clear(&compiler->changed);
	g_free(compiler);
}

void
ph_compiler_add(struct ph_match_compiler *compiler, struct ph_matcher *matcher)
{
	g_mutex_lock(&compiler->mutex);
	if (compiler->thread != NULL && !compiler->stopping) {
		g_queue_push_head(&compiler->waiting, ph_matcher_hold(matcher));
		g_cond_signal(&compiler->changed);
	}
	g_mutex_unlock(&compiler->mutex);
}

void
ph_compiler_remove(struct ph_match_compiler *compiler,
		   struct ph_matcher *matcher)
{
	bool held;

	g_mutex_lock(&compiler->mutex);
	held = g_queue_remove(&compiler->waiting, matcher);
	/* The one before may be the newest again. */
	g_cond_signal(&compiler->changed);
	g_mutex_unlock(&compiler->mutex);
	if (held)
		ph_matcher_drop(matcher);
}

/* ---- life ---- */

struct ph_match_compiler *
ph_match_compiler_start(const struct ph_match_compiler_options *options)
{
	struct ph_match_compiler *c = g_new0(struct ph_match_compiler, 1);

	g_atomic_ref_count_init(&c->refs);
	g_mutex_init(&c->mutex);
	g_cond_init(&c->changed);
	g_queue_init(&c->waiting);
	c->wake = -1;
	c->cache_dir = g_strdup(options->cache_dir);
	c->child = g_strdupv((char **)(uintptr_t)options->child);
	if (c->child == NULL)
		return c;
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake < 0)
		g_error("eventfd: %s", g_strerror(errno));
	c->thread = g_thread_new("compile-terms", run, c);
	return c;
}

static void
drop_matcher(gpointer matcher)
{
	ph_matcher_drop(matcher);
}

void
ph_match_compiler_stop(struct ph_match_compiler **compiler)
{
	struct ph_match_compiler *c = *compiler;
	GQueue waiting;
	uint64_t one = 1;
	ssize_t n;

	if (c == NULL)
		return;
	*compiler = NULL;
	if (c->thread != NULL) {
		g_mutex_lock(&c->mutex);
		c->stopping = true;
		waiting = c->waiting;
		g_queue_init(&c->waiting);
		g_cond_signal(&c->changed);
		g_mutex_unlock(&c->mutex);
		n = write(c->wake, &one, sizeof one);
		g_assert(n == sizeof one);
		g_queue_clear_full(&waiting, drop_matcher);
		g_thread_join(c->thread);
		close(c->wake);
	}
	ph_compiler_unref(c);
}
