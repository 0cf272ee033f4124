#include "cli/setup_master.h"

#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/*
 * Places that two services would listen at. A service listens at addresses:
 * those of the host that it names, or of inet_interfaces. "0.0.0.0" overlaps
 * with every address of IPv4, "::" with those of IPv6 alone, since Postfix
 * listens there with IPV6_V6ONLY.
 */
static const char any4[] = "0.0.0.0", any6[] = "::";

static bool
is_ours(const struct ph_master *master, const struct ph_master_service *service)
{
	return ph_master_find_in(master->ours, service->name, service->type);
}

/* Its addresses, each in the one way that numbers are written. */
static int
add_host(GPtrArray *addresses, const char *host, struct ph_err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int r = getaddrinfo(host, NULL, &hints, &list);

	if (r != 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", host,
				  gai_strerror(r));
	for (const struct addrinfo *one = list; one != NULL;
	     one = one->ai_next) {
		char text[NI_MAXHOST];

		if (getnameinfo(one->ai_addr, one->ai_addrlen, text,
				sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
			g_ptr_array_add(addresses, g_strdup(text));
	}
	freeaddrinfo(list);
	return 0;
}

/* Where a service without an address listens. */
static int
add_interfaces(GPtrArray *addresses, const char *interfaces, struct ph_err *err)
{
	g_auto(GStrv) split = g_strsplit_set(interfaces, ", \t[]", -1);

	for (char **word = split; *word != NULL; word++) {
		bool all = strcasecmp(*word, "all") == 0;

		if (all || strcasecmp(*word, "loopback-only") == 0) {
			g_ptr_array_add(addresses,
					g_strdup(all ? any4 : "127.0.0.1"));
			g_ptr_array_add(addresses,
					g_strdup(all ? any6 : "::1"));
			continue;
		}
		if (**word != '\0' && add_host(addresses, *word, err) < 0)
			return ph_err_wrap(err, "inet_interfaces");
	}
	return 0;
}

static bool
do_meet(const char *a, const char *b)
{
	bool six = strchr(a, ':') != NULL;
	const char *any = six ? any6 : any4;

	if (six != (strchr(b, ':') != NULL))
		return false;
	return strcmp(a, b) == 0 || strcmp(a, any) == 0 || strcmp(b, any) == 0;
}

static int
find_addresses(const char *host, const char *interfaces, GPtrArray **addresses,
	       struct ph_err *err)
{
	*addresses = g_ptr_array_new_with_free_func(g_free);
	if (*host == '\0')
		return add_interfaces(*addresses, interfaces, err);
	return add_host(*addresses, host, err) < 0
		   ? ph_err_wrap(err, "master.cf")
		   : 0;
}

/* 1, 0, -1. */
static int
do_overlap(const struct ph_master_service *a, const struct ph_master_service *b,
	   const char *interfaces, struct ph_err *err)
{
	g_autoptr(GPtrArray) all_a = NULL, all_b = NULL;
	g_autofree char *at_a = NULL, *at_b = NULL;
	int port_a, port_b;

	if (!ph_master_service_place(a, &at_a, &port_a) ||
	    !ph_master_service_place(b, &at_b, &port_b) || port_a != port_b)
		return 0;
	if (strcmp(at_a, at_b) == 0)
		return 1;
	if (find_addresses(at_a, interfaces, &all_a, err) < 0 ||
	    find_addresses(at_b, interfaces, &all_b, err) < 0)
		return -1;
	for (guint i = 0; i < all_a->len; i++)
		for (guint j = 0; j < all_b->len; j++)
			if (do_meet(all_a->pdata[i], all_b->pdata[j]))
				return 1;
	return 0;
}

int
ph_master_overlap(const struct ph_master *master, const char *interfaces,
		  const struct ph_master_service **one_r,
		  const struct ph_master_service **other_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	int r;

	for (guint i = 0; i < master->services->len; i++)
		if (!is_ours(master, master->services->pdata[i]))
			g_ptr_array_add(all, master->services->pdata[i]);
	for (guint i = 0; i < master->ours->len; i++) {
		*one_r = master->ours->pdata[i];
		for (guint j = 0; j < all->len; j++) {
			*other_r = all->pdata[j];
			r = do_overlap(*one_r, *other_r, interfaces, err);
			if (r != 0)
				return r;
		}
		g_ptr_array_add(all, master->ours->pdata[i]);
	}
	return 0;
}
