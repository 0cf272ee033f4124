#include "store/delivery/reroute.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/client.h"
#include "lib/smtp/lmtp_server.h"
#include "store/delivery/content.h"
#include "store/delivery/rows.h"

#include <string.h>

/* Longer ones are no queue ids. */
#define QUEUE_ID_LIMIT 255

/* Another server in this transaction. */
struct hop {
	char *name, *fqdn;
	struct ph_endpoint endpoint;
	struct ph_smtp *smtp; /* NULL: it takes no part any more */
	bool content;	      /* it said 354 */
	struct ph_err ended;  /* what kept the final dot from it */
	char *refusal;	      /* its answer to MAIL or DATA, or NULL */
	char *reason;	      /* why it takes no part, or NULL */
	size_t n;	      /* recipients it took */
};

/* A recipient that a hop took. */
struct passenger {
	struct hop *hop;
	char *address, *primary;
	bool accepted; /* the hop has the message */
};

struct ph_reroute {
	struct ph_deliver *deliver;
	const struct ph_reroute_options *options;
	const struct ph_deliver_client *client;
	char *hello, *reverse_path, *queue_id;
	char **params;
	GPtrArray *hops;       /* struct hop */
	GPtrArray *passengers; /* struct passenger */
	GPtrArray *answers;
	struct ph_incoming *content; /* for the tracking rows */
	struct ph_err content_err;
	uint64_t size;
};

/* ---- life -------------------------------------------------------------- */

static void
free_hop(gpointer p)
{
	struct hop *hop = p;

	ph_smtp_close(&hop->smtp);
	g_free(hop->name);
	g_free(hop->fqdn);
	g_free(hop->refusal);
	g_free(hop->reason);
	g_free(hop);
}

static void
free_passenger(gpointer p)
{
	struct passenger *passenger = p;

	g_free(passenger->address);
	g_free(passenger->primary);
	g_free(passenger);
}

/* MAIL's parameters, and ours. */
static char **
make_params(const char *const *given)
{
	g_autoptr(GPtrArray) params = g_ptr_array_new();

	for (; given && *given; given++)
		g_ptr_array_add(params, g_strdup(*given));
	g_ptr_array_add(params, g_strdup(PH_LMTP_REROUTED));
	g_ptr_array_add(params, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&params), FALSE);
}

struct ph_reroute *
ph_reroute_new(struct ph_deliver *deliver,
	       const struct ph_reroute_options *options,
	       const struct ph_reroute_envelope *envelope)
{
	struct ph_reroute *reroute = g_new0(struct ph_reroute, 1);

	reroute->deliver = deliver;
	reroute->options = options;
	reroute->hello = g_strdup(envelope->hello);
	reroute->reverse_path = g_strdup(envelope->reverse_path);
	reroute->queue_id = g_strdup(envelope->queue_id);
	reroute->params = make_params(envelope->params);
	reroute->hops = g_ptr_array_new_with_free_func(free_hop);
	reroute->passengers = g_ptr_array_new_with_free_func(free_passenger);
	reroute->answers = g_ptr_array_new_with_free_func(g_free);
	reroute->content = ph_incoming_new(true);
	return reroute;
}

void
ph_reroute_free(struct ph_reroute **reroute)
{
	struct ph_reroute *p = *reroute;

	if (!p)
		return;
	*reroute = NULL;
	g_ptr_array_unref(p->passengers);
	g_ptr_array_unref(p->hops);
	g_ptr_array_unref(p->answers);
	g_strfreev(p->params);
	g_free(p->hello);
	g_free(p->reverse_path);
	g_free(p->queue_id);
	ph_incoming_free(&p->content);
	g_free(p);
}

/* ---- what a hop says --------------------------------------------------- */

static void
fail(struct hop *hop, const char *reason)
{
	ph_smtp_close(&hop->smtp);
	hop->content = false;
	g_free(hop->reason);
	hop->reason = g_strdup_printf("%s: %s", hop->fqdn, reason);
}

/* The reply as a text, if it may be passed on; NULL: the hop has failed.
 * Takes the reply. */
static char *
take_reply(struct hop *hop, int rc, struct ph_smtp_reply *reply,
	   const struct ph_err *err)
{
	g_autofree char *text = NULL;
	bool pass;

	if (rc < 0) {
		fail(hop, err->text);
		return NULL;
	}
	text = ph_smtp_reply_format(reply);
	pass = ph_smtp_reply_passes(reply);
	ph_smtp_reply_clear(reply);
	if (pass)
		return g_steal_pointer(&text);
	fail(hop, g_strdelimit(text, "\n", ' '));
	return NULL;
}

/* Of a recipient that the hop did not get as far as to answer. */
static char *
hop_answer(const struct hop *hop, const char *address)
{
	if (hop->refusal)
		return g_strdup(hop->refusal);
	return ph_recipient_answer(PH_RECIPIENT_INACTIVE, address, hop->reason);
}

/* ---- envelope ---------------------------------------------------------- */

static void
say_queue_id(struct ph_reroute *reroute, struct hop *hop)
{
	const char *const pairs[] = {"IDENT", reroute->queue_id, NULL};
	struct ph_smtp_reply reply;
	struct ph_err err = PH_ERR_INIT;

	if (!*reroute->queue_id || strlen(reroute->queue_id) > QUEUE_ID_LIMIT)
		return;
	if (ph_smtp_xforward(hop->smtp, pairs, &reply, &err) < 0)
		fail(hop, err.text);
	else
		ph_smtp_reply_clear(&reply);
}

static void
say_mail(struct ph_reroute *reroute, struct hop *hop)
{
	struct ph_smtp_reply reply;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *text = NULL;
	int rc;

	rc = ph_smtp_mail(hop->smtp, reroute->reverse_path,
			  (const char *const *)reroute->params, &reply, &err);
	text = take_reply(hop, rc, &reply, &err);
	if (!text || *text == '2')
		return;
	ph_smtp_close(&hop->smtp);
	hop->refusal = g_steal_pointer(&text);
}

static void
open_hop(struct ph_reroute *reroute, struct hop *hop)
{
	const struct ph_smtp_options options = {
	    .endpoint = hop->endpoint,
	    .bind_address = reroute->options->bind_address,
	    .hello = reroute->hello,
	    .lmtp = true,
	    .connect_timeout = reroute->options->connect_timeout,
	    .timeout = reroute->options->timeout,
	    .final_timeout = reroute->options->final_timeout,
	};
	struct ph_err err = PH_ERR_INIT;

	if (!*hop->endpoint.host) {
		fail(hop, "its server: object has no Delivery");
		return;
	}
	if (ph_smtp_open_peer(&options, &reroute->options->tls, hop->fqdn,
			      &hop->smtp, &err) < 0) {
		fail(hop, err.text);
		return;
	}
	/* Else it does not know us, or could hand over once more. */
	if (!ph_smtp_offers(hop->smtp, PH_LMTP_REROUTED)) {
		fail(hop, "it does not take what is handed over");
		return;
	}
	say_queue_id(reroute, hop);
	if (hop->smtp)
		say_mail(reroute, hop);
}

static struct hop *
find_hop(struct ph_reroute *reroute, const struct ph_server *server)
{
	struct hop *hop;

	for (guint i = 0; i < reroute->hops->len; i++) {
		hop = reroute->hops->pdata[i];
		if (strcmp(hop->name, server->name) == 0)
			return hop;
	}
	hop = g_new0(struct hop, 1);
	hop->name = g_strdup(server->name);
	hop->fqdn = g_strdup(server->fqdn);
	hop->endpoint = server->service[PH_SERVICE_DELIVERY];
	g_ptr_array_add(reroute->hops, hop);
	open_hop(reroute, hop);
	return hop;
}

int
ph_reroute_rcpt(struct ph_reroute *reroute, const struct ph_server *server,
		const struct ph_recipient *recipient, char **answer_r)
{
	struct hop *hop = find_hop(reroute, server);
	struct passenger *passenger;
	struct ph_smtp_reply reply;
	struct ph_err err = PH_ERR_INIT;
	int rc;

	*answer_r = NULL;
	if (hop->smtp) {
		rc = ph_smtp_rcpt(hop->smtp, recipient->address, NULL, &reply,
				  &err);
		*answer_r = take_reply(hop, rc, &reply, &err);
	}
	if (!*answer_r)
		*answer_r = hop_answer(hop, recipient->address);
	if (**answer_r != '2')
		return 0;
	passenger = g_new0(struct passenger, 1);
	passenger->hop = hop;
	passenger->address = g_strdup(recipient->address);
	passenger->primary = g_strdup(recipient->primary);
	g_ptr_array_add(reroute->passengers, passenger);
	hop->n++;
	return 1;
}

/* ---- content ----------------------------------------------------------- */

static void
say_data(struct hop *hop)
{
	struct ph_smtp_reply reply;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *text = NULL;
	int rc = ph_smtp_data(hop->smtp, &reply, &err);

	if (rc == 0 && reply.code == 354) {
		ph_smtp_reply_clear(&reply);
		hop->content = true;
		return;
	}
	text = take_reply(hop, rc, &reply, &err);
	if (!text)
		return;
	if (*text == '2') {
		fail(hop, text);
		return;
	}
	ph_smtp_close(&hop->smtp);
	hop->refusal = g_steal_pointer(&text);
}

static void
write_hops(struct ph_reroute *reroute, const char *data, size_t size)
{
	for (guint i = 0; i < reroute->hops->len; i++) {
		struct hop *hop = reroute->hops->pdata[i];
		struct ph_err err = PH_ERR_INIT;

		if (hop->content &&
		    ph_smtp_content(hop->smtp, data, size, &err) < 0)
			fail(hop, err.text);
	}
}

int
ph_reroute_begin(struct ph_reroute *reroute,
		 const struct ph_deliver_client *client, char **answer_r)
{
	g_autoptr(GString) trace = g_string_new(NULL);
	const struct passenger *first = reroute->passengers->pdata[0];
	bool any = false;

	reroute->client = client;
	for (guint i = 0; i < reroute->hops->len; i++) {
		struct hop *hop = reroute->hops->pdata[i];

		if (hop->n == 0)
			ph_smtp_close(&hop->smtp);
		if (hop->smtp)
			say_data(hop);
		any = any || hop->content;
	}
	if (!any) {
		*answer_r = hop_answer(first->hop, first->address);
		return 0;
	}
	ph_deliver_trace(client, "\r\n", trace);
	write_hops(reroute, trace->str, trace->len);
	return 1;
}

void
ph_reroute_write(struct ph_reroute *reroute, const char *data, size_t size)
{
	g_autoptr(GString) unused = g_string_new(NULL);

	reroute->size += size;
	if (reroute->content_err.kind == PH_ERR_NONE)
		ph_incoming_feed(reroute->content, data, size, unused,
				 &reroute->content_err);
	write_hops(reroute, data, size);
}

/* ---- the final dot ----------------------------------------------------- */

static char *
unconfirmed(const struct hop *hop, const struct passenger *passenger,
	    const char *reason)
{
	return g_strdup_printf("451 4.4.2 <%s> %s did not confirm the message: "
			       "%s",
			       passenger->address, hop->fqdn, reason);
}

/* All hops at once: the client waits for them together, and has but one limit
 * of time for that. */
static void
end_content(struct ph_reroute *reroute)
{
	const int64_t deadline =
	    ph_clock_mono() + reroute->options->final_timeout;

	for (guint i = 0; i < reroute->hops->len; i++) {
		struct hop *hop = reroute->hops->pdata[i];

		if (!hop->content)
			continue;
		ph_smtp_set_deadline(hop->smtp, deadline);
		(void)ph_smtp_end(hop->smtp, &hop->ended);
	}
}

/* Replies are in the order of the hop's recipients, answers in that of all. */
static void
confirm(struct ph_reroute *reroute, struct hop *hop)
{
	g_autofree struct ph_smtp_reply *replies =
	    g_new0(struct ph_smtp_reply, hop->n);
	struct ph_err err = hop->ended;
	size_t k = 0;

	if (err.kind == PH_ERR_NONE)
		(void)ph_smtp_answers(hop->smtp, replies, hop->n, &err);
	for (guint i = 0; i < reroute->passengers->len; i++) {
		struct passenger *passenger = reroute->passengers->pdata[i];
		struct ph_smtp_reply *reply;
		char *text = NULL;

		if (passenger->hop != hop)
			continue;
		reply = &replies[k++];
		if (reply->code)
			text = ph_smtp_reply_format(reply);
		if (!text || !ph_smtp_reply_passes(reply)) {
			char *why =
			    unconfirmed(hop, passenger, text ? text : err.text);

			g_free(text);
			text = g_strdelimit(why, "\n", ' ');
		}
		passenger->accepted = *text == '2';
		reroute->answers->pdata[i] = text;
		ph_smtp_reply_clear(reply);
	}
}

static void
log_passengers(const struct ph_reroute *reroute)
{
	for (guint i = 0; i < reroute->passengers->len; i++) {
		const struct passenger *p = reroute->passengers->pdata[i];

		ph_log(p->accepted ? PH_LOG_INFO : PH_LOG_WARN,
		       reroute->client->queue_id,
		       "to=<%s>, mailbox=<%s>, rerouted=%s, nmid=%s, "
		       "size=%" G_GUINT64_FORMAT ", %s",
		       p->address, p->primary, p->hop->fqdn,
		       ph_incoming_nmid(reroute->content), reroute->size,
		       (const char *)reroute->answers->pdata[i]);
	}
}

/* Those that a hop accepted; NULL: any hop. */
static void
add_row(GArray *rows, const struct ph_reroute *reroute, enum ph_row row,
	const struct ph_row_facts *facts, const struct hop *hop)
{
	g_autofree const char **list =
	    g_new0(const char *, reroute->passengers->len + 1);
	size_t n = 0;

	for (guint i = 0; i < reroute->passengers->len; i++) {
		const struct passenger *p = reroute->passengers->pdata[i];

		if (p->accepted && (!hop || p->hop == hop))
			list[n++] = p->primary;
	}
	ph_rows_add(rows, row, facts, list);
}

static void
write_rows(const struct ph_reroute *reroute, int64_t received)
{
	struct ph_deliver *deliver = reroute->deliver;
	const struct ph_deliver_client *client = reroute->client;
	g_autoptr(GArray) rows = ph_rows_new();
	struct ph_row_facts facts = {
	    .server = deliver->server,
	    .server_address = deliver->address,
	    .client = client->name,
	    .client_address = client->address,
	    .session = client->session,
	    .queue_id = client->queue_id,
	    .nmid = ph_incoming_nmid(reroute->content),
	    .reverse_path = reroute->reverse_path,
	    .headers = ph_incoming_headers(reroute->content),
	    .size = reroute->size,
	    .connected = client->connected,
	    .received = received,
	    .stored = MAX(ph_clock_wall(), received),
	};

	if (!deliver->log || reroute->content_err.kind != PH_ERR_NONE)
		return;
	facts.id = (uint64_t)g_atomic_pointer_add(&deliver->next_id, 1);
	add_row(rows, reroute, PH_ROW_RECEIVE, &facts, NULL);
	for (guint i = 0; i < reroute->hops->len; i++) {
		const struct hop *hop = reroute->hops->pdata[i];

		facts.peer = hop->fqdn;
		facts.peer_address =
		    g_hostname_is_ip_address(hop->endpoint.host)
			? hop->endpoint.host
			: "";
		add_row(rows, reroute, PH_ROW_SEND, &facts, hop);
	}
	ph_rows_write(rows, deliver->log, client->queue_id);
}

const char *const *
ph_reroute_finish(struct ph_reroute *reroute)
{
	g_autoptr(GString) unused = g_string_new(NULL);
	int64_t received = ph_clock_wall();

	if (reroute->content_err.kind == PH_ERR_NONE)
		ph_incoming_finish(reroute->content, reroute->reverse_path,
				   unused, &reroute->content_err);
	g_ptr_array_set_size(reroute->answers,
			     (gint)reroute->passengers->len + 1);
	end_content(reroute);
	for (guint i = 0; i < reroute->hops->len; i++) {
		struct hop *hop = reroute->hops->pdata[i];

		if (hop->content)
			confirm(reroute, hop);
	}
	for (guint i = 0; i < reroute->passengers->len; i++) {
		const struct passenger *p = reroute->passengers->pdata[i];

		if (!reroute->answers->pdata[i])
			reroute->answers->pdata[i] =
			    hop_answer(p->hop, p->address);
	}
	log_passengers(reroute);
	write_rows(reroute, received);
	return (const char *const *)reroute->answers->pdata;
}
