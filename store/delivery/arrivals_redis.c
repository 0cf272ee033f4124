#include "store/delivery/arrivals_private.h"

#define CHANNEL "notify"

static int
send_redis(struct ph_outlet *outlet, void **worker, const char *text,
	   size_t size, struct ph_err *err)
{
	struct ph_redis *redis = outlet->target;
	g_autofree char *channel =
	    g_strconcat(ph_redis_prefix(redis), CHANNEL, NULL);
	g_autofree char *copy = g_strndup(text, size);
	struct ph_reply *reply = NULL;
	int r =
	    ph_redis_call(redis, &reply, err, "PUBLISH", channel, copy, NULL);

	(void)worker;
	ph_reply_free(&reply);
	return r;
}

const struct ph_outlet_ops ph_outlet_redis = {
    .name = "notify",
    .limit = 10000,
    .send = send_redis,
};
