#ifndef PH_STORE_DELIVERY_DAEMON_H
#define PH_STORE_DELIVERY_DAEMON_H

#include "lib/base/program.h"

/* The functions in posthub-delivery's tables. */
int ph_delivery_start(struct ph_run *run, void **app_r, struct ph_err *err);
void ph_delivery_serve(struct ph_stream *stream, void *app);
void ph_delivery_stop(void *app);

#endif
