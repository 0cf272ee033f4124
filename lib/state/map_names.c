#include "lib/state/map_names.h"

#include <stddef.h>

const struct ph_map_name ph_map_names[] = {
    {"transport", "next hops of an address, in order of preference"},
    {"outbound",
     "the same, for a front end that keeps mail for outside in its queue"},
    {"recipient", "is an address valid, for relay_recipient_maps"},
    {"domain", "is a domain accepted, for relay_domains"},
    {"alias",
     "primary and forwarding addresses, where posthub-transport is not used"},
    {"login", "who may send as an address, for smtpd_sender_login_maps"},
    {"server", "is a host name or address that of a server of ours"},
    {"tls", "what a next hop's certificate must prove, for "
	    "smtp_tls_policy_maps"},
    {"sasl", "login at a smart host, for smtp_sasl_password_maps"},
    {NULL, NULL},
};
