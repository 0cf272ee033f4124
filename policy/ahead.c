#include "policy/ahead.h"
#include "lib/base/text.h"
#include "lib/directory/resolve_steps.h"

#include <string.h>

/* A file of this host answers as fast now as later. */
static bool
is_far(const struct ph_directory *directory)
{
	return ph_directory_takes_many(directory);
}

/* The queue manager asks about the primary address, not about the one that was
 * given. */
static void
look_up_primary(const struct ph_sources *sources,
		const struct ph_resolution *at)
{
	g_autofree char *asked = ph_fold(at->original);
	g_autofree char *primary = ph_fold(ph_entry_primary(at->entry));
	struct ph_object *entry = NULL;

	if (strcmp(asked, primary) != 0)
		(void)ph_directory_find(sources->directory, primary, &entry,
					NULL);
	ph_object_unref(&entry);
}

void
ph_ahead_steps(const struct ph_sources *sources, const GPtrArray *steps)
{
	if (!is_far(sources->directory))
		return;
	for (guint i = 0; i < steps->len; i++) {
		const struct ph_step *step = steps->pdata[i];

		if (step->fate == PH_STEP_RECIPIENT && step->at.entry != NULL)
			look_up_primary(sources, &step->at);
	}
}

void
ph_ahead_address(const struct ph_sources *sources, const char *address)
{
	g_autoptr(GPtrArray) steps = NULL;

	if (is_far(sources->directory) &&
	    ph_resolve_steps(sources->directory, sources->snapshot, address,
			     NULL, &steps, NULL) == 0)
		ph_ahead_steps(sources, steps);
}
