#include "tests/unit/lib/directory/place.h"

#include <signal.h>
#include <stdlib.h>

START_TEST(test_reader_waits)
{
	struct ph_directory *reader;
	struct place p;

	place_make(&p);
	reader = reader_at(p.path);
	ck_assert_str_eq(people_find(reader, "nuno@test.org"), TEMP);
	/* It made nothing that would be in the writer's way. */
	ck_assert(!g_file_test(p.path, G_FILE_TEST_EXISTS));
	ph_directory_close(&reader);
	place_free(&p);
}
END_TEST

/* A writer on a pipe: each byte sent makes it do one thing and answer. */
struct writer {
	pid_t pid;
	int order, answer;
};

static void
obey(struct place *p, char what)
{
	struct ph_dirwrite *write;

	switch (what) {
	case 'o':
		place_open(p);
		break;
	case 'p':
		put(p, "nuno@test.org", "");
		break;
	case 'c':
		complete(p);
		break;
	case 'r':
		put(p, "nuno@test.org", "|EmailAddresses=new@test.org");
		break;
	case 'h': /* leaves its transaction open, to be killed in it */
		write = begin(p);
		put_in(write, "half@test.org", "");
		break;
	case 'm': /* as if it had found damage */
		ck_assert_int_eq(ph_dirfile_discard(p->file, NULL), 0);
		ck_assert_int_eq(ph_dirfile_open(p->file, NULL), 1);
		break;
	default:
		_exit(1);
	}
}

static void
writer_start(struct writer *w, struct place *p)
{
	int order[2], answer[2];
	char what;

	ck_assert_int_eq(pipe(order), 0);
	ck_assert_int_eq(pipe(answer), 0);
	w->pid = fork();
	if (w->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(order[1]);
		while (read(order[0], &what, 1) == 1) {
			obey(p, what);
			if (write(answer[1], &what, 1) != 1)
				break;
		}
		_exit(0);
	}
	close(order[0]);
	close(answer[1]);
	w->order = order[1];
	w->answer = answer[0];
}

static void
writer_do(struct writer *w, const char *what)
{
	char done;

	for (; *what != '\0'; what++) {
		ck_assert_int_eq(write(w->order, what, 1), 1);
		ck_assert_int_eq(read(w->answer, &done, 1), 1);
		ck_assert_int_eq(done, *what);
	}
}

static void
writer_kill(struct writer *w)
{
	kill(w->pid, SIGKILL);
	ck_assert_int_eq(waitpid(w->pid, NULL, 0), w->pid);
	close(w->order);
	close(w->answer);
}

START_TEST(test_two_processes)
{
	struct ph_directory *reader;
	struct writer w;
	struct place p;

	place_make(&p);
	reader = reader_at(p.path);
	writer_start(&w, &p);
	ck_assert_str_eq(people_find(reader, "nuno@test.org"), TEMP);
	writer_do(&w, "o");
	ck_assert_str_eq(people_find(reader, "nuno@test.org"), TEMP);
	writer_do(&w, "p");
	ck_assert_str_eq(people_find(reader, "nuno@test.org"), TEMP);
	writer_do(&w, "c");
	ck_assert_str_eq(people_find(reader, "nuno@test.org"), "nuno@test.org");
	ck_assert_str_eq(people_find(reader, "new@test.org"), "-");
	writer_do(&w, "r");
	ck_assert_str_eq(people_find(reader, "new@test.org"), "nuno@test.org");
	writer_kill(&w);
	ph_directory_close(&reader);
	place_free(&p);
}
END_TEST

START_TEST(test_writer_killed)
{
	struct ph_directory *reader;
	struct writer w;
	struct place p;

	place_make(&p);
	reader = reader_at(p.path);
	writer_start(&w, &p);
	writer_do(&w, "opch");
	ck_assert_str_eq(people_find(reader, "nuno@test.org"), "nuno@test.org");
	writer_kill(&w);
	ck_assert_str_eq(people_find(reader, "nuno@test.org"), "nuno@test.org");
	ck_assert_str_eq(people_find(reader, "half@test.org"), "-");
	/* The next one is not kept out by the lock of the dead one. */
	writer_start(&w, &p);
	writer_do(&w, "or");
	ck_assert_str_eq(people_find(reader, "new@test.org"), "nuno@test.org");
	writer_kill(&w);
	ph_directory_close(&reader);
	place_free(&p);
}
END_TEST

START_TEST(test_replaced)
{
	struct ph_directory *reader;
	struct writer w;
	struct place p;

	place_make(&p);
	reader = reader_at(p.path);
	writer_start(&w, &p);
	writer_do(&w, "opc");
	ck_assert_str_eq(people_find(reader, "nuno@test.org"), "nuno@test.org");
	writer_do(&w, "m");
	ck_assert_str_eq(people_find(reader, "nuno@test.org"), TEMP);
	writer_do(&w, "cr");
	ck_assert_str_eq(people_find(reader, "new@test.org"), "nuno@test.org");
	writer_kill(&w);
	ph_directory_close(&reader);
	place_free(&p);
}
END_TEST

static void
read_and_die(struct place *p)
{
	struct ph_directory *reader = reader_at(p->path);

	if (strcmp(people_find(reader, "nuno@test.org"), "nuno@test.org") == 0)
		raise(SIGKILL);
}

static int
count_line(const char *line, void *data)
{
	int *n = data;

	/* "pid thread txnid" below a heading, or "(no active readers)". */
	if (g_ascii_isdigit(line[strspn(line, " ")]))
		(*n)++;
	return 0;
}

START_TEST(test_reader_killed)
{
	struct place p;
	int before = 0, after = 0;

	place_make(&p);
	place_open(&p);
	put(&p, "nuno@test.org", "");
	complete(&p);
	ck_assert_int_eq(WTERMSIG(in_child(read_and_die, &p)), SIGKILL);
	mdb_reader_list(p.file->env, count_line, &before);
	ck_assert_int_ge(before, 1);
	ph_dirfile_clean(p.file);
	mdb_reader_list(p.file->env, count_line, &after);
	ck_assert_int_lt(after, before);
	place_free(&p);
}
END_TEST

UNIT_MAIN("lib/directory/file_find", test_reader_waits, test_two_processes,
	  test_writer_killed, test_replaced, test_reader_killed)
