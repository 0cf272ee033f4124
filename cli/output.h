#ifndef PH_CLI_OUTPUT_H
#define PH_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Answers: a table for people, JSON for programs. On a terminal libsmartcols
 * fits it to the width; elsewhere columns are separated by two or more blanks
 * and nothing is cut, an empty value is "-".
 */
struct ph_table;

/* names: NULL-terminated, borrowed. */
struct ph_table *ph_table_new(const char *const *names);
void ph_table_free(struct ph_table **table);

/* One row, a value a column, copied; NULL is empty. */
void ph_table_add(struct ph_table *table, const char *const *values);
size_t ph_table_rows(const struct ph_table *table);

/* As text without a terminal; g_free. */
char *ph_table_text(const struct ph_table *table);

/* An array of objects, the columns' names as keys. The caller's. */
json_t *ph_table_json(const struct ph_table *table);

/* To standard output, as it is. */
void ph_table_print(const struct ph_table *table);

/* To standard output; takes the reference. */
void ph_json_print(json_t *json);

/*
 * The same page by page, for what may be long: prints the rows so far and
 * forgets them; last: no more will come. A column is as wide as in the pages
 * before, at least. A terminal gets its own form when there is one page alone.
 */
void ph_table_page(struct ph_table *table, bool last);

/* One or the other. */
void ph_table_show(const struct ph_table *table, bool json);

/* A string whatever its bytes are: JSON is UTF-8. */
json_t *ph_json_text(const char *text);

/* The same as a member of an object; NULL: none. */
void ph_json_set(json_t *object, const char *name, const char *text);

/* One line, valid UTF-8, nothing that a terminal would obey; NULL is empty;
 * g_free. */
char *ph_text_clean(const char *text);

/* Shortened to so many characters, the last of them "…"; g_free. */
char *ph_shorten(const char *text, size_t limit);

#endif
