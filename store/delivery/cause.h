#ifndef PH_STORE_DELIVERY_CAUSE_H
#define PH_STORE_DELIVERY_CAUSE_H

#include "lib/base/conf.h"
#include "store/delivery/recipient.h"

/*
 * What becomes of mail for a mailbox that is not here, by cause; a row a
 * cause, whose setting of [delivery] decides. What is not a row is never
 * refused: that nobody holds the database just now, that the directory is away.
 */
enum ph_inactive {
	PH_INACTIVE_REROUTE, /* handed over in the same transaction */
	PH_INACTIVE_RETRY,   /* 4xx */
	PH_INACTIVE_NDR,     /* 5xx */
};

struct ph_cause {
	enum ph_recipient_verdict verdict;
	const char *setting; /* of [delivery]; NULL ends */
	/* What the words of the setting mean, in their order. */
	enum ph_inactive words[3];
	const char *refusal; /* code and text of the NDR */
};

extern const struct ph_cause ph_causes[];

/* Fills in what the settings say; RETRY for what is no cause. */
void ph_cause_read(const struct ph_conf *conf,
		   enum ph_inactive actions_r[PH_RECIPIENT_VERDICTS]);

/* The answer that refuses, borrowed; NULL: it is no cause. */
const char *ph_cause_refusal(enum ph_recipient_verdict verdict);

#endif
