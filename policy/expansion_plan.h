#ifndef PH_POLICY_EXPANSION_PLAN_H
#define PH_POLICY_EXPANSION_PLAN_H

#include "lib/base/err.h"
#include "lib/directory/expand.h"
#include "lib/fork/plan.h"
#include "lib/fork/session.h"

#include <glib.h>
#include <stddef.h>

/*
 * From a message for a group to the plan for its members: who gets it in which
 * portion, what of the sender's wishes about reports they get it with, and who
 * is refused (facts/exchange-routing.md section 9). Pure but for the look-up
 * of a manager.
 */

struct ph_expansion_letter {
	const struct ph_fork_content *content;
	const struct ph_fork_recipient *recipient; /* the group as the MTA names
						    * it */
	const struct ph_object *group;
	const char *server; /* this one */
	int64_t now;	    /* wall clock ms */
};

/* The id of the plan: the same when the message comes again, g_free. group is
 * its primary address. */
char *ph_expansion_id(const struct ph_fork_content *content, const char *group);

/* Folded addresses of groups that the message was for before; keys g_free. */
GHashTable *ph_expansion_opened(const struct ph_fork_content *content);

/* Who has sent it, for restrictions: the envelope sender, unless another is
 * named. Borrowed. */
const char *ph_expansion_sender(const struct ph_fork_content *content);

/* Copies for portion members each, then the refused ones. 0; -1 TEMP: the
 * manager cannot be looked up. */
int ph_expansion_plan(const struct ph_expansion_letter *letter,
		      const struct ph_expansion *expansion,
		      struct ph_directory *directory, size_t portion,
		      struct ph_plan **plan_r, struct ph_err *err);

/*
 * A report (RFC 6522) is not for the members: one about a failure goes to the
 * manager, if there is one, any other to nobody.
 */
bool ph_expansion_is_report(const struct ph_fork_content *content);
/* A copy for the manager, or none; as above. */
int ph_expansion_report_plan(const struct ph_expansion_letter *letter,
			     struct ph_directory *directory,
			     struct ph_plan **plan_r, struct ph_err *err);

#endif
