#include "store/delivery/duplicates.h"

#include "tests/unit/gate.h"
#include "tests/unit/thread.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW INT64_C(80000) /* segments of 10 s */
#define NOW INT64_C(1700000000000)

struct place {
	char *path;
	int dir;
	struct ph_duplicates *duplicates;
};

static void
place_open(struct place *place, int64_t now)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_duplicates_open(place->dir, WINDOW, now,
					 &place->duplicates, &err) == 0,
		      "%s", err.text);
}

static void
place_new(struct place *place)
{
	place->path = unit_mkdir();
	place->dir = open(place->path, O_RDONLY | O_DIRECTORY);
	place_open(place, NOW);
}

static void
place_close(struct place *place)
{
	ck_assert_int_eq(ph_duplicates_close(&place->duplicates, NULL), 0);
	ck_assert_ptr_null(place->duplicates);
}

static void
place_free(struct place *place)
{
	place_close(place);
	close(place->dir);
	unit_rmdir(&place->path);
}

static struct ph_copy_key
key(uint64_t n)
{
	return (struct ph_copy_key){n, n + 1000000};
}

static void
add(struct place *place, uint64_t n, int64_t now)
{
	ck_assert_int_eq(
	    ph_duplicates_add(place->duplicates, key(n), now, NULL), 0);
}

static bool
has(struct place *place, uint64_t n, int64_t now)
{
	int r = ph_duplicates_find(place->duplicates, key(n), now, NULL);

	ck_assert_int_ge(r, 0);
	return r == 1;
}

static size_t
files(const struct place *place)
{
	GDir *dir = g_dir_open(place->path, 0, NULL);
	size_t n = 0;

	while (g_dir_read_name(dir))
		n++;
	g_dir_close(dir);
	return n;
}

/* The only file. */
static char *
file_of(const struct place *place)
{
	GDir *dir = g_dir_open(place->path, 0, NULL);
	char *path = g_build_filename(place->path, g_dir_read_name(dir), NULL);

	g_dir_close(dir);
	return path;
}

START_TEST(test_remembers)
{
	struct place place;

	place_new(&place);
	ck_assert(!has(&place, 1, NOW));
	add(&place, 1, NOW);
	ck_assert(has(&place, 1, NOW));
	ck_assert(!has(&place, 2, NOW));
	ck_assert(0 == ph_duplicates_find(place.duplicates,
					  (struct ph_copy_key){1, 1}, NOW,
					  NULL));
	ck_assert_int_eq(ph_duplicates_sync(place.duplicates, NULL), 0);
	place_close(&place);
	place_open(&place, NOW);
	ck_assert(has(&place, 1, NOW));
	ck_assert(!has(&place, 2, NOW));
	place_free(&place);
}
END_TEST

START_TEST(test_window)
{
	struct place place;

	place_new(&place);
	for (uint64_t i = 0; i < 30; i++)
		add(&place, i, NOW + (int64_t)i * 10000);
	ck_assert_uint_eq(files(&place), 30);
	/* At the moment of the last one, all of the last WINDOW are known. */
	for (uint64_t i = 0; i < 30; i++)
		ck_assert_int_eq(has(&place, i, NOW + 290000), i >= 21);
	ph_duplicates_expire(place.duplicates, NOW + 290000);
	ck_assert_uint_eq(files(&place), 9);
	ck_assert(has(&place, 21, NOW + 290000));
	place_close(&place);
	place_open(&place, NOW + 380000);
	ck_assert_uint_eq(files(&place), 0);
	place_free(&place);
}
END_TEST

START_TEST(test_exact_window)
{
	struct place place;

	place_new(&place);
	add(&place, 1, NOW);
	ck_assert(has(&place, 1, NOW + WINDOW));
	ph_duplicates_expire(place.duplicates, NOW + WINDOW);
	ck_assert(has(&place, 1, NOW + WINDOW));
	/* A segment's length later at the latest it is forgotten. */
	ck_assert(!has(&place, 1, NOW + WINDOW + 10000));
	place_free(&place);
}
END_TEST

START_TEST(test_clock_goes_back)
{
	struct place place;

	place_new(&place);
	add(&place, 1, NOW);
	add(&place, 2, NOW - 60000);
	ck_assert_uint_eq(files(&place), 1);
	ck_assert(has(&place, 2, NOW));
	place_free(&place);
}
END_TEST

/* Whatever a crash leaves of the last record, those before it stay and the
 * next one can be read. */
START_TEST(test_cut_everywhere)
{
	for (off_t cut = 0; cut <= 32; cut++) {
		struct place place;
		g_autofree char *file = NULL;

		place_new(&place);
		add(&place, 1, NOW);
		add(&place, 2, NOW);
		file = file_of(&place);
		place_close(&place);
		ck_assert_int_eq(truncate(file, 32 + cut), 0);
		place_open(&place, NOW);
		ck_assert(has(&place, 1, NOW));
		ck_assert_int_eq(has(&place, 2, NOW), cut == 32);
		add(&place, 3, NOW);
		place_close(&place);
		place_open(&place, NOW);
		ck_assert(has(&place, 1, NOW));
		ck_assert_int_eq(has(&place, 2, NOW), cut == 32);
		ck_assert(has(&place, 3, NOW));
		place_free(&place);
	}
}
END_TEST

START_TEST(test_damage)
{
	for (off_t at = 0; at < 32; at++) {
		struct place place;
		g_autofree char *file = NULL;
		char byte;
		int fd;

		place_new(&place);
		add(&place, 1, NOW);
		add(&place, 2, NOW);
		file = file_of(&place);
		place_close(&place);
		fd = open(file, O_RDWR);
		ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
		byte = (char)(byte ^ 0x40);
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		place_open(&place, NOW);
		ck_assert(!has(&place, 1, NOW));
		ck_assert(has(&place, 2, NOW));
		place_free(&place);
	}
}
END_TEST

START_TEST(test_foreign_files)
{
	struct place place;
	g_autofree char *name = NULL;

	place_new(&place);
	name = g_build_filename(place.path, "lost+found", NULL);
	ck_assert(g_file_set_contents(name, "x", 1, NULL));
	place_close(&place);
	place_open(&place, NOW + 100 * WINDOW);
	ck_assert_uint_eq(files(&place), 1);
	place_free(&place);
}
END_TEST

/* The disk is full in the middle of a record: what was remembered is known,
 * and written when there is room again. */
START_TEST(test_no_room)
{
	struct rlimit full = {48, RLIM_INFINITY}, room;
	struct ph_err err = PH_ERR_INIT;
	struct place place;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &room);
	full.rlim_max = room.rlim_max;
	place_new(&place);
	add(&place, 1, NOW);
	setrlimit(RLIMIT_FSIZE, &full);
	ck_assert_int_eq(ph_duplicates_add(place.duplicates, key(2), NOW, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert(has(&place, 2, NOW));
	setrlimit(RLIMIT_FSIZE, &room);
	add(&place, 3, NOW);
	place_close(&place);
	place_open(&place, NOW);
	ck_assert(has(&place, 1, NOW));
	ck_assert(has(&place, 2, NOW));
	ck_assert(has(&place, 3, NOW));
	place_free(&place);
}
END_TEST

/* What waits for room outlives its window; where a new segment begins first, it
 * is said to be lost. */
START_TEST(test_no_room_for_long)
{
	struct rlimit full = {48, RLIM_INFINITY}, room;
	struct ph_err err = PH_ERR_INIT;
	struct place place;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &room);
	full.rlim_max = room.rlim_max;
	place_new(&place);
	add(&place, 1, NOW);
	setrlimit(RLIMIT_FSIZE, &full);
	ck_assert_int_eq(ph_duplicates_add(place.duplicates, key(2), NOW, NULL),
			 -1);
	ph_duplicates_expire(place.duplicates, NOW + 10 * WINDOW);
	ck_assert_int_eq(ph_duplicates_sync(place.duplicates, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_int_eq(
	    ph_duplicates_add(place.duplicates, key(3), NOW + WINDOW / 2, NULL),
	    -1);
	setrlimit(RLIMIT_FSIZE, &room);
	ck_assert_int_eq(ph_duplicates_sync(place.duplicates, NULL), 0);
	ck_assert_int_eq(ph_duplicates_close(&place.duplicates, NULL), -1);
	place_open(&place, NOW);
	ck_assert(has(&place, 3, NOW + WINDOW / 2));
	place_free(&place);
}
END_TEST

/* ---- a disk that does not answer ---------------------------------------- */

static struct unit_gate gate, second_gate, sync_gate;
static atomic_uint writes, second; /* the write that passes second_gate */

/* In place of the C library's. */
ssize_t
pwrite(int fd, const void *data, size_t size, off_t at)
{
	bool is_second = ++writes == second;

	unit_gate_pass(is_second ? &second_gate : &gate);
	return syscall(SYS_pwrite64, fd, data, size, at);
}

int
fdatasync(int fd)
{
	unit_gate_pass(&sync_gate);
	return (int)syscall(SYS_fdatasync, fd);
}

static gpointer
add_ten(gpointer data)
{
	add(data, 10, NOW);
	return NULL;
}

static gpointer
sync_all(gpointer data)
{
	const struct place *place = data;

	return GINT_TO_POINTER(ph_duplicates_sync(place->duplicates, NULL));
}

START_TEST(test_only_who_writes_waits)
{
	GThread *writer, *syncer;
	struct place place;
	unsigned before;

	place_new(&place);
	add(&place, 1, NOW);
	unit_gate_shut(&gate);
	writer = g_thread_new("writer", add_ten, &place);
	UNIT_WAIT(gate.waiting == 1);
	ck_assert(has(&place, 1, NOW));
	ck_assert(has(&place, 10, NOW));
	ck_assert(!has(&place, 11, NOW));
	for (uint64_t n = 11; n < 14; n++)
		add(&place, n, NOW);
	ck_assert(has(&place, 13, NOW));
	syncer = g_thread_new("syncer", sync_all, &place);
	before = writes;
	unit_gate_open(&gate);
	g_thread_join(writer);
	ck_assert_int_eq(GPOINTER_TO_INT(g_thread_join(syncer)), 0);
	ck_assert_uint_eq(writes, before + 1);
	place_close(&place);
	place_open(&place, NOW);
	for (uint64_t n = 10; n < 14; n++)
		ck_assert(has(&place, n, NOW));
	place_free(&place);
}
END_TEST

static atomic_int later; /* the thread that adds to the next segment */

static gpointer
add_twenty(gpointer data)
{
	later = gettid();
	add(data, 20, NOW + 10000);
	return NULL;
}

/* A segment ends while some of its records are on their way to the disk: the
 * next one begins after them. */
START_TEST(test_segment_ends_while_it_is_written)
{
	GThread *syncer, *writer, *next;
	struct place place;

	place_new(&place);
	add(&place, 1, NOW);
	unit_gate_shut(&sync_gate);
	syncer = g_thread_new("syncer", sync_all, &place);
	UNIT_WAIT(sync_gate.waiting == 1);
	unit_gate_shut(&gate);
	unit_gate_shut(&second_gate);
	second = writes + 2;
	writer = g_thread_new("writer", add_ten, &place);
	UNIT_WAIT(gate.waiting == 1);
	next = g_thread_new("next", add_twenty, &place);
	UNIT_WAIT(later != 0 && unit_is_asleep(later));
	add(&place, 11, NOW);
	unit_gate_open(&gate);
	UNIT_WAIT(second_gate.waiting == 1);
	/* Its end wakes all that wait. */
	unit_gate_open(&sync_gate);
	ck_assert_int_eq(GPOINTER_TO_INT(g_thread_join(syncer)), 0);
	UNIT_WAIT(unit_is_asleep(later));
	unit_gate_open(&second_gate);
	g_thread_join(writer);
	g_thread_join(next);
	ck_assert_uint_eq(files(&place), 2);
	place_close(&place);
	place_open(&place, NOW);
	for (uint64_t n = 10; n < 12; n++)
		ck_assert(has(&place, n, NOW));
	ck_assert(has(&place, 20, NOW + 10000));
	place_free(&place);
}
END_TEST

/* Killed while many threads add and sync: all that sync vouched for is
 * there. */
struct adder {
	struct ph_duplicates *duplicates;
	uint64_t first;
	int pipe;
};

static gpointer
add_many(gpointer data)
{
	const struct adder *adder = data;

	for (uint64_t n = adder->first;; n++) {
		if (ph_duplicates_add(adder->duplicates, key(n), NOW, NULL) <
			0 ||
		    ph_duplicates_sync(adder->duplicates, NULL) < 0 ||
		    write(adder->pipe, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
	return NULL;
}

static void
add_until_killed(struct place *place, int pipe)
{
	struct adder adders[4];

	for (size_t i = 0; i < G_N_ELEMENTS(adders); i++) {
		adders[i].duplicates = place->duplicates;
		adders[i].first = (i + 1) << 32;
		adders[i].pipe = pipe;
		g_thread_new("add", add_many, &adders[i]);
	}
	for (;;)
		pause();
}

START_TEST(test_killed)
{
	struct place place;
	uint64_t n;
	int ends[2];
	size_t seen = 0;
	pid_t pid;

	place_new(&place);
	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		add_until_killed(&place, ends[1]);
	close(ends[1]);
	g_autoptr(GArray) said = g_array_new(FALSE, FALSE, sizeof(n));
	while (read(ends[0], &n, sizeof(n)) == sizeof(n)) {
		g_array_append_val(said, n);
		if (++seen == 200)
			kill(pid, SIGKILL);
	}
	waitpid(pid, NULL, 0);
	close(ends[0]);
	place_close(&place);
	place_open(&place, NOW);
	ck_assert_uint_ge(said->len, 200);
	for (guint i = 0; i < said->len; i++)
		ck_assert(has(&place, g_array_index(said, uint64_t, i), NOW));
	place_free(&place);
}
END_TEST

/* The sanitizer keeps what was freed for a while. */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY (400 << 20)
#else
#define MEMORY (20 << 20)
#endif

static size_t
memory(void)
{
	g_autofree char *text = NULL;
	unsigned long size, resident;

	ck_assert(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
	ck_assert_int_eq(sscanf(text, "%lu %lu", &size, &resident), 2);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* More than fit in a segment, within one moment: each is known, also after a
 * restart, and memory holds little of what was before. */
#define SEGMENT UINT64_C(262144)
START_TEST(test_many)
{
	static const uint64_t some[] = {
	    0, 1, SEGMENT - 1, SEGMENT, 2 * SEGMENT + 7, 4 * SEGMENT};
	struct place place;
	size_t before;

	place_new(&place);
	before = memory();
	for (uint64_t i = 0; i <= 4 * SEGMENT; i++)
		add(&place, i * 0x9e3779b97f4a7c15, NOW);
	ck_assert_uint_eq(files(&place), 5);
	ck_assert_uint_lt(memory() - before, MEMORY);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < G_N_ELEMENTS(some); i++)
			ck_assert(
			    has(&place, some[i] * 0x9e3779b97f4a7c15, NOW));
		for (uint64_t i = 1; i < 1000; i++)
			ck_assert(
			    !has(&place, i * 0x9e3779b97f4a7c15 + 1, NOW));
		place_close(&place);
		place_open(&place, NOW);
	}
	ck_assert(!has(&place, 0, NOW + WINDOW + 20000));
	ph_duplicates_expire(place.duplicates, NOW + WINDOW + 20000);
	ck_assert_uint_eq(files(&place), 0);
	place_free(&place);
}
END_TEST

/* The file of a segment that is asked on disk is damaged: what can be read is
 * known, and nothing is known that was not added. */
START_TEST(test_damage_of_an_older_segment)
{
	struct place place;
	g_autofree char *file = NULL;

	place_new(&place);
	for (uint64_t i = 0; i < 100; i++)
		add(&place, i, NOW);
	file = file_of(&place);
	add(&place, 1000, NOW + 20000);
	ck_assert(has(&place, 99, NOW + 20000));
	ck_assert_int_eq(truncate(file, 50 * 32 + 7), 0);
	ck_assert(has(&place, 49, NOW + 20000));
	ck_assert(!has(&place, 50, NOW + 20000));
	place_close(&place);
	place_open(&place, NOW + 20000);
	ck_assert(has(&place, 49, NOW + 20000));
	ck_assert(!has(&place, 50, NOW + 20000));
	ck_assert(has(&place, 1000, NOW + 20000));
	place_free(&place);
}
END_TEST

/* In place of what this process has open under that name. */
static void
replace_open(const char *file, int with)
{
	GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
	const char *name;
	bool found = false;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path =
		    g_build_filename("/proc/self/fd", name, NULL);
		g_autofree char *target = g_file_read_link(path, NULL);

		if (!target || strcmp(target, file) != 0)
			continue;
		ck_assert_int_ge(dup2(with, atoi(name)), 0);
		found = true;
	}
	g_dir_close(dir);
	ck_assert(found);
}

/* A disk that fails is no reason to say that something is not there; what
 * memory knows is known. */
START_TEST(test_segment_that_cannot_be_read)
{
	struct place place;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *file = NULL;

	place_new(&place);
	add(&place, 1, NOW);
	file = file_of(&place);
	add(&place, 2, NOW + 20000);
	replace_open(file, place.dir);
	ck_assert_int_eq(
	    ph_duplicates_find(place.duplicates, key(1), NOW + 20000, &err),
	    -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert(has(&place, 2, NOW + 20000));
	ck_assert(!has(&place, 3, NOW + 20000));
	place_free(&place);
}
END_TEST

UNIT_MAIN("store/delivery/duplicates", test_segment_that_cannot_be_read,
	  test_remembers, test_window, test_exact_window, test_clock_goes_back,
	  test_cut_everywhere, test_damage, test_foreign_files, test_no_room,
	  test_no_room_for_long, test_only_who_writes_waits,
	  test_segment_ends_while_it_is_written, test_killed, test_many,
	  test_damage_of_an_older_segment)
