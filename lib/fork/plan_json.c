#include "lib/fork/plan_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define GROUPS_LIMIT ((size_t)100000)
#define TEXT_LIMIT ((size_t)64 * 1024)

/* ---- to text ----------------------------------------------------------- */

/* JSON is UTF-8, and a header field may be anything else: such bytes stand as
 * {"base64": "..."}. */
static json_t *
put_text(const char *text)
{
	g_autofree char *encoded = NULL;

	if (text == NULL)
		return json_null();
	if (g_utf8_validate(text, -1, NULL))
		return json_string(text);
	encoded = g_base64_encode((const guchar *)text, strlen(text));
	return json_pack("{s:s}", "base64", encoded);
}

static json_t *
put_recipients(const GPtrArray *recipients)
{
	json_t *list = json_array();

	for (guint i = 0; i < recipients->len; i++) {
		const struct ph_plan_recipient *r = recipients->pdata[i];

		json_array_append_new(
		    list, json_pack("{s:o, s:o, s:o, s:o}", "address",
				    put_text(r->address), "original",
				    put_text(r->original), "notify",
				    put_text(r->notify), "orcpt",
				    put_text(r->orcpt)));
	}
	return list;
}

static json_t *
put_headers(const GPtrArray *headers)
{
	json_t *list = json_array();

	for (guint i = 0; i < headers->len; i++) {
		const struct ph_plan_header *header = headers->pdata[i];
		json_t *values = json_array();

		for (guint k = 0; k < header->values->len; k++)
			json_array_append_new(
			    values, put_text(header->values->pdata[k]));
		json_array_append_new(list, json_pack("{s:o, s:o}", "name",
						      put_text(header->name),
						      "values", values));
	}
	return list;
}

static json_t *
put_group(const struct ph_plan_group *group)
{
	json_t *recipients = put_recipients(group->recipients);

	switch (group->kind) {
	case PH_PLAN_COPY:
		return json_pack("{s:s, s:o, s:o}", "kind", "copy",
				 "recipients", recipients, "headers",
				 put_headers(group->headers));
	case PH_PLAN_REPORT:
		return json_pack(
		    "{s:s, s:o, s:o, s:o, s:o}", "kind", "report", "recipients",
		    recipients, "code", put_text(group->code), "enhanced",
		    put_text(group->enhanced), "text", put_text(group->text));
	case PH_PLAN_NOTICE:
		return json_pack("{s:s, s:o, s:o}", "kind", "notice",
				 "recipients", recipients, "text",
				 put_text(group->text));
	}
	g_assert_not_reached();
}

static json_t *
put_groups(const GPtrArray *groups)
{
	json_t *list = json_array();

	for (guint i = 0; i < groups->len; i++) {
		const struct ph_plan_group *group = groups->pdata[i];

		json_array_append_new(list, put_group(group));
	}
	return list;
}

char *
ph_plan_format(const struct ph_plan *plan, size_t *size_r)
{
	json_t *root = json_pack(
	    "{s:i, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:I, s:I, "
	    "s:o}",
	    "version", VERSION, "id", put_text(plan->id), "queue_id",
	    put_text(plan->queue_id), "sender", put_text(plan->sender), "ret",
	    put_text(plan->ret), "envid", put_text(plan->envid), "eight_bit",
	    (int)plan->eight_bit, "utf8", (int)plan->utf8, "nmid",
	    put_text(plan->nmid), "message_id", put_text(plan->message_id),
	    "subject", put_text(plan->subject), "size", (json_int_t)plan->size,
	    "created", (json_int_t)plan->created, "groups",
	    put_groups(plan->groups));
	char *dumped, *text;

	g_assert(root != NULL);
	dumped = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	g_assert(dumped != NULL);
	text = g_strconcat(dumped, "\n", NULL);
	free(dumped);
	*size_r = strlen(text);
	return text;
}

/* ---- from text --------------------------------------------------------- */

enum shape {
	ANY,  /* a header field's value */
	LINE, /* no control character: ends no SMTP command */
	WORD, /* nor a blank: ends no parameter of one */
	NAME, /* of a header field */
};

static bool
has_shape(const char *text, enum shape shape)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0';
	     p++)
		if (shape != ANY &&
		    (*p < ' ' || *p == 0x7f || (shape != LINE && *p == ' ') ||
		     (shape == NAME && (*p == ':' || *p > 0x7f))))
			return false;
	return shape != NAME || *text != '\0';
}

bool
ph_plan_address_fits(const char *address)
{
	return strlen(address) <= PH_PLAN_ADDRESS && has_shape(address, LINE);
}

static char *
get_bytes(const json_t *value)
{
	const char *encoded =
	    json_string_value(json_object_get(value, "base64"));
	g_autofree guchar *bytes = NULL;
	gsize size = 0;

	if (encoded == NULL || json_object_size(value) != 1)
		return NULL;
	bytes = g_base64_decode(encoded, &size);
	if (memchr(bytes, '\0', size) != NULL)
		return NULL;
	return g_strndup((const char *)bytes, size);
}

/* 0, or -1 PERM. */
static int
get_text(const json_t *value, const char *what, enum shape shape, size_t limit,
	 char **text_r, struct ph_err *err)
{
	g_autofree char *text = json_is_string(value)
				    ? g_strdup(json_string_value(value))
				    : get_bytes(value);

	if (text == NULL)
		return ph_err_set(err, PH_ERR_PERM, "%s is no text", what);
	if (strlen(text) > limit)
		return ph_err_set(err, PH_ERR_PERM,
				  "%s is longer than %zu bytes", what, limit);
	if (!has_shape(text, shape))
		return ph_err_set(err, PH_ERR_PERM,
				  "%s has a character that it may not have",
				  what);
	*text_r = g_steal_pointer(&text);
	return 0;
}

static int
get_optional(const json_t *value, const char *what, enum shape shape,
	     size_t limit, char **text_r, struct ph_err *err)
{
	return json_is_null(value)
		   ? 0
		   : get_text(value, what, shape, limit, text_r, err);
}

static int
unpacked(const json_error_t *where, const char *what, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_PERM, "%s: %s", what, where->text);
}

static int
get_recipient(json_t *value, struct ph_plan_group *group, struct ph_err *err)
{
	struct ph_plan_recipient *r = ph_plan_add_recipient(group, NULL, NULL);
	json_t *address, *original, *notify, *orcpt;
	json_error_t where;

	if (json_unpack_ex(value, &where, JSON_STRICT, "{s:o, s:o, s:o, s:o}",
			   "address", &address, "original", &original, "notify",
			   &notify, "orcpt", &orcpt) < 0)
		return unpacked(&where, "recipient", err);
	if (get_text(address, "address", LINE, PH_PLAN_ADDRESS, &r->address,
		     err) < 0 ||
	    get_optional(original, "original", LINE, PH_PLAN_ADDRESS,
			 &r->original, err) < 0 ||
	    get_optional(notify, "notify", WORD, PH_PLAN_PARAMETER, &r->notify,
			 err) < 0)
		return -1;
	if (*r->address == '\0')
		return ph_err_set(err, PH_ERR_PERM, "address is empty");
	return get_optional(orcpt, "orcpt", WORD, PH_PLAN_PARAMETER, &r->orcpt,
			    err);
}

static int
get_header(json_t *value, struct ph_plan_group *group, struct ph_err *err)
{
	json_t *name, *values, *item;
	g_autofree char *text = NULL;
	struct ph_plan_header *header;
	json_error_t where;
	size_t i;

	if (json_unpack_ex(value, &where, JSON_STRICT, "{s:o, s:o}", "name",
			   &name, "values", &values) < 0)
		return unpacked(&where, "header", err);
	if (get_text(name, "header name", NAME, PH_PLAN_ADDRESS, &text, err) <
	    0)
		return -1;
	if (!json_is_array(values))
		return ph_err_set(err, PH_ERR_PERM, "values are no list");
	header = ph_plan_add_header(group, text);
	json_array_foreach(values, i, item)
	{
		char *one = NULL;

		if (get_text(item, "header value", ANY, PH_PLAN_LIMIT, &one,
			     err) < 0)
			return -1;
		g_ptr_array_add(header->values, one);
	}
	return 0;
}

static int
get_list(json_t *list, const char *what, struct ph_plan_group *group,
	 int (*get)(json_t *value, struct ph_plan_group *group,
		    struct ph_err *err),
	 struct ph_err *err)
{
	json_t *item;
	size_t i;

	if (!json_is_array(list))
		return ph_err_set(err, PH_ERR_PERM, "%s are no list", what);
	json_array_foreach(list, i, item)
	{
		if (get(item, group, err) < 0)
			return -1;
	}
	return 0;
}

static int
get_refusal(json_t *code, json_t *enhanced, json_t *text,
	    struct ph_plan_group *group, struct ph_err *err)
{
	if (get_text(code, "code", WORD, 3, &group->code, err) < 0 ||
	    get_text(enhanced, "enhanced", WORD, 16, &group->enhanced, err) < 0)
		return -1;
	return get_text(text, "text", LINE, TEXT_LIMIT, &group->text, err);
}

static int
get_group(json_t *value, struct ph_plan *plan, struct ph_err *err)
{
	const char *kind = json_string_value(json_object_get(value, "kind"));
	json_t *recipients, *headers, *code, *enhanced, *text;
	struct ph_plan_group *group;
	json_error_t where;

	if (g_strcmp0(kind, "copy") == 0) {
		group = ph_plan_add_group(plan, PH_PLAN_COPY);
		if (json_unpack_ex(value, &where, JSON_STRICT,
				   "{s:s, s:o, s:o}", "kind", &kind,
				   "recipients", &recipients, "headers",
				   &headers) < 0)
			return unpacked(&where, "copy", err);
		if (get_list(headers, "headers", group, get_header, err) < 0)
			return -1;
	} else if (g_strcmp0(kind, "report") == 0) {
		group = ph_plan_add_group(plan, PH_PLAN_REPORT);
		if (json_unpack_ex(value, &where, JSON_STRICT,
				   "{s:s, s:o, s:o, s:o, s:o}", "kind", &kind,
				   "recipients", &recipients, "code", &code,
				   "enhanced", &enhanced, "text", &text) < 0)
			return unpacked(&where, "report", err);
		if (get_refusal(code, enhanced, text, group, err) < 0)
			return -1;
	} else if (g_strcmp0(kind, "notice") == 0) {
		group = ph_plan_add_group(plan, PH_PLAN_NOTICE);
		if (json_unpack_ex(
			value, &where, JSON_STRICT, "{s:s, s:o, s:o}", "kind",
			&kind, "recipients", &recipients, "text", &text) < 0)
			return unpacked(&where, "notice", err);
		if (get_text(text, "text", LINE, TEXT_LIMIT, &group->text,
			     err) < 0)
			return -1;
	} else {
		return ph_err_set(err, PH_ERR_PERM, "no such kind of group");
	}
	return get_list(recipients, "recipients", group, get_recipient, err);
}

struct texts {
	json_t *id, *queue_id, *sender, *ret, *envid, *nmid, *message_id,
	    *subject;
};

static int
get_texts(const struct texts *texts, struct ph_plan *plan, struct ph_err *err)
{
	g_autofree char *nmid = NULL;

	g_clear_pointer(&plan->id, g_free);
	if (get_text(texts->id, "id", WORD, 64, &plan->id, err) < 0 ||
	    get_text(texts->queue_id, "queue_id", WORD, 255, &plan->queue_id,
		     err) < 0 ||
	    get_text(texts->sender, "sender", LINE, PH_PLAN_ADDRESS,
		     &plan->sender, err) < 0 ||
	    get_optional(texts->ret, "ret", WORD, 16, &plan->ret, err) < 0 ||
	    get_optional(texts->envid, "envid", WORD, PH_PLAN_PARAMETER,
			 &plan->envid, err) < 0 ||
	    get_text(texts->nmid, "nmid", WORD, PH_UUID_TEXT - 1, &nmid, err) <
		0 ||
	    get_text(texts->message_id, "message_id", ANY, PH_PLAN_LIMIT,
		     &plan->message_id, err) < 0 ||
	    get_text(texts->subject, "subject", ANY, PH_PLAN_LIMIT,
		     &plan->subject, err) < 0)
		return -1;
	if (!ph_plan_id_valid(plan->id))
		return ph_err_set(err, PH_ERR_PERM, "id is none");
	if (!ph_uuid_valid(nmid))
		return ph_err_set(err, PH_ERR_PERM, "nmid is no UUID");
	g_strlcpy(plan->nmid, nmid, sizeof(plan->nmid));
	return 0;
}

static int
get_plan(json_t *root, struct ph_plan *plan, struct ph_err *err)
{
	struct texts texts;
	int version, eight_bit, utf8;
	json_int_t size, created;
	json_t *groups, *item;
	json_error_t where;
	size_t i;

	if (json_unpack_ex(root, &where, JSON_STRICT,
			   "{s:i, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, "
			   "s:o, s:I, s:I, s:o}",
			   "version", &version, "id", &texts.id, "queue_id",
			   &texts.queue_id, "sender", &texts.sender, "ret",
			   &texts.ret, "envid", &texts.envid, "eight_bit",
			   &eight_bit, "utf8", &utf8, "nmid", &texts.nmid,
			   "message_id", &texts.message_id, "subject",
			   &texts.subject, "size", &size, "created", &created,
			   "groups", &groups) < 0)
		return unpacked(&where, "plan", err);
	if (version != VERSION || size < 0 || created < 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "version, size or created is out of range");
	if (!json_is_array(groups) || json_array_size(groups) > GROUPS_LIMIT)
		return ph_err_set(err, PH_ERR_PERM, "groups are no list");
	plan->eight_bit = eight_bit != 0;
	plan->utf8 = utf8 != 0;
	plan->size = (uint64_t)size;
	plan->created = created;
	if (get_texts(&texts, plan, err) < 0)
		return -1;
	json_array_foreach(groups, i, item)
	{
		if (get_group(item, plan, err) < 0)
			return -1;
	}
	return 0;
}

int
ph_plan_parse(const char *text, size_t size, struct ph_plan **plan_r,
	      struct ph_err *err)
{
	struct ph_plan *plan;
	json_error_t where;
	json_t *root;
	int rc;

	if (size > PH_PLAN_LIMIT)
		return ph_err_set(err, PH_ERR_PERM, "longer than %zu bytes",
				  PH_PLAN_LIMIT);
	root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
	if (root == NULL)
		return ph_err_set(err, PH_ERR_PERM, "line %d: %s", where.line,
				  where.text);
	plan = ph_plan_new();
	rc = get_plan(root, plan, err);
	json_decref(root);
	if (rc < 0) {
		ph_plan_free(&plan);
		return -1;
	}
	*plan_r = plan;
	return 0;
}
