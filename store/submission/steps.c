#include "store/submission/item.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "store/mailbox/path.h"
#include "store/mailbox/placement.h"
#include "store/submission/due.h"
#include "store/submission/notice.h"
#include "store/submission/resent.h"
#include "store/submission/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A mail program saves its copy in Sent not long before that in the Outbox. */
#define OWN_COPY_S 3600

static enum ph_step_end
go_to(struct ph_item *item, const char *step)
{
	ph_state_text(&item->state->step, step);
	return PH_STEP_NEXT;
}

static struct ph_submission_facts
facts_of(const struct ph_item *item)
{
	return (struct ph_submission_facts){
	    .submission = item->submission,
	    .fqdn = item->fqdn,
	    .database = item->name->database,
	    .state = item->state,
	    .letter = item->letter,
	    .reason = item->state->reason,
	};
}

/* Not before its owner wants it; the Outbox is where the owner looks for it.
 * False: now. */
static bool
is_early(const struct ph_item *item)
{
	if (item->state->due <= ph_clock_wall())
		return false;
	g_ptr_array_set_size(item->state->recipients, 0);
	return true;
}

/* A name in a Maildir; the network message id in it is what delivery looks for
 * as well. */
static void
choose_name(struct ph_item *item)
{
	struct ph_item_state *state = item->state;
	int64_t now = g_get_real_time();

	g_free(state->name);
	state->name = g_strdup_printf(
	    "%" PRId64 ".M%dP%dQ%" PRIu64 ".posthub%s%s", now / 1000000,
	    (int)(now % 1000000), (int)getpid(), state->id,
	    *state->nmid != '\0' ? ",N=" : "", state->nmid);
}

/* ---- claimed ----------------------------------------------------------- */

/* The whole message is refused. */
static enum ph_step_end
refuse(struct ph_item *item, const char *reason)
{
	g_autofree char *valid = g_utf8_make_valid(reason, -1);

	ph_info("mailbox %s/%s: %s is not sent: %s", item->name->domain,
		item->name->local, item->base, reason);
	g_ptr_array_set_size(item->state->recipients, 0);
	ph_state_text(&item->state->reason, valid);
	choose_name(item);
	return go_to(item, "reporting");
}

/* 1; 0 refused. Before it is read: a message that is too large is not. */
static int
check_size(const struct ph_item *item, struct ph_err *err)
{
	const uint64_t limit = ph_item_limit(item);

	if (item->size <= limit)
		return 1;
	ph_err_set(err, PH_ERR_PERM,
		   "it has %" PRIu64 " bytes, %" PRIu64 " are allowed",
		   item->size, limit);
	return 0;
}

/* 1: the message has Message-ID and Date; 0: it is refused; -1. */
static int
complete(struct ph_item *item, struct ph_err *err)
{
	g_autofree char *lines =
	    ph_letter_missing(item->letter, ph_clock_wall(), item->fqdn);

	if (lines == NULL)
		return 1;
	if (ph_box_complete(item->box, item->file, lines, err) < 0)
		return -1;
	ph_path_close(&item->fd);
	ph_letter_free(&item->letter);
	if (ph_item_read(item, err) != 1)
		return -1;
	/* Copied from a file that may not be what was read before. */
	return ph_item_judge(item, item->state, err);
}

/* Is the mailbox above the size at which it may send? What an IMAP server holds
 * that server counts. 1, 0, -1. */
static int
is_too_full(const struct ph_item *item, struct ph_err *err)
{
	const struct ph_quota_limits limits = ph_placement_quota(
	    item->snapshot, item->owner->entry, item->name->database);

	if (item->submission->imap != NULL)
		return 0;
	return ph_sizes_above(item->submission->sizes, item->name,
			      ph_box_dir(item->box), limits.send, item->size,
			      err);
}

/* All recipients, so that the owner gets a delivery report. */
static enum ph_step_end
refuse_full(struct ph_item *item)
{
	ph_item_state_refuse(item->state,
			     "552 5.2.2 Your mailbox is full and can't send "
			     "messages now");
	ph_info("mailbox %s/%s: %s is not sent: the mailbox is above "
		"ProhibitSendQuota",
		item->name->domain, item->name->local, item->base);
	return go_to(item, "reporting");
}

static enum ph_step_end
run_claimed(struct ph_item *item, struct ph_err *err)
{
	int r = check_size(item, err);
	char before[PH_UUID_TEXT];

	g_ptr_array_set_size(item->state->recipients, 0);
	ph_state_text(&item->state->sender, item->owner->primary);
	if (r == 1)
		r = ph_item_read(item, err);
	if (r == 1)
		r = ph_item_judge(item, item->state, err);
	if (r == 1)
		r = ph_due_find(item->letter->headers, &item->state->due, err);
	if (r == 1)
		r = complete(item, err);
	if (r < 0)
		return PH_STEP_FAILED;
	if (r == 0)
		return refuse(item, err->text);
	if (is_early(item))
		return PH_STEP_WAIT;
	memcpy(before, item->state->nmid, sizeof(before));
	ph_letter_nmid(item->letter, item->state->sender, item->state->nmid);
	/* It was only judged again. */
	if (strcmp(before, item->state->nmid) == 0)
		return go_to(item, "submitting");
	r = is_too_full(item, err);
	if (r < 0)
		return PH_STEP_FAILED;
	choose_name(item);
	return r == 1 ? refuse_full(item) : go_to(item, "prepared");
}

/* ---- prepared ---------------------------------------------------------- */

static enum ph_step_end
run_prepared(struct ph_item *item, struct ph_err *err)
{
	struct ph_submission_facts facts;

	ph_fault(PH_FAULT_SUBMISSION_PREPARED);
	if (ph_item_read(item, err) != 1)
		return PH_STEP_FAILED;
	facts = facts_of(item);
	ph_submission_row(PH_SUBMISSION_RECEIVE, &facts,
			  item->state->recipients);
	ph_fault(PH_FAULT_SUBMISSION_RECEIVE_ROW);
	return go_to(item, "submitting");
}

/* ---- reporting --------------------------------------------------------- */

static const char *
default_domain(const struct ph_item *item)
{
	size_t n;
	const struct ph_object *const *domains =
	    ph_snapshot_list(item->snapshot, "domain", &n);

	for (size_t i = 0; i < n; i++)
		if (ph_object_bool(domains[i], "Default"))
			return ph_object_name(domains[i]);
	return n > 0 ? ph_object_name(domains[0]) : item->fqdn;
}

static int
put_notice(struct ph_item *item, struct ph_err *err)
{
	g_autofree char *name =
	    item->state->reports == 0
		? g_strdup(item->state->name)
		: g_strdup_printf("%s,R=%" PRId64, item->state->name,
				  item->state->reports);
	struct ph_notice notice = {
	    .owner = item->owner->primary,
	    .domain = default_domain(item),
	    .fqdn = item->fqdn,
	    .name = name,
	    .now = ph_clock_wall(),
	    .state = item->state,
	    .headers = item->letter != NULL ? item->letter->headers : NULL,
	};
	g_autoptr(GString) text = ph_notice_make(&notice);

	return ph_box_notice(item->box, name, text->str, text->len, err);
}

static void
write_fail_row(const struct ph_item *item)
{
	struct ph_submission_facts facts = facts_of(item);
	g_autoptr(GPtrArray) refused =
	    ph_item_state_list(item->state, PH_RCPT_REFUSED);

	ph_submission_row(PH_SUBMISSION_FAIL, &facts, refused);
}

static void
note_reported(struct ph_item_state *state)
{
	state->reports++;
	state->misses = state->missed = 0;
	for (guint i = 0; i < state->recipients->len; i++) {
		struct ph_rcpt *rcpt = state->recipients->pdata[i];

		if (rcpt->state == PH_RCPT_REFUSED)
			rcpt->state = PH_RCPT_REPORTED;
	}
}

static char *
notice_key(const struct ph_item *item)
{
	return g_strjoin("/", item->key, "notice", NULL);
}

/* Those who were refused are done with. */
static enum ph_step_end
end_report(struct ph_item *item)
{
	g_autofree char *key = notice_key(item);

	ph_said_forget(item->submission->said, key);
	write_fail_row(item);
	note_reported(item->state);
	if (ph_item_state_count(item->state, PH_RCPT_WAITING) == 0)
		return go_to(item, "filing");
	go_to(item, "submitting");
	return PH_STEP_WAIT;
}

static const char *
what_is_told(const struct ph_item_state *state)
{
	return *state->reason != '\0' ? "that it is not sent"
				      : "who does not get it";
}

/* For as long as a message is waited for; then the administrator's log says
 * what its owner does not hear. */
static bool
is_hopeless(const struct ph_item *item, const struct ph_err *err)
{
	const struct ph_item_state *state = item->state;

	if (ph_clock_wall() - state->missed < ph_item_expiry(item))
		return false;
	ph_warn("mailbox %s/%s: %s: its owner is not told %s: %s",
		item->name->domain, item->name->local, item->base,
		what_is_told(state), err->text);
	return true;
}

/* The Inbox takes no notice, as where it is over its quota: that is no reason
 * for others to get nothing. */
static enum ph_step_end
miss(struct ph_item *item, const struct ph_err *err)
{
	g_autofree char *key = notice_key(item);

	if (item->state->misses++ == 0)
		item->state->missed = ph_clock_wall();
	if (is_hopeless(item, err))
		return end_report(item);
	if (ph_said_is_new(item->submission->said, key, err->text))
		ph_warn("mailbox %s/%s: %s: its owner is not told yet %s: %s",
			item->name->domain, item->name->local, item->base,
			what_is_told(item->state), err->text);
	if (ph_item_state_count(item->state, PH_RCPT_WAITING) > 0)
		go_to(item, "submitting");
	return PH_STEP_WAIT;
}

static enum ph_step_end
run_reporting(struct ph_item *item, struct ph_err *err)
{
	/* One that cannot be parsed has no header to be shown. */
	if (item->letter == NULL) {
		if (ph_letter_peek(item->fd, &item->letter, err) < 0)
			return PH_STEP_FAILED;
		if (item->letter != NULL)
			item->letter->size = item->size;
	}
	return put_notice(item, err) < 0 ? miss(item, err) : end_report(item);
}

/* ---- filing ------------------------------------------------------------ */

struct copy {
	int fd;
	bool crlf;
	GString *lines;
};

/* With the line ends that the file had. */
static int
copy_piece(void *context, const char *data, size_t size, struct ph_err *err)
{
	struct copy *copy = context;

	g_string_truncate(copy->lines, 0);
	for (size_t i = 0; i < size; i++)
		if (copy->crlf || data[i] != '\r')
			g_string_append_c(copy->lines, data[i]);
	if (ph_file_write(copy->fd, copy->lines->str, copy->lines->len) < 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "cannot write the Sent copy: %s",
				  g_strerror(errno));
	return 0;
}

static int
write_as_sent(int fd, void *context, struct ph_err *err)
{
	const struct ph_item *item = context;
	struct copy copy = {fd, item->letter->crlf, g_string_new(NULL)};
	int r = ph_letter_send(item->letter, item->fd, copy_piece, &copy, err);

	g_string_free(copy.lines, TRUE);
	return r;
}

/* A mail program may have saved its own copy by now. A message that is resent
 * has the Message-ID of the first. 1, 0, -1. */
static int
has_own_copy(const struct ph_item *item, struct ph_err *err)
{
	struct ph_headers *headers = item->letter->headers;
	struct ph_headers *resent = ph_resent_block(headers);
	g_autofree char *id =
	    g_strdup(ph_headers_raw(headers, "Message-ID", 0));
	g_autofree char *date = g_strdup(ph_headers_raw(headers, "Date", 0));
	bool again = resent != NULL;

	ph_headers_free(&resent);
	if (again || id == NULL || date == NULL)
		return 0;
	return ph_box_holds(item->box, ".Sent", g_strstrip(id),
			    g_strstrip(date),
			    item->state->created / 1000 - OWN_COPY_S, err);
}

/* Of one that is not to be read any more the header is enough. */
static int
read_header(struct ph_item *item, struct ph_err *err)
{
	if (item->whole || item->letter != NULL)
		return ph_item_read(item, err);
	return ph_letter_peek(item->fd, &item->letter, err);
}

static int
file_sent(struct ph_item *item, const char *name, struct ph_err *err)
{
	bool substitute = item->submission->sent_as_sent && item->whole;
	int own;

	if (read_header(item, err) != 1)
		return -1;
	own = has_own_copy(item, err);
	if (own < 0)
		return -1;
	if (own == 1)
		return ph_box_drop(item->box, item->file, err);
	if (substitute && ph_box_substitute(item->box, item->file,
					    write_as_sent, item, err) < 0)
		return -1;
	return ph_box_file(item->box, item->file, ".Sent", name, substitute,
			   err);
}

static enum ph_step_end
run_filing(struct ph_item *item, struct ph_err *err)
{
	bool sent = ph_item_state_count(item->state, PH_RCPT_TAKEN) > 0;
	g_autofree char *name =
	    g_strconcat(item->state->name, sent ? ":2,S" : ":2,D", NULL);
	int r = sent ? file_sent(item, name, err)
		     : ph_box_file(item->box, item->file, ".Drafts", name,
				   false, err);

	return r < 0 ? PH_STEP_FAILED : PH_STEP_DONE;
}

const struct ph_step ph_steps[] = {
    {"claimed", run_claimed},	    {"prepared", run_prepared},
    {"submitting", ph_step_submit}, {"reporting", run_reporting},
    {"filing", run_filing},	    {NULL, NULL},
};
