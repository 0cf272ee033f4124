#include "lib/extract/ole2_private.h"
#include "lib/extract/rtf_packed.h"
#include "lib/message/charset.h"
#include "lib/message/content.h"

#include <string.h>

/*
 * A message as Outlook saves it (MS-OXMSG): a storage with a stream a property,
 * __substg1.0_ and eight digits: of the property, and of its type; those of a
 * fixed size are together in __properties_version1.0. An attachment is a
 * storage of the same form, and a message in it is one in that. No library
 * reads it that is not a mail program. Names compare without case, as they do
 * in a compound file.
 */
#define STREAM "__substg1.0_"
#define FIXED "__properties_version1.0"
#define ATTACHMENT "__attach_version1.0_"

enum {
	TYPE_INTEGER = 0x0003,
	TYPE_STRING = 0x001e,
	TYPE_UNICODE = 0x001f,
	TYPE_BINARY = 0x0102,
};
enum {
	ID_DATA = 0x3701,
	ID_INTERNET_CODEPAGE = 0x3fde,
	ID_CODEPAGE = 0x3ffd,
};

/* What is kept of a message or an attachment, in this order. */
enum row {
	ROW_SUBJECT,
	ROW_FROM,
	ROW_FROM_ADDRESS,
	ROW_TO,
	ROW_CC,
	ROW_BCC,
	ROW_BODY,
	ROW_HTML,
	ROW_RTF,
	ROW_LONG_NAME,
	ROW_SHORT_NAME,
	ROW_SHOWN_NAME,
	ROWS
};

static const struct {
	unsigned id;
	const char *property; /* it is shown as; NULL: it is not */
} rows[ROWS] = {
    [ROW_SUBJECT] = {0x0037, "Subject"}, [ROW_FROM] = {0x0c1a, "From"},
    [ROW_FROM_ADDRESS] = {0x5d01, NULL}, [ROW_TO] = {0x0e04, "To"},
    [ROW_CC] = {0x0e03, "Cc"},		 [ROW_BCC] = {0x0e02, "Bcc"},
    [ROW_BODY] = {0x1000, NULL},	 [ROW_HTML] = {0x1013, NULL},
    [ROW_RTF] = {0x1009, NULL},		 [ROW_LONG_NAME] = {0x3707, NULL},
    [ROW_SHORT_NAME] = {0x3704, NULL},	 [ROW_SHOWN_NAME] = {0x3001, NULL},
};

struct object {
	const char *prefix; /* of the names of files in it */
	const char *charset;
	const char *html_charset; /* of bytes of HTML; "": as they say */
	GString *texts[ROWS];	  /* UTF-8; NULL: none */
	GByteArray *rtf;
	GByteArray *data; /* of an attachment */
	bool holds;	  /* a storage is what it is */
};

static void
clear(struct object *object)
{
	for (size_t i = 0; i < ROWS; i++)
		if (object->texts[i] != NULL)
			g_string_free(object->texts[i], TRUE);
	g_clear_pointer(&object->rtf, g_byte_array_unref);
	g_clear_pointer(&object->data, g_byte_array_unref);
}

/* ---- charset ------------------------------------------------------------- */

static const char *
find_charset(unsigned codepage)
{
	return ph_extract_charset_or_none(
	    ph_extract_codepage_of_mail(codepage != 0 ? codepage : 1252));
}

/* Entries of 16 bytes, type, id, flags, value, behind a head of 32 bytes, or 24
 * in a message that is in another. */
static void
take_fixed(struct object *object, struct ph_bytes bytes)
{
	unsigned codepage = 0, internet = 0;

	for (size_t at = bytes.size % 16 + 16; at < bytes.size; at += 16) {
		if (ph_bytes_u16(bytes, at) != TYPE_INTEGER)
			continue;
		if (ph_bytes_u16(bytes, at + 2) == ID_CODEPAGE)
			codepage = ph_bytes_u32(bytes, at + 8);
		if (ph_bytes_u16(bytes, at + 2) == ID_INTERNET_CODEPAGE)
			internet = ph_bytes_u32(bytes, at + 8);
	}
	if (internet != 0)
		object->html_charset = find_charset(internet);
	object->charset = find_charset(codepage != 0 ? codepage : internet);
}

static void
find_fixed(struct ph_storage *s, const char *name, GsfInput *input,
	   struct ph_storage *inner, void *self)
{
	g_autoptr(GByteArray) bytes = NULL;

	if (inner != NULL || g_ascii_strcasecmp(name, FIXED) != 0)
		return;
	bytes = ph_storage_bytes(s, input);
	take_fixed(self, ph_bytes_of(bytes));
}

/* ---- values -------------------------------------------------------------- */

/* False: no property's stream. */
static bool
parse_name(const char *name, unsigned *id_r, unsigned *type_r)
{
	size_t n = strlen(STREAM);
	unsigned tag = 0;

	if (g_ascii_strncasecmp(name, STREAM, n) != 0 || strlen(name) != n + 8)
		return false;
	for (const char *p = name + n; *p != '\0'; p++) {
		if (!g_ascii_isxdigit(*p))
			return false;
		tag = tag << 4 | (unsigned)g_ascii_xdigit_value(*p);
	}
	*id_r = tag >> 16;
	*type_r = tag & 0xffff;
	return true;
}

/* Where there are two of different types, some reader shows the one and some
 * the other. */
static void
take_text(struct ph_storage *s, struct object *object, enum row row,
	  unsigned type, struct ph_bytes bytes)
{
	struct ph_charset_options options = {
	    .charset = type == TYPE_UNICODE  ? "utf-16le"
		       : type == TYPE_BINARY ? object->html_charset
					     : object->charset,
	    .html = row == ROW_HTML && type != TYPE_UNICODE,
	    .limit = s->job->limits.unpacked,
	    .cut_r = &s->job->result->limit,
	    .bad_r = &s->job->result->damaged,
	};
	g_autofree char *text = NULL;
	size_t size;

	/* A NUL at its end is no part of it. */
	while (type == TYPE_STRING && bytes.size > 0 &&
	       bytes.p[bytes.size - 1] == 0)
		bytes.size--;
	while (type == TYPE_UNICODE && bytes.size > 1 &&
	       ph_bytes_u16(bytes, bytes.size - 2) == 0)
		bytes.size -= 2;
	if (bytes.size == 0)
		return;
	text = ph_charset_decode((const char *)bytes.p, bytes.size, &options,
				 &size);
	if (object->texts[row] == NULL)
		object->texts[row] = g_string_new(NULL);
	else
		g_string_append_c(object->texts[row], '\n');
	g_string_append_len(object->texts[row], text, (gssize)size);
}

/* Outlook shows the binary one; another beside it only misleads. */
static void
keep_bytes(struct ph_storage *s, GByteArray **kept, unsigned type,
	   GByteArray **bytes)
{
	if (type == TYPE_BINARY && *kept == NULL)
		*kept = g_steal_pointer(bytes);
	else
		s->job->result->damaged = true;
}

static void
take_value(struct ph_storage *s, const char *name, GsfInput *input,
	   struct ph_storage *inner, void *self)
{
	struct object *object = self;
	g_autoptr(GByteArray) bytes = NULL;
	unsigned id, type;
	size_t row = 0;

	if (!parse_name(name, &id, &type))
		return;
	if (inner != NULL) {
		object->holds |= id == ID_DATA;
		return;
	}
	while (row < ROWS && rows[row].id != id)
		row++;
	if (row == ROWS && id != ID_DATA)
		return;
	bytes = ph_storage_bytes(s, input);
	if (id == ID_DATA)
		keep_bytes(s, &object->data, type, &bytes);
	else if (row == ROW_RTF)
		keep_bytes(s, &object->rtf, type, &bytes);
	else
		take_text(s, object, (enum row)row, type, ph_bytes_of(bytes));
}

/* ---- attachments --------------------------------------------------------- */

/* A message, or an object of OLE. */
static void
take_object(struct ph_storage *s, const char *name, GsfInput *input,
	    struct ph_storage *inner, void *self)
{
	const char *attachment = self;
	unsigned id, type;

	(void)s;
	(void)input;
	if (inner == NULL || !parse_name(name, &id, &type) || id != ID_DATA)
		return;
	ph_storage_read(inner, attachment);
}

/* The longest of its names; g_free. */
static char *
attachment_name(const struct object *object)
{
	for (size_t row = ROW_LONG_NAME; row <= ROW_SHOWN_NAME; row++)
		if (object->texts[row] != NULL)
			return g_strconcat(object->prefix,
					   object->texts[row]->str, NULL);
	return g_strconcat(object->prefix, "attachment", NULL);
}

static void
take_attachment(struct ph_storage *s, const char *name, GsfInput *input,
		struct ph_storage *inner, void *self)
{
	const struct object *message = self;
	struct object object = {
	    .prefix = message->prefix,
	    .charset = message->charset,
	    .html_charset = "",
	};
	g_autofree char *file = NULL;

	(void)s;
	(void)input;
	if (inner == NULL ||
	    g_ascii_strncasecmp(name, ATTACHMENT, strlen(ATTACHMENT)) != 0)
		return;
	ph_storage_each(inner, take_value, &object);
	file = attachment_name(&object);
	if (object.data != NULL)
		ph_extract_file(
		    inner->job, file,
		    g_byte_array_free_to_bytes(g_steal_pointer(&object.data)));
	if (object.holds)
		ph_storage_each(inner, take_object, file);
	clear(&object);
}

/* ---- a message ----------------------------------------------------------- */

static const char *
skip_blanks(const char *text)
{
	while (g_ascii_isspace(*text))
		text++;
	return text;
}

/* How much white space there is does not count, but whether there is. */
static bool
same_words(const char *a, const char *b)
{
	a = skip_blanks(a);
	b = skip_blanks(b);
	for (;;) {
		const char *x = skip_blanks(a), *y = skip_blanks(b);

		if (*x != *y)
			return false;
		if (*x == '\0')
			return true;
		if ((x == a) != (y == b))
			return false;
		a = x + 1;
		b = y + 1;
	}
}

/* The body as HTML too, unless it says the same. */
static void
put_html(struct ph_storage *s, const struct object *object)
{
	const GString *html = object->texts[ROW_HTML];
	const GString *body = object->texts[ROW_BODY];
	g_autofree char *text = NULL;
	size_t size;

	if (html == NULL)
		return;
	text = ph_html_to_text(html->str, html->len, &size);
	if (body == NULL || !same_words(text, body->str))
		ph_extract_put_line(s->job, text, size);
}

/* NULL: it cannot be read. */
static GBytes *
unpack_rtf(struct ph_extract_job *job, struct ph_bytes packed)
{
	size_t size;

	if (!ph_rtf_packed_size(packed.p, packed.size, &size) ||
	    !ph_extract_unpacked(job, size))
		return NULL;
	return ph_rtf_unpack(packed.p, packed.size);
}

static void
put_rtf(struct ph_storage *s, const struct object *object)
{
	g_autofree char *name =
	    g_strconcat(object->prefix, "message.rtf", NULL);
	GBytes *rtf = unpack_rtf(s->job, ph_bytes_of(object->rtf));

	if (rtf != NULL)
		ph_extract_file(s->job, name, rtf);
	else
		s->job->result->damaged = true;
}

static void
put_message(struct ph_storage *s, const struct object *object)
{
	for (size_t row = ROW_SUBJECT; row <= ROW_BODY; row++) {
		const GString *text = object->texts[row];

		if (text == NULL)
			continue;
		ph_extract_put_line(s->job, text->str, text->len);
		if (rows[row].property != NULL && *object->prefix == '\0')
			ph_extract_property(s->job, rows[row].property,
					    text->str);
	}
	put_html(s, object);
	if (object->rtf != NULL)
		put_rtf(s, object);
}

/* name: of the attachment that it is in, or "". */
static void
read_message(struct ph_storage *s, const char *name)
{
	g_autofree char *prefix =
	    *name != '\0' ? g_strconcat(name, "/", NULL) : g_strdup("");
	struct object object = {
	    .prefix = prefix,
	    .charset = find_charset(0),
	    .html_charset = "",
	};

	*s->ours = true;
	ph_storage_each(s, find_fixed, &object);
	ph_storage_each(s, take_value, &object);
	put_message(s, &object);
	ph_storage_each(s, take_attachment, &object);
	clear(&object);
}

static void
find_message(struct ph_storage *s, const char *name, GsfInput *input,
	     struct ph_storage *inner, void *self)
{
	(void)s;
	(void)input;
	if (inner == NULL && g_ascii_strcasecmp(name, FIXED) == 0)
		*(bool *)self = true;
}

bool
ph_outlook_is_part(const char *name)
{
	static const char *const parts[] = {
	    STREAM, ATTACHMENT, "__recip_version1.0_", "__nameid_version1.0"};

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
		if (g_ascii_strncasecmp(name, parts[i], strlen(parts[i])) == 0)
			return true;
	return g_ascii_strcasecmp(name, FIXED) == 0;
}

bool
ph_outlook_read(struct ph_storage *s, const char *name)
{
	bool found = false;

	ph_storage_each(s, find_message, &found);
	if (found)
		read_message(s, name);
	return found;
}
