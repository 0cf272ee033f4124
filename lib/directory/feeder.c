#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/directory/feeder_private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* How often the file, the state's verdict and the watch are looked at. */
#define NICE 10
#define TICK_MS 500
/* After a refusal everything is read again when the state's verdict changes,
 * or after this time: somebody may have put the recipients back. */
#define REFUSED_MS 60000
#define CLEAN_MS 10000
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 5000

static bool
stopping(struct ph_feeder *feeder)
{
	return g_atomic_int_get(&feeder->stopping) != 0;
}

/* ---- the file ----------------------------------------------------------- */

int
ph_feeder_remember(struct ph_feeder *feeder, struct ph_dirwrite *write,
		   struct ph_err *err)
{
	struct ph_feeder_verdict recorded = {NULL, NULL};

	if (ph_dirwrite_info(write, "organization", &recorded.organization,
			     err) < 0 ||
	    ph_dirwrite_info(write, "adopted", &recorded.adopted, err) < 0) {
		ph_feeder_verdict_clear(&recorded);
		return -1;
	}
	ph_feeder_verdict_clear(&feeder->recorded);
	feeder->recorded = recorded;
	return 0;
}

static int
look_at_file(struct ph_feeder *feeder, struct ph_err *err)
{
	struct ph_dirwrite *write = NULL;
	int r;

	if (ph_dirwrite_begin(feeder->file, &write, err) < 0)
		return -1;
	r = ph_feeder_remember(feeder, write, err);
	if (r == 0)
		r = ph_feeder_count(feeder, write, err);
	ph_dirwrite_abort(&write);
	return r;
}

/* Everything in the file is in Redis, too: until a new one is filled the answer
 * is "cannot say". */
static int
open_file(struct ph_feeder *feeder, struct ph_err *err)
{
	if (ph_dirfile_begin(feeder->file, err) < 0)
		return -1;
	return look_at_file(feeder, err);
}

/* ---- following Redis ---------------------------------------------------- */

int
ph_feeder_listen(struct ph_feeder *feeder, int64_t timeout_ms,
		 struct ph_err *err)
{
	const char *skip = "recipient:";
	char **keys = NULL;
	int r = ph_redis_watch_wait(feeder->watch, timeout_ms, &keys, err);

	if (r <= 0)
		return r;
	if (keys == NULL)
		feeder->whole = true;
	for (size_t i = 0; keys != NULL && keys[i] != NULL; i++)
		if (g_str_has_prefix(keys[i], skip))
			g_hash_table_add(feeder->pending,
					 g_strdup(keys[i] + strlen(skip)));
	g_strfreev(keys);
	return 0;
}

/* After a refusal: is there any reason to read everything once more? */
static bool
is_due(struct ph_feeder *feeder)
{
	struct ph_feeder_verdict verdict;
	g_autofree char *in_force = NULL;

	if (feeder->refused == NULL ||
	    ph_clock_mono() - feeder->refused_at >= REFUSED_MS)
		return true;
	if (ph_feeder_gate(feeder, &verdict, NULL) == 1)
		in_force = g_strconcat(verdict.organization, "\n",
				       verdict.adopted, NULL);
	ph_feeder_verdict_clear(&verdict);
	return in_force != NULL && strcmp(in_force, feeder->refused) != 0;
}

/* What is in force is not what the file was filled from: it must become that,
 * or the next accident would be taken for what was adopted today. */
static bool
is_outdated(struct ph_feeder *feeder)
{
	struct ph_feeder_verdict verdict;
	bool outdated;

	outdated = ph_feeder_gate(feeder, &verdict, NULL) == 1 &&
		   (!ph_feeder_same_organization(
			verdict.organization, feeder->recorded.organization) ||
		    strcmp(verdict.adopted, feeder->recorded.adopted) != 0);
	ph_feeder_verdict_clear(&verdict);
	return outdated;
}

/* What is to be read now. 0, or -1: the session is over. */
static int
catch_up(struct ph_feeder *feeder, struct ph_err *err)
{
	bool refused;
	int r;

	feeder->whole = feeder->whole || is_outdated(feeder);
	/* What somebody changes is in force also while what is gone is not. */
	refused = feeder->whole && !is_due(feeder);
	if (feeder->whole && !refused)
		r = ph_feeder_read_all(feeder, err);
	else
		r = ph_feeder_read_pending(feeder, err);
	if (r < 0)
		return -1;
	if (r == 0)
		feeder->whole = true;
	/* What was to be read is to be found again by reading everything. */
	if (r == 0 && refused)
		g_clear_pointer(&feeder->refused, g_free);
	if (r == 0 || !refused)
		ph_feeder_tell(feeder, true, r == 1 ? "" : err->text);
	return 0;
}

static int
follow(struct ph_feeder *feeder, struct ph_err *err)
{
	while (!stopping(feeder)) {
		if (catch_up(feeder, err) < 0)
			return -1;
		ph_feeder_show(feeder);
		if (ph_feeder_listen(feeder, TICK_MS, err) < 0)
			return -1;
		if (ph_dirfile_lost(feeder->file))
			return ph_err_set(err, PH_ERR_TEMP,
					  "the file was removed, replaced or "
					  "damaged");
		if (ph_clock_mono() - feeder->cleaned_at >= CLEAN_MS) {
			ph_dirfile_clean(feeder->file);
			feeder->cleaned_at = ph_clock_mono();
		}
	}
	return 0;
}

/* From opening to the first thing that breaks. */
static int
run_session(struct ph_feeder *feeder, struct ph_err *err)
{
	const char *const prefixes[] = {feeder->prefix, NULL};
	int r;

	if (open_file(feeder, err) < 0 ||
	    ph_redis_watch_open(feeder->redis, prefixes, &feeder->watch, err) <
		0)
		return -1;
	ph_redis_watch_set_wake(feeder->watch, feeder->wake_fd);
	feeder->whole = true;
	g_clear_pointer(&feeder->refused, g_free);
	r = follow(feeder, err);
	ph_redis_watch_close(&feeder->watch);
	return r;
}

static void
wait_before_retry(struct ph_feeder *feeder, int64_t ms)
{
	struct pollfd fd = {.fd = feeder->wake_fd, .events = POLLIN};

	(void)poll(&fd, 1, (int)ms);
}

static void *
run(void *data)
{
	struct ph_feeder *feeder = data;
	int64_t pause = BACKOFF_MIN_MS;

	/* Who answers goes before who reads, when processors are few: in this
	 * process, and Redis. On Linux it is this thread's alone. */
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	while (!stopping(feeder)) {
		const int64_t started = ph_clock_mono();
		struct ph_err err = PH_ERR_INIT;

		if (run_session(feeder, &err) == 0 || stopping(feeder))
			break;
		ph_feeder_tell(feeder, false, err.text);
		ph_feeder_show(feeder);
		if (ph_clock_mono() - started > BACKOFF_MAX_MS)
			pause = BACKOFF_MIN_MS;
		wait_before_retry(feeder, pause);
		pause = MIN(pause * 2, BACKOFF_MAX_MS);
	}
	return NULL;
}

/* ---- start and stop ----------------------------------------------------- */

static void
feeder_free(struct ph_feeder *feeder)
{
	ph_dirfile_unref(&feeder->file);
	if (feeder->wake_fd >= 0)
		close(feeder->wake_fd);
	g_hash_table_destroy(feeder->pending);
	ph_feeder_verdict_clear(&feeder->recorded);
	g_free(feeder->refused);
	g_free(feeder->prefix);
	g_free(feeder->meta);
	g_free(feeder->status_path);
	g_mutex_clear(&feeder->lock);
	g_free(feeder);
}

int
ph_feeder_start(const struct ph_conf *conf, struct ph_state *state,
		struct ph_feeder **feeder_r, struct ph_err *err)
{
	const char *path = ph_conf_text(conf, "directory", "file");
	g_autofree char *directory = g_path_get_dirname(path);
	struct ph_feeder *feeder;

	if (g_mkdir_with_parents(directory, 0750) != 0)
		return ph_err_set(err, PH_ERR_PERM, "%s: %s", directory,
				  g_strerror(errno));
	feeder = g_new0(struct ph_feeder, 1);
	feeder->state = state;
	feeder->redis = ph_state_redis(state);
	feeder->file = ph_dirfile_new(
	    path, ph_conf_int(conf, "directory", "map_size"), true);
	feeder->prefix =
	    g_strconcat(ph_redis_prefix(feeder->redis), "recipient:", NULL);
	feeder->meta =
	    g_strconcat(ph_redis_prefix(feeder->redis), "meta", NULL);
	feeder->status_path = ph_directory_status_path(conf);
	feeder->status.since = ph_clock_wall();
	feeder->dirty = true;
	feeder->wake_fd = eventfd(0, EFD_CLOEXEC);
	feeder->pending =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_mutex_init(&feeder->lock);
	/* Before anything is served, so that a restart is not an outage. */
	if (open_file(feeder, err) < 0) {
		feeder_free(feeder);
		if (err != NULL)
			err->kind = PH_ERR_PERM;
		return -1;
	}
	feeder->thread = g_thread_new("feeder", run, feeder);
	*feeder_r = feeder;
	return 0;
}

void
ph_feeder_stop(struct ph_feeder **feeder)
{
	uint64_t one = 1;

	if (*feeder == NULL)
		return;
	g_atomic_int_set(&(*feeder)->stopping, 1);
	if (write((*feeder)->wake_fd, &one, sizeof one) != sizeof one)
		g_error("eventfd: %s", g_strerror(errno));
	g_thread_join((*feeder)->thread);
	feeder_free(*feeder);
	*feeder = NULL;
}

struct ph_directory *
ph_feeder_directory(struct ph_feeder *feeder)
{
	return ph_dirfile_directory(feeder->file);
}
