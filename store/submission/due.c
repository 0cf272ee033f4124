#include "store/submission/due.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	int hours;
} zones[] = {
    {"GMT", 0},	 {"UT", 0},   {"UTC", 0},  {"Z", 0},
    {"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
    {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7},
};

/* Seconds east of UTC. Section 4.3: an unknown name stands for -0000. */
static bool
parse_zone(const char *text, int *seconds_r)
{
	int n = 0;

	*seconds_r = 0;
	if (*text == '+' || *text == '-') {
		for (int i = 1; i <= 4; i++) {
			if (!g_ascii_isdigit(text[i]))
				return false;
			n = n * 10 + g_ascii_digit_value(text[i]);
		}
		*seconds_r =
		    (n / 100 * 3600 + n % 100 * 60) * (*text == '-' ? -1 : 1);
		return n % 100 < 60 && !g_ascii_isdigit(text[5]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(zones); i++)
		if (strcasecmp(text, zones[i].name) == 0)
			*seconds_r = zones[i].hours * 3600;
	return *text == '\0' || g_ascii_isalpha(*text);
}

static int
parse_month(const char *text)
{
	static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (size_t i = 0; i < 12; i++)
		if (strncasecmp(text, months + 3 * i, 3) == 0)
			return (int)i + 1;
	return 0;
}

static int
no_date(const char *text, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_PERM, "\"%.60s\" is no date", text);
}

int
ph_due_parse(const char *text, int64_t *ms_r, struct ph_err *err)
{
	const char *comma = strchr(text, ',');
	g_autofree char *zone = NULL;
	g_autoptr(GDateTime) date = NULL;
	int day, year, hour, minute, second = 0, used = 0, offset;
	char month[4];

	if (sscanf(comma == NULL ? text : comma + 1,
		   " %2d %3[A-Za-z] %4d %2d:%2d%n", &day, month, &year, &hour,
		   &minute, &used) != 5)
		return no_date(text, err);
	comma = (comma == NULL ? text : comma + 1) + used;
	if (*comma == ':') {
		if (sscanf(comma, ":%2d%n", &second, &used) != 1)
			return no_date(text, err);
		comma += used;
	}
	zone = g_strstrip(g_strndup(comma, strcspn(comma, "(")));
	if (!parse_zone(zone, &offset))
		return no_date(text, err);
	/* Years of two digits: section 4.3. */
	if (year < 100)
		year += year < 50 ? 2000 : 1900;
	date = g_date_time_new_utc(year, parse_month(month), day, hour, minute,
				   MIN(second, 59));
	if (date == NULL)
		return no_date(text, err);
	*ms_r = (g_date_time_to_unix(date) - offset) * 1000;
	return 0;
}

int
ph_due_find(struct ph_headers *headers, int64_t *ms_r, struct ph_err *err)
{
	const char *text = ph_headers_text(headers, "Deferred-Delivery", 0);
	struct ph_err why = PH_ERR_INIT;

	*ms_r = 0;
	if (text == NULL || ph_due_parse(text, ms_r, &why) == 0)
		return 1;
	ph_err_set(err, PH_ERR_PERM, "its Deferred-Delivery: %s", why.text);
	return 0;
}
