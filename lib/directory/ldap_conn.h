#ifndef PH_DIRECTORY_LDAP_CONN_H
#define PH_DIRECTORY_LDAP_CONN_H

#include "lib/base/err.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One connection to an LDAP server: libldap is included through ldap_private.h
 * only. Not thread-safe. Every wait has a deadline of the monotonic clock, but
 * for the resolver's; where a Kerberos server is silent a thread may go on
 * waiting for it after that. All that fails is TEMP: no answer of a server
 * about itself says that somebody does not exist.
 */
enum ph_ldap_bind {
	PH_LDAP_SIMPLE,
	PH_LDAP_EXTERNAL, /* who we are says TLS or the socket */
	PH_LDAP_GSSAPI,	  /* Kerberos */
};
enum ph_ldap_tls { PH_LDAP_TLS_OFF, PH_LDAP_STARTTLS, PH_LDAPS };

struct ph_ldap_settings {
	char **uris; /* of servers that hold the same */
	char *base;  /* must be there to be seen: else rights are missing, and
		      * everybody would seem unknown */
	enum ph_ldap_tls tls;
	char *ca_file; /* "": the system's */
	char *cert_file, *key_file;
	enum ph_ldap_bind bind;
	char *bind_dn; /* "": anonymous */
	char *password;
	char *keytab; /* of GSSAPI; "": the environment's credentials cache */
	int64_t connect_timeout; /* ms, for each server */
	int64_t timeout;	 /* ms, for a look-up as a whole */
	unsigned pool;		 /* connections at most */
};
void ph_ldap_settings_clear(struct ph_ldap_settings *settings);

/* At start, before there are threads: libldap and its TLS library set
 * themselves up, and for a keytab the environment is changed. -1: PERM, what is
 * wrong. Connects nowhere. */
int ph_ldap_settings_check(const struct ph_ldap_settings *settings,
			   struct ph_err *err);

/* What the root DSE says. */
enum ph_ldap_server {
	PH_LDAP_UNKNOWN,
	PH_LDAP_ACTIVE_DIRECTORY, /* Samba's, too */
	PH_LDAP_OPENLDAP,
	PH_LDAP_389, /* of FreeIPA */
};
const char *ph_ldap_server_name(enum ph_ldap_server server);

struct ph_ldap_query {
	const char *base;
	bool single; /* the entry base itself; it need not be there */
	const char *filter;
	const char *const *attributes; /* NULL-terminated */
	size_t limit;		       /* entries at most; more: an error;
					* SIZE_MAX: any number */
};

struct ph_ldap_conn;

/* Connects, secures, binds, and looks whether the base can be seen. settings
 * is borrowed. */
int ph_ldap_conn_open(const struct ph_ldap_settings *settings, const char *uri,
		      int64_t deadline, struct ph_ldap_conn **conn_r,
		      struct ph_err *err);
void ph_ldap_conn_close(struct ph_ldap_conn **conn); /* NULL is fine */

/* Adds to entries (struct ph_ldap_entry *) what matches, all pages of it, and
 * of long attributes all ranges. */
int ph_ldap_conn_search(struct ph_ldap_conn *conn,
			const struct ph_ldap_query *query, int64_t deadline,
			GPtrArray *entries, struct ph_err *err);

/* Told of each page: 0 goes on, -1 with err ends. entries is its to empty. */
typedef int ph_ldap_page(GPtrArray *entries, void *arg, struct ph_err *err);

/* The same for many: nothing is kept of a page that was told, and each has so
 * many ms. The connection is not to be used for other pages meanwhile: servers
 * know one place in a search for each. */
int ph_ldap_conn_pages(struct ph_ldap_conn *conn,
		       const struct ph_ldap_query *query, int64_t page_timeout,
		       ph_ldap_page *page, void *arg, struct ph_err *err);

enum ph_ldap_server ph_ldap_conn_server(const struct ph_ldap_conn *conn);

/* No use any more: close it. */
bool ph_ldap_conn_broken(const struct ph_ldap_conn *conn);

#endif
