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

int
ph_password_read(const char *path, char **password_r, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	char *text;
	size_t size;

	if (!g_file_get_contents(path, &text, &size, &error))
		return ph_err_set(err, PH_ERR_PERM, "%s", error->message);
	*password_r = g_strndup(text, strcspn(text, "\r\n"));
	explicit_bzero(text, size);
	g_free(text);
	if (**password_r != '\0')
		return 0;
	ph_secret_free(password_r);
	return ph_err_set(err, PH_ERR_PERM,
			  "%s: its first line is empty; expected the password",
			  path);
}

char *
ph_secret_plain(const char *identity, const char *user, const char *password)
{
	/* Each with the NUL behind it, the last one for nothing. */
	const char *const parts[] = {identity, user, password};
	size_t size = 0, at = 0;
	char *plain, *encoded;

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
		size += strlen(parts[i]) + 1;
	plain = g_malloc(size);
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		memcpy(plain + at, parts[i], strlen(parts[i]) + 1);
		at += strlen(parts[i]) + 1;
	}
	encoded = g_base64_encode((const guchar *)plain, size - 1);
	explicit_bzero(plain, size);
	g_free(plain);
	return encoded;
}

void
ph_secret_free(char **secret)
{
	if (*secret == NULL)
		return;
	explicit_bzero(*secret, strlen(*secret));
	g_clear_pointer(secret, g_free);
}
