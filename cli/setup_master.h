#ifndef PH_CLI_SETUP_MASTER_H
#define PH_CLI_SETUP_MASTER_H

#include "lib/base/err.h"

#include <glib.h>
#include <stdbool.h>

/*
 * Postfix's master.cf as a text (master(5)), and the part of it that "posthub
 * setup connectors" owns. No I/O, but for the names of hosts in
 * ph_master_overlap.
 *
 * What is ours stands between two marker lines at the end; an entry of the
 * administrator's that ours takes the place of is kept, each of its lines
 * behind a mark that makes it a comment. So what was there before can always be
 * told from what was added, and writing the same again changes nothing.
 */

/* One entry. */
struct ph_master_service {
	char *name, *type;
	char *columns[5];     /* private, unpriv, chroot, wakeup, maxproc */
	GPtrArray *arguments; /* command first; "{ ... }" is one argument */
	guint line, n_lines;  /* where it stands in its file */
};
void ph_master_service_free(gpointer service);
struct ph_master_service *
ph_master_service_copy(const struct ph_master_service *service);

/* "-o name=value", in the place of one with that name; value as in main.cf: a
 * '$' begins a parameter's name. It may have blanks, but no braces. */
void ph_master_service_set(struct ph_master_service *service, const char *name,
			   const char *value);
/* NULL: not set there; g_free. */
char *ph_master_service_get(const struct ph_master_service *service,
			    const char *name);

/* As it is written, with an end of line; g_free. */
char *ph_master_service_text(const struct ph_master_service *service);

/* "smtp" and "25", "[::1]:submission" and "::1:587" are the same place to
 * listen at: host as it is written, "" where inet_interfaces counts, and a
 * port; false: neither a number nor a name of a port. host_r g_free. */
bool ph_master_service_place(const struct ph_master_service *service,
			     char **host_r, int *port_r);

struct ph_master {
	char **lines;	     /* of what is the administrator's alone */
	GPtrArray *services; /* struct ph_master_service */
	GPtrArray *ours;     /* to be added; ph_master_add */
	GPtrArray *notes;    /* a comment above each of ours; or NULL */
};

/* What is the administrator's in the text. 0, or -1 PERM: it is no master.cf,
 * or our part of it was edited. */
int ph_master_parse(const char *text, struct ph_master **master_r,
		    struct ph_err *err);
/* The same of all that is in force, ours as well. */
int ph_master_parse_whole(const char *text, struct ph_master **master_r,
			  struct ph_err *err);
void ph_master_free(struct ph_master **master); /* NULL is fine */

/* Of the administrator's, by name and type; borrowed; NULL: none. */
const struct ph_master_service *ph_master_find(const struct ph_master *master,
					       const char *name,
					       const char *type);
/* The same of a list of services. */
const struct ph_master_service *ph_master_find_in(const GPtrArray *services,
						  const char *name,
						  const char *type);
/* The one that listens there; host "": at any address, in one of the ways to
 * write that. */
const struct ph_master_service *
ph_master_listener(const struct ph_master *master, const char *host, int port);

/*
 * Do two services listen at the same place, at least one of them ours? 1: they
 * are *one_r, which is ours, and *other_r; borrowed. 0. -1 TEMP: a host's name
 * has no address; names are looked up as Postfix does, each once. interfaces is
 * what inet_interfaces says, where a service without an address listens;
 * protocols what inet_protocols does, and what it leaves out listens nowhere.
 */
int ph_master_overlap(const struct ph_master *master, const char *interfaces,
		      const char *protocols,
		      const struct ph_master_service **one_r,
		      const struct ph_master_service **other_r,
		      struct ph_err *err);

/* Ours: takes the service; one of the administrator's at the same line is
 * replaced. note: a line for people. */
void ph_master_add(struct ph_master *master, struct ph_master_service *service,
		   const char *note);

/* The whole file with ours in it; g_free. */
char *ph_master_text(const struct ph_master *master);

#endif
