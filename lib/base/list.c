#include "lib/base/text.h"

#include <jansson.h>
#include <string.h>

static int
parse_json_list(const char *text, char ***list_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(g_free);
	json_error_t where;
	json_t *root = json_loads(text, 0, &where), *item;
	size_t i;

	if (!json_is_array(root)) {
		json_decref(root);
		return ph_err_set(err, PH_ERR_PERM,
				  "begins with [ but is no JSON array: "
				  "%.100s at character %d (an element that "
				  "begins so is put in quotes)",
				  where.text, where.position);
	}
	json_array_foreach(root, i, item)
	{
		if (!json_is_string(item)) {
			json_decref(root);
			return ph_err_set(err, PH_ERR_PERM,
					  "element %zu of the JSON array is "
					  "no string",
					  i + 1);
		}
		if (*json_string_value(item) != '\0')
			g_ptr_array_add(items,
					g_strdup(json_string_value(item)));
	}
	json_decref(root);
	g_ptr_array_add(items, NULL);
	*list_r = (char **)g_ptr_array_free(g_steal_pointer(&items), FALSE);
	return 0;
}

/* After the opening quote; NULL when the closing one is missing. */
static const char *
parse_quoted(const char *p, GString *item)
{
	for (; *p != '\0'; p++) {
		if (*p != '"')
			g_string_append_c(item, *p);
		else if (p[1] == '"')
			g_string_append_c(item, *p++);
		else
			return p + 1;
	}
	return NULL;
}

int
ph_parse_list(const char *text, char ***list_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) item = g_string_new(NULL);
	const char *p = text + strspn(text, " \t\r\n");

	if (*p == '[')
		return parse_json_list(p, list_r, err);
	while (*p != '\0') {
		p += strspn(p, " \t\r\n,");
		g_string_truncate(item, 0);
		if (*p == '"') {
			p = parse_quoted(p + 1, item);
			if (p == NULL)
				return ph_err_set(err, PH_ERR_PERM,
						  "a quote is not closed");
			p += strspn(p, " \t\r\n");
			if (*p != ',' && *p != '\0')
				return ph_err_set(err, PH_ERR_PERM,
						  "expected a comma after the "
						  "closing quote of \"%.60s\"",
						  item->str);
		} else {
			size_t n = strcspn(p, ",");

			g_string_append_len(item, p, (gssize)n);
			g_strchomp(item->str);
			p += n;
		}
		if (*item->str != '\0')
			g_ptr_array_add(items, g_strdup(item->str));
	}
	g_ptr_array_add(items, NULL);
	*list_r = (char **)g_ptr_array_free(g_steal_pointer(&items), FALSE);
	return 0;
}

static bool
needs_quotes(const char *item)
{
	size_t n = strlen(item);

	return n == 0 || strpbrk(item, ",\"\r\n") != NULL || item[0] == '[' ||
	       strchr(" \t", item[0]) != NULL || strchr(" \t", item[n - 1]);
}

char *
ph_format_list(const char *const *list)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; list[i] != NULL; i++) {
		if (i > 0)
			g_string_append_c(text, ',');
		if (!needs_quotes(list[i])) {
			g_string_append(text, list[i]);
			continue;
		}
		g_string_append_c(text, '"');
		for (const char *p = list[i]; *p != '\0'; p++) {
			if (*p == '"')
				g_string_append_c(text, '"');
			g_string_append_c(text, *p);
		}
		g_string_append_c(text, '"');
	}
	return g_string_free(text, FALSE);
}

int
ph_by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}
