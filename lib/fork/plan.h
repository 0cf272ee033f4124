#ifndef PH_FORK_PLAN_H
#define PH_FORK_PLAN_H

#include "lib/base/err.h"
#include "lib/base/uuid.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * How one message becomes several: written and synced before the milter
 * answers, carried out after the queue. One plan a message, with one group for
 * each outcome that differs from "as it came"; the group's token is the local
 * part of the address that stands in the queue file for the group's recipients
 * (<token>@fork.posthub.invalid). Plain values; knows neither libmilter nor
 * rules.
 */

#define PH_FORK_DOMAIN "fork.posthub.invalid"

/* All fields of one name as they shall be, in order; values as on the wire (LF
 * and blank for a fold, no blank after the colon). Empty: there are none. */
struct ph_plan_header {
	char *name;
	GPtrArray *values; /* char * */
};

struct ph_plan_recipient {
	char *address;	/* where the copy goes */
	char *original; /* as the client named it; NULL: a rule added it */
	char *notify;	/* "NEVER", "SUCCESS,FAILURE", ...; NULL: not given */
	char *orcpt;	/* "rfc822;a@b", in xtext as it came; NULL */
};

/* Of what stands in an SMTP command, of which Postfix takes 2,048 bytes in all:
 * a plan with more is not written. */
#define PH_PLAN_ADDRESS ((size_t)1000)
#define PH_PLAN_PARAMETER ((size_t)1500)
/* Nor is one with control characters in an address. */
bool ph_plan_address_fits(const char *address);

enum ph_plan_kind {
	PH_PLAN_COPY,	/* handed in again with these headers */
	PH_PLAN_REPORT, /* a delivery status notification to the sender */
	PH_PLAN_NOTICE, /* the sender is told what is in the message; these
			 * recipients get it all the same */
};

struct ph_plan_group {
	enum ph_plan_kind kind;
	GPtrArray *recipients; /* struct ph_plan_recipient */
	GPtrArray *headers;    /* of COPY: struct ph_plan_header */
	/* Of REPORT: the refusal. */
	char *code;	/* "550" */
	char *enhanced; /* "5.7.1" */
	char *text;	/* UTF-8, one line; of NOTICE: what was found */
};

struct ph_plan {
	char *id;	/* letters, digits and '-'; made by ph_plan_new */
	char *queue_id; /* of the message */
	char *sender;	/* reverse-path, "" is null */
	char *ret;	/* "FULL", "HDRS"; NULL: not given */
	char *envid;	/* in xtext as it came; NULL */
	bool eight_bit; /* BODY=8BITMIME */
	bool utf8;	/* SMTPUTF8 */
	char nmid[PH_UUID_TEXT];
	char *message_id; /* as in the header, "" if none: for tracking */
	char *subject;	  /* decoded: for tracking */
	uint64_t size;
	int64_t created;   /* wall clock ms */
	GPtrArray *groups; /* struct ph_plan_group */
};

struct ph_plan *ph_plan_new(void);
void ph_plan_free(struct ph_plan **plan); /* NULL is fine */
/* Appended and borrowed. */
struct ph_plan_group *ph_plan_add_group(struct ph_plan *plan,
					enum ph_plan_kind kind);
struct ph_plan_recipient *ph_plan_add_recipient(struct ph_plan_group *group,
						const char *address,
						const char *original);
/* Without values yet. */
struct ph_plan_header *ph_plan_add_header(struct ph_plan_group *group,
					  const char *name);
/* "<id>.<i>" for the i-th group, from 0; g_free. */
char *ph_plan_token(const struct ph_plan *plan, size_t i);

/* ---- on disk ------------------------------------------------------------- */

/* A directory of plans. Thread-safe. */
struct ph_plans;

/* Makes the directory (0700) when it is not there. 0 or -1 PERM. */
int ph_plans_open(const char *directory, struct ph_plans **plans_r,
		  struct ph_err *err);
void ph_plans_close(struct ph_plans **plans);

/* Durable when it returns 0 (file and directory synced); -1 TEMP: nothing is
 * left behind. */
int ph_plans_write(struct ph_plans *plans, const struct ph_plan *plan,
		   struct ph_err *err);
/* The plan and group of a token. 1; 0: there is no such plan; -1: TEMP, or
 * PERM the file is damaged. */
int ph_plans_read(struct ph_plans *plans, const char *token,
		  struct ph_plan **plan_r, size_t *group_r, struct ph_err *err);
/* Was the group carried out? 1, 0, -1. Notes that it was: durable. */
int ph_plans_is_done(struct ph_plans *plans, const char *token,
		     struct ph_err *err);
int ph_plans_note_done(struct ph_plans *plans, const char *token,
		       struct ph_err *err);
/*
 * The group's recipients, by index (guint), of whom the sender was told that
 * they do not get the message, while it has still to be carried out for others:
 * they are not tried again, nor told about again. Reading: 0 and *told_r
 * (g_array_unref), empty when there is no such note; -1 TEMP, or PERM the note
 * is damaged. Noting takes the place of what was noted before: durable.
 */
int ph_plans_read_told(struct ph_plans *plans, const char *token,
		       GArray **told_r, struct ph_err *err);
int ph_plans_note_told(struct ph_plans *plans, const char *token,
		       const GArray *told, struct ph_err *err);
/*
 * Removes what is older than lifetime ms: whole plans with their notes. A plan
 * is kept after it was carried out, because the queue manager may ask again
 * for what it did not hear. One that was not carried out is reported in the
 * log. Returns how many were removed.
 */
size_t ph_plans_tidy(struct ph_plans *plans, int64_t lifetime);

#endif
