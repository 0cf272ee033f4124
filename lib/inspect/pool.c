#include "lib/inspect/pool.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/inspect/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* After a failure that long nobody tries to start the child again. */
#define PAUSE_MS ((int64_t)5000)
/* The child does nothing but fork and kill. */
#define CHILD_MS ((int64_t)10000)

struct ph_pool {
	const struct ph_inspector_options *options;
	GMutex mutex; /* all that follows */
	GCond changed;
	GQueue idle; /* struct ph_worker */
	uint32_t running;
	uint32_t last_id;
	pid_t pid; /* the child; 0: none */
	int control;
	int64_t not_before; /* monotonic */
	char *why;	    /* there is none */
};

int
ph_pool_wait(int fd, int64_t deadline)
{
	struct pollfd p = {fd, POLLIN, 0};
	int64_t left;
	int r;

	do {
		left = MAX(deadline - ph_clock_mono(), 0);
		r = poll(&p, 1, (int)MIN(left, (int64_t)INT_MAX));
	} while (r < 0 && errno == EINTR);
	return r;
}

/* ---- the child ----------------------------------------------------------- */

static char **
child_argv(const struct ph_inspector_options *options)
{
	GPtrArray *argv = g_ptr_array_new();
	/* One message must not be short of what those before have used. */
	uint64_t cpu = 2 * (uint64_t)(options->timeout / 1000) + 2;

	for (size_t i = 0; options->child[i] != NULL; i++)
		g_ptr_array_add(argv, g_strdup(options->child[i]));
	g_ptr_array_add(argv, g_strdup(options->user));
	g_ptr_array_add(argv,
			g_strdup_printf("%" G_GUINT64_FORMAT, options->memory));
	g_ptr_array_add(argv, g_strdup_printf("%" G_GUINT64_FORMAT, cpu));
	g_ptr_array_add(argv, NULL);
	return (char **)g_ptr_array_free(argv, FALSE);
}

static int
spawn(struct ph_pool *pool, int fds[2], struct ph_err *err)
{
	g_auto(GStrv) argv = child_argv(pool->options);
	GError *error = NULL;
	GPid pid;

	if (!g_spawn_async_with_pipes_and_fds(
		NULL, (const gchar *const *)argv, NULL,
		G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, fds[1], -1, -1, NULL,
		NULL, 0, &pid, NULL, NULL, NULL, &error)) {
		ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
		g_error_free(error);
		return -1;
	}
	pool->pid = pid;
	pool->control = fds[0];
	return 0;
}

static int
start_child(struct ph_pool *pool, struct ph_err *err)
{
	int fds[2];
	int r;

	if (ph_clock_mono() < pool->not_before)
		return ph_err_set(err, PH_ERR_TEMP, "%s", pool->why);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return ph_err_set(err, PH_ERR_TEMP, "socketpair: %s",
				  g_strerror(errno));
	r = spawn(pool, fds, err);
	close(fds[1]);
	if (r < 0)
		close(fds[0]);
	return r;
}

/* It is of no use any more; its workers die with it. */
static void
drop_child(struct ph_pool *pool)
{
	struct ph_worker *worker;

	if (pool->pid == 0)
		return;
	while ((worker = g_queue_pop_tail(&pool->idle)) != NULL) {
		close(worker->fd);
		g_free(worker);
		pool->running--;
	}
	close(pool->control);
	kill(pool->pid, SIGKILL);
	while (waitpid(pool->pid, NULL, 0) < 0 && errno == EINTR)
		;
	pool->pid = 0;
}

/* 0 and *value_r, or -1: the child has gone. */
static int
ask_child(struct ph_pool *pool, enum ph_child_op op, uint32_t id, int fd,
	  int32_t *value_r)
{
	const struct ph_child_request request = {op, id};
	struct ph_child_reply reply;

	if (ph_fd_send(pool->control, &request, sizeof request, fd) ==
		sizeof request &&
	    ph_pool_wait(pool->control, ph_clock_mono() + CHILD_MS) == 1 &&
	    recv(pool->control, &reply, sizeof reply, 0) == sizeof reply &&
	    reply.id == id) {
		*value_r = reply.value;
		return 0;
	}
	drop_child(pool);
	return -1;
}

static void
note_failure(struct ph_pool *pool, const struct ph_err *err)
{
	if (pool->why == NULL || strcmp(pool->why, err->text) != 0)
		ph_error("attachments are not inspected: %s", err->text);
	g_free(pool->why);
	pool->why = g_strdup(err->text);
	pool->not_before = ph_clock_mono() + PAUSE_MS;
}

/* ---- a worker ------------------------------------------------------------ */

/* It tells what it has given up, or why it cannot. */
static int
read_hello(struct ph_worker *worker, int64_t deadline, struct ph_err *err)
{
	static const struct ph_walk_limits none = {0};
	struct ph_record record = {0};
	uint8_t bytes[2048];
	size_t used = 0, read;
	ssize_t n;

	while (ph_pool_wait(worker->fd, deadline) == 1 &&
	       (n = recv(worker->fd, bytes + used, sizeof bytes - used, 0)) >
		   0) {
		int r;

		used += (size_t)n;
		r = ph_record_parse(bytes, used, &none, &record, &read, err);
		if (r < 0)
			return -1;
		if (r == 0)
			continue;
		if (record.kind == PH_RECORD_FAILED)
			ph_err_set(err, PH_ERR_TEMP, "%s", record.text);
		else if (record.kind == PH_RECORD_HELLO)
			worker->layers = record.number;
		g_free(record.text);
		g_clear_pointer(&record.walked, ph_walked_free);
		return record.kind == PH_RECORD_HELLO ? 0 : -1;
	}
	return ph_err_set(err, PH_ERR_TEMP, "a worker ends before it begins");
}

/* Has it begun? It says so, or why not, unless the child did not make it. */
static struct ph_worker *
fork_worker(struct ph_pool *pool, struct ph_err *err)
{
	struct ph_worker *worker = g_new0(struct ph_worker, 1);
	int fds[2];
	int32_t failed = 0;
	int r = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		ph_err_set(err, PH_ERR_TEMP, "socketpair: %s",
			   g_strerror(errno));
		g_free(worker);
		return NULL;
	}
	worker->id = ++pool->last_id;
	worker->fd = fds[0];
	if (pool->pid == 0 && start_child(pool, err) < 0)
		r = -1;
	else if (ask_child(pool, PH_CHILD_START, worker->id, fds[1], &failed) <
		 0)
		/* What it wrote last may say why. */
		r = 0;
	else if (failed != 0)
		ph_err_set(err, PH_ERR_TEMP, "fork: %s", g_strerror(failed));
	else
		r = 0;
	close(fds[1]);
	if (r == 0)
		return worker;
	close(worker->fd);
	g_free(worker);
	return NULL;
}

/* With the mutex, which others have while the worker is waited for. */
static struct ph_worker *
start_worker(struct ph_pool *pool, struct ph_err *err)
{
	struct ph_worker *worker;
	int r = -1;

	pool->running++;
	worker = fork_worker(pool, err);
	if (worker != NULL) {
		g_mutex_unlock(&pool->mutex);
		r = read_hello(worker, ph_clock_mono() + CHILD_MS, err);
		g_mutex_lock(&pool->mutex);
	}
	if (r == 0) {
		g_clear_pointer(&pool->why, g_free);
		pool->not_before = 0;
		return worker;
	}
	if (worker != NULL) {
		close(worker->fd);
		g_free(worker);
	}
	pool->running--;
	g_cond_signal(&pool->changed);
	note_failure(pool, err);
	return NULL;
}

/* With the mutex. */
static int
end_worker(struct ph_pool *pool, struct ph_worker *worker)
{
	int32_t status = -1;

	close(worker->fd);
	if (pool->pid != 0)
		ask_child(pool, PH_CHILD_END, worker->id, -1, &status);
	g_free(worker);
	pool->running--;
	g_cond_signal(&pool->changed);
	return status;
}

/* One that nobody has asked has nothing to say: it has gone, or it lies. */
static struct ph_worker *
take_idle(struct ph_pool *pool)
{
	struct ph_worker *worker;

	while ((worker = g_queue_pop_tail(&pool->idle)) != NULL &&
	       ph_pool_wait(worker->fd, 0) != 0)
		end_worker(pool, worker);
	return worker;
}

struct ph_worker *
ph_pool_take(struct ph_pool *pool, int64_t deadline, struct ph_err *err)
{
	struct ph_worker *worker = NULL;

	g_mutex_lock(&pool->mutex);
	while (pool->idle.length == 0 &&
	       pool->running >= pool->options->workers)
		if (!g_cond_wait_until(&pool->changed, &pool->mutex,
				       deadline * 1000)) {
			g_mutex_unlock(&pool->mutex);
			ph_err_set(err, PH_ERR_TEMP,
				   "no worker was free in time");
			return NULL;
		}
	worker = take_idle(pool);
	if (worker == NULL)
		worker = start_worker(pool, err);
	g_mutex_unlock(&pool->mutex);
	return worker;
}

int
ph_pool_end(struct ph_pool *pool, struct ph_worker *worker)
{
	int status;

	g_mutex_lock(&pool->mutex);
	status = end_worker(pool, worker);
	g_mutex_unlock(&pool->mutex);
	return status;
}

void
ph_pool_put(struct ph_pool *pool, struct ph_worker *worker)
{
	bool spent = ++worker->served >= pool->options->messages ||
		     worker->cpu >= pool->options->timeout;

	g_mutex_lock(&pool->mutex);
	if (spent) {
		end_worker(pool, worker);
	} else {
		g_queue_push_tail(&pool->idle, worker);
		g_cond_signal(&pool->changed);
	}
	g_mutex_unlock(&pool->mutex);
}

/* ---- life ---------------------------------------------------------------- */

struct ph_pool *
ph_pool_new(const struct ph_inspector_options *options)
{
	struct ph_pool *pool = g_new0(struct ph_pool, 1);

	pool->options = options;
	g_mutex_init(&pool->mutex);
	g_cond_init(&pool->changed);
	g_queue_init(&pool->idle);
	return pool;
}

void
ph_pool_free(struct ph_pool **poolp)
{
	struct ph_pool *pool = g_steal_pointer(poolp);
	struct ph_worker *worker;

	while ((worker = g_queue_pop_tail(&pool->idle)) != NULL)
		end_worker(pool, worker);
	g_assert(pool->running == 0);
	drop_child(pool);
	g_free(pool->why);
	g_mutex_clear(&pool->mutex);
	g_cond_clear(&pool->changed);
	g_free(pool);
}
