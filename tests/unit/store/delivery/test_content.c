#include "store/delivery/content.h"

#include "tests/unit/unit.h"

#include <string.h>

#define NMID "0f0e0d0c-0b0a-8908-8706-050403020100"

struct run {
	GString *out;
	char *nmid, *subject, *scl;
	int r;
};

/* step 0: in one piece, else pieces of that size; cut: one cut there. */
static struct run
run_content(const char *text, size_t size, bool trusted, size_t step,
	    size_t cut)
{
	struct ph_incoming *content = ph_incoming_new(trusted);
	struct run run = {.out = g_string_new(NULL)};
	size_t at = 0;

	while (at < size && run.r == 0) {
		size_t n = step ? MIN(step, size - at) : size - at;

		if (at < cut && at + n > cut)
			n = cut - at;
		run.r = ph_incoming_feed(content, text + at, n, run.out, NULL);
		at += n;
	}
	if (run.r == 0)
		run.r = ph_incoming_finish(content, "a@b", run.out, NULL);
	run.nmid = g_strdup(ph_incoming_nmid(content));
	run.subject = g_strdup(
	    ph_headers_text(ph_incoming_headers(content), "Subject", 0));
	run.scl = g_strdup(
	    ph_headers_raw(ph_incoming_headers(content), "X-PostHub-SCL", 0));
	ph_incoming_free(&content);
	ck_assert_ptr_null(content);
	return run;
}

static void
run_clear(struct run *run)
{
	g_string_free(run->out, TRUE);
	g_free(run->nmid);
	g_free(run->subject);
	g_free(run->scl);
}

#define ROW(trusted, in, out)                                     \
	{                                                         \
		in, out, sizeof(in) - 1, sizeof(out) - 1, trusted \
	}
static const struct {
	const char *in, *out;
	size_t in_size, out_size;
	bool trusted;
} rows[] = {
    ROW(true, "", ""),
    ROW(true, "Subject: s\r\n\r\nbody\r\n", "Subject: s\n\nbody\n"),
    ROW(true, "Subject: s\r\n", "Subject: s\n"),
    ROW(true, "Subject: s\r\n\r\n", "Subject: s\n\n"),
    ROW(true, "A: 1\r\n 2\r\n\t3\r\nB: 4\r\n\r\n", "A: 1\n 2\n\t3\nB: 4\n\n"),
    /* Our own fields: five stay, the rest goes with its folded lines. */
    ROW(true,
	"X-PostHub-SCL: 5\r\nX-PostHub-AuthAs: Internal\r\n"
	"X-PostHub-AuthMechanism: 04\r\nX-PostHub-AuthSource: a\r\n"
	"x-posthub-network-message-id: " NMID "\r\n"
	"X-PostHub-Rules-Executed: r1\r\n\tr2\r\n r3\r\n"
	"X-PostHub-OriginalClientIPAddress: ::1\r\nX-Other: 1\r\n\r\nb\r\n",
	"X-PostHub-SCL: 5\nX-PostHub-AuthAs: Internal\n"
	"X-PostHub-AuthMechanism: 04\nX-PostHub-AuthSource: a\n"
	"x-posthub-network-message-id: " NMID "\nX-Other: 1\n\nb\n"),
    ROW(false, "X-PostHub-SCL: 5\r\nx-POSTHUB-foo: 1\r\nA: b\r\n\r\nc\r\n",
	"A: b\n\nc\n"),
    /* A bare LF ends a line as soon as it is stored. */
    ROW(false, "A: b\nX-PostHub-SCL: 5\nC: d\r\n\r\ne\r\n",
	"A: b\nC: d\n\ne\n"),
    ROW(false, "X-PostHub-SCL : 5\r\nX-PostHub-SCL\t: 5\r\nA: b\r\n\r\n",
	"A: b\n\n"),
    ROW(false, "X-PostHub-SCL:\r\n 5\r\n\r\n", "\n"),
    ROW(true, "Return-Path: <x@y>\r\nA: b\r\n\r\n", "A: b\n\n"),
    /* What is no field ends the header, with the empty line it lacks. */
    ROW(true, "A: b\r\nno field\r\nX-PostHub-Foo: 1\r\n",
	"A: b\n\nno field\nX-PostHub-Foo: 1\n"),
    ROW(true, "body\r\n", "\nbody\n"),
    ROW(true, " folded\r\n", "\n folded\n"),
    ROW(true, ": x\r\n", "\n: x\n"),
    ROW(true, "\r\nX-PostHub-Foo: 1\r\n", "\nX-PostHub-Foo: 1\n"),
    /* Bare CR and NUL stay; only CRLF changes. */
    ROW(true, "A: b\r\n\r\na\rb\r\r\nc\0d\ne\r\n", "A: b\n\na\rb\r\nc\0d\ne\n"),
    ROW(true, "A: b\0c\r\n\r\n", "A: b\0c\n\n"),
    ROW(true, "A: b\r", "A: b\r"),
    ROW(true, "A: b", "A: b"),
    ROW(false, "X-PostHub-SCL: 1", ""),
};

static void
check(size_t i, size_t step, size_t cut)
{
	struct run run = run_content(rows[i].in, rows[i].in_size,
				     rows[i].trusted, step, cut);

	ck_assert_int_eq(run.r, 0);
	ck_assert_msg(run.out->len == rows[i].out_size &&
			  memcmp(run.out->str, rows[i].out, run.out->len) == 0,
		      "row %zu step %zu cut %zu: \"%s\"", i, step, cut,
		      run.out->str);
	run_clear(&run);
}

START_TEST(test_rows)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		check(i, 0, 0);
		check(i, 1, 0);
		for (size_t cut = 1; cut < rows[i].in_size; cut++)
			check(i, 0, cut);
	}
}
END_TEST

#define MESSAGE                                                          \
	"Message-ID: <1@x>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n" \
	"Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\r\n"

static char *
nmid_of(const char *text, bool trusted, size_t step)
{
	struct run run = run_content(text, strlen(text), trusted, step, 0);
	char *nmid = g_strdup(run.nmid);

	run_clear(&run);
	return nmid;
}

START_TEST(test_nmid)
{
	g_autofree char *given =
	    nmid_of("X-PostHub-Network-Message-Id: 0F0E0D0C-0b0a-8908-8706-"
		    "050403020100 \r\n" MESSAGE "\r\nb\r\n",
		    true, 0);
	g_autofree char *stranger = nmid_of(
	    "X-PostHub-Network-Message-Id: " NMID "\r\n" MESSAGE "\r\nb\r\n",
	    false, 0);
	g_autofree char *bad = nmid_of("X-PostHub-Network-Message-Id: "
				       "../x\r\n" MESSAGE "\r\nb\r\n",
				       true, 0);
	g_autofree char *none = nmid_of(MESSAGE "\r\nb\r\n", true, 0);
	g_autofree char *pieces = nmid_of(MESSAGE "\r\nb\r\n", true, 1);
	g_autofree char *other = nmid_of(MESSAGE "\r\nc\r\n", true, 0);

	ck_assert_str_eq(given, NMID);
	ck_assert(ph_uuid_valid(none));
	ck_assert_str_ne(none, NMID);
	ck_assert_str_eq(stranger, none);
	ck_assert_str_eq(bad, none);
	ck_assert_str_eq(pieces, none);
	ck_assert_str_ne(other, none);
}
END_TEST

START_TEST(test_headers)
{
	const char *text = "X-PostHub-SCL: 5\r\n" MESSAGE "\r\n";
	struct run ours = run_content(text, strlen(text), true, 0, 0);
	struct run theirs = run_content(text, strlen(text), false, 0, 0);

	ck_assert_str_eq(ours.subject, "gr\xc3\xbc\xc3\x9f"
				       "e");
	ck_assert_str_eq(ours.scl, "5");
	ck_assert_str_eq(theirs.subject, ours.subject);
	ck_assert_ptr_null(theirs.scl);
	run_clear(&ours);
	run_clear(&theirs);
}
END_TEST

/* A header that never ends is refused before it is kept. */
START_TEST(test_header_limit)
{
	static const char *const heads[] = {"A: ", "A: b\r\n ", ""};

	for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
		struct ph_incoming *content = ph_incoming_new(true);
		g_autoptr(GString) out = g_string_new(NULL);
		g_autofree char *fill = g_strnfill(65536, 'x');
		struct ph_err err = PH_ERR_INIT;
		size_t n = 0;
		int r = ph_incoming_feed(content, heads[i], strlen(heads[i]),
					 out, &err);

		while (r == 0 && n < PH_HEADERS_LIMIT + 65536) {
			r = ph_incoming_feed(content, fill, 65536, out, &err);
			n += 65536;
		}
		ck_assert_int_eq(r, -1);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_uint_ge(n, PH_HEADERS_LIMIT);
		ph_incoming_free(&content);
	}
}
END_TEST

UNIT_MAIN("store/delivery/content", test_rows, test_nmid, test_headers,
	  test_header_limit)
