#ifndef PH_BASE_UUID_H
#define PH_BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PH_UUID_TEXT 37 /* 36 characters and NUL, lower case */

/* Random (version 4). */
void ph_uuid_random(char text_r[PH_UUID_TEXT]);

/* Version 8 (RFC 9562 section 5.8) of the first 16 bytes of a digest. */
void ph_uuid_from_digest(const uint8_t digest[16], char text_r[PH_UUID_TEXT]);

/* The same of a text's SHA-256: the same text gives the same one. */
void ph_uuid_from_text(const char *text, char text_r[PH_UUID_TEXT]);

/* True for 8-4-4-4-12 hexadecimal digits of either case. */
bool ph_uuid_valid(const char *text);

#endif
