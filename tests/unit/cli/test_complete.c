#include "cli/complete.h"
#include "cli/input.h"
#include "tests/unit/unit.h"

#include <string.h>

#define BREAKS " \t\n\"'@><=;|&(:"

/* Objects of every kind, two of which begin alike. */
static void
names(struct ph_completion *completion, const struct ph_kind *kind)
{
	static const char *const all[] = {"One", "Other thing", NULL};

	for (const char *const *name = all; *name; name++) {
		g_autofree char *text =
		    g_strconcat(kind->name, " ", *name, NULL);

		ph_complete_add(completion, text);
	}
}

/* line: words separated by '|'. What was found, by blanks and commas. */
static char *
complete(const char *line, enum ph_complete_end *end_r)
{
	g_auto(GStrv) words = g_strsplit(line, "|", -1);
	struct ph_completion completion = {.verbs = ph_verbs, .names = names};
	char *text;

	if (!*line)
		return complete(" ", end_r);
	if (strcmp(line, " ") == 0)
		*words[0] = '\0';
	ph_complete(&completion, (const char *const *)words,
		    g_strv_length(words));
	if (end_r)
		*end_r = completion.end;
	g_ptr_array_add(completion.found, NULL);
	text = g_strjoinv(",", (char **)completion.found->pdata);
	g_ptr_array_unref(completion.found);
	return text;
}

static void
check(const char *line, const char *expected)
{
	g_autofree char *found = complete(line, NULL);

	ck_assert_msg(strcmp(found, expected) == 0, "%s: %s, not %s", line,
		      found, expected);
}

START_TEST(test_nouns_and_verbs)
{
	static const struct {
		const char *line, *found;
	} rows[] = {
	    {"rul", "rule"},
	    {"RUL", "rule"},
	    {"met", ""}, /* internal */
	    {"r", "rule,receiveconnector,remotedomain,recipient,resolve,route,report"},
	    {"nothing|", ""},
	    {"rule|e", "enable,explain,export"},
	    {"rule|l", "list"}, /* the row of its own, once */
	    {"accepteddomain|s", "show,set"},
	    {"site|e", ""},
	    {"site|frob|", ""},
	    {"status|", ""},
	    {"state|", "show,adopt"},
	    {"--json|sta", "status,state"},
	    {"--config|f.conf|site|rem", "remove"},
	    {"-cf.conf|site|rem", "remove"},
	    {"--v", "--version"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check(rows[i].line, rows[i].found);
}
END_TEST

START_TEST(test_words)
{
	static const struct {
		const char *line, *found;
	} rows[] = {
	    {"site|show|", "site One,site Other thing"},
	    {"site|show|site ot", "site Other thing"},
	    {"site|show|x|", ""}, /* one name, no more */
	    {"rule|stats|rule one", "rule One"},
	    {"database|move|", "database One,database Other thing"},
	    {"database|move|X|--to|server one", "server One"},
	    {"database|move|X|--to=server one", "--to=server One"},
	    {"database|move|--t", "--to"},
	    {"database|move|--to|S|--t", ""},	/* once is enough */
	    {"rule|test|--to|a@b|--t", "--to"}, /* this may come again */
	    {"rule|move|x|--before|rule ot", "rule Other thing"},
	    {"rule|explain|--rule|rule on", "rule One"},
	    {"recipient|import|--format|", "ldif,csv"},
	    {"recipient|import|--profile|e", "exchange"},
	    {"recipient|import|--database|database on", "database One"},
	    {"map|trans", "transport"},
	    {"map|transport|", ""},
	    {"track|--event-id|dup",
	     "DUPLICATEDELIVER,DUPLICATEEXPAND,DUPLICATEREDIRECT"},
	    {"track|--event-id=deli", "--event-id=DELIVER,--event-id="
				      "DELIVERFAIL"},
	    {"track|--source|sm", "SMTP"},
	    {"track|--columns|Timestamp,Sour",
	     "Timestamp,SourceContext,Timestamp,Source"},
	    {"track|--net", "--network-message-id"},
	    {"resolve|", ""},
	    {"resolve|--j", "--json"},
	    {"site|set|--|--j", ""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check(rows[i].line, rows[i].found);
}
END_TEST

START_TEST(test_fields)
{
	static const struct {
		const char *line, *found;
	} rows[] = {
	    {"site|set|LON|", "HubSiteEnabled=,InboundMailEnabled=,Comment="},
	    {"site|set|LON|hub", "HubSiteEnabled="},
	    {"site|set|LON|comment=x|InboundMailEnabled=|", "HubSiteEnabled="},
	    {"site|set|Comment|Com", "Comment="}, /* a name, no field */
	    {"site|set|LON|HubSiteEnabled=", "HubSiteEnabled=true,"
					     "HubSiteEnabled=false"},
	    {"site|set|LON|hubsiteenabled=T", "hubsiteenabled=true"},
	    {"site|set|LON|Comment=", ""},
	    {"site|set|LON|Nothing=", ""},
	    {"site|unset|LON|Com", "Comment"},
	    {"transportconfig|set|MaxRece", "MaxReceiveSize="},
	    {"transportconfig|set|MaxReceiveSize=", "MaxReceiveSize=unlimited"},
	    {"transportconfig|unset|MaxSendS", "MaxSendSize"},
	    {"transportconfig|show|", ""},
	    {"rule|set|R|mode=e", "mode=Enforce"},
	    {"rule|set|R|SentToMemb", "SentToMemberOf="},
	    {"rule|set|R|exceptifSentToMemb", "ExceptIfSentToMemberOf="},
	    {"rule|set|R|ExceptIfFromScope=n", "ExceptIfFromScope="
					       "NotInOrganization"},
	    /* Those that would be refused. */
	    {"rule|set|R|ApplyRights", ""},
	    {"server|set|X|Roles=Mailbox,hub", "Roles=Mailbox,HubTransport"},
	    {"server|set|X|Site=site on", "Site=site One"},
	    {"database|set|X|Servers=MBX1,server on",
	     "Servers=MBX1,server One"},
	    {"dataclassification|set|X|", "Value=@"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check(rows[i].line, rows[i].found);
}
END_TEST

/* All fields of all kinds, and none that is refused. */
START_TEST(test_every_field)
{
	for (const struct ph_kind *kind = ph_kinds; kind->name; kind++) {
		const bool once = kind->flags & PH_KIND_SINGLETON;
		g_autofree char *line = g_strconcat(
		    kind->name, once ? "|unset|" : "|unset|NAME|", NULL);
		g_autofree char *found = complete(line, NULL);
		g_autofree char *all = g_strconcat(",", found, ",", NULL);

		for (const struct ph_field *f = kind->fields;
		     f->name && !(kind->flags & PH_KIND_INTERNAL); f++) {
			g_autofree char *one =
			    g_strconcat(",", f->name, ",", NULL);
			g_autofree char *twin =
			    g_strconcat(",ExceptIf", f->name, ",", NULL);
			const bool there = !(f->flags & PH_FIELD_UNSUPPORTED);
			const bool both =
			    there && (f->flags & PH_FIELD_CONDITION);

			ck_assert_msg((strstr(all, one) != NULL) == there, "%s",
				      one);
			ck_assert_msg((strstr(all, twin) != NULL) == both, "%s",
				      twin);
		}
	}
}
END_TEST

START_TEST(test_ends)
{
	static const struct {
		const char *line;
		enum ph_complete_end end;
	} rows[] = {
	    {"site|", PH_COMPLETE_BLANK},
	    {"site|set|LON|", PH_COMPLETE_OPEN},
	    {"site|set|LON|HubSiteEnabled=", PH_COMPLETE_BLANK},
	    {"server|set|X|Roles=", PH_COMPLETE_OPEN},
	    {"-c|", PH_COMPLETE_FILES},
	    {"--config=", PH_COMPLETE_FILES},
	    {"inspect|", PH_COMPLETE_FILES},
	    {"inspect|a|b", PH_COMPLETE_FILES},
	    {"rule|test|--message|", PH_COMPLETE_FILES},
	    {"rule|test|--message=", PH_COMPLETE_FILES},
	    {"track|--dir|", PH_COMPLETE_FILES},
	    {"dataclassification|set|X|Value=@", PH_COMPLETE_FILES},
	    {"dataclassification|set|X|@a", PH_COMPLETE_FILES},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		enum ph_complete_end end;
		g_autofree char *found = complete(rows[i].line, &end);

		ck_assert_msg(end == rows[i].end, "%s", rows[i].line);
		ck_assert(end != PH_COMPLETE_FILES || !*found);
	}
}
END_TEST

/* Whoever adds a verb says what its words stand for. */
START_TEST(test_every_argument_is_known)
{
	for (const struct ph_verb *verb = ph_verbs; verb->noun; verb++) {
		g_auto(GStrv) words = g_strsplit(verb->arguments, " ", -1);

		for (char **word = words; *word; word++)
			ck_assert_msg(!**word || strcmp(*word, "...") == 0 ||
					  g_str_has_prefix(*word, "--") ||
					  ph_complete_knows(*word),
				      "%s %s: %s", verb->noun, verb->verb,
				      *word);
		for (const struct ph_option *o = verb->options; o && o->name;
		     o++)
			ck_assert_msg(!o->argument ||
					  ph_complete_knows(o->argument),
				      "--%s %s", o->name, o->argument);
	}
	ck_assert(!ph_complete_knows("COLOUR"));
}
END_TEST

START_TEST(test_shell_words)
{
	static const struct {
		const char *raw, *text;
		char quote;
		const char *left; /* what the shell replaces */
		const char *word, *written;
	} rows[] = {
	    {"", "", 0, "", "Mark it", "Mark\\ it"},
	    {"Mark\\ i", "Mark i", 0, "Mark i", "Mark it", "Mark\\ it"},
	    {"\"Mark i", "Mark i", '"', "Mark i", "Mark \"it\"",
	     "Mark \\\"it\\\""},
	    {"'Mark i", "Mark i", '\'', "Mark i", "Mark it's", "Mark it'\\''s"},
	    {"Mode=En", "Mode=En", 0, "En", "Mode=Enforce", "Enforce"},
	    {"Mode=", "Mode=", 0, "", "Mode=Audit", "Audit"},
	    {"a\\:b", "a:b", 0, "a:b", "a:bc", "a:bc"},
	    {"\"a:b", "a:b", '"', "a:b", "a:bc", "a:bc"},
	    {"a:b", "a:b", 0, "b", "a:bc", "bc"},
	    {"a@b", "a@b", 0, "@b", "a@bc", "@bc"},
	    {"Site='L", "Site=L", '\'', "L", "Site=L N", "L N"},
	    {"$(reboot)", "$(reboot)", 0, "reboot)", "$(reboot)x",
	     "reboot\\)x"},
	    {"\"a\\q", "a\\q", '"', "a\\q", "a\\qé", "a\\\\qé"},
	    {"x\\", "x\\", 0, "x\\", "x\\", "x\\\\"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_shell_word word;
		g_autofree char *written = NULL;

		ph_shell_word_parse(&word, rows[i].raw, BREAKS);
		ck_assert_str_eq(word.text, rows[i].text);
		ck_assert_int_eq(word.quote, rows[i].quote);
		ck_assert_str_eq(word.text + word.cut, rows[i].left);
		written = ph_shell_word_format(&word, rows[i].word);
		ck_assert_str_eq(written, rows[i].written);
		g_free(word.text);
	}
}
END_TEST

UNIT_MAIN("cli/complete", test_nouns_and_verbs, test_words, test_fields,
	  test_every_field, test_ends, test_every_argument_is_known,
	  test_shell_words)
