#ifndef PH_DIRECTORY_DIRECTORY_LDAP_PRIVATE_H
#define PH_DIRECTORY_DIRECTORY_LDAP_PRIVATE_H

#include "lib/directory/directory.h"
#include "lib/directory/ldap_map.h"
#include "lib/directory/ldap_pool.h"

/* What the files of the LDAP directory share: no contract for others. */

struct ph_ldap_directory {
	struct ph_ldap_pool *pool;
	struct ph_ldap_map map; /* its texts are ours */
	char *database, *database_attribute;
	GPtrArray *attributes, *address_attributes;
};

/* One look-up. */
struct ph_ldap_lookup {
	struct ph_ldap_directory *ldap;
	int64_t deadline; /* of all its requests; 0: each has the time of one */
	enum ph_ldap_server server;
};

/* As ph_ldap_pool_search. */
int ph_ldap_lookup_search(struct ph_ldap_lookup *l,
			  const struct ph_ldap_query *query, GPtrArray *entries,
			  struct ph_err *err);

/* Adds the addresses behind the links of some entries (struct ph_ldap_entry *):
 * canonical name -> address, both g_free. 0 or -1. */
int ph_ldap_resolve(struct ph_ldap_lookup *l, const GPtrArray *entries,
		    GHashTable *addresses, struct ph_err *err);

extern const struct ph_directory_ops ph_ldap_ops;
int ph_ldap_find(void *self, const char *address, struct ph_object **entry_r,
		 struct ph_found *found_r, struct ph_err *err);
void ph_ldap_find_many(void *self, const char *const *addresses, size_t n,
		       struct ph_directory_answer *answers);
int ph_ldap_excludes(void *self, const char *const *groups,
		     const char *const *addresses, struct ph_err *err);
int ph_ldap_walk(void *self, const struct ph_object *group,
		 ph_directory_each *each, void *arg, struct ph_err *err);

#endif
