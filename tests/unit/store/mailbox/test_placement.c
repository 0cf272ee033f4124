#include "store/mailbox/placement.h"

#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <string.h>

static struct ph_snapshot *
state(const char *config, const char *database)
{
	struct ph_object *objects[] = {unit_object_line(config),
				       unit_object_line(database)};
	struct ph_snapshot *snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)objects, 2, NULL);

	ph_object_unref(&objects[0]);
	ph_object_unref(&objects[1]);
	return snapshot;
}

static void
place(struct ph_placement *placement, const char *more, const char *config,
      const char *database, const char *extension)
{
	g_autofree char *line =
	    g_strdup_printf("recipient|a@b|RecipientType=UserMailbox|"
			    "Database=DB1%s",
			    more);
	struct ph_snapshot *snapshot = state(config, database);
	struct ph_object *entry = unit_object_line(line);

	ph_placement_set(placement, snapshot, entry, "DB1", extension);
	ph_object_unref(&entry);
	ph_snapshot_unref(&snapshot);
}

static const struct {
	const char *mailbox, *database;
	int64_t quota;
} quotas[] = {
    {"", "", 0},
    {"|ProhibitSendReceiveQuota=2KB", "", 2048},
    {"|ProhibitSendReceiveQuota=unlimited", "", INT64_MAX},
    {"", "|ProhibitSendReceiveQuota=4KB", 4096},
    {"|ProhibitSendReceiveQuota=2KB", "|ProhibitSendReceiveQuota=4KB", 2048},
    {"|ProhibitSendReceiveQuota=unlimited", "|ProhibitSendReceiveQuota=4KB",
     INT64_MAX},
    {"|ProhibitSendReceiveQuota=2KB|UseDatabaseQuotaDefaults=true",
     "|ProhibitSendReceiveQuota=4KB", 4096},
    {"|ProhibitSendReceiveQuota=2KB|UseDatabaseQuotaDefaults=true", "", 0},
};

START_TEST(test_quota)
{
	for (size_t i = 0; i < G_N_ELEMENTS(quotas); i++) {
		g_autofree char *database =
		    g_strconcat("database|db1", quotas[i].database, NULL);
		struct ph_placement placement;

		place(&placement, quotas[i].mailbox, "transportconfig|",
		      database, NULL);
		ck_assert_msg(placement.quota.receive == quotas[i].quota,
			      "%zu: %" PRId64, i, placement.quota.receive);
		ph_placement_clear(&placement);
		ck_assert_ptr_null(placement.entry);
	}
}
END_TEST

/* Each limit for itself. */
START_TEST(test_limits)
{
	struct ph_placement placement;

	place(&placement, "|IssueWarningQuota=1KB", "transportconfig|",
	      "database|db1|IssueWarningQuota=2KB|ProhibitSendQuota=3KB|"
	      "ProhibitSendReceiveQuota=4KB",
	      NULL);
	ck_assert_int_eq(placement.quota.warning, 1024);
	ck_assert_int_eq(placement.quota.send, 3072);
	ck_assert_int_eq(placement.quota.receive, 4096);
	ph_placement_clear(&placement);
}
END_TEST

/* The folder, "-" for the Inbox, "!" before one that is made. */
static char *
folder(const struct ph_placement *placement, enum ph_extension extension,
       const char *junk_folder, const char *scl)
{
	char outbox[] = "Ausgang";
	char *const closed[] = {outbox, NULL};
	const struct ph_placement_settings settings = {junk_folder, extension,
						       closed};
	struct ph_headers *headers = ph_headers_new();
	const char *name;
	char *out;
	bool make;

	if (scl)
		ph_headers_add(headers, "X-PostHub-SCL", scl);
	name = ph_placement_folder(placement, &settings, headers, &make);
	out = g_strconcat(name && make ? "!" : "", name ? name : "-", NULL);
	ph_headers_free(&headers);
	return out;
}

static const struct {
	const char *mailbox, *config, *scl, *folder;
} levels[] = {
    {"", "", "4", "-"},
    {"", "", "5", "!Junk"},
    {"", "", "9", "!Junk"},
    {"", "", " 5 ", "!Junk"},
    {"", "", "-1", "-"},
    {"", "", NULL, "-"},
    {"", "", "high", "-"},
    {"", "", "10", "-"},
    {"", "", "99999999999999999999", "-"},
    {"", "|SCLJunkThreshold=7", "7", "-"},
    {"", "|SCLJunkThreshold=7", "8", "!Junk"},
    {"|SCLJunkThreshold=2", "|SCLJunkThreshold=7", "3", "!Junk"},
    {"|SCLJunkThreshold=0", "", "1", "!Junk"},
    {"|SCLJunkThreshold=9", "", "9", "-"},
    {"|SCLJunkEnabled=false", "", "9", "-"},
    {"|SCLJunkEnabled=false|SCLJunkThreshold=0", "", "9", "-"},
};

START_TEST(test_junk)
{
	for (size_t i = 0; i < G_N_ELEMENTS(levels); i++) {
		g_autofree char *config =
		    g_strconcat("transportconfig|", levels[i].config, NULL);
		g_autofree char *got = NULL, *off = NULL;
		struct ph_placement placement;

		place(&placement, levels[i].mailbox, config, "database|DB1",
		      NULL);
		got = folder(&placement, PH_EXTENSION_INBOX, "Junk",
			     levels[i].scl);
		ck_assert_msg(strcmp(got, levels[i].folder) == 0, "%zu: %s", i,
			      got);
		off = folder(&placement, PH_EXTENSION_INBOX, "", levels[i].scl);
		ck_assert_str_eq(off, "-");
		ph_placement_clear(&placement);
	}
}
END_TEST

/* An organisation that never set anything. */
START_TEST(test_no_config)
{
	struct ph_snapshot *snapshot = ph_snapshot_build(NULL, 0, NULL);
	struct ph_object *entry = unit_object_line(
	    "recipient|a@b|RecipientType=UserMailbox|Database=DB1");
	struct ph_placement placement;

	ph_placement_set(&placement, snapshot, entry, "DB1", NULL);
	ck_assert_int_eq(placement.junk, 4);
	ck_assert_int_eq(placement.quota.receive, 0);
	ck_assert_int_eq(placement.quota.send, 0);
	ck_assert_int_eq(placement.quota.warning, 0);
	ph_placement_clear(&placement);
	ph_object_unref(&entry);
	ph_snapshot_unref(&snapshot);
}
END_TEST

static const struct {
	const char *extension;
	enum ph_extension setting;
	const char *folder;
} extensions[] = {
    {"Work", PH_EXTENSION_INBOX, "-"},
    {"Work", PH_EXTENSION_FOLDER, "Work"},
    {"Work", PH_EXTENSION_MAKE, "!Work"},
    {NULL, PH_EXTENSION_MAKE, "-"},
    {"Outbox", PH_EXTENSION_MAKE, "-"},
    {"work.Outbox", PH_EXTENSION_MAKE, "-"},
    {"ausgang", PH_EXTENSION_MAKE, "-"},
    {"posthub-submission", PH_EXTENSION_FOLDER, "-"},
};

START_TEST(test_extension)
{
	for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
		struct ph_placement placement;
		g_autofree char *got = NULL, *junk = NULL;

		place(&placement, "", "transportconfig|", "database|DB1",
		      extensions[i].extension);
		got = folder(&placement, extensions[i].setting, "Junk", "0");
		ck_assert_str_eq(got, extensions[i].folder);
		junk = folder(&placement, extensions[i].setting, "Junk", "9");
		ck_assert_str_eq(junk, "!Junk");
		ph_placement_clear(&placement);
	}
}
END_TEST

UNIT_MAIN("store/mailbox/placement", test_quota, test_limits, test_junk,
	  test_no_config, test_extension)
