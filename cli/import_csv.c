#include "cli/import.h"

#include "lib/base/csv.h"

#include <string.h>

/* A column that is the key's, and not a field. */
#define NAME "Name"

struct reader {
	struct ph_import *import;
	const struct ph_import_file *file;
	GPtrArray *columns; /* canonical; NULL: the header was not read yet */
	guint key;	    /* the column that names the recipient */
};

static int
refuse_header(const struct reader *reader, size_t line, const char *text)
{
	return ph_cli_fail(PH_EXIT_DATA, "%s:%zu: %s", reader->file->name, line,
			   text);
}

/* One column; 0, or an exit code, said why. */
static int
take_column(struct reader *reader, size_t line, const char *typed)
{
	const struct ph_kind *kind = reader->import->kind;
	const char *near = ph_kind_suggest(kind, typed);
	g_autofree char *name = NULL, *text = NULL;

	name = g_ascii_strcasecmp(typed, NAME) == 0
		   ? g_strdup(NAME)
		   : ph_field_name(kind, typed);
	if (!*typed || strpbrk(typed, " ;\t"))
		text = g_strdup_printf("\"%s\" is no field; expected a first "
				       "row with the names of fields, between "
				       "commas",
				       typed);
	for (guint i = 0; !text && i < reader->columns->len; i++)
		if (g_ascii_strcasecmp(reader->columns->pdata[i], name) == 0)
			text = g_strdup_printf("%s is there twice", name);
	if (text)
		return refuse_header(reader, line, text);
	if (near && !ph_kind_field(kind, typed, NULL) &&
	    strcmp(name, NAME) != 0)
		ph_cli_warn("%s: %s is kept as an attribute of the directory; "
			    "did you mean %s?",
			    reader->file->name, typed, near);
	g_ptr_array_add(reader->columns, g_steal_pointer(&name));
	return 0;
}

static bool
find_column(const struct reader *reader, const char *name, guint *index_r)
{
	for (guint i = 0; i < reader->columns->len; i++)
		if (strcmp(reader->columns->pdata[i], name) == 0) {
			*index_r = i;
			return true;
		}
	return false;
}

static int
take_header(struct reader *reader, size_t line, const GPtrArray *fields)
{
	int status = 0;

	reader->columns = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; status == 0 && i < fields->len; i++) {
		g_autofree char *typed = g_strstrip(g_strdup(fields->pdata[i]));

		status = take_column(reader, line, typed);
	}
	if (status == 0 && !find_column(reader, NAME, &reader->key) &&
	    !find_column(reader, "PrimarySmtpAddress", &reader->key))
		status = refuse_header(reader, line,
				       "nothing names the recipients; expected "
				       "a column Name or PrimarySmtpAddress");
	return status;
}

static int
reject(const struct reader *reader, size_t line, const char *name,
       const char *text)
{
	ph_import_note(reader->import, PH_IMPORT_REJECTED, reader->file, line,
		       name, text);
	return 0;
}

static int
take_row(const struct reader *reader, size_t line, const GPtrArray *fields)
{
	struct ph_import_record *record;
	g_autofree char *text = NULL;

	if (fields->len != reader->columns->len) {
		text = g_strdup_printf("has %u fields; expected %u, as the "
				       "first row has",
				       fields->len, reader->columns->len);
		return reject(reader, line, NULL, text);
	}
	if (!*(const char *)fields->pdata[reader->key]) {
		text = g_strdup_printf(
		    "%s is empty; expected an address",
		    (const char *)reader->columns->pdata[reader->key]);
		return reject(reader, line, NULL, text);
	}
	record = g_new0(struct ph_import_record, 1);
	record->name = g_strdup(fields->pdata[reader->key]);
	record->file = reader->file;
	record->line = line;
	record->pairs = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < fields->len; i++) {
		if (strcmp(reader->columns->pdata[i], NAME) == 0)
			continue;
		g_ptr_array_add(record->pairs,
				g_strdup(reader->columns->pdata[i]));
		g_ptr_array_add(record->pairs, g_strdup(fields->pdata[i]));
	}
	return ph_import_add(reader->import, record);
}

static int
take_rows(struct reader *reader, struct ph_csv *csv)
{
	const GPtrArray *fields;
	struct ph_err err = PH_ERR_INIT;
	size_t line;
	int status = 0, r;

	while (status == 0 && (r = ph_csv_next(csv, &fields, &line, &err))) {
		if (r < 0 && !reader->columns)
			status = refuse_header(reader, line, err.text);
		else if (r < 0)
			status = reject(reader, line, NULL, err.text);
		else if (!reader->columns)
			status = take_header(reader, line, fields);
		else
			status = take_row(reader, line, fields);
	}
	return status;
}

int
ph_import_csv(struct ph_import *import, const struct ph_import_file *file)
{
	struct reader reader = {import, file, NULL, 0};
	struct ph_csv *csv = ph_csv_new();
	char buffer[65536];
	int status = 0;
	ssize_t n;

	do {
		n = ph_import_feed(file, buffer, sizeof buffer, &status);
		if (n > 0)
			ph_csv_feed(csv, buffer, (size_t)n);
		else if (n == 0)
			ph_csv_end(csv);
		if (n >= 0)
			status = take_rows(&reader, csv);
	} while (n > 0 && status == 0);
	ph_csv_free(&csv);
	if (reader.columns)
		g_ptr_array_unref(reader.columns);
	return status;
}
