#include "tests/unit/lib/directory/place.h"

/* More than are read in one transaction. */
#define MANY 1000

static void
put_many(struct place *p, unsigned n)
{
	struct ph_dirwrite *write = begin(p);

	ph_dirfile_round(p->file);
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *name = g_strdup_printf("u%03u@test.org", i);

		put_in(write, name, "");
	}
	commit(write);
}

START_TEST(test_incomplete)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "nuno@test.org", "");
	ck_assert_str_eq(people_walk(p.directory, NULL), TEMP);
	complete(&p);
	ck_assert_str_eq(people_walk(p.directory, NULL), "nuno@test.org");
	place_free(&p);
}
END_TEST

START_TEST(test_empty)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	complete(&p);
	ck_assert_str_eq(people_walk(p.directory, NULL), "");
	place_free(&p);
}
END_TEST

START_TEST(test_no_file)
{
	struct ph_directory *reader;
	struct place p;

	place_make(&p);
	reader = reader_at(p.path);
	ck_assert_str_eq(people_walk(reader, NULL), TEMP);
	ph_directory_close(&reader);
	place_free(&p);
}
END_TEST

/* Not in force: two that differ in case alone, and what was never good. A bad
 * value leaves the good one before it in force. */
START_TEST(test_left_out)
{
	struct ph_dirwrite *write;
	struct place p;

	place_make(&p);
	place_open(&p);
	write = begin(&p);
	ph_dirfile_round(p.file);
	put_in(write, "bob@test.org", "");
	put_in(write, "Bob@test.org", "");
	put_in(write, "nuno@test.org", "");
	commit(write);
	bad(&p, "never@test.org");
	bad(&p, "nuno@test.org");
	complete(&p);
	ck_assert_str_eq(people_walk(p.directory, NULL), "nuno@test.org");
	place_free(&p);
}
END_TEST

struct visit {
	struct place *p;
	GHashTable *seen;
	bool write;
};

/* A callback may look up, and the writer may go on meanwhile. */
static int
visit(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	struct visit *v = arg;
	const char *name = ph_object_name(entry);

	(void)err;
	if (!v->write)
		ck_assert_str_eq(people_find(v->p->directory, name), name);
	ck_assert_msg(g_hash_table_add(v->seen, g_strdup(name)), "%s twice",
		      name);
	if (v->write && strcmp(name, "u300@test.org") == 0) {
		absent(v->p, "u100@test.org");
		absent(v->p, "u511@test.org");
		absent(v->p, "u900@test.org");
		put(v->p, "u0000@test.org", "");
		put(v->p, "u9999@test.org", "");
	}
	return 0;
}

static unsigned
visit_all(struct place *p, bool write)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct visit v = {p, seen, write};
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_directory_walk(p->directory, NULL, visit, &v, &err) ==
			  0,
		      "%s", err.text);
	if (write) {
		ck_assert(g_hash_table_contains(seen, "u9999@test.org"));
		ck_assert(!g_hash_table_contains(seen, "u0000@test.org"));
		ck_assert(!g_hash_table_contains(seen, "u900@test.org"));
	}
	return g_hash_table_size(seen);
}

START_TEST(test_many)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put_many(&p, MANY);
	complete(&p);
	ck_assert_uint_eq(visit_all(&p, false), MANY);
	place_free(&p);
}
END_TEST

START_TEST(test_changes)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put_many(&p, MANY);
	complete(&p);
	/* u300 is in a batch that was read whole, with u511 still in it. */
	visit_all(&p, true);
	ck_assert_uint_eq(visit_all(&p, false), MANY - 1);
	place_free(&p);
}
END_TEST

UNIT_MAIN("lib/directory/file_walk", test_incomplete, test_empty, test_no_file,
	  test_left_out, test_many, test_changes)
