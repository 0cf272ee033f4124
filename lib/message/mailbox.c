#include "lib/message/headers.h"

#include "lib/base/text.h"

#include <glib.h>
#include <string.h>

/*
 * The first address of an address list (RFC 5322 section 3.4): display names,
 * comments, groups and source routes are skipped. What does not follow the
 * grammar gives no address rather than a guess.
 */

/* p stands at '('; the place after the comment. */
static const char *
skip_comment(const char *p)
{
	int depth = 0;

	for (; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return p;
}

/* p stands at '"'; copies the quoted string with its quotes. */
static const char *
take_quoted(const char *p, GString *out)
{
	g_string_append_c(out, *p++);
	for (; *p != '\0'; p++) {
		g_string_append_c(out, *p);
		if (*p == '\\' && p[1] != '\0')
			g_string_append_c(out, *++p);
		else if (*p == '"')
			return p + 1;
	}
	return p;
}

/* Copies up to one of the stop characters, without blanks and comments. */
static const char *
take_until(const char *p, const char *stop, GString *out)
{
	while (*p != '\0' && strchr(stop, *p) == NULL) {
		if (*p == '(')
			p = skip_comment(p);
		else if (*p == '"')
			p = take_quoted(p, out);
		else if (*p == '\\' && p[1] != '\0')
			p += 2;
		else if (strchr(" \t\r\n", *p) != NULL)
			p++;
		else
			g_string_append_c(out, *p++);
	}
	return p;
}

/* local@domain, or NULL. */
static char *
check(const GString *address)
{
	g_autofree char *local = NULL;
	g_autofree char *domain = NULL;
	const char *text = address->str;

	if (text[0] == '@' && strchr(text, ':') != NULL)
		text = strchr(text, ':') + 1;
	return ph_split_address(text, &local, &domain) == 1 ? g_strdup(text)
							    : NULL;
}

char *
ph_header_address(const char *raw)
{
	g_autoptr(GString) part = g_string_new(NULL);
	const char *p = raw;

	while (*p != '\0') {
		char *address = NULL;

		g_string_truncate(part, 0);
		p = take_until(p, "<,;:", part);
		if (*p == ':') { /* a group's name came before */
			p++;
			continue;
		}
		if (*p == '<') {
			g_string_truncate(part, 0);
			p = take_until(p + 1, ">", part);
			address = check(part);
			g_string_truncate(part, 0);
			p = take_until(p, ",;", part);
		} else {
			address = check(part);
		}
		if (address != NULL)
			return address;
		if (*p != '\0')
			p++;
	}
	return NULL;
}
