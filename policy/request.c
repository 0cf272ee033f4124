#include "policy/request.h"

#include <string.h>

struct ph_request {
	GString *buffer;	/* what was fed and not yet handed out */
	size_t used;		/* of buffer, by requests handed out */
	size_t scanned;		/* of buffer: no end of a request before */
	GHashTable *attributes; /* name -> value, of the request handed out */
	gboolean broken;
};

struct ph_request *
ph_request_new(void)
{
	struct ph_request *p = g_new0(struct ph_request, 1);

	p->buffer = g_string_new(NULL);
	p->attributes =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return p;
}

void
ph_request_free(struct ph_request **p)
{
	if (*p == NULL)
		return;
	g_string_free((*p)->buffer, TRUE);
	g_hash_table_destroy((*p)->attributes);
	g_free(*p);
	*p = NULL;
}

void
ph_request_feed(struct ph_request *p, const void *data, size_t size)
{
	if (p->used > 0) {
		g_string_erase(p->buffer, 0, (gssize)p->used);
		p->scanned -= p->used;
		p->used = 0;
	}
	g_string_append_len(p->buffer, data, (gssize)size);
}

static int
broken(struct ph_request *p, struct ph_err *err, const char *what)
{
	p->broken = TRUE;
	return ph_err_set(err, PH_ERR_PEER, "policy request: %s", what);
}

/* The first of two equal names counts: Postfix never sends two, and an
 * attribute that a client could smuggle in would come later. */
static int
parse_line(struct ph_request *p, const char *line, size_t size,
	   struct ph_err *err)
{
	const char *equals = memchr(line, '=', size);
	g_autofree char *name = NULL;

	if (memchr(line, '\0', size) != NULL)
		return broken(p, err, "a line holds NUL");
	if (equals == NULL || equals == line)
		return broken(p, err, "a line is not \"name=value\"");
	name = g_strndup(line, (gsize)(equals - line));
	if (!g_hash_table_contains(p->attributes, name))
		g_hash_table_insert(
		    p->attributes, g_steal_pointer(&name),
		    g_strndup(equals + 1, size - (gsize)(equals + 1 - line)));
	return 1;
}

static int
parse_lines(struct ph_request *p, const char *data, size_t size,
	    struct ph_err *err)
{
	const char *end = data + size;

	g_hash_table_remove_all(p->attributes);
	while (data < end) {
		const char *next = memchr(data, '\n', (size_t)(end - data));

		g_assert(next != NULL);
		if (parse_line(p, data, (size_t)(next - data), err) != 1)
			return -1;
		data = next + 1;
	}
	return 1;
}

/* Where the empty line of the next request is, or NULL. */
static const char *
find_end(struct ph_request *p)
{
	const char *start = p->buffer->str + p->used;
	const char *end = p->buffer->str + p->buffer->len;
	const char *at = p->buffer->str + MAX(p->scanned, p->used);

	if (start < end && *start == '\n')
		return start;
	while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (at + 1 == end) {
			p->scanned = (size_t)(at - p->buffer->str);
			return NULL;
		}
		if (*++at == '\n')
			return at;
	}
	p->scanned = p->buffer->len;
	return NULL;
}

int
ph_request_next(struct ph_request *p, struct ph_err *err)
{
	const char *end, *start = p->buffer->str + p->used;
	size_t size;

	if (p->broken)
		return broken(p, err, "broken before");
	end = find_end(p);
	size =
	    end != NULL ? (size_t)(end + 1 - start) : p->buffer->len - p->used;
	if (size > PH_POLICY_REQUEST_LIMIT)
		return broken(p, err, "request is too long");
	if (end == NULL)
		return 0;
	if (end == start)
		return broken(p, err, "request is empty");
	if (parse_lines(p, start, size - 1, err) != 1)
		return -1;
	p->used += size;
	p->scanned = p->used;
	return 1;
}

const char *
ph_policy_attribute(const struct ph_request *p, const char *name)
{
	const char *value = g_hash_table_lookup(p->attributes, name);

	return value != NULL ? value : "";
}

void
ph_policy_reply(GString *out, const char *action)
{
	size_t start = out->len;

	g_string_append_printf(out, "action=%s", action);
	for (size_t i = start; i < out->len; i++)
		if (out->str[i] == '\n' || out->str[i] == '\r')
			out->str[i] = ' ';
	g_string_append(out, "\n\n");
}
