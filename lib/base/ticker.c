#include "lib/base/ticker.h"

#include <glib.h>
#include <stdbool.h>

struct ph_ticker {
	int64_t every; /* microseconds */
	void (*tick)(void *context);
	void *context;
	GMutex mutex;
	GCond wake;
	bool stopping;
	GThread *thread;
};

static gpointer
run(gpointer data)
{
	struct ph_ticker *ticker = data;

	g_mutex_lock(&ticker->mutex);
	while (!ticker->stopping) {
		gint64 next = g_get_monotonic_time() + ticker->every;

		g_mutex_unlock(&ticker->mutex);
		ticker->tick(ticker->context);
		g_mutex_lock(&ticker->mutex);
		while (!ticker->stopping &&
		       g_cond_wait_until(&ticker->wake, &ticker->mutex, next))
			;
	}
	g_mutex_unlock(&ticker->mutex);
	return NULL;
}

struct ph_ticker *
ph_ticker_start(const char *name, int64_t every_ms, void (*tick)(void *context),
		void *context)
{
	struct ph_ticker *ticker = g_new0(struct ph_ticker, 1);

	ticker->every = every_ms * 1000;
	ticker->tick = tick;
	ticker->context = context;
	g_mutex_init(&ticker->mutex);
	g_cond_init(&ticker->wake);
	ticker->thread = g_thread_new(name, run, ticker);
	return ticker;
}

void
ph_ticker_stop(struct ph_ticker **ticker)
{
	struct ph_ticker *t = *ticker;

	if (t == NULL)
		return;
	*ticker = NULL;
	g_mutex_lock(&t->mutex);
	t->stopping = true;
	g_cond_broadcast(&t->wake);
	g_mutex_unlock(&t->mutex);
	g_thread_join(t->thread);
	g_mutex_clear(&t->mutex);
	g_cond_clear(&t->wake);
	g_free(t);
}
