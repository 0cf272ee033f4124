#include "lib/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char blanks[] = " \t\r\n";

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, blanks);
}

int
ph_parse_bool(const char *text, bool *value_r, struct ph_err *err)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"true", true},	{"false", false}, {"$true", true},
		     {"$false", false}, {"1", true},	  {"0", false},
		     {"yes", true},	{"no", false}};
	g_autofree char *word = g_strstrip(g_strdup(text));

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_ascii_strcasecmp(word, words[i].word) == 0) {
			*value_r = words[i].value;
			return 0;
		}
	return ph_err_set(err, PH_ERR_PERM,
			  "\"%.60s\" is not a yes or no; expected true, "
			  "false, $true, $false, yes, no, 1 or 0",
			  text);
}

int
ph_parse_int(const char *text, int64_t *value_r, struct ph_err *err)
{
	const char *start = skip_blanks(text);
	char *end;

	errno = 0;
	*value_r = g_ascii_strtoll(start, &end, 10);
	if (end == start || *skip_blanks(end) != '\0' || errno == ERANGE)
		return ph_err_set(err, PH_ERR_PERM,
				  "\"%.60s\" is not a whole number", text);
	return 0;
}

struct unit {
	const char *name;
	int64_t factor;
};

/* value * unit, refusing what does not fit. The text after the number names
 * the unit, "" included. */
static int
apply_unit(double value, const char *name, const struct unit *units, size_t n,
	   int64_t *value_r)
{
	g_autofree char *word = g_strstrip(g_strdup(name));

	for (size_t i = 0; i < n; i++) {
		double scaled = value * (double)units[i].factor;

		if (g_ascii_strcasecmp(word, units[i].name) != 0)
			continue;
		if (!(scaled >= 0) || scaled >= 9.2e18)
			return -1;
		*value_r = (int64_t)llround(scaled);
		return 0;
	}
	return -1;
}

int
ph_parse_size(const char *text, int64_t *bytes_r, struct ph_err *err)
{
	static const struct unit units[] = {
	    {"", 1},
	    {"B", 1},
	    {"KB", INT64_C(1) << 10},
	    {"MB", INT64_C(1) << 20},
	    {"GB", INT64_C(1) << 30},
	    {"TB", INT64_C(1) << 40},
	};
	const char *start = skip_blanks(text);
	char *end;
	double value;

	if (g_ascii_strncasecmp(start, "unlimited", 9) == 0 &&
	    *skip_blanks(start + 9) == '\0') {
		*bytes_r = INT64_MAX;
		return 0;
	}
	value = g_ascii_strtod(start, &end);
	if (end == start || !g_ascii_isdigit(*start) ||
	    apply_unit(value, end, units, G_N_ELEMENTS(units), bytes_r) < 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "\"%.60s\" is not a size; expected a number "
				  "with B, KB, MB, GB or TB, or unlimited",
				  text);
	return 0;
}

/* Exchange's EnhancedTimeSpan: [d.]hh:mm:ss */
static int
parse_clock_span(const char *text, int64_t *ms_r)
{
	int days = 0, hours, minutes, seconds, used = 0;

	if (sscanf(text, "%8d.%2d:%2d:%2d%n", &days, &hours, &minutes, &seconds,
		   &used) != 4) {
		days = 0;
		used = 0;
		if (sscanf(text, "%2d:%2d:%2d%n", &hours, &minutes, &seconds,
			   &used) != 3)
			return -1;
	}
	if (*skip_blanks(text + used) != '\0' || days < 0 || hours < 0 ||
	    hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 ||
	    seconds > 59)
		return -1;
	*ms_r = ((((int64_t)days * 24 + hours) * 60 + minutes) * 60 + seconds) *
		1000;
	return 0;
}

int
ph_parse_span(const char *text, int64_t *ms_r, struct ph_err *err)
{
	static const struct unit units[] = {
	    {"", 1000},	    {"ms", 1},	    {"s", 1000},     {"m", 60000},
	    {"min", 60000}, {"h", 3600000}, {"d", 86400000},
	};
	const char *start = skip_blanks(text);
	char *end;
	double value;

	if (strchr(start, ':') != NULL) {
		if (parse_clock_span(start, ms_r) == 0)
			return 0;
	} else if (g_ascii_isdigit(*start)) {
		value = g_ascii_strtod(start, &end);
		if (apply_unit(value, end, units, G_N_ELEMENTS(units), ms_r) ==
		    0)
			return 0;
	}
	return ph_err_set(err, PH_ERR_PERM,
			  "\"%.60s\" is not a time span; expected a number "
			  "with ms, s, m, h or d, or [d.]hh:mm:ss",
			  text);
}

int
ph_parse_date(const char *text, int64_t *ms_r, struct ph_err *err)
{
	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
	g_autoptr(GDateTime) date = NULL;
	g_autofree char *word = g_strstrip(g_strdup(text));

	if (strchr(word, 'T') == NULL && strlen(word) == 10) {
		g_autofree char *full = g_strconcat(word, "T00:00:00", NULL);

		date = g_date_time_new_from_iso8601(full, utc);
	} else if (strlen(word) == 16) {
		g_autofree char *full = g_strconcat(word, ":00", NULL);

		date = g_date_time_new_from_iso8601(full, utc);
	} else {
		date = g_date_time_new_from_iso8601(word, utc);
	}
	if (date == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "\"%.60s\" is not a date; expected "
				  "2026-11-21 or 2026-11-21T10:00:00Z",
				  text);
	*ms_r = g_date_time_to_unix(date) * 1000 +
		g_date_time_get_microsecond(date) / 1000;
	return 0;
}

char *
ph_format_number(uint64_t number, char *buffer)
{
	char digits[PH_NUMBER_TEXT];
	size_t n = 0, i = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (n > 0)
		buffer[i++] = digits[--n];
	buffer[i] = '\0';
	return buffer;
}

void
ph_format_date(int64_t ms, char *buffer, size_t size)
{
	g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(ms / 1000);
	g_autofree char *text = NULL;

	text = date != NULL ? g_date_time_format(date, "%Y-%m-%dT%H:%M:%S")
			    : g_strdup("0000-00-00T00:00:00");
	snprintf(buffer, size, "%s.%03dZ", text, (int)(ms % 1000));
}

/* strftime would speak the language of the locale. */
void
ph_format_mail_date(int64_t ms, char *buffer, size_t size)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed",
					   "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr",
					     "May", "Jun", "Jul", "Aug",
					     "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	snprintf(buffer, size, "%s, %d %s %d %02d:%02d:%02d +0000",
		 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
		 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

char *
ph_fold(const char *text)
{
	const char *p;

	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			break;
	if (*p == '\0' || !g_utf8_validate(text, -1, NULL))
		return g_ascii_strdown(text, -1);
	return g_utf8_casefold(text, -1);
}

bool
ph_fold_same(const char *a, const char *b)
{
	g_autofree char *x = ph_fold(a);
	g_autofree char *y = ph_fold(b);

	return strcmp(x, y) == 0;
}

/* GLib's table for "C" has Latin letters and signs, the one for "uk" Cyrillic.
 */
char *
ph_to_ascii(const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		g_autofree char *one =
		    g_strndup(p, (gsize)(g_utf8_next_char(p) - p));
		g_autofree char *latin = g_str_to_ascii(one, "C");
		g_autofree char *cyrillic = g_str_to_ascii(one, "uk");

		g_string_append(out, latin[0] == '?' ? cyrillic : latin);
	}
	return g_string_free(out, FALSE);
}

int
ph_hex_byte(const char *digits)
{
	int high = g_ascii_xdigit_value(digits[0]);
	int low = high < 0 ? -1 : g_ascii_xdigit_value(digits[1]);

	return low < 0 ? -1 : high * 16 + low;
}

char *
ph_decode_xtext(const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (; *text != '\0'; text++) {
		int c = (unsigned char)*text;

		if (*text == '+') {
			c = ph_hex_byte(text + 1);
			if (c < 0)
				return NULL;
			text += 2;
		}
		if (c < 32 || c == 127)
			return NULL;
		g_string_append_c(out, (char)c);
	}
	if (!g_utf8_validate(out->str, (gssize)out->len, NULL))
		return NULL;
	return g_string_free(g_steal_pointer(&out), FALSE);
}
