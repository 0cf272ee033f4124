#include "store/mailbox/place.h"

#include "lib/base/text.h"
#include "lib/state/kinds.h"
#include "store/mailbox/path.h"

#include <glib.h>
#include <limits.h>
#include <string.h>

enum { LEVELS = 8 };

#define DEFAULT_PLACE "{domain}/{local}"

/* A component is pieces; a piece is text as it is, or what a name stands for.
 */
struct piece {
	bool filled;
	char *text;
};

struct ph_place {
	bool is_default;
	GPtrArray *levels; /* GPtrArray of struct piece */
};

static void
free_piece(gpointer p)
{
	struct piece *piece = p;

	g_free(piece->text);
	g_free(piece);
}

static void
free_level(gpointer p)
{
	g_ptr_array_unref(p);
}

void
ph_place_free(struct ph_place **place)
{
	if (!*place)
		return;
	g_ptr_array_unref((*place)->levels);
	g_clear_pointer(place, g_free);
}

/* ---- parsing ----------------------------------------------------------- */

static bool
is_own_name(const char *name)
{
	return strcmp(name, "local") == 0 || strcmp(name, "domain") == 0 ||
	       strcmp(name, "address") == 0;
}

static bool
is_attribute(const char *name)
{
	const struct ph_kind *kind = ph_kind_find("recipient");
	const struct ph_field *field = ph_kind_field(kind, name, NULL);

	if (field)
		return field->type == PH_TYPE_TEXT ||
		       field->type == PH_TYPE_NAME ||
		       field->type == PH_TYPE_ADDRESS;
	/* The kind is open: directories have attributes of their own. */
	for (const char *p = name; *p; p++)
		if (!g_ascii_isalnum(*p) && *p != '-' && *p != '_')
			return false;
	return *name != '\0';
}

static void
add_piece(GPtrArray *level, bool filled, const char *text, size_t size)
{
	struct piece *piece = g_new0(struct piece, 1);

	piece->filled = filled;
	piece->text = g_strndup(text, size);
	g_ptr_array_add(level, piece);
}

/* Text between placeholders stays as it is, so it must be fit for a path. */
static int
add_text(GPtrArray *level, const char *text, size_t size, struct ph_err *err)
{
	for (size_t i = 0; i < size; i++)
		if (!g_ascii_isgraph(text[i]) || text[i] == '}' ||
		    (text[i] == '.' && i == 0 && level->len == 0))
			return ph_err_set(err, PH_ERR_PERM,
					  "mailbox_path: \"%.*s\": is no name "
					  "of a directory; expected printable "
					  "ASCII that does not begin with a "
					  "dot",
					  (int)size, text);
	if (size > 0)
		add_piece(level, false, text, size);
	return 0;
}

static int
add_name(GPtrArray *level, const char *text, size_t size, struct ph_err *err)
{
	g_autofree char *name = g_strndup(text, size);

	if (!is_own_name(name) && !is_attribute(name))
		return ph_err_set(err, PH_ERR_PERM,
				  "mailbox_path: {%s}: is not known; expected "
				  "local, domain, address or a field of "
				  "recipients that is one text",
				  name);
	add_piece(level, true, name, size);
	return 0;
}

static int
parse_level(GPtrArray *level, const char *text, struct ph_err *err)
{
	while (*text) {
		size_t n = strcspn(text, "{");
		const char *end;

		if (add_text(level, text, n, err) < 0)
			return -1;
		text += n;
		if (!*text)
			break;
		end = strchr(text, '}');
		if (!end)
			return ph_err_set(err, PH_ERR_PERM,
					  "mailbox_path: no } after %s", text);
		if (add_name(level, text + 1, (size_t)(end - text) - 1, err) <
		    0)
			return -1;
		text = end + 1;
	}
	if (level->len == 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "mailbox_path: an empty name of a directory");
	return 0;
}

static bool
names(const struct ph_place *place, const char *name)
{
	for (guint i = 0; i < place->levels->len; i++) {
		const GPtrArray *level = place->levels->pdata[i];

		for (guint j = 0; j < level->len; j++) {
			const struct piece *piece = level->pdata[j];

			if (piece->filled &&
			    (name ? strcmp(piece->text, name) == 0
				  : !is_own_name(piece->text)))
				return true;
		}
	}
	return false;
}

/* Two people in one mailbox would read each other's mail. Whether an attribute
 * is different for each of them only the administrator can know. */
static bool
is_different_for_each(const struct ph_place *place)
{
	return names(place, "address") || names(place, NULL) ||
	       (names(place, "local") && names(place, "domain"));
}

int
ph_place_parse(const char *text, struct ph_place **place_r, struct ph_err *err)
{
	g_auto(GStrv) levels = g_strsplit(text, "/", LEVELS + 1);
	struct ph_place *place = g_new0(struct ph_place, 1);

	place->is_default = strcmp(text, DEFAULT_PLACE) == 0;
	place->levels = g_ptr_array_new_with_free_func(free_level);
	for (size_t i = 0; levels[i]; i++) {
		GPtrArray *level = g_ptr_array_new_with_free_func(free_piece);

		g_ptr_array_add(place->levels, level);
		if (i == LEVELS) {
			ph_err_set(err, PH_ERR_PERM,
				   "mailbox_path: more than %d levels", LEVELS);
			ph_place_free(&place);
			return -1;
		}
		if (parse_level(level, levels[i], err) < 0) {
			ph_place_free(&place);
			return -1;
		}
	}
	if (is_different_for_each(place)) {
		*place_r = place;
		return 0;
	}
	ph_place_free(&place);
	return ph_err_set(err, PH_ERR_PERM,
			  "mailbox_path: \"%s\" would give several people one "
			  "mailbox; expected {address}, or {local} and "
			  "{domain}, or an attribute in it",
			  text);
}

bool
ph_place_is_default(const struct ph_place *place)
{
	return place->is_default;
}

char *
ph_place_attribute(const char *text)
{
	size_t n = strlen(text);
	g_autofree char *name = NULL;

	if (n < 3 || text[0] != '{' || text[n - 1] != '}')
		return NULL;
	name = g_strndup(text + 1, n - 2);
	return is_attribute(name) ? g_steal_pointer(&name) : NULL;
}

/* ---- filling in -------------------------------------------------------- */

struct filling {
	const char *address, *local, *domain;
	const struct ph_object *entry;
};

static const char *
value_of(const struct filling *filling, const char *name)
{
	if (strcmp(name, "local") == 0)
		return filling->local;
	if (strcmp(name, "domain") == 0)
		return filling->domain;
	if (strcmp(name, "address") == 0)
		return filling->address;
	return filling->entry ? ph_object_text(filling->entry, name) : NULL;
}

static char *
fill_level(const GPtrArray *level, const struct filling *filling,
	   struct ph_err *err)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (guint i = 0; i < level->len; i++) {
		const struct piece *piece = level->pdata[i];
		const char *value = piece->filled
					? value_of(filling, piece->text)
					: piece->text;
		g_autofree char *fit = NULL;

		if (!value || !*value) {
			ph_err_set(err, PH_ERR_TEMP,
				   "%s has no %s, which mailbox_path wants: "
				   "set it, or change mailbox_path",
				   filling->address, piece->text);
			return NULL;
		}
		fit = piece->filled ? ph_path_component(value) : NULL;
		g_string_append(out, fit ? fit : value);
	}
	if (out->len > NAME_MAX) {
		ph_err_set(
		    err, PH_ERR_TEMP,
		    "%s: a directory of its mailbox_path would be longer "
		    "than %d bytes",
		    filling->address, NAME_MAX);
		return NULL;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

char **
ph_place_expand(const struct ph_place *place, const char *address,
		const struct ph_object *entry, struct ph_err *err)
{
	g_autofree char *local = NULL, *domain = NULL;
	g_auto(GStrv) components = g_new0(char *, place->levels->len + 1);
	struct filling filling;

	if (!ph_split_address(address, &local, &domain)) {
		ph_err_set(err, PH_ERR_TEMP,
			   "\"%s\" is no address to keep mail for", address);
		return NULL;
	}
	filling = (struct filling){address, local, domain, entry};
	for (guint i = 0; i < place->levels->len; i++) {
		components[i] =
		    fill_level(place->levels->pdata[i], &filling, err);
		if (!components[i])
			return NULL;
	}
	return g_steal_pointer(&components);
}
