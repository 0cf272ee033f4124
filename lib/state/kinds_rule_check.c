#include "lib/state/kinds_tables.h"

#include "lib/match/pattern.h"
#include "lib/state/object.h"
#include "lib/state/value.h"

#include <string.h>

/* Order of the words of State. */
enum { STATE_ENABLED };

/* Exchange evaluates them as a pair, or not at all. */
struct pair {
	const char *field;
	const char *needs;
};

static const struct pair needed[] = {
    {"HeaderContainsMessageHeader", "HeaderContainsWords"},
    {"HeaderContainsWords", "HeaderContainsMessageHeader"},
    {"ExceptIfHeaderContainsMessageHeader", "ExceptIfHeaderContainsWords"},
    {"ExceptIfHeaderContainsWords", "ExceptIfHeaderContainsMessageHeader"},
    {"HeaderMatchesMessageHeader", "HeaderMatchesPatterns"},
    {"HeaderMatchesPatterns", "HeaderMatchesMessageHeader"},
    {"ExceptIfHeaderMatchesMessageHeader", "ExceptIfHeaderMatchesPatterns"},
    {"ExceptIfHeaderMatchesPatterns", "ExceptIfHeaderMatchesMessageHeader"},
    {"BetweenMemberOf1", "BetweenMemberOf2"},
    {"BetweenMemberOf2", "BetweenMemberOf1"},
    {"ExceptIfBetweenMemberOf1", "ExceptIfBetweenMemberOf2"},
    {"ExceptIfBetweenMemberOf2", "ExceptIfBetweenMemberOf1"},
    {"ManagerForEvaluatedUser", "ManagerAddresses"},
    {"ManagerAddresses", "ManagerForEvaluatedUser"},
    {"ExceptIfManagerForEvaluatedUser", "ExceptIfManagerAddresses"},
    {"ExceptIfManagerAddresses", "ExceptIfManagerForEvaluatedUser"},
    {"ADComparisonOperator", "ADComparisonAttribute"},
    {"ExceptIfADComparisonOperator", "ExceptIfADComparisonAttribute"},
    {"SetHeaderName", "SetHeaderValue"},
    {"SetHeaderValue", "SetHeaderName"},
    {"ApplyHtmlDisclaimerLocation", "ApplyHtmlDisclaimerText"},
    {"ApplyHtmlDisclaimerFallbackAction", "ApplyHtmlDisclaimerText"},
    {"IncidentReportContent", "GenerateIncidentReport"},
    {"NotifySender", "MessageContainsDataClassifications"},
};

/* What cannot be done to the same message. */
static const struct pair exclusive[] = {
    {"RejectMessageReasonText", "RedirectMessageTo"},
    {"RejectMessageEnhancedStatusCode", "RedirectMessageTo"},
};

static int
check_pairs(const struct ph_object *rule, struct ph_err *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(needed); i++)
		if (ph_object_has(rule, needed[i].field) &&
		    !ph_object_has(rule, needed[i].needs))
			return ph_err_set(err, PH_ERR_PERM,
					  "%s: is one half of a pair; expected "
					  "%s as well",
					  needed[i].field, needed[i].needs);
	for (size_t i = 0; i < G_N_ELEMENTS(exclusive); i++)
		if (ph_object_has(rule, exclusive[i].field) &&
		    ph_object_has(rule, exclusive[i].needs))
			return ph_err_set(err, PH_ERR_PERM,
					  "%s: contradicts %s; expected one of "
					  "them",
					  exclusive[i].field,
					  exclusive[i].needs);
	return 0;
}

/* 5.7.1 or 5.7.900 to 5.7.999 */
static bool
is_reject_code(const char *code)
{
	if (strcmp(code, "5.7.1") == 0)
		return true;
	return strlen(code) == 7 && strncmp(code, "5.7.9", 5) == 0 &&
	       g_ascii_isdigit(code[5]) && g_ascii_isdigit(code[6]);
}

/* Those are what one server of ours believes of another. */
static int
check_header(const struct ph_object *rule, const char *field,
	     struct ph_err *err)
{
	const char *header = ph_object_text(rule, field);

	if (header == NULL ||
	    g_ascii_strncasecmp(header, "X-PostHub-", 10) != 0)
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "%s: %s is posthub's own; expected a name that does "
			  "not begin with X-PostHub-",
			  field, header);
}

static int
check_pattern(const char *field, const char *pattern, unsigned flags,
	      struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	g_autofree char *quoted = NULL;

	if (ph_pattern_check(pattern, flags, &why) == 0)
		return 0;
	quoted = ph_value_quote(pattern);
	return ph_err_set(err, why.kind, "%s: %s %s", field, quoted, why.text);
}

/* In the syntax that the rule says, so the value alone could not be judged. */
static int
check_patterns(const struct ph_object *rule, struct ph_err *err)
{
	unsigned flags =
	    ph_object_bool(rule, "UseLegacyRegex") ? PH_PATTERN_LEGACY : 0;
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(rule, &pairs);

	for (size_t i = 0; i < n; i++) {
		enum ph_type type =
		    ph_kind_field(ph_object_kind(rule), pairs[i].field, NULL)
			->type;
		const char *const *items;

		if (type != PH_TYPE_PATTERNS &&
		    type != PH_TYPE_ATTRIBUTE_PATTERNS)
			continue;
		items = ph_object_list(rule, pairs[i].field);
		for (; *items != NULL; items++) {
			const char *pattern = type == PH_TYPE_PATTERNS
						  ? *items
						  : strchr(*items, ':') + 1;

			if (check_pattern(pairs[i].field, pattern, flags, err) <
			    0)
				return -1;
		}
	}
	return 0;
}

static int
check_attribute(const struct ph_object *rule, const char *field,
		struct ph_err *err)
{
	const char *name = ph_object_text(rule, field);

	if (name == NULL || ph_value_attribute(name, strlen(name)) != NULL)
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "%s: %s is not an attribute that rules can use; "
			  "expected one such as Department",
			  field, name);
}

int
ph_check_rule(const struct ph_object *rule, struct ph_err *err)
{
	const char *name = ph_object_name(rule);
	const char *code =
	    ph_object_text(rule, "RejectMessageEnhancedStatusCode");
	bool enabled = ph_object_bool(rule, "Enabled");
	size_t state = ph_object_word(rule, "State");

	/* A name that is not UTF-8 counts by byte. */
	if ((g_utf8_validate(name, -1, NULL) ? g_utf8_strlen(name, -1)
					     : (glong)strlen(name)) > 64)
		return ph_err_set(err, PH_ERR_PERM,
				  "Name: is too long; expected at most 64 "
				  "characters");
	if (state != SIZE_MAX && ph_object_has(rule, "Enabled") &&
	    enabled != (state == STATE_ENABLED))
		return ph_err_set(err, PH_ERR_PERM,
				  "State: contradicts Enabled; expected one of "
				  "them, or the same in both");
	if (code != NULL && !is_reject_code(code))
		return ph_err_set(err, PH_ERR_PERM,
				  "RejectMessageEnhancedStatusCode: \"%s\" is "
				  "not allowed; expected 5.7.1 or 5.7.900 to "
				  "5.7.999",
				  code);
	if (check_header(rule, "SetHeaderName", err) < 0 ||
	    check_header(rule, "RemoveHeader", err) < 0 ||
	    check_attribute(rule, "ADComparisonAttribute", err) < 0 ||
	    check_attribute(rule, "ExceptIfADComparisonAttribute", err) < 0 ||
	    check_patterns(rule, err) < 0)
		return -1;
	return check_pairs(rule, err);
}
