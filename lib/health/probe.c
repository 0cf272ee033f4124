#include "lib/health/probe.h"

#include "lib/smtp/client.h"

#include <glib.h>
#include <string.h>

/*
 * A connection is left after so many: new clients are what counts, and smtpd
 * keeps its settings as long as it serves one. smtpd also takes RSET for junk
 * after 100 of them in a session (smtpd_junk_command_limit).
 */
#define ROUNDS_MAX 20

struct ph_probe {
	struct ph_smtp *smtp; /* NULL: not connected */
	struct ph_endpoint endpoint;
	unsigned rounds; /* on this connection */
};

struct ph_probe *
ph_probe_new(void)
{
	return g_new0(struct ph_probe, 1);
}

void
ph_probe_free(struct ph_probe **probe)
{
	if (!*probe)
		return;
	ph_smtp_close(&(*probe)->smtp);
	g_clear_pointer(probe, g_free);
}

static bool
same_endpoint(const struct ph_endpoint *a, const struct ph_endpoint *b)
{
	return a->unix_socket == b->unix_socket && a->port == b->port &&
	       strcmp(a->host, b->host) == 0;
}

static int
connect_probe(struct ph_probe *probe, const struct ph_probe_target *target,
	      struct ph_err *err)
{
	const struct ph_smtp_options options = {
	    .endpoint = target->endpoint,
	    .bind_address = target->bind_address,
	    .hello = target->hello,
	    .lmtp = target->lmtp,
	    .connect_timeout = target->timeout,
	    .timeout = target->timeout,
	    .final_timeout = target->timeout,
	};

	probe->endpoint = target->endpoint;
	probe->rounds = 0;
	return ph_smtp_open_peer(&options, &target->tls, target->hello,
				 &probe->smtp, err);
}

/* 1 the answer is 250; 0 another one; -1 none. */
static int
judge(int rc, struct ph_smtp_reply *reply, const char *verb, struct ph_err *err)
{
	g_autofree char *text = NULL;
	int code = reply->code;

	if (rc < 0)
		return ph_err_wrap(err, "%s", verb);
	text = ph_smtp_reply_format(reply);
	ph_smtp_reply_clear(reply);
	if (code == 250)
		return 1;
	ph_err_set(err, PH_ERR_TEMP, "%s was answered %s", verb,
		   g_strdelimit(text, "\n", ' '));
	return 0;
}

static int
ask_once(struct ph_probe *probe, struct ph_err *err)
{
	struct ph_smtp_reply reply;
	int r;

	r = ph_smtp_mail(probe->smtp, "", NULL, &reply, err);
	r = judge(r, &reply, "MAIL", err);
	if (r != 1)
		return r;
	r = ph_smtp_reset(probe->smtp, &reply, err);
	return judge(r, &reply, "RSET", err);
}

int
ph_probe_ask(struct ph_probe *probe, const struct ph_probe_target *target,
	     struct ph_err *err)
{
	bool kept;
	int r;

	if (probe->rounds >= ROUNDS_MAX ||
	    !same_endpoint(&probe->endpoint, &target->endpoint))
		ph_smtp_close(&probe->smtp);
	kept = probe->smtp != NULL;
	if (!kept && connect_probe(probe, target, err) < 0)
		return -1;
	probe->rounds++;
	r = ask_once(probe, err);
	if (r == 1)
		return 1;
	/* After a milter failed, smtpd refuses to the end of the session. */
	ph_smtp_close(&probe->smtp);
	if (!kept)
		return r;
	if (connect_probe(probe, target, err) < 0)
		return -1;
	r = ask_once(probe, err);
	if (r != 1)
		ph_smtp_close(&probe->smtp);
	return r;
}
