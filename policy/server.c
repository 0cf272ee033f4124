#include "policy/server.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "policy/maps.h"
#include "policy/request.h"
#include "policy/restrictions.h"

#include <glib.h>
#include <string.h>

/* Postfix keeps a connection that it may need again. */
#define IDLE_MS (INT64_C(600) * 1000)
#define BUFFER_SIZE 16384
/* The same outage answers each request; it is logged this often. */
#define LOG_MS 60000
#define TARPIT_STEP_MS INT64_C(100)

struct ph_policy {
	struct ph_policy_sources sources;
	GMutex lock;
	char logged[PH_ERR_TEXT]; /* last text; under lock */
	int64_t logged_at;
};

struct ph_policy *
ph_policy_new(const struct ph_policy_sources *sources)
{
	struct ph_policy *policy = g_new0(struct ph_policy, 1);

	policy->sources = *sources;
	g_mutex_init(&policy->lock);
	return policy;
}

void
ph_policy_free(struct ph_policy **policy)
{
	if (*policy == NULL)
		return;
	g_mutex_clear(&(*policy)->lock);
	g_free(*policy);
	*policy = NULL;
}

static void
log_unknown(struct ph_policy *policy, const char *what,
	    const struct ph_err *err)
{
	const int64_t now = ph_clock_mono();
	bool log;

	if (err->kind == PH_ERR_NONE)
		return;
	g_mutex_lock(&policy->lock);
	log = policy->logged_at == 0 || now - policy->logged_at >= LOG_MS ||
	      strcmp(policy->logged, err->text) != 0;
	if (log) {
		g_strlcpy(policy->logged, err->text, sizeof policy->logged);
		policy->logged_at = now;
	}
	g_mutex_unlock(&policy->lock);
	if (log)
		ph_warn("%s: %s", what, err->text);
}

/* Of one request; the snapshot is the caller's to unref. */
static struct ph_sources
take_sources(const struct ph_policy *policy, struct ph_snapshot **snapshot_r)
{
	const struct ph_policy_sources *from = &policy->sources;
	struct ph_snapshot *snapshot = ph_state_take(from->state);

	*snapshot_r = snapshot;
	return (struct ph_sources){
	    .directory = from->directory,
	    .snapshot = snapshot,
	    .topology = snapshot != NULL
			    ? ph_snapshot_derived(snapshot, from->topology)
			    : NULL,
	    .server = from->server,
	    .peers = from->peers,
	    .credentials = from->credentials,
	    .peer_tls = from->peer_tls,
	    .rates = from->rates,
	};
}

static bool
is_stopping(const struct ph_policy *policy)
{
	const struct ph_policy_sources *sources = &policy->sources;

	return sources->stopping != NULL && sources->stopping(sources->context);
}

/* ---- the two protocols --------------------------------------------------- */

/* One row a protocol: a parser, and its answers to all that is complete. */
struct protocol {
	const char *name;
	void *(*open)(void);
	void (*close)(void *parser);
	void (*feed)(void *parser, const void *data, size_t size);
	/* 1: answered one; 0: feed more; -1 PEER. */
	int (*answer)(struct ph_policy *policy, void *parser, GString *out,
		      struct ph_err *err);
};

static void *
map_open(void)
{
	return ph_smap_new();
}

static void
map_close(void *parser)
{
	struct ph_smap *p = parser;

	ph_smap_free(&p);
}

static void
map_feed(void *parser, const void *data, size_t size)
{
	ph_smap_feed(parser, data, size);
}

static int
map_answer(struct ph_policy *policy, void *parser, GString *out,
	   struct ph_err *err)
{
	struct ph_smap_request request;
	struct ph_err unknown = PH_ERR_INIT;
	struct ph_snapshot *snapshot;
	struct ph_sources sources;
	int r = ph_smap_next(parser, &request, err);

	if (r != 1)
		return r;
	sources = take_sources(policy, &snapshot);
	ph_map_answer(&sources, &request, out, &unknown);
	ph_snapshot_unref(&snapshot);
	log_unknown(policy, "map", &unknown);
	return 1;
}

struct policy_parser {
	struct ph_request *request;
	struct ph_receive_session session;
};

static void *
policy_open(void)
{
	struct policy_parser *p = g_new0(struct policy_parser, 1);

	p->request = ph_request_new();
	return p;
}

static void
policy_close(void *parser)
{
	struct policy_parser *p = parser;

	ph_request_free(&p->request);
	ph_receive_session_clear(&p->session);
	g_free(p);
}

static void
policy_feed(void *parser, const void *data, size_t size)
{
	struct policy_parser *p = parser;

	ph_request_feed(p->request, data, size);
}

/* The client is a stranger who was refused. Ends early with a stop. */
static void
tarpit(const struct ph_policy *policy, int64_t ms)
{
	const int64_t until = ph_clock_mono() + ms;
	int64_t left;

	while ((left = until - ph_clock_mono()) > 0 && !is_stopping(policy))
		g_usleep((gulong)MIN(left, TARPIT_STEP_MS) * 1000);
}

static int
policy_answer(struct ph_policy *policy, void *parser, GString *out,
	      struct ph_err *err)
{
	struct policy_parser *p = parser;
	struct ph_err unknown = PH_ERR_INIT;
	struct ph_snapshot *snapshot;
	struct ph_sources sources;
	int r = ph_request_next(p->request, err);
	int64_t wait;

	if (r != 1)
		return r;
	sources = take_sources(policy, &snapshot);
	wait = ph_restrictions_answer(&sources, p->request, &p->session, out,
				      &unknown);
	ph_snapshot_unref(&snapshot);
	log_unknown(policy, "policy", &unknown);
	tarpit(policy, wait);
	return 1;
}

static const struct protocol map_protocol = {"map", map_open, map_close,
					     map_feed, map_answer};
static const struct protocol policy_protocol = {
    "policy", policy_open, policy_close, policy_feed, policy_answer};

/* ---- connections --------------------------------------------------------- */

/* Answers everything that was fed. 0, or -1: close. */
static int
answer_all(struct ph_policy *policy, const struct protocol *protocol,
	   void *parser, struct ph_stream *stream)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct ph_err err = PH_ERR_INIT, gone = PH_ERR_INIT;
	int r;

	while ((r = protocol->answer(policy, parser, out, &err)) == 1)
		;
	if (r < 0)
		ph_warn("%s: connection from %s closed: %s", protocol->name,
			ph_stream_peer(stream), err.text);
	if (out->len > 0 &&
	    ph_stream_write(stream, out->str, out->len, &gone) < 0)
		return -1;
	return r < 0 ? -1 : 0;
}

static void
serve(struct ph_policy *policy, const struct protocol *protocol,
      struct ph_stream *stream)
{
	void *parser = protocol->open();
	char buffer[BUFFER_SIZE];
	int r = 0;

	ph_stream_set_timeout(stream, IDLE_MS);
	while (r == 0 && !is_stopping(policy)) {
		/* The end of the stream, or too long idle, is no news. */
		ssize_t n = ph_stream_read(stream, buffer, sizeof buffer, NULL);

		if (n <= 0)
			break;
		ph_stream_hold(stream, true);
		protocol->feed(parser, buffer, (size_t)n);
		r = answer_all(policy, protocol, parser, stream);
		ph_stream_hold(stream, false);
	}
	protocol->close(parser);
}

void
ph_policy_serve_map(struct ph_stream *stream, struct ph_policy *policy)
{
	serve(policy, &map_protocol, stream);
}

void
ph_policy_serve_policy(struct ph_stream *stream, struct ph_policy *policy)
{
	serve(policy, &policy_protocol, stream);
}
