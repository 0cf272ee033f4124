#include "lib/health/prober.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/program.h"
#include "lib/base/ticker.h"
#include "lib/health/probe.h"
#include "lib/routing/health.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { STEP_MS = 3000 };

struct ph_prober {
	struct ph_prober_options options;
	const char *server; /* as in posthub.conf */
	int64_t expiry;
	struct ph_peer_tls tls;
	struct ph_probe *probe;
	bool said; /* something has been logged */
	bool up;
	int64_t since; /* of up, wall ms */
	char reason[PH_ERR_TEXT];
	struct ph_ticker *ticker;
};

/* In which states of its server a service is there for work. */
static const bool announced[PH_SERVICES][3] = {
    [PH_SERVICE_FRONTEND] = {[PH_SERVER_ACTIVE] = true},
    [PH_SERVICE_TRANSPORT] = {[PH_SERVER_ACTIVE] = true},
    [PH_SERVICE_DELIVERY] =
	{[PH_SERVER_ACTIVE] = true, [PH_SERVER_DRAINING] = true},
};

static const char *const states[] = {
    [PH_SERVER_ACTIVE] = "Active",
    [PH_SERVER_DRAINING] = "Draining",
    [PH_SERVER_INACTIVE] = "Inactive",
};

/* ---- one round --------------------------------------------------------- */

/* The log tells each state, and each reason, once. An order of the
 * administrator is no cause to warn. */
static void
note(struct ph_prober *prober, bool up, bool ordered, const char *reason)
{
	const char *service = ph_service_name(prober->options.service);

	if (prober->said && prober->up == up &&
	    (up || strcmp(prober->reason, reason) == 0))
		return;
	if (up && !(prober->said && prober->up))
		prober->since = ph_clock_wall();
	prober->said = true;
	prober->up = up;
	g_strlcpy(prober->reason, reason, sizeof(prober->reason));
	if (up)
		ph_info("%s: the service answers; heartbeat", service);
	else if (ordered)
		ph_info("%s: no heartbeat: %s", service, reason);
	else
		ph_warn("%s: no heartbeat: %s", service, reason);
}

/* A heartbeat that cannot be written is Redis's outage, which the watch of the
 * state tells. */
static void
renew(const struct ph_prober *prober, const char *name)
{
	struct ph_redis *redis = ph_state_redis(prober->options.state);
	const char *service = ph_service_name(prober->options.service);
	g_autofree char *key = g_strconcat(ph_redis_prefix(redis),
					   "alive:", name, ":", service, NULL);
	g_autofree char *life = g_strdup_printf("%" PRId64, prober->expiry);
	g_autofree char *value = NULL;
	char since[PH_DATE_TEXT];
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;

	ph_format_date(prober->since, since, sizeof(since));
	value =
	    g_strdup_printf("{\"pid\":%d,\"version\":\"%s\",\"since\":\"%s\"}",
			    (int)getpid(), PH_VERSION, since);
	if (ph_redis_call(redis, &reply, &err, "SET", key, value, "PX", life,
			  NULL) < 0)
		ph_debug("%s: %s", key, err.text);
	ph_reply_free(&reply);
}

/* 1: the service of this server is to be asked; 0: it is not, and why;
 * *ordered_r: because the administrator said so. */
static int
may_announce(const struct ph_prober *prober, const struct ph_server *server,
	     bool *ordered_r, struct ph_err *err)
{
	enum ph_service service = prober->options.service;

	*ordered_r = server && !announced[service][server->state];
	if (!server)
		ph_err_set(err, PH_ERR_TEMP, "there is no server:%s",
			   prober->server);
	else if (*ordered_r)
		ph_err_set(err, PH_ERR_TEMP, "server %s is %s", server->name,
			   states[server->state]);
	else if (!*server->service[service].host)
		ph_err_set(err, PH_ERR_TEMP,
			   "server:%s does not say where the service listens",
			   server->name);
	else
		return 1;
	return 0;
}

static int
ask(struct ph_prober *prober, const struct ph_server *server,
    struct ph_err *err)
{
	const struct ph_prober_options *options = &prober->options;
	const char *bind = ph_conf_text(options->conf, "server", "address");
	const struct ph_probe_target target = {
	    .endpoint = server->service[options->service],
	    .lmtp = options->service == PH_SERVICE_DELIVERY,
	    .bind_address = *bind ? bind : NULL,
	    .hello = ph_is_hostname(server->fqdn) ? server->fqdn : "localhost",
	    .timeout = STEP_MS,
	    .tls = prober->tls,
	};

	return ph_probe_ask(prober->probe, &target, err);
}

static void
beat(void *context)
{
	struct ph_prober *prober = context;
	struct ph_snapshot *snapshot = ph_state_take(prober->options.state);
	const struct ph_server *server;
	struct ph_err err = PH_ERR_INIT;
	bool ordered;

	if (!snapshot) {
		note(prober, false, false, "no state has been read yet");
		return;
	}
	server = ph_topology_server(
	    ph_snapshot_derived(snapshot, prober->options.topology),
	    prober->server);
	if (may_announce(prober, server, &ordered, &err) == 1 &&
	    ask(prober, server, &err) == 1) {
		note(prober, true, false, "");
		renew(prober, server->name);
	} else {
		note(prober, false, ordered, err.text);
	}
	ph_snapshot_unref(&snapshot);
}

struct ph_prober *
ph_prober_start(const struct ph_prober_options *options)
{
	struct ph_prober *prober = g_new0(struct ph_prober, 1);

	prober->options = *options;
	prober->server = ph_conf_text(options->conf, "server", "name");
	prober->expiry = ph_conf_int(options->conf, "health", "expiry");
	/* Whether it answers is asked, not whether to others it would. */
	if (ph_peer_tls_read(options->conf, &prober->tls, NULL) == 0 &&
	    prober->tls.mode != PH_PEER_OFF)
		prober->tls.mode = PH_PEER_MAY;
	prober->probe = ph_probe_new();
	prober->ticker = ph_ticker_start(
	    "prober", ph_conf_int(options->conf, "health", "interval"), beat,
	    prober);
	return prober;
}

void
ph_prober_stop(struct ph_prober **prober)
{
	struct ph_prober *p = *prober;

	if (!p)
		return;
	*prober = NULL;
	ph_ticker_stop(&p->ticker);
	ph_probe_free(&p->probe);
	g_free(p);
}
