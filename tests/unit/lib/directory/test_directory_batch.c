#include "lib/directory/directory_batch.h"
#include "tests/unit/lib/directory/many.h"
#include "tests/unit/unit.h"

/* One that cannot say about an address until it is told to. */
struct silent {
	struct ph_directory *people;
	const char *about;
};

static int
silent_find(void *self, const char *address, struct ph_object **entry_r,
	    struct ph_found *found_r, struct ph_err *err)
{
	struct silent *silent = self;

	(void)found_r;
	if (silent->about != NULL && strcmp(address, silent->about) == 0)
		return ph_err_set(err, PH_ERR_TEMP, "no answer");
	return ph_directory_find(silent->people, address, entry_r, err);
}

static void
silent_close(void *self)
{
	struct silent *silent = self;

	ph_directory_close(&silent->people);
}

static const struct ph_directory_ops silent_ops = {
    .name = "silent",
    .find = silent_find,
    .close = silent_close,
};

static struct silent silent;
static struct ph_directory *inner;
static struct many *counts;
static struct ph_batch *batch;

static void
set_up(bool takes_many)
{
	struct ph_object *entries[] = {
	    people_mailbox("a@test.org", "|EmailAddresses=a2@test.org"),
	    people_mailbox("b@test.org", "|EmailAddresses=two@test.org"),
	    people_mailbox("c@test.org", "|EmailAddresses=two@test.org"),
	};

	silent = (struct silent){
	    ph_directory_memory((const struct ph_object *const *)entries,
				G_N_ELEMENTS(entries)),
	    NULL};
	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		ph_object_unref(&entries[i]);
	inner = ph_directory_new(&silent_ops, &silent);
	if (takes_many)
		inner = many_over(inner, &counts);
	batch = ph_batch_new(inner);
}

static void
tear_down(void)
{
	ph_batch_free(&batch);
	ph_directory_close(&inner);
}

static void
ask(const char *addresses)
{
	g_auto(GStrv) words = g_strsplit(addresses, " ", -1);

	ph_batch_ask(batch, (const char *const *)words, g_strv_length(words));
}

static void
check(const char *address, const char *want)
{
	ck_assert_str_eq(people_find(ph_batch_directory(batch), address), want);
}

START_TEST(test_known_beforehand)
{
	struct ph_object *entry = NULL;
	struct ph_found found;

	set_up(true);
	ask("A@test.org a2@TEST.org nobody@test.org two@test.org");
	ck_assert_uint_eq(counts->at_once, 1);
	check("a@test.org", "a@test.org");
	check("a2@test.org", "a@test.org");
	check("Nobody@test.org", "-");
	check("two@test.org", "permanent");
	ck_assert_uint_eq(counts->alone, 0);
	ck_assert_int_eq(ph_directory_find_from(ph_batch_directory(batch),
						"a@test.org", &entry, &found,
						NULL),
			 1);
	ck_assert_str_eq(found.source, "silent");
	ph_object_unref(&entry);
	/* What it was not told of is looked up. */
	check("b@test.org", "b@test.org");
	ck_assert_uint_eq(counts->alone, 1);
	tear_down();
}
END_TEST

START_TEST(test_once)
{
	set_up(true);
	ask("a@test.org A@test.org b@test.org");
	ck_assert_uint_eq(counts->at_once, 1);
	ck_assert_uint_eq(counts->largest, 2);
	ask("b@test.org a@test.org");
	ask("b@test.org c@test.org");
	ck_assert_uint_eq(counts->at_once, 1);
	ck_assert_ptr_nonnull(ph_batch_entry(batch, "B@test.org"));
	ck_assert_ptr_null(ph_batch_entry(batch, "c@test.org"));
	ck_assert_ptr_null(ph_batch_entry(batch, "nobody@test.org"));
	ph_batch_forget(batch);
	ck_assert_ptr_null(ph_batch_entry(batch, "b@test.org"));
	check("b@test.org", "b@test.org");
	ck_assert_uint_eq(counts->alone, 1);
	tear_down();
}
END_TEST

START_TEST(test_cannot_say)
{
	set_up(true);
	silent.about = "b@test.org";
	ask("a@test.org b@test.org");
	check("b@test.org", "temporary");
	check("a@test.org", "a@test.org");
	silent.about = NULL;
	check("b@test.org", "b@test.org");
	tear_down();
}
END_TEST

/* Another one in front of it asks as well. */
START_TEST(test_in_front)
{
	g_autofree char *told = NULL;

	set_up(true);
	ask("a@test.org two@test.org");
	told = many_told(ph_batch_directory(batch),
			 "b@test.org a@test.org nobody@test.org two@test.org");
	ck_assert_str_eq(told, "b@test.org a@test.org - permanent");
	ck_assert_uint_eq(counts->at_once, 2);
	ck_assert_uint_eq(counts->largest, 2);
	ck_assert_uint_eq(counts->alone, 0);
	tear_down();
}
END_TEST

START_TEST(test_more_than_at_once)
{
	const size_t n = 2 * PH_DIRECTORY_MANY + 3;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	set_up(true);
	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(names, g_strdup_printf("%zu@test.org", i));
	g_ptr_array_add(names, NULL);
	g_ptr_array_add(names, g_strdup("a@test.org"));
	ph_batch_ask(batch, (const char *const *)names->pdata, names->len);
	ck_assert_uint_eq(counts->at_once, 3);
	ck_assert_uint_eq(counts->largest, PH_DIRECTORY_MANY);
	check("a@test.org", "a@test.org");
	check("0@test.org", "-");
	check("202@test.org", "-");
	ck_assert_uint_eq(counts->alone, 0);
	tear_down();
}
END_TEST

START_TEST(test_where_it_is_not_cheaper)
{
	set_up(false);
	ask("a@test.org b@test.org");
	ck_assert_ptr_null(ph_batch_entry(batch, "a@test.org"));
	check("a@test.org", "a@test.org");
	check("two@test.org", "permanent");
	check("nobody@test.org", "-");
	tear_down();
}
END_TEST

UNIT_MAIN("lib/directory/directory_batch", test_known_beforehand, test_once,
	  test_cannot_say, test_in_front, test_more_than_at_once,
	  test_where_it_is_not_cheaper)
