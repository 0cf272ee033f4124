#include "cli/picture.h"

#include <math.h>

#define GAP_X 110
#define GAP_Y 14
#define MARGIN 20

/* Boxes as trees, from the best connected. */
struct layout {
	struct ph_box *boxes;
	size_t n;
	GArray **near;	/* [box]: size_t, what it is joined to */
	GArray **steps; /* [box]: double, at what cost */
	double *cost;	/* [box]: from its root */
	double *height; /* [box]: of its subtree */
	GArray *order;	/* size_t, parents before children */
};

static size_t
at(const GArray *list, guint i)
{
	return g_array_index(list, size_t, i);
}

static bool
is_child(const struct layout *l, size_t box, size_t parent)
{
	return l->boxes[box].parent == parent;
}

/* The best connected that has no place yet. */
static size_t
find_root(const struct layout *l, const bool *seen)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < l->n; i++) {
		if (!seen[i] &&
		    (best == SIZE_MAX || l->near[i]->len > l->near[best]->len))
			best = i;
	}
	return best;
}

/* The least-cost paths from the root are the branches. */
static void
grow(struct layout *l, size_t root, bool *seen)
{
	size_t box = root;

	l->cost[root] = 0;
	l->boxes[root].parent = SIZE_MAX;
	while (box != SIZE_MAX) {
		seen[box] = true;
		g_array_append_val(l->order, box);
		for (guint i = 0; i < l->near[box]->len; i++) {
			size_t other = at(l->near[box], i);
			double cost = l->cost[box] +
				      g_array_index(l->steps[box], double, i);

			if (seen[other] || cost >= l->cost[other])
				continue;
			l->cost[other] = cost;
			l->boxes[other].parent = box;
		}
		box = SIZE_MAX;
		for (size_t i = 0; i < l->n; i++) {
			if (!seen[i] && l->cost[i] < INFINITY &&
			    (box == SIZE_MAX || l->cost[i] < l->cost[box]))
				box = i;
		}
	}
}

static double
children_height(const struct layout *l, size_t box)
{
	double sum = 0;

	for (guint i = 0; i < l->near[box]->len; i++) {
		size_t other = at(l->near[box], i);

		if (is_child(l, other, box))
			sum += l->height[other] + GAP_Y;
	}
	return MAX(sum - GAP_Y, 0);
}

static void
measure(struct layout *l)
{
	for (guint i = l->order->len; i-- > 0;) {
		size_t box = at(l->order, i);

		l->height[box] =
		    MAX(l->boxes[box].height, children_height(l, box));
	}
}

/* A branch with all below it, away from the middle (side 1 or -1). */
static void
place(struct layout *l, size_t box, double top, double x, int side)
{
	struct ph_box *b = &l->boxes[box];
	double y = top + (l->height[box] - children_height(l, box)) / 2;

	b->y = top + (l->height[box] - b->height) / 2;
	b->x = side > 0 ? x : x - b->width;
	for (guint i = 0; i < l->near[box]->len; i++) {
		size_t other = at(l->near[box], i);

		if (!is_child(l, other, box))
			continue;
		place(l, other, y,
		      side > 0 ? b->x + b->width + GAP_X : b->x - GAP_X, side);
		y += l->height[other] + GAP_Y;
	}
}

/* Half of the root's branches to each side, by height. Returns the height. */
static double
place_tree(struct layout *l, size_t root, double top)
{
	double total = children_height(l, root), left = 0, right = 0;
	struct ph_box *b = &l->boxes[root];
	size_t split = 0;

	while (split < l->near[root]->len) {
		size_t other = at(l->near[root], (guint)split);

		if (is_child(l, other, root)) {
			if (right > 0 && right + l->height[other] > total / 2)
				break;
			right += l->height[other] + GAP_Y;
		}
		split++;
	}
	left = total - right;
	total = MAX(b->height, MAX(left, right));
	b->x = 0;
	b->y = top + (total - b->height) / 2;
	left = top + (total - MAX(left, 0)) / 2;
	right = top + (total - MAX(right - GAP_Y, 0)) / 2;
	for (size_t i = 0; i < l->near[root]->len; i++) {
		size_t other = at(l->near[root], (guint)i);
		double *y = i < split ? &right : &left;

		if (!is_child(l, other, root))
			continue;
		place(l, other, *y, i < split ? b->width + GAP_X : -GAP_X,
		      i < split ? 1 : -1);
		*y += l->height[other] + GAP_Y;
	}
	return total;
}

/* Everything to the right of and below the margin. */
static void
shift(struct layout *l, double *width_r, double *height_r)
{
	double least = 0, right = 0, bottom = 0;

	for (size_t i = 0; i < l->n; i++)
		least = MIN(least, l->boxes[i].x);
	for (size_t i = 0; i < l->n; i++) {
		struct ph_box *b = &l->boxes[i];

		b->x += MARGIN - least;
		b->y += MARGIN;
		right = MAX(right, b->x + b->width);
		bottom = MAX(bottom, b->y + b->height);
	}
	/* Lines between boxes of the last column bend beyond it. */
	*width_r = right + MARGIN + GAP_X / 2.0;
	*height_r = bottom + MARGIN;
}

void
ph_layout(struct ph_box *boxes, size_t n, const struct ph_edge *edges,
	  size_t n_edges, double *width_r, double *height_r)
{
	struct layout l = {.boxes = boxes, .n = n};
	g_autofree bool *seen = g_new0(bool, n + 1);
	g_autofree double *height = g_new0(double, n + 1);
	g_autofree GArray **near = g_new0(GArray *, n + 1);
	g_autofree GArray **steps = g_new0(GArray *, n + 1);
	g_autofree double *cost = g_new0(double, n + 1);
	g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(size_t));
	double top = 0;
	size_t root;

	for (size_t i = 0; i < n; i++) {
		near[i] = g_array_new(FALSE, FALSE, sizeof(size_t));
		steps[i] = g_array_new(FALSE, FALSE, sizeof(double));
		cost[i] = INFINITY;
	}
	for (size_t i = 0; i < n_edges; i++) {
		g_array_append_val(near[edges[i].a], edges[i].b);
		g_array_append_val(steps[edges[i].a], edges[i].cost);
		g_array_append_val(near[edges[i].b], edges[i].a);
		g_array_append_val(steps[edges[i].b], edges[i].cost);
	}
	l.steps = steps;
	l.cost = cost;
	l.near = near;
	l.height = height;
	l.order = order;
	while ((root = find_root(&l, seen)) != SIZE_MAX)
		grow(&l, root, seen);
	measure(&l);
	for (guint i = 0; i < order->len; i++) {
		if (boxes[at(order, i)].parent == SIZE_MAX)
			top += place_tree(&l, at(order, i), top) + 2 * GAP_Y;
	}
	shift(&l, width_r, height_r);
	for (size_t i = 0; i < n; i++) {
		g_array_unref(near[i]);
		g_array_unref(steps[i]);
	}
}
