#ifndef PH_MESSAGE_ENCODE_H
#define PH_MESSAGE_ENCODE_H

/* Base64 (RFC 2045 section 6.8) in lines of 76 characters with CRLF between
 * them: no line of it can be a boundary or too long. g_free. */
char *ph_base64_lines(const char *text);

#endif
