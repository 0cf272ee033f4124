#include "policy/expansion_plan.h"

#include "lib/base/text.h"
#include "lib/directory/restrict.h"
#include "lib/message/headers.h"
#include "lib/message/nmid.h"
#include "lib/message/replies.h"
#include "lib/smtp/client.h"

#include <string.h>
#include <strings.h>

/* ---- which message ------------------------------------------------------ */

/* The id that was given on entry; NULL: it has passed no milter of ours. */
static const char *
find_nmid(const struct ph_fork_content *content)
{
	const char *nmid = ph_headers_raw(content->headers, PH_HEADER_NMID, 0);

	return nmid != NULL && ph_uuid_valid(nmid) ? nmid : NULL;
}

/* Of what does not change while it is in the queue. */
static void
hash(const struct ph_fork_content *content, const char *group,
     char id_r[PH_UUID_TEXT])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *folded = ph_fold(group);
	const char *nmid = find_nmid(content);
	guint8 digest[32];
	gsize size = sizeof digest;

	g_checksum_update(sum, (const guchar *)"expand\n", -1);
	g_checksum_update(sum, (const guchar *)folded, -1);
	g_checksum_update(sum, (const guchar *)"\n", -1);
	if (nmid != NULL)
		g_checksum_update(sum, (const guchar *)nmid, -1);
	else
		g_checksum_update(sum, (const guchar *)content->data,
				  (gssize)content->size);
	g_checksum_get_digest(sum, digest, &size);
	ph_uuid_from_digest(digest, id_r);
}

char *
ph_expansion_id(const struct ph_fork_content *content, const char *group)
{
	char id[PH_UUID_TEXT];

	hash(content, group, id);
	return g_strdup(id);
}

GHashTable *
ph_expansion_opened(const struct ph_fork_content *content)
{
	GHashTable *opened =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const struct ph_headers *headers = content->headers;
	size_t n = ph_headers_count(headers);

	for (size_t i = ph_headers_find(headers, PH_HEADER_EXPANDED, 0); i < n;
	     i = ph_headers_find(headers, PH_HEADER_EXPANDED, i + 1))
		g_hash_table_add(opened,
				 ph_fold(ph_headers_at(headers, i)->value));
	return opened;
}

const char *
ph_expansion_sender(const struct ph_fork_content *content)
{
	const char *named =
	    ph_headers_raw(content->headers, PH_HEADER_ORIGINATOR, 0);

	return named != NULL ? named : content->sender;
}

/* ---- what the copies are like ------------------------------------------- */

/* What all of them have. */
struct work {
	const struct ph_expansion_letter *letter;
	const struct ph_expansion *expansion;
	struct ph_plan *plan;
	const char *notify; /* as in RCPT; NULL: not given */
	char *orcpt;
	bool no_replies;
};

static void
set_values(struct ph_plan_group *group, const struct ph_headers *headers,
	   const char *name, struct ph_plan_header **header_r)
{
	struct ph_plan_header *header = ph_plan_add_header(group, name);
	size_t n = ph_headers_count(headers);

	for (size_t i = ph_headers_find(headers, name, 0); i < n;
	     i = ph_headers_find(headers, name, i + 1))
		g_ptr_array_add(header->values,
				g_strdup(ph_headers_at(headers, i)->value));
	*header_r = header;
}

/* Sets a field that is not there. */
static void
complete(struct ph_plan_group *group, const struct ph_headers *headers,
	 const char *name, const char *value)
{
	if (ph_headers_raw(headers, name, 0) == NULL)
		g_ptr_array_add(ph_plan_add_header(group, name)->values,
				g_strdup(value));
}

static void
suppress_replies(struct ph_plan_group *group, const struct ph_headers *headers)
{
	char *value = ph_replies_none(headers);

	if (value != NULL)
		g_ptr_array_add(
		    ph_plan_add_header(group, PH_HEADER_NO_REPLIES)->values,
		    value);
}

/* The groups that were opened travel with it where one of its recipients is a
 * group again. Of very many inside it the first will do; the group itself ends
 * a circle, and is there in any case. */
#define EXPANDED_LIMIT ((guint)500)

static void
add_history(const struct work *work, struct ph_plan_group *group)
{
	const GPtrArray *members = work->expansion->members;
	struct ph_plan_header *header;
	bool apart = false;

	for (guint i = 0; i < members->len; i++) {
		const struct ph_member *member = members->pdata[i];

		apart |= member->fate == PH_MEMBER_APART;
	}
	set_values(group, work->letter->content->headers, PH_HEADER_EXPANDED,
		   &header);
	for (guint i = 0; i < (apart ? members->len : 1); i++) {
		const struct ph_member *member = members->pdata[i];

		if (member->fate == PH_MEMBER_GROUP &&
		    (i == 0 || header->values->len < EXPANDED_LIMIT))
			g_ptr_array_add(header->values,
					g_strdup(member->address));
	}
}

static void
add_headers(const struct work *work, struct ph_plan_group *group)
{
	const struct ph_fork_content *content = work->letter->content;
	const struct ph_headers *headers = content->headers;

	complete(group, headers, PH_HEADER_NMID, work->plan->nmid);
	complete(group, headers, PH_HEADER_RESOLVED, work->letter->server);
	if (strcmp(work->plan->sender, content->sender) != 0)
		complete(group, headers, PH_HEADER_ORIGINATOR, content->sender);
	if (work->no_replies)
		suppress_replies(group, headers);
	add_history(work, group);
}

/* ---- who gets them ------------------------------------------------------ */

static void
add_recipient(const struct work *work, struct ph_plan_group *group,
	      const char *address)
{
	struct ph_plan_recipient *r =
	    ph_plan_add_recipient(group, address, NULL);

	r->notify = g_strdup(work->notify);
	r->orcpt = g_strdup(work->orcpt);
}

static void
add_copies(const struct work *work, size_t portion)
{
	const GPtrArray *members = work->expansion->members;
	struct ph_plan_group *group = NULL;

	for (guint i = 0; i < members->len; i++) {
		const struct ph_member *member = members->pdata[i];

		if (member->fate != PH_MEMBER_RECIPIENT &&
		    member->fate != PH_MEMBER_APART)
			continue;
		if (group == NULL || group->recipients->len >= portion) {
			group = ph_plan_add_group(work->plan, PH_PLAN_COPY);
			add_headers(work, group);
		}
		add_recipient(work, group, member->address);
	}
}

/* ---- who is refused ----------------------------------------------------- */

/* Of one report. */
#define REPORTED ((guint)1000)

/* One report is about many, so its text names none of them. */
static char *
make_text(const struct ph_member *member, char **enhanced_r)
{
	g_autofree char *refusal = ph_restrict_nameless(member->refusal);
	const char *text = refusal + strcspn(refusal, " ");

	*enhanced_r = g_strndup(refusal, (size_t)(text - refusal));
	return g_strdup(text + strspn(text, " "));
}

static struct ph_plan_group *
find_report(const struct work *work, guint first, const char *enhanced,
	    const char *text)
{
	struct ph_plan_group *group;

	for (guint i = first; i < work->plan->groups->len; i++) {
		group = work->plan->groups->pdata[i];
		if (strcmp(group->text, text) == 0 &&
		    strcmp(group->enhanced, enhanced) == 0 &&
		    group->recipients->len < REPORTED)
			return group;
	}
	group = ph_plan_add_group(work->plan, PH_PLAN_REPORT);
	group->code = g_strdup("550");
	group->enhanced = g_strdup(enhanced);
	group->text = g_strdup(text);
	return group;
}

static void
add_reports(const struct work *work)
{
	const GPtrArray *members = work->expansion->members;
	guint first = work->plan->groups->len;

	for (guint i = 0; i < members->len; i++) {
		const struct ph_member *member = members->pdata[i];
		g_autofree char *enhanced = NULL, *text = NULL;

		if (member->fate != PH_MEMBER_REFUSED)
			continue;
		text = make_text(member, &enhanced);
		add_recipient(work, find_report(work, first, enhanced, text),
			      member->address);
	}
}

/* ---- whose wishes count ------------------------------------------------- */

/* The manager's address, g_free; NULL: there is none. 0 or -1. */
static int
find_manager(const struct ph_object *group, struct ph_directory *directory,
	     char **manager_r, struct ph_err *err)
{
	const char *name = *ph_object_list(group, "ManagedBy");
	struct ph_err why = PH_ERR_INIT;
	struct ph_object *entry = NULL;
	int r;

	*manager_r = NULL;
	if (name == NULL)
		name = ph_object_text(group, "Manager");
	if (name == NULL || *name == '\0')
		return 0;
	r = ph_directory_find(directory, name, &entry, &why);
	if (r < 0 && why.kind != PH_ERR_PERM)
		return ph_err_set(err, why.kind, "manager <%s>: %s", name,
				  why.text);
	*manager_r = g_strdup(r == 1 ? ph_entry_primary(entry) : name);
	ph_object_unref(&entry);
	return 0;
}

/* Reports name the group, which is whom the sender knows. */
static char *
make_orcpt(const struct ph_fork_recipient *recipient)
{
	GString *orcpt;

	if (recipient->orcpt != NULL)
		return g_strdup(recipient->orcpt);
	if (!g_str_is_ascii(recipient->address))
		return NULL;
	orcpt = g_string_new("rfc822;");
	ph_smtp_append_xtext(orcpt, recipient->address);
	return g_string_free(orcpt, FALSE);
}

/* A notice, which has no sender, gets none here: it could go round. */
static int
take_wishes(struct work *work, struct ph_directory *directory,
	    struct ph_err *err)
{
	const struct ph_fork_content *content = work->letter->content;
	struct ph_plan *plan = work->plan;
	struct ph_group_wishes wishes;
	char *manager = NULL;

	ph_group_wishes(work->letter->group, &wishes);
	work->no_replies = wishes.no_replies;
	if (wishes.to_manager && *content->sender != '\0' &&
	    find_manager(work->letter->group, directory, &manager, err) < 0)
		return -1;
	if (manager != NULL) {
		plan->sender = manager;
		return 0;
	}
	plan->sender = g_strdup(content->sender);
	if (!wishes.to_sender) {
		work->notify = "NEVER";
		return 0;
	}
	plan->ret = g_strdup(content->ret);
	plan->envid = g_strdup(content->envid);
	work->notify = work->letter->recipient->notify;
	return 0;
}

/* ---- all of it ---------------------------------------------------------- */

static void
describe(const struct ph_expansion_letter *letter, struct ph_plan *plan)
{
	const struct ph_fork_content *content = letter->content;
	const char *id = ph_headers_text(content->headers, "Message-ID", 0);
	const char *subject = ph_headers_text(content->headers, "Subject", 0);
	const char *nmid = find_nmid(content);

	g_free(plan->id);
	plan->id = ph_expansion_id(content, ph_entry_primary(letter->group));
	g_strlcpy(plan->nmid, nmid != NULL ? nmid : plan->id,
		  sizeof plan->nmid);
	plan->queue_id = g_strdup(content->queue_id);
	plan->eight_bit = content->eight_bit;
	plan->utf8 = content->utf8;
	plan->message_id = g_strdup(id != NULL ? id : "");
	g_strstrip(plan->message_id);
	plan->subject = g_strdup(subject != NULL ? subject : "");
	plan->size = content->size;
	plan->created = letter->now;
}

int
ph_expansion_plan(const struct ph_expansion_letter *letter,
		  const struct ph_expansion *expansion,
		  struct ph_directory *directory, size_t portion,
		  struct ph_plan **plan_r, struct ph_err *err)
{
	struct work work = {
	    .letter = letter,
	    .expansion = expansion,
	    .plan = ph_plan_new(),
	};

	describe(letter, work.plan);
	if (take_wishes(&work, directory, err) < 0) {
		ph_plan_free(&work.plan);
		return -1;
	}
	work.orcpt = make_orcpt(letter->recipient);
	add_copies(&work, portion);
	add_reports(&work);
	g_free(work.orcpt);
	*plan_r = work.plan;
	return 0;
}

/* ---- reports ------------------------------------------------------------ */

bool
ph_expansion_is_report(const struct ph_fork_content *content)
{
	static const char type[] = "multipart/report";
	const char *is = ph_headers_text(content->headers, "Content-Type", 0);

	return *content->sender == '\0' && is != NULL &&
	       strncasecmp(is, type, strlen(type)) == 0;
}

static bool
is_about_failure(const struct ph_fork_content *content)
{
	static const char action[] = "\nAction: failed";

	return memmem(content->data, content->size, action, strlen(action)) !=
	       NULL;
}

int
ph_expansion_report_plan(const struct ph_expansion_letter *letter,
			 struct ph_directory *directory,
			 struct ph_plan **plan_r, struct ph_err *err)
{
	const struct ph_fork_content *content = letter->content;
	g_autofree char *manager = NULL;
	struct ph_plan_group *group;
	struct ph_plan *plan;

	if (is_about_failure(content) &&
	    find_manager(letter->group, directory, &manager, err) < 0)
		return -1;
	plan = ph_plan_new();
	describe(letter, plan);
	plan->sender = g_strdup("");
	if (manager != NULL) {
		group = ph_plan_add_group(plan, PH_PLAN_COPY);
		complete(group, content->headers, PH_HEADER_NMID, plan->nmid);
		ph_plan_add_recipient(group, manager, NULL)->notify =
		    g_strdup("NEVER");
	}
	*plan_r = plan;
	return 0;
}
