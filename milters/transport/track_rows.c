#include "milters/transport/outcome.h"
#include "milters/transport/transport.h"

#include "lib/base/log.h"
#include "lib/routing/receive.h"

#include <string.h>
#include <strings.h>

static void
set_text(struct ph_track_record *row, enum ph_column column,
	 struct ph_mail *mail, const char *header)
{
	const char *text = ph_headers_text(mail->headers, header, 0);
	g_autofree char *tidy = g_strdup(text);

	ph_track_set(row, column, tidy != NULL ? g_strstrip(tidy) : NULL);
}

static void
set_sender(struct ph_track_record *row, struct ph_mail *mail)
{
	g_autofree char *sender = ph_headers_sender(mail->headers);

	ph_track_set_sender(row, sender, mail->sender);
}

/* What all rows of a message have. */
static void
set_common(struct ph_track_record *row, struct ph_mail *mail)
{
	set_text(row, PH_COL_MESSAGE_ID, mail, "Message-ID");
	ph_track_set(row, PH_COL_NETWORK_MESSAGE_ID, mail->nmid);
	ph_track_setf(row, PH_COL_TOTAL_BYTES, "%" G_GUINT64_FORMAT,
		      mail->size);
	set_text(row, PH_COL_MESSAGE_SUBJECT, mail, "Subject");
	set_sender(row, mail);
	ph_track_set(row, PH_COL_DIRECTIONALITY,
		     mail->auth_as == PH_AUTH_INTERNAL ? "Originating"
						       : "Incoming");
	ph_track_set(row, PH_COL_ORIGINAL_CLIENT_IP, mail->original_ip);
}

/* Those that the client named. */
static void
set_given(struct ph_track_record *row, const struct ph_mail *mail)
{
	unsigned n = 0;

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (r->given == NULL)
			continue;
		ph_track_append(row, PH_COL_RECIPIENT_ADDRESS, r->given);
		n++;
	}
	ph_track_setf(row, PH_COL_RECIPIENT_COUNT, "%u", n);
}

/* Each with the status if there is one. */
static void
set_addresses(struct ph_track_record *row, const GPtrArray *addresses,
	      const char *status)
{
	for (guint i = 0; i < addresses->len; i++) {
		ph_track_append(row, PH_COL_RECIPIENT_ADDRESS,
				addresses->pdata[i]);
		if (status != NULL)
			ph_track_append(row, PH_COL_RECIPIENT_STATUS, status);
	}
	ph_track_setf(row, PH_COL_RECIPIENT_COUNT, "%u", addresses->len);
}

/* To whom the rules were applied; if they were not, to whom it goes on. */
static GPtrArray *
find_resolved(const struct ph_mail *mail)
{
	const struct ph_outcome *outcome = ph_outcome_of(mail);
	GPtrArray *addresses = g_ptr_array_new();

	if (outcome != NULL) {
		for (guint i = 0; i < outcome->recipients->len; i++)
			g_ptr_array_add(addresses,
					outcome->recipients->pdata[i]);
		return addresses;
	}
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed)
			g_ptr_array_add(addresses, r->address);
	}
	return addresses;
}

static void
write_row(const struct ph_transport *transport, const struct ph_mail *mail,
	  struct ph_track_record *row)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_track_log_write(transport->track, row, &err) < 0)
		ph_log(PH_LOG_WARN, mail->queue_id, "tracking row lost: %s",
		       err.text);
	ph_track_clear(row);
}

/* The subject as it came: a rule may have changed it since. */
static void
set_original_subject(struct ph_track_record *row, const struct ph_mail *mail)
{
	for (guint i = 0; i < mail->touched->len; i++) {
		const struct ph_touched *t = mail->touched->pdata[i];
		g_autofree char *text = NULL;

		if (strcasecmp(t->name, "Subject") != 0)
			continue;
		if (t->before->len > 0)
			text = ph_header_decode(t->before->pdata[0]);
		ph_track_set(row, PH_COL_MESSAGE_SUBJECT, text);
	}
}

/* "MBX2\\Default MBX2": of the receive connector that the client came in by;
 * g_free. */
static char *
find_connector(const struct ph_transport *transport, const struct ph_mail *mail)
{
	const struct ph_object *connector =
	    mail->snapshot == NULL
		? NULL
		: ph_receive_find(&(struct ph_receive_query){
		      .snapshot = mail->snapshot,
		      .server = transport->server,
		      .address = mail->client->server_address,
		      .port = mail->client->server_port,
		      .client = mail->client->address,
		  });
	const char *name;

	if (connector == NULL)
		return g_strdup(transport->connector);
	/* Two servers may each have one of a name, which Exchange writes so. */
	name = ph_object_name(connector);
	return strchr(name, '\\') != NULL
		   ? g_strdup(name)
		   : g_strconcat(transport->server, "\\", name, NULL);
}

static void
write_receive(const struct ph_transport *transport, struct ph_mail *mail)
{
	struct ph_track_record row = {{NULL}};
	const struct ph_client *client = mail->client;
	g_autofree char *connector = find_connector(transport, mail);
	const char *name = mail->peer;

	if (name == NULL)
		name = *client->name != '\0' ? client->name : client->helo;
	set_common(&row, mail);
	set_original_subject(&row, mail);
	set_given(&row, mail);
	ph_track_set(&row, PH_COL_SOURCE, "SMTP");
	ph_track_set(&row, PH_COL_EVENT_ID, "RECEIVE");
	ph_track_set(&row, PH_COL_CLIENT_IP, client->address);
	ph_track_set(&row, PH_COL_CLIENT_HOSTNAME, name);
	ph_track_set(&row, PH_COL_SERVER_IP, client->server_address);
	ph_track_set(&row, PH_COL_SERVER_HOSTNAME, transport->server);
	ph_track_set(&row, PH_COL_CONNECTOR_ID, connector);
	ph_track_setf(&row, PH_COL_CUSTOM_DATA, "S:QueueId=%s", mail->queue_id);
	write_row(transport, mail, &row);
}

struct agent_row {
	const char *event, *context, *status, *data;
};

static void
write_agent(const struct ph_transport *transport, struct ph_mail *mail,
	    const GPtrArray *addresses, const struct agent_row *what)
{
	struct ph_track_record row = {{NULL}};

	set_common(&row, mail);
	set_addresses(&row, addresses, what->status);
	ph_track_set(&row, PH_COL_SOURCE, "AGENT");
	ph_track_set(&row, PH_COL_EVENT_ID, what->event);
	ph_track_set(&row, PH_COL_SOURCE_CONTEXT, what->context);
	ph_track_set(&row, PH_COL_CLIENT_HOSTNAME, transport->server);
	ph_track_set(&row, PH_COL_CUSTOM_DATA, what->data);
	write_row(transport, mail, &row);
}

static void
write_fail(const struct ph_transport *transport, struct ph_mail *mail,
	   const GPtrArray *resolved)
{
	const struct ph_verdict *v = &mail->verdict;
	g_autofree char *status =
	    v->status != NULL
		? g_strdup(v->status)
		: g_strdup_printf("%s %s %s", v->code, v->enhanced, v->text);

	write_agent(transport, mail, resolved,
		    &(struct agent_row){"FAIL", v->agent, status, NULL});
}

/* With the queue id: the queue manager will never report it. */
static void
write_drop(const struct ph_transport *transport, struct ph_mail *mail,
	   const GPtrArray *resolved)
{
	g_autofree char *data = g_strdup_printf("S:QueueId=%s", mail->queue_id);

	write_agent(
	    transport, mail, resolved,
	    &(struct agent_row){"DROP", mail->verdict.agent, NULL, data});
}

/* Recipients that a rule refused or dropped while others get the message. Of
 * those refused who get a report, the fork service writes FAIL with it. */
static void
write_parts(const struct ph_transport *transport, struct ph_mail *mail)
{
	const struct ph_outcome *outcome = ph_outcome_of(mail);

	for (guint i = 0; outcome != NULL && i < outcome->rows->len; i++) {
		const struct ph_outcome_row *row = outcome->rows->pdata[i];

		write_agent(transport, mail, row->addresses,
			    &(struct agent_row){row->dropped ? "DROP" : "FAIL",
						row->agent, row->status, NULL});
	}
}

/* RESOLVE, REDIRECT, DUPLICATEREDIRECT: the new address, the one before beside
 * it. */
static void
write_steps(const struct ph_transport *transport, struct ph_mail *mail)
{
	const struct ph_outcome *outcome = ph_outcome_of(mail);

	for (guint i = 0; outcome != NULL && i < outcome->steps->len; i++) {
		const struct ph_outcome_step *step = outcome->steps->pdata[i];
		struct ph_track_record row = {{NULL}};

		set_common(&row, mail);
		ph_track_set(&row, PH_COL_RECIPIENT_ADDRESS, step->to);
		ph_track_set(&row, PH_COL_RECIPIENT_COUNT, "1");
		ph_track_set(&row, PH_COL_SOURCE, "ROUTING");
		ph_track_set(&row, PH_COL_EVENT_ID, step->event);
		ph_track_set(&row, PH_COL_CLIENT_HOSTNAME, transport->server);
		ph_track_set(&row, PH_COL_RELATED_RECIPIENT_ADDRESS,
			     step->from);
		write_row(transport, mail, &row);
	}
}

/* EXPAND, DUPLICATEEXPAND: the members, with the group beside them. */
static void
write_groups(const struct ph_transport *transport, struct ph_mail *mail)
{
	const struct ph_outcome *outcome = ph_outcome_of(mail);

	for (guint i = 0; outcome != NULL && i < outcome->groups->len; i++) {
		const struct ph_outcome_group *group =
		    outcome->groups->pdata[i];
		struct ph_track_record row = {{NULL}};

		set_common(&row, mail);
		set_addresses(&row, group->members, NULL);
		ph_track_set(&row, PH_COL_SOURCE, "ROUTING");
		ph_track_set(&row, PH_COL_EVENT_ID, group->event);
		ph_track_set(&row, PH_COL_CLIENT_HOSTNAME, transport->server);
		ph_track_set(&row, PH_COL_RELATED_RECIPIENT_ADDRESS,
			     group->address);
		write_row(transport, mail, &row);
	}
}

/* Of copies for members the expansion service writes TRANSFER and FAIL. */
void
ph_track_rows(const struct ph_transport *transport, struct ph_mail *mail)
{
	enum ph_decision decision = mail->verdict.decision;
	g_autoptr(GPtrArray) resolved = NULL;

	if (decision == PH_DECISION_DEFER && !mail->verdict.whole)
		return;
	/* Of one that goes on, Postfix's log tells (DSN). */
	if (mail->report && decision != PH_DECISION_DISCARD)
		return;
	resolved = find_resolved(mail);
	if (!mail->members && !mail->report &&
	    (decision == PH_DECISION_ACCEPT || decision == PH_DECISION_DISCARD))
		write_receive(transport, mail);
	write_steps(transport, mail);
	write_groups(transport, mail);
	if (mail->info != NULL)
		write_agent(transport, mail, resolved,
			    &(struct agent_row){"AGENTINFO", NULL, NULL,
						mail->info->str});
	if (decision == PH_DECISION_ACCEPT)
		write_parts(transport, mail);
	if (!mail->members &&
	    (decision == PH_DECISION_REJECT || decision == PH_DECISION_DEFER))
		write_fail(transport, mail, resolved);
	if (decision == PH_DECISION_DISCARD)
		write_drop(transport, mail, resolved);
}
