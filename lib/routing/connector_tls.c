#include "lib/routing/connector_private.h"

#include "lib/base/text.h"
#include "lib/routing/setup.h"

#include <string.h>

static const struct {
	const char *word; /* TlsAuthLevel */
	enum ph_connector_tls tls;
} levels[] = {
    {"EncryptionOnly", PH_CONNECTOR_ENCRYPT},
    {"CertificateValidation", PH_CONNECTOR_CERTIFICATE},
    {"DomainValidation", PH_CONNECTOR_DOMAIN},
};

enum ph_connector_tls
ph_connector_tls(const struct ph_object *connector)
{
	const char *level = ph_object_text(connector, "TlsAuthLevel");
	const char *login = ph_object_text(connector, "SmartHostAuthMechanism");

	for (size_t i = 0; level != NULL && i < G_N_ELEMENTS(levels); i++)
		if (strcmp(level, levels[i].word) == 0)
			return levels[i].tls;
	if (ph_object_bool(connector, "RequireTLS") ||
	    strcmp(login, "BasicAuthRequireTLS") == 0)
		return PH_CONNECTOR_ENCRYPT;
	return ph_object_bool(connector, "IgnoreSTARTTLS") ? PH_CONNECTOR_PLAIN
							   : PH_CONNECTOR_MAY;
}

static bool
is_partner(const struct ph_snapshot *snapshot, const char *domain)
{
	const struct ph_object *config =
	    ph_snapshot_find(snapshot, "transportconfig", NULL);
	const char *const *list =
	    config != NULL ? ph_object_list(config, "TLSSendDomainSecureList")
			   : NULL;

	for (; list != NULL && *list != NULL; list++) {
		g_autofree char *folded = ph_fold(*list);

		if (strcmp(folded, domain) == 0)
			return true;
	}
	return false;
}

enum ph_connector_tls
ph_connector_tls_for(const struct ph_object *connector,
		     const struct ph_snapshot *snapshot, const char *domain)
{
	if (ph_object_bool(connector, "DomainSecureEnabled") &&
	    is_partner(snapshot, domain))
		return PH_CONNECTOR_DOMAIN;
	return ph_connector_tls(connector);
}

const char *const *
ph_setup_transports(void)
{
	static const char *const names[] = {
	    [PH_CONNECTOR_PLAIN] = "ph-out-plain",
	    [PH_CONNECTOR_MAY] = "ph-out",
	    [PH_CONNECTOR_ENCRYPT] = "ph-out-tls",
	    [PH_CONNECTOR_CERTIFICATE] = "ph-out-verify",
	    [PH_CONNECTOR_DOMAIN] = "ph-out-secure",
	    [PH_CONNECTOR_DOMAIN + 1] = NULL,
	};

	return names;
}

const char *
ph_connector_transport(enum ph_connector_tls tls)
{
	return ph_setup_transports()[tls];
}
