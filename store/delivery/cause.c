#include "store/delivery/cause.h"

#include <stddef.h>

const struct ph_cause ph_causes[] = {
    {PH_RECIPIENT_INACTIVE,
     "inactive",
     {PH_INACTIVE_REROUTE, PH_INACTIVE_RETRY, PH_INACTIVE_NDR},
     "550 5.2.0 STOREDRV.Deliver; mailbox database is not active here"},
    {PH_RECIPIENT_NO_COPY,
     "no_active_copy",
     {PH_INACTIVE_RETRY, PH_INACTIVE_NDR},
     "550 5.2.0 STOREDRV.Deliver; mailbox database has no active copy"},
    {PH_RECIPIENT_UNPLACED,
     "no_database",
     {PH_INACTIVE_RETRY, PH_INACTIVE_NDR},
     "550 5.2.1 STOREDRV.Deliver; mailbox database does not exist"},
    {.setting = NULL},
};

void
ph_cause_read(const struct ph_conf *conf,
	      enum ph_inactive actions_r[PH_RECIPIENT_VERDICTS])
{
	for (size_t i = 0; i < PH_RECIPIENT_VERDICTS; i++)
		actions_r[i] = PH_INACTIVE_RETRY;
	for (const struct ph_cause *c = ph_causes; c->setting; c++)
		actions_r[c->verdict] =
		    c->words[ph_conf_word(conf, "delivery", c->setting)];
}

const char *
ph_cause_refusal(enum ph_recipient_verdict verdict)
{
	for (const struct ph_cause *c = ph_causes; c->setting; c++)
		if (c->verdict == verdict)
			return c->refusal;
	return NULL;
}
