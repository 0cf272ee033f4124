#include "store/submission/change.h"

#include "lib/routing/topology.h"

static bool
look_at_state(struct ph_change *change, const struct ph_submission *submission)
{
	struct ph_snapshot *snapshot = submission->take(submission->context);
	bool changed = snapshot != change->last;

	ph_snapshot_unref(&change->last);
	change->last = snapshot;
	return changed;
}

static bool
look_at_health(struct ph_change *change, const struct ph_submission *submission)
{
	struct ph_health *health = submission->health(submission->context);
	g_autoptr(GString) up = g_string_new(NULL);
	size_t n;
	const struct ph_server *const *servers = ph_topology_servers(
	    ph_snapshot_derived(change->last, PH_SUBMISSION_TOPOLOGY), &n);

	for (size_t i = 0; i < n; i++)
		if (ph_health_up(health, servers[i]->name,
				 PH_SERVICE_TRANSPORT))
			g_string_append_printf(up, "%s\n", servers[i]->name);
	ph_health_free(&health);
	if (g_strcmp0(change->up, up->str) == 0)
		return false;
	g_free(change->up);
	change->up = g_strdup(up->str);
	return true;
}

bool
ph_change_look(struct ph_change *change, const struct ph_submission *submission)
{
	bool changed = look_at_state(change, submission);

	return (change->last != NULL && look_at_health(change, submission)) ||
	       changed;
}

void
ph_change_clear(struct ph_change *change)
{
	ph_snapshot_unref(&change->last);
	g_clear_pointer(&change->up, g_free);
}
