#ifndef PH_MILTERS_HOST_AGENT_H
#define PH_MILTERS_HOST_AGENT_H

#include "lib/base/err.h"
#include "lib/base/uuid.h"
#include "lib/classify/classify.h"
#include "lib/directory/directory.h"
#include "lib/message/content.h"
#include "lib/message/headers.h"
#include "lib/message/inspect.h"
#include "lib/message/nmid.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What an agent of a milter sees and says. Nothing here knows libmilter, so
 * agents are tested without a server. A message is a working copy: agents
 * change its header fields and recipients, later agents see the change, and
 * the host gives the difference from what came to the MTA, once, at the end.
 * A message is used by one thread at a time, not always the same one.
 */

/* X-PostHub-AuthAs, as Exchange's. */
enum ph_auth_as {
	PH_AUTH_ANONYMOUS,
	PH_AUTH_INTERNAL,
	PH_AUTH_EXTERNAL,
	PH_AUTH_PARTNER,
};
const char *ph_auth_as_name(enum ph_auth_as auth_as);
/* Without case; false: no such word. */
bool ph_auth_as_find(const char *name, enum ph_auth_as *auth_as_r);

/* The SMTP client of a session. Texts are never NULL. */
struct ph_client {
	char *name;	      /* as verified by the MTA; "" if unknown */
	char *address;	      /* "192.0.2.1", "2001:db8::1"; "" if private */
	char *helo;	      /* "" before HELO */
	char *server_address; /* ours, as the client sees it; may be "" */
	int server_port;      /* of that; 0: not known */
	char *daemon; /* milter_macro_daemon_name of the listener; may be "" */
	bool private_socket; /* an smtpd on a UNIX socket: a service of ours;
			      * not sendmail(1), which has an address */
};

struct ph_recipient {
	char *given;	  /* as the client named it, without angle brackets
			   * and as the MTA spells it; NULL: added by an
			   * agent */
	char *typed;	  /* where the client has spelt it in another way
			   * ("user@b.test.", "<@a.test:user@b.test>"); NULL
			   * else */
	char *address;	  /* where the message goes on */
	char **params;	  /* of RCPT ("NOTIFY=NEVER"), NULL-terminated */
	bool removed;	  /* the message does not go on to it */
	bool tell_sender; /* the sender gets a notice if it goes on to it */
	char *refusal;	  /* enhanced code and text: it is refused before the
			   * rules; NULL: it is not */
	/* Its directory entry, by ph_recipient_entry. */
	enum { PH_ENTRY_UNKNOWN, PH_ENTRY_NONE, PH_ENTRY_FOUND } entry_state;
	struct ph_object *entry;
	/* Folded addresses in whose place rules have put it, oldest first;
	 * shared with others; NULL: none. */
	GPtrArray *instead_of;
};

void ph_recipient_free(void *recipient);

/* As the client has typed it, for who hands it on; borrowed. */
const char *ph_recipient_typed(const struct ph_recipient *recipient);

/* The entry of the address that the message goes on to, looked up once. 1 and
 * *entry_r (borrowed from the recipient), 0 it has none, -1 cannot say. */
int ph_recipient_entry(struct ph_directory *directory,
		       struct ph_recipient *recipient,
		       const struct ph_object **entry_r, struct ph_err *err);

enum ph_decision {
	PH_DECISION_ACCEPT,
	PH_DECISION_REJECT, /* 5xx in the session */
	PH_DECISION_DEFER,  /* 4xx in the session */
	PH_DECISION_DISCARD,
};

/* What is to become of all recipients alike. */
struct ph_verdict {
	enum ph_decision decision;
	char code[4];	   /* "550" of REJECT and DEFER */
	char enhanced[16]; /* "5.7.1" */
	char *text;	   /* UTF-8, one line */
	char **lines;	   /* NULL, or another server's answer, passed on word
			    * for word in place of text */
	const char *agent; /* who decided, borrowed; NULL while ACCEPT */
	char *status;	   /* recipient-status in the tracking row */
	bool whole; /* about the whole message, whichever recipients it was
		     * made for */
};

/* What an agent keeps of its own with a message or a session, freed with it. */
struct ph_keep {
	void *data;
	void (*free)(void *data);
};
void ph_keep_clear(struct ph_keep *keep);

struct ph_mail {
	const struct ph_client *client; /* borrowed from the session */
	char *sender;			/* without angle brackets; "" is null */
	char **params;			/* of MAIL, NULL-terminated */
	char *login;			/* SASL login of the client; "" */
	char *author;			/* AUTH= of MAIL, as it came; "" */
	char *mechanism;		/* of the login: "PLAIN"; "" */
	char *tls;			/* "TLSv1.3" of the client; "" */
	char *certificate;		/* name in the client's, verified; "" */
	char *queue_id;			/* "" until DATA or end of message */
	GPtrArray *recipients;		/* struct ph_recipient, in order */
	struct ph_headers *headers;	/* read; change by the functions below
					 */
	struct ph_nmid *hash;		/* has seen the body */
	/* The body as the MTA shows it, where keep_body was set at the
	 * beginning; of a longer one the first PH_BODY_LIMIT bytes. */
	GByteArray *body;
	bool keep_body, body_cut;
	bool new_body;	  /* an agent has put another in its place */
	uint64_t size;	  /* bytes with CRLF line ends */
	int64_t received; /* wall clock ms, of MAIL */

	struct ph_snapshot *snapshot;	/* one for the whole message */
	struct ph_directory *directory; /* borrowed */

	/* Set at the beginning: a report that the MTA itself has made. To let
	 * it wait or refuse it would keep the message it is about in the queue:
	 * unless an agent discards it, it passes as it came. */
	bool report;

	/* Filled in by the agent that resolves. */
	bool trusted; /* the client is a server of ours or a private socket */
	const char *peer; /* FQDN of the server of ours, borrowed; or NULL */
	bool made_here;	  /* a server of ours has made it: it comes from there,
			   * and does not say who the first client was */
	bool members;	  /* a copy for members of a group, from the expansion
			   * service: rules have not seen these recipients */
	bool resolved;	  /* a Transport server of ours has had it before */
	enum ph_auth_as auth_as;
	char *original_ip; /* of the first client; "" */
	char nmid[PH_UUID_TEXT];
	bool put_aside; /* it is for a quarantine mailbox alone: later agents
			 * leave it as it is */

	/* A fork: one of several copies of a message that differ in header
	 * fields, recipients and verdict. Everything else is its origin's;
	 * NULL: this is the message itself. */
	struct ph_mail *origin;
	/* Parsed when first asked for; the origin's. */
	struct ph_content *content;
	/* Made by inspect when first asked for; the origin's. */
	struct ph_inspection *inspection;
	/* Who opens attachments; NULL: nobody, what the MIME tree says is all
	 * that is known. */
	struct ph_inspection *(*inspect)(void *arg, struct ph_content *content);
	void *inspect_arg;
	/* Finds sensitive information; of the snapshot; NULL: nobody does. */
	struct ph_classifier *classifier;

	/* custom-data of the AGENTINFO row, "S:..." items joined with ';';
	 * NULL: no agent has anything to say, no row. */
	GString *info;

	struct ph_keep work;  /* an agent's, of this message */
	struct ph_keep *kept; /* an agent's, of the session; borrowed; NULL: of
			       * none */
	/* Tells the MTA, in on_message, that it is still being worked on;
	 * false: it has gone. NULL: there is nobody to tell. */
	bool (*progress)(void *arg);
	void *progress_arg;

	struct ph_verdict verdict;
	GPtrArray *touched; /* the host's: what header fields were */
};

/* One header name that an agent touched, with all values as they came. */
struct ph_touched {
	char *name;
	GPtrArray *before; /* char * */
	bool always;	   /* tell the MTA even if the value is the same */
	bool fresh;	   /* changed since somebody last cleared it */
};

/* Of one message, where its body is kept. */
#define PH_BODY_LIMIT ((size_t)48 * 1024 * 1024)

struct ph_mail *ph_mail_new(const struct ph_client *client, const char *sender);
void ph_mail_free(struct ph_mail **mail);

/* A copy of its own with the header fields as they are now, without recipients
 * and verdict. The origin must live longer. */
struct ph_mail *ph_mail_fork(struct ph_mail *mail);

/* A piece of the body; kept if keep_body says so. */
void ph_mail_add_body(struct ph_mail *mail, const void *data, size_t size);
/* How much of such a piece would be kept. */
size_t ph_mail_room(const struct ph_mail *mail, size_t size);
/* Another body, CRLF line ends, which the MTA and later agents get; taken. What
 * was known of the content is forgotten. */
void ph_mail_replace_body(struct ph_mail *mail, GByteArray *body);
/* Header fields and body that came so far, of a message that nobody will look
 * at. */
void ph_mail_drop_content(struct ph_mail *mail);
/* Of our own header fields: who has logged in may answer a policy tip, and say
 * nothing else. */
bool ph_mail_may_say(const struct ph_mail *mail, const char *name);

/* The content: what was not kept of a body is not in it; borrowed. */
struct ph_content *ph_mail_content(struct ph_mail *mail);
/* Who can say what is in attachments; borrowed. */
struct ph_inspection *ph_mail_inspection(struct ph_mail *mail);

/* Copies; params may be NULL. Borrowed from mail. */
struct ph_recipient *ph_mail_add_recipient(struct ph_mail *mail,
					   const char *given,
					   const char *const *params);

/*
 * Header fields; names compare without case, values are as on the wire (LF and
 * blank for a fold). set replaces the first and removes further ones, or adds
 * at the end. stamp is set, but the MTA is told even if nothing changes, so
 * that its milter_header_checks see the field. edit changes the field at a
 * position. -1: PERM, the header would become too large.
 */
int ph_mail_set_header(struct ph_mail *mail, const char *name,
		       const char *value, struct ph_err *err);
int ph_mail_stamp_header(struct ph_mail *mail, const char *name,
			 const char *value, struct ph_err *err);
int ph_mail_edit_header(struct ph_mail *mail, size_t i, const char *value,
			struct ph_err *err);
void ph_mail_remove_header(struct ph_mail *mail, const char *name);

/* Appends one item ("S:TRA=...") to info, making it; item NULL only makes it.
 */
void ph_mail_info(struct ph_mail *mail, const char *item);

/* Decide; the first decision stands. agent is borrowed for ever. Returns 1, so
 * that "return ph_verdict_reject(...)" ends an agent's function. */
int ph_verdict_reject(struct ph_verdict *verdict, const char *agent,
		      const char *enhanced, const char *text);
int ph_verdict_defer(struct ph_verdict *verdict, const char *agent,
		     const char *enhanced, const char *text);
/* Any code from 400 to 599; 421 ends the client's session. */
int ph_verdict_answer(struct ph_verdict *verdict, const char *agent, int code,
		      const char *enhanced, const char *text);
int ph_verdict_discard(struct ph_verdict *verdict, const char *agent);
/* Another server's refusal as it is: code, enhanced code ("" if none) and all
 * lines, without the code; copied. */
int ph_verdict_pass(struct ph_verdict *verdict, const char *agent, int code,
		    const char *enhanced, const char *const *lines);
void ph_verdict_clear(struct ph_verdict *verdict);

/*
 * A row of a milter. Each function is optional, and answers 0: go on with the
 * next agent; 1: mail->verdict is final; -1: cannot say, err becomes a 4xx.
 * Events without any function are answered by nobody, which saves the MTA a
 * wait, and some are not sent at all.
 */
struct ph_agent {
	const char *name; /* in tracking rows: "Transport Rule Agent" */
	int (*on_connect)(const struct ph_client *client,
			  struct ph_verdict *verdict, void *app,
			  struct ph_err *err);
	int (*on_mail)(struct ph_mail *mail, void *app, struct ph_err *err);
	/* A final verdict is about this recipient alone. */
	int (*on_rcpt)(struct ph_mail *mail, struct ph_recipient *recipient,
		       void *app, struct ph_err *err);
	/* All recipients are known; no content yet. */
	int (*on_data)(struct ph_mail *mail, void *app, struct ph_err *err);
	/*
	 * The content as the MTA shows it, for a milter that streams
	 * (ph_host): a value is as on the wire after the colon, blanks
	 * included, lines end with LF; the body comes in pieces with CRLF. A
	 * verdict or an error is the answer to the whole message, and the
	 * rest is not shown.
	 */
	int (*on_header)(struct ph_mail *mail, const char *name,
			 const char *value, void *app, struct ph_err *err);
	int (*on_body)(struct ph_mail *mail, const void *data, size_t size,
		       void *app, struct ph_err *err);
	int (*on_headers)(struct ph_mail *mail, void *app, struct ph_err *err);
	int (*on_message)(struct ph_mail *mail, void *app, struct ph_err *err);
};

#endif
