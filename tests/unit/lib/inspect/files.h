#ifndef TEST_INSPECT_FILES_H
#define TEST_INSPECT_FILES_H

#include "lib/inspect/walk.h"
#include "tests/unit/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

/* Files to be looked into, made by libarchive, and what was found in them. */

struct file {
	const char *name;
	const void *data;
	size_t size;
	const char *link; /* NULL: a file */
};

/* A program for Windows that does nothing. */
#define PROGRAM                                                              \
	"MZ\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"     \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\100\0\0\0" \
	"PE\0\0\x4c\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe0\0\2\1"
#define PROGRAM_SIZE (sizeof PROGRAM - 1)

static inline void
add_file(struct archive *a, const struct file *file)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, file->name);
	archive_entry_set_filetype(entry,
				   file->link != NULL ? AE_IFLNK : AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	if (file->link != NULL)
		archive_entry_set_symlink(entry, file->link);
	archive_entry_set_size(entry, (la_int64_t)file->size);
	ck_assert_int_eq(archive_write_header(a, entry), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_data(a, file->data, file->size),
			 (la_ssize_t)file->size);
	archive_entry_free(entry);
}

/* format: libarchive's name; filter: its name or NULL; password: NULL is
 * none. */
static inline GByteArray *
make_archive(const char *format, const char *filter, const char *password,
	     const struct file *files, size_t n)
{
	size_t room = 4096, used = 0;
	GByteArray *bytes = g_byte_array_new();
	struct archive *a = archive_write_new();

	for (size_t i = 0; i < n; i++)
		room += 2 * files[i].size + 4096;
	g_byte_array_set_size(bytes, (guint)MAX(room, (size_t)1 << 20));
	ck_assert_int_eq(archive_write_set_format_by_name(a, format),
			 ARCHIVE_OK);
	if (filter != NULL)
		ck_assert_int_eq(archive_write_add_filter_by_name(a, filter),
				 ARCHIVE_OK);
	if (password != NULL) {
		ck_assert_int_eq(
		    archive_write_set_options(a, "zip:encryption=aes256"),
		    ARCHIVE_OK);
		archive_write_set_passphrase(a, password);
	}
	archive_write_set_bytes_in_last_block(a, 1);
	ck_assert_int_eq(
	    archive_write_open_memory(a, bytes->data, bytes->len, &used),
	    ARCHIVE_OK);
	for (size_t i = 0; i < n; i++)
		add_file(a, &files[i]);
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	g_byte_array_set_size(bytes, (guint)used);
	return bytes;
}

/* ---- what is found ------------------------------------------------------- */

static inline bool
keep(void *context, struct ph_walked *walked)
{
	g_ptr_array_add(context, walked);
	return true;
}

/* Each file as "path type flags;", the attachment last; g_free. */
static inline char *
describe(const GPtrArray *files)
{
	GString *all = g_string_new(NULL);

	for (guint i = 0; i < files->len; i++) {
		const struct ph_walked *walked = files->pdata[i];
		g_autofree char *flags = ph_walked_flag_names(walked->flags);

		g_string_append_printf(all, "%s [%s] %s;", walked->path,
				       walked->type, flags);
	}
	return g_string_free(all, FALSE);
}

/* g_ptr_array_unref. */
static inline GPtrArray *
look_into(const struct ph_walk_source *source,
	  const struct ph_walk_limits *limits)
{
	GPtrArray *files = g_ptr_array_new_with_free_func(ph_walked_free);
	struct ph_types *types = ph_types_open(NULL);
	struct ph_walk *walk;
	/* Of the exact size, so that a sanitizer sees every byte too far. */
	g_autofree void *copy = g_memdup2(source->data, source->size);
	struct ph_walk_source exact = *source;

	ck_assert_ptr_nonnull(types);
	exact.data = copy;
	walk = ph_walk_new(types, limits, keep, files);
	ck_assert(ph_walk_run(walk, &exact));
	ph_walk_free(&walk);
	ph_types_close(&types);
	return files;
}

static inline GPtrArray *
look_bytes(const char *name, const GByteArray *bytes,
	   const struct ph_walk_limits *limits)
{
	return look_into(&(struct ph_walk_source){.name = name,
						  .data = bytes->data,
						  .size = bytes->len},
			 limits);
}

/* The one of that path; a test fails if there is none. */
static inline const struct ph_walked *
file_at(const GPtrArray *files, const char *path)
{
	g_autofree char *all = NULL;

	for (guint i = 0; i < files->len; i++) {
		const struct ph_walked *walked = files->pdata[i];

		if (strcmp(walked->path, path) == 0)
			return walked;
	}
	all = describe(files);
	ck_abort_msg("no %s in %s", path, all);
	return NULL;
}

static inline size_t
count_at(const GPtrArray *files, const char *path)
{
	size_t n = 0;

	for (guint i = 0; i < files->len; i++) {
		const struct ph_walked *walked = files->pdata[i];

		n += strcmp(walked->path, path) == 0;
	}
	return n;
}

#endif
