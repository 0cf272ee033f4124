#include "tests/unit/lib/directory/place.h"

#include <stdlib.h>

/* "primary database", or "-" where there is no short way. */
static const char *
brief(struct ph_directory *directory, const char *address)
{
	struct ph_brief found;
	g_autofree char *text = NULL;

	if (!ph_directory_brief(directory, address, &found))
		return "-";
	text = g_strdup_printf("%s %s", found.primary, found.database);
	return g_intern_string(text);
}

/* The same, worked out from what a find says. */
static const char *
worked_out(struct ph_directory *directory, const char *address)
{
	struct ph_object *entry = NULL;
	g_autofree char *text = NULL;
	const char *answer = "-";

	if (ph_directory_find(directory, address, &entry, NULL) == 1 &&
	    ph_entry_is_mailbox(entry) &&
	    !ph_object_has(entry, "ForwardingAddress") &&
	    !ph_object_has(entry, "ForwardingSmtpAddress")) {
		text = g_strdup_printf("%s %s", ph_entry_primary(entry),
				       ph_object_text(entry, "Database"));
		answer = g_intern_string(text);
	}
	ph_object_unref(&entry);
	return answer;
}

/* "recipient|name|Field=value|..." */
static void
put_line(struct place *p, const char *line)
{
	struct ph_dirwrite *write = begin(p);
	struct ph_object *entry = unit_object_line(line);

	ph_dirfile_round(p->file);
	ck_assert_int_eq(ph_dirwrite_put(write, entry, NULL), 0);
	commit(write);
	ph_object_unref(&entry);
}

START_TEST(test_mailbox)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "nuno@test.org",
	    "|PrimarySmtpAddress=Nuno.Mota@test.org|EmailAddresses=n@test.org");
	/* Not before everything is there. */
	ck_assert_str_eq(brief(p.directory, "n@test.org"), "-");
	complete(&p);
	ck_assert_str_eq(brief(p.directory, "N@Test.org"),
			 "Nuno.Mota@test.org DB1");
	ck_assert_str_eq(brief(p.directory, "nuno@test.org"),
			 "Nuno.Mota@test.org DB1");
	ck_assert_str_eq(brief(p.directory, "x@test.org"), "-");
	ck_assert_str_eq(brief(p.directory, ""), "-");
	put_line(&p, "recipient|nuno@test.org|RecipientType=UserMailbox|"
		     "Database=DB2|EmailAddresses=new@test.org");
	ck_assert_str_eq(brief(p.directory, "new@test.org"),
			 "new@test.org DB2");
	ck_assert_str_eq(brief(p.directory, "n@test.org"), "-");
	ck_assert_str_eq(absent(&p, "nuno@test.org"), "");
	ck_assert_str_eq(brief(p.directory, "new@test.org"), "-");
	place_free(&p);
}
END_TEST

START_TEST(test_not_plain)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "a@test.org", "|EmailAddresses=both@test.org");
	complete(&p);
	ck_assert_str_eq(brief(p.directory, "both@test.org"),
			 "both@test.org DB1");
	put(&p, "b@test.org", "|EmailAddresses=both@test.org");
	ck_assert_str_eq(brief(p.directory, "both@test.org"), "-");
	absent(&p, "b@test.org");
	ck_assert_str_eq(brief(p.directory, "both@test.org"),
			 "both@test.org DB1");
	put(&p, "a@test.org", "|ForwardingAddress=c@test.org");
	ck_assert_str_eq(brief(p.directory, "a@test.org"), "-");
	put(&p, "a@test.org", "|ForwardingSmtpAddress=c@far.test");
	ck_assert_str_eq(brief(p.directory, "a@test.org"), "-");
	put_line(&p, "recipient|a@test.org|RecipientType=MailUser|"
		     "ExternalEmailAddress=a@far.test");
	ck_assert_str_eq(brief(p.directory, "a@test.org"), "-");
	place_free(&p);
}
END_TEST

/* Whatever happens to a few recipients with a few addresses, keys in another
 * case and bad values among it. */
static void
happen(struct place *p)
{
	static const char *const names[] = {"a@t.org", "A@t.org", "b@t.org",
					    "c@t.org"};
	static const char *const more[] = {
	    "",
	    "|EmailAddresses=b@t.org",
	    "|EmailAddresses=x@t.org,y@t.org",
	    "|PrimarySmtpAddress=X@t.org",
	    "|ForwardingAddress=b@t.org|EmailAddresses=y@t.org",
	};
	const char *name = names[rand() % (int)G_N_ELEMENTS(names)];

	switch (rand() % 8) {
	case 0:
	case 1:
		absent(p, name);
		break;
	case 2:
		bad(p, name);
		break;
	default:
		put(p, name, more[rand() % (int)G_N_ELEMENTS(more)]);
	}
}

START_TEST(test_says_what_a_find_says)
{
	static const char *const asked[] = {"a@t.org", "b@t.org", "c@t.org",
					    "x@t.org", "y@t.org", "z@t.org"};
	struct place p;
	unsigned said = 0;

	srand(7);
	place_make(&p);
	place_open(&p);
	complete(&p);
	for (int round = 0; round < 400; round++) {
		happen(&p);
		for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
			const char *is = brief(p.directory, asked[i]);

			ck_assert_msg(
			    strcmp(is, worked_out(p.directory, asked[i])) == 0,
			    "round %d, %s: %s, not %s", round, asked[i], is,
			    worked_out(p.directory, asked[i]));
			said += strcmp(is, "-") != 0;
		}
	}
	ck_assert_uint_gt(said, 400);
	place_free(&p);
}
END_TEST

START_TEST(test_abort)
{
	struct place p;
	struct ph_dirwrite *write;
	struct ph_object *entry = unit_object_line(
	    "recipient|a@t.org|RecipientType=UserMailbox|Database=DB2");

	place_make(&p);
	place_open(&p);
	put(&p, "a@t.org", "");
	complete(&p);
	write = begin(&p);
	ck_assert_int_eq(ph_dirwrite_put(write, entry, NULL), 0);
	ck_assert_str_eq(brief(p.directory, "a@t.org"), "a@t.org DB1");
	ph_dirwrite_abort(&write);
	ck_assert_str_eq(brief(p.directory, "a@t.org"), "a@t.org DB1");
	ph_object_unref(&entry);
	place_free(&p);
}
END_TEST

#define MANY 3000

static char *
numbered(unsigned i)
{
	return g_strdup_printf("a%u@t.org", i);
}

/* All of them own an address of their own; 7 and 8 have one together. */
static void
fill(struct place *p)
{
	struct ph_dirwrite *write = begin(p);

	for (unsigned i = 0; i < MANY; i++) {
		g_autofree char *name = numbered(i);
		g_autofree char *more =
		    g_strdup_printf("|EmailAddresses=b%u@t.org%s", i,
				    i == 7 || i == 8 ? ",both@t.org" : "");

		put_in(write, name, more);
	}
	commit(write);
	complete(p);
}

/* Every other one has moved or is gone. */
static void
change(struct place *p)
{
	for (unsigned i = 0; i < MANY; i += 2) {
		g_autofree char *name = numbered(i);

		if (i % 4 == 0)
			put(p, name, "|ForwardingAddress=x@t.org");
		else
			absent(p, name);
	}
}

/* A writer that starts over a file reads it while it is changed: in the end
 * both say the same. */
START_TEST(test_read_while_it_changes)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	fill(&p);
	place_close(&p);
	place_open(&p);
	change(&p);
	while (strcmp(brief(p.directory, "a1@t.org"), "-") == 0)
		g_thread_yield();
	for (unsigned i = 0; i < MANY; i++) {
		g_autofree char *name = numbered(i);
		const char *is = brief(p.directory, name);

		ck_assert_msg(strcmp(is, worked_out(p.directory, name)) == 0,
			      "%s: %s", name, is);
		ck_assert_msg((strcmp(is, "-") == 0) == (i % 2 == 0), "%s: %s",
			      name, is);
	}
	ck_assert_str_eq(brief(p.directory, "both@t.org"), "b7@t.org DB1");
	place_free(&p);
}
END_TEST

/* Who only reads has none. */
START_TEST(test_reader)
{
	struct place p;
	struct ph_dirfile *file;
	struct ph_directory *reader;
	struct ph_object *entry = NULL;

	place_make(&p);
	place_open(&p);
	put(&p, "a@t.org", "");
	complete(&p);
	place_close(&p);
	file = ph_dirfile_new(p.path, MAP_SIZE, false);
	reader = ph_dirfile_directory(file);
	ck_assert_int_eq(ph_directory_find(reader, "a@t.org", &entry, NULL), 1);
	ck_assert_str_eq(brief(reader, "a@t.org"), "-");
	ph_object_unref(&entry);
	ph_directory_close(&reader);
	ph_dirfile_unref(&file);
	place_free(&p);
}
END_TEST

UNIT_MAIN("lib/directory/file_brief", test_mailbox, test_not_plain,
	  test_says_what_a_find_says, test_abort, test_read_while_it_changes,
	  test_reader)
