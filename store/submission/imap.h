#ifndef PH_STORE_SUBMISSION_IMAP_H
#define PH_STORE_SUBMISSION_IMAP_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/base/tls.h"
#include "store/submission/imap_parser.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * IMAP client: one session over one connection, blocking, each command with a
 * deadline. -1 is TEMP with the server's words, after which a session is of no
 * more use unless said otherwise. Not thread-safe. RFC 3501, 4959 (SASL-IR),
 * 6851 (MOVE), 4315 (UIDPLUS), 7162 (CONDSTORE), 2177 (IDLE).
 */
struct ph_imap;

enum ph_imap_security {
	PH_IMAP_PLAIN,
	PH_IMAP_STARTTLS,
	PH_IMAP_TLS, /* from the start, as on port 993 */
};

/* How a master user opens the mailboxes of others. Texts are borrowed. */
struct ph_imap_server {
	struct ph_endpoint endpoint;
	enum ph_imap_security security;
	struct ph_tls_options tls;
	const char *user; /* the master's */
	char *password;
	int64_t connect_timeout, timeout; /* ms */
	char *outbox, *sent, *drafts; /* names of mailboxes, as they are sent */
};

/* What opening a session shows of the server, whoever it was for. */
enum ph_imap_sign {
	PH_IMAP_NO_SIGN, /* nothing: a login that hangs may be one user's */
	PH_IMAP_DOWN,	 /* no connection, TLS as wanted, or greeting; or it
			  * lacks what we need */
	PH_IMAP_UP,	 /* it answered a login, with yes or no */
};

/*
 * Connects, and logs in for somebody by SASL PLAIN with an authorization
 * identity. The server must know MOVE and UIDPLUS: without them nothing can be
 * moved in one step. 0 or -1. *sign_r: NULL is fine.
 */
int ph_imap_open(const struct ph_imap_server *server, const char *address,
		 enum ph_imap_sign *sign_r, struct ph_imap **imap_r,
		 struct ph_err *err);
void ph_imap_close(struct ph_imap **imap);

/* Beside its own deadline no step lasts beyond this moment (monotonic ms;
 * INT64_MAX: none). */
void ph_imap_limit(struct ph_imap *imap, int64_t limit);
/* From another thread: ends a wait. */
void ph_imap_shutdown(struct ph_imap *imap);

bool ph_imap_offers(const struct ph_imap *imap, const char *capability);

/* Told of each untagged response of a command. */
typedef void (*ph_imap_each)(void *context, const struct ph_imap_reply *reply);

/*
 * A command without tag and CRLF, after which literal (NULL: none) is sent when
 * the server asks for it, and a CRLF. 1: OK, 0: NO, and *code_r (NULL is fine),
 * g_free, is the response code, "" if there is none, err the server's words;
 * -1. After 0 the session goes on.
 */
int ph_imap_command(struct ph_imap *imap, const char *command,
		    const GString *literal, ph_imap_each each, void *context,
		    char **code_r, struct ph_err *err);

/* A string for a command, quoted, g_free; what cannot be in one (CR, LF, NUL,
 * 8 bit) is left out. */
char *ph_imap_quote(const char *text);

/* Selects a mailbox; make: creates it if it is not there. 1 and *validity_r;
 * 0: it is not there; -1. */
int ph_imap_select(struct ph_imap *imap, const char *mailbox,
		   uint32_t *validity_r, struct ph_err *err);

/* UIDs in the selected mailbox that match ("KEYWORD x"), in *uids_r
 * (uint32_t, g_array_unref). 0 or -1. */
int ph_imap_search(struct ph_imap *imap, const char *what, GArray **uids_r,
		   struct ph_err *err);

/* What a message is found by. */
struct ph_imap_sought {
	const char *id;	   /* Message-ID; "": none is */
	const char *field; /* of the date: "Date" */
	const char *date;  /* NULL: whatever it is */
	int64_t since;	   /* came not before, seconds since 1970; 0 */
	uint64_t size;	   /* in bytes; 0: whatever it is */
};
/* Selects the mailbox; is there one? 1, 0, -1. */
int ph_imap_find(struct ph_imap *imap, const char *mailbox,
		 const struct ph_imap_sought *sought, struct ph_err *err);

struct ph_imap_stat {
	uint64_t size; /* RFC822.SIZE */
	int64_t came;  /* INTERNALDATE, ms since 1970; 0: not told */
};
/* 1; 0: there is no such message; -1. */
int ph_imap_stat(struct ph_imap *imap, uint32_t uid,
		 struct ph_imap_stat *stat_r, struct ph_err *err);

/* Writes a message of so many bytes into a file, in pieces. 1; 0: there is no
 * such message (any more); -1, also if it has another size. */
int ph_imap_fetch(struct ph_imap *imap, uint32_t uid, uint64_t size, int fd,
		  struct ph_err *err);
/* No more than the first piece of it, which has room for most headers. */
int ph_imap_fetch_top(struct ph_imap *imap, uint32_t uid, int fd,
		      struct ph_err *err);

/*
 * Sets a keyword on a message that has it not. 1; 0: there is no such message,
 * or it has it, also because another session was faster, where the server knows
 * CONDSTORE for this mailbox; -1.
 */
int ph_imap_claim(struct ph_imap *imap, uint32_t uid, const char *keyword,
		  struct ph_err *err);
/* sign '+' or '-'. 0 or -1. */
int ph_imap_flag(struct ph_imap *imap, uint32_t uid, char sign,
		 const char *flags, struct ph_err *err);
/* Moves it, making the mailbox if needed. 1; 0: there is no such message; -1.
 */
int ph_imap_move(struct ph_imap *imap, uint32_t uid, const char *mailbox,
		 struct ph_err *err);
int ph_imap_remove(struct ph_imap *imap, uint32_t uid, struct ph_err *err);

/* Appends a message with CRLF line ends, making the mailbox if needed. 0, -1.
 */
int ph_imap_append(struct ph_imap *imap, const char *mailbox, const char *flags,
		   const GString *text, struct ph_err *err);

/* ---- waiting ----------------------------------------------------------- */

/* IDLE: 0: the descriptor becomes readable when there is something; 1: there
 * is something by now, since the mailbox was selected; -1. */
int ph_imap_idle(struct ph_imap *imap, struct ph_err *err);
int ph_imap_fd(const struct ph_imap *imap);
/* Reads what is there, once readable. 1: something changed; 0; -1: the
 * connection is gone. */
int ph_imap_heard(struct ph_imap *imap, struct ph_err *err);
/* DONE: commands may follow. 0 or -1. */
int ph_imap_idle_end(struct ph_imap *imap, struct ph_err *err);

#endif
