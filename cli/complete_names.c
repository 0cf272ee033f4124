#include "cli/complete.h"

#include "cli/change.h"
#include "lib/base/text.h"
#include "lib/state/snapshot.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Nobody waits longer after a key was pressed. */
#define DEADLINE_US 800000
#define SCAN_COUNT "1000"

static void
names_of_snapshot(struct ph_completion *completion,
		  const struct ph_snapshot *snapshot,
		  const struct ph_kind *kind)
{
	size_t n;
	const struct ph_object *const *objects =
	    ph_snapshot_list(snapshot, kind->name, &n);

	for (size_t i = 0; i < n; i++)
		ph_complete_add(completion, ph_object_name(objects[i]));
}

static bool
names_of_redis(struct ph_completion *completion, struct ph_cli *cli,
	       const struct ph_kind *kind)
{
	g_autofree char *object = ph_object_key(kind, "");
	g_autofree char *start = ph_cli_key(cli, object);
	g_autofree char *literal = ph_redis_literal(start);
	g_autofree char *pattern = g_strconcat(literal, "*", NULL);
	g_autofree char *cursor = g_strdup("0");

	do {
		struct ph_reply *reply = NULL;
		const struct ph_reply *keys;

		if (ph_redis_call(cli->redis, &reply, NULL, "SCAN", cursor,
				  "MATCH", pattern, "COUNT", SCAN_COUNT,
				  NULL) < 0)
			return false;
		g_free(cursor);
		cursor = g_strdup(ph_reply_text(ph_reply_at(reply, 0), NULL));
		keys = ph_reply_at(reply, 1);
		for (size_t i = 0; i < ph_reply_count(keys); i++) {
			const char *key =
			    ph_reply_text(ph_reply_at(keys, i), NULL);

			ph_complete_add(completion, key + strlen(start));
		}
		ph_reply_free(&reply);
	} while (strcmp(cursor, "0") != 0);
	return true;
}

/* Does a daemon keep this copy equal to what Redis holds? Its status says so,
 * unless it has died since. */
static bool
is_kept(const char *snapshot)
{
	const size_t n = strlen(snapshot) - strlen(".snapshot");
	g_autofree char *base = g_strndup(snapshot, n);
	g_autofree char *path = g_strconcat(base, ".status", NULL);
	json_t *status = json_load_file(path, 0, NULL);
	const json_int_t pid =
	    json_integer_value(json_object_get(status, "pid"));
	const bool kept = json_is_true(json_object_get(status, "connected")) &&
			  pid > 0 &&
			  (kill((pid_t)pid, 0) == 0 || errno == EPERM);

	json_decref(status);
	return kept;
}

/* Out of a copy of the daemons of this server, which costs Redis nothing; else
 * out of Redis, and out of an old copy when that is away. */
static void
find_names(struct ph_completion *completion, struct ph_cli *cli,
	   const struct ph_kind *kind)
{
	g_autofree char *path = NULL;
	struct ph_snapshot *snapshot = ph_cli_local_snapshot(cli, NULL, &path);

	if ((snapshot == NULL || !is_kept(path)) &&
	    ph_redis_open(cli->conf, &cli->redis, NULL) == 0 &&
	    names_of_redis(completion, cli, kind))
		ph_snapshot_unref(&snapshot);
	if (snapshot != NULL)
		names_of_snapshot(completion, snapshot, kind);
	ph_snapshot_unref(&snapshot);
}

/* Recipients are too many to choose from. */
static void
add_names(struct ph_completion *completion, const struct ph_kind *kind)
{
	struct ph_cli cli = {.conf_path = completion->conf_path};

	if ((kind->flags & (PH_KIND_DIRECTORY | PH_KIND_SINGLETON)) != 0 ||
	    ph_cli_conf(&cli, NULL) < 0)
		return;
	find_names(completion, &cli, kind);
	ph_redis_close(&cli.redis);
	ph_conf_free(&cli.conf);
}

/* Whatever it waits for: a disk, Redis, a resolver. */
static void
give_up(int number)
{
	(void)number;
	_exit(PH_COMPLETE_BLANK);
}

static void
set_deadline(void)
{
	const struct sigaction action = {.sa_handler = give_up};
	const struct itimerval timer = {.it_value = {0, DEADLINE_US}};

	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

int
ph_complete_main(const struct ph_verb *verbs, int argc, char **argv)
{
	struct ph_completion completion = {.verbs = verbs, .names = add_names};
	const char *breaks = argc > 2 ? argv[2] : "";
	const size_t n = argc > 3 ? (size_t)argc - 3 : 0;
	g_autofree struct ph_shell_word *raw =
	    g_new0(struct ph_shell_word, n + 1);
	g_autofree const char **words = g_new0(const char *, n + 1);

	if (n == 0)
		return PH_COMPLETE_BLANK;
	set_deadline();
	for (size_t i = 0; i < n; i++) {
		ph_shell_word_parse(&raw[i], argv[3 + i], breaks);
		words[i] = raw[i].text;
	}
	ph_complete(&completion, words, n);
	g_ptr_array_sort(completion.found, ph_by_text);
	for (guint i = 0; i < completion.found->len; i++) {
		g_autofree char *line = ph_shell_word_format(
		    &raw[n - 1], completion.found->pdata[i]);

		puts(line);
	}
	g_ptr_array_unref(completion.found);
	for (size_t i = 0; i < n; i++)
		g_free(raw[i].text);
	return (int)completion.end;
}
