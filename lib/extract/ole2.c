#include "lib/extract/ole2_private.h"

#include <string.h>
#include <strings.h>

/*
 * Compound files (MS-CFB): storages with streams, by libgsf. A document is a
 * storage with a stream of one of the names below; documents inside documents
 * are storages inside storages.
 */
#define BLOCK ((size_t)4096)

GByteArray *
ph_storage_bytes(struct ph_storage *s, GsfInput *input)
{
	GByteArray *bytes;
	gsf_off_t left = gsf_input_remaining(input);

	bytes = g_byte_array_new();
	/* No stream is larger than the file that it is in. */
	while (left > 0 && bytes->len < s->job->source->size) {
		size_t n = MIN(BLOCK, (size_t)left);
		const guint8 *block = gsf_input_read(input, n, NULL);

		if (block == NULL || !ph_extract_unpacked(s->job, n))
			break;
		g_byte_array_append(bytes, block, (guint)n);
		left -= (gsf_off_t)n;
	}
	if (left > 0)
		s->job->result->damaged = true;
	return bytes;
}

/* NULL: none of that name. */
static GByteArray *
read_stream(struct ph_storage *s, const char *name)
{
	GsfInput *input = gsf_infile_child_by_name(s->infile, name);
	GByteArray *bytes;

	if (input == NULL)
		return NULL;
	bytes = ph_storage_bytes(s, input);
	g_object_unref(input);
	return bytes;
}

struct ph_bytes
ph_bytes_of(const GByteArray *array)
{
	if (array == NULL)
		return (struct ph_bytes){NULL, 0};
	return (struct ph_bytes){array->data, array->len};
}

/* ---- streams that are documents ----------------------------------------- */

static void
take_word(struct ph_storage *s, struct ph_bytes stream)
{
	const char *name = ph_word_table(stream);
	g_autoptr(GByteArray) table = NULL;

	if (name != NULL)
		table = read_stream(s, name);
	ph_extract_word(s->job, stream, ph_bytes_of(table));
	*s->ours = true;
}

static void
take_excel(struct ph_storage *s, struct ph_bytes stream)
{
	ph_extract_excel(s->job, stream);
	*s->ours = true;
}

/* MS-PPT 2.3.2: the token of the current user says whether it is encrypted. */
#define TOKEN_AT 12
#define TOKEN_ENCRYPTED 0xf3d1c4df

static void
take_powerpoint(struct ph_storage *s, struct ph_bytes stream)
{
	g_autoptr(GByteArray) user = read_stream(s, "Current User");

	*s->ours = true;
	if (ph_bytes_u32(ph_bytes_of(user), TOKEN_AT) == TOKEN_ENCRYPTED)
		s->job->result->is_protected = true;
	else
		ph_extract_powerpoint(s->job, stream);
}

/* MS-OFFCRYPTO: Office 2007 and later, by a password or by rights. */
static void
take_encrypted(struct ph_storage *s, struct ph_bytes stream)
{
	(void)stream;
	s->job->result->is_protected = true;
	*s->ours = true;
}

static void
add_file(struct ph_storage *s, const char *name, struct ph_bytes bytes)
{
	ph_extract_file(s->job, name, g_bytes_new(bytes.p, bytes.size));
}

static void
take_package(struct ph_storage *s, struct ph_bytes stream)
{
	add_file(s,
		 gsf_input_name(GSF_INPUT(s->infile)) != NULL
		     ? gsf_input_name(GSF_INPUT(s->infile))
		     : "Package",
		 stream);
}

/* After the NUL of a string at this place. */
static size_t
skip_string(struct ph_bytes bytes, size_t at)
{
	while (at < bytes.size && bytes.p[at] != '\0')
		at++;
	return at + 1;
}

/* MS-OLEDS 2.3.6, and what is in it: size, flags, label, name, 4 bytes, size of
 * a path, path, size, data. */
static void
take_native(struct ph_storage *s, struct ph_bytes stream)
{
	size_t label = 6, at = skip_string(stream, skip_string(stream, label));
	uint32_t path = ph_bytes_u32(stream, at + 4);
	size_t data = at + 8 + (size_t)path;
	g_autofree char *name = NULL;
	struct ph_bytes bytes =
	    ph_bytes_sub(stream, data + 4, ph_bytes_u32(stream, data));

	if (bytes.size == 0)
		bytes = stream;
	if (skip_string(stream, label) <= stream.size)
		name = g_strdup((const char *)stream.p + label);
	add_file(s, name != NULL ? name : "Ole10Native", bytes);
}

static const struct {
	const char *stream;
	void (*take)(struct ph_storage *s, struct ph_bytes stream);
} streams[] = {
    {"WordDocument", take_word},
    {"Workbook", take_excel},
    {"Book", take_excel},
    {"PowerPoint Document", take_powerpoint},
    {"EncryptedPackage", take_encrypted},
    {"EncryptedSummary", take_encrypted},
    {"Package", take_package},
    {"CONTENTS", take_package},
    {"\001Ole10Native", take_native},
};

/* ---- properties --------------------------------------------------------- */

static char *format_value(const GValue *value);

/* What libgsf makes of the date 0, which stands for none: 1601 in 32 bits. */
#define NO_DATE 1240428288

/* g_free; NULL is fine */
static char *
format_date(const GsfTimestamp *stamp)
{
	g_autoptr(GDateTime) date = NULL;

	if (stamp != NULL && (stamp->timet == NO_DATE || stamp->timet <= 0))
		return NULL;
	date =
	    stamp != NULL ? g_date_time_new_from_unix_utc(stamp->timet) : NULL;
	return date != NULL ? g_date_time_format(date, "%Y-%m-%dT%H:%M:%SZ")
			    : NULL;
}

/* g_free */
static char *
format_list(const GValue *value)
{
	GString *all = g_string_new(NULL);
	GValueArray *list;

	/* What the header would have instead is in no version's library. */
	G_GNUC_BEGIN_IGNORE_DEPRECATIONS
	list = gsf_value_get_docprop_varray(value);
	G_GNUC_END_IGNORE_DEPRECATIONS
	for (guint i = 0; list != NULL && i < list->n_values; i++) {
		g_autofree char *one = NULL;

		/* No list holds lists, or it could do so for ever. */
		if (!VAL_IS_GSF_DOCPROP_VECTOR(&list->values[i]))
			one = format_value(&list->values[i]);
		if (one != NULL)
			g_string_append_printf(all, "%s%s",
					       all->len > 0 ? ", " : "", one);
	}
	return g_string_free(all, FALSE);
}

/* g_free; NULL: nothing that a person would read. */
static char *
format_value(const GValue *value)
{
	GValue text = G_VALUE_INIT;
	char *copy;

	if (G_VALUE_HOLDS(value, GSF_TIMESTAMP_TYPE))
		return format_date(g_value_get_boxed(value));
	if (VAL_IS_GSF_DOCPROP_VECTOR(value))
		return format_list(value);
	if (G_VALUE_HOLDS_BOOLEAN(value))
		return g_strdup(g_value_get_boolean(value) ? "true" : "false");
	if (G_VALUE_HOLDS_BOXED(value) || G_VALUE_HOLDS_OBJECT(value) ||
	    !g_value_type_transformable(G_VALUE_TYPE(value), G_TYPE_STRING))
		return NULL;
	g_value_init(&text, G_TYPE_STRING);
	g_value_transform(value, &text);
	copy = g_value_dup_string(&text);
	g_value_unset(&text);
	return copy;
}

/* libgsf's names of what is standard have one of these in front of them. */
static const char *
strip_prefix(const char *name)
{
	static const char *const prefixes[] = {
	    "dc:", "gsf:", "meta:", "msole:"};

	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
		if (g_str_has_prefix(name, prefixes[i]))
			return name + strlen(prefixes[i]);
	return NULL;
}

static void
take_property(gpointer key, gpointer value, gpointer job)
{
	static const char *const dull[] = {
	    "codepage",	  "document-parts", "heading-pairs",   "thumbnail",
	    "dictionary", "default-locale", "case-sensitivity"};
	const char *known = strip_prefix(key);
	g_autofree char *text = NULL;

	for (size_t i = 0; known != NULL && i < G_N_ELEMENTS(dull); i++)
		if (strcmp(dull[i], known) == 0)
			return;
	text = format_value(gsf_doc_prop_get_val(value));
	if (text == NULL)
		return;
	if (known != NULL)
		ph_extract_known_property(job, known, text);
	else
		ph_extract_property(job, key, text);
}

static void
read_properties(struct ph_storage *s)
{
	static const char *const names[] = {"\005SummaryInformation",
					    "\005DocumentSummaryInformation"};
	GsfDocMetaData *meta = gsf_doc_meta_data_new();

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		GsfInput *input = gsf_infile_child_by_name(s->infile, names[i]);
		GError *error;

		if (input == NULL)
			continue;
		error = gsf_doc_meta_data_read_from_msole(meta, input);
		s->job->result->damaged |= error != NULL;
		g_clear_error(&error);
		g_object_unref(input);
	}
	gsf_doc_meta_data_foreach(meta, (GHFunc)take_property, s->job);
	g_object_unref(meta);
}

/* ---- storages ----------------------------------------------------------- */

static void
take_stream(struct ph_storage *s, const char *name, GsfInput *input)
{
	for (size_t i = 0; i < G_N_ELEMENTS(streams); i++) {
		g_autoptr(GByteArray) bytes = NULL;

		if (strcasecmp(streams[i].stream, name) != 0)
			continue;
		bytes = ph_storage_bytes(s, input);
		streams[i].take(s, ph_bytes_of(bytes));
	}
}

/* False: what comes at i is more than may be. */
static bool
count_entry(struct ph_storage *s, int i)
{
	if (s->depth >= s->job->limits.depth)
		return false;
	if (i < s->counted)
		return true;
	if (++*s->entries > s->job->limits.entries)
		return false;
	s->counted = i + 1;
	return true;
}

void
ph_storage_each(struct ph_storage *s, ph_storage_visit *visit, void *self)
{
	int n = gsf_infile_num_children(s->infile);

	for (int i = 0; i < n && !s->job->spent; i++) {
		GsfInput *child = gsf_infile_child_by_index(s->infile, i);
		const char *name = gsf_infile_name_by_index(s->infile, i);
		bool storage = child != NULL && GSF_IS_INFILE(child) &&
			       gsf_infile_num_children(GSF_INFILE(child)) >= 0;
		struct ph_storage inner = *s;

		if (child == NULL || !count_entry(s, i)) {
			s->job->result->damaged |= child == NULL;
			s->job->result->limit |= child != NULL;
			g_clear_object(&child);
			break;
		}
		if (storage) {
			inner.infile = GSF_INFILE(child);
			inner.counted = 0;
			inner.depth++;
		}
		visit(s, name != NULL ? name : "", child,
		      storage ? &inner : NULL, self);
		g_object_unref(child);
	}
}

/* What is no part of a message: a document stays one, whatever else is put
 * beside it. */
static void
take_child(struct ph_storage *s, const char *name, GsfInput *input,
	   struct ph_storage *inner, void *self)
{
	const bool *message = self;

	if (*message && ph_outlook_is_part(name))
		return;
	if (inner != NULL)
		ph_storage_read(inner, "");
	else
		take_stream(s, name, input);
}

void
ph_storage_read(struct ph_storage *s, const char *name)
{
	bool message = ph_outlook_read(s, name);

	ph_storage_each(s, take_child, &message);
}

static int
read_file(struct ph_extract_job *job, GsfInput *input, struct ph_err *err)
{
	unsigned entries = 0;
	bool ours = false;
	GError *error = NULL;
	struct ph_storage root = {
	    .job = job, .entries = &entries, .ours = &ours};

	root.infile = gsf_infile_msole_new(input, &error);
	if (root.infile == NULL) {
		ph_err_set(err, PH_ERR_PERM, "compound file: %s",
			   error != NULL ? error->message : "cannot be read");
		g_clear_error(&error);
		return -1;
	}
	ph_storage_read(&root, "");
	if (ours)
		read_properties(&root);
	g_object_unref(root.infile);
	return ours;
}

static const char magic[] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

int
ph_extract_ole2(struct ph_extract_job *job, struct ph_err *err)
{
	struct ph_bytes file = {job->source->data, job->source->size};
	GsfInput *input;
	int r;

	if (file.size < sizeof(magic) - 1 ||
	    memcmp(file.p, magic, sizeof(magic) - 1) != 0) {
		/* Before Excel 5 a workbook was a file of its own. */
		if (file.size < 4 || file.p[0] != 0x09 || file.p[3] != 0)
			return 0;
		ph_extract_excel(job, file);
		return 1;
	}
	input = gsf_input_memory_new(file.p, (gsf_off_t)file.size, FALSE);
	r = read_file(job, input, err);
	g_object_unref(input);
	return r;
}

static void
drop(const char *domain, GLogLevelFlags level, const char *text, gpointer self)
{
	(void)domain;
	(void)level;
	(void)text;
	(void)self;
}

void
ph_extract_ole2_prepare(void)
{
	/* It says some of it without a domain. */
	static const char *const domains[] = {"libgsf", "libgsf:msole", NULL};
	const GLogLevelFlags levels = G_LOG_LEVEL_CRITICAL |
				      G_LOG_LEVEL_WARNING |
				      G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO;

	gsf_init();
	for (size_t i = 0; i < G_N_ELEMENTS(domains); i++)
		g_log_set_handler(domains[i], levels, drop, NULL);
}
