#include "lib/base/fault.h"
#include "lib/base/program.h"
#include "lib/base/ticker.h"
#include "lib/directory/feeder.h"
#include "lib/routing/topology.h"
#include "lib/state/state.h"
#include "policy/expansion.h"
#include "policy/server.h"

#include <glib.h>
#include <stdlib.h>

#define TIDY_MS (INT64_C(10) * 60 * 1000)

struct app {
	struct ph_state *state;
	struct ph_feeder *feeder;
	struct ph_directory *directory;
	struct ph_peers *peers;
	struct ph_peer_tls peer_tls;
	struct ph_rates *rates;
	struct ph_policy *policy;
	struct ph_expander *expander;
	struct ph_ticker *housekeeper;
};

enum { TOPOLOGY };

static const struct ph_derive derive[] = {
    [TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};

static bool
stopping(const void *run)
{
	return ph_run_stopping(run);
}

static void
stop(void *data)
{
	struct app *app = data;

	ph_ticker_stop(&app->housekeeper);
	ph_expander_close(&app->expander);
	ph_policy_free(&app->policy);
	ph_rates_free(&app->rates);
	ph_peers_stop(&app->peers);
	ph_directory_close(&app->directory);
	ph_feeder_stop(&app->feeder);
	ph_state_close(&app->state);
	g_free(app);
}

/* The file is ours to keep, whatever it holds. */
static int
open_directory(struct app *app, const struct ph_conf *conf, struct ph_err *err)
{
	if (!ph_directory_is_fed(conf))
		return ph_directory_open_writer(conf, &app->directory, err);
	if (ph_feeder_start(conf, app->state, &app->feeder, err) < 0)
		return -1;
	app->directory = ph_feeder_directory(app->feeder);
	return 0;
}

static void
keep_house(void *data)
{
	struct app *app = data;

	ph_expander_tidy(app->expander);
}

static int
start(struct ph_run *run, void **app_r, struct ph_err *err)
{
	const struct ph_conf *conf = ph_run_conf(run);
	struct app *app = g_new0(struct app, 1);
	struct ph_policy_sources sources = {
	    .topology = TOPOLOGY,
	    .server = ph_conf_text(conf, "server", "name"),
	    .credentials = ph_conf_text(conf, "policy", "credentials"),
	    .stopping = stopping,
	    .context = run,
	};

	if (ph_fault_arm(getenv("POSTHUB_FAULT"), err) < 0 ||
	    ph_peer_tls_read(conf, &app->peer_tls, err) < 0 ||
	    ph_state_open(conf, "posthub-policy", derive, &app->state, err) <
		0 ||
	    open_directory(app, conf, err) < 0) {
		stop(app);
		return -1;
	}
	sources.state = app->state;
	sources.directory = app->directory;
	app->peers =
	    ph_peers_start(conf, "posthub-policy", app->state, TOPOLOGY);
	sources.peers = app->peers;
	app->rates = ph_rates_new(ph_state_redis(app->state));
	sources.rates = app->rates;
	sources.peer_tls = &app->peer_tls;
	app->policy = ph_policy_new(&sources);
	if (ph_expander_open(conf, &sources, &app->expander, err) < 0) {
		stop(app);
		return -1;
	}
	app->housekeeper =
	    ph_ticker_start("housekeeper", TIDY_MS, keep_house, app);
	*app_r = app;
	return 0;
}

static void
serve_policy(struct ph_stream *stream, void *data)
{
	struct app *app = data;

	ph_policy_serve_policy(stream, app->policy);
}

static void
serve_map(struct ph_stream *stream, void *data)
{
	struct app *app = data;

	ph_policy_serve_map(stream, app->policy);
}

static void
serve_expand(struct ph_stream *stream, void *data)
{
	struct app *app = data;

	ph_expander_serve(stream, app->expander);
}

static const struct ph_listen listeners[] = {
    /* smtpd hangs up, as it must after a refusal at the end of the data
     * (receive.c). */
    {"policy", serve_policy, "action=421 4.3.2 Too many connections\n\n"},
    {"map", serve_map, "25:TEMP too many connections,"},
    {"expand", serve_expand,
     "421 4.3.2 Too many connections, please try again later\r\n"},
    {NULL, NULL, NULL},
};

static const struct ph_program program = {
    .name = "posthub-policy",
    .section = "policy",
    .summary = "answers Postfix's maps and policy requests, expands groups, "
	       "and keeps the shared directory file",
    .listen = listeners,
    .start = start,
    .stop = stop,
};

int
main(int argc, char **argv)
{
	return ph_program_main(&program, argc, argv);
}
