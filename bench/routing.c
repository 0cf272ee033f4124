#include "lib/routing/connector.h"
#include "lib/routing/route.h"
#include "lib/state/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * What a change of a large organisation costs, and a decision in it. Prints one
 * JSON object: milliseconds for the topology, microseconds for the others, of
 * processor time.
 *
 *	routing SITES SERVERS DATABASES CONNECTORS
 */

enum {
	DAG_SERVERS = 16,
	DECISIONS = 200000,
	SELECTIONS = 20000,
};

struct size {
	int sites, servers, databases, connectors;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- an organisation ---------------------------------------------------- */

/* "kind name Field=Value ..." */
static void add(GPtrArray *objects, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static void
add(GPtrArray *objects, const char *format, ...)
{
	g_autofree char *line = NULL;
	g_auto(GStrv) words = NULL;
	struct ph_pair pairs[16];
	struct ph_object *object;
	struct ph_err err = PH_ERR_INIT;
	size_t n = 0;
	va_list args;

	va_start(args, format);
	line = g_strdup_vprintf(format, args);
	va_end(args);
	words = g_strsplit(line, " ", -1);
	for (char **word = words + 2; *word; word++) {
		char *value = strchr(*word, '=');

		*value++ = '\0';
		pairs[n++] = (struct ph_pair){*word, value};
	}
	if (ph_object_parse(ph_kind_find(words[0]), words[1], pairs, n, &object,
			    &err) < 0) {
		fprintf(stderr, "%s: %s\n", line, err.text);
		exit(1);
	}
	g_ptr_array_add(objects, object);
}

/* Sites in a tree of eight branches with cross links, a hub in each 50th; every
 * second group of servers is a DAG over two sites. */
static void
fill(GPtrArray *objects, const struct size *size, GRand *random)
{
	for (int i = 0; i < size->sites; i++)
		add(objects, "site S%d HubSiteEnabled=%d", i, i % 50 == 7);
	for (int i = 1; i < size->sites; i++) {
		add(objects, "sitelink T%d Sites=S%d,S%d Cost=%d", i, i,
		    (i - 1) / 8, g_rand_int_range(random, 1, 500));
		add(objects, "sitelink X%d Sites=S%d,S%d Cost=%d", i, i,
		    (i + g_rand_int_range(random, 1, size->sites)) %
			size->sites,
		    g_rand_int_range(random, 100, 1000));
	}
	add(objects, "sitelink ALL Sites=S0,S1,S2,S3,S4,S5 Cost=400");
	for (int i = 0; i < size->servers; i++)
		add(objects,
		    "server MBX%d Fqdn=mbx%d.example.com Site=S%d "
		    "Frontend=mbx%d.example.com:25 "
		    "Transport=mbx%d.example.com:2525 "
		    "Delivery=mbx%d.example.com:475",
		    i, i, i / 10 % size->sites, i, i, i);
	for (int i = 0; i + DAG_SERVERS <= size->servers;
	     i += 2 * DAG_SERVERS) {
		g_autoptr(GString) names = g_string_new(NULL);

		for (int k = 0; k < DAG_SERVERS; k++)
			g_string_append_printf(names, "%sMBX%d",
					       k > 0 ? "," : "", i + k);
		add(objects, "dag DAG%d Servers=%s", i, names->str);
	}
	for (int i = 0; i < size->databases; i++) {
		int first = g_rand_int_range(random, 0, size->servers - 3);

		add(objects,
		    "database DB%d Servers=MBX%d,MBX%d,MBX%d Active=MBX%d", i,
		    first, first + 1, first + 2, first);
	}
	for (int i = 0; i < size->connectors; i++)
		add(objects,
		    "sendconnector C%d AddressSpaces=*.d%d.example.net,*;%d "
		    "SourceTransportServers=MBX%d,MBX%d",
		    i, i, 1 + i % 100, i * 37 % size->servers,
		    i * 91 % size->servers);
}

/* ---- figures ------------------------------------------------------------ */

static double
build(const struct ph_snapshot *snapshot)
{
	struct ph_err err = PH_ERR_INIT;
	double start = now(), done;
	void *topology = ph_topology_build(snapshot, NULL, NULL, &err);

	done = now();
	if (err.kind != PH_ERR_NONE) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	ph_topology_free(topology);
	return (done - start) * 1e3;
}

static void
decide(const struct ph_topology *topology, const char *from, int database)
{
	g_autofree char *name = g_strdup_printf("DB%d", database);
	const struct ph_route_query query = {
	    .topology = topology, .from = from, .database = name};
	struct ph_route route;

	ph_route_find(&query, &route);
	g_free(ph_route_format(&route));
	ph_route_clear(&route);
}

static double
decisions(const struct ph_topology *topology, const struct size *size)
{
	double start = now();

	for (int i = 0; i < DECISIONS; i++)
		decide(topology, "MBX1", i % size->databases);
	return (now() - start) * 1e6 / DECISIONS;
}

/* The paths from a site are worked out by the first decision there. */
static double
first_decision(const struct ph_topology *topology)
{
	double start = now();

	decide(topology, "MBX1", 0);
	return (now() - start) * 1e6;
}

static double
selections(const struct ph_topology *topology, const struct size *size)
{
	GRand *random = g_rand_new_with_seed(1);
	double start = now();

	for (int i = 0; i < SELECTIONS; i++) {
		g_autofree char *name =
		    g_strdup_printf("DB%d", i % size->databases);
		const char *const names[] = {name};

		g_free(ph_select_transport(topology, "MBX1", PH_SELECT_FRONTEND,
					   names, 1, NULL, random));
	}
	g_rand_free(random);
	return (now() - start) * 1e6 / SELECTIONS;
}

static double
connectors(const struct ph_snapshot *snapshot,
	   const struct ph_topology *topology)
{
	double start = now();

	for (int i = 0; i < SELECTIONS; i++) {
		const struct ph_connector_query query = {
		    .snapshot = snapshot,
		    .topology = topology,
		    .from = "MBX1",
		    .address = "somebody@mail.d3.example.net"};
		struct ph_connector_route route;

		ph_connector_find(&query, &route);
		ph_connector_clear(&route);
	}
	return (now() - start) * 1e6 / SELECTIONS;
}

int
main(int argc, char **argv)
{
	g_autoptr(GPtrArray) objects = g_ptr_array_new();
	GRand *random = g_rand_new_with_seed(20261129);
	struct ph_snapshot *snapshot;
	struct ph_err err = PH_ERR_INIT;
	struct size size;
	void *topology;
	double topology_ms, first;

	if (argc != 5)
		return 64;
	size = (struct size){atoi(argv[1]), atoi(argv[2]), atoi(argv[3]),
			     atoi(argv[4])};
	fill(objects, &size, random);
	snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)(gpointer)objects->pdata,
	    objects->len, NULL);
	build(snapshot);
	topology_ms = build(snapshot);
	topology = ph_topology_build(snapshot, NULL, NULL, &err);
	first = first_decision(topology);
	printf("{\"topology\": %.2f, \"first\": %.2f, \"decision\": %.3f, "
	       "\"selection\": %.3f, \"connector\": %.3f}\n",
	       topology_ms, first, decisions(topology, &size),
	       selections(topology, &size), connectors(snapshot, topology));
	ph_topology_free(topology);
	ph_snapshot_unref(&snapshot);
	for (guint i = 0; i < objects->len; i++) {
		struct ph_object *object = objects->pdata[i];

		ph_object_unref(&object);
	}
	g_rand_free(random);
	return 0;
}
