#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

int
ph_file_write(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

ssize_t
ph_file_read(int fd, void *buffer, size_t size)
{
	char *p = buffer;
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, p + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int
ph_file_unnamed(int directory)
{
	return openat(directory, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
}

int
ph_file_name(int fd, int directory, const char *name)
{
	char path[32];

	/* By its descriptor alone it would need a capability. */
	g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
}

char *
ph_file_share(const char *name)
{
	g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *where =
	    program != NULL ? g_path_get_dirname(program) : g_strdup(".");

	return g_build_filename(where, "..", "share", "posthub", name, NULL);
}

int
ph_file_sync_entry(const char *path)
{
	g_autofree char *directory = g_path_get_dirname(path);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r, saved;

	if (fd < 0)
		return -1;
	r = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

int
ph_file_lines(const char *path, char ***lines_r, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	g_auto(GStrv) all = NULL;
	GPtrArray *lines;

	if (!g_file_get_contents(path, &text, NULL, &error) &&
	    !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	all = g_strsplit(text != NULL ? text : "", "\n", -1);
	lines = g_ptr_array_new();
	for (char **line = all; *line != NULL; line++)
		if (**line != '\0')
			g_ptr_array_add(lines, g_strdup(*line));
	g_ptr_array_add(lines, NULL);
	*lines_r = (char **)g_ptr_array_free(lines, FALSE);
	return 0;
}

int
ph_file_replace(const char *path, const char *text, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;

	if (g_file_set_contents_full(path, text, -1,
				     G_FILE_SET_CONTENTS_CONSISTENT |
					 G_FILE_SET_CONTENTS_DURABLE,
				     0600, &error))
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
}
