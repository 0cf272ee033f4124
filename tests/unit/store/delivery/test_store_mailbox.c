#include "store/delivery/store.h"

#include "tests/unit/store/delivery/lab.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Into which mailbox and folder of a Maildir store, for whom, and how much.
 */
#define NMID "0f0e0d0c-0b0a-8908-8706-050403020100"
#define OTHER "1f0e0d0c-0b0a-8908-8706-050403020100"

struct scene {
	char *root;
	struct ph_store *store;
	struct ph_store_maildir_options options;
};

static void
scene_open(struct scene *scene, const char *path, const char *user,
	   const char *mode)
{
	struct ph_err err = PH_ERR_INIT;

	if (!scene->root)
		scene->root = unit_mkdir();
	scene->options = (struct ph_store_maildir_options){
	    .root = scene->root,
	    .host = "mbx1",
	    .duplicate_window = 3600000,
	    .path = path,
	    .user = user,
	    .mode = mode,
	};
	ck_assert_msg(ph_store_maildir(&scene->options, &scene->store, &err) ==
			  0,
		      "%s", err.text);
}

static void
scene_close(struct scene *scene)
{
	ph_store_close(&scene->store);
	unit_rmdir(&scene->root);
}

static enum ph_store_result
put_many(struct scene *scene, const struct ph_store_mailbox *mailboxes,
	 size_t n, const char *text, struct ph_err *err)
{
	const struct ph_store_offer offer = {"s@sender.test", mailboxes, n};
	struct ph_store_message *message;
	enum ph_store_result result = PH_STORE_OK;

	ck_assert_int_eq(ph_store_begin(scene->store, "db", 1, &message, NULL),
			 PH_STORE_OK);
	ck_assert_int_eq(ph_store_write(message, text, strlen(text), NULL),
			 PH_STORE_OK);
	ck_assert_int_eq(ph_store_seal(message, NULL), PH_STORE_OK);
	ph_store_offer(message, &offer);
	for (size_t i = 0; i < n && result == PH_STORE_OK; i++)
		result = ph_store_commit(message, &mailboxes[i], err);
	ck_assert_int_eq(ph_store_end(&message, NULL), 0);
	return result;
}

static enum ph_store_result
put(struct scene *scene, const struct ph_store_mailbox *mailbox)
{
	return put_many(scene, mailbox, 1, "0123456789", NULL);
}

/* The files in a directory of the database; their number, and one of them in
 * *path_r (NULL is fine), g_free. */
static size_t
look(const struct scene *scene, const char *below, char **path_r)
{
	g_autofree char *path =
	    g_build_filename(scene->root, "db", below, NULL);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;
	size_t n = 0;

	while (dir && (name = g_dir_read_name(dir))) {
		if (path_r && n == 0)
			*path_r = g_build_filename(path, name, NULL);
		n++;
	}
	if (dir)
		g_dir_close(dir);
	return n;
}

static void
expect_text(const struct scene *scene, const char *below, const char *text)
{
	g_autofree char *path =
	    g_build_filename(scene->root, "db", below, NULL);
	g_autofree char *got = NULL;

	ck_assert(g_file_get_contents(path, &got, NULL, NULL));
	ck_assert_str_eq(got, text);
}

/* ---- places ------------------------------------------------------------ */

START_TEST(test_by_attribute)
{
	struct scene scene = {NULL};
	struct ph_object *entry = unit_object_line(
	    "recipient|a@b|RecipientType=UserMailbox|Database=db|"
	    "CustomAttribute1=../../x|Alias=Ana");
	struct ph_store_mailbox mailbox = {
	    .address = "a@b", .nmid = NMID, .entry = entry};
	struct ph_err err = PH_ERR_INIT;

	scene_open(&scene, "{CustomAttribute1}/{Alias}/Maildir", NULL, NULL);
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "%2E.%2F..%2Fx/ana/Maildir/new", NULL),
			  1);
	mailbox.entry = NULL;
	mailbox.nmid = OTHER;
	ck_assert_int_eq(put_many(&scene, &mailbox, 1, "x", &err),
			 PH_STORE_FAILED);
	ck_assert_ptr_nonnull(strstr(err.text, "has no CustomAttribute1"));
	ph_object_unref(&entry);
	scene_close(&scene);
}
END_TEST

START_TEST(test_bad_options)
{
	static const struct ph_store_maildir_options bad[] = {
	    {.path = "{domain}"},     {.path = "../{address}"},
	    {.user = "no-such-user"}, {.group = "no-such-group"},
	    {.mode = "0777"},
	};
	g_autofree char *root = unit_mkdir();

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct ph_store_maildir_options options = bad[i];
		struct ph_store *store = NULL;
		struct ph_err err = PH_ERR_INIT;

		options.root = root;
		options.host = "mbx1";
		ck_assert_int_eq(ph_store_maildir(&options, &store, &err), -1);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_ptr_null(store);
	}
	unit_rmdir(&root);
}
END_TEST

/* ---- folders ----------------------------------------------------------- */

START_TEST(test_folders)
{
	struct scene scene = {NULL};
	bool in_folder = true;
	struct ph_store_mailbox mailbox = {.address = "a@b",
					   .nmid = NMID,
					   .folder = "Work",
					   .in_folder_r = &in_folder};

	scene_open(&scene, NULL, NULL, NULL);
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert(!in_folder);
	ck_assert_uint_eq(look(&scene, "b/a/new", NULL), 1);
	ck_assert_uint_eq(look(&scene, "b/a/.Work", NULL), 0);
	mailbox.nmid = OTHER;
	mailbox.make_folder = true;
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert(in_folder);
	ck_assert_uint_eq(look(&scene, "b/a/new", NULL), 1);
	ck_assert_uint_eq(look(&scene, "b/a/.Work/new", NULL), 1);
	expect_text(&scene, "b/a/subscriptions", "V\t2\n\nWork\n");
	/* It is there now, however it is written. */
	mailbox.make_folder = false;
	mailbox.folder = "WORK";
	mailbox.nmid = "2f0e0d0c-0b0a-8908-8706-050403020100";
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "b/a/.Work/new", NULL), 2);
	scene_close(&scene);
}
END_TEST

START_TEST(test_no_folder)
{
	static const char *const names[] = {"..",   "../../x", "a/b",  "",
					    "\xff", "INBOX",   "inbox"};
	struct scene scene = {NULL};

	scene_open(&scene, NULL, NULL, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *nmid = g_strdup_printf(
		    "%zuf0e0d0c-0b0a-8908-8706-050403020100", i);
		bool in_folder = true;
		struct ph_store_mailbox mailbox = {.address = "a@b",
						   .nmid = nmid,
						   .folder = names[i],
						   .make_folder = true,
						   .in_folder_r = &in_folder};

		ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
		ck_assert(!in_folder);
		ck_assert_uint_eq(look(&scene, "b/a/new", NULL), i + 1);
	}
	ck_assert_uint_eq(look(&scene, "b/a", NULL), 3);
	scene_close(&scene);
}
END_TEST

/* A folder that its owner has removed, and one that lacks a part. */
START_TEST(test_folder_comes_back)
{
	struct scene scene = {NULL};
	struct ph_store_mailbox mailbox = {.address = "a@b",
					   .nmid = NMID,
					   .folder = "Work",
					   .make_folder = true};
	g_autofree char *folder = NULL, *away = NULL, *new = NULL;

	scene_open(&scene, NULL, NULL, NULL);
	folder = g_build_filename(scene.root, "db/b/a/.Work", NULL);
	away = g_build_filename(scene.root, "away", NULL);
	new = g_build_filename(folder, "new", NULL);
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_int_eq(rename(folder, away), 0);
	mailbox.nmid = OTHER;
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "b/a/.Work/new", NULL), 1);
	g_free(away);
	away = g_build_filename(scene.root, "away2", NULL);
	ck_assert_int_eq(rename(new, away), 0);
	mailbox.nmid = "2f0e0d0c-0b0a-8908-8706-050403020100";
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "b/a/.Work/new", NULL), 1);
	expect_text(&scene, "b/a/subscriptions", "V\t2\n\nWork\n");
	scene_close(&scene);
}
END_TEST

/* One message, one mailbox: the folder does not make it another one. Also after
 * an unclean stop, when only file names know. */
START_TEST(test_once_in_all_folders)
{
	struct scene scene = {NULL};
	struct ph_store_mailbox mailbox = {.address = "a@b",
					   .nmid = NMID,
					   .folder = "Work",
					   .make_folder = true};
	g_autofree char *records = NULL, *mark = NULL;

	scene_open(&scene, NULL, NULL, NULL);
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	mailbox.folder = NULL;
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_DUPLICATE);
	ph_store_close(&scene.store);
	ck_assert_uint_eq(look(&scene, ".posthub/duplicates", &records), 1);
	ck_assert_int_eq(unlink(records), 0);
	mark = g_build_filename(scene.root, "db/.posthub/open", NULL);
	ck_assert(g_file_set_contents(mark, "1\n", 2, NULL));
	scene_open(&scene, NULL, NULL, NULL);
	mailbox.folder = "Work";
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_DUPLICATE);
	scene_close(&scene);
}
END_TEST

/* ---- quota ------------------------------------------------------------- */

START_TEST(test_quota)
{
	struct scene scene = {NULL};
	struct ph_store_mailbox mailbox = {
	    .address = "a@b", .nmid = NMID, .quota.receive = 20};
	const struct ph_store_mailbox unlimited = {.address = "c@b",
						   .nmid = OTHER};

	scene_open(&scene, NULL, NULL, NULL);
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	/* A second copy needs no room. */
	mailbox.quota.receive = 10;
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_DUPLICATE);
	mailbox.nmid = OTHER;
	mailbox.quota.receive = 19;
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OVER);
	ck_assert_uint_eq(look(&scene, "b/a/new", NULL), 1);
	expect_text(&scene, "b/a/maildirsize", "19S\n10 1\n");
	mailbox.quota.receive = 20;
	mailbox.folder = "Work";
	mailbox.make_folder = true;
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	expect_text(&scene, "b/a/maildirsize", "20S\n10 1\n10 1\n");
	ck_assert_int_eq(put(&scene, &unlimited), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "b/c", NULL), 3);
	scene_close(&scene);
}
END_TEST

/* A message that makes the mailbox too large is followed by a warning in the
 * Inbox, once; that is counted, and no reason for another. */
START_TEST(test_warning)
{
	struct scene scene = {NULL};
	struct ph_store_mailbox mailbox = {.address = "a@b",
					   .nmid = NMID,
					   .folder = "Work",
					   .make_folder = true,
					   .quota = {.warning = 15}};
	g_autofree char *path = NULL, *text = NULL, *want = NULL;
	size_t size;

	scene_open(&scene, NULL, NULL, NULL);
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "b/a/new", NULL), 0);
	mailbox.nmid = OTHER;
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "b/a/new", &path), 1);
	ck_assert_uint_eq(look(&scene, "b/a/tmp", NULL), 0);
	ck_assert(g_file_get_contents(path, &text, &size, NULL));
	ck_assert(g_str_has_prefix(text, "Return-Path: <>\n"
					 "From: postmaster@b\nTo: a@b\n"
					 "Subject: Your mailbox is almost "
					 "full\nDate: "));
	ck_assert_ptr_nonnull(strstr(text, "\nAuto-Submitted: "));
	want = g_strdup_printf("0S\n20 2\n%zu 1\n", size);
	expect_text(&scene, "b/a/maildirsize", want);
	mailbox.nmid = "2f0e0d0c-0b0a-8908-8706-050403020100";
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "b/a/new", NULL), 1);
	scene_close(&scene);
}
END_TEST

/* Above the size at which it may not send; and where nobody can be warned the
 * message is there all the same. */
START_TEST(test_warning_of_sending)
{
	struct scene scene = {NULL};
	struct ph_store_mailbox mailbox = {
	    .address = "a@b", .nmid = NMID, .quota = {.send = 5}};
	g_autofree char *dir = NULL, *mark = NULL;
	const char *name;
	GDir *names;
	bool told = false;

	scene_open(&scene, NULL, NULL, NULL);
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "b/a/new", NULL), 2);
	dir = g_build_filename(scene.root, "db/b/a/new", NULL);
	names = g_dir_open(dir, 0, NULL);
	while ((name = g_dir_read_name(names))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		g_autofree char *text = NULL;

		ck_assert(g_file_get_contents(path, &text, NULL, NULL));
		told |=
		    strstr(text, "\nSubject: Your mailbox is full\n") != NULL;
	}
	g_dir_close(names);
	ck_assert(told);
	mark = g_build_filename(scene.root, "db/b/a/posthub-warned", NULL);
	ck_assert_int_eq(unlink(mark), 0);
	ck_assert_int_eq(symlink("x", mark), 0);
	mailbox.nmid = OTHER;
	ck_assert_int_eq(put(&scene, &mailbox), PH_STORE_OK);
	ck_assert_uint_eq(look(&scene, "b/a/new", NULL), 3);
	scene_close(&scene);
}
END_TEST

/* ---- owners ------------------------------------------------------------ */

static void
expect_owner(const char *path, unsigned uid, unsigned mode, unsigned links)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, uid);
	ck_assert_uint_eq(st.st_mode & 07777, mode);
	if (links)
		ck_assert_uint_eq(st.st_nlink, links);
}

/* The message of a mailbox; g_free. */
static char *
message_of(const struct scene *scene, const char *local)
{
	g_autofree char *below = g_strdup_printf("b/%s/new", local);
	char *path = NULL;

	ck_assert_uint_eq(look(scene, below, &path), 1);
	return path;
}

/* A file has one owner, so mailboxes of several get copies. */
START_TEST(test_owners)
{
	static const struct {
		const char *line, *local;
		unsigned uid, links;
	} people[] = {
	    {"recipient|one@b|RecipientType=UserMailbox|Database=db|"
	     "uidNumber=25001",
	     "one", 25001, 2},
	    {"recipient|two@b|RecipientType=UserMailbox|Database=db|"
	     "uidNumber=25002",
	     "two", 25002, 1},
	    {"recipient|too@b|RecipientType=UserMailbox|Database=db|"
	     "uidNumber=25001",
	     "too", 25001, 2},
	};
	struct scene scene = {NULL};
	struct ph_store_mailbox mailboxes[3] = {{.address = NULL}};
	struct ph_object *entries[3];
	g_autofree char *database = NULL, *domain = NULL;

	if (geteuid() != 0)
		return;
	scene_open(&scene, NULL, "{uidNumber}", "0640");
	for (size_t i = 0; i < 3; i++) {
		entries[i] = unit_object_line(people[i].line);
		mailboxes[i].address = ph_object_name(entries[i]);
		mailboxes[i].nmid = NMID;
		mailboxes[i].entry = entries[i];
	}
	ck_assert_int_eq(put_many(&scene, mailboxes, 3, "0123456789", NULL),
			 PH_STORE_OK);
	for (size_t i = 0; i < 3; i++) {
		g_autofree char *path = message_of(&scene, people[i].local);
		g_autofree char *text = NULL;
		g_autofree char *mailbox =
		    g_build_filename(scene.root, "db/b", people[i].local, NULL);
		g_autofree char *tmp = g_build_filename(mailbox, "tmp", NULL);

		expect_owner(path, people[i].uid, 0640, people[i].links);
		expect_owner(mailbox, people[i].uid, 0750, 0);
		expect_owner(tmp, people[i].uid, 0750, 0);
		ck_assert(g_file_get_contents(path, &text, NULL, NULL));
		ck_assert_str_eq(text, "0123456789");
		ph_object_unref(&entries[i]);
	}
	database = g_build_filename(scene.root, "db", NULL);
	domain = g_build_filename(scene.root, "db/b", NULL);
	expect_owner(database, 0, 0711, 0);
	expect_owner(domain, 0, 0711, 0);
	scene_close(&scene);
}
END_TEST

/* Virtual users of one user of the system: one file for all. */
START_TEST(test_one_owner)
{
	struct scene scene = {NULL};
	struct ph_store_mailbox mailboxes[2] = {
	    {.address = "one@b", .nmid = NMID, .quota.receive = 1000},
	    {.address = "two@b",
	     .nmid = NMID,
	     .folder = "Work",
	     .make_folder = true}};
	static const char *const files[] = {"b/one/maildirsize",
					    "b/two/.Work/maildirfolder",
					    "b/two/subscriptions"};
	g_autofree char *path = NULL, *other = NULL;

	if (geteuid() != 0)
		return;
	scene_open(&scene, NULL, "25003", NULL);
	ck_assert_int_eq(put_many(&scene, mailboxes, 2, "x", NULL),
			 PH_STORE_OK);
	path = message_of(&scene, "one");
	expect_owner(path, 25003, 0600, 2);
	ck_assert_uint_eq(look(&scene, "b/two/.Work/new", &other), 1);
	expect_owner(other, 25003, 0600, 2);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *file =
		    g_build_filename(scene.root, "db", files[i], NULL);

		expect_owner(file, 25003, 0600, 1);
	}
	scene_close(&scene);
}
END_TEST

UNIT_MAIN("store/delivery/store mailbox", test_by_attribute, test_bad_options,
	  test_folders, test_no_folder, test_folder_comes_back,
	  test_once_in_all_folders, test_quota, test_warning,
	  test_warning_of_sending, test_owners, test_one_owner)
