#include "lib/state/redis.h"

#include "lib/base/clock.h"
#include "tests/unit/lib/state/redis_fixture.h"

static const struct {
	const char *url;
	const char *says;
} bad_urls[] = {
    {"rediss://h:1", "not supported by this version"},
    {"sentinel://h1,h2,h3/master", "not supported by this version"},
    {"cluster://h1,h2", "not supported by this version"},
    {"http://h", "expected unix:///path"},
    {"/run/redis.sock", "expected unix:///path"},
    {"unix://host/path", "a host before the path"},
    {"unix://", "absolute"},
    {"redis://", "no host"},
    {"redis://h:port", "cannot be read"},
    {"redis://h/x", "the database"},
    {"redis://h/65536", "the database"},
    {"redis://h/-1", "the database"},
    {"redis://h?db=1", "nothing may follow"},
};

static void
check_bad_url(const struct fixture *f, const char *url, const char *says)
{
	g_autofree char *text = g_strdup_printf("[redis]\nurl = %s\n", url);
	struct ph_conf *conf = fixture_conf(f, text);
	struct ph_redis *redis = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_redis_open(conf, &redis, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_msg(strstr(err.text, says) != NULL, "%s: %s", url, err.text);
	ck_assert_ptr_nonnull(strstr(err.text, "[redis] url"));
	ck_assert_ptr_null(redis);
	ph_conf_free(&conf);
}

START_TEST(test_bad_url)
{
	struct fixture f;

	fixture_init(&f, NULL, false);
	for (size_t i = 0; i < G_N_ELEMENTS(bad_urls); i++)
		check_bad_url(&f, bad_urls[i].url, bad_urls[i].says);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_long_path)
{
	struct fixture f;
	g_autofree char *path = g_strnfill(107, 'p');
	g_autofree char *text = NULL;
	struct ph_conf *conf;
	struct ph_redis *redis = NULL;

	fixture_init(&f, NULL, false);
	text = g_strdup_printf("[redis]\nurl = unix:///%s\n", path);
	conf = fixture_conf(&f, text);
	ck_assert_int_eq(ph_redis_open(conf, &redis, NULL), -1);
	ph_conf_free(&conf);
	g_free(text);
	text = g_strdup_printf("[redis]\nurl = unix:///%s\n", path + 1);
	conf = fixture_conf(&f, text);
	ck_assert_int_eq(ph_redis_open(conf, &redis, NULL), 0);
	ph_conf_free(&conf);
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_password)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *file = NULL;
	g_autofree char *text = NULL;

	fixture_init(&f, "s3cret", true);
	fixture_run(&f);
	fixture_do(&f, "SET k v");

	redis = fixture_redis_with(&f, "");
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "k", NULL),
			 -1);
	/* Nobody may take this for an answer about the key. */
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "NOAUTH"));
	ph_redis_close(&redis);

	text = g_strdup_printf("[redis]\nurl = redis://:wrong@127.0.0.1:%d\n",
			       f.port);
	redis = fixture_redis(&f, text);
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "GET", "k", NULL),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "WRONGPASS"));
	ck_assert_ptr_null(strstr(err.text, "wrong@"));
	ph_redis_close(&redis);

	file = g_build_filename(f.dir, "password", NULL);
	ck_assert(g_file_set_contents(file, "s3cret\nsecond line\n", -1, NULL));
	g_free(text);
	text = g_strdup_printf("password_file = %s\n", file);
	redis = fixture_redis_with(&f, text);
	g_free(text);
	text = fixture_get(redis, "k");
	ck_assert_str_eq(text, "v");
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_password_file_bad)
{
	struct fixture f;
	g_autofree char *file = NULL;
	g_autofree char *text = NULL;
	struct ph_conf *conf;
	struct ph_redis *redis = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_init(&f, NULL, false);
	file = g_build_filename(f.dir, "password", NULL);
	text = g_strdup_printf("[redis]\npassword_file = %s\n", file);
	conf = fixture_conf(&f, text);
	ck_assert_int_eq(ph_redis_open(conf, &redis, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert(g_file_set_contents(file, "\nsecret\n", -1, NULL));
	ck_assert_int_eq(ph_redis_open(conf, &redis, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "first line is empty"));
	ph_conf_free(&conf);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_tcp_and_database)
{
	struct fixture f;
	struct ph_redis *redis;
	g_autofree char *text = NULL;
	g_autofree char *value = NULL;

	fixture_init(&f, NULL, true);
	fixture_run(&f);
	fixture_do(&f, "SET k zero");
	text =
	    g_strdup_printf("[redis]\nurl = redis://localhost:%d/3\n", f.port);
	redis = fixture_redis(&f, text);
	ck_assert_ptr_null(fixture_get(redis, "k"));
	ph_redis_close(&redis);
	g_free(text);
	text =
	    g_strdup_printf("[redis]\nurl = redis://127.0.0.1:%d/\n", f.port);
	redis = fixture_redis(&f, text);
	value = fixture_get(redis, "k");
	ck_assert_str_eq(value, "zero");
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_prefix)
{
	struct fixture f;
	struct ph_redis *redis;

	fixture_init(&f, NULL, false);
	ck_assert_str_eq(ph_redis_prefix(f.admin), "posthub:");
	redis = fixture_redis_with(&f, "prefix = {posthub}:\n");
	ck_assert_str_eq(ph_redis_prefix(redis), "{posthub}:");
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_host_unknown)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	int64_t took;

	fixture_init(&f, NULL, false);
	redis = fixture_redis(&f, "[redis]\nurl = redis://nowhere.invalid\n"
				  "timeout = 200ms\n");
	took = ph_clock_mono();
	ck_assert_int_eq(ph_redis_call(redis, &reply, &err, "PING", NULL), -1);
	took = ph_clock_mono() - took;
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "nowhere.invalid"));
	ck_assert_int_lt(took, 1500);
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

UNIT_MAIN("lib/state/redis_target", test_bad_url, test_long_path, test_password,
	  test_password_file_bad, test_tcp_and_database, test_prefix,
	  test_host_unknown)
