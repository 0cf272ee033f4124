#include "cli/input.h"
#include "tests/unit/unit.h"

#include <string.h>

/* A table of verbs that do nothing: only the parser is looked at. */
static int
run(struct ph_cli *cli, const struct ph_input *input)
{
	(void)cli;
	(void)input;
	return 0;
}

static const struct ph_option options[] = {
    {"to", "SERVER", "where to"},
    {"all", NULL, "everything"},
    {"who", "ADDRESS ...", "several"},
    {NULL, NULL, NULL},
};

static const struct ph_verb verbs[] = {
    {"database", "list", "", "with copies", NULL, 0, 0, run},
    {PH_ANY_KIND, "list", "", "all", NULL, 0, 0, run},
    {PH_ANY_KIND, "set", "NAME Field=Value ...", "change", NULL, 1, SIZE_MAX,
     run},
    {PH_ANY_KIND, "remove", "NAME", "delete", NULL, 0, 1, run},
    {"rule", "list", "", "in order", NULL, 0, 0, run},
    {"database", "move", "NAME --to SERVER", "move", options, 1, 1, run},
    {"resolve", NULL, "ADDRESS ...", "who", NULL, 1, SIZE_MAX, run},
    {0},
};

static struct ph_parsed parsed;
static struct ph_err err;

/* The words of a command line, separated by '|'. */
static int
parse(const char *line)
{
	static char **argv;
	static const struct ph_err none = PH_ERR_INIT;
	g_autofree char *whole = g_strconcat("posthub|", line, NULL);

	g_strfreev(argv);
	argv = g_strsplit(whole, "|", -1);
	if (!*line)
		argv[1][0] = '\0';
	err = none;
	return ph_parsed_init(&parsed, verbs,
			      *line ? (int)g_strv_length(argv) : 1, argv, &err);
}

START_TEST(test_verbs)
{
	static const struct {
		const char *line;
		const char *noun, *verb;
		const char *kind; /* of a generic verb */
		const char *words;
	} rows[] = {
	    {"site|list", PH_ANY_KIND, "list", "site", ""},
	    {"SITE|List", PH_ANY_KIND, "list", "site", ""},
	    {"accepteddomain|list", PH_ANY_KIND, "list", "domain", ""},
	    {"site|set|LON|HubSiteEnabled=true", PH_ANY_KIND, "set", "site",
	     "LON|HubSiteEnabled=true"},
	    /* A row of its own wins over the one every kind has. */
	    {"rule|list", "rule", "list", NULL, ""},
	    {"database|list", "database", "list", NULL, ""},
	    {"rule|set|R", PH_ANY_KIND, "set", "rule", "R"},
	    {"database|move|DB1|--to|MBX2", "database", "move", NULL, "DB1"},
	    {"database|move|--to=MBX2|DB1", "database", "move", NULL, "DB1"},
	    {"resolve|a@b.test|c@d.test", "resolve", NULL, NULL,
	     "a@b.test|c@d.test"},
	    {"site|set|--|-odd|Comment=x", PH_ANY_KIND, "set", "site",
	     "-odd|Comment=x"},
	    {"site|set|--|--json", PH_ANY_KIND, "set", "site", "--json"},
	    {"site|set|--|a|--json", PH_ANY_KIND, "set", "site", "a|--json"},
	    {"site|set|-", PH_ANY_KIND, "set", "site", "-"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *words = NULL;

		ck_assert_msg(parse(rows[i].line) == 0, "%s: %s", rows[i].line,
			      err.text);
		ck_assert_int_eq(parsed.wish, PH_WISH_RUN);
		ck_assert_str_eq(parsed.verb->noun, rows[i].noun);
		ck_assert_pstr_eq(parsed.verb->verb, rows[i].verb);
		ck_assert_pstr_eq(parsed.input.kind ? parsed.input.kind->name
						    : NULL,
				  rows[i].kind);
		words = g_strjoinv("|", (char **)parsed.input.words);
		ck_assert_str_eq(words, rows[i].words);
		ck_assert_uint_eq(parsed.input.n,
				  g_strv_length((char **)parsed.input.words));
		ph_parsed_clear(&parsed);
	}
}
END_TEST

START_TEST(test_options)
{
	ck_assert_int_eq(parse("--json|database|move|-c|f.conf|DB1|--to|MBX2"),
			 0);
	ck_assert(parsed.json);
	ck_assert_str_eq(parsed.conf_path, "f.conf");
	ck_assert_str_eq(ph_input_option(&parsed.input, "to"), "MBX2");
	ck_assert_ptr_null(ph_input_option(&parsed.input, "all"));
	ph_parsed_clear(&parsed);

	ck_assert_int_eq(parse("--config=a=b|database|move|DB1"), 0);
	ck_assert_str_eq(parsed.conf_path, "a=b");
	ph_parsed_clear(&parsed);
	ck_assert_int_eq(parse("database|move|-cf.conf|DB1"), 0);
	ck_assert_str_eq(parsed.conf_path, "f.conf");
	ph_parsed_clear(&parsed);

	ck_assert_int_eq(parse("database|move|DB1|--all|--TO=a=b"), 0);
	ck_assert(!parsed.json);
	ck_assert_ptr_null(parsed.conf_path);
	ck_assert_str_eq(ph_input_option(&parsed.input, "all"), "");
	ck_assert_str_eq(ph_input_option(&parsed.input, "to"), "a=b");
	ph_parsed_clear(&parsed);
}
END_TEST

START_TEST(test_repeated)
{
	const GPtrArray *who;

	ck_assert_int_eq(parse("database|move|DB1|--who|a@b|--to|X|--WHO=c=d|"
			       "--who|"),
			 0);
	who = ph_input_list(&parsed.input, "who");
	ck_assert_uint_eq(who->len, 3);
	ck_assert_str_eq(who->pdata[0], "a@b");
	ck_assert_str_eq(who->pdata[1], "c=d");
	ck_assert_str_eq(who->pdata[2], "");
	ck_assert_str_eq(ph_input_option(&parsed.input, "who"), "a@b");
	ck_assert_str_eq(ph_input_option(&parsed.input, "to"), "X");
	ph_parsed_clear(&parsed);

	ck_assert_int_eq(parse("database|move|DB1|--to|X"), 0);
	ck_assert_ptr_null(ph_input_list(&parsed.input, "who"));
	ph_parsed_clear(&parsed);

	ck_assert_int_eq(parse("database|move|DB1|--who|a@b|--who"), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "--who needs a value"));
	ph_parsed_clear(&parsed);
}
END_TEST

/* Each names the argument and the remedy. */
START_TEST(test_usage)
{
	static const struct {
		const char *line, *argument, *remedy;
	} rows[] = {
	    {"", "nothing to do", "posthub -h"},
	    {"sote|list", "\"sote\"", "posthub -h"},
	    {"meta|list", "\"meta\"", "posthub -h"},
	    {"site", "site needs a verb", "list, set"},
	    {"site|shove", "\"shove\"", "list, set"},
	    {"site|list|LON", "\"LON\"", "expected posthub site list"},
	    {"site|set", "missing", "posthub site set NAME Field=Value"},
	    {"resolve", "missing", "posthub resolve ADDRESS"},
	    {"transportconfig|set", "missing",
	     "posthub transportconfig set Field=Value"},
	    {"transportconfig|remove|MaxSendSize", "\"MaxSendSize\"",
	     "posthub transportconfig remove"},
	    {"database|move|DB1|--where|x", "--where", "posthub database move"},
	    {"database|move|DB1|--to", "--to", "SERVER"},
	    {"database|move|DB1|--all=yes", "--all", "no value"},
	    {"database|move|DB1|--to|A|--to|B", "--to", "twice"},
	    {"site|set|-x", "-x", "\"--\""},
	    {"site|list|-c", "-c", "file name"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		ck_assert_msg(parse(rows[i].line) == -1, "%s", rows[i].line);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_msg(strstr(err.text, rows[i].argument) != NULL,
			      "%s: %s", rows[i].line, err.text);
		ck_assert_msg(strstr(err.text, rows[i].remedy) != NULL,
			      "%s: %s", rows[i].line, err.text);
		ph_parsed_clear(&parsed);
	}
}
END_TEST

START_TEST(test_wishes)
{
	ck_assert_int_eq(parse("-V"), 0);
	ck_assert_int_eq(parsed.wish, PH_WISH_VERSION);
	ph_parsed_clear(&parsed);
	ck_assert_int_eq(parse("--help"), 0);
	ck_assert_int_eq(parsed.wish, PH_WISH_HELP);
	ck_assert_ptr_null(parsed.noun);
	ph_parsed_clear(&parsed);
	/* Help never complains of what is missing. */
	ck_assert_int_eq(parse("database|move|-h"), 0);
	ck_assert_int_eq(parsed.wish, PH_WISH_HELP);
	ck_assert_str_eq(parsed.kind->name, "database");
	ph_parsed_clear(&parsed);
}
END_TEST

/* Help is made of the tables: nothing in them is missing there. */
START_TEST(test_help)
{
	g_autofree char *all = NULL, *one = NULL;

	ck_assert_int_eq(parse("-h"), 0);
	all = ph_help_text(verbs, &parsed);
	for (const struct ph_kind *kind = ph_kinds; kind->name; kind++) {
		if (!(kind->flags & PH_KIND_INTERNAL))
			ck_assert_msg(strstr(all, kind->help) != NULL, "%s",
				      kind->name);
	}
	ck_assert_ptr_nonnull(strstr(all, "database move NAME --to SERVER"));
	ck_assert_ptr_nonnull(strstr(all, "where to"));
	ck_assert_ptr_nonnull(strstr(all, "resolve ADDRESS"));
	ph_parsed_clear(&parsed);

	ck_assert_int_eq(parse("rule|-h"), 0);
	one = ph_help_text(verbs, &parsed);
	for (const struct ph_field *field = ph_kind_find("rule")->fields;
	     field->name; field++)
		ck_assert_msg(strstr(one, field->help) != NULL, "%s",
			      field->name);
	ck_assert_ptr_nonnull(strstr(one, "in order"));
	ck_assert_ptr_nonnull(strstr(one, "rule set NAME Field=Value"));
	/* The generic list is not the one that runs. */
	ck_assert_ptr_null(strstr(one, "rule list                           "
				       "all\n"));
	ck_assert_ptr_null(strstr(one, "database"));
	ph_parsed_clear(&parsed);
}
END_TEST

UNIT_MAIN("cli/input", test_verbs, test_options, test_repeated, test_usage,
	  test_wishes, test_help)
