#include "milters/host/host_private.h"

#include "lib/base/log.h"
#include "milters/host/budget.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* One SMTP session of the MTA. */
struct session {
	struct ph_client client;
	struct ph_mail *mail; /* NULL between transactions */
	unsigned long steps;  /* SMFIP_* agreed on */
	bool working;	      /* counted in busy */
	bool refused;	      /* the content is not looked at; own says why */
	bool settled;	      /* mail->verdict was made by a piece of content */
	size_t held;	      /* of memory */
	struct ph_verdict own; /* the host's */
	struct ph_keep kept;   /* an agent's */
};

/* libmilter hands its callbacks nothing of ours: set once, before it starts. */
static const struct ph_host *serving;

/* Messages between first header and answer, in all sessions. */
static int busy;

/* Header fields and kept bodies of these messages. */
static struct ph_budget memory;

static struct session *
get(SMFICTX *ctx)
{
	return smfi_getpriv(ctx);
}

/* "Continue", in the way that was agreed on for an event: a reply that the MTA
 * does not wait for would be taken as the reply to the next event. */
static sfsistat
proceed(const struct session *s, unsigned long no_reply)
{
	return (s->steps & no_reply) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static void
end_message(struct session *s)
{
	ph_mail_free(&s->mail);
	ph_verdict_clear(&s->own);
	ph_budget_give(&memory, s->held);
	s->held = 0;
	if (s->working)
		g_atomic_int_add(&busy, -1);
	s->working = false;
}

static void
session_free(struct session *s)
{
	end_message(s);
	ph_keep_clear(&s->kept);
	g_free(s->client.name);
	g_free(s->client.address);
	g_free(s->client.helo);
	g_free(s->client.server_address);
	g_free(s->client.daemon);
	g_free(s);
}

static void
replace(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value != NULL ? value : "");
}

static const char *
macro(SMFICTX *ctx, const char *name)
{
	g_autofree char *n = g_strdup(name);

	return smfi_getsymval(ctx, n);
}

/* Logs what an agent cannot say, and makes it the verdict. 0 or 1. */
static int
settle(int answer, const char *agent, const char *queue_id,
       struct ph_verdict *verdict, const struct ph_err *err)
{
	if (answer >= 0)
		return answer;
	ph_log(PH_LOG_WARN, queue_id, "%s: %s", agent, err->text);
	ph_reply_error(verdict, agent, err);
	return 1;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
	     unsigned long f3, unsigned long *pf0, unsigned long *pf1,
	     unsigned long *pf2, unsigned long *pf3)
{
	struct ph_events events = ph_host_events(serving);
	struct session *s = get(ctx);

	(void)f2;
	(void)f3;
	if ((f0 & PH_MILTER_ACTIONS) != PH_MILTER_ACTIONS) {
		ph_error("the MTA does not offer all that is needed of the "
			 "milter protocol (version 6)");
		return SMFIS_REJECT;
	}
	if (s == NULL) {
		s = g_new0(struct session, 1);
		replace(&s->client.name, NULL);
		replace(&s->client.address, NULL);
		replace(&s->client.helo, NULL);
		replace(&s->client.server_address, NULL);
		replace(&s->client.daemon, NULL);
		if (smfi_setpriv(ctx, s) != MI_SUCCESS) {
			session_free(s);
			return SMFIS_REJECT;
		}
	}
	*pf0 = PH_MILTER_ACTIONS;
	*pf1 = ph_negotiate_steps(&events, f1);
	*pf2 = *pf3 = 0;
	s->steps = *pf1;
	return ph_negotiate_macros(ctx) == 0 ? SMFIS_CONTINUE : SMFIS_REJECT;
}

/* A client on a UNIX socket Postfix calls localhost; one that has gone, or of
 * which a proxy says nothing (XCLIENT), has no address either. */
static void
set_address(struct ph_client *client, const char *name,
	    const struct sockaddr *address)
{
	char text[INET6_ADDRSTRLEN] = "";

	client->private_socket = false;
	if (address == NULL || address->sa_family == AF_UNIX) {
		client->private_socket = strcasecmp(name, "localhost") == 0;
	} else if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	} else if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	}
	replace(&client->address, text);
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	struct session *s = get(ctx);
	const char *port;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	/* "unknown", "[192.0.2.1]": the MTA has no verified name. */
	replace(&s->client.name,
		strcasecmp(name, "unknown") == 0 || name[0] == '[' ? NULL
								   : name);
	set_address(&s->client, name, address);
	replace(&s->client.server_address, macro(ctx, "{daemon_addr}"));
	port = macro(ctx, "{daemon_port}");
	s->client.server_port = port != NULL ? atoi(port) : 0;
	replace(&s->client.daemon, macro(ctx, "{daemon_name}"));
	for (const struct ph_agent *const *a = serving->agents; *a != NULL;
	     a++) {
		struct ph_err err = PH_ERR_INIT;
		int r;

		if ((*a)->on_connect == NULL)
			continue;
		r = (*a)->on_connect(&s->client, &s->own, serving->app, &err);
		if (settle(r, (*a)->name, NULL, &s->own, &err) == 1)
			return ph_reply_verdict(ctx, &s->own, false);
	}
	return proceed(s, SMFIP_NR_CONN);
}

static sfsistat
on_helo(SMFICTX *ctx, char *helo)
{
	struct session *s = get(ctx);

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	replace(&s->client.helo, helo);
	return proceed(s, SMFIP_NR_HELO);
}

/* "<a@b>" or "a@b" (mail from sendmail(1) comes without brackets). */
static char *
strip_brackets(const char *text)
{
	size_t size = strlen(text);

	if (size >= 2 && text[0] == '<' && text[size - 1] == '>')
		return g_strndup(text + 1, size - 2);
	return g_strdup(text);
}

static bool
is_utf8(const struct ph_mail *mail)
{
	for (char **p = mail->params; *p != NULL; p++)
		if (strcasecmp(*p, "SMTPUTF8") == 0)
			return true;
	return false;
}

/* Asks the agents that have the function at this place of the row. */
typedef int mail_function(struct ph_mail *mail, void *app, struct ph_err *err);
typedef mail_function *mail_event(const struct ph_agent *agent);

static mail_function *
mail_of(const struct ph_agent *agent)
{
	return agent->on_mail;
}

static mail_function *
data_of(const struct ph_agent *agent)
{
	return agent->on_data;
}

static mail_function *
headers_of(const struct ph_agent *agent)
{
	return agent->on_headers;
}

static mail_function *
message_of(const struct ph_agent *agent)
{
	return agent->on_message;
}

/* 1: a verdict was made. */
static int
ask_agents(struct ph_mail *mail, mail_event *event)
{
	for (const struct ph_agent *const *a = serving->agents; *a != NULL;
	     a++) {
		struct ph_err err = PH_ERR_INIT;
		mail_function *function = event(*a);
		int r;

		if (function == NULL)
			continue;
		r = function(mail, serving->app, &err);
		if (settle(r, (*a)->name, mail->queue_id, &mail->verdict,
			   &err) == 1)
			return 1;
	}
	return 0;
}

/*
 * Who is meant by "user@b.test.", "<@a.test:user@b.test>" or '"user"@b.test' is
 * for the MTA to say, or the agents would look at somebody else than it will
 * deliver to. NULL: as it was typed.
 */
static const char *
spelling(SMFICTX *ctx, const char *name, const char *typed)
{
	const char *plain = macro(ctx, name);

	return plain != NULL && *plain != '\0' && strcmp(plain, typed) != 0
		   ? plain
		   : NULL;
}

/* Who hands on what the client has said says it as the client did. */
static void
take_sender(SMFICTX *ctx, struct ph_mail *mail)
{
	const char *plain = spelling(ctx, "{mail_addr}", mail->sender);

	if (plain != NULL && !serving->streams)
		replace(&mail->sender, plain);
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	struct session *s = get(ctx);
	g_autofree char *sender = strip_brackets(argv[0]);

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	end_message(s);
	s->refused = s->settled = false;
	s->mail = ph_mail_new(&s->client, sender);
	take_sender(ctx, s->mail);
	s->mail->kept = &s->kept;
	g_strfreev(s->mail->params);
	s->mail->params = g_strdupv(argv + 1);
	replace(&s->mail->login, macro(ctx, "{auth_authen}"));
	replace(&s->mail->author, macro(ctx, "{auth_author}"));
	replace(&s->mail->mechanism, macro(ctx, "{auth_type}"));
	replace(&s->mail->tls, macro(ctx, "{tls_version}"));
	replace(&s->mail->certificate, macro(ctx, "{cert_subject}"));
	serving->begin(s->mail, serving->app);
	if (ask_agents(s->mail, mail_of) == 1)
		return ph_reply_verdict(ctx, &s->mail->verdict,
					is_utf8(s->mail));
	return proceed(s, SMFIP_NR_MAIL);
}

static struct ph_recipient *
add_recipient(SMFICTX *ctx, struct ph_mail *mail, char **argv)
{
	g_autofree char *typed = strip_brackets(argv[0]);
	const char *plain = spelling(ctx, "{rcpt_addr}", typed);
	struct ph_recipient *recipient = ph_mail_add_recipient(
	    mail, plain != NULL ? plain : typed, (const char *const *)argv + 1);

	if (plain != NULL)
		recipient->typed = g_steal_pointer(&typed);
	return recipient;
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	struct session *s = get(ctx);
	struct ph_recipient *recipient;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	if (s->mail == NULL)
		return proceed(s, SMFIP_NR_RCPT);
	recipient = add_recipient(ctx, s->mail, argv);
	for (const struct ph_agent *const *a = serving->agents; *a != NULL;
	     a++) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_verdict *verdict = &s->mail->verdict;
		sfsistat answer;
		int r;

		if ((*a)->on_rcpt == NULL)
			continue;
		r = (*a)->on_rcpt(s->mail, recipient, serving->app, &err);
		if (settle(r, (*a)->name, NULL, verdict, &err) == 0)
			continue;
		answer = ph_reply_verdict(ctx, verdict, is_utf8(s->mail));
		ph_verdict_clear(verdict);
		g_ptr_array_remove(s->mail->recipients, recipient);
		return answer;
	}
	return proceed(s, SMFIP_NR_RCPT);
}

static sfsistat
on_data(SMFICTX *ctx)
{
	struct session *s = get(ctx);
	sfsistat answer;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	if (s->mail == NULL)
		return SMFIS_CONTINUE;
	replace(&s->mail->queue_id, macro(ctx, "i"));
	if (ask_agents(s->mail, data_of) == 0)
		return SMFIS_CONTINUE;
	answer = ph_reply_verdict(ctx, &s->mail->verdict, is_utf8(s->mail));
	/* The client may ask again. */
	ph_verdict_clear(&s->mail->verdict);
	return answer;
}

/* The MTA sends content only when it has all of it, so from here to the answer
 * nobody waits for a client. */
static void
begin_content(struct session *s)
{
	if (s->working)
		return;
	s->working = true;
	if (g_atomic_int_add(&busy, 1) < serving->limit)
		return;
	s->refused = true;
	ph_verdict_defer(&s->own, serving->name, "4.3.2",
			 "Too many messages in work, please try again later");
}

/* False: there is no memory for more of the message, and it is refused; what it
 * had is free for others at once. */
static bool
hold(struct session *s, size_t size)
{
	if (ph_budget_take(&memory, size)) {
		s->held += size;
		return true;
	}
	s->refused = true;
	ph_verdict_defer(&s->own, serving->name, "4.3.1",
			 "Not enough memory for the message, please try again "
			 "later");
	ph_mail_drop_content(s->mail);
	ph_budget_give(&memory, s->held);
	s->held = 0;
	return false;
}

/* CRLF line ends, however the MTA shows them. */
static uint64_t
wire_size(const char *name, const char *value)
{
	uint64_t size = strlen(name) + strlen(value) + 3;

	for (const char *p = strchr(value, '\n'); p != NULL;
	     p = strchr(p + 1, '\n'))
		size += p == value || p[-1] != '\r';
	return size;
}

/* The MTA may not wait for an answer to a piece of content, so a verdict waits
 * for the end of the message. */
static bool
is_open(const struct session *s)
{
	return !s->refused && !s->settled;
}

static void
stream_header(struct session *s, const char *name, const char *value)
{
	struct ph_mail *mail = s->mail;
	/* Without LEADSPC the MTA has taken one blank away. */
	g_autofree char *wire = (s->steps & SMFIP_HDR_LEADSPC) != 0
				    ? NULL
				    : g_strconcat(" ", value, NULL);

	for (const struct ph_agent *const *a = serving->agents;
	     *a != NULL && is_open(s); a++) {
		struct ph_err err = PH_ERR_INIT;
		int r;

		if ((*a)->on_header == NULL)
			continue;
		r = (*a)->on_header(mail, name, wire != NULL ? wire : value,
				    serving->app, &err);
		s->settled = settle(r, (*a)->name, mail->queue_id,
				    &mail->verdict, &err) == 1;
	}
}

static void
stream_body(struct session *s, const void *data, size_t size)
{
	struct ph_mail *mail = s->mail;

	for (const struct ph_agent *const *a = serving->agents;
	     *a != NULL && is_open(s); a++) {
		struct ph_err err = PH_ERR_INIT;
		int r;

		if ((*a)->on_body == NULL)
			continue;
		r = (*a)->on_body(mail, data, size, serving->app, &err);
		s->settled = settle(r, (*a)->name, mail->queue_id,
				    &mail->verdict, &err) == 1;
	}
}

/* What is not seen may be the boundary without which no attachment is found, or
 * who it is from. Lists of recipients may be that long, and are none of these.
 */
static bool
is_cut(const char *name, const char *value)
{
	static const char *const whole[] = {"From", "Sender", "Subject",
					    "MIME-Version"};
	static const char content[] = "Content-";

	if (strlen(value) < PH_HEADER_SHOWN)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(whole); i++)
		if (strcasecmp(name, whole[i]) == 0)
			return true;
	return strncasecmp(name, content, strlen(content)) == 0;
}

static void
refuse_header(struct session *s)
{
	s->refused = true;
	ph_verdict_reject(&s->own, serving->name, "5.3.4",
			  "Message header size exceeds limit");
}

static void
keep_header(struct session *s, const char *name, const char *value)
{
	if ((s->steps & SMFIP_HDR_LEADSPC) != 0 &&
	    (*value == ' ' || *value == '\t'))
		value++;
	if (hold(s, strlen(name) + strlen(value) + PH_HEADER_COST) &&
	    !ph_headers_add(s->mail->headers, name, value))
		refuse_header(s);
}

static void
keep_body(struct session *s, const void *data, size_t size)
{
	if (!hold(s, ph_mail_room(s->mail, size)))
		return;
	ph_nmid_body(s->mail->hash, data, size);
	ph_mail_add_body(s->mail, data, size);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *s = get(ctx);

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	if (s->mail == NULL)
		return proceed(s, SMFIP_NR_HDR);
	begin_content(s);
	if (!is_open(s))
		return proceed(s, SMFIP_NR_HDR);
	s->mail->size += wire_size(name, value);
	if (is_cut(name, value))
		refuse_header(s);
	else if (serving->streams)
		stream_header(s, name, value);
	else
		keep_header(s, name, value);
	return proceed(s, SMFIP_NR_HDR);
}

static sfsistat
on_headers(SMFICTX *ctx)
{
	struct session *s = get(ctx);

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	if (s->mail == NULL)
		return proceed(s, SMFIP_NR_EOH);
	begin_content(s);
	if (!s->refused && ask_agents(s->mail, headers_of) == 1)
		return ph_reply_verdict(ctx, &s->mail->verdict,
					is_utf8(s->mail));
	return proceed(s, SMFIP_NR_EOH);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t size)
{
	struct session *s = get(ctx);

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	if (s->mail == NULL)
		return proceed(s, SMFIP_NR_BODY);
	begin_content(s);
	if (!is_open(s))
		return proceed(s, SMFIP_NR_BODY);
	s->mail->size += size;
	if (serving->streams)
		stream_body(s, data, size);
	else
		keep_body(s, data, size);
	return proceed(s, SMFIP_NR_BODY);
}

static void
decide(SMFICTX *ctx, struct session *s)
{
	struct ph_mail *mail = s->mail;
	struct ph_err err = PH_ERR_INIT;

	if (mail->snapshot == NULL) {
		ph_err_set(&err, PH_ERR_TEMP,
			   "no state yet: Redis is away and there is no "
			   "snapshot on disk");
		settle(-1, serving->name, mail->queue_id, &mail->verdict, &err);
		return;
	}
	if (ask_agents(mail, message_of) == 1 || serving->streams)
		return;
	if (!ph_apply_bearable(mail)) {
		ph_verdict_reject(&mail->verdict, serving->name, "5.3.4",
				  "Too many header fields of one name");
		return;
	}
	if (ph_apply_changes(ctx, mail, (s->steps & SMFIP_HDR_LEADSPC) != 0,
			     &err) < 0)
		settle(-1, serving->name, mail->queue_id, &mail->verdict, &err);
}

static bool
tell_progress(void *arg)
{
	return smfi_progress(arg) == MI_SUCCESS;
}

static sfsistat
answer_end(SMFICTX *ctx, const struct session *s,
	   const struct ph_verdict *verdict)
{
	if (s->mail->report && verdict->decision != PH_DECISION_DISCARD)
		return SMFIS_ACCEPT;
	return ph_reply_verdict(ctx, verdict, is_utf8(s->mail));
}

/* A refusal of the host's is told of as an agent's is. */
static void
note_refused(struct session *s)
{
	if (s->own.decision != PH_DECISION_REJECT || serving->streams)
		return;
	ph_verdict_clear(&s->mail->verdict);
	s->mail->verdict = s->own;
	s->own = (struct ph_verdict){.decision = PH_DECISION_ACCEPT};
	serving->done(s->mail, serving->app);
}

static sfsistat
on_end(SMFICTX *ctx)
{
	struct session *s = get(ctx);
	sfsistat answer;

	if (s == NULL || s->mail == NULL)
		return SMFIS_TEMPFAIL;
	begin_content(s);
	replace(&s->mail->queue_id, macro(ctx, "i"));
	if (s->refused) {
		ph_log(PH_LOG_WARN, s->mail->queue_id, "%s", s->own.text);
		answer = answer_end(ctx, s, &s->own);
		note_refused(s);
	} else {
		s->mail->size += 2; /* the empty line after the header */
		s->mail->progress = tell_progress;
		s->mail->progress_arg = ctx;
		if (!s->settled)
			decide(ctx, s);
		serving->done(s->mail, serving->app);
		answer = answer_end(ctx, s, &s->mail->verdict);
	}
	end_message(s);
	return answer;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct session *s = get(ctx);

	if (s != NULL)
		end_message(s);
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct session *s = get(ctx);

	if (s == NULL)
		return SMFIS_CONTINUE;
	(void)smfi_setpriv(ctx, NULL);
	session_free(s);
	return SMFIS_CONTINUE;
}

struct smfiDesc
ph_session_description(const struct ph_host *host)
{
	struct ph_events events = ph_host_events(host);
	struct smfiDesc description = {
	    .xxfi_name = (char *)(uintptr_t)host->name,
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_flags = PH_MILTER_ACTIONS,
	    .xxfi_connect = on_connect,
	    .xxfi_helo = on_helo,
	    .xxfi_envfrom = on_mail,
	    .xxfi_envrcpt = on_rcpt,
	    .xxfi_header = on_header,
	    .xxfi_data = events.data ? on_data : NULL,
	    .xxfi_eoh = events.headers ? on_headers : NULL,
	    .xxfi_body = on_body,
	    .xxfi_eom = on_end,
	    .xxfi_abort = on_abort,
	    .xxfi_close = on_close,
	    .xxfi_negotiate = on_negotiate,
	};

	serving = host;
	memory = (struct ph_budget){.limit = (gsize)host->memory};
	return description;
}
