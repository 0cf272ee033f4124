#include "lib/base/fault.h"
#include "lib/base/uuid.h"
#include "store/delivery/mdb.h"
#include "tests/unit/store/delivery/lab.h"
#include "tests/unit/store/delivery/unnamed.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The store driver is killed at each of its fault points, as often as it comes
 * by there, while it takes a message for two mailboxes of one database and one
 * of another; then the client sends the message again, as an MTA does that got
 * no answer. Each mailbox must have it once and whole.
 */
enum { FIRST = PH_FAULT_NONE + 1, END = PH_FAULT_BEFORE_CLEAN + 1 };

#define HEADERS \
	"Message-ID: <1@x>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n"

static const char to_all[] =
    "LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nuno@example.com>\r\n"
    "RCPT TO:<ana@example.com>\r\nRCPT TO:<mota@example.com>\r\n"
    "DATA\r\n" HEADERS "body\r\n.\r\nQUIT\r\n";
static const char to_one[] =
    "LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<u2@example.com>\r\nDATA\r\n" HEADERS
    "other\r\n.\r\nQUIT\r\n";

struct scene {
	char *root, *store, *log;
};

/* One life of the store driver: 0 when all was answered 250. */
static int
live(const struct scene *scene, const char *fault, const char *said)
{
	struct ph_store_maildir_options options = {
	    .root = scene->store, .host = "MBX1", .duplicate_window = 3600000};
	struct ph_track_options log = {.directory = scene->log,
				       .prefix = "MSGTRKMD",
				       .server = "MBX1",
				       .max_file_size = 1 << 20};
	struct ph_store *store;
	struct lab lab;
	g_autofree char *out = NULL;

	if (ph_fault_arm(fault, NULL) < 0 ||
	    ph_store_maildir(&options, &store, NULL) < 0)
		return 1;
	lab_open(&lab, store);
	if (ph_track_log_open(&log, &lab.deliver.log, NULL) < 0)
		return 2;
	out = lab_talk(&lab, "192.0.2.2", said, strlen(said), 0);
	lab_close(&lab);
	ph_store_close(&store);
	if (strstr(out, "\r\n4") || strstr(out, "\r\n5") ||
	    !strstr(out, "250 2.1.5 <"))
		return 3;
	return 0;
}

/* True: it died of the fault. */
static bool
dies(const struct scene *scene, const char *fault, const char *said)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(live(scene, fault, said));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		ck_assert_int_eq(WTERMSIG(status), SIGKILL);
		ck_assert_ptr_nonnull(fault);
		return true;
	}
	ck_assert_msg(WEXITSTATUS(status) == 0, "fault %s: exit %d",
		      fault ? fault : "-", WEXITSTATUS(status));
	return false;
}

static void
scene_open(struct scene *scene)
{
	scene->root = unit_mkdir();
	scene->store = g_build_filename(scene->root, "store", NULL);
	scene->log = g_build_filename(scene->root, "log", NULL);
}

static void
scene_close(struct scene *scene)
{
	g_free(scene->store);
	g_free(scene->log);
	unit_rmdir(&scene->root);
}

static size_t
count(const struct scene *scene, const char *path, const char *tail)
{
	g_autofree char *full = g_build_filename(scene->store, path, NULL);
	GDir *dir = g_dir_open(full, 0, NULL);
	const char *name;
	size_t n = 0;

	ck_assert_msg(dir != NULL, "%s", full);
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(full, name, NULL);
		g_autofree char *text = NULL;

		ck_assert(g_file_get_contents(file, &text, NULL, NULL));
		ck_assert_msg(g_str_has_suffix(text, tail), "%s: %s", file,
			      text);
		n++;
	}
	g_dir_close(dir);
	return n;
}

/* Delivered again without a fault: once each, nothing left over. */
static void
check_once(const struct scene *scene, const char *what)
{
	static const char *const mailboxes[] = {"db1/example.com/nuno/new",
						"db1/example.com/ana/new",
						"db2/example.com/mota/new"};

	ck_assert(!dies(scene, NULL, to_all));
	for (size_t i = 0; i < G_N_ELEMENTS(mailboxes); i++) {
		size_t n = count(scene, mailboxes[i], "\n\nbody\n");

		ck_assert_msg(n == 1, "%s: %zu times in %s", what, n,
			      mailboxes[i]);
	}
	ck_assert_uint_eq(count(scene, "db1/.posthub/tmp", ""), 0);
	ck_assert_uint_eq(count(scene, "db2/.posthub/tmp", ""), 0);
}

static void
check_point(int point, bool clean_life_between)
{
	for (int n = 1;; n++) {
		g_autofree char *fault =
		    g_strdup_printf("%s:%d", ph_fault_names[point], n);
		struct scene scene;
		bool died;

		scene_open(&scene);
		died = dies(&scene, fault, to_all);
		if (clean_life_between)
			ck_assert(!dies(&scene, NULL, to_one));
		check_once(&scene, fault);
		scene_close(&scene);
		if (died)
			continue;
		ck_assert_msg(n > 1, "%s is never reached", fault);
		return;
	}
}

START_TEST(test_each_point)
{
	check_point(_i, false);
}
END_TEST

START_TEST(test_each_point_with_clean_stop)
{
	check_point(_i, true);
}
END_TEST

/* Killed again while the message comes for the second time. */
START_TEST(test_each_point_twice)
{
	static const enum ph_fault seconds[] = {
	    PH_FAULT_DATABASE_LOCKED, PH_FAULT_MAILBOX_MADE,
	    PH_FAULT_AFTER_LINK, PH_FAULT_RECORD_WRITTEN};

	for (size_t i = 0; i < G_N_ELEMENTS(seconds); i++) {
		g_autofree char *what =
		    g_strdup_printf("%s, then %s", ph_fault_names[_i],
				    ph_fault_names[seconds[i]]);
		struct scene scene;

		scene_open(&scene);
		ck_assert(dies(&scene, ph_fault_names[_i], to_all));
		dies(&scene, ph_fault_names[seconds[i]], to_all);
		check_once(&scene, what);
		scene_close(&scene);
	}
}
END_TEST

/* Each point of the store driver is walked. */
START_TEST(test_all_points)
{
	for (int i = FIRST; i < PH_FAULTS; i++)
		ck_assert_int_eq(
		    g_str_has_prefix(ph_fault_names[i], "delivery."), i < END);
}
END_TEST

START_TEST(test_arming)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_fault_arm(NULL, &err), 0);
	ck_assert_int_eq(ph_fault_arm("", &err), 0);
	ck_assert_int_eq(ph_fault_arm("delivery.nowhere", &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_int_eq(ph_fault_arm("delivery.after-link:0", &err), -1);
	ck_assert_int_eq(ph_fault_arm("delivery.after-link:x", &err), -1);
	ck_assert_int_eq(ph_fault_arm("none", &err), -1);
	for (int i = 1; i < PH_FAULTS; i++)
		ck_assert_int_eq(ph_fault_arm(ph_fault_names[i], &err), 0);
	ph_fault_arm(NULL, NULL);
	for (int i = 0; i < PH_FAULTS; i++)
		ph_fault((enum ph_fault)i);
}
END_TEST

/* fixture NULL: as the file system is. */
static void
add_points(Suite *suite, const char *name, SFun fixture)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, fixture, NULL);
	tcase_add_loop_test(tcase, test_each_point, FIRST, END);
	tcase_add_loop_test(tcase, test_each_point_with_clean_stop, FIRST, END);
	tcase_add_loop_test(tcase, test_each_point_twice, FIRST, END);
	suite_add_tcase(suite, tcase);
}

int
main(void)
{
	Suite *suite = suite_create("store/delivery/crash");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	/* A kill is the same without a disk, and a hundred times faster. */
	if (access("/dev/shm", W_OK) == 0)
		g_setenv("TMPDIR", "/dev/shm", TRUE);
	tcase_add_test(tcase, test_arming);
	tcase_add_test(tcase, test_all_points);
	suite_add_tcase(suite, tcase);
	add_points(suite, "unnamed", NULL);
	add_points(suite, "named", deny_unnamed);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
