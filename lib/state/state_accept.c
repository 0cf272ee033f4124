#include "lib/state/state.h"

#include <string.h>

#define ADOPT "\"posthub state adopt\" accepts it"

/* Fewer deletions than this are somebody's work, not an accident. */
enum {
	GONE_LIMIT = 10,
};

static int
refuse_organization(const char *last, const char *next, struct ph_err *err)
{
	if (*next == '\0')
		ph_err_set(err, PH_ERR_PERM,
			   "Redis holds no meta: it was emptied or is not "
			   "ours; " ADOPT);
	else
		ph_err_set(
		    err, PH_ERR_PERM,
		    "Redis holds organisation %s, in force is %s; " ADOPT, next,
		    last);
	return 0;
}

static int
judge_kind(const struct ph_snapshot *last, const struct ph_snapshot *next,
	   const struct ph_kind *kind, struct ph_err *err)
{
	size_t n;
	size_t gone = 0;
	const struct ph_object *const *objects =
	    ph_snapshot_list(last, kind->name, &n);

	for (size_t i = 0; i < n; i++)
		if (ph_snapshot_find(next, kind->name,
				     ph_object_name(objects[i])) == NULL)
			gone++;
	if (gone <= GONE_LIMIT || gone * 2 <= n)
		return 1;
	ph_err_set(err, PH_ERR_PERM,
		   "%zu of %zu objects of the kind %s are gone at once; " ADOPT,
		   gone, n, kind->name);
	return 0;
}

int
ph_state_accept(const struct ph_snapshot *last, const struct ph_snapshot *next,
		struct ph_err *err)
{
	const char *was;
	const char *is;

	if (last == NULL ||
	    strcmp(ph_snapshot_adopted(next), ph_snapshot_adopted(last)) > 0)
		return 1;
	was = ph_snapshot_organization(last);
	is = ph_snapshot_organization(next);
	if (*is == '\0' || (*was != '\0' && g_ascii_strcasecmp(was, is) != 0))
		return refuse_organization(was, is, err);
	for (const struct ph_kind *k = ph_kinds; k->name != NULL; k++)
		if ((k->flags & PH_KIND_DIRECTORY) == 0 &&
		    judge_kind(last, next, k, err) == 0)
			return 0;
	return 1;
}
