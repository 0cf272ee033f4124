#include "lib/base/credential.h"

#include "lib/base/file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LIMIT ((size_t)4096)

static int
read_line(const char *path, GString *line)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const size_t before = line->len;
	/* Room for one more, or for the end of the text. */
	char text[LIMIT + 1];
	ssize_t size;
	size_t end;

	if (fd < 0)
		return -1;
	size = ph_file_read(fd, text, sizeof text);
	close(fd);
	if (size >= 0 && (size_t)size <= LIMIT) {
		text[size] = '\0';
		end = strcspn(text, "\r\n");
		if (memchr(text, ':', end) != NULL)
			g_string_append_len(line, text, (gssize)end);
	}
	explicit_bzero(text, sizeof text);
	return line->len > before ? 0 : -1;
}

int
ph_credential_read(const char *directory, const char *name, GString *line,
		   struct ph_err *err)
{
	g_autofree char *path =
	    g_build_filename(directory != NULL ? directory : "", name, NULL);

	if (read_line(path, line) == 0)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP,
			  "%s cannot be read, or its first line is not "
			  "user:password",
			  path);
}
