#ifndef PH_DIRECTORY_LDAP_PRIVATE_H
#define PH_DIRECTORY_LDAP_PRIVATE_H

#include "lib/directory/ldap_conn.h"

#include <ldap.h>

/* What the files of the LDAP connection share, and the one place that includes
 * libldap: no contract for others. */
struct ph_ldap_conn {
	LDAP *ld;
	char *uri;
	enum ph_ldap_server server;
	bool broken;
};

/* Sets err, TEMP, from a result code, and notes whether the connection is of
 * use: negative codes are libldap's own. Returns -1. */
int ph_ldap_conn_fail(struct ph_ldap_conn *conn, int rc, const char *what,
		      struct ph_err *err);

/* 0 or -1; then conn may be without its handle. */
int ph_ldap_conn_bind(struct ph_ldap_conn *conn,
		      const struct ph_ldap_settings *settings, int64_t deadline,
		      struct ph_err *err);

/* The whole answer to a request; ldap_msgfree. 0 or -1. */
int ph_ldap_conn_await(struct ph_ldap_conn *conn, int id, const char *what,
		       int64_t deadline, LDAPMessage **answer_r,
		       struct ph_err *err);

/* At least a millisecond: 0 would be a poll, less an eternity. */
struct timeval ph_ldap_until(int64_t deadline);

#endif
