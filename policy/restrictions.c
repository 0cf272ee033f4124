#include "policy/restrictions.h"
#include "lib/base/text.h"
#include "lib/directory/resolve_steps.h"
#include "lib/directory/texts.h"
#include "policy/ahead.h"
#include "policy/client.h"

#include <string.h>

#define DUNNO "DUNNO"
#define NO_STATE "451 4.3.0 Temporary system problem"
#define NO_DIRECTORY "451 4.4.3 Recipient directory is not available"
#define NO_NAMES "451 4.4.3 Servers of ours cannot be told from others now"

/* ---- who sends? --------------------------------------------------------- */

/* What AUTH= of MAIL says, in xtext; g_free; NULL: nothing. */
static char *
find_author(const struct ph_request *request)
{
	const char *author = ph_policy_attribute(request, "sasl_sender");

	return *author == '\0' || strcmp(author, "<>") == 0
		   ? NULL
		   : ph_decode_xtext(author);
}

/*
 * Who has logged in, by name; "" for a stranger; g_free. NULL: it cannot be
 * known before the header, in which a server of ours that passes mail on says
 * so; posthub-transport looks at restrictions then. A front end passes its
 * client's login on by AUTH=, so without it the client is a stranger.
 */
static char *
find_login(const struct ph_sources *sources, const struct ph_request *request)
{
	const char *login = ph_policy_attribute(request, "sasl_username");
	const struct ph_server *peer;
	char *author;

	if (*login != '\0')
		return g_strdup(login);
	peer = ph_client_peer(sources, request);
	if (peer == NULL)
		return g_strdup("");
	author = find_author(request);
	if (author != NULL || peer->transport_role || peer->mailbox_role)
		return author;
	return g_strdup("");
}

/* ---- the recipient ------------------------------------------------------ */

/* Steps with restrictions as far as they are known now. */
static int
resolve(const struct ph_sources *sources, const struct ph_request *request,
	const char *recipient, GPtrArray **steps_r, struct ph_err *err)
{
	g_autofree char *login = find_login(sources, request);
	g_autofree char *address =
	    login != NULL ? ph_login_address(sources->snapshot, login) : NULL;
	struct ph_restrict_sender sender = {
	    .authenticated = login != NULL && *login != '\0',
	    .address = address,
	    .login = login,
	    .claimed = ph_policy_attribute(request, "sender"),
	    .size = g_ascii_strtoull(ph_policy_attribute(request, "size"), NULL,
				     10),
	};
	int r =
	    ph_resolve_steps(sources->directory, sources->snapshot, recipient,
			     login != NULL ? &sender : NULL, steps_r, err);

	ph_restrict_clear(&sender);
	return r;
}

static void
answer_error(const struct ph_err *why, GString *action)
{
	g_string_assign(action, why->kind == PH_ERR_PERM
				    ? "550 " PH_TEXT_AMBIGUOUS
				    : NO_DIRECTORY);
}

static void
check_recipient(const struct ph_sources *sources,
		const struct ph_request *request, GString *action,
		struct ph_err *err)
{
	const char *recipient = ph_policy_attribute(request, "recipient");
	g_autoptr(GPtrArray) steps = NULL;
	struct ph_err why = PH_ERR_INIT;
	const char *refusal;

	if (sources->snapshot == NULL) {
		(void)ph_err_set(err, PH_ERR_TEMP,
				 "no state of the organisation yet");
		g_string_assign(action, NO_STATE);
		return;
	}
	/* Whether we relay there is Postfix's to decide. */
	if (ph_accepted_domain(sources->snapshot, recipient) == NULL)
		return;
	if (resolve(sources, request, recipient, &steps, &why) < 0) {
		(void)ph_err_set(err, why.kind, "%s", why.text);
		answer_error(&why, action);
		return;
	}
	ph_ahead_steps(sources, steps);
	refusal = ph_steps_refusal(steps);
	if (refusal != NULL)
		g_string_printf(action, "%s %s",
				strcmp(refusal, PH_TEXT_INVALID) == 0 ? "501"
								      : "550",
				refusal);
}

/* Rows by protocol_state; in any other nothing is decided. action is DUNNO
 * before. */
static const struct {
	const char *state;
	void (*check)(const struct ph_sources *sources,
		      const struct ph_request *request, GString *action,
		      struct ph_err *err);
} checks[] = {
    {"RCPT", check_recipient},
};

int64_t
ph_restrictions_answer(const struct ph_sources *sources,
		       const struct ph_request *request,
		       struct ph_receive_session *session, GString *out,
		       struct ph_err *err)
{
	const char *state = ph_policy_attribute(request, "protocol_state");
	const char *context = ph_policy_attribute(request, "policy_context");
	g_autoptr(GString) action = g_string_new(NULL);
	struct ph_receive_answer receive = {action, 0};
	const char *fault = ph_client_fault(sources, request);

	if (fault != NULL && strcmp(state, "RCPT") == 0) {
		ph_policy_reply(out, fault);
		return 0;
	}
	if (sources->snapshot != NULL)
		ph_receive_check(sources, request, session, &receive);
	if (action->len == 0) {
		g_string_assign(action, DUNNO);
		for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
			if (strcmp(checks[i].state, state) == 0 &&
			    strcmp(context, "receive") != 0)
				checks[i].check(sources, request, action, err);
	}
	/* Of a server of ours most of it would not have been asked. */
	if (*action->str == '5' && ph_client_may_be_peer(sources, request))
		g_string_assign(action, NO_NAMES);
	ph_policy_reply(out, action->str);
	/* What we cannot say is not the client's fault. */
	return *action->str == '5' ? receive.tarpit : 0;
}
