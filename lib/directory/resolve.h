#ifndef PH_DIRECTORY_RESOLVE_H
#define PH_DIRECTORY_RESOLVE_H

#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/state/snapshot.h"

#include <stdbool.h>

/*
 * Recipient resolution: one function for the milter, the alias map, the
 * recipient map, the policy server and "posthub resolve". Pure but for the
 * directory look-ups.
 */
enum ph_resolve_verdict {
	PH_RESOLVED_ENTRY,   /* in the directory */
	PH_RESOLVED_RELAY,   /* not there, but the domain is a relay domain:
			      * routing goes on with the address as it is */
	PH_RESOLVED_OUTSIDE, /* not an accepted domain */
	PH_RESOLVED_UNKNOWN, /* authoritative domain, nobody has it: 5.1.1 */
	PH_RESOLVED_INVALID, /* not an address: 5.1.3 */
};

struct ph_resolution {
	enum ph_resolve_verdict verdict;
	struct ph_object *entry; /* of ENTRY, a reference; else NULL */
	char *address;		 /* where the message goes on: the entry's
				  * primary address, or as it was */
	char *original;		 /* as it was asked */
	char *extension; /* "text" of local+text@domain, where that is another
			  * address of local@domain; it is in address as well;
			  * else NULL */
	struct ph_found found; /* source NULL: no directory was asked */
};

/*
 * With AllowPlusAddressInRecipients of transportconfig an address that nobody
 * has is asked for again without what is between the first '+' and the '@'.
 *
 * 0 and *resolution_r filled in (clear it with ph_resolution_clear), or -1:
 * cannot say (TEMP), or PERM for an address that two entries claim (5.1.4).
 */
int ph_resolve(struct ph_directory *directory,
	       const struct ph_snapshot *snapshot, const char *address,
	       struct ph_resolution *resolution_r, struct ph_err *err);
void ph_resolution_clear(struct ph_resolution *resolution);

/* The accepted domain of an address: exact, else the nearest parent with
 * MatchSubDomains; borrowed from the snapshot; NULL: outside. */
const struct ph_object *ph_accepted_domain(const struct ph_snapshot *snapshot,
					   const char *address);

/* All its addresses are in the directory; false: it shares them with another
 * mail system. */
bool ph_domain_is_authoritative(const struct ph_object *domain);

const char *ph_resolve_verdict_name(enum ph_resolve_verdict verdict);

#endif
