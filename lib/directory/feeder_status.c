#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/directory/feeder_private.h"

#include <string.h>

/* An import changes it with each batch. */
#define SHOW_MS 500
#define ERROR_LIMIT 1000

void
ph_feeder_status(struct ph_feeder *feeder, struct ph_directory_status *status_r)
{
	g_mutex_lock(&feeder->lock);
	*status_r = feeder->status;
	g_mutex_unlock(&feeder->lock);
}

void
ph_feeder_tell(struct ph_feeder *feeder, bool connected, const char *reason)
{
	struct ph_directory_status *status = &feeder->status;
	bool changed;

	g_mutex_lock(&feeder->lock);
	changed = strncmp(status->reason, reason, sizeof status->reason - 1);
	if (status->connected != connected)
		status->since = ph_clock_wall();
	feeder->dirty |= changed || status->connected != connected;
	status->connected = connected;
	g_strlcpy(status->reason, reason, sizeof status->reason);
	g_mutex_unlock(&feeder->lock);
	if (changed && *reason != '\0')
		ph_warn("directory: the file stays as it is: %s", reason);
	else if (changed)
		ph_info("directory: the file follows Redis again");
}

/* ---- what the file holds ------------------------------------------------- */

struct content {
	struct ph_dirfile_counts counts;
	bool complete;
};

static int
get_content(struct ph_dirwrite *write, struct content *content_r,
	    struct ph_err *err)
{
	g_autofree char *complete = NULL;

	if (ph_dirwrite_counts(write, &content_r->counts, err) < 0 ||
	    ph_dirwrite_info(write, "complete", &complete, err) < 0)
		return -1;
	content_r->complete = *complete != '\0';
	return 0;
}

static void
publish(struct ph_feeder *feeder, const struct content *content)
{
	g_mutex_lock(&feeder->lock);
	feeder->status.entries = content->counts.entries;
	feeder->status.errors = content->counts.errors;
	feeder->status.complete = content->complete;
	g_mutex_unlock(&feeder->lock);
	feeder->dirty = true;
}

int
ph_feeder_count(struct ph_feeder *feeder, struct ph_dirwrite *write,
		struct ph_err *err)
{
	struct content content;

	if (get_content(write, &content, err) < 0)
		return -1;
	publish(feeder, &content);
	return 0;
}

int
ph_feeder_commit(struct ph_feeder *feeder, struct ph_dirwrite **write,
		 struct ph_err *err)
{
	struct content content;

	if (get_content(*write, &content, err) < 0 ||
	    ph_dirwrite_commit(write, err) < 0)
		return -1;
	publish(feeder, &content);
	return 0;
}

/* ---- the status file ---------------------------------------------------- */

static void
add_error(const char *name, const char *text, bool kept, void *data)
{
	g_autofree char *key = g_strconcat("recipient:", name, NULL);

	json_array_append_new(data, ph_directory_status_error(key, text, kept));
}

static json_t *
json_errors(struct ph_feeder *feeder)
{
	json_t *errors = json_array();
	struct ph_dirwrite *write = NULL;

	if (ph_dirwrite_begin(feeder->file, &write, NULL) == 0)
		(void)ph_dirwrite_errors(write, ERROR_LIMIT, add_error, errors,
					 NULL);
	ph_dirwrite_abort(&write);
	return errors;
}

void
ph_feeder_show(struct ph_feeder *feeder)
{
	const int64_t now = ph_clock_mono();
	struct ph_directory_status status;

	if (!feeder->dirty ||
	    (feeder->shown_at != 0 && now - feeder->shown_at < SHOW_MS))
		return;
	feeder->dirty = false;
	feeder->shown_at = now;
	ph_feeder_status(feeder, &status);
	ph_directory_status_write(feeder->status_path, &status,
				  json_errors(feeder));
}
