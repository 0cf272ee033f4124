#include "store/submission/item.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/routing/topology.h"
#include "store/mailbox/path.h"
#include "store/submission/box_imap.h"
#include "store/submission/mine.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST_MS ((int64_t)60 * 60 * 1000)

/* Two processes may know of one item: on a store that servers share, when its
 * database has just moved. The second one comes back later. 1, 0, -1. */
static int
open_item(struct ph_item *item, struct ph_err *err)
{
	struct stat st;
	int r = ph_box_item(item->box, item->file, ph_item_limit(item),
			    &item->fd, &item->size, err);

	if (r == 1 && fstat(item->fd, &st) == 0) {
		item->whole = (uint64_t)st.st_size == item->size;
		item->exposed = st.st_uid != geteuid();
	}
	/* A file system without locks has one server. */
	if (r != 1 || flock(item->fd, LOCK_EX | LOCK_NB) == 0 ||
	    errno != EWOULDBLOCK)
		return r;
	return ph_err_set(err, PH_ERR_TEMP, "another process works on it");
}

uint64_t
ph_item_limit(const struct ph_item *item)
{
	int64_t limit = item->owner->max_size;

	if (item->submission->max_size > 0)
		limit = MIN(limit, item->submission->max_size);
	return (uint64_t)limit;
}

int64_t
ph_item_expiry(const struct ph_item *item)
{
	const struct ph_object *service = ph_snapshot_find(
	    item->snapshot, "transportservice", item->submission->server);

	return service != NULL
		   ? ph_object_int(service, "MessageExpirationTimeout")
		   : item->submission->expiry;
}

int
ph_item_judge(const struct ph_item *item, struct ph_item_state *state,
	      struct ph_err *err)
{
	g_ptr_array_set_size(state->recipients, 0);
	ph_state_text(&state->sender, item->owner->primary);
	return ph_envelope_make(item->submission->directory,
				item->submission->resent_any, item->snapshot,
				item->owner, item->letter, state, err);
}

/* Nobody has got it or been refused so far. */
static bool
is_untouched(const struct ph_item_state *state)
{
	return ph_item_state_count(state, PH_RCPT_WAITING) ==
	       state->recipients->len;
}

static bool
is_submitting(const struct ph_item_state *state)
{
	return strcmp(state->step, "submitting") == 0;
}

/* Some have what was judged; the others get nothing else. 1, or -1: PERM, if it
 * is certain. */
static int
check_again(const struct ph_item *item, struct ph_err *err)
{
	struct ph_item_state *state;
	struct ph_err why = PH_ERR_INIT;
	int r;

	if (!item->exposed || item->state == NULL ||
	    !is_submitting(item->state) || is_untouched(item->state))
		return 1;
	state = ph_item_state_new("");
	r = ph_item_judge(item, state, &why);
	if (r == 1 && strcmp(state->sender, item->state->sender) != 0)
		r = ph_err_set(&why, PH_ERR_PERM, "it has another sender now");
	ph_item_state_free(&state);
	return r == 1
		   ? 1
		   : ph_err_set(err, why.kind, "the rest waits: %s", why.text);
}

int
ph_item_read(struct ph_item *item, struct ph_err *err)
{
	int r;

	if (item->letter != NULL)
		return 1;
	if (item->fd < 0) {
		r = open_item(item, err);
		if (r != 1)
			return r;
	}
	/* The limit became lower while it was on its way. */
	if (!item->whole)
		return ph_err_set(err, PH_ERR_PERM,
				  "it is larger than is allowed now");
	r = ph_letter_read(item->fd, &item->letter, err);
	return r == 1 ? check_again(item, err) : r;
}

/* ---- the state --------------------------------------------------------- */

/* Another server may have gone on with it since the database was moved. */
static char *
unsaved_key(const struct ph_item *item)
{
	return g_strdup_printf("%s/%" PRId64, item->key, item->epoch);
}

static int
save(struct ph_item *item, struct ph_err *err)
{
	g_autofree char *text = NULL, *key = unsaved_key(item);
	struct stat st;

	/* The file may have become another one: see ph_box_complete. */
	if (item->fd >= 0 && fstat(item->fd, &st) == 0)
		ph_item_state_of(item->state, &st);
	text = ph_item_state_format(item->state);
	item->unsaved = ph_box_save(item->box, item->base, text, err) < 0;
	if (item->unsaved) {
		ph_unsaved_put(item->submission->unsaved, key,
			       g_steal_pointer(&text));
		return -1;
	}
	ph_fault(PH_FAULT_SUBMISSION_NOTED);
	return 0;
}

/* What its owner could have written to since then, or may be too large by now,
 * is judged again. */
static void
mistrust(struct ph_item_state *state)
{
	bool prepared = strcmp(state->step, "prepared") == 0;

	if (prepared)
		*state->nmid = '\0';
	if (prepared || (is_submitting(state) && is_untouched(state)))
		ph_state_text(&state->step, ph_steps[0].name);
}

/* What is noted of this very file; else it begins anew. */
static int
load(struct ph_item *item, struct ph_err *err)
{
	g_autofree char *key = unsaved_key(item);
	g_autofree char *text = ph_unsaved_take(item->submission->unsaved, key);
	struct stat st;
	size_t size;
	int r = 1;

	item->unsaved = text != NULL;
	if (item->unsaved)
		size = strlen(text);
	else
		r = ph_box_load(item->box, item->base, &text, &size, err);
	if (r < 0)
		return -1;
	if (r == 1 && ph_item_state_parse(text, size, &item->state, err) < 0)
		ph_warn("mailbox %s/%s: %s: %s; it begins anew",
			item->name->domain, item->name->local, item->base,
			err->text);
	if (item->state != NULL && !ph_box_immutable(item->box) &&
	    fstat(item->fd, &st) == 0 && !ph_item_state_is_of(item->state, &st))
		ph_item_state_free(&item->state);
	if (item->state != NULL && (item->exposed || !item->whole))
		mistrust(item->state);
	if (item->state != NULL)
		return 0;
	item->state = ph_item_state_new(ph_steps[0].name);
	item->state->created = ph_clock_wall();
	item->state->id =
	    (uint64_t)g_atomic_pointer_add(item->submission->next_id, 1);
	return 0;
}

/* ---- the loop ---------------------------------------------------------- */

static const struct ph_step *
find_step(const char *name)
{
	for (const struct ph_step *step = ph_steps; step->name != NULL; step++)
		if (strcmp(step->name, name) == 0)
			return step;
	return NULL;
}

static int64_t
back_off(const struct ph_submission *submission, int64_t tries)
{
	int64_t wait = submission->retry_min;

	while (tries-- > 1 && wait < submission->retry_max)
		wait *= 2;
	return MIN(wait, submission->retry_max);
}

/* The clock may be set meanwhile: not for more than an hour. */
static int64_t
wait_of(const struct ph_item *item)
{
	const struct ph_item_state *state = item->state;
	int64_t left = state->due - ph_clock_wall();

	if (left > 0)
		return MIN(left, LONGEST_MS);
	return back_off(item->submission,
			is_submitting(state) ? state->tries : state->misses);
}

/* Waiting in the Outbox its owner sees it, and may take it back; not when
 * somebody has it already. */
static enum ph_step_end
wait_outside(struct ph_item *item, struct ph_err *err)
{
	if (save(item, err) < 0)
		return PH_STEP_FAILED;
	if (ph_item_state_count(item->state, PH_RCPT_TAKEN) == 0 &&
	    ph_box_release(item->box, item->file, err) < 0)
		return PH_STEP_FAILED;
	return PH_STEP_WAIT;
}

static enum ph_step_end
run_steps(struct ph_item *item, struct ph_err *err)
{
	enum ph_step_end end = PH_STEP_NEXT;

	/* What cannot be noted now could not be noted afterwards, and whoever
	 * gets it would get it again. */
	if ((item->unsaved || is_submitting(item->state)) &&
	    save(item, err) < 0)
		return PH_STEP_FAILED;
	while (end == PH_STEP_NEXT) {
		const struct ph_step *step = find_step(item->state->step);

		/* Of a later version of ours, perhaps. */
		if (step == NULL) {
			ph_err_set(err, PH_ERR_TEMP, "no such step: %s",
				   item->state->step);
			return PH_STEP_FAILED;
		}
		if (!ph_submission_still_mine(item->submission,
					      item->name->database, item->epoch,
					      err))
			return PH_STEP_FAILED;
		end = step->run(item, err);
		if (end == PH_STEP_NEXT && save(item, err) < 0)
			return PH_STEP_FAILED;
	}
	if (end == PH_STEP_WAIT)
		end = wait_outside(item, err);
	if (end == PH_STEP_DONE)
		ph_box_forget(item->box, item->base);
	return end;
}

/* 1: in items/ and open. 0: gone. -1. */
static int
take(struct ph_item *item, const char *part, struct ph_err *err)
{
	int r = 1;

	if (part != NULL)
		r = ph_box_claim(item->box, part, item->file, err);
	return r == 1 ? open_item(item, err) : r;
}

/* Once for each reason: it is tried again each few seconds. */
static void
complain(const struct ph_item *item, const struct ph_err *err)
{
	if (ph_said_is_new(item->submission->said, item->key, err->text))
		ph_warn("mailbox %s/%s: %s: %s", item->name->domain,
			item->name->local, item->base, err->text);
}

static int64_t
run_item(struct ph_item *item, const char *part)
{
	const struct ph_submission *submission = item->submission;
	struct ph_err err = PH_ERR_INIT;
	enum ph_step_end end = PH_STEP_FAILED;
	int r = take(item, part, &err);

	if (r == 1 && load(item, &err) == 0)
		end = run_steps(item, &err);
	if (r == 0 || end != PH_STEP_FAILED)
		ph_said_forget(submission->said, item->key);
	/* It is gone, not only what was to be claimed. */
	if (r == 0 && part == NULL) {
		g_autofree char *key = unsaved_key(item);

		g_free(ph_unsaved_take(submission->unsaved, key));
	}
	if (r == 0)
		return -1;
	switch (end) {
	case PH_STEP_DONE:
		return -1;
	case PH_STEP_WAIT:
		return wait_of(item);
	case PH_STEP_NEXT:
	case PH_STEP_FAILED:
		break;
	}
	complain(item, &err);
	return submission->retry_min;
}

int
ph_item_open(const struct ph_submission *submission,
	     const struct ph_box_name *name, struct ph_box **box_r,
	     struct ph_err *err)
{
	return submission->imap == NULL
		   ? ph_box_open(submission->root, name, box_r, err)
		   : ph_box_imap_open(submission->imap, submission->root, name,
				      NULL, box_r, err);
}

/* ---- before anything is touched ---------------------------------------- */

static int
open_box(struct ph_item *item, struct ph_err *err)
{
	const struct ph_perms_rule *rule = item->submission->owners;
	struct ph_perms perms = ph_perms_self;
	int r;

	if (rule != NULL &&
	    ph_perms_of(rule, item->owner->entry, &perms, err) < 0)
		return -1;
	r = ph_item_open(item->submission, item->name, &item->box, err);
	if (r == 1)
		ph_box_own(item->box, &perms);
	return r;
}

/* 1: go on. 0: the mailbox is gone. -1: not ours to send, or not now. */
static int
prepare(struct ph_item *item, struct ph_owner **owner_r, struct ph_err *err)
{
	const struct ph_topology *topology;
	const struct ph_server *own;
	int r;

	if (item->snapshot == NULL) {
		ph_err_set(err, PH_ERR_TEMP,
			   "no state of the organisation yet");
		return -1;
	}
	if (!ph_submission_mine(item->submission, item->snapshot,
				item->name->database, &item->epoch, err))
		return -1;
	topology = ph_snapshot_derived(item->snapshot, PH_SUBMISSION_TOPOLOGY);
	own = ph_topology_server(topology, item->submission->server);
	item->fqdn = own->fqdn;
	r = ph_owner_find(item->submission->directory, item->name, owner_r,
			  err);
	item->owner = *owner_r;
	if (r != 1)
		return -1;
	return open_box(item, err);
}

static void
item_clear(struct ph_item *item)
{
	ph_letter_free(&item->letter);
	ph_item_state_free(&item->state);
	ph_path_close(&item->fd);
	ph_box_close(&item->box);
	ph_snapshot_unref(&item->snapshot);
	g_free(item->file);
	g_free(item->base);
	g_free(item->key);
}

int64_t
ph_item_run(const struct ph_submission *submission,
	    const struct ph_box_name *name, const char *part, const char *file)
{
	struct ph_item item = {
	    .submission = submission,
	    .name = name,
	    .snapshot = submission->take(submission->context),
	    .file = g_strdup(file),
	    .base = ph_box_base(file),
	    .fd = -1,
	};
	g_autofree char *box = ph_box_name_key(name);
	struct ph_owner *owner = NULL;
	struct ph_err err = PH_ERR_INIT;
	int64_t wait;
	int r;

	item.key = g_strjoin("/", box, item.base, NULL);
	r = prepare(&item, &owner, &err);
	if (r < 0) {
		ph_debug("mailbox %s/%s: the Outbox waits: %s", name->domain,
			 name->local, err.text);
		wait = submission->retry_min;
	} else {
		wait = r == 0 ? -1 : run_item(&item, part);
	}
	item_clear(&item);
	ph_owner_free(&owner);
	return wait;
}
