#include "lib/state/value.h"

#include "lib/base/ip_range.h"
#include "lib/base/text.h"
#include "lib/match/pattern.h"
#include "lib/state/filter.h"

#include <string.h>

/* RFC 5321 4.5.3.1: 64 + 1 + 255; Exchange takes 315 + 1 + 255. */
#define ADDRESS_LIMIT 571
#define QUOTE_LIMIT 60

/* How a type is read; the row's index is the type. item: one element of a
 * list, or the whole value. 0, or -1 and *what_r says what is wrong. */
struct type_row {
	const char *noun; /* for "expected ..." */
	bool list;
	int (*item)(const struct ph_field *field, char **item,
		    int64_t *number_r, const char **what_r);
	/* What a text can say better than item; NULL is fine. */
	int (*check)(const char *text, struct ph_err *err);
};

char *
ph_value_quote(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *head = NULL;

	if (g_utf8_strlen(valid, -1) <= QUOTE_LIMIT)
		return g_strdup_printf("\"%s\"", valid);
	head = g_utf8_substring(valid, 0, QUOTE_LIMIT);
	return g_strdup_printf("\"%s...\"", head);
}

static bool
has_control(const char *text, bool lines)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (lines && strchr("\t\r\n", *p) != NULL)
			continue;
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return true;
	}
	return false;
}

bool
ph_value_is_name(const char *text)
{
	return text[0] != '\0' && strlen(text) <= PH_NAME_LIMIT &&
	       !has_control(text, false) && g_utf8_validate(text, -1, NULL);
}

bool
ph_value_is_domain(const char *text)
{
	size_t n = strlen(text);

	return ph_is_hostname(text) && g_utf8_validate(text, -1, NULL) &&
	       strpbrk(text, "*/\\;:()") == NULL && text[0] != '.' &&
	       text[0] != '-' && text[n - 1] != '.' &&
	       strstr(text, "..") == NULL;
}

/* An unquoted local part with one of these is a typing error ("Ann <a@b>") or
 * an attempt to add a second recipient. */
bool
ph_value_is_address(const char *text)
{
	g_autofree char *local = NULL, *domain = NULL;

	if (strlen(text) > ADDRESS_LIMIT || !g_utf8_validate(text, -1, NULL) ||
	    ph_split_address(text, &local, &domain) != 1)
		return false;
	return ph_value_is_domain(domain) &&
	       (local[0] == '"' || strpbrk(local, " <>,;:()[]@\\\"") == NULL);
}

/* "smtp" of "smtp:a@b"; 0: there is no type in front. */
static size_t
address_type(const char *text)
{
	size_t n = 0;

	while (g_ascii_isalnum(text[n]))
		n++;
	return text[n] == ':' ? n : 0;
}

static bool
within(const struct ph_field *field, int64_t value)
{
	return (field->min == 0 && field->max == 0) ||
	       (value >= field->min && value <= field->max);
}

static int
wrong(const char **what_r, const char *what)
{
	*what_r = what;
	return -1;
}

static int
item_text(const struct ph_field *field, char **item, int64_t *number_r,
	  const char **what_r)
{
	(void)number_r;
	if (has_control(*item, (field->flags & PH_FIELD_LINES) != 0))
		return wrong(what_r, "holds a control character or line break");
	if (!within(field, g_utf8_strlen(*item, -1)))
		return wrong(what_r, "has the wrong length");
	return 0;
}

static int
item_bool(const struct ph_field *field, char **item, int64_t *number_r,
	  const char **what_r)
{
	bool value;

	(void)field;
	if (ph_parse_bool(*item, &value, NULL) < 0)
		return wrong(what_r, "is not a yes or no");
	*number_r = value;
	return 0;
}

static int
item_int(const struct ph_field *field, char **item, int64_t *number_r,
	 const char **what_r)
{
	if ((field->flags & PH_FIELD_UNLIMITED) != 0 &&
	    g_ascii_strcasecmp(*item, "unlimited") == 0) {
		*number_r = INT64_MAX;
		return 0;
	}
	if (ph_parse_int(*item, number_r, NULL) < 0)
		return wrong(what_r, "is not a whole number");
	if (!within(field, *number_r))
		return wrong(what_r, "is out of range");
	return 0;
}

static int
item_size(const struct ph_field *field, char **item, int64_t *number_r,
	  const char **what_r)
{
	if (ph_parse_size(*item, number_r, NULL) < 0)
		return wrong(what_r, "is not a size");
	if (!within(field, *number_r))
		return wrong(what_r, "is out of range");
	return 0;
}

static int
item_span(const struct ph_field *field, char **item, int64_t *number_r,
	  const char **what_r)
{
	if (ph_parse_span(*item, number_r, NULL) < 0)
		return wrong(what_r, "is not a time span");
	if (!within(field, *number_r))
		return wrong(what_r, "is out of range");
	return 0;
}

static int
item_date(const struct ph_field *field, char **item, int64_t *number_r,
	  const char **what_r)
{
	(void)field;
	if (ph_parse_date(*item, number_r, NULL) < 0)
		return wrong(what_r, "is not a date");
	return 0;
}

/* Spelt as in the table from here on. */
static int
item_word(const struct ph_field *field, char **item, int64_t *number_r,
	  const char **what_r)
{
	for (size_t i = 0; field->words[i] != NULL; i++)
		if (g_ascii_strcasecmp(*item, field->words[i]) == 0) {
			g_free(*item);
			*item = g_strdup(field->words[i]);
			*number_r = (int64_t)i;
			return 0;
		}
	return wrong(what_r, "is not one of the words");
}

static int
item_list(const struct ph_field *field, char **item, int64_t *number_r,
	  const char **what_r)
{
	if (has_control(*item, false))
		return wrong(what_r, "holds a control character or line break");
	return field->words == NULL ? 0
				    : item_word(field, item, number_r, what_r);
}

static int
item_words(const struct ph_field *field, char **item, int64_t *number_r,
	   const char **what_r)
{
	size_t n = strlen(*item);

	(void)number_r;
	if (has_control(*item, false))
		return wrong(what_r, "holds a control character or line break");
	if (strchr(" \t", (*item)[0]) != NULL ||
	    strchr(" \t", (*item)[n - 1]) != NULL)
		return wrong(what_r, "begins or ends with a blank");
	if (!within(field, g_utf8_strlen(*item, -1)))
		return wrong(what_r, "has the wrong length");
	return 0;
}

static int
item_address(const struct ph_field *field, char **item, int64_t *number_r,
	     const char **what_r)
{
	size_t type = address_type(*item);

	(void)field;
	(void)number_r;
	if (type == 4 && g_ascii_strncasecmp(*item, "smtp", type) == 0)
		memmove(*item, *item + type + 1, strlen(*item + type));
	if (!ph_value_is_address(*item))
		return wrong(what_r, "is not an address");
	return 0;
}

static int
item_endpoint(const struct ph_field *field, char **item, int64_t *number_r,
	      const char **what_r)
{
	struct ph_endpoint endpoint;

	(void)field;
	(void)number_r;
	if (ph_parse_endpoint(*item, &endpoint, NULL) < 0)
		return wrong(what_r, "is not an endpoint");
	return 0;
}

static int
item_name(const struct ph_field *field, char **item, int64_t *number_r,
	  const char **what_r)
{
	(void)field;
	(void)number_r;
	if (!ph_value_is_name(*item))
		return wrong(what_r, "is not a name");
	return 0;
}

/* RFC 5322 3.6.8: ftext is 33-126 without the colon. */
static int
item_header(const struct ph_field *field, char **item, int64_t *number_r,
	    const char **what_r)
{
	(void)number_r;
	for (const char *p = *item; *p != '\0'; p++)
		if (*p < 33 || *p > 126 || *p == ':')
			return wrong(what_r,
				     "holds a character that the name of a "
				     "header field cannot have");
	if (!within(field, (int64_t)strlen(*item)))
		return wrong(what_r, "has the wrong length");
	return 0;
}

/* Whether it means something is for the rule's check, which knows the syntax
 * that it is written in. */
static int
item_pattern(const struct ph_field *field, char **item, int64_t *number_r,
	     const char **what_r)
{
	(void)field;
	(void)number_r;
	return strlen(*item) <= PH_PATTERN_LIMIT
		   ? 0
		   : wrong(what_r, "is longer than 8192 bytes");
}

static int
item_domain(const struct ph_field *field, char **item, int64_t *number_r,
	    const char **what_r)
{
	(void)field;
	(void)number_r;
	return ph_value_is_domain(*item) ? 0 : wrong(what_r, "is not a domain");
}

static int
item_range(const struct ph_field *field, char **item, int64_t *number_r,
	   const char **what_r)
{
	struct ph_ip_range range;

	(void)field;
	(void)number_r;
	return ph_ip_range_parse(*item, &range, NULL) == 0
		   ? 0
		   : wrong(what_r, "is not a range of IP addresses");
}

/* facts/exchange-rules.md section 2. */
static const char *const directory_attributes[] = {
    "City",
    "Company",
    "Country",
    "CustomAttribute1",
    "CustomAttribute2",
    "CustomAttribute3",
    "CustomAttribute4",
    "CustomAttribute5",
    "CustomAttribute6",
    "CustomAttribute7",
    "CustomAttribute8",
    "CustomAttribute9",
    "CustomAttribute10",
    "CustomAttribute11",
    "CustomAttribute12",
    "CustomAttribute13",
    "CustomAttribute14",
    "CustomAttribute15",
    "Department",
    "DisplayName",
    "Email",
    "FaxNumber",
    "FirstName",
    "HomePhoneNumber",
    "Initials",
    "LastName",
    "Manager",
    "MobileNumber",
    "Notes",
    "Office",
    "OtherFaxNumber",
    "OtherHomePhoneNumber",
    "OtherPhoneNumber",
    "PagerNumber",
    "PhoneNumber",
    "POBox",
    "State",
    "Street",
    "Title",
    "UserLogonName",
    "ZipCode",
    NULL,
};

const char *
ph_value_attribute(const char *name, size_t size)
{
	for (const char *const *a = directory_attributes; *a != NULL; a++)
		if (strlen(*a) == size &&
		    g_ascii_strncasecmp(*a, name, size) == 0)
			return *a;
	return NULL;
}

static int
item_attribute(const struct ph_field *field, char **item, int64_t *number_r,
	       const char **what_r)
{
	const char *colon = strchr(*item, ':');

	(void)number_r;
	if (colon == NULL || colon == *item || colon[1] == '\0')
		return wrong(what_r, "is not Attribute:value");
	if ((field->flags & PH_FIELD_DIRECTORY) != 0 &&
	    ph_value_attribute(*item, (size_t)(colon - *item)) == NULL)
		return wrong(what_r, "begins with an attribute that rules "
				     "cannot use");
	return strlen(*item) <= PH_PATTERN_LIMIT
		   ? 0
		   : wrong(what_r, "is longer than 8192 bytes");
}

static int
check_filter(const char *text, struct ph_err *err)
{
	struct ph_filter *filter = NULL;
	int r = ph_filter_parse(text, &filter, err);

	ph_filter_free(&filter);
	return r;
}

static const struct type_row types[] = {
    [PH_TYPE_TEXT] = {"a text", false, item_text, NULL},
    [PH_TYPE_BOOL] = {"true or false", false, item_bool, NULL},
    [PH_TYPE_INT] = {"a whole number", false, item_int, NULL},
    [PH_TYPE_SIZE] = {"a size such as 10MB or unlimited", false, item_size,
		      NULL},
    [PH_TYPE_SPAN] = {"a time span such as 30s, 5m or 00:10:00", false,
		      item_span, NULL},
    [PH_TYPE_DATE] = {"a date such as 2026-11-21T10:00:00Z", false, item_date,
		      NULL},
    [PH_TYPE_WORD] = {"one of", false, item_word, NULL},
    [PH_TYPE_LIST] = {"a comma separated list", true, item_list, NULL},
    [PH_TYPE_WORDS] = {"a comma separated list of words or phrases without "
		       "blanks at their ends",
		       true, item_words, NULL},
    [PH_TYPE_ADDRESS] = {"an address, local@domain", false, item_address, NULL},
    [PH_TYPE_ADDRESSES] = {"a comma separated list of addresses, local@domain",
			   true, item_address, NULL},
    [PH_TYPE_ENDPOINT] = {"host:port", false, item_endpoint, NULL},
    [PH_TYPE_NAME] = {"a name", false, item_name, NULL},
    [PH_TYPE_NAMES] = {"a comma separated list of names", true, item_name,
		       NULL},
    [PH_TYPE_HEADER] = {"the name of a header field", false, item_header, NULL},
    [PH_TYPE_PATTERNS] = {"a comma separated list of patterns (a comma inside "
			  "brackets does not separate)",
			  true, item_pattern, NULL},
    [PH_TYPE_DOMAINS] = {"a comma separated list of domains", true, item_domain,
			 NULL},
    [PH_TYPE_RANGES] = {"a comma separated list of IP addresses, first-last or "
			"address/bits",
			true, item_range, NULL},
    [PH_TYPE_ATTRIBUTE_WORDS] = {"a list of \"Attribute:word,word two\"", true,
				 item_attribute, NULL},
    [PH_TYPE_ATTRIBUTE_PATTERNS] = {"a list of \"Attribute:pattern\"", true,
				    item_attribute, NULL},
    [PH_TYPE_FILTER] = {"a filter such as Department -eq 'Sales'", false,
			item_text, check_filter},
};

bool
ph_type_is_list(enum ph_type type)
{
	return types[type].list;
}

struct unit {
	int64_t factor;
	const char *name;
};

static const struct unit size_units[] = {
    {1 << 20, "MB"}, {1 << 10, "KB"}, {1, " bytes"}};
static const struct unit span_units[] = {
    {86400000, "d"}, {1000, "s"}, {1, "ms"}};

/* In the largest unit that divides it. */
static void
append_amount(GString *out, int64_t value, const struct unit *unit)
{
	while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
		unit++;
	g_string_append_printf(out, "%" G_GINT64_FORMAT "%s",
			       value / unit->factor, unit->name);
}

static void
append_number(GString *out, enum ph_type type, int64_t value)
{
	if (type == PH_TYPE_SIZE)
		append_amount(out, value, size_units);
	else if (type == PH_TYPE_SPAN)
		append_amount(out, value, span_units);
	else
		g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

static void
append_limits(GString *out, const struct ph_field *field)
{
	bool length = field->type == PH_TYPE_TEXT ||
		      field->type == PH_TYPE_WORDS ||
		      field->type == PH_TYPE_HEADER;

	if ((field->flags & PH_FIELD_UNLIMITED) != 0)
		g_string_append(out, " or unlimited");
	if (field->min == 0 && field->max == 0)
		return;
	if (length) {
		g_string_append_printf(
		    out, ", at most %" G_GINT64_FORMAT " characters",
		    field->max);
		return;
	}
	g_string_append(out, ", from ");
	append_number(out, field->type, field->min);
	if (field->max == INT64_MAX)
		return;
	g_string_append(out, " to ");
	append_number(out, field->type, field->max);
}

char *
ph_field_expected(const struct ph_field *field)
{
	GString *out = g_string_new(types[field->type].noun);

	if (field->words != NULL) {
		g_autofree char *words =
		    g_strjoinv(", ", (char **)field->words);

		g_string_append_printf(out, "%s %s",
				       field->type == PH_TYPE_LIST ? " of" : "",
				       words);
	}
	if (field->refers != NULL)
		g_string_append_printf(out, " (%s)", field->refers);
	append_limits(out, field);
	return g_string_free(out, FALSE);
}

static int
refuse(const struct ph_field *field, const char *text, const char *what,
       struct ph_err *err)
{
	g_autofree char *quoted = (field->flags & PH_FIELD_SECRET) != 0
				      ? g_strdup("the value")
				      : ph_value_quote(text);
	g_autofree char *expected = ph_field_expected(field);

	return ph_err_set(err, PH_ERR_PERM, "%s %s; expected %s", quoted, what,
			  expected);
}

/* An address list of Active Directory holds X500:, SIP: and others as well,
 * and marks the primary address with SMTP: in capitals. */
static void
arrange_addresses(char **list)
{
	size_t n = 0;

	for (size_t i = 0; list[i] != NULL; i++) {
		size_t type = address_type(list[i]);
		char *item = list[i];

		if (type > 0 && g_ascii_strncasecmp(item, "smtp:", 5) != 0) {
			g_free(item);
			continue;
		}
		if (strncmp(item, "SMTP:", 5) == 0) {
			memmove(list + 1, list, n * sizeof(*list));
			list[0] = item;
		} else {
			list[n] = item;
		}
		n++;
	}
	list[n] = NULL;
}

/*
 * Patterns hold commas and quotes of their own: "\d{3,5}, [a,b]" are two. Only
 * a JSON array, or an element that is in quotes from its first character to its
 * last, is read as any other list.
 */
static bool
is_plain_patterns(const struct ph_field *field, const char *text)
{
	if (field->type != PH_TYPE_PATTERNS &&
	    field->type != PH_TYPE_ATTRIBUTE_PATTERNS)
		return false;
	return text[0] != '"' && !(text[0] == '[' && text[1] == '"');
}

/* The last character of what begins a class at p: a ']' that comes first is one
 * of the class. */
static const char *
class_begin(const char *p)
{
	if (p[1] == '^')
		p++;
	return p[1] == ']' ? p + 1 : p;
}

/* The end of the element at p: its comma or the end of the text. */
static const char *
pattern_end(const char *p)
{
	int depth = 0;
	bool class = false;

	for (; *p != '\0' && (*p != ',' || depth > 0 || class); p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (class)
			class = *p != ']';
		else if (*p == '[') {
			class = true;
			p = class_begin(p);
		} else if (*p == '(' || *p == '{')
			depth++;
		else if ((*p == ')' || *p == '}') && depth > 0)
			depth--;
	}
	return p;
}

static char **
split_patterns(const char *text)
{
	GPtrArray *list = g_ptr_array_new();

	for (const char *p = text; *p != '\0';) {
		const char *end = pattern_end(p);
		g_autofree char *item = g_strndup(p, (gsize)(end - p));

		g_strchug(item);
		if (*item != '\0')
			g_ptr_array_add(list, g_steal_pointer(&item));
		p = *end == ',' ? end + 1 : end;
	}
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}

static int
parse_list(const struct ph_field *field, const char *text,
	   struct ph_value *value_r, struct ph_err *err)
{
	g_auto(GStrv) list = NULL;
	struct ph_err inner = PH_ERR_INIT;
	const char *what = NULL;

	if (is_plain_patterns(field, text))
		list = split_patterns(text);
	else if (ph_parse_list(text, &list, &inner) < 0)
		return refuse(field, text, inner.text, err);
	/* A condition on nothing would be one that says nothing. */
	if (list[0] == NULL && (field->flags & PH_FIELD_CONDITION) != 0)
		return refuse(field, text, "holds nothing", err);
	if (field->type == PH_TYPE_ADDRESSES)
		arrange_addresses(list);
	for (size_t i = 0; list[i] != NULL; i++)
		if (types[field->type].item(field, &list[i], &value_r->number,
					    &what) < 0)
			return refuse(field, list[i], what, err);
	value_r->list = g_steal_pointer(&list);
	value_r->text = g_strdup(text);
	return 0;
}

int
ph_value_parse(const struct ph_field *field, const char *text,
	       struct ph_value *value_r, struct ph_err *err)
{
	g_autofree char *item = NULL;
	const char *what = NULL;

	memset(value_r, 0, sizeof(*value_r));
	if (strlen(text) > PH_VALUE_LIMIT)
		return refuse(field, "", "is longer than 16MB", err);
	if (!g_utf8_validate(text, -1, NULL))
		return refuse(field, text, "is not UTF-8", err);
	if (types[field->type].list)
		return parse_list(field, text, value_r, err);
	item = g_strdup(text);
	if (types[field->type].item(field, &item, &value_r->number, &what) < 0)
		return refuse(field, text, what, err);
	if (types[field->type].check != NULL &&
	    types[field->type].check(text, err) < 0)
		return -1;
	value_r->text = g_steal_pointer(&item);
	return 0;
}

void
ph_value_clear(struct ph_value *value)
{
	g_clear_pointer(&value->text, g_free);
	g_clear_pointer(&value->list, g_strfreev);
}
