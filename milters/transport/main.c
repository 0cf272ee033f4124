#include "milters/transport/transport.h"

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/program.h"
#include "lib/base/ticker.h"
#include "lib/directory/remote.h"
#include "lib/fork/service.h"
#include "lib/health/peers.h"
#include "lib/health/prober.h"
#include "lib/match/matcher.h"
#include "lib/routing/topology.h"
#include "milters/host/host.h"
#include "milters/transport/rules/rule_stats.h"
#include "milters/transport/rules/ruleset.h"
#include "milters/transport/rules/sensitive.h"

#include <stdlib.h>
#include <string.h>

#define SECTION "transport"

#define TIDY_MS (INT64_C(10) * 60 * 1000)

static const struct ph_agent *const agents[] = {&ph_report_agent,
						&ph_resolve_agent,
						&ph_send_as_agent,
						&ph_malware_agent,
						&ph_spam_agent,
						&ph_rules_agent,
						NULL};

struct app {
	struct ph_transport transport;
	struct ph_host host;
	struct ph_derive derive[PH_DERIVED + 1];
	struct ph_match_compiler *compiler;
	struct ph_sensitive_options sensitive;
	struct ph_fork_service *fork;
	struct ph_ticker *housekeeper;
	struct ph_prober *prober;
};

static struct ph_inspection *
inspect(void *inspector, struct ph_content *content)
{
	return ph_inspect_sandboxed(inspector, content);
}

static void
begin(struct ph_mail *mail, void *app)
{
	const struct ph_transport *transport = app;

	mail->inspect = inspect;
	mail->inspect_arg = transport->inspector;
	mail->snapshot = ph_state_take(transport->state);
	mail->directory = transport->directory;
	mail->report = ph_report_is(mail);
	mail->keep_body = !mail->report && ph_scan_needs_body(&transport->scan);
	if (mail->snapshot == NULL)
		return;
	mail->keep_body = mail->report
			      ? ph_report_needs_body(mail)
			      : mail->keep_body || ph_rules_need_body(mail);
	mail->classifier = ph_sensitive_classifier(
	    ph_snapshot_derived(mail->snapshot, PH_DERIVED_SENSITIVE));
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
	ph_ticker_stop(&app->housekeeper);
	ph_fork_service_free(&app->fork);
	ph_peers_stop(&transport->peers);
	ph_rule_stats_stop(&transport->stats);
	ph_state_close(&transport->state);
	ph_match_compiler_stop(&app->compiler);
	ph_directory_close(&transport->directory);
	ph_plans_close(&transport->plans);
	ph_inspector_stop(&transport->inspector);
	ph_track_log_close(&transport->track);
	ph_scan_clear(&transport->scan);
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

/* ---- copies that differ ---- */

static char *
find_fqdn(void *context)
{
	const struct app *app = context;
	struct ph_snapshot *snapshot = ph_state_take(app->transport.state);
	const struct ph_server *own =
	    snapshot == NULL
		? NULL
		: ph_topology_server(
		      ph_snapshot_derived(snapshot, PH_DERIVED_TOPOLOGY),
		      app->transport.server);
	char *fqdn = own != NULL ? g_strdup(own->fqdn) : NULL;

	ph_snapshot_unref(&snapshot);
	return fqdn;
}

static bool
may_report(void *context, const char *address)
{
	const struct app *app = context;

	return ph_remote_may_tell(app->transport.directory,
				  app->transport.state, address);
}

static int
open_forks(const struct ph_conf *conf, struct app *app, struct ph_err *err)
{
	struct ph_fork_options options = {
	    .server = app->transport.server,
	    .address = ph_conf_text(conf, "server", "address"),
	    .track = app->transport.track,
	    .agent = PH_RULES_AGENT,
	    .fqdn = find_fqdn,
	    .may_report = may_report,
	    .context = app,
	    .lifetime = ph_conf_int(conf, SECTION, "fork_lifetime"),
	};
	g_autofree char *directory = g_build_filename(
	    ph_conf_text(conf, "server", "state_dir"), "forks", NULL);

	if (ph_plans_open(directory, &app->transport.plans, err) < 0 ||
	    ph_parse_endpoint(ph_conf_text(conf, SECTION, "inject"),
			      &options.inject, err) < 0)
		return -1;
	options.plans = app->transport.plans;
	options.directory = directory;
	app->fork = ph_fork_service_new(&options);
	return 0;
}

static void
serve_fork(struct ph_stream *stream, void *arg)
{
	struct app *app = arg;

	ph_fork_serve(stream, app->fork);
}

static void
keep_house(void *arg)
{
	struct app *app = arg;

	ph_fork_tidy(app->fork);
}

/* ---- start ---- */

static void
start_compiler(const struct ph_conf *conf, struct app *app)
{
	static const char *const child[] = {"/proc/self/exe",
					    PH_MATCH_COMPILER_SWITCH, NULL};
	g_autofree char *cache = g_build_filename(
	    ph_conf_text(conf, "server", "state_dir"), "match", NULL);

	app->compiler =
	    ph_match_compiler_start(&(struct ph_match_compiler_options){
		.cache_dir = cache,
		.child = child,
	    });
	app->derive[PH_DERIVED_TOPOLOGY] = (struct ph_derive){
	    "topology", ph_topology_build, ph_topology_free, NULL};
	app->derive[PH_DERIVED_RULES] = (struct ph_derive){
	    "rules", ph_ruleset_build, ph_ruleset_free, app->compiler};
	app->sensitive = (struct ph_sensitive_options){
	    .directory = ph_conf_text(conf, SECTION, "sensitive_types"),
	    .compiler = app->compiler};
	app->derive[PH_DERIVED_SENSITIVE] = (struct ph_derive){
	    "sensitive information types", ph_sensitive_build,
	    ph_sensitive_free, &app->sensitive};
}

static void
configure(const struct ph_conf *conf, struct app *app)
{
	struct ph_transport *transport = &app->transport;

	transport->server = ph_conf_text(conf, "server", "name");
	transport->connector = make_connector(
	    transport->server, ph_conf_text(conf, SECTION, "connector"));
	transport->resolve = ph_conf_bool(conf, SECTION, "resolve");
	transport->check_from = ph_conf_bool(conf, SECTION, "check_from");
	transport->report_to_strangers =
	    ph_conf_bool(conf, SECTION, "report_to_strangers");
	transport->loop_limit =
	    (unsigned)ph_conf_int(conf, SECTION, "rules_loop_limit");
	transport->quarantine = (struct ph_quarantine){
	    .mailbox = ph_conf_text(conf, SECTION, "quarantine_mailbox"),
	    .resolve = transport->resolve,
	};
	app->host = (struct ph_host){
	    .name = "posthub-transport",
	    .agents = agents,
	    .limit = ph_conf_int(conf, SECTION, "sessions"),
	    .memory = ph_conf_int(conf, SECTION, "body_memory"),
	    .app = transport,
	    .begin = begin,
	    .done = done,
	};
}

static int
open_all(const struct ph_conf *conf, struct app *app, struct ph_err *err)
{
	struct ph_transport *transport = &app->transport;

	configure(conf, app);
	if (ph_peer_tls_read(conf, &app->transport.peer_tls, err) < 0 ||
	    ph_scan_configure(conf, &transport->scan, err) < 0)
		return -1;
	if (ph_fault_arm(getenv("POSTHUB_FAULT"), err) < 0 ||
	    ph_track_log_configure(conf, "MSGTRK", &transport->track, err) <
		0 ||
	    open_directory(conf, transport, err) < 0)
		return -1;
	start_compiler(conf, app);
	if (ph_state_open(conf, "posthub-transport", app->derive,
			  &transport->state, err) < 0 ||
	    open_forks(conf, app, err) < 0)
		return -1;
	transport->stats =
	    ph_rule_stats_start(ph_state_redis(transport->state));
	if (ph_host_open(&app->host, conf,
			 ph_conf_text(conf, SECTION, "milter"), err) < 0)
		return -1;
	app->housekeeper =
	    ph_ticker_start("housekeeper", TIDY_MS, keep_house, app);
	transport->peers = ph_peers_start(
	    conf, "posthub-transport", transport->state, PH_DERIVED_TOPOLOGY);
	app->prober = ph_prober_start(&(struct ph_prober_options){
	    .conf = conf,
	    .state = app->transport.state,
	    .topology = PH_DERIVED_TOPOLOGY,
	    .service = PH_SERVICE_TRANSPORT,
	});
	return 0;
}

/* Who looks into attachments has fewer rights than this program ever has, and
 * takes them off itself. */
static int
prepare(struct ph_run *run, void **app_r, struct ph_err *err)
{
	struct app *app = g_new0(struct app, 1);
	struct ph_inspector_options options;

	(void)err;
	ph_inspector_options_read(ph_run_conf(run), &options);
	app->transport.inspector = ph_inspector_start(&options);
	ph_inspector_report(app->transport.inspector);
	*app_r = app;
	return 0;
}

static int
start(struct ph_run *run, void **app_r, struct ph_err *err)
{
	if (open_all(ph_run_conf(run), *app_r, err) == 0)
		return 0;
	stop(*app_r);
	return -1;
}

static const struct ph_listen listeners[] = {
    {.setting = "fork",
     .serve = serve_fork,
     .busy = "421 4.3.2 Too many connections, please try again later\r\n"},
    {.setting = NULL},
};

static const struct ph_program program = {
    .name = "posthub-transport",
    .section = SECTION,
    .listen = listeners,
    .summary = "Transport: resolution, transport rules, message tracking",
    .prepare = prepare,
    .start = start,
    .main = ph_host_run,
    .stop = stop,
};

int
main(int argc, char **argv)
{
	/* The same program is the child that compiles words and patterns. */
	if (argc == 2 && strcmp(argv[1], PH_MATCH_COMPILER_SWITCH) == 0)
		return ph_match_compiler_main();
	/* And the one that looks into attachments. */
	if (argc > 1 && strcmp(argv[1], PH_INSPECT_SWITCH) == 0)
		return ph_inspect_child_main(argc, argv, ph_worker_inspect);
	return ph_program_main(&program, argc, argv);
}
