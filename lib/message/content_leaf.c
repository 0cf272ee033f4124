#include "lib/message/content_private.h"

#include <string.h>
#include <strings.h>

/* Parts that are no containers, and what parts say about the kind of the
 * message. */

static bool
is_one_of(const char *text, const char *const *list)
{
	while (*list != NULL && strcmp(*list, text) != 0)
		list++;
	return *list != NULL;
}

bool
ph_content_is_message(const char *type)
{
	static const char *const types[] = {"message/rfc822", "message/global",
					    "message/news", "message/rfc2822",
					    NULL};

	return is_one_of(type, types);
}

static const char *const smime_types[] = {"application/pkcs7-mime",
					  "application/x-pkcs7-mime", NULL};

static bool
param_is(const struct ph_field *field, const char *name, const char *value)
{
	g_autofree char *text = ph_field_param(field, name);

	return text != NULL && strcasecmp(text, value) == 0;
}

/* RFC 8551 section 3.2.2. Without the parameter it may be signed or encrypted:
 * encrypted is what most senders of that age mean. */
static unsigned
smime_kind(const struct ph_field *type)
{
	g_autofree char *kind = ph_field_param(type, "smime-type");

	if (kind == NULL || strcasecmp(kind, "enveloped-data") == 0 ||
	    strcasecmp(kind, "authEnveloped-data") == 0)
		return PH_CONTENT_ENCRYPTED;
	return strcasecmp(kind, "signed-data") == 0 ? PH_CONTENT_SIGNED : 0;
}

#define ARMOR "-----BEGIN PGP MESSAGE-----"

/* Does it begin as what it is said to be? Anybody can write "encrypted" on
 * something that every reader shows. */
static bool
begins_as(const struct ph_entity *entity, bool armor)
{
	struct ph_content_source source = {
	    .raw = entity->body,
	    .size = MIN(entity->size, 1024),
	    .encoding = entity->encoding,
	};
	size_t size = ph_content_source_size(&source);
	const char *data = source.data != NULL ? source.data : source.raw;
	bool yes;

	if (armor)
		yes = memmem(data, size, ARMOR, strlen(ARMOR)) != NULL;
	else /* a SEQUENCE of DER, or base64 that is not said to be */
		yes = size == 0 || data[0] == 0x30 ||
		      (size > 1 && memcmp(data, "MI", 2) == 0);
	g_free(source.data);
	return yes;
}

/* Nobody but who has the key can read it: of S/MIME, or a part of PGP/MIME (RFC
 * 3156 section 4). */
static bool
is_sealed(const struct ph_entity *entity, const struct ph_part *part,
	  const struct ph_place *place, unsigned kind)
{
	if ((kind & PH_CONTENT_ENCRYPTED) != 0)
		return begins_as(entity, false);
	if (!place->encrypted)
		return false;
	if (strcmp(part->type, "application/pgp-encrypted") == 0)
		return entity->size < 1024;
	return strcmp(part->type, "application/octet-stream") == 0 &&
	       begins_as(entity, true);
}

static unsigned
leaf_kind(const struct ph_field *type, const struct ph_part *part)
{
	if (is_one_of(part->type, smime_types))
		return smime_kind(type);
	if (strcmp(part->type, "application/octet-stream") == 0 &&
	    strcasecmp(part->name, "smime.p7m") == 0)
		return PH_CONTENT_ENCRYPTED;
	if (strcmp(part->type, "application/x-microsoft-rpmsg-message") == 0 ||
	    strcasecmp(part->name, "message.rpmsg") == 0)
		return PH_CONTENT_PROTECTED;
	if (strcmp(part->type, "text/calendar") == 0) {
		g_autofree char *method = ph_field_param(type, "method");

		return method != NULL ? PH_CONTENT_CALENDARING : 0;
	}
	return 0;
}

unsigned
ph_content_multipart_kind(struct ph_content *content,
			  const struct ph_field *type)
{
	if (strcmp(type->value, "multipart/signed") == 0)
		return PH_CONTENT_SIGNED;
	if (strcmp(type->value, "multipart/encrypted") == 0)
		return PH_CONTENT_ENCRYPTED;
	if (strcmp(type->value, "multipart/voice-message") == 0)
		return PH_CONTENT_VOICEMAIL;
	if (strcmp(type->value, "multipart/report") != 0)
		return 0;
	content->report = true;
	if (param_is(type, "report-type", "disposition-notification"))
		return PH_CONTENT_READ_RECEIPT;
	if (param_is(type, "report-type", "delivery-status"))
		return PH_CONTENT_DELIVERY_REPORT;
	return 0;
}

/* The disposition's name comes first; a type's that is another is what another
 * reader may show. */
char *
ph_entity_name(struct ph_content *content, const struct ph_entity *entity,
	       const struct ph_field *type)
{
	g_autofree char *name = ph_field_param(type, "name");
	g_autofree char *filename =
	    entity->disposition.value != NULL
		? ph_field_param(&entity->disposition, "filename")
		: NULL;

	if (filename != NULL && *filename != '\0') {
		if (name != NULL && *name != '\0' &&
		    strcmp(name, filename) != 0)
			ph_content_suspect(content, "a part has two names");
		return g_steal_pointer(&filename);
	}
	return name != NULL ? g_steal_pointer(&name) : g_strdup("");
}

/* Every other name that a reader may show; NULL: there is none. */
static char **
find_other_names(const struct ph_entity *entity, const struct ph_field *type,
		 const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(names, g_strdup(name));
	if (entity->disposition.value != NULL)
		ph_field_readings(&entity->disposition, "filename", names);
	ph_field_readings(type, "name", names);
	for (guint i = 0; entity->names != NULL && i < entity->names->len; i++)
		g_ptr_array_add(names, g_strdup(entity->names->pdata[i]));
	if (names->len == 1)
		return NULL;
	g_ptr_array_add(names, NULL);
	return g_strdupv((char **)names->pdata + 1);
}

/* Every other charset that a reader may take; NULL: there is none. */
static char **
find_other_charsets(const struct ph_field *type)
{
	g_autoptr(GPtrArray) charsets = g_ptr_array_new_with_free_func(g_free);

	ph_field_readings(type, "charset", charsets);
	if (charsets->len < 2)
		return NULL;
	g_ptr_array_add(charsets, NULL);
	return g_strdupv((char **)charsets->pdata + 1);
}

static char *
find_charset(struct ph_content *content, const struct ph_field *type)
{
	char *charset = ph_field_param(type, "charset");

	if (charset == NULL || *charset == '\0') {
		g_free(charset);
		return g_strdup("");
	}
	for (char *p = charset; *p != '\0'; p++)
		*p = g_ascii_tolower(*p);
	if (!g_hash_table_contains(content->seen, charset)) {
		char *copy = g_strdup(charset);

		g_hash_table_add(content->seen, copy);
		g_ptr_array_insert(content->charsets,
				   (gint)content->charsets->len - 1, copy);
	}
	return charset;
}

static struct ph_content_source *
new_source(const struct ph_entity *entity, const char *type)
{
	struct ph_content_source *source = g_new0(struct ph_content_source, 1);

	source->raw = entity->body;
	source->size = entity->size;
	source->encoding = entity->encoding;
	source->text = g_str_has_prefix(type, "text/");
	source->html = strcmp(type, "text/html") == 0;
	source->marked = strcmp(type, "text/enriched") == 0 ||
			 strcmp(type, "text/richtext") == 0;
	return source;
}

/* What is neither text nor encoded costs nothing to have. */
static bool
pay_for(struct ph_content *content, const struct ph_entity *entity,
	const char *type)
{
	bool plain = entity->encoding == PH_ENCODING_NONE ||
		     entity->encoding == PH_ENCODING_UNKNOWN;

	if (plain && !g_str_has_prefix(type, "text/"))
		return true;
	return ph_content_pay(content, &content->decode, entity->size);
}

void
ph_content_add_leaf(struct ph_content *content, const struct ph_entity *entity,
		    const struct ph_field *type, const struct ph_place *place)
{
	struct ph_part part = {.path = NULL};
	unsigned kind;
	bool said;

	if (!pay_for(content, entity, type->value))
		return;
	part.path = g_strdup_printf("%s%zu", place->prefix, place->number);
	part.type = g_strdup(type->value);
	part.name = ph_entity_name(content, entity, type);
	part.other_names = find_other_names(entity, type, part.name);
	part.charset = find_charset(content, type);
	part.source = new_source(entity, part.type);
	part.source->charsets = find_other_charsets(type);
	part.source->joins = strcmp(part.type, "text/plain") == 0 &&
			     param_is(type, "format", "flowed") &&
			     param_is(type, "delsp", "yes");
	part.message = ph_content_is_message(part.type);
	said = entity->disposition.value != NULL &&
	       strcmp(entity->disposition.value, "attachment") == 0;
	/* A text with a name is shown as text by many, and one that is all of
	 * the message by nearly all. */
	part.source->body = part.source->text && (!said || place->root);
	part.attachment = !part.source->text || said || *part.name != '\0' ||
			  part.other_names != NULL;
	kind = leaf_kind(type, &part);
	if (!place->inner)
		content->types |= kind;
	content->open |= !is_sealed(entity, &part, place, kind);
	g_array_append_val(content->parts, part);
	if (part.source->body && strcmp(part.type, "text/plain") == 0)
		ph_content_add_uu(content, &part, place);
}
