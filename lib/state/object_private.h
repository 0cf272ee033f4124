#ifndef PH_STATE_OBJECT_PRIVATE_H
#define PH_STATE_OBJECT_PRIVATE_H

#include "lib/state/object.h"
#include "lib/state/value.h"

#include <glib.h>

/* What the files of objects share: no contract for others. */

/* More fields than any kind has; limits what an open kind may hold. */
#define PH_OBJECT_FIELDS 1024

/* Of several values for one field the lowest counts. */
enum ph_slot_rank { PH_RANK_NAME, PH_RANK_ALIAS };

struct ph_slot {
	const char *name; /* of the row, interned, or in the object's memory */
	char *open;	  /* owned copy of an open field's name, or NULL */
	const struct ph_field *field;
	bool except;
	bool unset; /* a default */
	enum ph_slot_rank rank;
	struct ph_value value;
};

struct ph_object {
	gint refs;
	const struct ph_kind *kind;
	char *name;
	char *folded;
	struct ph_slot *slots; /* those that are set, by name */
	struct ph_pair *pairs; /* the same, in the kind's order */
	size_t n;	       /* of both */
	GArray *parsed;	       /* owns the slots; NULL: everything lies in one
				* block behind the object */
};

/* What fields of an open kind have that are no row of it. */
extern const struct ph_field ph_open_field;

const struct ph_slot *ph_slot_find(const struct ph_slot *slots, size_t n,
				   const char *name);

/* What a kind's rows are worth when they are not set, by name; made once. */
struct ph_defaults {
	struct ph_slot *slots;
	size_t n;
	size_t rows; /* of the kind */
};
const struct ph_defaults *ph_kind_defaults(const struct ph_kind *kind);

#endif
