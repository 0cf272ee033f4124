#include "milters/transport/rules/recipients.h"

#include "lib/base/text.h"
#include "lib/directory/members.h"
#include "lib/directory/resolve.h"
#include "lib/smtp/client.h"

#include <string.h>
#include <strings.h>

int
ph_recipient_resolve(struct ph_mail *mail, struct ph_recipient *recipient,
		     struct ph_err *err)
{
	struct ph_resolution resolution;
	g_autofree char *before = ph_fold(recipient->given);
	g_autofree char *after = NULL;

	if (ph_resolve(mail->directory, mail->snapshot, recipient->given,
		       &resolution, err) < 0)
		return -1;
	recipient->entry_state =
	    resolution.entry != NULL ? PH_ENTRY_FOUND : PH_ENTRY_NONE;
	recipient->entry = g_steal_pointer(&resolution.entry);
	after = ph_fold(resolution.address);
	if (strcmp(before, after) != 0) {
		g_free(recipient->address);
		recipient->address = g_steal_pointer(&resolution.address);
	}
	ph_resolution_clear(&resolution);
	return 0;
}

/*
 * A recipient that is there already is not added again: the MTA's own filter
 * of duplicates compares ORCPT as well and would deliver twice.
 */
void
ph_recipients_merge(struct ph_mail *mail)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (strcmp(r->given, r->address) == 0)
			g_hash_table_add(seen, ph_fold(r->address));
	}
	for (guint i = 0; i < mail->recipients->len; i++) {
		struct ph_recipient *r = mail->recipients->pdata[i];

		if (strcmp(r->given, r->address) != 0)
			r->removed =
			    !g_hash_table_add(seen, ph_fold(r->address));
	}
}

/* ---- groups ------------------------------------------------------------- */

/* Reports about a member name the group that the sender knows. */
static char **
member_params(const struct ph_recipient *group)
{
	GPtrArray *params = g_ptr_array_new();
	bool orcpt = false;

	for (char **p = group->params; *p != NULL; p++) {
		orcpt |= strncasecmp(*p, "ORCPT=", 6) == 0;
		g_ptr_array_add(params, g_strdup(*p));
	}
	if (!orcpt && group->given != NULL && g_str_is_ascii(group->given)) {
		GString *param = g_string_new("ORCPT=rfc822;");

		ph_smtp_append_xtext(param, group->given);
		g_ptr_array_add(params, g_string_free(param, FALSE));
	}
	g_ptr_array_add(params, NULL);
	return (char **)g_ptr_array_free(params, FALSE);
}

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In order, so that a message which comes again comes out the same. */
static GPtrArray *
sorted(GHashTable *members)
{
	GPtrArray *array = g_ptr_array_new();
	GHashTableIter iter;
	gpointer member;

	g_hash_table_iter_init(&iter, members);
	while (g_hash_table_iter_next(&iter, &member, NULL))
		g_ptr_array_add(array, member);
	g_ptr_array_sort(array, compare_texts);
	return array;
}

/* One run over the groups of a message. */
struct expansion {
	struct ph_mail *mail;
	size_t limit;
	GHashTable *seen; /* folded addresses */
	void (*note)(void *arg, const char *group, const GPtrArray *members);
	void *arg;
};

static void
replace(const struct expansion *x, struct ph_recipient *group,
	GHashTable *members)
{
	g_autoptr(GPtrArray) array = sorted(members);
	g_auto(GStrv) params = member_params(group);

	group->removed = true;
	x->note(x->arg, group->address, array);
	for (guint i = 0; i < array->len; i++) {
		struct ph_recipient *r;

		if (!g_hash_table_add(x->seen, g_strdup(array->pdata[i])))
			continue;
		r = ph_mail_add_recipient(x->mail, array->pdata[i],
					  (const char *const *)params);
		g_clear_pointer(&r->given, g_free);
	}
}

static int
expand_one(const struct expansion *x, struct ph_recipient *r,
	   struct ph_err *err)
{
	g_autoptr(GHashTable) members =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const struct ph_object *entry;
	struct ph_err why = PH_ERR_INIT;
	int answer;

	if (r->removed ||
	    ph_recipient_entry(x->mail->directory, r, &entry, NULL) != 1 ||
	    !ph_entry_is_group(entry))
		return 0;
	answer = ph_members_expand(x->mail->directory, entry, x->limit, members,
				   &why);
	if (answer == 1)
		replace(x, r, members);
	if (answer < 0 && why.kind != PH_ERR_PERM)
		return ph_err_set(err, why.kind, "%s", why.text);
	return 0;
}

int
ph_recipients_expand(struct ph_mail *mail,
		     void (*note)(void *arg, const char *group,
				  const GPtrArray *members),
		     void *arg, struct ph_err *err)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const struct expansion x = {.mail = mail,
				    .limit = ph_members_limit(mail->snapshot),
				    .seen = seen,
				    .note = note,
				    .arg = arg};
	guint n = mail->recipients->len;

	for (guint i = 0; i < n; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed)
			g_hash_table_add(seen, ph_fold(r->address));
	}
	for (guint i = 0; i < n; i++)
		if (expand_one(&x, mail->recipients->pdata[i], err) < 0)
			return -1;
	return 0;
}
