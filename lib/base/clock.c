#include "lib/base/clock.h"

#include <time.h>

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
ph_clock_wall(void)
{
	return read_clock(CLOCK_REALTIME) / 1000000;
}

int64_t
ph_clock_mono(void)
{
	return read_clock(CLOCK_MONOTONIC) / 1000000;
}

int64_t
ph_clock_processor(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
