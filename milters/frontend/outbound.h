#ifndef PH_MILTERS_FRONTEND_OUTBOUND_H
#define PH_MILTERS_FRONTEND_OUTBOUND_H

#include "milters/frontend/backend.h"

#include "lib/base/tls.h"

/*
 * Mail to outside through a front end (FrontendProxyEnabled). A server of ours
 * hands it in, one recipient a message. When the header is complete the send
 * connector is known (a rule may have chosen one, which stands in the header);
 * then a host outside is found, the message is streamed there, and that host's
 * answer is the answer to the whole message. Nothing is queued or kept here.
 */

#define PH_OUTBOUND_AGENT "Outbound Proxy"

/* ---- the way: outbound_way.c --------------------------------------------- */

/* One element of what the connector says. */
struct ph_target {
	char host[256]; /* name, or address without brackets */
	bool mx;	/* its MX is looked up first */
	int port;
};

struct ph_way {
	const struct ph_object *connector; /* borrowed from the snapshot */
	GArray *targets;		   /* struct ph_target, in order */
	bool tls, required; /* STARTTLS if it is offered; or no mail */
	enum ph_tls_verify verify;
	const char *tls_domain; /* that the certificate is for; or NULL */
};
void ph_way_clear(struct ph_way *way);

/* Of the message's only recipient, as the server that handed it in sees it. 1:
 * *way_r. 0: there is none, *why_r (g_free) says so: the sender asks again. */
int ph_way_find(const struct ph_frontend *frontend, const struct ph_mail *mail,
		struct ph_way *way_r, char **why_r);

/* "[192.0.2.1]:25", "[ipv6:2001:db8::1]:25", "mx.test", "mx.test:587". */
bool ph_target_parse(const char *text, struct ph_target *target_r);

/* ---- one host: remote.c -------------------------------------------------- */

struct ph_remote {
	char *host, *address;
	int port;
	bool encrypted;
	struct ph_smtp *smtp;
};
void ph_remote_free(struct ph_remote **remote); /* NULL is fine */

/* From the connection to DATA. 1: *remote_r takes content. 0: refused with
 * *reply_r, the caller's to clear. -1: no answer, or one that is none; *code_r
 * is the enhanced code of that, borrowed. */
struct ph_remote_question {
	const struct ph_frontend *frontend;
	const struct ph_mail *mail;
	const struct ph_way *way;
	const char *domain;  /* whose host it is, or the same */
	const char *host;    /* name, or address */
	const char *address; /* where it is */
	int port;
	int64_t deadline; /* monotonic */
};
int ph_remote_open(const struct ph_remote_question *question,
		   struct ph_remote **remote_r, struct ph_smtp_reply *reply_r,
		   const char **code_r, struct ph_err *err);

/* ---- all hosts: outbound_find.c ------------------------------------------ */

/* 0: *remote_r takes content. 1: a verdict was made. */
int ph_outbound_find(const struct ph_frontend *frontend, struct ph_mail *mail,
		     const struct ph_way *way, struct ph_remote **remote_r);

/* ---- tracking: outbound_row.c -------------------------------------------- */

/* The SEND row of a message that the host has taken. */
void ph_outbound_row(const struct ph_frontend *frontend, struct ph_mail *mail,
		     const struct ph_way *way, const struct ph_remote *remote,
		     const char *answer);

#endif
