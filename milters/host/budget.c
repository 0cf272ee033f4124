#include "milters/host/budget.h"

bool
ph_budget_take(struct ph_budget *budget, size_t size)
{
	gsize before, after;

	do {
		before = (gsize)g_atomic_pointer_get(&budget->used);
		if (budget->limit > 0 &&
		    (before > budget->limit || size > budget->limit - before))
			return false;
		after = before + size;
	} while (!g_atomic_pointer_compare_and_exchange(&budget->used, before,
							after));
	return true;
}

void
ph_budget_give(struct ph_budget *budget, size_t size)
{
	(void)g_atomic_pointer_add(&budget->used, -(gssize)size);
}
