#include "cli/setup.h"

#include "cli/change.h"
#include "cli/kind.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/routing/setup.h"

#include <stdio.h>
#include <string.h>

/*
 * posthub setup connectors: what connectors say that Postfix reads only from
 * master.cf. Shown as a difference; with --apply written, checked, in force,
 * and noted in Redis.
 */
const struct ph_option ph_setup_options[] = {
    {"apply", NULL, "change master.cf, and have Postfix read it"},
    {NULL, NULL, NULL},
};

/* One run. */
struct run {
	struct ph_cli *cli;
	const char *directory; /* of Postfix's configuration */
	struct ph_snapshot *snapshot;
	const struct ph_server *server;
	const char *role;	   /* TransportRole of this Postfix */
	GPtrArray *receive, *send; /* connectors for it */
	GPtrArray *marks;	   /* what is in force when all is done */
	char *before, *after;	   /* master.cf */
	struct ph_master *was;
	struct ph_setup setup;
	char *override, *tls_level;
	bool removes; /* a transport */
};

/* ---- what is asked for --------------------------------------------------- */

/* Which of a server's two Postfix instances this is, and what a new listener
 * needs. */
static int
look_at_postfix(struct run *run, struct ph_err *err)
{
	const struct ph_postfix_role *role;
	g_autofree char *override = NULL;

	if (ph_postfix_role(run->directory, &role, err) < 0 ||
	    ph_postfix_value(run->directory, "receive_override_options",
			     &override, err) < 0 ||
	    ph_postfix_value(run->directory, "smtpd_tls_security_level",
			     &run->tls_level, err) < 0)
		return -1;
	run->role = role->transport_role;
	/* Addresses are resolved by the milter, never by cleanup(8). */
	run->override =
	    g_strdup(*override == '\0' ? "no_address_mappings" : "");
	return 0;
}

static void
choose(struct run *run)
{
	g_autoptr(GPtrArray) all =
	    ph_setup_connectors(run->snapshot, run->server);

	for (guint i = 0; i < all->len; i++) {
		struct ph_object *one = all->pdata[i];

		if (!ph_setup_is_of(one, run->role))
			continue;
		g_ptr_array_add(
		    strcmp(ph_object_kind(one)->name, "receiveconnector") == 0
			? run->receive
			: run->send,
		    one);
		g_ptr_array_add(run->marks, ph_setup_mark(one));
	}
}

static int
read_master(struct run *run, struct ph_err *err)
{
	g_autofree char *path =
	    g_build_filename(run->directory, "master.cf", NULL);
	g_autoptr(GError) error = NULL;

	if (!g_file_get_contents(path, &run->before, NULL, &error))
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	if (ph_master_parse(run->before, &run->setup.master, err) < 0)
		return -1;
	return ph_master_parse_whole(run->before, &run->was, err);
}

/* Transports of the file before; borrowed. */
static GPtrArray *
find_removed(const struct run *run)
{
	GPtrArray *removed = g_ptr_array_new();

	for (guint i = 0; i < run->was->services->len; i++)
		if (ph_setup_is_removed(&run->setup,
					run->was->services->pdata[i]))
			g_ptr_array_add(removed, run->was->services->pdata[i]);
	return removed;
}

static void
keep_transport(struct run *run, const struct ph_master_service *transport)
{
	ph_master_add(run->setup.master, ph_master_service_copy(transport),
		      "of a send connector that is gone; mail in the queue "
		      "still goes by it");
	g_ptr_array_add(run->setup.warnings,
			g_strdup_printf("transport %s stays until no mail in "
					"the queue goes by it any more; then "
					"setup connectors removes it",
					transport->name));
}

static int
find_named(const struct run *run, const GPtrArray *transports, bool *named_r,
	   struct ph_err *err)
{
	g_autofree const char **names =
	    g_new0(const char *, transports->len + 1);
	g_autofree char *queue = NULL;

	for (guint i = 0; i < transports->len; i++) {
		const struct ph_master_service *one = transports->pdata[i];

		names[i] = one->name;
	}
	if (ph_postfix_value(run->directory, "queue_directory", &queue, err) <
	    0)
		return -1;
	return ph_postfix_queue_names(queue, names, named_r, err);
}

/* Mail that a rule has sent over a connector names its transport as long as it
 * is in the queue, and would wait there for one that is gone. How many such
 * transports were added to the new file; -1: nobody can say, and where the file
 * is in its place already, all of them were added. */
static int
keep_transports(struct run *run, bool in_place, struct ph_err *err)
{
	g_autoptr(GPtrArray) removed = find_removed(run);
	g_autofree bool *named = g_new0(bool, removed->len);
	int kept = 0, r = 0;

	run->removes = removed->len > 0;
	if (run->removes)
		r = find_named(run, removed, named, err);
	if (r < 0 && !in_place)
		return -1;
	for (guint i = 0; i < removed->len; i++) {
		if ((r == 0 && !named[i]) ||
		    !ph_setup_is_removed(&run->setup, removed->pdata[i]))
			continue;
		keep_transport(run, removed->pdata[i]);
		kept++;
	}
	return r < 0 ? -1 : kept;
}

static int
plan(struct run *run, struct ph_err *err)
{
	if (look_at_postfix(run, err) < 0 || read_master(run, err) < 0)
		return -1;
	choose(run);
	run->setup.snapshot = run->snapshot;
	run->setup.server = run->server;
	run->setup.override = run->override;
	run->setup.tls_level = run->tls_level;
	run->setup.certificates =
	    ph_conf_text(run->cli->conf, "server", "certificates");
	if (ph_setup_listeners(&run->setup, run->receive, err) < 0 ||
	    ph_setup_senders(&run->setup, run->send, err) < 0 ||
	    keep_transports(run, false, err) < 0)
		return -1;
	run->after = ph_master_text(run->setup.master);
	return 0;
}

static void
plan_begin(struct run *run)
{
	run->receive = g_ptr_array_new();
	run->send = g_ptr_array_new();
	run->marks = g_ptr_array_new_with_free_func(g_free);
	run->setup.warnings = g_ptr_array_new_with_free_func(g_free);
}

static void
plan_clear(struct run *run)
{
	g_ptr_array_unref(run->receive);
	g_ptr_array_unref(run->send);
	g_ptr_array_unref(run->marks);
	g_ptr_array_unref(run->setup.warnings);
	ph_master_free(&run->setup.master);
	ph_master_free(&run->was);
	g_clear_pointer(&run->before, g_free);
	g_clear_pointer(&run->after, g_free);
	g_clear_pointer(&run->override, g_free);
	g_clear_pointer(&run->tls_level, g_free);
}

/* ---- what is noted in Redis ---------------------------------------------- */

struct marks {
	const char *field;
	const GPtrArray *list;
};

static int
plan_marks(struct ph_change *change, const void *context)
{
	const struct marks *marks = context;
	g_autoptr(GPtrArray) list = g_ptr_array_new();
	g_autofree char *text = NULL;
	char now[PH_DATE_TEXT];

	for (guint i = 0; i < marks->list->len; i++)
		g_ptr_array_add(list, marks->list->pdata[i]);
	g_ptr_array_add(list, NULL);
	text = ph_format_list((const char *const *)list->pdata);
	ph_format_date(ph_clock_wall(), now, sizeof now);
	ph_change_set(change, marks->field, text);
	ph_change_set(change, "Time", now);
	return PH_EXIT_YES;
}

/* Those of this Postfix; another instance on the server has a field of its own.
 * An exit code. */
static int
write_marks(const struct run *run, const GPtrArray *list)
{
	const struct marks marks = {ph_setup_field(run->role), list};

	return ph_change_run(run->cli, ph_kind_find("setup"), run->server->name,
			     "setup", plan_marks, &marks);
}

/* How long it takes until all that decide about mail know of a change. */
#define KNOWN_US (2UL * G_USEC_PER_SEC)

/* Of what is noted now, that which will be there afterwards as well: no mail
 * may go to a transport that is about to be removed. What the queue holds is
 * looked at after that. An exit code. */
static int
forget_removed(struct run *run, struct ph_err *err)
{
	g_autoptr(GPtrArray) kept = NULL;
	int status;

	if (ph_setup_kept(run->snapshot, run->server, run->role, &kept))
		return PH_EXIT_YES;
	status = write_marks(run, kept);
	if (status != PH_EXIT_YES || !run->removes)
		return status;
	g_usleep(KNOWN_US);
	plan_clear(run);
	plan_begin(run);
	return plan(run, err) < 0 ? ph_cli_err(err) : PH_EXIT_YES;
}

/* ---- the verb ------------------------------------------------------------ */

/* The new file with those that mail in the queue has come to name. What was on
 * its way into the queue when that was looked at is in it now, so it is looked
 * at again. */
static int
put_back(struct run *run, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	int kept = keep_transports(run, true, &why);
	g_autofree char *text = NULL;

	if (kept < 0)
		ph_cli_warn("%s", why.text);
	if (kept == 0)
		return 0;
	text = ph_master_text(run->setup.master);
	if (ph_postfix_replace(run->directory, run->after, run->before, text,
			       err) < 0)
		return ph_err_wrap(err, "master.cf is in its place, but "
					"without a transport that mail in the "
					"queue names");
	g_free(run->after);
	run->after = g_steal_pointer(&text);
	return 0;
}

/* An exit code. */
static int
replace(struct run *run, struct ph_err *err)
{
	int status;

	if (ph_postfix_ports(run->directory, run->was, run->setup.master, err) <
	    0)
		return ph_cli_err(err);
	status = forget_removed(run, err);
	if (status != PH_EXIT_YES || strcmp(run->before, run->after) == 0)
		return status;
	return ph_postfix_replace(run->directory, run->before, run->before,
				  run->after, err) < 0 ||
		       put_back(run, err) < 0
		   ? ph_cli_err(err)
		   : PH_EXIT_YES;
}

/* due: the file was perhaps never read as it is. An exit code. */
static int
apply(struct run *run, bool due)
{
	bool differs = strcmp(run->before, run->after) != 0;
	struct ph_err err = PH_ERR_INIT;
	int status = differs ? replace(run, &err) : PH_EXIT_YES;

	if (status == PH_EXIT_YES && (differs || due) &&
	    ph_postfix_reload(run->directory, &err) < 0)
		status = ph_cli_err(&err);
	return status == PH_EXIT_YES ? write_marks(run, run->marks) : status;
}

/* due: there was something to be done, even if nothing is different. */
static void
show(const struct run *run, const char *diff, bool due, bool applied)
{
	json_t *json;

	for (guint i = 0; i < run->setup.warnings->len; i++)
		ph_cli_warn("%s", (char *)run->setup.warnings->pdata[i]);
	if (!run->cli->json) {
		fputs(diff, stdout);
		if (!applied && ph_postfix_is_unread(run->directory))
			puts("Postfix may not have read master.cf as it is.");
		else if (*diff == '\0' && !due)
			puts("master.cf says what the connectors say.");
		return;
	}
	json = json_object();
	json_object_set_new(json, "Pending",
			    json_boolean(*diff != '\0' || due));
	json_object_set_new(json, "Applied", json_boolean(applied));
	ph_json_set(json, "Diff", diff);
	ph_json_print(json);
}

static int
finish(struct run *run, bool wanted)
{
	g_autoptr(GPtrArray) pending =
	    ph_setup_pending(run->snapshot, run->server);
	const bool due =
	    pending->len > 0 || ph_postfix_is_unread(run->directory);
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *diff = NULL;
	int status = PH_EXIT_YES;

	if (plan(run, &err) < 0)
		return ph_cli_err(&err);
	if (wanted && ph_cli_may_write(run->cli, &status) < 0)
		return status;
	if (wanted)
		status = apply(run, due);
	if (status != PH_EXIT_YES)
		return status;
	if (ph_postfix_diff(run->directory, run->before, run->after, &diff,
			    &err) < 0)
		return ph_cli_err(&err);
	show(run, diff, due, wanted);
	return wanted || (*diff == '\0' && !due) ? PH_EXIT_YES : PH_EXIT_NO;
}

int
ph_setup_connectors_run(struct ph_cli *cli, const struct ph_input *input)
{
	const char *name = ph_conf_text(cli->conf, "server", "name");
	struct run run = {
	    .cli = cli,
	    .directory = ph_conf_text(cli->conf, "server", "postfix"),
	};
	int status;

	plan_begin(&run);
	if (ph_cli_snapshot(cli, false, ph_topology_derive, &run.snapshot,
			    &status) == 0) {
		run.server = ph_topology_server(
		    ph_snapshot_derived(run.snapshot, 0), name);
		status =
		    run.server != NULL
			? finish(&run, ph_input_option(input, "apply") != NULL)
			: ph_cli_fail(PH_EXIT_NO,
				      "server %s does not exist; [server] "
				      "name says who this is",
				      name);
	}
	plan_clear(&run);
	ph_snapshot_unref(&run.snapshot);
	return status;
}
