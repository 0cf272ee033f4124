#include "store/submission/item.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/directory/resolve.h"
#include "lib/routing/route.h"
#include "store/submission/rows.h"
#include "store/submission/transmit.h"

#include <string.h>

/* ---- which servers ----------------------------------------------------- */

/* The databases of the first recipients that wait. -1: cannot say. */
static int
find_databases(const struct ph_item *item, GPtrArray *databases,
	       struct ph_err *err)
{
	const GPtrArray *rcpts = item->state->recipients;
	size_t looked = 0;

	for (guint i = 0; i < rcpts->len && looked < PH_SELECT_RECIPIENTS;
	     i++) {
		const struct ph_rcpt *rcpt = rcpts->pdata[i];
		struct ph_err why = PH_ERR_INIT;
		struct ph_resolution resolution;

		if (rcpt->state != PH_RCPT_WAITING)
			continue;
		looked++;
		if (ph_resolve(item->submission->directory, item->snapshot,
			       rcpt->address, &resolution, &why) < 0) {
			/* Whose address two entries claim is for Transport to
			 * refuse, in its own words. */
			if (why.kind == PH_ERR_PERM)
				continue;
			if (err != NULL)
				*err = why;
			return -1;
		}
		if (resolution.entry != NULL &&
		    ph_entry_is_mailbox(resolution.entry))
			g_ptr_array_add(
			    databases, g_strdup(ph_object_text(resolution.entry,
							       "Database")));
		ph_resolution_clear(&resolution);
	}
	return 0;
}

/* NULL-terminated, g_free; NULL: cannot say. */
static const struct ph_server **
select_servers(const struct ph_item *item, struct ph_err *err)
{
	const struct ph_submission *submission = item->submission;
	g_autoptr(GPtrArray) databases = g_ptr_array_new_with_free_func(g_free);
	const struct ph_server **servers;
	struct ph_health *health;
	GRand *random;

	if (find_databases(item, databases, err) < 0)
		return NULL;
	random = g_rand_new();
	health = submission->health(submission->context);
	servers = ph_select_transport(
	    ph_snapshot_derived(item->snapshot, PH_SUBMISSION_TOPOLOGY),
	    submission->server, PH_SELECT_SUBMISSION,
	    (const char *const *)databases->pdata, databases->len, health,
	    random);
	ph_health_free(&health);
	g_rand_free(random);
	return servers;
}

/* ---- one after the other ----------------------------------------------- */

static void
write_submit_row(const struct ph_item *item, const struct ph_server *server,
		 const GPtrArray *taken)
{
	const char *host = server->service[PH_SERVICE_TRANSPORT].host;
	struct ph_submission_facts facts = {
	    .submission = item->submission,
	    .fqdn = item->fqdn,
	    .database = item->name->database,
	    .state = item->state,
	    .letter = item->letter,
	    .to = server->fqdn,
	    .to_address = g_hostname_is_ip_address(host) ? host : "",
	    .reason = "",
	};

	ph_submission_row(PH_SUBMISSION_SUBMIT, &facts, taken);
	ph_fault(PH_FAULT_SUBMISSION_SUBMIT_ROW);
	ph_info("%s: from=<%s>, nrcpt=%u, submitted to %s", item->state->nmid,
		item->state->sender, taken->len, server->fqdn);
}

static bool
has_waiting(const struct ph_item *item)
{
	return ph_item_state_count(item->state, PH_RCPT_WAITING) > 0;
}

/* In an order that does not change with that of the tries: a reason that stays
 * the same is told once. */
static void
join_reasons(GPtrArray *reasons, struct ph_err *err)
{
	g_autofree char *text = NULL;

	g_ptr_array_sort(reasons, ph_by_text);
	g_ptr_array_add(reasons, NULL);
	text = g_strjoinv("; ", (char **)reasons->pdata);
	ph_err_set(err, PH_ERR_TEMP, "%s",
		   *text != '\0' ? text : "no Transport service is available");
}

/* 1: a server took it, or refused all. 0: go on with the next. -1: our own
 * side failed. */
static int
try_server(struct ph_item *item, const struct ph_server *server,
	   struct ph_err *err)
{
	g_autoptr(GPtrArray) taken = g_ptr_array_new();
	const struct ph_transmit transmit = {
	    .submission = item->submission,
	    .fqdn = item->fqdn,
	    .database = item->name->database,
	    .epoch = item->epoch,
	    .owner = item->owner->primary,
	    .endpoint = &server->service[PH_SERVICE_TRANSPORT],
	    .name = server->fqdn,
	    .letter = item->letter,
	    .fd = item->fd,
	    .state = item->state,
	};

	switch (ph_transmit(&transmit, taken, err)) {
	case PH_TRANSMIT_TAKEN:
		write_submit_row(item, server, taken);
		return 1;
	case PH_TRANSMIT_ENDED:
		return 1;
	case PH_TRANSMIT_LOCAL:
		return -1;
	case PH_TRANSMIT_NEXT:
		break;
	}
	return 0;
}

/* As try_server; 0: none took it, err says why. */
static int
try_servers(struct ph_item *item, const struct ph_server *const *servers,
	    struct ph_err *err)
{
	g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
	int r = 0;

	for (; *servers != NULL && r == 0; servers++) {
		struct ph_err why = PH_ERR_INIT;

		r = try_server(item, *servers, &why);
		if (r < 0 && err != NULL)
			*err = why;
		if (r == 0)
			g_ptr_array_add(
			    reasons, g_strdup_printf("%s: %s", (*servers)->fqdn,
						     why.text));
	}
	if (r == 0)
		join_reasons(reasons, err);
	return r;
}

/* ---- what comes after -------------------------------------------------- */

/* Once for each new reason, or a long outage fills the log. */
static void
note_deferred(struct ph_item *item, const char *reason)
{
	struct ph_submission_facts facts = {
	    .submission = item->submission,
	    .fqdn = item->fqdn,
	    .database = item->name->database,
	    .state = item->state,
	    .letter = item->letter,
	    .reason = reason,
	};
	g_autoptr(GPtrArray) waiting =
	    ph_item_state_list(item->state, PH_RCPT_WAITING);

	if (strcmp(item->state->deferred, reason) == 0)
		return;
	ph_state_text(&item->state->deferred, reason);
	ph_submission_row(PH_SUBMISSION_DEFER, &facts, waiting);
	ph_info("%s: from=<%s>, deferred: %s", item->state->nmid,
		item->state->sender, reason);
}

static void
expire(struct ph_item *item)
{
	g_autofree char *reply = g_strdup_printf(
	    "550 4.4.7 Message expired: %s", item->state->deferred);

	ph_item_state_refuse(item->state, reply);
}

static const char *
first_waiting_reply(const struct ph_item *item)
{
	g_autoptr(GPtrArray) waiting =
	    ph_item_state_list(item->state, PH_RCPT_WAITING);
	const struct ph_rcpt *first =
	    waiting->len > 0 ? waiting->pdata[0] : NULL;

	return first != NULL ? first->reply : "";
}

/* From when it was due. */
static bool
has_expired(const struct ph_item *item)
{
	return ph_clock_wall() - MAX(item->state->created, item->state->due) >=
	       ph_item_expiry(item);
}

static enum ph_step_end
finish(struct ph_item *item)
{
	bool refused = ph_item_state_count(item->state, PH_RCPT_REFUSED) > 0;

	ph_state_text(&item->state->step, refused ? "reporting" : "filing");
	return PH_STEP_NEXT;
}

/* RFC 5321 section 4.5.3.1.10: too many recipients for one transaction; the
 * others go with the next one, at once. This one is noted before. */
static bool
wants_another(const struct ph_item *item, size_t taken_before)
{
	return ph_item_state_count(item->state, PH_RCPT_TAKEN) > taken_before &&
	       g_str_has_prefix(first_waiting_reply(item), "452 ");
}

/* It cannot be sent any more as it was judged. */
static enum ph_step_end
give_up(struct ph_item *item, const char *reason)
{
	g_autofree char *valid = g_utf8_make_valid(reason, -1);

	note_deferred(item, valid);
	expire(item);
	return finish(item);
}

enum ph_step_end
ph_step_submit(struct ph_item *item, struct ph_err *err)
{
	g_autofree const struct ph_server **servers = NULL;
	struct ph_err why = PH_ERR_INIT;
	size_t taken;
	int r;

	if (!has_waiting(item))
		return finish(item);
	taken = ph_item_state_count(item->state, PH_RCPT_TAKEN);
	if (ph_item_read(item, err) != 1)
		return err->kind == PH_ERR_PERM && has_expired(item)
			   ? give_up(item, err->text)
			   : PH_STEP_FAILED;
	servers = select_servers(item, &why);
	r = servers == NULL ? 0 : try_servers(item, servers, &why);
	if (r < 0) {
		ph_err_set(err, why.kind, "%s", why.text);
		return PH_STEP_FAILED;
	}
	if (wants_another(item, taken))
		return PH_STEP_NEXT;
	if (has_waiting(item)) {
		note_deferred(item,
			      r == 1 ? first_waiting_reply(item) : why.text);
		item->state->tries++;
		if (has_expired(item))
			expire(item);
		else if (ph_item_state_count(item->state, PH_RCPT_REFUSED) == 0)
			return PH_STEP_WAIT;
	}
	return finish(item);
}
