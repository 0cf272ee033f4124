#include "cli/change.h"

#include <string.h>

/* Fields and keys, as Redis holds them. */

char *
ph_field_name(const struct ph_kind *kind, const char *typed)
{
	bool except;
	const struct ph_field *field = ph_kind_field(kind, typed, &except);

	if (field)
		return g_strconcat(except ? "ExceptIf" : "", field->name, NULL);
	return kind->flags & PH_KIND_OPEN ? g_strdup(typed) : NULL;
}

char *
ph_object_key(const struct ph_kind *kind, const char *name)
{
	if (kind->flags & PH_KIND_SINGLETON)
		return g_strdup(kind->name);
	return g_strconcat(kind->name, ":", name, NULL);
}

static int
add_text(GPtrArray *list, const struct ph_reply *reply, struct ph_err *err)
{
	size_t size;
	const char *text = ph_reply_text(reply, &size);

	if (strlen(text) != size)
		return ph_err_set(err, PH_ERR_PERM,
				  "Redis holds a NUL byte in it; remove it "
				  "with redis-cli");
	g_ptr_array_add(list, g_strdup(text));
	return 0;
}

int
ph_stored_take(const struct ph_reply *reply, GPtrArray **stored_r,
	       struct ph_err *err)
{
	g_autoptr(GPtrArray) stored = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < ph_reply_count(reply); i++)
		if (add_text(stored, ph_reply_at(reply, i), err) < 0)
			return -1;
	*stored_r = g_steal_pointer(&stored);
	return 0;
}

static int
take_string(const struct ph_reply *reply, GPtrArray **stored_r,
	    struct ph_err *err)
{
	g_autoptr(GPtrArray) stored = g_ptr_array_new_with_free_func(g_free);

	if (ph_reply_type(reply) == PH_REPLY_STRING) {
		g_ptr_array_add(stored, g_strdup("Value"));
		if (add_text(stored, reply, err) < 0)
			return -1;
	}
	*stored_r = g_steal_pointer(&stored);
	return 0;
}

/* What Redis says of a wrong type is told with a remedy. */
static int
read_failed(const struct ph_kind *kind, const char *object, struct ph_err *err)
{
	(void)ph_cli_unread(err);
	if (err == NULL || strstr(err->text, "WRONGTYPE") == NULL)
		return ph_err_wrap(err, "%s", object);
	return ph_err_set(err, PH_ERR_PERM,
			  "%s is not a Redis %s; \"posthub %s remove\" deletes "
			  "it",
			  object,
			  kind->flags & PH_KIND_STRING ? "string" : "hash",
			  kind->name);
}

int
ph_stored_read(struct ph_cli *cli, const struct ph_kind *kind, const char *name,
	       GPtrArray **stored_r, struct ph_err *err)
{
	bool string = (kind->flags & PH_KIND_STRING) != 0;
	g_autofree char *object = ph_object_key(kind, name);
	g_autofree char *key = ph_cli_key(cli, object);
	struct ph_reply *reply = NULL;
	int r;

	if (ph_redis_call(cli->redis, &reply, err, string ? "GET" : "HGETALL",
			  key, NULL) < 0)
		return read_failed(kind, object, err);
	r = string ? take_string(reply, stored_r, err)
		   : ph_stored_take(reply, stored_r, err);
	ph_reply_free(&reply);
	return r < 0 ? ph_err_wrap(err, "%s", object) : 0;
}

int
ph_stored_parse(const struct ph_kind *kind, const char *name,
		const GPtrArray *stored, struct ph_object **object_r,
		struct ph_err *err)
{
	size_t n = stored->len / 2;
	g_autofree struct ph_pair *pairs = g_new(struct ph_pair, n + 1);

	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct ph_pair){stored->pdata[2 * i],
					    stored->pdata[2 * i + 1]};
	return ph_object_parse(kind, name, pairs, n, object_r, err);
}
