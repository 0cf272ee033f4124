#include "lib/scan/rspamd.h"
#include "tests/unit/unit.h"

#include <string.h>

static int
read_answer(const char *json, struct ph_rspamd_answer *answer)
{
	struct ph_err err = PH_ERR_INIT;
	int r = ph_rspamd_read_answer(json, strlen(json), answer, &err);

	ck_assert_int_eq(err.kind, r < 0 ? PH_ERR_TEMP : PH_ERR_NONE);
	return r;
}

START_TEST(test_answer)
{
	struct ph_rspamd_answer answer;

	ck_assert_int_eq(
	    read_answer("{\"score\": 7.5, \"action\": \"add header\", "
			"\"symbols\": {\"B\": {\"score\": 7}, \"A_1\": {}, "
			"\"x\\r\\nBcc: y\": {}}}",
			&answer),
	    0);
	ck_assert_double_eq(answer.score, 7.5);
	ck_assert_str_eq(answer.action, "add header");
	ck_assert_str_eq(answer.symbols, "A_1, B");
	ph_rspamd_answer_clear(&answer);
	ck_assert_int_eq(
	    read_answer("{\"score\": -3, \"action\": \"no action\"}", &answer),
	    0);
	ck_assert_double_eq(answer.score, -3);
	ck_assert_str_eq(answer.symbols, "");
	ph_rspamd_answer_clear(&answer);
}
END_TEST

START_TEST(test_no_answer)
{
	static const char *const rows[] = {
	    "",
	    "{",
	    "[]",
	    "7",
	    "{\"score\": \"7\", \"action\": \"reject\"}",
	    "{\"score\": 7}",
	    "{\"error\": \"cannot parse\"}",
	    "{\"score\": 7, \"action\": \"reject\"} more",
	};
	struct ph_rspamd_answer answer;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_msg(read_answer(rows[i], &answer) == -1, "%s",
			      rows[i]);
}
END_TEST

START_TEST(test_nobody_there)
{
	static const char *const nobody[] = {NULL};
	const struct ph_endpoint endpoint = {.unix_socket = true,
					     .host = "/nowhere/rspamd.sock"};
	const struct ph_rspamd_query query = {"", nobody, "", "", "", "", ""};
	const struct ph_scan_piece piece = {"x", 1};
	struct ph_rspamd_answer answer;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(
	    ph_rspamd_check(&endpoint, &query, &piece, 1, 1000, &answer, &err),
	    -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
}
END_TEST

UNIT_MAIN("lib/scan/rspamd", test_answer, test_no_answer, test_nobody_there)
