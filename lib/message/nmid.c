#include "lib/message/nmid.h"

#include <glib.h>
#include <nettle/sha2.h>
#include <string.h>

/* Nettle's, because GLib's takes as long for a large message as all the rest of
 * it together: Nettle uses what the processor has for it. */
struct ph_nmid {
	struct sha256_ctx body;
	bool after_cr; /* the last byte of the piece before was CR */
};

struct ph_nmid *
ph_nmid_new(void)
{
	struct ph_nmid *nmid = g_new0(struct ph_nmid, 1);

	sha256_init(&nmid->body);
	return nmid;
}

void
ph_nmid_free(struct ph_nmid **nmid)
{
	g_clear_pointer(nmid, g_free);
}

/* Line ends as CRLF. As it came up to each LF without CR, which are few or
 * none. */
void
ph_nmid_body(struct ph_nmid *nmid, const void *data, size_t size)
{
	const char *p = data, *end = p + size, *from = p;

	if (size == 0)
		return;
	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		bool bare = p == data ? !nmid->after_cr : p[-1] != '\r';

		if (bare) {
			sha256_update(&nmid->body, (size_t)(p - from),
				      (const uint8_t *)from);
			sha256_update(&nmid->body, 2, (const uint8_t *)"\r\n");
			from = p + 1;
		}
		p++;
	}
	sha256_update(&nmid->body, (size_t)(end - from), (const uint8_t *)from);
	nmid->after_cr = end[-1] == '\r';
}

/* With its length, so that no two sets of fields look alike. */
static void
feed_text(struct sha256_ctx *sum, const char *text, size_t size)
{
	char length[32];

	g_snprintf(length, sizeof(length), "%zu:", size);
	sha256_update(sum, strlen(length), (const uint8_t *)length);
	sha256_update(sum, size, (const uint8_t *)text);
}

/* Blanks and folds as one blank, none at the ends. */
static void
feed_folded(struct sha256_ctx *sum, const char *value)
{
	g_autoptr(GString) out = g_string_sized_new(strlen(value));
	bool gap = false;

	for (const char *p = value; *p != '\0'; p++) {
		if (strchr(" \t\r\n", *p) != NULL) {
			gap = true;
			continue;
		}
		if (gap && out->len > 0)
			g_string_append_c(out, ' ');
		gap = false;
		g_string_append_c(out, *p);
	}
	feed_text(sum, out->str, out->len);
}

static void
feed_field(struct sha256_ctx *sum, const struct ph_headers *headers,
	   const char *name)
{
	size_t n = ph_headers_count(headers);

	feed_text(sum, name, strlen(name));
	for (size_t i = ph_headers_find(headers, name, 0); i < n;
	     i = ph_headers_find(headers, name, i + 1))
		feed_folded(sum, ph_headers_at(headers, i)->value);
}

void
ph_nmid_finish(struct ph_nmid *nmid, const char *reverse_path,
	       const struct ph_headers *headers, char text_r[PH_UUID_TEXT])
{
	static const char *const names[] = {"Message-ID", "Date", "From",
					    "To",	  "Cc",	  "Subject"};
	struct sha256_ctx sum;
	uint8_t digest[SHA256_DIGEST_SIZE];

	/* Without both, two messages that are not the same could look alike:
	 * the second would be taken for a duplicate and lost. */
	if (ph_headers_raw(headers, "Message-ID", 0) == NULL ||
	    ph_headers_raw(headers, "Date", 0) == NULL) {
		ph_uuid_random(text_r);
		return;
	}
	sha256_init(&sum);
	feed_text(&sum, reverse_path, strlen(reverse_path));
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		feed_field(&sum, headers, names[i]);
	sha256_digest(&nmid->body, sizeof(digest), digest);
	sha256_update(&sum, sizeof(digest), digest);
	sha256_digest(&sum, sizeof(digest), digest);
	ph_uuid_from_digest(digest, text_r);
}
