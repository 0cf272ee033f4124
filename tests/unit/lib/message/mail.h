#ifndef TEST_MAIL_H
#define TEST_MAIL_H

#include "lib/message/content.h"
#include "tests/unit/unit.h"

#include <string.h>

/* A message from its text. The body is a copy of its own of the exact size, so
 * that a sanitizer sees every byte too far. */
struct mail {
	struct ph_headers *headers;
	char *body;
	size_t size;
	struct ph_content *content;
};

/* Fields end with LF; a fold stays in its value. */
static inline void
mail_add_fields(struct mail *mail, const char *text, const char *end)
{
	while (text < end) {
		const char *stop = text;
		g_autofree char *field = NULL;
		char *value;

		do {
			stop = memchr(stop, '\n', (size_t)(end - stop));
			stop = stop != NULL ? stop + 1 : end;
		} while (stop < end && (*stop == ' ' || *stop == '\t'));
		field = g_strndup(text, (gsize)(stop - text));
		value = strchr(field, ':');
		if (value != NULL) {
			*value++ = '\0';
			g_strstrip(value);
			ph_headers_add(mail->headers, field, value);
		}
		text = stop;
	}
}

static inline void
mail_open(struct mail *mail, const char *text, size_t size)
{
	const char *body = memmem(text, size, "\n\n", 2);
	const char *crlf = memmem(text, size, "\r\n\r\n", 4);
	size_t skip = 2;

	if (body == NULL || (crlf != NULL && crlf < body)) {
		body = crlf;
		skip = 4;
	}
	mail->headers = ph_headers_new();
	mail_add_fields(mail, text, body != NULL ? body : text + size);
	mail->size = body != NULL ? size - (size_t)(body - text) - skip : 0;
	mail->body = g_malloc(MAX(mail->size, 1));
	if (body != NULL)
		memcpy(mail->body, body + skip, mail->size);
	mail->content = ph_content_new(mail->headers, mail->body, mail->size);
	ph_headers_free(&mail->headers);
}

static inline void
mail_close(struct mail *mail)
{
	ph_content_free(&mail->content);
	ck_assert_ptr_null(mail->content);
	g_free(mail->body);
}

/* All texts, each followed by '|'; g_free. */
static inline char *
mail_texts(struct mail *mail)
{
	GString *all = g_string_new(NULL);
	const char *const *texts;
	const size_t *sizes;
	size_t n;

	texts = ph_content_texts(mail->content, &sizes, &n);
	for (size_t i = 0; i < n; i++) {
		ck_assert(g_utf8_validate(texts[i], (gssize)sizes[i], NULL));
		ck_assert_uint_eq(strlen(texts[i]), sizes[i]);
		g_string_append_printf(all, "%s|", texts[i]);
	}
	return g_string_free(all, FALSE);
}

/* Parts as "path type name size a m;" where a is an attachment and m an
 * attached message; g_free. */
static inline char *
mail_parts(struct mail *mail)
{
	GString *all = g_string_new(NULL);
	size_t n;
	const struct ph_part *parts = ph_content_parts(mail->content, &n);

	for (size_t i = 0; i < n; i++)
		g_string_append_printf(all, "%s %s [%s] %u%s%s;", parts[i].path,
				       parts[i].type, parts[i].name,
				       (unsigned)parts[i].size,
				       parts[i].attachment ? " a" : "",
				       parts[i].message ? " m" : "");
	return g_string_free(all, FALSE);
}

static inline const char *
mail_reason(struct mail *mail)
{
	const char *reason = NULL;

	ck_assert_int_eq(ph_content_suspicious(mail->content, &reason),
			 reason != NULL);
	return reason != NULL ? reason : "";
}

#endif
