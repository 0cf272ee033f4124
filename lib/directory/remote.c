#include "lib/directory/remote.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/directory/resolve.h"

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

/* ---- reports ------------------------------------------------------------ */

static bool
takes(const struct ph_object *remote, bool failure)
{
	return ph_object_bool(remote,
			      failure ? "NDREnabled" : "DeliveryReportEnabled");
}

bool
ph_remote_refuses_reports(const struct ph_snapshot *snapshot)
{
	size_t n;
	const struct ph_object *const *list =
	    ph_snapshot_list(snapshot, "remotedomain", &n);

	for (size_t i = 0; i < n; i++)
		if (!takes(list[i], true) || !takes(list[i], false))
			return true;
	return false;
}

int
ph_remote_takes_report(struct ph_directory *directory,
		       const struct ph_snapshot *snapshot, const char *address,
		       bool failure, struct ph_err *err)
{
	const struct ph_object *remote = NULL;
	struct ph_object *entry = NULL;
	const char *goes_to = address;
	int r;

	if (!ph_remote_refuses_reports(snapshot))
		return 1;
	r = ph_directory_find(directory, address, &entry, err);
	if (r < 0)
		return -1;
	if (r == 1)
		goes_to = ph_object_text(entry, "ExternalEmailAddress");
	if (goes_to != NULL && ph_address_domain(goes_to) != NULL &&
	    ph_accepted_domain(snapshot, goes_to) == NULL)
		remote = ph_remote_find(snapshot, ph_address_domain(goes_to));
	r = remote == NULL || takes(remote, failure);
	ph_object_unref(&entry);
	return r;
}

bool
ph_remote_may_tell(struct ph_directory *directory, struct ph_state *state,
		   const char *address)
{
	struct ph_snapshot *snapshot = ph_state_take(state);
	struct ph_err err = PH_ERR_INIT;
	int r = snapshot == NULL ? 1
				 : ph_remote_takes_report(directory, snapshot,
							  address, true, &err);

	if (r < 0)
		ph_warn("report to <%s> goes, whether or not its domain takes "
			"it: %s",
			address, err.text);
	ph_snapshot_unref(&snapshot);
	return r != 0;
}
