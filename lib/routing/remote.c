#include "lib/routing/remote.h"

#include <glib.h>
#include <string.h>

const struct ph_object *
ph_remote_find(const struct ph_snapshot *snapshot, const char *domain)
{
	const struct ph_object *remote =
	    ph_snapshot_find(snapshot, "remotedomain", domain);

	while (remote == NULL && domain != NULL) {
		g_autofree char *all = g_strconcat("*.", domain, NULL);
		const char *dot = strchr(domain, '.');

		remote = ph_snapshot_find(snapshot, "remotedomain", all);
		domain = dot != NULL ? dot + 1 : NULL;
	}
	return remote != NULL ? remote
			      : ph_snapshot_find(snapshot, "remotedomain", "*");
}
