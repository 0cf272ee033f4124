#include "lib/message/inspect.h"

struct ph_inspection {
	const struct ph_inspect_ops *ops;
	void *self;
};

struct ph_inspection *
ph_inspect_new(const struct ph_inspect_ops *ops, void *self)
{
	struct ph_inspection *inspection = g_new(struct ph_inspection, 1);

	inspection->ops = ops;
	inspection->self = self;
	return inspection;
}

void
ph_inspect_free(struct ph_inspection **inspection)
{
	if (*inspection == NULL)
		return;
	if ((*inspection)->ops->free != NULL)
		(*inspection)->ops->free((*inspection)->self);
	g_free(*inspection);
	*inspection = NULL;
}

static int
cannot_say(const struct ph_inspection *inspection, const char *what,
	   struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_PERM,
			  "the %s inspection cannot tell %s of attachments",
			  inspection->ops->name, what);
}

int
ph_inspect_files(struct ph_inspection *inspection,
		 const struct ph_inspect_file **files_r, size_t *n_r,
		 struct ph_err *err)
{
	g_assert(files_r != NULL && n_r != NULL);
	if (inspection->ops->files == NULL)
		return cannot_say(inspection, "the names", err);
	return inspection->ops->files(inspection->self, files_r, n_r, err);
}

int
ph_inspect_text(struct ph_inspection *inspection, size_t file,
		const char **text_r, size_t *size_r, struct ph_err *err)
{
	g_assert(text_r != NULL && size_r != NULL);
	if (inspection->ops->text == NULL)
		return cannot_say(inspection, "the text", err);
	return inspection->ops->text(inspection->self, file, text_r, size_r,
				     err);
}

int
ph_inspect_flag(struct ph_inspection *inspection, size_t file,
		enum ph_inspect_flag flag, bool *yes_r, struct ph_err *err)
{
	g_assert(flag < PH_INSPECT_FLAGS && yes_r != NULL);
	if (inspection->ops->flag == NULL)
		return cannot_say(inspection, "the kind", err);
	return inspection->ops->flag(inspection->self, file, flag, yes_r, err);
}

int
ph_inspect_properties(struct ph_inspection *inspection, size_t file,
		      const struct ph_inspect_property **properties_r,
		      size_t *n_r, struct ph_err *err)
{
	g_assert(properties_r != NULL && n_r != NULL);
	if (inspection->ops->properties == NULL)
		return cannot_say(inspection, "the properties", err);
	return inspection->ops->properties(inspection->self, file, properties_r,
					   n_r, err);
}

int
ph_inspect_findings(struct ph_inspection *inspection,
		    const struct ph_inspect_finding **findings_r, size_t *n_r,
		    struct ph_err *err)
{
	g_assert(findings_r != NULL && n_r != NULL);
	if (inspection->ops->findings == NULL)
		return cannot_say(inspection, "the sensitive information", err);
	return inspection->ops->findings(inspection->self, findings_r, n_r,
					 err);
}
