#include "lib/scan/clamd.h"
#include "tests/unit/unit.h"

#include <string.h>

START_TEST(test_answers)
{
	static const struct {
		const char *answer;
		int r;
		const char *name;
		enum ph_err_kind kind;
	} rows[] = {
	    {"stream: OK", 0, NULL, PH_ERR_NONE},
	    {"stream: Win.Test.EICAR_HDB-1 FOUND", 1, "Win.Test.EICAR_HDB-1",
	     PH_ERR_NONE},
	    {"stream: a b\r\n\x80 FOUND", 1, "a?b???", PH_ERR_NONE},
	    {"stream:  FOUND", -1, NULL, PH_ERR_TEMP},
	    {"INSTREAM size limit exceeded. ERROR", -1, NULL, PH_ERR_PERM},
	    {"stream: Can't allocate memory ERROR", -1, NULL, PH_ERR_TEMP},
	    {"stream: OK\n", -1, NULL, PH_ERR_TEMP},
	    {"UNKNOWN COMMAND", -1, NULL, PH_ERR_TEMP},
	    {"", -1, NULL, PH_ERR_TEMP},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *name = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_int_eq(
		    ph_clamd_read_answer(rows[i].answer, &name, &err),
		    rows[i].r);
		ck_assert_int_eq(err.kind, rows[i].kind);
		if (rows[i].name == NULL)
			ck_assert_ptr_null(name);
		else
			ck_assert_str_eq(name, rows[i].name);
	}
}
END_TEST

START_TEST(test_long_name)
{
	g_autofree char *long_name = g_strnfill(900, 'x');
	g_autofree char *answer =
	    g_strdup_printf("stream: %s FOUND", long_name);
	g_autofree char *name = NULL;

	ck_assert_int_eq(ph_clamd_read_answer(answer, &name, NULL), 1);
	ck_assert_uint_eq(strlen(name), 128);
}
END_TEST

START_TEST(test_nobody_there)
{
	struct ph_endpoint endpoint = {.unix_socket = true,
				       .host = "/nowhere/clamd.sock"};
	const struct ph_scan_piece piece = {"x", 1};
	struct ph_err err = PH_ERR_INIT;
	char *name = NULL;

	ck_assert_int_eq(ph_clamd_scan(&endpoint, &piece, 1, 1000, &name, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_null(name);
}
END_TEST

UNIT_MAIN("lib/scan/clamd", test_answers, test_long_name, test_nobody_there)
