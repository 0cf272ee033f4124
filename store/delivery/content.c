#include "store/delivery/content.h"

#include <string.h>

struct ph_incoming {
	bool trusted, in_body, cr; /* cr: a CR is held back */
	GString *field; /* the field being collected, lines ending with LF */
	GString *line;	/* the line being collected */
	struct ph_headers *headers;
	struct ph_nmid *sum;
	char nmid[PH_UUID_TEXT];
};

/* The fields of ours that stay in a stored message (the header firewall of
 * mailbox delivery); all others with the prefix are left out. */
static const char *const kept[] = {
    PH_HEADER_NMID,	   PH_HEADER_SCL,
    PH_HEADER_SPAM,	   PH_HEADER_MALWARE,
    PH_HEADER_QUARANTINE,  PH_HEADER_AUTH_AS,
    PH_HEADER_AUTH_SOURCE, PH_HEADER_AUTH_MECHANISM,
};

struct ph_incoming *
ph_incoming_new(bool trusted)
{
	struct ph_incoming *content = g_new0(struct ph_incoming, 1);

	content->trusted = trusted;
	content->field = g_string_new(NULL);
	content->line = g_string_new(NULL);
	content->headers = ph_headers_new();
	content->sum = ph_nmid_new();
	return content;
}

void
ph_incoming_free(struct ph_incoming **content)
{
	if (!*content)
		return;
	g_string_free((*content)->field, TRUE);
	g_string_free((*content)->line, TRUE);
	ph_headers_free(&(*content)->headers);
	ph_nmid_free(&(*content)->sum);
	g_clear_pointer(content, g_free);
}

/* ---- header ------------------------------------------------------------ */

/* Length of the field's name, 0 if this line begins no field (RFC 5322 section
 * 2.2; blanks before the colon are obsolete, but read). */
static size_t
name_length(const char *line, size_t size)
{
	size_t n = 0, colon;

	while (n < size && line[n] > 32 && line[n] < 127 && line[n] != ':')
		n++;
	for (colon = n; colon < size; colon++)
		if (line[colon] != ' ' && line[colon] != '\t')
			break;
	return colon < size && line[colon] == ':' ? n : 0;
}

static bool
is_ours(const char *name)
{
	return g_ascii_strncasecmp(name, PH_HEADER_PREFIX,
				   strlen(PH_HEADER_PREFIX)) == 0;
}

static bool
is_stored(const struct ph_incoming *content, const char *name)
{
	/* The one above the message is the store driver's. */
	if (g_ascii_strcasecmp(name, "Return-Path") == 0)
		return false;
	if (!is_ours(name))
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
		if (g_ascii_strcasecmp(name, kept[i]) == 0)
			return content->trusted;
	return false;
}

static int
too_large(struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_PERM, "the header is too large");
}

static int
end_field(struct ph_incoming *content, GString *out, struct ph_err *err)
{
	g_autofree char *name = NULL, *value = NULL;
	const GString *field = content->field;
	size_t n = name_length(field->str, field->len);
	const char *colon;

	if (field->len == 0)
		return 0;
	name = g_strndup(field->str, n);
	colon = strchr(field->str + n, ':') + 1;
	if (*colon == ' ' || *colon == '\t')
		colon++;
	value = g_strdup(colon);
	if (g_str_has_suffix(value, "\n"))
		value[strlen(value) - 1] = '\0';
	if ((content->trusted || !is_ours(name)) &&
	    !ph_headers_add(content->headers, name, value))
		return too_large(err);
	if (is_stored(content, name))
		g_string_append_len(out, field->str, (gssize)field->len);
	g_string_truncate(content->field, 0);
	return 0;
}

static void
put_body(struct ph_incoming *content, const char *data, size_t size,
	 GString *out)
{
	g_string_append_len(out, data, (gssize)size);
	ph_nmid_body(content->sum, data, size);
}

/* One line of the header, LF included unless the message ends without. */
static int
put_line(struct ph_incoming *content, const char *line, size_t size,
	 GString *out, struct ph_err *err)
{
	bool folded = (*line == ' ' || *line == '\t') && content->field->len;

	if (folded) {
		g_string_append_len(content->field, line, (gssize)size);
		return content->field->len > PH_HEADERS_LIMIT ? too_large(err)
							      : 0;
	}
	if (end_field(content, out, err) < 0)
		return -1;
	if (name_length(line, size) > 0) {
		g_string_append_len(content->field, line, (gssize)size);
		return 0;
	}
	content->in_body = true;
	g_string_append_c(out, '\n');
	/* A line that is none of a header ends it, and what follows must not
	 * be taken for header by readers that are less strict. */
	if (*line != '\n')
		put_body(content, line, size, out);
	return 0;
}

/* ---- text -------------------------------------------------------------- */

/* Text with LF line ends. */
static int
put_text(struct ph_incoming *content, const char *data, size_t size,
	 GString *out, struct ph_err *err)
{
	const char *end = data + size;

	while (data < end && !content->in_body) {
		const char *lf = memchr(data, '\n', (size_t)(end - data));
		size_t n = lf ? (size_t)(lf - data) + 1 : (size_t)(end - data);
		int r;

		g_string_append_len(content->line, data, (gssize)n);
		data += n;
		if (content->line->len > PH_HEADERS_LIMIT)
			return too_large(err);
		if (!lf)
			return 0;
		r = put_line(content, content->line->str, content->line->len,
			     out, err);
		g_string_truncate(content->line, 0);
		if (r < 0)
			return -1;
	}
	if (data < end)
		put_body(content, data, (size_t)(end - data), out);
	return 0;
}

/* Bare LF and CR stay as they are. What follows a bare LF is a line of its own
 * once it is stored, so the header is looked at after the change. */
int
ph_incoming_feed(struct ph_incoming *content, const char *data, size_t size,
		 GString *out, struct ph_err *err)
{
	g_autoptr(GString) text = g_string_sized_new(size + 1);
	const char *end = data + size;

	while (data < end) {
		const char *cr;

		if (content->cr && *data != '\n')
			g_string_append_c(text, '\r');
		cr = memchr(data, '\r', (size_t)(end - data));
		content->cr = cr != NULL;
		g_string_append_len(text, data, (cr ? cr : end) - data);
		data = cr ? cr + 1 : end;
	}
	return put_text(content, text->str, text->len, out, err);
}

static const char *
raw_or_empty(const struct ph_headers *headers, const char *name)
{
	const char *raw = ph_headers_raw(headers, name, 0);

	return raw ? raw : "";
}

int
ph_incoming_finish(struct ph_incoming *content, const char *reverse_path,
		   GString *out, struct ph_err *err)
{
	g_autofree char *given = NULL;

	if (content->cr && put_text(content, "\r", 1, out, err) < 0)
		return -1;
	content->cr = false;
	if (content->line->len > 0 &&
	    put_line(content, content->line->str, content->line->len, out,
		     err) < 0)
		return -1;
	if (end_field(content, out, err) < 0)
		return -1;
	given =
	    g_ascii_strdown(raw_or_empty(content->headers, PH_HEADER_NMID), -1);
	if (ph_uuid_valid(g_strstrip(given)))
		g_strlcpy(content->nmid, given, sizeof(content->nmid));
	else
		ph_nmid_finish(content->sum, reverse_path, content->headers,
			       content->nmid);
	return 0;
}

const char *
ph_incoming_nmid(const struct ph_incoming *content)
{
	return content->nmid;
}

struct ph_headers *
ph_incoming_headers(const struct ph_incoming *content)
{
	return content->headers;
}
