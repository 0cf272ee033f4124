#ifndef PH_CLI_PICTURE_H
#define PH_CLI_PICTURE_H

#include "lib/routing/topology.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The organisation as a picture: sites with their servers, databases and links,
 * and what is down, as lines for a terminal or as SVG. Made from a snapshot,
 * its topology and the heartbeats; no I/O. Names and texts are borrowed from
 * those, faults are owned.
 */

enum ph_light {
	PH_LIGHT_UP,
	PH_LIGHT_GOING, /* Draining */
	PH_LIGHT_OFF,	/* Inactive */
	PH_LIGHT_DOWN,
};

struct ph_picture_server {
	const struct ph_server *server;
	enum ph_light light;
	char *fault;	      /* NULL: none */
	GPtrArray *databases; /* struct ph_picture_database *, active here */
};

struct ph_picture_database {
	const struct ph_database *database;
	const char *fault; /* NULL: mail reaches it */
};

struct ph_picture_site {
	const struct ph_site *site; /* NULL: servers without a site */
	const char *name;
	GPtrArray *servers; /* struct ph_picture_server *, by name */
	bool down;	    /* it has Transport services, and none is up */
};

/* Of two sites or more. */
struct ph_picture_link {
	const char *name;
	int64_t cost;
	char *label;   /* "10", "10, up to 64KB" */
	GArray *sites; /* size_t, indexes of sites */
};

struct ph_picture {
	GPtrArray *sites;     /* struct ph_picture_site * */
	GPtrArray *links;     /* struct ph_picture_link * */
	GPtrArray *databases; /* struct ph_picture_database * */
};

/* alive: a heartbeat for each service of each server by index; NULL: nobody can
 * say, and State alone counts. */
struct ph_picture *ph_picture_new(const struct ph_snapshot *snapshot,
				  const struct ph_topology *topology,
				  const bool *alive);
void ph_picture_free(struct ph_picture **picture);

/* Lines for people, appended. */
void ph_picture_text(const struct ph_picture *picture, GString *out);

/* One SVG document, appended. */
void ph_picture_svg(const struct ph_picture *picture, GString *out);

/* ---- picture_layout.c: where things stand ------------------------------- */

/* A box of the drawing: a site, or a link of three sites and more. */
struct ph_box {
	double x, y, width, height; /* the size is given, the place is found */
	size_t parent;		    /* SIZE_MAX: a root */
};

struct ph_edge {
	size_t a, b;
	double cost;
};

/*
 * Places boxes as trees: the best connected in the middle, least-cost paths
 * from it to the left and to the right, so that no two boxes overlap. Edges
 * that are no branch are drawn across.
 */
void ph_layout(struct ph_box *boxes, size_t n, const struct ph_edge *edges,
	       size_t n_edges, double *width_r, double *height_r);

#endif
