#ifndef TESTS_UNIT_MILTERS_FRONTEND_COMMON_H
#define TESTS_UNIT_MILTERS_FRONTEND_COMMON_H

#include "milters/frontend/frontend.h"
#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <string.h>

/* FE1 and MBX1 in S1, MBX2 in S2; a@x.test on MBX1, b@x.test on MBX2. */
struct world {
	struct ph_frontend frontend;
	struct ph_client client;
	struct ph_snapshot *snapshot;
	struct ph_keep kept;
};

struct object {
	const char *kind, *name;
	struct ph_pair pairs[6];
};

static const struct ph_derive world_derive[] = {
    [PH_FRONTEND_TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free,
			      NULL},
    [PH_FRONTEND_DERIVED] = {NULL, NULL, NULL, NULL},
};

static struct ph_directory *
world_directory(void)
{
	static const struct object entries[] = {
	    {"recipient",
	     "a@x.test",
	     {{"RecipientType", "UserMailbox"},
	      {"PrimarySmtpAddress", "a@x.test"},
	      {"Database", "DB1"}}},
	    {"recipient",
	     "b@x.test",
	     {{"RecipientType", "UserMailbox"},
	      {"PrimarySmtpAddress", "b@x.test"},
	      {"Database", "DB2"}}},
	};
	struct ph_object *made[G_N_ELEMENTS(entries)];
	struct ph_directory *directory;

	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		made[i] = unit_object(entries[i].kind, entries[i].name,
				      entries[i].pairs,
				      G_N_ELEMENTS(entries[i].pairs));
	directory = ph_directory_memory((const struct ph_object *const *)made,
					G_N_ELEMENTS(made));
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
	return directory;
}

static struct ph_snapshot *
world_snapshot(int port1, int port2)
{
	g_autofree char *one = g_strdup_printf("127.0.0.1:%d", port1);
	g_autofree char *two = g_strdup_printf("127.0.0.1:%d", port2);
	const struct object objects[] = {
	    {"site", "S1", {{NULL, NULL}}},
	    {"site", "S2", {{NULL, NULL}}},
	    {"sitelink", "S1-S2", {{"Sites", "S1,S2"}, {"Cost", "10"}}},
	    {"domain", "x.test", {{"DomainType", "Authoritative"}}},
	    {"server",
	     "FE1",
	     {{"Fqdn", "fe1.x.test"},
	      {"Site", "S1"},
	      {"Roles", "FrontendTransport"},
	      {"Frontend", "192.0.2.3:25"},
	      {"OutboundProxy", "192.0.2.3:717"}}},
	    {"server",
	     "MBX1",
	     {{"Fqdn", "mbx1.x.test"},
	      {"Site", "S1"},
	      {"Roles", "HubTransport,Mailbox"},
	      {"Transport", one}}},
	    {"server",
	     "MBX2",
	     {{"Fqdn", "mbx2.x.test"},
	      {"Site", "S2"},
	      {"Roles", "HubTransport,Mailbox"},
	      {"Transport", two}}},
	    {"sendconnector",
	     "Smart",
	     {{"AddressSpaces", "*"},
	      {"SmartHosts", one},
	      {"FrontendProxyEnabled", "true"}}},
	    {"sendconnector",
	     "Dns",
	     {{"AddressSpaces", "*.dns.test"},
	      {"Port", strrchr(one, ':') + 1},
	      {"FrontendProxyEnabled", "true"}}},
	    {"sendconnector",
	     "Login",
	     {{"AddressSpaces", "login.test"},
	      {"SmartHosts", one},
	      {"SmartHostAuthMechanism", "BasicAuth"},
	      {"AuthenticationCredential", "login"},
	      {"FrontendProxyEnabled", "true"}}},
	    {"sendconnector",
	     "Lost",
	     {{"AddressSpaces", "lost.test"},
	      {"SmartHosts", one},
	      {"SmartHostAuthMechanism", "BasicAuth"},
	      {"AuthenticationCredential", "lost"},
	      {"FrontendProxyEnabled", "true"}}},
	    {"sendconnector",
	     "Helo",
	     {{"AddressSpaces", "helo.test"},
	      {"SmartHosts", one},
	      {"ForceHELO", "true"},
	      {"Fqdn", "out.x.test"},
	      {"FrontendProxyEnabled", "true"}}},
	    {"sendconnector", "Direct", {{"AddressSpaces", "direct.test"}}},
	    {"database", "DB1", {{"Servers", "MBX1"}}},
	    {"database", "DB2", {{"Servers", "MBX2"}}},
	};
	struct ph_object *made[G_N_ELEMENTS(objects)];
	struct ph_snapshot *snapshot;

	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		made[i] = unit_object(objects[i].kind, objects[i].name,
				      objects[i].pairs,
				      G_N_ELEMENTS(objects[i].pairs));
	snapshot = ph_snapshot_build((const struct ph_object *const *)made,
				     G_N_ELEMENTS(made), world_derive);
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
	return snapshot;
}

static char world_name[] = "mx.out.test", world_address[] = "198.51.100.7";
static char world_daemon[] = "", world_helo[] = "helo.test",
	    world_server[] = "192.0.2.3";

static void
world_open(struct world *world, int port1, int port2)
{
	*world = (struct world){
	    .frontend = {.server = "FE1",
			 .address = "",
			 .connect_timeout = 2000,
			 .timeout = 2000,
			 .final_timeout = 2000,
			 .try_timeout = 10000,
			 .progress_interval = 20,
			 .sessions = 1,
			 .directory = world_directory()},
	    .client = {.name = world_name,
		       .address = world_address,
		       .helo = world_helo,
		       .server_address = world_server,
		       .daemon = world_daemon},
	    .snapshot = world_snapshot(port1, port2),
	};
}

static struct ph_mail *
world_mail(struct world *world)
{
	struct ph_mail *mail = ph_mail_new(&world->client, "s@out.test");

	mail->snapshot = ph_snapshot_ref(world->snapshot);
	mail->directory = world->frontend.directory;
	mail->kept = &world->kept;
	return mail;
}

static void
world_close(struct world *world)
{
	ph_keep_clear(&world->kept);
	ph_snapshot_unref(&world->snapshot);
	ph_directory_close(&world->frontend.directory);
	ck_assert_int_eq(world->frontend.busy, 0);
}

static inline void
set_text(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

#endif
