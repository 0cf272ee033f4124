#include "lib/health/holder_private.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/health/held.h"

#include <inttypes.h>
#include <string.h>

enum {
	TICK_MS = 200,
	HOOK_AGAIN_MS = 5000, /* after one that failed */
};

static void
free_held(gpointer p)
{
	struct ph_holding *held = p;

	ph_hook_free(&held->hook);
	g_free(held->name);
	g_free(held);
}

static void
free_leaving(gpointer p)
{
	struct ph_leaving *leaving = p;

	g_free(leaving->name);
	g_free(leaving);
}

/* ---- the question ------------------------------------------------------- */

/* Under the mutex. */
static int
check_held(const struct ph_holding *held, const struct ph_database *database,
	   struct ph_err *err)
{
	if (!held || held->gone || held->epoch != database->epoch)
		return ph_err_set(err, PH_ERR_TEMP,
				  "database %s is not taken over yet",
				  database->name);
	if (held->needs_hook && !held->ready)
		return ph_err_set(err, PH_ERR_TEMP,
				  "the copy of database %s is not ready%s%s",
				  database->name, *held->reason ? ": " : "",
				  held->reason);
	if (held->needs_lease && ph_clock_mono() >= held->until)
		return ph_err_set(err, PH_ERR_TEMP,
				  "this server has no lease for database "
				  "%s%s%s",
				  database->name, *held->reason ? ": " : "",
				  held->reason);
	return 1;
}

int
ph_holder_check(struct ph_holder *holder, const struct ph_database *database,
		struct ph_err *err)
{
	int64_t highest = ph_epochs_highest(holder->epochs, database->name);
	g_autofree char *folded = NULL;
	int r;

	if (database->epoch < highest) {
		ph_err_set(err, PH_ERR_TEMP,
			   "database %s: Epoch %" PRId64 " is below %" PRId64
			   ", which this server has seen",
			   database->name, database->epoch, highest);
		return 0;
	}
	if (!ph_held_needed(holder->options.conf, database))
		return 1;
	folded = ph_fold(database->name);
	g_mutex_lock(&holder->mutex);
	r = check_held(g_hash_table_lookup(holder->held, folded), database,
		       err);
	g_mutex_unlock(&holder->mutex);
	return r == 1;
}

/* ---- the hook ----------------------------------------------------------- */

static void
set_reason(struct ph_holder *holder, struct ph_holding *held,
	   const char *reason)
{
	g_mutex_lock(&holder->mutex);
	g_strlcpy(held->reason, reason, sizeof(held->reason));
	g_mutex_unlock(&holder->mutex);
}

static void
start_hook(struct ph_holder *holder, struct ph_holding *held)
{
	const struct ph_conf *conf = holder->options.conf;
	g_autofree char *epoch = g_strdup_printf("%" PRId64, held->epoch);
	const char *const environment[] = {
	    "POSTHUB_DATABASE",
	    held->name,
	    "POSTHUB_EPOCH",
	    epoch,
	    "POSTHUB_SERVER",
	    holder->name,
	    "POSTHUB_STORE",
	    ph_conf_text(conf, "delivery", "store"),
	    NULL};
	struct ph_err err = PH_ERR_INIT;

	held->hook = ph_hook_start(
	    ph_conf_text(conf, "delivery", "activation_hook"), environment,
	    ph_conf_int(conf, "delivery", "activation_timeout"), &err);
	held->hook_next = ph_clock_mono() + HOOK_AGAIN_MS;
	if (!held->hook) {
		ph_warn("database %s: %s", held->name, err.text);
		set_reason(holder, held, err.text);
	}
}

static void
run_hook(struct ph_holder *holder, struct ph_holding *held)
{
	struct ph_err err = PH_ERR_INIT;
	int r;

	if (!held->hook && ph_clock_mono() >= held->hook_next)
		start_hook(holder, held);
	if (!held->hook)
		return;
	r = ph_hook_poll(held->hook, &err);
	if (r == 0)
		return;
	ph_hook_free(&held->hook);
	held->hook_next = ph_clock_mono() + HOOK_AGAIN_MS;
	if (r < 0) {
		ph_err_wrap(&err, "activation_hook");
		ph_warn("database %s, Epoch %" PRId64 ": %s", held->name,
			held->epoch, err.text);
	}
	holder->changed = true;
	g_mutex_lock(&holder->mutex);
	held->ready = r == 1;
	g_strlcpy(held->reason, r == 1 ? "" : err.text, sizeof(held->reason));
	g_mutex_unlock(&holder->mutex);
}

/* ---- what is active here ------------------------------------------------ */

static struct ph_holding *
add_held(struct ph_holder *holder, const struct ph_database *database,
	 const char *folded)
{
	struct ph_holding *held = g_new0(struct ph_holding, 1);
	const struct ph_conf *conf = holder->options.conf;

	held->name = g_strdup(database->name);
	held->epoch = database->epoch;
	held->learnt = ph_clock_mono();
	held->needs_lease = database->auto_activation;
	held->needs_hook = database->servers[0] && database->servers[1] &&
			   *ph_conf_text(conf, "delivery", "activation_hook");
	g_mutex_lock(&holder->mutex);
	g_hash_table_insert(holder->held, g_strdup(folded), held);
	g_mutex_unlock(&holder->mutex);
	return held;
}

static void
remove_held(struct ph_holder *holder, const char *folded)
{
	g_mutex_lock(&holder->mutex);
	g_hash_table_remove(holder->held, folded);
	g_mutex_unlock(&holder->mutex);
}

/* The thread alone changes the table, so it may look without the mutex. */
static void
attend(struct ph_holder *holder, const struct ph_database *database)
{
	g_autofree char *folded = ph_fold(database->name);
	struct ph_holding *held = g_hash_table_lookup(holder->held, folded);

	if (held && held->epoch != database->epoch) {
		ph_holder_let_go(holder, held);
		remove_held(holder, folded);
		held = NULL;
	}
	if (!held)
		held = add_held(holder, database, folded);
	g_mutex_lock(&holder->mutex);
	held->needs_lease = database->auto_activation;
	g_mutex_unlock(&holder->mutex);
	held->round = holder->round;
	if (held->needs_hook && !held->ready)
		run_hook(holder, held);
	held->due = held->needs_lease && (!held->needs_hook || held->ready) &&
		    ph_clock_mono() >= held->next;
}

static bool
is_ours(struct ph_holder *holder, const struct ph_server *own,
	const struct ph_database *database)
{
	return database->active == own &&
	       ph_held_needed(holder->options.conf, database) &&
	       database->epoch >=
		   ph_epochs_highest(holder->epochs, database->name);
}

static void
drop_others(struct ph_holder *holder)
{
	g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer name, value;

	g_hash_table_iter_init(&iter, holder->held);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		struct ph_holding *held = value;

		if (held->round == holder->round)
			continue;
		ph_holder_let_go(holder, held);
		g_ptr_array_add(gone, g_strdup(name));
	}
	for (guint i = 0; i < gone->len; i++)
		remove_held(holder, gone->pdata[i]);
}

/* ---- the thread --------------------------------------------------------- */

static void
look(struct ph_holder *holder, const struct ph_topology *topology)
{
	const struct ph_server *own =
	    ph_topology_server(topology, holder->server);
	struct ph_err err = PH_ERR_INIT;
	size_t n;
	const struct ph_database *list = ph_topology_databases(topology, &n);

	/* Noted before anything is taken under it. */
	if (ph_epochs_note(holder->epochs, topology, &err) < 0) {
		if (!holder->complained)
			ph_warn("%s", err.text);
		holder->complained = true;
		return;
	}
	holder->complained = false;
	holder->round++;
	if (own && own->state != PH_SERVER_INACTIVE) {
		g_free(holder->name);
		holder->name = g_strdup(own->name);
		for (size_t i = 0; i < n; i++)
			if (is_ours(holder, own, &list[i]))
				attend(holder, &list[i]);
	}
	drop_others(holder);
	ph_holder_ask(holder);
}

static void
tick(void *context)
{
	struct ph_holder *holder = context;
	struct ph_snapshot *snapshot = ph_state_take(holder->options.state);

	if (!snapshot)
		return;
	look(holder, ph_snapshot_derived(snapshot, holder->options.topology));
	ph_snapshot_unref(&snapshot);
	if (holder->changed ||
	    (g_hash_table_size(holder->held) > 0 &&
	     ph_clock_mono() >= holder->published + PH_HOLDER_RENEW_MS))
		(void)ph_holder_publish(holder);
}

int
ph_holder_start(const struct ph_holder_options *options,
		struct ph_holder **holder_r, struct ph_err *err)
{
	struct ph_holder *holder = g_new0(struct ph_holder, 1);
	g_autofree char *path = g_build_filename(
	    ph_conf_text(options->conf, "server", "state_dir"), "epochs", NULL);

	holder->options = *options;
	holder->server = ph_conf_text(options->conf, "server", "name");
	if (ph_epochs_open(path, &holder->epochs, err) < 0) {
		g_free(holder);
		return -1;
	}
	g_mutex_init(&holder->mutex);
	holder->held =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_held);
	holder->leaving = g_ptr_array_new_with_free_func(free_leaving);
	holder->ticker = ph_ticker_start("holder", TICK_MS, tick, holder);
	*holder_r = holder;
	return 0;
}

void
ph_holder_stop(struct ph_holder **holder)
{
	struct ph_holder *p = *holder;

	if (!p)
		return;
	*holder = NULL;
	ph_ticker_stop(&p->ticker);
	p->round++;
	drop_others(p);
	ph_holder_ask(p);
	(void)ph_holder_publish(p);
	ph_epochs_close(&p->epochs);
	g_hash_table_unref(p->held);
	g_ptr_array_unref(p->leaving);
	g_mutex_clear(&p->mutex);
	g_free(p->name);
	g_free(p);
}
