#include "lib/extract/extract_private.h"

#include <poppler.h>
#include <string.h>

/*
 * PDF by poppler, from memory. It runs no script of the document and opens no
 * file but its own tables of encodings (ph_extract_pdf_prepare).
 */

static void
put_line(struct ph_extract_job *job, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	ph_extract_put_line(job, text, strlen(text));
}

/* ---- pages -------------------------------------------------------------- */

static void
put_notes(struct ph_extract_job *job, PopplerPage *page)
{
	GList *list = poppler_page_get_annot_mapping(page);

	for (GList *l = list; l != NULL; l = l->next) {
		PopplerAnnotMapping *mapping = l->data;
		g_autofree char *text =
		    poppler_annot_get_contents(mapping->annot);

		put_line(job, text);
	}
	poppler_page_free_annot_mapping(list);
}

static void
put_fields(struct ph_extract_job *job, PopplerPage *page)
{
	GList *list = poppler_page_get_form_field_mapping(page);

	for (GList *l = list; l != NULL; l = l->next) {
		PopplerFormFieldMapping *mapping = l->data;
		g_autofree char *text = NULL;

		if (poppler_form_field_get_field_type(mapping->field) ==
		    POPPLER_FORM_FIELD_TEXT)
			text = poppler_form_field_text_get_text(mapping->field);
		put_line(job, text);
	}
	poppler_page_free_form_field_mapping(list);
}

static void
put_links(struct ph_extract_job *job, PopplerPage *page)
{
	GList *list = poppler_page_get_link_mapping(page);

	for (GList *l = list; l != NULL; l = l->next) {
		PopplerLinkMapping *mapping = l->data;

		if (mapping->action->type == POPPLER_ACTION_URI)
			put_line(job, mapping->action->uri.uri);
	}
	poppler_page_free_link_mapping(list);
}

static void
put_page(struct ph_extract_job *job, PopplerPage *page)
{
	g_autofree char *text = poppler_page_get_text(page);

	put_line(job, text);
	put_notes(job, page);
	put_fields(job, page);
	put_links(job, page);
}

static void
put_pages(struct ph_extract_job *job, PopplerDocument *document)
{
	int n = poppler_document_get_n_pages(document);

	if ((unsigned)MAX(n, 0) > job->limits.entries) {
		job->result->limit = true;
		n = (int)job->limits.entries;
	}
	for (int i = 0; i < n && !ph_extract_full(job); i++) {
		PopplerPage *page = poppler_document_get_page(document, i);

		if (page == NULL) {
			job->result->damaged = true;
			continue;
		}
		put_page(job, page);
		g_object_unref(page);
	}
}

/* ---- outline ------------------------------------------------------------ */

/* An outline may go round in circles: *left bounds all of it. */
static void
put_outline(struct ph_extract_job *job, PopplerIndexIter *iter, unsigned depth,
	    unsigned *left)
{
	if (iter == NULL || depth >= job->limits.depth)
		return;
	do {
		PopplerAction *action;
		PopplerIndexIter *child;

		if (*left == 0)
			return;
		--*left;
		action = poppler_index_iter_get_action(iter);
		put_line(job, action->any.title);
		poppler_action_free(action);
		child = poppler_index_iter_get_child(iter);
		put_outline(job, child, depth + 1, left);
		poppler_index_iter_free(child);
	} while (poppler_index_iter_next(iter) && !ph_extract_full(job));
}

/* ---- files, properties -------------------------------------------------- */

struct saving {
	struct ph_extract_job *job;
	GByteArray *bytes;
};

static gboolean
save(const char *bytes, gsize size, gpointer self, GError **error)
{
	struct saving *s = self;

	if (!ph_extract_unpacked(s->job, size)) {
		g_set_error_literal(error, POPPLER_ERROR, POPPLER_ERROR_INVALID,
				    "too large");
		return FALSE;
	}
	g_byte_array_append(s->bytes, (const guint8 *)bytes, (guint)size);
	return TRUE;
}

static void
take_files(struct ph_extract_job *job, PopplerDocument *document)
{
	GList *list = poppler_document_get_attachments(document);

	for (GList *l = list; l != NULL; l = l->next) {
		PopplerAttachment *attachment = l->data;
		struct saving s = {job, g_byte_array_new()};
		const char *name = poppler_attachment_get_name(attachment);

		poppler_attachment_save_to_callback(attachment, save, &s, NULL);
		ph_extract_file(job, name != NULL ? name : "",
				g_byte_array_free_to_bytes(s.bytes));
		g_object_unref(attachment);
	}
	g_list_free(list);
}

static const struct {
	const char *name;
	char *(*get)(PopplerDocument *document);
} texts[] = {
    {"title", poppler_document_get_title},
    {"author", poppler_document_get_author},
    {"subject", poppler_document_get_subject},
    {"keywords", poppler_document_get_keywords},
    {"Creator", poppler_document_get_creator},
    {"Producer", poppler_document_get_producer},
};

static const struct {
	const char *name;
	GDateTime *(*get)(PopplerDocument *document);
} dates[] = {
    {"CreationDate", poppler_document_get_creation_date_time},
    {"ModDate", poppler_document_get_modification_date_time},
};

static void
take_properties(struct ph_extract_job *job, PopplerDocument *document)
{
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *text = texts[i].get(document);

		if (text != NULL)
			ph_extract_known_property(job, texts[i].name, text);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(dates); i++) {
		g_autoptr(GDateTime) date = dates[i].get(document);
		g_autoptr(GDateTime) utc = NULL;
		g_autofree char *text = NULL;

		if (date == NULL)
			continue;
		utc = g_date_time_to_utc(date);
		text = g_date_time_format(utc, "%Y-%m-%dT%H:%M:%SZ");
		ph_extract_known_property(job, dates[i].name, text);
	}
}

/* ---- the document ------------------------------------------------------- */

static void
read_document(struct ph_extract_job *job, PopplerDocument *document)
{
	unsigned left = job->limits.entries;
	PopplerIndexIter *outline;

	take_properties(job, document);
	ph_extract_pdf_info(job);
	put_pages(job, document);
	outline = poppler_index_iter_new(document);
	put_outline(job, outline, 0, &left);
	poppler_index_iter_free(outline);
	take_files(job, document);
}

static PopplerDocument *
open_document(const void *data, size_t size, GError **error)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);

	return poppler_document_new_from_bytes(bytes, NULL, error);
}

int
ph_extract_pdf(struct ph_extract_job *job, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	PopplerDocument *document =
	    open_document(job->source->data, job->source->size, &error);

	if (document != NULL) {
		read_document(job, document);
		g_object_unref(document);
		return 1;
	}
	if (g_error_matches(error, POPPLER_ERROR, POPPLER_ERROR_ENCRYPTED)) {
		job->result->is_protected = true;
		return 1;
	}
	return ph_err_set(err, PH_ERR_PERM, "PDF: %s",
			  error != NULL ? error->message : "cannot be read");
}

/* A document that stays open keeps the library's tables: it frees them with the
 * last one. poppler puts it together without a table of its own. */
static const char empty[] =
    "%PDF-1.4\n"
    "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R"
    "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    ">>>>endobj\n"
    "4 0 obj<</Length 24>>stream\nBT/F 9 Tf 9 9 Td(x)Tj ET\nendstream "
    "endobj\n"
    "trailer<</Root 1 0 R>>\n%%EOF\n";

void
ph_extract_pdf_prepare(void)
{
	static PopplerDocument *kept;
	PopplerPage *page;

	if (kept != NULL)
		return;
	kept = open_document(empty, sizeof(empty) - 1, NULL);
	page = kept != NULL ? poppler_document_get_page(kept, 0) : NULL;
	if (page == NULL)
		return;
	g_free(poppler_page_get_text(page));
	g_object_unref(page);
}
