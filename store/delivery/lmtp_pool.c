#include "store/delivery/lmtp_pool.h"

#include "lib/base/clock.h"

struct idle {
	struct ph_smtp *smtp;
	int64_t since;
};

struct ph_lmtp_pool {
	struct ph_smtp_options options;
	char *bind_address, *hello;
	GMutex mutex;
	GArray *idle; /* struct idle, the one used last at the end */
};

struct ph_lmtp_pool *
ph_lmtp_pool_new(const struct ph_smtp_options *options)
{
	struct ph_lmtp_pool *pool = g_new0(struct ph_lmtp_pool, 1);

	pool->options = *options;
	pool->options.bind_address = pool->bind_address =
	    g_strdup(options->bind_address);
	pool->options.hello = pool->hello = g_strdup(options->hello);
	g_mutex_init(&pool->mutex);
	pool->idle = g_array_new(FALSE, FALSE, sizeof(struct idle));
	return pool;
}

/* Those before time, out of the pool, since closing one may take a moment. */
static GArray *
take_older(struct ph_lmtp_pool *pool, int64_t time)
{
	GArray *old = g_array_new(FALSE, FALSE, sizeof(struct idle));
	guint n = 0;

	g_mutex_lock(&pool->mutex);
	while (n < pool->idle->len &&
	       g_array_index(pool->idle, struct idle, n).since <= time)
		n++;
	if (n > 0) {
		g_array_append_vals(old, pool->idle->data, n);
		g_array_remove_range(pool->idle, 0, n);
	}
	g_mutex_unlock(&pool->mutex);
	return old;
}

static void
close_older(struct ph_lmtp_pool *pool, int64_t time)
{
	g_autoptr(GArray) old = take_older(pool, time);

	for (guint i = 0; i < old->len; i++)
		ph_smtp_close(&g_array_index(old, struct idle, i).smtp);
}

void
ph_lmtp_pool_free(struct ph_lmtp_pool **pool)
{
	struct ph_lmtp_pool *p = *pool;

	if (!p)
		return;
	*pool = NULL;
	close_older(p, G_MAXINT64);
	g_array_unref(p->idle);
	g_mutex_clear(&p->mutex);
	g_free(p->bind_address);
	g_free(p->hello);
	g_free(p);
}

struct ph_smtp *
ph_lmtp_pool_take(struct ph_lmtp_pool *pool, bool *kept_r, struct ph_err *err)
{
	struct ph_smtp *smtp = NULL;

	g_mutex_lock(&pool->mutex);
	if (pool->idle->len > 0) {
		guint last = pool->idle->len - 1;

		smtp = g_array_index(pool->idle, struct idle, last).smtp;
		g_array_set_size(pool->idle, last);
	}
	g_mutex_unlock(&pool->mutex);
	*kept_r = smtp != NULL;
	if (!smtp && ph_smtp_open(&pool->options, &smtp, err) < 0)
		return NULL;
	return smtp;
}

void
ph_lmtp_pool_give(struct ph_lmtp_pool *pool, struct ph_smtp **smtp)
{
	const struct idle idle = {g_steal_pointer(smtp), ph_clock_mono()};

	g_mutex_lock(&pool->mutex);
	g_array_append_val(pool->idle, idle);
	g_mutex_unlock(&pool->mutex);
}

void
ph_lmtp_pool_tidy(struct ph_lmtp_pool *pool, int64_t idle)
{
	close_older(pool, ph_clock_mono() - idle);
}
