#include "store/mailbox/path.h"

#include "lib/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	COMPONENT_LIMIT = 200, /* of NAME_MAX 255 */
	DIGEST_TEXT = 32,
};

static bool
safe(const char *name, size_t i)
{
	if (name[i] == '.')
		return i > 0;
	return g_ascii_isgraph(name[i]) && !strchr("/%~:", name[i]);
}

static char *
escape(const char *name)
{
	GString *out = g_string_new(NULL);

	if (!*name)
		g_string_append_c(out, '%');
	for (size_t i = 0; name[i]; i++)
		if (safe(name, i))
			g_string_append_c(out, name[i]);
		else
			g_string_append_printf(out, "%%%02X",
					       (unsigned char)name[i]);
	return g_string_free(out, FALSE);
}

char *
ph_path_component(const char *name)
{
	g_autofree char *folded = ph_fold(name);
	g_autofree char *escaped = escape(folded);
	g_autofree char *digest = NULL;

	if (strlen(escaped) <= COMPONENT_LIMIT)
		return g_steal_pointer(&escaped);
	digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, folded, -1);
	return g_strdup_printf("%.*s~%.*s", COMPONENT_LIMIT - DIGEST_TEXT - 1,
			       escaped, DIGEST_TEXT, digest);
}

void
ph_path_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static int
fail(const char *what, const char *component, struct ph_err *err)
{
	int saved = errno;

	ph_err_set(err, PH_ERR_TEMP, "%s %s: %s", what, component,
		   g_strerror(saved));
	errno = saved;
	return -1;
}

int
ph_path_open(int dir, const char *component, bool make, struct ph_err *err)
{
	int fd;

	if (make && mkdirat(dir, component, 0700) < 0 && errno != EEXIST)
		return fail("cannot make directory", component, err);
	fd = openat(dir, component,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail("cannot open directory", component, err);
	return fd;
}

int
ph_path_walk(int dir, const char *const *components, bool make, bool sync,
	     struct ph_err *err)
{
	int parent = dir, fd = -1;

	for (; *components; components++) {
		fd = ph_path_open(parent, *components, make, err);
		if (fd >= 0 && sync && fsync(parent) < 0) {
			fail("cannot sync the directory of", *components, err);
			ph_path_close(&fd);
		}
		if (parent != dir)
			ph_path_close(&parent);
		if (fd < 0)
			return -1;
		parent = fd;
	}
	return fd;
}
