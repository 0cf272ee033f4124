#ifndef PH_DIRECTORY_RESTRICT_H
#define PH_DIRECTORY_RESTRICT_H

#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * May a sender send to a recipient? MaxReceiveSize, then
 * RequireSenderAuthenticationEnabled, then the lists of senders whose mail is
 * taken or refused: first those that name the sender, then groups, which are
 * opened only if that has not decided. A refusal beats a permission
 * (facts/exchange-routing.md section 9). Only look-ups are done.
 */

/*
 * Who sends, for the time of one message or one question. What counts is who
 * has authenticated; a header field or an envelope sender that anybody may
 * write decides nothing.
 */
struct ph_restrict_sender {
	bool exempt;	     /* a notice of the system: is restricted nowhere */
	bool authenticated;  /* else a stranger, who is in no list */
	const char *address; /* of one who is authenticated; "": not known */
	/* The login, which need be no address, and the envelope's sender: if
	 * that has such a UserLogonName, it is who sends. NULL: not known. */
	const char *login, *claimed;
	uint64_t size;	      /* of the message, bytes; 0: not known */
	GPtrArray *addresses; /* the module's own: all of the sender's, folded;
			       * NULL before they are looked up */
};
void ph_restrict_clear(struct ph_restrict_sender *sender);

/* A login without "DOMAIN\" in front, by which Windows knows somebody whose
 * sAMAccountName follows. Borrowed from it. */
const char *ph_login_name(const char *login);

/*
 * The address of somebody who has logged in: a name without a domain is one in
 * the default accepted domain. g_free.
 */
char *ph_login_address(const struct ph_snapshot *snapshot, const char *login);

/* 1 yes; 0 no, *refusal_r is the enhanced code and text, g_free; -1 cannot say,
 * always TEMP. */
int ph_restrict_check(struct ph_directory *directory,
		      const struct ph_object *recipient,
		      struct ph_restrict_sender *sender, char **refusal_r,
		      struct ph_err *err);

/* The same refusal without the recipient's name in it, for what is said of many
 * at once; one that is not made here as it is. g_free. */
char *ph_restrict_nameless(const char *refusal);

#endif
