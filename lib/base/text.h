#ifndef PH_BASE_TEXT_H
#define PH_BASE_TEXT_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The written forms of values, the same in posthub.conf, in Redis and on the
 * command line. Pure functions. Parsers return 0, or -1 with err PERM and a
 * text that says what was expected.
 */

/* true false $true $false 1 0 yes no, without case. */
int ph_parse_bool(const char *text, bool *value_r, struct ph_err *err);

/* Decimal, with sign; nothing but blanks around it. */
int ph_parse_int(const char *text, int64_t *value_r, struct ph_err *err);

/* "10MB", "150 KB", "1024", "unlimited" (INT64_MAX). Units B KB MB GB TB are
 * powers of 1024, as Exchange's. Bytes. */
int ph_parse_size(const char *text, int64_t *bytes_r, struct ph_err *err);

/* "300", "300s", "5m", "2h", "7d", "250ms", or Exchange's "[d.]hh:mm:ss".
 * Milliseconds; a bare number is seconds. */
int ph_parse_span(const char *text, int64_t *ms_r, struct ph_err *err);

/* ISO 8601 "2026-11-21[T10:00[:00[.123]][Z|+01:00]]"; without a zone UTC.
 * Milliseconds since 1970. */
int ph_parse_date(const char *text, int64_t *ms_r, struct ph_err *err);

/* Comma separated with CSV quoting ("a,b" is one, "" inside quotes is one
 * quote; blanks around an element are dropped), or a JSON array of strings
 * when the text begins with '['. Empty elements are dropped. *list_r is a
 * NULL-terminated array for g_strfreev. */
int ph_parse_list(const char *text, char ***list_r, struct ph_err *err);

/* The inverse for comma lists; free with g_free. */
char *ph_format_list(const char *const *list);

/* For g_ptr_array_sort and qsort: texts (char *) by their bytes. */
int ph_by_text(const void *a, const void *b);

/* "2026-11-21T10:00:00.123Z"; size at least PH_DATE_TEXT. */
#define PH_DATE_TEXT 32
void ph_format_date(int64_t ms, char *buffer, size_t size);

/* "Sun, 1 Nov 2026 10:00:00 +0000" (RFC 5322 section 3.3), whatever the
 * locale; size at least PH_MAIL_DATE. */
#define PH_MAIL_DATE ((size_t)40)
void ph_format_mail_date(int64_t ms, char *buffer, size_t size);

/* Decimal digits: for answers that are made 100,000 times a second. Returns
 * the buffer, of at least PH_NUMBER_TEXT bytes. */
#define PH_NUMBER_TEXT 24
char *ph_format_number(uint64_t number, char *buffer);

/* "host:port", "[v6]:port", "unix:/path", "inet:host:port"; a path that
 * begins with '/' is a UNIX socket too. */
struct ph_endpoint {
	bool unix_socket;
	char host[256]; /* name or address without brackets; path if UNIX */
	int port;	/* 1-65535; 0 if UNIX */
};
int ph_parse_endpoint(const char *text, struct ph_endpoint *endpoint_r,
		      struct ph_err *err);

/* Case-folded copy of an address or name for comparing: ASCII and Unicode
 * simple folding, nothing else. Free with g_free. */
char *ph_fold(const char *text);

/* Are they the same when folded? */
bool ph_fold_same(const char *a, const char *b);

/* Readable ASCII in the place of UTF-8, "?" where there is none: for replies to
 * clients that know no UTF-8. g_free. */
char *ph_to_ascii(const char *text);

/* The part behind the last '@' outside quotes, borrowed; NULL when this is not
 * local@domain with both parts present and no control character. */
const char *ph_address_domain(const char *address);

/* Splits at the last '@' outside quotes. 1 and *local_r, *domain_r (g_free),
 * or 0 when this is not local@domain with both parts present and no control
 * character. */
int ph_split_address(const char *address, char **local_r, char **domain_r);

/* The byte that two hexadecimal digits are, 0 to 255; -1: they are none. Of a
 * text that ends before no more is read. */
int ph_hex_byte(const char *digits);

/* Decodes xtext (RFC 3461 section 4); g_free; NULL: bad syntax, or it would
 * decode to a control character or to what is no UTF-8. */
char *ph_decode_xtext(const char *text);

/* True when text is 1-255 bytes, has no control character and no blank: fit
 * to be a host name in a nexthop, a log line or an SMTP command. */
bool ph_is_hostname(const char *text);

/* "0.0.0.0", "::": where a service listens at all addresses. */
bool ph_is_any_address(const char *host);

#endif
