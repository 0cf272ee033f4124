#include "lib/state/object.h"

#include "lib/state/bytes.h"

/*
 * "PHO" and the format's version, a byte; then counted strings (a 32-bit
 * length, little-endian, and the bytes): the name; the number of pairs; field
 * and value of each. Nothing follows.
 */
static const char magic[4] = {'P', 'H', 'O', 1};

/* As many as an object can have, so that a damaged number takes no memory. */
#define PAIR_LIMIT 1024

void *
ph_object_pack(const struct ph_object *object, size_t *size_r)
{
	GByteArray *out = g_byte_array_new();
	const char *name = ph_object_name(object);
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(object, &pairs);

	g_byte_array_append(out, (const guint8 *)magic, sizeof(magic));
	ph_bytes_put_string(out, name, strlen(name));
	ph_bytes_put_number(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		ph_bytes_put_string(out, pairs[i].field,
				    strlen(pairs[i].field));
		ph_bytes_put_string(out, pairs[i].value,
				    strlen(pairs[i].value));
	}
	*size_r = out->len;
	return g_byte_array_free(out, FALSE);
}

static int
damaged(const char *what, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_PERM,
			  "packed object: %s; expected what ph_object_pack "
			  "wrote",
			  what);
}

/* Adds one string; it belongs to the array. */
static bool
read_string(struct ph_bytes *in, GPtrArray *strings)
{
	char *text = ph_bytes_get_text(in);

	if (text == NULL)
		return false;
	g_ptr_array_add(strings, text);
	return true;
}

int
ph_object_unpack(const struct ph_kind *kind, const void *data, size_t size,
		 struct ph_object **object_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
	g_autofree struct ph_pair *pairs = NULL;
	struct ph_bytes in = {data, size};
	uint32_t n;

	if (size < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
		return damaged("is of another version", err);
	in.next += sizeof(magic);
	in.left -= sizeof(magic);
	if (!read_string(&in, strings) || !ph_bytes_get_number(&in, &n) ||
	    n > PAIR_LIMIT)
		return damaged("is damaged", err);
	for (uint32_t i = 0; i < 2 * n; i++)
		if (!read_string(&in, strings))
			return damaged("is damaged", err);
	if (in.left != 0)
		return damaged("is followed by something", err);
	pairs = g_new(struct ph_pair, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		pairs[i].field = strings->pdata[1 + 2 * i];
		pairs[i].value = strings->pdata[2 + 2 * i];
	}
	return ph_object_parse(kind, strings->pdata[0], pairs, n, object_r,
			       err);
}
