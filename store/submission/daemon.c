#include "store/submission/daemon.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/ticker.h"
#include "lib/health/watcher.h"
#include "lib/routing/topology.h"
#include "lib/state/state.h"
#include "store/mailbox/concurrency.h"
#include "store/mailbox/path.h"
#include "store/mailbox/place.h"
#include "store/submission/imap_conf.h"
#include "store/submission/item.h"
#include "store/submission/queue.h"
#include "store/submission/watch.h"
#include "store/submission/watch_imap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	HOUSE_MS = 500,
	EXPIRE_MS = 10 * 60 * 1000,
};

struct app {
	const struct ph_conf *conf;
	struct ph_state *state;
	struct ph_directory *directory;
	struct ph_track_log *log;
	struct ph_queue *queue;
	struct ph_watch *watch;
	struct ph_watch_imap *watch_imap;
	struct ph_imap_server imap;
	struct ph_health_watch *health;
	struct ph_submission submission;
	char *root;
	gsize next_id;
	struct ph_perms_rule *owners;
	struct ph_ticker *housekeeper;
	int64_t concurrency; /* the setting */
	int64_t next_expire; /* the housekeeper's alone */
};

static struct ph_snapshot *
take_snapshot(void *context)
{
	struct app *app = context;

	return ph_state_take(app->state);
}

static struct ph_health *
submission_health(void *context)
{
	struct app *app = context;

	return ph_health_watch_take(app->health);
}

static int64_t
run_item(void *context, const struct ph_box_name *name, const char *part,
	 const char *file)
{
	const struct app *app = context;

	return ph_item_run(&app->submission, name, part, file);
}

/* ---- housekeeping ------------------------------------------------------ */

static int
queue_size(struct app *app)
{
	struct ph_snapshot *snapshot = ph_state_take(app->state);
	int64_t n = ph_mailbox_concurrency(snapshot, app->submission.server,
					   "MaxConcurrentMailboxSubmissions",
					   app->concurrency);

	ph_snapshot_unref(&snapshot);
	return (int)n;
}

static void
keep_house(void *context)
{
	struct app *app = context;

	ph_queue_resize(app->queue, queue_size(app));
	if (ph_clock_mono() < app->next_expire)
		return;
	ph_track_log_tidy(app->log, app->conf);
	app->next_expire = ph_clock_mono() + EXPIRE_MS;
}

/* ---- start and stop ---------------------------------------------------- */

/* The store driver may not have made it yet. */
static int
open_root(struct app *app, struct ph_err *err)
{
	int imap = ph_imap_server_read(app->conf, &app->imap, err);
	int fd;

	if (imap < 0)
		return -1;
	if (imap == 1)
		app->submission.imap = &app->imap;
	app->root =
	    imap == 1 ? g_build_filename(
			    ph_conf_text(app->conf, "server", "state_dir"),
			    "outbox", NULL)
		      : g_strdup(ph_conf_text(app->conf, "delivery", "store"));
	app->submission.root = app->root;
	if (g_mkdir_with_parents(app->root, 0700) < 0)
		return ph_err_set(err, PH_ERR_PERM, "cannot make %s: %s",
				  app->root, g_strerror(errno));
	fd = ph_box_root(app->root, err);
	if (fd < 0 && err != NULL)
		err->kind = PH_ERR_PERM;
	if (fd < 0)
		return -1;
	ph_path_close(&fd);
	return 0;
}

/* As the store driver makes them. */
static int
read_owners(struct app *app, struct ph_err *err)
{
	const struct ph_conf *conf = app->conf;

	if (app->submission.imap != NULL)
		return 0;
	if (ph_perms_rule_parse(ph_conf_text(conf, "delivery", "mailbox_user"),
				ph_conf_text(conf, "delivery", "mailbox_group"),
				ph_conf_text(conf, "delivery", "mailbox_mode"),
				&app->owners, err) < 0)
		return ph_err_wrap(err, "[delivery]");
	app->submission.owners = app->owners;
	return 0;
}

/* The store driver can put mailboxes where nobody looks for an Outbox. */
static void
warn_of_mailboxes(const struct ph_conf *conf)
{
	const char *path = ph_conf_text(conf, "delivery", "mailbox_path");
	struct ph_place *place = NULL;

	if (ph_place_parse(path, &place, NULL) == 0 &&
	    !ph_place_is_default(place))
		ph_warn("[delivery] mailbox_path is %s: Outboxes are found "
			"only where it is {domain}/{local}",
			path);
	ph_place_free(&place);
}

static int
open_parts(struct app *app, struct ph_err *err)
{
	if (*ph_conf_text(app->conf, "server", "name") == '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "[server] name is not set; it is this "
				  "server's name in its server: key");
	warn_of_mailboxes(app->conf);
	if (ph_fault_arm(getenv("POSTHUB_FAULT"), err) < 0 ||
	    ph_peer_tls_read(app->conf, &app->submission.tls, err) < 0 ||
	    open_root(app, err) < 0 || read_owners(app, err) < 0 ||
	    ph_track_log_configure(app->conf, "MSGTRKMS", &app->log, err) < 0 ||
	    ph_directory_open(app->conf, &app->directory, err) < 0)
		return -1;
	return ph_state_open(app->conf, "posthub-submission", ph_topology_derive,
			     &app->state, err);
}

static void
fill_submission(struct app *app, struct ph_run *run)
{
	struct ph_submission *submission = &app->submission;

	app->next_id = (gsize)ph_clock_wall();
	submission->server = ph_conf_text(app->conf, "server", "name");
	submission->address = ph_conf_text(app->conf, "server", "address");
	submission->directory = app->directory;
	submission->log = app->log;
	submission->take = take_snapshot;
	submission->health = submission_health;
	submission->context = app;
	submission->held = ph_held_open(app->conf);
	submission->sizes = ph_sizes_new();
	submission->said = ph_said_new();
	submission->unsaved = ph_unsaved_new();
	submission->max_size = ph_run_int(run, "max_message_size");
	submission->retry_min = ph_run_int(run, "retry_min");
	submission->retry_max =
	    MAX(ph_run_int(run, "retry_max"), submission->retry_min);
	submission->expiry = ph_run_int(run, "expiry");
	submission->resent_any =
	    strcmp(ph_conf_text(app->conf, "submission", "resent"), "any") == 0;
	submission->sent_as_sent =
	    strcmp(ph_conf_text(app->conf, "submission", "sent_copy"),
		   "sent") == 0;
	submission->connect_timeout = ph_run_int(run, "connect_timeout");
	submission->timeout = ph_run_int(run, "timeout");
	submission->final_timeout = ph_run_int(run, "final_timeout");
	submission->next_id = &app->next_id;
}

int
ph_submission_start(struct ph_run *run, void **app_r, struct ph_err *err)
{
	struct app *app = g_new0(struct app, 1);

	app->conf = ph_run_conf(run);
	if (open_parts(app, err) < 0) {
		ph_submission_stop(app);
		return -1;
	}
	fill_submission(app, run);
	app->health = ph_health_watch_start(app->conf, app->state,
					    PH_SUBMISSION_TOPOLOGY);
	app->concurrency = ph_run_int(run, "concurrency");
	app->queue = ph_queue_new(queue_size(app), run_item, app);
	if (app->submission.imap != NULL)
		app->watch_imap = ph_watch_imap_start(
		    &app->submission, app->queue, ph_run_int(run, "rescan"),
		    ph_run_int(run, "imap_idle"));
	else if (ph_watch_start(&app->submission, app->queue,
				ph_run_int(run, "rescan"), &app->watch,
				err) < 0) {
		ph_submission_stop(app);
		return -1;
	}
	app->housekeeper =
	    ph_ticker_start("housekeeper", HOUSE_MS, keep_house, app);
	*app_r = app;
	return 0;
}

void
ph_submission_stop(void *p)
{
	struct app *app = p;

	const int64_t end =
	    ph_clock_mono() + ph_conf_int(app->conf, "server", "stop_timeout");

	ph_watch_stop(&app->watch);
	ph_ticker_stop(&app->housekeeper);
	/* What still looks offers to the queue. */
	if (!ph_watch_imap_stop(&app->watch_imap, end - ph_clock_mono()) ||
	    !ph_queue_stop(&app->queue, MAX(end - ph_clock_mono(), 0))) {
		/* They end with the process; the next one goes on. */
		ph_info("stopped while messages were being submitted");
		return;
	}
	ph_health_watch_stop(&app->health);
	ph_state_close(&app->state);
	ph_directory_close(&app->directory);
	ph_track_log_close(&app->log);
	ph_held_close(&app->submission.held);
	ph_sizes_free(&app->submission.sizes);
	ph_said_free(&app->submission.said);
	ph_unsaved_free(&app->submission.unsaved);
	ph_imap_server_clear(&app->imap);
	ph_perms_rule_free(&app->owners);
	g_free(app->root);
	g_free(app);
}
