#include "store/delivery/mdb_set.h"
#include "tests/unit/gate.h"
#include "tests/unit/thread.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * A disk that does not answer: while the gate is shut, nothing of the database
 * "slow" is synced.
 */
static struct unit_gate gate;

static bool
is_slow(int fd)
{
	char link[64], path[4096] = "";

	g_snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, path, sizeof(path) - 1) > 0 &&
	       strstr(path, "/slow/") != NULL;
}

/* In place of the C library's. */
int
fsync(int fd)
{
	if (is_slow(fd))
		unit_gate_pass(&gate);
	return (int)syscall(SYS_fsync, fd);
}

/* ---- in a thread of its own --------------------------------------------- */

struct act {
	struct ph_mdb_set *set;
	GThread *thread;
	atomic_int tid;
	struct ph_mdb *mdb;
	enum ph_store_result result;
};

static gpointer
use(gpointer data)
{
	struct act *act = data;

	act->tid = gettid();
	act->result = ph_mdb_set_use(act->set, "slow", 1, &act->mdb, NULL);
	return NULL;
}

static bool
keep_other(void *context, const char *database, int64_t epoch)
{
	(void)context;
	(void)epoch;
	return strcmp(database, "other") == 0;
}

static bool
keep_slow(void *context, const char *database, int64_t epoch)
{
	(void)context;
	(void)epoch;
	return strcmp(database, "slow") == 0;
}

static gpointer
sweep(gpointer data)
{
	struct act *act = data;

	act->tid = gettid();
	ph_mdb_set_sweep(act->set, keep_other, NULL);
	return NULL;
}

static void
start(struct act *act, struct ph_mdb_set *set, GThreadFunc run)
{
	*act = (struct act){.set = set};
	act->thread = g_thread_new("act", run, act);
	UNIT_WAIT(act->tid != 0);
}

/* ---- two databases ------------------------------------------------------- */

static void
use_other(struct ph_mdb_set *set)
{
	struct ph_mdb *mdb;

	ck_assert_int_eq(ph_mdb_set_use(set, "other", 1, &mdb, NULL),
			 PH_STORE_OK);
	ph_mdb_set_leave(set, mdb);
}

static struct ph_mdb_set *
open_remembering(const char *root, const char *opened)
{
	const struct ph_mdb_set_options options = {.root = root,
						   .opened = opened};
	struct ph_mdb_set *set;

	ck_assert_int_eq(ph_mdb_set_open(&options, &set, NULL), 0);
	return set;
}

static struct ph_mdb_set *
open_set(const char *root)
{
	return open_remembering(root, NULL);
}

/* How many descriptors of this process are of what is at a path. */
static unsigned
descriptors(const char *root)
{
	GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
	const char *name;
	unsigned n = 0;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path =
		    g_build_filename("/proc/self/fd", name, NULL);
		g_autofree char *target = g_file_read_link(path, NULL);

		n += target && g_str_has_prefix(target, root);
	}
	g_dir_close(dir);
	return n;
}

/* What an activation hook mounts there is where mail goes, and can be unmounted
 * when the database has moved on. */
START_TEST(test_store_is_mounted_later)
{
	g_autofree char *root = unit_mkdir(), *under = NULL, *there = NULL;
	struct ph_mdb_set *set = open_set(root);

	under = g_strconcat(root, ".under", NULL);
	there = g_build_filename(root, "other", NULL);
	ck_assert_int_eq(rename(root, under), 0);
	ck_assert_int_eq(mkdir(root, 0700), 0);
	use_other(set);
	ck_assert(g_file_test(there, G_FILE_TEST_IS_DIR));
	ck_assert_uint_gt(descriptors(root), 0);
	ph_mdb_set_sweep(set, keep_slow, NULL);
	ck_assert_uint_eq(descriptors(root), 0);
	ph_mdb_set_close(&set);
	unit_rmdir(&root);
	unit_rmdir(&under);
}
END_TEST

/* After a restart without its mount there is an empty directory where the
 * database was. Nothing goes into it. */
START_TEST(test_store_is_not_mounted)
{
	g_autofree char *root = unit_mkdir(), *under = NULL, *opened = NULL;
	struct ph_mdb_set *set;
	struct ph_mdb *mdb;
	struct ph_err err = PH_ERR_INIT;

	under = g_strconcat(root, ".under", NULL);
	opened = g_strconcat(root, ".stores", NULL);
	set = open_remembering(root, opened);
	use_other(set);
	ph_mdb_set_close(&set);
	ck_assert_int_eq(rename(root, under), 0);
	ck_assert_int_eq(mkdir(root, 0700), 0);
	set = open_remembering(root, opened);
	ck_assert_int_eq(ph_mdb_set_use(set, "Other", 1, &mdb, &err),
			 PH_STORE_FAILED);
	ck_assert_int_eq(errno, ENOMEDIUM);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_int_eq(rmdir(root), 0);
	ck_assert_int_eq(rename(under, root), 0);
	use_other(set);
	ph_mdb_set_close(&set);
	ck_assert_int_eq(remove(opened), 0);
	unit_rmdir(&root);
}
END_TEST

/* Another is opened meanwhile; itself it is opened once. */
START_TEST(test_opening_waits_alone)
{
	g_autofree char *root = unit_mkdir();
	struct ph_mdb_set *set = open_set(root);
	struct act first, second;

	unit_gate_shut(&gate);
	start(&first, set, use);
	UNIT_WAIT(gate.waiting == 1);
	use_other(set);
	start(&second, set, use);
	UNIT_WAIT(unit_is_asleep(second.tid));
	unit_gate_open(&gate);
	g_thread_join(first.thread);
	g_thread_join(second.thread);
	ck_assert_int_eq(first.result, PH_STORE_OK);
	ck_assert_int_eq(second.result, PH_STORE_OK);
	ck_assert_ptr_eq(first.mdb, second.mdb);
	ph_mdb_set_leave(set, first.mdb);
	ph_mdb_set_leave(set, second.mdb);
	ph_mdb_set_close(&set);
	unit_rmdir(&root);
}
END_TEST

/* It is not opened again before it is closed, and others do not wait. */
START_TEST(test_closing_waits_alone)
{
	g_autofree char *root = unit_mkdir();
	struct ph_mdb_set *set = open_set(root);
	struct ph_mdb *mdb;
	struct act closing, again;

	use_other(set);
	ck_assert_int_eq(ph_mdb_set_use(set, "slow", 1, &mdb, NULL),
			 PH_STORE_OK);
	ph_mdb_set_leave(set, mdb);
	unit_gate_shut(&gate);
	start(&closing, set, sweep);
	UNIT_WAIT(gate.waiting == 1);
	use_other(set);
	start(&again, set, use);
	UNIT_WAIT(unit_is_asleep(again.tid));
	unit_gate_open(&gate);
	g_thread_join(closing.thread);
	g_thread_join(again.thread);
	ck_assert_int_eq(again.result, PH_STORE_OK);
	ph_mdb_set_leave(set, again.mdb);
	ph_mdb_set_close(&set);
	unit_rmdir(&root);
}
END_TEST

/* One under a new Epoch is closed and opened; who uses it meanwhile gets the
 * new one. */
START_TEST(test_reopening_waits_alone)
{
	g_autofree char *root = unit_mkdir();
	struct ph_mdb_set *set = open_set(root);
	struct ph_mdb *mdb;
	struct act first, second;

	ck_assert_int_eq(ph_mdb_set_use(set, "slow", 0, &mdb, NULL),
			 PH_STORE_OK);
	ph_mdb_set_leave(set, mdb);
	unit_gate_shut(&gate);
	start(&first, set, use);
	UNIT_WAIT(gate.waiting == 1);
	use_other(set);
	start(&second, set, use);
	UNIT_WAIT(unit_is_asleep(second.tid));
	unit_gate_open(&gate);
	g_thread_join(first.thread);
	g_thread_join(second.thread);
	ck_assert_int_eq(first.result, PH_STORE_OK);
	ck_assert_ptr_eq(first.mdb, second.mdb);
	ck_assert_int_eq(first.mdb->epoch, 1);
	ph_mdb_set_leave(set, first.mdb);
	ph_mdb_set_leave(set, second.mdb);
	ph_mdb_set_close(&set);
	unit_rmdir(&root);
}
END_TEST

UNIT_MAIN("store/delivery/mdb_set", test_store_is_mounted_later,
	  test_store_is_not_mounted, test_opening_waits_alone,
	  test_closing_waits_alone, test_reopening_waits_alone)
