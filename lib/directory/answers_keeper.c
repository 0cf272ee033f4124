#include "lib/directory/answers_keeper.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/directory/status.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

/* Between two commits, each of which waits for the disk. */
#define PAUSE_MS 100
/* Answers in one commit, and those that may wait for one: more are dropped. */
#define BATCH 1000
#define QUEUE_LIMIT 10000
/* How often the file is looked at when there is nothing to write. */
#define TICK_MS 500
#define CLEAN_MS 10000
#define RETRY_MS 1000
/* No answer takes more than this part of the room. */
#define LARGEST_PART 8
/* Copies of pages that a commit needs, beside what is in use. */
#define MAP_PART 4
/* Removed at a time, at most. */
#define TRIM_STEP 1000

struct noted {
	char *address;
	struct ph_answer answer;
};

struct ph_keeper {
	struct ph_dirfile *file;
	char *path, *origin, *status_path;
	int64_t size;
	int64_t (*clock)(void);
	GThread *thread;

	GMutex lock;
	GCond wake;
	GQueue queue; /* struct noted */
	bool stopping;
	struct ph_directory_status status;
	bool dirty; /* the status file is not what it should be */

	/* The thread's own. */
	char *problem; /* what is wrong with the file; NULL: nothing */
	int64_t bytes; /* that answers take */
	int64_t opened_at, written_at, cleaned_at, shown_at;
};

static void
noted_free(void *data)
{
	struct noted *noted = data;

	ph_object_unref(&noted->answer.entry);
	g_free(noted->address);
	g_free(noted);
}

/* ---- what is shown ------------------------------------------------------ */

static void
set_problem(struct ph_keeper *keeper, const char *text)
{
	if (g_strcmp0(keeper->problem, text) == 0)
		return;
	if (text != NULL)
		ph_warn("directory: answers are not kept: %s", text);
	else
		ph_info("directory: answers are kept again");
	g_free(keeper->problem);
	keeper->problem = g_strdup(text);
	g_mutex_lock(&keeper->lock);
	keeper->dirty = true;
	g_mutex_unlock(&keeper->lock);
}

static void
publish(struct ph_keeper *keeper, const struct ph_answers_counts *counts)
{
	keeper->bytes = counts->bytes;
	g_mutex_lock(&keeper->lock);
	keeper->dirty |= keeper->status.entries != counts->answers;
	keeper->status.entries = counts->answers;
	g_mutex_unlock(&keeper->lock);
}

void
ph_keeper_tell(struct ph_keeper *keeper, const struct ph_err *why)
{
	struct ph_directory_status *status = &keeper->status;
	const char *reason = why != NULL ? why->text : "";

	g_mutex_lock(&keeper->lock);
	if (status->connected != (why == NULL)) {
		status->connected = why == NULL;
		status->since = keeper->clock();
		keeper->dirty = true;
	}
	keeper->dirty |=
	    strncmp(status->reason, reason, sizeof status->reason - 1) != 0;
	g_strlcpy(status->reason, reason, sizeof status->reason);
	g_mutex_unlock(&keeper->lock);
}

static void
show(struct ph_keeper *keeper)
{
	const int64_t now = ph_clock_mono();
	struct ph_directory_status status;
	json_t *errors;
	bool dirty;

	if (keeper->status_path == NULL ||
	    (keeper->shown_at != 0 && now - keeper->shown_at < TICK_MS))
		return;
	g_mutex_lock(&keeper->lock);
	dirty = keeper->dirty;
	keeper->dirty = false;
	status = keeper->status;
	g_mutex_unlock(&keeper->lock);
	if (!dirty)
		return;
	keeper->shown_at = now;
	errors = json_array();
	if (keeper->problem != NULL)
		json_array_append_new(
		    errors, ph_directory_status_error(keeper->path,
						      keeper->problem, false));
	ph_directory_status_write(keeper->status_path, &status, errors);
}

/* ---- the file ----------------------------------------------------------- */

/* Empties it when its answers are another source's. */
static int
claim(struct ph_keeper *keeper, struct ph_err *err)
{
	struct ph_answers_counts counts = {0};
	struct ph_dirwrite *write = NULL;
	int r;

	if (ph_dirwrite_begin(keeper->file, &write, err) < 0)
		return -1;
	r = ph_answers_claim(write, keeper->origin, err);
	if (r == 1)
		ph_info("directory: the answers in %s are from another server "
			"or by other settings: it is emptied",
			keeper->path);
	if (r < 0 || ph_answers_counts(write, &counts, err) < 0) {
		ph_dirwrite_abort(&write);
		return -1;
	}
	if (ph_dirwrite_commit(&write, err) < 0)
		return -1;
	publish(keeper, &counts);
	return 0;
}

static int
open_file(struct ph_keeper *keeper, struct ph_err *err)
{
	g_autofree char *directory = g_path_get_dirname(keeper->path);

	if (g_mkdir_with_parents(directory, 0750) != 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", directory,
				  g_strerror(errno));
	if (ph_dirfile_begin(keeper->file, err) < 0)
		return -1;
	return claim(keeper, err);
}

/* false: there is none to write to now. */
static bool
keep_open(struct ph_keeper *keeper)
{
	const int64_t now = ph_clock_mono();
	struct ph_err why = PH_ERR_INIT;

	if (!ph_dirfile_lost(keeper->file))
		return true;
	if (keeper->opened_at != 0 && now - keeper->opened_at < RETRY_MS)
		return false;
	keeper->opened_at = now;
	if (open_file(keeper, &why) < 0) {
		set_problem(keeper, why.text);
		return false;
	}
	set_problem(keeper, NULL);
	return true;
}

/* ---- writing ------------------------------------------------------------ */

static int
put_all(struct ph_keeper *keeper, struct ph_dirwrite *write,
	const GPtrArray *batch, struct ph_err *err)
{
	const size_t largest = (size_t)(keeper->size / LARGEST_PART);

	for (guint i = 0; i < batch->len; i++) {
		const struct noted *noted = batch->pdata[i];

		if (ph_answers_put(write, noted->address, &noted->answer,
				   largest, err) < 0 ||
		    ph_answers_trim(write, keeper->size, keeper->clock(),
				    TRIM_STEP, err) < 0)
			return -1;
	}
	return 0;
}

static int
write_all(struct ph_keeper *keeper, const GPtrArray *batch, int64_t size,
	  struct ph_err *err)
{
	struct ph_answers_counts counts = {0};
	struct ph_dirwrite *write = NULL;
	int r = ph_dirwrite_begin(keeper->file, &write, err);

	if (r == 0)
		r = put_all(keeper, write, batch, err);
	if (r == 0)
		r = ph_answers_trim(write, size, keeper->clock(), TRIM_STEP,
				    err);
	if (r == 0)
		r = ph_answers_counts(write, &counts, err);
	if (r < 0)
		ph_dirwrite_abort(&write);
	else
		r = ph_dirwrite_commit(&write, err);
	if (r == 0)
		publish(keeper, &counts);
	return r;
}

/* There is not even room for copies of the pages in use. First half of the
 * answers go, step by step. */
static int
drop_half(struct ph_keeper *keeper, struct ph_err *err)
{
	g_autoptr(GPtrArray) nothing = g_ptr_array_new();
	const int64_t half = keeper->bytes / 2;
	int r = 0;

	ph_warn("directory: %s is full; the oldest answers in it go",
		keeper->path);
	while (r == 0 && keeper->bytes > half)
		r = write_all(keeper, nothing, half, err);
	if (r == 0)
		ph_dirfile_has_room(keeper->file);
	return r;
}

/* Then all. */
static int
begin_anew(struct ph_keeper *keeper, struct ph_err *err)
{
	ph_warn("directory: %s is still full; moved aside, the file is made "
		"anew",
		keeper->path);
	if (ph_dirfile_discard(keeper->file, err) < 0)
		return -1;
	return open_file(keeper, err);
}

static void
store(struct ph_keeper *keeper, const GPtrArray *batch)
{
	static int (*const remedies[])(struct ph_keeper * keeper,
				       struct ph_err * err) = {drop_half,
							       begin_anew};
	struct ph_err why = PH_ERR_INIT;
	int r = write_all(keeper, batch, keeper->size, &why);

	for (size_t i = 0; i < G_N_ELEMENTS(remedies) && r < 0 &&
			   ph_dirfile_is_full(keeper->file);
	     i++)
		if (remedies[i](keeper, &why) == 0)
			r = write_all(keeper, batch, keeper->size, &why);
	keeper->written_at = ph_clock_mono();
	set_problem(keeper, r < 0 ? why.text : NULL);
}

/* ---- the thread --------------------------------------------------------- */

static bool
wait_until(struct ph_keeper *keeper, int64_t at)
{
	const int64_t left = at - ph_clock_mono();

	return left > 0 &&
	       g_cond_wait_until(&keeper->wake, &keeper->lock,
				 g_get_monotonic_time() + left * 1000);
}

/* What was noted, once there is something and the pause is over; or nothing,
 * after a while. */
static GPtrArray *
take_batch(struct ph_keeper *keeper, bool *stopping_r)
{
	const int64_t tick = ph_clock_mono() + TICK_MS;
	GPtrArray *batch = g_ptr_array_new_with_free_func(noted_free);

	g_mutex_lock(&keeper->lock);
	while (g_queue_is_empty(&keeper->queue) && !keeper->stopping &&
	       wait_until(keeper, tick))
		;
	while (!g_queue_is_empty(&keeper->queue) && !keeper->stopping &&
	       wait_until(keeper, keeper->written_at + PAUSE_MS))
		;
	while (batch->len < BATCH && !g_queue_is_empty(&keeper->queue))
		g_ptr_array_add(batch, g_queue_pop_head(&keeper->queue));
	*stopping_r = keeper->stopping && g_queue_is_empty(&keeper->queue);
	g_mutex_unlock(&keeper->lock);
	return batch;
}

static void *
run(void *data)
{
	struct ph_keeper *keeper = data;
	bool stopping = false;

	while (!stopping) {
		g_autoptr(GPtrArray) batch = take_batch(keeper, &stopping);
		const int64_t now = ph_clock_mono();

		if (keep_open(keeper) && batch->len > 0)
			store(keeper, batch);
		if (now - keeper->cleaned_at >= CLEAN_MS) {
			ph_dirfile_clean(keeper->file);
			keeper->cleaned_at = now;
		}
		show(keeper);
	}
	return NULL;
}

/* ---- for all threads ---------------------------------------------------- */

void
ph_keeper_note(struct ph_keeper *keeper, const char *address,
	       const struct ph_object *entry)
{
	struct noted *noted = g_new0(struct noted, 1);

	noted->address = g_strdup(address);
	noted->answer.entry = entry != NULL ? ph_object_ref(entry) : NULL;
	noted->answer.at = keeper->clock();
	g_mutex_lock(&keeper->lock);
	if (keeper->queue.length < QUEUE_LIMIT) {
		g_queue_push_tail(&keeper->queue, g_steal_pointer(&noted));
		g_cond_signal(&keeper->wake);
	}
	g_mutex_unlock(&keeper->lock);
	if (noted != NULL)
		noted_free(noted);
}

struct ph_dirfile *
ph_keeper_file(struct ph_keeper *keeper)
{
	return keeper->file;
}

struct ph_keeper *
ph_keeper_start(const struct ph_keeper_settings *settings)
{
	struct ph_keeper *keeper = g_new0(struct ph_keeper, 1);

	keeper->file = ph_answers_new(settings->path, settings->map_size, true);
	keeper->path = g_strdup(settings->path);
	keeper->origin = g_strdup(settings->origin);
	keeper->status_path = g_strdup(settings->status);
	keeper->size = MIN(settings->size, settings->map_size / MAP_PART);
	keeper->clock = settings->clock;
	keeper->status.since = keeper->clock();
	g_strlcpy(keeper->status.reason, "nothing was asked yet",
		  sizeof keeper->status.reason);
	keeper->dirty = true;
	g_mutex_init(&keeper->lock);
	g_cond_init(&keeper->wake);
	g_queue_init(&keeper->queue);
	(void)keep_open(keeper);
	show(keeper);
	keeper->thread = g_thread_new("answers", run, keeper);
	return keeper;
}

void
ph_keeper_stop(struct ph_keeper **keeper)
{
	struct ph_keeper *k = *keeper;

	*keeper = NULL;
	if (k == NULL)
		return;
	g_mutex_lock(&k->lock);
	k->stopping = true;
	g_cond_signal(&k->wake);
	g_mutex_unlock(&k->lock);
	g_thread_join(k->thread);
	g_queue_clear_full(&k->queue, noted_free);
	ph_dirfile_unref(&k->file);
	g_free(k->path);
	g_free(k->origin);
	g_free(k->status_path);
	g_free(k->problem);
	g_mutex_clear(&k->lock);
	g_cond_clear(&k->wake);
	g_free(k);
}
