#include "store/delivery/stalls.h"

#include "tests/unit/thread.h"
#include "tests/unit/unit.h"

enum { LIMIT = 30 };

static void
tell(void *context, const char *database, bool stalled)
{
	GString *text = context;

	g_string_append_printf(text, "%s%s ", stalled ? "-" : "+", database);
}

/* What a look tells: "-db " it has ceased to answer, "+db " it answers. */
static char *
look(struct ph_stalls *stalls, size_t turns)
{
	GString *text = g_string_new(NULL);

	ck_assert_uint_eq(ph_stalls_look(stalls, tell, text), turns);
	return g_string_free(text, FALSE);
}

#define LOOK(turns, wanted)                                   \
	do {                                                  \
		g_autofree char *got = look(stalls, (turns)); \
		ck_assert_str_eq(got, (wanted));              \
	} while (0)

START_TEST(test_one_that_waits)
{
	struct ph_stalls *stalls = ph_stalls_new(LIMIT);
	struct ph_stall *stall = ph_stall_new(stalls, "DB1");

	/* A client may take its time: only the disk counts. */
	g_usleep(2UL * LIMIT * 1000);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1"), 0);
	ph_stall_begin(stall, PH_STALL_TURN);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1"), 0);
	LOOK(0, "");
	UNIT_WAIT(ph_stalls_find(stalls, "db1") > LIMIT);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB2"), 0);
	LOOK(1, "-DB1 ");
	LOOK(1, "");
	ph_stall_end(stall);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1"), 0);
	LOOK(0, "+DB1 ");
	LOOK(0, "");
	ph_stall_free(&stall);
	ck_assert_ptr_null(stall);
	ph_stalls_free(&stalls);
}
END_TEST

/* It answers again when nobody waits any more. */
START_TEST(test_several)
{
	struct ph_stalls *stalls = ph_stalls_new(LIMIT);
	struct ph_stall *first = ph_stall_new(stalls, "DB1");
	struct ph_stall *second = ph_stall_new(stalls, "db1");
	struct ph_stall *third = ph_stall_new(stalls, "DB1");

	ph_stall_begin(first, PH_STALL_TURN);
	ph_stall_begin(second, PH_STALL_BEFORE);
	UNIT_WAIT(ph_stalls_find(stalls, "DB1") > LIMIT);
	g_usleep(1000UL * LIMIT);
	ph_stall_begin(third, PH_STALL_TURN);
	ph_stall_end(third);
	ck_assert_uint_eq(ph_stalls_look(stalls, NULL, NULL), 1);
	ph_stall_free(&first);
	LOOK(0, "");
	ph_stall_free(&second);
	LOOK(0, "+db1 ");
	ph_stall_free(&third);
	ph_stalls_free(&stalls);
}
END_TEST

/* Somebody's large mailbox is no disk that does not answer; but beside others
 * that wait, it is. */
START_TEST(test_long_work)
{
	struct ph_stalls *stalls = ph_stalls_new(LIMIT);
	struct ph_stall *work = ph_stall_new(stalls, "DB1");
	struct ph_stall *other = ph_stall_new(stalls, "DB2");
	struct ph_stall *same = ph_stall_new(stalls, "DB1");

	ph_stall_begin(work, PH_STALL_WORK);
	ph_stall_begin(other, PH_STALL_TURN);
	UNIT_WAIT(ph_stalls_find(stalls, "DB2") > LIMIT);
	g_usleep(1000UL * LIMIT);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1"), 0);
	LOOK(1, "-DB2 ");
	ph_stall_free(&other);
	LOOK(0, "+DB2 ");
	ph_stall_begin(same, PH_STALL_BEFORE);
	UNIT_WAIT(ph_stalls_find(stalls, "DB1") > LIMIT);
	LOOK(1, "-DB1 ");
	ph_stall_free(&work);
	ph_stall_free(&same);
	ph_stalls_free(&stalls);
}
END_TEST

START_TEST(test_without_limit)
{
	struct ph_stalls *stalls = ph_stalls_new(0);
	struct ph_stall *stall = ph_stall_new(stalls, "DB1");

	ph_stall_begin(stall, PH_STALL_TURN);
	g_usleep(5000);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1"), 0);
	LOOK(0, "");
	ph_stall_free(&stall);
	ph_stalls_free(&stalls);
}
END_TEST

UNIT_MAIN("store/delivery/stalls", test_one_that_waits, test_several,
	  test_long_work, test_without_limit)
