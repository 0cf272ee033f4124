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
