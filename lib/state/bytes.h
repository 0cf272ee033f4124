#ifndef PH_STATE_BYTES_H
#define PH_STATE_BYTES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Little-endian numbers and counted strings, as packed objects and snapshot
 * files hold them. A reader never looks beyond its end.
 */
struct ph_bytes {
	const uint8_t *next;
	size_t left;
};

static inline void
ph_bytes_put_number(GByteArray *out, uint32_t number)
{
	uint32_t little = GUINT32_TO_LE(number);

	g_byte_array_append(out, (const guint8 *)&little, sizeof(little));
}

/* Strings here are limited well below 4 GB before they are stored. */
static inline void
ph_bytes_put_string(GByteArray *out, const void *data, size_t size)
{
	g_assert(size <= G_MAXINT32);
	ph_bytes_put_number(out, (uint32_t)size);
	g_byte_array_append(out, data, (guint)size);
}

static inline bool
ph_bytes_get_number(struct ph_bytes *in, uint32_t *number_r)
{
	uint32_t little;

	if (in->left < sizeof(little))
		return false;
	memcpy(&little, in->next, sizeof(little));
	in->next += sizeof(little);
	in->left -= sizeof(little);
	*number_r = GUINT32_FROM_LE(little);
	return true;
}

/* *data_r is borrowed from what is read. */
static inline bool
ph_bytes_get_blob(struct ph_bytes *in, const uint8_t **data_r, size_t *size_r)
{
	uint32_t size;

	if (!ph_bytes_get_number(in, &size) || size > in->left)
		return false;
	*data_r = in->next;
	*size_r = size;
	in->next += size;
	in->left -= size;
	return true;
}

/* A copy with NUL, g_free; NULL: cut, or holds a NUL of its own. */
static inline char *
ph_bytes_get_text(struct ph_bytes *in)
{
	const uint8_t *data;
	size_t size;

	if (!ph_bytes_get_blob(in, &data, &size))
		return NULL;
	if (size > 0 && memchr(data, '\0', size))
		return NULL;
	return g_strndup((const char *)data, size);
}

#endif
