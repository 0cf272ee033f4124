#include "cli/setup.h"

#include "lib/base/text.h"

#include <gio/gio.h>
#include <string.h>

/* ---- names --------------------------------------------------------------- */

/* "CN=mx.example, O=Example" and "O=example,CN=mx.example" as the same text.
 * A comma inside a value is escaped or quoted, and separates all the same: on
 * both sides alike. */
static char *
normal(const char *name)
{
	g_auto(GStrv) parts = g_strsplit(name, ",", -1);
	g_autoptr(GPtrArray) sorted = g_ptr_array_new_with_free_func(g_free);

	for (char **part = parts; *part != NULL; part++) {
		g_autofree char *folded = ph_fold(g_strstrip(*part));

		if (*folded != '\0')
			g_ptr_array_add(sorted, g_steal_pointer(&folded));
	}
	g_ptr_array_sort(sorted, ph_by_text);
	g_ptr_array_add(sorted, NULL);
	return g_strjoinv(",", (char **)sorted->pdata);
}

static bool
is_name(const char *a, const char *b)
{
	g_autofree char *x = normal(a);
	g_autofree char *y = normal(b);

	return strcmp(x, y) == 0;
}

/* "<I>issuer<S>subject"; both g_free. */
static bool
split(const char *name, char **issuer_r, char **subject_r)
{
	const char *subject;

	if (!g_str_has_prefix(name, "<I>"))
		return false;
	subject = strstr(name, "<S>");
	if (subject == NULL)
		return false;
	*issuer_r = g_strndup(name + 3, (gsize)(subject - name - 3));
	*subject_r = g_strdup(subject + 3);
	return true;
}

/* ---- files --------------------------------------------------------------- */

static bool
is_certificate(const char *path, const char *issuer, const char *subject)
{
	g_autoptr(GTlsCertificate) one =
	    g_tls_certificate_new_from_file(path, NULL);
	g_autofree char *its_issuer = NULL, *its_subject = NULL;

	if (one == NULL)
		return false;
	its_issuer = g_tls_certificate_get_issuer_name(one);
	its_subject = g_tls_certificate_get_subject_name(one);
	return its_issuer != NULL && its_subject != NULL &&
	       is_name(its_issuer, issuer) && is_name(its_subject, subject);
}

/* Of several that do, the last one by name: renewed ones are numbered. */
static char *
find(const char *directory, const char *issuer, const char *subject)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	char *best = NULL;
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(directory, name, NULL);

		if (!g_str_has_suffix(name, ".pem") ||
		    (best != NULL && strcmp(path, best) < 0) ||
		    !is_certificate(path, issuer, subject))
			continue;
		g_free(best);
		best = g_steal_pointer(&path);
	}
	return best;
}

int
ph_certificate_find(const char *directory, const char *name, char **path_r,
		    struct ph_err *err)
{
	g_autofree char *issuer = NULL, *subject = NULL;

	*path_r = NULL;
	if (!split(name, &issuer, &subject))
		return ph_err_set(
		    err, PH_ERR_PERM,
		    "\"%s\" is no name of a certificate; expected "
		    "<I>issuer<S>subject",
		    name);
	*path_r = find(directory, issuer, subject);
	if (*path_r != NULL)
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "%s has no *.pem whose first certificate is of "
			  "\"%s\", issued by \"%s\"",
			  directory, subject, issuer);
}
