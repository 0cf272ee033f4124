#include "cli/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Whether queue files name a transport. A queue file begins with a record 'C'
 * (its length, then decimal numbers: size of the content, where that begins,
 * ...); what says where mail goes stands before the content or behind it, so
 * the content is passed over, which may be large.
 */
#define PART ((size_t)(1 << 20))

/* Twice: what is tried again goes back to the first. */
static const char *const queues[] = {"incoming", "active", "deferred", "hold",
				     "incoming", "active", "deferred"};

/* Of one end of a file, from here at most so much. */
static int
search(FILE *file, off_t from, size_t size, const char *words)
{
	g_autofree char *data = NULL;
	size_t n;

	if (fseeko(file, from, SEEK_SET) != 0)
		return -1;
	data = g_malloc(size);
	n = fread(data, 1, size, file);
	if (ferror(file))
		return -1;
	return memmem(data, n, words, strlen(words)) != NULL;
}

/* Where the content begins and ends; false: this is no queue file that has
 * all. */
static bool
find_content(FILE *file, off_t *begin_r, off_t *end_r)
{
	char head[64];
	long long size, begin;

	if (fread(head, 1, sizeof head - 1, file) != sizeof head - 1 ||
	    head[0] != 'C')
		return false;
	head[sizeof head - 1] = '\0';
	if (sscanf(head + 2, "%lld %lld", &size, &begin) != 2 || size < 0 ||
	    begin < 0)
		return false;
	*begin_r = (off_t)begin;
	*end_r = (off_t)(begin + size);
	return true;
}

/* 1, 0, -1. A file that is gone has been delivered. */
static int
file_names(const char *path, const char *words, struct ph_err *err)
{
	FILE *file = fopen(path, "re");
	off_t begin, end;
	int r = 0;

	if (file == NULL && errno == ENOENT)
		return 0;
	if (file != NULL && find_content(file, &begin, &end)) {
		r = search(file, 0, MIN((size_t)begin, PART), words);
		if (r == 0)
			r = search(file, end, PART, words);
	}
	if (file == NULL || r < 0)
		r = ph_err_set(err, PH_ERR_TEMP, "%s: %s", path,
			       g_strerror(errno));
	if (file != NULL)
		(void)fclose(file);
	return r;
}

/* deferred and hold have directories of their own below them. */
static int
directory_names(const char *path, const char *words, int depth,
		struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	GDir *dir = g_dir_open(path, 0, &error);
	const char *name;
	int r = 0;

	if (dir == NULL)
		return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)
			   ? 0
			   : ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	while (r == 0 && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		if (!g_file_test(below, G_FILE_TEST_IS_DIR))
			r = file_names(below, words, err);
		else if (depth > 0)
			r = directory_names(below, words, depth - 1, err);
	}
	g_dir_close(dir);
	return r;
}

int
ph_postfix_queue_names(const char *queue_directory, const char *transport,
		       struct ph_err *err)
{
	/* The record is "transport:nexthop". */
	g_autofree char *words = g_strconcat(transport, ":", NULL);
	int r = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(queues) && r == 0; i++) {
		g_autofree char *path =
		    g_build_filename(queue_directory, queues[i], NULL);

		r = directory_names(path, words, 3, err);
	}
	return r;
}
