#include "lib/track/files.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SUFFIX ".LOG"

const char *const ph_track_prefixes[] = {"MSGTRK", "MSGTRKMA", "MSGTRKMD",
					 "MSGTRKMS", NULL};

static const char *
find_prefix(const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; ph_track_prefixes[i]; i++) {
		size_t n = strlen(ph_track_prefixes[i]);

		if (strncmp(name, ph_track_prefixes[i], n) == 0 &&
		    g_ascii_isdigit(name[n]))
			found = ph_track_prefixes[i];
	}
	return found;
}

bool
ph_track_file_parse(const char *name, struct ph_track_file *file_r)
{
	const char *prefix = find_prefix(name);
	const char *digits;
	char *end;
	size_t n;

	if (!prefix)
		return false;
	digits = name + strlen(prefix);
	n = strspn(digits, "0123456789");
	if ((n != 8 && n != 10) || digits[n] != '-' ||
	    !g_ascii_isdigit(digits[n + 1]))
		return false;
	file_r->name = (char *)name;
	file_r->prefix = prefix;
	file_r->hour = g_ascii_strtoll(digits, NULL, 10) * (n == 8 ? 100 : 1);
	file_r->number = g_ascii_strtoll(digits + n + 1, &end, 10);
	return end - (digits + n + 1) <= 9 &&
	       g_ascii_strcasecmp(end, SUFFIX) == 0;
}

char *
ph_track_file_name(const char *prefix, int64_t hour, int64_t number)
{
	return g_strdup_printf("%s%010" G_GINT64_FORMAT
			       "-%" G_GINT64_FORMAT SUFFIX,
			       prefix, hour, number);
}

int64_t
ph_track_file_hour(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return ((tm.tm_year + INT64_C(1900)) * 10000 +
		(tm.tm_mon + 1) * INT64_C(100) + tm.tm_mday) *
		   100 +
	       tm.tm_hour;
}

static gint
compare_files(gconstpointer a, gconstpointer b)
{
	const struct ph_track_file *x = *(const struct ph_track_file *const *)a;
	const struct ph_track_file *y = *(const struct ph_track_file *const *)b;

	if (x->hour != y->hour)
		return x->hour < y->hour ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return strcmp(x->prefix, y->prefix);
}

static void
free_file(gpointer data)
{
	struct ph_track_file *file = data;

	g_free(file->name);
	g_free(file);
}

int
ph_track_files_list(const char *directory, const char *prefix,
		    GPtrArray **files_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(free_file);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(directory, 0, &error);
	const char *name;

	if (!dir && !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		struct ph_track_file file;

		if (!ph_track_file_parse(name, &file) ||
		    (prefix && strcmp(prefix, file.prefix) != 0))
			continue;
		file.name = g_strdup(name);
		g_ptr_array_add(files, g_memdup2(&file, sizeof file));
	}
	g_ptr_array_sort(files, compare_files);
	*files_r = g_steal_pointer(&files);
	return 0;
}
