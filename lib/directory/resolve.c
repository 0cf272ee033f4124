#include "lib/directory/resolve.h"
#include "lib/base/text.h"
#include "lib/state/kinds.h"

#include <glib.h>
#include <string.h>

/* Exchange's own limits: longer ones are refused there as well. */
#define LOCAL_LIMIT 315
#define DOMAIN_LIMIT 255

static bool
is_address(const char *address)
{
	const char *domain = ph_address_domain(address);

	return domain != NULL && domain - 1 - address <= LOCAL_LIMIT &&
	       strlen(domain) <= DOMAIN_LIMIT &&
	       g_utf8_validate(address, -1, NULL);
}

static const struct ph_object *
find_domain(const struct ph_snapshot *snapshot, const char *domain)
{
	const struct ph_object *found =
	    ph_snapshot_find(snapshot, "domain", domain);

	while (found == NULL && (domain = strchr(domain, '.')) != NULL) {
		found = ph_snapshot_find(snapshot, "domain", ++domain);
		if (found != NULL && !ph_object_bool(found, "MatchSubDomains"))
			found = NULL;
	}
	return found;
}

const struct ph_object *
ph_accepted_domain(const struct ph_snapshot *snapshot, const char *address)
{
	const char *domain = ph_address_domain(address);

	return domain != NULL ? find_domain(snapshot, domain) : NULL;
}

bool
ph_domain_is_authoritative(const struct ph_object *domain)
{
	const char *type = ph_object_text(domain, "DomainType");

	return type == NULL || strcmp(type, "Authoritative") == 0;
}

static enum ph_resolve_verdict
judge_domain(const struct ph_object *domain)
{
	if (domain == NULL)
		return PH_RESOLVED_OUTSIDE;
	return ph_domain_is_authoritative(domain) ? PH_RESOLVED_UNKNOWN
						  : PH_RESOLVED_RELAY;
}

int
ph_resolve(struct ph_directory *directory, const struct ph_snapshot *snapshot,
	   const char *address, struct ph_resolution *resolution_r,
	   struct ph_err *err)
{
	struct ph_object *entry = NULL;
	struct ph_found found;
	const char *on = address;
	int r;

	memset(resolution_r, 0, sizeof *resolution_r);
	if (snapshot == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "no state of the organisation yet");
	if (!is_address(address)) {
		resolution_r->verdict = PH_RESOLVED_INVALID;
	} else {
		r = ph_directory_find_from(directory, address, &entry, &found,
					   err);
		if (r < 0)
			return -1;
		resolution_r->found = found;
		if (r == 1) {
			resolution_r->verdict = PH_RESOLVED_ENTRY;
			on = ph_entry_primary(entry);
		} else {
			resolution_r->verdict =
			    judge_domain(ph_accepted_domain(snapshot, address));
		}
	}
	resolution_r->entry = entry;
	resolution_r->address = g_strdup(on);
	resolution_r->original = g_strdup(address);
	return 0;
}

void
ph_resolution_clear(struct ph_resolution *resolution)
{
	ph_object_unref(&resolution->entry);
	g_free(resolution->address);
	g_free(resolution->original);
	memset(resolution, 0, sizeof *resolution);
}

const char *
ph_resolve_verdict_name(enum ph_resolve_verdict verdict)
{
	static const char *const names[] = {
	    [PH_RESOLVED_ENTRY] = "entry",
	    [PH_RESOLVED_RELAY] = "relay",
	    [PH_RESOLVED_OUTSIDE] = "outside",
	    [PH_RESOLVED_UNKNOWN] = "unknown",
	    [PH_RESOLVED_INVALID] = "invalid",
	};

	return names[verdict];
}
