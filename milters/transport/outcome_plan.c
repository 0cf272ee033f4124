#include "milters/transport/outcome_private.h"

#include "lib/smtp/client.h"

#include <string.h>
#include <strings.h>

/* The value of "NAME=value" among the parameters of MAIL or RCPT; NULL. */
static const char *
param(char *const *params, const char *name)
{
	size_t size = strlen(name);

	for (; *params != NULL; params++)
		if (strncasecmp(*params, name, size) == 0 &&
		    (*params)[size] == '=')
			return *params + size + 1;
	return NULL;
}

/* RFC 3461 section 4. */
#define REPORT_PARAM ((size_t)500)

/* The same of those for reports; a longer one is left out. */
static char *
report_param(char *const *params, const char *name)
{
	const char *value = param(params, name);

	return value != NULL && strlen(value) <= REPORT_PARAM ? g_strdup(value)
							      : NULL;
}

static bool
has_param(char *const *params, const char *word)
{
	for (; *params != NULL; params++)
		if (strcasecmp(*params, word) == 0)
			return true;
	return false;
}

static void
add_recipient(struct ph_plan_group *group, const struct ph_recipient *r)
{
	struct ph_plan_recipient *to =
	    ph_plan_add_recipient(group, r->address, r->given);

	to->notify = report_param(r->params, "NOTIFY");
	to->orcpt = report_param(r->params, "ORCPT");
}

static void
add_headers(struct ph_plan_group *group, const struct ph_mail *copy,
	    const struct ph_headers *before)
{
	g_autoptr(GPtrArray) names = ph_outcome_changed(copy, before);
	const struct ph_headers *headers = copy->headers;
	size_t n = ph_headers_count(headers);

	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		struct ph_plan_header *header = ph_plan_add_header(group, name);

		for (size_t j = ph_headers_find(headers, name, 0); j < n;
		     j = ph_headers_find(headers, name, j + 1))
			g_ptr_array_add(
			    header->values,
			    g_strdup(ph_headers_at(headers, j)->value));
	}
}

static struct ph_plan_group *
new_group(struct ph_plan *plan, const struct ph_mail *copy,
	  struct ph_headers *before)
{
	const struct ph_verdict *v = &copy->verdict;
	bool report = v->decision == PH_DECISION_REJECT;
	struct ph_plan_group *group =
	    ph_plan_add_group(plan, report ? PH_PLAN_REPORT : PH_PLAN_COPY);

	if (report) {
		group->code = g_strdup(v->code);
		group->enhanced = g_strdup(v->enhanced);
		group->text = g_strdup(v->text);
	} else {
		add_headers(group, copy, before);
	}
	return group;
}

/* More recipients than this are several copies: the private smtpd takes 5,000,
 * and what fails for one of them is tried again for all. */
#define GROUP_LIMIT 1000

static void
add_groups(struct ph_plan *plan, const struct ph_mail *copy,
	   struct ph_headers *before)
{
	struct ph_plan_group *group = NULL;

	for (guint i = 0; i < copy->recipients->len; i++) {
		const struct ph_recipient *r = copy->recipients->pdata[i];

		if (r->removed)
			continue;
		if (group == NULL || group->recipients->len >= GROUP_LIMIT)
			group = new_group(plan, copy, before);
		add_recipient(group, r);
	}
}

static struct ph_plan *
make_plan(const struct ph_mail *mail, struct ph_headers *before)
{
	struct ph_plan *plan = ph_plan_new();
	const char *message_id = ph_headers_text(before, "Message-ID", 0);
	const char *subject = ph_headers_text(before, "Subject", 0);
	const char *body = param(mail->params, "BODY");

	plan->queue_id = g_strdup(mail->queue_id);
	plan->sender = g_strdup(mail->sender);
	plan->ret = g_strdup(param(mail->params, "RET"));
	plan->envid = report_param(mail->params, "ENVID");
	plan->eight_bit = body != NULL && strcasecmp(body, "8BITMIME") == 0;
	plan->utf8 = has_param(mail->params, "SMTPUTF8");
	g_strlcpy(plan->nmid, mail->nmid, sizeof(plan->nmid));
	plan->message_id = g_strdup(message_id != NULL ? message_id : "");
	plan->subject = g_strdup(subject != NULL ? subject : "");
	plan->size = mail->size;
	plan->created = mail->received;
	return plan;
}

/* "ORCPT=..." of the recipient that the sender knows; NULL: none; g_free. */
static char *
token_orcpt(const struct ph_plan_recipient *first)
{
	GString *param;

	if (first->orcpt != NULL)
		return g_strconcat("ORCPT=", first->orcpt, NULL);
	if (first->original == NULL || !g_str_is_ascii(first->original))
		return NULL;
	param = g_string_new("ORCPT=rfc822;");
	ph_smtp_append_xtext(param, first->original);
	return g_string_free(param, FALSE);
}

/* A notice that could not be made is not worth another one. */
static bool
wants_nothing(const struct ph_plan_group *group)
{
	if (group->kind == PH_PLAN_NOTICE)
		return true;
	for (guint i = 0; i < group->recipients->len; i++) {
		const struct ph_plan_recipient *to =
		    group->recipients->pdata[i];

		if (to->notify == NULL || strcasecmp(to->notify, "NEVER") != 0)
			return false;
	}
	return true;
}

/*
 * NOTIFY=FAILURE: should the token wait in the queue until it expires, the
 * sender is told, about the recipient that he knows. (With NEVER the message
 * would vanish.)
 */
void
ph_outcome_add_tokens(struct ph_mail *mail, const struct ph_plan *plan)
{
	for (guint i = 0; i < plan->groups->len; i++) {
		const struct ph_plan_group *group = plan->groups->pdata[i];
		g_autofree char *token = ph_plan_token(plan, i);
		g_autofree char *address =
		    g_strconcat(token, "@" PH_FORK_DOMAIN, NULL);
		g_autofree char *orcpt =
		    group->kind != PH_PLAN_NOTICE
			? token_orcpt(group->recipients->pdata[0])
			: NULL;
		const char *params[] = {wants_nothing(group) ? "NOTIFY=NEVER"
							     : "NOTIFY=FAILURE",
					orcpt, NULL};
		struct ph_recipient *r =
		    ph_mail_add_recipient(mail, address, params);

		g_clear_pointer(&r->given, g_free);
	}
}

/* Names of what was found in the message, "A, B"; g_free. */
static char *
list_findings(struct ph_mail *mail)
{
	const struct ph_inspect_finding *findings = NULL;
	GString *text = g_string_new(NULL);
	struct ph_err err = PH_ERR_INIT;
	size_t n = 0;

	/* A rule has asked before, so this is no new work. */
	if (ph_inspect_findings(ph_mail_inspection(mail), &findings, &n, &err) <
	    0)
		n = 0;
	for (size_t i = 0; i < n; i++)
		if (findings[i].confidence >= findings[i].recommended)
			g_string_append_printf(text, "%s%s",
					       text->len > 0 ? ", " : "",
					       findings[i].name);
	return g_string_free(text, FALSE);
}

static void
add_notice(struct ph_plan *plan, struct ph_mail *mail, const GPtrArray *told)
{
	struct ph_plan_group *group;

	if (told->len == 0)
		return;
	group = ph_plan_add_group(plan, PH_PLAN_NOTICE);
	group->text = list_findings(mail);
	for (guint i = 0; i < told->len && i < GROUP_LIMIT; i++) {
		const struct ph_recipient *r = told->pdata[i];

		ph_plan_add_recipient(group, r->address, r->given);
	}
}

static bool
all_fit(const struct ph_plan *plan)
{
	if (!ph_plan_address_fits(plan->sender))
		return false;
	for (guint i = 0; i < plan->groups->len; i++) {
		const struct ph_plan_group *group = plan->groups->pdata[i];

		for (guint j = 0; j < group->recipients->len; j++) {
			const struct ph_plan_recipient *to =
			    group->recipients->pdata[j];

			if (!ph_plan_address_fits(to->address) ||
			    (to->original != NULL &&
			     !ph_plan_address_fits(to->original)))
				return false;
		}
	}
	return true;
}

/* No mailbox has such an address (RFC 5321 section 4.5.3.1): to let the client
 * try again would be for ever. */
static int
refuse(struct ph_mail *mail)
{
	ph_verdict_clear(&mail->verdict);
	return ph_verdict_reject(&mail->verdict, PH_RESOLVE_AGENT, "5.1.3",
				 "An address of the message is too long or has "
				 "control characters");
}

int
ph_outcome_plan(const struct ph_transport *transport, struct ph_mail *mail,
		const struct ph_outcome_parts *parts, struct ph_headers *before,
		struct ph_plan **plan_r, struct ph_err *err)
{
	const GPtrArray *groups = parts->groups;
	struct ph_plan *plan = make_plan(mail, before);

	for (guint i = 0; groups != NULL && i < groups->len; i++) {
		const struct ph_group *group = groups->pdata[i];

		if (*group->key != '\0')
			add_groups(plan, group->mail, before);
	}
	add_notice(plan, mail, parts->told);
	if (!all_fit(plan)) {
		ph_plan_free(&plan);
		return refuse(mail);
	}
	if (ph_plans_write(transport->plans, plan, err) < 0) {
		ph_plan_free(&plan);
		return -1;
	}
	*plan_r = plan;
	return 0;
}
