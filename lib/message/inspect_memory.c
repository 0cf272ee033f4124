#include "lib/message/inspect.h"

#include <string.h>

struct memory {
	struct ph_inspect_file *files;
	struct ph_inspect_row *rows; /* names, texts, properties are copies */
	size_t n;
	struct ph_inspect_finding *findings;
	size_t n_findings;
};

static const struct ph_inspect_row *
row_at(const struct memory *memory, size_t file)
{
	g_assert(file < memory->n);
	return &memory->rows[file];
}

static int
memory_files(void *self, const struct ph_inspect_file **files_r, size_t *n_r,
	     struct ph_err *err)
{
	const struct memory *memory = self;

	(void)err;
	*files_r = memory->files;
	*n_r = memory->n;
	return 0;
}

static int
memory_text(void *self, size_t file, const char **text_r, size_t *size_r,
	    struct ph_err *err)
{
	const char *text = row_at(self, file)->text;

	(void)err;
	*text_r = text != NULL ? text : "";
	*size_r = strlen(*text_r);
	return 0;
}

static int
memory_flag(void *self, size_t file, enum ph_inspect_flag flag, bool *yes_r,
	    struct ph_err *err)
{
	(void)err;
	*yes_r = row_at(self, file)->flags[flag];
	return 0;
}

static size_t
count_properties(const struct ph_inspect_property *properties)
{
	size_t n = 0;

	while (properties != NULL && properties[n].name != NULL)
		n++;
	return n;
}

static int
memory_properties(void *self, size_t file,
		  const struct ph_inspect_property **properties_r, size_t *n_r,
		  struct ph_err *err)
{
	const struct ph_inspect_row *row = row_at(self, file);

	(void)err;
	*properties_r = row->properties;
	*n_r = count_properties(row->properties);
	return 0;
}

static int
memory_findings(void *self, const struct ph_inspect_finding **findings_r,
		size_t *n_r, struct ph_err *err)
{
	const struct memory *memory = self;

	(void)err;
	*findings_r = memory->findings;
	*n_r = memory->n_findings;
	return 0;
}

static struct ph_inspect_property *
copy_properties(const struct ph_inspect_property *properties)
{
	size_t n = count_properties(properties);
	struct ph_inspect_property *copy =
	    g_new0(struct ph_inspect_property, n + 1);

	for (size_t i = 0; i < n; i++) {
		copy[i].name = g_strdup(properties[i].name);
		copy[i].value = g_strdup(properties[i].value);
	}
	return copy;
}

static void
free_row(const struct ph_inspect_row *row)
{
	for (const struct ph_inspect_property *p = row->properties;
	     p->name != NULL; p++) {
		g_free((char *)p->name);
		g_free((char *)p->value);
	}
	g_free((struct ph_inspect_property *)row->properties);
	g_free((char *)row->name);
	g_free((char *)row->text);
}

static void
memory_free(void *self)
{
	struct memory *memory = self;

	for (size_t i = 0; i < memory->n; i++)
		free_row(&memory->rows[i]);
	for (size_t i = 0; i < memory->n_findings; i++) {
		g_free((char *)memory->findings[i].name);
		g_free((char *)memory->findings[i].id);
	}
	g_free(memory->files);
	g_free(memory->rows);
	g_free(memory->findings);
	g_free(memory);
}

static const struct ph_inspect_ops memory_ops = {
    "memory",	       memory_files,	memory_text, memory_flag,
    memory_properties, memory_findings, memory_free,
};

struct ph_inspection *
ph_inspect_memory(const struct ph_inspect_row *rows, size_t n,
		  const struct ph_inspect_finding *findings, size_t n_findings)
{
	struct memory *memory = g_new0(struct memory, 1);

	memory->files = g_new0(struct ph_inspect_file, n);
	memory->rows = g_new0(struct ph_inspect_row, n);
	memory->n = n;
	for (size_t i = 0; i < n; i++) {
		memory->rows[i] = rows[i];
		memory->rows[i].name = g_strdup(rows[i].name);
		memory->rows[i].text = g_strdup(rows[i].text);
		memory->rows[i].properties =
		    copy_properties(rows[i].properties);
		memory->files[i].name = memory->rows[i].name;
		memory->files[i].size = rows[i].size;
	}
	memory->findings = g_new0(struct ph_inspect_finding, n_findings);
	memory->n_findings = n_findings;
	for (size_t i = 0; i < n_findings; i++) {
		memory->findings[i] = findings[i];
		memory->findings[i].name = g_strdup(findings[i].name);
		memory->findings[i].id = g_strdup(findings[i].id);
	}
	return ph_inspect_new(&memory_ops, memory);
}
