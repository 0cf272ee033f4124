#include "lib/base/file.h"
#include "lib/classify/classify.h"

#include <string.h>

static void
unref_package(void *data)
{
	struct ph_package *package = data;

	ph_package_unref(&package);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
read_one(const char *directory, const char *name, GPtrArray *packages,
	 struct ph_err *err)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	struct ph_package *package;
	gsize size;

	if (!g_file_get_contents(path, &text, &size, &error))
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	if (ph_package_parse(name, text, size, &package, err) < 0)
		return ph_err_wrap(err, "%s", path);
	g_ptr_array_add(packages, package);
	return 0;
}

static GPtrArray *
list(const char *directory, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(directory, 0, &error);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	if (dir == NULL) {
		ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
		g_ptr_array_unref(names);
		return NULL;
	}
	while ((name = g_dir_read_name(dir)) != NULL)
		if (g_str_has_suffix(name, ".xml"))
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare_names);
	return names;
}

int
ph_classify_read(const char *directory, GPtrArray **packages_r,
		 struct ph_err *err)
{
	g_autoptr(GPtrArray) names = list(directory, err);
	g_autoptr(GPtrArray) packages =
	    g_ptr_array_new_with_free_func(unref_package);

	*packages_r = NULL;
	if (names == NULL)
		return -1;
	for (guint i = 0; i < names->len; i++)
		if (read_one(directory, names->pdata[i], packages, err) < 0)
			return -1;
	*packages_r = g_steal_pointer(&packages);
	return 0;
}

char *
ph_classify_directory(void)
{
	return ph_file_share("sensitive-types");
}
