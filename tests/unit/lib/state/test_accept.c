#include "lib/state/state.h"
#include "tests/unit/unit.h"

#include <string.h>

#define ORG_A "11111111-1111-4111-8111-111111111111"
#define ORG_B "22222222-2222-4222-8222-222222222222"

/* meta as given (organization NULL: none) and sites number from..to-1. */
static struct ph_snapshot *
make(const char *organization, const char *adopted, int from, int to)
{
	g_autoptr(GPtrArray) objects = g_ptr_array_new();
	struct ph_snapshot *snapshot;
	struct ph_err err = PH_ERR_INIT;

	if (organization != NULL) {
		const struct ph_pair pairs[] = {{"Organization", organization},
						{"Adopted", adopted}};
		struct ph_object *meta = NULL;

		ck_assert_msg(ph_object_parse(ph_kind_find("meta"), "", pairs,
					      adopted != NULL ? 2 : 1, &meta,
					      &err) == 0,
			      "%s", err.text);
		g_ptr_array_add(objects, meta);
	}
	for (int i = from; i < to; i++) {
		const struct ph_pair pair = {"HubSiteEnabled", "true"};
		g_autofree char *name = g_strdup_printf("Site%d", i);
		struct ph_object *site = NULL;

		ck_assert_msg(ph_object_parse(ph_kind_find("site"), name, &pair,
					      1, &site, &err) == 0,
			      "%s", err.text);
		g_ptr_array_add(objects, site);
	}
	snapshot =
	    ph_snapshot_build((const struct ph_object *const *)objects->pdata,
			      objects->len, NULL);
	for (guint i = 0; i < objects->len; i++) {
		struct ph_object *object = objects->pdata[i];

		ph_object_unref(&object);
	}
	return snapshot;
}

struct state {
	const char *organization;
	const char *adopted;
	int from, to;
};

static const struct {
	const char *what;
	struct state last, next;
	int accepted;
	const char *says;
} cases[] = {
    {"the same", {ORG_A, NULL, 0, 20}, {ORG_A, NULL, 0, 20}, 1, NULL},
    {"grown", {ORG_A, NULL, 0, 1}, {ORG_A, NULL, 0, 50}, 1, NULL},
    {"same in other case",
     {"aaaaaaaa-1111-4111-8111-111111111111", NULL, 0, 1},
     {"AAAAAAAA-1111-4111-8111-111111111111", NULL, 0, 1},
     1,
     NULL},
    {"emptied", {ORG_A, NULL, 0, 1}, {NULL, NULL, 0, 0}, 0, "no meta"},
    {"meta alone gone", {ORG_A, NULL, 0, 1}, {NULL, NULL, 0, 1}, 0, "no meta"},
    {"another", {ORG_A, NULL, 0, 1}, {ORG_B, NULL, 0, 1}, 0, ORG_B},
    {"another, adopted",
     {ORG_A, NULL, 0, 50},
     {ORG_B, "2026-11-21T10:00:00.000Z", 0, 0},
     1,
     NULL},
    {"adoption is old news",
     {ORG_A, "2026-11-21T10:00:00.000Z", 0, 1},
     {ORG_B, "2026-11-21T10:00:00.000Z", 0, 1},
     0,
     ORG_B},
    {"adoption is older",
     {ORG_A, "2026-11-21T10:00:00.001Z", 0, 1},
     {ORG_B, "2026-11-21T10:00:00.000Z", 0, 1},
     0,
     ORG_B},
    {"adopted again",
     {ORG_A, "2026-11-21T10:00:00.000Z", 0, 1},
     {ORG_B, "2026-11-21T10:00:00.001Z", 0, 1},
     1,
     NULL},
    {"ten of ten gone", {ORG_A, NULL, 0, 10}, {ORG_A, NULL, 0, 0}, 1, NULL},
    {"eleven of eleven gone",
     {ORG_A, NULL, 0, 11},
     {ORG_A, NULL, 0, 0},
     0,
     "11 of 11"},
    {"half gone", {ORG_A, NULL, 0, 22}, {ORG_A, NULL, 0, 11}, 1, NULL},
    {"more than half gone",
     {ORG_A, NULL, 0, 21},
     {ORG_A, NULL, 0, 10},
     0,
     "11 of 21"},
    {"replaced by as many others",
     {ORG_A, NULL, 0, 20},
     {ORG_A, NULL, 20, 40},
     0,
     "20 of 20"},
    {"many gone, adopted",
     {ORG_A, NULL, 0, 30},
     {ORG_A, "2026-11-21T10:00:00.000Z", 0, 0},
     1,
     NULL},
    {"named for the first time",
     {NULL, NULL, 0, 1},
     {ORG_A, NULL, 0, 1},
     1,
     NULL},
};

START_TEST(test_cases)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct state *l = &cases[i].last;
		const struct state *n = &cases[i].next;
		struct ph_snapshot *last =
		    make(l->organization, l->adopted, l->from, l->to);
		struct ph_snapshot *next =
		    make(n->organization, n->adopted, n->from, n->to);
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ph_state_accept(last, next, &err) ==
				  cases[i].accepted,
			      "%s: %s", cases[i].what, err.text);
		if (cases[i].says != NULL)
			ck_assert_msg(strstr(err.text, cases[i].says) != NULL,
				      "%s: %s", cases[i].what, err.text);
		ph_snapshot_unref(&last);
		ph_snapshot_unref(&next);
	}
}
END_TEST

START_TEST(test_first)
{
	struct ph_snapshot *empty = make(NULL, NULL, 0, 0);

	ck_assert_int_eq(ph_state_accept(NULL, empty, NULL), 1);
	/* Without err, too. */
	ck_assert_int_eq(ph_state_accept(empty, empty, NULL), 0);
	ph_snapshot_unref(&empty);
}
END_TEST

UNIT_MAIN("lib/state/accept", test_cases, test_first)
