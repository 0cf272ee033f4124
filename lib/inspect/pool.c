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

/*
 * Nobody waits for the child with the mutex: whoever asks it has "asking" to
 * itself, and who finds a worker idle, or brings one back, does not ask. Who
 * waits to do so takes a worker that comes back meanwhile.
 */
struct ph_pool {
	const struct ph_inspector_options *options;
	GMutex mutex;	  /* all that follows */
	GCond changed;	  /* somebody may take a worker, or ask for one */
	GQueue idle;	  /* struct ph_worker */
	uint32_t running; /* with those that are being started */
	uint32_t last_id;
	bool asking;
	GCond asked; /* not asking any more */
	pid_t pid;   /* the child; 0: none; changed by who asks alone */
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

/* With the mutex, from here to end_asking. */
static void
begin_asking(struct ph_pool *pool)
{
	while (pool->asking)
		g_cond_wait(&pool->asked, &pool->mutex);
	pool->asking = true;
}

static void
end_asking(struct ph_pool *pool)
{
	pool->asking = false;
	g_cond_signal(&pool->asked);
	g_cond_signal(&pool->changed);
}

static int
spawn(struct ph_pool *pool, const int fds[2], struct ph_err *err)
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
	g_mutex_lock(&pool->mutex);
	pool->pid = pid;
	pool->control = fds[0];
	g_mutex_unlock(&pool->mutex);
	return 0;
}

/* Asking, without the mutex. */
static int
start_child(struct ph_pool *pool, struct ph_err *err)
{
	int fds[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return ph_err_set(err, PH_ERR_TEMP, "socketpair: %s",
				  g_strerror(errno));
	r = spawn(pool, fds, err);
	close(fds[1]);
	if (r < 0)
		close(fds[0]);
	return r;
}

/* It is of no use any more; its workers die with it. Asking, without the
 * mutex. */
static void
drop_child(struct ph_pool *pool)
{
	struct ph_worker *worker;
	pid_t pid;

	g_mutex_lock(&pool->mutex);
	pid = pool->pid;
	while (pid != 0 && (worker = g_queue_pop_tail(&pool->idle)) != NULL) {
		close(worker->fd);
		g_free(worker);
		pool->running--;
	}
	if (pid != 0)
		close(pool->control);
	pool->pid = 0;
	g_cond_broadcast(&pool->changed);
	g_mutex_unlock(&pool->mutex);
	if (pid == 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Asking, without the mutex. 0 and *value_r, or -1: the child has gone. */
static int
ask_child(struct ph_pool *pool, enum ph_child_op op, uint32_t id, int fd,
	  int32_t *value_r)
{
	const struct ph_child_request request = {op, id};
	const int64_t deadline = ph_clock_mono() + CHILD_MS;
	struct ph_child_reply reply = {0};

	if (ph_fd_send(pool->control, &request, sizeof request, fd) ==
	    sizeof request)
		while (ph_pool_wait(pool->control, deadline) == 1 &&
		       recv(pool->control, &reply, sizeof reply, 0) ==
			   sizeof reply) {
			/* Others are about workers that nobody waits for. */
			if (reply.id != id)
				continue;
			*value_r = reply.value;
			return 0;
		}
	drop_child(pool);
	return -1;
}

/* With the mutex. Kills the worker some time; how it ends is of no interest.
 * One that the child is not told of ends when its socket is closed. */
static void
forget_worker(struct ph_pool *pool, struct ph_worker *worker)
{
	const struct ph_child_request request = {PH_CHILD_END, worker->id};

	if (pool->pid != 0)
		send(pool->control, &request, sizeof request,
		     MSG_DONTWAIT | MSG_NOSIGNAL);
	close(worker->fd);
	g_free(worker);
	pool->running--;
	g_cond_signal(&pool->changed);
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

/* 0; -1; 1: the child has gone. Asking, without the mutex. */
static int
ask_for_worker(struct ph_pool *pool, struct ph_worker *worker,
	       struct ph_err *err)
{
	int fds[2];
	int32_t failed = 0;
	int r;

	if (pool->pid == 0 && start_child(pool, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return ph_err_set(err, PH_ERR_TEMP, "socketpair: %s",
				  g_strerror(errno));
	worker->fd = fds[0];
	r = ask_child(pool, PH_CHILD_START, worker->id, fds[1], &failed);
	close(fds[1]);
	if (r < 0)
		return 1;
	return failed == 0 ? 0
			   : ph_err_set(err, PH_ERR_TEMP, "fork: %s",
					g_strerror(failed));
}

/* Has it begun? It says so, or why not, unless the child did not make it. The
 * same. */
static int
fork_worker(struct ph_pool *pool, struct ph_worker *worker, struct ph_err *err)
{
	bool fresh = pool->pid == 0;
	int r = ask_for_worker(pool, worker, err);

	/* One that has gone since it was asked last says nothing about the
	 * next. */
	if (r == 1 && !fresh) {
		close(worker->fd);
		worker->fd = -1;
		r = ask_for_worker(pool, worker, err);
	}
	/* What it wrote last may say why it has gone. */
	return MIN(r, 0);
}

/* With the mutex, which others have meanwhile. */
static int
fork_and_greet(struct ph_pool *pool, struct ph_worker *worker,
	       struct ph_err *err)
{
	int r;

	if (pool->pid == 0 && ph_clock_mono() < pool->not_before) {
		end_asking(pool);
		return ph_err_set(err, PH_ERR_TEMP, "%s", pool->why);
	}
	g_mutex_unlock(&pool->mutex);
	r = fork_worker(pool, worker, err);
	g_mutex_lock(&pool->mutex);
	end_asking(pool);
	if (r == 0) {
		g_mutex_unlock(&pool->mutex);
		r = read_hello(worker, ph_clock_mono() + CHILD_MS, err);
		g_mutex_lock(&pool->mutex);
	}
	if (r < 0) {
		note_failure(pool, err);
		return -1;
	}
	g_clear_pointer(&pool->why, g_free);
	pool->not_before = 0;
	return 0;
}

/* With the mutex. */
static bool
may_start(const struct ph_pool *pool)
{
	return !pool->asking && pool->running < pool->options->workers;
}

/* With the mutex, which others have meanwhile; where one may be started. */
static struct ph_worker *
start_worker(struct ph_pool *pool, struct ph_err *err)
{
	struct ph_worker *worker = g_new0(struct ph_worker, 1);

	worker->fd = -1;
	worker->id = ++pool->last_id;
	pool->running++;
	begin_asking(pool);
	if (fork_and_greet(pool, worker, err) == 0)
		return worker;
	if (worker->fd >= 0)
		close(worker->fd);
	g_free(worker);
	pool->running--;
	g_cond_signal(&pool->changed);
	return NULL;
}

/* With the mutex. One that nobody has asked has nothing to say: it has gone, or
 * it lies. */
static struct ph_worker *
take_idle(struct ph_pool *pool)
{
	struct ph_worker *worker;

	while ((worker = g_queue_pop_tail(&pool->idle)) != NULL &&
	       ph_pool_wait(worker->fd, 0) != 0)
		forget_worker(pool, worker);
	return worker;
}

static void
say_what_was_late(const struct ph_pool *pool, struct ph_err *err)
{
	ph_err_set(err, PH_ERR_TEMP,
		   pool->running < pool->options->workers
		       ? "no worker was started in time"
		       : "no worker was free in time");
}

struct ph_worker *
ph_pool_take(struct ph_pool *pool, int64_t deadline, struct ph_err *err)
{
	struct ph_worker *worker;
	bool in_time = true;

	g_mutex_lock(&pool->mutex);
	while ((worker = take_idle(pool)) == NULL && !may_start(pool) &&
	       in_time)
		in_time = g_cond_wait_until(&pool->changed, &pool->mutex,
					    deadline * 1000);
	if (worker == NULL && may_start(pool))
		worker = start_worker(pool, err);
	else if (worker == NULL)
		say_what_was_late(pool, err);
	g_mutex_unlock(&pool->mutex);
	return worker;
}

int
ph_pool_end(struct ph_pool *pool, struct ph_worker *worker)
{
	int32_t status = -1;

	close(worker->fd);
	g_mutex_lock(&pool->mutex);
	begin_asking(pool);
	if (pool->pid != 0) {
		g_mutex_unlock(&pool->mutex);
		ask_child(pool, PH_CHILD_END, worker->id, -1, &status);
		g_mutex_lock(&pool->mutex);
	}
	end_asking(pool);
	pool->running--;
	g_cond_signal(&pool->changed);
	g_mutex_unlock(&pool->mutex);
	g_free(worker);
	return status;
}

void
ph_pool_put(struct ph_pool *pool, struct ph_worker *worker)
{
	bool spent = ++worker->served >= pool->options->messages ||
		     worker->cpu >= pool->options->timeout;

	g_mutex_lock(&pool->mutex);
	if (spent) {
		forget_worker(pool, worker);
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
	g_cond_init(&pool->asked);
	g_queue_init(&pool->idle);
	return pool;
}

void
ph_pool_free(struct ph_pool **poolp)
{
	struct ph_pool *pool = g_steal_pointer(poolp);
	struct ph_worker *worker;

	while ((worker = g_queue_pop_tail(&pool->idle)) != NULL)
		forget_worker(pool, worker);
	g_assert(pool->running == 0);
	drop_child(pool);
	g_free(pool->why);
	g_mutex_clear(&pool->mutex);
	g_cond_clear(&pool->changed);
	g_cond_clear(&pool->asked);
	g_free(pool);
}
