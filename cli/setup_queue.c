#include "cli/setup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Whether queue files name a transport. A queue file begins with a record 'C'
 * (its length, then decimal numbers: size of the content, where that begins,
 * ...); what says where mail goes stands before the content, behind any number
 * of recipients, or behind it, where cleanup(8) also puts what a milter has
 * made of the content. So that is read to its end, in parts; the content is
 * passed over, which may be large.
 */
#define PART ((size_t)(1 << 20))

struct search {
	GPtrArray *words; /* "transport:", as the record begins */
	bool *named;	  /* of each: it was found */
	size_t longest;	  /* of the words */
	char *data;	  /* a part, behind what may begin a word */
};

/* Twice: what is tried again goes back to the first. */
static const char *const queues[] = {"incoming", "active", "deferred", "hold",
				     "incoming", "active", "deferred"};

static void
look_for_all(const struct search *s, size_t size)
{
	for (guint i = 0; i < s->words->len; i++) {
		const char *word = s->words->pdata[i];

		if (!s->named[i])
			s->named[i] =
			    memmem(s->data, size, word, strlen(word)) != NULL;
	}
}

/* Of one end of a file. */
static int
search(const struct search *s, FILE *file, off_t from, off_t end)
{
	size_t kept = 0, n;

	if (fseeko(file, from, SEEK_SET) != 0)
		return -1;
	while (from < end &&
	       (n = fread(s->data + kept, 1, MIN(PART, (size_t)(end - from)),
			  file)) > 0) {
		from += (off_t)n;
		n += kept;
		look_for_all(s, n);
		kept = MIN(n, s->longest);
		memmove(s->data, s->data + n - kept, kept);
	}
	return ferror(file) ? -1 : 0;
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
	    begin < 0 || begin > INT64_MAX - size)
		return false;
	*begin_r = (off_t)begin;
	*end_r = (off_t)(begin + size);
	return true;
}

/* A file that is gone has been delivered. */
static int
search_file(const struct search *s, const char *path, struct ph_err *err)
{
	FILE *file = fopen(path, "re");
	off_t begin, end;
	int r = 0;

	if (file == NULL && errno == ENOENT)
		return 0;
	if (file != NULL && find_content(file, &begin, &end)) {
		r = search(s, file, 0, begin);
		if (r == 0)
			r = search(s, file, end, INT64_MAX);
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
search_directory(const struct search *s, const char *path, int depth,
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
			r = search_file(s, below, err);
		else if (depth > 0)
			r = search_directory(s, below, depth - 1, err);
	}
	g_dir_close(dir);
	return r;
}

int
ph_postfix_queue_names(const char *queue_directory,
		       const char *const *transports, bool *named_r,
		       struct ph_err *err)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *data = NULL;
	struct search s = {.words = words, .named = named_r};
	int r = 0;

	for (guint i = 0; transports[i] != NULL; i++) {
		char *word = g_strconcat(transports[i], ":", NULL);

		named_r[i] = false;
		s.longest = MAX(s.longest, strlen(word));
		g_ptr_array_add(words, word);
	}
	data = g_malloc(PART + s.longest);
	s.data = data;
	for (size_t i = 0; i < G_N_ELEMENTS(queues) && r == 0; i++) {
		g_autofree char *path =
		    g_build_filename(queue_directory, queues[i], NULL);

		r = search_directory(&s, path, 3, err);
	}
	return r;
}
