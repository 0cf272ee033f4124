#include "tests/unit/store/submission/mails.h"
#include "tests/unit/store/submission/office.h"

/* What people, programs and file systems put into an Outbox. */

#define TO_ANY HEAD "To: a@x.example\n"

/* ---- contents ---------------------------------------------------------- */

static const struct {
	const char *what, *text;
	size_t size;
	const char *sent; /* ends so, NULL: it goes back to its owner */
} contents[] = {
#define TEXT(s) s, sizeof(s) - 1
    {"NUL in the body", TEXT(TO_ANY "\na\0b\n"), "\r\n\r\na"},
    {"NUL in the header", TEXT(HEAD "To: a@x.example\0\n\nx\n"), NULL},
    {"NUL at the start", TEXT("\0" TO_ANY "\nx\n"), NULL},
    {"bare LF and CRLF in turn", TEXT(TO_ANY "\na\r\nb\nc\r\n"),
     "\r\n\r\na\r\nb\r\nc\r\n"},
    {"CRLF in the header alone",
     TEXT("From: nuno@example.com\r\nTo: a@x.example\r\n\r\na\nb"),
     "\r\n\r\na\r\nb\r\n"},
    {"a dot alone, after each line end", TEXT(TO_ANY "\n.\n.\r\n..\n\r\n.\n"),
     "\r\n\r\n.\r\n.\r\n..\r\n\r\n.\r\n"},
    {"no end of the last line", TEXT(TO_ANY "\nabc"), "\r\n\r\nabc\r\n"},
    {"header without body", TEXT("From: nuno@example.com\nTo: a@x.example"),
     "To: a@x.example\r\n\r\n"},
    {"no From", TEXT("To: a@x.example\n\nx\n"), NULL},
    {"From without an address", TEXT("From: Nuno\nTo: a@x.example\n\n"), NULL},
    {"cut in a field", TEXT("From: nuno@example.com\nTo"), NULL},
    {"zero bytes", TEXT(""), NULL},
    {"one byte", TEXT("\n"), NULL},
};

START_TEST(test_contents)
{
	for (size_t i = 0; i < G_N_ELEMENTS(contents); i++) {
		g_autofree char *where = NULL;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		lab_put(&lab, "new", "1.M1.h", contents[i].text,
			contents[i].size);
		ck_assert_int_eq(lab_run(&lab), -1);
		where = lab_where(&lab);
		ck_assert_msg(
		    strcmp(where,
			   contents[i].sent != NULL
			       ? "out0 work0 state0 sent1 drafts0 in0"
			       : "out0 work0 state0 sent0 drafts1 in1") == 0,
		    "%s: %s", contents[i].what, where);
		if (contents[i].sent != NULL) {
			const struct fake_mail *mail = fake.mails->pdata[0];

			ck_assert_msg(g_str_has_suffix(mail->content->str,
						       contents[i].sent),
				      "%s: %s", contents[i].what,
				      mail->content->str);
		}
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

/* With a hole, which is there at once; nobody reads it. */
START_TEST(test_200_megabytes)
{
	g_autofree char *path = NULL, *where = NULL, *notice = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_ANY "\n", strlen(TO_ANY "\n"));
	path = g_build_filename(lab.box, ".Outbox/new/1.M1.h", NULL);
	ck_assert_int_eq(truncate(path, (off_t)200 * 1024 * 1024), 0);
	ck_assert_int_eq(lab_run(&lab), -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent0 drafts1 in1");
	notice = lab_content(&lab, "new");
	ck_assert_ptr_nonnull(
	    strstr(notice, "it has 209715200 bytes, 1000000 are allowed"));
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

static GString *
to_many(guint n)
{
	GString *text = g_string_new(HEAD "To: ");

	for (guint i = 0; i < n; i++)
		g_string_append_printf(text, "%su%u@x.example", i ? ",\n " : "",
				       i);
	return g_string_append(text, "\n\nx\n");
}

/* As many as the owner may have, and one more, and 5,000. */
START_TEST(test_many_recipients)
{
	static const guint counts[] = {50, 51, 5000};

	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
		g_autoptr(GString) text = to_many(counts[i]);
		g_autofree char *where = NULL;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		lab_put(&lab, "new", "1.M1.h", text->str, text->len);
		ck_assert_int_eq(lab_run(&lab), -1);
		where = lab_where(&lab);
		ck_assert_str_eq(where,
				 counts[i] <= 50
				     ? "out0 work0 state0 sent1 drafts0 in0"
				     : "out0 work0 state0 sent0 drafts1 in1");
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

/* Each of 5,000 gets it once, of a server that takes all of them together, or
 * a part in each transaction. */
START_TEST(test_5000_are_accepted)
{
	static const guint most[] = {0, 5000, 999};
	static const enum ph_column columns[] = {PH_COL_EVENT_ID,
						 PH_COL_RECIPIENT_COUNT};

	for (size_t i = 0; i < G_N_ELEMENTS(most); i++) {
		g_autoptr(GString) text = to_many(5000);
		g_autoptr(GHashTable) got =
		    g_hash_table_new(g_str_hash, g_str_equal);
		g_autofree char *where = NULL, *rows = NULL;
		struct fake fake;
		struct lab lab;
		guint n = 0;

		in_memory();
		fake_open(&fake, NULL);
		fake.most = most[i];
		lab_open(&lab, &fake);
		lab.local = "many";
		g_free(lab.box);
		lab.box = g_build_filename(lab.path, "db1", "example.com",
					   lab.local, NULL);
		g_string_replace(text, "<nuno@", "<many@", 1);
		lab_put(&lab, "new", "1.M1.h", text->str, text->len);
		ck_assert_int_eq(lab_run(&lab), -1);
		where = lab_where(&lab);
		ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
		for (guint k = 0; k < fake.mails->len; k++) {
			const struct fake_mail *mail = fake.mails->pdata[k];

			for (guint j = 0; j < mail->rcpts->len; j++, n++)
				g_hash_table_add(got, mail->rcpts->pdata[j]);
		}
		ck_assert_uint_eq(n, 5000);
		ck_assert_uint_eq(g_hash_table_size(got), 5000);
		ck_assert_uint_eq(fake.mails->len, most[i] == 999 ? 6 : 1);
		rows = lab_rows(&lab, columns, G_N_ELEMENTS(columns));
		ck_assert_str_eq(rows,
				 most[i] == 999
				     ? "RECEIVE|5000\nSUBMIT|999\n"
				       "SUBMIT|999\nSUBMIT|999\nSUBMIT|999\n"
				       "SUBMIT|999\nSUBMIT|5\n"
				     : "RECEIVE|5000\nSUBMIT|5000\n");
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

/* A server takes so many in one transaction: each gets it once, at once. */
START_TEST(test_too_many_for_the_server)
{
	static const struct fake_rule rules[] = {
	    {1, "RCPT TO:<c@", "452 4.5.3 Too many recipients"},
	    {1, "RCPT TO:<d@", "452 4.5.3 Too many recipients"},
	    {2, "RCPT TO:<d@", "452 4.5.3 Too many recipients"},
	    {0, NULL, NULL}};
	static const guint each[] = {2, 1, 1};
	g_autofree char *where = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, rules);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(fake.mails->len, G_N_ELEMENTS(each));
	for (size_t i = 0; i < G_N_ELEMENTS(each); i++)
		ck_assert_uint_eq(
		    ((struct fake_mail *)fake.mails->pdata[i])->rcpts->len,
		    each[i]);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* ---- names ------------------------------------------------------------- */

START_TEST(test_names)
{
	static const char *const names[] = {
	    "a",	 "1.M1.h:2,", ":2,S",
	    "1 2.h:2,S", "1\n2\t.h",  "1\xff\xfe.h:2,FS",
	    "[item]",	 "=",	      "1.h:2,S:2,S",
	    "%s%n",	 "~",	      "-rf"};
	g_autofree char *longest = g_strnfill(255, 'x');

	for (size_t i = 0; i <= G_N_ELEMENTS(names); i++) {
		const char *name = i < G_N_ELEMENTS(names) ? names[i] : longest;
		g_autofree char *where = NULL;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		lab_put(&lab, "cur", name, TO_ANY "\n", strlen(TO_ANY "\n"));
		ck_assert_msg(lab_run(&lab) == -1, "%s", name);
		where = lab_where(&lab);
		ck_assert_msg(strcmp(where, "out0 work0 state0 sent1 drafts0 "
					    "in0") == 0,
			      "%s: %s", name, where);
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

/* ---- what is no file, or no more --------------------------------------- */

/* Seen, and gone before it is claimed, or after. */
START_TEST(test_vanishes)
{
	struct ph_box_name *name =
	    ph_box_name_new("DB1", "example.com", "nuno");
	g_autofree char *where = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	ck_assert_int_eq(ph_item_run(&lab.submission, name, "new", "1.M1.h"),
			 -1);
	ck_assert_int_eq(ph_item_run(&lab.submission, name, NULL, "1.M1.h"),
			 -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent0 drafts0 in0");
	fake_close(&fake);
	lab_close(&lab);
	ph_box_name_free(&name);
}
END_TEST

/* Beside them a good one is sent, and they stay. */
START_TEST(test_no_files)
{
	g_autofree char *outbox = NULL, *secret = NULL;
	char *names[4];
	struct office office;

	office_open(&office, NULL);
	make_outbox(&office.lab);
	outbox = lab_folder(&office.lab, ".Outbox/new");
	secret = g_build_filename(office.lab.path, "secret", NULL);
	ck_assert(g_file_set_contents(secret, MESSAGE, -1, NULL));
	for (int i = 0; i < 4; i++)
		names[i] =
		    g_strdup_printf("%s/%s%d.x", outbox, i == 3 ? "." : "", i);
	ck_assert_int_eq(symlink(secret, names[0]), 0);
	ck_assert_int_eq(mkfifo(names[1], 0600), 0);
	ck_assert_int_eq(mkdir(names[2], 0700), 0);
	ck_assert(g_file_set_contents(names[3], MESSAGE, -1, NULL));
	office_start(&office, 100);
	for (guint i = 1; i <= 3; i++) {
		g_autofree char *name = g_strdup_printf("%u.good", i);
		g_autofree char *so =
		    g_strdup_printf("out4 work0 state0 sent%u drafts0 in0", i);

		move_in(&office.lab, "new", name);
		wait_for(&office.lab, so);
	}
	for (int i = 0; i < 4; i++)
		g_free(names[i]);
	office_close(&office);
}
END_TEST

UNIT_MAIN("store/submission/bad", test_contents, test_200_megabytes,
	  test_many_recipients, test_5000_are_accepted,
	  test_too_many_for_the_server, test_names, test_vanishes,
	  test_no_files)
