#include "lib/base/program_private.h"
#include "lib/base/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static int
find_user(const struct ph_conf *conf, uid_t *uid_r, gid_t *gid_r,
	  struct ph_err *err)
{
	const char *name = ph_conf_text(conf, "server", "user");
	const struct passwd *pw;

	*uid_r = geteuid();
	*gid_r = getegid();
	if (geteuid() != 0 || *name == '\0')
		return 0;
	pw = getpwnam(name);
	if (pw == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "[server] user: there is no user \"%s\"; "
				  "make it with adduser --system %s",
				  name, name);
	*uid_r = pw->pw_uid;
	*gid_r = pw->pw_gid;
	return 0;
}

int
ph_socket_publish(const struct ph_conf *conf, const char *path,
		  struct ph_err *err)
{
	const char *name = ph_conf_text(conf, "server", "socket_group");
	const struct group *gr = *name != '\0' ? getgrnam(name) : NULL;
	uid_t uid;
	gid_t gid;
	struct stat st;

	if (find_user(conf, &uid, &gid, err) < 0)
		return -1;
	if (gr != NULL)
		gid = gr->gr_gid;
	else if (*name != '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "[server] socket_group: there is no group "
				  "\"%s\"",
				  name);
	if (chmod(path, 0660) < 0)
		return ph_err_set(err, PH_ERR_PERM, "%s: chmod: %s", path,
				  g_strerror(errno));
	if (chown(path, uid, gid) == 0 ||
	    (stat(path, &st) == 0 && st.st_gid == gid))
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "%s: cannot be given to group %s: %s; let the "
			  "directory belong to that group with mode 2750",
			  path, name, g_strerror(errno));
}

int
ph_socket_check_free(const char *path, struct ph_err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served;

	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	/* EAGAIN: more wait there than it can take. */
	served = fd >= 0 && (connect(fd, (struct sockaddr *)&address,
				     sizeof address) == 0 ||
			     errno == EAGAIN);
	if (fd >= 0)
		close(fd);
	return served ? ph_err_set(err, PH_ERR_PERM,
				   "cannot listen on unix:%s: somebody "
				   "listens there already",
				   path)
		      : 0;
}

static int
listen_unix(const struct ph_conf *conf, const char *path, int *fd_r,
	    struct ph_err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_autofree char *temporary =
	    g_strdup_printf("%s.%d", path, (int)getpid());
	int fd;

	if (strlen(temporary) >= sizeof address.sun_path)
		return ph_err_set(err, PH_ERR_PERM,
				  "%s: the path of a UNIX socket has at most "
				  "%zu bytes",
				  path, sizeof address.sun_path - 9);
	if (ph_socket_check_free(path, err) < 0)
		return -1;
	g_strlcpy(address.sun_path, temporary, sizeof address.sun_path);
	(void)unlink(temporary);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		ph_err_set(err, PH_ERR_PERM, "listen on %s: %s", path,
			   g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (ph_socket_publish(conf, temporary, err) < 0 ||
	    rename(temporary, path) < 0) {
		if (err != NULL && err->kind == PH_ERR_NONE)
			ph_err_set(err, PH_ERR_PERM, "listen on %s: %s", path,
				   g_strerror(errno));
		(void)unlink(temporary);
		close(fd);
		return -1;
	}
	*fd_r = fd;
	return 0;
}

static int
listen_tcp(const struct ph_endpoint *endpoint, int *fd_r, struct ph_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *a = NULL;
	char port[8];
	int fd, rc, one = 1;

	snprintf(port, sizeof port, "%d", endpoint->port);
	rc = getaddrinfo(endpoint->host, port, &hints, &a);
	if (rc != 0)
		return ph_err_set(err, PH_ERR_PERM, "listen on %s: %s",
				  endpoint->host, gai_strerror(rc));
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(fd, a->ai_addr, a->ai_addrlen) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		ph_err_set(err, PH_ERR_PERM, "listen on %s:%d: %s",
			   endpoint->host, endpoint->port, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		freeaddrinfo(a);
		return -1;
	}
	freeaddrinfo(a);
	*fd_r = fd;
	return 0;
}

int
ph_socket_listen(const struct ph_conf *conf, const char *text, int *fd_r,
		 struct ph_err *err)
{
	struct ph_endpoint endpoint;

	if (ph_parse_endpoint(text, &endpoint, err) < 0)
		return -1;
	if (endpoint.unix_socket)
		return listen_unix(conf, endpoint.host, fd_r, err);
	return listen_tcp(&endpoint, fd_r, err);
}

/* Under a name of its own until it has its owner: daemons that are started
 * together must not see it without, nor refuse what another has just made. */
static int
publish_directory(const char *path, uid_t uid, gid_t gid)
{
	g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
	int why;

	if (mkdtemp(temporary) == NULL)
		return -1;
	if (chmod(temporary, 0750) == 0 && chown(temporary, uid, gid) == 0 &&
	    renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) ==
		0)
		return 0;
	why = errno;
	(void)rmdir(temporary);
	errno = why;
	return why == EEXIST ? 0 : -1;
}

int
ph_make_directory(const struct ph_conf *conf, const char *path,
		  struct ph_err *err)
{
	g_autofree char *parent = g_path_get_dirname(path);
	uid_t uid;
	gid_t gid;

	if (*path == '\0' || g_file_test(path, G_FILE_TEST_IS_DIR))
		return 0;
	if (find_user(conf, &uid, &gid, err) < 0)
		return -1;
	if (g_mkdir_with_parents(parent, 0755) < 0 ||
	    publish_directory(path, uid, gid) < 0)
		return ph_err_set(err, PH_ERR_PERM, "cannot make %s: %s", path,
				  g_strerror(errno));
	return 0;
}

int
ph_drop_privileges(const struct ph_conf *conf, bool files, struct ph_err *err)
{
	const char *name = ph_conf_text(conf, "server", "user");
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0 || *name == '\0')
		return 0;
	if (find_user(conf, &uid, &gid, err) < 0)
		return -1;
	if (initgroups(name, gid) < 0 || setgid(gid) < 0 ||
	    (files ? ph_rights_become(uid) : setuid(uid)) < 0)
		return ph_err_set(err, PH_ERR_PERM, "cannot become %s: %s",
				  name, g_strerror(errno));
	return 0;
}
