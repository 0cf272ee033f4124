#ifndef PH_CLI_KIND_H
#define PH_CLI_KIND_H

#include "cli/command.h"
#include "cli/output.h"
#include "lib/state/object.h"
#include "lib/state/snapshot.h"

/* How objects are found and shown: shared by the verbs. */

/* The object with Name, and Problem and Draft where they apply; all includes
 * defaults. The caller's. */
json_t *ph_object_json(const struct ph_object *object, bool all);

/* What is shown of a field: its text, never a secret; g_free. */
char *ph_object_shown(const struct ph_object *object, const char *field);

/* The error of a key of the kind, by name without case; NULL: none. */
const struct ph_snapshot_error *
ph_error_find(const struct ph_snapshot *snapshot, const struct ph_kind *kind,
	      const char *name);

/* The name of the object of an error's key when it is of this kind, else
 * NULL. Borrowed from the error. */
const char *ph_error_name(const struct ph_snapshot_error *error,
			  const struct ph_kind *kind);
/* Errors of the kind, whose objects are not in the snapshot's list. */
size_t ph_errors_count(const struct ph_snapshot *snapshot,
		       const struct ph_kind *kind);

/* The name in the key of an object that is known without case, valid or not;
 * g_free; NULL: there is none. */
char *ph_object_known(const struct ph_snapshot *snapshot,
		      const struct ph_kind *kind, const char *name);

/* Of a verb of any kind: the name among the words, and where the rest begins; a
 * singleton has none. 0, or the exit code; borrowed from the input. */
int ph_kind_name(const struct ph_input *input, const char **name_r,
		 size_t *rest_r);

/* Of a verb that changes one that must be there: its name as in the key;
 * g_free. NULL: *status_r. */
char *ph_name_find(struct ph_cli *cli, const struct ph_kind *kind,
		   const char *typed, int *status_r);

/* Field and Value, as "show" prints them; all includes defaults. */
struct ph_table *ph_object_table(const struct ph_object *object, bool all);
void ph_object_show(const struct ph_cli *cli, const struct ph_object *object,
		    bool all);

/* recipient.c: warns of each address of a recipient that another one has, too,
 * as far as the directory file of this server is there to ask. */
void ph_recipient_warn(struct ph_cli *cli, const struct ph_kind *kind,
		       const char *name);

/* recipient.c: the directory is not in a snapshot. As ph_object_known, from
 * Redis and the directory file. */
int ph_recipient_known(struct ph_cli *cli, const struct ph_kind *kind,
		       const char *name, char **name_r, int *status_r);
/* The kind's objects are in LDAP: shown from there, and changed there. */
bool ph_recipient_in_ldap(const struct ph_cli *cli, const struct ph_kind *kind);
int ph_recipient_show(struct ph_cli *cli, const char *name, bool all);
/* true: *status_r, and said so. */
bool ph_recipient_refused(const struct ph_cli *cli, const struct ph_kind *kind,
			  int *status_r);

#endif
