#include "lib/directory/directory.h"
#include "store/mailbox/perms.h"
#include "tests/unit/store/submission/lab.h"
#include "tests/unit/store/submission/mails.h"

#include <sys/stat.h>
#include <utime.h>

/* Mailboxes of other owners than this process, who may write to what is in
 * them. Only root can make some. */

enum { OWNER = 25001, GROUP = 25100, OTHER = 25002 };

struct office {
	struct fake fake;
	struct lab lab;
	struct ph_perms_rule *rule;
};

static void
office_open(struct office *office, const struct fake_rule *rules)
{
	struct ph_err err = PH_ERR_INIT;

	fake_open(&office->fake, rules);
	lab_open(&office->lab, &office->fake);
	ck_assert_msg(ph_perms_rule_parse("25001", "25100", "0640",
					  &office->rule, &err) == 0,
		      "%s", err.text);
	office->lab.submission.owners = office->rule;
}

static void
office_close(struct office *office)
{
	fake_close(&office->fake);
	lab_close(&office->lab);
	ph_perms_rule_free(&office->rule);
}

static void
put(struct office *office, const char *text, uid_t owner)
{
	g_autofree char *path =
	    g_build_filename(office->lab.box, ".Outbox/cur/1.M1.h:2,S", NULL);
	struct utimbuf long_ago = {1000, 1000};

	lab_put(&office->lab, "cur", "1.M1.h:2,S", text, strlen(text));
	ck_assert_int_eq(chown(path, owner, GROUP), 0);
	ck_assert_int_eq(utime(path, &long_ago), 0);
}

static void
ck_where(const struct office *office, const char *wanted)
{
	g_autofree char *where = lab_where(&office->lab);

	ck_assert_str_eq(where, wanted);
}

static void
ck_owner(const struct office *office, const char *below, uid_t uid, mode_t mode)
{
	g_autofree char *path = g_build_filename(office->lab.box, below, NULL);
	struct stat st;

	ck_assert_msg(lstat(path, &st) == 0, "%s", path);
	ck_assert_msg(st.st_uid == uid && (st.st_mode & 07777) == mode,
		      "%s: %u, %o", below, (unsigned)st.st_uid,
		      (unsigned)st.st_mode);
}

static void
ck_only_file(const struct office *office, const char *folder)
{
	g_autoptr(GPtrArray) names = lab_list(&office->lab, folder);
	g_autofree char *below = NULL;

	ck_assert_uint_eq(names->len, 1);
	below = g_build_filename(folder, names->pdata[0], NULL);
	ck_owner(office, below, OWNER, 0640);
}

#define FROM(who) "From: " who "\nTo: a@x.example\n"
#define BARE FROM("nuno@example.com") "\nx\n"
#define COMPLETE                                  \
	FROM("nuno@example.com")                  \
	"Date: Sun, 11 Nov 2012 10:00:00 +0000\n" \
	"Message-ID: <1@example.com>\n\nx\n"
/* As many bytes. */
#define FORGED                                    \
	FROM("mota@example.com")                  \
	"Date: Sun, 11 Nov 2012 10:00:00 +0000\n" \
	"Message-ID: <1@example.com>\n\nx\n"

/* What is made in the mailbox is its owner's, as delivery makes it; what is
 * known of a message is not. */
START_TEST(test_made_for_the_owner)
{
	static const struct fake_rule refused[] = {{0, "RCPT", "550 5.1.1 who"},
						   {0, NULL, NULL}};

	if (geteuid() != 0)
		return;
	for (int sent = 0; sent < 2; sent++) {
		const char *folder = sent ? ".Sent" : ".Drafts";
		g_autofree char *cur = g_build_filename(folder, "cur", NULL);
		g_autofree char *mark =
		    g_build_filename(folder, "maildirfolder", NULL);
		struct office office;

		office_open(&office, sent ? NULL : refused);
		put(&office, BARE, OWNER);
		ck_assert_int_eq(lab_run(&office.lab), -1);
		ck_owner(&office, folder, OWNER, 02750);
		ck_owner(&office, cur, OWNER, 02750);
		ck_owner(&office, mark, OWNER, 0640);
		ck_only_file(&office, cur);
		ck_owner(&office, ".posthub-submission", geteuid(), 0700);
		ck_owner(&office, ".posthub-submission/state", geteuid(), 0700);
		if (!sent) {
			ck_owner(&office, "new", OWNER, 02750);
			ck_only_file(&office, "new");
		}
		office_close(&office);
	}
}
END_TEST

START_TEST(test_as_sent_for_the_owner)
{
	struct office office;

	if (geteuid() != 0)
		return;
	office_open(&office, NULL);
	office.lab.submission.sent_as_sent = true;
	put(&office, COMPLETE, OWNER);
	ck_assert_int_eq(lab_run(&office.lab), -1);
	ck_only_file(&office, ".Sent/cur");
	office_close(&office);
}
END_TEST

/* A link to what the owner may not read: it stays where it is seen. */
START_TEST(test_somebody_elses_file)
{
	struct office office;

	if (geteuid() != 0)
		return;
	office_open(&office, NULL);
	put(&office, COMPLETE, OTHER);
	ck_assert_int_eq(lab_run(&office.lab), 5000);
	ck_assert_uint_eq(office.fake.mails->len, 0);
	ck_where(&office, "out1 work0 state0 sent0 drafts0 in0");
	office_close(&office);
}
END_TEST

/* States that the owner has made. */
START_TEST(test_somebody_elses_states)
{
	struct office office;
	g_autofree char *path = NULL;

	if (geteuid() != 0)
		return;
	office_open(&office, NULL);
	put(&office, COMPLETE, OWNER);
	path = lab_folder(&office.lab, ".posthub-submission");
	ck_assert_int_eq(g_mkdir_with_parents(path, 0700), 0);
	ck_assert_int_eq(chown(path, OWNER, GROUP), 0);
	ck_assert_int_eq(lab_run(&office.lab), 5000);
	ck_where(&office, "out1 work0 state0 sent0 drafts0 in0");
	office_close(&office);
}
END_TEST

/* Writes another message of the same size into the file, which keeps its
 * time. */
static void
forge(const struct office *office, const char *folder)
{
	g_autoptr(GPtrArray) names = lab_list(&office->lab, folder);
	g_autofree char *path = NULL;
	struct utimbuf long_ago = {1000, 1000};
	int fd;

	ck_assert_uint_eq(names->len, 1);
	path = g_build_filename(office->lab.box, folder, names->pdata[0], NULL);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, FORGED, strlen(FORGED)),
			 (ssize_t)strlen(FORGED));
	close(fd);
	ck_assert_int_eq(utime(path, &long_ago), 0);
}

/* Judged, deferred, and then made another's. */
START_TEST(test_forged_while_it_waits)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};

	if (geteuid() != 0)
		return;
	for (int forged = 0; forged < 2; forged++) {
		g_autofree char *events = NULL;
		struct office office;

		office_open(&office, down);
		put(&office, COMPLETE, OWNER);
		ck_assert_int_eq(lab_run(&office.lab), 5000);
		ck_where(&office, "out1 work0 state1 sent0 drafts0 in0");
		office.fake.rules = NULL;
		if (forged)
			forge(&office, ".Outbox/cur");
		ck_assert_int_eq(lab_run(&office.lab), -1);
		ck_where(&office, forged
				      ? "out0 work0 state0 sent0 drafts1 in1"
				      : "out0 work0 state0 sent1 drafts0 in0");
		events = lab_events(&office.lab);
		ck_assert_str_eq(events, forged
					     ? "RECEIVE SUBMITDEFER SUBMITFAIL"
					     : "RECEIVE SUBMITDEFER SUBMIT");
		office_close(&office);
	}
}
END_TEST

/* Some have it; the others do not get something else. */
START_TEST(test_forged_for_the_rest)
{
	static const struct fake_rule later[] = {
	    {0, "RCPT TO:<b@", "450 4.2.0 later"}, {0, NULL, NULL}};
	static const char two[] = "From: nuno@example.com\n"
				  "To: a@x.example, b@x.example\n"
				  "Date: Sun, 11 Nov 2012 10:00:00 +0000\n"
				  "Message-ID: <1@example.com>\n\nx\n";

	if (geteuid() != 0)
		return;
	for (int forged = 0; forged < 2; forged++) {
		g_autofree char *notice = NULL;
		struct office office;

		office_open(&office, later);
		put(&office, two, OWNER);
		ck_assert_int_eq(lab_run(&office.lab), 5000);
		ck_where(&office, "out0 work1 state1 sent0 drafts0 in0");
		office.fake.rules = NULL;
		if (forged)
			forge(&office, ".posthub-submission/items");
		ck_assert_int_eq(lab_run(&office.lab), forged ? 5000 : -1);
		ck_assert_uint_eq(office.fake.mails->len, forged ? 1 : 2);
		if (!forged) {
			office_close(&office);
			continue;
		}
		/* Nor do they wait for ever. */
		office.lab.submission.expiry = 0;
		ck_assert_int_eq(lab_run(&office.lab), -1);
		ck_assert_uint_eq(office.fake.mails->len, 1);
		ck_where(&office, "out0 work0 state0 sent1 drafts0 in1");
		notice = lab_content(&office.lab, "new");
		ck_assert_ptr_nonnull(strstr(notice, "rfc822; b@x.example"));
		ck_assert_ptr_nonnull(strstr(notice, "4.4.7 Message expired: "
						     "the rest waits"));
		office_close(&office);
	}
}
END_TEST

UNIT_MAIN("store/submission/exposed", test_made_for_the_owner,
	  test_as_sent_for_the_owner, test_somebody_elses_file,
	  test_somebody_elses_states, test_forged_while_it_waits,
	  test_forged_for_the_rest)
