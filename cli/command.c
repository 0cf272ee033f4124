#include "cli/command.h"

#include "cli/input.h"
#include "lib/base/log.h"
#include "lib/base/program.h"
#include "lib/base/text.h"
#include "lib/state/state.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONF "/etc/posthub/posthub.conf"

static void print_line(const char *before, const char *format, va_list args)
    G_GNUC_PRINTF(2, 0);

/* What is printed may come from Redis: no escape sequence for the terminal. */
static void
print_line(const char *before, const char *format, va_list args)
{
	g_autofree char *text = g_strdup_vprintf(format, args);
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autoptr(GString) line = g_string_new(NULL);

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		const gunichar c = g_utf8_get_char(p);

		g_string_append_unichar(line, g_unichar_iscntrl(c) ? '?' : c);
	}
	fflush(stdout);
	fprintf(stderr, "posthub: %s%s\n", before, line->str);
}

int
ph_cli_fail(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("", format, args);
	va_end(args);
	return status;
}

void
ph_cli_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("warning: ", format, args);
	va_end(args);
}

/* The one table from what went wrong to an exit code. */
int
ph_cli_err(const struct ph_err *err)
{
	static const int status[] = {
	    [PH_ERR_NONE] = PH_EXIT_BUG,
	    [PH_ERR_TEMP] = PH_EXIT_UNAVAILABLE,
	    [PH_ERR_PERM] = PH_EXIT_DATA,
	    [PH_ERR_PEER] = PH_EXIT_UNAVAILABLE,
	    [PH_ERR_MAYBE] = PH_EXIT_TEMPORARY,
	};

	return ph_cli_fail(status[err->kind], "%s%s", err->text,
			   err->kind == PH_ERR_MAYBE
			       ? "; it may have happened, look before trying "
				 "again"
			       : "");
}

int
ph_cli_unread(struct ph_err *err)
{
	if (err != NULL && err->kind == PH_ERR_MAYBE)
		err->kind = PH_ERR_TEMP;
	return -1;
}

int
ph_cli_redis(struct ph_cli *cli, int *status_r)
{
	struct ph_err err = PH_ERR_INIT;

	if (cli->redis || ph_redis_open(cli->conf, &cli->redis, &err) == 0)
		return 0;
	*status_r = ph_cli_fail(PH_EXIT_CONFIG, "%s", err.text);
	return -1;
}

char *
ph_cli_key(const struct ph_cli *cli, const char *key)
{
	return g_strconcat(ph_redis_prefix(cli->redis), key, NULL);
}

/* ---- what the daemons of this server keep on disk ----------------------- */

char **
ph_cli_state_files(const struct ph_cli *cli, const char *suffix)
{
	const char *path = ph_conf_text(cli->conf, "server", "state_dir");
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	GPtrArray *files = g_ptr_array_new();
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		if (name[0] != '.' && g_str_has_suffix(name, suffix))
			g_ptr_array_add(files,
					g_build_filename(path, name, NULL));
	}
	g_ptr_array_sort(files, ph_by_text);
	g_ptr_array_add(files, NULL);
	return (char **)g_ptr_array_free(files, FALSE);
}

struct ph_snapshot *
ph_cli_local_snapshot(const struct ph_cli *cli, const struct ph_derive *derive,
		      char **path_r)
{
	g_auto(GStrv) files = ph_cli_state_files(cli, ".snapshot");
	struct ph_snapshot *newest = NULL;
	gint64 newest_time = -1;

	for (char **file = files; *file; file++) {
		struct ph_snapshot *snapshot = NULL;
		GStatBuf status;

		if (g_stat(*file, &status) != 0 ||
		    (gint64)status.st_mtime <= newest_time ||
		    ph_snapshot_load(*file, derive, &snapshot, NULL) != 1)
			continue;
		ph_snapshot_unref(&newest);
		newest = snapshot;
		newest_time = status.st_mtime;
		if (path_r) {
			g_free(*path_r);
			*path_r = g_strdup(*file);
		}
	}
	return newest;
}

/* Nothing is shown of a Redis that was emptied, or of another prefix, as of one
 * in which nothing is yet: what the daemons here follow tells them apart. */
static void
warn_lost(struct ph_cli *cli, const struct ph_snapshot *snapshot)
{
	struct ph_snapshot *local;

	if (*ph_snapshot_organization(snapshot))
		return;
	local = ph_cli_local_snapshot(cli, NULL, NULL);
	if (local && *ph_snapshot_organization(local))
		ph_cli_warn("Redis holds no state with the prefix %s, and the "
			    "daemons here do; \"posthub status\" says more",
			    ph_redis_prefix(cli->redis));
	ph_snapshot_unref(&local);
}

int
ph_cli_snapshot(struct ph_cli *cli, bool local, const struct ph_derive *derive,
		struct ph_snapshot **snapshot_r, int *status_r)
{
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *path = NULL;

	if (ph_cli_redis(cli, status_r) < 0)
		return -1;
	if (ph_state_read(cli->redis, derive, snapshot_r, &err) == 0) {
		warn_lost(cli, *snapshot_r);
		return 0;
	}
	(void)ph_cli_unread(&err);
	*snapshot_r = local ? ph_cli_local_snapshot(cli, derive, &path) : NULL;
	if (!*snapshot_r) {
		*status_r = ph_cli_err(&err);
		return -1;
	}
	ph_cli_warn("%s; using %s", err.text, path);
	return 0;
}

/* ---- may we write ------------------------------------------------------- */

/* Whoever may not read the daemons' copies cannot say that there are none. */
static bool
may_have_state(const struct ph_cli *cli)
{
	const char *path = ph_conf_text(cli->conf, "server", "state_dir");
	g_auto(GStrv) files = ph_cli_state_files(cli, ".snapshot");

	return *files || (access(path, R_OK) != 0 && errno == EACCES);
}

/* Redis holds another organisation than the daemons here follow, and nobody
 * has adopted it since. */
static bool
is_foreign(struct ph_cli *cli, const struct ph_snapshot *local,
	   const char *organization)
{
	const char *ours = ph_snapshot_organization(local);
	g_autofree char *key = ph_cli_key(cli, "meta");
	struct ph_reply *reply = NULL;
	bool adopted;

	if (!*ours || g_ascii_strcasecmp(ours, organization) == 0)
		return false;
	if (ph_redis_call(cli->redis, &reply, NULL, "HGET", key, "Adopted",
			  NULL) < 0)
		return true;
	/* ISO 8601 in UTC compares as text. */
	adopted =
	    strcmp(ph_reply_text(reply, NULL), ph_snapshot_adopted(local)) > 0;
	ph_reply_free(&reply);
	return !adopted;
}

int
ph_cli_may_write(struct ph_cli *cli, int *status_r)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_snapshot *local = NULL;
	g_autofree char *organization = NULL;
	bool foreign;
	int r;

	if (ph_cli_redis(cli, status_r) < 0)
		return -1;
	local = ph_cli_local_snapshot(cli, NULL, NULL);
	r = ph_state_meta(cli->redis, may_have_state(cli), &organization, &err);
	foreign = r == 1 && local && is_foreign(cli, local, organization);
	ph_snapshot_unref(&local);
	if (r == 1 && !foreign)
		return 0;
	if (r < 0) {
		(void)ph_cli_unread(&err);
		*status_r = ph_cli_err(&err);
	} else
		*status_r = ph_cli_fail(
		    PH_EXIT_UNAVAILABLE,
		    "Redis %s; the daemons keep what they had. If this is the "
		    "state you want, run posthub state adopt",
		    foreign ? "holds another organisation than this server's "
			      "daemons follow"
			    : "has lost its state");
	return -1;
}

/* ---- main --------------------------------------------------------------- */

int
ph_cli_conf(struct ph_cli *cli, struct ph_err *err)
{
	const char *path = cli->conf_path;

	if (!path && g_file_test(DEFAULT_CONF, G_FILE_TEST_EXISTS))
		path = DEFAULT_CONF;
	return ph_conf_load(path, &cli->conf, err);
}

static int
run(struct ph_cli *cli, const struct ph_parsed *parsed)
{
	struct ph_err err = PH_ERR_INIT;
	int status = ph_cli_conf(cli, &err) < 0
			 ? ph_cli_fail(PH_EXIT_CONFIG, "%s", err.text)
			 : parsed->verb->run(cli, &parsed->input);

	ph_redis_close(&cli->redis);
	ph_conf_free(&cli->conf);
	return status;
}

/* An answer that was not written is none. What failed before the last of it
 * was written is known without its reason. */
static int
end_output(int status)
{
	const bool failed = ferror(stdout) != 0;

	if (fflush(stdout) == 0 && !failed)
		return status;
	return status > PH_EXIT_NO
		   ? status
		   : ph_cli_fail(PH_EXIT_NO_INPUT,
				 "standard output cannot be written%s%s",
				 failed ? "" : ": ",
				 failed ? "" : g_strerror(errno));
}

int
ph_cli_main(const struct ph_verb *verbs, int argc, char **argv)
{
	struct ph_parsed parsed;
	struct ph_err err = PH_ERR_INIT;
	struct ph_cli cli = {.verbs = verbs};
	g_autofree char *help = NULL;
	int status = PH_EXIT_YES;

	ph_log_open_command("posthub");
	if (ph_parsed_init(&parsed, verbs, argc, argv, &err) < 0) {
		status = ph_cli_fail(PH_EXIT_USAGE, "%s", err.text);
	} else if (parsed.wish == PH_WISH_HELP) {
		help = ph_help_text(verbs, &parsed);
		fputs(help, stdout);
	} else if (parsed.wish == PH_WISH_VERSION) {
		puts("posthub " PH_VERSION);
	} else {
		cli.conf_path = parsed.conf_path;
		cli.json = parsed.json;
		status = run(&cli, &parsed);
	}
	ph_parsed_clear(&parsed);
	return end_output(status);
}
