#include "lib/base/credential.h"
#include "lib/base/text.h"
#include "lib/state/redis_private.h"

#include <string.h>
#include <sys/un.h>

enum {
	REDIS_PORT = 6379,
	DATABASE_MAX = 65535,
};

struct url {
	char *user;
	char *password;
	char *host;
	int port; /* -1: none */
	char *path;
	char *query;
	char *fragment;
};

static void
url_clear(struct url *url)
{
	g_free(url->user);
	g_free(url->password);
	g_free(url->host);
	g_free(url->path);
	g_free(url->query);
	g_free(url->fragment);
}

static int
take_unix(const struct url *url, struct ph_redis_target *target,
	  struct ph_err *err)
{
	const struct sockaddr_un *address = NULL;

	if (url->host != NULL && *url->host != '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "a host before the path; write "
				  "unix:///path/of/socket");
	if (*url->path != '/' || strlen(url->path) >= sizeof(address->sun_path))
		return ph_err_set(err, PH_ERR_PERM,
				  "the path of a socket is absolute and "
				  "shorter than %zu bytes",
				  sizeof(address->sun_path));
	target->unix_socket = true;
	target->host = g_strdup(url->path);
	return 0;
}

static int
take_tcp(const struct url *url, struct ph_redis_target *target,
	 struct ph_err *err)
{
	const char *database = url->path;

	if (url->host == NULL || *url->host == '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "no host; write redis://host:port");
	if (*database == '/')
		database++;
	if (*database != '\0' &&
	    (ph_parse_int(database, &target->database, NULL) != 0 ||
	     target->database < 0 || target->database > DATABASE_MAX))
		return ph_err_set(err, PH_ERR_PERM,
				  "the database after the host is a number "
				  "from 0 to %d",
				  DATABASE_MAX);
	target->host = g_strdup(url->host);
	target->port = url->port > 0 ? url->port : REDIS_PORT;
	return 0;
}

static const struct scheme {
	const char *name;
	/* NULL: known, but not in this version. */
	int (*take)(const struct url *url, struct ph_redis_target *target,
		    struct ph_err *err);
} schemes[] = {
    {"unix", take_unix}, {"redis", take_tcp}, {"rediss", NULL},
    {"sentinel", NULL},	 {"cluster", NULL},
};

static const struct scheme *
scheme_find(const char *url)
{
	g_autofree char *name = g_uri_parse_scheme(url);

	for (size_t i = 0; name != NULL && i < G_N_ELEMENTS(schemes); i++)
		if (g_ascii_strcasecmp(name, schemes[i].name) == 0)
			return &schemes[i];
	return NULL;
}

static int
take_url(const struct scheme *scheme, const char *text, struct url *url,
	 struct ph_redis_target *target, struct ph_err *err)
{
	/* GLib's own words could quote a password. */
	if (!g_uri_split_with_user(text, G_URI_FLAGS_HAS_PASSWORD, NULL,
				   &url->user, &url->password, NULL, &url->host,
				   &url->port, &url->path, &url->query,
				   &url->fragment, NULL))
		return ph_err_set(err, PH_ERR_PERM,
				  "cannot be read; special characters of a "
				  "password are written as %%XX");
	if (url->query != NULL || url->fragment != NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "nothing may follow '?' or '#'");
	if (scheme->take(url, target, err) != 0)
		return -1;
	if (url->user != NULL && *url->user != '\0')
		target->user = g_strdup(url->user);
	if (url->password != NULL && *url->password != '\0')
		target->password = g_strdup(url->password);
	return 0;
}

static int
parse_url(const char *text, struct ph_redis_target *target, struct ph_err *err)
{
	const struct scheme *scheme = scheme_find(text);
	struct url url = {0};
	int r;

	if (scheme == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "expected unix:///path or "
				  "redis://[:password@]host:port[/database]");
	/* Before the rest is looked at: a list of hosts is no URL to GLib. */
	if (scheme->take == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "%s:// is not supported by this version; "
				  "unix:// and redis:// are",
				  scheme->name);
	r = take_url(scheme, text, &url, target, err);
	url_clear(&url);
	return r;
}

int
ph_redis_target_parse(const struct ph_conf *conf,
		      struct ph_redis_target *target_r, struct ph_err *err)
{
	const char *url = ph_conf_text(conf, "redis", "url");
	const char *file = ph_conf_text(conf, "redis", "password_file");

	*target_r = (struct ph_redis_target){0};
	if (parse_url(url, target_r, err) != 0) {
		ph_redis_target_clear(target_r);
		/* The URL itself is not shown: it may hold a password. */
		return ph_err_wrap(err, "[redis] url");
	}
	if (*file == '\0')
		return 0;
	ph_secret_free(&target_r->password);
	if (ph_password_read(file, &target_r->password, err) == 0)
		return 0;
	ph_redis_target_clear(target_r);
	return ph_err_wrap(err, "[redis] password_file");
}

void
ph_redis_target_clear(struct ph_redis_target *target)
{
	g_free(target->host);
	g_free(target->user);
	ph_secret_free(&target->password);
	*target = (struct ph_redis_target){0};
}
