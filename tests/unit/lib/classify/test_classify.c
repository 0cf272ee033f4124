#include "tests/unit/lib/classify/builtin.h"

#include <string.h>

#define ID(n) "00000000-0000-0000-0000-00000000000" n
#define NAMED(n, name) \
	"<Resource idRef='" ID(n) "'><Name>" name "</Name></Resource>"

static struct ph_package *
parse(const char *name, const char *rules)
{
	g_autofree char *text = g_strconcat("<RulePackage><Rules>", rules,
					    "</Rules></RulePackage>", NULL);
	struct ph_package *package;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(
	    ph_package_parse(name, text, strlen(text), &package, &err) == 0,
	    "%s", err.text);
	return package;
}

static struct ph_classifier *
make(const char *rules)
{
	struct ph_package *package = parse("Mine", rules);
	struct ph_classify_options options = {
	    .own = &package, .n_own = 1, .refused = builtin_refused};
	struct ph_classifier *classifier = ph_classifier_new(&options);

	ph_package_unref(&package);
	return classifier;
}

static GPtrArray *
find_texts(struct ph_classifier *classifier,
	   const struct ph_classify_text *texts, size_t n)
{
	GPtrArray *found;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_classifier_find(classifier, texts, n, &found, &err) ==
			  0,
		      "%s", err.text);
	return found;
}

static GPtrArray *
find(struct ph_classifier *classifier, const char *text)
{
	struct ph_classify_text one = {"text", text, strlen(text), false};

	return find_texts(classifier, &one, 1);
}

/* "name count confidence, ..." */
static void
check(struct ph_classifier *classifier, const char *text, const char *expected)
{
	g_autoptr(GPtrArray) found = find(classifier, text);
	g_autoptr(GString) is = g_string_new(NULL);

	for (guint i = 0; i < found->len; i++) {
		const struct ph_classify_found *f = found->pdata[i];

		g_string_append_printf(is, "%s%s %u %u", i > 0 ? ", " : "",
				       f->type->rule->name, f->count,
				       f->confidence);
	}
	ck_assert_msg(strcmp(is->str, expected) == 0,
		      "found \"%s\", expected \"%s\" in %s", is->str, expected,
		      text);
}

#define ENTITY(n, pattern) \
	"<Entity id='" ID(n) "' patternsProximity='20'>" pattern "</Entity>"
#define PATTERN(confidence, inside)                  \
	"<Pattern confidenceLevel='" confidence "'>" \
	"<IdMatch idRef='N'/>" inside "</Pattern>"
#define WORD(id, word)                                              \
	"<Keyword id='" id "'><Group><Term>" word "</Term></Group>" \
	"</Keyword>"
#define N "<Regex id='N'>\\b\\d{4}\\b</Regex>"
#define WORDS N WORD("A", "alpha") WORD("B", "beta") WORD("C", "gamma")
#define ONE "<LocalizedStrings>" NAMED("1", "One") "</LocalizedStrings>"

START_TEST(test_any)
{
	struct ph_classifier *c = make(
	    ENTITY("1", PATTERN("60", "<Any minMatches='2' maxMatches='2'>"
				      "<Match idRef='A'/><Match idRef='B'/>"
				      "<Match idRef='C'/></Any>")) WORDS ONE);

	check(c, "1234 alpha", "");
	check(c, "1234 alpha alpha", "");
	check(c, "1234 alpha beta", "One 1 60");
	check(c, "1234 alpha beta gamma", "");
	ph_classifier_unref(&c);
	c = make(ENTITY("1", PATTERN("60", "<Any maxMatches='0'>"
					   "<Match idRef='A'/></Any>"))
		     WORDS ONE);
	check(c, "1234 alpha", "");
	check(c, "1234 beta", "One 1 60");
	check(c, "1234 is far enough away from alpha", "One 1 60");
	ph_classifier_unref(&c);
	c = make(ENTITY("1", PATTERN("60", "<Any minMatches='2'>"
					   "<Match idRef='A'/><Any>"
					   "<Match idRef='B'/>"
					   "<Match idRef='C'/></Any></Any>"))
		     WORDS ONE);
	check(c, "1234 alpha", "");
	check(c, "1234 beta gamma", "");
	check(c, "1234 alpha gamma", "One 1 60");
	ph_classifier_unref(&c);
}
END_TEST

/* 0.85 and 0.65 are 0.9475, and a number counts once. */
START_TEST(test_confidence)
{
	struct ph_classifier *c =
	    make(ENTITY("1", PATTERN("85", "<Match idRef='A'/>")
				 PATTERN("65", "")) WORDS ONE);

	check(c, "1234", "One 1 65");
	check(c, "1234 alpha", "One 1 94");
	check(c, "1234 alpha, and one without it: 5678", "One 2 94");
	ph_classifier_unref(&c);
}
END_TEST

START_TEST(test_words)
{
	struct ph_classifier *c = make(
	    ENTITY("1", PATTERN("60", "<Match idRef='K'/>")) N
	    "<Keyword id='K'><Group><Term>Pin  Code</Term>"
	    "<Term caseSensitive='true'>PIN</Term></Group>"
	    "<Group "
	    "matchStyle='string'><Term>nummer</Term></Group></Keyword>" ONE);

	check(c, "PIN\r\n\tCODE 1234", "One 1 60");
	check(c, "spin code 1234", "");
	check(c, "PIN 1234", "One 1 60");
	check(c, "Pin 1234", "");
	check(c, "Geheimnummern 1234", "One 1 60");
	check(c, "Geheimnummer 1234", "One 1 60");
	check(c, "NUMMER 1234", "");
	ph_classifier_unref(&c);
}
END_TEST

/* In a package case counts; (?i) says otherwise. */
START_TEST(test_case)
{
	struct ph_classifier *c = make(
	    ENTITY("1", PATTERN("60", "")) "<Regex id='N'>AB[c-d]</Regex>" ONE);

	check(c, "ABc", "One 1 60");
	check(c, "abc", "");
	check(c, "ABD", "");
	ph_classifier_unref(&c);
	c = make(ENTITY(
	    "1", PATTERN("60", "")) "<Regex id='N'>(?i)AB[c-d]</Regex>" ONE);
	check(c, "abD", "One 1 60");
	ph_classifier_unref(&c);
}
END_TEST

START_TEST(test_affinity)
{
	struct ph_classifier *c = make("<Affinity id='" ID(
	    "1") "' evidencesProximity='40' "
		 "thresholdConfidenceLevel='65'>"
		 "<Evidence confidenceLevel='40'><Match idRef='A'/></Evidence>"
		 "<Evidence confidenceLevel='50'><Any minMatches='2'>"
		 "<Match idRef='B'/><Match idRef='C'/></Any></Evidence>"
		 "</Affinity>" WORDS ONE);

	check(c, "alpha", "");
	check(c, "beta gamma", "");
	check(c, "gamma alpha beta", "One 1 70");
	check(c, "gamma alpha beta, gamma alpha beta", "One 1 70");
	check(c, "gamma beta and very, very, very far away alpha", "");
	ph_classifier_unref(&c);
}
END_TEST

START_TEST(test_places)
{
	struct ph_classifier *c =
	    make(ENTITY("1", PATTERN("60", "<Match idRef='A'/>")) WORDS ONE);
	const char *text = "\303\244 ALPHA 1234";
	g_autoptr(GPtrArray) found = find(c, text);
	const struct ph_classify_found *f;
	const struct ph_classify_place *place;
	const struct ph_classify_evidence *e;

	ck_assert_uint_eq(found->len, 1);
	f = found->pdata[0];
	ck_assert_uint_eq(f->places->len, 1);
	place = f->places->pdata[0];
	ck_assert_int_eq(strncmp(text + place->start, "1234", 4), 0);
	ck_assert_uint_eq(place->end - place->start, 4);
	ck_assert_uint_eq(place->confidence, 60);
	ck_assert_uint_eq(place->evidence->len, 1);
	e = &g_array_index(place->evidence, struct ph_classify_evidence, 0);
	ck_assert_str_eq(e->id, "A");
	ck_assert_int_eq(strncmp(text + e->start, "ALPHA", 5), 0);
	ck_assert_uint_eq(e->end - e->start, 5);
	ph_classifier_unref(&c);
}
END_TEST

/* Texts are apart, and forms of one text count once. */
START_TEST(test_texts)
{
	struct ph_classifier *c =
	    make(ENTITY("1", PATTERN("85", "<Match idRef='A'/>")
				 PATTERN("65", "")) WORDS ONE);
	struct ph_classify_text texts[] = {
	    {"body", "alpha 1234", 10, true},
	    {"body", "alpha 1 2 3 4 1234 1234 5678", 28, true},
	    {"file", "1234", 4, false},
	};
	g_autoptr(GPtrArray) found = find_texts(c, texts, G_N_ELEMENTS(texts));
	const struct ph_classify_found *f = found->pdata[0];
	const struct ph_classify_place *last;

	/* 1234 twice in one form, 5678, and 1234 in the file. */
	ck_assert_uint_eq(f->count, 4);
	ck_assert_uint_eq(f->confidence, 94);
	last = f->places->pdata[f->places->len - 1];
	ck_assert_uint_eq(last->text, 2);
	ck_assert_uint_eq(last->confidence, 65);
	ph_classifier_unref(&c);
}
END_TEST

/* ---- packages together --------------------------------------------------- */

START_TEST(test_builtin_references)
{
	struct ph_package *own = parse(
	    "Mine",
	    "<Entity id='" ID("1") "'><Pattern confidenceLevel='80'>"
				   "<IdMatch idRef='Func_credit_card'/>"
				   "<Match idRef='K'/></Pattern></Entity>" WORD(
				       "K", "petty cash") ONE);
	struct ph_classifier *c = builtin_with(own, NULL);

	check(c, "petty cash 4111 1111 1111 1111",
	      "Credit Card Number 1 65, One 1 80");
	ph_package_unref(&own);
	ph_classifier_unref(&c);
}
END_TEST

static char *refusal;

static void
note_refused(const struct ph_package *package, const char *text, void *context)
{
	(void)context;
	refusal = g_strconcat(package->name, ": ", text, NULL);
}

static void
check_refused(const char *rules, const char *expected)
{
	struct ph_package *own = parse("Mine", rules);
	struct ph_classifier *c = builtin_with(own, note_refused);
	size_t n;

	ck_assert_ptr_nonnull(refusal);
	ck_assert_msg(strstr(refusal, expected) != NULL, "%s", refusal);
	g_clear_pointer(&refusal, g_free);
	ph_classifier_types(c, &n);
	ck_assert_uint_eq(n, 80);
	ph_package_unref(&own);
	ph_classifier_unref(&c);
}

START_TEST(test_refused)
{
	check_refused("\n" ENTITY("1", PATTERN("60", "<Match idRef='X'/>"))
			  N ONE,
		      "Mine: line 2: idRef=\"X\" leads nowhere");
	check_refused(
	    "<Entity id='50842eb7-edc8-4019-85dd-5a5c1f2bb085'>" PATTERN(
		"60",
		"") "</Entity>" N "<LocalizedStrings>"
		    "<Resource idRef='50842EB7-edc8-4019-85dd-5a5c1f2bb085'>"
		    "<Name>One</Name></Resource></LocalizedStrings>",
	    "another package has a type with this GUID or name");
	check_refused(ENTITY("1", PATTERN("60", "")) N
		      "<LocalizedStrings>" NAMED(
			  "1", "CREDIT card Number") "</LocalizedStrings>",
		      "another package has a type with this GUID or name");
}
END_TEST

/* ---- bad texts ----------------------------------------------------------- */

START_TEST(test_pattern_limit)
{
	struct ph_classifier *c = make(ENTITY(
	    "1", PATTERN("60", "")) "<Regex id='N'>(a+)+(a+)+\\d</Regex>" ONE);
	g_autofree char *text = g_strnfill(5000, 'a');
	struct ph_classify_text one = {"text", text, 5000, false};
	struct ph_err err = PH_ERR_INIT;
	GPtrArray *found;

	ck_assert_int_eq(ph_classifier_find(c, &one, 1, &found, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_null(found);
	ph_classifier_unref(&c);
}
END_TEST

/* A pattern that finds nothing at every place comes to an end. */
START_TEST(test_empty_match)
{
	struct ph_classifier *c = make(
	    ENTITY("1", PATTERN("60", "")) "<Regex id='N'>\\d*</Regex>" ONE);

	check(c, "", "");
	check(c, "\303\244\303\266 12 \303\274", "One 1 60");
	ph_classifier_unref(&c);
}
END_TEST

/* More places than are kept are counted. */
START_TEST(test_many)
{
	struct ph_classifier *c = make(ENTITY("1", PATTERN("60", "")) N ONE);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GPtrArray) found = NULL;
	const struct ph_classify_found *f;

	for (int i = 0; i < 20000; i++)
		g_string_append_printf(text, "%04d ", i % 10000);
	found = find(c, text->str);
	f = found->pdata[0];
	ck_assert_uint_eq(f->count, 20000);
	ck_assert_uint_eq(f->places->len, PH_CLASSIFY_PLACES);
	ph_classifier_unref(&c);
}
END_TEST

/* Whoever writes the word thousands of times before hides nothing. */
START_TEST(test_much_evidence)
{
	struct ph_classifier *c =
	    make(ENTITY("1", PATTERN("85", "<Match idRef='A'/>")) WORDS ONE);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GPtrArray) found = NULL;

	for (int i = 0; i < 100000; i++)
		g_string_append(text, "alpha ");
	g_string_append(text, "alpha 1234");
	found = find(c, text->str);
	ck_assert_uint_eq(found->len, 1);
	ph_classifier_unref(&c);
}
END_TEST

UNIT_MAIN("lib/classify/classify", test_any, test_confidence, test_words,
	  test_case, test_affinity, test_places, test_texts,
	  test_builtin_references, test_refused, test_pattern_limit,
	  test_empty_match, test_many, test_much_evidence)
