#ifndef PH_STORE_SUBMISSION_STATE_H
#define PH_STORE_SUBMISSION_STATE_H

#include "lib/base/err.h"
#include "lib/base/uuid.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * What is known of one message on its way out of a mailbox. It is a small file
 * in the mailbox (see box.h), replaced whole at each step, so that any process
 * goes on where the last one died:
 *
 *	[item]
 *	version=1
 *	step=submitting		the step that is to be run next, see steps.h
 *	size=… mtime=…		of the message file this is about: another file
 *				of the same name begins anew, but not a copy of
 *				it on another disk
 *	id=…			internal-message-id of the tracking rows
 *	nmid=…			network message id: the same at each try: the
 *				second copy that a lost answer makes is
 *				recognised where the mailbox is ours
 *	created=…		when it was first claimed, ms
 *	due=…			when its owner wants it sent, ms; 0: at once
 *	tries=…			how often it was tried in vain
 *	reports=…		how many notices about it were made
 *	misses=… missed=…	how often the next one was tried in vain, and
 *				when first, ms
 *	sender=…		owner's primary address
 *	reason=…		why the whole message is refused; none: it is
 *				not
 *	deferred=…		why it waited last
 *	name=…			what it, and notices about it, will be called in
 *				Sent, Drafts and the Inbox: chosen beforehand,
 *				so that who finds it there has nothing to do
 *	[recipient 0]
 *	address=… kind=To
 *	state=waiting		waiting, taken, refused, reported
 *	reply=…			what the server said last
 *
 * Pure: no I/O.
 */
enum ph_rcpt_state {
	PH_RCPT_WAITING,
	PH_RCPT_TAKEN,
	PH_RCPT_REFUSED,
	PH_RCPT_REPORTED, /* refused, and the owner knows */
};

struct ph_rcpt {
	char *address;
	char *kind; /* "To", "Cc", "Bcc" */
	enum ph_rcpt_state state;
	char *reply; /* "550 5.1.1 text", lines joined by LF; "" */
};

struct ph_item_state {
	char *step;
	uint64_t size;
	int64_t mtime; /* nanoseconds */
	uint64_t id;
	char nmid[PH_UUID_TEXT]; /* "" before it is known */
	int64_t created, due;
	int64_t tries, reports;
	int64_t misses, missed;
	char *sender, *name, *reason, *deferred; /* "" */
	GPtrArray *recipients;			 /* struct ph_rcpt, in order */
};

struct ph_item_state *ph_item_state_new(const char *step);
void ph_item_state_free(struct ph_item_state **state);

/* Texts are copied; set frees what was there. */
void ph_state_text(char **text, const char *value);
struct ph_rcpt *ph_item_state_add(struct ph_item_state *state,
				  const char *address, const char *kind);

/* The file it is about. */
void ph_item_state_of(struct ph_item_state *state, const struct stat *file);
bool ph_item_state_is_of(const struct ph_item_state *state,
			 const struct stat *file);

/* How many recipients are in a state; they (struct ph_rcpt, borrowed;
 * g_ptr_array_unref). */
size_t ph_item_state_count(const struct ph_item_state *state,
			   enum ph_rcpt_state which);
GPtrArray *ph_item_state_list(const struct ph_item_state *state,
			      enum ph_rcpt_state which);

/* All that wait are refused with this reply (copied). */
void ph_item_state_refuse(struct ph_item_state *state, const char *reply);

/* g_free. */
char *ph_item_state_format(const struct ph_item_state *state);
/* 0, or -1 PERM: damaged, or of another version. */
int ph_item_state_parse(const char *text, size_t size,
			struct ph_item_state **state_r, struct ph_err *err);

#endif
