#ifndef PH_MILTERS_TRANSPORT_TRANSPORT_H
#define PH_MILTERS_TRANSPORT_TRANSPORT_H

#include "lib/directory/directory.h"
#include "lib/health/peers.h"
#include "lib/inspect/inspector.h"
#include "lib/smtp/peer.h"
#include "lib/state/state.h"
#include "lib/track/log.h"
#include "milters/host/agent.h"
#include "milters/transport/rules/quarantine.h"
#include "milters/transport/scan.h"

#include <stdbool.h>

/* Rows of the derive table that posthub-transport gives to ph_state_open. */
enum {
	PH_DERIVED_TOPOLOGY,
	PH_DERIVED_RULES,
	PH_DERIVED_SENSITIVE,
	PH_DERIVED /* how many */
};

struct ph_plans;
struct ph_rule_stats;

/* What the agents of posthub-transport share; immutable while it runs. */
struct ph_transport {
	const char *server; /* this server's short name */
	struct ph_peer_tls peer_tls;
	char *connector;	  /* of RECEIVE rows: "MBX2\Default MBX2" */
	bool resolve;		  /* [transport] resolve */
	bool check_from;	  /* [transport] check_from */
	bool report_to_strangers; /* [transport] report_to_strangers */
	unsigned loop_limit;	  /* [transport] rules_loop_limit */
	struct ph_quarantine quarantine;
	struct ph_scan_conf scan;
	struct ph_state *state;
	struct ph_directory *directory;
	struct ph_peers *peers; /* or NULL */
	struct ph_track_log *track;
	struct ph_rule_stats *stats;	/* NULL: none are kept */
	struct ph_plans *plans;		/* of copies that differ */
	struct ph_inspector *inspector; /* NULL: no attachment is opened */
};

#define PH_RESOLVE_AGENT "Resolver"

/* milter_macro_daemon_name, in master.cf, of the cleanup(8) that takes what
 * bounce(8) writes. */
#define PH_REPORT_LISTENER "reports"
/* Is the message such a report? */
bool ph_report_is(const struct ph_mail *mail);
/* Must its body be kept, because there are domains that take some reports, or
 * none? */
bool ph_report_needs_body(const struct ph_mail *mail);

/* Of such reports: those that a remote domain does not take are dropped, the
 * others pass all other agents by. The first agent. */
extern const struct ph_agent ph_report_agent;

/* Who the client is, header firewall, resolution, network message id. */
extern const struct ph_agent ph_resolve_agent;
/* Who has logged in writes as nobody else. */
extern const struct ph_agent ph_send_as_agent;
/* Scanners of malware and spam, where they are switched on. */
extern const struct ph_agent ph_malware_agent;
extern const struct ph_agent ph_spam_agent;
/* The Transport Rule Agent. */
extern const struct ph_agent ph_rules_agent;

/*
 * The login of the client; of one who logged in at a front end, what that says
 * with AUTH=; g_free. NULL: nobody has logged in, or this is not for us to
 * know.
 */
char *ph_transport_login(const struct ph_mail *mail);

/* Does any rule of the message's snapshot look at the content? */
bool ph_rules_need_body(const struct ph_mail *mail);

/*
 * Tracking rows of a message that has its verdict: RECEIVE when it is taken,
 * AGENTINFO where an agent has something to say, FAIL and DROP when an agent
 * decided so. A row that cannot be written is logged and the mail goes on.
 */
void ph_track_rows(const struct ph_transport *transport, struct ph_mail *mail);

/* This server's FQDN as of the message's snapshot; its short name when it has
 * none; borrowed. */
const char *ph_transport_fqdn(const struct ph_transport *transport,
			      const struct ph_mail *mail);

#endif
