#include "lib/inspect/wire.h"

#include <string.h>

#define RECORD_MAGIC ((uint32_t)0x71727068)

/* In front of each record. */
struct head {
	uint32_t magic;
	uint32_t kind;
	uint32_t number;
	uint32_t size; /* of what follows */
};

/* ---- writing ------------------------------------------------------------- */

static void
put(GByteArray *out, const void *data, size_t size)
{
	g_byte_array_append(out, data, (guint)size);
}

static void
put32(GByteArray *out, uint32_t number)
{
	put(out, &number, sizeof number);
}

static void
put64(GByteArray *out, uint64_t number)
{
	put(out, &number, sizeof number);
}

static void
put_text(GByteArray *out, const char *text, size_t size)
{
	put32(out, (uint32_t)size);
	put(out, text, size);
}

void
ph_record_format(GByteArray *out, enum ph_record_kind kind, uint32_t number)
{
	const struct head head = {RECORD_MAGIC, kind, number, 0};

	put(out, &head, sizeof head);
}

/* Begins a record of which the size is not known. */
static guint
begin(GByteArray *out, enum ph_record_kind kind)
{
	guint at = out->len;

	ph_record_format(out, kind, 0);
	return at;
}

static void
finish(GByteArray *out, guint at)
{
	struct head head;

	memcpy(&head, out->data + at, sizeof head);
	head.size = (uint32_t)(out->len - at - sizeof head);
	memcpy(out->data + at, &head, sizeof head);
}

void
ph_record_format_file(GByteArray *out, const struct ph_walked *walked)
{
	guint at = begin(out, PH_RECORD_FILE);

	put64(out, walked->size);
	put32(out, walked->depth);
	put32(out, walked->flags);
	put(out, walked->sha256, PH_SHA256);
	put_text(out, walked->path, strlen(walked->path));
	put_text(out, walked->name, strlen(walked->name));
	put_text(out, walked->declared, strlen(walked->declared));
	put_text(out, walked->type, strlen(walked->type));
	put_text(out, walked->note, strlen(walked->note));
	put32(out, walked->text != NULL);
	put_text(out, walked->text != NULL ? walked->text : "",
		 walked->text_size);
	put32(out, walked->properties->len);
	for (guint i = 0; i < walked->properties->len; i++) {
		const struct ph_walked_property *p = &g_array_index(
		    walked->properties, struct ph_walked_property, i);

		put_text(out, p->name, strlen(p->name));
		put_text(out, p->value, strlen(p->value));
	}
	finish(out, at);
}

void
ph_record_format_failed(GByteArray *out, const char *why)
{
	guint at = begin(out, PH_RECORD_FAILED);

	put_text(out, why, MIN(strlen(why), PH_WALKED_TEXT));
	finish(out, at);
}

/* ---- reading ------------------------------------------------------------- */

struct cursor {
	const uint8_t *p;
	size_t left;
};

static bool
get(struct cursor *c, void *data, size_t size)
{
	if (c->left < size)
		return false;
	memcpy(data, c->p, size);
	c->p += size;
	c->left -= size;
	return true;
}

/* NULL: longer than limit, cut, no UTF-8, or with a NUL. */
static char *
get_text(struct cursor *c, uint64_t limit, size_t *size_r)
{
	uint32_t size;
	char *text;

	if (!get(c, &size, sizeof size) || size > limit || size > c->left ||
	    memchr(c->p, '\0', size) != NULL ||
	    !g_utf8_validate((const char *)c->p, (gssize)size, NULL))
		return NULL;
	text = g_strndup((const char *)c->p, size);
	c->p += size;
	c->left -= size;
	if (size_r != NULL)
		*size_r = size;
	return text;
}

static bool
get_properties(struct cursor *c, GArray *properties)
{
	uint32_t n;

	if (!get(c, &n, sizeof n) || n > PH_WALKED_PROPERTIES)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		struct ph_walked_property p = {
		    get_text(c, PH_WALKED_TEXT, NULL), NULL};

		if (p.name != NULL)
			p.value = get_text(c, PH_WALKED_VALUE, NULL);
		g_array_append_val(properties, p);
		if (p.value == NULL)
			return false;
	}
	return true;
}

static bool
get_file(struct cursor *c, const struct ph_walk_limits *limits,
	 struct ph_walked *walked)
{
	char **const texts[] = {&walked->path, &walked->name, &walked->declared,
				&walked->type, &walked->note};
	uint32_t has_text;

	if (!get(c, &walked->size, sizeof walked->size) ||
	    !get(c, &walked->depth, sizeof walked->depth) ||
	    !get(c, &walked->flags, sizeof walked->flags) ||
	    !get(c, walked->sha256, PH_SHA256) ||
	    walked->depth > limits->depth + 1 ||
	    (walked->flags & ~(uint32_t)PH_WALKED_ALL) != 0)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		if ((*texts[i] = get_text(c, PH_WALKED_TEXT, NULL)) == NULL)
			return false;
	if (!get(c, &has_text, sizeof has_text) ||
	    (walked->text = get_text(c, limits->text, &walked->text_size)) ==
		NULL)
		return false;
	if (has_text > 1 || (has_text == 0 && walked->text_size > 0))
		return false;
	if (has_text == 0)
		g_clear_pointer(&walked->text, g_free);
	return get_properties(c, walked->properties) && c->left == 0;
}

static bool
get_record(struct cursor *c, const struct ph_walk_limits *limits,
	   struct ph_record *record_r)
{
	switch (record_r->kind) {
	case PH_RECORD_FILE:
		record_r->walked = ph_walked_new();
		if (get_file(c, limits, record_r->walked))
			return true;
		g_clear_pointer(&record_r->walked, ph_walked_free);
		return false;
	case PH_RECORD_FAILED:
		record_r->text = get_text(c, PH_WALKED_TEXT, NULL);
		return record_r->text != NULL;
	case PH_RECORD_HELLO:
	case PH_RECORD_BEGIN:
	case PH_RECORD_END:
	case PH_RECORD_DONE:
		return c->left == 0;
	case PH_RECORDS:
		break;
	}
	return false;
}

int
ph_record_parse(const uint8_t *bytes, size_t size,
		const struct ph_walk_limits *limits, struct ph_record *record_r,
		size_t *used_r, struct ph_err *err)
{
	struct cursor c = {bytes, size};
	struct head head;

	if (!get(&c, &head, sizeof head))
		return 0;
	if (head.magic != RECORD_MAGIC || head.kind >= PH_RECORDS ||
	    head.size > PH_RECORD_SIZE + limits->text)
		return ph_err_set(err, PH_ERR_PEER,
				  "the worker's answer is malformed");
	if (c.left < head.size)
		return 0;
	c.left = head.size;
	*record_r = (struct ph_record){head.kind, head.number, NULL, NULL};
	if (!get_record(&c, limits, record_r))
		return ph_err_set(err, PH_ERR_PEER,
				  "the worker's answer is malformed");
	*used_r = sizeof head + head.size;
	return 1;
}
