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

/* What is to be done in one mailbox. */
struct line {
	char *key;    /* "database/domain/local" */
	GQueue tasks; /* struct task, to be begun */
	int running;
	GList link; /* in queue->turns */
	bool linked;
};

struct ph_queue {
	ph_queue_run run;
	void *context;
	GThreadPool *pool;
	GMutex mutex;
	GCond idle;
	GHashTable *until; /* key: int64_t, monotonic; FOREVER: worked on */
	GHashTable *lines; /* key: struct line, those with anything to do */
	GQueue turns;	   /* those of which a task may begin, whose turn it is
			    * first */
	int threads, working;
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

/* ---- whose turn it is; all with the mutex held ------------------------- */

/* A mailbox whose server hangs must not have all threads. */
static int
most_of(const struct ph_queue *queue)
{
	return MAX(queue->threads / 2, 1);
}

static void
update_turn(struct ph_queue *queue, struct line *line)
{
	bool wanted = line->tasks.length > 0 && line->running < most_of(queue);

	if (wanted && !line->linked)
		g_queue_push_tail_link(&queue->turns, &line->link);
	else if (!wanted && line->linked)
		g_queue_unlink(&queue->turns, &line->link);
	line->linked = wanted;
	if (line->tasks.length > 0 || line->running > 0)
		return;
	g_hash_table_remove(queue->lines, line->key);
}

static void
put_task(struct ph_queue *queue, const char *key, struct task *task)
{
	struct line *line = g_hash_table_lookup(queue->lines, key);

	if (line == NULL) {
		line = g_new0(struct line, 1);
		line->key = g_strdup(key);
		line->link.data = line;
		g_queue_init(&line->tasks);
		g_hash_table_insert(queue->lines, line->key, line);
	}
	g_queue_push_tail(&line->tasks, task);
	update_turn(queue, line);
}

/* NULL: of none may begin. */
static struct task *
next_task(struct ph_queue *queue, struct line **line_r)
{
	GList *first = g_queue_pop_head_link(&queue->turns);
	struct task *task;

	if (first == NULL)
		return NULL;
	*line_r = first->data;
	(*line_r)->linked = false;
	(*line_r)->running++;
	task = g_queue_pop_head(&(*line_r)->tasks);
	update_turn(queue, *line_r);
	return task;
}

static void
line_free(void *p)
{
	struct line *line = p;

	g_free(line->key);
	g_free(line);
}

/* ---- the threads ------------------------------------------------------- */

static void
run_task(struct ph_queue *queue, struct task *task, struct line *line)
{
	bool stopping = queue->stopping;
	int64_t wait = 0;

	g_mutex_unlock(&queue->mutex);
	if (!stopping)
		wait = queue->run(queue->context, task->name, task->part,
				  task->file);
	g_mutex_lock(&queue->mutex);
	if (wait < 0)
		g_hash_table_remove(queue->until, task->key);
	else
		set_until(queue, task->key, ph_clock_mono() + wait);
	line->running--;
	update_turn(queue, line);
	if (--queue->busy == 0)
		g_cond_broadcast(&queue->idle);
	free_task(task);
}

/* Called once for each task, whichever it takes then; one that may not begin
 * yet is begun by those that end. */
static void
work(gpointer data, gpointer user_data)
{
	struct ph_queue *queue = user_data;
	struct task *task;
	struct line *line;

	(void)data;
	g_mutex_lock(&queue->mutex);
	queue->working++;
	while (queue->working <= queue->threads &&
	       (task = next_task(queue, &line)) != NULL)
		run_task(queue, task, line);
	queue->working--;
	g_mutex_unlock(&queue->mutex);
}

struct ph_queue *
ph_queue_new(int threads, ph_queue_run run, void *context)
{
	struct ph_queue *queue = g_new0(struct ph_queue, 1);

	queue->run = run;
	queue->context = context;
	queue->threads = threads;
	g_mutex_init(&queue->mutex);
	g_cond_init(&queue->idle);
	g_queue_init(&queue->turns);
	queue->until =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	queue->lines =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, line_free);
	queue->pool = g_thread_pool_new(work, queue, threads, FALSE, NULL);
	return queue;
}

void
ph_queue_resize(struct ph_queue *queue, int threads)
{
	GHashTableIter iter;
	gpointer line;
	bool more;

	g_mutex_lock(&queue->mutex);
	more = threads > queue->threads;
	if (threads != queue->threads)
		g_thread_pool_set_max_threads(queue->pool, threads, NULL);
	queue->threads = threads;
	g_hash_table_iter_init(&iter, queue->lines);
	while (more && g_hash_table_iter_next(&iter, NULL, &line))
		update_turn(queue, line);
	g_mutex_unlock(&queue->mutex);
	for (int i = 0; more && i < threads; i++)
		g_thread_pool_push(queue->pool, queue, NULL);
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

static struct task *
new_task(const struct ph_box_name *name, const char *part, const char *file,
	 const char *key)
{
	struct task *task = g_new0(struct task, 1);

	task->name = ph_box_name_copy(name);
	task->part = g_strdup(part);
	task->file = g_strdup(file);
	task->key = g_strdup(key);
	return task;
}

int64_t
ph_queue_offer(struct ph_queue *queue, const struct ph_box_name *name,
	       const char *part, const char *file)
{
	/* No name of a file holds a '/'. */
	g_autofree char *box = ph_box_name_key(name);
	g_autofree char *base = ph_box_base(file);
	g_autofree char *key = g_strjoin("/", box, base, NULL);
	int64_t wait;

	g_mutex_lock(&queue->mutex);
	wait = queue->stopping ? BUSY_MS : remaining(queue, key);
	if (wait == 0) {
		set_until(queue, key, FOREVER);
		queue->busy++;
		put_task(queue, box, new_task(name, part, file, key));
	}
	g_mutex_unlock(&queue->mutex);
	if (wait == 0)
		g_thread_pool_push(queue->pool, queue, NULL);
	return wait;
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
ph_queue_works(struct ph_queue *queue, const struct ph_box_name *name)
{
	g_autofree char *key = ph_box_name_key(name);
	bool works;

	g_mutex_lock(&queue->mutex);
	works = g_hash_table_contains(queue->lines, key);
	g_mutex_unlock(&queue->mutex);
	return works;
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
	g_hash_table_unref(q->lines);
	g_cond_clear(&q->idle);
	g_mutex_clear(&q->mutex);
	g_free(q);
	*queue = NULL;
	return true;
}
