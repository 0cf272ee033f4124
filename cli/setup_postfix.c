#include "cli/setup.h"

#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKUP ".posthub-backup"
#define NEW ".posthub-new"
/* Stands beside the file from before it is replaced until Postfix reads it. */
#define UNREAD ".posthub-unread"

/* ---- Postfix's own commands ---------------------------------------------- */

/* Exit status; -1 TEMP: it could not be run. Both outputs together in *said_r,
 * g_free. */
static int
run(const char *const *argv, char **said_r, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *out = NULL, *errors = NULL;
	int status;

	if (!g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL,
			  G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &errors,
			  &status, &error))
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	if (said_r != NULL)
		*said_r = g_strconcat(out, errors, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int
ph_postfix_value(const char *directory, const char *name, char **value_r,
		 struct ph_err *err)
{
	const char *const argv[] = {"postconf", "-c", directory,
				    "-xh",	name, NULL};
	g_autofree char *said = NULL;
	int status = run(argv, &said, err);

	*value_r = NULL;
	if (status == 0)
		*value_r = g_strdup(g_strchomp(said));
	if (status > 0)
		return ph_err_set(err, PH_ERR_PERM, "%s", g_strchomp(said));
	return status;
}

const struct ph_postfix_role ph_postfix_roles[] = {
    {"frontend", "FrontendTransport", "frontend", false},
    {"transport", "HubTransport", "transport", true},
    {NULL, NULL, NULL, false},
};

int
ph_postfix_role(const char *directory, const struct ph_postfix_role **role_r,
		struct ph_err *err)
{
	const struct ph_postfix_role *role = ph_postfix_roles;
	g_autofree char *milters = NULL;

	if (ph_postfix_value(directory, "smtpd_milters", &milters, err) < 0)
		return -1;
	while (strstr(milters, role->milter) == NULL && role[1].name != NULL)
		role++;
	*role_r = role;
	return 0;
}

/* "name = value"; what Postfix warns of is none. */
static void
take_setting(GHashTable *settings, const char *line)
{
	size_t n = strcspn(line, " =:");
	const char *mark = line + n;

	if (n > 0 && g_str_has_prefix(mark, " ="))
		g_hash_table_insert(settings, g_strndup(line, n),
				    g_strstrip(g_strdup(mark + 2)));
}

int
ph_postfix_settings(const char *directory, bool set, GHashTable **settings_r,
		    struct ph_err *err)
{
	const char *const argv[] = {"postconf", "-c", directory,
				    set ? "-n" : NULL, NULL};
	g_autofree char *said = NULL;
	g_auto(GStrv) lines = NULL;
	int status = run(argv, &said, err);

	if (status > 0)
		return ph_err_set(err, PH_ERR_PERM, "%s", g_strchomp(said));
	if (status < 0)
		return -1;
	*settings_r =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	lines = g_strsplit(said, "\n", -1);
	for (char **line = lines; *line != NULL; line++)
		take_setting(*settings_r, *line);
	return 0;
}

/* ---- what is different --------------------------------------------------- */

/* A file of this text that only we see; its path, g_free; NULL: err says. */
static char *
write_private(const char *text, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	char *path = NULL;
	int fd = g_file_open_tmp("posthub-setup.XXXXXX", &path, &error);

	if (fd >= 0 && close(fd) == 0 &&
	    g_file_set_contents(path, text, -1, &error))
		return path;
	(void)ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	g_free(path);
	return NULL;
}

int
ph_postfix_diff(const char *directory, const char *before, const char *after,
		char **diff_r, struct ph_err *err)
{
	g_autofree char *file = g_build_filename(directory, "master.cf", NULL);
	g_autofree char *old = write_private(before, err);
	g_autofree char *new = old != NULL ? write_private(after, err) : NULL;
	const char *const argv[] = {"diff",    "-u",
				    "--label", file,
				    "--label", "with what connectors say",
				    "--",      old,
				    new,       NULL};
	int status = new != NULL ? run(argv, diff_r, err) : -1;

	if (old != NULL)
		g_unlink(old);
	if (new != NULL)
		g_unlink(new);
	if (status == 0 || status == 1)
		return 0;
	if (status > 1) {
		(void)ph_err_set(err, PH_ERR_TEMP, "diff: %s", *diff_r);
		g_free(*diff_r);
	}
	*diff_r = NULL;
	return -1;
}

/* ---- can it be listened at ----------------------------------------------- */

static int
try_port(const char *host, int port, struct ph_err *err)
{
	g_autoptr(GInetAddress) address =
	    *host != '\0' ? g_inet_address_new_from_string(host)
			  : g_inet_address_new_any(G_SOCKET_FAMILY_IPV4);
	g_autoptr(GSocketAddress) place = NULL;
	g_autoptr(GSocket) socket = NULL;
	g_autoptr(GError) error = NULL;

	if (address == NULL)
		return ph_err_set(err, PH_ERR_PERM, "%s:%d: is no address",
				  host, port);
	place = g_inet_socket_address_new(address, (guint16)port);
	socket =
	    g_socket_new(g_inet_address_get_family(address),
			 G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
	if (socket != NULL && g_socket_bind(socket, place, TRUE, &error) &&
	    g_socket_listen(socket, &error))
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "Postfix would end, because it cannot listen at "
			  "%s:%d: %s",
			  host, port, error->message);
}

/* Of all services, the administrator's and ours. */
static GHashTable *
places_of(const struct ph_master *master)
{
	GHashTable *places =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const GPtrArray *lists[] = {master->services, master->ours};

	for (size_t l = 0; l < G_N_ELEMENTS(lists); l++)
		for (guint i = 0; i < lists[l]->len; i++) {
			g_autofree char *host = NULL;
			int port;

			if (ph_master_service_place(lists[l]->pdata[i], &host,
						    &port))
				g_hash_table_add(
				    places,
				    g_strdup_printf("%s %d", host, port));
		}
	return places;
}

static int
try_new(const struct ph_master *before, const struct ph_master *after,
	struct ph_err *err)
{
	g_autoptr(GHashTable) places = places_of(before);

	for (guint i = 0; i < after->ours->len; i++) {
		g_autofree char *host = NULL, *place = NULL;
		int port;

		if (!ph_master_service_place(after->ours->pdata[i], &host,
					     &port))
			continue;
		place = g_strdup_printf("%s %d", host, port);
		if (!g_hash_table_contains(places, place) &&
		    try_port(host, port, err) < 0)
			return -1;
	}
	return 0;
}

/* A stopped Postfix has nobody at its ports yet who would be in the way. */
int
ph_postfix_ports(const char *directory, const struct ph_master *before,
		 const struct ph_master *after, struct ph_err *err)
{
	const struct ph_master_service *one, *other;
	g_autofree char *interfaces = NULL, *protocols = NULL;
	int r;

	if (ph_postfix_value(directory, "inet_interfaces", &interfaces, err) <
		0 ||
	    ph_postfix_value(directory, "inet_protocols", &protocols, err) < 0)
		return -1;
	r = ph_master_overlap(after, interfaces, protocols, &one, &other, err);
	if (r < 0)
		return -1;
	if (r > 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "Postfix would end, because it cannot listen "
				  "at %s as well as at %s",
				  one->name, other->name);
	return try_new(before, after, err);
}

/* ---- Postfix's own check ------------------------------------------------- */

static int
run_checks(const char *directory, struct ph_err *err)
{
	const char *const checks[][6] = {
	    {"postconf", "-c", directory, "-M", NULL},
	    {"postconf", "-c", directory, "-P", NULL},
	    {"postfix", "-c", directory, "check", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
		g_autofree char *said = NULL;
		int status = run(checks[i], &said, err);

		if (status < 0)
			return -1;
		if (status != 0)
			return ph_err_set(err, PH_ERR_PERM,
					  "Postfix does not accept it: %s",
					  g_strchomp(said));
	}
	return 0;
}

static int
copy_to(const char *directory, const char *copy, const char *name,
	struct ph_err *err)
{
	g_autofree char *from = g_build_filename(directory, name, NULL);
	g_autofree char *to = g_build_filename(copy, name, NULL);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	gsize size;

	if (g_file_get_contents(from, &text, &size, &error) &&
	    g_file_set_contents(to, text, (gssize)size, &error))
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
}

/* In a directory with the same main.cf. */
static int
check(const char *directory, const char *text, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *copy = g_dir_make_tmp("posthub-setup.XXXXXX", &error);
	g_autofree char *main = NULL, *master = NULL;
	int r;

	if (copy == NULL)
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	main = g_build_filename(copy, "main.cf", NULL);
	master = g_build_filename(copy, "master.cf", NULL);
	r = copy_to(directory, copy, "main.cf", err);
	if (r == 0 && !g_file_set_contents(master, text, -1, &error))
		r = ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	if (r == 0)
		r = run_checks(copy, err);
	g_unlink(main);
	g_unlink(master);
	g_rmdir(copy);
	return r;
}

/* ---- in its place -------------------------------------------------------- */

/* A file beside the other one, with its owner and mode, on disk. */
static int
write_beside(const char *path, const char *text, const char *of,
	     struct ph_err *err)
{
	struct stat status;
	int fd;

	if (g_unlink(path) != 0 && errno != ENOENT)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", path,
				  g_strerror(errno));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || stat(of, &status) != 0)
		goto failed;
	if (ph_file_write(fd, text, strlen(text)) == 0 &&
	    fchown(fd, status.st_uid, status.st_gid) == 0 &&
	    fchmod(fd, status.st_mode & 07777) == 0 && fsync(fd) == 0 &&
	    close(fd) == 0)
		return 0;
failed:
	(void)ph_err_set(err, PH_ERR_TEMP, "%s: %s", path, g_strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	g_unlink(path);
	return -1;
}

/* Whatever somebody has edited meanwhile would be lost. */
static int
is_unchanged(const char *file, const char *before, struct ph_err *err)
{
	g_autofree char *now = NULL;
	g_autoptr(GError) error = NULL;

	if (!g_file_get_contents(file, &now, NULL, &error))
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	if (strcmp(now, before) == 0)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP,
			  "%s: somebody has changed it meanwhile; try again",
			  file);
}

/* It may be a link to where it is really kept; NULL: it is not there. */
static char *
find_master(const char *directory)
{
	g_autofree char *name = g_build_filename(directory, "master.cf", NULL);

	return realpath(name, NULL);
}

static int
note_unread(const char *file, struct ph_err *err)
{
	g_autofree char *unread = g_strconcat(file, UNREAD, NULL);
	g_autoptr(GError) error = NULL;

	if (g_file_set_contents(unread, "", 0, &error))
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
}

static int
put(const char *file, const char *before, const char *backup, const char *text,
    struct ph_err *err)
{
	g_autofree char *kept = g_strconcat(file, BACKUP, NULL);
	g_autofree char *new = g_strconcat(file, NEW, NULL);

	if (write_beside(kept, backup, file, err) < 0 ||
	    write_beside(new, text, file, err) < 0)
		return -1;
	if (is_unchanged(file, before, err) < 0 || note_unread(file, err) < 0) {
		g_unlink(new);
		return -1;
	}
	if (rename(new, file) != 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", file,
				  g_strerror(errno));
	if (ph_file_sync_entry(file) == 0)
		return 0;
	(void)ph_err_set(err, PH_ERR_TEMP, "%s: %s", file, g_strerror(errno));
	return ph_err_wrap(err, "master.cf is in its place, but may not "
				"outlast a crash now, and Postfix has not "
				"read it again");
}

int
ph_postfix_replace(const char *directory, const char *before,
		   const char *backup, const char *text, struct ph_err *err)
{
	g_autofree char *file = find_master(directory);

	if (file == NULL)
		return ph_err_set(err, PH_ERR_TEMP, "%s/master.cf: %s",
				  directory, g_strerror(errno));
	if (is_unchanged(file, before, err) < 0 ||
	    check(directory, text, err) < 0)
		return -1;
	return put(file, before, backup, text, err);
}

/* g_free; NULL: there is no master.cf. */
static char *
unread_name(const char *directory)
{
	g_autofree char *file = find_master(directory);

	return file != NULL ? g_strconcat(file, UNREAD, NULL) : NULL;
}

bool
ph_postfix_is_unread(const char *directory)
{
	g_autofree char *unread = unread_name(directory);

	return unread != NULL && g_file_test(unread, G_FILE_TEST_EXISTS);
}

/* 0, also where nobody is there to read it. */
static int
reload(const char *directory, struct ph_err *err)
{
	const char *const status[] = {"postfix", "-c", directory, "status",
				      NULL};
	const char *const again[] = {"postfix", "-c", directory, "reload",
				     NULL};
	g_autofree char *said = NULL;
	int r = run(status, NULL, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	r = run(again, &said, err);
	if (r > 0)
		(void)ph_err_set(err, PH_ERR_TEMP,
				 "master.cf is in its place, but Postfix does "
				 "not read it again: %s",
				 g_strchomp(said));
	return r == 0 ? 0 : -1;
}

int
ph_postfix_reload(const char *directory, struct ph_err *err)
{
	g_autofree char *unread = unread_name(directory);

	if (reload(directory, err) < 0)
		return -1;
	if (unread != NULL)
		g_unlink(unread);
	return 0;
}
