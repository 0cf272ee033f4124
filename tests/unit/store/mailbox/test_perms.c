#include "store/mailbox/perms.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ph_object *
person(const char *uid, const char *gid)
{
	const struct ph_pair pairs[] = {
	    {"RecipientType", "UserMailbox"},
	    {"Database", "DB1"},
	    {"uidNumber", uid},
	    {"gidNumber", gid},
	};
	struct ph_object *object;

	ck_assert_int_eq(ph_object_parse(ph_kind_find("recipient"), "a@b",
					 pairs, G_N_ELEMENTS(pairs), &object,
					 NULL),
			 0);
	return object;
}

static struct ph_perms_rule *
parse(const char *user, const char *group, const char *mode)
{
	struct ph_perms_rule *rule = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_perms_rule_parse(user, group, mode, &rule, &err) == 0,
		      "%s", err.text);
	return rule;
}

START_TEST(test_modes)
{
	static const struct {
		const char *mode, *group;
		unsigned file, dir;
	} modes[] = {
	    {"0600", "", 0600, 0700},	   {"600", "", 0600, 0700},
	    {"0640", "", 0640, 0750},	   {"0660", "", 0660, 0770},
	    {"0660", "1234", 0660, 02770}, {"0644", "", 0644, 0755},
	    {"0620", "", 0620, 0720},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
		struct ph_perms_rule *rule =
		    parse("", modes[i].group, modes[i].mode);
		struct ph_perms owner;

		ck_assert_int_eq(ph_perms_of(rule, NULL, &owner, NULL), 0);
		ck_assert_uint_eq(owner.file, modes[i].file);
		ck_assert_uint_eq(owner.dir, modes[i].dir);
		ck_assert_int_eq(ph_perms_rule_is_self(rule), i < 2);
		ph_perms_rule_free(&rule);
	}
}
END_TEST

START_TEST(test_refused)
{
	static const struct {
		const char *user, *group, *mode, *error;
	} bad[] = {
	    {"no-such-user", "", "0600", "mailbox_user: \"no-such-user\""},
	    {"", "no-such-group", "0600", "mailbox_group: \"no-such-group\""},
	    {"0", "", "0600", "mailbox_user: \"0\""},
	    {"-1", "", "0600", "mailbox_user: \"-1\""},
	    {"4294967295", "", "0600", "mailbox_user"},
	    {"{Members}", "", "0600", "mailbox_user"},
	    {"", "", "", "mailbox_mode"},
	    {"", "", "rw", "mailbox_mode"},
	    {"", "", "0700", "mailbox_mode"},
	    {"", "", "0400", "mailbox_mode"},
	    {"", "", "0060", "mailbox_mode"},
	    {"", "", "04600", "mailbox_mode"},
	    {"", "", "0608", "mailbox_mode"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct ph_perms_rule *rule = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ph_perms_rule_parse(bad[i].user, bad[i].group,
						  bad[i].mode, &rule,
						  &err) == -1,
			      "%zu", i);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_msg(strstr(err.text, bad[i].error) != NULL, "%s",
			      err.text);
	}
}
END_TEST

START_TEST(test_of_attributes)
{
	struct ph_perms_rule *rule =
	    parse("{uidNumber}", "{gidNumber}", "0660");
	struct ph_object *good = person("25001", "25002");
	struct ph_object *root = person("0", "25002");
	struct ph_object *word = person("nuno", "25002");
	struct ph_perms owner;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_perms_of(rule, good, &owner, &err), 0);
	ck_assert_uint_eq(owner.uid, 25001);
	ck_assert_uint_eq(owner.gid, 25002);
	ck_assert_uint_eq(owner.dir, 02770);
	ck_assert_int_eq(ph_perms_of(rule, root, &owner, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "uidNumber of the recipient"));
	ck_assert_int_eq(ph_perms_of(rule, word, &owner, &err), -1);
	ck_assert_int_eq(ph_perms_of(rule, NULL, &owner, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "not set"));
	ph_object_unref(&good);
	ph_object_unref(&root);
	ph_object_unref(&word);
	ph_perms_rule_free(&rule);
}
END_TEST

/* Only root can give files away. */
START_TEST(test_given)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *path = g_build_filename(root, "x", NULL);
	const struct ph_perms owner = {25001, 25002, 0640, 02750};
	struct stat st;
	int file, dir;

	if (geteuid() != 0) {
		unit_rmdir(&root);
		return;
	}
	file = open(path, O_WRONLY | O_CREAT, 0600);
	dir = open(root, O_RDONLY);
	ck_assert_int_eq(ph_perms_give(file, &owner, false), 0);
	ck_assert_int_eq(ph_perms_give(dir, &owner, true), 0);
	ck_assert_int_eq(fstat(file, &st), 0);
	ck_assert_uint_eq(st.st_uid, 25001);
	ck_assert_uint_eq(st.st_gid, 25002);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(fstat(dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 02750);
	close(file);
	close(dir);
	unit_rmdir(&root);
}
END_TEST

/* In a process of its own, without root's rights: 0 when it is told. */
static int
parse_as_nobody(void)
{
	struct ph_perms_rule *rule = NULL;
	struct ph_err err = PH_ERR_INIT;

	if (geteuid() == 0 && setuid(65534) < 0)
		return 1;
	if (ph_perms_rule_parse("25001", "", "0600", &rule, &err) != -1 ||
	    !strstr(err.text, "[server] user"))
		return 2;
	return ph_perms_rule_parse("{uidNumber}", "", "0600", &rule, &err) == -1
		   ? 0
		   : 3;
}

START_TEST(test_without_the_right)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(parse_as_nobody());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

UNIT_MAIN("store/mailbox/perms", test_modes, test_refused, test_of_attributes,
	  test_given, test_without_the_right)
