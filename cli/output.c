#include "cli/output.h"

#include <glib.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ph_table {
	const char *const *names;
	size_t n;
	GPtrArray *rows; /* char ** of n values, NULL-terminated */
	size_t *widths;	 /* of the pages before */
	bool begun;	 /* there is one before */
};

struct ph_table *
ph_table_new(const char *const *names)
{
	struct ph_table *table = g_new0(struct ph_table, 1);

	table->names = names;
	table->n = g_strv_length((char **)names);
	table->widths = g_new0(size_t, table->n + 1);
	table->rows =
	    g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	return table;
}

void
ph_table_free(struct ph_table **table)
{
	if (!*table)
		return;
	g_ptr_array_unref((*table)->rows);
	g_free((*table)->widths);
	g_free(*table);
	*table = NULL;
}

char *
ph_text_clean(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
	GString *out = g_string_new(NULL);

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		bool blank = c == '\n' || c == '\t' || c == '\r';

		if (blank || g_unichar_iscntrl(c))
			g_string_append_c(out, blank ? ' ' : '?');
		else
			g_string_append_unichar(out, c);
	}
	return g_strstrip(g_string_free(out, FALSE));
}

void
ph_table_add(struct ph_table *table, const char *const *values)
{
	char **row = g_new0(char *, table->n + 1);

	for (size_t i = 0; i < table->n; i++)
		row[i] = ph_text_clean(values[i]);
	g_ptr_array_add(table->rows, row);
}

size_t
ph_table_rows(const struct ph_table *table)
{
	return table->rows->len;
}

/* ---- without a terminal ------------------------------------------------- */

static void
append_row(GString *out, const char *const *row, const size_t *widths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = *row[i] ? row[i] : "-";
		size_t width = (size_t)g_utf8_strlen(value, -1);

		g_string_append(out, value);
		if (i + 1 < n)
			g_string_append_printf(
			    out, "%*s", (int)(widths[i] + 2 - width), "");
	}
	g_string_append_c(out, '\n');
}

static void
measure(const struct ph_table *table, size_t *widths)
{
	for (size_t i = 0; i < table->n; i++) {
		widths[i] = MAX(table->widths[i], strlen(table->names[i]));
		for (guint k = 0; k < table->rows->len; k++) {
			char **row = g_ptr_array_index(table->rows, k);
			size_t width = (size_t)g_utf8_strlen(row[i], -1);

			widths[i] = MAX(widths[i], width);
		}
	}
}

static char *
format(const struct ph_table *table, bool header, const size_t *widths)
{
	GString *out = g_string_new(NULL);

	if (header)
		append_row(out, table->names, widths, table->n);
	for (guint k = 0; k < table->rows->len; k++)
		append_row(out, g_ptr_array_index(table->rows, k), widths,
			   table->n);
	return g_string_free(out, FALSE);
}

char *
ph_table_text(const struct ph_table *table)
{
	g_autofree size_t *widths = g_new0(size_t, table->n + 1);

	measure(table, widths);
	return format(table, true, widths);
}

/* ---- on a terminal ------------------------------------------------------ */

static bool
with_colour(void)
{
	const char *term = getenv("TERM");
	const char *no = getenv("NO_COLOR");

	return !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* Only the last column gives way when the terminal is narrow: a table whose
 * every column is cut says nothing. */
static void
add_columns(struct libscols_table *scols, const struct ph_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		int flags = i + 1 == table->n ? SCOLS_FL_WRAP : 0;
		struct libscols_column *column =
		    scols_table_new_column(scols, table->names[i], 0.05, flags);

		if (column && with_colour())
			scols_cell_set_color(scols_column_get_header(column),
					     "\033[1m");
	}
}

static bool
print_terminal(const struct ph_table *table)
{
	struct libscols_table *scols = scols_new_table();

	if (!scols)
		return false;
	scols_table_set_stream(scols, stdout);
	scols_table_enable_colors(scols, with_colour());
	add_columns(scols, table);
	for (guint k = 0; k < table->rows->len; k++) {
		char **row = g_ptr_array_index(table->rows, k);
		struct libscols_line *line = scols_table_new_line(scols, NULL);

		for (size_t i = 0; line && i < table->n; i++)
			scols_line_set_data(line, i, row[i]);
	}
	scols_print_table(scols);
	scols_unref_table(scols);
	return true;
}

void
ph_table_print(const struct ph_table *table)
{
	g_autofree char *text = NULL;

	if (isatty(STDOUT_FILENO) && print_terminal(table))
		return;
	text = ph_table_text(table);
	fputs(text, stdout);
}

void
ph_table_page(struct ph_table *table, bool last)
{
	g_autofree char *text = NULL;

	if (last && !table->begun) {
		ph_table_print(table);
		return;
	}
	measure(table, table->widths);
	text = format(table, !table->begun, table->widths);
	fputs(text, stdout);
	table->begun = true;
	g_ptr_array_set_size(table->rows, 0);
}

/* ---- JSON --------------------------------------------------------------- */

json_t *
ph_json_text(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);

	return json_string(valid);
}

void
ph_json_set(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, ph_json_text(text));
}

json_t *
ph_table_json(const struct ph_table *table)
{
	json_t *array = json_array();

	for (guint k = 0; k < table->rows->len; k++) {
		char **row = g_ptr_array_index(table->rows, k);
		json_t *object = json_object();

		for (size_t i = 0; i < table->n; i++)
			json_object_set_new(object, table->names[i],
					    ph_json_text(row[i]));
		json_array_append_new(array, object);
	}
	return array;
}

void
ph_json_print(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

void
ph_table_show(const struct ph_table *table, bool json)
{
	if (json)
		ph_json_print(ph_table_json(table));
	else
		ph_table_print(table);
}

char *
ph_shorten(const char *text, size_t limit)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	if ((size_t)g_utf8_strlen(valid, -1) <= limit)
		return g_steal_pointer(&valid);
	*g_utf8_offset_to_pointer(valid, (glong)limit - 1) = '\0';
	return g_strconcat(valid, "…", NULL);
}
