#include "lib/smtp/lmtp_private.h"

#include <string.h>

/* The end of a path: the first '>' outside a quoted string, or NULL. */
static const char *
path_end(const char *text)
{
	bool quoted = false;

	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (*text == '"')
			quoted = !quoted;
		else if (*text == '>' && !quoted)
			return text;
		else if (!quoted && (*text == ' ' || *text == '<'))
			return NULL;
	}
	return NULL;
}

/* RFC 5321 section 4.1.1.3: "@a,@b:user@c" is user@c, routes are ignored. */
static const char *
skip_route(const char *path, const char *end)
{
	const char *colon;

	if (*path != '@')
		return path;
	colon = memchr(path, ':', (size_t)(end - path));
	return colon ? colon + 1 : NULL;
}

static bool
has_control(const char *text, const char *end)
{
	for (; text < end; text++)
		if (g_ascii_iscntrl(*text))
			return true;
	return false;
}

int
ph_lmtp_path(const char *text, const char *keyword, GString *address,
	     const char **rest_r)
{
	size_t n = strlen(keyword);
	const char *end, *path;

	g_string_truncate(address, 0);
	if (g_ascii_strncasecmp(text, keyword, n) != 0)
		return 0;
	/* Blanks behind the colon are wrong, common and harmless. */
	for (text += n; *text == ' '; text++)
		;
	if (*text++ != '<')
		return 0;
	end = path_end(text);
	if (!end || (end[1] && end[1] != ' '))
		return 0;
	path = skip_route(text, end);
	if (!path || has_control(path, end) ||
	    !g_utf8_validate(path, end - path, NULL))
		return 0;
	g_string_append_len(address, path, end - path);
	*rest_r = end + 1;
	return 1;
}

void
ph_lmtp_split(const char *text, GPtrArray *params)
{
	g_ptr_array_set_size(params, 0);
	while (*text) {
		size_t n = strcspn(text, " \t");

		if (n > 0)
			g_ptr_array_add(params, g_strndup(text, n));
		text += n;
		text += strspn(text, " \t");
	}
	g_ptr_array_add(params, NULL);
}
