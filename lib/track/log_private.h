#ifndef PH_TRACK_LOG_PRIVATE_H
#define PH_TRACK_LOG_PRIVATE_H

#include "lib/track/log.h"

/* Another clock than ph_clock_wall, so that an hour can pass in a test. */
void ph_track_log_set_clock(struct ph_track_log *log, int64_t (*now)(void));

#endif
