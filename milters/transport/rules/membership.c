#include "milters/transport/rules/membership.h"

#include "lib/directory/members.h"
#include "milters/transport/rules/identity.h"

struct ph_groups {
	char **addresses;
	char *key; /* the same for the same list */
};

struct ph_groups *
ph_groups_new(const char *const *addresses)
{
	struct ph_groups *groups = g_new0(struct ph_groups, 1);

	groups->addresses = g_strdupv((char **)addresses);
	groups->key = g_strjoinv(",", groups->addresses);
	return groups;
}

void
ph_groups_free(void *data)
{
	struct ph_groups *groups = data;

	g_strfreev(groups->addresses);
	g_free(groups->key);
	g_free(groups);
}

static struct ph_member_search *
find_search(const struct ph_groups *groups, struct ph_evaluation *e)
{
	struct ph_member_search *search =
	    g_hash_table_lookup(e->searches, groups->key);

	if (search == NULL) {
		search = ph_member_search_new(
		    e->mail->directory, (const char *const *)groups->addresses);
		g_hash_table_insert(e->searches, groups->key, search);
	}
	return search;
}

int
ph_groups_have(const struct ph_groups *groups, struct ph_evaluation *e,
	       const char *address, struct ph_err *err)
{
	const struct ph_identity *identity;

	if (*address == '\0')
		return 0;
	if (ph_identity_find(e, address, &identity, err) < 0)
		return -1;
	return ph_member_search_has(find_search(groups, e), identity->addresses,
				    err);
}
