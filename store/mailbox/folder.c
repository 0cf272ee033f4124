#include "store/mailbox/folder.h"

#include "store/mailbox/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names ------------------------------------------------------------- */

static bool
is_name(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > NAME_MAX || name[0] == '.' ||
	    name[size - 1] == '.' || strstr(name, "..") ||
	    !g_utf8_validate(name, -1, NULL))
		return false;
	for (const char *p = name; *p; p = g_utf8_next_char(p))
		if (*p == '/' || g_unichar_iscntrl(g_utf8_get_char(p)))
			return false;
	return true;
}

static void
append_units(GByteArray *units, gunichar c)
{
	guint8 bytes[4];
	guint n = 2;

	if (c >= 0x10000) {
		const gunichar high = 0xd800 + ((c - 0x10000) >> 10);
		const gunichar low = 0xdc00 + ((c - 0x10000) & 0x3ff);

		bytes[0] = (guint8)(high >> 8);
		bytes[1] = (guint8)high;
		bytes[2] = (guint8)(low >> 8);
		bytes[3] = (guint8)low;
		n = 4;
	} else {
		bytes[0] = (guint8)(c >> 8);
		bytes[1] = (guint8)c;
	}
	g_byte_array_append(units, bytes, n);
}

/* Base64 of UTF-16 without padding, ',' in the place of '/'. */
static void
end_units(GByteArray *units, GString *out)
{
	g_autofree char *text = NULL;

	if (units->len == 0)
		return;
	text = g_base64_encode(units->data, units->len);
	text[strcspn(text, "=")] = '\0';
	g_string_append_printf(out, "&%s-", g_strdelimit(text, "/", ','));
	g_byte_array_set_size(units, 0);
}

static bool
is_direct(gunichar c)
{
	return c >= 0x20 && c < 0x7f;
}

char *
ph_folder_utf7(const char *name)
{
	g_autoptr(GByteArray) units = g_byte_array_new();
	GString *out = g_string_new(NULL);

	for (const char *p = name; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (!is_direct(c)) {
			append_units(units, c);
			continue;
		}
		end_units(units, out);
		g_string_append_c(out, (char)c);
		if (c == '&')
			g_string_append_c(out, '-');
	}
	end_units(units, out);
	return g_string_free(out, FALSE);
}

char *
ph_folder_imap(const char *name)
{
	return g_str_is_ascii(name) ? g_strdup(name) : ph_folder_utf7(name);
}

char *
ph_folder_component(const char *name)
{
	g_autofree char *encoded = NULL;

	if (!is_name(name))
		return NULL;
	encoded = ph_folder_utf7(name);
	return strlen(encoded) < NAME_MAX ? g_strconcat(".", encoded, NULL)
					  : NULL;
}

/* Behind what separates levels on some server. */
static const char *
last_level(const char *name)
{
	const char *last = name + strlen(name);

	while (last > name && !strchr("./", last[-1]))
		last--;
	return last;
}

/* Without case as in a search of folders. */
static bool
is_closed(const char *level, char *const *closed)
{
	static const char *const own[] = {"Outbox", "Sent", "Drafts"};
	g_autofree char *encoded = ph_folder_utf7(level);

	if (g_ascii_strncasecmp(level, "posthub", 7) == 0)
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
		if (g_ascii_strcasecmp(level, own[i]) == 0)
			return true;
	for (; closed && *closed; closed++)
		if (g_ascii_strcasecmp(encoded, last_level(*closed)) == 0)
			return true;
	return false;
}

/* What lies in an Outbox is sent in its owner's name. */
bool
ph_folder_is_open(const char *name, char *const *closed)
{
	g_auto(GStrv) levels = NULL;

	if (!g_utf8_validate(name, -1, NULL))
		return false;
	levels = g_strsplit(name, ".", -1);
	for (char **level = levels; *level; level++)
		if (is_closed(*level, closed))
			return false;
	return true;
}

/* ---- finding ----------------------------------------------------------- */

static int
fail(const char *what, const char *name, struct ph_err *err)
{
	int saved = errno;

	ph_err_set(err, PH_ERR_TEMP, "cannot %s %s: %s", what, name,
		   g_strerror(saved));
	errno = saved;
	return -1;
}

static bool
is_directory(int mailbox, const char *component)
{
	struct stat st;

	return fstatat(mailbox, component, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* Of several the first in the alphabet, so that it is always the same one.
 * errno is 0 if all were seen. */
static char *
look_for(DIR *dir, const char *component)
{
	char *found = NULL;
	struct dirent *entry;

	while ((errno = 0, entry = readdir(dir))) {
		if (g_ascii_strcasecmp(entry->d_name, component) != 0 ||
		    !is_directory(dirfd(dir), entry->d_name) ||
		    (found && strcmp(found, entry->d_name) <= 0))
			continue;
		g_free(found);
		found = g_strdup(entry->d_name);
	}
	return found;
}

int
ph_folder_find(int mailbox, const char *component, char **component_r,
	       struct ph_err *err)
{
	DIR *dir;
	int fd, r, saved;

	if (is_directory(mailbox, component)) {
		*component_r = g_strdup(component);
		return 1;
	}
	fd = openat(mailbox, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		fail("read", "the folders", err);
		ph_path_close(&fd);
		return -1;
	}
	*component_r = look_for(dir, component);
	r = errno == 0 ? *component_r != NULL
		       : fail("read", "the folders", err);
	if (r < 0)
		g_clear_pointer(component_r, g_free);
	saved = errno;
	closedir(dir);
	errno = saved;
	return r;
}

/* ---- making ------------------------------------------------------------ */

/* Courier's mark of a folder, by which a program that is given a folder finds
 * the mailbox. */
static int
make_mark(int folder, const struct ph_perms *owner, struct ph_err *err)
{
	int fd =
	    openat(folder, "maildirfolder",
		   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return errno == EEXIST ? 0 : fail("make", "maildirfolder", err);
	r = ph_perms_give(fd, owner, false);
	if (r < 0)
		fail("give away", "maildirfolder", err);
	ph_path_close(&fd);
	return r;
}

int
ph_folder_make_parts(int folder, const struct ph_perms *owner,
		     struct ph_err *err)
{
	static const char *const parts[] = {"tmp", "new", "cur"};

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		int fd = ph_path_make(folder, parts[i], owner, NULL, err);

		if (fd < 0)
			return -1;
		ph_path_close(&fd);
	}
	return 0;
}

int
ph_folder_make(int mailbox, const char *component, const struct ph_perms *owner,
	       bool *made_r, struct ph_err *err)
{
	int folder = ph_path_make(mailbox, component, owner, made_r, err);

	if (folder < 0)
		return -1;
	if (ph_folder_make_parts(folder, owner, err) == 0 &&
	    make_mark(folder, owner, err) == 0) {
		if (fsync(folder) == 0 && fsync(mailbox) == 0)
			return folder;
		fail("sync", component, err);
	}
	ph_path_close(&folder);
	return -1;
}
