#include "lib/message/nmid.h"

#include <glib.h>
#include <string.h>

#define SHA256_SIZE 32

struct ph_nmid {
	GChecksum *body;
	bool after_cr; /* the last byte of the piece before was CR */
};

struct ph_nmid *
ph_nmid_new(void)
{
	struct ph_nmid *nmid = g_new0(struct ph_nmid, 1);

	nmid->body = g_checksum_new(G_CHECKSUM_SHA256);
	return nmid;
}

void
ph_nmid_free(struct ph_nmid **nmid)
{
	if (*nmid == NULL)
		return;
	g_checksum_free((*nmid)->body);
	g_free(*nmid);
	*nmid = NULL;
}

static void
feed(GChecksum *sum, const void *data, size_t size)
{
	while (size > 0) {
		size_t piece = MIN(size, (size_t)G_MAXINT);

		g_checksum_update(sum, data, (gssize)piece);
		data = (const char *)data + piece;
		size -= piece;
	}
}

void
ph_nmid_body(struct ph_nmid *nmid, const void *data, size_t size)
{
	const char *p = data, *end = p + size;

	if (size == 0)
		return;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		bool bare;

		if (lf == NULL)
			break;
		bare = lf == data ? !nmid->after_cr : lf[-1] != '\r';
		feed(nmid->body, p, (size_t)(lf - p));
		feed(nmid->body, bare ? "\r\n" : "\n", bare ? 2 : 1);
		p = lf + 1;
	}
	feed(nmid->body, p, (size_t)(end - p));
	nmid->after_cr = end[-1] == '\r';
}

/* With its length, so that no two sets of fields look alike. */
static void
feed_text(GChecksum *sum, const char *text, size_t size)
{
	char length[32];

	g_snprintf(length, sizeof(length), "%zu:", size);
	feed(sum, length, strlen(length));
	feed(sum, text, size);
}

/* Blanks and folds as one blank, none at the ends. */
static void
feed_folded(GChecksum *sum, const char *value)
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
feed_field(GChecksum *sum, const struct ph_headers *headers, const char *name)
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
	GChecksum *sum;
	uint8_t digest[SHA256_SIZE];
	gsize size = sizeof(digest);

	/* Without both, two messages that are not the same could look alike:
	 * the second would be taken for a duplicate and lost. */
	if (ph_headers_raw(headers, "Message-ID", 0) == NULL ||
	    ph_headers_raw(headers, "Date", 0) == NULL) {
		ph_uuid_random(text_r);
		return;
	}
	sum = g_checksum_new(G_CHECKSUM_SHA256);
	feed_text(sum, reverse_path, strlen(reverse_path));
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		feed_field(sum, headers, names[i]);
	g_checksum_get_digest(nmid->body, digest, &size);
	feed(sum, digest, size);
	size = sizeof(digest);
	g_checksum_get_digest(sum, digest, &size);
	ph_uuid_from_digest(digest, text_r);
	g_checksum_free(sum);
}
