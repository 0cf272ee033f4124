#ifndef PH_STORE_MAILBOX_PLACEMENT_H
#define PH_STORE_MAILBOX_PLACEMENT_H

#include "lib/message/headers.h"
#include "lib/state/object.h"
#include "lib/state/snapshot.h"
#include "store/mailbox/quota.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the directory and the organisation say about a mailbox apart from where
 * its database is: how much may be in it, and which messages go to which of
 * its folders. Pure.
 */
struct ph_placement {
	struct ph_object *entry; /* a reference */
	char *extension;	 /* of the address, or NULL */
	struct ph_quota_limits quota;
	int junk; /* mail of a higher SCL is junk; more than any SCL: none */
};

/* Each the mailbox's own, unless it has none or wants the database's. */
struct ph_quota_limits ph_placement_quota(const struct ph_snapshot *snapshot,
					  const struct ph_object *entry,
					  const char *database);

/* extension is copied, NULL is fine. */
void ph_placement_set(struct ph_placement *placement,
		      const struct ph_snapshot *snapshot,
		      const struct ph_object *entry, const char *database,
		      const char *extension);
void ph_placement_clear(struct ph_placement *placement);

/* What is done with address extensions; order of the setting's words. */
enum ph_extension {
	PH_EXTENSION_INBOX,
	PH_EXTENSION_FOLDER, /* if it is there */
	PH_EXTENSION_MAKE,
};

struct ph_placement_settings {
	const char *junk_folder; /* NULL or "": the Inbox */
	enum ph_extension extension;
	char *const *closed; /* as of ph_folder_is_open */
};

/*
 * The folder that a message is for, borrowed; NULL: the Inbox. headers are
 * those of ours as trusted. *make_r: it is made if it is not there.
 */
const char *ph_placement_folder(const struct ph_placement *placement,
				const struct ph_placement_settings *settings,
				const struct ph_headers *headers, bool *make_r);

#endif
