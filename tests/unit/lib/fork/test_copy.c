#include "lib/fork/copy.h"

#include "lib/fork/plan.h"
#include "lib/fork/spool.h"
#include "tests/unit/unit.h"

#include <string.h>

static int
collect(void *context, const char *data, size_t size, struct ph_err *err)
{
	(void)err;
	g_string_append_len(context, data, (gssize)size);
	return 0;
}

/* edits: "Name=value|value;Name=": fields as they shall be. */
static void
add_edits(struct ph_plan_group *group, const char *edits)
{
	g_auto(GStrv) list = g_strsplit(edits, ";", -1);

	for (char **edit = list; *edit != NULL; edit++) {
		char *value = strchr(*edit, '=');
		g_auto(GStrv) values = NULL;
		struct ph_plan_header *header;

		if (value == NULL)
			continue;
		*value++ = '\0';
		header = ph_plan_add_header(group, *edit);
		values = g_strsplit(value, "|", -1);
		for (char **v = values; *v != NULL; v++)
			g_ptr_array_add(header->values, g_strdup(*v));
	}
}

static GString *
run(const char *message, size_t size, const char *edits)
{
	struct ph_plan *plan = ph_plan_new();
	struct ph_plan_group *group = ph_plan_add_group(plan, PH_PLAN_COPY);
	GString *out = g_string_new(NULL);

	add_edits(group, edits);
	ck_assert_int_eq(
	    ph_copy_send(message, size, group->headers, collect, out, NULL), 0);
	ph_plan_free(&plan);
	return out;
}

static const struct {
	const char *message, *edits, *expected;
} cases[] = {
    {"A: 1\r\nB: 2\r\n\r\nbody\r\n", "", "A: 1\r\nB: 2\r\n\r\nbody\r\n"},
    /* replaced, the name as it was written */
    {"sUBJECT:x\r\nB: 2\r\n\r\nb\r\n", "Subject=new",
     "sUBJECT: new\r\nB: 2\r\n\r\nb\r\n"},
    /* the same value: byte for byte */
    {"Subject:\t x\r\n  y \r\nB: 2\r\n\r\n", "Subject=x\n  y ",
     "Subject:\t x\r\n  y \r\nB: 2\r\n\r\n"},
    /* removed, with its fold */
    {"A: 1\r\n 2\r\nB: 2\r\n\r\nb\r\n", "A=", "B: 2\r\n\r\nb\r\n"},
    /* added at the end of the header, folded */
    {"A: 1\r\n\r\nb\r\n", "X-New=one\n two",
     "A: 1\r\nX-New: one\r\n two\r\n"
     "\r\nb\r\n"},
    /* fields of one name, in order: fewer, as many, more */
    {"X: 1\r\nA: a\r\nX: 2\r\nX: 3\r\n\r\n", "X=9", "X: 9\r\nA: a\r\n\r\n"},
    {"X: 1\r\nA: a\r\nX: 2\r\n\r\n", "x=1|8", "X: 1\r\nA: a\r\nX: 8\r\n\r\n"},
    {"X: 1\r\nA: a\r\n\r\n", "x=1|8|7",
     "X: 1\r\nA: a\r\nx: 8\r\nx: 7\r\n"
     "\r\n"},
    /* the MTA's own Received was not seen by the rules */
    {"Received: own\r\nReceived: a\r\nReceived: b\r\n\r\n", "Received=b",
     "Received: own\r\nReceived: b\r\n\r\n"},
    {"Received: own\r\nReceived: a\r\nB: 1\r\n\r\n",
     "received=", "Received: own\r\nB: 1\r\n\r\n"},
    /* the first of two edits of a name counts */
    {"A: 1\r\n\r\n", "A=2;a=3", "A: 2\r\n\r\n"},
    /* no header, no body, nothing */
    {"\r\nbody\r\n", "A=1", "A: 1\r\n\r\nbody\r\n"},
    {"A: 1\r\n", "B=1", "A: 1\r\nB: 1\r\n"},
    {"A: 1", "B=1", "A: 1\r\nB: 1\r\n"},
    {"A: 1", "A=2", "A: 2\r\n"},
    {"", "A=1", "A: 1\r\n"},
    /* what is no field ends the header */
    {"A: 1\r\nno field\r\nB: 2\r\n\r\n", "B=3",
     "A: 1\r\nB: 3\r\nno field\r\nB: 2\r\n\r\n"},
    {": x\r\n\r\n", "B=3", "B: 3\r\n: x\r\n\r\n"},
    {" x\r\n\r\n", "B=3", "B: 3\r\n x\r\n\r\n"},
    /* names that only begin alike; blanks before the colon */
    {"Sub: 1\r\nSubjects: 1\r\nSubject : 1\r\n\r\n", "Subject=2",
     "Sub: 1\r\nSubjects: 1\r\nSubject: 2\r\n\r\n"},
    /* body: what looks like a field, 8 bits, bare line ends */
    {"A: 1\r\n\r\nA: 1\r\n\xff\n\r.\r\n", "A=2",
     "A: 2\r\n\r\nA: 1\r\n\xff\n\r.\r\n"},
    /* a lone LF ends a line for who reads it next */
    {"A: 1\nB: 2\r\n\r\n", "B=3", "A: 1\nB: 3\r\n\r\n"},
    /* a value can be no second field, nor end the header */
    {"A: 1\r\n\r\nb\r\n", "A=x\r\nBcc: y\n\n\nz\n",
     "A: x\r\n Bcc: y\r\n \r\n \r\n z\r\n\r\nb\r\n"},
    {"A: 1\r\n\r\n", "A=caf\xe9", "A: caf\xe9\r\n\r\n"},
};

START_TEST(test_edits)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GString *out = run(cases[i].message, strlen(cases[i].message),
				   cases[i].edits);

		ck_assert_msg(strcmp(out->str, cases[i].expected) == 0,
			      "%zu: %s -> \"%s\"", i, cases[i].edits, out->str);
		g_string_free(out, TRUE);
	}
}
END_TEST

/* Postfix shows 60,000 bytes of a field: what is behind is not lost because
 * another field of that name was changed. */
START_TEST(test_long_field)
{
	g_autofree char *value = g_strnfill(100000, 'v');
	g_autofree char *message =
	    g_strdup_printf("To: %s\r\nTo: x\r\n\r\n", value);
	g_autofree char *edits = g_strdup_printf("To=%.60000s|y", value);
	g_autofree char *expected =
	    g_strdup_printf("To: %s\r\nTo: y\r\n\r\n", value);
	GString *out = run(message, strlen(message), edits);

	ck_assert_str_eq(out->str, expected);
	g_string_free(out, TRUE);
}
END_TEST

START_TEST(test_headers)
{
	static const char message[] = "A:  1\r\n\t2 \r\nB:\r\n\r\nC: 3\r\n";
	struct ph_headers *headers =
	    ph_copy_headers(message, sizeof(message) - 1);

	ck_assert_uint_eq(ph_headers_count(headers), 2);
	ck_assert_str_eq(ph_headers_raw(headers, "a", 0), "1\n\t2 ");
	ck_assert_str_eq(ph_headers_raw(headers, "b", 0), "");
	ph_headers_free(&headers);
}
END_TEST

static int
give_up(void *context, const char *data, size_t size, struct ph_err *err)
{
	int *left = context;

	(void)data;
	(void)size;
	return (*left)-- > 0 ? 0 : ph_err_set(err, PH_ERR_TEMP, "full");
}

/* A sink that fails at any piece ends it. */
START_TEST(test_sink_fails)
{
	static const char message[] = "A: 1\r\nX: 1\r\n\r\nbody\r\n";
	struct ph_plan *plan = ph_plan_new();
	struct ph_plan_group *group = ph_plan_add_group(plan, PH_PLAN_COPY);
	int n = 0, rc;

	add_edits(group, "A=2;B=1");
	do {
		int left = n;

		rc = ph_copy_send(message, sizeof(message) - 1, group->headers,
				  give_up, &left, NULL);
		ck_assert_int_eq(rc, n < 4 ? -1 : 0);
		n++;
	} while (rc < 0);
	ph_plan_free(&plan);
}
END_TEST

/* In memory, at its limit, one over, in a file; in pieces. */
START_TEST(test_spool)
{
	static const size_t sizes[] = {0, 1, 9, 10, 11, 12, 1000};
	char *dir = unit_mkdir();

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct ph_spool *spool = ph_spool_new(dir, 10);
		g_autoptr(GString) want = g_string_new(NULL);
		const char *data = NULL;
		size_t size = 99;

		for (size_t k = 0; k < sizes[i]; k++) {
			char c = (char)(k % 251);

			g_string_append_c(want, c);
			ck_assert_int_eq(ph_spool_write(spool, &c, 1, NULL), 0);
		}
		for (int again = 0; again < 2; again++) {
			ck_assert_int_eq(
			    ph_spool_read(spool, &data, &size, NULL), 0);
			ck_assert_uint_eq(size, sizes[i]);
			ck_assert_mem_eq(data, want->str, size);
		}
		ph_spool_free(&spool);
	}
	unit_rmdir(&dir);
}
END_TEST

START_TEST(test_spool_without_directory)
{
	struct ph_spool *spool = ph_spool_new("/nonexistent", 4);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_spool_write(spool, "1234", 4, &err), 0);
	ck_assert_int_eq(ph_spool_write(spool, "5", 1, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_spool_free(&spool);
	ph_spool_free(&spool);
}
END_TEST

UNIT_MAIN("lib/fork/copy", test_edits, test_long_field, test_headers,
	  test_sink_fails, test_spool, test_spool_without_directory)
