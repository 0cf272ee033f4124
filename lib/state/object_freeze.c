#include "lib/state/object_private.h"

#include "lib/state/bytes.h"

#include <string.h>

/*
 * "PHF" and the format's version, a byte; the number of fields and that of the
 * elements of all their lists; the name, and folded; then the fields by name,
 * each
 *
 *	row	the place of its row in the kind's table, or NO_ROW
 *	place	of the field among the pairs
 *	except, type
 *	number	64 bits
 *	count	of elements of the list
 *	name, text, elements
 *
 * Numbers have 32 bits, little-endian. A text is its length, its bytes and a
 * NUL, so that it can be used where it lies.
 */
static const char magic[4] = {'P', 'H', 'F', 1};

#define NO_ROW UINT32_MAX

/* ---- freezing ------------------------------------------------------------ */

static void
put_text(GByteArray *out, const char *text)
{
	ph_bytes_put_string(out, text, strlen(text));
	g_byte_array_append(out, (const guint8 *)"", 1);
}

static uint32_t
place_of(const struct ph_object *object, const struct ph_slot *slot)
{
	uint32_t i = 0;

	while (object->pairs[i].value != slot->value.text)
		i++;
	return i;
}

static uint32_t
count_list(const struct ph_slot *slot)
{
	return slot->value.list != NULL ? g_strv_length(slot->value.list) : 0;
}

static void
put_slot(GByteArray *out, const struct ph_object *object,
	 const struct ph_slot *slot)
{
	const struct ph_value *value = &slot->value;

	ph_bytes_put_number(
	    out, slot->field == &ph_open_field
		     ? NO_ROW
		     : (uint32_t)(slot->field - object->kind->fields));
	ph_bytes_put_number(out, place_of(object, slot));
	ph_bytes_put_number(out, slot->except);
	ph_bytes_put_number(out, slot->field->type);
	ph_bytes_put_number(out, (uint32_t)value->number);
	ph_bytes_put_number(out, (uint32_t)((uint64_t)value->number >> 32));
	ph_bytes_put_number(out, count_list(slot));
	put_text(out, slot->name);
	put_text(out, value->text);
	for (uint32_t i = 0; i < count_list(slot); i++)
		put_text(out, value->list[i]);
}

void *
ph_object_freeze(const struct ph_object *object, size_t *size_r)
{
	GByteArray *out = g_byte_array_new();
	uint32_t elements = 0;

	for (size_t i = 0; i < object->n; i++)
		elements += count_list(&object->slots[i]);
	g_byte_array_append(out, (const guint8 *)magic, sizeof(magic));
	ph_bytes_put_number(out, (uint32_t)object->n);
	ph_bytes_put_number(out, elements);
	put_text(out, object->name);
	put_text(out, object->folded);
	for (size_t i = 0; i < object->n; i++)
		put_slot(out, object, &object->slots[i]);
	*size_r = out->len;
	return g_byte_array_free(out, FALSE);
}

/* ---- thawing ------------------------------------------------------------- */

/* An object and all of it in one block: its arrays, then the frozen bytes. */
struct thaw {
	struct ph_bytes in;
	struct ph_object *object;
	char **lists; /* the next place for an element or a list's end */
	size_t n_lists;
};

/* NULL: it does not end where it should. */
static char *
get_text(struct ph_bytes *in)
{
	const uint8_t *data;
	size_t size;

	if (!ph_bytes_get_blob(in, &data, &size) || in->left == 0 ||
	    *in->next != '\0')
		return NULL;
	in->next++;
	in->left--;
	return (char *)(uintptr_t)data;
}

static bool
get_numbers(struct ph_bytes *in, uint32_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!ph_bytes_get_number(in, &numbers[i]))
			return false;
	return true;
}

static bool
get_list(struct thaw *thaw, uint32_t count, struct ph_slot *slot)
{
	if (count >= thaw->n_lists)
		return false;
	slot->value.list = thaw->lists;
	for (uint32_t i = 0; i < count; i++)
		if ((thaw->lists[i] = get_text(&thaw->in)) == NULL)
			return false;
	thaw->lists[count] = NULL;
	thaw->lists += count + 1;
	thaw->n_lists -= count + 1;
	return true;
}

enum { ROW, PLACE, EXCEPT, TYPE, LOW, HIGH, COUNT, NUMBERS };

/* Does the kind still have the row as it was? */
static bool
fits(const struct ph_object *object, const uint32_t *numbers,
     const struct ph_slot *slot)
{
	const struct ph_field *field = slot->field;
	const char *name = slot->name;

	if (numbers[TYPE] != (uint32_t)field->type)
		return false;
	if (numbers[ROW] == NO_ROW)
		return (object->kind->flags & PH_KIND_OPEN) != 0;
	if (slot->except) {
		if (!g_str_has_prefix(name, "ExceptIf"))
			return false;
		name += strlen("ExceptIf");
	}
	if (strcmp(name, field->name) != 0)
		return false;
	if (field->type != PH_TYPE_WORD)
		return true;
	if (slot->value.number < 0)
		return false;
	/* The text is one of the words of then. */
	for (int64_t i = 0; i < slot->value.number; i++)
		if (field->words[i] == NULL)
			return false;
	return g_strcmp0(field->words[slot->value.number], slot->value.text) ==
	       0;
}

/* 1; 0: it has to be parsed; -1: damaged. */
static int
get_slot(struct thaw *thaw, size_t rows, struct ph_slot *slot)
{
	struct ph_object *object = thaw->object;
	uint32_t numbers[NUMBERS];

	if (!get_numbers(&thaw->in, numbers, NUMBERS) ||
	    numbers[PLACE] >= object->n)
		return -1;
	*slot = (struct ph_slot){
	    .except = numbers[EXCEPT] != 0,
	    .value.number =
		(int64_t)((uint64_t)numbers[HIGH] << 32 | numbers[LOW]),
	    .name = get_text(&thaw->in),
	};
	slot->value.text = get_text(&thaw->in);
	if (slot->name == NULL || slot->value.text == NULL)
		return -1;
	object->pairs[numbers[PLACE]] =
	    (struct ph_pair){slot->name, slot->value.text};
	slot->field = numbers[ROW] < rows ? &object->kind->fields[numbers[ROW]]
					  : &ph_open_field;
	if ((numbers[COUNT] > 0 || ph_type_is_list(slot->field->type)) &&
	    !get_list(thaw, numbers[COUNT], slot))
		return -1;
	return (numbers[ROW] < rows || numbers[ROW] == NO_ROW) &&
	       fits(object, numbers, slot);
}

static struct ph_object *
make_block(const struct ph_kind *kind, const void *data, size_t size, size_t n,
	   size_t n_lists, struct thaw *thaw_r)
{
	const size_t slots = sizeof(struct ph_object);
	const size_t pairs = slots + n * sizeof(struct ph_slot);
	const size_t lists = pairs + (n + 1) * sizeof(struct ph_pair);
	const size_t bytes = lists + n_lists * sizeof(char *);
	char *block = g_malloc(bytes + size);
	struct ph_object *object = (struct ph_object *)(void *)block;

	memset(block, 0, lists);
	memcpy(block + bytes, data, size);
	object->refs = 1;
	object->kind = kind;
	object->slots = (struct ph_slot *)(void *)(block + slots);
	object->pairs = (struct ph_pair *)(void *)(block + pairs);
	object->n = n;
	*thaw_r = (struct thaw){
	    .in = {(const uint8_t *)block + bytes, size},
	    .object = object,
	    .lists = (char **)(void *)(block + lists),
	    .n_lists = n_lists,
	};
	return object;
}

static int
damaged(const char *what, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_PERM,
			  "frozen object: %s; expected what ph_object_freeze "
			  "wrote",
			  what);
}

/* All fields. 1; 0: it has to be parsed; -1: damaged. */
static int
get_object(struct thaw *thaw, size_t rows)
{
	struct ph_object *object = thaw->object;
	int answer = 1;

	thaw->in.next += sizeof(magic) + 2 * sizeof(uint32_t);
	thaw->in.left -= sizeof(magic) + 2 * sizeof(uint32_t);
	object->name = get_text(&thaw->in);
	object->folded = get_text(&thaw->in);
	if (object->name == NULL || object->folded == NULL)
		return -1;
	for (size_t i = 0; i < object->n; i++) {
		int r = get_slot(thaw, rows, &object->slots[i]);

		if (r < 0)
			return -1;
		answer = MIN(answer, r);
	}
	for (size_t i = 0; i < object->n; i++)
		if (object->pairs[i].field == NULL)
			return -1;
	return thaw->in.left == 0 ? answer : -1;
}

int
ph_object_thaw(const struct ph_kind *kind, const void *data, size_t size,
	       struct ph_object **object_r, struct ph_err *err)
{
	struct ph_bytes in = {data, size};
	struct ph_object *object;
	struct thaw thaw;
	uint32_t head[2];
	int r;

	if (size < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
		return damaged("is of another version", err);
	in.next += sizeof(magic);
	in.left -= sizeof(magic);
	/* Each field and each element takes some bytes, so that a damaged
	 * number takes no memory. */
	if (!get_numbers(&in, head, 2) || head[0] > PH_OBJECT_FIELDS ||
	    head[1] > size)
		return damaged("is damaged", err);
	object = make_block(kind, data, size, head[0],
			    (size_t)head[0] + head[1], &thaw);
	r = get_object(&thaw, ph_kind_defaults(kind)->rows);
	if (r == 1) {
		*object_r = object;
		return 0;
	}
	r = r < 0 ? damaged("is damaged", err)
		  : ph_object_parse(kind, object->name, object->pairs,
				    object->n, object_r, err);
	g_free(object);
	return r;
}
