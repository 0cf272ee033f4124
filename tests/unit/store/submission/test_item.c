#include "lib/directory/directory.h"
#include "tests/unit/store/submission/lab.h"
#include "tests/unit/store/submission/mails.h"

/* ---- outcomes ---------------------------------------------------------- */

#define WAITS 5000 /* retry_min */

static const struct {
	const char *what, *message;
	const struct fake_rule *rules;
	int64_t wait;
	const char *where, *events;
	guint mails; /* taken by the server */
} rows[] = {
    {"sent", TO_MOTA, NO_RULE, -1, "out0 work0 state0 sent1 drafts0 in0",
     "RECEIVE SUBMIT", 1},
    {"the first server refuses the connection", TO_MOTA,
     ALL({1, "greeting", "421 4.3.2 busy"}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"dies at the greeting", TO_MOTA, ALL({1, "greeting", NULL}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"dies at EHLO", TO_MOTA, ALL({1, "EHLO", NULL}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"dies at MAIL", TO_MOTA, ALL({1, "MAIL", NULL}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"dies at RCPT", TO_MOTA, ALL({1, "RCPT", NULL}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"dies at DATA", TO_MOTA, ALL({1, "DATA", NULL}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"dies in the body", TO_MOTA, ALL({1, "body", NULL}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"dies after the dot, having taken it: the next gets it as well", TO_MOTA,
     ALL({1, "dot", NULL}), -1, "out0 work0 state0 sent1 drafts0 in0",
     "RECEIVE SUBMIT", 2},
    {"4xx to MAIL", TO_MOTA, ALL({1, "MAIL", "451 4.3.0 later"}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"4xx to the only RCPT", TO_MOTA, ALL({1, "RCPT", "451 4.3.0 later"}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"4xx to DATA", TO_MOTA, ALL({1, "DATA", "451 4.3.0 later"}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"4xx to the message", TO_MOTA, ALL({1, "dot", "451 4.3.0 later"}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"no server answers", TO_MOTA, ALL({0, "greeting", NULL}), WAITS,
     "out1 work0 state1 sent0 drafts0 in0", "RECEIVE SUBMITDEFER", 0},
    {"no server takes it", TO_MOTA, ALL({0, "dot", "451 4.3.0 later"}), WAITS,
     "out1 work0 state1 sent0 drafts0 in0", "RECEIVE SUBMITDEFER", 0},
    {"5xx to MAIL", TO_MOTA, ALL({0, "MAIL", "550 5.7.1 not you"}), -1,
     "out0 work0 state0 sent0 drafts1 in1", "RECEIVE SUBMITFAIL", 0},
    {"a server that does not let us in", TO_MOTA,
     ALL({1, "MAIL", "530 5.7.0 STARTTLS first"}), -1,
     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT", 1},
    {"no server lets us in", TO_MOTA,
     ALL({0, "MAIL", "530 5.7.0 STARTTLS first"}), WAITS,
     "out1 work0 state1 sent0 drafts0 in0", "RECEIVE SUBMITDEFER", 0},
    {"5xx to the only RCPT", TO_MOTA, ALL({0, "RCPT", "550 5.1.1 who"}), -1,
     "out0 work0 state0 sent0 drafts1 in1", "RECEIVE SUBMITFAIL", 0},
    {"5xx to the message", TO_MOTA, ALL({0, "dot", "550 5.7.1 a rule"}), -1,
     "out0 work0 state0 sent0 drafts1 in1", "RECEIVE SUBMITFAIL", 0},
    {"every second recipient is refused", TO_FOUR,
     ALL({0, "RCPT TO:<b@", "550 5.1.1 who"},
	 {0, "RCPT TO:<d@", "550 5.1.1 who"}),
     -1, "out0 work0 state0 sent1 drafts0 in1", "RECEIVE SUBMIT SUBMITFAIL", 1},
    {"one recipient later: the item stays claimed", TO_FOUR,
     ALL({0, "RCPT TO:<b@", "450 4.2.0 later"}), WAITS,
     "out0 work1 state1 sent0 drafts0 in0", "RECEIVE SUBMIT SUBMITDEFER", 1},
    {"empty", "", NO_RULE, -1, "out0 work0 state0 sent0 drafts1 in1",
     "SUBMITFAIL", 0},
    {"no header", "\nhello\n", NO_RULE, -1,
     "out0 work0 state0 sent0 drafts1 in1", "SUBMITFAIL", 0},
    {"no header field", "hello\n\nhello\n", NO_RULE, -1,
     "out0 work0 state0 sent0 drafts1 in1", "SUBMITFAIL", 0},
    {"no recipients", HEAD "\nhello\n", NO_RULE, -1,
     "out0 work0 state0 sent0 drafts1 in1", "SUBMITFAIL", 0},
    {"a From of somebody else", "From: mota@example.com\nTo: a@x.example\n\n",
     NO_RULE, -1, "out0 work0 state0 sent0 drafts1 in1", "SUBMITFAIL", 0},
    {"no address at all among the recipients", HEAD "To: bob\n\n", NO_RULE, -1,
     "out0 work0 state0 sent0 drafts1 in1", "RECEIVE SUBMITFAIL", 0},
    {"one that is no address", HEAD "To: bob, mota@example.com\n\n", NO_RULE,
     -1, "out0 work0 state0 sent1 drafts0 in1", "RECEIVE SUBMIT SUBMITFAIL", 1},
};

START_TEST(test_outcomes)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *where = NULL, *events = NULL;
		struct fake fake;
		struct lab lab;
		int64_t wait;

		fake_open(&fake, rows[i].rules);
		lab_open(&lab, &fake);
		lab_put(&lab, "new", "1.M1.h", rows[i].message,
			strlen(rows[i].message));
		wait = lab_run(&lab);
		where = lab_where(&lab);
		events = lab_events(&lab);
		fake_close(&lab.fake[0]);
		ck_assert_msg(strcmp(where, rows[i].where) == 0, "%s: %s",
			      rows[i].what, where);
		ck_assert_msg(strcmp(events, rows[i].events) == 0, "%s: %s",
			      rows[i].what, events);
		ck_assert_msg(wait == rows[i].wait, "%s: %d", rows[i].what,
			      (int)wait);
		lab_close(&lab);
	}
}
END_TEST

/* fake_close frees what was taken, so this looks before. */
START_TEST(test_taken)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake fake;
		struct lab lab;

		fake_open(&fake, rows[i].rules);
		lab_open(&lab, &fake);
		lab_put(&lab, "cur", "1.M1.h:2,S", rows[i].message,
			strlen(rows[i].message));
		lab_run(&lab);
		ck_assert_msg(fake.mails->len == rows[i].mails, "%s: %u",
			      rows[i].what, fake.mails->len);
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

/* ---- what is sent, kept, told ------------------------------------------ */

START_TEST(test_content)
{
	static const char message[] =
	    "From: \"N\" <N.Uno@Example.com>\nTo: Mota <mota@example.com>,\n"
	    " MOTA@example.com\nBcc: secret@x.example\n"
	    "X-PostHub-SCL: -1\nx-posthub-authas: External\n"
	    "Subject: =?utf-8?q?Ol=C3=A1?=\n\n.dot\nJos\xc3\xa9\n";
	static const enum ph_column columns[] = {
	    PH_COL_CLIENT_HOSTNAME,  PH_COL_SERVER_HOSTNAME,
	    PH_COL_CONNECTOR_ID,     PH_COL_SOURCE,
	    PH_COL_EVENT_ID,	     PH_COL_RECIPIENT_ADDRESS,
	    PH_COL_RECIPIENT_STATUS, PH_COL_RECIPIENT_COUNT,
	    PH_COL_MESSAGE_SUBJECT,  PH_COL_SENDER_ADDRESS,
	    PH_COL_RETURN_PATH,	     PH_COL_DIRECTIONALITY,
	    PH_COL_CLIENT_IP};
	g_autofree char *sent = NULL, *track = NULL, *want = NULL, *id = NULL;
	const struct fake_mail *mail;
	const char *content, *server;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", message, strlen(message));
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(fake.mails->len, 1);
	mail = fake.mails->pdata[0];
	content = mail->content->str;
	ck_assert(
	    g_str_has_prefix(mail->from, "MAIL FROM:<nuno@example.com> SIZE="));
	ck_assert_ptr_nonnull(
	    strstr(mail->from, " AUTH=nuno@example.com BODY=8BITMIME"));
	ck_assert_ptr_null(strstr(mail->from, "SMTPUTF8"));
	ck_assert_uint_eq(mail->rcpts->len, 2);
	ck_assert_str_eq(mail->rcpts->pdata[0], "<mota@example.com>");
	ck_assert_str_eq(mail->rcpts->pdata[1], "<secret@x.example>");
	ck_assert(g_str_has_prefix(content,
				   "Received: from mbx1.example.com by "
				   "mbx1.example.com with MAPI (posthub)\r\n"));
	ck_assert_ptr_nonnull(
	    strstr(content, "\r\nX-PostHub-AuthAs: Internal\r\n"
			    "X-PostHub-AuthSource: mbx1.example.com\r\n"
			    "X-PostHub-AuthMechanism: 04\r\n"
			    "X-PostHub-OriginalClientIPAddress: 127.0.0.1\r\n"
			    "Date: "));
	ck_assert_ptr_nonnull(strstr(content, "\r\nMessage-ID: <"));
	ck_assert_ptr_nonnull(strstr(
	    content, "\r\nTo: Mota <mota@example.com>,\r\n MOTA@example.com"));
	ck_assert_ptr_null(strstr(content, "secret"));
	ck_assert_ptr_null(strstr(content, "SCL"));
	ck_assert_ptr_null(strstr(content, "External"));
	ck_assert(g_str_has_suffix(content, "\r\n\r\n.dot\r\nJos\xc3\xa9\r\n"));

	/* The Sent copy is what was sent, with Bcc. */
	sent = lab_content(&lab, ".Sent/cur");
	ck_assert(g_str_has_prefix(sent, "Date: "));
	ck_assert(g_str_has_suffix(sent, message));
	id = g_strndup(strstr(sent, "Message-ID:"),
		       strcspn(strstr(sent, "Message-ID:"), "\n"));
	ck_assert_ptr_nonnull(strstr(content, id));

	track = lab_rows(&lab, columns, G_N_ELEMENTS(columns));
	server = strstr(track, "|SUBMIT|") != NULL &&
			 strstr(track, "\nMBX1|mbx2.example.com|") != NULL
		     ? "mbx2.example.com"
		     : "mbx1.example.com";
#define COMMON                                                         \
	"2|Ol\xc3\xa1|N.Uno@Example.com|nuno@example.com|Originating|" \
	"127.0.0.1\n"
	want =
	    g_strdup_printf("mbx1.example.com|MBX1||STOREDRIVER|RECEIVE|"
			    "mota@example.com;secret@x.example|To;Bcc|" COMMON
			    "MBX1|%s||STOREDRIVER|SUBMIT|"
			    "mota@example.com;secret@x.example||" COMMON,
			    server);
	ck_assert_str_eq(track, want);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

START_TEST(test_notice)
{
	static const struct fake_rule rules[] = {
	    {0, "RCPT TO:<b@", "550-5.1.1 no\r\n550 5.1.1 such user"},
	    {0, NULL, NULL}};
	g_autofree char *text = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, rules);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	ck_assert_int_eq(lab_run(&lab), -1);
	text = lab_content(&lab, "new");
	ck_assert_ptr_nonnull(strstr(text, "From: postmaster@example.com\n"
					   "To: nuno@example.com\n"
					   "Subject: Undeliverable: x\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nIn-Reply-To: <1@example.com>\n"));
	ck_assert_ptr_nonnull(strstr(text, "multipart/report"));
	ck_assert_ptr_nonnull(
	    strstr(text, "\nFinal-Recipient: rfc822; b@x.example\n"
			 "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: "
			 "smtp; 550 5.1.1 no 550 5.1.1 such user\n"));
	ck_assert_ptr_null(strstr(text, "rfc822; a@x.example"));
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* What cannot be sent comes back byte for byte. */
START_TEST(test_returned)
{
	static const struct {
		const char *message, *reason;
	} refused[] = {
	    {"From: mota@example.com\nTo: a@x.example\n\n\x01\xff\n",
	     "nuno@example.com may not send as mota@example.com"},
	    {"From: nuno@example.com\nSender: mota@example.com\n"
	     "To: a@x.example\n\n",
	     "which its Sender names"},
	    {"From: nuno@example.com, mota@example.com\nTo: a@x.example\n\n",
	     "which its From names"},
	    {"To: a@x.example\n\n", "it has no From"},
	    {"From: nuno@example.com\nTo: undisclosed:;\n\n", "no recipients"},
	    {"\x01\x02\x03", "is no header field"},
	    {"From nuno@example.com Sun Nov 11 10:00:00 2012\nTo: a@x\n\n",
	     "is no header field"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
		const char *message = refused[i].message;
		g_autofree char *draft = NULL, *notice = NULL;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		lab_put(&lab, "new", "1.M1.h", message, strlen(message));
		ck_assert_int_eq(lab_run(&lab), -1);
		draft = lab_content(&lab, ".Drafts/cur");
		notice = lab_content(&lab, "new");
		ck_assert_str_eq(draft, message);
		ck_assert_msg(strstr(notice, refused[i].reason) != NULL,
			      "%s: %s", refused[i].reason, notice);
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

START_TEST(test_sizes)
{
	static const struct {
		int64_t limit;
		size_t size;
		const char *where;
	} sizes[] = {
	    {0, 1000000, "out0 work0 state0 sent1 drafts0 in0"},
	    {0, 1000001, "out0 work0 state0 sent0 drafts1 in1"},
	    {5000, 5000, "out0 work0 state0 sent1 drafts0 in0"},
	    {5000, 5001, "out0 work0 state0 sent0 drafts1 in1"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autofree char *message = g_malloc(sizes[i].size);
		g_autofree char *where = NULL, *notice = NULL;
		struct fake fake;
		struct lab lab;

		memset(message, 'x', sizes[i].size);
		for (size_t k = 0; TO_MOTA[k] != '\0'; k++)
			message[k] = TO_MOTA[k];
		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		lab.submission.max_size = sizes[i].limit;
		lab_put(&lab, "new", "1.M1.h", message, sizes[i].size);
		ck_assert_int_eq(lab_run(&lab), -1);
		where = lab_where(&lab);
		ck_assert_str_eq(where, sizes[i].where);
		notice = lab_content(&lab, "new");
		ck_assert(notice == NULL ||
			  strstr(notice, "\nSubject: Undeliverable: x\n"));
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

/* ---- later ------------------------------------------------------------- */

START_TEST(test_retry)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	static const int64_t waits[] = {5000,	10000,	20000,	40000, 80000,
					160000, 300000, 300000, 300000};
	g_autofree char *where = NULL, *events = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, down);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
	for (size_t i = 0; i < G_N_ELEMENTS(waits); i++)
		ck_assert_int_eq(lab_run(&lab), waits[i]);
	fake.rules = NULL;
	ck_assert_int_eq(lab_run(&lab), -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
	/* Once a message, once a reason. */
	events = lab_events(&lab);
	ck_assert_str_eq(events, "RECEIVE SUBMITDEFER SUBMIT");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* While it waits in the Outbox it is its owner's: changed, it is another. */
START_TEST(test_edited_while_waiting)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	g_autofree char *events = NULL, *sent = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, down);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
	ck_assert_int_eq(lab_run(&lab), 5000);
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	fake.rules = NULL;
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(fake.mails->len, 1);
	ck_assert_uint_eq(
	    ((struct fake_mail *)fake.mails->pdata[0])->rcpts->len, 4);
	events = lab_events(&lab);
	ck_assert_str_eq(events, "RECEIVE SUBMITDEFER RECEIVE SUBMIT");
	sent = lab_content(&lab, ".Sent/cur");
	ck_assert_str_eq(sent, TO_FOUR);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

START_TEST(test_partial)
{
	static const struct fake_rule later[] = {
	    {0, "RCPT TO:<b@", "450 4.2.0 later"},
	    {0, "RCPT TO:<c@", "550 5.1.1 who"},
	    {0, NULL, NULL}};
	static const struct fake_rule last[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	g_autofree char *events = NULL, *where = NULL, *first = NULL;
	const struct fake_mail *second;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, later);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	ck_assert_int_eq(lab_run(&lab), 5000);
	/* Its owner need not wait for the other one to know. */
	first = lab_content(&lab, "new");
	ck_assert_ptr_nonnull(strstr(first, "rfc822; c@x.example"));
	ck_assert_ptr_null(strstr(first, "rfc822; b@x.example"));
	ck_assert_ptr_nonnull(strstr(first, "goes on being sent"));
	fake.rules = last;
	ck_assert_int_eq(lab_run(&lab), 10000);
	fake.rules = NULL;
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(fake.mails->len, 2);
	second = fake.mails->pdata[1];
	ck_assert_uint_eq(second->rcpts->len, 1);
	ck_assert_str_eq(second->rcpts->pdata[0], "<b@x.example>");
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in1");
	events = lab_events(&lab);
	ck_assert_str_eq(events,
			 "RECEIVE SUBMIT SUBMITDEFER SUBMITFAIL SUBMITDEFER "
			 "SUBMIT");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* The store is copied to another disk, or to the server that takes over: those
 * who have it do not get it again. */
START_TEST(test_copied_while_it_waits)
{
	static const struct fake_rule later[] = {
	    {1, "RCPT TO:<b@", "450 4.2.0 later"}, {0, NULL, NULL}};
	g_autofree char *copy = NULL, *command = NULL, *where = NULL;
	const struct fake_mail *second;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, later);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	ck_assert_int_eq(lab_run(&lab), 5000);
	copy = g_strconcat(lab.box, ".copy", NULL);
	command = g_strdup_printf("cp -a %s %s && rm -r %s && mv %s %s",
				  lab.box, copy, lab.box, copy, lab.box);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(fake.mails->len, 2);
	second = fake.mails->pdata[1];
	ck_assert_uint_eq(second->rcpts->len, 1);
	ck_assert_str_eq(second->rcpts->pdata[0], "<b@x.example>");
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* As an activation hook does with storage that servers share. */
START_TEST(test_store_is_mounted_later)
{
	g_autofree char *under = NULL, *command = NULL, *where = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	under = g_strconcat(lab.path, ".under", NULL);
	command = g_strdup_printf("cp -a %s %s.new && mv %s %s && mv %s.new %s",
				  lab.path, lab.path, lab.path, under, lab.path,
				  lab.path);
	ck_assert_int_eq(system(command), 0);
	lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
	ck_assert_int_eq(lab_run(&lab), -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
	unit_rmdir(&under);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* A second recipient is refused later: that is told apart, once each. */
START_TEST(test_refused_one_after_the_other)
{
	static const struct fake_rule rules[] = {
	    {0, "RCPT TO:<b@", "450 4.2.0 later"},
	    {0, "RCPT TO:<c@", "550 5.1.1 who"},
	    {0, NULL, NULL}};
	static const struct fake_rule then[] = {
	    {0, "RCPT TO:<b@", "550 5.2.2 full"}, {0, NULL, NULL}};
	g_autofree char *events = NULL, *where = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, rules);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	ck_assert_int_eq(lab_run(&lab), 5000);
	fake.rules = then;
	ck_assert_int_eq(lab_run(&lab), -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in2");
	events = lab_events(&lab);
	ck_assert_str_eq(events, "RECEIVE SUBMIT SUBMITDEFER SUBMITFAIL "
				 "SUBMITFAIL");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* The server's own object of the organisation has the last word. */
START_TEST(test_expiry_of_the_service)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	static const char state[] =
	    "[item]\nversion=1\nstep=submitting\ncreated=%" G_GINT64_FORMAT
	    "\nsender=nuno@example.com\nname=1.M1\nrecipients=1\n"
	    "size=%ld\nmtime=%" G_GINT64_FORMAT
	    "\n[recipient 0]\naddress=mota@example.com\nstate=waiting\n";

	for (int old = 0; old < 2; old++) {
		g_autofree char *text = NULL, *path = NULL, *dir = NULL;
		g_autofree char *file = NULL, *where = NULL;
		struct fake fake;
		struct lab lab;
		struct stat st;

		fake_open(&fake, down);
		lab_open(&lab, &fake);
		lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
		file = g_build_filename(lab.box, ".Outbox/new/1.M1.h", NULL);
		dir = lab_folder(&lab, ".posthub-submission/state");
		path = g_build_filename(dir, "1.M1.h", NULL);
		g_mkdir_with_parents(dir, 0700);
		ck_assert_int_eq(stat(file, &st), 0);
		text = g_strdup_printf(
		    state, g_get_real_time() / 1000 - (old ? 70000 : 50000),
		    (long)st.st_size,
		    (int64_t)st.st_mtim.tv_sec * 1000000000 +
			st.st_mtim.tv_nsec);
		ck_assert(g_file_set_contents(path, text, -1, NULL));
		ph_snapshot_unref(&lab.snapshot);
		lab.snapshot = lab_snapshot_with(
		    fake.port, "MBX1",
		    "transportservice|MBX1|MessageExpirationTimeout=1m");
		lab_run(&lab);
		where = lab_where(&lab);
		ck_assert_str_eq(where,
				 old ? "out0 work0 state0 sent0 drafts1 in1"
				     : "out1 work0 state1 sent0 drafts0 in0");
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

START_TEST(test_expiry)
{
	static const struct fake_rule down[] = {
	    {0, "greeting", "421 4.3.2 down"}, {0, NULL, NULL}};
	g_autofree char *where = NULL, *notice = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, down);
	lab_open(&lab, &fake);
	lab.submission.expiry = 0;
	lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
	ck_assert_int_eq(lab_run(&lab), -1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent0 drafts1 in1");
	notice = lab_content(&lab, "new");
	ck_assert_ptr_nonnull(strstr(notice, "Status: 4.4.7"));
	ck_assert_ptr_nonnull(strstr(notice, "421 4.3.2 down"));
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* Who cannot say leaves the Outbox as it is. */
START_TEST(test_cannot_say)
{
	struct fake fake;
	struct lab lab;

	for (int what = 0; what < 4; what++) {
		g_autofree char *where = NULL;
		struct ph_directory *failing =
		    ph_directory_failing(PH_ERR_TEMP, "away");

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		lab_put(&lab, "new", "1.M1.h", TO_MOTA, strlen(TO_MOTA));
		if (what == 0)
			ph_snapshot_unref(&lab.snapshot);
		if (what == 1)
			lab.submission.directory = failing;
		if (what == 2) {
			ph_snapshot_unref(&lab.snapshot);
			lab.snapshot = lab_snapshot(fake.port, "MBX2");
		}
		if (what == 3)
			lab.submission.server = "MBX9";
		ck_assert_int_eq(lab_run(&lab), 5000);
		where = lab_where(&lab);
		ck_assert_str_eq(where, "out1 work0 state0 sent0 drafts0 in0");
		ck_assert_uint_eq(fake.mails->len, 0);
		ph_directory_close(&failing);
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

UNIT_MAIN("store/submission/item", test_outcomes, test_taken, test_content,
	  test_notice, test_returned, test_sizes, test_retry,
	  test_edited_while_waiting, test_partial, test_copied_while_it_waits,
	  test_store_is_mounted_later, test_refused_one_after_the_other,
	  test_expiry_of_the_service, test_expiry, test_cannot_say)
