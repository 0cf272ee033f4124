#include "lib/base/ticker.h"
#include "tests/unit/unit.h"

static void
count(void *context)
{
	g_atomic_int_inc((int *)context);
}

/* At once, then again; never after the stop, when what it counts is gone. */
START_TEST(test_ticks)
{
	int *ticks = g_new0(int, 1);
	struct ph_ticker *ticker = ph_ticker_start("test", 1, count, ticks);

	while (g_atomic_int_get(ticks) < 5)
		g_thread_yield();
	ph_ticker_stop(&ticker);
	ck_assert_ptr_null(ticker);
	g_free(ticks);
	ph_ticker_stop(&ticker);
}
END_TEST

/* A stop does not wait for the next tick: the test would take too long. */
START_TEST(test_stop_wakes)
{
	int ticks = 0;
	struct ph_ticker *ticker =
	    ph_ticker_start("test", 3600000, count, &ticks);

	while (g_atomic_int_get(&ticks) < 1)
		g_thread_yield();
	ph_ticker_stop(&ticker);
	ck_assert_int_eq(ticks, 1);
}
END_TEST

UNIT_MAIN("lib/base/ticker", test_ticks, test_stop_wakes)
