#ifndef PH_DIRECTORY_DIRECTORY_LDAP_H
#define PH_DIRECTORY_DIRECTORY_LDAP_H

#include "lib/base/conf.h"
#include "lib/directory/directory.h"

/*
 * A directory over LDAP servers, by the settings of [directory], with its
 * caches: in memory, and in [directory] file, which the one process that is its
 * writer fills for all. An entry's links (members, manager, forwarding address)
 * are read as addresses with it; a link to what has no address is left out. A
 * group's Members are one level: who is in groups inside it is found by their
 * own addresses (members.h). Connects nowhere yet. -1: PERM, a setting.
 */
int ph_directory_ldap_open(const struct ph_conf *conf, bool writer,
			   struct ph_directory **directory_r,
			   struct ph_err *err);

#endif
