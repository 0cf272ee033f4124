#include "store/delivery/hurry.h"

#include "lib/base/child.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/base/ticker.h"
#include "lib/directory/resolve.h"

#include <errno.h>
#include <glib.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	LOOK_MS = 500,
	LIMIT_MS = 60 * 1000,	   /* of all commands of one round */
	AGAIN_MS = 1000,	   /* after a round that left some unsure, */
	AGAIN_MOST_MS = 60 * 1000, /* and twice as long after the next */
	FEW = 100,		   /* more are not asked for one by one */
	LOOK_UPS = 10000,	   /* in the directory, of one list */
	FAILURES = 10,		   /* then Postfix's own next try is near */
	LINE_LIMIT = 64 << 20,	   /* a message with all its recipients */
};

struct ph_hurry {
	char **argv; /* NULL: nothing is ever done */
	struct ph_state *state;
	struct ph_directory *directory;
	GMutex mutex;
	GHashTable *asked;  /* folded names of databases; under the mutex */
	int64_t not_before; /* monotonic; the same */
	bool anew;	    /* somebody has asked; the same */
	/* The thread's: of what was asked for last, until all was said. */
	int64_t pause;	   /* ms; 0: all was said */
	unsigned failures; /* of postqueue */
	GHashTable *told;  /* ids that were asked for */
	int stop_fd;	   /* readable once a stop was asked for */
	struct ph_ticker *ticker;
};

/* What one list is looked through for. */
struct search {
	struct ph_hurry *hurry;
	struct ph_snapshot *snapshot;
	GHashTable *databases; /* folded names */
	GPtrArray *ids;
	int64_t deadline;   /* of the round, monotonic */
	int64_t look_until; /* then all are asked for */
	unsigned look_ups;
	bool all;    /* there is too much to choose */
	bool failed; /* the list could not be had, or not all asked for */
	bool unsure; /* of some nobody could say whether they are wanted */
};

/* ---- a command ---------------------------------------------------------- */

typedef void line_function(struct search *search, const char *line);

static void
take_lines(GString *text, line_function *take, struct search *search)
{
	char *end;

	while ((end = memchr(text->str, '\n', text->len))) {
		*end = '\0';
		if (take)
			take(search, text->str);
		g_string_erase(text, 0, end + 1 - text->str);
	}
}

/* Until the end of its output, of the time, or a stop. */
static bool
read_output(int fd, line_function *take, struct search *search)
{
	g_autoptr(GString) text = g_string_new(NULL);
	char buffer[65536];
	ssize_t n;

	for (;;) {
		struct pollfd wait[] = {
		    {.fd = fd, .events = POLLIN},
		    {.fd = search->hurry->stop_fd, .events = POLLIN},
		};
		int64_t left = search->deadline - ph_clock_mono();

		if (left <= 0 || text->len > LINE_LIMIT)
			return false;
		if (poll(wait, G_N_ELEMENTS(wait), (int)left) <= 0)
			continue;
		if (wait[1].revents)
			return false;
		n = read(fd, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		g_string_append_len(text, buffer, n);
		take_lines(text, take, search);
	}
}

static bool
start(const struct ph_hurry *hurry, const char *option, const char *argument,
      pid_t *pid_r, int *out_r)
{
	const GSpawnFlags flags = G_SPAWN_SEARCH_PATH |
				  G_SPAWN_DO_NOT_REAP_CHILD |
				  G_SPAWN_STDERR_TO_DEV_NULL;
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autoptr(GError) error = NULL;

	for (char **word = hurry->argv; *word; word++)
		g_ptr_array_add(argv, *word);
	g_ptr_array_add(argv, (gpointer)option);
	g_ptr_array_add(argv, (gpointer)argument);
	g_ptr_array_add(argv, NULL);
	if (g_spawn_async_with_pipes("/", (char **)argv->pdata, NULL, flags,
				     ph_child_setup, NULL, pid_r, NULL, out_r,
				     NULL, &error))
		return true;
	ph_warn("%s %s: %s", *hurry->argv, option, error->message);
	return false;
}

static bool
is_stopping(const struct ph_hurry *hurry)
{
	struct pollfd stop = {.fd = hurry->stop_fd, .events = POLLIN};

	return poll(&stop, 1, 0) > 0;
}

/* postqueue -<option> [argument] */
static bool
run(struct search *search, const char *option, const char *argument,
    line_function *take)
{
	const struct ph_hurry *hurry = search->hurry;
	int out, status;
	bool good;
	pid_t pid;

	if (is_stopping(hurry) || !start(hurry, option, argument, &pid, &out))
		return false;
	good = read_output(out, take, search) &&
	       ph_child_wait(pid, hurry->stop_fd, search->deadline);
	close(out);
	status = ph_child_end(pid);
	if (good && status == 0)
		return true;
	if (!is_stopping(hurry))
		ph_warn("%s %s failed: %s", *hurry->argv, option,
			good ? "it is no user of Postfix that may do so, or "
			       "Postfix is down"
			     : "it took too long");
	return false;
}

/* ---- the list ----------------------------------------------------------- */

/* 1, 0, or -1: cannot say. Each may wait for the directory. */
static int
is_wanted(struct search *search, const char *address)
{
	struct ph_resolution resolution;
	struct ph_err err = PH_ERR_INIT;
	int wanted = 0;

	if (!address)
		return 0;
	if (is_stopping(search->hurry) ||
	    ph_clock_mono() >= search->look_until ||
	    ++search->look_ups > LOOK_UPS)
		return -1;
	/* An address that two entries claim is delivered to neither. */
	if (ph_resolve(search->hurry->directory, search->snapshot, address,
		       &resolution, &err) < 0)
		return err.kind == PH_ERR_PERM ? 0 : -1;
	if (resolution.verdict == PH_RESOLVED_ENTRY &&
	    ph_entry_is_mailbox(resolution.entry)) {
		g_autofree char *folded =
		    ph_fold(ph_object_text(resolution.entry, "Database"));

		wanted = g_hash_table_contains(search->databases, folded);
	}
	ph_resolution_clear(&resolution);
	return wanted;
}

static bool
has_wanted(struct search *search, const json_t *recipients)
{
	const json_t *recipient;
	size_t i;

	json_array_foreach(recipients, i, recipient)
	{
		int wanted = is_wanted(
		    search,
		    json_string_value(json_object_get(recipient, "address")));

		if (wanted == 1)
			return true;
		search->unsure |= wanted < 0;
	}
	return false;
}

/* A message of postqueue -j. What cannot be wanted is not parsed. */
static void
take_message(struct search *search, const char *line)
{
	json_t *json = NULL;
	const char *id, *queue;

	if (!search->all && strstr(line, "\"deferred\""))
		json = json_loads(line, 0, NULL);
	id = json_string_value(json_object_get(json, "queue_id"));
	queue = json_string_value(json_object_get(json, "queue_name"));
	if (id && g_strcmp0(queue, "deferred") == 0 &&
	    !g_hash_table_contains(search->hurry->told, id)) {
		if (has_wanted(search, json_object_get(json, "recipients")))
			g_ptr_array_add(search->ids, g_strdup(id));
		search->all = search->ids->len > FEW ||
			      search->look_ups > LOOK_UPS ||
			      ph_clock_mono() >= search->look_until;
	}
	json_decref(json);
}

static void
ask_for_those(struct search *search)
{
	struct ph_hurry *hurry = search->hurry;

	if (search->ids->len > 0)
		ph_info("deferred mail is asked for: %u messages",
			search->ids->len);
	/* One that has left the queue meanwhile is no reason to stop; the time
	 * is. */
	for (guint i = 0; i < search->ids->len; i++)
		if (ph_clock_mono() < search->deadline &&
		    run(search, "-i", search->ids->pdata[i], NULL))
			g_hash_table_add(hurry->told,
					 g_strdup(search->ids->pdata[i]));
		else
			search->failed = true;
}

static void
ask_for(struct search *search)
{
	if (!run(search, "-j", NULL, take_message)) {
		search->failed = true;
	} else if (search->all) {
		search->unsure = false;
		ph_info("deferred mail is asked for: all");
		search->failed = !run(search, "-f", NULL, NULL);
	} else {
		ask_for_those(search);
	}
}

/* ---- the thread --------------------------------------------------------- */

static void
forget(struct ph_hurry *hurry)
{
	hurry->pause = 0;
	hurry->failures = 0;
	g_hash_table_remove_all(hurry->told);
}

/* NULL: nobody has asked, or it is too early. */
static GHashTable *
take_asked(struct ph_hurry *hurry)
{
	GHashTable *asked = NULL;

	g_mutex_lock(&hurry->mutex);
	if (g_hash_table_size(hurry->asked) > 0 &&
	    ph_clock_mono() >= hurry->not_before) {
		asked = hurry->asked;
		hurry->asked = g_hash_table_new_full(g_str_hash, g_str_equal,
						     g_free, NULL);
		if (hurry->anew)
			forget(hurry);
		hurry->anew = false;
	}
	g_mutex_unlock(&hurry->mutex);
	return asked;
}

/* An outage is no reason for mail to wait for Postfix's next try. */
static void
ask_again(struct ph_hurry *hurry, GHashTable *databases)
{
	GHashTableIter iter;
	gpointer folded;

	hurry->pause = CLAMP(hurry->pause * 2, AGAIN_MS, AGAIN_MOST_MS);
	g_mutex_lock(&hurry->mutex);
	/* What was asked for meanwhile does not wait. */
	if (g_hash_table_size(hurry->asked) == 0)
		hurry->not_before = ph_clock_mono() + hurry->pause;
	g_hash_table_iter_init(&iter, databases);
	while (g_hash_table_iter_next(&iter, &folded, NULL))
		g_hash_table_add(hurry->asked, g_strdup(folded));
	g_mutex_unlock(&hurry->mutex);
}

static void
look(void *context)
{
	struct ph_hurry *hurry = context;
	struct search search = {.hurry = hurry};

	search.databases = take_asked(hurry);
	if (!search.databases)
		return;
	search.deadline = ph_clock_mono() + LIMIT_MS;
	search.look_until = search.deadline - LIMIT_MS / 2;
	search.snapshot = ph_state_take(hurry->state);
	search.ids = g_ptr_array_new_with_free_func(g_free);
	search.unsure = !search.snapshot;
	if (search.snapshot)
		ask_for(&search);
	hurry->failures = search.failed ? hurry->failures + 1 : 0;
	if (search.unsure || (search.failed && hurry->failures < FAILURES))
		ask_again(hurry, search.databases);
	else
		forget(hurry);
	ph_snapshot_unref(&search.snapshot);
	g_ptr_array_unref(search.ids);
	g_hash_table_unref(search.databases);
}

struct ph_hurry *
ph_hurry_start(const char *command, struct ph_state *state,
	       struct ph_directory *directory)
{
	struct ph_hurry *hurry = g_new0(struct ph_hurry, 1);
	g_autoptr(GError) error = NULL;

	if (command && *command &&
	    !g_shell_parse_argv(command, NULL, &hurry->argv, &error))
		ph_warn("[delivery] postqueue: %s", error->message);
	hurry->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	hurry->state = state;
	hurry->directory = directory;
	g_mutex_init(&hurry->mutex);
	hurry->asked =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	hurry->told =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (hurry->argv)
		hurry->ticker = ph_ticker_start("hurry", LOOK_MS, look, hurry);
	return hurry;
}

void
ph_hurry_stop(struct ph_hurry **hurry)
{
	struct ph_hurry *p = *hurry;

	if (!p)
		return;
	*hurry = NULL;
	eventfd_write(p->stop_fd, 1);
	ph_ticker_stop(&p->ticker);
	close(p->stop_fd);
	g_hash_table_unref(p->asked);
	g_hash_table_unref(p->told);
	g_mutex_clear(&p->mutex);
	g_strfreev(p->argv);
	g_free(p);
}

void
ph_hurry_ask(struct ph_hurry *hurry, const char *database)
{
	if (!hurry->argv)
		return;
	g_mutex_lock(&hurry->mutex);
	g_hash_table_add(hurry->asked, ph_fold(database));
	hurry->not_before = 0;
	hurry->anew = true;
	g_mutex_unlock(&hurry->mutex);
}
