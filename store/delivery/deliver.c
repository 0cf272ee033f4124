#include "store/delivery/deliver.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "store/delivery/content.h"
#include "store/delivery/rows.h"

#include <inttypes.h>
#include <string.h>

/* The message in one mailbox database. */
struct part {
	const char *database; /* borrowed of a recipient */
	int64_t epoch;
	struct ph_store_message *message; /* NULL: it has failed */
	enum ph_store_result result;
	bool sealed;
	enum ph_recipient_verdict verdict; /* of the last look */
	struct ph_err err;
};

/* The message for one recipient. */
struct copy {
	const struct ph_recipient *recipient;
	struct part *part;
	bool accepted;	    /* 250 was or will be said */
	bool duplicate;	    /* it was there already */
	const char *folder; /* that it is in; NULL: the Inbox */
};

struct ph_deliver_message {
	struct ph_deliver *deliver;
	const struct ph_deliver_client *client;
	char *reverse_path;
	struct ph_incoming *content;
	struct ph_err header_err; /* of content */
	GString *out;
	uint64_t size; /* as it came */
	int64_t received;
	GPtrArray *parts; /* struct part */
	struct copy *copies;
	size_t n;
	GPtrArray *answers;
};

/* The one table of answers after DATA. */
static const struct {
	const char *code, *text;
	bool accepted;
} answers[PH_STORE_RESULTS] = {
    [PH_STORE_OK] = {"250 2.1.5", "Delivered", true},
    [PH_STORE_DUPLICATE] = {"250 2.1.5", "Delivered before", true},
    [PH_STORE_FULL] = {"452 4.3.1", "Mailbox database full", false},
    [PH_STORE_QUOTA] = {"452 4.2.2", "Mailbox full", false},
    [PH_STORE_BUSY] = {"451 4.3.0", "Mailbox database in use", false},
    [PH_STORE_FAILED] = {"451 4.3.0", "Mailbox store failed", false},
    [PH_STORE_ANSWERED] = {"451 4.3.0", "", false}, /* see accepts */
    [PH_STORE_OVER] = {"552 5.2.2", "Mailbox full", false},
};

static bool
accepts(enum ph_store_result result, const char *reason)
{
	return result == PH_STORE_ANSWERED ? *reason == '2'
					   : answers[result].accepted;
}

static char *
format_answer(enum ph_store_result result, const char *address,
	      const char *reason)
{
	if (result == PH_STORE_ANSWERED)
		return g_strdup(reason);
	return g_strdup_printf("%s <%s> %s%s%s", answers[result].code, address,
			       answers[result].text, *reason ? ": " : "",
			       reason);
}

/* ---- parts ------------------------------------------------------------- */

static void
part_free(gpointer p)
{
	struct part *part = p;

	ph_store_end(&part->message, NULL);
	g_free(part);
}

static void
part_fail(struct part *part, enum ph_store_result result)
{
	part->result = result;
	ph_store_end(&part->message, NULL);
}

static struct part *
part_of(struct ph_deliver_message *message,
	const struct ph_recipient *recipient)
{
	struct part *part;

	for (guint i = 0; i < message->parts->len; i++) {
		part = message->parts->pdata[i];
		if (part->epoch == recipient->epoch &&
		    g_ascii_strcasecmp(part->database, recipient->database) ==
			0)
			return part;
	}
	part = g_new0(struct part, 1);
	part->database = recipient->database;
	part->epoch = recipient->epoch;
	part->result = ph_store_begin(message->deliver->store, part->database,
				      part->epoch, &part->message, &part->err);
	g_ptr_array_add(message->parts, part);
	return part;
}

static void
write_parts(struct ph_deliver_message *message)
{
	for (guint i = 0; i < message->parts->len; i++) {
		struct part *part = message->parts->pdata[i];
		enum ph_store_result result;

		if (!part->message)
			continue;
		result = ph_store_write(part->message, message->out->str,
					message->out->len, &part->err);
		if (result != PH_STORE_OK)
			part_fail(part, result);
	}
	g_string_truncate(message->out, 0);
}

/* ---- beginning --------------------------------------------------------- */

/* Only what can be nothing but a name may stand in a Received field. */
static const char *
safe_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!g_ascii_isalnum(*p) && !strchr(".-_:[]", *p))
			return "unknown";
	return *name ? name : "unknown";
}

void
ph_deliver_trace(const struct ph_deliver_client *client, const char *end,
		 GString *out)
{
	char date[PH_MAIL_DATE];

	ph_format_mail_date(ph_clock_wall(), date, sizeof(date));
	g_string_append_printf(out,
			       "Received: from %s (%s)%s"
			       "\tby %s with LMTP (posthub)%s"
			       "\tvia Mailbox Transport; %s%s",
			       safe_name(client->name),
			       safe_name(client->address), end, client->host,
			       end, date, end);
}

/* Written with what comes first of the content. */
static void
begin_trace(struct ph_deliver_message *message)
{
	g_string_printf(message->out, "Return-Path: <%s>\n",
			message->reverse_path);
	ph_deliver_trace(message->client, "\n", message->out);
}

static char *
no_part_answer(const struct ph_deliver_message *message)
{
	const struct part *first = message->parts->pdata[0];

	for (guint i = 0; i < message->parts->len; i++) {
		const struct part *part = message->parts->pdata[i];

		if (part->message)
			return NULL;
	}
	return g_strdup_printf("%s %s: %s", answers[first->result].code,
			       answers[first->result].text, first->err.text);
}

int
ph_deliver_begin(struct ph_deliver *deliver,
		 const struct ph_deliver_client *client,
		 const char *reverse_path, const GPtrArray *recipients,
		 struct ph_deliver_message **message_r, char **answer_r)
{
	struct ph_deliver_message *message =
	    g_new0(struct ph_deliver_message, 1);

	message->deliver = deliver;
	message->client = client;
	message->reverse_path = g_strdup(reverse_path);
	message->content = ph_incoming_new(client->trusted);
	message->out = g_string_new(NULL);
	message->parts = g_ptr_array_new_with_free_func(part_free);
	message->answers = g_ptr_array_new_with_free_func(g_free);
	message->n = recipients->len;
	message->copies = g_new0(struct copy, message->n);
	for (size_t i = 0; i < message->n; i++) {
		message->copies[i].recipient = recipients->pdata[i];
		message->copies[i].part =
		    part_of(message, recipients->pdata[i]);
	}
	begin_trace(message);
	*answer_r = no_part_answer(message);
	if (!*answer_r) {
		*message_r = message;
		return 1;
	}
	ph_log(PH_LOG_WARN, client->queue_id, "%s", *answer_r);
	ph_deliver_free(&message);
	return 0;
}

void
ph_deliver_write(struct ph_deliver_message *message, const char *data,
		 size_t size)
{
	message->size += size;
	if (message->header_err.kind == PH_ERR_NONE)
		ph_incoming_feed(message->content, data, size, message->out,
				 &message->header_err);
	if (message->out->len > 0)
		write_parts(message);
}

void
ph_deliver_free(struct ph_deliver_message **message)
{
	struct ph_deliver_message *p = *message;

	if (!p)
		return;
	*message = NULL;
	g_ptr_array_unref(p->parts);
	g_ptr_array_unref(p->answers);
	g_string_free(p->out, TRUE);
	ph_incoming_free(&p->content);
	g_free(p->copies);
	g_free(p->reverse_path);
	g_free(p);
}

/* ---- committing -------------------------------------------------------- */

/* The whole message is there: is the database still, and is it on disk? */
static void
ready_part(struct ph_deliver_message *message, struct part *part)
{
	struct ph_deliver *deliver = message->deliver;
	enum ph_store_result result;

	if (!part->message)
		return;
	part->verdict = deliver->active(deliver->context, part->database,
					part->epoch, &part->err);
	if (part->verdict != PH_RECIPIENT_OK) {
		part_fail(part, PH_STORE_FAILED);
		return;
	}
	result = ph_store_seal(part->message, &part->err);
	part->sealed = result == PH_STORE_OK;
	if (!part->sealed)
		part_fail(part, result);
}

/* Of a recipient that has no part any more. */
static char *
part_answer(const struct part *part, const char *address)
{
	if (part->verdict != PH_RECIPIENT_OK)
		return ph_recipient_answer(part->verdict, address,
					   part->err.text);
	return format_answer(part->result, address, part->err.text);
}

static struct ph_store_mailbox
mailbox_of(const struct ph_deliver_message *message, const struct copy *copy)
{
	return (struct ph_store_mailbox){
	    .address = copy->recipient->primary,
	    .nmid = ph_incoming_nmid(message->content),
	    .entry = copy->recipient->placement.entry,
	    .quota = copy->recipient->placement.quota,
	};
}

static void
offer_part(const struct ph_deliver_message *message, const struct part *part)
{
	g_autofree struct ph_store_mailbox *list =
	    g_new0(struct ph_store_mailbox, message->n);
	struct ph_store_offer offer = {message->reverse_path, list, 0};

	if (!part->message)
		return;
	for (size_t i = 0; i < message->n; i++)
		if (message->copies[i].part == part)
			list[offer.n++] =
			    mailbox_of(message, &message->copies[i]);
	ph_store_offer(part->message, &offer);
}

static char *
commit_copy(struct ph_deliver_message *message, struct copy *copy)
{
	const char *address = copy->recipient->address;
	const struct ph_deliver *deliver = message->deliver;
	bool in_folder = false;
	struct ph_store_mailbox mailbox = mailbox_of(message, copy);
	struct ph_err err = PH_ERR_INIT;
	enum ph_store_result result;

	if (!copy->part->message)
		return part_answer(copy->part, address);
	mailbox.in_folder_r = &in_folder;
	mailbox.folder = ph_placement_folder(
	    &copy->recipient->placement, &deliver->placement,
	    ph_incoming_headers(message->content), &mailbox.make_folder);
	result = ph_store_commit(copy->part->message, &mailbox, &err);
	if (result == PH_STORE_OVER && deliver->defer_over)
		result = PH_STORE_QUOTA;
	copy->folder = in_folder ? mailbox.folder : NULL;
	copy->accepted = accepts(result, err.text);
	copy->duplicate = result == PH_STORE_DUPLICATE;
	return format_answer(result, address, err.text);
}

/* Was it the active copy that took the message, or refused it? If nobody can
 * say that any more, the client keeps it, and it comes again: to whoever has
 * the copy now, who recognises it if this one was it all the same. */
static void
confirm_part(struct ph_deliver_message *message, struct part *part)
{
	struct ph_deliver *deliver = message->deliver;

	if (!part->sealed)
		return;
	part->verdict = deliver->active(deliver->context, part->database,
					part->epoch, &part->err);
	for (size_t i = 0; i < message->n; i++) {
		struct copy *copy = &message->copies[i];
		const char *answer = message->answers->pdata[i];

		if (part->verdict == PH_RECIPIENT_OK || copy->part != part ||
		    *answer == '4')
			continue;
		copy->accepted = copy->duplicate = false;
		g_free(message->answers->pdata[i]);
		message->answers->pdata[i] =
		    part_answer(part, copy->recipient->address);
	}
}

static void
log_copy(const struct ph_deliver_message *message, const struct copy *copy,
	 const char *answer)
{
	ph_log(copy->accepted ? PH_LOG_INFO : PH_LOG_WARN,
	       message->client->queue_id,
	       "to=<%s>, mailbox=<%s>, database=%s%s%s, nmid=%s, "
	       "size=%" PRIu64 ", %s",
	       copy->recipient->address, copy->recipient->primary,
	       copy->recipient->database, copy->folder ? ", folder=" : "",
	       copy->folder ? copy->folder : "",
	       ph_incoming_nmid(message->content), message->size, answer);
}

static void
tell_copy(const struct ph_deliver_message *message, const struct copy *copy)
{
	const struct ph_arrival arrival = {
	    .recipient = copy->recipient->primary,
	    .database = copy->recipient->database,
	    .folder = copy->folder,
	    .message_id = ph_headers_text(ph_incoming_headers(message->content),
					  "Message-ID", 0),
	    .nmid = ph_incoming_nmid(message->content),
	};

	if (copy->accepted && !copy->duplicate)
		ph_arrivals_tell(message->deliver->arrivals, &arrival);
}

static void
commit_copies(struct ph_deliver_message *message)
{
	struct ph_err err = PH_ERR_INIT;

	for (guint i = 0; i < message->parts->len; i++)
		offer_part(message, message->parts->pdata[i]);
	for (size_t i = 0; i < message->n; i++)
		g_ptr_array_add(message->answers,
				commit_copy(message, &message->copies[i]));
	for (guint i = 0; i < message->parts->len; i++) {
		struct part *part = message->parts->pdata[i];

		if (ph_store_end(&part->message, &err) < 0)
			ph_log(PH_LOG_WARN, message->client->queue_id, "%s",
			       err.text);
		confirm_part(message, part);
	}
}

static void
tell_of_copies(const struct ph_deliver_message *message)
{
	for (size_t i = 0; i < message->n; i++) {
		log_copy(message, &message->copies[i],
			 message->answers->pdata[i]);
		tell_copy(message, &message->copies[i]);
	}
}

/* ---- tracking ---------------------------------------------------------- */

static void
add_row(GArray *rows, const struct ph_deliver_message *message, enum ph_row row,
	const struct ph_row_facts *facts)
{
	g_autofree const char **list = g_new0(const char *, message->n + 1);
	size_t n = 0;

	for (size_t i = 0; i < message->n; i++) {
		const struct copy *copy = &message->copies[i];

		if (copy->accepted &&
		    (row == PH_ROW_RECEIVE ||
		     copy->duplicate == (row == PH_ROW_DUPLICATE)))
			list[n++] = copy->recipient->primary;
	}
	ph_rows_add(rows, row, facts, list);
}

static void
write_rows(const struct ph_deliver_message *message)
{
	const struct ph_deliver_client *client = message->client;
	g_autoptr(GArray) rows = ph_rows_new();
	struct ph_row_facts facts;

	if (!message->deliver->log)
		return;
	facts.server = message->deliver->server;
	facts.server_address = message->deliver->address;
	facts.client = client->name;
	facts.client_address = client->address;
	facts.session = client->session;
	facts.queue_id = client->queue_id;
	facts.nmid = ph_incoming_nmid(message->content);
	facts.reverse_path = message->reverse_path;
	facts.headers = ph_incoming_headers(message->content);
	facts.id =
	    (uint64_t)g_atomic_pointer_add(&message->deliver->next_id, 1);
	facts.size = message->size;
	facts.connected = client->connected;
	facts.received = message->received;
	facts.stored = MAX(ph_clock_wall(), message->received);
	add_row(rows, message, PH_ROW_RECEIVE, &facts);
	add_row(rows, message, PH_ROW_DELIVER, &facts);
	add_row(rows, message, PH_ROW_DUPLICATE, &facts);
	ph_rows_write(rows, message->deliver->log, client->queue_id);
}

/* ---- finishing --------------------------------------------------------- */

static void
answer_all(struct ph_deliver_message *message, const char *code,
	   const char *reason)
{
	for (size_t i = 0; i < message->n; i++)
		g_ptr_array_add(
		    message->answers,
		    g_strdup_printf("%s <%s> %s", code,
				    message->copies[i].recipient->address,
				    reason));
	ph_log(PH_LOG_WARN, message->client->queue_id, "%s %s", code, reason);
}

/* g_free. */
static struct ph_copy_key *
make_keys(const struct ph_deliver_message *message)
{
	struct ph_copy_key *keys = g_new(struct ph_copy_key, message->n);

	for (size_t i = 0; i < message->n; i++)
		keys[i] = ph_copy_key_of(ph_incoming_nmid(message->content),
					 message->copies[i].recipient->primary);
	return keys;
}

/* False: it has been answered. */
static bool
store_in_turn(struct ph_deliver_message *message, int64_t timeout_ms)
{
	struct ph_deliver *deliver = message->deliver;

	if (!ph_slots_take(deliver->slots, timeout_ms)) {
		answer_all(message, "451 4.3.2", "too many deliveries");
		return false;
	}
	for (guint i = 0; i < message->parts->len; i++)
		ready_part(message, message->parts->pdata[i]);
	commit_copies(message);
	ph_slots_give(deliver->slots);
	return true;
}

/* Keys are held until the records are on disk, or a second copy of the message
 * could be answered 250 before the first is sure to be recognised. Who waits
 * for one has no slot. */
static bool
store_once(struct ph_deliver_message *message)
{
	struct ph_deliver *deliver = message->deliver;
	const int64_t until = ph_clock_mono() + deliver->slot_timeout;
	g_autofree struct ph_copy_key *keys = make_keys(message);
	bool stored;

	if (!ph_locks_take(deliver->locks, keys, message->n,
			   deliver->slot_timeout)) {
		answer_all(message, "451 4.3.2",
			   "the same message is being delivered");
		return false;
	}
	stored = store_in_turn(message, MAX(until - ph_clock_mono(), 0));
	ph_locks_give(deliver->locks, keys, message->n);
	return stored;
}

static void
finish(struct ph_deliver_message *message)
{
	struct ph_err *err = &message->header_err;

	message->received = ph_clock_wall();
	if (err->kind == PH_ERR_NONE)
		ph_incoming_finish(message->content, message->reverse_path,
				   message->out, err);
	if (err->kind != PH_ERR_NONE) {
		answer_all(message, "552 5.3.4", err->text);
		return;
	}
	write_parts(message);
	if (!store_once(message))
		return;
	tell_of_copies(message);
	ph_fault(PH_FAULT_BEFORE_TRACKING);
	write_rows(message);
	ph_fault(PH_FAULT_BEFORE_ANSWER);
}

const char *const *
ph_deliver_finish(struct ph_deliver_message *message)
{
	finish(message);
	g_ptr_array_add(message->answers, NULL);
	return (const char *const *)message->answers->pdata;
}
