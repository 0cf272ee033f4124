#include "cli/lease.h"

#include "lib/health/lease.h"

#include <glib.h>

/* The key stays for a while after its holder has ceased to believe in it. */
static const char *
state_of(const struct ph_lease *lease, int64_t left)
{
	if (!lease->there)
		return "none";
	if (lease->free)
		return "free";
	return left > PH_LEASE_KEY_MS - PH_LEASE_MS ? "held" : "run out";
}

static void
take(const struct ph_reply *value, const struct ph_reply *left,
     struct ph_lease_shown *shown_r)
{
	struct ph_lease lease;

	ph_lease_parse(ph_reply_type(value) == PH_REPLY_STRING
			   ? ph_reply_text(value, NULL)
			   : NULL,
		       &lease);
	shown_r->state = state_of(&lease, ph_reply_integer(left));
	shown_r->holder =
	    lease.there && !lease.free ? g_strdup(lease.server) : NULL;
	ph_lease_clear(&lease);
}

int
ph_leases_read(struct ph_cli *cli, const char *const *names, size_t n,
	       struct ph_lease_shown *shown_r)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
	g_autofree struct ph_command *commands =
	    g_new0(struct ph_command, 2 * n + 1);
	g_autofree const char **args = g_new0(const char *, 4 * n + 1);
	g_autofree struct ph_reply **replies =
	    g_new0(struct ph_reply *, 2 * n + 1);
	int r;

	for (size_t i = 0; i < 2 * n; i++) {
		if (i % 2 == 0)
			g_ptr_array_add(keys,
					ph_lease_key(cli->redis, names[i / 2]));
		args[2 * i] = i % 2 == 0 ? "GET" : "PTTL";
		args[2 * i + 1] = keys->pdata[i / 2];
		commands[i].n = 2;
		commands[i].args = args + 2 * i;
	}
	for (size_t i = 0; i < n; i++)
		shown_r[i] = (struct ph_lease_shown){NULL, "unknown"};
	if (n == 0)
		return 0;
	r = ph_redis_pipeline(cli->redis, commands, 2 * n, false, replies,
			      NULL);
	for (size_t i = 0; r == 0 && i < n; i++)
		take(replies[2 * i], replies[2 * i + 1], &shown_r[i]);
	for (size_t i = 0; i < 2 * n; i++)
		ph_reply_free(&replies[i]);
	return r;
}

void
ph_lease_shown_clear(struct ph_lease_shown *shown)
{
	g_clear_pointer(&shown->holder, g_free);
}
