#include "store/mailbox/placement.h"

#include "lib/base/text.h"
#include "lib/message/nmid.h"
#include "store/mailbox/folder.h"

#include <glib.h>
#include <limits.h>

#define HEADER_SCL PH_HEADER_PREFIX "SCL"
/* As in the table, for an organisation without transportconfig. */
enum { JUNK_THRESHOLD = 4 };

#define THRESHOLD "SCLJunkThreshold"

/* ---- facts ------------------------------------------------------------- */

static int64_t
limit_of(const struct ph_object *entry, const struct ph_object *database,
	 const char *field)
{
	if (ph_object_has(entry, field) &&
	    !ph_object_bool(entry, "UseDatabaseQuotaDefaults"))
		return ph_object_int(entry, field);
	return database && ph_object_has(database, field)
		   ? ph_object_int(database, field)
		   : 0;
}

struct ph_quota_limits
ph_placement_quota(const struct ph_snapshot *snapshot,
		   const struct ph_object *entry, const char *name)
{
	const struct ph_object *database =
	    ph_snapshot_find(snapshot, "database", name);

	return (struct ph_quota_limits){
	    .receive = limit_of(entry, database, "ProhibitSendReceiveQuota"),
	    .send = limit_of(entry, database, "ProhibitSendQuota"),
	    .warning = limit_of(entry, database, "IssueWarningQuota"),
	};
}

static int
junk_of(const struct ph_snapshot *snapshot, const struct ph_object *entry)
{
	const struct ph_object *config =
	    ph_snapshot_find(snapshot, "transportconfig", NULL);

	if (!ph_object_bool(entry, "SCLJunkEnabled"))
		return INT_MAX;
	if (ph_object_has(entry, THRESHOLD))
		return (int)ph_object_int(entry, THRESHOLD);
	return config ? (int)ph_object_int(config, THRESHOLD) : JUNK_THRESHOLD;
}

void
ph_placement_set(struct ph_placement *placement,
		 const struct ph_snapshot *snapshot,
		 const struct ph_object *entry, const char *database,
		 const char *extension)
{
	placement->entry = ph_object_ref(entry);
	placement->extension = g_strdup(extension);
	placement->quota = ph_placement_quota(snapshot, entry, database);
	placement->junk = junk_of(snapshot, entry);
}

void
ph_placement_clear(struct ph_placement *placement)
{
	ph_object_unref(&placement->entry);
	g_clear_pointer(&placement->extension, g_free);
}

/* ---- folders ----------------------------------------------------------- */

static bool
is_junk(const struct ph_placement *placement, const struct ph_headers *headers)
{
	const char *text = ph_headers_raw(headers, HEADER_SCL, 0);
	struct ph_err ignored = PH_ERR_INIT;
	int64_t scl;

	return text && ph_parse_int(text, &scl, &ignored) == 0 &&
	       scl > placement->junk && scl <= 9;
}

/* Junk comes first: whoever sends it knows extensions, too. */
const char *
ph_placement_folder(const struct ph_placement *placement,
		    const struct ph_placement_settings *settings,
		    const struct ph_headers *headers, bool *make_r)
{
	const char *extension = placement->extension;

	*make_r = true;
	if (is_junk(placement, headers) && settings->junk_folder &&
	    *settings->junk_folder)
		return settings->junk_folder;
	*make_r = settings->extension == PH_EXTENSION_MAKE;
	if (settings->extension == PH_EXTENSION_INBOX || !extension ||
	    !ph_folder_is_open(extension, settings->closed))
		return NULL;
	return extension;
}
