#include "lib/directory/ldap_text.h"
#include "lib/base/text.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* A distinguished name of more parts is an attack on whoever compares. */
#define PARTS_LIMIT 256

char *
ph_ldap_escape_filter(const char *value)
{
	GString *out = g_string_new(NULL);

	for (const char *p = value; *p != '\0'; p++) {
		const unsigned char c = (unsigned char)*p;

		if (c < ' ' || c >= 0x7f || strchr("*()\\", c) != NULL)
			g_string_append_printf(out, "\\%02x", c);
		else
			g_string_append_c(out, *p);
	}
	return g_string_free(out, FALSE);
}

char *
ph_ldap_escape_dn(const char *value)
{
	const size_t n = strlen(value);
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)value[i];
		const bool edge = (i == 0 && (c == ' ' || c == '#')) ||
				  (i == n - 1 && c == ' ');

		if (c < ' ' || c == 0x7f)
			g_string_append_printf(out, "\\%02x", c);
		else if (edge || strchr("\"+,;<=>\\", c) != NULL)
			g_string_append_printf(out, "\\%c", c);
		else
			g_string_append_c(out, (char)c);
	}
	return g_string_free(out, FALSE);
}

/* ---- reading a distinguished name --------------------------------------- */

static const char *
skip_blanks(const char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

/* "cn" or "2.5.4.3", and the equals sign. NULL: neither. */
static const char *
read_type(const char *p, GString *type)
{
	g_string_truncate(type, 0);
	for (p = skip_blanks(p);
	     g_ascii_isalnum(*p) || *p == '-' || *p == '.' || *p == ';'; p++)
		g_string_append_c(type, g_ascii_tolower(*p));
	p = skip_blanks(p);
	return type->len > 0 && *p == '=' ? p + 1 : NULL;
}

/* After the backslash: two hexadecimal digits, or the character itself. */
static const char *
read_escape(const char *p, GString *value)
{
	const int byte = ph_hex_byte(p);

	/* No value of ours holds NUL. */
	if (byte == 0)
		return NULL;
	if (byte > 0) {
		g_string_append_c(value, (char)byte);
		return p + 2;
	}
	if (*p == '\0' || strchr(" \"#+,;<=>\\", *p) == NULL)
		return NULL;
	g_string_append_c(value, *p);
	return p + 1;
}

/* Up to the separator. NULL: an escape, or what follows, is wrong. */
static const char *
read_value(const char *p, GString *value)
{
	size_t keep = 0; /* blanks behind this are not part of it */

	g_string_truncate(value, 0);
	for (p = skip_blanks(p); *p != '\0' && strchr(",;+", *p) == NULL;) {
		const bool blank = *p == ' ';

		if (*p == '"')
			return NULL; /* RFC 1779's quotes: nobody sends them */
		if (*p != '\\') {
			g_string_append_c(value, *p++);
		} else {
			p = read_escape(p + 1, value);
			if (p == NULL)
				return NULL;
		}
		if (!blank)
			keep = value->len;
	}
	g_string_truncate(value, keep);
	return g_utf8_validate(value->str, (gssize)value->len, NULL) ? p : NULL;
}

static void
append_part(GString *out, const GString *type, const GString *value)
{
	g_autofree char *folded = ph_fold(value->str);
	g_autofree char *escaped = ph_ldap_escape_dn(folded);

	g_string_append_printf(out, "%s=%s", type->str, escaped);
}

char *
ph_ldap_dn_canonical(const char *dn)
{
	g_autoptr(GString) type = g_string_new(NULL);
	g_autoptr(GString) value = g_string_new(NULL);
	g_autoptr(GString) out = g_string_new(NULL);
	const char *p = dn;

	for (unsigned parts = 0; parts < PARTS_LIMIT; parts++) {
		p = read_type(p, type);
		if (p != NULL)
			p = read_value(p, value);
		if (p == NULL)
			return NULL;
		append_part(out, type, value);
		if (*p == '\0')
			return g_string_free(g_steal_pointer(&out), FALSE);
		g_string_append_c(out, *p == '+' ? '+' : ',');
		p++;
	}
	return NULL;
}

char *
ph_ldap_dn_first(const char *dn)
{
	g_autoptr(GString) type = g_string_new(NULL);
	g_autoptr(GString) value = g_string_new(NULL);
	const char *p = read_type(dn, type);

	if (p == NULL || read_value(p, value) == NULL)
		return NULL;
	return g_string_free(g_steal_pointer(&value), FALSE);
}

/* ---- ranges ------------------------------------------------------------- */

int
ph_ldap_range_parse(const char *attribute, char **name_r, char **next_r)
{
	static const char option[] = ";range=";
	const char *semicolon = strchr(attribute, ';'), *p;
	char *end;
	guint64 last;

	if (semicolon == NULL || semicolon == attribute ||
	    g_ascii_strncasecmp(semicolon, option, strlen(option)) != 0)
		return 0;
	p = semicolon + strlen(option);
	if (!g_ascii_isdigit(*p))
		return 0;
	(void)g_ascii_strtoull(p, &end, 10);
	if (*end != '-')
		return 0;
	p = end + 1;
	*next_r = NULL;
	if (strcmp(p, "*") != 0) {
		if (!g_ascii_isdigit(*p))
			return 0;
		last = g_ascii_strtoull(p, &end, 10);
		if (*end != '\0' || last >= G_MAXUINT32)
			return 0;
		*next_r = g_strdup_printf("%.*s;range=%" G_GUINT64_FORMAT "-*",
					  (int)(semicolon - attribute),
					  attribute, last + 1);
	}
	*name_r = g_strndup(attribute, (gsize)(semicolon - attribute));
	return 1;
}
