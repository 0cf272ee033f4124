#include "milters/frontend/frontend.h"

#include "lib/base/program.h"
#include "lib/health/prober.h"
#include "milters/host/host.h"

#include <string.h>

#define SECTION "frontend"

/* Postfix ends the milter's turn after 300 s without a sign of life. */
#define PROGRESS_INTERVAL 10000

static const struct ph_derive derive[] = {
    [PH_FRONTEND_TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free,
			      NULL},
    [PH_FRONTEND_DERIVED] = {NULL, NULL, NULL, NULL},
};

static const struct ph_agent *const agents[] = {&ph_frontend_agent,
						&ph_outbound_agent, NULL};

struct app {
	struct ph_frontend frontend;
	struct ph_dns dns;
	struct ph_host host;
	struct ph_prober *prober;
};

static void
begin(struct ph_mail *mail, void *app)
{
	const struct ph_frontend *frontend = app;

	mail->snapshot = ph_state_take(frontend->state);
	mail->directory = frontend->directory;
}

static void
done(struct ph_mail *mail, void *app)
{
	(void)app;
	if (!ph_frontend_is_outbound(mail))
		ph_frontend_log(mail);
}

static void
stop(void *arg)
{
	struct app *app = arg;

	ph_prober_stop(&app->prober);
	ph_health_watch_stop(&app->frontend.health);
	ph_peers_stop(&app->frontend.peers);
	ph_state_close(&app->frontend.state);
	ph_directory_close(&app->frontend.directory);
	ph_track_log_close(&app->frontend.outbound.track);
	g_free(app);
}

static int
find_in_dns(void *ctx, const char *name, enum ph_dns_type type,
	    int64_t deadline, GPtrArray **records_r, struct ph_err *err)
{
	return ph_dns_find(ctx, name, type, deadline, records_r, err);
}

static int
open_outbound(const struct ph_conf *conf, struct app *app, struct ph_err *err)
{
	struct ph_outbound *outbound = &app->frontend.outbound;

	*outbound = (struct ph_outbound){
	    .relay =
		strcmp(ph_conf_text(conf, SECTION, "outbound"), "relay") == 0,
	    .connect_timeout =
		ph_conf_int(conf, SECTION, "outbound_connect_timeout"),
	    .timeout = ph_conf_int(conf, SECTION, "outbound_timeout"),
	    .try_timeout = ph_conf_int(conf, SECTION, "outbound_try_timeout"),
	    .ca_file = ph_conf_text(conf, SECTION, "ca_file"),
	    .credentials = ph_conf_text(conf, "policy", "credentials"),
	    .exchangers = {find_in_dns, &app->dns},
	};
	if (ph_dns_parse(ph_conf_text(conf, SECTION, "dns_servers"), &app->dns,
			 err) < 0)
		return ph_err_wrap(err, "[" SECTION "] dns_servers");
	return ph_track_log_configure(conf, "MSGTRK", &outbound->track, err);
}

static int
open_all(const struct ph_conf *conf, struct app *app, struct ph_err *err)
{
	struct ph_frontend *frontend = &app->frontend;

	*frontend = (struct ph_frontend){
	    .server = ph_conf_text(conf, "server", "name"),
	    .address = ph_conf_text(conf, "server", "address"),
	    .connect_timeout = ph_conf_int(conf, SECTION, "connect_timeout"),
	    .timeout = ph_conf_int(conf, SECTION, "timeout"),
	    .try_timeout = ph_conf_int(conf, SECTION, "try_timeout"),
	    .final_timeout = ph_conf_int(conf, SECTION, "final_timeout"),
	    .progress_interval = PROGRESS_INTERVAL,
	    .sessions = ph_conf_int(conf, SECTION, "sessions"),
	};
	app->host = (struct ph_host){
	    .name = "posthub-frontend",
	    .agents = agents,
	    .streams = true,
	    .limit = frontend->sessions,
	    .app = frontend,
	    .begin = begin,
	    .done = done,
	};
	if (ph_peer_tls_read(conf, &frontend->tls, err) < 0 ||
	    open_outbound(conf, app, err) < 0 ||
	    ph_directory_open(conf, &frontend->directory, err) < 0 ||
	    ph_state_open(conf, "posthub-frontend", derive, &frontend->state,
			  err) < 0)
		return -1;
	frontend->peers = ph_peers_start(conf, "posthub-frontend",
					 frontend->state, PH_FRONTEND_TOPOLOGY);
	frontend->health =
	    ph_health_watch_start(conf, frontend->state, PH_FRONTEND_TOPOLOGY);
	if (ph_host_open(&app->host, conf,
			 ph_conf_text(conf, SECTION, "milter"), err) < 0)
		return -1;
	app->prober = ph_prober_start(&(struct ph_prober_options){
	    .conf = conf,
	    .state = app->frontend.state,
	    .topology = PH_FRONTEND_TOPOLOGY,
	    .service = PH_SERVICE_FRONTEND,
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
    .name = "posthub-frontend",
    .section = SECTION,
    .summary = "Front End Transport: a stateless proxy to Transport servers",
    .start = start,
    .main = ph_host_run,
    .stop = stop,
};

int
main(int argc, char **argv)
{
	return ph_program_main(&program, argc, argv);
}
