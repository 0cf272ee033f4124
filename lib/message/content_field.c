#include "lib/base/text.h"
#include "lib/message/content_private.h"

#include <string.h>
#include <strings.h>

/*
 * A value with parameters (RFC 2045 section 5.1, RFC 2231), read as leniently
 * as mail clients read it: blanks in unquoted values, missing quotes, RFC 2047
 * where it is forbidden.
 */
struct param {
	char *name;    /* without the marks of RFC 2231 */
	char *value;   /* as it came, without quotes */
	int section;   /* name*0; -1: not cut into sections */
	bool extended; /* name*: percent signs, a charset */
	bool unquoted;
};

#define SECTIONS 1000

static void
param_free(void *data)
{
	struct param *param = data;

	g_free(param->name);
	g_free(param->value);
	g_free(param);
}

/* Without line ends, which are folds; a NUL would end it. */
static char *
unfold(const char *raw, size_t size)
{
	char *text = g_malloc(size + 1);
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		if (raw[i] != '\r' && raw[i] != '\n')
			text[n++] = raw[i] != '\0' ? raw[i] : ' ';
	text[n] = '\0';
	return text;
}

/* After blanks and comments, which may hold comments; an open one ends the
 * value. */
static const char *
skip_blanks(const char *p)
{
	size_t depth = 0;

	for (; *p != '\0'; p++) {
		if (*p == '(')
			depth++;
		else if (depth > 0 && *p == ')')
			depth--;
		else if (depth > 0 && *p == '\\' && p[1] != '\0')
			p++;
		else if (depth == 0 && *p != ' ' && *p != '\t')
			break;
	}
	return p;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* From p to end without blanks at its end. */
static char *
copy_trimmed(const char *p, const char *end)
{
	while (end > p && is_blank(end[-1]))
		end--;
	return g_strndup(p, (gsize)(end - p));
}

/* p stands after the quote. A quote that is missing is at the end. */
static const char *
parse_quoted(const char *p, char **value_r, bool *bad_r)
{
	GString *value = g_string_new(NULL);

	for (; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		g_string_append_c(value, *p);
	}
	*value_r = g_string_free(value, FALSE);
	if (*p == '"')
		return p + 1;
	*bad_r = true;
	return p;
}

/* "name*1*" is the name, section 1, extended. */
static void
parse_name(struct param *param)
{
	char *star = strchr(param->name, '*');
	char *p;

	param->section = -1;
	if (star == NULL)
		return;
	*star = '\0';
	p = star + 1;
	if (g_ascii_isdigit(*p)) {
		param->section = 0;
		for (; g_ascii_isdigit(*p); p++)
			if (param->section < SECTIONS)
				param->section = param->section * 10 + *p - '0';
		param->extended = *p == '*';
	} else {
		param->extended = true;
	}
}

/* All others are passed over: a thousand of them hide nothing. */
static bool
is_wanted(const char *name)
{
	static const char *const names[] = {
	    "boundary", "charset", "delsp",	  "filename",  "format",
	    "method",	"name",	   "report-type", "smime-type"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

/* Takes param. Of too many the last stays, which is what some readers take. */
static void
add_param(struct ph_field *field, struct param *param)
{
	if (!is_wanted(param->name)) {
		param_free(param);
		return;
	}
	if (field->params->len == PH_FIELD_PARAMS) {
		field->bad = field->cut = true;
		g_ptr_array_remove_index(field->params, PH_FIELD_PARAMS - 1);
	}
	g_ptr_array_add(field->params, param);
}

/* p stands at the name. Where the next parameter's ';' is. */
static const char *
parse_param(struct ph_field *field, const char *p)
{
	size_t name = strcspn(p, "=;");
	struct param *param;

	if (p[name] != '=' || name == 0) {
		field->bad |= name > 0;
		return p + name + strcspn(p + name, ";");
	}
	param = g_new0(struct param, 1);
	param->name = copy_trimmed(p, p + name);
	parse_name(param);
	p += name + 1;
	p += strspn(p, " \t");
	if (*p == '"') {
		p = skip_blanks(
		    parse_quoted(p + 1, &param->value, &field->bad));
		field->bad |= *p != ';' && *p != '\0';
	} else {
		name = strcspn(p, ";");
		param->value = copy_trimmed(p, p + name);
		param->unquoted = true;
		p += name;
	}
	add_param(field, param);
	return p + strcspn(p, ";");
}

static const struct param *
find_plain(const struct ph_field *field, const char *name, guint from)
{
	for (guint i = from; i < field->params->len; i++) {
		const struct param *param = field->params->pdata[i];

		if (param->section < 0 && !param->extended &&
		    strcasecmp(param->name, name) == 0)
			return param;
	}
	return NULL;
}

/* The same parameter twice with two values: one reader takes the first,
 * another the last. */
static bool
contradicts(const struct ph_field *field)
{
	for (guint i = 0; i < field->params->len; i++) {
		const struct param *one = field->params->pdata[i];
		const struct param *two = find_plain(field, one->name, i + 1);

		if (one->section < 0 && !one->extended && two != NULL &&
		    strcmp(one->value, two->value) != 0)
			return true;
	}
	return false;
}

/* Blanks are allowed around the slash only. What stands after others is taken
 * for parameters whose ';' is missing. */
static char *
parse_value(const char *p, const char **end_r)
{
	GString *value = g_string_new(NULL);

	p = skip_blanks(p);
	while (*p != '\0' && *p != ';') {
		g_string_append_c(value, g_ascii_tolower(*p++));
		if (*p == ' ' || *p == '\t' || *p == '(') {
			char last = value->str[value->len - 1];

			p = skip_blanks(p);
			if (*p != '/' && last != '/')
				break;
		}
	}
	*end_r = p;
	return g_string_free(value, FALSE);
}

void
ph_field_parse(const char *raw, size_t size, struct ph_field *field_r)
{
	g_autofree char *text = unfold(raw, MIN(size, PH_FIELD_LIMIT));
	const char *p;

	field_r->bad = field_r->cut = size > PH_FIELD_LIMIT;
	field_r->value = parse_value(text, &p);
	field_r->params = g_ptr_array_new_with_free_func(param_free);
	field_r->bad |= *p != ';' && *p != '\0';
	while (*p != '\0') {
		p = skip_blanks(*p == ';' ? p + 1 : p);
		if (*p == '\0')
			break;
		p = parse_param(field_r, p);
	}
	field_r->bad |= contradicts(field_r);
}

void
ph_field_clear(struct ph_field *field)
{
	g_clear_pointer(&field->value, g_free);
	if (field->params != NULL)
		g_ptr_array_unref(field->params);
	field->params = NULL;
}

/* ---- values -------------------------------------------------------------- */

static void
append_percent(GString *out, const char *p)
{
	for (; *p != '\0'; p++) {
		int byte = *p == '%' ? ph_hex_byte(p + 1) : -1;

		if (byte >= 0) {
			g_string_append_c(out, (char)byte);
			p += 2;
		} else {
			g_string_append_c(out, *p);
		}
	}
}

/* "charset'language'text": the charset is copied, where the text begins is
 * returned. */
static const char *
split_extended(const char *value, char **charset_r)
{
	const char *language = strchr(value, '\'');
	const char *text = language != NULL ? strchr(language + 1, '\'') : NULL;

	if (text == NULL)
		return value;
	g_free(*charset_r);
	*charset_r = g_strndup(value, (gsize)(language - value));
	return text + 1;
}

static const struct param *
find_section(const struct ph_field *field, const char *name, int section)
{
	for (guint i = 0; i < field->params->len; i++) {
		const struct param *param = field->params->pdata[i];

		if (param->section == section &&
		    (section >= 0 || param->extended) &&
		    strcasecmp(param->name, name) == 0)
			return param;
	}
	return NULL;
}

/* RFC 2231: "name*", or "name*0" and those that follow it without a gap. */
static GString *
join_sections(const struct ph_field *field, const char *name, char **charset_r)
{
	const struct param *param = find_section(field, name, -1);
	int section = -1;
	GString *out;

	if (param == NULL)
		param = find_section(field, name, section = 0);
	if (param == NULL)
		return NULL;
	out = g_string_new(NULL);
	for (; param != NULL; param = find_section(field, name, ++section)) {
		const char *value = param->value;

		if (section <= 0 && param->extended)
			value = split_extended(value, charset_r);
		if (param->extended)
			append_percent(out, value);
		else
			g_string_append(out, value);
		if (section < 0)
			break;
	}
	return out;
}

static char *
tidy(char *text)
{
	char *end = text + strlen(text);

	for (char *p = text; p < end; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	while (end > text && end[-1] == ' ')
		*--end = '\0';
	return text;
}

static bool
is_file_name(const char *name)
{
	return strcasecmp(name, "name") == 0 ||
	       strcasecmp(name, "filename") == 0;
}

/* RFC 2047 has no place here, but is found in names of files. */
static char *
decode(const char *name, const char *text, size_t size, const char *charset)
{
	struct ph_charset_options options = {.charset = charset,
					     .limit = PH_FIELD_LIMIT * 3};
	g_autofree char *utf8 = NULL;
	size_t n;

	utf8 = ph_charset_decode(text, size, &options, &n);
	if (is_file_name(name) && *charset == '\0' &&
	    strstr(utf8, "=?") != NULL)
		return tidy(ph_header_decode(utf8));
	return tidy(g_steal_pointer(&utf8));
}

/* A comment after an unquoted value: "us-ascii (plain text)"; but a file name
 * may well end so. */
static size_t
value_size(const struct param *param, const char *name)
{
	size_t size = strlen(param->value);
	const char *comment = strchr(param->value, '(');

	if (!param->unquoted || comment == NULL || comment == param->value ||
	    !is_blank(comment[-1]) || is_file_name(name))
		return size;
	return (size_t)(comment - param->value);
}

static char *
decode_plain(const struct param *plain, const char *name)
{
	return decode(name, plain->value, value_size(plain, name), "");
}

char *
ph_field_param(const struct ph_field *field, const char *name)
{
	const struct param *plain = find_plain(field, name, 0);
	g_autofree char *charset = g_strdup("");
	GString *joined = join_sections(field, name, &charset);
	char *value;

	if (joined == NULL)
		return plain == NULL ? NULL : decode_plain(plain, name);
	value = decode(name, joined->str, joined->len, charset);
	g_string_free(joined, TRUE);
	return value;
}

/* Takes value; NULL is fine. */
static void
add_reading(GPtrArray *readings, char *value)
{
	if (value != NULL && *value != '\0' &&
	    readings->len < PH_ENTITY_READINGS &&
	    !g_ptr_array_find_with_equal_func(readings, value, g_str_equal,
					      NULL))
		g_ptr_array_add(readings, value);
	else
		g_free(value);
}

void
ph_field_readings(const struct ph_field *field, const char *name,
		  GPtrArray *readings)
{
	add_reading(readings, ph_field_param(field, name));
	/* The last is what is taken most often in place of the first. */
	for (guint i = field->params->len; i > 0; i--) {
		const struct param *param = field->params->pdata[i - 1];

		if (param->section < 0 && !param->extended &&
		    strcasecmp(param->name, name) == 0)
			add_reading(readings, decode_plain(param, name));
	}
}
