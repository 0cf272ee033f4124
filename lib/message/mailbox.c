#include "lib/message/headers.h"

#include "lib/base/text.h"

#include <glib.h>
#include <string.h>

/*
 * Addresses of an address list (RFC 5322 section 3.4): display names, comments,
 * names of groups and source routes are skipped. What does not follow the
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

/* May it stand before the '@' without quotes (RFC 5322 section 3.2.3)? */
static bool
is_dot_atom(const char *text)
{
	const char *p = text;

	for (; *p != '\0'; p++)
		if (*p == '.' ? p == text || p[1] == '.' || p[1] == '\0'
			      : (unsigned char)*p <= ' ' || *p == 0x7f ||
				    strchr("()<>[]:;@\\,\"", *p) != NULL)
			return false;
	return p > text;
}

/* '"bob"@x.test' and '"b\ob"@x.test' are bob@x.test (RFC 5321 section 4.1.2),
 * and so is "bob@x.test."; g_free. */
static char *
spell(const char *address)
{
	const char *at = strrchr(address, '@');
	g_autoptr(GString) local = g_string_new(NULL);
	g_autofree char *domain = g_strdup(at);
	size_t size = strlen(domain);

	if (size > 2 && domain[size - 1] == '.')
		domain[size - 1] = '\0';
	for (const char *p = address; p < at; p++) {
		if (*p == '"')
			continue;
		p += *p == '\\' && p + 1 < at;
		g_string_append_c(local, *p);
	}
	if (!is_dot_atom(local->str)) {
		g_string_truncate(local, 0);
		g_string_append_len(local, address, at - address);
	}
	return g_strconcat(local->str, domain, NULL);
}

/* local@domain, or NULL. */
static char *
check(const GString *address)
{
	const char *text = address->str;

	if (text[0] == '@' && strchr(text, ':') != NULL)
		text = strchr(text, ':') + 1;
	return ph_address_domain(text) != NULL ? spell(text) : NULL;
}

/*
 * Reads on to the end of the next mailbox, whose address is then in part: as
 * it was written, empty where a list has nothing between two separators.
 * Returns the place after it.
 */
static const char *
next_mailbox(const char *p, GString *part)
{
	g_autoptr(GString) rest = g_string_new(NULL);

	g_string_truncate(part, 0);
	while (*(p = take_until(p, "<,;:", part)) == ':') {
		/* a group's name came before */
		g_string_truncate(part, 0);
		p++;
	}
	if (*p == '<') {
		g_string_truncate(part, 0);
		p = take_until(p + 1, ">", part);
		p = take_until(p, ",;", rest);
	}
	return *p != '\0' ? p + 1 : p;
}

char *
ph_header_address(const char *raw)
{
	g_autoptr(GString) part = g_string_new(NULL);
	const char *p = raw;

	while (*p != '\0') {
		char *address;

		p = next_mailbox(p, part);
		address = check(part);
		if (address != NULL)
			return address;
	}
	return NULL;
}

void
ph_header_addresses(const char *raw, GPtrArray *addresses)
{
	g_autoptr(GString) part = g_string_new(NULL);
	const char *p = raw;

	while (*p != '\0') {
		char *address;

		p = next_mailbox(p, part);
		address = check(part);
		if (address != NULL)
			g_ptr_array_add(addresses, address);
		else if (part->len > 0)
			g_ptr_array_add(addresses, g_strdup(part->str));
	}
}

void
ph_headers_addresses(struct ph_headers *headers, const char *name,
		     GPtrArray *addresses)
{
	size_t n = ph_headers_count(headers);

	for (size_t i = ph_headers_find(headers, name, 0); i < n;
	     i = ph_headers_find(headers, name, i + 1))
		ph_header_addresses(ph_headers_at(headers, i)->value,
				    addresses);
}
