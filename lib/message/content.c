#include "lib/message/content.h"
#include "lib/message/content_private.h"

#include <string.h>
#include <strings.h>

/* Readings that overlap cost time and memory each. Beyond this many times the
 * body a message is truncated; SMALL is for small ones of many levels. */
#define DECODINGS ((size_t)4)
#define SMALL ((size_t)1024 * 1024)

/* Header fields that say what a message is. */
static const struct {
	const char *name;
	const char *begins; /* the value does, without case; "" always does */
	unsigned types;
} kinds[] = {
    {"Auto-Submitted", "auto-replied", PH_CONTENT_OOF},
    {"Precedence", "auto_reply", PH_CONTENT_OOF},
    {"Auto-Submitted", "auto-forwarded", PH_CONTENT_AUTO_FORWARD},
    {"X-MS-Exchange-Inbox-Rules-Loop", "", PH_CONTENT_AUTO_FORWARD},
    {"Content-Class", "urn:content-classes:calendarmessage",
     PH_CONTENT_CALENDARING},
    {"Content-Class", "rpmsg.message", PH_CONTENT_PROTECTED},
    {"Content-Class", "voice", PH_CONTENT_VOICEMAIL},
    {"Content-Class", "urn:content-class:voice", PH_CONTENT_VOICEMAIL},
    {"Message-Context", "voice-message", PH_CONTENT_VOICEMAIL},
    {"X-VoiceMessage-Duration", "", PH_CONTENT_VOICEMAIL},
    {"X-PostHub-Approval-Requested", "", PH_CONTENT_APPROVAL},
};

static unsigned
field_kind(const struct ph_header *field)
{
	const char *value = field->value + strspn(field->value, " \t\r\n");
	unsigned types = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (strcasecmp(kinds[i].name, field->name) == 0 &&
		    strncasecmp(kinds[i].begins, value,
				strlen(kinds[i].begins)) == 0)
			types |= kinds[i].types;
	return types;
}

static unsigned
header_kinds(const struct ph_headers *headers)
{
	unsigned types = 0;

	for (size_t i = 0; i < ph_headers_count(headers); i++)
		types |= field_kind(ph_headers_at(headers, i));
	return types;
}

static void
part_clear(void *data)
{
	struct ph_part *part = data;

	g_free(part->path);
	g_free(part->type);
	g_free(part->name);
	g_strfreev(part->other_names);
	g_free(part->charset);
	g_strfreev(part->source->charsets);
	g_free(part->source->data);
	g_free(part->source);
}

struct ph_content *
ph_content_new(struct ph_headers *headers, const void *body, size_t size)
{
	struct ph_content *content = g_new0(struct ph_content, 1);

	content->parts = g_array_new(FALSE, FALSE, sizeof(struct ph_part));
	g_array_set_clear_func(content->parts, part_clear);
	content->extras =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_content_extra));
	content->kept = g_ptr_array_new_with_free_func(g_free);
	content->seen = g_hash_table_new(g_str_hash, g_str_equal);
	content->charsets = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(content->charsets, NULL);
	content->scan = PH_CONTENT_PASSES * size + SMALL;
	content->decode = DECODINGS * size + SMALL;
	content->types = header_kinds(headers);
	ph_content_parse(content, headers, size > 0 ? body : "", size);
	if (content->report)
		content->types &= ~(unsigned)PH_CONTENT_OOF;
	return content;
}

void
ph_content_free(struct ph_content **content)
{
	struct ph_content *c = *content;

	if (c == NULL)
		return;
	g_array_unref(c->parts);
	g_array_unref(c->extras);
	g_ptr_array_unref(c->kept);
	g_hash_table_unref(c->seen);
	g_ptr_array_unref(c->charsets);
	if (c->texts != NULL) {
		g_ptr_array_unref(c->texts);
		g_array_unref(c->sizes);
	}
	g_free(c);
	*content = NULL;
}

static void
decode_source(struct ph_content_source *source)
{
	if (source->data == NULL && source->encoding != PH_ENCODING_NONE &&
	    source->encoding != PH_ENCODING_UNKNOWN)
		source->data =
		    ph_encoding_decode(source->encoding, source->raw,
				       source->size, &source->data_size);
}

const void *
ph_content_part_data(const struct ph_part *part)
{
	decode_source(part->source);
	return part->source->data != NULL ? part->source->data
					  : part->source->raw;
}

void
ph_content_part_forget(const struct ph_part *part)
{
	g_clear_pointer(&part->source->data, g_free);
}

size_t
ph_content_source_size(struct ph_content_source *source)
{
	if (source->encoding == PH_ENCODING_BASE64 && source->data == NULL)
		return ph_encoding_base64_size(source->raw, source->size, NULL);
	decode_source(source);
	return source->data != NULL ? source->data_size : source->size;
}

const struct ph_part *
ph_content_parts(const struct ph_content *content, size_t *n_r)
{
	struct ph_part *parts = (struct ph_part *)(void *)content->parts->data;

	for (guint i = 0; i < content->parts->len; i++) {
		if (parts[i].source->sized)
			continue;
		parts[i].size = ph_content_source_size(parts[i].source);
		parts[i].source->sized = true;
	}
	*n_r = content->parts->len;
	return parts;
}

/* ---- answers ------------------------------------------------------------- */

unsigned
ph_content_types(const struct ph_content *content)
{
	return content->types;
}

bool
ph_content_is_sealed(const struct ph_content *content)
{
	return (content->types & PH_CONTENT_ENCRYPTED) != 0 && !content->open &&
	       content->extras->len == 0;
}

const char *const *
ph_content_charsets(const struct ph_content *content)
{
	return (const char *const *)content->charsets->pdata;
}

void
ph_content_suspect(struct ph_content *content, const char *reason)
{
	if (content->reason == NULL)
		content->reason = reason;
}

bool
ph_content_pay(struct ph_content *content, size_t *budget, size_t size)
{
	if (size > *budget) {
		content->truncated = true;
		return false;
	}
	*budget -= size;
	return true;
}

void
ph_content_add_extra(struct ph_content *content, const char *raw, size_t size)
{
	struct ph_content_extra extra = {raw, size};

	if (size > 0 && ph_content_pay(content, &content->decode, size))
		g_array_append_val(content->extras, extra);
}

bool
ph_content_truncated(struct ph_content *content)
{
	ph_content_make_texts(content);
	return content->truncated;
}

bool
ph_content_suspicious(struct ph_content *content, const char **reason_r)
{
	ph_content_make_texts(content);
	if (reason_r != NULL)
		*reason_r = content->reason;
	return content->reason != NULL;
}
