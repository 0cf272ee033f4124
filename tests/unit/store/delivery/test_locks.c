#include "store/delivery/locks.h"

#include "tests/unit/unit.h"

START_TEST(test_key)
{
	const char *a = "0f0e0d0c-0b0a-8908-8706-050403020100";
	const char *upper = "0F0E0D0C-0B0A-8908-8706-050403020100";
	const char *b = "1f0e0d0c-0b0a-8908-8706-050403020100";

	ck_assert(ph_copy_key_equal(ph_copy_key_of(a, "x@y"),
				    ph_copy_key_of(upper, "X@Y")));
	ck_assert(!ph_copy_key_equal(ph_copy_key_of(a, "x@y"),
				     ph_copy_key_of(b, "x@y")));
	ck_assert(!ph_copy_key_equal(ph_copy_key_of(a, "x@y"),
				     ph_copy_key_of(a, "x@z")));
	ck_assert(!ph_copy_key_equal(ph_copy_key_of("a", "bc"),
				     ph_copy_key_of("ab", "c")));
}
END_TEST

/* Many threads, each adding under a set of keys that overlaps with others':
 * a lock that does not exclude loses counts, one that goes in circles hangs. */
enum { THREADS = 8, ROUNDS = 2000, COUNTERS = 4 };

struct job {
	struct ph_locks *locks;
	volatile unsigned *counters;
	size_t first;
};

static gpointer
count(gpointer data)
{
	const struct job *job = data;

	for (size_t round = 0; round < ROUNDS; round++) {
		struct ph_copy_key list[3];
		size_t i = (job->first + round) % COUNTERS;
		size_t j = (i + 1) % COUNTERS;

		list[0] = (struct ph_copy_key){i + 1, 7};
		list[1] = (struct ph_copy_key){j + 1, 7};
		list[2] = list[0];
		ck_assert(ph_locks_take(job->locks, list, 3, 60000));
		job->counters[i] = job->counters[i] + 1;
		job->counters[j] = job->counters[j] + 1;
		ph_locks_give(job->locks, list, 3);
	}
	return NULL;
}

START_TEST(test_keys)
{
	volatile unsigned counters[COUNTERS] = {0};
	struct ph_locks *locks = ph_locks_new();
	struct job jobs[THREADS];
	GThread *threads[THREADS];
	unsigned sum = 0;

	for (size_t i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){locks, counters, i};
		threads[i] = g_thread_new("count", count, &jobs[i]);
	}
	for (size_t i = 0; i < THREADS; i++)
		g_thread_join(threads[i]);
	for (size_t i = 0; i < COUNTERS; i++)
		sum += counters[i];
	ck_assert_uint_eq(sum, (size_t)THREADS * ROUNDS * 2);
	ph_locks_free(&locks);
	ck_assert_ptr_null(locks);
	ph_locks_free(&locks);
}
END_TEST

/* Who did not get one of them holds none. */
START_TEST(test_keys_timeout)
{
	struct ph_copy_key held[] = {{2, 7}}, first[] = {{1, 7}};
	struct ph_copy_key both[] = {{3, 7}, {2, 7}, {1, 7}, {1, 7}};
	struct ph_locks *locks = ph_locks_new();

	ck_assert(ph_locks_take(locks, held, 1, 0));
	ck_assert(!ph_locks_take(locks, both, 4, 1));
	ck_assert(ph_locks_take(locks, first, 1, 0));
	ph_locks_give(locks, first, 1);
	ph_locks_give(locks, held, 1);
	ck_assert(ph_locks_take(locks, both, 4, 0));
	ph_locks_give(locks, both, 4);
	ph_locks_free(&locks);
}
END_TEST

struct slot_job {
	struct ph_slots *slots;
	gint inside, most, served;
};

static gpointer
use_slot(gpointer data)
{
	struct slot_job *job = data;

	for (int i = 0; i < 500; i++) {
		gint now, most;

		if (!ph_slots_take(job->slots, 60000))
			return NULL;
		now = g_atomic_int_add(&job->inside, 1) + 1;
		do
			most = g_atomic_int_get(&job->most);
		while (now > most && !g_atomic_int_compare_and_exchange(
					 &job->most, most, now));
		g_thread_yield();
		g_atomic_int_add(&job->inside, -1);
		g_atomic_int_inc(&job->served);
		ph_slots_give(job->slots);
	}
	return NULL;
}

START_TEST(test_slots)
{
	struct slot_job job = {ph_slots_new(2), 0, 0, 0};
	GThread *threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		threads[i] = g_thread_new("slot", use_slot, &job);
	for (size_t i = 0; i < THREADS; i++)
		g_thread_join(threads[i]);
	ck_assert_uint_eq((guint)job.served, (size_t)THREADS * 500);
	ck_assert_int_le(job.most, 2);
	ph_slots_free(&job.slots);
}
END_TEST

START_TEST(test_slots_timeout)
{
	struct ph_slots *slots = ph_slots_new(1);

	ck_assert(ph_slots_take(slots, 0));
	ck_assert(!ph_slots_take(slots, 1));
	ph_slots_give(slots);
	ck_assert(ph_slots_take(slots, 0));
	ph_slots_free(&slots);
	ck_assert_ptr_null(slots);
}
END_TEST

static gpointer
take_one(gpointer slots)
{
	return GINT_TO_POINTER(ph_slots_take(slots, 60000));
}

/* Whoever waits has a turn as soon as there are more. */
START_TEST(test_slots_resized)
{
	struct ph_slots *slots = ph_slots_new(1);
	GThread *thread;

	ck_assert(ph_slots_take(slots, 0));
	thread = g_thread_new("slot", take_one, slots);
	ph_slots_resize(slots, 2);
	ck_assert(GPOINTER_TO_INT(g_thread_join(thread)));
	ck_assert(!ph_slots_take(slots, 0));
	ph_slots_resize(slots, 1);
	ph_slots_give(slots);
	ck_assert(!ph_slots_take(slots, 0));
	ph_slots_give(slots);
	ck_assert(ph_slots_take(slots, 0));
	ph_slots_free(&slots);
}
END_TEST

UNIT_MAIN("store/delivery/locks", test_key, test_keys, test_keys_timeout,
	  test_slots, test_slots_timeout, test_slots_resized)
