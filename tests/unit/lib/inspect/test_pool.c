#include "lib/inspect/pool.h"

#include "lib/base/clock.h"
#include "lib/inspect/child.h"
#include "tests/unit/thread.h"
#include "tests/unit/unit.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * This program is the child as well (see main): its workers are sockets that
 * have said hello. While there is a file "shut" in its directory it forks none,
 * and makes a file "asked" instead.
 */
#define CHILD "--child"
#define LONG ((int64_t)60000)

/* ---- the child ----------------------------------------------------------- */

static bool
has(const char *directory, const char *name)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);

	return access(path, F_OK) == 0;
}

static void
make(const char *directory, const char *name)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);

	g_assert(g_file_set_contents(path, "", 0, NULL));
}

static void
start_worker(const char *directory, int fd)
{
	g_autoptr(GByteArray) hello = g_byte_array_new();

	if (has(directory, "shut"))
		make(directory, "asked");
	while (has(directory, "shut"))
		g_usleep(2000);
	ph_record_format(hello, PH_RECORD_HELLO, 1);
	ph_fd_send(fd, hello->data, hello->len, -1);
}

static int
be_child(const char *directory)
{
	struct ph_child_request request;
	int fd;

	while (ph_fd_receive(STDIN_FILENO, &request, sizeof request, &fd) ==
	       sizeof request) {
		const struct ph_child_reply reply = {.id = request.id};

		if (request.op == PH_CHILD_START)
			start_worker(directory, fd);
		ph_fd_send(STDIN_FILENO, &reply, sizeof reply, -1);
	}
	return EXIT_SUCCESS;
}

/* ---- the program --------------------------------------------------------- */

struct trial {
	char *directory;
	const char *child[4];
	struct ph_inspector_options options;
	struct ph_pool *pool;
};

static void
set_up(struct trial *t, uint32_t workers)
{
	char *directory = unit_mkdir();

	*t = (struct trial){
	    .directory = directory,
	    .child = {"/proc/self/exe", CHILD, directory, NULL},
	    .options = {.user = "",
			.workers = workers,
			.messages = 100,
			.timeout = LONG},
	};
	t->options.child = t->child;
	t->pool = ph_pool_new(&t->options);
}

static void
tear_down(struct trial *t)
{
	ph_pool_free(&t->pool);
	unit_rmdir(&t->directory);
}

static struct ph_worker *
take(struct trial *t)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_worker *worker =
	    ph_pool_take(t->pool, ph_clock_mono() + LONG, &err);

	ck_assert_msg(worker != NULL, "%s", err.text);
	return worker;
}

static void
take_none(struct trial *t, const char *why)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_ptr_null(ph_pool_take(t->pool, ph_clock_mono(), &err));
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_str_eq(err.text, why);
}

struct taker {
	struct trial *trial;
	GThread *thread;
	atomic_int tid;
	struct ph_worker *_Atomic worker;
};

static gpointer
run_taker(gpointer data)
{
	struct taker *taker = data;

	taker->tid = gettid();
	taker->worker = take(taker->trial);
	return NULL;
}

static void
start_taker(struct taker *taker, struct trial *t)
{
	*taker = (struct taker){.trial = t};
	taker->thread = g_thread_new("taker", run_taker, taker);
	UNIT_WAIT(taker->tid != 0);
}

/* One that asks for a worker, and hears nothing until "shut" has gone. */
static void
start_asker(struct taker *asker, struct trial *t)
{
	make(t->directory, "shut");
	start_taker(asker, t);
	UNIT_WAIT(has(t->directory, "asked"));
}

static void
end_taker(struct taker *taker)
{
	g_thread_join(taker->thread);
	ph_pool_put(taker->trial->pool, taker->worker);
}

static void
open_up(struct trial *t)
{
	g_autofree char *path = g_build_filename(t->directory, "shut", NULL);

	ck_assert_int_eq(unlink(path), 0);
}

/* Who waits for a turn to ask takes a worker that comes back meanwhile. */
START_TEST(test_takes_what_comes_first)
{
	struct trial t;
	struct ph_worker *first;
	struct taker asker, waiter;

	set_up(&t, 3);
	first = take(&t);
	start_asker(&asker, &t);
	start_taker(&waiter, &t);
	UNIT_WAIT(unit_is_asleep(waiter.tid));
	ph_pool_put(t.pool, first);
	UNIT_WAIT(waiter.worker == first);
	open_up(&t);
	end_taker(&asker);
	end_taker(&waiter);
	tear_down(&t);
}
END_TEST

/* Who waits for a worker has none. */
START_TEST(test_who_waits_does_not_count)
{
	struct trial t;
	struct taker asker, waiter;

	set_up(&t, 2);
	start_asker(&asker, &t);
	start_taker(&waiter, &t);
	UNIT_WAIT(unit_is_asleep(waiter.tid));
	take_none(&t, "no worker was started in time");
	open_up(&t);
	g_thread_join(asker.thread);
	g_thread_join(waiter.thread);
	ck_assert_uint_ne(asker.worker->id, waiter.worker->id);
	take_none(&t, "no worker was free in time");
	ph_pool_put(t.pool, asker.worker);
	ph_pool_put(t.pool, waiter.worker);
	tear_down(&t);
}
END_TEST

/* As many as may be, after some have waited in vain. */
START_TEST(test_as_many_as_may_be)
{
	struct trial t;
	struct ph_worker *workers[3];
	struct taker asker;

	set_up(&t, G_N_ELEMENTS(workers));
	start_asker(&asker, &t);
	for (size_t i = 0; i < G_N_ELEMENTS(workers); i++)
		take_none(&t, "no worker was started in time");
	open_up(&t);
	end_taker(&asker);
	for (size_t i = 0; i < G_N_ELEMENTS(workers); i++)
		workers[i] = take(&t);
	take_none(&t, "no worker was free in time");
	ck_assert_int_eq(ph_pool_end(t.pool, workers[0]), 0);
	workers[0] = take(&t);
	take_none(&t, "no worker was free in time");
	for (size_t i = 0; i < G_N_ELEMENTS(workers); i++)
		ph_pool_put(t.pool, workers[i]);
	tear_down(&t);
}
END_TEST

int
main(int argc, char **argv)
{
	static const TTest *tests[3];

	if (argc > 2 && strcmp(argv[1], CHILD) == 0)
		return be_child(argv[2]);
	tests[0] = test_takes_what_comes_first;
	tests[1] = test_who_waits_does_not_count;
	tests[2] = test_as_many_as_may_be;
	return unit_main("lib/inspect/pool", tests, G_N_ELEMENTS(tests));
}
