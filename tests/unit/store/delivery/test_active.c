#include "store/delivery/cause.h"

#include "tests/unit/store/delivery/lab.h"

#include <unistd.h>

#define NMID "0f0e0d0c-0b0a-8908-8706-050403020100"
#define HUB "192.0.2.2"
#define SAY                                                            \
	"LHLO hub.test\r\nMAIL FROM:<ana@example.com>\r\n"             \
	"RCPT TO:<nuno@example.com>\r\nRCPT TO:<mota@example.com>\r\n" \
	"DATA\r\nX-PostHub-Network-Message-Id: " NMID "\r\n\r\nbody\r\n.\r\n"

/* ---- the database is asked for, and when --------------------------------- */

/* DB1 is not held from the n-th time on that it is asked for. */
struct lost {
	struct lab lab;
	int from, asked;
};

static enum ph_recipient_verdict
lost_active(void *context, const char *database, int64_t epoch,
	    struct ph_err *err)
{
	struct lost *lost = context;

	if (strcmp(database, "DB1") == 0 && ++lost->asked >= lost->from) {
		ph_err_set(err, PH_ERR_TEMP, "no lease");
		return PH_RECIPIENT_NOT_HELD;
	}
	return lab_active(&lost->lab, database, epoch, err);
}

#define NOT_HELD                                                           \
	"432 4.3.2 <nuno@example.com> Mailbox database not held here: no " \
	"lease"

START_TEST(test_lost)
{
	static const struct {
		int from;
		const char *rcpt, *answer;
		size_t stored;
	} rows[] = {
	    /* At RCPT. */
	    {1, NOT_HELD, NULL, 0},
	    /* When the whole message is there. */
	    {2, "250 2.1.5 <nuno@example.com> Recipient OK", NOT_HELD, 0},
	    /* While it was committed: it is there, and nobody says so. */
	    {3, "250 2.1.5 <nuno@example.com> Recipient OK", NOT_HELD, 1},
	    {4, "250 2.1.5 <nuno@example.com> Recipient OK",
	     "250 2.1.5 <nuno@example.com> Delivered", 1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_store *memory = ph_store_memory();
		struct lost lost = {.from = rows[i].from};
		g_autofree char *out = NULL;

		lab_open(&lost.lab, memory);
		lost.lab.deliver.active = lost_active;
		lost.lab.deliver.context = &lost;
		out = lab_talk(&lost.lab, HUB, SAY, strlen(SAY), 0);
		ck_assert_msg(strstr(out, rows[i].rcpt) != NULL, "row %zu: %s",
			      i, out);
		ck_assert_msg(!rows[i].answer || strstr(out, rows[i].answer),
			      "row %zu: %s", i, out);
		ck_assert_int_eq(
		    strstr(out, "250 2.1.5 <nuno@example.com> Delivered") !=
			NULL,
		    lost.from == 4);
		/* Another database's mail is not concerned. */
		ck_assert(strstr(out, "250 2.1.5 <mota@example.com> "
				      "Delivered"));
		ck_assert_uint_eq(
		    ph_store_memory_count(memory, "nuno@example.com"),
		    rows[i].stored);
		lab_close(&lost.lab);
		ph_store_close(&memory);
	}
}
END_TEST

/* Nor does anybody refuse for a copy that may not be the active one. */
START_TEST(test_lost_and_full)
{
	struct ph_store *full = ph_store_failing(
	    PH_STORE_STEP_COMMIT, PH_STORE_OVER, "nuno@example.com");
	struct lost lost = {.from = 3};
	g_autofree char *first = NULL, *second = NULL;

	lab_open(&lost.lab, full);
	lost.lab.deliver.active = lost_active;
	lost.lab.deliver.context = &lost;
	first = lab_talk(&lost.lab, HUB, SAY, strlen(SAY), 0);
	ck_assert_msg(strstr(first, NOT_HELD) != NULL, "%s", first);
	ck_assert_ptr_null(strstr(first, "552 "));
	lost.from = 1000;
	second = lab_talk(&lost.lab, HUB, SAY, strlen(SAY), 0);
	ck_assert_msg(strstr(second, "552 5.2.2 <nuno@example.com>") != NULL,
		      "%s", second);
	lab_close(&lost.lab);
	ph_store_close(&full);
}
END_TEST

/* It comes again, and has been held all the time: known. */
START_TEST(test_comes_again)
{
	struct ph_store *memory = ph_store_memory();
	struct lost lost = {.from = 3};
	g_autofree char *first = NULL, *second = NULL;

	lab_open(&lost.lab, memory);
	lost.lab.deliver.active = lost_active;
	lost.lab.deliver.context = &lost;
	first = lab_talk(&lost.lab, HUB, SAY, strlen(SAY), 0);
	ck_assert(strstr(first, NOT_HELD));
	lost.from = 1000;
	second = lab_talk(&lost.lab, HUB, SAY, strlen(SAY), 0);
	ck_assert(strstr(second, "250 2.1.5 <nuno@example.com> Delivered "
				 "before"));
	ck_assert_uint_eq(ph_store_memory_count(memory, "nuno@example.com"), 1);
	lab_close(&lost.lab);
	ph_store_close(&memory);
}
END_TEST

/* ---- causes -------------------------------------------------------------- */

/* A configuration with one setting of [delivery]. */
static struct ph_conf *
conf_with(const char *name, const char *value)
{
	char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "posthub.conf", NULL);
	g_autofree char *text =
	    g_strdup_printf("[delivery]\n%s = %s\n", name, value);
	struct ph_conf *conf = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert(g_file_set_contents(path, text, -1, NULL));
	ck_assert_msg(ph_conf_load(path, &conf, &err) == 0, "%s", err.text);
	unit_rmdir(&dir);
	return conf;
}

static enum ph_inactive
action(const char *setting, const char *word, enum ph_recipient_verdict verdict)
{
	struct ph_conf *conf = conf_with(setting, word);
	enum ph_inactive actions[PH_RECIPIENT_VERDICTS];

	ph_cause_read(conf, actions);
	ph_conf_free(&conf);
	return actions[verdict];
}

START_TEST(test_settings)
{
	ck_assert_int_eq(action("inactive", "reroute", PH_RECIPIENT_INACTIVE),
			 PH_INACTIVE_REROUTE);
	ck_assert_int_eq(action("inactive", "retry", PH_RECIPIENT_INACTIVE),
			 PH_INACTIVE_RETRY);
	ck_assert_int_eq(action("inactive", "ndr", PH_RECIPIENT_INACTIVE),
			 PH_INACTIVE_NDR);
	for (const struct ph_cause *c = ph_causes; c->setting; c++) {
		ck_assert_int_eq(action(c->setting, "retry", c->verdict),
				 PH_INACTIVE_RETRY);
		ck_assert_int_eq(action(c->setting, "ndr", c->verdict),
				 PH_INACTIVE_NDR);
		ck_assert_ptr_eq(ph_cause_refusal(c->verdict), c->refusal);
		ck_assert(g_str_has_prefix(c->refusal, "550 5.2."));
	}
	/* What is an outage is never refused. */
	ck_assert_ptr_null(ph_cause_refusal(PH_RECIPIENT_NOT_HELD));
	ck_assert_ptr_null(ph_cause_refusal(PH_RECIPIENT_CANNOT_SAY));
	ck_assert_ptr_null(ph_cause_refusal(PH_RECIPIENT_NO_STATE));
	ck_assert_int_eq(action("no_database", "ndr", PH_RECIPIENT_NO_STATE),
			 PH_INACTIVE_RETRY);
}
END_TEST

/* nowhere@ is in a database that does not exist, away@ in one of MBX2. */
static void
check_cause(enum ph_recipient_verdict verdict, enum ph_inactive action_of_it,
	    const char *params, const char *address, const char *expected)
{
	struct ph_store *memory = ph_store_memory();
	g_autofree char *said = g_strdup_printf(
	    "LHLO hub.test\r\nMAIL FROM:<>%s\r\nRCPT TO:<%s>\r\n", params,
	    address);
	g_autofree char *out = NULL;
	struct lab lab;

	lab_open(&lab, memory);
	lab.shared.actions[verdict] = action_of_it;
	out = lab_talk(&lab, HUB, said, strlen(said), 0);
	ck_assert_msg(strstr(out, expected) != NULL, "%s: %s", address, out);
	lab_close(&lab);
	ph_store_close(&memory);
}

START_TEST(test_answers)
{
	check_cause(PH_RECIPIENT_UNPLACED, PH_INACTIVE_NDR, "",
		    "nowhere@example.com",
		    "550 5.2.1 STOREDRV.Deliver; mailbox database does not "
		    "exist\r\n");
	check_cause(PH_RECIPIENT_UNPLACED, PH_INACTIVE_RETRY, "",
		    "nowhere@example.com", "\r\n451 4.3.0 ");
	check_cause(PH_RECIPIENT_INACTIVE, PH_INACTIVE_NDR, "",
		    "nowhere@example.com", "\r\n451 4.3.0 ");
	/* A server that hands over knows more than this one, or less. */
	check_cause(PH_RECIPIENT_UNPLACED, PH_INACTIVE_NDR,
		    " " PH_LMTP_REROUTED, "nowhere@example.com",
		    "\r\n451 4.3.0 ");
}
END_TEST

/* ---- the copy itself remembers ------------------------------------------- */

static enum ph_store_result
begin(const char *root, int64_t epoch)
{
	const struct ph_store_maildir_options options = {
	    .root = root, .host = "mbx1", .duplicate_window = 1000000};
	struct ph_store_message *message;
	struct ph_err err = PH_ERR_INIT;
	enum ph_store_result result;
	struct ph_store *store;

	ck_assert_msg(ph_store_maildir(&options, &store, &err) == 0, "%s",
		      err.text);
	result = ph_store_begin(store, "db", epoch, &message, &err);
	if (result == PH_STORE_OK)
		ph_store_end(&message, NULL);
	else
		ck_assert_msg(strstr(err.text, result == PH_STORE_BUSY
						   ? "was opened under Epoch"
						   : ".posthub/epoch") != NULL,
			      "%s", err.text);
	ph_store_close(&store);
	return result;
}

START_TEST(test_epoch_of_a_copy)
{
	static const char *const damaged[] = {"", "x", "-3\n"};
	char *root = unit_mkdir();
	g_autofree char *path =
	    g_build_filename(root, "db/.posthub/epoch", NULL);
	g_autofree char *text = NULL;

	ck_assert_int_eq(begin(root, 0), PH_STORE_OK);
	ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
	ck_assert_int_eq(begin(root, 7), PH_STORE_OK);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "7\n");
	ck_assert_int_eq(begin(root, 6), PH_STORE_BUSY);
	ck_assert_int_eq(begin(root, 7), PH_STORE_OK);
	ck_assert_int_eq(begin(root, 12), PH_STORE_OK);
	ck_assert_int_eq(begin(root, 7), PH_STORE_BUSY);
	/* What cannot be read may be a higher one: nobody can say. */
	for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
		ck_assert(g_file_set_contents(path, damaged[i], -1, NULL));
		ck_assert_int_eq(begin(root, 20), PH_STORE_FAILED);
	}
	ck_assert(g_file_set_contents(path, "12\n", -1, NULL));
	ck_assert_int_eq(begin(root, 20), PH_STORE_OK);
	unit_rmdir(&root);
}
END_TEST

UNIT_MAIN("store/delivery/active", test_lost, test_lost_and_full,
	  test_comes_again, test_settings, test_answers, test_epoch_of_a_copy)
