#include "cli/setup_master.h"

#include "lib/base/text.h"

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

/* A service that listens: found is looked up when it is asked for. */
struct place {
	const struct ph_master_service *service;
	char *host;
	int port;
	GPtrArray *found; /* addresses, each in the one way to write it */
};

struct overlap {
	const char *interfaces;
	bool four, six; /* of inet_protocols */
	GArray *places;
};

static bool
is_ours(const struct ph_master *master, const struct ph_master_service *service)
{
	return ph_master_find_in(master->ours, service->name, service->type);
}

/* ---- addresses ----------------------------------------------------------- */

static bool
is_spoken(const struct overlap *overlap, const char *address)
{
	return strchr(address, ':') != NULL ? overlap->six : overlap->four;
}

static void
add_address(const struct overlap *overlap, GPtrArray *addresses,
	    const char *address)
{
	if (is_spoken(overlap, address))
		g_ptr_array_add(addresses, g_strdup(address));
}

static int
add_host(const struct overlap *overlap, GPtrArray *addresses, const char *host,
	 struct ph_err *err)
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
			add_address(overlap, addresses, text);
	}
	freeaddrinfo(list);
	return 0;
}

/* Where a service without an address listens. */
static int
add_interfaces(const struct overlap *overlap, GPtrArray *addresses,
	       struct ph_err *err)
{
	g_auto(GStrv) split = g_strsplit_set(overlap->interfaces, ", \t[]", -1);

	for (char **word = split; *word != NULL; word++) {
		bool all = strcasecmp(*word, "all") == 0;

		if (all || strcasecmp(*word, "loopback-only") == 0) {
			add_address(overlap, addresses,
				    all ? "0.0.0.0" : "127.0.0.1");
			add_address(overlap, addresses, all ? "::" : "::1");
		} else if (**word != '\0' &&
			   add_host(overlap, addresses, *word, err) < 0) {
			return ph_err_wrap(err, "inet_interfaces");
		}
	}
	return 0;
}

static int
find_addresses(const struct overlap *overlap, struct place *place,
	       struct ph_err *err)
{
	if (place->found != NULL)
		return 0;
	place->found = g_ptr_array_new_with_free_func(g_free);
	if (*place->host == '\0')
		return add_interfaces(overlap, place->found, err);
	if (add_host(overlap, place->found, place->host, err) == 0)
		return 0;
	return ph_err_wrap(err, "master.cf");
}

/* ---- two places ---------------------------------------------------------- */

static bool
do_meet(const char *a, const char *b)
{
	if ((strchr(a, ':') != NULL) != (strchr(b, ':') != NULL))
		return false;
	return strcmp(a, b) == 0 || ph_is_any_address(a) ||
	       ph_is_any_address(b);
}

/* 1, 0, -1. */
static int
do_overlap(const struct overlap *overlap, struct place *a, struct place *b,
	   struct ph_err *err)
{
	if (a->port != b->port)
		return 0;
	if (strcmp(a->host, b->host) == 0)
		return 1;
	if (find_addresses(overlap, a, err) < 0 ||
	    find_addresses(overlap, b, err) < 0)
		return -1;
	for (guint i = 0; i < a->found->len; i++)
		for (guint j = 0; j < b->found->len; j++)
			if (do_meet(a->found->pdata[i], b->found->pdata[j]))
				return 1;
	return 0;
}

/* ---- all of them --------------------------------------------------------- */

static void
clear_place(void *data)
{
	struct place *place = data;

	g_free(place->host);
	if (place->found != NULL)
		g_ptr_array_unref(place->found);
}

static void
add_place(struct overlap *overlap, const struct ph_master_service *service)
{
	struct place place = {.service = service};

	if (ph_master_service_place(service, &place.host, &place.port))
		g_array_append_val(overlap->places, place);
}

static bool
does_speak(const char *protocols, const char *which)
{
	g_auto(GStrv) split = g_strsplit_set(protocols, ", \t", -1);

	return g_strv_contains((const char *const *)split, which) ||
	       g_strv_contains((const char *const *)split, "all");
}

/* Each of ours from first on, and all that stand before it. */
static int
find_overlap(const struct overlap *overlap, guint first, guint *one_r,
	     guint *other_r, struct ph_err *err)
{
	struct place *all = (struct place *)(void *)overlap->places->data;

	for (*one_r = first; *one_r < overlap->places->len; (*one_r)++)
		for (*other_r = 0; *other_r < *one_r; (*other_r)++) {
			int r = do_overlap(overlap, &all[*one_r],
					   &all[*other_r], err);

			if (r != 0)
				return r;
		}
	return 0;
}

int
ph_master_overlap(const struct ph_master *master, const char *interfaces,
		  const char *protocols, const struct ph_master_service **one_r,
		  const struct ph_master_service **other_r, struct ph_err *err)
{
	struct overlap overlap = {
	    .interfaces = interfaces,
	    .four = does_speak(protocols, "ipv4"),
	    .six = does_speak(protocols, "ipv6"),
	    .places = g_array_new(FALSE, FALSE, sizeof(struct place)),
	};
	guint first, one, other;
	int r;

	g_array_set_clear_func(overlap.places, clear_place);
	for (guint i = 0; i < master->services->len; i++)
		if (!is_ours(master, master->services->pdata[i]))
			add_place(&overlap, master->services->pdata[i]);
	first = overlap.places->len;
	for (guint i = 0; i < master->ours->len; i++)
		add_place(&overlap, master->ours->pdata[i]);
	r = find_overlap(&overlap, first, &one, &other, err);
	if (r > 0) {
		*one_r =
		    g_array_index(overlap.places, struct place, one).service;
		*other_r =
		    g_array_index(overlap.places, struct place, other).service;
	}
	g_array_unref(overlap.places);
	return r;
}
