#include "lib/base/conf.h"
#include "tests/unit/unit.h"

#include <string.h>

/* Loads a text as a configuration file; NULL and err when refused. */
static struct ph_conf *
load(const char *text, struct ph_err *err)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "posthub.conf", NULL);
	struct ph_conf *conf = NULL;

	ck_assert(g_file_set_contents(path, text, -1, NULL));
	(void)ph_conf_load(path, &conf, err);
	/* The error names the file: drop what changes from run to run. */
	if (g_str_has_prefix(err->text, path))
		memmove(err->text, err->text + strlen(dir) + 1,
			strlen(err->text + strlen(dir) + 1) + 1);
	unit_rmdir(&dir);
	return conf;
}

START_TEST(test_values)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_conf *conf = load("# a comment\n"
				    "[server]\n"
				    "name = MBX1\n"
				    "stop_timeout = 2m\n"
				    "[redis]\n"
				    "pool=3\n"
				    "[tracking]\n"
				    "subjects = $false\n"
				    "stream_size = 64 MB\n"
				    "[policy]\n"
				    "map =\n",
				    &err);

	ck_assert_msg(conf != NULL, "%s", err.text);
	ck_assert_str_eq(ph_conf_text(conf, "server", "name"), "MBX1");
	ck_assert_int_eq(ph_conf_int(conf, "server", "stop_timeout"), 120000);
	ck_assert_int_eq(ph_conf_int(conf, "redis", "pool"), 3);
	ck_assert_int_eq(ph_conf_int(conf, "redis", "timeout"), 3000);
	ck_assert(!ph_conf_bool(conf, "tracking", "subjects"));
	ck_assert_int_eq(ph_conf_int(conf, "tracking", "stream_size"),
			 67108864);
	ck_assert_str_eq(ph_conf_text(conf, "policy", "map"), "");
	ck_assert_str_eq(ph_conf_text(conf, "redis", "prefix"), "posthub:");
	ck_assert_str_eq(ph_conf_text(conf, "server", "address"), "");
	ck_assert_uint_eq(ph_conf_word(conf, "directory", "type"), 0);
	ph_conf_free(&conf);
	ck_assert_ptr_null(conf);
	ph_conf_free(&conf);
}
END_TEST

START_TEST(test_errors)
{
	static const struct {
		const char *text, *want; /* beginning of the error */
	} cases[] = {
	    {"[server]\nname = a\n[nonsense]\nx = 1\n",
	     "posthub.conf:3: unknown section [nonsense]"},
	    {"[server]\n\n# x\nnmae = MBX1\n",
	     "posthub.conf:4: unknown setting \"nmae\" in [server]"},
	    {"[redis]\npool = many\n",
	     "posthub.conf:2: pool: \"many\" is not a whole number"},
	    {"[redis]\npool = 0\n", "posthub.conf:2: pool: \"0\" is out of "
				    "range; expected 1 to 256"},
	    {"[directory]\ntype = ldpa\n",
	     "posthub.conf:2: type: \"ldpa\" is not known; expected one of"},
	    {"[policy]\nmap = 7\n", "posthub.conf:2: map: \"7\" is no "
				    "endpoint"},
	    {"[server]\nname\n", "posthub.conf:2: "},
	    {"name = x\n", "posthub.conf:1: "},
	    {"[server\nname = x\n", "posthub.conf:1: "},
	    {"[server]\nname = \xff\n", "posthub.conf:1: the file is not "
					"UTF-8"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_conf *conf = load(cases[i].text, &err);

		ck_assert_ptr_null(conf);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_msg(g_str_has_prefix(err.text, cases[i].want),
			      "want \"%s\", got \"%s\"", cases[i].want,
			      err.text);
	}
}
END_TEST

START_TEST(test_missing_file)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_conf *conf = NULL;

	ck_assert_int_eq(ph_conf_load("/nonexistent/posthub.conf", &conf, &err),
			 -1);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/posthub.conf"));
	ck_assert_int_eq(ph_conf_load(NULL, &conf, &err), 0);
	ph_conf_free(&conf);
}
END_TEST

START_TEST(test_table)
{
	for (const struct ph_setting *s = ph_settings; s->section != NULL;
	     s++) {
		ck_assert_msg(s->help != NULL && *s->help != '\0', "%s",
			      s->name);
		ck_assert_msg((s->type == PH_SETTING_WORD) ==
				  (s->words != NULL),
			      "%s", s->name);
		for (const struct ph_setting *t = s + 1; t->section != NULL;
		     t++)
			ck_assert_msg(strcmp(s->section, t->section) != 0 ||
					  strcmp(s->name, t->name) != 0,
				      "[%s] %s twice", s->section, s->name);
	}
}
END_TEST

UNIT_MAIN("lib/base/conf", test_values, test_errors, test_missing_file,
	  test_table)
