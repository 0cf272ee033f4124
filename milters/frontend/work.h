#ifndef PH_MILTERS_FRONTEND_WORK_H
#define PH_MILTERS_FRONTEND_WORK_H

#include "milters/frontend/backend.h"

/*
 * One message on its way through: which server has it, which servers were of
 * no use, and how a server is found. It is kept with the message (mail->work)
 * and ends with it, which closes a conversation that is not at its end.
 */
#define PH_FRONTEND_AGENT "Frontend Proxy"

enum ph_stage {
	PH_STAGE_RECIPIENTS,
	PH_STAGE_HEADER, /* DATA was said, own fields were sent */
	PH_STAGE_BODY,	 /* so was the empty line */
};

struct ph_work {
	struct ph_frontend *frontend;
	struct ph_backend *backend; /* NULL: none has the recipients */
	GPtrArray *failed;	    /* names of servers that gave no answer */
	guint32 seed;
	enum ph_stage stage;
	bool trusted;
	unsigned present; /* fields about the client that it sent itself */
	int64_t deadline; /* of the callback that is running */
	struct ph_smtp_reply refusal; /* of the sender, by the last server */
	char *answer;		      /* the server's last word, for the log */
	char *server;		      /* who said it */
};

/* The message's work, made when it has none; borrowed. NULL: too many. */
struct ph_work *ph_work_start(struct ph_mail *mail,
			      struct ph_frontend *frontend);

/* A callback begins: its time runs. */
void ph_work_begin(struct ph_work *work);

/*
 * The first server that takes the sender and the first n recipients. 0: it is
 * work->backend; 1: there is none, a verdict was made.
 */
int ph_work_find(struct ph_work *work, struct ph_mail *mail, guint n);

/* The server is of no more use for this message. */
void ph_work_lose(struct ph_work *work, const char *server,
		  const struct ph_err *err, const char *queue_id);
bool ph_work_failed(const struct ph_work *work, const struct ph_server *server);

/* Keeps the session for the next message of the client's session; takes it. */
void ph_work_keep(struct ph_mail *mail, struct ph_backend **backend);

/* 451: there never was a state. Returns 1. */
int ph_work_no_state(struct ph_mail *mail);

/*
 * A server's refusal as the client's. 421 is about the server's connection and
 * would close the client's; anything that is no refusal is no answer at all.
 * Returns 1.
 */
int ph_work_pass(struct ph_mail *mail, const struct ph_smtp_reply *reply);

/* The final dot and its answer; the MTA is told that it is waited for. 0 and
 * *reply_r, or -1: nobody knows whether the message was taken. */
int ph_work_final(const struct ph_frontend *frontend,
		  const struct ph_mail *mail, struct ph_smtp *smtp,
		  struct ph_smtp_reply *reply_r, struct ph_err *err);

/* A server's last word, for the log; takes answer. */
void ph_work_note(struct ph_work *work, const char *server, char *answer);

#endif
