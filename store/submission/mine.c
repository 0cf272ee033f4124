#include "store/submission/mine.h"

#include "lib/health/held.h"
#include "lib/routing/topology.h"

#include <inttypes.h>

bool
ph_submission_mine(const struct ph_submission *submission,
		   const struct ph_snapshot *snapshot, const char *name,
		   int64_t *epoch_r, struct ph_err *err)
{
	const struct ph_topology *topology =
	    ph_snapshot_derived(snapshot, PH_SUBMISSION_TOPOLOGY);
	const struct ph_database *database =
	    ph_topology_database(topology, name);
	const struct ph_server *own =
	    ph_topology_server(topology, submission->server);

	if (own == NULL || database == NULL || database->active != own) {
		ph_err_set(err, PH_ERR_TEMP, "database %s is not active here",
			   name);
		return false;
	}
	if (epoch_r != NULL)
		*epoch_r = database->epoch;
	return submission->held == NULL ||
	       ph_held_check(submission->held, database, err) == 1;
}

bool
ph_submission_still_mine(const struct ph_submission *submission,
			 const char *name, int64_t epoch, struct ph_err *err)
{
	struct ph_snapshot *snapshot = submission->take(submission->context);
	int64_t now = 0;
	bool mine;

	if (snapshot == NULL) {
		ph_err_set(err, PH_ERR_TEMP,
			   "no state of the organisation yet");
		return false;
	}
	mine = ph_submission_mine(submission, snapshot, name, &now, err);

	ph_snapshot_unref(&snapshot);
	if (!mine || now == epoch)
		return mine;
	ph_err_set(err, PH_ERR_TEMP,
		   "database %s was moved meanwhile, Epoch %" PRId64
		   " is now %" PRId64,
		   name, epoch, now);
	return false;
}
