#include "lib/directory/remote.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

static const char *const objects[] = {
    "domain|a.test",
    "remotedomain|no-ndr.test|NDREnabled=false",
    "remotedomain|*.no-reports.test|DeliveryReportEnabled=false",
    "remotedomain|quiet.test|AutoReplyEnabled=false",
};

static struct ph_snapshot *
make_snapshot(const char *const *lines, size_t n)
{
	g_autoptr(GPtrArray) made = g_ptr_array_new();
	struct ph_snapshot *snapshot;

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(made, unit_object_line(lines[i]));
	snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)made->pdata, n, NULL);
	for (size_t i = 0; i < n; i++) {
		struct ph_object *object = made->pdata[i];

		ph_object_unref(&object);
	}
	return snapshot;
}

static struct ph_directory *
make_directory(void)
{
	struct ph_object *entries[] = {
	    people_mailbox("u@a.test", ""),
	    unit_object_line("recipient|c@a.test|RecipientType=MailContact|"
			     "ExternalEmailAddress=c@no-ndr.test"),
	    unit_object_line(
		"recipient|m@no-ndr.test|RecipientType=UserMailbox|"
		"Database=DB1"),
	};
	struct ph_directory *d = ph_directory_memory(
	    (const struct ph_object *const *)entries, G_N_ELEMENTS(entries));

	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		ph_object_unref(&entries[i]);
	return d;
}

static const struct {
	const char *address;
	int failure, other;
} rows[] = {
    {"x@no-ndr.test", 0, 1},	 {"x@NO-NDR.test", 0, 1},
    {"x@no-reports.test", 1, 0}, {"x@b.no-reports.test", 1, 0},
    {"x@quiet.test", 1, 1},	 {"x@other.test", 1, 1},
    {"u@a.test", 1, 1},		 {"c@a.test", 0, 1},
    {"m@no-ndr.test", 1, 1},	 {"nobody", 1, 1},
};

START_TEST(test_takes_report)
{
	struct ph_snapshot *snapshot =
	    make_snapshot(objects, G_N_ELEMENTS(objects));
	struct ph_directory *d = make_directory();

	ck_assert(ph_remote_refuses_reports(snapshot));
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *address = rows[i].address;

		ck_assert_msg(ph_remote_takes_report(d, snapshot, address, true,
						     NULL) == rows[i].failure,
			      "%s: failure", address);
		ck_assert_msg(ph_remote_takes_report(d, snapshot, address,
						     false,
						     NULL) == rows[i].other,
			      "%s: other", address);
	}
	ph_directory_close(&d);
	ph_snapshot_unref(&snapshot);
}
END_TEST

/* Nobody is asked where no domain refuses. */
START_TEST(test_directory_away)
{
	struct ph_directory *down = ph_directory_failing(PH_ERR_TEMP, "down");
	struct ph_snapshot *some =
	    make_snapshot(objects, G_N_ELEMENTS(objects));
	struct ph_snapshot *none = make_snapshot(&objects[3], 1);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(
	    ph_remote_takes_report(down, some, "x@no-ndr.test", true, &err),
	    -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert(!ph_remote_refuses_reports(none));
	ck_assert_int_eq(
	    ph_remote_takes_report(down, none, "x@no-ndr.test", true, &err), 1);
	ph_snapshot_unref(&some);
	ph_snapshot_unref(&none);
	ph_directory_close(&down);
}
END_TEST

UNIT_MAIN("lib/directory/remote", test_takes_report, test_directory_away)
