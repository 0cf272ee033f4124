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

/* ---- addresses with an extension ---------------------------------------- */

static bool
allows_plus(const struct ph_snapshot *snapshot)
{
	const struct ph_object *config =
	    ph_snapshot_find(snapshot, "transportconfig", NULL);

	return config != NULL &&
	       ph_object_bool(config, "AllowPlusAddressInRecipients");
}

/* local@domain of local+text@domain, text in *extension_r; both g_free. NULL:
 * it has no extension. */
static char *
strip_extension(const char *address, char **extension_r)
{
	const char *at = ph_address_domain(address) - 1;
	const char *plus = memchr(address, '+', (size_t)(at - address));

	if (plus == NULL || plus == address || *address == '"')
		return NULL;
	*extension_r = g_strndup(plus + 1, (gsize)(at - plus - 1));
	return g_strdup_printf("%.*s%s", (int)(plus - address), address, at);
}

/* A primary address that has a '+' itself could not be told from it. */
static char *
put_extension(const struct ph_object *entry, const char *extension)
{
	const char *primary = ph_entry_primary(entry);
	const char *at = ph_address_domain(primary);

	if (extension == NULL || at == NULL || strchr(primary, '+') != NULL ||
	    *primary == '"' || !ph_entry_is_mailbox(entry))
		return g_strdup(primary);
	return g_strdup_printf("%.*s+%s@%s", (int)(at - 1 - primary), primary,
			       extension, at);
}

static int
find_entry(struct ph_directory *directory, const struct ph_snapshot *snapshot,
	   const char *address, struct ph_resolution *resolution,
	   struct ph_err *err)
{
	g_autofree char *plain = NULL;
	int r = ph_directory_find_from(directory, address, &resolution->entry,
				       &resolution->found, err);

	if (r != 0 || !allows_plus(snapshot))
		return r;
	plain = strip_extension(address, &resolution->extension);
	if (plain == NULL)
		return 0;
	r = ph_directory_find_from(directory, plain, &resolution->entry,
				   &resolution->found, err);
	if (r != 1)
		g_clear_pointer(&resolution->extension, g_free);
	return r;
}

int
ph_resolve(struct ph_directory *directory, const struct ph_snapshot *snapshot,
	   const char *address, struct ph_resolution *resolution_r,
	   struct ph_err *err)
{
	int r;

	memset(resolution_r, 0, sizeof *resolution_r);
	if (snapshot == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "no state of the organisation yet");
	if (!is_address(address)) {
		resolution_r->verdict = PH_RESOLVED_INVALID;
	} else {
		r = find_entry(directory, snapshot, address, resolution_r, err);
		if (r < 0) {
			resolution_r->found.source = NULL;
			return -1;
		}
		resolution_r->verdict =
		    r == 1
			? PH_RESOLVED_ENTRY
			: judge_domain(ph_accepted_domain(snapshot, address));
	}
	resolution_r->address =
	    resolution_r->entry != NULL
		? put_extension(resolution_r->entry, resolution_r->extension)
		: g_strdup(address);
	resolution_r->original = g_strdup(address);
	return 0;
}

void
ph_resolution_clear(struct ph_resolution *resolution)
{
	ph_object_unref(&resolution->entry);
	g_free(resolution->address);
	g_free(resolution->original);
	g_free(resolution->extension);
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
