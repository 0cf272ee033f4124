#ifndef PH_MILTERS_FRONTEND_FRONTEND_H
#define PH_MILTERS_FRONTEND_FRONTEND_H

#include "lib/directory/directory.h"
#include "lib/health/peers.h"
#include "lib/health/watcher.h"
#include "lib/routing/topology.h"
#include "lib/smtp/client.h"
#include "lib/smtp/exchangers.h"
#include "lib/smtp/peer.h"
#include "lib/state/state.h"
#include "lib/track/log.h"
#include "milters/host/agent.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Front End Transport: a stateless SMTP proxy in the shape of a milter.
 * Every recipient and the content are offered to one Transport server while
 * the client waits, and that server's answer is the client's. Nothing is
 * queued here and nothing is written to disk.
 */

/* Rows of the derive table that posthub-frontend gives to ph_state_open. */
enum {
	PH_FRONTEND_TOPOLOGY,
	PH_FRONTEND_DERIVED /* how many */
};

/* Of mail for outside. */
struct ph_outbound {
	bool relay;		 /* it stays in Postfix's own queue */
	int64_t connect_timeout; /* ms; the three as in posthub.conf */
	int64_t timeout;
	int64_t try_timeout;
	const char *ca_file;
	const char *credentials; /* directory of passwords; or NULL */
	struct ph_exchangers exchangers;
	struct ph_track_log *track; /* NULL: no rows */
};

/* What the agents share; immutable while they run, but for the counter. */
struct ph_frontend {
	const char *server;  /* this server's short name */
	const char *address; /* of connections to servers; "" any */
	struct ph_peer_tls tls;
	int64_t connect_timeout; /* ms; the four as in posthub.conf */
	int64_t timeout;
	int64_t final_timeout;
	int64_t try_timeout;
	int64_t progress_interval; /* ms between two signs of life */
	int64_t sessions;	   /* messages at once */
	struct ph_outbound outbound;
	struct ph_state *state;
	struct ph_directory *directory;
	struct ph_health_watch *health; /* NULL: all are tried */
	struct ph_peers *peers;		/* or NULL */
	int busy;			/* messages now; atomic */
};

/* The proxy for mail from outside. */
extern const struct ph_agent ph_frontend_agent;

/*
 * The proxy for mail to outside, which servers of ours hand in at a listener of
 * its own: outbound.h.
 */
extern const struct ph_agent ph_outbound_agent;

/* milter_macro_daemon_name of that listener in master.cf. */
#define PH_OUTBOUND_LISTENER "outbound-proxy"
bool ph_frontend_is_outbound(const struct ph_mail *mail);

/* One line to the log about a message that came to its end. */
void ph_frontend_log(const struct ph_mail *mail);

/* ---- which server: select.c ---------------------------------------------- */

/* This server's FQDN in the message's snapshot; its short name when it has
 * none; borrowed. */
const char *ph_frontend_fqdn(const struct ph_frontend *frontend,
			     const struct ph_mail *mail);

/*
 * Transport servers for the message's recipients, best first: a
 * NULL-terminated array of borrowed servers, g_free. seed makes the same
 * choice among equals each time it is asked about one message. A directory
 * that cannot say counts as no mailbox: any server of the local site decides.
 */
const struct ph_server **ph_frontend_select(const struct ph_frontend *frontend,
					    const struct ph_mail *mail,
					    guint32 seed);

/* ---- header fields of our own: header.c ---------------------------------- */

/* The client, if it is a server of ours, whose X-PostHub-* fields and AUTH= are
 * believed; NULL: it is none. */
const struct ph_server *ph_frontend_peer(const struct ph_frontend *frontend,
					 const struct ph_mail *mail);
bool ph_frontend_trusts(const struct ph_frontend *frontend,
			const struct ph_mail *mail);

/* Appends "Received: ...\r\n". */
void ph_frontend_received(const struct ph_frontend *frontend,
			  const struct ph_mail *mail, GString *out);

/*
 * Appends the fields that say who the client is, but those in the set
 * "present", a bit each as ph_frontend_field answers.
 */
void ph_frontend_origin(const struct ph_frontend *frontend,
			const struct ph_mail *mail, unsigned present,
			GString *out);
unsigned ph_frontend_field(const char *name);

/* Appends one field of the client with CRLF line ends; value as the milter
 * protocol has it, with LF for a fold. */
void ph_frontend_append(GString *out, const char *name, const char *value);

#endif
