#ifndef PH_STORE_DELIVERY_RECIPIENT_H
#define PH_STORE_DELIVERY_RECIPIENT_H

#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/routing/topology.h"
#include "lib/state/snapshot.h"
#include "store/mailbox/placement.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * May this store driver deliver to that address? Pure but for the directory
 * look-up. The topology is row PH_DELIVERY_TOPOLOGY of the snapshot's derive
 * table.
 */
#define PH_DELIVERY_TOPOLOGY 0

enum ph_recipient_verdict {
	PH_RECIPIENT_OK,
	PH_RECIPIENT_UNKNOWN,	 /* nobody has the address */
	PH_RECIPIENT_INVALID,	 /* it is no address */
	PH_RECIPIENT_AMBIGUOUS,	 /* two entries claim it */
	PH_RECIPIENT_NO_MAILBOX, /* a contact, a group, another organisation */
	PH_RECIPIENT_UNPLACED,	 /* a mailbox whose database is not known */
	PH_RECIPIENT_INACTIVE,	 /* its active copy is not here */
	PH_RECIPIENT_NO_COPY,	 /* no server has its active copy */
	PH_RECIPIENT_NOT_HELD,	 /* it is here, but not to be written to now:
				  * see lib/health/holder.h */
	PH_RECIPIENT_CANNOT_SAY, /* the directory is not there */
	PH_RECIPIENT_NO_STATE,	 /* no snapshot */
	PH_RECIPIENT_VERDICTS	 /* how many */
};

struct ph_recipient {
	char *address;	/* as the client gave it */
	char *primary;	/* the mailbox's */
	char *database; /* name in the topology */
	char *active;	/* the server that has its active copy */
	int64_t epoch;
	struct ph_placement placement;
};

/* OK and *recipient_r (ph_recipient_free), or why not in err; INACTIVE comes
 * with a recipient when another server has the active copy. snapshot NULL:
 * NO_STATE. server is this server's name. */
enum ph_recipient_verdict ph_recipient_find(struct ph_directory *directory,
					    const struct ph_snapshot *snapshot,
					    const char *server,
					    const char *address,
					    struct ph_recipient **recipient_r,
					    struct ph_err *err);
void ph_recipient_free(struct ph_recipient **recipient);

/* Is the active copy of a database here, under that Epoch? OK, UNPLACED,
 * INACTIVE, NO_COPY or NO_STATE. */
enum ph_recipient_verdict
ph_recipient_active(const struct ph_snapshot *snapshot, const char *server,
		    const char *database, int64_t epoch, struct ph_err *err);

/* The LMTP answer, g_free: "550 5.1.1 <address> User unknown". */
char *ph_recipient_answer(enum ph_recipient_verdict verdict,
			  const char *address, const char *reason);

#endif
