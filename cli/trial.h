#ifndef PH_CLI_TRIAL_H
#define PH_CLI_TRIAL_H

#include "cli/command.h"
#include "lib/inspect/inspector.h"
#include "milters/transport/rules/evaluate.h"
#include "milters/transport/rules/sensitive.h"

#include <glib.h>

/*
 * A message put before the rules as posthub-transport would, with notes of
 * everything that happened: what "rule test" and "rule explain" show. Nothing
 * is sent, counted or written.
 */

/* One who was to get the message, or gets it because of a rule. */
struct ph_trial_person {
	char *given; /* as asked for; of one that was added its address */
	const struct ph_recipient
	    *recipient; /* NULL: refused before the rules */
	char *before;	/* how; of one that a rule has added: after them */
	char *group;	/* that it is a member of; NULL */
	guint members;	/* of a group that was opened, else 0 */
	bool same;	/* somebody else's further address */
	const struct ph_rule *added_by, *gone_by; /* NULL: none */
	struct ph_mail *copy; /* that it is in at the end; NULL: in none */
	GPtrArray *hits;      /* const struct ph_trial_rule *, in order */
};

/* One answer to one condition or exception. */
struct ph_trial_asked {
	const struct ph_predicate *p;
	const struct ph_recipient *recipient; /* NULL: the whole copy */
	enum ph_answer answer;
	struct ph_finding finding;
	char *error; /* of ERROR */
	guint round; /* of the copy in this rule */
};

/* Of a recipient that is in no copy any more. */
#define PH_TRIAL_NO_ROUND G_MAXUINT

struct ph_trial_answer {
	const struct ph_recipient *recipient;
	enum ph_answer answer;
	const char *note; /* why the rule did not act; NULL */
	guint round;
};

struct ph_trial_rule {
	const struct ph_rule *rule;
	GPtrArray
	    *asked;	 /* struct ph_trial_asked; NULL: nobody wants to know */
	GArray *answers; /* struct ph_trial_answer */
	guint rounds;
	char *error; /* why it could not act; NULL */
};

struct ph_trial {
	struct ph_cli *cli;
	bool explain;	  /* keep what conditions said */
	const char *only; /* "--rule"; NULL */
	bool alone;	  /* that rule alone is run, as if it were enabled */
	char *only_name;  /* as in the key; NULL */

	struct ph_snapshot *stored;   /* what was read, with its errors */
	struct ph_snapshot *local;    /* what daemons here had; NULL */
	struct ph_snapshot *snapshot; /* what is tried */
	struct ph_sensitive_options sensitive;
	struct ph_derive derive[4]; /* of snapshot */
	struct ph_directory *directory;
	struct ph_inspector *inspector; /* NULL: no rule has asked yet */
	struct ph_client client;
	struct ph_mail *mail;
	GPtrArray *people; /* struct ph_trial_person, in order */
	GPtrArray *rules;  /* struct ph_trial_rule, in order */
	GHashTable *known; /* recipient -> person */
	struct ph_rules_result result;
	bool deferred;
	struct ph_err defer; /* why */
};

/* Options of both verbs; the end of a table is the caller's. */
#define PH_TRIAL_OPTIONS                                                      \
	{"message", "FILE", "the message; \"-\" is standard input"},          \
	    {"from", "ADDRESS",                                               \
	     "envelope sender, <> is nobody; without it Return-Path or From " \
	     "of the message"},                                               \
	    {"to", "ADDRESS ...",                                             \
	     "a recipient, may be given several times; without it To, Cc "    \
	     "and Bcc of the message"},                                       \
	    {"auth", "WORD",                                                  \
	     "who sends: Anonymous (unless given), Internal, External, "      \
	     "Partner"},                                                      \
	{                                                                     \
		"client-ip", "ADDRESS", "address of the SMTP client"          \
	}

/* Reads, builds and runs: 0, or an exit code after saying why. Close in both
 * cases. */
int ph_trial_open(struct ph_cli *cli, const struct ph_input *input,
		  bool explain, struct ph_trial *trial);
void ph_trial_close(struct ph_trial *trial);

/* What becomes of one. */
enum ph_fate {
	PH_FATE_DELIVERED,
	PH_FATE_REFUSED,    /* by a rule */
	PH_FATE_DEFERRED,   /* tried again later */
	PH_FATE_DROPPED,    /* and nobody is told */
	PH_FATE_REDIRECTED, /* others get it instead */
	PH_FATE_UNKNOWN,    /* nobody: refused before any rule, or a rule has
			     * added it and it bounces */
	PH_FATE_OPENED,	    /* a group: its members get it */
	PH_FATE_SAME,	    /* another address of one who gets it */
};
enum ph_fate ph_trial_fate(const struct ph_trial *trial,
			   const struct ph_trial_person *person);
/* For programs: "Delivered". */
const char *ph_fate_name(enum ph_fate fate);

/* The verdict that is about the whole session; NULL: none. */
const struct ph_verdict *ph_trial_whole(const struct ph_trial *trial);

/* 0 everybody gets it, 1 somebody does not, 75 it would be deferred. */
int ph_trial_status(const struct ph_trial *trial);

/* Lines "- Name: value" and "+ Name: value" of fields that rules have changed
 * in a copy, whole; g_ptr_array_unref. */
GPtrArray *ph_trial_changes(const struct ph_mail *copy,
			    const struct ph_headers *before);

#endif
