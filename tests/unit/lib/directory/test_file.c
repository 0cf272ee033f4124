#include "lib/directory/file.h"
#include "lib/directory/file_private.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE INT64_C(4096)
#define MAP_SIZE (INT64_C(64) << 20)

struct place {
	char *dir, *path;
	struct ph_dirfile *file;	/* the writer's */
	struct ph_directory *directory; /* over it */
	GPtrArray *again;
};

static void
place_make(struct place *p)
{
	p->dir = unit_mkdir();
	p->path = g_build_filename(p->dir, "directory", NULL);
	p->file = NULL;
	p->directory = NULL;
	p->again = g_ptr_array_new_with_free_func(g_free);
}

static void
place_open(struct place *p)
{
	struct ph_err err = PH_ERR_INIT;

	p->file = ph_dirfile_new(p->path, MAP_SIZE, true);
	ck_assert_msg(ph_dirfile_open(p->file, &err) == 1, "%s", err.text);
	p->directory = ph_dirfile_directory(p->file);
}

static void
place_close(struct place *p)
{
	ph_directory_close(&p->directory);
	ph_dirfile_unref(&p->file);
}

static void
place_free(struct place *p)
{
	place_close(p);
	g_ptr_array_unref(p->again);
	g_free(p->path);
	unit_rmdir(&p->dir);
}

static struct ph_dirwrite *
begin(struct place *p)
{
	struct ph_dirwrite *write = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_dirwrite_begin(p->file, &write, &err) == 0, "%s",
		      err.text);
	return write;
}

static void
commit(struct ph_dirwrite *write)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_dirwrite_commit(&write, &err) == 0, "%s", err.text);
	ck_assert_ptr_null(write);
}

static void
put_in(struct ph_dirwrite *write, const char *name, const char *more)
{
	struct ph_object *entry = people_mailbox(name, more);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_dirwrite_put(write, entry, &err) == 0, "%s", err.text);
	ph_object_unref(&entry);
}

/* Each of these is a round and a transaction of its own. */
static void
put(struct place *p, const char *name, const char *more)
{
	struct ph_dirwrite *write = begin(p);

	ph_dirfile_round(p->file);
	put_in(write, name, more);
	commit(write);
}

static void
bad(struct place *p, const char *name)
{
	struct ph_dirwrite *write = begin(p);

	ck_assert_int_eq(ph_dirwrite_bad(write, name, "is odd", NULL), 0);
	commit(write);
}

/* Names to be read again, comma separated. */
static const char *
absent(struct place *p, const char *name)
{
	struct ph_dirwrite *write = begin(p);
	g_autofree char *names = NULL;

	g_ptr_array_set_size(p->again, 0);
	ck_assert_int_eq(ph_dirwrite_absent(write, name, p->again, NULL), 0);
	commit(write);
	g_ptr_array_add(p->again, NULL);
	names = g_strjoinv(",", (char **)p->again->pdata);
	return g_intern_string(names);
}

static void
complete(struct place *p)
{
	struct ph_dirwrite *write = begin(p);

	ck_assert_int_eq(ph_dirwrite_set_info(write, "complete", "1", NULL), 0);
	commit(write);
}

static uint64_t
errors(struct place *p)
{
	struct ph_dirwrite *write = begin(p);
	struct ph_dirfile_counts counts;

	ck_assert_int_eq(ph_dirwrite_counts(write, &counts, NULL), 0);
	ph_dirwrite_abort(&write);
	return counts.errors;
}

static size_t
last_txn(struct place *p)
{
	MDB_envinfo info;

	ck_assert_int_eq(mdb_env_info(p->file->env, &info), 0);
	return info.me_last_txnid;
}

static struct ph_directory *
reader_at(const char *path)
{
	struct ph_dirfile *file = ph_dirfile_new(path, MAP_SIZE, false);
	struct ph_directory *directory = ph_dirfile_directory(file);

	ph_dirfile_unref(&file);
	return directory;
}

#define TEMP ph_err_kind_name(PH_ERR_TEMP)
#define PERM ph_err_kind_name(PH_ERR_PERM)

/* ---- one process --------------------------------------------------------- */

START_TEST(test_index)
{
	struct place p;
	size_t txn;

	place_make(&p);
	place_open(&p);
	put(&p, "nuno@test.org", "|EmailAddresses=N@test.org,old@test.org");
	ck_assert_str_eq(people_find(p.directory, "nuno@test.org"), TEMP);
	ck_assert_str_eq(people_find(p.directory, "nobody@test.org"), TEMP);
	complete(&p);
	ck_assert_str_eq(people_find(p.directory, "NUNO@test.org"),
			 "nuno@test.org");
	ck_assert_str_eq(people_find(p.directory, "n@test.org"),
			 "nuno@test.org");
	ck_assert_str_eq(people_find(p.directory, "nobody@test.org"), "-");
	ck_assert_str_eq(people_find(p.directory, ""), "-");

	put(&p, "nuno@test.org", "|EmailAddresses=N@test.org,new@test.org");
	ck_assert_str_eq(people_find(p.directory, "old@test.org"), "-");
	ck_assert_str_eq(people_find(p.directory, "new@test.org"),
			 "nuno@test.org");
	ck_assert_str_eq(people_find(p.directory, "n@test.org"),
			 "nuno@test.org");

	/* What is the same costs no write. */
	txn = last_txn(&p);
	put(&p, "nuno@test.org", "|EmailAddresses=N@test.org,new@test.org");
	ck_assert_uint_eq(last_txn(&p), txn);

	ck_assert_str_eq(absent(&p, "nuno@test.org"), "");
	ck_assert_str_eq(people_find(p.directory, "nuno@test.org"), "-");
	ck_assert_str_eq(people_find(p.directory, "new@test.org"), "-");
	place_free(&p);
}
END_TEST

START_TEST(test_reopened)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "nuno@test.org", "");
	complete(&p);
	place_close(&p);
	place_open(&p);
	ck_assert_str_eq(people_find(p.directory, "nuno@test.org"),
			 "nuno@test.org");
	place_free(&p);
}
END_TEST

START_TEST(test_ambiguous)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "a@test.org", "|EmailAddresses=info@test.org");
	put(&p, "b@test.org", "|EmailAddresses=Info@test.org");
	complete(&p);
	ck_assert_str_eq(people_find(p.directory, "info@test.org"), PERM);
	ck_assert_str_eq(people_find(p.directory, "a@test.org"), "a@test.org");
	absent(&p, "a@test.org");
	ck_assert_str_eq(people_find(p.directory, "info@test.org"),
			 "b@test.org");
	place_free(&p);
}
END_TEST

/* Longer than LMDB's keys, and alike in their first 500 bytes. */
START_TEST(test_long)
{
	g_autofree char *fill = g_strnfill(240, 'x');
	g_autofree char *one =
	    g_strconcat("\xc3\x9c", fill, "1@test.org", NULL);
	g_autofree char *other =
	    g_strconcat("\xc3\xbc", fill, "1@test.org", NULL);
	g_autofree char *two =
	    g_strconcat("\xc3\xbc", fill, "2@test.org", NULL);
	g_autofree char *three =
	    g_strconcat("\xc3\xbc", fill, "3@test.org", NULL);
	g_autofree char *more = g_strconcat("|EmailAddresses=", two, NULL);
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, one, more);
	complete(&p);
	ck_assert_str_eq(people_find(p.directory, other), one);
	ck_assert_str_eq(people_find(p.directory, two), one);
	ck_assert_str_eq(people_find(p.directory, three), "-");
	put(&p, one, "");
	ck_assert_str_eq(people_find(p.directory, two), "-");
	place_free(&p);
}
END_TEST

/* ---- bad values ---------------------------------------------------------- */

START_TEST(test_bad)
{
	struct place p;
	size_t txn;

	place_make(&p);
	place_open(&p);
	put(&p, "good@test.org", "");
	complete(&p);
	bad(&p, "good@test.org");
	bad(&p, "never@test.org");
	ck_assert_uint_eq(errors(&p), 2);
	/* The last good value stays; where there is none, nobody can say. */
	ck_assert_str_eq(people_find(p.directory, "good@test.org"),
			 "good@test.org");
	ck_assert_str_eq(people_find(p.directory, "Never@test.org"), TEMP);
	ck_assert_str_eq(people_find(p.directory, "neve@test.org"), "-");
	ck_assert_str_eq(people_find(p.directory, "never@test.or"), "-");

	txn = last_txn(&p);
	bad(&p, "good@test.org");
	ck_assert_uint_eq(last_txn(&p), txn);

	put(&p, "good@test.org", "");
	absent(&p, "never@test.org");
	ck_assert_uint_eq(errors(&p), 0);
	ck_assert_str_eq(people_find(p.directory, "never@test.org"), "-");
	place_free(&p);
}
END_TEST

/* ---- keys that differ in case alone ---------------------------------------
 */

START_TEST(test_case_first_fill)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "Bob@test.org", "|EmailAddresses=b1@test.org");
	put(&p, "bob@test.org", "|EmailAddresses=b2@test.org");
	complete(&p);
	/* Whichever came first: the same on every host. */
	ck_assert_str_eq(people_find(p.directory, "bob@test.org"), TEMP);
	ck_assert_str_eq(people_find(p.directory, "b1@test.org"), TEMP);
	ck_assert_str_eq(people_find(p.directory, "b2@test.org"), TEMP);
	ck_assert_uint_eq(errors(&p), 2);

	ck_assert_str_eq(absent(&p, "Bob@test.org"), "bob@test.org");
	ck_assert_str_eq(people_find(p.directory, "b1@test.org"), "-");
	put(&p, "bob@test.org", "|EmailAddresses=b2@test.org");
	ck_assert_str_eq(people_find(p.directory, "BOB@test.org"),
			 "bob@test.org");
	ck_assert_str_eq(people_find(p.directory, "b2@test.org"),
			 "bob@test.org");
	ck_assert_uint_eq(errors(&p), 0);
	place_free(&p);
}
END_TEST

START_TEST(test_case_last_good)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "Bob@test.org", "|EmailAddresses=b1@test.org");
	complete(&p);
	put(&p, "bob@test.org", "|EmailAddresses=b2@test.org");
	ck_assert_str_eq(people_find(p.directory, "bob@test.org"),
			 "Bob@test.org");
	ck_assert_str_eq(people_find(p.directory, "b1@test.org"),
			 "Bob@test.org");
	ck_assert_str_eq(people_find(p.directory, "b2@test.org"), "-");
	ck_assert_uint_eq(errors(&p), 2);
	/* An edit of the older one is not taken over meanwhile. */
	put(&p, "Bob@test.org", "|EmailAddresses=b3@test.org");
	ck_assert_str_eq(people_find(p.directory, "b1@test.org"),
			 "Bob@test.org");
	ck_assert_str_eq(absent(&p, "Bob@test.org"), "bob@test.org");
	put(&p, "bob@test.org", "|EmailAddresses=b2@test.org");
	ck_assert_str_eq(people_find(p.directory, "bob@test.org"),
			 "bob@test.org");
	ck_assert_uint_eq(errors(&p), 0);
	place_free(&p);
}
END_TEST

START_TEST(test_case_one_round)
{
	struct ph_dirwrite *write;
	struct place p;

	place_make(&p);
	place_open(&p);
	complete(&p);
	ph_dirfile_round(p.file);
	write = begin(&p);
	put_in(write, "Bob@test.org", "");
	put_in(write, "bob@test.org", "");
	commit(write);
	ck_assert_str_eq(people_find(p.directory, "bob@test.org"), TEMP);
	ck_assert_uint_eq(errors(&p), 2);
	place_free(&p);
}
END_TEST

/* ---- what is not there, or not whole --------------------------------------
 */

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

/* In a process of its own, since no process may open a file twice. */
static int
in_child(void (*run)(struct place *p), struct place *p)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(p);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void
fill(struct place *p)
{
	struct ph_dirwrite *write;

	place_open(p);
	write = begin(p);
	for (int i = 0; i < 2000; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);

		put_in(write, name, "");
	}
	commit(write);
	complete(p);
	place_close(p);
}

static off_t
size_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

static void
overwrite(const char *path, off_t from, off_t size)
{
	g_autoptr(GString) noise = g_string_new(NULL);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	for (off_t i = 0; i < size; i++)
		g_string_append_c(noise, (char)(i * 7 + i / 251));
	ck_assert_int_eq(pwrite(fd, noise->str, noise->len, from), size);
	close(fd);
}

static void
cut(const char *path, off_t size)
{
	ck_assert_int_eq(truncate(path, size), 0);
}

static void
damage_head(const char *path)
{
	overwrite(path, 0, 8192);
}

static void
damage_half(const char *path)
{
	cut(path, size_of(path) / 2 / PAGE * PAGE);
}

static void
damage_page(const char *path)
{
	cut(path, size_of(path) - PAGE);
}

static void
damage_start(const char *path)
{
	cut(path, 100);
}

static void
damage_middle(const char *path)
{
	overwrite(path, 3 * PAGE, size_of(path) - 4 * PAGE);
}

static void
damage_zero(const char *path)
{
	off_t size = size_of(path);

	cut(path, 2 * PAGE);
	cut(path, size);
}

/* A single byte inside each entry. */
static void
damage_byte(const char *path)
{
	g_autofree char *data = NULL;
	gsize size;
	char *at;
	int n = 0;

	ck_assert(g_file_get_contents(path, &data, &size, NULL));
	for (at = data; (at = memmem(at, size - (gsize)(at - data),
				     "UserMailbox", 11)) != NULL;
	     n++)
		*at = 'X';
	ck_assert_int_ge(n, 2000);
	ck_assert(g_file_set_contents(path, data, (gssize)size, NULL));
}

static void (*const damages[])(const char *path) = {
    damage_head,   damage_half, damage_page, damage_start,
    damage_middle, damage_zero, damage_byte,
};

START_TEST(test_damaged)
{
	g_autofree char *aside = NULL;
	struct ph_directory *directory = NULL;
	struct ph_err err = PH_ERR_INIT;
	struct ph_conf *conf = NULL;
	g_autofree char *text = NULL;
	g_autofree char *conf_path = NULL;
	struct place p;

	place_make(&p);
	aside = g_strconcat(p.path, ".damaged", NULL);
	conf_path = g_build_filename(p.dir, "posthub.conf", NULL);
	text = g_strdup_printf("[directory]\nfile = %s\nmap_size = 64MB\n",
			       p.path);
	ck_assert(g_file_set_contents(conf_path, text, -1, NULL));
	ck_assert_int_eq(ph_conf_load(conf_path, &conf, &err), 0);
	ck_assert_int_eq(in_child(fill, &p), 0);
	damages[_i](p.path);

	/* A reader says so at start, and does not die of it. */
	ck_assert_int_eq(ph_directory_open(conf, &directory, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	err.kind = PH_ERR_NONE;
	p.file = ph_dirfile_new(p.path, MAP_SIZE, true);
	ck_assert_int_eq(ph_dirfile_open(p.file, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_int_eq(ph_dirfile_discard(p.file, &err), 0);
	ck_assert(g_file_test(aside, G_FILE_TEST_EXISTS));
	ck_assert_msg(ph_dirfile_open(p.file, &err) == 1, "%s", err.text);
	p.directory = ph_dirfile_directory(p.file);
	ck_assert_str_eq(people_find(p.directory, "u1@test.org"), TEMP);
	ph_conf_free(&conf);
	place_free(&p);
}
END_TEST

START_TEST(test_whole_is_whole)
{
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(fill, &p), 0);
	place_open(&p);
	ck_assert_str_eq(people_find(p.directory, "u1999@test.org"),
			 "u1999@test.org");
	place_free(&p);
}
END_TEST

static void
other_version(struct place *p)
{
	struct ph_dirwrite *write;

	place_open(p);
	write = begin(p);
	ck_assert_int_eq(ph_dirwrite_set_info(write, "version", "2", NULL), 0);
	commit(write);
	place_close(p);
}

START_TEST(test_version)
{
	struct ph_err err = PH_ERR_INIT;
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(other_version, &p), 0);
	p.file = ph_dirfile_new(p.path, MAP_SIZE, true);
	ck_assert_int_eq(ph_dirfile_open(p.file, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	place_free(&p);
}
END_TEST

START_TEST(test_full)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_dirwrite *write = NULL;
	struct place p;
	int r = 0;

	place_make(&p);
	p.file = ph_dirfile_new(p.path, INT64_C(1) << 20, true);
	ck_assert_int_eq(ph_dirfile_open(p.file, &err), 1);
	p.directory = ph_dirfile_directory(p.file);
	put(&p, "first@test.org", "");
	complete(&p);
	write = begin(&p);
	for (int i = 0; r == 0 && i < 10000; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);
		struct ph_object *entry = people_mailbox(name, "");

		r = ph_dirwrite_put(write, entry, &err);
		ph_object_unref(&entry);
	}
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_dirwrite_abort(&write);
	ck_assert(!ph_dirfile_lost(p.file));
	ck_assert_str_eq(people_find(p.directory, "first@test.org"),
			 "first@test.org");
	ck_assert_str_eq(people_find(p.directory, "u0@test.org"), "-");
	place_free(&p);
}
END_TEST

/* ---- two processes --------------------------------------------------------
 */

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

/* ---- threads ---------------------------------------------------------------
 */

static void *
look_up(void *data)
{
	size_t found = 0;

	for (int i = 0; i < 2000; i++) {
		struct ph_object *entry = NULL;

		if (ph_directory_find(data, "nuno@test.org", &entry, NULL) == 1)
			found++;
		ph_object_unref(&entry);
	}
	return GSIZE_TO_POINTER(found);
}

START_TEST(test_threads)
{
	enum { THREADS = 100 };
	GThread *threads[THREADS];
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "nuno@test.org", "");
	complete(&p);
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = g_thread_new("look", look_up, p.directory);
	for (int i = 0; i < 20; i++) {
		put(&p, "other@test.org", "|Title=one");
		put(&p, "other@test.org", "|Title=two");
	}
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_uint_eq(GPOINTER_TO_SIZE(g_thread_join(threads[i])),
				  2000);
	place_free(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/directory/file");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, test_index);
	tcase_add_test(tc, test_reopened);
	tcase_add_test(tc, test_ambiguous);
	tcase_add_test(tc, test_long);
	tcase_add_test(tc, test_bad);
	tcase_add_test(tc, test_case_first_fill);
	tcase_add_test(tc, test_case_last_good);
	tcase_add_test(tc, test_case_one_round);
	tcase_add_test(tc, test_reader_waits);
	tcase_add_loop_test(tc, test_damaged, 0, G_N_ELEMENTS(damages));
	tcase_add_test(tc, test_whole_is_whole);
	tcase_add_test(tc, test_version);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_two_processes);
	tcase_add_test(tc, test_writer_killed);
	tcase_add_test(tc, test_replaced);
	tcase_add_test(tc, test_reader_killed);
	tcase_add_test(tc, test_threads);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
