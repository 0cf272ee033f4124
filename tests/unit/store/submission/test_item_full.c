#include "tests/unit/store/submission/lab.h"
#include "tests/unit/store/submission/mails.h"

/* A mailbox that is too large to send. */

static void
open_limited(struct lab *lab, struct fake *fake, const char *limit)
{
	g_autofree char *database =
	    g_strconcat("database|DB1|Servers=MBX1,MBX2|Active=MBX1|"
			"ProhibitSendQuota=",
			limit, NULL);

	fake_open(fake, NULL);
	lab_open(lab, fake);
	ph_snapshot_unref(&lab->snapshot);
	lab->snapshot = lab_snapshot_with(fake->port, NULL, database);
}

/* It says how large it is. Its path; g_free. */
static char *
put_large(const struct lab *lab, const char *name)
{
	g_autofree char *new = lab_folder(lab, "new");
	char *path = g_build_filename(new, name, NULL);

	ck_assert_int_eq(g_mkdir_with_parents(new, 0700), 0);
	ck_assert(g_file_set_contents(path, "x", 1, NULL));
	return path;
}

/* Back to Drafts, with a delivery report. The database's limit counts for whom
 * has none, and what is as large as it may be sends. */
START_TEST(test_too_full)
{
	static const struct {
		const char *limit, *where;
	} full[] = {
	    {"1KB", "out0 work0 state0 sent0 drafts1 in2"},
	    {"1100", "out0 work0 state0 sent1 drafts0 in1"},
	    {"unlimited", "out0 work0 state0 sent1 drafts0 in1"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(full); i++) {
		g_autofree char *other = NULL, *where = NULL;
		struct fake fake;
		struct lab lab;

		open_limited(&lab, &fake, full[i].limit);
		other = put_large(&lab, "1.M2.h,S=1100");
		lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
		ck_assert_int_eq(lab_run(&lab), -1);
		where = lab_where(&lab);
		ck_assert_msg(strcmp(where, full[i].where) == 0, "%s: %s",
			      full[i].limit, where);
		if (i == 0) {
			g_autofree char *events = lab_events(&lab);
			g_autofree char *notice = NULL;

			ck_assert_str_eq(events, "SUBMITFAIL");
			ck_assert_int_eq(unlink(other), 0);
			notice = lab_content(&lab, "new");
			ck_assert_ptr_nonnull(
			    strstr(notice, "\nStatus: 5.2.2\n"));
		}
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

static void
send_one(struct lab *lab, const char *name, gsize fill, const char *where)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *is = NULL;

	g_string_printf(text,
			"From: nuno@example.com\nMessage-ID: <%s>\n"
			"Date: Thu, 1 Jan 2015 10:00:00 +0000\n"
			"To: mota@example.com\n\n",
			name);
	for (gsize i = 0; i < fill; i++)
		g_string_append_c(text, i % 70 == 69 ? '\n' : 'x');
	lab_put(lab, "new", name, text->str, text->len);
	ck_assert_int_eq(lab_run(lab), -1);
	is = lab_where(lab);
	ck_assert_msg(strcmp(is, where) == 0, "%s: %s", name, is);
}

static void
empty(const struct lab *lab, const char *folder)
{
	g_autoptr(GPtrArray) names = lab_list(lab, folder);

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path =
		    g_build_filename(lab->box, folder, names->pdata[i], NULL);

		ck_assert_int_eq(unlink(path), 0);
	}
}

/* Without "maildirsize": what is put there meanwhile shows that folders are
 * counted only when what is known, and was sent since, comes near the limit; a
 * refusal is never from memory. */
START_TEST(test_size_is_remembered)
{
	g_autofree char *large = NULL;
	struct fake fake;
	struct lab lab;

	open_limited(&lab, &fake, "40000");
	send_one(&lab, "1.M1.h", 0, "out0 work0 state0 sent1 drafts0 in0");
	large = put_large(&lab, "1.M2.h,S=50000");
	send_one(&lab, "1.M3.h", 0, "out0 work0 state0 sent2 drafts0 in1");
	send_one(&lab, "1.M4.h", 39900, "out0 work0 state0 sent2 drafts1 in2");
	send_one(&lab, "1.M5.h", 0, "out0 work0 state0 sent2 drafts2 in3");
	empty(&lab, "new");
	empty(&lab, ".Drafts/cur");
	send_one(&lab, "1.M6.h", 0, "out0 work0 state0 sent3 drafts0 in0");
	/* What is sent fills it: 0, 16, 32, 48 thousand. */
	for (guint i = 0; i < 3; i++) {
		g_autofree char *name = g_strdup_printf("1.M1%u.h", i);
		g_autofree char *where = g_strdup_printf(
		    "out0 work0 state0 sent%u drafts0 in0", 4 + i);

		send_one(&lab, name, 16000, where);
	}
	send_one(&lab, "1.M20.h", 0, "out0 work0 state0 sent6 drafts1 in1");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* "maildirsize" is newer than what is remembered. */
START_TEST(test_size_file_counts)
{
	g_autofree char *path = NULL;
	struct fake fake;
	struct lab lab;

	open_limited(&lab, &fake, "40000");
	send_one(&lab, "1.M1.h", 0, "out0 work0 state0 sent1 drafts0 in0");
	path = g_build_filename(lab.box, "maildirsize", NULL);
	ck_assert(g_file_set_contents(path, "0S\n40001 1\n", -1, NULL));
	send_one(&lab, "1.M2.h", 0, "out0 work0 state0 sent1 drafts1 in1");
	ck_assert(g_file_set_contents(path, "0S\n40000 1\n", -1, NULL));
	send_one(&lab, "1.M3.h", 0, "out0 work0 state0 sent2 drafts1 in1");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

UNIT_MAIN("store/submission/item_full", test_too_full, test_size_is_remembered,
	  test_size_file_counts)
