#include "policy/expansion_rows.h"

#include <string.h>

/* As many as a mail may have recipients here. */
#define RECIPIENTS ((guint)5000)

static void
write_part(const struct ph_fork_rows *rows, const char *event, const char *from,
	   const GPtrArray *to, guint begin)
{
	guint n = MIN(to->len - begin, RECIPIENTS);
	g_autoptr(GPtrArray) part = g_ptr_array_new();

	for (guint i = 0; i < n; i++)
		g_ptr_array_add(part, to->pdata[begin + i]);
	ph_fork_row_routing(rows, event, from, part);
}

static void
write_group(void *arg, const char *event, const char *group,
	    const GPtrArray *members)
{
	guint begin = 0;

	do {
		write_part(arg, event, group, members, begin);
		begin += RECIPIENTS;
	} while (begin < members->len);
}

static void
write_step(void *arg, const char *event, const char *from, const char *to)
{
	g_autoptr(GPtrArray) one = g_ptr_array_new();

	g_ptr_array_add(one, (gpointer)to);
	write_part(arg, event, from, one, 0);
}

void
ph_expansion_rows(const struct ph_fork_rows *rows, const char *group,
		  const struct ph_expansion *expansion)
{
	const struct ph_expansion_notes notes = {write_step, write_group,
						 (void *)rows};

	if (rows->track == NULL)
		return;
	if (expansion != NULL)
		ph_expansion_tell(expansion, &notes);
	else if (rows->plan->groups->len == 0)
		write_step((void *)rows, "DROP", "", group);
}
