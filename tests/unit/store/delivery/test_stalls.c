#include "store/delivery/stalls.h"

#include "tests/unit/unit.h"

enum { LIMIT = 30, START = 1000, LATE = START + LIMIT, STALLED };

static void
tell(void *context, const char *database, bool stalled)
{
	GString *text = context;

	g_string_append_printf(text, "%s%s ", stalled ? "-" : "+", database);
}

/* What a look tells: "-db " it has ceased to answer, "+db " it answers. */
static void
look(struct ph_stalls *stalls, int64_t now, size_t turns, const char *told)
{
	g_autoptr(GString) text = g_string_new(NULL);

	ck_assert_uint_eq(ph_stalls_look(stalls, now, tell, text), turns);
	ck_assert_str_eq(text->str, told);
}

START_TEST(test_one_that_waits)
{
	struct ph_stalls *stalls = ph_stalls_new(LIMIT);
	struct ph_stall *stall = ph_stall_new(stalls, "DB1");

	/* A client may take its time: only the disk counts. */
	look(stalls, STALLED, 0, "");
	ph_stall_begin(stall, PH_STALL_TURN, START);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1", LATE), 0);
	look(stalls, LATE, 0, "");
	ck_assert_int_eq(ph_stalls_find(stalls, "db1", STALLED), LIMIT + 1);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB2", STALLED), 0);
	look(stalls, STALLED, 1, "-DB1 ");
	look(stalls, STALLED, 1, "");
	ph_stall_end(stall);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1", STALLED), 0);
	look(stalls, STALLED, 0, "+DB1 ");
	look(stalls, STALLED, 0, "");
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

	ph_stall_begin(first, PH_STALL_TURN, START);
	ph_stall_begin(second, PH_STALL_BEFORE, START);
	ck_assert_uint_eq(ph_stalls_look(stalls, STALLED, NULL, NULL), 1);
	ph_stall_free(&first);
	look(stalls, STALLED, 0, "");
	ph_stall_free(&second);
	look(stalls, STALLED, 0, "+db1 ");
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

	ph_stall_begin(work, PH_STALL_WORK, START);
	ph_stall_begin(other, PH_STALL_TURN, START);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1", STALLED), 0);
	look(stalls, STALLED, 1, "-DB2 ");
	ph_stall_free(&other);
	look(stalls, STALLED, 0, "+DB2 ");
	ph_stall_begin(same, PH_STALL_BEFORE, START);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1", STALLED), LIMIT + 1);
	look(stalls, STALLED, 1, "-DB1 ");
	ph_stall_free(&work);
	ph_stall_free(&same);
	ph_stalls_free(&stalls);
}
END_TEST

START_TEST(test_without_limit)
{
	struct ph_stalls *stalls = ph_stalls_new(0);
	struct ph_stall *stall = ph_stall_new(stalls, "DB1");

	ph_stall_begin(stall, PH_STALL_TURN, START);
	ck_assert_int_eq(ph_stalls_find(stalls, "DB1", INT64_MAX), 0);
	look(stalls, INT64_MAX, 0, "");
	ph_stall_free(&stall);
	ph_stalls_free(&stalls);
}
END_TEST

UNIT_MAIN("store/delivery/stalls", test_one_that_waits, test_several,
	  test_long_work, test_without_limit)
