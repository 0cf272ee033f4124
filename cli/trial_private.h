#ifndef PH_CLI_TRIAL_PRIVATE_H
#define PH_CLI_TRIAL_PRIVATE_H

#include "cli/trial.h"

/* Of trial->snapshot: rows of its derive table. */
enum { PH_TRIAL_TOPOLOGY, PH_TRIAL_RULES, PH_TRIAL_SENSITIVE };

/* Fills in the snapshots (trial_state.c). 0, or an exit code, said why. */
int ph_trial_read(struct ph_trial *trial);

/* The person of a recipient, made if it is not known yet (trial.c). */
struct ph_trial_person *ph_trial_person_of(struct ph_trial *trial,
					   const struct ph_recipient *r);

/* Runs the rules, with notes (trial_run.c). 0, or an exit code. */
int ph_trial_run(struct ph_trial *trial);
/* Are those whom rules have added known (trial.c)? */
int ph_trial_check_added(struct ph_trial *trial);
void ph_trial_rule_free(void *rule);

#endif
