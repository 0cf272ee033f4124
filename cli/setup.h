#ifndef PH_CLI_SETUP_H
#define PH_CLI_SETUP_H

#include "cli/setup_master.h"
#include "lib/routing/topology.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>

/*
 * From connectors to services of Postfix's master.cf, for "posthub setup
 * connectors". What is not set in a connector is left to main.cf, and to the
 * lines that the service has already.
 */
struct ph_setup {
	const struct ph_snapshot *snapshot;
	const struct ph_server *server;
	const char *certificates; /* directory of TlsCertificateName */
	/* Of a listener that is new: smtpd must not resolve addresses. "": as
	 * in main.cf. */
	const char *override;
	const char *tls_level;	  /* smtpd_tls_security_level of main.cf */
	struct ph_master *master; /* services are added to it */
	GPtrArray *warnings;	  /* texts; g_free each */
};

/* ---- setup_listener.c: receive connectors -------------------------------- */

/*
 * A service for each Bindings of these receive connectors. Several connectors
 * may share one; Postfix's listener has one Banner for all, so that of the most
 * general connector counts, and what others say differently is a warning. 0,
 * or -1 PERM: a binding cannot be read, a certificate is not there.
 */
int ph_setup_listeners(struct ph_setup *setup, const GPtrArray *connectors,
		       struct ph_err *err);

/* ---- setup_value.c ------------------------------------------------------- */

struct ph_setup_value {
	const char *parameter; /* a constant */
	char *value;	       /* as in main.cf */
};

/* What a receive connector asks for, struct ph_setup_value, in the order of the
 * parameters' table; g_array_unref in either case. 0, or -1 PERM. */
int ph_setup_values(const struct ph_setup *setup,
		    const struct ph_object *connector, GArray **values_r,
		    struct ph_err *err);

/* ---- setup_sender.c: send connectors ------------------------------------- */

/* The transports of these send connectors (lib/routing/setup.h), each made of
 * the one for all. 0, or -1 PERM: that is not there, nor a certificate. */
int ph_setup_senders(struct ph_setup *setup, const GPtrArray *connectors,
		     struct ph_err *err);

/* Is this a transport of a send connector, of those that are not set up any
 * more? */
bool ph_setup_is_removed(const struct ph_setup *setup,
			 const struct ph_master_service *service);

/* ---- setup_certificate.c ------------------------------------------------- */

/*
 * The file of a directory whose first certificate is the one that
 * "<I>issuer<S>subject" names; both are compared part by part, in any order and
 * case, as Exchange, OpenSSL and GnuTLS write them. g_free; -1 PERM: none, or
 * this is no such name.
 */
int ph_certificate_find(const char *directory, const char *name, char **path_r,
			struct ph_err *err);

/* ---- setup_postfix.c: what touches Postfix ------------------------------- */

/* The value of a parameter; g_free. -1 PERM: Postfix does not understand its
 * own configuration; TEMP: there is none. */
int ph_postfix_value(const char *directory, const char *name, char **value_r,
		     struct ph_err *err);

/* A role that a Postfix has: a directory of postfix-conf, TransportRole of its
 * connectors, and what its milter is known by. NULL ends them; the last is
 * that of a Postfix without a milter of ours, too. */
struct ph_postfix_role {
	const char *name, *transport_role, *milter;
	bool hands_in; /* by sockets below public/ */
};
extern const struct ph_postfix_role ph_postfix_roles[];
/* By its milters. 0, or -1 as ph_postfix_value. */
int ph_postfix_role(const char *directory,
		    const struct ph_postfix_role **role_r, struct ph_err *err);

/* All parameters, or with set those that main.cf sets, by name, in one line
 * each and not expanded (char * both); g_hash_table_unref. -1 as above. */
int ph_postfix_settings(const char *directory, bool set,
			GHashTable **settings_r, struct ph_err *err);

/* The difference from one text of master.cf to another, as diff -u has it;
 * g_free. -1. */
int ph_postfix_diff(const char *directory, const char *before,
		    const char *after, char **diff_r, struct ph_err *err);

/* Can what ours listen at, and nobody before, be listened at, and no two at the
 * same place, whether or not Postfix runs? 0, or -1 PERM: the first that
 * cannot; TEMP: a host has no address. With such a listener master(8) would
 * end. */
int ph_postfix_ports(const char *directory, const struct ph_master *before,
		     const struct ph_master *after, struct ph_err *err);

/* Which of these transports (a NULL ends them) does mail in the queue name, as
 * a filter (FILTER in access(5)) that it goes to? named_r: one for each. Each
 * file is read once for all. 0, or -1 TEMP: a file cannot be read. */
int ph_postfix_queue_names(const char *queue_directory,
			   const char *const *transports, bool *named_r,
			   struct ph_err *err);

/*
 * Puts the text in the place of directory/master.cf, which says before:
 * Postfix's own check of it first, and backup is kept as
 * master.cf.posthub-backup. Postfix does not know of it yet. 0, or -1 PERM:
 * Postfix does not accept it, TEMP, as when somebody has edited the file
 * meanwhile; then nothing was changed, except when only what comes after it
 * failed, which err says.
 */
int ph_postfix_replace(const char *directory, const char *before,
		       const char *backup, const char *text,
		       struct ph_err *err);

/* Has Postfix perhaps not been told of a master.cf that ph_postfix_replace put
 * there? */
bool ph_postfix_is_unread(const char *directory);

/* Postfix reads master.cf again; nothing to do where it does not run. 0, or -1
 * TEMP. */
int ph_postfix_reload(const char *directory, struct ph_err *err);

#endif
