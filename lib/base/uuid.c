#include "lib/base/uuid.h"

#include <glib.h>
#include <string.h>
#include <sys/random.h>

static void
format_uuid(uint8_t bytes[16], unsigned version, char text_r[PH_UUID_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	char *p = text_r;

	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | (version << 4));
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* RFC 9562 variant */
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[bytes[i] >> 4];
		*p++ = hex[bytes[i] & 15];
	}
	*p = '\0';
}

void
ph_uuid_random(char text_r[PH_UUID_TEXT])
{
	uint8_t bytes[16];

	/* Up to 256 bytes are never cut short once the pool is ready. */
	g_assert(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
	format_uuid(bytes, 4, text_r);
}

void
ph_uuid_from_digest(const uint8_t digest[16], char text_r[PH_UUID_TEXT])
{
	uint8_t bytes[16];

	memcpy(bytes, digest, sizeof bytes);
	format_uuid(bytes, 8, text_r);
}

void
ph_uuid_from_text(const char *text, char text_r[PH_UUID_TEXT])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[32];
	gsize size = sizeof digest;

	g_checksum_update(sum, (const guchar *)text, -1);
	g_checksum_get_digest(sum, digest, &size);
	ph_uuid_from_digest(digest, text_r);
}

bool
ph_uuid_valid(const char *text)
{
	for (size_t i = 0; i < PH_UUID_TEXT - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
			return false;
	}
	return text[PH_UUID_TEXT - 1] == '\0';
}
