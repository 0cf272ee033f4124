#ifndef PH_BASE_RIGHTS_H
#define PH_BASE_RIGHTS_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * What is left of root's rights in a process that has become another user: to
 * give files away and to work with them afterwards (CAP_CHOWN,
 * CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID), and nothing else. Commands that it
 * runs do not have them.
 */

/* setuid, with those rights kept. Before there are threads. 0, or -1 with
 * errno. */
int ph_rights_become(uid_t uid);

/* May this process give files away? */
bool ph_rights_give(void);

#endif
