#include "lib/inspect/inspector.h"

#include <string.h>

/* A file as rules see it, and what is known of it. */
struct row {
	const struct ph_walked *walked; /* NULL: nothing */
	const struct ph_inspected *part;
	struct ph_inspect_property *properties; /* NULL: not asked for yet */
};

struct sandboxed {
	struct ph_inspector *inspector;
	struct ph_content *content;
	bool asked;
	struct ph_inspected *results; /* NULL: not asked, or another's */
	uint32_t n;
	GArray *files; /* struct ph_inspect_file, for callers */
	GArray *rows;  /* struct row, of the same positions */
};

/* ---- asking -------------------------------------------------------------- */

static void
add_row(struct sandboxed *self, const struct ph_inspect_file *file,
	const struct ph_walked *walked, const struct ph_inspected *part)
{
	const struct row row = {walked, part, NULL};

	g_array_append_vals(self->files, file, 1);
	g_array_append_val(self->rows, row);
}

/* The attachment first, then what is in it. */
static void
add_rows(struct sandboxed *self, const struct ph_part *part,
	 const struct ph_inspected *result)
{
	const struct ph_inspect_file file = {part->name, part->size,
					     part->other_names};
	guint n = result->files->len;
	bool done = result->state == PH_INSPECTED_DONE;

	add_row(self, &file, done ? result->files->pdata[n - 1] : NULL, result);
	for (guint i = 0; i < (done ? n - 1 : n); i++) {
		const struct ph_walked *walked = result->files->pdata[i];
		const struct ph_inspect_file inner = {walked->name,
						      walked->size, NULL};

		add_row(self, &inner, walked, result);
	}
}

static void
add_all(struct sandboxed *self, const struct ph_inspected *results)
{
	size_t n;
	const struct ph_part *parts = ph_content_parts(self->content, &n);
	uint32_t at = 0;

	for (size_t i = 0; i < n; i++)
		if (parts[i].attachment)
			add_rows(self, &parts[i], &results[at++]);
	self->asked = true;
}

static void
ask(struct sandboxed *self)
{
	if (self->asked)
		return;
	self->results =
	    ph_inspector_run_content(self->inspector, self->content, &self->n);
	add_all(self, self->results);
}

static struct row *
row_at(struct sandboxed *self, size_t file)
{
	g_assert(file < self->rows->len);
	return &g_array_index(self->rows, struct row, file);
}

static int
cannot_say(const struct row *row, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP,
			  "an attachment could not be inspected: %s",
			  row->part->why);
}

/* ---- answering ----------------------------------------------------------- */

static int
sandboxed_files(void *data, const struct ph_inspect_file **files_r, size_t *n_r,
		struct ph_err *err)
{
	struct sandboxed *self = data;

	(void)err;
	ask(self);
	*files_r =
	    (const struct ph_inspect_file *)(const void *)self->files->data;
	*n_r = self->files->len;
	return 0;
}

static int
sandboxed_text(void *data, size_t file, const char **text_r, size_t *size_r,
	       struct ph_err *err)
{
	const struct row *row = row_at(data, file);

	if (row->walked == NULL)
		return cannot_say(row, err);
	*text_r = row->walked->text != NULL ? row->walked->text : "";
	*size_r = row->walked->text_size;
	return 0;
}

static int
sandboxed_flag(void *data, size_t file, enum ph_inspect_flag flag, bool *yes_r,
	       struct ph_err *err)
{
	static const uint32_t flags[PH_INSPECT_FLAGS] = {
	    [PH_INSPECT_UNSUPPORTED] = PH_WALKED_UNSUPPORTED,
	    [PH_INSPECT_EXECUTABLE] = PH_WALKED_EXECUTABLE,
	    [PH_INSPECT_PROTECTED] = PH_WALKED_PROTECTED,
	    [PH_INSPECT_LIMIT] = PH_WALKED_LIMIT,
	};
	struct sandboxed *self = data;
	const struct row *row = row_at(self, file);

	if (flag == PH_INSPECT_LIMIT &&
	    (row->part->state == PH_INSPECTED_LOST ||
	     ph_content_truncated(self->content))) {
		*yes_r = true;
		return 0;
	}
	if (row->walked == NULL)
		return cannot_say(row, err);
	*yes_r = (row->walked->flags & flags[flag]) != 0;
	return 0;
}

static int
sandboxed_properties(void *data, size_t file,
		     const struct ph_inspect_property **properties_r,
		     size_t *n_r, struct ph_err *err)
{
	struct row *row = row_at(data, file);
	const GArray *properties;

	if (row->walked == NULL)
		return cannot_say(row, err);
	properties = row->walked->properties;
	if (row->properties == NULL) {
		row->properties =
		    g_new0(struct ph_inspect_property, properties->len + 1);
		for (guint i = 0; i < properties->len; i++) {
			const struct ph_walked_property *p = &g_array_index(
			    properties, struct ph_walked_property, i);

			row->properties[i].name = p->name;
			row->properties[i].value = p->value;
		}
	}
	*properties_r = row->properties;
	*n_r = properties->len;
	return 0;
}

static void
clear_row(void *data)
{
	struct row *row = data;

	g_free(row->properties);
}

static void
sandboxed_free(void *data)
{
	struct sandboxed *self = data;

	g_array_unref(self->files);
	g_array_unref(self->rows);
	if (self->results != NULL)
		ph_inspected_free(self->results, self->n);
	g_free(self);
}

static const struct ph_inspect_ops sandboxed_ops = {
    .name = "sandboxed",
    .files = sandboxed_files,
    .text = sandboxed_text,
    .flag = sandboxed_flag,
    .properties = sandboxed_properties,
    .free = sandboxed_free,
};

static struct sandboxed *
sandboxed_new(struct ph_content *content)
{
	struct sandboxed *self = g_new0(struct sandboxed, 1);

	self->content = content;
	self->files = g_array_new(FALSE, FALSE, sizeof(struct ph_inspect_file));
	self->rows = g_array_new(FALSE, FALSE, sizeof(struct row));
	g_array_set_clear_func(self->rows, clear_row);
	return self;
}

struct ph_inspection *
ph_inspect_sandboxed(struct ph_inspector *inspector, struct ph_content *content)
{
	struct sandboxed *self = sandboxed_new(content);

	self->inspector = inspector;
	return ph_inspect_new(&sandboxed_ops, self);
}

struct ph_inspection *
ph_inspect_answered(const struct ph_inspected *results,
		    struct ph_content *content)
{
	struct sandboxed *self = sandboxed_new(content);

	add_all(self, results);
	return ph_inspect_new(&sandboxed_ops, self);
}
