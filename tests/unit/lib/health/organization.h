#ifndef ORGANIZATION_H
#define ORGANIZATION_H

#include "lib/routing/topology.h"
#include "lib/state/state.h"
#include "tests/unit/lib/state/redis_fixture.h"

/*
 * A private Redis with servers MBX1 (this one) and MBX2, and the live state of
 * a daemon on it.
 */
struct organization {
	struct fixture redis;
	struct ph_conf *conf;
	struct ph_state *state;
};

static const struct ph_derive organization_derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};

static void
organization_open(struct organization *o)
{
	g_autofree char *text = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&o->redis);
	fixture_do(&o->redis, "HSET posthub:site:A HubSiteEnabled true");
	fixture_do(&o->redis, "HSET posthub:server:MBX1 Site A Roles "
			      "HubTransport,Mailbox Fqdn mbx1.test");
	fixture_do(&o->redis, "HSET posthub:server:MBX2 Site A Roles "
			      "HubTransport,Mailbox Fqdn mbx2.test");
	text = g_strdup_printf("[server]\nname = mbx1\nstate_dir = %s\n"
			       "[redis]\nurl = unix://%s\ntimeout = 500ms\n"
			       "[health]\ninterval = 100ms\nexpiry = 400ms\n",
			       o->redis.dir, o->redis.socket);
	o->conf = fixture_conf(&o->redis, text);
	ck_assert_msg(ph_state_open(o->conf, "test", organization_derive,
				    &o->state, &err) == 0,
		      "%s", err.text);
}

static void
organization_close(struct organization *o)
{
	ph_state_close(&o->state);
	ph_conf_free(&o->conf);
	fixture_stop(&o->redis);
}

#endif
