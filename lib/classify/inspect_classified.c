#include "lib/classify/classify.h"

#include <string.h>

struct classified {
	struct ph_inspection *inner;
	struct ph_content *content;
	struct ph_headers *headers;
	struct ph_classifier *classifier;
	GArray *findings; /* struct ph_inspect_finding; NULL: not asked yet */
	bool failed;
	struct ph_err err; /* of failed */
};

/* ---- the texts ----------------------------------------------------------- */

static void
clear_text(void *data)
{
	struct ph_classify_text *text = data;

	g_free((char *)text->name);
	g_free((char *)text->text);
}

static void
add_text(GArray *texts, char *name, char *own, size_t size, bool form)
{
	struct ph_classify_text text = {name, own, size, form};

	g_array_append_val(texts, text);
}

static char *
subject_of(struct ph_headers *headers)
{
	GString *subject = g_string_new(NULL);
	const char *text;

	for (size_t i = 0;
	     (text = ph_headers_text(headers, "Subject", i)) != NULL; i++) {
		g_string_append(subject, text);
		g_string_append_c(subject, '\n');
	}
	return g_string_free(subject, FALSE);
}

/* The subject and a body are one text, as in Exchange. */
static void
add_bodies(GArray *texts, struct ph_content *content,
	   struct ph_headers *headers)
{
	g_autofree char *subject = subject_of(headers);
	const size_t *sizes;
	size_t n;
	const char *const *bodies = ph_content_texts(content, &sizes, &n);

	if (n == 0 && *subject != '\0')
		add_text(texts, g_strdup("subject"), g_strdup(subject),
			 strlen(subject), true);
	for (size_t i = 0; i < n; i++) {
		GString *text = g_string_new(subject);

		g_string_append_len(text, bodies[i], (gssize)sizes[i]);
		add_text(texts, g_strdup("body"), text->str, text->len, true);
		g_string_free(text, FALSE);
	}
}

/* A text with a name that is not said to be an attachment is a body as well. */
static bool
is_body(struct ph_content *content, const char *text, size_t size)
{
	const size_t *sizes;
	size_t n;
	const char *const *bodies = ph_content_texts(content, &sizes, &n);

	for (size_t i = 0; i < n; i++)
		if (sizes[i] == size && memcmp(bodies[i], text, size) == 0)
			return true;
	return false;
}

/* Those that nobody can read are left out. */
static int
add_files(GArray *texts, struct ph_inspection *inner,
	  struct ph_content *content, struct ph_err *err)
{
	const struct ph_inspect_file *files;
	size_t n;

	if (ph_inspect_files(inner, &files, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct ph_err own = PH_ERR_INIT;
		const char *text;
		size_t size;

		if (ph_inspect_text(inner, i, &text, &size, &own) < 0) {
			if (own.kind == PH_ERR_PERM)
				continue;
			if (err != NULL)
				*err = own;
			return -1;
		}
		if (size > 0 && !is_body(content, text, size))
			add_text(texts, g_strdup(files[i].name),
				 g_strndup(text, size), size, false);
	}
	return 0;
}

int
ph_classify_message(struct ph_classifier *classifier,
		    struct ph_inspection *inner, struct ph_content *content,
		    struct ph_headers *headers, GArray **texts_r,
		    GPtrArray **found_r, struct ph_err *err)
{
	g_autoptr(GArray) texts =
	    g_array_new(FALSE, TRUE, sizeof(struct ph_classify_text));

	*texts_r = NULL;
	*found_r = NULL;
	g_array_set_clear_func(texts, clear_text);
	add_bodies(texts, content, headers);
	if (add_files(texts, inner, content, err) < 0 ||
	    ph_classifier_find(
		classifier,
		(const struct ph_classify_text *)(const void *)texts->data,
		texts->len, found_r, err) < 0)
		return -1;
	*texts_r = g_steal_pointer(&texts);
	return 0;
}

/* ---- the inspection ------------------------------------------------------ */

static void
clear_finding(void *data)
{
	struct ph_inspect_finding *finding = data;

	g_free((char *)finding->name);
	g_free((char *)finding->id);
}

static int
find(struct classified *self)
{
	g_autoptr(GArray) texts = NULL;
	g_autoptr(GPtrArray) found = NULL;

	if (ph_classify_message(self->classifier, self->inner, self->content,
				self->headers, &texts, &found, &self->err) < 0)
		return -1;
	self->findings =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_inspect_finding));
	g_array_set_clear_func(self->findings, clear_finding);
	for (guint i = 0; i < found->len; i++) {
		const struct ph_classify_found *f = found->pdata[i];
		struct ph_inspect_finding finding = {
		    g_strdup(f->type->rule->name), g_strdup(f->type->rule->id),
		    f->count, f->confidence, f->type->rule->confidence};

		g_array_append_val(self->findings, finding);
	}
	return 0;
}

/* Once a message, whatever the answer is. */
static int
classified_findings(void *data, const struct ph_inspect_finding **findings_r,
		    size_t *n_r, struct ph_err *err)
{
	struct classified *self = data;

	if (self->findings == NULL && !self->failed)
		self->failed = find(self) < 0;
	if (self->failed)
		return ph_err_set(err, self->err.kind, "%s", self->err.text);
	*findings_r = (const struct ph_inspect_finding *)(const void *)
			  self->findings->data;
	*n_r = self->findings->len;
	return 0;
}

static int
classified_files(void *data, const struct ph_inspect_file **files_r,
		 size_t *n_r, struct ph_err *err)
{
	const struct classified *self = data;

	return ph_inspect_files(self->inner, files_r, n_r, err);
}

static int
classified_text(void *data, size_t file, const char **text_r, size_t *size_r,
		struct ph_err *err)
{
	const struct classified *self = data;

	return ph_inspect_text(self->inner, file, text_r, size_r, err);
}

static int
classified_flag(void *data, size_t file, enum ph_inspect_flag flag, bool *yes_r,
		struct ph_err *err)
{
	const struct classified *self = data;

	return ph_inspect_flag(self->inner, file, flag, yes_r, err);
}

static int
classified_properties(void *data, size_t file,
		      const struct ph_inspect_property **properties_r,
		      size_t *n_r, struct ph_err *err)
{
	const struct classified *self = data;

	return ph_inspect_properties(self->inner, file, properties_r, n_r, err);
}

static void
classified_free(void *data)
{
	struct classified *self = data;

	ph_inspect_free(&self->inner);
	ph_classifier_unref(&self->classifier);
	if (self->findings != NULL)
		g_array_unref(self->findings);
	g_free(self);
}

static const struct ph_inspect_ops classified_ops = {
    .name = "classified",
    .files = classified_files,
    .text = classified_text,
    .flag = classified_flag,
    .properties = classified_properties,
    .findings = classified_findings,
    .free = classified_free,
};

struct ph_inspection *
ph_inspect_classified(struct ph_inspection *inner, struct ph_content *content,
		      struct ph_headers *headers,
		      struct ph_classifier *classifier)
{
	struct classified *self;

	if (classifier == NULL)
		return inner;
	self = g_new0(struct classified, 1);
	self->inner = inner;
	self->content = content;
	self->headers = headers;
	self->classifier = ph_classifier_ref(classifier);
	return ph_inspect_new(&classified_ops, self);
}
