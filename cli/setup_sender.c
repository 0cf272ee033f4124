#include "cli/setup.h"

#include "lib/routing/setup.h"

#include <string.h>

static int
add_options(const struct ph_setup *setup, const struct ph_object *connector,
	    struct ph_master_service *service, struct ph_err *err)
{
	const char *fqdn = ph_object_text(connector, "Fqdn");
	const char *certificate =
	    ph_object_text(connector, "TlsCertificateName");
	g_autofree char *path = NULL;

	if (fqdn != NULL)
		ph_master_service_set(service, "smtp_helo_name", fqdn);
	if (ph_object_bool(connector, "ForceHELO")) {
		ph_master_service_set(service, "smtp_always_send_ehlo", "no");
		ph_master_service_set(service, "smtp_never_send_ehlo", "yes");
	}
	if (certificate == NULL)
		return 0;
	if (ph_certificate_find(setup->certificates, certificate, &path, err) <
	    0)
		return -1;
	ph_master_service_set(service, "smtp_tls_chain_files", path);
	return 0;
}

static int
add_transport(struct ph_setup *setup, const struct ph_object *connector,
	      const char *transport, struct ph_err *err)
{
	const struct ph_master_service *found =
	    ph_master_find(setup->master, transport, "unix");
	g_autofree char *note =
	    g_strdup_printf("send connector %s", ph_object_name(connector));
	struct ph_master_service *service;
	struct ph_err why = PH_ERR_INIT;

	if (found == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "master.cf: has no service %s; it is in "
				  "postfix-conf",
				  transport);
	service = ph_master_service_copy(found);
	g_free(service->name);
	service->name = ph_setup_transport(transport, connector);
	if (add_options(setup, connector, service, &why) < 0) {
		ph_master_service_free(service);
		return ph_err_set(err, why.kind, "%s: %s", note, why.text);
	}
	ph_master_add(setup->master, service, note);
	return 0;
}

int
ph_setup_senders(struct ph_setup *setup, const GPtrArray *connectors,
		 struct ph_err *err)
{
	for (guint i = 0; i < connectors->len; i++)
		for (const char *const *transport = ph_setup_transports();
		     *transport != NULL; transport++)
			if (add_transport(setup, connectors->pdata[i],
					  *transport, err) < 0)
				return -1;
	return 0;
}

bool
ph_setup_is_removed(const struct ph_setup *setup,
		    const struct ph_master_service *service)
{
	const char *const *of = ph_setup_transports();

	if (ph_master_find(setup->master, service->name, service->type) ||
	    ph_master_find_in(setup->master->ours, service->name,
			      service->type))
		return false;
	for (; *of != NULL; of++) {
		g_autofree char *begin = g_strconcat(*of, "-for-", NULL);

		if (g_str_has_prefix(service->name, begin))
			return true;
	}
	return false;
}
