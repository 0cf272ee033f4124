#include "milters/host/host_private.h"

#include <stddef.h>

struct ph_events
ph_host_events(const struct ph_host *host)
{
	struct ph_events events = {false};

	for (const struct ph_agent *const *a = host->agents; *a != NULL; a++) {
		events.connect |= (*a)->on_connect != NULL;
		events.mail |= (*a)->on_mail != NULL;
		events.rcpt |= (*a)->on_rcpt != NULL;
		events.data |= (*a)->on_data != NULL;
		events.headers |= (*a)->on_headers != NULL;
	}
	return events;
}

/*
 * Every answer that is always "continue" costs the MTA a wait: not asking for
 * it was worth a fifth of the throughput. The end of the header is sent
 * only to whom it may concern, and so is DATA; unknown commands concern nobody.
 */
unsigned long
ph_negotiate_steps(const struct ph_events *events, unsigned long offered)
{
	unsigned long wanted = SMFIP_NR_HELO | SMFIP_NR_HDR | SMFIP_NR_BODY |
			       SMFIP_NOUNKNOWN | SMFIP_HDR_LEADSPC;

	if (!events->connect)
		wanted |= SMFIP_NR_CONN;
	if (!events->mail)
		wanted |= SMFIP_NR_MAIL;
	if (!events->rcpt)
		wanted |= SMFIP_NR_RCPT;
	if (!events->data)
		wanted |= SMFIP_NODATA;
	if (!events->headers)
		wanted |= SMFIP_NOEOH;
	return wanted & offered;
}

static const struct {
	int stage;
	char macros[96];
} wanted_macros[] = {
    {SMFIM_CONNECT, "{daemon_addr} {daemon_port} {daemon_name}"},
    {SMFIM_ENVFROM, "{auth_authen} {auth_author} {auth_type} {tls_version} "
		    "{cert_subject} {mail_addr}"},
    {SMFIM_ENVRCPT, "{rcpt_addr}"},
    {SMFIM_DATA, "i"},
    {SMFIM_EOM, "i"},
};

int
ph_negotiate_macros(SMFICTX *ctx)
{
	for (size_t i = 0; i < G_N_ELEMENTS(wanted_macros); i++) {
		char macros[sizeof(wanted_macros[i].macros)];

		g_strlcpy(macros, wanted_macros[i].macros, sizeof(macros));
		if (smfi_setsymlist(ctx, wanted_macros[i].stage, macros) !=
		    MI_SUCCESS)
			return -1;
	}
	return 0;
}
