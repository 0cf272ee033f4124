#ifndef PH_DIRECTORY_LDAP_POOL_H
#define PH_DIRECTORY_LDAP_POOL_H

#include "lib/base/err.h"
#include "lib/directory/ldap_conn.h"

#include <glib.h>
#include <stdint.h>

/*
 * Connections to one of several servers that hold the same: the one that
 * answered last, else the next. Thread-safe. While none answers, one thread at
 * a time tries and all others are told at once; it is logged when that begins
 * and ends.
 */
struct ph_ldap_pool;

/* Takes what is in settings. Connects nowhere yet. */
struct ph_ldap_pool *ph_ldap_pool_new(struct ph_ldap_settings *settings);
void ph_ldap_pool_free(struct ph_ldap_pool **pool); /* NULL is fine */

const struct ph_ldap_settings *
ph_ldap_pool_settings(const struct ph_ldap_pool *pool);

/* The kind of the one that answered last; UNKNOWN: none yet. */
enum ph_ldap_server ph_ldap_pool_server(struct ph_ldap_pool *pool);

/* As ph_ldap_conn_search; *server_r is the kind of the one that answered. On
 * -1 entries is empty. A connection that the server has closed meanwhile is
 * replaced. */
int ph_ldap_pool_search(struct ph_ldap_pool *pool,
			const struct ph_ldap_query *query, int64_t deadline,
			GPtrArray *entries, enum ph_ldap_server *server_r,
			struct ph_err *err);

/* As ph_ldap_conn_pages, on a connection of its own, so that look-ups need not
 * wait until it ends; *server_r is known when the first page is told. */
int ph_ldap_pool_pages(struct ph_ldap_pool *pool,
		       const struct ph_ldap_query *query, ph_ldap_page *page,
		       void *arg, enum ph_ldap_server *server_r,
		       struct ph_err *err);

#endif
