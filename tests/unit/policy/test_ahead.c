#include "policy/ahead.h"
#include "policy/restrictions.h"
#include "tests/unit/policy/sources.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* A directory that notes what it was asked about. */
struct noting {
	struct ph_directory *inner;
	GHashTable *asked;
};

static int
noting_find(void *self, const char *address, struct ph_object **entry_r,
	    struct ph_found *found_r, struct ph_err *err)
{
	struct noting *noting = self;

	g_hash_table_add(noting->asked, g_strdup(address));
	return ph_directory_find_from(noting->inner, address, entry_r, found_r,
				      err);
}

static void
noting_find_many(void *self, const char *const *addresses, size_t n,
		 struct ph_directory_answer *answers)
{
	for (size_t i = 0; i < n; i++)
		answers[i].r =
		    noting_find(self, addresses[i], &answers[i].entry,
				&answers[i].found, &answers[i].err);
}

static void
noting_close(void *self)
{
	struct noting *noting = self;

	g_hash_table_destroy(noting->asked);
}

/* One that is far away answers many at once. */
static const struct ph_directory_ops far_ops = {
    .name = "noting",
    .find = noting_find,
    .find_many = noting_find_many,
    .close = noting_close,
};
static const struct ph_directory_ops near_ops = {
    .name = "noting",
    .find = noting_find,
    .close = noting_close,
};

static void
ask_map(const struct ph_sources *sources, const char *map, const char *key)
{
	const struct ph_smap_request request = {.map = map, .key = key};
	g_autoptr(GString) out = g_string_new(NULL);

	ph_map_answer(sources, &request, out, NULL);
}

static void
ask_policy(const struct ph_sources *sources, const char *recipient)
{
	g_autofree char *text =
	    g_strdup_printf("protocol_state=RCPT\nrecipient=%s\n\n", recipient);
	struct ph_request *request = ph_request_new();
	g_autoptr(GString) out = g_string_new(NULL);

	ph_request_feed(request, text, strlen(text));
	ck_assert_int_eq(ph_request_next(request, NULL), 1);
	ph_restrictions_answer(sources, request, NULL, out, NULL);
	ph_request_free(&request);
}

/* Whom the queue manager asks about, once a message for the first was taken. */
static const struct {
	const char *recipient;
	const char *later[3];
} rows[] = {
    {"nuno@test.org", {"nuno@test.org"}},
    {"n@test.org", {"n@test.org", "nuno@test.org"}},
    {"only@test.org", {"n@test.org", "nuno@test.org"}},
    {"both@test.org", {"both@test.org", "x@outside.test"}},
    {"c@test.org", {"c@outside.test"}},
};

START_TEST(test_asked_before)
{
	struct noting noting = {.asked = g_hash_table_new_full(
				    g_str_hash, g_str_equal, g_free, NULL)};
	struct ph_directory *directory = ph_directory_new(&far_ops, &noting);
	struct org org;

	org_open(&org);
	noting.inner = org.directory;
	org.sources.directory = directory;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_hash_table_remove_all(noting.asked);
		if (_i == 0)
			ask_map(&org.sources, "recipient", rows[i].recipient);
		else
			ask_policy(&org.sources, rows[i].recipient);
		for (const char *const *to = rows[i].later; *to != NULL; to++)
			ck_assert_msg(g_hash_table_contains(noting.asked, *to),
				      "%s: %s", rows[i].recipient, *to);
	}
	org_close(&org);
	ph_directory_close(&directory);
}
END_TEST

START_TEST(test_not_asked_where_it_is_near)
{
	struct noting noting = {.asked = g_hash_table_new_full(
				    g_str_hash, g_str_equal, g_free, NULL)};
	struct ph_directory *directory = ph_directory_new(&near_ops, &noting);
	struct org org;

	org_open(&org);
	noting.inner = org.directory;
	org.sources.directory = directory;
	ask_map(&org.sources, "recipient", "n@test.org");
	ck_assert(g_hash_table_contains(noting.asked, "n@test.org"));
	ck_assert(!g_hash_table_contains(noting.asked, "nuno@test.org"));
	org_close(&org);
	ph_directory_close(&directory);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy/ahead");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_asked_before, 0, 2);
	tcase_add_test(tc, test_not_asked_where_it_is_near);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
