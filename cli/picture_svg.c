#include "cli/picture.h"

#include <string.h>

/*
 * A box for each site, with its servers as marks; lines for links. What is down
 * is red and says so in words, because not everybody sees red.
 */
#define WIDTH 250
#define COLUMNS 3
#define MARK_WIDTH 78
#define ROW 16
#define HEAD 24
#define LEGEND 34
#define MARKS_MAX 18

static const struct {
	const char *colour, *sign, *text;
} lights[] = {
    [PH_LIGHT_UP] = {"#2e7d32", "", "up"},
    [PH_LIGHT_GOING] = {"#b26a00", "~", "Draining"},
    [PH_LIGHT_OFF] = {"#757575", "o", "Inactive"},
    [PH_LIGHT_DOWN] = {"#c62828", "X", "no heartbeat"},
};

struct drawing {
	const struct ph_picture *picture;
	GString *out;
	struct ph_box *boxes; /* sites, then links of three sites and more */
	size_t n;
	GArray *edges;	/* struct ph_edge */
	GArray *labels; /* const struct ph_picture_link *, of edges; NULL */
};

static const struct ph_picture_site *
site_at(const struct drawing *d, size_t box)
{
	return box < d->picture->sites->len ? d->picture->sites->pdata[box]
					    : NULL;
}

/* As text of XML, cut to so many characters. */
static void
append_text(GString *out, const char *text, glong limit)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *cut = NULL, *escaped = NULL;

	for (char *p = valid; *p; p++) {
		if (g_ascii_iscntrl(*p))
			*p = ' ';
	}
	cut = g_utf8_strlen(valid, -1) > limit
		  ? g_utf8_substring(valid, 0, limit - 1)
		  : g_strdup(valid);
	escaped = g_markup_escape_text(cut, -1);
	g_string_append_printf(out, "%s%s", escaped,
			       strlen(cut) < strlen(valid) ? "\xe2\x80\xa6"
							   : "");
}

static void
text_at(struct drawing *d, double x, double y, const char *attributes,
	const char *text, glong limit)
{
	g_string_append_printf(d->out, "<text x=\"%.0f\" y=\"%.0f\"%s>", x, y,
			       attributes);
	append_text(d->out, text, limit);
	g_string_append(d->out, "</text>\n");
}

/* ---- what a site's box says --------------------------------------------- */

/* Those with a fault come first: nobody is to be left out who is down. */
static int
by_light(gconstpointer a, gconstpointer b)
{
	const struct ph_picture_server *x =
	    *(const struct ph_picture_server *const *)a;
	const struct ph_picture_server *y =
	    *(const struct ph_picture_server *const *)b;

	if (x->light != y->light)
		return x->light > y->light ? -1 : 1;
	return (x->server->index > y->server->index) -
	       (x->server->index < y->server->index);
}

static guint
rows_of(const struct ph_picture_site *site)
{
	guint marks = MIN(site->servers->len, MARKS_MAX);

	return (marks + COLUMNS - 1) / COLUMNS;
}

/* "12 databases; down: DB3 DB7" */
static char *
databases_text(const struct ph_picture_site *site, bool *down_r)
{
	g_autoptr(GString) down = g_string_new(NULL);
	guint n = 0;

	for (guint i = 0; i < site->servers->len; i++) {
		const struct ph_picture_server *server =
		    site->servers->pdata[i];

		for (guint k = 0; k < server->databases->len; k++) {
			const struct ph_picture_database *database =
			    server->databases->pdata[k];

			n++;
			if (database->fault)
				g_string_append_printf(
				    down, " %s", database->database->name);
		}
	}
	*down_r = down->len > 0;
	return g_strdup_printf("%u database%s%s%s", n, n == 1 ? "" : "s",
			       *down_r ? "; down:" : "", down->str);
}

static void
draw_server(struct drawing *d, const struct ph_picture_server *server, double x,
	    double y)
{
	g_autofree char *name = g_strconcat(
	    lights[server->light].sign, *lights[server->light].sign ? " " : "",
	    server->server->name, NULL);

	g_string_append(d->out, "<g><title>");
	append_text(d->out, server->server->name, 60);
	if (server->server->dag) {
		g_string_append(d->out, ", DAG ");
		append_text(d->out, server->server->dag->name, 60);
	}
	g_string_append(d->out, ": ");
	append_text(d->out, server->fault ? server->fault : "up", 100);
	g_string_append_printf(
	    d->out,
	    "</title><circle cx=\"%.0f\" cy=\"%.0f\" r=\"4\" fill=\"%s\"/>\n",
	    x + 4, y - 4, lights[server->light].colour);
	text_at(d, x + 11, y,
		server->light == PH_LIGHT_DOWN
		    ? " fill=\"#c62828\" font-weight=\"bold\""
		    : "",
		name, 10);
	g_string_append(d->out, "</g>\n");
}

static void
draw_servers(struct drawing *d, const struct ph_picture_site *site,
	     const struct ph_box *box)
{
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();

	for (guint i = 0; i < site->servers->len; i++)
		g_ptr_array_add(sorted, site->servers->pdata[i]);
	g_ptr_array_sort(sorted, by_light);
	for (guint i = 0; i < sorted->len; i++) {
		guint row = i / COLUMNS;
		double x = box->x + 8 + i % COLUMNS * MARK_WIDTH;
		double y = box->y + HEAD + 14 + row * ROW;

		if (i == MARKS_MAX - 1 && sorted->len > MARKS_MAX) {
			g_autofree char *more =
			    g_strdup_printf("and %u more", sorted->len - i);

			text_at(d, x, y, "", more, 20);
			return;
		}
		draw_server(d, sorted->pdata[i], x, y);
	}
}

static void
draw_site(struct drawing *d, const struct ph_picture_site *site,
	  const struct ph_box *box)
{
	bool hub = site->site && site->site->hub, down;
	g_autofree char *databases = databases_text(site, &down);
	const char *note = site->down				? "DOWN"
			   : hub				? "hub site"
			   : site->site && !site->site->inbound ? "no inbound"
								: "";

	g_string_append_printf(
	    d->out,
	    "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" "
	    "rx=\"6\" fill=\"%s\" stroke=\"%s\" stroke-width=\"%d\"/>\n",
	    box->x, box->y, box->width, box->height,
	    site->down ? "#ffebee"
	    : hub      ? "#e3f2fd"
		       : "#ffffff",
	    site->down ? "#c62828" : "#455a64", site->down || hub ? 3 : 1);
	text_at(d, box->x + 8, box->y + 17,
		" font-size=\"14\" font-weight=\"bold\"", site->name, 22);
	text_at(d, box->x + box->width - 8, box->y + 17,
		site->down ? " text-anchor=\"end\" fill=\"#c62828\" "
			     "font-weight=\"bold\""
			   : " text-anchor=\"end\" fill=\"#455a64\"",
		note, 12);
	draw_servers(d, site, box);
	text_at(d, box->x + 8, box->y + box->height - 7,
		down ? " fill=\"#c62828\" font-weight=\"bold\""
		     : " fill=\"#455a64\"",
		databases, 34);
}

/* A link of many sites, such as DEFAULTIPSITELINK. */
static void
draw_wide(struct drawing *d, const struct ph_picture_link *link,
	  const struct ph_box *box)
{
	g_autofree char *text =
	    g_strdup_printf("%s: %s", link->name, link->label);

	g_string_append_printf(
	    d->out,
	    "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" "
	    "rx=\"13\" fill=\"#eceff1\" stroke=\"#455a64\"/>\n",
	    box->x, box->y, box->width, box->height);
	text_at(d, box->x + box->width / 2, box->y + 17,
		" text-anchor=\"middle\"", text, 34);
}

/* ---- links -------------------------------------------------------------- */

static bool
is_down(const struct drawing *d, size_t box)
{
	const struct ph_picture_site *site = site_at(d, box);

	return site && site->down;
}

/* From side to side: boxes of a tree stand in columns. Labels of branches lie
 * in the gap beside the outer box, where nothing else is. */
static void
draw_edge(struct drawing *d, size_t i)
{
	const struct ph_edge *edge =
	    &g_array_index(d->edges, struct ph_edge, i);
	size_t ends[2] = {edge->a, edge->b};
	const struct ph_picture_link *link =
	    g_array_index(d->labels, const struct ph_picture_link *, i);
	bool branch = d->boxes[ends[0]].parent == ends[1] ||
		      d->boxes[ends[1]].parent == ends[0];
	bool down = is_down(d, ends[0]) || is_down(d, ends[1]);
	const struct ph_box *a, *b;
	double ax, bx, ay, by, bend;

	/* b is the outer one. */
	if (d->boxes[ends[0]].parent == ends[1]) {
		size_t swap = ends[0];

		ends[0] = ends[1];
		ends[1] = swap;
	}
	a = &d->boxes[ends[0]];
	b = &d->boxes[ends[1]];
	ax = b->x > a->x + a->width ? a->x + a->width : a->x;
	bx = b->x + b->width < a->x || (b->x <= a->x && !branch)
		 ? b->x + b->width
		 : b->x;
	if (b->x == a->x)
		ax = bx = a->x + a->width;
	ay = a->y + a->height / 2;
	by = b->y + b->height / 2;
	bend = ax == bx ? ax + 50 : (ax + bx) / 2;
	g_string_append_printf(
	    d->out,
	    "<path d=\"M%.0f %.0fC%.0f %.0f %.0f %.0f %.0f %.0f\" "
	    "fill=\"none\" "
	    "stroke=\"%s\" stroke-width=\"%s\"%s/>\n",
	    ax, ay, bend, ay, bend, by, bx, by, down ? "#c62828" : "#607d8b",
	    branch ? "1.5" : "1", branch ? "" : " stroke-dasharray=\"5 4\"");
	if (!link)
		return;
	if (branch)
		text_at(d, bx + (bx > ax ? -4 : 4), by - 4,
			bx > ax ? " text-anchor=\"end\" class=\"cost\""
				: " class=\"cost\"",
			link->label, 18);
	else
		text_at(d, (ax + bx) / 2 + (ax == bx ? 40 : 0), (ay + by) / 2,
			" text-anchor=\"middle\" class=\"cost\"", link->label,
			18);
}

/* Of two links between the same sites the cheaper one counts, and is drawn. */
static bool
replaces(struct drawing *d, size_t a, size_t b,
	 const struct ph_picture_link *link)
{
	for (guint i = 0; i < d->edges->len; i++) {
		struct ph_edge *edge =
		    &g_array_index(d->edges, struct ph_edge, i);

		if ((edge->a != a || edge->b != b) &&
		    (edge->a != b || edge->b != a))
			continue;
		if ((double)link->cost < edge->cost) {
			edge->cost = (double)link->cost;
			g_array_index(d->labels, const struct ph_picture_link *,
				      i) = link;
		}
		return true;
	}
	return false;
}

static void
add_edge(struct drawing *d, size_t a, size_t b,
	 const struct ph_picture_link *link, bool wide)
{
	const struct ph_picture_link *label = wide ? NULL : link;
	struct ph_edge edge = {
	    a, b, wide ? (double)link->cost / 2 : (double)link->cost};

	if (!wide && replaces(d, a, b, link))
		return;
	g_array_append_val(d->edges, edge);
	g_array_append_val(d->labels, label);
}

static void
add_link(struct drawing *d, const struct ph_picture_link *link)
{
	size_t box = d->n;

	if (link->sites->len == 2) {
		add_edge(d, g_array_index(link->sites, size_t, 0),
			 g_array_index(link->sites, size_t, 1), link, false);
		return;
	}
	if (link->sites->len < 2)
		return;
	d->n++;
	d->boxes[box].width = WIDTH;
	d->boxes[box].height = 26;
	for (guint i = 0; i < link->sites->len; i++)
		add_edge(d, g_array_index(link->sites, size_t, i), box, link,
			 true);
}

static void
add_boxes(struct drawing *d)
{
	const struct ph_picture *picture = d->picture;

	d->boxes =
	    g_new0(struct ph_box, picture->sites->len + picture->links->len);
	d->n = picture->sites->len;
	for (size_t i = 0; i < d->n; i++) {
		d->boxes[i].width = WIDTH;
		d->boxes[i].height = HEAD + ROW * rows_of(site_at(d, i)) + 24;
	}
	for (guint i = 0; i < picture->links->len; i++)
		add_link(d, picture->links->pdata[i]);
}

/* ---- the whole ---------------------------------------------------------- */

static void
draw_legend(struct drawing *d)
{
	double x = 20;

	for (size_t i = 0; i < G_N_ELEMENTS(lights); i++) {
		g_string_append_printf(
		    d->out,
		    "<circle cx=\"%.0f\" cy=\"18\" r=\"4\" fill=\"%s\"/>\n", x,
		    lights[i].colour);
		text_at(d, x + 8, 22, "", lights[i].text, 20);
		x += 100;
	}
	text_at(d, x, 22, " fill=\"#455a64\"",
		"Numbers at links are costs; a dashed line is a further link.",
		80);
}

static void
draw_all(struct drawing *d)
{
	guint wide = 0;

	for (guint i = 0; i < d->labels->len; i++)
		draw_edge(d, i);
	for (guint i = 0; i < d->picture->sites->len; i++)
		draw_site(d, d->picture->sites->pdata[i], &d->boxes[i]);
	for (guint i = 0; i < d->picture->links->len; i++) {
		const struct ph_picture_link *link =
		    d->picture->links->pdata[i];

		if (link->sites->len > 2)
			draw_wide(d, link,
				  &d->boxes[d->picture->sites->len + wide++]);
	}
}

void
ph_picture_svg(const struct ph_picture *picture, GString *out)
{
	struct drawing d = {.picture = picture, .out = out};
	double width, height;

	d.edges = g_array_new(FALSE, FALSE, sizeof(struct ph_edge));
	d.labels = g_array_new(FALSE, FALSE, sizeof(gpointer));
	add_boxes(&d);
	ph_layout(d.boxes, d.n, (const struct ph_edge *)(gpointer)d.edges->data,
		  d.labels->len, &width, &height);
	width = MAX(width, 900);
	g_string_append_printf(
	    out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
	    "height=\"%.0f\" font-family=\"DejaVu Sans, Arial, sans-serif\" "
	    "font-size=\"11\">\n"
	    "<style>.cost{font-size:10px;fill:#37474f;stroke:#fff;"
	    "stroke-width:3px;paint-order:stroke}</style>\n"
	    "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
	    width, height + LEGEND);
	draw_legend(&d);
	g_string_append_printf(out, "<g transform=\"translate(0 %d)\">\n",
			       LEGEND);
	draw_all(&d);
	g_string_append(out, "</g>\n</svg>\n");
	g_array_unref(d.edges);
	g_array_unref(d.labels);
	g_free(d.boxes);
}
