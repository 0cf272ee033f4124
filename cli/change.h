#ifndef PH_CLI_CHANGE_H
#define PH_CLI_CHANGE_H

#include "cli/command.h"
#include "lib/state/object.h"

#include <glib.h>

/*
 * One change of one object: read, planned, validated as a whole, and written
 * in one step that does nothing if somebody else changed it in between; then
 * all is done again. Changes of rules go into their history.
 */
struct ph_change {
	struct ph_cli *cli;
	const struct ph_kind *kind;
	const char *name; /* as in the key; "" of a singleton */
	const char *verb; /* for the history: "set" */
	/* What Redis holds: fields as they are spelt there, and values. */
	GPtrArray *stored; /* field, value, field, value, ... */
	/* What is to be done. */
	GPtrArray *set;	  /* field, value, ... */
	GPtrArray *unset; /* fields */
	bool nothing;	  /* the plan found that all is as it should be */
};

/* Fills in what is to be done. 0, or an exit code after saying why. */
typedef int ph_plan(struct ph_change *change, const void *context);

/* The exit code; says what went wrong. context is the plan's. */
int ph_change_run(struct ph_cli *cli, const struct ph_kind *kind,
		  const char *name, const char *verb, ph_plan *plan,
		  const void *context);

/* One field of an object that is there, named as it was typed; "" unsets it. */
int ph_change_field(struct ph_cli *cli, const struct ph_kind *kind,
		    const char *typed, const char *verb, const char *field,
		    const char *value);

/* The same for several of a kind (hashes; NULL-terminated, at least one), in
 * one step: all of them or none. */
int ph_changes_run(struct ph_cli *cli, const struct ph_kind *kind,
		   const char *const *names, const char *verb, ph_plan *plan,
		   const void *context);

/* ---- for many, one by one ---------------------------------------------- */

/* stored is the caller's to set. name is borrowed. */
struct ph_change *ph_change_new(struct ph_cli *cli, const struct ph_kind *kind,
				const char *name, const char *verb);
void ph_change_free(void *change); /* NULL is fine */

/* Is what the object will be valid? 0, or -1 PERM. */
int ph_change_check(const struct ph_change *change, struct ph_err *err);

/* The command that makes the change (char *) of a kind without history; its
 * answer is 1, or 0: changed meanwhile, and nothing was done. */
GPtrArray *ph_change_command(const struct ph_change *change);

/* ---- for plans ---------------------------------------------------------- */

/* The value that is stored under any spelling of the field; NULL: none. */
const char *ph_change_get(const struct ph_change *change, const char *field);

/* An empty value unsets. */
void ph_change_set(struct ph_change *change, const char *field,
		   const char *value);

/* False: it was not set. */
bool ph_change_unset(struct ph_change *change, const char *field);

/* ---- fields and keys ---------------------------------------------------- */

/* The canonical name of a field as typed, with ExceptIf where it belongs;
 * g_free. NULL: the kind has no such field. */
char *ph_field_name(const struct ph_kind *kind, const char *typed);

/* "rule:Secret" or "transportconfig", without prefix; g_free. */
char *ph_object_key(const struct ph_kind *kind, const char *name);

/*
 * What Redis holds of an object, as "stored" above; empty: nothing. 0, or -1
 * with err.
 */
int ph_stored_read(struct ph_cli *cli, const struct ph_kind *kind,
		   const char *name, GPtrArray **stored_r, struct ph_err *err);

/* The same from HGETALL's reply. */
int ph_stored_take(const struct ph_reply *reply, GPtrArray **stored_r,
		   struct ph_err *err);

/* Validates stored fields: as ph_object_parse. */
int ph_stored_parse(const struct ph_kind *kind, const char *name,
		    const GPtrArray *stored, struct ph_object **object_r,
		    struct ph_err *err);

#endif
