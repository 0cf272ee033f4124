#include "lib/message/inspect.h"

struct failing {
	enum ph_err_kind kind;
	char *text;
};

static int
fail(const struct failing *failing, struct ph_err *err)
{
	return ph_err_set(err, failing->kind, "%s", failing->text);
}

static int
failing_files(void *self, const struct ph_inspect_file **files_r, size_t *n_r,
	      struct ph_err *err)
{
	(void)files_r;
	(void)n_r;
	return fail(self, err);
}

static int
failing_text(void *self, size_t file, const char **text_r, size_t *size_r,
	     struct ph_err *err)
{
	(void)file;
	(void)text_r;
	(void)size_r;
	return fail(self, err);
}

static int
failing_flag(void *self, size_t file, enum ph_inspect_flag flag, bool *yes_r,
	     struct ph_err *err)
{
	(void)file;
	(void)flag;
	(void)yes_r;
	return fail(self, err);
}

static int
failing_properties(void *self, size_t file,
		   const struct ph_inspect_property **properties_r, size_t *n_r,
		   struct ph_err *err)
{
	(void)file;
	(void)properties_r;
	(void)n_r;
	return fail(self, err);
}

static int
failing_findings(void *self, const struct ph_inspect_finding **findings_r,
		 size_t *n_r, struct ph_err *err)
{
	(void)findings_r;
	(void)n_r;
	return fail(self, err);
}

static void
failing_free(void *self)
{
	struct failing *failing = self;

	g_free(failing->text);
	g_free(failing);
}

static const struct ph_inspect_ops failing_ops = {
    "failing",		failing_files,	  failing_text, failing_flag,
    failing_properties, failing_findings, failing_free,
};

struct ph_inspection *
ph_inspect_failing(enum ph_err_kind kind, const char *text)
{
	struct failing *failing = g_new0(struct failing, 1);

	failing->kind = kind;
	failing->text = g_strdup(text);
	return ph_inspect_new(&failing_ops, failing);
}
