#ifndef PH_MESSAGE_CHARSET_H
#define PH_MESSAGE_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of any charset as UTF-8. Pure, but that iconv loads its modules from
 * disk when a charset is met for the first time.
 */
struct ph_charset_options {
	const char *charset; /* "" if not declared */
	bool html;    /* one that is not declared may stand in a <meta> */
	size_t limit; /* bytes of text */
	bool *bad_r;  /* the charset is unknown; NULL is fine */
	bool *cut_r;  /* the limit was met; NULL is fine */
};

/* CRLF as LF, NUL and what is no text as U+FFFD; g_free. Sets *bad_r and *cut_r
 * to true, never to false. */
char *ph_charset_decode(const char *in, size_t size,
			const struct ph_charset_options *options,
			size_t *size_r);

/* Opens each charset that mail has and keeps it until the process ends, so that
 * none has to be loaded later. */
void ph_charset_prepare(void);

/* How much of the text is ASCII, or UTF-8, before something that is not. */
size_t ph_utf8_ascii(const char *in, size_t size);
size_t ph_utf8_valid(const char *in, size_t size);

#endif
