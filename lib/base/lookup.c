#include "lib/base/lookup.h"

#include "lib/base/clock.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* Shared by the thread that asks and those who wait; the last one frees it. */
struct ph_lookup {
	char *key; /* flags, port and host */
	char *host;
	char port[8];
	int flags;
	unsigned references;
	bool done;
	int error; /* of getaddrinfo */
	struct addrinfo *list;
};

/* An exception to "no mutable state": a limit of what was left behind is one of
 * the process, and by whom it was left behind is no matter. */
static GMutex mutex;
static GCond changed;
static GPtrArray *running; /* struct ph_lookup, those that are not done */

static int
ask(const char *host, const char *port, int flags, struct addrinfo **list_r)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV | flags,
	};

	return getaddrinfo(host, port, &hints, list_r);
}

static struct ph_lookup *
new_lookup(const char *host, const char *port, int flags)
{
	struct ph_lookup *lookup = g_new0(struct ph_lookup, 1);

	lookup->key = g_strdup_printf("%d %s %s", flags, port, host);
	lookup->host = g_strdup(host);
	g_strlcpy(lookup->port, port, sizeof lookup->port);
	lookup->flags = flags;
	lookup->references = 1;
	return lookup;
}

/* Under the mutex. */
static void
drop(struct ph_lookup *lookup)
{
	if (--lookup->references > 0)
		return;
	if (lookup->list != NULL)
		freeaddrinfo(lookup->list);
	g_free(lookup->key);
	g_free(lookup->host);
	g_free(lookup);
}

static void *
run_thread(void *data)
{
	struct ph_lookup *lookup = data;
	struct addrinfo *list = NULL;
	const int error = ask(lookup->host, lookup->port, lookup->flags, &list);

	g_mutex_lock(&mutex);
	lookup->error = error;
	lookup->list = error == 0 ? list : NULL;
	lookup->done = true;
	g_ptr_array_remove_fast(running, lookup);
	drop(lookup);
	g_cond_broadcast(&changed);
	g_mutex_unlock(&mutex);
	return NULL;
}

/* Under the mutex. */
static struct ph_lookup *
find_running(const char *key)
{
	for (guint i = 0; running != NULL && i < running->len; i++) {
		struct ph_lookup *lookup = running->pdata[i];

		if (strcmp(lookup->key, key) == 0)
			return lookup;
	}
	return NULL;
}

/* Under the mutex. 0, or -1: there can be no thread now. */
static int
start(struct ph_lookup *lookup, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	GThread *thread;

	if (running == NULL)
		running = g_ptr_array_new();
	thread = g_thread_try_new("lookup", run_thread, lookup, &error);
	if (thread == NULL)
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	g_thread_unref(thread);
	lookup->references++;
	g_ptr_array_add(running, lookup);
	return 0;
}

static bool
wait_change(int64_t deadline)
{
	const int64_t left = deadline - ph_clock_mono();

	return left > 0 &&
	       g_cond_wait_until(&changed, &mutex,
				 g_get_monotonic_time() + left * 1000);
}

/* Under the mutex. Takes the reference to a new one; what is done, or -1. */
static int
run(struct ph_lookup *fresh, int64_t deadline, struct ph_lookup **lookup_r,
    struct ph_err *err)
{
	struct ph_lookup *lookup;
	bool in_time = true;

	while ((lookup = find_running(fresh->key)) == NULL && in_time &&
	       running != NULL && running->len >= PH_LOOKUP_LIMIT)
		in_time = wait_change(deadline);
	if (lookup != NULL) {
		drop(fresh);
		lookup->references++;
	} else if (!in_time || start(fresh, err) < 0) {
		drop(fresh);
		return in_time ? -1
			       : ph_err_set(err, PH_ERR_TEMP,
					    "too many names are being looked "
					    "up that nobody answers for");
	} else {
		lookup = fresh;
	}
	while (!lookup->done && in_time)
		in_time = wait_change(deadline);
	*lookup_r = lookup;
	return 0;
}

/* Under the mutex: of one that was waited for. */
static int
judge(const struct ph_lookup *lookup, struct ph_err *err)
{
	if (!lookup->done)
		return ph_err_set(err, PH_ERR_TEMP,
				  "looking up its name timed out");
	if (lookup->error != 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s",
				  gai_strerror(lookup->error));
	return 0;
}

int
ph_lookup_run(const char *host, int port, int flags, int64_t deadline,
	      struct ph_lookup **lookup_r, struct ph_err *err)
{
	struct ph_lookup *lookup;
	char text[8];
	int r;

	*lookup_r = NULL;
	g_snprintf(text, sizeof text, "%d", port);
	lookup = new_lookup(host, text, flags);
	if (ask(host, text, flags | AI_NUMERICHOST, &lookup->list) == 0) {
		lookup->done = true;
		*lookup_r = lookup;
		return 0;
	}
	g_mutex_lock(&mutex);
	r = run(lookup, deadline, lookup_r, err);
	if (r == 0 && judge(*lookup_r, err) < 0) {
		drop(g_steal_pointer(lookup_r));
		r = -1;
	}
	g_mutex_unlock(&mutex);
	return r;
}

const struct addrinfo *
ph_lookup_list(const struct ph_lookup *lookup)
{
	return lookup->list;
}

void
ph_lookup_unref(struct ph_lookup **lookup)
{
	if (*lookup == NULL)
		return;
	g_mutex_lock(&mutex);
	drop(g_steal_pointer(lookup));
	g_mutex_unlock(&mutex);
}
