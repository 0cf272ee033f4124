#include "cli/picture.h"

#include "tests/unit/lib/routing/world.h"

/* Fifty sites around five hubs, a site apart, links that are no branch, a wide
 * link, servers in every state, a database without a copy. */
static void
open_large(struct world *w)
{
	static const char *const states[] = {"Active", "Active", "Draining",
					     "Inactive"};
	g_autoptr(GString) text = g_string_new("site Alone\n");

	for (int i = 0; i < 50; i++)
		g_string_append_printf(text, "site S%d HubSiteEnabled=%d\n", i,
				       i < 5);
	for (int i = 1; i < 50; i++)
		g_string_append_printf(text,
				       "sitelink L%d Sites=S%d,S%d Cost=%d\n",
				       i, i, i < 5 ? i - 1 : i % 5, 10 + i);
	g_string_append(text, "sitelink X1 Sites=S7,S44 Cost=500\n"
			      "sitelink X2 Sites=S8,S9 Cost=500\n"
			      "sitelink X3 Sites=S1,S0 Cost=9\n"
			      "sitelink WIDE Sites=S10,S11,S12 Cost=90\n"
			      "sitelink BAD Sites=S1,Nowhere\n");
	for (int i = 0; i < 150; i++)
		g_string_append_printf(text,
				       "server M%d Site=S%d State=%s\n"
				       "database DB%d Active=M%d\n",
				       i, i % 50, states[i % 4], i, i);
	for (int i = 0; i < 30; i++)
		g_string_append_printf(text, "server N%d Site=S3\n", i);
	g_string_append(text, "server Nomad\ndatabase Lost Active=M999\n");
	world_open(w, text->str);
}

static struct ph_picture *
picture(const struct world *w, bool up)
{
	size_t n;
	g_autofree bool *alive = NULL;

	ph_topology_servers(w->topology, &n);
	alive = g_new0(bool, n *PH_SERVICES);
	for (size_t i = 0; i < n * PH_SERVICES; i++)
		alive[i] = up || i / PH_SERVICES % 50 != 0;
	return ph_picture_new(w->snapshot, w->topology, alive);
}

START_TEST(test_layout)
{
	enum { N = 60 };
	g_autoptr(GRand) random = g_rand_new_with_seed(3);

	for (int round = 0; round < 50; round++) {
		struct ph_box boxes[N];
		struct ph_edge edges[80];
		double width, height;

		for (size_t i = 0; i < N; i++)
			boxes[i] = (struct ph_box){
			    .width = 250,
			    .height = g_rand_double_range(random, 20, 150)};
		for (size_t i = 0; i < G_N_ELEMENTS(edges); i++)
			edges[i] = (struct ph_edge){
			    (size_t)g_rand_int_range(random, 0, N),
			    (size_t)g_rand_int_range(random, 0, N),
			    g_rand_double_range(random, 1, 100)};
		ph_layout(boxes, N, edges, G_N_ELEMENTS(edges), &width,
			  &height);
		for (size_t i = 0; i < N; i++) {
			const struct ph_box *a = &boxes[i];

			ck_assert(a->x >= 0 && a->y >= 0);
			ck_assert(a->x + a->width <= width);
			ck_assert(a->y + a->height <= height);
			for (size_t k = 0; k < i; k++) {
				const struct ph_box *b = &boxes[k];

				ck_assert(a->x + a->width <= b->x ||
					  b->x + b->width <= a->x ||
					  a->y + a->height <= b->y ||
					  b->y + b->height <= a->y);
			}
		}
	}
}
END_TEST

static void
check_xml(const char *text)
{
	static const GMarkupParser parser = {0};
	GMarkupParseContext *context =
	    g_markup_parse_context_new(&parser, 0, NULL, NULL);

	ck_assert(g_markup_parse_context_parse(context, text, -1, NULL));
	ck_assert(g_markup_parse_context_end_parse(context, NULL));
	g_markup_parse_context_free(context);
}

START_TEST(test_svg)
{
	static const char *const there[] = {
	    ">S49<",	  ">Alone<",	 ">hub site<",
	    ">M1<",	  ">~ M2<",	 ">o M3<",
	    "X M0<",	  "and 16 more", "(without a site)",
	    ">WIDE: 90<", "down: DB103", "M0: no heartbeat",
	};
	struct world w;
	struct ph_picture *drawn;
	g_autoptr(GString) svg = g_string_new(NULL);

	open_large(&w);
	drawn = picture(&w, false);
	ph_picture_svg(drawn, svg);
	check_xml(svg->str);
	for (size_t i = 0; i < G_N_ELEMENTS(there); i++)
		ck_assert_msg(strstr(svg->str, there[i]) != NULL, "%s",
			      there[i]);
	/* Two links of the same sites: the cheaper one. */
	ck_assert_ptr_nonnull(strstr(svg->str, ">9<"));
	ck_assert_ptr_null(strstr(svg->str, ">11<"));
	ph_picture_free(&drawn);
	world_close(&w);
}
END_TEST

/* Names are whatever somebody typed. */
START_TEST(test_names)
{
	struct world w;
	struct ph_picture *drawn;
	g_autoptr(GString) svg = g_string_new(NULL);

	world_open(&w, "site <script>&\"'\nsite \xc3\xa9\n"
		       "sitelink <a> Sites=<script>&\"',\xc3\xa9\n"
		       "database D&B<x>\nserver M1 Site=\xc3\xa9\n");
	drawn = picture(&w, true);
	ph_picture_svg(drawn, svg);
	check_xml(svg->str);
	ck_assert_ptr_null(strstr(svg->str, "<script>"));
	ph_picture_free(&drawn);
	world_close(&w);
}
END_TEST

START_TEST(test_nothing)
{
	struct world w;
	struct ph_picture *drawn;
	g_autoptr(GString) svg = g_string_new(NULL);
	g_autoptr(GString) text = g_string_new(NULL);

	world_open(&w, "");
	drawn = ph_picture_new(w.snapshot, w.topology, NULL);
	ph_picture_svg(drawn, svg);
	check_xml(svg->str);
	ph_picture_text(drawn, text);
	ck_assert_str_eq(text->str, "");
	ph_picture_free(&drawn);
	world_close(&w);
}
END_TEST

START_TEST(test_text)
{
	struct world w;
	struct ph_picture *drawn;
	g_autoptr(GString) text = g_string_new(NULL);

	world_open(&w, "site A HubSiteEnabled=true\n"
		       "site B InboundMailEnabled=false\n"
		       "sitelink AB Sites=A,B Cost=10 MaxMessageSize=1MB\n"
		       "server M0 Site=B Frontend=m0.test:25\n"
		       "server M1 Site=A\nserver M2 Site=A State=Inactive\n"
		       "dag D Servers=M1,M2\n"
		       "database DB1 Servers=M1,M2\n"
		       "database DB2 Active=M2\ndatabase DB3 Active=M9\n");
	drawn = picture(&w, false);
	ph_picture_text(drawn, text);
	ck_assert_str_eq(text->str, "A  hub site\n"
				    "  -- B (down)  cost 10, up to 1MB (AB)\n"
				    "   + M1  [D]  DB1\n"
				    "   o M2  [D]  DB2(down)  Inactive\n"
				    "B  takes no mail from other sites  DOWN\n"
				    "  -- A  cost 10, up to 1MB (AB)\n"
				    "   X M0  no heartbeat\n"
				    "DB3  no active copy\n");
	ph_picture_free(&drawn);
	world_close(&w);
}
END_TEST

UNIT_MAIN("cli/picture", test_layout, test_svg, test_names, test_nothing,
	  test_text)
