#include "lib/base/socketmap.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const char two[] = "23:transport nuno@test.org,"
			  "15:domain test.org,";

/* "map|key" of each request, blank separated, or "broken". */
static char *
drain(struct ph_smap *p, GString *seen)
{
	struct ph_smap_request request;
	struct ph_err err = PH_ERR_INIT;
	int r;

	while ((r = ph_smap_next(p, &request, &err)) == 1)
		g_string_append_printf(seen, "%s|%s ", request.map,
				       request.key);
	if (r < 0) {
		ck_assert_int_eq(err.kind, PH_ERR_PEER);
		g_string_append(seen, "broken");
	}
	return seen->str;
}

static void
check_whole(const char *data, size_t size, const char *expected)
{
	struct ph_smap *p = ph_smap_new();
	g_autoptr(GString) seen = g_string_new(NULL);

	ph_smap_feed(p, data, size);
	ck_assert_str_eq(drain(p, seen), expected);
	ph_smap_free(&p);
	ck_assert_ptr_null(p);
}

START_TEST(test_whole)
{
	check_whole(two, strlen(two),
		    "transport|nuno@test.org "
		    "domain|test.org ");
}
END_TEST

START_TEST(test_byte_by_byte)
{
	struct ph_smap *p = ph_smap_new();
	g_autoptr(GString) seen = g_string_new(NULL);

	for (size_t i = 0; i < strlen(two); i++) {
		ph_smap_feed(p, two + i, 1);
		drain(p, seen);
	}
	ck_assert_str_eq(seen->str, "transport|nuno@test.org "
				    "domain|test.org ");
	ph_smap_free(&p);
}
END_TEST

/* Cut anywhere, the first part never makes a request that the whole does not,
 * and the second part completes it. */
START_TEST(test_cut)
{
	for (size_t cut = 0; cut <= strlen(two); cut++) {
		struct ph_smap *p = ph_smap_new();
		g_autoptr(GString) seen = g_string_new(NULL);
		size_t n = cut < 27 ? 0 : cut < strlen(two) ? 1 : 2;

		ph_smap_feed(p, two, cut);
		drain(p, seen);
		ck_assert_uint_eq(seen->len, n == 0   ? 0
					     : n == 1 ? 24
						      : 24 + 16);
		ph_smap_feed(p, two + cut, strlen(two) - cut);
		ck_assert_str_eq(drain(p, seen), "transport|nuno@test.org "
						 "domain|test.org ");
		ph_smap_free(&p);
	}
}
END_TEST

START_TEST(test_limit)
{
	g_autoptr(GString) data = g_string_new("10000:map ");
	g_autoptr(GString) expected = g_string_new("map|");

	for (int i = 0; i < 9996; i++) {
		g_string_append_c(data, 'x');
		g_string_append_c(expected, 'x');
	}
	g_string_append_c(data, ',');
	g_string_append_c(expected, ' ');
	check_whole(data->str, data->len, expected->str);
	check_whole("10001:", 6, "broken");
	/* Refused before a byte of it has arrived. */
	check_whole("10001", 5, "broken");
	check_whole("000001", 6, "broken");
	check_whole("99999999999999999999:", 21, "broken");
}
END_TEST

START_TEST(test_keys)
{
	check_whole("4:map ,", 7, "map| ");
	check_whole("8:map a b ,", 11, "map|a b  ");
	check_whole("6:map *\xff,", 9, "map|*\xff ");
}
END_TEST

START_TEST(test_broken)
{
	static const char *const rows[] = {
	    "GET / HTTP/1.0\r\n",
	    ":map key,",
	    "-1:x,",
	    "7:map key;",
	    "3:map,",
	    "4: key,",
	    "0:,",
	    "7 :map key,",
	    "\x16\x03\x01",
	    "7:map keyX",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check_whole(rows[i], strlen(rows[i]), "broken");
	check_whole("7:map k\0y,", 10, "broken");
}
END_TEST

START_TEST(test_broken_stays_broken)
{
	struct ph_smap *p = ph_smap_new();
	g_autoptr(GString) seen = g_string_new(NULL);

	ph_smap_feed(p, "x", 1);
	drain(p, seen);
	ph_smap_feed(p, two, strlen(two));
	ck_assert_str_eq(drain(p, seen), "brokenbroken");
	ph_smap_free(&p);
}
END_TEST

START_TEST(test_reply)
{
	g_autoptr(GString) out = g_string_new(NULL);

	ph_smap_reply(out, PH_SMAP_OK, "ph-hub:[a]:2525");
	ph_smap_reply(out, PH_SMAP_NOTFOUND, "");
	ph_smap_reply(out, PH_SMAP_TEMP, "no");
	ph_smap_reply(out, PH_SMAP_TIMEOUT, "no");
	ph_smap_reply(out, PH_SMAP_PERM, "no");
	ck_assert_str_eq(out->str, "18:OK ph-hub:[a]:2525,9:NOTFOUND ,"
				   "7:TEMP no,10:TIMEOUT no,7:PERM no,");
}
END_TEST

START_TEST(test_reply_limit)
{
	g_autofree char *fits = g_strnfill(PH_SMAP_REPLY_LIMIT - 3, 'x');
	g_autofree char *over = g_strnfill(PH_SMAP_REPLY_LIMIT - 2, 'x');
	g_autoptr(GString) out = g_string_new(NULL);

	ph_smap_reply(out, PH_SMAP_OK, fits);
	ck_assert(g_str_has_prefix(out->str, "100000:OK xxx"));
	ck_assert_uint_eq(out->len, 7 + 100000 + 1);
	g_string_truncate(out, 0);
	ph_smap_reply(out, PH_SMAP_OK, over);
	ck_assert_ptr_nonnull(strstr(out->str, ":PERM "));
	ck_assert_uint_lt(out->len, 100);
}
END_TEST

START_TEST(test_status)
{
	ck_assert_int_eq(ph_smap_status_of(PH_ERR_TEMP), PH_SMAP_TEMP);
	ck_assert_int_eq(ph_smap_status_of(PH_ERR_MAYBE), PH_SMAP_TEMP);
	ck_assert_int_eq(ph_smap_status_of(PH_ERR_PERM), PH_SMAP_PERM);
}
END_TEST

/* "STATUS|text" of each answer, blank separated, or "broken". */
static char *
drain_answers(const char *data, size_t size, size_t step)
{
	struct ph_smap *p = ph_smap_new();
	GString *seen = g_string_new(NULL);
	struct ph_smap_answer answer;
	int r = 0;

	for (size_t at = 0; at < size && r >= 0; at += step) {
		ph_smap_feed(p, data + at, MIN(step, size - at));
		while ((r = ph_smap_next_answer(p, &answer, NULL)) == 1)
			g_string_append_printf(
			    seen, "%s|%s ", ph_smap_status_word(answer.status),
			    answer.text);
	}
	if (r < 0)
		g_string_append(seen, "broken");
	ph_smap_free(&p);
	return g_string_free(seen, FALSE);
}

START_TEST(test_answers)
{
	static const struct {
		const char *data, *seen;
	} rows[] = {
	    {"9:NOTFOUND ,", "NOTFOUND| "},
	    {"8:NOTFOUND,", "NOTFOUND| "},
	    {"8:OK a b c,6:TEMP x,", "OK|a b c TEMP|x "},
	    {"6:PERM x,11:TIMEOUT why,", "PERM|x TIMEOUT|why "},
	    {"3:OK ,", "OK| "},
	    {"5:MAYBE,", "broken"},
	    {"3:OKx,", "broken"},
	    {"3:OK x", "broken"},
	    {"x", "broken"},
	    {"100001:", "broken"},
	    {"0:,", "broken"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		for (size_t step = 1; step < 12; step++) {
			g_autofree char *seen = drain_answers(
			    rows[i].data, strlen(rows[i].data), step);

			ck_assert_msg(strcmp(seen, rows[i].seen) == 0, "%s: %s",
				      rows[i].data, seen);
		}
}
END_TEST

/* What is asked is what is read, at the limit as well. */
START_TEST(test_both_sides)
{
	g_autofree char *key = g_strnfill(PH_SMAP_REQUEST_LIMIT - 2, 'k');
	g_autofree char *text = g_strnfill(PH_SMAP_REPLY_LIMIT - 3, 't');
	g_autoptr(GString) request = g_string_new(NULL);
	g_autoptr(GString) reply = g_string_new(NULL);
	g_autoptr(GString) seen = g_string_new(NULL);
	g_autofree char *expected = g_strconcat("m|", key, " ", NULL);
	g_autofree char *answer = g_strconcat("OK|", text, " ", NULL);
	g_autofree char *got = NULL;
	struct ph_smap *p = ph_smap_new();

	ph_smap_request(request, "m", key);
	ph_smap_feed(p, request->str, request->len);
	ck_assert_str_eq(drain(p, seen), expected);
	ph_smap_free(&p);
	ph_smap_reply(reply, PH_SMAP_OK, text);
	got = drain_answers(reply->str, reply->len, 4096);
	ck_assert_str_eq(got, answer);
}
END_TEST

UNIT_MAIN("lib/base/socketmap", test_whole, test_byte_by_byte, test_cut,
	  test_limit, test_keys, test_broken, test_broken_stays_broken,
	  test_reply, test_reply_limit, test_status, test_answers,
	  test_both_sides)
