#include "milters/host/agent.h"

#include "lib/base/clock.h"
#include "lib/message/nmid.h"

#include <string.h>
#include <strings.h>

static const char *const auth_names[] = {
    [PH_AUTH_ANONYMOUS] = "Anonymous",
    [PH_AUTH_INTERNAL] = "Internal",
    [PH_AUTH_EXTERNAL] = "External",
    [PH_AUTH_PARTNER] = "Partner",
};

const char *
ph_auth_as_name(enum ph_auth_as auth_as)
{
	return auth_names[auth_as];
}

bool
ph_auth_as_find(const char *name, enum ph_auth_as *auth_as_r)
{
	for (size_t i = 0; i < G_N_ELEMENTS(auth_names); i++)
		if (strcasecmp(name, auth_names[i]) == 0) {
			*auth_as_r = (enum ph_auth_as)i;
			return true;
		}
	return false;
}

void
ph_recipient_free(void *data)
{
	struct ph_recipient *recipient = data;

	g_free(recipient->given);
	g_free(recipient->typed);
	g_free(recipient->address);
	g_strfreev(recipient->params);
	g_free(recipient->refusal);
	ph_object_unref(&recipient->entry);
	if (recipient->instead_of != NULL)
		g_ptr_array_unref(recipient->instead_of);
	g_free(recipient);
}

const char *
ph_recipient_typed(const struct ph_recipient *recipient)
{
	return recipient->typed != NULL ? recipient->typed : recipient->given;
}

static void
touched_free(void *data)
{
	struct ph_touched *touched = data;

	g_free(touched->name);
	g_ptr_array_unref(touched->before);
	g_free(touched);
}

void
ph_keep_clear(struct ph_keep *keep)
{
	if (keep->data != NULL && keep->free != NULL)
		keep->free(keep->data);
	*keep = (struct ph_keep){NULL, NULL};
}

struct ph_mail *
ph_mail_new(const struct ph_client *client, const char *sender)
{
	struct ph_mail *mail = g_new0(struct ph_mail, 1);

	mail->client = client;
	mail->sender = g_strdup(sender);
	mail->params = g_new0(char *, 1);
	mail->login = g_strdup("");
	mail->author = g_strdup("");
	mail->mechanism = g_strdup("");
	mail->tls = g_strdup("");
	mail->certificate = g_strdup("");
	mail->queue_id = g_strdup("");
	mail->original_ip = g_strdup("");
	mail->recipients = g_ptr_array_new_with_free_func(ph_recipient_free);
	mail->headers = ph_headers_new();
	mail->hash = ph_nmid_new();
	mail->received = ph_clock_wall();
	mail->touched = g_ptr_array_new_with_free_func(touched_free);
	return mail;
}

/* What a fork has of its own. */
static void
free_copy(struct ph_mail *mail)
{
	g_ptr_array_unref(mail->recipients);
	ph_headers_free(&mail->headers);
	ph_verdict_clear(&mail->verdict);
	g_ptr_array_unref(mail->touched);
	g_free(mail);
}

void
ph_mail_free(struct ph_mail **mailp)
{
	struct ph_mail *mail = g_steal_pointer(mailp);

	if (mail == NULL)
		return;
	if (mail->origin != NULL) {
		free_copy(mail);
		return;
	}
	ph_inspect_free(&mail->inspection);
	ph_content_free(&mail->content);
	if (mail->body != NULL)
		g_byte_array_unref(mail->body);
	ph_keep_clear(&mail->work);
	g_free(mail->sender);
	g_strfreev(mail->params);
	g_free(mail->login);
	g_free(mail->author);
	g_free(mail->mechanism);
	g_free(mail->tls);
	g_free(mail->certificate);
	g_free(mail->queue_id);
	g_free(mail->original_ip);
	ph_nmid_free(&mail->hash);
	ph_snapshot_unref(&mail->snapshot);
	if (mail->info != NULL)
		g_string_free(mail->info, TRUE);
	free_copy(mail);
}

static struct ph_touched *
touched_copy(const struct ph_touched *touched)
{
	struct ph_touched *copy = g_new0(struct ph_touched, 1);

	copy->name = g_strdup(touched->name);
	copy->before = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < touched->before->len; i++)
		g_ptr_array_add(copy->before,
				g_strdup(touched->before->pdata[i]));
	copy->always = touched->always;
	return copy;
}

struct ph_mail *
ph_mail_fork(struct ph_mail *mail)
{
	struct ph_mail *fork = g_memdup2(mail, sizeof(*mail));

	fork->origin = mail->origin != NULL ? mail->origin : mail;
	fork->content = NULL;
	fork->inspection = NULL;
	fork->info = NULL;
	fork->verdict = (struct ph_verdict){.decision = PH_DECISION_ACCEPT};
	fork->recipients = g_ptr_array_new_with_free_func(ph_recipient_free);
	fork->headers = ph_headers_copy(mail->headers);
	fork->touched = g_ptr_array_new_with_free_func(touched_free);
	for (guint i = 0; i < mail->touched->len; i++)
		g_ptr_array_add(fork->touched,
				touched_copy(mail->touched->pdata[i]));
	return fork;
}

size_t
ph_mail_room(const struct ph_mail *mail, size_t size)
{
	size_t have = mail->body != NULL ? mail->body->len : 0;

	return mail->keep_body ? MIN(size, PH_BODY_LIMIT - have) : 0;
}

void
ph_mail_add_body(struct ph_mail *mail, const void *data, size_t size)
{
	size_t kept = ph_mail_room(mail, size);

	if (!mail->keep_body)
		return;
	if (mail->body == NULL)
		mail->body = g_byte_array_new();
	mail->body_cut |= kept < size;
	g_byte_array_append(mail->body, data, (guint)kept);
}

void
ph_mail_replace_body(struct ph_mail *mail, GByteArray *body)
{
	ph_inspect_free(&mail->inspection);
	ph_content_free(&mail->content);
	mail->size += body != NULL ? body->len : 0;
	if (mail->body != NULL) {
		mail->size -= mail->body->len;
		g_byte_array_unref(mail->body);
	}
	mail->body = body;
	mail->new_body = true;
}

void
ph_mail_drop_content(struct ph_mail *mail)
{
	ph_headers_free(&mail->headers);
	mail->headers = ph_headers_new();
	if (mail->body != NULL)
		g_byte_array_unref(mail->body);
	mail->body = NULL;
}

bool
ph_mail_may_say(const struct ph_mail *mail, const char *name)
{
	return *mail->login != '\0' &&
	       strcasecmp(name, PH_HEADER_OVERRIDE) == 0;
}

struct ph_content *
ph_mail_content(struct ph_mail *mail)
{
	struct ph_mail *m = mail->origin != NULL ? mail->origin : mail;

	if (m->content == NULL)
		m->content = ph_content_new(
		    m->headers, m->body != NULL ? m->body->data : NULL,
		    m->body != NULL ? m->body->len : 0);
	return m->content;
}

static struct ph_inspection *
open_attachments(struct ph_mail *m)
{
	return m->inspect != NULL
		   ? m->inspect(m->inspect_arg, ph_mail_content(m))
		   : ph_inspect_plain(ph_mail_content(m));
}

struct ph_inspection *
ph_mail_inspection(struct ph_mail *mail)
{
	struct ph_mail *m = mail->origin != NULL ? mail->origin : mail;

	if (m->inspection == NULL)
		m->inspection = ph_inspect_classified(
		    open_attachments(m), ph_mail_content(m), m->headers,
		    m->classifier);
	return m->inspection;
}

int
ph_recipient_entry(struct ph_directory *directory,
		   struct ph_recipient *recipient,
		   const struct ph_object **entry_r, struct ph_err *err)
{
	*entry_r = NULL;
	if (recipient->entry_state == PH_ENTRY_UNKNOWN) {
		int r = ph_directory_find(directory, recipient->address,
					  &recipient->entry, err);

		if (r < 0)
			return ph_err_wrap(err, "recipient <%s>",
					   recipient->address);
		recipient->entry_state =
		    r == 1 ? PH_ENTRY_FOUND : PH_ENTRY_NONE;
	}
	*entry_r = recipient->entry;
	return recipient->entry_state == PH_ENTRY_FOUND;
}

struct ph_recipient *
ph_mail_add_recipient(struct ph_mail *mail, const char *given,
		      const char *const *params)
{
	struct ph_recipient *recipient = g_new0(struct ph_recipient, 1);

	recipient->given = g_strdup(given);
	recipient->address = g_strdup(given);
	recipient->params =
	    params != NULL ? g_strdupv((char **)params) : g_new0(char *, 1);
	g_ptr_array_add(mail->recipients, recipient);
	return recipient;
}

/* Remembers what a name's fields were, before their first change. */
static struct ph_touched *
touch(struct ph_mail *mail, const char *name)
{
	struct ph_touched *touched;
	size_t n = ph_headers_count(mail->headers);

	for (guint i = 0; i < mail->touched->len; i++) {
		touched = mail->touched->pdata[i];
		if (strcasecmp(touched->name, name) == 0) {
			touched->fresh = true;
			return touched;
		}
	}
	touched = g_new0(struct ph_touched, 1);
	touched->name = g_strdup(name);
	touched->fresh = true;
	touched->before = g_ptr_array_new_with_free_func(g_free);
	for (size_t i = ph_headers_find(mail->headers, name, 0); i < n;
	     i = ph_headers_find(mail->headers, name, i + 1))
		g_ptr_array_add(
		    touched->before,
		    g_strdup(ph_headers_at(mail->headers, i)->value));
	g_ptr_array_add(mail->touched, touched);
	return touched;
}

static int
too_large(const char *name, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_PERM,
			  "%s: the header would become too large", name);
}

int
ph_mail_set_header(struct ph_mail *mail, const char *name, const char *value,
		   struct ph_err *err)
{
	size_t i = ph_headers_find(mail->headers, name, 0);

	touch(mail, name);
	if (i == ph_headers_count(mail->headers))
		return ph_headers_add(mail->headers, name, value)
			   ? 0
			   : too_large(name, err);
	if (!ph_headers_replace(mail->headers, i, value))
		return too_large(name, err);
	ph_headers_remove_all(mail->headers, name, i + 1);
	return 0;
}

int
ph_mail_stamp_header(struct ph_mail *mail, const char *name, const char *value,
		     struct ph_err *err)
{
	touch(mail, name)->always = true;
	return ph_mail_set_header(mail, name, value, err);
}

int
ph_mail_edit_header(struct ph_mail *mail, size_t i, const char *value,
		    struct ph_err *err)
{
	const char *name = ph_headers_at(mail->headers, i)->name;

	touch(mail, name);
	return ph_headers_replace(mail->headers, i, value)
		   ? 0
		   : too_large(name, err);
}

void
ph_mail_remove_header(struct ph_mail *mail, const char *name)
{
	touch(mail, name);
	ph_headers_remove_all(mail->headers, name, 0);
}

void
ph_mail_info(struct ph_mail *mail, const char *item)
{
	if (mail->info == NULL)
		mail->info = g_string_new(NULL);
	if (item == NULL)
		return;
	if (mail->info->len > 0)
		g_string_append_c(mail->info, ';');
	g_string_append(mail->info, item);
}

static int
decide(struct ph_verdict *verdict, enum ph_decision decision, const char *agent)
{
	verdict->decision = decision;
	verdict->agent = agent;
	return 1;
}

static int
refuse(struct ph_verdict *verdict, enum ph_decision decision, const char *code,
       const char *agent, const char *enhanced, const char *text)
{
	if (verdict->decision != PH_DECISION_ACCEPT)
		return 1;
	g_strlcpy(verdict->code, code, sizeof(verdict->code));
	g_strlcpy(verdict->enhanced, enhanced, sizeof(verdict->enhanced));
	verdict->text = g_strdup(text);
	return decide(verdict, decision, agent);
}

int
ph_verdict_reject(struct ph_verdict *verdict, const char *agent,
		  const char *enhanced, const char *text)
{
	return refuse(verdict, PH_DECISION_REJECT, "550", agent, enhanced,
		      text);
}

int
ph_verdict_defer(struct ph_verdict *verdict, const char *agent,
		 const char *enhanced, const char *text)
{
	return refuse(verdict, PH_DECISION_DEFER, "451", agent, enhanced, text);
}

int
ph_verdict_answer(struct ph_verdict *verdict, const char *agent, int code,
		  const char *enhanced, const char *text)
{
	char digits[4];

	g_snprintf(digits, sizeof(digits), "%03d", CLAMP(code, 400, 599));
	return refuse(verdict,
		      code < 500 ? PH_DECISION_DEFER : PH_DECISION_REJECT,
		      digits, agent, enhanced, text);
}

int
ph_verdict_discard(struct ph_verdict *verdict, const char *agent)
{
	if (verdict->decision != PH_DECISION_ACCEPT)
		return 1;
	return decide(verdict, PH_DECISION_DISCARD, agent);
}

int
ph_verdict_pass(struct ph_verdict *verdict, const char *agent, int code,
		const char *enhanced, const char *const *lines)
{
	if (verdict->decision != PH_DECISION_ACCEPT)
		return 1;
	g_snprintf(verdict->code, sizeof(verdict->code), "%03d", code % 1000);
	g_strlcpy(verdict->enhanced, enhanced, sizeof(verdict->enhanced));
	verdict->text = g_strdup(lines[0]);
	verdict->lines = g_strdupv((char **)lines);
	return decide(verdict,
		      code < 500 ? PH_DECISION_DEFER : PH_DECISION_REJECT,
		      agent);
}

void
ph_verdict_clear(struct ph_verdict *verdict)
{
	g_free(verdict->text);
	g_strfreev(verdict->lines);
	g_free(verdict->status);
	*verdict = (struct ph_verdict){.decision = PH_DECISION_ACCEPT};
}
