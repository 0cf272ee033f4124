#include "store/submission/queue.h"

#include "lib/base/clock.h"

#include <glib.h>

/* A message that is worked on is looked at again after this. */
#define BUSY_MS 1000
#define OLD_MS ((int64_t)60 * 60 * 1000)
#define FOREVER INT64_MAX

struct task {
	struct ph_box_name *name;
	char *part, *file, *key;
};

struct ph_queue {
	ph_queue_run run;
	void *context;
	GThreadPool *pool;
	GMutex mutex;
	GCond idle;
	GHashTable *until; /* key: int64_t, monotonic; FOREVER: worked on */
	unsigned busy;
	bool stopping;
};

static void
free_task(struct task *task)
{
	ph_box_name_free(&task->name);
	g_free(task->part);
	g_free(task->file);
	g_free(task->key);
	g_free(task);
}

static void
set_until(struct ph_queue *queue, const char *key, int64_t until)
{
	int64_t *value = g_new(int64_t, 1);

	*value = until;
	g_hash_table_replace(queue->until, g_strdup(key), value);
}

static void
work(gpointer data, gpointer user_data)
{
	struct ph_queue *queue = user_data;
	struct task *task = data;
	bool stopping;
	int64_t wait = 0;

	g_mutex_lock(&queue->mutex);
	stopping = queue->stopping;
	g_mutex_unlock(&queue->mutex);
	if (!stopping)
		wait = queue->run(queue->context, task->name, task->part,
				  task->file);
	g_mutex_lock(&queue->mutex);
	if (wait < 0)
		g_hash_table_remove(queue->until, task->key);
	else
		set_until(queue, task->key, ph_clock_mono() + wait);
	if (--queue->busy == 0)
		g_cond_broadcast(&queue->idle);
	g_mutex_unlock(&queue->mutex);
	free_task(task);
}

struct ph_queue *
ph_queue_new(int threads, ph_queue_run run, void *context)
{
	struct ph_queue *queue = g_new0(struct ph_queue, 1);

	queue->run = run;
	queue->context = context;
	g_mutex_init(&queue->mutex);
	g_cond_init(&queue->idle);
	queue->until =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	queue->pool = g_thread_pool_new(work, queue, threads, FALSE, NULL);
	return queue;
}

/* With the mutex held: in how many ms the key may be worked on. */
static int64_t
remaining(struct ph_queue *queue, const char *key)
{
	const int64_t *until = g_hash_table_lookup(queue->until, key);

	if (until == NULL)
		return 0;
	if (*until == FOREVER)
		return BUSY_MS;
	return MAX(*until - ph_clock_mono(), 0);
}

int64_t
ph_queue_offer(struct ph_queue *queue, const struct ph_box_name *name,
	       const char *part, const char *file)
{
	g_autofree char *base = ph_box_base(file);
	/* No name of a file holds a '/'. */
	g_autofree char *key = g_strjoin("/", name->database, name->domain,
					 name->local, base, NULL);
	struct task *task;
	int64_t wait;

	g_mutex_lock(&queue->mutex);
	wait = queue->stopping ? BUSY_MS : remaining(queue, key);
	if (wait == 0) {
		set_until(queue, key, FOREVER);
		queue->busy++;
	}
	g_mutex_unlock(&queue->mutex);
	if (wait > 0)
		return wait;
	task = g_new0(struct task, 1);
	task->name = ph_box_name_copy(name);
	task->part = g_strdup(part);
	task->file = g_strdup(file);
	task->key = g_steal_pointer(&key);
	g_thread_pool_push(queue->pool, task, NULL);
	return 0;
}

static gboolean
is_waiting(gpointer key, gpointer value, gpointer data)
{
	(void)key;
	(void)data;
	return *(int64_t *)value != FOREVER;
}

void
ph_queue_hurry(struct ph_queue *queue)
{
	g_mutex_lock(&queue->mutex);
	g_hash_table_foreach_remove(queue->until, is_waiting, NULL);
	g_mutex_unlock(&queue->mutex);
}

static gboolean
is_old(gpointer key, gpointer value, gpointer data)
{
	(void)key;
	return *(int64_t *)value < *(int64_t *)data;
}

void
ph_queue_tidy(struct ph_queue *queue)
{
	int64_t before = ph_clock_mono() - OLD_MS;

	g_mutex_lock(&queue->mutex);
	g_hash_table_foreach_remove(queue->until, is_old, &before);
	g_mutex_unlock(&queue->mutex);
}

bool
ph_queue_idle(struct ph_queue *queue)
{
	bool idle;

	g_mutex_lock(&queue->mutex);
	idle = queue->busy == 0;
	g_mutex_unlock(&queue->mutex);
	return idle;
}

bool
ph_queue_stop(struct ph_queue **queue, int64_t timeout_ms)
{
	struct ph_queue *q = *queue;
	int64_t end = g_get_monotonic_time() + timeout_ms * 1000;
	bool idle = true;

	if (q == NULL)
		return true;
	g_mutex_lock(&q->mutex);
	q->stopping = true;
	while (q->busy > 0 && idle)
		idle = g_cond_wait_until(&q->idle, &q->mutex, end);
	idle = q->busy == 0;
	g_mutex_unlock(&q->mutex);
	if (!idle)
		return false;
	g_thread_pool_free(q->pool, FALSE, TRUE);
	g_hash_table_unref(q->until);
	g_cond_clear(&q->idle);
	g_mutex_clear(&q->mutex);
	g_free(q);
	*queue = NULL;
	return true;
}
