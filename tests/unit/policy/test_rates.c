#include "policy/rates.h"
#include "tests/unit/unit.h"

#define NOW (INT64_C(1000) * 60000 + 59999)

static void
check_counts(struct ph_rates *rates)
{
	ck_assert_int_eq(ph_rates_count(rates, "a", NOW), 1);
	ck_assert_int_eq(ph_rates_count(rates, "a", NOW), 2);
	ck_assert_int_eq(ph_rates_count(rates, "b", NOW), 1);
	ck_assert_int_eq(ph_rates_count(rates, "a", NOW), 3);
	/* The next minute begins anew. */
	ck_assert_int_eq(ph_rates_count(rates, "a", NOW + 1), 1);
	ck_assert_int_eq(ph_rates_count(rates, "b", NOW + 1), 1);
}

START_TEST(test_alone)
{
	struct ph_rates *rates = ph_rates_new(NULL);

	check_counts(rates);
	ph_rates_free(&rates);
	ck_assert_ptr_null(rates);
	ph_rates_free(&rates);
}
END_TEST

/* A Redis that is not there changes nothing. */
START_TEST(test_away)
{
	char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "conf", NULL);
	g_autofree char *text = g_strdup_printf(
	    "[redis]\nurl = unix://%s/none\ntimeout = 20ms\n", dir);
	struct ph_err err = PH_ERR_INIT;
	struct ph_redis *redis;
	struct ph_conf *conf;
	struct ph_rates *rates;

	ck_assert(g_file_set_contents(path, text, -1, NULL));
	ck_assert_int_eq(ph_conf_load(path, &conf, &err), 0);
	ck_assert_int_eq(ph_redis_open(conf, &redis, &err), 0);
	rates = ph_rates_new(redis);
	check_counts(rates);
	ph_rates_free(&rates);
	ph_redis_close(&redis);
	ph_conf_free(&conf);
	unit_rmdir(&dir);
}
END_TEST

UNIT_MAIN("policy/rates", test_alone, test_away)
