#include "lib/routing/topology_private.h"

/*
 * Dijkstra from every site. A link that names many sites is a node of its own,
 * entered at its cost and left for one hop, so that a default link over 500
 * sites is 500 edges and not 125,000. A distance is cost and hops in one
 * number; equal ones are decided by the site before, the lowest index, which
 * is the lowest name: followed backwards that is the rule of the tie.
 */
#define HOP_BITS 24
#define HOP UINT64_C(1)
#define COST(c) ((uint64_t)(c) << HOP_BITS)
#define FAR UINT64_MAX

struct ph_paths {
	size_t n;
	uint64_t *distance;		/* [from * n + to] */
	const struct ph_site ***path;	/* [from * n + to], into chunks */
	const struct ph_site ***chunks; /* [from], owned */
};

struct heap_item {
	uint64_t distance;
	size_t node;
};

struct search {
	const struct ph_link *links;
	size_t n_sites, n_nodes;
	const size_t *first; /* [site]: where its links begin in "touch" */
	const size_t *touch; /* links by site */
	uint64_t *distance;  /* [node] */
	size_t *before;	     /* [node]: index of the site before */
	bool *settled;	     /* [node] */
	GArray *heap;	     /* struct heap_item */
};

static struct heap_item *
heap_at(GArray *heap, size_t i)
{
	return &g_array_index(heap, struct heap_item, i);
}

static void
heap_push(GArray *heap, uint64_t distance, size_t node)
{
	struct heap_item item = {distance, node};
	size_t i = heap->len;

	g_array_append_val(heap, item);
	while (i > 0) {
		size_t up = (i - 1) / 2;

		if (heap_at(heap, up)->distance <= distance)
			break;
		*heap_at(heap, i) = *heap_at(heap, up);
		i = up;
	}
	*heap_at(heap, i) = item;
}

static struct heap_item
heap_pop(GArray *heap)
{
	struct heap_item top = *heap_at(heap, 0);
	struct heap_item last = *heap_at(heap, heap->len - 1);
	size_t i = 0;

	g_array_set_size(heap, heap->len - 1);
	while (2 * i + 1 < heap->len) {
		size_t down = 2 * i + 1;

		if (down + 1 < heap->len && heap_at(heap, down + 1)->distance <
						heap_at(heap, down)->distance)
			down++;
		if (heap_at(heap, down)->distance >= last.distance)
			break;
		*heap_at(heap, i) = *heap_at(heap, down);
		i = down;
	}
	if (heap->len > 0)
		*heap_at(heap, i) = last;
	return top;
}

static void
relax(struct search *s, size_t node, uint64_t distance, size_t before)
{
	if (distance < s->distance[node]) {
		s->distance[node] = distance;
		s->before[node] = before;
		heap_push(s->heap, distance, node);
	} else if (distance == s->distance[node] && before < s->before[node]) {
		s->before[node] = before;
	}
}

static void
settle(struct search *s, size_t node)
{
	uint64_t distance = s->distance[node];

	s->settled[node] = true;
	if (node < s->n_sites) {
		for (size_t i = s->first[node]; i < s->first[node + 1]; i++)
			relax(s, s->n_sites + s->touch[i],
			      distance + COST(s->links[s->touch[i]].cost),
			      node);
	} else {
		const struct ph_link *link = &s->links[node - s->n_sites];

		for (size_t i = 0; i < link->n; i++)
			relax(s, link->sites[i], distance + HOP,
			      s->before[node]);
	}
}

static void
search_from(struct search *s, size_t from)
{
	for (size_t i = 0; i < s->n_nodes; i++) {
		s->distance[i] = FAR;
		s->before[i] = SIZE_MAX;
		s->settled[i] = false;
	}
	s->distance[from] = 0;
	s->before[from] = from;
	heap_push(s->heap, 0, from);
	while (s->heap->len > 0) {
		struct heap_item item = heap_pop(s->heap);

		if (!s->settled[item.node])
			settle(s, item.node);
	}
}

static size_t
hops(uint64_t distance)
{
	return (size_t)(distance & (COST(1) - 1));
}

/* A path is a prefix of every path that goes on from its end: only those to
 * the leaves are written, the others point into them. */
static void
keep_paths(struct ph_paths *paths, const struct search *s,
	   const struct ph_site *sites, size_t from)
{
	const struct ph_site ***row = paths->path + from * paths->n;
	g_autofree bool *inner = g_new0(bool, paths->n);
	size_t total = 0, used = 0;

	for (size_t i = 0; i < paths->n; i++) {
		if (s->distance[i] != FAR && i != from)
			inner[s->before[i]] = true;
	}
	for (size_t i = 0; i < paths->n; i++) {
		if (s->distance[i] != FAR && !inner[i])
			total += hops(s->distance[i]);
	}
	paths->chunks[from] = g_new(const struct ph_site *, total + 1);
	for (size_t i = 0; i < paths->n; i++) {
		const struct ph_site **start = paths->chunks[from] + used;

		if (s->distance[i] == FAR || inner[i])
			continue;
		used += hops(s->distance[i]);
		for (size_t k = i; k != from; k = s->before[k]) {
			start[hops(s->distance[k]) - 1] = &sites[k];
			row[k] = start;
		}
	}
}

/* The links of each site, one after the other. */
static void
index_links(struct search *s, size_t n_links, size_t **first_r,
	    size_t **touch_r)
{
	size_t *first = g_new0(size_t, s->n_sites + 2);
	size_t *touch;

	for (size_t l = 0; l < n_links; l++) {
		for (size_t i = 0; i < s->links[l].n; i++)
			first[s->links[l].sites[i] + 2]++;
	}
	for (size_t i = 2; i < s->n_sites + 2; i++)
		first[i] += first[i - 1];
	touch = g_new(size_t, first[s->n_sites + 1] + 1);
	for (size_t l = 0; l < n_links; l++) {
		for (size_t i = 0; i < s->links[l].n; i++)
			touch[first[s->links[l].sites[i] + 1]++] = l;
	}
	*first_r = first;
	*touch_r = touch;
}

struct ph_paths *
ph_paths_build(const struct ph_site *sites, size_t n_sites,
	       const struct ph_link *links, size_t n_links)
{
	struct ph_paths *paths = g_new0(struct ph_paths, 1);
	struct search s = {
	    .links = links, .n_sites = n_sites, .n_nodes = n_sites + n_links};
	g_autofree size_t *first = NULL, *touch = NULL;
	g_autofree uint64_t *distance = g_new0(uint64_t, s.n_nodes + 1);
	g_autofree size_t *before = g_new0(size_t, s.n_nodes + 1);
	g_autofree bool *settled = g_new0(bool, s.n_nodes + 1);
	g_autoptr(GArray) heap =
	    g_array_new(FALSE, FALSE, sizeof(struct heap_item));

	index_links(&s, n_links, &first, &touch);
	s.first = first;
	s.touch = touch;
	s.distance = distance;
	s.before = before;
	s.settled = settled;
	s.heap = heap;
	paths->n = n_sites;
	paths->distance = g_new(uint64_t, n_sites * n_sites + 1);
	paths->path = g_new0(const struct ph_site **, n_sites *n_sites + 1);
	paths->chunks = g_new0(const struct ph_site **, n_sites + 1);
	for (size_t from = 0; from < n_sites; from++) {
		search_from(&s, from);
		memcpy(paths->distance + from * n_sites, s.distance,
		       n_sites * sizeof *s.distance);
		keep_paths(paths, &s, sites, from);
	}
	return paths;
}

void
ph_paths_free(struct ph_paths **paths)
{
	if (!*paths)
		return;
	for (size_t i = 0; i < (*paths)->n; i++)
		g_free((gpointer)(*paths)->chunks[i]);
	g_free((gpointer)(*paths)->chunks);
	g_free((gpointer)(*paths)->path);
	g_free((*paths)->distance);
	g_free(*paths);
	*paths = NULL;
}

int64_t
ph_paths_get(const struct ph_paths *paths, size_t from, size_t to,
	     const struct ph_site *const **path_r, size_t *n_path_r)
{
	uint64_t distance = paths->distance[from * paths->n + to];
	bool known = distance != FAR;

	if (path_r)
		*path_r = known ? paths->path[from * paths->n + to] : NULL;
	if (n_path_r)
		*n_path_r = known ? hops(distance) : 0;
	return known ? (int64_t)(distance >> HOP_BITS) : -1;
}
