#include "lib/fork/plan_private.h"

#include <string.h>

#define ID_LIMIT ((size_t)64)
#define INDEX_DIGITS ((size_t)6)

static void
free_header(gpointer p)
{
	struct ph_plan_header *header = p;

	g_free(header->name);
	if (header->values != NULL)
		g_ptr_array_unref(header->values);
	g_free(header);
}

static void
free_recipient(gpointer p)
{
	struct ph_plan_recipient *recipient = p;

	g_free(recipient->address);
	g_free(recipient->original);
	g_free(recipient->notify);
	g_free(recipient->orcpt);
	g_free(recipient);
}

static void
free_group(gpointer p)
{
	struct ph_plan_group *group = p;

	g_ptr_array_unref(group->recipients);
	g_ptr_array_unref(group->headers);
	g_free(group->code);
	g_free(group->enhanced);
	g_free(group->text);
	g_free(group);
}

struct ph_plan *
ph_plan_new(void)
{
	struct ph_plan *plan = g_new0(struct ph_plan, 1);
	char id[PH_UUID_TEXT];

	ph_uuid_random(id);
	plan->id = g_strdup(id);
	plan->groups = g_ptr_array_new_with_free_func(free_group);
	return plan;
}

void
ph_plan_free(struct ph_plan **plan)
{
	struct ph_plan *p = *plan;

	if (p == NULL)
		return;
	*plan = NULL;
	g_ptr_array_unref(p->groups);
	g_free(p->id);
	g_free(p->queue_id);
	g_free(p->sender);
	g_free(p->ret);
	g_free(p->envid);
	g_free(p->message_id);
	g_free(p->subject);
	g_free(p);
}

struct ph_plan_group *
ph_plan_add_group(struct ph_plan *plan, enum ph_plan_kind kind)
{
	struct ph_plan_group *group = g_new0(struct ph_plan_group, 1);

	group->kind = kind;
	group->recipients = g_ptr_array_new_with_free_func(free_recipient);
	group->headers = g_ptr_array_new_with_free_func(free_header);
	g_ptr_array_add(plan->groups, group);
	return group;
}

struct ph_plan_recipient *
ph_plan_add_recipient(struct ph_plan_group *group, const char *address,
		      const char *original)
{
	struct ph_plan_recipient *recipient =
	    g_new0(struct ph_plan_recipient, 1);

	recipient->address = g_strdup(address);
	recipient->original = g_strdup(original);
	g_ptr_array_add(group->recipients, recipient);
	return recipient;
}

struct ph_plan_header *
ph_plan_add_header(struct ph_plan_group *group, const char *name)
{
	struct ph_plan_header *header = g_new0(struct ph_plan_header, 1);

	header->name = g_strdup(name);
	header->values = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(group->headers, header);
	return header;
}

char *
ph_plan_token(const struct ph_plan *plan, size_t i)
{
	return g_strdup_printf("%s.%zu", plan->id, i);
}

/* ---- tokens ------------------------------------------------------------ */

static size_t
id_length(const char *text)
{
	size_t n = 0;

	while (n <= ID_LIMIT && (g_ascii_isalnum(text[n]) || text[n] == '-'))
		n++;
	return n > ID_LIMIT ? 0 : n;
}

bool
ph_plan_id_valid(const char *id)
{
	size_t n = id_length(id);

	return n > 0 && id[n] == '\0';
}

int
ph_plan_token_split(const char *token, char **id_r, size_t *group_r)
{
	size_t n = id_length(token), digits;
	const char *index = token + n + 1;

	if (n == 0 || token[n] != '.')
		return 0;
	digits = strspn(index, "0123456789");
	/* One way to write it, or a note would have two names. */
	if (digits == 0 || digits > INDEX_DIGITS || index[digits] != '\0' ||
	    (digits > 1 && index[0] == '0'))
		return 0;
	*id_r = g_strndup(token, n);
	*group_r = (size_t)g_ascii_strtoull(index, NULL, 10);
	return 1;
}
