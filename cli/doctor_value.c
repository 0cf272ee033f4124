#include "cli/doctor.h"

#include <string.h>

/* What says how much and how long, and what posthub does without. */
static const char *const choices[] = {
    "*_limit",
    "*_timeout",
    "*_time",
    "*_lifetime",
    "*_delay",
    "compatibility_level",
    "append_dot_mydomain",
    "disable_vrfy_command",
    "fast_flush_domains",
    "notify_classes",
    "smtpd_helo_required",
    "syslog_name",
};

/* Those that nothing may follow: it would refuse what a server has taken. */
static const char *const ends[] = {"unix:posthub/frontend.sock"};

static bool
is_end(const char *element)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++)
		if (strcmp(ends[i], element) == 0)
			return true;
	return false;
}

static bool
is_choice(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(choices); i++)
		if (g_pattern_match_simple(choices[i], name))
			return true;
	return false;
}

static bool
is_separator(char c)
{
	return g_ascii_isspace(c) || c == ',';
}

/* The end of what begins at a brace, or in front of the next separator. */
static const char *
element_end(const char *p)
{
	int depth = 0;

	for (; *p != '\0'; p++) {
		if (depth == 0 && is_separator(*p))
			return p;
		depth += *p == '{';
		depth -= *p == '}' && depth > 0;
	}
	return p;
}

/* One element, blanks and commas in braces as one blank each, none beside a
 * brace. */
static char *
plain(const char *text, size_t size)
{
	GString *out = g_string_sized_new(size);
	bool gap = false;

	for (size_t i = 0; i < size; i++) {
		char last = out->len > 0 ? out->str[out->len - 1] : '{';

		if (is_separator(text[i])) {
			gap = true;
			continue;
		}
		if (gap && last != '{' && text[i] != '}' && text[i] != '{')
			g_string_append_c(out, ' ');
		gap = false;
		g_string_append_c(out, text[i]);
	}
	return g_string_free(out, FALSE);
}

static GPtrArray *
split(const char *value)
{
	GPtrArray *elements = g_ptr_array_new_with_free_func(g_free);

	while (*value != '\0') {
		const char *end = element_end(value);

		if (end > value)
			g_ptr_array_add(elements,
					plain(value, (size_t)(end - value)));
		value = *end != '\0' ? end + 1 : end;
	}
	return elements;
}

/* All of wanted is there, in its order. */
static bool
has_all(const GPtrArray *is, const GPtrArray *wanted)
{
	guint found = 0;

	for (guint i = 0; i < is->len && found < wanted->len; i++)
		found += strcmp(is->pdata[i], wanted->pdata[found]) == 0;
	return found == wanted->len;
}

/* Does something stand where nothing may? */
static bool
is_followed(const GPtrArray *is)
{
	for (guint i = 0; i + 1 < is->len; i++)
		if (is_end(is->pdata[i]))
			return true;
	return false;
}

static bool
agrees(const char *name, const char *is, const char *wanted)
{
	g_autoptr(GPtrArray) has = split(is), wants = split(wanted);
	bool more = strstr(wanted, "posthub/") != NULL ||
		    g_str_has_suffix(name, "_restrictions");

	if (!has_all(has, wants) || is_followed(has))
		return false;
	return (more && wants->len > 0) || has->len == wants->len;
}

enum ph_doctor_answer
ph_doctor_compare(const char *name, const char *is, const char *wanted)
{
	if (agrees(name, is != NULL ? is : "", wanted))
		return PH_DOCTOR_WELL;
	return is_choice(name) ? PH_DOCTOR_OTHER : PH_DOCTOR_WRONG;
}
