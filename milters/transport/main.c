#include "milters/transport/transport.h"

#include "lib/base/log.h"
#include "lib/base/program.h"
#include "lib/health/peers.h"
#include "lib/health/prober.h"
#include "lib/routing/topology.h"
#include "milters/host/host.h"
#include "milters/transport/rules/rule_stats.h"
#include "milters/transport/rules/ruleset.h"

#include <string.h>

#define SECTION "transport"

static const struct ph_derive derive[] = {
    [PH_DERIVED_TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free,
			     NULL},
    [PH_DERIVED_RULES] = {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
    [PH_DERIVED] = {NULL, NULL, NULL, NULL},
};

static const struct ph_agent *const agents[] = {&ph_resolve_agent,
						&ph_rules_agent, NULL};

struct app {
	struct ph_transport transport;
	struct ph_host host;
	struct ph_prober *prober;
};

static void
begin(struct ph_mail *mail, void *app)
{
	const struct ph_transport *transport = app;

	mail->snapshot = ph_state_take(transport->state);
	mail->directory = transport->directory;
}

static void
done(struct ph_mail *mail, void *app)
{
	ph_track_rows(app, mail);
}

/* "MBX2\Default MBX2" from "Default %s". */
static char *
make_connector(const char *server, const char *pattern)
{
	g_auto(GStrv) parts = g_strsplit(pattern, "%s", -1);
	g_autofree char *name = g_strjoinv(server, parts);

	return g_strconcat(server, "\\", name, NULL);
}

static void
stop(void *arg)
{
	struct app *app = arg;
	struct ph_transport *transport = &app->transport;

	ph_prober_stop(&app->prober);
	ph_peers_stop(&transport->peers);
	ph_rule_stats_stop(&transport->stats);
	ph_state_close(&transport->state);
	ph_directory_close(&transport->directory);
	ph_track_log_close(&transport->track);
	g_free(transport->connector);
	g_free(app);
}

/* With rules alone there need be no directory: nobody is in an empty one. */
static int
open_directory(const struct ph_conf *conf, struct ph_transport *transport,
	       struct ph_err *err)
{
	if (transport->resolve)
		return ph_directory_open(conf, &transport->directory, err);
	transport->directory = ph_directory_memory(NULL, 0);
	return 0;
}

static int
open_all(const struct ph_conf *conf, struct app *app, struct ph_err *err)
{
	struct ph_transport *transport = &app->transport;

	transport->server = ph_conf_text(conf, "server", "name");
	transport->connector = make_connector(
	    transport->server, ph_conf_text(conf, SECTION, "connector"));
	transport->resolve = ph_conf_bool(conf, SECTION, "resolve");
	app->host = (struct ph_host){
	    .name = "posthub-transport",
	    .agents = agents,
	    .limit = ph_conf_int(conf, SECTION, "sessions"),
	    .app = transport,
	    .begin = begin,
	    .done = done,
	};
	if (ph_track_log_configure(conf, "MSGTRK", &transport->track, err) <
		0 ||
	    open_directory(conf, transport, err) < 0 ||
	    ph_state_open(conf, "posthub-transport", derive, &transport->state,
			  err) < 0)
		return -1;
	transport->stats =
	    ph_rule_stats_start(ph_state_redis(transport->state));
	if (ph_host_open(&app->host, conf,
			 ph_conf_text(conf, SECTION, "milter"), err) < 0)
		return -1;
	transport->peers =
	    ph_peers_start(transport->state, PH_DERIVED_TOPOLOGY);
	app->prober = ph_prober_start(&(struct ph_prober_options){
	    .conf = conf,
	    .state = app->transport.state,
	    .topology = PH_DERIVED_TOPOLOGY,
	    .service = PH_SERVICE_TRANSPORT,
	});
	return 0;
}

static int
start(struct ph_run *run, void **app_r, struct ph_err *err)
{
	struct app *app = g_new0(struct app, 1);

	if (open_all(ph_run_conf(run), app, err) < 0) {
		stop(app);
		return -1;
	}
	*app_r = app;
	return 0;
}

static const struct ph_program program = {
    .name = "posthub-transport",
    .section = SECTION,
    .summary = "Transport: resolution, transport rules, message tracking",
    .start = start,
    .main = ph_host_run,
    .stop = stop,
};

int
main(int argc, char **argv)
{
	return ph_program_main(&program, argc, argv);
}
