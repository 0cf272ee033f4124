#include "lib/fork/plan.h"

#include "lib/base/clock.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY ((int64_t)24 * 3600 * 1000)

static char *dir;
static struct ph_plans *plans;

static void
set_up(void)
{
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *path = NULL;

	dir = unit_mkdir();
	path = g_build_filename(dir, "forks", NULL);
	ck_assert_msg(ph_plans_open(path, &plans, &err) == 0, "%s", err.text);
}

static void
tear_down(void)
{
	ph_plans_close(&plans);
	ck_assert_ptr_null(plans);
	unit_rmdir(&dir);
}

static void
add_values(struct ph_plan_group *group, const char *name, const char *a,
	   const char *b)
{
	struct ph_plan_header *header = ph_plan_add_header(group, name);

	if (a != NULL)
		g_ptr_array_add(header->values, g_strdup(a));
	if (b != NULL)
		g_ptr_array_add(header->values, g_strdup(b));
}

static struct ph_plan *
make_plan(void)
{
	struct ph_plan *plan = ph_plan_new();
	struct ph_plan_group *copy = ph_plan_add_group(plan, PH_PLAN_COPY);
	struct ph_plan_group *report = ph_plan_add_group(plan, PH_PLAN_REPORT);
	struct ph_plan_group *notice;
	struct ph_plan_recipient *r;

	plan->queue_id = g_strdup("4ABC");
	plan->sender = g_strdup("\"a b\"@x.test");
	plan->ret = g_strdup("HDRS");
	plan->envid = g_strdup("id+2B1");
	plan->eight_bit = true;
	plan->utf8 = true;
	g_strlcpy(plan->nmid, "01234567-89ab-8def-8123-456789abcdef",
		  sizeof(plan->nmid));
	plan->message_id = g_strdup("<m@x.test>");
	plan->subject = g_strdup("čau \"x\"");
	plan->size = 123456789012;
	plan->created = 1763765452123;
	r = ph_plan_add_recipient(copy, "bob@x.test", "robert@x.test");
	r->notify = g_strdup("SUCCESS,FAILURE");
	r->orcpt = g_strdup("rfc822;robert@x.test");
	ph_plan_add_recipient(copy, "ж@x.test", NULL);
	add_values(copy, "Subject", "caf\xe9", "one\n two\n\tthree");
	add_values(copy, "X-Gone", NULL, NULL);
	ph_plan_add_recipient(report, "eve@x.test", "eve@x.test");
	report->code = g_strdup("550");
	report->enhanced = g_strdup("5.7.1");
	report->text = g_strdup("Не можна");
	notice = ph_plan_add_group(plan, PH_PLAN_NOTICE);
	notice->text = g_strdup("Картка");
	ph_plan_add_recipient(notice, "eve@x.test", NULL);
	return plan;
}

static void
check_recipient(const struct ph_plan_group *group, guint i, const char *address,
		const char *original, const char *notify, const char *orcpt)
{
	const struct ph_plan_recipient *r = group->recipients->pdata[i];

	ck_assert_str_eq(r->address, address);
	ck_assert_pstr_eq(r->original, original);
	ck_assert_pstr_eq(r->notify, notify);
	ck_assert_pstr_eq(r->orcpt, orcpt);
}

static void
check_groups(const struct ph_plan *plan)
{
	const struct ph_plan_group *copy, *report, *notice;
	const struct ph_plan_header *header;

	ck_assert_uint_eq(plan->groups->len, 3);
	copy = plan->groups->pdata[0];
	report = plan->groups->pdata[1];
	ck_assert_int_eq(copy->kind, PH_PLAN_COPY);
	ck_assert_uint_eq(copy->recipients->len, 2);
	check_recipient(copy, 0, "bob@x.test", "robert@x.test",
			"SUCCESS,FAILURE", "rfc822;robert@x.test");
	check_recipient(copy, 1, "ж@x.test", NULL, NULL, NULL);
	ck_assert_uint_eq(copy->headers->len, 2);
	header = copy->headers->pdata[0];
	ck_assert_str_eq(header->name, "Subject");
	ck_assert_uint_eq(header->values->len, 2);
	ck_assert_str_eq(header->values->pdata[0], "caf\xe9");
	ck_assert_str_eq(header->values->pdata[1], "one\n two\n\tthree");
	header = copy->headers->pdata[1];
	ck_assert_uint_eq(header->values->len, 0);
	ck_assert_int_eq(report->kind, PH_PLAN_REPORT);
	check_recipient(report, 0, "eve@x.test", "eve@x.test", NULL, NULL);
	ck_assert_str_eq(report->code, "550");
	ck_assert_str_eq(report->enhanced, "5.7.1");
	ck_assert_str_eq(report->text, "Не можна");
	notice = plan->groups->pdata[2];
	ck_assert_int_eq(notice->kind, PH_PLAN_NOTICE);
	check_recipient(notice, 0, "eve@x.test", NULL, NULL, NULL);
	ck_assert_str_eq(notice->text, "Картка");
}

START_TEST(all_of_it)
{
	struct ph_plan *plan = make_plan(), *again = NULL;
	g_autofree char *token = ph_plan_token(plan, 1);
	size_t group = 99;

	set_up();
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	ck_assert_int_eq(ph_plans_read(plans, token, &again, &group, NULL), 1);
	ck_assert_uint_eq(group, 1);
	ck_assert_str_eq(again->id, plan->id);
	ck_assert_str_eq(again->queue_id, "4ABC");
	ck_assert_str_eq(again->sender, "\"a b\"@x.test");
	ck_assert_str_eq(again->ret, "HDRS");
	ck_assert_str_eq(again->envid, "id+2B1");
	ck_assert(again->eight_bit && again->utf8);
	ck_assert_str_eq(again->nmid, plan->nmid);
	ck_assert_str_eq(again->message_id, "<m@x.test>");
	ck_assert_str_eq(again->subject, "čau \"x\"");
	ck_assert_uint_eq(again->size, 123456789012);
	ck_assert_int_eq(again->created, 1763765452123);
	check_groups(again);
	ph_plan_free(&again);
	ph_plan_free(&plan);
	ck_assert_ptr_null(plan);
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

/* Of a plan that is there: none of these may reach it, or anything else. */
START_TEST(tokens)
{
	static const char *const bad[] = {
	    "",
	    ".",
	    ".0",
	    "%s",
	    "%s.",
	    "%s.3",
	    "%s.00",
	    "%s.01",
	    "%s.-1",
	    "%s.+0",
	    "%s.0 ",
	    "%s.0.0",
	    "%s.0x",
	    "../%s.0",
	    "/%s.0",
	    "./%s.0",
	    "%s/.0",
	    "%s.1000000",
	    "%s.18446744073709551616",
	    "%s%%.0",
	};
	struct ph_plan *plan = make_plan(), *again = NULL;
	g_autofree char *long_one = g_strnfill(300, 'a');
	struct ph_err err = PH_ERR_INIT;
	size_t group;

	set_up();
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_auto(GStrv) parts = g_strsplit(bad[i], "%s", -1);
		g_autofree char *token = g_strjoinv(plan->id, parts);

		ck_assert_msg(
		    ph_plans_read(plans, token, &again, &group, NULL) == 0,
		    "%s", token);
	}
	ck_assert_int_eq(ph_plans_read(plans, long_one, &again, &group, NULL),
			 0);
	ck_assert_int_eq(ph_plans_read(plans, "nobody.0", &again, &group, NULL),
			 0);
	ck_assert_int_eq(ph_plans_note_done(plans, "../x.0", &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_int_eq(ph_plans_is_done(plans, "x", NULL), -1);
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

START_TEST(notes)
{
	struct ph_plan *plan = make_plan();
	g_autofree char *first = ph_plan_token(plan, 0);
	g_autofree char *second = ph_plan_token(plan, 1);

	set_up();
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	ck_assert_int_eq(ph_plans_is_done(plans, first, NULL), 0);
	ck_assert_int_eq(ph_plans_note_done(plans, first, NULL), 0);
	ck_assert_int_eq(ph_plans_note_done(plans, first, NULL), 0);
	ck_assert_int_eq(ph_plans_is_done(plans, first, NULL), 1);
	ck_assert_int_eq(ph_plans_is_done(plans, second, NULL), 0);
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

static char *note_path(const struct ph_plan *plan, size_t i, const char *kind);

static void
ck_told(const char *token, guint n, guint last)
{
	g_autoptr(GArray) told = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_plans_read_told(plans, token, &told, &err) == 0, "%s",
		      err.text);
	ck_assert_uint_eq(told->len, n);
	if (n > 0)
		ck_assert_uint_eq(g_array_index(told, guint, n - 1), last);
}

START_TEST(those_that_were_told_about)
{
	static const char *const bad[] = {"x\n", "1",	  "-1\n",
					  "\n",	 "1\n\n", "4294967295\n"};
	struct ph_plan *plan = make_plan();
	g_autofree char *token = ph_plan_token(plan, 0);
	g_autoptr(GArray) told = g_array_new(FALSE, FALSE, sizeof(guint));
	g_autofree char *path = NULL;
	struct ph_err err = PH_ERR_INIT;
	GArray *none = NULL;

	set_up();
	path = note_path(plan, 0, ".told");
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	ck_told(token, 0, 0);
	for (guint i = 0; i < 20; i += 10) {
		g_array_append_val(told, i);
		ck_assert_int_eq(ph_plans_note_told(plans, token, told, NULL),
				 0);
		ck_told(token, told->len, i);
	}
	ck_assert_int_eq(ph_plans_is_done(plans, token, NULL), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		ck_assert(g_file_set_contents(path, bad[i], -1, NULL));
		ck_assert_int_eq(ph_plans_read_told(plans, token, &none, &err),
				 -1);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_ptr_null(none);
	}
	ck_assert_int_eq(ph_plans_read_told(plans, "x", &none, NULL), -1);
	ck_assert_int_eq(ph_plans_note_told(plans, "../x.0", told, NULL), -1);
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

static guint
count_files(void)
{
	g_autofree char *path = g_build_filename(dir, "forks", NULL);
	GDir *names = g_dir_open(path, 0, NULL);
	guint n = 0;

	while (g_dir_read_name(names) != NULL)
		n++;
	g_dir_close(names);
	return n;
}

/* An id may come again, when its plan is gone. */
START_TEST(notes_of_an_earlier_plan)
{
	struct ph_plan *plan = make_plan();
	g_autofree char *token = ph_plan_token(plan, 0);
	g_autofree char *name = g_strconcat(plan->id, ".json", NULL);
	g_autoptr(GArray) told = g_array_new(FALSE, FALSE, sizeof(guint));
	g_autofree char *path = NULL;
	guint index = 1;

	set_up();
	path = g_build_filename(dir, "forks", name, NULL);
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	ck_assert_int_eq(ph_plans_note_done(plans, token, NULL), 0);
	g_array_append_val(told, index);
	ck_assert_int_eq(ph_plans_note_told(plans, token, told, NULL), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(ph_plans_is_done(plans, token, NULL), 1);
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	ck_assert_int_eq(ph_plans_is_done(plans, token, NULL), 0);
	ck_told(token, 0, 0);
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

/* What would end an SMTP command or a file name: the milter hears it. */
START_TEST(not_fit_to_be_written)
{
	struct ph_err err = PH_ERR_INIT;

	set_up();
	for (int i = 0; i < 9; i++) {
		struct ph_plan *plan = make_plan();
		struct ph_plan_group *copy = plan->groups->pdata[0];
		struct ph_plan_recipient *r = copy->recipients->pdata[0];
		struct ph_plan_header *h = copy->headers->pdata[0];
		char **text[] = {&r->address, &r->orcpt,    &plan->sender,
				 &plan->id,   &plan->envid, &h->name,
				 &r->notify,  &r->address,  &plan->queue_id};
		const char *value[] = {
		    "a@x\r\nRCPT TO:<b@x>", "rfc822;a b", "a@x\n",
		    "../../etc/x",	    "a\tb",	  "Subject:",
		    "NEVER ORCPT=x",	    "",		  NULL};

		g_free(*text[i]);
		*text[i] = g_strdup(value[i]);
		err.kind = PH_ERR_NONE;
		ck_assert_msg(ph_plans_write(plans, plan, &err) < 0, "%d", i);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
		ph_plan_free(&plan);
	}
	ck_assert_uint_eq(count_files(), 0);
	tear_down();
}
END_TEST

static char *
plan_path(const char *id)
{
	g_autofree char *name = g_strconcat(id, ".json", NULL);

	return g_build_filename(dir, "forks", name, NULL);
}

/* A plan that was written, changed by a hand that did not know it. */
START_TEST(damaged)
{
	static const char *const changes[][2] = {
	    {"\"version\": 1", "\"version\": 2"},
	    {"\"version\": 1", "\"version\": \"1\""},
	    {"\"version\": 1", "\"version\": 1, \"more\": 1"},
	    {"\"version\": 1", "\"version\": 1, \"version\": 1"},
	    {"\"sender\"", "\"sendr\""},
	    {"\"copy\"", "\"coyp\""},
	    {"\"550\"", "\"5500\""},
	    {"\"550\"", "550"},
	    {"\"bob@x.test\"", "\"bob@x.test\\r\\n\""},
	    {"\"bob@x.test\"", "\"bob@x\\u0000\""},
	    {"\"bob@x.test\"", "{\"base64\": \"AGI=\"}"},
	    {"\"bob@x.test\"", "{\"base64\": \"YQ==\", \"x\": 1}"},
	    {"\"base64\"", "\"base65\""},
	    {"123456789012", "-1"},
	    {"true", "1"},
	    {"01234567-89ab", "01234567-89xb"},
	    {"}\n", "}\nx"},
	    {"}\n", ""},
	};
	g_autofree char *text = NULL, *path = NULL, *token = NULL;
	struct ph_plan *plan = make_plan(), *again = NULL;
	struct ph_err err = PH_ERR_INIT;
	size_t group;

	set_up();
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	token = ph_plan_token(plan, 0);
	path = plan_path(plan->id);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
		char *at = g_strrstr(text, changes[i][0]);
		g_autofree char *bad = NULL;

		ck_assert_ptr_nonnull(at);
		bad =
		    g_strdup_printf("%.*s%s%s", (int)(at - text), text,
				    changes[i][1], at + strlen(changes[i][0]));
		ck_assert(g_file_set_contents(path, bad, -1, NULL));
		err.kind = PH_ERR_NONE;
		ck_assert_msg(
		    ph_plans_read(plans, token, &again, &group, &err) < 0, "%s",
		    changes[i][1]);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_ptr_null(again);
	}
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

/* Cut anywhere, by a disk or a hand: never half a plan. */
START_TEST(cut)
{
	g_autofree char *text = NULL, *path = NULL, *token = NULL;
	struct ph_plan *plan = make_plan(), *again = NULL;
	size_t group;
	gsize size;

	set_up();
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	token = ph_plan_token(plan, 0);
	path = plan_path(plan->id);
	ck_assert(g_file_get_contents(path, &text, &size, NULL));
	for (gsize n = 0; n + 1 < size; n += 7) {
		ck_assert(g_file_set_contents(path, text, (gssize)n, NULL));
		ck_assert_int_eq(
		    ph_plans_read(plans, token, &again, &group, NULL), -1);
	}
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

START_TEST(no_files)
{
	g_autofree char *token = NULL, *path = NULL, *other = NULL;
	struct ph_plan *plan = make_plan(), *again = NULL;
	struct ph_err err = PH_ERR_INIT;
	size_t group;

	set_up();
	token = ph_plan_token(plan, 0);
	path = plan_path(plan->id);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(ph_plans_read(plans, token, &again, &group, &err), -1);
	ck_assert_int_eq(g_unlink(path), 0);
	ck_assert_int_eq(g_mkdir(path, 0700), 0);
	ck_assert_int_eq(ph_plans_read(plans, token, &again, &group, &err), -1);
	ck_assert_int_eq(g_rmdir(path), 0);
	/* Another's plan under this name. */
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	other = plan_path("other");
	ck_assert_int_eq(g_rename(path, other), 0);
	ck_assert_int_eq(ph_plans_read(plans, "other.0", &again, &group, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

START_TEST(directory_is_none)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_plans_open("/dev/null", &plans, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
}
END_TEST

static void
make_old(const char *path, int64_t age)
{
	int64_t then = (ph_clock_wall() - age) / 1000;
	const struct timespec times[] = {{.tv_sec = then}, {.tv_sec = then}};

	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static char *
note_path(const struct ph_plan *plan, size_t i, const char *kind)
{
	g_autofree char *token = ph_plan_token(plan, i);
	g_autofree char *name = g_strconcat(token, kind, NULL);

	return g_build_filename(dir, "forks", name, NULL);
}

START_TEST(tidy)
{
	struct ph_plan *old = make_plan(), *young = make_plan();
	g_autofree char *done = ph_plan_token(old, 0);
	g_autofree char *kept = ph_plan_token(young, 1);
	g_autofree char *old_path = NULL, *note = NULL, *orphan = NULL;
	g_autofree char *rest = NULL, *foreign = NULL, *told_path = NULL;
	g_autofree char *told_orphan = NULL;
	g_autoptr(GArray) told = g_array_new(FALSE, FALSE, sizeof(guint));
	struct ph_plan *again = NULL;
	size_t group;

	set_up();
	ck_assert_int_eq(ph_plans_write(plans, old, NULL), 0);
	ck_assert_int_eq(ph_plans_write(plans, young, NULL), 0);
	ck_assert_int_eq(ph_plans_note_done(plans, done, NULL), 0);
	ck_assert_int_eq(ph_plans_note_done(plans, kept, NULL), 0);
	ck_assert_int_eq(ph_plans_note_done(plans, "gone.0", NULL), 0);
	ck_assert_int_eq(ph_plans_note_told(plans, "gone.0", told, NULL), 0);
	ck_assert_int_eq(ph_plans_note_told(plans, done, told, NULL), 0);
	old_path = plan_path(old->id);
	note = note_path(old, 0, ".done");
	told_path = note_path(old, 0, ".told");
	told_orphan = g_build_filename(dir, "forks", "gone.0.told", NULL);
	orphan = g_build_filename(dir, "forks", "gone.0.done", NULL);
	rest = g_build_filename(dir, "forks", ".x.tmp", NULL);
	foreign = g_build_filename(dir, "forks", "README", NULL);
	ck_assert(g_file_set_contents(rest, "{", 1, NULL));
	ck_assert(g_file_set_contents(foreign, "x", 1, NULL));
	make_old(old_path, 2 * DAY);
	make_old(orphan, 2 * DAY);
	make_old(told_orphan, 2 * DAY);
	make_old(rest, 2 * DAY);
	make_old(foreign, 2 * DAY);
	ck_assert_uint_eq(ph_plans_tidy(plans, 3 * DAY), 0);
	ck_assert_uint_eq(count_files(), 9);
	ck_assert_uint_eq(ph_plans_tidy(plans, DAY), 1);
	ck_assert(!g_file_test(old_path, G_FILE_TEST_EXISTS));
	ck_assert(!g_file_test(note, G_FILE_TEST_EXISTS));
	ck_assert(!g_file_test(told_path, G_FILE_TEST_EXISTS));
	ck_assert(!g_file_test(told_orphan, G_FILE_TEST_EXISTS));
	ck_assert(!g_file_test(orphan, G_FILE_TEST_EXISTS));
	ck_assert(!g_file_test(rest, G_FILE_TEST_EXISTS));
	ck_assert(g_file_test(foreign, G_FILE_TEST_EXISTS));
	ck_assert_int_eq(ph_plans_read(plans, kept, &again, &group, NULL), 1);
	ck_assert_int_eq(ph_plans_is_done(plans, kept, NULL), 1);
	ph_plan_free(&again);
	ph_plan_free(&old);
	ph_plan_free(&young);
	tear_down();
}
END_TEST

/* A note that is old alone is what keeps its plan from running twice. */
START_TEST(old_note_of_a_plan)
{
	struct ph_plan *plan = make_plan();
	g_autofree char *token = ph_plan_token(plan, 0);
	g_autofree char *note = NULL;

	set_up();
	ck_assert_int_eq(ph_plans_write(plans, plan, NULL), 0);
	ck_assert_int_eq(ph_plans_note_done(plans, token, NULL), 0);
	note = note_path(plan, 0, ".done");
	make_old(note, 2 * DAY);
	ck_assert_uint_eq(ph_plans_tidy(plans, DAY), 0);
	ck_assert_int_eq(ph_plans_is_done(plans, token, NULL), 1);
	ph_plan_free(&plan);
	tear_down();
}
END_TEST

UNIT_MAIN("lib/fork/plans", all_of_it, tokens, notes,
	  those_that_were_told_about, notes_of_an_earlier_plan,
	  not_fit_to_be_written, damaged, cut, no_files, directory_is_none,
	  tidy, old_note_of_a_plan)
