#include "lib/message/inspect.h"

/* A file and its text, read when it is first asked for. */
struct plain_file {
	const struct ph_part *part;
	char *text;
	size_t size;
};

struct plain {
	struct ph_content *content;
	GArray *files; /* struct ph_inspect_file, for callers */
	GArray *own;   /* struct plain_file, the same rows */
};

static struct plain_file *
file_at(const struct plain *plain, size_t file)
{
	g_assert(file < plain->own->len);
	return &g_array_index(plain->own, struct plain_file, file);
}

static int
cannot_open(const struct plain_file *file, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_PERM,
			  "nothing here opens attachments of type %s",
			  file->part->type);
}

static int
plain_files(void *self, const struct ph_inspect_file **files_r, size_t *n_r,
	    struct ph_err *err)
{
	const struct plain *plain = self;

	(void)err;
	*files_r =
	    (const struct ph_inspect_file *)(const void *)plain->files->data;
	*n_r = plain->files->len;
	return 0;
}

static int
plain_text(void *self, size_t i, const char **text_r, size_t *size_r,
	   struct ph_err *err)
{
	struct plain_file *file = file_at(self, i);

	if (file->text == NULL && file->part->message)
		file->text = g_strdup("");
	if (file->text == NULL &&
	    ph_content_part_text(file->part, &file->text, &file->size) == 0)
		return cannot_open(file, err);
	*text_r = file->text;
	*size_r = file->size;
	return 0;
}

static bool
is_readable(const struct plain_file *file)
{
	return file->part->message || ph_content_part_is_text(file->part);
}

static int
plain_flag(void *self, size_t i, enum ph_inspect_flag flag, bool *yes_r,
	   struct ph_err *err)
{
	const struct plain *plain = self;
	const struct plain_file *file = file_at(plain, i);

	switch (flag) {
	case PH_INSPECT_UNSUPPORTED:
	case PH_INSPECT_EXECUTABLE:
	case PH_INSPECT_PROTECTED:
		if (!is_readable(file))
			return cannot_open(file, err);
		*yes_r = false;
		return 0;
	case PH_INSPECT_LIMIT:
		*yes_r = ph_content_truncated(plain->content) ||
			 (ph_content_part_is_text(file->part) &&
			  file->part->size > PH_CONTENT_TEXT);
		return 0;
	case PH_INSPECT_FLAGS:
		break;
	}
	g_assert_not_reached();
}

static int
plain_properties(void *self, size_t i,
		 const struct ph_inspect_property **properties_r, size_t *n_r,
		 struct ph_err *err)
{
	const struct plain_file *file = file_at(self, i);

	if (!is_readable(file))
		return cannot_open(file, err);
	*properties_r = NULL;
	*n_r = 0;
	return 0;
}

static void
plain_free(void *self)
{
	struct plain *plain = self;

	g_array_unref(plain->files);
	g_array_unref(plain->own);
	g_free(plain);
}

static const struct ph_inspect_ops plain_ops = {
    .name = "plain",
    .files = plain_files,
    .text = plain_text,
    .flag = plain_flag,
    .properties = plain_properties,
    .free = plain_free,
};

static void
clear_file(void *data)
{
	struct plain_file *file = data;

	g_free(file->text);
}

struct ph_inspection *
ph_inspect_plain(struct ph_content *content)
{
	struct plain *plain = g_new0(struct plain, 1);
	const struct ph_part *parts;
	size_t n;

	plain->content = content;
	plain->files =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_inspect_file));
	plain->own = g_array_new(FALSE, FALSE, sizeof(struct plain_file));
	g_array_set_clear_func(plain->own, clear_file);
	parts = ph_content_parts(content, &n);
	for (size_t i = 0; i < n; i++) {
		struct ph_inspect_file file = {parts[i].name, parts[i].size,
					       parts[i].other_names};
		struct plain_file own = {.part = &parts[i]};

		if (!parts[i].attachment)
			continue;
		g_array_append_val(plain->files, file);
		g_array_append_val(plain->own, own);
	}
	return ph_inspect_new(&plain_ops, plain);
}
