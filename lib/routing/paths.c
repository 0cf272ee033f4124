#include "lib/routing/topology_private.h"

/*
 * Dijkstra from a site, when the first path from there is asked for: a server
 * asks from its own site alone, so of 500 sites' paths one 500th is worked out
 * after a change. Whichever thread is first publishes its row, all rows of a
 * site being equal. A link that names many sites is a node of its own,
 * entered at its cost and left for one hop, so that a default link over 500
 * sites is 500 edges and not 125,000. A distance is cost and hops in one
 * number; equal ones are decided by the site before, the lowest index, which
 * is the lowest name: followed backwards that is the rule of the tie.
 */
#define HOP_BITS 24
#define HOP UINT64_C(1)
#define COST(c) ((uint64_t)(c) << HOP_BITS)
#define FAR UINT64_MAX

/* All paths from one site; immutable once it can be seen. */
struct row {
	uint64_t *distance;	      /* [to] */
	uint32_t *via;		      /* [to]: the last link */
	const struct ph_site ***path; /* [to], into chunk */
	const struct ph_site **chunk;
};

struct ph_paths {
	const struct ph_site *sites;
	size_t n;
	struct ph_link *links; /* owned, as are their sites */
	size_t n_links;
	size_t *first; /* [site]: where its links begin in "touch" */
	size_t *touch; /* links by site */
	gpointer
	    *rows; /* [from]: struct row; atomic; NULL: not asked for yet */
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
	uint32_t *via;	     /* [node]: link that leads there; of sites */
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

/* Of links at the same cost mail takes the one with more room, then the first.
 */
static bool
roomier(const struct search *s, size_t a, size_t b)
{
	uint64_t x = s->links[a].max_size, y = s->links[b].max_size;

	return y > 0 && (x == 0 || x > y);
}

static void
relax(struct search *s, size_t node, uint64_t distance, size_t before,
      size_t via)
{
	if (distance > s->distance[node])
		return;
	if (distance < s->distance[node])
		heap_push(s->heap, distance, node);
	else if (before > s->before[node] ||
		 (before == s->before[node] && !roomier(s, via, s->via[node])))
		return;
	s->distance[node] = distance;
	s->before[node] = before;
	s->via[node] = (uint32_t)via;
}

static void
settle(struct search *s, size_t node)
{
	uint64_t distance = s->distance[node];

	s->settled[node] = true;
	if (node < s->n_sites) {
		for (size_t i = s->first[node]; i < s->first[node + 1]; i++)
			relax(s, s->n_sites + s->touch[i],
			      distance + COST(s->links[s->touch[i]].cost), node,
			      s->touch[i]);
	} else {
		const struct ph_link *link = &s->links[node - s->n_sites];

		for (size_t i = 0; i < link->n; i++)
			relax(s, link->sites[i], distance + HOP,
			      s->before[node], node - s->n_sites);
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
keep_paths(struct row *row, const struct search *s, const struct ph_site *sites,
	   size_t from)
{
	g_autofree bool *inner = g_new0(bool, s->n_sites);
	size_t total = 0, used = 0;

	for (size_t i = 0; i < s->n_sites; i++) {
		if (s->distance[i] != FAR && i != from)
			inner[s->before[i]] = true;
	}
	for (size_t i = 0; i < s->n_sites; i++) {
		if (s->distance[i] != FAR && !inner[i])
			total += hops(s->distance[i]);
	}
	row->chunk = g_new(const struct ph_site *, total + 1);
	for (size_t i = 0; i < s->n_sites; i++) {
		const struct ph_site **start = row->chunk + used;

		if (s->distance[i] == FAR || inner[i])
			continue;
		used += hops(s->distance[i]);
		for (size_t k = i; k != from; k = s->before[k]) {
			start[hops(s->distance[k]) - 1] = &sites[k];
			row->path[k] = start;
		}
	}
}

static void
row_free(struct row *row)
{
	if (!row)
		return;
	g_free(row->distance);
	g_free(row->via);
	g_free((gpointer)row->path);
	g_free((gpointer)row->chunk);
	g_free(row);
}

static struct row *
row_new(const struct ph_paths *paths, size_t from)
{
	size_t n_nodes = paths->n + paths->n_links;
	g_autofree uint64_t *distance = g_new(uint64_t, n_nodes);
	g_autofree size_t *before = g_new(size_t, n_nodes);
	g_autofree uint32_t *via = g_new0(uint32_t, n_nodes);
	g_autofree bool *settled = g_new(bool, n_nodes);
	g_autoptr(GArray) heap =
	    g_array_new(FALSE, FALSE, sizeof(struct heap_item));
	struct search s = {
	    .links = paths->links,
	    .n_sites = paths->n,
	    .n_nodes = n_nodes,
	    .first = paths->first,
	    .touch = paths->touch,
	    .distance = distance,
	    .before = before,
	    .via = via,
	    .settled = settled,
	    .heap = heap,
	};
	struct row *row = g_new0(struct row, 1);

	search_from(&s, from);
	row->distance = g_memdup2(distance, paths->n * sizeof *distance);
	row->via = g_memdup2(via, paths->n * sizeof *via);
	row->path = g_new0(const struct ph_site **, paths->n);
	keep_paths(row, &s, paths->sites, from);
	return row;
}

static const struct row *
row_get(const struct ph_paths *paths, size_t from)
{
	struct row *row = g_atomic_pointer_get(&paths->rows[from]), *made;

	if (row)
		return row;
	made = row_new(paths, from);
	if (g_atomic_pointer_compare_and_exchange(&paths->rows[from], NULL,
						  made))
		return made;
	row_free(made);
	return g_atomic_pointer_get(&paths->rows[from]);
}

/* ---- building ----------------------------------------------------------- */

/* The links of each site, one after the other. */
static void
index_links(struct ph_paths *paths)
{
	size_t *first = g_new0(size_t, paths->n + 2);
	size_t *touch;

	for (size_t l = 0; l < paths->n_links; l++) {
		for (size_t i = 0; i < paths->links[l].n; i++)
			first[paths->links[l].sites[i] + 2]++;
	}
	for (size_t i = 2; i < paths->n + 2; i++)
		first[i] += first[i - 1];
	touch = g_new(size_t, first[paths->n + 1] + 1);
	for (size_t l = 0; l < paths->n_links; l++) {
		for (size_t i = 0; i < paths->links[l].n; i++)
			touch[first[paths->links[l].sites[i] + 1]++] = l;
	}
	paths->first = first;
	paths->touch = touch;
}

struct ph_paths *
ph_paths_build(const struct ph_site *sites, size_t n_sites,
	       const struct ph_link *links, size_t n_links)
{
	struct ph_paths *paths = g_new0(struct ph_paths, 1);

	paths->sites = sites;
	paths->n = n_sites;
	paths->n_links = n_links;
	paths->links = g_new(struct ph_link, n_links + 1);
	for (size_t l = 0; l < n_links; l++) {
		paths->links[l] = links[l];
		paths->links[l].sites =
		    g_memdup2(links[l].sites, links[l].n * sizeof(size_t));
	}
	index_links(paths);
	paths->rows = g_new0(gpointer, n_sites + 1);
	return paths;
}

void
ph_paths_free(struct ph_paths **paths)
{
	struct ph_paths *p = *paths;

	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		row_free(p->rows[i]);
	for (size_t l = 0; l < p->n_links; l++)
		g_free((gpointer)p->links[l].sites);
	g_free(p->links);
	g_free(p->first);
	g_free(p->touch);
	g_free(p->rows);
	g_free(p);
	*paths = NULL;
}

int64_t
ph_paths_get(const struct ph_paths *paths, size_t from, size_t to,
	     const struct ph_site *const **path_r, size_t *n_path_r)
{
	const struct row *row = row_get(paths, from);
	bool known = row->distance[to] != FAR;

	if (path_r)
		*path_r = known ? row->path[to] : NULL;
	if (n_path_r)
		*n_path_r = known ? hops(row->distance[to]) : 0;
	return known ? (int64_t)(row->distance[to] >> HOP_BITS) : -1;
}

const struct ph_link *
ph_paths_last_link(const struct ph_paths *paths, size_t from, size_t to)
{
	const struct row *row = row_get(paths, from);

	if (from == to || row->distance[to] == FAR)
		return NULL;
	return &paths->links[row->via[to]];
}
