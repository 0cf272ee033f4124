#ifndef PH_BASE_CLOCK_H
#define PH_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970, for records and file names. */
int64_t ph_clock_wall(void);

/* Milliseconds of the monotonic clock, for deadlines and ages. */
int64_t ph_clock_mono(void);

/* Nanoseconds of processor time that the calling thread has had: a limit that
 * does not hang on the load. A look is a system call. */
int64_t ph_clock_processor(void);

#endif
