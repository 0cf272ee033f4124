#include "lib/state/redis_private.h"

#include <string.h>

/* struct ph_reply is hiredis's reply under another name, so that no header
 * shows hiredis and nothing is copied. */
static const redisReply *
raw(const struct ph_reply *reply)
{
	return (const redisReply *)reply;
}

void
ph_reply_free(struct ph_reply **reply)
{
	if (*reply != NULL)
		freeReplyObject(*reply);
	*reply = NULL;
}

enum ph_reply_type
ph_reply_type(const struct ph_reply *reply)
{
	switch (raw(reply)->type) {
	case REDIS_REPLY_STATUS:
		return PH_REPLY_STATUS;
	case REDIS_REPLY_ERROR:
		return PH_REPLY_ERROR;
	case REDIS_REPLY_INTEGER:
		return PH_REPLY_INTEGER;
	case REDIS_REPLY_STRING:
		return PH_REPLY_STRING;
	case REDIS_REPLY_ARRAY:
		return PH_REPLY_ARRAY;
	default: /* RESP2 has no other */
		return PH_REPLY_NIL;
	}
}

int64_t
ph_reply_integer(const struct ph_reply *reply)
{
	return ph_reply_type(reply) == PH_REPLY_INTEGER ? raw(reply)->integer
							: 0;
}

const char *
ph_reply_text(const struct ph_reply *reply, size_t *size_r)
{
	const enum ph_reply_type type = ph_reply_type(reply);
	const bool text = type == PH_REPLY_STRING || type == PH_REPLY_STATUS ||
			  type == PH_REPLY_ERROR;

	if (size_r != NULL)
		*size_r = text ? raw(reply)->len : 0;
	return text ? raw(reply)->str : "";
}

char *
ph_reply_info(const struct ph_reply *reply, const char *name)
{
	g_auto(GStrv) lines =
	    g_strsplit(ph_reply_text(reply, NULL), "\r\n", -1);
	const size_t size = strlen(name);

	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, name) && (*line)[size] == ':')
			return g_strdup(*line + size + 1);
	return g_strdup("");
}

size_t
ph_reply_count(const struct ph_reply *reply)
{
	return ph_reply_type(reply) == PH_REPLY_ARRAY ? raw(reply)->elements
						      : 0;
}

const struct ph_reply *
ph_reply_at(const struct ph_reply *reply, size_t i)
{
	g_assert(i < ph_reply_count(reply));
	return (const struct ph_reply *)raw(reply)->element[i];
}

struct ph_reply *
ph_redis_reply_detach(struct ph_reply *reply, size_t i)
{
	redisReply *array = (redisReply *)reply;
	struct ph_reply *element;

	g_assert(i < ph_reply_count(reply));
	element = (struct ph_reply *)array->element[i];
	array->element[i] = NULL;
	return element;
}

/*
 * Error replies that speak of the server's condition and not of the command: an
 * outage, so that nobody takes them for an answer about a recipient or a rule.
 */
static const char *const outages[] = {
    "LOADING",
    "BUSY",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "NOAUTH",
    "TRYAGAIN",
    "ERR max number of clients reached",
};

static bool
begins_with_words(const char *text, const char *words)
{
	const size_t n = strlen(words);

	return strncmp(text, words, n) == 0 &&
	       (text[n] == '\0' || text[n] == ' ');
}

bool
ph_redis_reply_is_outage(const struct ph_reply *reply)
{
	if (ph_reply_type(reply) != PH_REPLY_ERROR)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(outages); i++)
		if (begins_with_words(ph_reply_text(reply, NULL), outages[i]))
			return true;
	return false;
}

int
ph_redis_reply_err(const struct ph_reply *reply, struct ph_err *err)
{
	return ph_err_set(
	    err, ph_redis_reply_is_outage(reply) ? PH_ERR_TEMP : PH_ERR_PERM,
	    "Redis: %s", ph_reply_text(reply, NULL));
}

int
ph_redis_reply_check(struct ph_reply **reply, struct ph_err *err)
{
	if (ph_reply_type(*reply) != PH_REPLY_ERROR)
		return 0;
	ph_redis_reply_err(*reply, err);
	ph_reply_free(reply);
	return -1;
}
