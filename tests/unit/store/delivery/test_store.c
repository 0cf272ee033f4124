#include "store/delivery/store.h"

#include "lib/base/uuid.h"
#include "store/delivery/mdb.h"
#include "tests/unit/store/delivery/unnamed.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NMID "0f0e0d0c-0b0a-8908-8706-050403020100"
#define OTHER "1f0e0d0c-0b0a-8908-8706-050403020100"
#define DAY (INT64_C(24) * 3600 * 1000)

static struct ph_store *
open_maildir(const char *root, int64_t window)
{
	struct ph_store_maildir_options options = {
	    .root = root, .host = "mbx1/x:y", .duplicate_window = window};
	struct ph_store *store;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_store_maildir(&options, &store, &err) == 0, "%s",
		      err.text);
	return store;
}

static enum ph_store_result
put(struct ph_store *store, const char *database, const char *address,
    const char *nmid, const char *text)
{
	struct ph_store_message *message;
	struct ph_store_mailbox mailbox = {.address = address, .nmid = nmid};
	const struct ph_store_offer offer = {"s@sender.test", &mailbox, 1};
	enum ph_store_result result;
	struct ph_err err = PH_ERR_INIT;

	result = ph_store_begin(store, database, 1, &message, &err);
	if (result != PH_STORE_OK)
		return result;
	result = ph_store_write(message, text, strlen(text), &err);
	if (result == PH_STORE_OK)
		result = ph_store_seal(message, &err);
	if (result == PH_STORE_OK)
		ph_store_offer(message, &offer);
	if (result == PH_STORE_OK)
		result = ph_store_commit(message, &mailbox, &err);
	ck_assert_int_eq(ph_store_end(&message, NULL), 0);
	ck_assert_ptr_null(message);
	return result;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a directory, sorted, joined by blanks. */
static char *
names(const char *root, const char *path)
{
	g_autofree char *full = g_build_filename(root, path, NULL);
	GDir *dir = g_dir_open(full, 0, NULL);
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		g_ptr_array_add(list, g_strdup(name));
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(list, compare);
	g_ptr_array_add(list, NULL);
	return g_strjoinv(" ", (char **)list->pdata);
}

static size_t
count(const char *root, const char *path)
{
	g_autofree char *list = names(root, path);
	size_t n = *list ? 1 : 0;

	for (const char *p = list; *p; p++)
		n += *p == ' ';
	return n;
}

/* Files of messages being written that have a name. */
static size_t
count_unfinished(const char *root, const char *database)
{
	g_autofree char *tmp =
	    g_build_filename(database, ".posthub", "tmp", NULL);
	g_autofree char *full = g_build_filename(root, tmp, NULL);

	ck_assert(g_file_test(full, G_FILE_TEST_IS_DIR));
	return count(root, tmp);
}

/* ---- twins ------------------------------------------------------------- */

START_TEST(test_memory)
{
	struct ph_store *store = ph_store_memory();

	ck_assert_uint_eq(ph_store_memory_count(store, "a@b"), 0);
	ck_assert_int_eq(put(store, "db", "a@b", NMID, "one"), PH_STORE_OK);
	ck_assert_int_eq(put(store, "db", "A@B", NMID, "one"),
			 PH_STORE_DUPLICATE);
	ck_assert_int_eq(put(store, "db", "a@b", OTHER, "two"), PH_STORE_OK);
	ck_assert_uint_eq(ph_store_memory_count(store, "a@b"), 2);
	ck_assert_str_eq(ph_store_memory_content(store, "a@b", 1), "two");
	ph_store_close(&store);
	ck_assert_ptr_null(store);
}
END_TEST

START_TEST(test_failing)
{
	static const enum ph_store_step steps[] = {
	    PH_STORE_STEP_BEGIN, PH_STORE_STEP_WRITE, PH_STORE_STEP_SEAL,
	    PH_STORE_STEP_COMMIT};

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
		struct ph_store *store =
		    ph_store_failing(steps[i], PH_STORE_FULL, NULL);

		ck_assert_int_eq(put(store, "db", "a@b", NMID, "one"),
				 PH_STORE_FULL);
		ck_assert_uint_eq(ph_store_memory_count(
				      ph_store_failing_memory(store), "a@b"),
				  0);
		ph_store_close(&store);
	}
}
END_TEST

START_TEST(test_failing_for_one)
{
	struct ph_store *store =
	    ph_store_failing(PH_STORE_STEP_COMMIT, PH_STORE_QUOTA, "a@b");

	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_QUOTA);
	ck_assert_int_eq(put(store, "db", "c@d", NMID, "x"), PH_STORE_OK);
	ph_store_close(&store);
}
END_TEST

/* ---- Maildir ----------------------------------------------------------- */

START_TEST(test_layout)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *deep = g_build_filename(root, "a", "b", NULL);
	struct ph_store *store = open_maildir(deep, DAY);
	g_autofree char *top = NULL, *folders = NULL, *new = NULL;
	g_autofree char *path = NULL, *text = NULL;
	struct stat st;

	ck_assert_int_eq(
	    put(store, "DB One", "../Nuno@Example.com", NMID, "hello\n"),
	    PH_STORE_OK);
	top = names(deep, "");
	ck_assert_str_eq(top, "db%20one");
	folders = names(deep, "db%20one/example.com/%2E.%2Fnuno");
	ck_assert_str_eq(folders, "cur new tmp");
	new = names(deep, "db%20one/example.com/%2E.%2Fnuno/new");
	ck_assert(g_regex_match_simple(
	    "^[0-9]{10}\\.M[0-9]+P[0-9]+Q[0-9]+\\.mbx1\\\\057x\\\\072y,"
	    "N=" NMID ",S=6$",
	    new, 0, 0));
	path = g_build_filename(deep, "db%20one/example.com/%2E.%2Fnuno/new",
				new, NULL);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "hello\n");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_uint_eq(st.st_nlink, 1);
	ck_assert_uint_eq(count_unfinished(deep, "db%20one"), 0);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_one_file_for_many)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store *store = open_maildir(root, DAY);
	struct ph_store_message *message;
	struct stat st;
	g_autofree char *path = NULL, *new = NULL;

	ck_assert_int_eq(ph_store_begin(store, "db", 1, &message, NULL),
			 PH_STORE_OK);
	ck_assert_int_eq(ph_store_write(message, "x", 1, NULL), PH_STORE_OK);
	ck_assert_int_eq(ph_store_seal(message, NULL), PH_STORE_OK);
	for (int i = 0; i < 5; i++) {
		g_autofree char *address = g_strdup_printf("%d@b", i);
		struct ph_store_mailbox mailbox = {.address = address,
						   .nmid = NMID};

		ck_assert_int_eq(ph_store_commit(message, &mailbox, NULL),
				 PH_STORE_OK);
		ck_assert_int_eq(ph_store_commit(message, &mailbox, NULL),
				 PH_STORE_DUPLICATE);
	}
	ck_assert_int_eq(ph_store_end(&message, NULL), 0);
	new = names(root, "db/b/3/new");
	path = g_build_filename(root, "db/b/3/new", new, NULL);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_nlink, 5);
	ck_assert_int_eq(st.st_size, 1);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

static struct ph_store_message *
begin(struct ph_store *store)
{
	struct ph_store_message *message;

	ck_assert_int_eq(ph_store_begin(store, "db", 1, &message, NULL),
			 PH_STORE_OK);
	ck_assert_int_eq(ph_store_write(message, "x", 1, NULL), PH_STORE_OK);
	ck_assert_int_eq(ph_store_seal(message, NULL), PH_STORE_OK);
	return message;
}

static enum ph_store_result
commit(struct ph_store_message *message, const char *address)
{
	const struct ph_store_mailbox mailbox = {.address = address,
						 .nmid = NMID};

	return ph_store_commit(message, &mailbox, NULL);
}

/* Whoever dies while a message is written leaves nothing behind. */
START_TEST(test_no_name_without_commit)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store *store = open_maildir(root, DAY);
	struct ph_store_message *message = begin(store);

	ck_assert_uint_eq(count_unfinished(root, "db"), 0);
	ph_store_end(&message, NULL);
	ck_assert_uint_eq(count(root, "db"), 1);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_where_files_need_names)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store_message *message;
	struct ph_store *store;

	deny_unnamed();
	store = open_maildir(root, DAY);
	message = begin(store);
	ck_assert_uint_eq(count_unfinished(root, "db"), 1);
	ph_store_end(&message, NULL);
	ck_assert_uint_eq(count_unfinished(root, "db"), 0);
	message = begin(store);
	ck_assert_int_eq(commit(message, "a@b"), PH_STORE_OK);
	ck_assert_int_eq(commit(message, "c@b"), PH_STORE_OK);
	ck_assert_int_eq(ph_store_end(&message, NULL), 0);
	ck_assert_uint_eq(count_unfinished(root, "db"), 0);
	ck_assert_uint_eq(count(root, "db/b/a/new"), 1);
	ck_assert_uint_eq(count(root, "db/b/c/new"), 1);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

/* With its last name a file is gone for good; the next one gets his all the
 * same. */
START_TEST(test_removed_before_the_next_has_it)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store *store = open_maildir(root, DAY);
	struct ph_store_message *message = begin(store);
	g_autofree char *name = NULL, *path = NULL, *text = NULL;

	ck_assert_int_eq(commit(message, "a@b"), PH_STORE_OK);
	name = names(root, "db/b/a/new");
	path = g_build_filename(root, "db/b/a/new", name, NULL);
	ck_assert_int_eq(unlink(path), 0);
	g_clear_pointer(&name, g_free);
	g_clear_pointer(&path, g_free);
	ck_assert_int_eq(commit(message, "c@b"), PH_STORE_OK);
	ck_assert_int_eq(ph_store_end(&message, NULL), 0);
	name = names(root, "db/b/c/new");
	path = g_build_filename(root, "db/b/c/new", name, NULL);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "x");
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

static void
move_to_cur(const char *root, const char *mailbox)
{
	g_autofree char *from = g_build_filename(root, mailbox, "new", NULL);
	g_autofree char *to = g_build_filename(root, mailbox, "cur", NULL);
	g_autofree char *name = names(from, "");
	g_autofree char *old = g_build_filename(from, name, NULL);
	g_autofree char *seen = g_strdup_printf("%s/%s:2,S", to, name);

	ck_assert_int_eq(rename(old, seen), 0);
}

/* A clean stop trusts the record alone: the message may be anywhere. */
START_TEST(test_duplicate_after_clean_stop)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store *store = open_maildir(root, DAY);
	g_autofree char *gone = NULL, *name = NULL, *own = NULL;

	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ph_store_close(&store);
	own = names(root, "db/.posthub");
	ck_assert_ptr_null(strstr(own, "open"));
	name = names(root, "db/b/a/new");
	gone = g_build_filename(root, "db/b/a/new", name, NULL);
	ck_assert_int_eq(unlink(gone), 0);
	store = open_maildir(root, DAY);
	ck_assert_int_eq(put(store, "DB", "A@B", NMID, "x"),
			 PH_STORE_DUPLICATE);
	ck_assert_int_eq(put(store, "db", "a@b", OTHER, "x"), PH_STORE_OK);
	ck_assert_int_eq(put(store, "db", "c@b", NMID, "x"), PH_STORE_OK);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_no_window)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store *store = open_maildir(root, 0);

	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ck_assert_uint_eq(count(root, "db/b/a/new"), 2);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

static void
remove_records(const char *root)
{
	g_autofree char *path =
	    g_build_filename(root, "db/.posthub/duplicates", NULL);
	g_autofree char *list = names(path, "");
	g_autofree char *file = g_build_filename(path, list, NULL);

	ck_assert_int_eq(unlink(file), 0);
}

/* After an unclean stop the mailbox itself is asked, wherever its owner has
 * moved the message, and a clean stop in between does not forget that. */
static void
check_suspect(bool seen, bool clean_stop_between)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store *store = open_maildir(root, DAY);
	g_autofree char *mark =
	    g_build_filename(root, "db/.posthub/open", NULL);

	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ph_store_close(&store);
	remove_records(root);
	ck_assert(g_file_set_contents(mark, "1\n", 2, NULL));
	if (seen)
		move_to_cur(root, "db/b/a");
	if (clean_stop_between) {
		store = open_maildir(root, DAY);
		ck_assert_int_eq(put(store, "db", "c@d", NMID, "x"),
				 PH_STORE_OK);
		ph_store_close(&store);
	}
	store = open_maildir(root, DAY);
	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"),
			 PH_STORE_DUPLICATE);
	ck_assert_int_eq(put(store, "db", "a@b", OTHER, "x"), PH_STORE_OK);
	ph_store_close(&store);
	unit_rmdir(&root);
}

START_TEST(test_suspect)
{
	check_suspect(false, false);
	check_suspect(true, false);
	check_suspect(false, true);
	check_suspect(true, true);
}
END_TEST

/* A window after the unclean stop nothing that it hid can come again. */
START_TEST(test_suspect_ends)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store *store = open_maildir(root, DAY);
	g_autofree char *mark =
	    g_build_filename(root, "db/.posthub/suspect", NULL);

	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ph_store_close(&store);
	ck_assert(g_file_test(mark, G_FILE_TEST_EXISTS));
	remove_records(root);
	ck_assert(g_file_set_contents(mark, "1000\n", 5, NULL));
	store = open_maildir(root, DAY);
	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ck_assert(!g_file_test(mark, G_FILE_TEST_EXISTS));
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_leftovers)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store *store = open_maildir(root, DAY);
	g_autofree char *left =
	    g_build_filename(root, "db/.posthub/tmp/P1Q1", NULL);

	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ph_store_close(&store);
	ck_assert(g_file_set_contents(left, "x", 1, NULL));
	store = open_maildir(root, DAY);
	ck_assert_int_eq(put(store, "db", "a@b", OTHER, "x"), PH_STORE_OK);
	ck_assert(!g_file_test(left, G_FILE_TEST_EXISTS));
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_removed_mailbox)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *mailbox = g_build_filename(root, "db/b/a", NULL);
	g_autofree char *away = g_build_filename(root, "away", NULL);
	struct ph_store *store = open_maildir(root, DAY);

	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ck_assert_int_eq(rename(mailbox, away), 0);
	ck_assert_int_eq(put(store, "db", "a@b", OTHER, "x"), PH_STORE_OK);
	ck_assert_uint_eq(count(root, "db/b/a/new"), 1);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_link_in_the_way)
{
	g_autofree char *root = unit_mkdir(), *outside = unit_mkdir();
	g_autofree char *domain = g_build_filename(root, "db/b", NULL);
	struct ph_store *store = open_maildir(root, DAY);

	ck_assert_int_eq(put(store, "db", "a@c", NMID, "x"), PH_STORE_OK);
	ck_assert_int_eq(symlink(outside, domain), 0);
	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_FAILED);
	ck_assert_uint_eq(count(outside, ""), 0);
	ph_store_close(&store);
	unit_rmdir(&root);
	unit_rmdir(&outside);
}
END_TEST

START_TEST(test_held_by_another)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *path =
	    g_build_filename(root, "db/.posthub/lock", NULL);
	struct ph_store *store = open_maildir(root, DAY);
	int fd;

	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ph_store_close(&store);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	store = open_maildir(root, DAY);
	ck_assert_int_eq(put(store, "db", "a@b", OTHER, "x"), PH_STORE_BUSY);
	close(fd);
	ck_assert_int_eq(put(store, "db", "a@b", OTHER, "x"), PH_STORE_OK);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

static bool
keep_nothing(void *context, const char *database, int64_t epoch)
{
	g_string_append_printf(context, "%s %d|", database, (int)epoch);
	return false;
}

START_TEST(test_sweep_lets_go)
{
	g_autofree char *root = unit_mkdir();
	g_autoptr(GString) asked = g_string_new(NULL);
	struct ph_store *one = open_maildir(root, DAY);
	struct ph_store *two = open_maildir(root, DAY);
	struct ph_store_message *message;

	ck_assert_int_eq(put(one, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ck_assert_int_eq(put(two, "db", "a@b", NMID, "x"), PH_STORE_BUSY);
	ck_assert_int_eq(ph_store_begin(one, "db", 1, &message, NULL),
			 PH_STORE_OK);
	ph_store_sweep(one, keep_nothing, asked);
	ck_assert_str_eq(asked->str, "");
	ph_store_end(&message, NULL);
	ph_store_sweep(one, keep_nothing, asked);
	ck_assert_str_eq(asked->str, "db 1|");
	ck_assert_int_eq(put(two, "db", "a@b", NMID, "x"), PH_STORE_DUPLICATE);
	ph_store_close(&one);
	ph_store_close(&two);
	unit_rmdir(&root);
}
END_TEST

/* Moved away and back between two deliveries: what the other server took
 * meanwhile must be known. */
START_TEST(test_epoch_reopens)
{
	g_autofree char *root = unit_mkdir();
	g_autoptr(GString) asked = g_string_new(NULL);
	struct ph_store *store = open_maildir(root, DAY);
	struct ph_store_message *message;

	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_OK);
	ck_assert_int_eq(ph_store_begin(store, "db", 3, &message, NULL),
			 PH_STORE_OK);
	ph_store_end(&message, NULL);
	ph_store_sweep(store, keep_nothing, asked);
	ck_assert_str_eq(asked->str, "db 3|");
	ck_assert_int_eq(ph_store_begin(store, "db", 3, &message, NULL),
			 PH_STORE_OK);
	ck_assert_int_eq(put(store, "db", "a@b", NMID, "x"), PH_STORE_BUSY);
	ph_store_end(&message, NULL);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

/* ---- no room ----------------------------------------------------------- */

/* In a process of its own: 0 when all is as it should be. */
static int
fill_up(const char *root)
{
	struct rlimit limit;
	struct ph_store *store = open_maildir(root, DAY);
	g_autofree char *big = g_strnfill(5000, 'x');
	enum ph_store_result result;

	signal(SIGXFSZ, SIG_IGN);
	if (put(store, "db", "a@b", NMID, "x") != PH_STORE_OK)
		return 1;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &limit);
	result = put(store, "db", "a@b", OTHER, big);
	if (result != PH_STORE_FULL)
		return 2;
	if (put(store, "db", "a@b", OTHER, "x") != PH_STORE_OK)
		return 3;
	ph_store_close(&store);
	return 0;
}

static int
in_child(int (*run)(const char *root), const char *root)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run(root));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(test_no_room)
{
	g_autofree char *root = unit_mkdir();

	ck_assert_int_eq(in_child(fill_up, root), 0);
	ck_assert_uint_eq(count(root, "db/b/a/new"), 2);
	ck_assert_uint_eq(count_unfinished(root, "db"), 0);
	unit_rmdir(&root);
}
END_TEST

/* No room for the record: the mail is taken, the second copy is recognised by
 * this process, and the next one knows that it must look. */
static int
fill_record(const char *root)
{
	struct rlimit limit;
	struct ph_store *store = open_maildir(root, DAY);

	signal(SIGXFSZ, SIG_IGN);
	if (put(store, "db", "a@b", NMID, "x") != PH_STORE_OK)
		return 1;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 32;
	setrlimit(RLIMIT_FSIZE, &limit);
	if (put(store, "db", "a@b", OTHER, "x") != PH_STORE_OK)
		return 2;
	if (put(store, "db", "a@b", OTHER, "x") != PH_STORE_DUPLICATE)
		return 3;
	ph_store_close(&store);
	return 0;
}

START_TEST(test_no_room_for_record)
{
	g_autofree char *root = unit_mkdir();
	struct ph_store *store;

	ck_assert_int_eq(in_child(fill_record, root), 0);
	store = open_maildir(root, DAY);
	ck_assert_int_eq(put(store, "db", "a@b", OTHER, "x"),
			 PH_STORE_DUPLICATE);
	ck_assert_uint_eq(count(root, "db/b/a/new"), 2);
	ph_store_close(&store);
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_results)
{
	ck_assert_int_eq(ph_mdb_result(ENOSPC, true), PH_STORE_FULL);
	ck_assert_int_eq(ph_mdb_result(EDQUOT, false), PH_STORE_FULL);
	ck_assert_int_eq(ph_mdb_result(EDQUOT, true), PH_STORE_QUOTA);
	ck_assert_int_eq(ph_mdb_result(EIO, true), PH_STORE_FAILED);
}
END_TEST

START_TEST(test_names)
{
	static const struct {
		const char *name;
		bool found;
	} rows[] = {
	    {"1.M1P1Q1.h,N=" NMID ",S=1", true},
	    {"1.M1P1Q1.h,N=" NMID ",S=1:2,FS", true},
	    {"1.M1P1Q1.h,S=1,N=" NMID, true},
	    {"1.M1P1Q1.h,S=1", false},
	    {"1.M1P1Q1.h,N=", false},
	    {"1.M1P1Q1.h,N=0f0e0d0c-0b0a-8908-8706-05040302010", false},
	    {"1.M1P1Q1.h,N=0f0e0d0c-0b0a-8908-8706-05040302010x", false},
	};
	char nmid[PH_UUID_TEXT];

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_int_eq(ph_mdb_name_nmid(rows[i].name, nmid),
				 rows[i].found);
	ck_assert(ph_mdb_name_nmid("1.h,N=0F0E0D0C-0B0A-8908-8706-050403020100",
				   nmid));
	ck_assert_str_eq(nmid, NMID);
}
END_TEST

UNIT_MAIN("store/delivery/store", test_memory, test_failing,
	  test_failing_for_one, test_layout, test_one_file_for_many,
	  test_no_name_without_commit, test_where_files_need_names,
	  test_removed_before_the_next_has_it, test_duplicate_after_clean_stop,
	  test_no_window, test_suspect, test_suspect_ends, test_leftovers,
	  test_removed_mailbox, test_link_in_the_way, test_held_by_another,
	  test_sweep_lets_go, test_epoch_reopens, test_no_room,
	  test_no_room_for_record, test_results, test_names)
