#include "lib/extract/extract_private.h"

#include <archive.h>
#include <archive_entry.h>

struct ph_zip_member {
	struct ph_extract_job *job;
	struct archive *archive;
	struct archive_entry *entry;
};

const char *
ph_zip_name(const struct ph_zip_member *member)
{
	const char *name = archive_entry_pathname_utf8(member->entry);

	if (name == NULL)
		name = archive_entry_pathname(member->entry);
	return name != NULL ? name : "";
}

size_t
ph_zip_read(struct ph_zip_member *member, void *buffer, size_t size)
{
	la_ssize_t n = archive_read_data(member->archive, buffer, size);

	if (n < 0)
		member->job->result->damaged = true;
	return n > 0 && ph_extract_unpacked(member->job, (size_t)n) ? (size_t)n
								    : 0;
}

GBytes *
ph_zip_bytes(struct ph_zip_member *member)
{
	GByteArray *bytes = g_byte_array_new();
	unsigned char buffer[16 * 1024];
	size_t n;

	while ((n = ph_zip_read(member, buffer, sizeof(buffer))) > 0)
		g_byte_array_append(bytes, buffer, (guint)n);
	return g_byte_array_free_to_bytes(bytes);
}

/* By its directory, or, where that is cut off, file by file. */
static struct archive *
open_archive(const struct ph_extract_source *source, bool directory)
{
	struct archive *a = archive_read_new();

	if (a == NULL)
		return NULL;
	if (directory)
		archive_read_support_format_zip_seekable(a);
	else
		archive_read_support_format_zip_streamable(a);
	if (archive_read_open_memory(a, source->data, source->size) !=
	    ARCHIVE_OK) {
		archive_read_free(a);
		return NULL;
	}
	return a;
}

static int
next(struct ph_zip_member *member, unsigned *entries)
{
	struct ph_extract_job *job = member->job;
	int r = archive_read_next_header(member->archive, &member->entry);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r < ARCHIVE_WARN) {
		job->result->damaged = true;
		return -1;
	}
	if (++*entries > job->limits.entries) {
		job->result->limit = true;
		return 0;
	}
	return 1;
}

/* 1: read to the end; 0: there was nothing. */
static int
walk(struct ph_extract_job *job, bool directory, ph_zip_visit *visit,
     void *self)
{
	struct ph_zip_member member = {
	    .job = job,
	    .archive = open_archive(job->source, directory),
	};
	unsigned entries = 0;

	if (member.archive == NULL)
		return 0;
	while (next(&member, &entries) > 0) {
		if (archive_entry_is_encrypted(member.entry)) {
			job->result->is_protected = true;
			continue;
		}
		if (!visit(job, &member, self) || job->spent)
			break;
	}
	archive_read_free(member.archive);
	return entries > 0;
}

bool
ph_zip_walk(struct ph_extract_job *job, ph_zip_visit *visit, void *self)
{
	bool damaged = job->result->damaged;

	if (walk(job, true, visit, self))
		return true;
	job->result->damaged = damaged;
	if (!walk(job, false, visit, self))
		return false;
	job->result->damaged = true;
	return true;
}
