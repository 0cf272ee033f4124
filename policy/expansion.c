#include "policy/expansion.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/directory/members.h"
#include "lib/directory/remote.h"
#include "lib/directory/resolve.h"
#include "lib/directory/texts.h"
#include "lib/fork/service.h"
#include "lib/message/nmid.h"
#include "policy/expansion_plan.h"
#include "policy/expansion_rows.h"

#include <string.h>
#include <strings.h>

#define SECTION "policy"
/* Inside lmtp_data_done_timeout, 600 s, with one portion begun just before the
 * budget is used up, which may take all of its own. What is left goes on when
 * the MTA tries again. */
enum {
	BUDGET_MS = 200 * 1000,
	ANSWER_MS = 30 * 1000,
	ENVELOPE_MS = 120 * 1000,
	FINAL_MS = 150 * 1000,
};
/* smtpd_recipient_limit of the private smtpd, with some room for a group. */
#define PORTION ((size_t)5000)
/* The groups that a plan may have, some of them for reports. */
#define PORTIONS ((size_t)50000)

struct ph_expander {
	struct ph_policy_sources sources;
	char *address;		    /* of this server, for rows; "" */
	struct ph_track_log *track; /* NULL: no rows */
	struct ph_plans *plans;
	struct ph_fork_service *fork;
	char *directory;
	GMutex mutex;
	GHashTable *busy; /* ids that a thread is at; under mutex */
};

/* ---- opening ------------------------------------------------------------ */

static const struct ph_topology *
topology_of(const struct ph_expander *expander,
	    const struct ph_snapshot *snapshot)
{
	return ph_snapshot_derived(snapshot, expander->sources.topology);
}

static char *
find_fqdn(void *context)
{
	const struct ph_expander *expander = context;
	struct ph_snapshot *snapshot = ph_state_take(expander->sources.state);
	const struct ph_server *own =
	    snapshot == NULL
		? NULL
		: ph_topology_server(topology_of(expander, snapshot),
				     expander->sources.server);
	char *fqdn = own != NULL ? g_strdup(own->fqdn) : NULL;

	ph_snapshot_unref(&snapshot);
	return fqdn;
}

static bool
may_report(void *context, const char *address)
{
	const struct ph_expander *expander = context;

	return ph_remote_may_tell(expander->sources.directory,
				  expander->sources.state, address);
}

/* A front end, where no group is expanded, need not be able to write rows. */
static void
open_track(const struct ph_conf *conf, struct ph_expander *expander)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_track_log_configure(conf, "MSGTRK", &expander->track, &err) < 0)
		ph_warn("no tracking rows of expansions: %s", err.text);
}

static int
open_fork(const struct ph_conf *conf, struct ph_expander *expander,
	  struct ph_err *err)
{
	struct ph_fork_options options = {
	    .server = expander->sources.server,
	    .address = expander->address,
	    .track = expander->track,
	    .fqdn = find_fqdn,
	    .may_report = may_report,
	    .context = expander,
	    .lifetime = ph_conf_int(conf, SECTION, "expansion_lifetime"),
	    .timeout = ANSWER_MS,
	    .envelope_timeout = ENVELOPE_MS,
	    .final_timeout = FINAL_MS,
	};

	if (ph_plans_open(expander->directory, &expander->plans, err) < 0 ||
	    ph_parse_endpoint(ph_conf_text(conf, SECTION, "inject"),
			      &options.inject, err) < 0 ||
	    ph_parse_endpoint(ph_conf_text(conf, SECTION, "members"),
			      &options.copies, err) < 0)
		return -1;
	options.plans = expander->plans;
	options.directory = expander->directory;
	expander->fork = ph_fork_service_new(&options);
	return 0;
}

int
ph_expander_open(const struct ph_conf *conf,
		 const struct ph_policy_sources *sources,
		 struct ph_expander **expander_r, struct ph_err *err)
{
	struct ph_expander *expander = g_new0(struct ph_expander, 1);

	expander->sources = *sources;
	expander->address = g_strdup(ph_conf_text(conf, "server", "address"));
	expander->directory = g_build_filename(
	    ph_conf_text(conf, "server", "state_dir"), "expansions", NULL);
	g_mutex_init(&expander->mutex);
	expander->busy =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	open_track(conf, expander);
	if (open_fork(conf, expander, err) < 0) {
		ph_expander_close(&expander);
		return -1;
	}
	*expander_r = expander;
	return 0;
}

void
ph_expander_close(struct ph_expander **expander)
{
	struct ph_expander *p = *expander;

	if (p == NULL)
		return;
	*expander = NULL;
	ph_fork_service_free(&p->fork);
	ph_plans_close(&p->plans);
	ph_track_log_close(&p->track);
	g_hash_table_unref(p->busy);
	g_mutex_clear(&p->mutex);
	g_free(p->directory);
	g_free(p->address);
	g_free(p);
}

void
ph_expander_tidy(struct ph_expander *expander)
{
	ph_fork_tidy(expander->fork);
}

/* ---- making the list ----------------------------------------------------- */

/* One message for one group. */
struct work {
	struct ph_expander *expander;
	const struct ph_fork_content *content;
	const struct ph_fork_recipient *recipient;
	struct ph_snapshot *snapshot;
	struct ph_object *group;
	char *id;
	int64_t began; /* monotonic ms */
};

/* What the milter has found out when the message came. */
static struct ph_restrict_sender
make_sender(const struct ph_fork_content *content)
{
	const char *as = ph_headers_raw(content->headers, PH_HEADER_AUTH_AS, 0);

	return (struct ph_restrict_sender){
	    .exempt = as == NULL && *content->sender == '\0',
	    .authenticated = as != NULL && strcasecmp(as, "Internal") == 0,
	    .address = ph_expansion_sender(content),
	    .size = content->size,
	};
}

/* Other groups need a copy of their own where they want something that this
 * one does not want. */
static unsigned
find_apart(const struct work *work)
{
	struct ph_group_wishes wishes;

	ph_group_wishes(work->group, &wishes);
	return PH_APART_REPORTS | PH_APART_SERVER |
	       (wishes.no_replies ? 0 : PH_APART_REPLIES);
}

static int
expand(const struct work *work, struct ph_expansion **expansion_r,
       struct ph_err *err)
{
	const struct ph_policy_sources *sources = &work->expander->sources;
	g_autoptr(GHashTable) opened = ph_expansion_opened(work->content);
	struct ph_restrict_sender sender = make_sender(work->content);
	const struct ph_expand_options options = {
	    .directory = sources->directory,
	    .snapshot = work->snapshot,
	    .sender = &sender,
	    .apart = find_apart(work),
	    .server = sources->server,
	    .opened = opened,
	};
	int r = ph_expand(&options, work->group, expansion_r, err);

	ph_restrict_clear(&sender);
	return r < 0 ? -1 : 0;
}

/* ExpansionSizeLimit, as far as the private smtpd and a plan allow. */
static size_t
find_portion(const struct work *work, const struct ph_expansion *expansion)
{
	size_t limit = ph_members_limit(work->snapshot);
	size_t least = expansion->members->len / PORTIONS + 1;

	return CLAMP(limit, least, PORTION);
}

/* Rows before the list: written again after a crash they are the same rows. */
static int
write_plan(const struct work *work, const struct ph_plan *plan,
	   const struct ph_expansion *expansion, struct ph_err *err)
{
	const struct ph_expander *expander = work->expander;
	const struct ph_fork_rows rows = {
	    expander->track, expander->sources.server, expander->address, plan,
	    work->content->headers};

	ph_expansion_rows(&rows, ph_entry_primary(work->group), expansion);
	return plan->groups->len > 0
		   ? ph_plans_write(expander->plans, plan, err)
		   : 0;
}

/* expansion_r stays NULL for a report. */
static int
plan_it(const struct work *work, struct ph_expansion **expansion_r,
	struct ph_plan **plan_r, struct ph_err *err)
{
	const struct ph_policy_sources *sources = &work->expander->sources;
	const struct ph_expansion_letter letter = {
	    .content = work->content,
	    .recipient = work->recipient,
	    .group = work->group,
	    .server = sources->server,
	    .now = ph_clock_wall(),
	};

	if (ph_expansion_is_report(work->content))
		return ph_expansion_report_plan(&letter, sources->directory,
						plan_r, err);
	if (expand(work, expansion_r, err) < 0)
		return -1;
	return ph_expansion_plan(&letter, *expansion_r, sources->directory,
				 find_portion(work, *expansion_r), plan_r, err);
}

static int
make_plan(const struct work *work, struct ph_plan **plan_r, struct ph_err *err)
{
	struct ph_expansion *expansion = NULL;
	struct ph_plan *plan = NULL;
	int r = plan_it(work, &expansion, &plan, err);

	if (r == 0)
		r = write_plan(work, plan, expansion, err);
	ph_expansion_free(&expansion);
	if (r < 0)
		ph_plan_free(&plan);
	else
		*plan_r = plan;
	return r;
}

/* What was written before, else what is written now. 0 or -1. */
static int
find_plan(const struct work *work, struct ph_plan **plan_r, struct ph_err *err)
{
	g_autofree char *token = g_strconcat(work->id, ".0", NULL);
	size_t group;
	int r =
	    ph_plans_read(work->expander->plans, token, plan_r, &group, err);

	if (r < 0)
		return -1;
	return r == 1 ? 0 : make_plan(work, plan_r, err);
}

/* ---- carrying it out ----------------------------------------------------- */

static bool
is_stopping(const struct ph_expander *expander)
{
	const struct ph_policy_sources *sources = &expander->sources;

	return sources->stopping != NULL && sources->stopping(sources->context);
}

/* The first answer that is not 250, or NULL. */
static char *
carry_out(const struct work *work, const struct ph_plan *plan)
{
	for (guint i = 0; i < plan->groups->len; i++) {
		g_autofree char *token = ph_plan_token(plan, i);
		g_autofree char *answer = NULL;

		if (ph_clock_mono() - work->began > BUDGET_MS ||
		    is_stopping(work->expander))
			return g_strdup("451 4.3.2 Not all members have the "
					"message yet");
		answer = ph_fork_carry_out(work->expander->fork, work->content,
					   token, plan, i);
		if (*answer != '2')
			return g_steal_pointer(&answer);
	}
	return NULL;
}

static guint
count_members(const struct ph_plan *plan)
{
	guint n = 0;

	for (guint i = 0; i < plan->groups->len; i++) {
		const struct ph_plan_group *group = plan->groups->pdata[i];

		if (group->kind == PH_PLAN_COPY)
			n += group->recipients->len;
	}
	return n;
}

static char *
later(const struct work *work, const struct ph_err *err)
{
	ph_log(PH_LOG_WARN, work->content->queue_id, "group <%s>: %s",
	       work->recipient->address, err->text);
	/* What it says of a group is the code and the text. */
	return err->kind == PH_ERR_PERM && g_ascii_isdigit(*err->text)
		   ? g_strdup_printf("550 %s", err->text)
		   : g_strdup_printf("451 4.3.0 %s", err->text);
}

static char *
work_on(const struct work *work)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_plan *plan = NULL;
	char *answer;
	guint n;

	if (find_plan(work, &plan, &err) < 0)
		return later(work, &err);
	answer = carry_out(work, plan);
	n = count_members(plan);
	ph_plan_free(&plan);
	return answer != NULL
		   ? answer
		   : g_strdup_printf("250 2.0.0 Expanded to %u recipients", n);
}

/* The MTA may ask again while a thread still is at what it gave up. */
static char *
work_alone(const struct work *work)
{
	struct ph_expander *expander = work->expander;
	char *answer;
	bool mine;

	g_mutex_lock(&expander->mutex);
	mine = g_hash_table_add(expander->busy, g_strdup(work->id));
	g_mutex_unlock(&expander->mutex);
	if (!mine)
		return g_strdup("451 4.3.2 This is being done already");
	answer = work_on(work);
	g_mutex_lock(&expander->mutex);
	g_hash_table_remove(expander->busy, work->id);
	g_mutex_unlock(&expander->mutex);
	return answer;
}

/* The group, or the answer, g_free. What it was when the message came it need
 * not be any more. */
static char *
find_group(struct work *work)
{
	struct ph_resolution resolution;
	struct ph_err err = PH_ERR_INIT;
	enum ph_resolve_verdict verdict;

	if (ph_resolve(work->expander->sources.directory, work->snapshot,
		       work->recipient->address, &resolution, &err) < 0)
		return err.kind == PH_ERR_PERM
			   ? g_strdup("550 " PH_TEXT_AMBIGUOUS)
			   : later(work, &err);
	work->group = g_steal_pointer(&resolution.entry);
	verdict = resolution.verdict;
	ph_resolution_clear(&resolution);
	if (verdict == PH_RESOLVED_UNKNOWN)
		return g_strdup("550 " PH_TEXT_UNKNOWN);
	if (work->group == NULL || !ph_entry_is_group(work->group))
		return g_strdup("451 4.4.4 This is no group");
	return NULL;
}

static char *
on_message(void *context, const struct ph_fork_content *content,
	   const struct ph_fork_recipient *recipient)
{
	struct ph_expander *expander = context;
	struct work work = {
	    .expander = expander,
	    .content = content,
	    .recipient = recipient,
	    .snapshot = ph_state_take(expander->sources.state),
	    .began = ph_clock_mono(),
	};
	char *answer;

	if (work.snapshot == NULL)
		return g_strdup("451 4.3.0 Temporary system problem");
	answer = find_group(&work);
	if (answer == NULL) {
		work.id =
		    ph_expansion_id(content, ph_entry_primary(work.group));
		answer = work_alone(&work);
	}
	g_free(work.id);
	ph_object_unref(&work.group);
	ph_snapshot_unref(&work.snapshot);
	return answer;
}

void
ph_expander_serve(struct ph_stream *stream, struct ph_expander *expander)
{
	g_autofree char *fqdn = find_fqdn(expander);
	const struct ph_work_options options = {
	    .name = "expand",
	    .hostname = fqdn != NULL ? fqdn : expander->sources.server,
	    .directory = expander->directory,
	    .trusted = true,
	    .work = on_message,
	    .context = expander,
	};

	ph_work_serve(stream, &options);
}
