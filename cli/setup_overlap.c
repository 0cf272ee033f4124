#include "cli/setup_master.h"

#include <string.h>

/* Places that two services would listen at. */

static bool
is_ours(const struct ph_master *master, const struct ph_master_service *service)
{
	return ph_master_find_in(master->ours, service->name, service->type);
}

/* Does a service without an address listen at this one? */
static bool
is_among(const char *interfaces, const char *host)
{
	g_auto(GStrv) split = g_strsplit_set(interfaces, ", \t[]", -1);
	const char *const *list = (const char *const *)split;

	if (g_strv_contains(list, "all"))
		return true;
	if (g_strv_contains(list, "loopback-only"))
		return strcmp(host, "127.0.0.1") == 0 ||
		       strcmp(host, "::1") == 0;
	return g_strv_contains(list, host);
}

static bool
do_overlap(const struct ph_master_service *a, const struct ph_master_service *b,
	   const char *interfaces)
{
	g_autofree char *at_a = NULL, *at_b = NULL;
	int port_a, port_b;

	if (!ph_master_service_place(a, &at_a, &port_a) ||
	    !ph_master_service_place(b, &at_b, &port_b) || port_a != port_b)
		return false;
	if (strcmp(at_a, at_b) == 0)
		return true;
	if (*at_a == '\0')
		return is_among(interfaces, at_b);
	return *at_b == '\0' && is_among(interfaces, at_a);
}

bool
ph_master_overlap(const struct ph_master *master, const char *interfaces,
		  const struct ph_master_service **one_r,
		  const struct ph_master_service **other_r)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new();

	for (guint i = 0; i < master->services->len; i++)
		if (!is_ours(master, master->services->pdata[i]))
			g_ptr_array_add(all, master->services->pdata[i]);
	for (guint i = 0; i < master->ours->len; i++) {
		*one_r = master->ours->pdata[i];
		for (guint j = 0; j < all->len; j++) {
			*other_r = all->pdata[j];
			if (do_overlap(*one_r, *other_r, interfaces))
				return true;
		}
		g_ptr_array_add(all, master->ours->pdata[i]);
	}
	return false;
}
