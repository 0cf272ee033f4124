#include "lib/extract/extract_private.h"

#include <qpdf/qpdf-c.h>
#include <string.h>

/*
 * What else stands in a PDF's Info dictionary: properties with names of their
 * own. poppler's GLib interface knows those of the standard alone, so this is
 * by qpdf, which reads the table of objects and the few that are asked for. It
 * does not mend what is damaged: poppler has the text of that.
 */

static bool
is_standard(const char *name)
{
	static const char *const standard[] = {
	    "Title",   "Author",   "Subject",	   "Keywords", "Creator",
	    "Trapped", "Producer", "CreationDate", "ModDate"};

	for (size_t i = 0; i < G_N_ELEMENTS(standard); i++)
		if (strcmp(standard[i], name) == 0)
			return true;
	return false;
}

/* key is "/Name". */
static void
take_key(struct ph_extract_job *job, qpdf_data pdf, qpdf_oh info,
	 const char *key)
{
	qpdf_oh value;

	if (key == NULL || key[0] != '/' || is_standard(key + 1))
		return;
	value = qpdf_oh_get_key(pdf, info, key);
	if (qpdf_oh_is_string(pdf, value))
		ph_extract_property(job, key + 1,
				    qpdf_oh_get_utf8_value(pdf, value));
	qpdf_oh_release(pdf, value);
}

static void
take_info(struct ph_extract_job *job, qpdf_data pdf)
{
	qpdf_oh info = qpdf_oh_get_key(pdf, qpdf_get_trailer(pdf), "/Info");

	if (!qpdf_oh_is_dictionary(pdf, info))
		return;
	qpdf_oh_begin_dict_key_iter(pdf, info);
	for (unsigned n = job->limits.entries;
	     n > 0 && qpdf_oh_dict_more_keys(pdf); n--) {
		/* The library's, until the next one. */
		g_autofree char *key = g_strdup(qpdf_oh_dict_next_key(pdf));

		take_key(job, pdf, info, key);
	}
}

void
ph_extract_pdf_info(struct ph_extract_job *job)
{
	qpdf_data pdf = qpdf_init();

	qpdf_silence_errors(pdf);
	qpdf_set_suppress_warnings(pdf, QPDF_TRUE);
	qpdf_set_attempt_recovery(pdf, QPDF_FALSE);
	if (qpdf_read_memory(pdf, "", job->source->data, job->source->size,
			     NULL) < QPDF_ERRORS)
		take_info(job, pdf);
	/* It says on standard error what nobody has asked for. */
	if (qpdf_has_error(pdf))
		qpdf_get_error(pdf);
	qpdf_cleanup(&pdf);
}
