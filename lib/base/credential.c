#include "lib/base/credential.h"

#include <string.h>

#define LIMIT 4096

static int
read_line(const char *path, GString *line)
{
	g_autofree char *text = NULL;
	size_t size, end, before = line->len;

	if (!g_file_get_contents(path, &text, &size, NULL))
		return -1;
	end = strcspn(text, "\r\n");
	if (size <= LIMIT && memchr(text, ':', end) != NULL)
		g_string_append_len(line, text, (gssize)end);
	explicit_bzero(text, size);
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
