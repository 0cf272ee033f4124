#include "lib/base/uuid.h"
#include "lib/state/state.h"

#define SCHEMA "1"

/* 1: *organization_r; 0: there is none. */
static int
take_organization(const struct ph_reply *reply, char **organization_r)
{
	if (ph_reply_type(reply) != PH_REPLY_STRING)
		return 0;
	*organization_r = g_strdup(ph_reply_text(reply, NULL));
	return 1;
}

/* Two daemons that race both do this, and both read what the first wrote. */
static int
write_meta(struct ph_redis *redis, const char *key, char **organization_r,
	   struct ph_err *err)
{
	char uuid[PH_UUID_TEXT];
	const char *const organization[] = {"HSETNX", key, "Organization",
					    uuid};
	const char *const schema[] = {"HSETNX", key, "Schema", SCHEMA};
	const char *const get[] = {"HGET", key, "Organization"};
	const struct ph_command commands[] = {
	    {G_N_ELEMENTS(organization), organization, NULL},
	    {G_N_ELEMENTS(schema), schema, NULL},
	    {G_N_ELEMENTS(get), get, NULL},
	};
	struct ph_reply *replies[G_N_ELEMENTS(commands)] = {NULL};
	int r;

	ph_uuid_random(uuid);
	if (ph_redis_pipeline(redis, commands, G_N_ELEMENTS(commands), true,
			      replies, err) != 0)
		return -1;
	r = take_organization(replies[2], organization_r);
	if (r == 0)
		r = ph_err_set(err, PH_ERR_PERM, "%s: %s", key,
			       ph_reply_text(replies[0], NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		ph_reply_free(&replies[i]);
	return r;
}

int
ph_state_meta(struct ph_redis *redis, bool has_snapshot, char **organization_r,
	      struct ph_err *err)
{
	g_autofree char *key =
	    g_strconcat(ph_redis_prefix(redis), "meta", NULL);
	struct ph_reply *reply = NULL;
	int r;

	if (ph_redis_call(redis, &reply, err, "HGET", key, "Organization",
			  NULL) != 0)
		return -1;
	r = take_organization(reply, organization_r);
	ph_reply_free(&reply);
	if (r != 0 || has_snapshot)
		return r;
	return write_meta(redis, key, organization_r, err);
}
