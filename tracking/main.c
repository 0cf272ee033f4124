#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/program.h"
#include "lib/routing/topology.h"
#include "lib/state/state.h"
#include "lib/track/files.h"
#include "lib/track/log.h"
#include "tracking/collect.h"
#include "tracking/notice.h"
#include "tracking/ship.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#define IDLE 1000   /* ms: where nothing tells of a change */
#define PENDING 250 /* ms: while rows wait for a second of quiet */
#define EXPIRE_INTERVAL (INT64_C(3600) * 1000)

/* posthub-tracking: one thread writes rows, the other sends them. */
struct app {
	const struct ph_conf *conf;
	struct ph_state *state;
	GPtrArray *logs; /* of struct ph_track_log, as ph_track_prefixes */
	struct ph_collect *collect;
	struct ph_ship *ship;
	struct ph_notice *maillog, *rows;
	GThread *collector, *shipper;
	gint stopping; /* atomic */
};

/* Says once what is wrong, and once that it is over. */
static void
report(bool *failing, int rc, const struct ph_err *err, const char *what)
{
	if (rc < 0 && !*failing)
		ph_warn("%s: %s; trying again", what, err->text);
	if (rc >= 0 && *failing)
		ph_info("%s: works again", what);
	*failing = rc < 0;
}

static gpointer
collect_rows(gpointer data)
{
	struct app *app = data;
	bool failing = false;

	while (!g_atomic_int_get(&app->stopping)) {
		struct ph_err err = PH_ERR_INIT;
		int rc = ph_collect_run(app->collect, ph_clock_mono(), &err);

		report(&failing, rc, &err, "reading the mail log");
		if (rc < 0)
			ph_notice_pause(app->maillog, IDLE);
		else if (rc == 0)
			ph_notice_wait(
			    app->maillog,
			    ph_collect_pending(app->collect) ? PENDING : IDLE);
	}
	return NULL;
}

static void
expire(struct app *app)
{
	for (guint i = 0; i < app->logs->len; i++)
		ph_track_log_tidy(g_ptr_array_index(app->logs, i), app->conf);
}

static gpointer
ship_rows(gpointer data)
{
	struct app *app = data;
	int64_t expired = INT64_MIN / 2;
	bool failing = false;

	while (!g_atomic_int_get(&app->stopping)) {
		struct ph_err err = PH_ERR_INIT;
		int rc = ph_ship_run(app->ship, &err);

		report(&failing, rc, &err, "sending rows to Redis");
		if (ph_clock_mono() - expired >= EXPIRE_INTERVAL) {
			expire(app);
			expired = ph_clock_mono();
		}
		if (rc < 0)
			ph_notice_pause(app->rows, IDLE);
		else if (rc == 0)
			ph_notice_wait(app->rows, IDLE);
	}
	return NULL;
}

static bool
find_peer(void *context, const char *host, char **fqdn_r)
{
	struct app *app = context;
	struct ph_snapshot *snapshot = ph_state_take(app->state);
	const struct ph_server *server = NULL;

	if (snapshot)
		server =
		    ph_topology_peer(ph_snapshot_derived(snapshot, 0), host);
	if (server)
		*fqdn_r = g_strdup(server->fqdn);
	ph_snapshot_unref(&snapshot);
	return server != NULL;
}

static int
open_logs(struct app *app, struct ph_err *err)
{
	for (size_t i = 0; ph_track_prefixes[i]; i++) {
		struct ph_track_log *log = NULL;

		if (ph_track_log_configure(app->conf, ph_track_prefixes[i],
					   &log, err) < 0)
			return -1;
		g_ptr_array_add(app->logs, log);
	}
	return 0;
}

static int
open_collect(struct app *app, const char *state_dir, struct ph_err *err)
{
	const char *maillog = ph_conf_text(app->conf, "tracking", "maillog");
	g_autofree char *directory = g_path_get_dirname(maillog);
	g_autofree char *position =
	    g_build_filename(state_dir, "tracking.position", NULL);
	struct ph_collect_options options = {
	    .maillog = maillog,
	    .directory = ph_conf_text(app->conf, "tracking", "log_dir"),
	    .position = position,
	    .server = ph_conf_text(app->conf, "server", "name"),
	    .address = ph_conf_text(app->conf, "server", "address"),
	    .queue_timeout =
		ph_conf_int(app->conf, "tracking", "queue_timeout"),
	    .log = g_ptr_array_index(app->logs, 0),
	    .peer = find_peer,
	    .context = app,
	};

	app->maillog = ph_notice_new(directory);
	return ph_collect_new(&options, &app->collect, err);
}

static void
open_ship(struct app *app, const char *state_dir)
{
	const char *directory = ph_conf_text(app->conf, "tracking", "log_dir");
	g_autofree char *position =
	    g_build_filename(state_dir, "tracking.shipped", NULL);
	struct ph_ship_options options = {
	    .directory = directory,
	    .position = position,
	    .server = ph_conf_text(app->conf, "server", "name"),
	    .redis = ph_state_redis(app->state),
	    .stream_size = ph_conf_int(app->conf, "tracking", "stream_size"),
	    .stream_age = ph_conf_int(app->conf, "tracking", "stream_age"),
	};

	app->rows = ph_notice_new(directory);
	app->ship = ph_ship_new(&options);
}

static void
close_log(gpointer data)
{
	struct ph_track_log *log = data;

	ph_track_log_close(&log);
}

static void
stop(void *data)
{
	struct app *app = data;

	g_atomic_int_set(&app->stopping, 1);
	if (app->collector) {
		ph_notice_wake(app->maillog);
		g_thread_join(app->collector);
	}
	if (app->shipper) {
		ph_notice_wake(app->rows);
		g_thread_join(app->shipper);
	}
	ph_collect_free(&app->collect);
	ph_ship_free(&app->ship);
	ph_notice_free(&app->maillog);
	ph_notice_free(&app->rows);
	ph_state_close(&app->state);
	g_ptr_array_unref(app->logs);
	g_free(app);
}

static int
start(struct ph_run *run, void **app_r, struct ph_err *err)
{
	struct app *app = g_new0(struct app, 1);
	const char *state_dir;

	app->conf = ph_run_conf(run);
	app->logs = g_ptr_array_new_with_free_func(close_log);
	state_dir = ph_conf_text(app->conf, "server", "state_dir");
	if (g_mkdir_with_parents(state_dir, 0750) < 0) {
		ph_err_set(err, PH_ERR_PERM, "%s: %s", state_dir,
			   g_strerror(errno));
		stop(app);
		return -1;
	}
	if (open_logs(app, err) < 0 ||
	    ph_state_open(app->conf, "tracking", ph_topology_derive,
			  &app->state, err) < 0 ||
	    open_collect(app, state_dir, err) < 0) {
		stop(app);
		return -1;
	}
	open_ship(app, state_dir);
	app->collector = g_thread_new("collect", collect_rows, app);
	app->shipper = g_thread_new("ship", ship_rows, app);
	*app_r = app;
	return 0;
}

static const struct ph_program program = {
    .name = "posthub-tracking",
    .section = "tracking",
    .summary = "writes tracking rows from Postfix's log, sends all to Redis",
    .start = start,
    .stop = stop,
};

int
main(int argc, char **argv)
{
	return ph_program_main(&program, argc, argv);
}
