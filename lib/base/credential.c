#include "lib/base/credential.h"

#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LIMIT ((size_t)4096)

/* The first line of a file that is no longer than LIMIT, with NUL; text is to
 * be overwritten. 0, or -1 with errno. */
static int
read_first(const char *path, char text[LIMIT + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return -1;
	/* Room for one more, or for the end of the text. */
	size = ph_file_read(fd, text, LIMIT + 1);
	close(fd);
	if (size < 0)
		return -1;
	if ((size_t)size > LIMIT) {
		errno = EFBIG;
		return -1;
	}
	text[size] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	return 0;
}

static int
read_line(const char *path, GString *line)
{
	const size_t before = line->len;
	char text[LIMIT + 1];

	if (read_first(path, text) == 0 && strchr(text, ':') != NULL)
		g_string_append(line, text);
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
	char text[LIMIT + 1];

	if (read_first(path, text) < 0) {
		explicit_bzero(text, sizeof text);
		return ph_err_set(err, PH_ERR_PERM, "%s: %s", path,
				  g_strerror(errno));
	}
	*password_r = g_strdup(text);
	explicit_bzero(text, sizeof text);
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
