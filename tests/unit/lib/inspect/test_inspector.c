#include "lib/inspect/inspector.h"
#include "lib/inspect/pool.h"
#include "lib/inspect/sandbox.h"
#include "lib/inspect/wire.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * This program is the child as well (see main): its workers do what the name
 * of an attachment says, as if the bytes of it had taken them over.
 */

#define MEMORY ((uint64_t)64 * 1024 * 1024)

/* A sanitizer opens files, and takes all of the address space for itself: what
 * is about these is not asked of it. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* ---- inside of a worker -------------------------------------------------- */

static void
put(int fd, const GByteArray *bytes)
{
	if (write(fd, bytes->data, bytes->len) != (ssize_t)bytes->len)
		_exit(EXIT_FAILURE);
}

static void
say(int fd, enum ph_record_kind kind, uint32_t number)
{
	g_autoptr(GByteArray) record = g_byte_array_new();

	ph_record_format(record, kind, number);
	put(fd, record);
}

static void
tell(int fd, const char *note)
{
	g_autoptr(GByteArray) record = g_byte_array_new();
	struct ph_walked *walked = ph_walked_new();

	walked->path = g_strdup("x");
	walked->name = g_strdup("x");
	walked->declared = g_strdup("");
	walked->type = g_strdup("text/plain");
	walked->note = g_strdup(note);
	ph_record_format_file(record, walked);
	ph_walked_free(walked);
	put(fd, record);
}

static void
do_open(int fd)
{
	tell(fd, open("/etc/passwd", O_RDONLY) >= 0 ? "open" : "not open");
}

static void
do_socket(int fd)
{
	tell(fd, socket(AF_INET, SOCK_STREAM, 0) >= 0 ? "socket" : "none");
}

static void
do_fork(int fd)
{
	tell(fd, fork() >= 0 ? "forked" : "not forked");
}

static void
do_exec(int fd)
{
	execl("/bin/true", "true", NULL);
	tell(fd, "not executed");
}

static void
do_kill(int fd)
{
	kill(getppid(), SIGKILL);
	tell(fd, "alive");
}

/* More than it may: the C library says no, GLib ends the process. */
static void
do_malloc(int fd)
{
	char *volatile much = malloc(MEMORY + 1);

	tell(fd, much == NULL ? "no memory" : "memory");
	free(much);
}

static void
do_allocate(int fd)
{
	for (size_t i = 0; i < 1000; i++)
		memset(g_malloc(MEMORY / 16), 1, MEMORY / 16);
	tell(fd, "memory");
}

static void
do_loop(int fd)
{
	for (volatile int i = 1; i != 0;)
		;
	tell(fd, "never");
}

static void
do_crash(int fd)
{
	tell(fd, "and then");
	__builtin_trap();
}

static void
do_garbage(int fd)
{
	static const char garbage[64] = "\xff\xff\xff\xff\xff garbage";

	if (write(fd, garbage, sizeof garbage) < 0)
		_exit(EXIT_FAILURE);
}

static void
do_flood(int fd)
{
	for (;;)
		tell(fd, "and one more");
}

/* Says that it is done with what it has not begun. */
static void
do_disorder(int fd)
{
	say(fd, PH_RECORD_END, 7);
}

static void
do_finish(int fd)
{
	say(fd, PH_RECORD_DONE, 0);
}

/* Alone in a message: tells of all, and does not come to an end. */
static void
do_late(int fd)
{
	tell(fd, "well");
	say(fd, PH_RECORD_END, 0);
	do_loop(fd);
}

static void
do_nothing(int fd)
{
	tell(fd, "well");
}

static const struct {
	const char *name;
	void (*act)(int fd);
} deeds[] = {
    {"open", do_open},	  {"socket", do_socket},     {"fork", do_fork},
    {"exec", do_exec},	  {"kill", do_kill},	     {"malloc", do_malloc},
    {"loop", do_loop},	  {"allocate", do_allocate}, {"crash", do_crash},
    {"flood", do_flood},  {"garbage", do_garbage},   {"finish", do_finish},
    {"well", do_nothing}, {"disorder", do_disorder}, {"late", do_late},
};

static void
work(struct ph_types *types, const struct ph_request *request, uint32_t first,
     int fd)
{
	(void)types;
	for (uint32_t i = first; i < request->n; i++) {
		say(fd, PH_RECORD_BEGIN, i);
		for (size_t d = 0; d < G_N_ELEMENTS(deeds); d++)
			if (strcmp(deeds[d].name, request->parts[i].name) == 0)
				deeds[d].act(fd);
		say(fd, PH_RECORD_END, i);
	}
}

/* ---- outside ------------------------------------------------------------- */

static char program[4096];
static const char *const child[] = {program, PH_INSPECT_SWITCH, NULL};

static struct ph_inspector *
start_for(int64_t timeout)
{
	return ph_inspector_start(&(struct ph_inspector_options){
	    .child = child,
	    .user = "nobody",
	    .workers = 2,
	    .messages = 3,
	    .timeout = timeout,
	    .memory = MEMORY,
	    .limits = {.entries = 100},
	});
}

static struct ph_inspector *
start(void)
{
	return start_for(1000);
}

static struct ph_inspected *
ask(struct ph_inspector *inspector, const char *const *names, uint32_t n)
{
	struct ph_walk_source parts[8] = {0};

	ck_assert_uint_le(n, G_N_ELEMENTS(parts));
	for (uint32_t i = 0; i < n; i++)
		parts[i] =
		    (struct ph_walk_source){.name = names[i], .data = ""};
	return ph_inspector_run(inspector, parts, n);
}

static const char *
note_of(const struct ph_inspected *result)
{
	const struct ph_walked *walked;

	ck_assert_int_eq(result->state, PH_INSPECTED_DONE);
	ck_assert_uint_eq(result->files->len, 1);
	walked = result->files->pdata[0];
	return walked->note;
}

#define AT(member) offsetof(struct ph_inspector_counts, member)
static const struct {
	const char *deed;
	size_t count;
	const char *why;
} contained[] = {
    {"open", AT(forbidden), "did what it may not"},
    {"socket", AT(forbidden), "did what it may not"},
    {"fork", AT(forbidden), "did what it may not"},
    {"exec", AT(forbidden), "did what it may not"},
    {"kill", AT(forbidden), "did what it may not"},
    {"allocate", AT(out_of_memory), "memory"},
    {"loop", AT(timed_out), "too long"},
    {"crash", AT(crashed), "crashed"},
    {"garbage", AT(malformed), "malformed"},
    {"flood", AT(malformed), "malformed"},
    {"disorder", AT(malformed), "malformed"},
    {"finish", AT(malformed), "malformed"},
};

/* What it told stands; behind it there is nothing to lose. */
START_TEST(test_does_not_end)
{
	static const char *const names[] = {"late"};
	struct ph_inspector *inspector = start();
	struct ph_inspected *results = ask(inspector, names, 1);
	struct ph_inspector_counts counts;

	ck_assert_str_eq(note_of(&results[0]), "well");
	ph_inspected_free(results, 1);
	ph_inspector_counts(inspector, &counts);
	ck_assert_uint_eq(counts.timed_out, 1);
	ph_inspector_stop(&inspector);
}
END_TEST

/* It costs the attachment; the one before and the one after have answers. */
START_TEST(test_contained)
{
	const char *const names[] = {"well", contained[_i].deed, "well"};
	bool late = contained[_i].count == AT(timed_out);
	struct ph_inspector *inspector;
	struct ph_inspected *results;
	struct ph_inspector_counts counts;

	if (SANITIZED && (strcmp(contained[_i].deed, "open") == 0 ||
			  contained[_i].count == AT(out_of_memory)))
		return;
	inspector = start_for(late ? 1000 : 20000);
	results = ask(inspector, names, 3);
	ck_assert_str_eq(note_of(&results[0]), "well");
	ck_assert_int_eq(results[1].state, PH_INSPECTED_LOST);
	ck_assert_msg(strstr(results[1].why, contained[_i].why) != NULL,
		      "%s: %s", contained[_i].deed, results[1].why);
	/* The time is that of the whole message. */
	if (late)
		ck_assert_int_eq(results[2].state, PH_INSPECTED_LOST);
	else
		ck_assert_str_eq(note_of(&results[2]), "well");
	ph_inspected_free(results, 3);
	ph_inspector_counts(inspector, &counts);
	ck_assert_uint_eq(
	    *(const uint64_t *)(const void *)((const char *)&counts +
					      contained[_i].count),
	    1);
	ck_assert_uint_eq(counts.crashed + counts.out_of_memory +
			      counts.timed_out + counts.forbidden +
			      counts.malformed,
			  1);
	/* And the next message. */
	results = ask(inspector, names, 1);
	ck_assert_str_eq(note_of(&results[0]), "well");
	ph_inspected_free(results, 1);
	ph_inspector_stop(&inspector);
	ck_assert_ptr_null(inspector);
}
END_TEST

START_TEST(test_memory_is_refused)
{
	const char *const names[] = {"malloc"};
	struct ph_inspector *inspector = start();
	struct ph_inspected *results = ask(inspector, names, 1);

	ck_assert_str_eq(note_of(&results[0]),
			 SANITIZED ? "memory" : "no memory");
	ph_inspected_free(results, 1);
	ph_inspector_stop(&inspector);
}
END_TEST

START_TEST(test_many_losses)
{
	const char *const names[] = {"crash", "crash", "crash", "well"};
	struct ph_inspector *inspector = start();
	struct ph_inspected *results = ask(inspector, names, 4);

	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(results[i].state, PH_INSPECTED_LOST);
	ck_assert_ptr_nonnull(strstr(results[3].why, "too many"));
	ph_inspected_free(results, 4);
	ph_inspector_stop(&inspector);
}
END_TEST

/* More messages than a worker serves, from more threads than there are
 * workers. */
static void *
ask_often(void *inspector)
{
	const char *const names[] = {"well", "well"};

	for (size_t i = 0; i < 20; i++) {
		struct ph_inspected *results = ask(inspector, names, 2);

		ck_assert_str_eq(note_of(&results[1]), "well");
		ph_inspected_free(results, 2);
	}
	return NULL;
}

START_TEST(test_threads)
{
	struct ph_inspector *inspector = start();
	struct ph_inspector_counts counts;
	GThread *threads[4];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("asks", ask_often, inspector);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	ph_inspector_counts(inspector, &counts);
	ck_assert_uint_eq(counts.messages, 80);
	ck_assert_uint_eq(counts.files, 160);
	ck_assert_uint_eq(counts.crashed, 0);
	ph_inspector_stop(&inspector);
}
END_TEST

/* ---- the pool ------------------------------------------------------------ */

/* The only child of this process. */
static pid_t
find_child(void)
{
	g_autofree char *path =
	    g_strdup_printf("/proc/self/task/%d/children", (int)getpid());
	g_autofree char *text = NULL;

	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

struct ending {
	struct ph_pool *pool;
	struct ph_worker *worker;
	int status;
	gint done;
};

static void *
end_worker(void *data)
{
	struct ending *ending = data;

	ending->status = ph_pool_end(ending->pool, ending->worker);
	g_atomic_int_set(&ending->done, 1);
	return NULL;
}

/* While one waits for the child, others have the workers that are there. */
START_TEST(test_child_stands)
{
	const struct ph_inspector_options options = {.child = child,
						     .user = "nobody",
						     .workers = 3,
						     .messages = 2,
						     .timeout = 1000,
						     .memory = MEMORY};
	struct ph_pool *pool = ph_pool_new(&options);
	struct ending ending = {.pool = pool};
	struct ph_worker *workers[2];
	struct ph_err err = PH_ERR_INIT;
	GThread *thread;
	pid_t pid;
	int fd;

	ending.worker = ph_pool_take(pool, INT64_MAX / 2000, &err);
	for (size_t i = 0; i < 2; i++)
		workers[i] = ph_pool_take(pool, INT64_MAX / 2000, &err);
	ck_assert_msg(err.kind == PH_ERR_NONE, "%s", err.text);
	pid = find_child();
	fd = ending.worker->fd;
	kill(pid, SIGSTOP);
	thread = g_thread_new("ends", end_worker, &ending);
	while (fcntl(fd, F_GETFD) >= 0)
		g_usleep(1000);
	for (size_t i = 0; i < 2; i++)
		ph_pool_put(pool, workers[i]);
	/* Two messages each: then it is spent. */
	for (size_t i = 0; i < 2; i++)
		workers[i] = ph_pool_take(pool, INT64_MAX / 2000, &err);
	for (size_t i = 0; i < 2; i++)
		ph_pool_put(pool, workers[i]);
	ck_assert_int_eq(g_atomic_int_get(&ending.done), 0);
	kill(pid, SIGCONT);
	g_thread_join(thread);
	/* Killed, or ended by itself because its socket is closed. */
	ck_assert_int_ne(ending.status, -1);
	/* Answers about the others are not taken for its. */
	workers[0] = ph_pool_take(pool, INT64_MAX / 2000, &err);
	ck_assert_ptr_nonnull(workers[0]);
	ck_assert_int_eq(find_child(), pid);
	ph_pool_put(pool, workers[0]);
	ph_pool_free(&pool);
}
END_TEST

/* The next message has another, and is not told. */
START_TEST(test_child_is_killed)
{
	const struct ph_inspector_options options = {.child = child,
						     .user = "nobody",
						     .workers = 1,
						     .messages = 10,
						     .timeout = 1000,
						     .memory = MEMORY};
	struct ph_pool *pool = ph_pool_new(&options);
	struct ph_err err = PH_ERR_INIT;
	struct ph_worker *worker = ph_pool_take(pool, INT64_MAX / 2000, &err);
	pid_t pid = find_child();

	ck_assert_ptr_nonnull(worker);
	kill(pid, SIGKILL);
	/* Its worker dies with it. */
	ck_assert_int_eq(ph_pool_wait(worker->fd, INT64_MAX / 2000), 1);
	ph_pool_put(pool, worker);
	worker = ph_pool_take(pool, INT64_MAX / 2000, &err);
	ck_assert_msg(worker != NULL, "%s", err.text);
	ck_assert_int_ne(find_child(), pid);
	ph_pool_put(pool, worker);
	ph_pool_free(&pool);
}
END_TEST

/* Nobody can be asked. */
START_TEST(test_no_child)
{
	static const char *const none[] = {"/nonexistent/program", NULL};
	static const char *const ends[] = {"/bin/true", NULL};
	const char *const *const children[] = {none, ends};
	const char *const names[] = {"well", "well"};
	struct ph_inspector *inspector =
	    ph_inspector_start(&(struct ph_inspector_options){
		.child = children[_i],
		.user = "nobody",
		.workers = 1,
		.messages = 1,
		.timeout = 1000,
		.memory = MEMORY,
	    });
	struct ph_inspected *results = ask(inspector, names, 2);
	struct ph_inspector_counts counts;

	ck_assert_int_eq(results[0].state, PH_INSPECTED_NOT);
	ck_assert_int_eq(results[1].state, PH_INSPECTED_NOT);
	ck_assert_ptr_nonnull(results[1].why);
	ph_inspected_free(results, 2);
	ph_inspector_counts(inspector, &counts);
	ck_assert_uint_eq(counts.unavailable, 1);
	ck_assert_uint_eq(ph_inspector_layers(inspector), 0);
	ph_inspector_stop(&inspector);
}
END_TEST

/* The filter is always there; root has all of it where nothing forbids. */
START_TEST(test_layers)
{
	struct ph_inspector *inspector = start();
	unsigned layers = ph_inspector_layers(inspector);
	g_autofree char *names = ph_sandbox_names(layers);

	ck_assert_uint_ne(layers & PH_SANDBOX_CALLS, 0);
	ck_assert_ptr_nonnull(strstr(names, "system calls"));
	if (geteuid() == 0)
		ck_assert_msg((layers & PH_SANDBOX_USER) != 0, "%s", names);
	ph_inspector_stop(&inspector);
}
END_TEST

static int
run_tests(void)
{
	Suite *suite = suite_create("lib/inspect/inspector");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_contained, 0, G_N_ELEMENTS(contained));
	tcase_add_test(tc, test_does_not_end);
	tcase_add_test(tc, test_memory_is_refused);
	tcase_add_test(tc, test_many_losses);
	tcase_add_test(tc, test_threads);
	tcase_add_test(tc, test_child_stands);
	tcase_add_test(tc, test_child_is_killed);
	tcase_add_loop_test(tc, test_no_child, 0, 2);
	tcase_add_test(tc, test_layers);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], PH_INSPECT_SWITCH) == 0)
		return ph_inspect_child_main(argc, argv, work);
	if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
		return EXIT_FAILURE;
	return run_tests();
}
