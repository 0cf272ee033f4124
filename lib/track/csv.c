#include "lib/track/record.h"

#include <string.h>

/* One record is one line, whatever a sender put into a subject. */
static char
one_line(char c)
{
	return c == '\r' || c == '\n' ? ' ' : c;
}

static void
format_field(GString *line, const char *value)
{
	bool quoted = strpbrk(value, ",\"") != NULL;

	if (quoted)
		g_string_append_c(line, '"');
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '"')
			g_string_append_c(line, '"');
		g_string_append_c(line, one_line(*p));
	}
	if (quoted)
		g_string_append_c(line, '"');
}

char *
ph_track_format(const struct ph_track_record *record)
{
	GString *line = g_string_sized_new(512);

	for (size_t i = 0; i < PH_COLUMNS; i++) {
		if (i > 0)
			g_string_append_c(line, ',');
		if (record->value[i])
			format_field(line, record->value[i]);
	}
	/* The file is UTF-8; a subject or a remote reply need not be. */
	if (!g_utf8_validate(line->str, (gssize)line->len, NULL)) {
		char *valid = g_utf8_make_valid(line->str, (gssize)line->len);

		g_string_free(line, TRUE);
		return valid;
	}
	return g_string_free(line, FALSE);
}

/*
 * One field from *p, which is left on the comma or the end. 0, or -1: a quote
 * inside an unquoted field, text after the closing quote, or no closing quote.
 */
static int
parse_field(const char **p, GString *field)
{
	const char *s = *p;

	g_string_truncate(field, 0);
	if (*s != '"') {
		size_t n = strcspn(s, ",\"");

		g_string_append_len(field, s, (gssize)n);
		*p = s + n;
		return s[n] == '"' ? -1 : 0;
	}
	for (s++;; s++) {
		size_t n = strcspn(s, "\"");

		g_string_append_len(field, s, (gssize)n);
		s += n;
		if (*s == '\0')
			return -1;
		if (*++s != '"')
			break;
		g_string_append_c(field, '"');
	}
	*p = s;
	return *s == ',' || *s == '\0' ? 0 : -1;
}

int
ph_track_parse(const char *line, struct ph_track_record *record_r,
	       struct ph_err *err)
{
	g_autoptr(GString) field = g_string_new(NULL);
	struct ph_track_record record = {{NULL}};
	const char *p = line;

	for (size_t i = 0;; i++) {
		if (i >= PH_COLUMNS) {
			ph_track_clear(&record);
			return ph_err_set(err, PH_ERR_PERM,
					  "more than %d columns", PH_COLUMNS);
		}
		if (parse_field(&p, field) < 0) {
			ph_track_clear(&record);
			return ph_err_set(err, PH_ERR_PERM,
					  "column %zu (%s): misplaced quote",
					  i + 1, ph_track_columns[i].name);
		}
		ph_track_set(&record, (enum ph_column)i, field->str);
		if (*p == '\0')
			break;
		p++;
	}
	*record_r = record;
	return 0;
}
