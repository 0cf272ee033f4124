#include "milters/transport/rules/copies.h"

#include "milters/transport/rules/scan.h"

void
ph_copy_free(void *data)
{
	struct ph_copy *copy = data;

	ph_scans_free(copy->scans);
	g_free(copy);
}

GPtrArray *
ph_copy_recipients(const struct ph_copy *copy)
{
	GPtrArray *all = g_ptr_array_new();

	for (guint i = 0; i < copy->mail->recipients->len; i++) {
		struct ph_recipient *r = copy->mail->recipients->pdata[i];

		if (!r->removed)
			g_ptr_array_add(all, r);
	}
	return all;
}

/* In one pass, order kept. matched is in the order of from. */
static void
move(GPtrArray *from, GPtrArray *to, const GPtrArray *matched)
{
	guint kept = 0, next = 0;

	for (guint i = 0; i < from->len; i++) {
		if (next < matched->len &&
		    from->pdata[i] == matched->pdata[next]) {
			g_ptr_array_add(to, from->pdata[i]);
			next++;
		} else {
			from->pdata[kept++] = from->pdata[i];
		}
	}
	/* What was moved is not to be freed here. */
	for (guint i = kept; i < from->len; i++)
		from->pdata[i] = NULL;
	g_ptr_array_set_free_func(from, NULL);
	g_ptr_array_set_size(from, (gint)kept);
	g_ptr_array_set_free_func(from, ph_recipient_free);
}

struct ph_copy *
ph_copies_split(GPtrArray *copies, const struct ph_ruleset *set,
		struct ph_copy *from, const GPtrArray *matched)
{
	struct ph_copy *copy = g_new0(struct ph_copy, 1);

	copy->mail = ph_mail_fork(from->mail);
	copy->scans = ph_scans_new(set);
	move(from->mail->recipients, copy->mail->recipients, matched);
	g_ptr_array_add(copies, copy);
	return copy;
}
