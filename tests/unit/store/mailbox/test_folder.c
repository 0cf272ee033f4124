#include "store/mailbox/folder.h"

#include "store/mailbox/path.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

static const struct {
	const char *name, *component;
} names[] = {
    {"Junk", ".Junk"},
    {"Junk Email", ".Junk Email"},
    {"a.b", ".a.b"},
    {"Caf\xc3\xa9", ".Caf&AOk-"},
    {"a&b", ".a&-b"},
    /* RFC 3501 section 5.1.3. */
    {"peter.mail.\xe5\x8f\xb0\xe5\x8c\x97.\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
     ".peter.mail.&U,BTFw-.&ZeVnLIqe-"},
    {"\xf0\x9f\x98\x80", ".&2D3eAA-"},
    {"~x", ".~x"},
};

START_TEST(test_component)
{
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *got = ph_folder_component(names[i].name);

		ck_assert_str_eq(got, names[i].component);
	}
}
END_TEST

START_TEST(test_no_component)
{
	static const char *const bad[] = {
	    "",	      ".",    "..",	   "../x", "..x",	 "x..y",
	    "x.",     "a/b",  "/",	   "a\nb", "a\x7f",	 "\xff",
	    "a\xc3(", "\x01", "../../etc", ".x",   "x\xc2\x85y",
	};
	g_autofree char *most = g_strnfill(254, 'a');
	g_autofree char *over = g_strnfill(255, 'a');
	g_autofree char *wide = g_strnfill(90, 'a');
	g_autofree char *fits = ph_folder_component(most);

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		ck_assert_msg(ph_folder_component(bad[i]) == NULL, "%s",
			      bad[i]);
	ck_assert_uint_eq(strlen(fits), 255);
	ck_assert_ptr_null(ph_folder_component(over));
	/* Longer when it is written in UTF-7. */
	g_free(wide);
	wide = g_strnfill(200, 'x');
	for (size_t i = 0; i + 1 < strlen(wide); i += 2) {
		wide[i] = '\xc3';
		wide[i + 1] = '\xa9';
	}
	ck_assert_ptr_null(ph_folder_component(wide));
}
END_TEST

START_TEST(test_closed)
{
	static const char *const closed[] = {
	    "Outbox",
	    "outbox",
	    "OUTBOX.x",
	    "x.Outbox",
	    "Sent",
	    "drafts",
	    "posthub-submission",
	    "PostHub",
	    "a.posthub-submission.items",
	};
	static const char *const open[] = {"Junk", "Outboxes", "Projects",
					   "my.sentences"};

	for (size_t i = 0; i < G_N_ELEMENTS(closed); i++)
		ck_assert_msg(!ph_folder_is_open(closed[i], NULL), "%s",
			      closed[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(open); i++)
		ck_assert_msg(ph_folder_is_open(open[i], NULL), "%s", open[i]);
}
END_TEST

/* What an IMAP server calls them, by which mail is sent as well. */
START_TEST(test_closed_by_setting)
{
	char outbox[] = "INBOX.Ausgang", sent[] = "Mail/Gesendete Elemente";
	char drafts[] = "Entw&APw-rfe";
	char *const settings[] = {outbox, sent, drafts, NULL};
	static const char *const closed[] = {
	    "Ausgang",
	    "AUSGANG",
	    "x.ausgang",
	    "ausgang.x",
	    "gesendete elemente",
	    "Entw\xc3\xbcrfe",
	    "entw\xc3\xbcrfe.x",
	    "Outbox",
	};
	static const char *const open[] = {"Ausgangs", "Mail", "Gesendete",
					   "Entwurfe", "Entw&APw-rfe"};

	for (size_t i = 0; i < G_N_ELEMENTS(closed); i++)
		ck_assert_msg(!ph_folder_is_open(closed[i], settings), "%s",
			      closed[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(open); i++)
		ck_assert_msg(ph_folder_is_open(open[i], settings), "%s",
			      open[i]);
}
END_TEST

static int
open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static char *
find(int mailbox, const char *component)
{
	char *found = NULL;
	int r = ph_folder_find(mailbox, component, &found, NULL);

	ck_assert_int_eq(r, found != NULL);
	return found;
}

START_TEST(test_found)
{
	g_autofree char *root = unit_mkdir();
	int mailbox = open_dir(root);
	g_autofree char *exact = NULL, *other = NULL, *first = NULL;

	ck_assert_ptr_null(find(mailbox, ".projects"));
	ck_assert_int_eq(mkdirat(mailbox, ".Projects", 0700), 0);
	other = find(mailbox, ".projects");
	ck_assert_str_eq(other, ".Projects");
	ck_assert_int_eq(mkdirat(mailbox, ".PROJECTS", 0700), 0);
	first = find(mailbox, ".projects");
	ck_assert_str_eq(first, ".PROJECTS");
	exact = find(mailbox, ".Projects");
	ck_assert_str_eq(exact, ".Projects");
	/* Neither a link nor a file is a folder. */
	ck_assert_int_eq(symlinkat("/tmp", mailbox, ".link"), 0);
	ck_assert_ptr_null(find(mailbox, ".link"));
	close(openat(mailbox, ".file", O_CREAT | O_WRONLY, 0600));
	ck_assert_ptr_null(find(mailbox, ".FILE"));
	close(mailbox);
	unit_rmdir(&root);
}
END_TEST

START_TEST(test_made)
{
	static const char *const parts[] = {"tmp", "new", "cur",
					    "maildirfolder"};
	g_autofree char *root = unit_mkdir();
	int mailbox = open_dir(root), fd;
	struct ph_err err = PH_ERR_INIT;
	bool made;

	fd = ph_folder_make(mailbox, ".Junk", &ph_perms_self, &made, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	ck_assert(made);
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
		ck_assert_int_eq(faccessat(fd, parts[i], F_OK, 0), 0);
	/* What is missing is made, what is there stays. */
	ck_assert_int_eq(unlinkat(fd, "new", AT_REMOVEDIR), 0);
	close(fd);
	fd = ph_folder_make(mailbox, ".Junk", &ph_perms_self, &made, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert(!made);
	ck_assert_int_eq(faccessat(fd, "new", F_OK, 0), 0);
	close(fd);
	ck_assert_int_eq(symlinkat(root, mailbox, ".Link"), 0);
	ck_assert_int_eq(
	    ph_folder_make(mailbox, ".Link", &ph_perms_self, NULL, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, ".Link is a symbolic link"));
	close(mailbox);
	unit_rmdir(&root);
}
END_TEST

/* ---- subscriptions ----------------------------------------------------- */

/* The file after one more subscription; g_free. */
static char *
subscribe(const char *before, const char *component, int answer)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *path = g_build_filename(root, "subscriptions", NULL);
	int mailbox = open_dir(root);
	struct ph_err err = PH_ERR_INIT;
	char *text = NULL;

	if (before)
		ck_assert(g_file_set_contents(path, before, -1, NULL));
	ck_assert_int_eq(
	    ph_folder_subscribe(mailbox, component, &ph_perms_self, &err),
	    answer);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_int_eq(faccessat(mailbox, "subscriptions.lock", F_OK, 0), -1);
	close(mailbox);
	unit_rmdir(&root);
	return text;
}

static const struct {
	const char *before, *component;
	int answer;
	const char *after;
} subscriptions[] = {
    {NULL, ".Junk", 1, "V\t2\n\nJunk\n"},
    {NULL, ".a.b", 1, "V\t2\n\na\tb\n"},
    {"V\t2\n\nSent\n", ".Junk", 1, "V\t2\n\nSent\nJunk\n"},
    {"V\t2\n\nSent\nJunk\n", ".Junk", 0, "V\t2\n\nSent\nJunk\n"},
    {"V\t2\n\na\tb\n", ".a.b", 0, "V\t2\n\na\tb\n"},
    /* The first version of the file. */
    {"Sent\n", ".a.b", 1, "Sent\na.b\n"},
    {"Sent", ".Junk", 1, "Sent\nJunk\n"},
    {"Sent\nJunk", ".Junk", 0, "Sent\nJunk"},
    {"Junkyard\n", ".Junk", 1, "Junkyard\nJunk\n"},
    {"", ".Junk", 1, "Junk\n"},
};

START_TEST(test_subscribed)
{
	for (size_t i = 0; i < G_N_ELEMENTS(subscriptions); i++) {
		g_autofree char *after = subscribe(subscriptions[i].before,
						   subscriptions[i].component,
						   subscriptions[i].answer);

		ck_assert_str_eq(after, subscriptions[i].after);
	}
}
END_TEST

START_TEST(test_locked)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *lock =
	    g_build_filename(root, "subscriptions.lock", NULL);
	const struct utimbuf old = {1000000000, 1000000000};
	int mailbox = open_dir(root);
	struct ph_err err = PH_ERR_INIT;

	ck_assert(g_file_set_contents(lock, "x", 1, NULL));
	ck_assert_int_eq(
	    ph_folder_subscribe(mailbox, ".Junk", &ph_perms_self, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert(g_file_test(lock, G_FILE_TEST_EXISTS));
	/* Whoever held it is gone. */
	ck_assert_int_eq(utime(lock, &old), 0);
	ck_assert_int_eq(
	    ph_folder_subscribe(mailbox, ".Junk", &ph_perms_self, &err), 1);
	close(mailbox);
	unit_rmdir(&root);
}
END_TEST

static bool unreadable;

/* In place of the C library's. */
struct dirent *
readdir(DIR *dir)
{
	struct dirent *(*real)(DIR *) =
	    (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");

	errno = unreadable ? EIO : 0;
	return unreadable ? NULL : real(dir);
}

/* Who cannot read the list does not know that it is not there. */
START_TEST(test_cannot_be_found)
{
	g_autofree char *root = unit_mkdir(), *found = NULL;
	int mailbox = open_dir(root);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(mkdirat(mailbox, ".Projects", 0700), 0);
	unreadable = true;
	ck_assert_int_eq(ph_folder_find(mailbox, ".projects", &found, &err),
			 -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	unreadable = false;
	found = find(mailbox, ".projects");
	ck_assert_str_eq(found, ".Projects");
	close(mailbox);
	unit_rmdir(&root);
}
END_TEST

UNIT_MAIN("store/mailbox/folder", test_component, test_no_component,
	  test_closed, test_closed_by_setting, test_found, test_cannot_be_found,
	  test_made, test_subscribed, test_locked)
