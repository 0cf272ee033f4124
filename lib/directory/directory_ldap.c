#include "lib/directory/directory_ldap.h"
#include "lib/base/clock.h"
#include "lib/base/credential.h"
#include "lib/directory/directory_cache.h"
#include "lib/directory/directory_ldap_private.h"
#include "lib/directory/directory_shared.h"
#include "lib/directory/status.h"

#include <string.h>

/* A program keeps this part of the shared cache in memory. */
#define MEMORY_PART 8
static void
ldap_close(void *self)
{
	struct ph_ldap_directory *ldap = self;

	ph_ldap_pool_free(&ldap->pool);
	g_ptr_array_unref(ldap->attributes);
	g_ptr_array_unref(ldap->address_attributes);
	g_free(ldap->database);
	g_free(ldap->database_attribute);
	g_free(ldap);
}

const struct ph_directory_ops ph_ldap_ops = {
    .name = "ldap",
    .find = ph_ldap_find,
    .find_many = ph_ldap_find_many,
    .excludes = ph_ldap_excludes,
    .walk = ph_ldap_walk,
    .close = ldap_close,
};

/* ---- settings ----------------------------------------------------------- */

static char *
text(const struct ph_conf *conf, const char *name)
{
	return g_strdup(ph_conf_text(conf, "directory", name));
}

static int
read_password(const char *path, char **password_r, struct ph_err *err)
{
	if (*path == '\0' || ph_password_read(path, password_r, err) == 0)
		return 0;
	return ph_err_wrap(err, "[directory] password_file");
}

/* A name without password is answered like nobody's, and with success. */
static int
check_settings(const struct ph_ldap_settings *settings, struct ph_err *err)
{
	const bool has_password =
	    settings->password != NULL && *settings->password != '\0';

	if (settings->uris[0] == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "[directory] uri: expected ldap://host, or "
				  "several");
	if (*settings->base == '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "[directory] base: expected the name of the "
				  "entry that everybody is below");
	if (settings->bind == PH_LDAP_SIMPLE &&
	    (*settings->bind_dn != '\0') != has_password)
		return ph_err_set(err, PH_ERR_PERM,
				  "[directory] bind_dn and password_file: "
				  "expected both or neither");
	if (ph_ldap_settings_check(settings, err) < 0)
		return ph_err_wrap(err, "[directory]");
	return 0;
}

static int
read_settings(const struct ph_conf *conf, struct ph_ldap_settings *settings_r,
	      struct ph_err *err)
{
	static const char section[] = "directory";
	const char *uris = ph_conf_text(conf, section, "uri");
	int r;

	*settings_r = (struct ph_ldap_settings){
	    .base = text(conf, "base"),
	    .tls = (enum ph_ldap_tls)ph_conf_word(conf, section, "tls"),
	    .ca_file = text(conf, "ca_file"),
	    .cert_file = text(conf, "cert_file"),
	    .key_file = text(conf, "key_file"),
	    .bind = (enum ph_ldap_bind)ph_conf_word(conf, section, "bind"),
	    .keytab = text(conf, "keytab"),
	    .bind_dn = text(conf, "bind_dn"),
	    .connect_timeout = ph_conf_int(conf, section, "connect_timeout"),
	    .timeout = ph_conf_int(conf, section, "timeout"),
	    .pool = (unsigned)ph_conf_int(conf, section, "pool"),
	};
	settings_r->uris = g_strsplit_set(uris, " ,", -1);
	for (char **from = settings_r->uris, **to = from;; from++) {
		if (*from == NULL) {
			*to = NULL;
			break;
		}
		if (**from != '\0')
			*to++ = *from;
		else
			g_free(*from);
	}
	r = read_password(ph_conf_text(conf, section, "password_file"),
			  &settings_r->password, err);
	if (r == 0)
		r = check_settings(settings_r, err);
	if (r < 0)
		ph_ldap_settings_clear(settings_r);
	return r;
}

static void
read_map(const struct ph_conf *conf, struct ph_ldap_directory *ldap)
{
	const size_t profile = ph_conf_word(conf, "directory", "profile");

	ldap->database = text(conf, "database");
	ldap->database_attribute = text(conf, "database_attribute");
	ldap->map = (struct ph_ldap_map){
	    .profile = &ph_ldap_profiles[profile],
	    .database = ldap->database,
	    .database_attribute = ldap->database_attribute,
	};
	ldap->attributes = ph_ldap_map_attributes(&ldap->map, false);
	ldap->address_attributes = ph_ldap_map_attributes(&ldap->map, true);
}

/* What another answer to the same question may come from. */
static char *
make_origin(const struct ph_conf *conf)
{
	static const char *const names[] = {"uri",	"base",
					    "bind_dn",	"profile",
					    "database", "database_attribute"};
	g_autoptr(GString) text = g_string_new(NULL);
	const char *keytab = ph_conf_text(conf, "directory", "keytab");

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_string_append_printf(
		    text, "%s=%s\n", names[i],
		    ph_conf_text(conf, "directory", names[i]));
	if (*keytab != '\0')
		g_string_append_printf(text, "keytab=%s\n", keytab);
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, -1);
}

static struct ph_directory *
add_caches(const struct ph_conf *conf, bool writer, struct ph_directory *ldap)
{
	static const char section[] = "directory";
	g_autofree char *origin = make_origin(conf);
	g_autofree char *status = ph_directory_status_path(conf);
	const struct ph_shared_settings shared = {
	    .path = ph_conf_text(conf, section, "file"),
	    .map_size = ph_conf_int(conf, section, "map_size"),
	    .limits =
		{
		    .positive_ttl = ph_conf_int(conf, section, "positive_ttl"),
		    .negative_ttl = ph_conf_int(conf, section, "negative_ttl"),
		    .stale_ttl = ph_conf_int(conf, section, "stale_ttl"),
		    .size = ph_conf_int(conf, section, "cache_size"),
		},
	    .origin = origin,
	    .writer = writer,
	    .status = status,
	    .clock = ph_clock_wall,
	};
	struct ph_cache_limits memory = shared.limits;

	memory.size /= MEMORY_PART;
	if (shared.limits.size > 0)
		ldap = ph_directory_shared(ldap, &shared);
	return ph_directory_cached(ldap, &memory, ph_clock_mono);
}

int
ph_directory_ldap_open(const struct ph_conf *conf, bool writer,
		       struct ph_directory **directory_r, struct ph_err *err)
{
	struct ph_ldap_settings settings;
	struct ph_ldap_directory *ldap;

	if (read_settings(conf, &settings, err) < 0)
		return -1;
	ldap = g_new0(struct ph_ldap_directory, 1);
	ldap->pool = ph_ldap_pool_new(&settings);
	read_map(conf, ldap);
	*directory_r =
	    add_caches(conf, writer, ph_directory_new(&ph_ldap_ops, ldap));
	return 0;
}
