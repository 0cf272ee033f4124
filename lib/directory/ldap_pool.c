#include "lib/directory/ldap_pool.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

/* Between two attempts to reach any of the servers. */
#define RETRY_MS 1000
/* Firewalls forget connections that are silent for longer. */
#define IDLE_MS 60000

struct idle {
	struct ph_ldap_conn *conn;
	int64_t since;
};

struct ph_ldap_pool {
	struct ph_ldap_settings settings;
	guint n_uris;

	GMutex lock;
	GCond freed;
	GArray *idle;	  /* struct idle; the last one used is the last */
	unsigned n_conns; /* idle, used and being opened */
	guint current;	  /* of the URIs */
	enum ph_ldap_server server; /* its kind */
	bool down;		    /* none answered */
	bool trying;		    /* somebody looks whether one does again */
	int64_t down_since;
	struct ph_err why;
};

struct ph_ldap_pool *
ph_ldap_pool_new(struct ph_ldap_settings *settings)
{
	struct ph_ldap_pool *pool = g_new0(struct ph_ldap_pool, 1);

	pool->settings = *settings;
	*settings = (struct ph_ldap_settings){0};
	pool->n_uris = g_strv_length(pool->settings.uris);
	g_assert(pool->n_uris > 0 && pool->settings.pool > 0);
	g_mutex_init(&pool->lock);
	g_cond_init(&pool->freed);
	pool->idle = g_array_new(FALSE, FALSE, sizeof(struct idle));
	return pool;
}

void
ph_ldap_pool_free(struct ph_ldap_pool **pool)
{
	struct ph_ldap_pool *p = *pool;

	*pool = NULL;
	if (p == NULL)
		return;
	for (guint i = 0; i < p->idle->len; i++)
		ph_ldap_conn_close(
		    &g_array_index(p->idle, struct idle, i).conn);
	g_array_unref(p->idle);
	g_mutex_clear(&p->lock);
	g_cond_clear(&p->freed);
	ph_ldap_settings_clear(&p->settings);
	g_free(p);
}

const struct ph_ldap_settings *
ph_ldap_pool_settings(const struct ph_ldap_pool *pool)
{
	return &pool->settings;
}

enum ph_ldap_server
ph_ldap_pool_server(struct ph_ldap_pool *pool)
{
	enum ph_ldap_server server;

	g_mutex_lock(&pool->lock);
	server = pool->server;
	g_mutex_unlock(&pool->lock);
	return server;
}

/* ---- opening ------------------------------------------------------------ */

/* Without the lock. */
static int
open_any(struct ph_ldap_pool *pool, guint first, int64_t deadline,
	 guint *index_r, struct ph_ldap_conn **conn_r, struct ph_err *err)
{
	for (guint i = 0; i < pool->n_uris; i++) {
		const guint index = (first + i) % pool->n_uris;
		const int64_t limit =
		    ph_clock_mono() + pool->settings.connect_timeout;

		*index_r = index;
		if (ph_ldap_conn_open(&pool->settings,
				      pool->settings.uris[index],
				      MIN(limit, deadline), conn_r, err) == 0)
			return 0;
		if (ph_clock_mono() >= deadline)
			break;
	}
	return -1;
}

/* With the lock. */
static void
note_up(struct ph_ldap_pool *pool, guint index, const struct ph_ldap_conn *conn)
{
	const char *uri = pool->settings.uris[index];
	const char *kind = ph_ldap_server_name(ph_ldap_conn_server(conn));

	if (pool->down || pool->current != index)
		ph_info("directory: %s answers, %s", uri, kind);
	pool->down = false;
	pool->current = index;
	pool->server = ph_ldap_conn_server(conn);
}

static void
note_down(struct ph_ldap_pool *pool, const struct ph_err *why)
{
	if (!pool->down)
		ph_error("directory: no LDAP server answers: %s", why->text);
	pool->down = true;
	pool->down_since = ph_clock_mono();
	pool->why = *why;
}

/* With the lock, which is let go in between. */
static int
open_one(struct ph_ldap_pool *pool, int64_t deadline,
	 struct ph_ldap_conn **conn_r, struct ph_err *err)
{
	const bool trial = pool->down;
	guint index = pool->current;
	struct ph_err why = PH_ERR_INIT;
	int r;

	if (trial)
		pool->trying = true;
	pool->n_conns++;
	g_mutex_unlock(&pool->lock);
	r = open_any(pool, index, deadline, &index, conn_r, &why);
	g_mutex_lock(&pool->lock);
	if (trial)
		pool->trying = false;
	if (r == 0) {
		note_up(pool, index, *conn_r);
		return 0;
	}
	pool->n_conns--;
	note_down(pool, &why);
	g_cond_broadcast(&pool->freed);
	return ph_err_set(err, PH_ERR_TEMP, "%s", why.text);
}

/* ---- taking and giving back --------------------------------------------- */

static bool
take_idle(struct ph_ldap_pool *pool, struct ph_ldap_conn **conn_r)
{
	const int64_t now = ph_clock_mono();

	while (pool->idle->len > 0) {
		const guint last = pool->idle->len - 1;
		struct idle idle = g_array_index(pool->idle, struct idle, last);

		g_array_set_size(pool->idle, last);
		if (now - idle.since < IDLE_MS) {
			*conn_r = idle.conn;
			return true;
		}
		ph_ldap_conn_close(&idle.conn);
		pool->n_conns--;
	}
	return false;
}

static bool
is_away(const struct ph_ldap_pool *pool)
{
	return pool->down &&
	       (pool->trying || ph_clock_mono() - pool->down_since < RETRY_MS);
}

static int
take(struct ph_ldap_pool *pool, int64_t deadline, struct ph_ldap_conn **conn_r,
     bool *fresh_r, struct ph_err *err)
{
	int r = 1;

	*fresh_r = false;
	g_mutex_lock(&pool->lock);
	while (r == 1) {
		if (take_idle(pool, conn_r)) {
			r = 0;
		} else if (is_away(pool)) {
			r = ph_err_set(err, PH_ERR_TEMP, "%s", pool->why.text);
		} else if (pool->n_conns < pool->settings.pool) {
			*fresh_r = true;
			r = open_one(pool, deadline, conn_r, err);
		} else {
			const int64_t left = deadline - ph_clock_mono();

			if (left <= 0 ||
			    !g_cond_wait_until(&pool->freed, &pool->lock,
					       g_get_monotonic_time() +
						   left * 1000))
				r = ph_err_set(err, PH_ERR_TEMP,
					       "all connections to the LDAP "
					       "server are busy");
		}
	}
	g_mutex_unlock(&pool->lock);
	return r;
}

static void
give_back(struct ph_ldap_pool *pool, struct ph_ldap_conn *conn)
{
	const struct idle idle = {conn, ph_clock_mono()};
	const bool broken = ph_ldap_conn_broken(conn);

	if (broken)
		ph_ldap_conn_close(&conn);
	g_mutex_lock(&pool->lock);
	if (broken)
		pool->n_conns--;
	else
		g_array_append_val(pool->idle, idle);
	g_cond_signal(&pool->freed);
	g_mutex_unlock(&pool->lock);
}

/* One of them was found closed: so are those that are older. */
static void
drop_idle(struct ph_ldap_pool *pool)
{
	g_autoptr(GArray) dropped = NULL;

	g_mutex_lock(&pool->lock);
	dropped = pool->idle;
	pool->idle = g_array_new(FALSE, FALSE, sizeof(struct idle));
	pool->n_conns -= dropped->len;
	g_cond_broadcast(&pool->freed);
	g_mutex_unlock(&pool->lock);
	for (guint i = 0; i < dropped->len; i++)
		ph_ldap_conn_close(
		    &g_array_index(dropped, struct idle, i).conn);
}

int
ph_ldap_pool_search(struct ph_ldap_pool *pool,
		    const struct ph_ldap_query *query, int64_t deadline,
		    GPtrArray *entries, enum ph_ldap_server *server_r,
		    struct ph_err *err)
{
	for (;;) {
		struct ph_ldap_conn *conn = NULL;
		bool fresh, broken;
		int r;

		if (take(pool, deadline, &conn, &fresh, err) < 0)
			return -1;
		r = ph_ldap_conn_search(conn, query, deadline, entries, err);
		*server_r = ph_ldap_conn_server(conn);
		broken = ph_ldap_conn_broken(conn);
		give_back(pool, conn);
		if (r == 0)
			return 0;
		g_ptr_array_set_size(entries, 0);
		if (!broken || fresh || ph_clock_mono() >= deadline)
			return -1;
		drop_idle(pool);
	}
}

int
ph_ldap_pool_pages(struct ph_ldap_pool *pool, const struct ph_ldap_query *query,
		   ph_ldap_page *page, void *arg, enum ph_ldap_server *server_r,
		   struct ph_err *err)
{
	const int64_t timeout = pool->settings.timeout;
	struct ph_ldap_conn *conn = NULL;
	guint index;
	int r;

	g_mutex_lock(&pool->lock);
	index = pool->current;
	g_mutex_unlock(&pool->lock);
	if (open_any(pool, index, ph_clock_mono() + timeout, &index, &conn,
		     err) < 0)
		return -1;
	*server_r = ph_ldap_conn_server(conn);
	r = ph_ldap_conn_pages(conn, query, timeout, page, arg, err);
	ph_ldap_conn_close(&conn);
	return r;
}
