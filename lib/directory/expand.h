#ifndef PH_DIRECTORY_EXPAND_H
#define PH_DIRECTORY_EXPAND_H

#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/directory/resolve_steps.h"
#include "lib/directory/restrict.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Who gets a message for a group, each once, and by which way: groups inside it
 * are opened, forwarding and contacts are followed (resolve_steps.h), a dynamic
 * group is asked of the directory (facts/exchange-routing.md section 9). Groups
 * that hold each other are harmless. Somebody who cannot get the message is
 * refused alone. Only look-ups are done.
 */

enum ph_member_fate {
	PH_MEMBER_GROUP,     /* was opened */
	PH_MEMBER_PASSED,    /* sends on to another alone */
	PH_MEMBER_RECIPIENT, /* gets the message */
	PH_MEMBER_APART,     /* a group that stays whole: it gets a copy */
	PH_MEMBER_BEFORE,    /* a group that had the message before */
	PH_MEMBER_REFUSED,
};
const char *ph_member_fate_name(enum ph_member_fate fate);

struct ph_member {
	char *address; /* its own, of a contact as well */
	char *given;   /* as the one before names it; NULL: the same */
	char *to;      /* where mail for a contact goes; NULL: the same */
	char *refusal; /* of REFUSED: enhanced code and text */
	bool bare;     /* REFUSED: nobody's address, which whoever routes it
			* would refuse as well */
	enum ph_member_fate fate;
	enum ph_step_by by; /* BY_SENDER: it is in a group */
	guint from;	    /* the member by which it was come to first */
};

/* A further way to a member that is there. */
struct ph_member_again {
	guint from, to;
};

struct ph_expansion {
	GPtrArray *members; /* struct ph_member; the first is the group that was
			     * asked about; whoever is come to from another
			     * stands behind it */
	GArray *again;	    /* struct ph_member_again */
};
void ph_expansion_free(struct ph_expansion **expansion); /* NULL is fine */

/* What a group wants of the copies for its members. */
struct ph_group_wishes {
	const char *server; /* ExpansionServer; borrowed; NULL: any */
	bool to_sender;	    /* reports go to the sender */
	bool to_manager;    /* reports go to the manager, who is the sender of
			     * the copies */
	bool no_replies;    /* no automatic replies to the sender */
};
void ph_group_wishes(const struct ph_object *group,
		     struct ph_group_wishes *wishes_r);

/* Which groups inside it stay whole. */
enum {
	PH_APART_DYNAMIC = 1 << 0,
	PH_APART_REPORTS = 1 << 1, /* reports do not go to the sender alone */
	PH_APART_REPLIES = 1 << 2, /* no automatic replies are wanted */
	PH_APART_SERVER = 1 << 3,  /* another server has to open it */
};

struct ph_expand_options {
	struct ph_directory *directory;
	const struct ph_snapshot *snapshot;
	struct ph_restrict_sender *sender; /* NULL: nobody asks */
	unsigned apart;			   /* PH_APART_... */
	const char *server;		   /* this one, of PH_APART_SERVER */
	/* Folded addresses of groups that this message was for before, which
	 * are not opened again; NULL: none. */
	GHashTable *opened;
	size_t limit; /* recipients and refused ones; 0: PH_EXPAND_LIMIT */
};

/* More is an error: they are all in memory. */
#define PH_EXPAND_LIMIT ((size_t)300000)

/* Would this group stay whole? */
bool ph_group_is_apart(const struct ph_expand_options *options,
		       const struct ph_object *group);

/* 1 and *expansion_r; 0: there are more than limit; -1: TEMP cannot say; PERM
 * the group's own filter is not valid, err is enhanced code and text. */
int ph_expand(const struct ph_expand_options *options,
	      const struct ph_object *group, struct ph_expansion **expansion_r,
	      struct ph_err *err);

/*
 * All ways from the group to a member, each a GArray of guint that begins with
 * 0 and ends with the member: at most limit of them. g_ptr_array_unref.
 */
GPtrArray *ph_expansion_paths(const struct ph_expansion *expansion,
			      guint member, size_t limit);

/* Told of what was done, for tracking rows; each may be NULL. */
struct ph_expansion_notes {
	/* event: RESOLVE, REDIRECT or DUPLICATEREDIRECT. */
	void (*step)(void *arg, const char *event, const char *from,
		     const char *to);
	/* event: EXPAND, a group that was opened with those directly in it
	 * (char *); DUPLICATEEXPAND, those that were there already. */
	void (*group)(void *arg, const char *event, const char *group,
		      const GPtrArray *members);
	void *arg;
};
void ph_expansion_tell(const struct ph_expansion *expansion,
		       const struct ph_expansion_notes *notes);

#endif
