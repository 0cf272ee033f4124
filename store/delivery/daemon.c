#include "store/delivery/daemon.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/ticker.h"
#include "lib/health/holder.h"
#include "lib/health/leader.h"
#include "lib/health/prober.h"
#include "lib/routing/topology.h"
#include "lib/state/object.h"
#include "lib/state/state.h"
#include "store/delivery/hurry.h"
#include "store/delivery/session.h"
#include "store/mailbox/concurrency.h"
#include "store/mailbox/folder.h"

#include <glib.h>
#include <stdlib.h>

enum {
	SWEEP_MS = 500,
	STALL_MS = 10 * 1000,
	EXPIRE_MS = 10 * 60 * 1000,
	/* Inside lmtp_data_done_timeout, 600 s. */
	SLOT_TIMEOUT_MS = 300 * 1000,
	REROUTE_CONNECT_MS = 3 * 1000,
	REROUTE_MS = 60 * 1000,
	/* With the wait for a slot here still inside. */
	REROUTE_FINAL_MS = 250 * 1000,
	/* The same for a mailbox server. */
	BACKEND_CONNECT_MS = 5 * 1000,
	BACKEND_MS = 60 * 1000,
	BACKEND_MESSAGE_MS = 250 * 1000,
	ERRORS = 20,
};

struct app {
	const struct ph_conf *conf;
	struct ph_state *state;
	struct ph_directory *directory;
	struct ph_store *store;
	struct ph_track_log *log;
	struct ph_locks *locks;
	struct ph_slots *slots;
	struct ph_deliver deliver;
	char **closed; /* folders, as of ph_placement_settings */
	struct ph_session_shared shared;
	struct ph_arrivals *arrivals;
	struct ph_prober *prober;
	struct ph_replicas *replicas;
	struct ph_holder *holder;
	struct ph_leader *leader;
	struct ph_hurry *hurry;
	struct ph_ticker *housekeeper, *watcher;
	int64_t next_expire; /* the housekeeper's alone */
	int64_t timeout;     /* of an idle client */
	int64_t concurrency; /* where its mailboxtransport says nothing */
};

static struct ph_snapshot *
take_snapshot(void *context)
{
	struct app *app = context;

	return ph_state_take(app->state);
}

static enum ph_recipient_verdict
is_active(void *context, const char *database, int64_t epoch,
	  struct ph_err *err)
{
	struct app *app = context;
	struct ph_snapshot *snapshot = ph_state_take(app->state);
	enum ph_recipient_verdict verdict = ph_recipient_active(
	    snapshot, app->deliver.server, database, epoch, err);
	const struct ph_topology *topology;

	if (verdict == PH_RECIPIENT_OK) {
		topology = ph_snapshot_derived(snapshot, PH_DELIVERY_TOPOLOGY);
		if (ph_holder_check(app->holder,
				    ph_topology_database(topology, database),
				    err) != 1)
			verdict = PH_RECIPIENT_NOT_HELD;
	}
	ph_snapshot_unref(&snapshot);
	return verdict;
}

/* ---- housekeeping ------------------------------------------------------ */

/* A database that is active elsewhere, or may be, must be let go, or the
 * server it moved to finds it locked where both see the same disk. */
static bool
keep_database(void *context, const char *database, int64_t epoch)
{
	enum ph_recipient_verdict verdict =
	    is_active(context, database, epoch, NULL);

	return verdict == PH_RECIPIENT_OK || verdict == PH_RECIPIENT_NO_STATE;
}

static void
tell_stall(void *context, const char *database, bool stalled)
{
	struct app *app = context;

	if (stalled) {
		ph_error("database %s: its disk does not answer; mail for it "
			 "is put off until it does: see to the disk, or "
			 "have another server activate the database "
			 "(posthub database move)",
			 database);
		return;
	}
	ph_info("database %s: its disk answers again", database);
	ph_hurry_ask(app->hurry, database);
}

/* Those that a disk keeps do not count: others have their turn. Apart from the
 * housekeeper, whom the disk may keep as well. */
static void
size_slots(void *context)
{
	struct app *app = context;
	struct ph_snapshot *snapshot = ph_state_take(app->state);
	size_t stalled = ph_store_look(app->store, tell_stall, app);
	int64_t n = ph_mailbox_concurrency(snapshot, app->deliver.server,
					   "MaxConcurrentMailboxDeliveries",
					   app->concurrency);

	ph_snapshot_unref(&snapshot);
	ph_slots_resize(app->slots, (size_t)n + stalled);
}

static void
keep_house(void *context)
{
	struct app *app = context;

	ph_store_sweep(app->store, keep_database, app);
	if (ph_clock_mono() < app->next_expire)
		return;
	ph_track_log_tidy(app->log, app->conf);
	app->next_expire = ph_clock_mono() + EXPIRE_MS;
}

/* ---- what comes ------------------------------------------------------- */

static int
start_arrivals(struct app *app, struct ph_run *run, struct ph_err *err)
{
	const struct ph_arrivals_options options = {
	    .redis = ph_conf_bool(app->conf, "delivery", "notify")
			 ? ph_state_redis(app->state)
			 : NULL,
	    .command = ph_run_text(run, "hook"),
	    .url = ph_run_text(run, "webhook"),
	    .timeout = ph_run_int(run, "hook_timeout"),
	    .concurrency = (int)ph_run_int(run, "hook_concurrency"),
	};

	return ph_arrivals_start(&options, &app->arrivals, err);
}

/* Where posthub-submission finds mail, and puts it, by IMAP. */
static char **
closed_folders(const struct ph_conf *conf)
{
	static const char *const settings[] = {"imap_outbox", "imap_sent",
					       "imap_drafts"};
	char **closed = g_new0(char *, G_N_ELEMENTS(settings) + 1);
	size_t n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
		const char *name =
		    ph_conf_text(conf, "submission", settings[i]);

		if (g_utf8_validate(name, -1, NULL) && *name)
			closed[n++] = ph_folder_imap(name);
	}
	return closed;
}

static int
set_placement(struct app *app, struct ph_run *run, struct ph_err *err)
{
	struct ph_placement_settings *placement = &app->deliver.placement;
	g_autofree char *component = NULL;

	placement->junk_folder = ph_run_text(run, "junk_folder");
	placement->extension = ph_conf_word(app->conf, "delivery", "extension");
	placement->closed = app->closed = closed_folders(app->conf);
	app->deliver.defer_over =
	    ph_conf_word(app->conf, "delivery", "mailbox_full") == 1;
	if (!*placement->junk_folder)
		return 0;
	component = ph_folder_component(placement->junk_folder);
	if (component && ph_folder_is_open(placement->junk_folder, app->closed))
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "junk_folder: \"%s\": cannot be the name of a folder "
			  "for junk",
			  placement->junk_folder);
}

/* ---- start and stop ---------------------------------------------------- */

/* In the order of the words of [delivery] backend. */
enum backend {
	BACKEND_MAILDIR,
	BACKEND_LMTP,
};

/* Where databases that were opened are noted; g_free. */
static char *
opened_path(const struct app *app)
{
	return g_build_filename(ph_conf_text(app->conf, "server", "state_dir"),
				"stores", NULL);
}

static int
open_maildir(struct app *app, struct ph_run *run, struct ph_err *err)
{
	g_autofree char *opened = opened_path(app);
	const struct ph_store_maildir_options options = {
	    .root = ph_run_text(run, "store"),
	    .opened = opened,
	    .stall = STALL_MS,
	    .host = ph_conf_text(app->conf, "server", "name"),
	    .duplicate_window = ph_run_int(run, "duplicate_window"),
	    .path = ph_run_text(run, "mailbox_path"),
	    .user = ph_run_text(run, "mailbox_user"),
	    .group = ph_run_text(run, "mailbox_group"),
	    .mode = ph_run_text(run, "mailbox_mode"),
	};

	return ph_store_maildir(&options, &app->store, err);
}

static int
open_lmtp(struct app *app, struct ph_run *run, struct ph_err *err)
{
	g_autofree char *opened = opened_path(app);
	struct ph_store_lmtp_options options = {
	    .hello = g_get_host_name(),
	    .root = ph_run_text(run, "store"),
	    .opened = opened,
	    .duplicate_window = ph_run_int(run, "duplicate_window"),
	    .connect_timeout = BACKEND_CONNECT_MS,
	    .timeout = BACKEND_MS,
	    .final_timeout = BACKEND_MESSAGE_MS,
	    .message_timeout = BACKEND_MESSAGE_MS,
	};

	if (ph_parse_endpoint(ph_run_text(run, "backend_address"),
			      &options.endpoint, err) < 0)
		return -1;
	return ph_store_lmtp(&options, &app->store, err);
}

static int
open_store(struct app *app, struct ph_run *run, struct ph_err *err)
{
	enum backend backend = ph_conf_word(app->conf, "delivery", "backend");

	return backend == BACKEND_LMTP ? open_lmtp(app, run, err)
				       : open_maildir(app, run, err);
}

static int
open_parts(struct app *app, struct ph_run *run, struct ph_err *err)
{
	if (!*ph_conf_text(app->conf, "server", "name"))
		return ph_err_set(err, PH_ERR_PERM,
				  "[server] name is not set; it is this "
				  "server's name in its server: key");
	if (ph_fault_arm(getenv("POSTHUB_FAULT"), err) < 0 ||
	    ph_peer_tls_read(app->conf, &app->shared.tls, err) < 0 ||
	    set_placement(app, run, err) < 0 || open_store(app, run, err) < 0 ||
	    ph_track_log_configure(app->conf, "MSGTRKMD", &app->log, err) < 0 ||
	    ph_directory_open(app->conf, &app->directory, err) < 0)
		return -1;
	if (ph_state_open(app->conf, "posthub-delivery", ph_topology_derive,
			  &app->state, err) < 0)
		return -1;
	return start_arrivals(app, run, err);
}

static void
fill_shared(struct app *app, struct ph_run *run)
{
	app->locks = ph_locks_new();
	app->concurrency = ph_run_int(run, "concurrency");
	app->slots = ph_slots_new((size_t)app->concurrency);
	app->deliver.store = app->store;
	app->deliver.log = app->log;
	app->deliver.locks = app->locks;
	app->deliver.slots = app->slots;
	app->deliver.slot_timeout = SLOT_TIMEOUT_MS;
	app->deliver.server = ph_conf_text(app->conf, "server", "name");
	app->deliver.address = ph_conf_text(app->conf, "server", "address");
	app->deliver.active = is_active;
	app->deliver.context = app;
	app->deliver.arrivals = app->arrivals;
	app->deliver.next_id = (gsize)ph_clock_wall();
	app->shared.deliver = &app->deliver;
	app->shared.directory = app->directory;
	app->shared.take = take_snapshot;
	app->shared.context = app;
	app->shared.limits.recipients = (size_t)ph_run_int(run, "recipients");
	app->shared.limits.size = (uint64_t)ph_run_int(run, "max_message_size");
	app->shared.limits.errors = ERRORS;
	app->shared.limits.tls = app->shared.tls.mode != PH_PEER_OFF &&
				 *app->shared.tls.cert_file != '\0';
	app->shared.limits.tls_required =
	    app->shared.tls.mode >= PH_PEER_ENCRYPT;
	ph_cause_read(app->conf, app->shared.actions);
	app->shared.reroute.bind_address =
	    *app->deliver.address ? app->deliver.address : NULL;
	app->shared.reroute.connect_timeout = REROUTE_CONNECT_MS;
	app->shared.reroute.timeout = REROUTE_MS;
	app->shared.reroute.tls = app->shared.tls;
	app->shared.reroute.final_timeout = REROUTE_FINAL_MS;
	app->timeout = ph_run_int(run, "timeout");
}

static void
hurry(void *context, const char *database)
{
	struct app *app = context;

	ph_hurry_ask(app->hurry, database);
}

static int
hold(struct app *app, struct ph_err *err)
{
	const struct ph_holder_options holder = {
	    .conf = app->conf,
	    .state = app->state,
	    .topology = PH_DELIVERY_TOPOLOGY,
	    .replicas = app->replicas =
		ph_replicas_new(ph_state_redis(app->state), app->conf),
	};

	if (ph_holder_start(&holder, &app->holder, err) < 0)
		return -1;
	app->hurry =
	    ph_hurry_start(ph_conf_text(app->conf, "delivery", "postqueue"),
			   app->state, app->directory);
	app->leader = ph_leader_start(&(struct ph_leader_options){
	    .conf = app->conf,
	    .state = app->state,
	    .topology = PH_DELIVERY_TOPOLOGY,
	    .replicas = app->replicas,
	    .back = hurry,
	    .context = app,
	});
	return 0;
}

int
ph_delivery_start(struct ph_run *run, void **app_r, struct ph_err *err)
{
	struct app *app = g_new0(struct app, 1);

	app->conf = ph_run_conf(run);
	if (open_parts(app, run, err) < 0 || hold(app, err) < 0) {
		ph_delivery_stop(app);
		return -1;
	}
	fill_shared(app, run);
	app->housekeeper =
	    ph_ticker_start("housekeeper", SWEEP_MS, keep_house, app);
	app->watcher = ph_ticker_start("watcher", SWEEP_MS, size_slots, app);
	app->prober = ph_prober_start(&(struct ph_prober_options){
	    .conf = app->conf,
	    .state = app->state,
	    .topology = PH_DELIVERY_TOPOLOGY,
	    .service = PH_SERVICE_DELIVERY,
	});
	app->shared.peers = ph_peers_start(app->conf, "posthub-delivery",
					   app->state, PH_DELIVERY_TOPOLOGY);
	*app_r = app;
	return 0;
}

void
ph_delivery_serve(struct ph_stream *stream, void *p)
{
	struct app *app = p;

	ph_stream_set_timeout(stream, app->timeout);
	ph_session_serve(&app->shared, stream);
}

void
ph_delivery_stop(void *p)
{
	struct app *app = p;

	ph_prober_stop(&app->prober);
	ph_peers_stop(&app->shared.peers);
	ph_ticker_stop(&app->housekeeper);
	ph_ticker_stop(&app->watcher);
	ph_arrivals_stop(&app->arrivals);
	ph_store_close(&app->store);
	/* Not before all is closed: then others may have the databases. */
	ph_leader_stop(&app->leader);
	ph_hurry_stop(&app->hurry);
	ph_holder_stop(&app->holder);
	ph_replicas_free(&app->replicas);
	ph_state_close(&app->state);
	ph_directory_close(&app->directory);
	ph_track_log_close(&app->log);
	ph_slots_free(&app->slots);
	ph_locks_free(&app->locks);
	g_strfreev(app->closed);
	g_free(app);
}
