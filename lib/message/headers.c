#include "lib/message/headers.h"

#include <glib.h>
#include <string.h>
#include <strings.h>

struct entry {
	struct ph_header field; /* what callers see: the two below */
	char *name;
	char *value;
	char *text; /* decoded, made when first asked for */
};

struct ph_headers {
	GPtrArray *entries; /* struct entry */
	size_t size;
};

static void
entry_free(void *data)
{
	struct entry *entry = data;

	g_free(entry->name);
	g_free(entry->value);
	g_free(entry->text);
	g_free(entry);
}

static struct entry *
entry_at(const struct ph_headers *headers, size_t i)
{
	g_assert(i < headers->entries->len);
	return headers->entries->pdata[i];
}

static size_t
entry_size(const struct entry *entry)
{
	return strlen(entry->field.name) + strlen(entry->field.value) +
	       PH_HEADER_COST;
}

/* Keeps "size" at or below the limit. */
static bool
grow(struct ph_headers *headers, size_t more)
{
	if (more > PH_HEADERS_LIMIT - headers->size)
		return false;
	headers->size += more;
	return true;
}

struct ph_headers *
ph_headers_new(void)
{
	struct ph_headers *headers = g_new0(struct ph_headers, 1);

	headers->entries = g_ptr_array_new_with_free_func(entry_free);
	return headers;
}

void
ph_headers_free(struct ph_headers **headers)
{
	if (*headers == NULL)
		return;
	g_ptr_array_unref((*headers)->entries);
	g_free(*headers);
	*headers = NULL;
}

struct ph_headers *
ph_headers_copy(const struct ph_headers *headers)
{
	struct ph_headers *copy = ph_headers_new();

	for (guint i = 0; i < headers->entries->len; i++) {
		const struct entry *from = entry_at(headers, i);
		struct entry *to = g_new0(struct entry, 1);

		to->field.name = to->name = g_strdup(from->name);
		to->field.value = to->value = g_strdup(from->value);
		g_ptr_array_add(copy->entries, to);
	}
	copy->size = headers->size;
	return copy;
}

bool
ph_headers_add(struct ph_headers *headers, const char *name, const char *value)
{
	size_t name_size = strlen(name), value_size = strlen(value);
	struct entry *entry;

	if (value_size > PH_HEADERS_LIMIT || name_size > PH_HEADERS_LIMIT ||
	    !grow(headers, name_size + value_size + PH_HEADER_COST))
		return false;
	entry = g_new0(struct entry, 1);
	entry->field.name = entry->name = g_strdup(name);
	entry->field.value = entry->value = g_strdup(value);
	g_ptr_array_add(headers->entries, entry);
	return true;
}

size_t
ph_headers_count(const struct ph_headers *headers)
{
	return headers->entries->len;
}

const struct ph_header *
ph_headers_at(const struct ph_headers *headers, size_t i)
{
	return &entry_at(headers, i)->field;
}

size_t
ph_headers_find(const struct ph_headers *headers, const char *name, size_t from)
{
	size_t i = from;

	while (i < headers->entries->len &&
	       strcasecmp(entry_at(headers, i)->field.name, name) != 0)
		i++;
	return i;
}

/* Position of the n-th field of that name, or the count. */
static size_t
find_nth(const struct ph_headers *headers, const char *name, size_t n)
{
	size_t i = ph_headers_find(headers, name, 0);

	while (n-- > 0 && i < headers->entries->len)
		i = ph_headers_find(headers, name, i + 1);
	return i;
}

const char *
ph_headers_raw(const struct ph_headers *headers, const char *name, size_t n)
{
	size_t i = find_nth(headers, name, n);

	return i < headers->entries->len ? entry_at(headers, i)->field.value
					 : NULL;
}

const char *
ph_headers_text_at(struct ph_headers *headers, size_t i)
{
	struct entry *entry = entry_at(headers, i);

	if (entry->text == NULL)
		entry->text = ph_header_decode(entry->field.value);
	return entry->text;
}

const char *
ph_headers_text(struct ph_headers *headers, const char *name, size_t n)
{
	size_t i = find_nth(headers, name, n);

	return i < headers->entries->len ? ph_headers_text_at(headers, i)
					 : NULL;
}

bool
ph_headers_replace(struct ph_headers *headers, size_t i, const char *value)
{
	struct entry *entry = entry_at(headers, i);
	size_t before = strlen(entry->field.value), after = strlen(value);

	if (after > before && !grow(headers, after - before))
		return false;
	if (after < before)
		headers->size -= before - after;
	g_free(entry->value);
	entry->field.value = entry->value = g_strdup(value);
	g_clear_pointer(&entry->text, g_free);
	return true;
}

void
ph_headers_remove(struct ph_headers *headers, size_t i)
{
	headers->size -= entry_size(entry_at(headers, i));
	g_ptr_array_remove_index(headers->entries, (guint)i);
}

void
ph_headers_remove_all(struct ph_headers *headers, const char *name, size_t from)
{
	GPtrArray *entries = headers->entries;
	guint kept = (guint)MIN(from, entries->len);

	for (guint i = kept; i < entries->len; i++) {
		struct entry *entry = entries->pdata[i];

		if (strcasecmp(entry->field.name, name) != 0) {
			entries->pdata[kept++] = entry;
			continue;
		}
		headers->size -= entry_size(entry);
		entry_free(entry);
	}
	/* What is moved or gone is not to be freed here. */
	g_ptr_array_set_free_func(entries, NULL);
	g_ptr_array_set_size(entries, (gint)kept);
	g_ptr_array_set_free_func(entries, entry_free);
}

char *
ph_headers_address(struct ph_headers *headers, const char *name)
{
	const char *raw = ph_headers_raw(headers, name, 0);

	return raw != NULL ? ph_header_address(raw) : NULL;
}

char *
ph_headers_sender(struct ph_headers *headers)
{
	char *address = ph_headers_address(headers, "Sender");

	return address != NULL ? address : ph_headers_address(headers, "From");
}
