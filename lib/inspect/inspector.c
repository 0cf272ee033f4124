#include "lib/inspect/inspector.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/inspect/child.h"
#include "lib/inspect/pool.h"
#include "lib/inspect/wire.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of one message; then the rest of its attachments is taken for lost. */
#define LOSSES 3

/* How a worker ended that should not have. */
enum loss {
	LOSS_CRASH,
	LOSS_MEMORY,
	LOSS_TIME,
	LOSS_FORBIDDEN,
	LOSS_MALFORMED,
	LOSS_KINDS
};

static const struct {
	const char *why;
	size_t count; /* in the counts */
} losses[LOSS_KINDS] = {
#define COUNT(member) offsetof(struct ph_inspector_counts, member)
    [LOSS_CRASH] = {"the worker crashed", COUNT(crashed)},
    [LOSS_MEMORY] = {"it takes too much memory", COUNT(out_of_memory)},
    [LOSS_TIME] = {"it takes too long", COUNT(timed_out)},
    [LOSS_FORBIDDEN] = {"the worker did what it may not", COUNT(forbidden)},
    [LOSS_MALFORMED] = {"the worker's answer is malformed", COUNT(malformed)},
};

struct ph_inspector {
	struct ph_inspector_options options;
	struct ph_pool *pool;
	GMutex mutex;
	struct ph_inspector_counts counts; /* guarded by mutex */
	unsigned layers;		   /* the same */
};

/* A message that is with workers. */
struct run {
	struct ph_inspector *inspector;
	struct ph_inspected *results;
	uint32_t n;
	uint32_t next;	  /* the attachment that comes next */
	bool begun;	  /* the worker is at it */
	uint64_t room;	  /* bytes that answers may still have */
	uint64_t entries; /* and files */
	int64_t deadline;
	GByteArray *answer; /* what is not parsed yet */
	bool started;	    /* a worker was there: the deadline is its */
	int losses, gone; /* workers, by what they did, and with their child */
};

static void
count(struct ph_inspector *inspector, size_t at, uint64_t n)
{
	g_mutex_lock(&inspector->mutex);
	*(uint64_t *)(void *)((char *)&inspector->counts + at) += n;
	g_mutex_unlock(&inspector->mutex);
}

/* ---- records ------------------------------------------------------------- */

static bool
take_file(struct run *run, struct ph_record *record)
{
	if (!run->begun || run->entries == 0) {
		ph_walked_free(record->walked);
		return false;
	}
	run->entries--;
	count(run->inspector, COUNT(files), 1);
	if ((record->walked->flags & PH_WALKED_LIMIT) != 0)
		count(run->inspector, COUNT(limits), 1);
	g_ptr_array_add(run->results[run->next].files, record->walked);
	return true;
}

static bool
end_part(struct run *run, uint32_t number)
{
	struct ph_inspected *result;
	const struct ph_walked *last;

	if (!run->begun || number != run->next)
		return false;
	result = &run->results[run->next];
	if (result->files->len == 0)
		return false;
	last = result->files->pdata[result->files->len - 1];
	if (last->depth != 0)
		return false;
	result->state = PH_INSPECTED_DONE;
	run->begun = false;
	run->next++;
	return true;
}

/* 1: that was all. 0: more to come. -1: out of order. */
static int
take_record(struct run *run, struct ph_worker *worker, struct ph_record *record)
{
	bool good = false;

	switch (record->kind) {
	case PH_RECORD_BEGIN:
		good = !run->begun && record->number == run->next &&
		       run->next < run->n;
		run->begun = good;
		break;
	case PH_RECORD_FILE:
		good = take_file(run, record);
		break;
	case PH_RECORD_END:
		good = end_part(run, record->number);
		break;
	case PH_RECORD_DONE:
		worker->cpu = record->number;
		return run->next == run->n ? 1 : -1;
	case PH_RECORD_FAILED:
		g_free(record->text);
		break;
	case PH_RECORD_HELLO:
	case PH_RECORDS:
		break;
	}
	return good ? 0 : -1;
}

/* All records that are whole. As take_record. */
static int
take_records(struct run *run, struct ph_worker *worker)
{
	size_t at = 0, used = 0;
	int r = 0;

	while (r == 0 && at < run->answer->len) {
		struct ph_record record;

		r = ph_record_parse(
		    run->answer->data + at, run->answer->len - at,
		    &run->inspector->options.limits, &record, &used, NULL);
		if (r == 0)
			break;
		if (r == 1)
			r = take_record(run, worker, &record);
		at += used;
	}
	/* Nothing follows the end. */
	if (r == 1 && at < run->answer->len)
		r = -1;
	if (r == 0)
		g_byte_array_remove_range(run->answer, 0, (guint)at);
	return r;
}

/* 1: all attachments are done. 0: the worker has ended. -1: *loss_r. */
static int
read_answer(struct run *run, struct ph_worker *worker, enum loss *loss_r)
{
	uint8_t bytes[65536];
	int r;

	g_byte_array_set_size(run->answer, 0);
	do {
		ssize_t n;

		r = ph_pool_wait(worker->fd, run->deadline);
		*loss_r = LOSS_TIME;
		if (r <= 0)
			return -1;
		n = recv(worker->fd, bytes, sizeof bytes, 0);
		if (n <= 0)
			return 0;
		*loss_r = LOSS_MALFORMED;
		if ((uint64_t)n > run->room)
			return -1;
		run->room -= (uint64_t)n;
		g_byte_array_append(run->answer, bytes, (guint)n);
		r = take_records(run, worker);
	} while (r == 0);
	return r;
}

/* ---- workers that are lost ----------------------------------------------- */

static enum loss
loss_of_status(int status)
{
	if (status < 0 || !WIFSIGNALED(status))
		return LOSS_CRASH;
	switch (WTERMSIG(status)) {
	case SIGSYS:
		return LOSS_FORBIDDEN;
	case SIGTRAP: /* GLib without memory */
	case SIGABRT:
		return LOSS_MEMORY;
	default:
		return LOSS_CRASH;
	}
}

static void
lose(struct ph_inspected *result, const char *why)
{
	result->state = PH_INSPECTED_LOST;
	g_free(result->why);
	result->why = g_strdup(why);
}

/* The attachment that it was at is lost. A worker that was at none has ended
 * for reasons of its own, and another one begins there. */
static void
note_loss(struct run *run, enum loss loss, int status)
{
	struct ph_inspector *inspector = run->inspector;
	const char *by = "";
	struct ph_inspector_counts c;

	count(inspector, losses[loss].count, 1);
	ph_inspector_counts(inspector, &c);
	if (status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		by = strsignal(WTERMSIG(status));
	ph_warn("inspection: attachment %u: %s%s%s%s; so far %" G_GUINT64_FORMAT
		" in %" G_GUINT64_FORMAT " messages",
		run->next + 1, losses[loss].why, *by != '\0' ? " (" : "", by,
		*by != '\0' ? ")" : "",
		c.crashed + c.out_of_memory + c.timed_out + c.forbidden +
		    c.malformed,
		c.messages);
	/* What it said last of the one that it lied about. */
	if (run->begun && loss == LOSS_MALFORMED)
		g_ptr_array_set_size(run->results[run->next].files, 0);
	/* It may have told of all, and not have said that this was all. */
	if (run->next < run->n && (run->begun || loss == LOSS_TIME))
		lose(&run->results[run->next++], losses[loss].why);
	run->begun = false;
	/* The time is that of the whole message. */
	while (loss == LOSS_TIME && run->next < run->n)
		lose(&run->results[run->next++], losses[loss].why);
}

/* It went with the child, whatever it was at. */
static void
begin_again(struct run *run)
{
	if (run->begun)
		g_ptr_array_set_size(run->results[run->next].files, 0);
	run->begun = false;
	run->gone++;
}

static bool
send_request(const struct ph_worker *worker, uint32_t first, int request)
{
	const struct ph_request_call call = {PH_REQUEST_MAGIC, first};

	return ph_fd_send(worker->fd, &call, sizeof call, request) ==
	       sizeof call;
}

/* False: nobody can be asked. */
static bool
ask_worker(struct run *run, int request, struct ph_err *err)
{
	struct ph_worker *worker =
	    ph_pool_take(run->inspector->pool, run->deadline, err);
	const struct ph_walk_limits *limits = &run->inspector->options.limits;
	enum loss loss = LOSS_CRASH;
	int r = 0, status;

	if (worker == NULL)
		return false;
	/* That others were before it costs a message nothing. */
	if (!run->started)
		run->deadline =
		    ph_clock_mono() + run->inspector->options.timeout;
	run->started = true;
	run->room = limits->texts +
		    ((uint64_t)limits->entries + run->n) * 6 * PH_WALKED_TEXT +
		    PH_RECORD_SIZE;
	run->entries = (uint64_t)limits->entries + run->n;
	g_mutex_lock(&run->inspector->mutex);
	run->inspector->layers = worker->layers;
	g_mutex_unlock(&run->inspector->mutex);
	if (send_request(worker, run->next, request))
		r = read_answer(run, worker, &loss);
	if (r == 1) {
		ph_pool_put(run->inspector->pool, worker);
		return true;
	}
	status = ph_pool_end(run->inspector->pool, worker);
	if (r == 0 && status == -1) {
		begin_again(run);
		return true;
	}
	if (r == 0)
		loss = loss_of_status(status);
	run->losses++;
	note_loss(run, loss, status);
	return true;
}

static void
give_up(struct run *run, enum ph_inspected_state state, const char *why)
{
	for (; run->next < run->n; run->next++) {
		lose(&run->results[run->next], why);
		run->results[run->next].state = state;
	}
}

static void
run_all(struct run *run, int request)
{
	struct ph_err err = PH_ERR_INIT;

	while (run->next < run->n) {
		if (run->losses == LOSSES) {
			give_up(run, PH_INSPECTED_LOST,
				"too many attachments that workers are lost "
				"at");
			return;
		}
		if (run->gone == LOSSES) {
			give_up(run, PH_INSPECTED_NOT,
				"workers are ended by somebody else");
			return;
		}
		if (!ask_worker(run, request, &err)) {
			count(run->inspector, COUNT(unavailable), 1);
			give_up(run, PH_INSPECTED_NOT, err.text);
			return;
		}
	}
}

/* request: -1, and *err says why. */
static struct ph_inspected *
run_request(struct ph_inspector *inspector, int request, uint32_t n,
	    const struct ph_err *err)
{
	struct run run = {
	    .inspector = inspector,
	    .results = g_new0(struct ph_inspected, n),
	    .n = n,
	    .deadline = ph_clock_mono() + inspector->options.timeout,
	    .answer = g_byte_array_new(),
	};

	count(inspector, COUNT(messages), 1);
	for (uint32_t i = 0; i < n; i++)
		run.results[i].files =
		    g_ptr_array_new_with_free_func(ph_walked_free);
	if (request < 0) {
		give_up(&run, PH_INSPECTED_NOT, err->text);
	} else {
		run_all(&run, request);
		close(request);
	}
	g_byte_array_unref(run.answer);
	return run.results;
}

struct ph_inspected *
ph_inspector_run(struct ph_inspector *inspector,
		 const struct ph_walk_source *parts, uint32_t n)
{
	struct ph_err err = PH_ERR_INIT;
	int request =
	    ph_request_new(&inspector->options.limits, parts, n, &err);

	return run_request(inspector, request, n, &err);
}

/* All attachments are in memory twice for as short a time as possible. */
struct ph_inspected *
ph_inspector_run_content(struct ph_inspector *inspector,
			 const struct ph_content *content, uint32_t *n_r)
{
	size_t n;
	const struct ph_part *parts = ph_content_parts(content, &n);
	g_autofree struct ph_walk_source *sources =
	    g_new0(struct ph_walk_source, n + 1);
	struct ph_err err = PH_ERR_INIT;
	int request;

	*n_r = 0;
	for (size_t i = 0; i < n; i++)
		if (parts[i].attachment)
			sources[(*n_r)++] = (struct ph_walk_source){
			    .name = parts[i].name,
			    .declared = parts[i].type,
			    .charset = parts[i].charset,
			    .data = ph_content_part_data(&parts[i]),
			    .size = (size_t)parts[i].size,
			    .message = parts[i].message,
			};
	if (*n_r == 0)
		return NULL;
	request =
	    ph_request_new(&inspector->options.limits, sources, *n_r, &err);
	for (size_t i = 0; i < n; i++)
		if (parts[i].attachment)
			ph_content_part_forget(&parts[i]);
	return run_request(inspector, request, *n_r, &err);
}

void
ph_inspected_free(struct ph_inspected *results, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		g_ptr_array_unref(results[i].files);
		g_free(results[i].why);
	}
	g_free(results);
}

/* ---- life ---------------------------------------------------------------- */

void
ph_inspector_options_read(const struct ph_conf *conf,
			  struct ph_inspector_options *options_r)
{
	static const char *const child[] = {"/proc/self/exe", PH_INSPECT_SWITCH,
					    NULL};

#define NUMBER(name) ph_conf_int(conf, "inspect", name)
	*options_r = (struct ph_inspector_options){
	    .child = child,
	    .user = ph_conf_text(conf, "inspect", "user"),
	    .workers = (uint32_t)NUMBER("workers"),
	    .messages = (uint32_t)NUMBER("messages"),
	    .timeout = NUMBER("timeout"),
	    .memory = (uint64_t)NUMBER("memory"),
	    .limits = {.depth = (uint32_t)NUMBER("depth"),
		       .entries = (uint32_t)NUMBER("files"),
		       .size = (uint64_t)NUMBER("unpacked"),
		       .ratio = (uint32_t)NUMBER("ratio"),
		       .text = (uint64_t)NUMBER("text")},
	};
#undef NUMBER
}

struct ph_inspector *
ph_inspector_start(const struct ph_inspector_options *options)
{
	struct ph_inspector *inspector = g_new0(struct ph_inspector, 1);
	struct ph_err err = PH_ERR_INIT;
	struct ph_worker *worker;

	ph_memory_give_back();
	inspector->options = *options;
	ph_walk_limits_fill(&inspector->options.limits);
	g_mutex_init(&inspector->mutex);
	inspector->pool = ph_pool_new(&inspector->options);
	/* The first one shows whether it can be done here. */
	worker = ph_pool_take(inspector->pool, INT64_MAX / 2000, &err);
	if (worker != NULL) {
		inspector->layers = worker->layers;
		ph_pool_put(inspector->pool, worker);
	}
	return inspector;
}

void
ph_inspector_stop(struct ph_inspector **inspectorp)
{
	struct ph_inspector *inspector = g_steal_pointer(inspectorp);

	if (inspector == NULL)
		return;
	ph_pool_free(&inspector->pool);
	g_mutex_clear(&inspector->mutex);
	g_free(inspector);
}

void
ph_inspector_counts(struct ph_inspector *inspector,
		    struct ph_inspector_counts *counts_r)
{
	g_mutex_lock(&inspector->mutex);
	*counts_r = inspector->counts;
	g_mutex_unlock(&inspector->mutex);
}

unsigned
ph_inspector_layers(struct ph_inspector *inspector)
{
	unsigned layers;

	g_mutex_lock(&inspector->mutex);
	layers = inspector->layers;
	g_mutex_unlock(&inspector->mutex);
	return layers;
}

void
ph_inspector_report(struct ph_inspector *inspector)
{
	unsigned layers = ph_inspector_layers(inspector);
	g_autofree char *has = ph_sandbox_names(layers);
	g_autofree char *lacks = ph_sandbox_names(PH_SANDBOX_ALL & ~layers);

	/* Why there is none has been said. */
	if (layers == 0)
		return;
	if (*lacks == '\0')
		ph_info("attachments are inspected in a sandbox: %s", has);
	else
		ph_warn("attachments are inspected in a sandbox: %s; this "
			"machine does not allow: %s",
			has, lacks);
}
