#include "lib/directory/send_as.h"

#include "lib/base/text.h"
#include "lib/directory/entry.h"
#include "lib/directory/expand.h"
#include "lib/directory/members.h"
#include "lib/directory/restrict.h"

#include <string.h>

#define SEND_AS "SendAs"
#define ON_BEHALF "GrantSendOnBehalfTo"

/* Whatever is wrong with the directory is no reason to refuse for good. */
static int
cannot_say(const char *what, const struct ph_err *why, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "who may send as <%s>: %s", what,
			  why->text);
}

/* ---- logins ------------------------------------------------------------- */

/* The default accepted domain; NULL: none. */
static const char *
default_domain(const struct ph_snapshot *snapshot)
{
	size_t n;
	const struct ph_object *const *domains =
	    ph_snapshot_list(snapshot, "domain", &n);

	for (size_t i = 0; i < n; i++)
		if (ph_object_bool(domains[i], "Default"))
			return ph_object_folded(domains[i]);
	return NULL;
}

/* An address, and what ph_login_address makes it of. */
static void
add_address(const struct ph_snapshot *snapshot, const char *address,
	    GHashTable *logins)
{
	const char *domain = default_domain(snapshot);
	char *folded = ph_fold(address);
	const char *at = strrchr(folded, '@');

	if (at != NULL && domain != NULL && strcmp(at + 1, domain) == 0)
		g_hash_table_add(logins,
				 g_strndup(folded, (gsize)(at - folded)));
	g_hash_table_add(logins, folded);
}

static void
add_logons(const struct ph_object *entry, GHashTable *logins)
{
	const char *names = ph_object_text(entry, "UserLogonName");
	g_auto(GStrv) lines = g_strsplit(names != NULL ? names : "", "\n", -1);

	for (char **line = lines; *line != NULL; line++)
		if (*g_strstrip(*line) != '\0')
			g_hash_table_add(logins, ph_fold(*line));
}

bool
ph_entry_has_logon(const struct ph_object *entry, const char *login)
{
	g_autoptr(GHashTable) logons =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *whole = ph_fold(login);
	g_autofree char *name = ph_fold(ph_login_name(login));

	add_logons(entry, logons);
	return g_hash_table_contains(logons, whole) ||
	       g_hash_table_contains(logons, name);
}

/* Names under which somebody logs in: every address, and UserLogonName. */
static void
add_logins(const struct ph_snapshot *snapshot, const struct ph_object *entry,
	   GHashTable *logins)
{
	g_autoptr(GPtrArray) addresses = ph_entry_addresses(entry);

	for (guint i = 0; i < addresses->len; i++)
		add_address(snapshot, addresses->pdata[i], logins);
	add_logons(entry, logins);
}

/* ---- those whom a list names -------------------------------------------- */

static int
add_member(struct ph_directory *directory, const struct ph_snapshot *snapshot,
	   const char *address, GHashTable *logins, struct ph_err *err)
{
	struct ph_object *entry = NULL;
	int r = ph_directory_find(directory, address, &entry, err);

	if (r == 1)
		add_logins(snapshot, entry, logins);
	else if (r == 0)
		add_address(snapshot, address, logins);
	ph_object_unref(&entry);
	return r < 0 ? -1 : 0;
}

/* Those who are in it, wherever their mail goes. */
static int
add_members(struct ph_directory *directory, const struct ph_snapshot *snapshot,
	    const struct ph_object *group, GHashTable *logins,
	    struct ph_err *err)
{
	const struct ph_expand_options options = {
	    .directory = directory,
	    .snapshot = snapshot,
	    .limit = PH_SEND_AS_MEMBERS,
	};
	struct ph_expansion *expansion = NULL;
	int r = ph_expand(&options, group, &expansion, err);

	if (r == 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "group <%s> has more than %d members",
				  ph_object_name(group), PH_SEND_AS_MEMBERS);
	for (guint i = 1; r == 1 && i < expansion->members->len; i++) {
		const struct ph_member *member = expansion->members->pdata[i];

		if (member->by == PH_BY_SENDER &&
		    member->fate != PH_MEMBER_GROUP &&
		    add_member(directory, snapshot, member->address, logins,
			       err) < 0)
			r = -1;
	}
	ph_expansion_free(&expansion);
	return r < 0 ? -1 : 0;
}

static int
add_trustee(struct ph_directory *directory, const struct ph_snapshot *snapshot,
	    const char *trustee, GHashTable *logins, struct ph_err *err)
{
	struct ph_object *entry = NULL;
	int r = ph_directory_find(directory, trustee, &entry, err);

	if (r == 1 && ph_entry_is_group(entry))
		r = add_members(directory, snapshot, entry, logins, err);
	else if (r == 1)
		add_logins(snapshot, entry, logins);
	else if (r == 0)
		add_address(snapshot, trustee, logins);
	ph_object_unref(&entry);
	return r < 0 ? -1 : 0;
}

/* All are looked at, whatever cannot be said of one. 0 or -1. */
static int
add_trustees(struct ph_directory *directory, const struct ph_snapshot *snapshot,
	     const struct ph_object *entry, const char *field,
	     GHashTable *logins, struct ph_err *err)
{
	const char *const *trustee = ph_object_list(entry, field);
	int answer = 0;

	for (; *trustee != NULL; trustee++)
		if (add_trustee(directory, snapshot, *trustee, logins, err) < 0)
			answer = -1;
	return answer;
}

int
ph_send_as_logins(struct ph_directory *directory,
		  const struct ph_snapshot *snapshot, const char *address,
		  GHashTable *logins, struct ph_err *err)
{
	struct ph_object *entry = NULL;
	struct ph_err why = PH_ERR_INIT;
	int r = ph_directory_find(directory, address, &entry, &why);

	if (r == 1) {
		add_logins(snapshot, entry, logins);
		if (add_trustees(directory, snapshot, entry, SEND_AS, logins,
				 &why) < 0)
			r = -1;
	}
	ph_object_unref(&entry);
	return r < 0 ? cannot_say(address, &why, err) : r;
}

/* ---- who wants to send? ------------------------------------------------- */

static void
init(struct ph_directory *directory, const struct ph_snapshot *snapshot,
     struct ph_send_as *who_r)
{
	*who_r = (struct ph_send_as){
	    .directory = directory,
	    .snapshot = snapshot,
	    .names = g_ptr_array_new_with_free_func(g_free),
	};
}

static void
add_names(struct ph_send_as *who, const GPtrArray *names)
{
	for (guint i = 0; i < names->len; i++)
		g_ptr_array_add(who->names, g_strdup(names->pdata[i]));
	who->known = true;
}

int
ph_send_as_login(struct ph_directory *directory,
		 const struct ph_snapshot *snapshot, const char *login,
		 struct ph_send_as *who_r, struct ph_err *err)
{
	g_autofree char *address = ph_login_address(snapshot, login);
	struct ph_object *entry = NULL;
	struct ph_err why = PH_ERR_INIT;
	int r = ph_directory_find(directory, address, &entry, &why);

	init(directory, snapshot, who_r);
	if (r < 0) {
		ph_send_as_clear(who_r);
		return cannot_say(address, &why, err);
	}
	g_ptr_array_add(who_r->names, ph_fold(login));
	if (ph_login_name(login) != login)
		g_ptr_array_add(who_r->names, ph_fold(ph_login_name(login)));
	g_ptr_array_add(who_r->names, ph_fold(address));
	if (r == 1) {
		g_autoptr(GPtrArray) addresses = ph_entry_addresses(entry);

		add_names(who_r, addresses);
	}
	ph_object_unref(&entry);
	return 0;
}

void
ph_send_as_owner(struct ph_directory *directory,
		 const struct ph_snapshot *snapshot, const GPtrArray *addresses,
		 struct ph_send_as *who_r)
{
	init(directory, snapshot, who_r);
	add_names(who_r, addresses);
}

void
ph_send_as_clear(struct ph_send_as *who)
{
	g_clear_pointer(&who->names, g_ptr_array_unref);
}

/* ---- may it? ------------------------------------------------------------ */

static bool
is_among(const struct ph_send_as *who, GHashTable *logins)
{
	for (guint i = 0; i < who->names->len; i++)
		if (g_hash_table_contains(logins, who->names->pdata[i]))
			return true;
	return false;
}

static bool
is_own(const struct ph_send_as *who, const struct ph_object *entry)
{
	g_autoptr(GHashTable) logins =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	add_logins(who->snapshot, entry, logins);
	return is_among(who, logins);
}

static bool
is_named(const struct ph_send_as *who, const char *const *list)
{
	for (; *list != NULL; list++) {
		g_autofree char *folded = ph_fold(*list);

		for (guint i = 0; i < who->names->len; i++)
			if (strcmp(folded, who->names->pdata[i]) == 0)
				return true;
	}
	return false;
}

/* 1, 0, -1. Groups of any size where it is known under which addresses he may
 * be a member; else the members are asked for their logins. */
static int
is_listed(const struct ph_send_as *who, const struct ph_object *entry,
	  const char *field, struct ph_err *err)
{
	const char *const *list = ph_object_list(entry, field);
	g_autoptr(GHashTable) logins = NULL;
	struct ph_member_search *search;
	int r;

	if (*list == NULL)
		return 0;
	if (is_named(who, list))
		return 1;
	if (who->known) {
		search = ph_member_search_new(who->directory, list);
		r = ph_member_search_has(search, who->names, err);
		ph_member_search_free(search);
		return r;
	}
	logins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	r = add_trustees(who->directory, who->snapshot, entry, field, logins,
			 err);
	return is_among(who, logins) ? 1 : r;
}

/* A yes of one list is enough, whatever the other cannot say. */
static int
is_trusted(const struct ph_send_as *who, const struct ph_object *entry,
	   bool on_behalf, struct ph_err *err)
{
	int as = is_listed(who, entry, SEND_AS, err), behalf;

	if (as == 1 || !on_behalf)
		return as;
	behalf = is_listed(who, entry, ON_BEHALF, err);
	return behalf == 0 ? as : behalf;
}

/* on_behalf: the Sender field says who it was. 1, 0, -1. */
static int
may_be(const struct ph_send_as *who, const char *address, bool on_behalf,
       struct ph_err *err)
{
	struct ph_object *entry = NULL;
	int r = ph_directory_find(who->directory, address, &entry, err);

	if (r == 1 && !is_own(who, entry))
		r = is_trusted(who, entry, on_behalf, err);
	ph_object_unref(&entry);
	return r;
}

/* 1, 0 with *no_r, -1. */
static int
check_field(const struct ph_send_as *who, const GPtrArray *addresses,
	    bool on_behalf, struct ph_send_as_no *no_r, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	int r = addresses == NULL || addresses->len > 0;

	no_r->address = NULL;
	for (guint i = 0; addresses != NULL && i < addresses->len && r == 1;
	     i++) {
		no_r->address = addresses->pdata[i];
		r = may_be(who, no_r->address, on_behalf, &why);
	}
	return r < 0 ? cannot_say(no_r->address, &why, err) : r;
}

int
ph_send_as_check(const struct ph_send_as *who, const GPtrArray *from,
		 const GPtrArray *sender, struct ph_send_as_no *no_r,
		 struct ph_err *err)
{
	int r;

	no_r->field = "Sender";
	r = check_field(who, sender, false, no_r, err);
	if (r != 1)
		return r;
	no_r->field = "From";
	return check_field(who, from, sender != NULL, no_r, err);
}
