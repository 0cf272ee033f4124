#include "store/mailbox/concurrency.h"

int64_t
ph_mailbox_concurrency(const struct ph_snapshot *snapshot, const char *server,
		       const char *field, int64_t setting)
{
	const struct ph_object *object =
	    snapshot ? ph_snapshot_find(snapshot, "mailboxtransport", server)
		     : NULL;

	return object && ph_object_has(object, field)
		   ? ph_object_int(object, field)
		   : setting;
}
