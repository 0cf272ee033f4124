#include "lib/extract/extract_private.h"
#include "lib/message/charset.h"

#include <math.h>
#include <string.h>

#define PROPERTY_NAME ((size_t)256)
#define PROPERTY_VALUE ((size_t)32 * 1024)
#define PROPERTIES 1000
#define FILE_NAME ((size_t)1024)

/* ---- text ---------------------------------------------------------------- */

bool
ph_extract_full(const struct ph_extract_job *job)
{
	return job->result->truncated;
}

/* Valid UTF-8 without NUL. */
static void
put_valid(struct ph_extract_job *job, const char *text, size_t size)
{
	GString *out = job->result->text;
	size_t room = job->limits.text - MIN(job->limits.text, out->len);

	if (size > room) {
		size = room;
		while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
			size--;
		job->result->truncated = true;
	}
	g_string_append_len(out, text, (gssize)size);
}

void
ph_extract_put_charset(struct ph_extract_job *job, const char *charset,
		       const void *bytes, size_t size)
{
	struct ph_charset_options options = {
	    .charset = charset,
	    .limit = job->limits.text,
	    .bad_r = &job->result->damaged,
	    .cut_r = &job->result->truncated,
	};
	g_autofree char *text = NULL;
	size_t n;
	bool full = ph_extract_full(job);

	if (size == 0 || full)
		return;
	text = ph_charset_decode(bytes, size, &options, &n);
	put_valid(job, text, n);
}

void
ph_extract_put(struct ph_extract_job *job, const char *text, size_t size)
{
	if (ph_extract_full(job))
		return;
	if (ph_utf8_valid(text, size) == size &&
	    memchr(text, '\0', size) == NULL)
		put_valid(job, text, size);
	else
		ph_extract_put_charset(job, "utf-8", text, size);
}

void
ph_extract_put_char(struct ph_extract_job *job, gunichar c)
{
	char text[6];

	if (c == 0 || !g_unichar_validate(c))
		c = 0xfffd;
	if (!ph_extract_full(job))
		put_valid(job, text, (size_t)g_unichar_to_utf8(c, text));
}

void
ph_extract_separate(struct ph_extract_job *job, char with)
{
	GString *out = job->result->text;
	char last = out->len > 0 ? out->str[out->len - 1] : '\n';

	if (last == '\n' || (with != '\n' && (last == ' ' || last == '\t')) ||
	    ph_extract_full(job))
		return;
	put_valid(job, &with, 1);
}

void
ph_extract_put_line(struct ph_extract_job *job, const char *text, size_t size)
{
	ph_extract_separate(job, '\n');
	ph_extract_put(job, text, size);
	ph_extract_separate(job, '\n');
}

void
ph_extract_put_aside(struct ph_extract_job *job, const GString *aside)
{
	bool truncated = job->result->truncated;

	job->result->truncated = false;
	ph_extract_put_line(job, aside->str, aside->len);
	job->result->truncated |= truncated;
}

/* From after '&': how much is code. */
static size_t
header_code(const char *p, size_t size)
{
	const char *quote;
	size_t n = 0;

	if (size > 0 && *p == '"') {
		quote = memchr(p + 1, '"', size - 1);
		return quote != NULL ? (size_t)(quote + 1 - p) : 1;
	}
	while (n < size && g_ascii_isdigit(p[n]))
		n++;
	return n == 0 && size > 0 && g_ascii_isalpha(*p) ? 1 : n;
}

void
ph_extract_put_header(struct ph_extract_job *job, const char *text, size_t size)
{
	const char *end = text + size;

	ph_extract_separate(job, '\n');
	while (text < end) {
		const char *code = memchr(text, '&', (size_t)(end - text));

		if (code == NULL)
			code = end;
		ph_extract_put(job, text, (size_t)(code - text));
		if (code == end)
			break;
		text = code + 1;
		if (text < end && *text == '&') {
			ph_extract_put(job, "&", 1);
			text++;
		} else {
			ph_extract_separate(job, ' ');
			text += header_code(text, (size_t)(end - text));
		}
	}
	ph_extract_separate(job, '\n');
}

/* A card's number has more digits than "%g" gives; beyond 2^53 they are not
 * those that were typed. */
void
ph_extract_put_number(struct ph_extract_job *job, double number)
{
	char text[64];

	if (fabs(number) < 1e17 && floor(number) == number)
		g_snprintf(text, sizeof(text), "%.0f", number);
	else
		g_ascii_formatd(text, sizeof(text), "%.15g", number);
	ph_extract_put(job, text, strlen(text));
}

void
ph_extract_put_rk(struct ph_extract_job *job, uint32_t rk)
{
	uint64_t bits = (uint64_t)(rk & ~3u) << 32;
	double number;

	if (rk & 2)
		number = (int32_t)rk >> 2;
	else
		memcpy(&number, &bits, sizeof(number));
	ph_extract_put_number(job, rk & 1 ? number / 100 : number);
}

/* ---- streams ------------------------------------------------------------- */

uint16_t
ph_bytes_u16(struct ph_bytes bytes, size_t at)
{
	if (bytes.size < 2 || at > bytes.size - 2)
		return 0;
	return (uint16_t)(bytes.p[at] | bytes.p[at + 1] << 8);
}

uint32_t
ph_bytes_u32(struct ph_bytes bytes, size_t at)
{
	if (bytes.size < 4 || at > bytes.size - 4)
		return 0;
	return ph_bytes_u16(bytes, at) | (uint32_t)ph_bytes_u16(bytes, at + 2)
					     << 16;
}

double
ph_bytes_double(struct ph_bytes bytes, size_t at)
{
	uint64_t bits = ph_bytes_u32(bytes, at) |
			(uint64_t)ph_bytes_u32(bytes, at + 4) << 32;
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

struct ph_bytes
ph_bytes_sub(struct ph_bytes bytes, size_t at, size_t size)
{
	at = MIN(at, bytes.size);
	/* Of nothing there may be no address. */
	return (struct ph_bytes){at > 0 ? bytes.p + at : bytes.p,
				 MIN(size, bytes.size - at)};
}

void
ph_extract_put_utf16(struct ph_extract_job *job, struct ph_bytes text)
{
	for (size_t i = 0; i + 1 < text.size && !ph_extract_full(job); i += 2) {
		gunichar c = ph_bytes_u16(text, i);
		gunichar low = ph_bytes_u16(text, i + 2);

		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 &&
		    low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		}
		ph_extract_put_char(job, c);
	}
}

void
ph_extract_put_latin1(struct ph_extract_job *job, struct ph_bytes text)
{
	for (size_t i = 0; i < text.size && !ph_extract_full(job); i++)
		ph_extract_put_char(job, text.p[i]);
}

/* ---- properties, files --------------------------------------------------- */

/* Valid, without NUL, of at most limit bytes; g_free. */
static char *
clean(const char *text, size_t limit)
{
	struct ph_charset_options options = {
	    .charset = "utf-8",
	    .limit = limit,
	};
	size_t size;

	return ph_charset_decode(text, strlen(text), &options, &size);
}

void
ph_extract_property(struct ph_extract_job *job, const char *name,
		    const char *value)
{
	struct ph_extract_result *result = job->result;
	struct ph_extract_property property;

	if (result->properties->len >= PROPERTIES) {
		result->limit = true;
		return;
	}
	property.value = g_strstrip(clean(value, PROPERTY_VALUE));
	if (property.value[0] == '\0' || name[0] == '\0') {
		g_free(property.value);
		return;
	}
	property.name = clean(name, PROPERTY_NAME);
	g_array_append_val(result->properties, property);
}

/* Names of formats, sorted; those of Office's own file dialog beside them. */
static const struct {
	const char *known;
	const char *name;
} names[] = {
    {"CreationDate", "Created"},
    {"LastAuthor", "Last Author"},
    {"LastPrinted", "Last Printed"},
    {"ModDate", "Modified"},
    {"TotalTime", "Total Editing Time"},
    {"author", "Author"},
    {"buptim", "Backed Up"},
    {"category", "Category"},
    {"comment", "Comments"},
    {"company", "Company"},
    {"contentStatus", "Content Status"},
    {"created", "Created"},
    {"creation-date", "Created"},
    {"creatim", "Created"},
    {"creator", "Author"},
    {"date", "Modified"},
    {"description", "Comments"},
    {"doccomm", "Comments"},
    {"editing-cycles", "Revision"},
    {"editing-duration", "Total Editing Time"},
    {"generator", "Application"},
    {"hlinkbase", "HyperlinkBase"},
    {"initial-creator", "Author"},
    {"keyword", "Keywords"},
    {"keywords", "Keywords"},
    {"language", "Language"},
    {"last-printed", "Last Printed"},
    {"last-saved-by", "Last Author"},
    {"lastModifiedBy", "Last Author"},
    {"lastPrinted", "Last Printed"},
    {"manager", "Manager"},
    {"modified", "Modified"},
    {"operator", "Last Author"},
    {"print-date", "Last Printed"},
    {"printim", "Last Printed"},
    {"publisher", "Company"},
    {"revision", "Revision"},
    {"revtim", "Modified"},
    {"subject", "Subject"},
    {"template", "Template"},
    {"title", "Title"},
};

void
ph_extract_known_property(struct ph_extract_job *job, const char *name,
			  const char *value)
{
	const char *shown = name;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(names[i].known, name) == 0)
			shown = names[i].name;
	ph_extract_property(job, shown, value);
}

void
ph_extract_file(struct ph_extract_job *job, const char *name, GBytes *data)
{
	struct ph_extract_result *result = job->result;
	struct ph_extract_file file = {.data = data};

	if (result->files->len >= job->limits.entries) {
		result->limit = true;
		g_bytes_unref(data);
		return;
	}
	file.name = clean(name, FILE_NAME);
	g_array_append_val(result->files, file);
}

bool
ph_extract_unpacked(struct ph_extract_job *job, size_t size)
{
	size_t room = job->limits.unpacked - job->unpacked;

	if (size > room) {
		job->result->limit = true;
		job->spent = true;
		return false;
	}
	job->unpacked += size;
	return true;
}
