#ifndef PH_STORE_SUBMISSION_DAEMON_H
#define PH_STORE_SUBMISSION_DAEMON_H

#include "lib/base/program.h"

/* What main.c hands to the skeleton. */
int ph_submission_start(struct ph_run *run, void **app_r, struct ph_err *err);
void ph_submission_stop(void *app);

#endif
