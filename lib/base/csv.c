#include "lib/base/csv.h"

#include <string.h>

enum state {
	FIELD,	/* before the first character of a field */
	PLAIN,	/* in one without quotes */
	QUOTED, /* in one with */
	QUOTE,	/* behind a quote in it: the last, or the first of two */
	LOST,	/* the row is bad: to the end of the line */
};

struct ph_csv {
	GString *input;
	size_t at; /* in input */
	bool begun, ended;
	size_t line; /* of at, from 1 */

	enum state state;
	size_t row_line;
	size_t size; /* of the row so far */
	GString *field;
	GPtrArray *fields;
	const char *wrong; /* with the row; static; NULL: nothing */
	bool told;	   /* the row was; the next call begins another */
};

struct ph_csv *
ph_csv_new(void)
{
	struct ph_csv *csv = g_new0(struct ph_csv, 1);

	csv->input = g_string_new(NULL);
	csv->field = g_string_new(NULL);
	csv->fields = g_ptr_array_new_with_free_func(g_free);
	csv->line = csv->row_line = 1;
	return csv;
}

void
ph_csv_free(struct ph_csv **csv)
{
	if (*csv == NULL)
		return;
	g_string_free((*csv)->input, TRUE);
	g_string_free((*csv)->field, TRUE);
	g_ptr_array_unref((*csv)->fields);
	g_free(*csv);
	*csv = NULL;
}

void
ph_csv_feed(struct ph_csv *csv, const void *data, size_t size)
{
	g_string_erase(csv->input, 0, (gssize)csv->at);
	csv->at = 0;
	g_string_append_len(csv->input, data, (gssize)size);
}

void
ph_csv_end(struct ph_csv *csv)
{
	csv->ended = true;
}

/* ---- one character ------------------------------------------------------ */

static void
set_wrong(struct ph_csv *csv, const char *what)
{
	if (csv->wrong == NULL)
		csv->wrong = what;
}

static void
end_field(struct ph_csv *csv)
{
	const GString *field = csv->field;

	if (memchr(field->str, '\0', field->len) != NULL)
		set_wrong(csv, "holds a NUL byte");
	else if (!g_utf8_validate(field->str, (gssize)field->len, NULL))
		set_wrong(csv, "is not UTF-8");
	g_ptr_array_add(csv->fields, g_strndup(field->str, field->len));
	g_string_truncate(csv->field, 0);
	csv->state = FIELD;
}

/* Only what is over the limit is not kept. */
static void
append(struct ph_csv *csv, char c)
{
	if (++csv->size > PH_CSV_ROW_LIMIT)
		set_wrong(csv, "is longer than 32 MB");
	else
		g_string_append_c(csv->field, c);
}

static void
take_plain(struct ph_csv *csv, char c)
{
	if (c == ',') {
		end_field(csv);
	} else if (c == '"' && csv->state == FIELD) {
		csv->state = QUOTED;
	} else {
		append(csv, c);
		csv->state = PLAIN;
	}
}

static void
take(struct ph_csv *csv, char c)
{
	switch (csv->state) {
	case FIELD:
	case PLAIN:
		take_plain(csv, c);
		return;
	case QUOTED:
		if (c == '"')
			csv->state = QUOTE;
		else
			append(csv, c);
		return;
	case QUOTE:
		if (c == '"') {
			append(csv, c);
			csv->state = QUOTED;
		} else if (c == ',') {
			end_field(csv);
		} else if (c != '\r') {
			set_wrong(csv, "has something between the closing "
				       "quote and the comma");
			csv->state = LOST;
		}
		return;
	case LOST:
		return;
	}
	g_assert_not_reached();
}

/* ---- rows --------------------------------------------------------------- */

static bool
is_empty(const struct ph_csv *csv)
{
	return csv->wrong == NULL && csv->fields->len == 0 &&
	       csv->state == FIELD && csv->field->len == 0;
}

static void
begin_row(struct ph_csv *csv)
{
	g_ptr_array_set_size(csv->fields, 0);
	g_string_truncate(csv->field, 0);
	csv->wrong = NULL;
	csv->told = false;
	csv->state = FIELD;
	csv->size = 0;
	csv->row_line = csv->line;
}

/* A CR that belongs to the end of the line. */
static void
drop_cr(struct ph_csv *csv)
{
	GString *field = csv->field;

	if (csv->state == PLAIN && field->len > 0 &&
	    field->str[field->len - 1] == '\r')
		g_string_truncate(field, field->len - 1);
	if (csv->state == PLAIN && field->len == 0 && csv->fields->len == 0)
		csv->state = FIELD;
}

/* true: the line's end is the row's. */
static bool
ends_row(struct ph_csv *csv)
{
	if (csv->state == QUOTED)
		return false;
	drop_cr(csv);
	return true;
}

static void
skip_mark(struct ph_csv *csv)
{
	static const char mark[] = "\xef\xbb\xbf";

	if (!csv->begun && strncmp(csv->input->str, mark, 3) == 0)
		csv->at = 3;
	csv->begun = true;
}

static int
finish(struct ph_csv *csv, const GPtrArray **fields_r, size_t *line_r,
       struct ph_err *err)
{
	if (csv->state == QUOTED)
		set_wrong(csv, "has quotes that are not closed");
	if (csv->wrong == NULL)
		end_field(csv);
	*line_r = csv->row_line;
	*fields_r = csv->fields;
	csv->told = true;
	return csv->wrong == NULL
		   ? 1
		   : ph_err_set(err, PH_ERR_PERM,
				"the row %s; expected RFC 4180", csv->wrong);
}

int
ph_csv_next(struct ph_csv *csv, const GPtrArray **fields_r, size_t *line_r,
	    struct ph_err *err)
{
	if (!csv->begun && csv->input->len < 3 && !csv->ended)
		return 0;
	skip_mark(csv);
	if (csv->told)
		begin_row(csv);
	while (csv->at < csv->input->len) {
		const char c = csv->input->str[csv->at++];

		if (c != '\n') {
			take(csv, c);
			continue;
		}
		csv->line++;
		if (!ends_row(csv))
			append(csv, c);
		else if (is_empty(csv))
			begin_row(csv);
		else
			return finish(csv, fields_r, line_r, err);
	}
	if (!csv->ended || is_empty(csv))
		return 0;
	drop_cr(csv);
	return is_empty(csv) ? 0 : finish(csv, fields_r, line_r, err);
}
