#include "milters/transport/rules/evaluate.h"

#include <string.h>

/* What inspection knows of the i-th file: 1, 0 there is none, -1. */
static int
find_file(struct ph_evaluation *e, size_t i,
	  const struct ph_inspect_file **file_r, struct ph_err *err)
{
	const struct ph_inspect_file *files;
	size_t n;

	if (ph_inspect_files(ph_mail_inspection(e->mail), &files, &n, err) < 0)
		return -1;
	if (i >= n)
		return 0;
	*file_r = &files[i];
	return 1;
}

/*
 * What one file cannot say, another may: a failure is kept in the lowest bit of
 * the cursor and told behind the last file.
 */
#define FAILED ((size_t)1)

/* The next file, *i_r its position: 1, 0 there is none, -1. */
static int
next_file(struct ph_evaluation *e, size_t *cursor, size_t *i_r,
	  struct ph_err *err)
{
	const struct ph_inspect_file *file;
	size_t i = *cursor / 2;
	int r = find_file(e, i, &file, err);

	if (r != 1)
		return (*cursor & FAILED) != 0 ? -1 : r;
	*cursor += 2;
	*i_r = i;
	return 1;
}

static int
value_text(struct ph_evaluation *e, struct ph_recipient *recipient,
	   const char *selector, size_t *cursor, struct ph_value *value_r,
	   struct ph_err *err)
{
	size_t i;
	int r;

	(void)recipient;
	(void)selector;
	while ((r = next_file(e, cursor, &i, err)) == 1) {
		if (ph_inspect_text(ph_mail_inspection(e->mail), i,
				    &value_r->text, &value_r->size, err) < 0)
			*cursor |= FAILED;
		else if (value_r->text != NULL)
			return 1;
	}
	return r;
}

const struct ph_subject ph_subject_attachment_text = {
    "attachment text", PH_LEVEL_MESSAGE, PH_NEED_TEXT, NULL, value_text};

/*
 * Behind the last file: 0, or -1 there may be more, in one that was tried to be
 * opened. What nobody can open (PERM) has no files that anybody knows of.
 */
static int
end_of_files(struct ph_evaluation *e, struct ph_err *err)
{
	const struct ph_inspect_file *file;
	int r;

	for (size_t i = 0; (r = find_file(e, i, &file, err)) == 1; i++) {
		struct ph_err why = PH_ERR_INIT;
		bool yes;

		if (ph_inspect_flag(ph_mail_inspection(e->mail), i,
				    PH_INSPECT_EXECUTABLE, &yes, &why) == 0 ||
		    why.kind != PH_ERR_TEMP)
			continue;
		return ph_err_set(err, why.kind, "%s", why.text);
	}
	return r;
}

/* The i-th name of a file; NULL: it has no more. */
static const char *
find_name(const struct ph_inspect_file *file, size_t i)
{
	char *const *name = file->other_names;

	if (i == 0)
		return file->name;
	while (name != NULL && *name != NULL && --i > 0)
		name++;
	return name != NULL ? *name : NULL;
}

/* The cursor is a file's position and, above it, that of a name. */
#define NAME_SHIFT 48

static int
value_name(struct ph_evaluation *e, struct ph_recipient *recipient,
	   const char *selector, size_t *cursor, struct ph_value *value_r,
	   struct ph_err *err)
{
	const struct ph_inspect_file *file;
	int r;

	(void)recipient;
	(void)selector;
	do {
		size_t name = *cursor >> NAME_SHIFT;
		size_t i = *cursor & (((size_t)1 << NAME_SHIFT) - 1);

		r = find_file(e, i, &file, err);
		if (r != 1)
			break;
		value_r->text = find_name(file, name);
		*cursor = value_r->text == NULL ? i + 1
						: i | (name + 1) << NAME_SHIFT;
	} while (value_r->text == NULL || *value_r->text == '\0');
	return r == 0 ? end_of_files(e, err) : r;
}

const struct ph_subject ph_subject_attachment_name = {
    "attachment name", PH_LEVEL_MESSAGE, PH_NEED_PARTS, NULL, value_name};

/* Windows leaves out dots and blanks at the end: "run.exe." is run.exe. */
static const char *
find_end(const char *name)
{
	const char *end = name + strlen(name);

	while (end > name && strchr(". ", end[-1]) != NULL)
		end--;
	return end;
}

static int
value_extension(struct ph_evaluation *e, struct ph_recipient *recipient,
		const char *selector, size_t *cursor, struct ph_value *value_r,
		struct ph_err *err)
{
	int r;

	while ((r = value_name(e, recipient, selector, cursor, value_r, err)) ==
	       1) {
		const char *end = find_end(value_r->text);
		const char *dot =
		    g_strrstr_len(value_r->text, end - value_r->text, ".");

		if (dot == NULL)
			continue;
		value_r->text = dot + 1;
		value_r->size = (size_t)(end - value_r->text);
		return 1;
	}
	return r;
}

const struct ph_subject ph_subject_attachment_extension = {
    "attachment extension", PH_LEVEL_MESSAGE, PH_NEED_PARTS, NULL,
    value_extension};

static int
value_size(struct ph_evaluation *e, struct ph_recipient *recipient,
	   const char *selector, size_t *cursor, struct ph_value *value_r,
	   struct ph_err *err)
{
	const struct ph_inspect_file *file;
	int r = find_file(e, (*cursor)++, &file, err);

	(void)recipient;
	(void)selector;
	if (r == 1)
		value_r->number = (int64_t)MIN(file->size, (uint64_t)INT64_MAX);
	return r == 0 ? end_of_files(e, err) : r;
}

const struct ph_subject ph_subject_attachment_size = {
    "attachment size", PH_LEVEL_MESSAGE, PH_NEED_PARTS, NULL, value_size};

/* Of every file, those of the selected name. */
static int
value_property(struct ph_evaluation *e, struct ph_recipient *recipient,
	       const char *selector, size_t *cursor, struct ph_value *value_r,
	       struct ph_err *err)
{
	const struct ph_inspect_file *file;
	size_t skip = *cursor;
	bool failed = false;
	int r;

	(void)recipient;
	for (size_t i = 0; (r = find_file(e, i, &file, err)) == 1; i++) {
		const struct ph_inspect_property *properties;
		size_t n;

		if (ph_inspect_properties(ph_mail_inspection(e->mail), i,
					  &properties, &n, err) < 0) {
			failed = true;
			continue;
		}
		for (size_t j = 0; j < n; j++) {
			if (g_ascii_strcasecmp(properties[j].name, selector) !=
				0 ||
			    skip-- > 0)
				continue;
			value_r->text = properties[j].value;
			(*cursor)++;
			return 1;
		}
	}
	return failed ? -1 : r;
}

const struct ph_subject ph_subject_attachment_property = {
    "attachment property", PH_LEVEL_MESSAGE, PH_NEED_TEXT, NULL,
    value_property};

/* ---- yes or no, of each file -------------------------------------------- */

static int
value_flag(struct ph_evaluation *e, enum ph_inspect_flag flag, size_t *cursor,
	   struct ph_value *value_r, struct ph_err *err)
{
	size_t i;
	bool yes;
	int r;

	while ((r = next_file(e, cursor, &i, err)) == 1) {
		if (ph_inspect_flag(ph_mail_inspection(e->mail), i, flag, &yes,
				    err) == 0) {
			value_r->number = yes;
			return 1;
		}
		*cursor |= FAILED;
	}
	return r;
}

#define FLAG(function, flag)                                              \
	static int function(struct ph_evaluation *e,                      \
			    struct ph_recipient *recipient,               \
			    const char *selector, size_t *cursor,         \
			    struct ph_value *value_r, struct ph_err *err) \
	{                                                                 \
		(void)recipient;                                          \
		(void)selector;                                           \
		return value_flag(e, flag, cursor, value_r, err);         \
	}

FLAG(value_unsupported, PH_INSPECT_UNSUPPORTED)
FLAG(value_executable, PH_INSPECT_EXECUTABLE)
FLAG(value_protected, PH_INSPECT_PROTECTED)
FLAG(value_file_limit, PH_INSPECT_LIMIT)

/* Was a part of the message not read, in which attachments may have been that
 * nobody knows of? */
static bool
is_cut(struct ph_mail *mail)
{
	const struct ph_mail *m = mail->origin != NULL ? mail->origin : mail;

	return m->body_cut || ph_content_truncated(ph_mail_content(mail));
}

static int
value_limit(struct ph_evaluation *e, struct ph_recipient *recipient,
	    const char *selector, size_t *cursor, struct ph_value *value_r,
	    struct ph_err *err)
{
	if (is_cut(e->mail)) {
		value_r->number = true;
		return (*cursor)++ == 0;
	}
	return value_file_limit(e, recipient, selector, cursor, value_r, err);
}

const struct ph_subject ph_subject_unsupported = {
    "unsupported type of an attachment", PH_LEVEL_MESSAGE, PH_NEED_TEXT, NULL,
    value_unsupported};
const struct ph_subject ph_subject_executable = {
    "executable content of an attachment", PH_LEVEL_MESSAGE, PH_NEED_TEXT, NULL,
    value_executable};
const struct ph_subject ph_subject_protected = {"password of an attachment",
						PH_LEVEL_MESSAGE, PH_NEED_TEXT,
						NULL, value_protected};
const struct ph_subject ph_subject_limit = {
    "limit of inspection", PH_LEVEL_MESSAGE, PH_NEED_TEXT, NULL, value_limit};

/* ---- sensitive information ---- */

static int
value_classified(struct ph_evaluation *e, struct ph_recipient *recipient,
		 const char *selector, size_t *cursor, struct ph_value *value_r,
		 struct ph_err *err)
{
	const struct ph_inspect_finding *findings;
	size_t n, i = (*cursor)++;

	(void)recipient;
	(void)selector;
	if (ph_inspect_findings(ph_mail_inspection(e->mail), &findings, &n,
				err) < 0)
		return -1;
	if (i >= n)
		return 0;
	value_r->text = findings[i].name;
	value_r->number = (int64_t)i;
	return 1;
}

const struct ph_subject ph_subject_classified = {
    "sensitive information", PH_LEVEL_MESSAGE, PH_NEED_TEXT | PH_NEED_BODY,
    NULL, value_classified};
