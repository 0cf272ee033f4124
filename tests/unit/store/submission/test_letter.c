#include "store/submission/letter.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file of its own without a name; close it. */
static int
file_of(const char *text, size_t size)
{
	char path[] = "/tmp/phletter-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
	return fd;
}

static int
append(void *context, const char *data, size_t size, struct ph_err *err)
{
	(void)err;
	g_string_append_len(context, data, (gssize)size);
	return 0;
}

/* What is sent; NULL: refused. */
static char *
wire_of(const char *text, size_t size, struct ph_err *err)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = file_of(text, size);
	struct ph_letter *letter = NULL;

	if (ph_letter_read(fd, &letter, err) != 1) {
		close(fd);
		return NULL;
	}
	ck_assert_int_eq(ph_letter_send(letter, fd, append, out, err), 0);
	ck_assert_uint_eq(out->len, letter->size);
	ph_letter_free(&letter);
	close(fd);
	return g_string_free(g_steal_pointer(&out), FALSE);
}

static const struct {
	const char *text;
	const char *wire; /* NULL: refused */
	const char *why;
} rows[] = {
    {"A: b\n\nx\n", "A: b\r\n\r\nx\r\n", NULL},
    {"A: b\r\n\r\nx\r\n", "A: b\r\n\r\nx\r\n", NULL},
    {"A: b\r\n\nx\ny\r\nz", "A: b\r\n\r\nx\r\ny\r\nz", NULL},
    {"A:b\n\tc\n d\nE : f\n\n", "A: b\r\n\tc\r\n d\r\nE: f\r\n\r\n", NULL},
    {"A: b", "A: b\r\n\r\n", NULL},
    {"A: b\n", "A: b\r\n\r\n", NULL},
    {"A:\n\n", "A: \r\n\r\n", NULL},
    {"A: b\n\n\n.\n..\n", "A: b\r\n\r\n\r\n.\r\n..\r\n", NULL},
    {"A: b\nBCC: c\n d\nX-Posthub-X: y\nReturn-Path: <q>\nResent-Bcc: r\n\nx",
     "A: b\r\n\r\nx", NULL},
    {"Bcc: c\n\nx\n", "\r\nx\r\n", NULL},
    {"x-posthub-sender-override: y\n\nx",
     "x-posthub-sender-override: y\r\n"
     "\r\nx",
     NULL},
    {"", NULL, "empty"},
    {"\nx\n", NULL, "no header"},
    {"x\n\ny\n", NULL, "\"x\" is no header field"},
    {" A: b\n\n", NULL, "\" A: b\" is no header field"},
    {"A: b\nc\n\n", NULL, "\"c\" is no header field"},
    {": b\n\n", NULL, "is no header field"},
    {"A b: c\n\n", NULL, "is no header field"},
    {"From a@b Sun Nov 11 10:00:00 2012\nA: b\n\n", NULL, "is no header field"},
};

START_TEST(test_wire)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_err err = PH_ERR_INIT;
		g_autofree char *wire =
		    wire_of(rows[i].text, strlen(rows[i].text), &err);

		if (rows[i].wire != NULL)
			ck_assert_msg(wire != NULL &&
					  strcmp(wire, rows[i].wire) == 0,
				      "%s: %s%s", rows[i].text,
				      wire ? wire : "refused: ", err.text);
		else
			ck_assert_msg(wire == NULL && err.kind == PH_ERR_PERM &&
					  strstr(err.text, rows[i].why),
				      "%s: %s", rows[i].text, err.text);
	}
}
END_TEST

START_TEST(test_nul)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_ptr_null(wire_of("A: b\0c\n\n", 9, &err));
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_null(wire_of("A: b\n\0: c\n\n", 11, &err));
}
END_TEST

/* Cut at every position: sent as far as it goes, or refused; never more. */
START_TEST(test_cut)
{
	static const char text[] = "Ab: cd\r\n ef\r\nGh: ij\n\nbody\r\nbody\n";

	for (size_t n = 0; n < sizeof text; n++) {
		struct ph_err err = PH_ERR_INIT;
		g_autofree char *wire = wire_of(text, n, &err);

		ck_assert_msg((wire == NULL) == (err.kind == PH_ERR_PERM),
			      "%zu: %s", n, err.text);
		if (n > strlen("Ab: cd\r\n ef\r\nGh: ij\n"))
			ck_assert(wire != NULL &&
				  g_str_has_prefix(
				      wire, "Ab: cd\r\n ef\r\nGh: ij\r\n\r\n"));
	}
}
END_TEST

/* Pieces of the file end anywhere: a CRLF across two is one. */
START_TEST(test_pieces)
{
	for (size_t pad = 65536 - 4; pad < 65536 + 4; pad++) {
		g_autoptr(GString) text = g_string_new("A: b\n\n");
		struct ph_err err = PH_ERR_INIT;
		g_autofree char *wire = NULL;

		for (size_t i = 0; i < pad; i++)
			g_string_append_c(text, 'x');
		g_string_append(text, "\r\ny\nz");
		wire = wire_of(text->str, text->len, &err);
		ck_assert_uint_eq(strlen(wire), strlen("A: b\r\n\r\n") + pad +
						    strlen("\r\ny\r\nz"));
		ck_assert(g_str_has_suffix(wire, "x\r\ny\r\nz"));
	}
}
END_TEST

START_TEST(test_header_limit)
{
	for (int over = 0; over < 2; over++) {
		g_autoptr(GString) text = g_string_new("A: ");
		struct ph_err err = PH_ERR_INIT;
		g_autofree char *wire = NULL;

		/* With its line end and the empty line one below the limit. */
		while (text->len < PH_LETTER_HEADER_LIMIT - 3 + (size_t)over)
			g_string_append_c(text, 'x');
		g_string_append(text, "\n\nbody\n");
		wire = wire_of(text->str, text->len, &err);
		ck_assert_msg((wire != NULL) == (over == 0), "%d: %s", over,
			      err.text);
	}
}
END_TEST

static char *
nmid_of(const char *text, const char *sender)
{
	int fd = file_of(text, strlen(text));
	struct ph_letter *letter = NULL;
	char nmid[PH_UUID_TEXT];

	ck_assert_int_eq(ph_letter_read(fd, &letter, NULL), 1);
	ph_letter_nmid(letter, sender, nmid);
	ph_letter_free(&letter);
	close(fd);
	return g_strdup(nmid);
}

START_TEST(test_nmid)
{
	g_autofree char *a = nmid_of("Date: x\nMessage-ID: <1>\n\nb\n", "s");
	g_autofree char *b =
	    nmid_of("Date: x\r\nMessage-ID: <1>\r\nBcc: c\r\n\r\nb\r\n", "s");
	g_autofree char *c = nmid_of("Date: x\nMessage-ID: <1>\n\nc\n", "s");
	g_autofree char *d = nmid_of("Date: x\nMessage-ID: <1>\n\nb\n", "t");

	ck_assert_str_eq(a, b);
	ck_assert_str_ne(a, c);
	ck_assert_str_ne(a, d);
}
END_TEST

START_TEST(test_missing)
{
	static const struct {
		const char *text;
		bool date, id;
	} cases[] = {
	    {"A: b\n\n", true, true},
	    {"date: b\n\n", false, true},
	    {"MESSAGE-ID: b\r\n\r\n", true, false},
	    {"Date: a\nMessage-Id: b\n\n", false, false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		int fd = file_of(cases[i].text, strlen(cases[i].text));
		struct ph_letter *letter = NULL;
		g_autofree char *lines = NULL;

		ck_assert_int_eq(ph_letter_read(fd, &letter, NULL), 1);
		lines = ph_letter_missing(letter, 1352628000000, "h.example");
		ck_assert_int_eq(lines == NULL, !cases[i].date && !cases[i].id);
		if (cases[i].date)
			ck_assert(g_str_has_prefix(
			    lines, "Date: Sun, 11 Nov 2012 10:00:00 +0000"));
		if (cases[i].id)
			ck_assert_ptr_nonnull(strstr(lines, "@h.example>"));
		if (lines != NULL)
			ck_assert_int_eq(strchr(lines, '\r') != NULL,
					 strchr(cases[i].text, '\r') != NULL);
		ph_letter_free(&letter);
		close(fd);
	}
}
END_TEST

/* A file that its owner goes on writing to must not be sent half. */
START_TEST(test_changed)
{
	int fd = file_of("A: b\n\nlong body\n", 16);
	g_autoptr(GString) out = g_string_new(NULL);
	struct ph_letter *letter = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_letter_read(fd, &letter, &err), 1);
	ck_assert_int_eq(ftruncate(fd, 10), 0);
	ck_assert_int_eq(ph_letter_send(letter, fd, append, out, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_letter_free(&letter);
	close(fd);
}
END_TEST

UNIT_MAIN("store/submission/letter", test_wire, test_nul, test_cut, test_pieces,
	  test_header_limit, test_nmid, test_missing, test_changed)
