#include "lib/base/fault.h"
#include "tests/unit/store/submission/lab.h"
#include "tests/unit/store/submission/mails.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TMP ".posthub-submission/tmp"

/* A directory that its owner removes when something is about to be moved into
 * it; NULL: none. */
static char *removed;

/* As ZFS before 2.2, Ceph and NFS do. */
static bool no_flags;

/* In place of the C library's. */
int
renameat2(int from, const char *name, int to, const char *as, unsigned flags)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", to);
	g_autofree char *target = g_file_read_link(path, NULL);

	if (removed != NULL && g_str_has_suffix(target, removed)) {
		ck_assert_int_eq(rmdir(target), 0);
		removed = NULL;
	}
	if (no_flags && flags != 0) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from, name, to, as, flags);
}

/* ---- crashes ----------------------------------------------------------- */

/* Runs in a child that dies at a point; false: it was not reached. */
static bool
die_at(const struct lab *lab, const char *point)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ph_fault_arm(point, NULL) < 0)
			_exit(9);
		lab_run(lab);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL
				      : WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

/* One network message id in all that the server took. */
static void
check_same_id(const struct fake *fake, const char *point)
{
	g_autofree char *first = NULL;

	for (guint i = 0; i < fake->mails->len; i++) {
		const struct fake_mail *mail = fake->mails->pdata[i];
		const char *id = strstr(mail->content->str,
					"X-PostHub-Network-Message-Id: ");
		g_autofree char *line =
		    g_strndup(id, id == NULL ? 0 : strcspn(id, "\r"));

		ck_assert_ptr_nonnull(id);
		if (first == NULL)
			first = g_strdup(line);
		ck_assert_msg(strcmp(first, line) == 0, "%s: %s, %s", point,
			      first, line);
	}
}

static const struct {
	const char *message;
	const struct fake_rule *rules;
	const char *where;
	guint at_least, at_most; /* how often the server takes it */
	const char *never;	 /* points that are not on this way */
	bool as_sent;
} crashes[] = {
    {"From: nuno@example.com\nTo: mota@example.com\n\nx\n", NULL,
     "out0 work0 state0 sent1 drafts0 in0", 1, 2, "notice released", false},
    {TO_FOUR, ALL({0, "RCPT TO:<b@", "550 5.1.1 who"}),
     "out0 work0 state0 sent1 drafts0 in1", 1, 2, "completed released", false},
    {"From: mota@example.com\n\nx\n", NULL,
     "out0 work0 state0 sent0 drafts1 in1", 0, 0,
     "completed prepared receive-row taken submit-row released", false},
    {TO_MOTA, ALL({0, "greeting", NULL}), "out1 work0 state1 sent0 drafts0 in0",
     0, 0, "completed taken submit-row notice filed", false},
    {TO_FOUR,
     ALL({0, "RCPT TO:<b@", "450 4.2.0 later"},
	 {0, "RCPT TO:<c@", "550 5.1.1 who"}),
     "out0 work1 state1 sent0 drafts0 in1", 1, 2, "completed released filed",
     false},
    {HEAD "Deferred-Delivery: 1 Jan 2090 00:00 +0000\nTo: a@x.example\n\n",
     NULL, "out1 work0 state1 sent0 drafts0 in0", 0, 0,
     "completed prepared receive-row taken submit-row notice filed", false},
    {TO_FOUR, NULL, "out0 work0 state0 sent1 drafts0 in0", 1, 2,
     "completed notice released", true},
};

static bool
walk_crash(size_t i, const char *point)
{
	g_autofree char *where = NULL;
	struct fake fake;
	struct lab lab;
	bool reached;

	fake_open(&fake, crashes[i].rules);
	lab_open(&lab, &fake);
	lab.submission.sent_as_sent = crashes[i].as_sent;
	lab_put(&lab, "new", "1.M1.h", crashes[i].message,
		strlen(crashes[i].message));
	reached = die_at(&lab, point);
	lab_run(&lab); /* the next process, unless all was done */
	where = lab_where(&lab);
	/* What only the state file is left of is swept by the next look. */
	if (strstr(where, "out0 work0 state1") == where)
		where[strlen("out0 work0 state")] = '0';
	ck_assert_msg(strcmp(where, crashes[i].where) == 0, "%s: %s", point,
		      where);
	ck_assert_msg(fake.mails->len >= crashes[i].at_least &&
			  fake.mails->len <= crashes[i].at_most,
		      "%s: taken %u times", point, fake.mails->len);
	check_same_id(&fake, point);
	ck_assert_msg(lab_count(&lab, TMP) == 0, "%s: something is left",
		      point);
	fake_close(&fake);
	lab_close(&lab);
	return reached;
}

/* Dies at each point, each time it is reached, and then goes on. */
static void
walk_crashes(size_t i)
{
	g_auto(GStrv) never = g_strsplit(crashes[i].never, " ", -1);
	int walked = 0;

	for (int p = 1; p < PH_FAULTS; p++) {
		const char *name = ph_fault_names[p];
		bool reached = true;
		int n;

		if (!g_str_has_prefix(name, "submission."))
			continue;
		for (n = 1; reached; n++) {
			g_autofree char *point =
			    g_strdup_printf("%s:%d", name, n);

			reached = walk_crash(i, point);
		}
		name += strlen("submission.");
		ck_assert_msg((n > 2) != g_strv_contains(
					     (const char *const *)never, name),
			      "%s is reached %d times", name, n - 2);
		walked++;
	}
	ck_assert_int_eq(walked, 11);
}

START_TEST(test_crash_sent)
{
	walk_crashes(0);
}
END_TEST

START_TEST(test_crash_some_refused)
{
	walk_crashes(1);
}
END_TEST

START_TEST(test_crash_refused)
{
	walk_crashes(2);
}
END_TEST

START_TEST(test_crash_down)
{
	walk_crashes(3);
}
END_TEST

START_TEST(test_crash_some_later)
{
	walk_crashes(4);
}
END_TEST

START_TEST(test_crash_deferred)
{
	walk_crashes(5);
}
END_TEST

START_TEST(test_crash_as_sent)
{
	walk_crashes(6);
}
END_TEST

/* Its owner has read the notice before the next process looks. */
START_TEST(test_notice_read)
{
	g_autofree char *from = NULL, *to = NULL;
	g_autoptr(GPtrArray) names = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", "\nx\n", 3);
	ck_assert(die_at(&lab, "submission.notice"));
	names = lab_list(&lab, "new");
	ck_assert_uint_eq(names->len, 1);
	from = g_build_filename(lab.box, "new", names->pdata[0], NULL);
	to = g_strdup_printf("%s/cur/%s:2,S", lab.box, (char *)names->pdata[0]);
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(lab_count(&lab, "new"), 0);
	ck_assert_uint_eq(lab_count(&lab, "cur"), 1);
	ck_assert_uint_eq(lab_count(&lab, ".Drafts/cur"), 1);
	ck_assert_uint_eq(lab_count(&lab, TMP), 0);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* It waits, and goes on where it was. */
START_TEST(test_folder_removed_meanwhile)
{
	static char drafts[] = "/.Drafts/cur";
	g_autofree char *where = NULL, *then = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", "From: mota@example.com\n\nx\n", 27);
	removed = drafts;
	ck_assert_int_eq(lab_run(&lab), 5000);
	ck_assert_ptr_null(removed);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work1 state1 sent0 drafts0 in1");
	ck_assert_int_eq(lab_run(&lab), -1);
	then = lab_where(&lab);
	ck_assert_str_eq(then, "out0 work0 state0 sent0 drafts1 in1");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* A mail program saves its copy while ours waits for its folder. */
START_TEST(test_own_copy_comes_meanwhile)
{
	static char sent[] = "/.Sent/cur";
	g_autofree char *path = NULL, *where = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab.submission.sent_as_sent = true;
	lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
	removed = sent;
	ck_assert_int_eq(lab_run(&lab), 5000);
	path = lab_folder(&lab, ".Sent/new/4000000000.M1.h");
	ck_assert(g_file_set_contents(path, TO_MOTA, -1, NULL));
	ck_assert_int_eq(lab_run(&lab), -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent0 drafts0 in0");
	ck_assert_uint_eq(lab_count(&lab, ".Sent/new"), 1);
	ck_assert_uint_eq(lab_count(&lab, TMP), 0);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* Not every file system moves a file in one step: after the power failed it may
 * be in both places. */
START_TEST(test_filed_in_both_places)
{
	static const char resent[] = "Resent-From: nuno@example.com\n"
				     "Resent-To: mota@example.com\n" TO_MOTA;
	g_autofree char *from = NULL, *to = NULL, *where = NULL;
	g_autoptr(GPtrArray) names = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", resent, strlen(resent));
	ck_assert(die_at(&lab, "submission.filed"));
	names = lab_list(&lab, ".Sent/cur");
	ck_assert_uint_eq(names->len, 1);
	from = g_build_filename(lab.box, ".Sent/cur", names->pdata[0], NULL);
	to = lab_folder(&lab, ".posthub-submission/items/1.M1.h");
	ck_assert_int_eq(link(from, to), 0);
	ck_assert_int_eq(lab_run(&lab), -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
	ck_assert_uint_eq(fake.mails->len, 1);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

START_TEST(test_claimed_in_both_places)
{
	g_autofree char *from = NULL, *to = NULL, *where = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
	ck_assert(die_at(&lab, "submission.claimed"));
	from = lab_folder(&lab, ".posthub-submission/items/1.M1.h");
	to = lab_folder(&lab, ".Outbox/new/1.M1.h");
	ck_assert_int_eq(link(from, to), 0);
	ck_assert_int_eq(lab_run(&lab), -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
	ck_assert_uint_eq(fake.mails->len, 1);
	/* Another one of the name is another one. */
	ck_assert(g_file_set_contents(from, TO_MOTA, -1, NULL));
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(lab_count(&lab, ".Outbox/new"), 1);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* Where nothing can be moved without replacing what is there it is looked for
 * before. */
START_TEST(test_no_rename_flags)
{
	struct ph_box_name *name =
	    ph_box_name_new("DB1", "example.com", "nuno");
	g_autofree char *path = NULL, *where = NULL;
	struct ph_box *box = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	no_flags = true;
	lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
	ck_assert_int_eq(lab_run(&lab), -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
	path = lab_folder(&lab, ".posthub-submission/items/1.M1.h");
	ck_assert(g_file_set_contents(path, "x", 1, NULL));
	lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
	ck_assert_int_eq(ph_box_open(lab.path, name, &box, NULL), 1);
	ck_assert_int_eq(ph_box_claim(box, "new", "1.M1.h", NULL), 0);
	ck_assert_int_eq(ph_box_release(box, "1.M1.h", NULL), 0);
	ck_assert_int_eq(ph_box_claim(box, "new", "2.M1.h", NULL), 0);
	ck_assert_uint_eq(lab_count(&lab, ".Outbox/new"), 1);
	ck_assert_uint_eq(lab_count(&lab, ".posthub-submission/items"), 1);
	no_flags = false;
	ph_box_close(&box);
	ph_box_name_free(&name);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

UNIT_MAIN("store/submission/crash", test_crash_sent, test_crash_some_refused,
	  test_crash_refused, test_crash_down, test_crash_some_later,
	  test_crash_deferred, test_crash_as_sent, test_notice_read,
	  test_folder_removed_meanwhile, test_own_copy_comes_meanwhile,
	  test_filed_in_both_places, test_claimed_in_both_places,
	  test_no_rename_flags)
