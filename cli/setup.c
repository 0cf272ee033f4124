#include "cli/setup.h"

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

static const struct ph_derive derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
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
	char *override;
};

static void
run_clear(struct run *run)
{
	g_ptr_array_unref(run->receive);
	g_ptr_array_unref(run->send);
	g_ptr_array_unref(run->marks);
	g_ptr_array_unref(run->setup.warnings);
	ph_master_free(&run->setup.master);
	ph_master_free(&run->was);
	g_free(run->before);
	g_free(run->after);
	g_free(run->override);
	ph_snapshot_unref(&run->snapshot);
}

/* ---- what is asked for --------------------------------------------------- */

/* Which of a server's two Postfix instances this is, and what a new listener
 * needs. */
static int
look_at_postfix(struct run *run, struct ph_err *err)
{
	g_autofree char *milters = NULL, *override = NULL;

	if (ph_postfix_value(run->directory, "smtpd_milters", &milters, err) <
		0 ||
	    ph_postfix_value(run->directory, "receive_override_options",
			     &override, err) < 0)
		return -1;
	run->role = strstr(milters, "frontend") != NULL ? "FrontendTransport"
							: "HubTransport";
	/* Addresses are resolved by the milter, never by cleanup(8). */
	run->override =
	    g_strdup(*override == '\0' ? "no_address_mappings" : "");
	return 0;
}

static void
keep_mark(struct run *run, const struct ph_object *connector)
{
	const struct ph_object *setup =
	    ph_snapshot_find(run->snapshot, "setup", run->server->name);
	const char *const *list =
	    setup != NULL ? ph_object_list(setup, "Applied") : NULL;
	g_autofree char *mark = ph_setup_mark(connector);
	size_t n = (size_t)(strrchr(mark, '=') - mark) + 1;

	for (; list != NULL && *list != NULL; list++)
		if (strncmp(*list, mark, n) == 0)
			g_ptr_array_add(run->marks, g_strdup(*list));
}

static void
choose(struct run *run)
{
	g_autoptr(GPtrArray) all =
	    ph_setup_connectors(run->snapshot, run->server);

	for (guint i = 0; i < all->len; i++) {
		const struct ph_object *one = all->pdata[i];
		bool receives =
		    strcmp(ph_object_kind(one)->name, "receiveconnector") == 0;
		const char *role = receives
				       ? ph_object_text(one, "TransportRole")
				       : "HubTransport";

		if (role != NULL && strcmp(role, run->role) != 0) {
			keep_mark(run, one);
			continue;
		}
		g_ptr_array_add(receives ? run->receive : run->send,
				(gpointer)one);
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

static int
plan(struct run *run, struct ph_err *err)
{
	if (look_at_postfix(run, err) < 0 || read_master(run, err) < 0)
		return -1;
	choose(run);
	run->setup.snapshot = run->snapshot;
	run->setup.server = run->server;
	run->setup.override = run->override;
	run->setup.certificates =
	    ph_conf_text(run->cli->conf, "server", "certificates");
	if (ph_setup_listeners(&run->setup, run->receive, err) < 0 ||
	    ph_setup_senders(&run->setup, run->send, err) < 0)
		return -1;
	run->after = ph_master_text(run->setup.master);
	return 0;
}

/* ---- what is noted in Redis ---------------------------------------------- */

static int
write_marks(struct run *run, const GPtrArray *marks, struct ph_err *err)
{
	g_autofree char *name = g_strconcat("setup:", run->server->name, NULL);
	g_autofree char *key = ph_cli_key(run->cli, name);
	g_autoptr(GPtrArray) list = g_ptr_array_new();
	g_autofree char *text = NULL;
	struct ph_reply *reply = NULL;
	char now[PH_DATE_TEXT];
	int r;

	for (guint i = 0; i < marks->len; i++)
		g_ptr_array_add(list, marks->pdata[i]);
	g_ptr_array_add(list, NULL);
	text = ph_format_list((const char *const *)list->pdata);
	ph_format_date(ph_clock_wall(), now, sizeof now);
	r = marks->len == 0
		? ph_redis_call(run->cli->redis, &reply, err, "DEL", key, NULL)
		: ph_redis_call(run->cli->redis, &reply, err, "HSET", key,
				"Applied", text, "Time", now, NULL);
	if (r == 0 && ph_reply_type(reply) == PH_REPLY_ERROR)
		r = ph_err_set(err, PH_ERR_TEMP, "%s",
			       ph_reply_text(reply, NULL));
	ph_reply_free(&reply);
	return r;
}

/* Of what is noted now, that which will be there afterwards as well: no mail
 * may go to a transport that is about to be removed. */
static int
forget_removed(struct run *run, struct ph_err *err)
{
	g_autoptr(GPtrArray) pending =
	    ph_setup_pending(run->snapshot, run->server);
	g_autoptr(GPtrArray) kept = g_ptr_array_new();
	const struct ph_object *setup =
	    ph_snapshot_find(run->snapshot, "setup", run->server->name);
	const char *const *list =
	    setup != NULL ? ph_object_list(setup, "Applied") : NULL;
	bool any = false;

	for (; list != NULL && *list != NULL; list++) {
		bool removed = false;

		for (guint i = 0; i < pending->len && !removed; i++) {
			const struct ph_setup_pending *one = pending->pdata[i];
			size_t n = strlen(one->connector);

			removed = strcmp(one->change, "removed") == 0 &&
				  strncmp(*list, one->connector, n) == 0 &&
				  (*list)[n] == '=';
		}
		any = any || removed;
		if (!removed)
			g_ptr_array_add(kept, (gpointer)*list);
	}
	return any ? write_marks(run, kept, err) : 0;
}

/* ---- the verb ------------------------------------------------------------ */

static int
apply(struct run *run, struct ph_err *err)
{
	if (strcmp(run->before, run->after) != 0 &&
	    (ph_postfix_ports(run->was, run->setup.master, err) < 0 ||
	     forget_removed(run, err) < 0 ||
	     ph_postfix_replace(run->directory, run->after, err) < 0))
		return -1;
	return write_marks(run, run->marks, err);
}

static void
show(const struct run *run, const char *diff, guint pending, bool applied)
{
	json_t *json;

	for (guint i = 0; i < run->setup.warnings->len; i++)
		ph_cli_warn("%s", (char *)run->setup.warnings->pdata[i]);
	if (!run->cli->json) {
		fputs(diff, stdout);
		if (*diff == '\0' && pending == 0)
			puts("master.cf says what the connectors say.");
		return;
	}
	json = json_object();
	json_object_set_new(json, "Pending",
			    json_boolean(*diff != '\0' || pending > 0));
	json_object_set_new(json, "Applied", json_boolean(applied));
	ph_json_set(json, "Diff", diff);
	ph_json_print(json);
}

static int
finish(struct run *run, bool wanted)
{
	g_autoptr(GPtrArray) pending =
	    ph_setup_pending(run->snapshot, run->server);
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *diff = NULL;
	int status = PH_EXIT_YES;

	if (plan(run, &err) < 0 ||
	    ph_postfix_diff(run->directory, run->after, &diff, &err) < 0)
		return ph_cli_err(&err);
	if (wanted && ph_cli_may_write(run->cli, &status) < 0)
		return status;
	if (wanted && apply(run, &err) < 0)
		return ph_cli_err(&err);
	show(run, diff, pending->len, wanted);
	return wanted || (*diff == '\0' && pending->len == 0) ? PH_EXIT_YES
							      : PH_EXIT_NO;
}

int
ph_setup_connectors_run(struct ph_cli *cli, const struct ph_input *input)
{
	const char *name = ph_conf_text(cli->conf, "server", "name");
	struct run run = {
	    .cli = cli,
	    .directory = ph_conf_text(cli->conf, "server", "postfix"),
	    .receive = g_ptr_array_new(),
	    .send = g_ptr_array_new(),
	    .marks = g_ptr_array_new_with_free_func(g_free),
	    .setup.warnings = g_ptr_array_new_with_free_func(g_free),
	};
	int status;

	if (ph_cli_snapshot(cli, false, derive, &run.snapshot, &status) == 0) {
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
	run_clear(&run);
	return status;
}
