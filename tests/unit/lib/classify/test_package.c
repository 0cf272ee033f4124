#include "lib/classify/package.h"
#include "tests/unit/unit.h"

#include <string.h>

#define ID "00000000-0000-0000-0000-000000000002"
#define NAMED(id, name)                                      \
	"<Resource idRef='" id "'><Name langcode='en'>" name \
	"</Name></Resource>"
#define STRINGS "<LocalizedStrings>" NAMED(ID, "T") "</LocalizedStrings>"
#define ENTITY(inside) \
	"<Entity id='" ID "' patternsProximity='300'>" inside "</Entity>"
#define PATTERN(inside)                  \
	"<Pattern confidenceLevel='75'>" \
	"<IdMatch idRef='R'/>" inside "</Pattern>"
#define REGEX "<Regex id='R'>[0-9]+</Regex>"
#define PACKAGE(rules)                                            \
	"<?xml version='1.0' encoding='utf-8'?>\n"                \
	"<RulePackage "                                           \
	"xmlns='http://schemas.microsoft.com/office/2011/mce'>\n" \
	"<Rules>\n" rules "\n</Rules></RulePackage>"

static struct ph_package *
parse_bytes(const void *data, size_t size)
{
	struct ph_package *package;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_package_parse("Mine", data, size, &package, &err) == 0,
		      "%s", err.text);
	return package;
}

static struct ph_package *
parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static const struct ph_package_rule *
rule_at(const struct ph_package *package, guint i)
{
	ck_assert_uint_lt(i, package->rules->len);
	return package->rules->pdata[i];
}

START_TEST(test_whole)
{
	struct ph_package *package = parse(
	    "<?xml version=\"1.0\"?>"
	    "<RulePackage "
	    "xmlns=\"http://schemas.microsoft.com/office/2011/mce\">"
	    "<RulePack id=\"DAD86A92-AB18-43BB-AB35-96F7C594ADAA\">"
	    "<Version major=\"1\" minor=\"2\" build=\"3\" revision=\"4\"/>"
	    "<Publisher id=\"619DD8C3-7B80-4998-A312-4DF0402BAC04\"/>"
	    "<Details defaultLangCode=\"en-us\">"
	    "<LocalizedDetails langcode=\"en-us\">"
	    "<PublisherName>Contoso</PublisherName><Name>Staff</Name>"
	    "<Description>of ours</Description>"
	    "</LocalizedDetails></Details></RulePack><Rules>"
	    "<!-- Employee ID -->"
	    "<Entity id=\"E1CC861E-3FE9-4A58-82DF-4BD259EAB378\" "
	    "patternsProximity=\"200\" recommendedConfidence=\"70\">"
	    "<Pattern confidenceLevel=\"75\"><IdMatch idRef=\"Regex_id\"/>"
	    "<Match idRef=\"Words\"/>"
	    "<Any minMatches=\"2\"><Match idRef=\"Words\"/>"
	    "<Any maxMatches=\"0\"><Match idRef=\"Func_other\"/></Any></Any>"
	    "</Pattern></Entity>"
	    "<Regex id=\"Regex_id\">\n  (\\s)(\\d{9})(\\s)\n</Regex>"
	    "<Keyword id=\"Words\"><Group matchStyle=\"word\">"
	    "<Term>Contoso  Employee</Term>"
	    "<Term caseSensitive=\"true\">ID</Term></Group>"
	    "<Group matchStyle=\"string\"><Term>card &amp; pin</Term></Group>"
	    "</Keyword><LocalizedStrings>"
	    "<Resource idRef=\"E1CC861E-3FE9-4A58-82DF-4BD259EAB378\">"
	    "<Name langcode=\"de\">Personalnummer</Name>"
	    "<Name default=\"true\" langcode=\"en-us\">\n Employee ID "
	    "</Name><Description langcode=\"en-us\">Nine</Description>"
	    "</Resource></LocalizedStrings></Rules></RulePackage>");
	const struct ph_package_rule *rule = rule_at(package, 0);
	const struct ph_package_level *level = rule->levels->pdata[0];
	const struct ph_package_node *any = level->nodes->pdata[1];
	const struct ph_package_node *none = any->children->pdata[1];
	const struct ph_definition *words = ph_package_find(package, "Words");

	ck_assert_str_eq(package->name, "Mine");
	ck_assert_str_eq(package->title, "Staff");
	ck_assert_str_eq(package->publisher, "Contoso");
	ck_assert_str_eq(package->version, "1.2.3.4");
	ck_assert_str_eq(rule->id, "e1cc861e-3fe9-4a58-82df-4bd259eab378");
	ck_assert_str_eq(rule->name, "Employee ID");
	ck_assert_str_eq(rule->description, "Nine");
	ck_assert_uint_eq(rule->proximity, 200);
	ck_assert_uint_eq(rule->confidence, 70);
	ck_assert_uint_eq(level->confidence, 75);
	ck_assert_str_eq(level->id_match->id, "Regex_id");
	ck_assert_uint_eq(level->nodes->len, 2);
	ck_assert_uint_eq(any->min, 2);
	ck_assert_uint_eq(any->max, 2);
	ck_assert_uint_eq(none->min, 0);
	ck_assert_uint_eq(none->max, 0);
	ck_assert_uint_eq(words->parts->len, 3);
	ck_assert_str_eq(
	    g_array_index(words->parts, struct ph_definition_part, 0).text,
	    "contoso employee");
	ck_assert_str_eq(
	    g_array_index(words->parts, struct ph_definition_part, 2).text,
	    "card & pin");
	ck_assert_ptr_null(ph_package_find(package, "Func_other"));
	ph_package_unref(&package);
}
END_TEST

START_TEST(test_defaults)
{
	struct ph_package *package = parse(PACKAGE(
	    "<Entity id='" ID "'><Pattern confidenceLevel='65'>"
	    "<IdMatch idRef='R'/></Pattern><Pattern confidenceLevel='85'>"
	    "<IdMatch idRef='R'/><Any><Match idRef='R'/><Match idRef='R'/>"
	    "</Any></Pattern></Entity>" REGEX STRINGS));
	const struct ph_package_rule *rule = rule_at(package, 0);
	const struct ph_package_level *level = rule->levels->pdata[1];
	const struct ph_package_node *any = level->nodes->pdata[0];

	ck_assert_uint_eq(rule->proximity, 300);
	ck_assert_uint_eq(rule->confidence, 85);
	ck_assert_uint_eq(any->min, 1);
	ck_assert_uint_eq(any->max, 2);
	ph_package_unref(&package);
}
END_TEST

/* As Get-ClassificationRuleCollection gives it. */
START_TEST(test_utf16)
{
	const char *text =
	    PACKAGE(ENTITY(PATTERN("")) REGEX "<LocalizedStrings>" NAMED(
		ID, "F\303\274hrerschein") "</LocalizedStrings>");

	for (int big = 0; big < 2; big++) {
		gsize size;
		g_autofree char *utf16 =
		    g_convert(text, -1, big ? "UTF-16BE" : "UTF-16LE", "UTF-8",
			      NULL, &size, NULL);
		g_autofree char *marked = g_malloc(size + 2);
		struct ph_package *package;

		marked[0] = big ? '\376' : '\377';
		marked[1] = big ? '\377' : '\376';
		memcpy(marked + 2, utf16, size);
		package = parse_bytes(marked, size + 2);
		ck_assert_str_eq(rule_at(package, 0)->name,
				 "F\303\274hrerschein");
		ph_package_unref(&package);
	}
}
END_TEST

START_TEST(test_prefixed)
{
	struct ph_package *package = parse(
	    "<mce:RulePackage xmlns:mce='http://schemas.microsoft.com/office/"
	    "2011/mce'><mce:Rules><mce:Version minEngineVersion='15'>"
	    "<mce:Entity id='" ID "'><mce:Pattern confidenceLevel='75'>"
	    "<mce:IdMatch idRef='R'/></mce:Pattern></mce:Entity>"
	    "</mce:Version><mce:Regex id='R'>a</mce:Regex>" STRINGS
	    "</mce:Rules></mce:RulePackage>");

	ck_assert_uint_eq(package->rules->len, 1);
	ph_package_unref(&package);
}
END_TEST

/* What is wrong, and the line. */
static const struct {
	const char *text, *error;
} bad[] = {
    {"", "line 1: this is not well-formed XML"},
    {"<RulePackage>", "not well-formed"},
    {"<RulePackage></Rules>", "not well-formed"},
    {"hello", "not well-formed"},
    {"<Rules/>", "line 1: <Rules> cannot stand at the top; expected in "
		 "RulePackage"},
    {"<RulePackage xmlns='urn:x'/>", "the namespace is \"urn:x\""},
    {"<RulePackage/>", "neither an Entity nor an Affinity"},
    {PACKAGE("<Foo/>"), "line 4: <Foo> cannot stand in Rules; no element"},
    {PACKAGE("text"), "line 4: there is text"},
    {PACKAGE("<Entity/>"), "line 4: <Entity> has no id"},
    {PACKAGE("<Entity id='1'/>"), "expected a GUID"},
    {PACKAGE(ENTITY("")), "<Entity> has no Pattern"},
    {PACKAGE("\n\n" ENTITY("<Pattern/>")),
     "line 6: <Pattern> has no confidenceLevel"},
    {PACKAGE(ENTITY("<Pattern confidenceLevel='101'/>")),
     "a whole number from 1 to 100"},
    {PACKAGE(ENTITY("<Pattern confidenceLevel='75'/>")),
     "<Pattern> has no IdMatch"},
    {PACKAGE(ENTITY(PATTERN("<IdMatch idRef='R'/>"))), "a second IdMatch"},
    {PACKAGE(ENTITY(PATTERN("<Match/>"))), "<Match> has no idRef"},
    {PACKAGE(ENTITY(PATTERN("<Any/>"))), "<Any> is empty"},
    {PACKAGE(ENTITY(PATTERN("<Any minMatches='2'><Match idRef='R'/></Any>"))),
     "a whole number from 0 to 1"},
    {PACKAGE(ENTITY(PATTERN("<Any minMatches='1' maxMatches='0'>"
			    "<Match idRef='R'/></Any>"))),
     "minMatches 1 above maxMatches 0"},
    {PACKAGE(ENTITY(PATTERN("")) ENTITY(PATTERN(""))),
     "is given to a second type"},
    {PACKAGE(ENTITY(PATTERN("")) REGEX), "has no name; add a Resource"},
    {PACKAGE(ENTITY("<Evidence confidenceLevel='75'/>")),
     "<Evidence> cannot stand in Entity"},
    {PACKAGE(ENTITY("<Version><Evidence confidenceLevel='75'/></Version>")),
     "<Evidence> belongs to no Affinity"},
    {PACKAGE("<Version><Pattern confidenceLevel='75'/></Version>"),
     "<Pattern> belongs to no Entity"},
    {PACKAGE(ENTITY("<Version>" ENTITY("") "</Version>")),
     "stands in another type"},
    {PACKAGE("<Affinity id='" ID "'/>"), "no thresholdConfidenceLevel"},
    {PACKAGE("<Affinity id='" ID "' thresholdConfidenceLevel='60'/>"),
     "<Affinity> has no Evidence"},
    {PACKAGE("<Affinity id='" ID "' thresholdConfidenceLevel='60'>"
	     "<Evidence confidenceLevel='60'/></Affinity>"),
     "neither Match nor Any"},
    {PACKAGE("<Regex id='R'/>"), "<Regex> is empty"},
    {PACKAGE("<Regex>a</Regex>"), "<Regex> has no id"},
    {PACKAGE(REGEX REGEX), "the id \"R\" is given twice"},
    {PACKAGE("\n<Regex id='R'>a(b</Regex>"), "line 5: <Regex>: at offset"},
    {PACKAGE("<Regex id='R' check='magic'>a</Regex>"), "no such function"},
    {PACKAGE("<Function id='R'/>"), "<Function id=\"R\"> is empty"},
    {PACKAGE("<Keyword id='K'/>"), "<Keyword id=\"K\"> is empty"},
    {PACKAGE("<Keyword id='K'><Group matchStyle='fuzzy'/></Keyword>"),
     "expected word or string"},
    {PACKAGE("<Keyword id='K'><Group><Term> </Term></Group></Keyword>"),
     "<Term> is empty"},
    {PACKAGE("<LocalizedStrings>" NAMED(ID, "T") "</LocalizedStrings>"),
     "is no type of this package"},
    {"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
     "<RulePackage/>",
     "line 1: a document type declaration is not taken"},
    {PACKAGE("<Regex id='R'>&x;</Regex>"), "not well-formed"},
    {"<RulePackage><RulePack id='" ID "'><Encryption/>",
     "the package is encrypted"},
    {"<RulePackage>\377", "neither UTF-8 nor UTF-16"},
};

START_TEST(test_bad)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_package_check(bad[_i].text, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_msg(strstr(err.text, bad[_i].error) != NULL,
		      "\"%s\" does not say \"%s\"", err.text, bad[_i].error);
}
END_TEST

/* A whole package, cut after each byte: an answer, and no more. */
START_TEST(test_cut)
{
	static const char text[] = PACKAGE(
	    ENTITY(PATTERN("<Any><Match idRef='R'/></Any>")) REGEX STRINGS);

	for (size_t n = 0; n + 1 < sizeof(text); n++) {
		struct ph_package *package;

		ck_assert_int_eq(ph_package_parse("P", text, n, &package, NULL),
				 n + 1 == sizeof(text) ? 0 : -1);
		ph_package_unref(&package);
	}
}
END_TEST

START_TEST(test_limits)
{
	struct ph_err err = PH_ERR_INIT;
	g_autoptr(GString) deep = g_string_new("<RulePackage><Rules>");
	g_autofree char *large = g_malloc0(PH_PACKAGE_LIMIT + 1);
	struct ph_package *package;

	g_string_append(deep, "<Entity id='" ID "'>"
			      "<Pattern confidenceLevel='75'>");
	for (int i = 0; i < 100000; i++)
		g_string_append(deep, "<Any>");
	ck_assert_int_eq(ph_package_check(deep->str, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "in too many others"));
	memset(large, ' ', PH_PACKAGE_LIMIT + 1);
	ck_assert_int_eq(
	    ph_package_parse("P", large, PH_PACKAGE_LIMIT + 1, &package, &err),
	    -1);
	ck_assert_ptr_nonnull(strstr(err.text, "too large"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/classify/package");
	TCase *t = tcase_create("package");
	SRunner *runner;
	int failed;

	tcase_add_test(t, test_whole);
	tcase_add_test(t, test_defaults);
	tcase_add_test(t, test_utf16);
	tcase_add_test(t, test_prefixed);
	tcase_add_loop_test(t, test_bad, 0, G_N_ELEMENTS(bad));
	tcase_add_test(t, test_cut);
	tcase_add_test(t, test_limits);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
