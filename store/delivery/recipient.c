#include "store/delivery/recipient.h"

#include "lib/directory/resolve.h"

#include <glib.h>
#include <inttypes.h>

/* The one table of answers. An outage and a mistake in the topology defer;
 * only what the directory certainly says refuses. */
static const struct {
	const char *code, *text;
} answers[PH_RECIPIENT_VERDICTS] = {
    [PH_RECIPIENT_OK] = {"250 2.1.5", "Recipient OK"},
    [PH_RECIPIENT_UNKNOWN] = {"550 5.1.1", "Recipient unknown"},
    [PH_RECIPIENT_INVALID] = {"550 5.1.3", "Invalid address"},
    [PH_RECIPIENT_AMBIGUOUS] = {"550 5.1.4", "Recipient ambiguous"},
    [PH_RECIPIENT_NO_MAILBOX] = {"550 5.2.1", "No mailbox here"},
    [PH_RECIPIENT_UNPLACED] = {"451 4.3.0", "Mailbox database unavailable"},
    [PH_RECIPIENT_INACTIVE] = {"432 4.3.2", "Mailbox database not active here"},
    [PH_RECIPIENT_NO_COPY] = {"432 4.3.2", "Mailbox database not active"},
    [PH_RECIPIENT_NOT_HELD] = {"432 4.3.2", "Mailbox database not held here"},
    [PH_RECIPIENT_CANNOT_SAY] = {"451 4.4.3", "Directory unavailable"},
    [PH_RECIPIENT_NO_STATE] = {"451 4.3.0", "No configuration yet"},
};

char *
ph_recipient_answer(enum ph_recipient_verdict verdict, const char *address,
		    const char *reason)
{
	bool more = reason && *reason;

	return g_strdup_printf("%s <%s> %s%s%s", answers[verdict].code, address,
			       answers[verdict].text, more ? ": " : "",
			       more ? reason : "");
}

void
ph_recipient_free(struct ph_recipient **recipient)
{
	if (!*recipient)
		return;
	g_free((*recipient)->address);
	g_free((*recipient)->primary);
	g_free((*recipient)->database);
	g_free((*recipient)->active);
	ph_placement_clear(&(*recipient)->placement);
	g_clear_pointer(recipient, g_free);
}

/* OK when the active copy of a database is here. *database_r (NULL before) is
 * set when it is anywhere. */
static enum ph_recipient_verdict
find_active(const struct ph_snapshot *snapshot, const char *server,
	    const char *name, const struct ph_database **database_r,
	    struct ph_err *err)
{
	const struct ph_topology *topology;
	const struct ph_database *database;

	if (!snapshot) {
		ph_err_set(err, PH_ERR_TEMP, "no state has been read yet");
		return PH_RECIPIENT_NO_STATE;
	}
	topology = ph_snapshot_derived(snapshot, PH_DELIVERY_TOPOLOGY);
	database = ph_topology_database(topology, name);
	if (!database) {
		ph_err_set(err, PH_ERR_TEMP, "database %s does not exist",
			   name);
		return PH_RECIPIENT_UNPLACED;
	}
	if (!database->active) {
		ph_err_set(err, PH_ERR_TEMP, "database %s has no active copy",
			   name);
		return PH_RECIPIENT_NO_COPY;
	}
	*database_r = database;
	if (g_ascii_strcasecmp(database->active->name, server) != 0) {
		ph_err_set(err, PH_ERR_TEMP, "database %s is active on %s",
			   name, database->active->name);
		return PH_RECIPIENT_INACTIVE;
	}
	return PH_RECIPIENT_OK;
}

enum ph_recipient_verdict
ph_recipient_active(const struct ph_snapshot *snapshot, const char *server,
		    const char *name, int64_t epoch, struct ph_err *err)
{
	const struct ph_database *database = NULL;
	enum ph_recipient_verdict verdict =
	    find_active(snapshot, server, name, &database, err);

	if (verdict != PH_RECIPIENT_OK || database->epoch == epoch)
		return verdict;
	ph_err_set(err, PH_ERR_TEMP,
		   "database %s was moved meanwhile, Epoch %" PRId64
		   " is now %" PRId64,
		   name, epoch, database->epoch);
	return PH_RECIPIENT_INACTIVE;
}

static enum ph_recipient_verdict
judge(const struct ph_snapshot *snapshot, const char *server,
      const struct ph_resolution *resolution, struct ph_recipient **recipient_r,
      struct ph_err *err)
{
	const char *name;
	const struct ph_database *database = NULL;
	enum ph_recipient_verdict verdict;

	switch (resolution->verdict) {
	case PH_RESOLVED_ENTRY:
		break;
	case PH_RESOLVED_UNKNOWN:
		return PH_RECIPIENT_UNKNOWN;
	case PH_RESOLVED_INVALID:
		return PH_RECIPIENT_INVALID;
	case PH_RESOLVED_RELAY:
	case PH_RESOLVED_OUTSIDE:
		return PH_RECIPIENT_NO_MAILBOX;
	}
	if (!ph_entry_is_mailbox(resolution->entry))
		return PH_RECIPIENT_NO_MAILBOX;
	name = ph_object_text(resolution->entry, "Database");
	verdict = find_active(snapshot, server, name, &database, err);
	if (!database)
		return verdict;
	*recipient_r = g_new0(struct ph_recipient, 1);
	(*recipient_r)->address = g_strdup(resolution->original);
	(*recipient_r)->primary = g_strdup(ph_entry_primary(resolution->entry));
	(*recipient_r)->database = g_strdup(database->name);
	(*recipient_r)->active = g_strdup(database->active->name);
	(*recipient_r)->epoch = database->epoch;
	ph_placement_set(&(*recipient_r)->placement, snapshot,
			 resolution->entry, database->name,
			 resolution->extension);
	return verdict;
}

enum ph_recipient_verdict
ph_recipient_find(struct ph_directory *directory,
		  const struct ph_snapshot *snapshot, const char *server,
		  const char *address, struct ph_recipient **recipient_r,
		  struct ph_err *err)
{
	struct ph_resolution resolution;
	enum ph_recipient_verdict verdict;
	struct ph_err why = PH_ERR_INIT;

	if (!snapshot) {
		ph_err_set(err, PH_ERR_TEMP, "no state has been read yet");
		return PH_RECIPIENT_NO_STATE;
	}
	if (ph_resolve(directory, snapshot, address, &resolution, &why) < 0) {
		if (err)
			*err = why;
		return why.kind == PH_ERR_PERM ? PH_RECIPIENT_AMBIGUOUS
					       : PH_RECIPIENT_CANNOT_SAY;
	}
	verdict = judge(snapshot, server, &resolution, recipient_r, err);
	ph_resolution_clear(&resolution);
	return verdict;
}
