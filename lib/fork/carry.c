#include "lib/fork/service_private.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/fork/copy.h"
#include "lib/fork/notice.h"
#include "lib/fork/report.h"
#include "lib/fork/rows.h"
#include "lib/smtp/client.h"

#include <string.h>

/* One group as it is carried out. */
struct work {
	struct ph_fork_service *service;
	const struct ph_fork_content *content;
	const char *token;
	const struct ph_plan *plan;
	const struct ph_plan_group *group;
	const char *fqdn;
	struct ph_fork_rows rows;
	GArray *told; /* as of ph_plans_read_told; of COPY */
};

/* ---- reports ----------------------------------------------------------- */

static int
send_report_content(void *context, ph_copy_sink *sink, void *sink_context,
		    struct ph_err *err)
{
	const struct ph_report_text *text = context;

	if (sink(sink_context, text->head->str, text->head->len, err) < 0 ||
	    sink(sink_context, text->body, text->body_size, err) < 0)
		return -1;
	return sink(sink_context, text->tail->str, text->tail->len, err);
}

/* There is nobody left to tell. */
static int
report_refused(void *context, const GPtrArray *recipients, struct ph_err *err)
{
	(void)context;
	(void)recipients;
	(void)err;
	return 0;
}

static int
submit_report(const struct work *work, const struct ph_report_text *text,
	      struct ph_err *err)
{
	g_autoptr(GPtrArray) recipients = ph_submit_recipients();
	struct ph_submit_recipient *to =
	    ph_submit_add(recipients, work->plan->sender);
	struct ph_submit submit = {
	    .options = &work->service->submit,
	    .hello = work->fqdn,
	    .sender = "",
	    .eight_bit = text->eight_bit,
	    .utf8 = text->utf8,
	    .recipients = recipients,
	    .size = text->head->len + text->body_size + text->tail->len,
	    .content = send_report_content,
	    .refused = report_refused,
	    .context = (void *)text,
	};
	g_autofree char *answer = NULL, *queue_id = NULL;
	int rc;

	to->notify = "NEVER";
	rc = ph_submit_run(&submit, &answer, err);
	if (rc < 0)
		return ph_err_wrap(err, "report to <%s>", work->plan->sender);
	if (rc == 0) {
		ph_log(PH_LOG_ERROR, work->plan->queue_id,
		       "report to <%s> refused, nobody is told: %s",
		       work->plan->sender, to->refusal);
		return 0;
	}
	ph_fault(PH_FAULT_FORK_REPORT_SENT);
	queue_id = ph_submit_queue_id(answer);
	ph_log(PH_LOG_INFO, work->plan->queue_id,
	       "fork=%s, report to=<%s>, message-id=%s, queued as %s",
	       work->token, work->plan->sender, text->message_id, queue_id);
	ph_fork_row_dsn(&work->rows, text, queue_id, submit.size);
	return 0;
}

static bool
may_report(const struct work *work)
{
	const struct ph_fork_service *service = work->service;
	const char *sender = work->plan->sender;

	if (*sender == '\0' || service->may_report == NULL ||
	    service->may_report(service->context, sender))
		return true;
	ph_log(PH_LOG_INFO, work->plan->queue_id,
	       "fork=%s, no report to=<%s>: its domain takes none", work->token,
	       sender);
	return false;
}

/* Tells the sender about these (struct ph_report_recipient), if it wants to
 * know and may, and writes FAIL by whom they were refused. */
static int
tell(const struct work *work, GArray *recipients, const char *source,
     const char *agent, struct ph_err *err)
{
	const struct ph_report report = {
	    .plan = work->plan,
	    .token = work->token,
	    .fqdn = work->fqdn,
	    .server = work->service->server,
	    .now = ph_clock_wall(),
	    .recipients = recipients,
	    .data = work->content->data,
	    .size = work->content->size,
	};
	struct ph_report_text text = {0};
	int rc = 0;

	if (may_report(work) && ph_report_make(&report, &text) == 1)
		rc = submit_report(work, &text, err);
	if (rc == 0)
		ph_fork_row_fail(&work->rows, &report, source, agent,
				 text.message_id);
	ph_report_clear(&text);
	return rc;
}

static int
carry_report(const struct work *work, struct ph_err *err)
{
	const struct ph_plan_group *group = work->group;
	const char *agent = work->service->agent;
	g_autoptr(GArray) recipients =
	    g_array_new(FALSE, TRUE, sizeof(struct ph_report_recipient));

	if (group->recipients->len == 0)
		return 0;
	for (guint i = 0; i < group->recipients->len; i++) {
		struct ph_report_recipient r = {
		    .recipient = group->recipients->pdata[i],
		    .code = group->code,
		    .enhanced = group->enhanced,
		    .text = group->text,
		};

		g_array_append_val(recipients, r);
	}
	return tell(work, recipients, agent != NULL ? "AGENT" : "ROUTING",
		    agent, err);
}

static int
carry_notice(const struct work *work, struct ph_err *err)
{
	const struct ph_notice notice = {
	    .plan = work->plan,
	    .group = work->group,
	    .fqdn = work->fqdn,
	    .server = work->service->server,
	    .now = ph_clock_wall(),
	};
	struct ph_report_text text;
	int rc = 0;

	if (ph_notice_make(&notice, &text) == 1)
		rc = submit_report(work, &text, err);
	ph_report_clear(&text);
	return rc;
}

/* ---- copies ------------------------------------------------------------ */

/* "550 5.1.1 text" taken apart; changes the refusal, in which all is. */
static void
split_refusal(char *refusal, struct ph_report_recipient *r)
{
	char *text = refusal + strcspn(refusal, " ");
	size_t n;

	if (*text != '\0')
		*text++ = '\0';
	r->code = refusal;
	r->enhanced = "";
	r->text = text;
	n = strspn(text, "0123456789.");
	if (n < 5 || text[n] != ' ' || text[1] != '.')
		return;
	text[n] = '\0';
	r->enhanced = text;
	r->text = text + n + 1;
}

/* Of the others a copy may have to be tried again. */
static int
note_told(const struct work *work, const GPtrArray *refused, struct ph_err *err)
{
	for (guint i = 0; i < refused->len; i++) {
		const struct ph_submit_recipient *from = refused->pdata[i];
		guint index;
		bool found = g_ptr_array_find(work->group->recipients,
					      from->about, &index);

		g_assert(found);
		g_array_append_val(work->told, index);
	}
	return ph_plans_note_told(work->service->plans, work->token, work->told,
				  err);
}

static int
copy_refused(void *context, const GPtrArray *refused, struct ph_err *err)
{
	const struct work *work = context;
	g_autoptr(GArray) recipients =
	    g_array_new(FALSE, TRUE, sizeof(struct ph_report_recipient));
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < refused->len; i++) {
		const struct ph_submit_recipient *from = refused->pdata[i];
		struct ph_report_recipient r = {.recipient = from->about};
		char *text = ph_report_line(from->refusal);

		ph_log(PH_LOG_WARN, work->plan->queue_id,
		       "fork=%s, to=<%s>, refused: %s", work->token,
		       from->address, from->refusal);
		g_ptr_array_add(texts, text);
		split_refusal(text, &r);
		g_array_append_val(recipients, r);
	}
	if (tell(work, recipients, "SMTP", NULL, err) < 0)
		return -1;
	return note_told(work, refused, err);
}

static int
send_copy(void *context, ph_copy_sink *sink, void *sink_context,
	  struct ph_err *err)
{
	const struct work *work = context;

	return ph_copy_send(work->content->data, work->content->size,
			    work->group->headers, sink, sink_context, err);
}

static int
count(void *context, const char *data, size_t size, struct ph_err *err)
{
	(void)data;
	(void)err;
	*(uint64_t *)context += size;
	return 0;
}

/* RFC 6533 section 3: what ORCPT= of type utf-8 may not have as it is. */
static void
append_unitext(GString *out, const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || strchr("+=\\", *p) != NULL ||
		    *p == 0x7f)
			g_string_append_printf(out, "\\x{%02X}",
					       (unsigned char)*p);
		else
			g_string_append_c(out, *p);
}

/* What the client named, when it is not where the copy goes; g_free. */
static char *
make_orcpt(const struct ph_plan_recipient *r)
{
	GString *out;

	if (r->orcpt != NULL)
		return g_strdup(r->orcpt);
	if (r->original == NULL || strcmp(r->original, r->address) == 0)
		return NULL;
	out = g_string_new(NULL);
	if (g_str_is_ascii(r->original)) {
		g_string_append(out, "rfc822;");
		ph_smtp_append_xtext(out, r->original);
	} else {
		g_string_append(out, "utf-8;");
		append_unitext(out, r->original);
	}
	return g_string_free(out, FALSE);
}

/* Those who are still to get it; g_ptr_array_unref. */
static GPtrArray *
find_open(const struct work *work)
{
	const GPtrArray *all = work->group->recipients;
	g_autofree bool *told = g_new0(bool, all->len + 1);
	GPtrArray *open = g_ptr_array_new();

	for (guint i = 0; i < work->told->len; i++)
		told[MIN(g_array_index(work->told, guint, i), all->len)] = true;
	for (guint i = 0; i < all->len; i++)
		if (!told[i])
			g_ptr_array_add(open, all->pdata[i]);
	return open;
}

/* Returns whether an address needs SMTPUTF8. texts keeps what is made. */
static bool
fill_recipients(const struct work *work, GPtrArray *recipients,
		GPtrArray *texts)
{
	g_autoptr(GPtrArray) from = find_open(work);
	bool utf8 = false;

	for (guint i = 0; i < from->len; i++) {
		const struct ph_plan_recipient *r = from->pdata[i];
		struct ph_submit_recipient *to =
		    ph_submit_add(recipients, r->address);
		char *orcpt = make_orcpt(r);

		to->notify = r->notify;
		to->orcpt = orcpt;
		to->about = r;
		if (orcpt != NULL)
			g_ptr_array_add(texts, orcpt);
		utf8 = utf8 || !g_str_is_ascii(r->address) ||
		       (orcpt != NULL && !g_str_is_ascii(orcpt));
	}
	return utf8;
}

static GPtrArray *
accepted(const GPtrArray *recipients)
{
	GPtrArray *list = g_ptr_array_new();

	for (guint i = 0; i < recipients->len; i++) {
		const struct ph_submit_recipient *r = recipients->pdata[i];

		if (r->refusal == NULL)
			g_ptr_array_add(list, (char *)r->address);
	}
	return list;
}

static void
note_copy(const struct work *work, const struct ph_submit *submit,
	  const char *answer)
{
	g_autoptr(GPtrArray) to = accepted(submit->recipients);
	g_autofree char *queue_id = ph_submit_queue_id(answer);

	ph_log(PH_LOG_INFO, work->plan->queue_id,
	       "fork=%s, to=<%s>%s, nmid=%s, queued as %s", work->token,
	       (const char *)to->pdata[0], to->len > 1 ? " and others" : "",
	       work->plan->nmid, queue_id);
	ph_fork_row_transfer(&work->rows, work->group, to, queue_id, answer,
			     submit->size);
}

/* 0 and the answer (NULL: all were refused), or -1. */
static int
send_rest(struct work *work, char **answer_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) recipients = ph_submit_recipients();
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	bool utf8 = fill_recipients(work, recipients, texts);
	struct ph_submit submit = {
	    .options = &work->service->copies,
	    .hello = work->fqdn,
	    .sender = work->plan->sender,
	    .ret = work->plan->ret,
	    .envid = work->plan->envid,
	    .eight_bit = work->plan->eight_bit,
	    .utf8 = work->plan->utf8 || utf8,
	    .recipients = recipients,
	    .content = send_copy,
	    .refused = copy_refused,
	    .context = work,
	};
	int rc;

	if (recipients->len == 0)
		return 0;
	(void)send_copy(work, count, &submit.size, NULL);
	rc = ph_submit_run(&submit, answer_r, err);
	if (rc <= 0)
		return rc;
	ph_fault(PH_FAULT_FORK_COPY_SENT);
	note_copy(work, &submit, *answer_r);
	return 0;
}

static int
carry_copy(struct work *work, char **answer_r, struct ph_err *err)
{
	int rc;

	if (ph_plans_read_told(work->service->plans, work->token, &work->told,
			       err) < 0)
		return -1;
	rc = send_rest(work, answer_r, err);
	g_array_unref(work->told);
	return rc;
}

/* ---- a token ----------------------------------------------------------- */

char *
ph_fork_fqdn(const struct ph_fork_service *service)
{
	char *fqdn =
	    service->fqdn != NULL ? service->fqdn(service->context) : NULL;

	return fqdn != NULL ? fqdn : g_strdup(service->server);
}

static char *
later(const struct work *work, const struct ph_err *err)
{
	ph_log(PH_LOG_WARN, work->plan->queue_id, "fork=%s: %s", work->token,
	       err->text);
	return g_strdup_printf("451 4.3.0 %s", err->text);
}

static char *
carry(struct work *work)
{
	struct ph_fork_service *service = work->service;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *answer = NULL;
	int rc = ph_plans_is_done(service->plans, work->token, &err);

	if (rc > 0)
		return g_strdup("250 2.0.0 This was done before");
	if (rc == 0) {
		switch (work->group->kind) {
		case PH_PLAN_COPY:
			rc = carry_copy(work, &answer, &err);
			break;
		case PH_PLAN_REPORT:
			rc = carry_report(work, &err);
			break;
		case PH_PLAN_NOTICE:
			rc = carry_notice(work, &err);
			break;
		}
	}
	if (rc < 0 || ph_plans_note_done(service->plans, work->token, &err) < 0)
		return later(work, &err);
	ph_fault(PH_FAULT_FORK_NOTED);
	return answer != NULL ? g_steal_pointer(&answer)
			      : g_strdup("250 2.0.0 Reported");
}

/* The MTA may ask again while a thread still is at what it gave up. */
static bool
begin(struct ph_fork_service *service, const char *token)
{
	bool mine;

	g_mutex_lock(&service->mutex);
	mine = g_hash_table_add(service->busy, g_strdup(token));
	g_mutex_unlock(&service->mutex);
	return mine;
}

static void
end(struct ph_fork_service *service, const char *token)
{
	g_mutex_lock(&service->mutex);
	g_hash_table_remove(service->busy, token);
	g_mutex_unlock(&service->mutex);
}

char *
ph_fork_carry_out(struct ph_fork_service *service,
		  const struct ph_fork_content *content, const char *token,
		  const struct ph_plan *plan, size_t group)
{
	g_autofree char *fqdn = ph_fork_fqdn(service);
	struct work work = {
	    .service = service,
	    .content = content,
	    .token = token,
	    .plan = plan,
	    .group = plan->groups->pdata[group],
	    .fqdn = fqdn,
	    .rows = {service->track, service->server, service->address, plan,
		     content->headers},
	};
	char *answer;

	if (!begin(service, token))
		return g_strdup("451 4.3.2 This is being done already");
	answer = carry(&work);
	end(service, token);
	return answer;
}
