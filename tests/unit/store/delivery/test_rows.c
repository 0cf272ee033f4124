#include "store/delivery/rows.h"

#include "tests/unit/store/delivery/lab.h"

#define NMID "0f0e0d0c-0b0a-8908-8706-050403020100"
#define HUB "192.0.2.2"

static struct ph_store *memory;
static struct lab lab;

static void
setup(void)
{
	memory = ph_store_memory();
	lab_open(&lab, memory);
}

static void
teardown(void)
{
	lab_close(&lab);
	ph_store_close(&memory);
}

static void
open_log(const char *directory)
{
	struct ph_track_options options = {
	    .directory = directory,
	    .prefix = "MSGTRKMD",
	    .server = "MBX1",
	    .max_file_size = 1 << 20,
	    .subjects = true,
	};
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_track_log_open(&options, &lab.deliver.log, &err) == 0,
		      "%s", err.text);
}

static bool
visit(struct ph_track_record *record, void *context)
{
	static const enum ph_column columns[] = {
	    PH_COL_CLIENT_IP,	       PH_COL_CLIENT_HOSTNAME,
	    PH_COL_SERVER_IP,	       PH_COL_SERVER_HOSTNAME,
	    PH_COL_CONNECTOR_ID,       PH_COL_SOURCE,
	    PH_COL_EVENT_ID,	       PH_COL_MESSAGE_ID,
	    PH_COL_NETWORK_MESSAGE_ID, PH_COL_RECIPIENT_ADDRESS,
	    PH_COL_TOTAL_BYTES,	       PH_COL_RECIPIENT_COUNT,
	    PH_COL_MESSAGE_SUBJECT,    PH_COL_SENDER_ADDRESS,
	    PH_COL_RETURN_PATH,	       PH_COL_DIRECTIONALITY,
	    PH_COL_ORIGINAL_CLIENT_IP, PH_COL_CUSTOM_DATA,
	};
	GString *rows = context;

	for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
		g_string_append_printf(rows, "%s|",
				       ph_track_get(record, columns[i]));
	g_string_append_c(rows, '\n');
	return true;
}

#define TRACKED                                                          \
	"LHLO x\r\nXFORWARD IDENT=4XQ\r\nMAIL FROM:<>\r\n"               \
	"RCPT TO:<nuno@example.com>\r\nRCPT TO:<mota@example.com>\r\n"   \
	"RCPT TO:<away@example.com>\r\nDATA\r\n"                         \
	"X-PostHub-Network-Message-Id: " NMID "\r\n"                     \
	"X-PostHub-AuthAs: Internal\r\n"                                 \
	"X-PostHub-OriginalClientIPAddress: 198.51.100.7\r\n"            \
	"Message-ID: <1@x>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n" \
	"From: Ana <ana@example.com>\r\nSubject: Hello\r\n\r\nbody\r\n.\r\n"

START_TEST(test_rows)
{
	g_autofree char *directory = unit_mkdir();
	g_autoptr(GString) rows = g_string_new(NULL);
	g_autofree char *out = NULL;
	uint64_t bad = 0;

	setup();
	open_log(directory);
	out = lab_talk(&lab, HUB, TRACKED TRACKED, 2 * strlen(TRACKED), 0);
	ck_assert_ptr_nonnull(strstr(out, " Delivered before\r\n"));
	ck_assert_int_eq(
	    ph_track_log_read(directory, 0, visit, rows, &bad, NULL), 0);
	ck_assert_uint_eq(bad, 0);
#define COMMON                                                          \
	"<1@x>|" NMID "|nuno@example.com;mota@example.com|256|2|Hello|" \
	"ana@example.com|<>|Originating|198.51.100.7|"
#define RECEIVED                                                   \
	"192.0.2.2|mbx2.example.com|192.0.2.1|MBX1|"               \
	"MBX1\\Default Mailbox Delivery MBX1|SMTP|RECEIVE|" COMMON \
	"S:QueueId=4XQ|\n"
	ck_assert_str_eq(
	    rows->str, RECEIVED
	    "192.0.2.1|MBX1|192.0.2.1|MBX1||STOREDRIVER|DELIVER|" COMMON "|\n"
	    /* the same again */
	    RECEIVED "192.0.2.1|MBX1|192.0.2.1|MBX1||STOREDRIVER|"
	    "DUPLICATEDELIVER|" COMMON "|\n");
	teardown();
	unit_rmdir(&directory);
}
END_TEST

/* Times of a message's rows do not go back. */
static bool
visit_time(struct ph_track_record *record, void *context)
{
	GString *last = context;
	const char *time = ph_track_get(record, PH_COL_DATE_TIME);

	ck_assert_uint_eq(strlen(time), strlen("2026-11-21T10:00:00.000Z"));
	ck_assert_int_ge(strcmp(time, last->str), 0);
	g_string_assign(last, time);
	return true;
}

START_TEST(test_row_times)
{
	g_autofree char *directory = unit_mkdir();
	g_autoptr(GString) last = g_string_new(NULL);
	g_autofree char *out = NULL;

	setup();
	open_log(directory);
	out = lab_talk(&lab, HUB, TRACKED, strlen(TRACKED), 0);
	ck_assert_ptr_nonnull(strstr(out, " Delivered\r\n"));
	ck_assert_int_eq(
	    ph_track_log_read(directory, 0, visit_time, last, NULL, NULL), 0);
	ck_assert_uint_gt(last->len, 0);
	teardown();
	unit_rmdir(&directory);
}
END_TEST

/* A message that nobody got is no RECEIVE: it will come again. */
START_TEST(test_no_rows_for_nothing)
{
	struct ph_store *failing =
	    ph_store_failing(PH_STORE_STEP_COMMIT, PH_STORE_FAILED, NULL);
	g_autofree char *directory = unit_mkdir();
	g_autoptr(GString) rows = g_string_new(NULL);
	g_autofree char *out = NULL;

	lab_open(&lab, failing);
	open_log(directory);
	out = lab_talk(&lab, HUB, TRACKED, strlen(TRACKED), 0);
	ck_assert_ptr_nonnull(strstr(out, "451 4.3.0 <nuno@example.com>"));
	ck_assert_int_eq(
	    ph_track_log_read(directory, 0, visit, rows, NULL, NULL), 0);
	ck_assert_str_eq(rows->str, "");
	lab_close(&lab);
	ph_store_close(&failing);
	unit_rmdir(&directory);
}
END_TEST

/* Rows that cannot be written stop no mail. */
START_TEST(test_log_gone)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *directory = g_build_filename(root, "log", NULL);
	g_autofree char *out = NULL;

	setup();
	open_log(directory);
	unit_rmdir(&directory);
	ck_assert(g_file_set_contents(
	    (directory = g_build_filename(root, "log", NULL)), "x", 1, NULL));
	out = lab_talk(&lab, HUB, TRACKED, strlen(TRACKED), 0);
	ck_assert_ptr_nonnull(
	    strstr(out, "250 2.1.5 <nuno@example.com> Delivered\r\n"));
	teardown();
	unit_rmdir(&root);
}
END_TEST

UNIT_MAIN("store/delivery/rows", test_rows, test_row_times,
	  test_no_rows_for_nothing, test_log_gone)
