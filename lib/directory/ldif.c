#include "lib/directory/ldif.h"
#include "lib/directory/ldap_text.h"

#include <stdarg.h>
#include <string.h>

struct ph_ldif {
	GHashTable *attributes; /* that are kept, in lower case */
	GString *input;
	size_t at;     /* in input */
	size_t number; /* of the line at it, from 1 */
	bool ended;

	/* The logical line, unfolded. */
	GString *line;
	bool has_line, at_start, overlong;
	size_t line_number;

	/* The record. */
	struct ph_ldap_entry *entry;
	char *change;
	size_t first; /* line; 0: nothing of it yet */
	size_t size;
	bool skip; /* what is left of it does not matter */
	bool told; /* the next call begins another */
	struct ph_err wrong;
};

struct ph_ldif *
ph_ldif_new(const char *const *attributes)
{
	struct ph_ldif *ldif = g_new0(struct ph_ldif, 1);

	ldif->attributes =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (; *attributes != NULL; attributes++)
		g_hash_table_add(ldif->attributes,
				 g_ascii_strdown(*attributes, -1));
	ldif->input = g_string_new(NULL);
	ldif->line = g_string_new(NULL);
	ldif->number = 1;
	ldif->at_start = true;
	return ldif;
}

void
ph_ldif_free(struct ph_ldif **ldif)
{
	if (*ldif == NULL)
		return;
	g_hash_table_destroy((*ldif)->attributes);
	g_string_free((*ldif)->input, TRUE);
	g_string_free((*ldif)->line, TRUE);
	ph_ldap_entry_free((*ldif)->entry);
	g_free((*ldif)->change);
	g_free(*ldif);
	*ldif = NULL;
}

void
ph_ldif_feed(struct ph_ldif *ldif, const void *data, size_t size)
{
	g_string_erase(ldif->input, 0, (gssize)ldif->at);
	ldif->at = 0;
	g_string_append_len(ldif->input, data, (gssize)size);
}

void
ph_ldif_end(struct ph_ldif *ldif)
{
	ldif->ended = true;
}

/* ---- values ------------------------------------------------------------- */

static void refuse(struct ph_ldif *ldif, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* The first that is wrong with a record is what is said of it. */
static void
refuse(struct ph_ldif *ldif, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	if (ldif->wrong.kind != PH_ERR_NONE)
		return;
	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	ph_err_set(&ldif->wrong, PH_ERR_PERM, "line %zu: %s", ldif->line_number,
		   what);
	ldif->skip = true;
}

/* RFC 4648 without white space: g_base64_decode takes anything. */
static bool
is_base64(const char *text)
{
	const size_t n = strlen(text);
	const size_t used = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "abcdefghijklmnopqrstuvwxyz"
					 "0123456789+/");

	return n % 4 == 0 && n - used <= 2 &&
	       strspn(text + used, "=") == n - used;
}

/* What stands behind the attribute's colon. NULL: refused. */
static char *
read_value(struct ph_ldif *ldif, const char *name, const char *p,
	   size_t *size_r)
{
	if (*p == '<') {
		refuse(ldif, "%s is a URL; expected the value itself", name);
		return NULL;
	}
	if (*p != ':') {
		p += strspn(p, " ");
		*size_r = strlen(p);
		return g_strdup(p);
	}
	p += 1 + strspn(p + 1, " ");
	if (!is_base64(p)) {
		refuse(ldif,
		       "%s is not base64, or cut off; expected groups of "
		       "four characters",
		       name);
		return NULL;
	}
	/* GLib takes an empty text for an error. */
	if (*p == '\0') {
		*size_r = 0;
		return g_strdup("");
	}
	return (char *)g_base64_decode(p, size_r);
}

static bool
is_text(const char *value, size_t size)
{
	return size == 0 || g_utf8_validate(value, (gssize)size, NULL);
}

/* ---- lines -------------------------------------------------------------- */

static bool
is_wanted(const struct ph_ldif *ldif, const char *attribute)
{
	g_autofree char *lower = g_ascii_strdown(attribute, -1);

	return g_hash_table_contains(ldif->attributes, lower);
}

/* "member" of "member;range=0-*", the whole of it; other options (languages,
 * "binary") are of no use to us. NULL: not wanted, or refused. */
static char *
wanted_name(struct ph_ldif *ldif, const char *attribute)
{
	g_autofree char *name = NULL, *next = NULL;

	if (strchr(attribute, ';') == NULL)
		return is_wanted(ldif, attribute) ? g_strdup(attribute) : NULL;
	if (ph_ldap_range_parse(attribute, &name, &next) != 1 ||
	    !is_wanted(ldif, name))
		return NULL;
	if (next == NULL && strstr(attribute, "=0-") != NULL)
		return g_steal_pointer(&name);
	refuse(ldif,
	       "%s is a part of the values; expected all of them, from a tool "
	       "that asks for the rest",
	       attribute);
	return NULL;
}

static void
take_attribute(struct ph_ldif *ldif, const char *attribute, const char *p)
{
	g_autofree char *name = wanted_name(ldif, attribute);
	g_autofree char *value = NULL;
	size_t size = 0;

	if (name == NULL)
		return;
	if (ldif->overlong) {
		refuse(ldif, "%s is longer than 1 MB", name);
		return;
	}
	value = read_value(ldif, name, p, &size);
	if (value == NULL)
		return;
	ldif->size += size;
	if (!is_text(value, size))
		refuse(ldif, "%s is not UTF-8; expected text", name);
	else if (ldif->size > PH_LDIF_RECORD_LIMIT)
		refuse(ldif, "the record is longer than 64 MB");
	else
		ph_ldap_entry_add(ldif->entry, name, value, size);
}

static void
take_change(struct ph_ldif *ldif, const char *p)
{
	size_t size;
	g_autofree char *change = read_value(ldif, "changetype", p, &size);

	if (change == NULL || g_ascii_strcasecmp(change, "add") == 0)
		return;
	ldif->change = g_steal_pointer(&change);
	ldif->skip = true;
}

/* The first line of a record. ldapsearch ends with "search: 2" and "result: 0
 * Success", which is no entry. */
static void
take_name(struct ph_ldif *ldif, const char *attribute, const char *p)
{
	g_autofree char *dn = NULL;
	size_t size = 0;

	if (g_ascii_strcasecmp(attribute, "version") == 0) {
		ldif->first = 0;
		return;
	}
	if (g_ascii_strcasecmp(attribute, "search") == 0 ||
	    g_ascii_strcasecmp(attribute, "result") == 0 ||
	    g_ascii_strcasecmp(attribute, "ref") == 0) {
		ldif->skip = true;
		return;
	}
	if (g_ascii_strcasecmp(attribute, "dn") != 0) {
		refuse(ldif, "found \"%.40s\"; expected dn: first", attribute);
		return;
	}
	if (ldif->overlong) {
		refuse(ldif, "dn is longer than 1 MB");
		return;
	}
	dn = read_value(ldif, "dn", p, &size);
	if (dn != NULL && !is_text(dn, size))
		refuse(ldif, "dn is not UTF-8; expected text");
	else if (dn != NULL)
		ldif->entry = ph_ldap_entry_new(dn);
}

static void
take_pair(struct ph_ldif *ldif)
{
	char *text = ldif->line->str, *colon = strchr(text, ':');
	g_autofree char *attribute = NULL;

	if (colon == NULL || colon == text || *text == ' ') {
		refuse(ldif, "no attribute; expected \"attribute: value\"");
		return;
	}
	attribute = g_strndup(text, (gsize)(colon - text));
	if (ldif->entry == NULL)
		take_name(ldif, attribute, colon + 1);
	else if (g_ascii_strcasecmp(attribute, "changetype") == 0)
		take_change(ldif, colon + 1);
	else
		take_attribute(ldif, attribute, colon + 1);
}

static void
take_line(struct ph_ldif *ldif)
{
	const GString *line = ldif->line;

	ldif->has_line = false;
	if (line->len > 0 && line->str[0] == '#')
		return;
	if (ldif->first == 0)
		ldif->first = ldif->line_number;
	if (ldif->skip)
		return;
	if (memchr(line->str, '\0', line->len) != NULL)
		refuse(ldif, "holds a NUL byte; expected base64");
	else
		take_pair(ldif);
}

/* ---- records ------------------------------------------------------------ */

static void
begin_record(struct ph_ldif *ldif)
{
	ph_ldap_entry_free(ldif->entry);
	ldif->entry = NULL;
	g_clear_pointer(&ldif->change, g_free);
	ldif->first = 0;
	ldif->size = 0;
	ldif->skip = ldif->told = false;
	ldif->wrong = (struct ph_err)PH_ERR_INIT;
}

static int
finish(struct ph_ldif *ldif, struct ph_ldif_record *record_r,
       struct ph_err *err)
{
	ldif->told = true;
	record_r->entry = ldif->entry;
	record_r->change = ldif->change;
	record_r->line = ldif->first;
	return ldif->wrong.kind == PH_ERR_NONE
		   ? 1
		   : ph_err_set(err, ldif->wrong.kind, "%s", ldif->wrong.text);
}

/* The record ends. false: there was none. */
static bool
is_record(struct ph_ldif *ldif)
{
	if (ldif->first != 0 &&
	    (ldif->entry != NULL || ldif->wrong.kind != PH_ERR_NONE))
		return true;
	begin_record(ldif);
	return false;
}

/* Up to the line's end, as far as it was fed. */
static void
take_rest(struct ph_ldif *ldif)
{
	GString *line = ldif->line;
	const char *p = ldif->input->str + ldif->at;
	const size_t left = ldif->input->len - ldif->at;
	const char *end = memchr(p, '\n', left);
	size_t n = end != NULL ? (size_t)(end - p) : left;
	const size_t room =
	    PH_LDIF_LINE_LIMIT - MIN(line->len, PH_LDIF_LINE_LIMIT);

	ldif->overlong = ldif->overlong || n > room;
	g_string_append_len(line, p, (gssize)MIN(n, room));
	ldif->at += n;
	if (end == NULL)
		return;
	if (line->len > 0 && line->str[line->len - 1] == '\r')
		g_string_truncate(line, line->len - 1);
	ldif->at++;
	ldif->number++;
	ldif->at_start = true;
}

/* At the start of a line: 1: an empty one; 0: not; -1: feed more. */
static int
see_empty(struct ph_ldif *ldif)
{
	const char *p = ldif->input->str + ldif->at;
	const size_t left = ldif->input->len - ldif->at;

	if (*p == '\r' && left == 1 && !ldif->ended)
		return -1;
	if (*p != '\n' && (*p != '\r' || (left > 1 && p[1] != '\n')))
		return 0;
	ldif->at += *p == '\r' ? MIN(left, 2) : 1;
	ldif->number++;
	return 1;
}

static void
begin_line(struct ph_ldif *ldif)
{
	g_string_truncate(ldif->line, 0);
	ldif->has_line = true;
	ldif->overlong = false;
	ldif->line_number = ldif->number;
}

/* 1: an empty line; 0: go on; -1: feed more. */
static int
start_line(struct ph_ldif *ldif)
{
	int r;

	if (ldif->has_line && ldif->input->str[ldif->at] == ' ') {
		ldif->at++;
		ldif->at_start = false;
		return 0;
	}
	r = see_empty(ldif);
	if (r < 0)
		return -1;
	if (ldif->has_line)
		take_line(ldif);
	if (r == 0) {
		begin_line(ldif);
		ldif->at_start = false;
	}
	return r;
}

int
ph_ldif_next(struct ph_ldif *ldif, struct ph_ldif_record *record_r,
	     struct ph_err *err)
{
	if (ldif->told)
		begin_record(ldif);
	while (ldif->at < ldif->input->len) {
		const int r = ldif->at_start ? start_line(ldif) : 0;

		if (r < 0)
			return 0;
		if (r == 1 && is_record(ldif))
			return finish(ldif, record_r, err);
		if (r == 0 && !ldif->at_start)
			take_rest(ldif);
	}
	if (!ldif->ended)
		return 0;
	if (ldif->has_line)
		take_line(ldif);
	return is_record(ldif) ? finish(ldif, record_r, err) : 0;
}
