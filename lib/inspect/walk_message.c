#include "lib/inspect/walk_private.h"

#include "lib/message/content.h"

#include <string.h>

/* A message in a file, such as one in an archive. */

/* The reader of MIME takes the file for a message that is attached to one
 * without anything else. */
static struct ph_content *
open_message(const struct ph_node *node)
{
	struct ph_headers *headers = ph_headers_new();
	const char *data = (const char *)node->data;
	size_t size = node->size;
	struct ph_content *content;

	/* Of an mbox. */
	if (size > 5 && memcmp(data, "From ", 5) == 0) {
		const char *line = memchr(data, '\n', size);

		size -= line != NULL ? (size_t)(line + 1 - data) : 0;
		data = line != NULL ? line + 1 : data;
	}
	ph_headers_add(headers, "Content-Type", "message/rfc822");
	content = ph_content_new(headers, data, size);
	ph_headers_free(&headers);
	return content;
}

static void
keep_texts(struct ph_walk *walk, struct ph_node *node,
	   struct ph_content *content)
{
	g_autoptr(GString) all = g_string_new(NULL);
	const size_t *sizes;
	size_t n;
	const char *const *texts = ph_content_texts(content, &sizes, &n);

	for (size_t i = 0; i < n && all->len <= walk->limits.text; i++) {
		g_string_append_len(all, texts[i], (gssize)sizes[i]);
		g_string_append_c(all, '\n');
	}
	ph_walk_text(walk, node, all->str, all->len);
}

static bool
tell_part(struct ph_walk *walk, struct ph_node *node,
	  const struct ph_part *part)
{
	const struct ph_walk_source source = {
	    .name = part->name,
	    .declared = part->type,
	    .charset = part->charset,
	    .data = ph_content_part_data(part),
	    .size = (size_t)part->size,
	    .message = part->message,
	};

	return ph_walk_pay(walk, node, part->size) &&
	       ph_walk_child(walk, node, &source);
}

void
ph_walk_message(struct ph_walk *walk, struct ph_node *node)
{
	struct ph_content *content = open_message(node);
	size_t n;
	const struct ph_part *parts = ph_content_parts(content, &n);
	const char *reason = NULL;
	bool more = true;

	keep_texts(walk, node, content);
	/* The first is the message itself. */
	for (size_t i = 1; more && i < n; i++)
		if (parts[i].attachment)
			more = tell_part(walk, node, &parts[i]);
	if (ph_content_truncated(content))
		ph_node_flag(node, PH_WALKED_LIMIT,
			     "too deep, or too many parts");
	if (ph_content_suspicious(content, &reason))
		ph_node_flag(node, PH_WALKED_SUSPICIOUS, reason);
	ph_content_free(&content);
}
