#include "store/delivery/arrivals_private.h"

#include <string.h>

#define CHANNEL "notify"

enum { BATCH = 100 };

/* What Redis refuses for one, it refuses for all. */
static int
judge(struct ph_reply **replies, guint n, struct ph_err *err)
{
	int r = 0;

	for (guint i = 0; i < n; i++) {
		if (ph_reply_type(replies[i]) == PH_REPLY_ERROR)
			r = ph_err_set(err, PH_ERR_PERM, "%s",
				       ph_reply_text(replies[i], NULL));
		ph_reply_free(&replies[i]);
	}
	return r;
}

static int
send_redis(struct ph_outlet *outlet, void **worker, GBytes *const *texts,
	   guint n, struct ph_err *err)
{
	struct ph_redis *redis = outlet->target;
	g_autofree char *channel =
	    g_strconcat(ph_redis_prefix(redis), CHANNEL, NULL);
	const char *args[BATCH][3];
	size_t sizes[BATCH][3];
	struct ph_command commands[BATCH];
	struct ph_reply *replies[BATCH];

	(void)worker;
	for (guint i = 0; i < n; i++) {
		args[i][0] = "PUBLISH";
		args[i][1] = channel;
		args[i][2] = g_bytes_get_data(texts[i], &sizes[i][2]);
		sizes[i][0] = strlen(args[i][0]);
		sizes[i][1] = strlen(args[i][1]);
		commands[i] = (struct ph_command){3, args[i], sizes[i]};
	}
	if (ph_redis_pipeline(redis, commands, n, false, replies, err) < 0)
		return -1;
	return judge(replies, n, err);
}

/* A round trip for each would cost a busy server more than all else about a
 * message but the disk; so whoever listens is told 5 ms later. */
const struct ph_outlet_ops ph_outlet_redis = {
    .name = "notify",
    .limit = 10000,
    .batch = BATCH,
    .gather = 5,
    .send = send_redis,
};
