#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/state/state_private.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

enum {
	SAVE_PAUSE = 200,   /* ms between two */
	RETRY_PAUSE = 5000, /* ms after a failure */
	STATUS_MODE = 0644,
};

/* What is to be written; NULL: nothing. */
struct work {
	struct ph_snapshot *snapshot;
	char *status;
};

struct ph_saver {
	char *snapshot_path;
	char *status_path;
	GThread *thread;

	GMutex mutex;
	GCond changed;
	struct work work;
	bool stop;

	bool failing; /* the thread's own: logged once */
};

static bool
work_empty(const struct work *work)
{
	return work->snapshot == NULL && work->status == NULL;
}

static int
write_work(const struct ph_saver *saver, struct work *work, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;

	if (work->status != NULL &&
	    !g_file_set_contents_full(saver->status_path, work->status, -1,
				      G_FILE_SET_CONTENTS_CONSISTENT,
				      STATUS_MODE, &error))
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	g_clear_pointer(&work->status, g_free);
	if (work->snapshot != NULL &&
	    ph_snapshot_save(work->snapshot, saver->snapshot_path, err) != 0)
		return -1;
	ph_snapshot_unref(&work->snapshot);
	return 0;
}

static void
report(struct ph_saver *saver, int r, const struct ph_err *err)
{
	if (r != 0 && !saver->failing)
		ph_warn("%s; a restart without Redis would find an older "
			"state or none",
			err->text);
	else if (r == 0 && saver->failing)
		ph_info("%s: written again", saver->snapshot_path);
	saver->failing = r != 0;
}

/* What could not be written goes back, unless there is newer. */
static void
give_back(struct ph_saver *saver, struct work *work)
{
	if (saver->work.snapshot == NULL)
		saver->work.snapshot = g_steal_pointer(&work->snapshot);
	if (saver->work.status == NULL)
		saver->work.status = g_steal_pointer(&work->status);
	ph_snapshot_unref(&work->snapshot);
	g_free(work->status);
}

static void
pause_locked(struct ph_saver *saver, int64_t ms)
{
	const int64_t end = g_get_monotonic_time() + ms * 1000;

	while (!saver->stop &&
	       g_cond_wait_until(&saver->changed, &saver->mutex, end))
		;
}

static void *
saver_main(void *data)
{
	struct ph_saver *saver = data;

	g_mutex_lock(&saver->mutex);
	for (;;) {
		struct work work;
		struct ph_err err = PH_ERR_INIT;
		bool last;
		int r;

		while (!saver->stop && work_empty(&saver->work))
			g_cond_wait(&saver->changed, &saver->mutex);
		last = saver->stop;
		work = saver->work;
		saver->work = (struct work){NULL, NULL};
		g_mutex_unlock(&saver->mutex);

		r = write_work(saver, &work, &err);
		report(saver, r, &err);

		g_mutex_lock(&saver->mutex);
		give_back(saver, &work);
		if (last)
			break;
		pause_locked(saver, r == 0 ? SAVE_PAUSE : RETRY_PAUSE);
	}
	g_mutex_unlock(&saver->mutex);
	return NULL;
}

struct ph_saver *
ph_saver_new(const char *snapshot_path, const char *status_path)
{
	struct ph_saver *saver = g_new0(struct ph_saver, 1);

	saver->snapshot_path = g_strdup(snapshot_path);
	saver->status_path = g_strdup(status_path);
	g_mutex_init(&saver->mutex);
	g_cond_init(&saver->changed);
	saver->thread = g_thread_new("state-save", saver_main, saver);
	return saver;
}

void
ph_saver_free(struct ph_saver **saver)
{
	struct ph_saver *s = *saver;

	if (s == NULL)
		return;
	g_mutex_lock(&s->mutex);
	s->stop = true;
	g_cond_signal(&s->changed);
	g_mutex_unlock(&s->mutex);
	g_thread_join(s->thread);
	ph_snapshot_unref(&s->work.snapshot);
	g_free(s->work.status);
	g_mutex_clear(&s->mutex);
	g_cond_clear(&s->changed);
	g_free(s->snapshot_path);
	g_free(s->status_path);
	g_free(s);
	*saver = NULL;
}

void
ph_saver_snapshot(struct ph_saver *saver, const struct ph_snapshot *snapshot)
{
	g_mutex_lock(&saver->mutex);
	ph_snapshot_unref(&saver->work.snapshot);
	saver->work.snapshot = ph_snapshot_ref(snapshot);
	g_cond_signal(&saver->changed);
	g_mutex_unlock(&saver->mutex);
}

void
ph_saver_status(struct ph_saver *saver, char *json)
{
	g_mutex_lock(&saver->mutex);
	g_free(saver->work.status);
	saver->work.status = json;
	g_cond_signal(&saver->changed);
	g_mutex_unlock(&saver->mutex);
}

/* A key may hold any byte; JSON may not. */
static json_t *
json_text(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	return json_string(valid);
}

static json_t *
json_errors(const struct ph_snapshot *snapshot)
{
	const struct ph_snapshot_error *errors = NULL;
	const size_t n =
	    snapshot != NULL ? ph_snapshot_errors(snapshot, &errors) : 0;
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
		    list, json_pack("{s:o, s:o, s:b}", "key",
				    json_text(errors[i].key), "text",
				    json_text(errors[i].text), "kept",
				    (int)errors[i].kept));
	return list;
}

char *
ph_state_status_json(const char *program, const struct ph_state_status *status,
		     const struct ph_snapshot *snapshot)
{
	char since[PH_DATE_TEXT];
	char updated[PH_DATE_TEXT];
	json_t *root;
	char *dumped;
	char *text;

	ph_format_date(status->since, since, sizeof(since));
	ph_format_date(ph_clock_wall(), updated, sizeof(updated));
	root = json_pack("{s:s, s:I, s:b, s:s, s:b, s:o, s:I, s:o, s:s}",
			 "program", program, "pid", (json_int_t)getpid(),
			 "connected", (int)status->connected, "since", since,
			 "refused", (int)status->refused, "reason",
			 json_text(status->reason), "generation",
			 (json_int_t)status->generation, "errors",
			 json_errors(snapshot), "updated", updated);
	g_assert(root != NULL);
	dumped = json_dumps(root, JSON_INDENT(2));
	text = g_strconcat(dumped, "\n", NULL);
	free(dumped);
	json_decref(root);
	return text;
}
