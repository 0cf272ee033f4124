#include "store/delivery/arrivals_private.h"

#include "lib/base/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Longer ones (RFC 5322 section 2.1.1) are nobody's to look a message up by. */
enum { MESSAGE_ID_LIMIT = 998, OUTLETS = 3 };

struct ph_arrivals {
	struct ph_outlet *outlets[OUTLETS + 1]; /* NULL at the end */
	char **argv, *url;
};

/* ---- one outlet -------------------------------------------------------- */

bool
ph_outlet_stopping(struct ph_outlet *outlet)
{
	bool stopping;

	g_mutex_lock(&outlet->mutex);
	stopping = outlet->stopping;
	g_mutex_unlock(&outlet->mutex);
	return stopping;
}

/* With the mutex held: lets a batch gather. Nobody is woken for what comes. */
static void
gather(struct ph_outlet *outlet)
{
	const gint64 end = g_get_monotonic_time() +
			   outlet->ops->gather * G_TIME_SPAN_MILLISECOND;

	while (!outlet->stopping &&
	       outlet->waiting.length < outlet->ops->batch &&
	       g_cond_wait_until(&outlet->more, &outlet->mutex, end))
		;
}

/* The next texts, GBytes; none: the end. */
static GPtrArray *
take_texts(struct ph_outlet *outlet)
{
	GPtrArray *texts =
	    g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

	g_mutex_lock(&outlet->mutex);
	outlet->idle++;
	while (!outlet->stopping && outlet->waiting.length == 0)
		g_cond_wait(&outlet->more, &outlet->mutex);
	outlet->idle--;
	gather(outlet);
	while (!outlet->stopping && outlet->waiting.length > 0 &&
	       texts->len < outlet->ops->batch)
		g_ptr_array_add(texts, g_queue_pop_head(&outlet->waiting));
	g_mutex_unlock(&outlet->mutex);
	return texts;
}

static void
count_drops(struct ph_outlet *outlet, guint n)
{
	outlet->dropped += n;
	outlet->dropped_now += n;
}

/* Logged when it changes, not for each message. */
static void
note(struct ph_outlet *outlet, bool failed, guint n, const char *reason)
{
	uint64_t dropped = 0;
	bool changed;

	g_mutex_lock(&outlet->mutex);
	if (failed)
		count_drops(outlet, n);
	changed = failed != outlet->failing && !outlet->stopping;
	outlet->failing = failed;
	if (changed && !failed) {
		dropped = outlet->dropped_now;
		outlet->dropped_now = 0;
	}
	g_mutex_unlock(&outlet->mutex);
	if (changed && failed)
		ph_warn("%s: %s; messages that come are not told of until it "
			"works",
			outlet->ops->name, reason);
	else if (changed)
		ph_info("%s: works again, %" G_GUINT64_FORMAT
			" messages were not told of",
			outlet->ops->name, dropped);
}

static gpointer
run_outlet(gpointer p)
{
	struct ph_outlet *outlet = p;
	void *worker = NULL;
	GPtrArray *texts;

	while ((texts = take_texts(outlet))->len > 0) {
		struct ph_err err = PH_ERR_INIT;
		int r = outlet->ops->send(outlet, &worker,
					  (GBytes *const *)texts->pdata,
					  texts->len, &err);

		note(outlet, r < 0, texts->len, err.text);
		g_ptr_array_unref(texts);
	}
	g_ptr_array_unref(texts);
	if (worker && outlet->ops->free_worker)
		outlet->ops->free_worker(worker);
	return NULL;
}

static struct ph_outlet *
start_outlet(const struct ph_outlet_ops *ops, void *target, int64_t timeout,
	     int threads)
{
	struct ph_outlet *outlet = g_new0(struct ph_outlet, 1);

	outlet->ops = ops;
	outlet->target = target;
	outlet->timeout = timeout;
	outlet->stop_fd = eventfd(0, EFD_CLOEXEC);
	g_mutex_init(&outlet->mutex);
	g_cond_init(&outlet->more);
	g_queue_init(&outlet->waiting);
	outlet->threads = g_ptr_array_new();
	for (int i = 0; i < threads; i++)
		g_ptr_array_add(outlet->threads,
				g_thread_new(ops->name, run_outlet, outlet));
	return outlet;
}

static void
stop_outlet(struct ph_outlet *outlet)
{
	uint64_t one = 1;

	g_mutex_lock(&outlet->mutex);
	outlet->stopping = true;
	g_cond_broadcast(&outlet->more);
	g_mutex_unlock(&outlet->mutex);
	if (write(outlet->stop_fd, &one, sizeof(one)) < 0)
		ph_warn("%s: %s", outlet->ops->name, g_strerror(errno));
	for (guint i = 0; i < outlet->threads->len; i++)
		g_thread_join(outlet->threads->pdata[i]);
	g_ptr_array_unref(outlet->threads);
	g_queue_clear_full(&outlet->waiting, (GDestroyNotify)g_bytes_unref);
	close(outlet->stop_fd);
	g_cond_clear(&outlet->more);
	g_mutex_clear(&outlet->mutex);
	g_free(outlet);
}

static void
put_text(struct ph_outlet *outlet, GBytes *text)
{
	bool first = false;

	g_mutex_lock(&outlet->mutex);
	if (outlet->waiting.length < outlet->ops->limit) {
		g_queue_push_tail(&outlet->waiting, g_bytes_ref(text));
		if (outlet->idle > 0)
			g_cond_signal(&outlet->more);
		if (outlet->waiting.length < outlet->ops->limit / 2)
			outlet->full = false;
	} else {
		count_drops(outlet, 1);
		first = !outlet->full;
		outlet->full = true;
	}
	g_mutex_unlock(&outlet->mutex);
	if (first)
		ph_warn("%s: too slow: not all messages are told of",
			outlet->ops->name);
}

/* ---- all of them ------------------------------------------------------- */

static int
parse_command(const char *command, char ***argv_r, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;

	if (!g_shell_parse_argv(command, NULL, argv_r, &error))
		return ph_err_set(err, PH_ERR_PERM, "hook: \"%s\": %s", command,
				  error->message);
	if (g_path_is_absolute((*argv_r)[0]) && access((*argv_r)[0], X_OK) == 0)
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "hook: \"%s\": cannot be run; expected the full path "
			  "of a command, and its arguments",
			  (*argv_r)[0]);
}

static int
check_url(const char *url, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, &error);
	const char *scheme = uri ? g_uri_get_scheme(uri) : "";

	if (uri && g_uri_get_host(uri) && *g_uri_get_host(uri) &&
	    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0))
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "webhook: \"%s\": is no address; expected "
			  "http://host/path or https://host/path",
			  url);
}

int
ph_arrivals_start(const struct ph_arrivals_options *options,
		  struct ph_arrivals **arrivals_r, struct ph_err *err)
{
	struct ph_arrivals *arrivals = g_new0(struct ph_arrivals, 1);
	struct ph_outlet **next = arrivals->outlets;

	if ((*options->command &&
	     parse_command(options->command, &arrivals->argv, err) < 0) ||
	    (*options->url && check_url(options->url, err) < 0)) {
		ph_arrivals_stop(&arrivals);
		return -1;
	}
	arrivals->url = g_strdup(options->url);
	if (options->redis)
		*next++ = start_outlet(&ph_outlet_redis, options->redis,
				       options->timeout, 1);
	if (*options->command)
		*next++ = start_outlet(&ph_outlet_command, arrivals->argv,
				       options->timeout, options->concurrency);
	if (*options->url) {
		ph_outlet_web_prepare();
		*next++ = start_outlet(&ph_outlet_web, arrivals->url,
				       options->timeout, options->concurrency);
	}
	*arrivals_r = arrivals;
	return 0;
}

void
ph_arrivals_stop(struct ph_arrivals **arrivals)
{
	struct ph_arrivals *p = *arrivals;

	if (!p)
		return;
	*arrivals = NULL;
	for (struct ph_outlet **outlet = p->outlets; *outlet; outlet++)
		stop_outlet(*outlet);
	g_strfreev(p->argv);
	g_free(p->url);
	g_free(p);
}

static char *
format(const struct ph_arrival *arrival)
{
	const char *id = arrival->message_id ? arrival->message_id : "";
	json_t *json =
	    json_pack("{s:s, s:s, s:s, s:s, s:s}", "recipient",
		      arrival->recipient, "database", arrival->database,
		      "message-id", strlen(id) <= MESSAGE_ID_LIMIT ? id : "",
		      "network-message-id", arrival->nmid, "folder",
		      arrival->folder ? arrival->folder : "INBOX");
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}

void
ph_arrivals_tell(struct ph_arrivals *arrivals, const struct ph_arrival *arrival)
{
	GBytes *bytes;
	char *text;

	if (!arrivals || !arrivals->outlets[0])
		return;
	text = format(arrival);
	if (!text)
		return;
	bytes = g_bytes_new_with_free_func(text, strlen(text), free, text);
	for (struct ph_outlet **outlet = arrivals->outlets; *outlet; outlet++)
		put_text(*outlet, bytes);
	g_bytes_unref(bytes);
}

uint64_t
ph_arrivals_dropped(struct ph_arrivals *arrivals)
{
	uint64_t dropped = 0;

	for (struct ph_outlet **outlet = arrivals->outlets; *outlet; outlet++) {
		g_mutex_lock(&(*outlet)->mutex);
		dropped += (*outlet)->dropped;
		g_mutex_unlock(&(*outlet)->mutex);
	}
	return dropped;
}
