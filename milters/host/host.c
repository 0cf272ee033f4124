#include "milters/host/host_private.h"

#include "lib/base/program.h"
#include "lib/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#define BACKLOG 1024

static int
open_socket(const struct ph_host *host, char *connection, struct ph_err *err)
{
	if (smfi_setconn(connection) != MI_SUCCESS)
		return ph_err_set(err, PH_ERR_PERM, "%s: bad milter socket",
				  connection);
	/* libmilter's own is too short for all smtpd processes of a busy MTA at
	 * once, and a UNIX socket refuses the rest. */
	(void)smfi_setbacklog(BACKLOG);
	if (smfi_register(ph_session_description(host)) != MI_SUCCESS)
		return ph_err_set(err, PH_ERR_PERM,
				  "libmilter refused the milter");
	if (smfi_opensocket(true) != MI_SUCCESS)
		return ph_err_set(err, PH_ERR_PERM, "cannot listen on %s",
				  connection);
	return 0;
}

/* libmilter does not say why; nearly always it is the directory. */
static int
check_directory(const char *path, struct ph_err *err)
{
	g_autofree char *directory = g_path_get_dirname(path);

	if (access(directory, W_OK | X_OK) == 0)
		return 0;
	return ph_err_set(err, PH_ERR_PERM, "cannot listen on unix:%s: %s: %s",
			  path, directory, g_strerror(errno));
}

static int
open_unix(const struct ph_host *host, const struct ph_conf *conf,
	  const char *path, struct ph_err *err)
{
	g_autofree char *temporary =
	    g_strdup_printf("%s.%d", path, (int)getpid());
	g_autofree char *connection = g_strconcat("unix:", temporary, NULL);

	if (check_directory(path, err) < 0 ||
	    ph_socket_check_free(path, err) < 0 ||
	    open_socket(host, connection, err) < 0)
		return -1;
	if (ph_socket_publish(conf, temporary, err) < 0) {
		(void)unlink(temporary);
		return -1;
	}
	if (rename(temporary, path) < 0) {
		ph_err_set(err, PH_ERR_PERM, "%s: rename: %s", path,
			   g_strerror(errno));
		(void)unlink(temporary);
		return -1;
	}
	return 0;
}

int
ph_host_open(const struct ph_host *host, const struct ph_conf *conf,
	     const char *endpoint, struct ph_err *err)
{
	struct ph_endpoint e;
	g_autofree char *connection = NULL;

	if (ph_parse_endpoint(endpoint, &e, err) < 0)
		return -1;
	if (e.unix_socket)
		return open_unix(host, conf, e.host, err);
	connection = g_strdup_printf(
	    "%s:%d@%s", strchr(e.host, ':') != NULL ? "inet6" : "inet", e.port,
	    e.host);
	return open_socket(host, connection, err);
}

int
ph_host_run(struct ph_run *run, void *app)
{
	(void)run;
	(void)app;
	return smfi_main() == MI_SUCCESS ? EX_OK : EX_OSERR;
}
