#include "lib/message/units.h"
#include "tests/unit/unit.h"

#include <string.h>

/* Which parts of a message can be exchanged, and what is left around them. */

static struct ph_headers *
make_headers(const char *type)
{
	struct ph_headers *headers = ph_headers_new();

	if (type != NULL)
		ph_headers_add(headers, "Content-Type", type);
	return headers;
}

/* "type [name] <bytes>;" of each; "none". */
static char *
list(const char *type, const char *body)
{
	struct ph_headers *headers = make_headers(type);
	g_autoptr(GArray) units = ph_units_find(headers, body, strlen(body));
	GString *text = g_string_new(units == NULL ? "none" : NULL);

	for (guint i = 0; units != NULL && i < units->len; i++) {
		const struct ph_unit *u =
		    &g_array_index(units, struct ph_unit, i);
		g_autofree char *bytes =
		    g_strndup(body + u->begin, u->end - u->begin);

		g_string_append_printf(text, "%s [%s] <%s>;", u->type, u->name,
				       bytes);
	}
	ph_headers_free(&headers);
	return g_string_free(text, FALSE);
}

#define MIXED "multipart/mixed; boundary=b"

START_TEST(test_units)
{
	static const struct {
		const char *type, *body, *units;
	} rows[] = {
	    {NULL, "hello\r\n", "none"},
	    {"text/plain", "hello\r\n", "none"},
	    {MIXED, "--b\r\n\r\nx\r\n--b--\r\n", "text/plain [] <\r\nx>;"},
	    {MIXED,
	     "pre\r\n--b\r\nContent-Type: A/B; name=n\r\n\r\nx\r\n"
	     "--b\r\n\r\ny\r\n\r\n--b--\r\nepilogue",
	     "a/b [n] <Content-Type: A/B; name=n\r\n\r\nx>;"
	     "text/plain [] <\r\ny\r\n>;"},
	    /* Through multiparts, not into what is signed or attached. */
	    {MIXED,
	     "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
	     "--c\r\n\r\nx\r\n--c\r\n\r\ny\r\n--c--\r\n\r\n"
	     "--b\r\n\r\nz\r\n--b--\r\n",
	     "text/plain [] <\r\nx>;text/plain [] <\r\ny>;"
	     "text/plain [] <\r\nz>;"},
	    {MIXED,
	     "--b\r\nContent-Type: multipart/signed; boundary=c\r\n\r\n"
	     "--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
	     "multipart/signed [] <Content-Type: multipart/signed; "
	     "boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c-->;"},
	    {MIXED,
	     "--b\r\nContent-Type: message/rfc822\r\n\r\n"
	     "Content-Type: multipart/mixed; boundary=c\r\n\r\n"
	     "--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
	     "message/rfc822 [] <Content-Type: message/rfc822\r\n\r\n"
	     "Content-Type: multipart/mixed; boundary=c\r\n\r\n"
	     "--c\r\n\r\nx\r\n--c-->;"},
	    /* As a whole. */
	    {"multipart/signed; boundary=b", "--b\r\n\r\nx\r\n--b--\r\n",
	     "none"},
	    {"multipart/encrypted; boundary=b", "--b\r\n\r\nx\r\n--b--\r\n",
	     "none"},
	    /* What two readers may read in two ways. */
	    {MIXED, "--b\r\n\r\nx\r\n", "none"},
	    {MIXED, "--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--\r\n",
	     "none"},
	    {MIXED, "no parts\r\n", "none"},
	    {"multipart/mixed", "--b\r\n\r\nx\r\n--b--\r\n", "none"},
	    {MIXED "; boundary=c", "--b\r\n\r\nx\r\n--b--\r\n", "none"},
	    {MIXED,
	     "--b\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n"
	     "\r\nx\r\n--b--\r\n",
	     "none"},
	    {MIXED, "--b\r\nno field\r\n\r\nx\r\n--b--\r\n", "none"},
	    {MIXED, "--b\r\n--b--\r\n", "none"},
	    {MIXED, "", "none"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *units = list(rows[i].type, rows[i].body);

		ck_assert_msg(strcmp(units, rows[i].units) == 0, "row %zu: %s",
			      i, units);
	}
}
END_TEST

START_TEST(test_two_types_of_the_message)
{
	static const char body[] = "--b\r\n\r\nx\r\n--b--\r\n";
	struct ph_headers *headers = make_headers(MIXED);

	ph_headers_add(headers, "Content-Type", "text/plain");
	ck_assert_ptr_null(ph_units_find(headers, body, strlen(body)));
	ph_headers_free(&headers);
}
END_TEST

static guint
count_units(guint parts)
{
	g_autoptr(GString) body = g_string_new(NULL);
	struct ph_headers *headers = make_headers(MIXED);
	g_autoptr(GArray) units = NULL;

	for (guint i = 0; i < parts; i++)
		g_string_append(body, "--b\r\n\r\nx\r\n");
	g_string_append(body, "--b--\r\n");
	units = ph_units_find(headers, body->str, body->len);
	ph_headers_free(&headers);
	return units != NULL ? units->len : 0;
}

START_TEST(test_limit)
{
	ck_assert_uint_eq(count_units(PH_UNITS), PH_UNITS);
	ck_assert_uint_eq(count_units(PH_UNITS + 1), 0);
}
END_TEST

START_TEST(test_exchange)
{
	static const char body[] = "pre\r\n--b\r\n\r\nx\r\n--b\r\nA: b\r\n\r\n"
				   "y\r\n--b\r\n\r\nz\r\n--b--\r\nafter\r\n";
	static char first[] = "F: 1\r\n\r\nfirst", last[] = "\r\nlast\r\n";
	static char *const rows[][3] = {
	    {NULL, NULL, NULL}, {first, NULL, last}, {NULL, first, NULL}};
	static const char *const results[] = {
	    body,
	    "pre\r\n--b\r\nF: 1\r\n\r\nfirst\r\n--b\r\nA: b\r\n\r\ny\r\n--b\r\n"
	    "\r\nlast\r\n\r\n--b--\r\nafter\r\n",
	    "pre\r\n--b\r\n\r\nx\r\n--b\r\nF: 1\r\n\r\nfirst\r\n--b\r\n\r\nz"
	    "\r\n--b--\r\nafter\r\n",
	};
	struct ph_headers *headers = make_headers(MIXED);
	g_autoptr(GArray) units = ph_units_find(headers, body, strlen(body));

	ck_assert_ptr_nonnull(units);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GByteArray) out =
		    ph_units_exchange(body, strlen(body), units, rows[i]);

		ck_assert_uint_eq(out->len, strlen(results[i]));
		ck_assert_mem_eq(out->data, results[i], out->len);
	}
	ph_headers_free(&headers);
}
END_TEST

UNIT_MAIN("lib/message/units", test_units, test_two_types_of_the_message,
	  test_limit, test_exchange)
