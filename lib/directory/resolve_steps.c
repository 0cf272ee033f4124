#include "lib/directory/resolve_steps.h"

#include "lib/base/text.h"
#include "lib/directory/members.h"
#include "lib/directory/texts.h"

#include <string.h>

static void
free_step(void *data)
{
	struct ph_step *step = data;

	ph_resolution_clear(&step->at);
	g_free(step->refusal);
	g_free(step);
}

static const char *
text_of(const struct ph_object *entry, const char *field)
{
	const char *text = ph_object_text(entry, field);

	return text != NULL && *text != '\0' ? text : NULL;
}

const char *
ph_entry_external(const struct ph_object *entry)
{
	const char *type = ph_object_text(entry, "RecipientType");

	return strcmp(type, "MailContact") == 0 || strcmp(type, "MailUser") == 0
		   ? text_of(entry, "ExternalEmailAddress")
		   : NULL;
}

static const char *
forward_of(const struct ph_object *entry)
{
	const char *forward = text_of(entry, "ForwardingAddress");

	return forward != NULL ? forward
			       : text_of(entry, "ForwardingSmtpAddress");
}

const char *
ph_entry_onward(const struct ph_object *entry)
{
	const char *forward =
	    ph_entry_is_group(entry) ? NULL : forward_of(entry);

	return forward != NULL ? forward : ph_entry_external(entry);
}

const char *
ph_step_destination(const struct ph_step *step)
{
	const char *external =
	    step->at.entry != NULL ? ph_entry_external(step->at.entry) : NULL;

	return external != NULL ? external : step->at.address;
}

/* ---- one step ----------------------------------------------------------- */

struct walk {
	struct ph_directory *directory;
	const struct ph_snapshot *snapshot;
	struct ph_restrict_sender *sender;
	GPtrArray *steps; /* struct ph_step */
};

static void
refuse(struct ph_step *step, const char *text)
{
	step->fate = PH_STEP_REFUSED;
	step->refusal = g_strdup(text);
}

/* An address that is no good ends the chain there, and nothing else: what was
 * come to before gets the message. */
static int
look_up(const struct walk *walk, struct ph_step *step, const char *address,
	struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;

	if (ph_resolve(walk->directory, walk->snapshot, address, &step->at,
		       &why) == 0)
		return 0;
	if (why.kind != PH_ERR_PERM || step->by == PH_BY_SENDER)
		return ph_err_set(err, why.kind, "%s", why.text);
	step->at.verdict = PH_RESOLVED_UNKNOWN;
	step->at.address = g_strdup(address);
	step->at.original = g_strdup(address);
	refuse(step, PH_TEXT_AMBIGUOUS);
	return 0;
}

static void
judge_verdict(struct ph_step *step)
{
	if (step->at.verdict == PH_RESOLVED_UNKNOWN)
		refuse(step, PH_TEXT_UNKNOWN);
	else if (step->at.verdict == PH_RESOLVED_INVALID)
		refuse(step, PH_TEXT_INVALID);
}

static int
judge_sender(const struct walk *walk, struct ph_step *step, struct ph_err *err)
{
	g_autofree char *refusal = NULL;
	int r;

	if (walk->sender == NULL || step->at.entry == NULL)
		return 0;
	r = ph_restrict_check(walk->directory, step->at.entry, walk->sender,
			      &refusal, err);
	if (r == 0)
		refuse(step, refusal);
	return r < 0 ? -1 : 0;
}

static bool
same_entry(const struct ph_step *a, const struct ph_step *b)
{
	return a->at.entry != NULL && b->at.entry != NULL &&
	       strcmp(ph_object_folded(a->at.entry),
		      ph_object_folded(b->at.entry)) == 0;
}

/* Has the last step come to an entry for the second time? The steps between
 * are the circle. */
static void
judge_circle(const struct walk *walk, struct ph_step *step)
{
	guint last = walk->steps->len - 1, i = 0;

	while (i < last && !same_entry(walk->steps->pdata[i], step))
		i++;
	if (i == last)
		return;
	for (; i < last; i++) {
		const struct ph_step *before = walk->steps->pdata[i];

		if (before->fate == PH_STEP_RECIPIENT) {
			step->fate = PH_STEP_AGAIN;
			return;
		}
	}
	refuse(step, PH_TEXT_LOOP);
}

/* ---- the chain ---------------------------------------------------------- */

struct next {
	enum ph_step_by by;
	const char *address; /* borrowed from the step before */
};

/* The external address, if it is that of another entry. 1, 0, -1 TEMP. */
static int
find_contact(const struct walk *walk, const struct ph_object *entry,
	     struct next *next_r, struct ph_err *err)
{
	const char *external = ph_entry_external(entry);
	struct ph_err why = PH_ERR_INIT;
	struct ph_object *other = NULL;
	int r;

	if (external == NULL)
		return 0;
	r = ph_directory_find(walk->directory, external, &other, &why);
	if (r == 1 &&
	    strcmp(ph_object_folded(other), ph_object_folded(entry)) == 0)
		r = 0;
	ph_object_unref(&other);
	if (r < 0 && why.kind != PH_ERR_PERM)
		return ph_err_set(err, why.kind, "%s", why.text);
	if (r == 0)
		return 0;
	*next_r = (struct next){PH_BY_CONTACT, external};
	return 1;
}

/* Where it goes on from a recipient. 1, 0: nowhere, -1. */
static int
find_next(const struct walk *walk, struct ph_step *step, struct next *next_r,
	  struct ph_err *err)
{
	const struct ph_object *entry = step->at.entry;
	const char *forward;
	int r;

	if (entry == NULL || ph_entry_is_group(entry))
		return 0;
	forward = forward_of(entry);
	if (forward != NULL) {
		if (!ph_object_bool(entry, "DeliverToMailboxAndForward"))
			step->fate = PH_STEP_PASSED;
		*next_r = (struct next){PH_BY_FORWARD, forward};
		return 1;
	}
	r = find_contact(walk, entry, next_r, err);
	if (r == 1)
		step->fate = PH_STEP_PASSED;
	return r;
}

static struct ph_step *
new_step(const struct walk *walk, const struct next *to)
{
	struct ph_step *step = g_new0(struct ph_step, 1);

	step->by = to->by;
	step->fate = PH_STEP_RECIPIENT;
	g_ptr_array_add(walk->steps, step);
	return step;
}

/* 1: from there it goes on to *next_r; 0: it does not; -1. */
static int
take_step(const struct walk *walk, const struct next *to, struct next *next_r,
	  struct ph_err *err)
{
	struct ph_step *step = new_step(walk, to);

	if (look_up(walk, step, to->address, err) < 0)
		return -1;
	if (step->fate == PH_STEP_RECIPIENT)
		judge_verdict(step);
	if (step->fate == PH_STEP_RECIPIENT)
		judge_circle(walk, step);
	if (step->fate == PH_STEP_RECIPIENT &&
	    judge_sender(walk, step, err) < 0)
		return -1;
	return step->fate == PH_STEP_RECIPIENT
		   ? find_next(walk, step, next_r, err)
		   : 0;
}

static void
end_long(const struct walk *walk, const struct next *to)
{
	struct ph_step *step = new_step(walk, to);

	step->at.verdict = PH_RESOLVED_UNKNOWN;
	step->at.address = g_strdup(to->address);
	step->at.original = g_strdup(to->address);
	refuse(step, PH_TEXT_LOOP);
}

int
ph_resolve_steps(struct ph_directory *directory,
		 const struct ph_snapshot *snapshot, const char *address,
		 struct ph_restrict_sender *sender, GPtrArray **steps_r,
		 struct ph_err *err)
{
	g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func(free_step);
	const struct walk walk = {directory, snapshot, sender, steps};
	struct next to = {PH_BY_SENDER, address};
	int r = 1;

	while (r == 1 && steps->len < PH_STEPS) {
		struct next next = {PH_BY_SENDER, NULL};

		r = take_step(&walk, &to, &next, err);
		if (r == 1)
			to = next;
	}
	if (r < 0)
		return -1;
	if (r == 1)
		end_long(&walk, &to);
	*steps_r = g_steal_pointer(&steps);
	return 0;
}

const char *
ph_steps_refusal(const GPtrArray *steps)
{
	const struct ph_step *last = steps->pdata[steps->len - 1];

	for (guint i = 0; i < steps->len; i++) {
		const struct ph_step *step = steps->pdata[i];

		if (step->fate == PH_STEP_RECIPIENT)
			return NULL;
	}
	return last->refusal;
}

/* ---- names -------------------------------------------------------------- */

const char *
ph_step_by_name(enum ph_step_by by)
{
	static const char *const names[] = {
	    [PH_BY_SENDER] = "sender",
	    [PH_BY_FORWARD] = "forward",
	    [PH_BY_CONTACT] = "contact",
	};

	return names[by];
}

const char *
ph_step_fate_name(enum ph_step_fate fate)
{
	static const char *const names[] = {
	    [PH_STEP_PASSED] = "passed",
	    [PH_STEP_RECIPIENT] = "recipient",
	    [PH_STEP_AGAIN] = "again",
	    [PH_STEP_REFUSED] = "refused",
	};

	return names[fate];
}
