#include "lib/routing/connector.h"
#include "lib/routing/route.h"
#include "tests/unit/lib/routing/world.h"

#include <stdlib.h>

/*
 * Runs tests/routing/<subject>.cases, which are written for mail
 * administrators; tests/routing/README says how.
 */
#define DIRECTORY "tests/routing"
#define LEAST_CASES 40

static struct {
	char *file, *name;
	int line;
	GString *objects; /* as struct world reads them */
	bool ruled;	  /* says which rule of the sheet it is about */
	bool open;
	struct world world;
	char *from, *to, *down;
	uint64_t size;
	int expected; /* lines with an answer */
} c;

#define ASSERT(condition, ...)                                                 \
	do {                                                                   \
		if (!(condition)) {                                            \
			g_autofree char *text_ = g_strdup_printf(__VA_ARGS__); \
			ck_abort_msg("%s, line %d, \"%s\": %s", c.file,        \
				     c.line, c.name, text_);                   \
		}                                                              \
	} while (0)

static const struct ph_topology *
topology(void)
{
	if (!c.open)
		world_open(&c.world, c.objects->str);
	c.open = true;
	return c.world.topology;
}

/* ---- an answer as text -------------------------------------------------- */

struct answer {
	char *hops, *group, *queue, *reason, *next, *why;
};

static void
answer_clear(struct answer *answer)
{
	g_free(answer->hops);
	g_free(answer->group);
	g_free(answer->queue);
	g_free(answer->reason);
	g_free(answer->next);
	g_free(answer->why);
}

static void
ask_inside(const char *database, const char *expansion, struct answer *a)
{
	static const char *const types[] = {
	    [PH_ROUTE_MAILBOX] = "mailbox",	[PH_ROUTE_HUB] = "hub",
	    [PH_ROUTE_EXPAND] = "expand",	[PH_ROUTE_NONE] = "none",
	    [PH_ROUTE_TOO_LARGE] = "too large",
	};
	static const char *const groups[] = {
	    [PH_GROUP_NONE] = "none",
	    [PH_GROUP_DAG] = "routable DAG",
	    [PH_GROUP_MAILBOX] = "mailbox delivery group",
	    [PH_GROUP_SERVERS] = "server list",
	};
	const struct ph_route_query query = {.topology = topology(),
					     .from = c.from,
					     .database = database,
					     .expansion = expansion,
					     .size = c.size,
					     .explain = true};
	g_autoptr(GString) hops = NULL;
	struct ph_route route;

	ph_route_find(&query, &route);
	hops = g_string_new(types[route.type]);
	for (size_t i = 0; route.hops[i]; i++)
		g_string_append_printf(hops, " %s", route.hops[i]->name);
	a->hops = g_strdup(hops->str);
	a->group = g_strchomp(
	    g_strdup_printf("%s %s", groups[route.group], route.group_name));
	a->queue =
	    g_strchomp(g_strdup_printf("%s %s", ph_route_delivery_type(&route),
				       ph_route_next_hop_domain(&route)));
	a->reason = g_strdup(route.reason ? route.reason : "");
	a->next = ph_route_format(&route);
	a->why = g_strjoinv("\n", route.why);
	ph_route_clear(&route);
}

/* "ph-hub:[m2.test]:2525, [m3.test]:2525": M2 M3. */
static char *
servers_of(const char *nexthop)
{
	g_autofree char *upper = g_ascii_strup(nexthop, -1);
	g_auto(GStrv) parts = g_strsplit_set(upper, "[]", -1);
	GString *out = g_string_new("hub");

	for (size_t i = 1; i < g_strv_length(parts); i += 2)
		g_string_append_printf(out, " %.*s",
				       (int)strcspn(parts[i], "."), parts[i]);
	return g_string_free(out, FALSE);
}

static void
ask_outside(const char *address, struct answer *a)
{
	const struct ph_topology *t = topology();
	struct ph_connector_query query = {.snapshot = c.world.snapshot,
					   .topology = t,
					   .from = c.from,
					   .address = address,
					   .size = c.size};
	g_autofree char *unexplained = NULL;
	struct ph_connector_route route;
	const char *name;

	ph_connector_find(&query, &route);
	unexplained = ph_connector_format(&route);
	ph_connector_clear(&route);
	query.explain = true;
	ph_connector_find(&query, &route);
	name = route.connector ? ph_object_name(route.connector) : "none";
	a->hops = route.type == PH_CONNECTOR_HUB
		      ? servers_of(route.nexthop)
		      : g_strdup(ph_connector_type_name(route.type));
	a->group = g_strdup_printf("connector %s", name);
	a->queue = g_strdup("");
	a->reason = g_strdup(route.reason ? route.reason : "");
	a->next = ph_connector_format(&route);
	ASSERT(!strcmp(a->next, unexplained), "unexplained: %s", unexplained);
	a->why = g_strjoinv("\n", route.why);
	ph_connector_clear(&route);
}

static void
ask(struct answer *a)
{
	memset(a, 0, sizeof *a);
	ASSERT(c.from && c.to, "no from: and to:");
	if (g_str_has_prefix(c.to, "database "))
		ask_inside(c.to + strlen("database "), NULL, a);
	else if (g_str_has_prefix(c.to, "expansion"))
		ask_inside(NULL, g_strchug(c.to + strlen("expansion")), a);
	else
		ask_outside(c.to, a);
}

/* "hub M1 {M2 M3} M4": those in braces come in any order. */
static bool
matches(const char *want, const char *got)
{
	g_auto(GStrv) wanted = g_strsplit(want, " ", -1);
	g_auto(GStrv) had = g_strsplit(got, " ", -1);
	size_t n = g_strv_length(wanted), start = 0;
	bool in_set = false;

	if (n != g_strv_length(had))
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *word = wanted[i] + (wanted[i][0] == '{');
		size_t size = strcspn(word, "}"), end = i;
		bool found = false;

		if (wanted[i][0] == '{') {
			in_set = true;
			start = i;
		}
		if (!in_set)
			start = i;
		while (in_set && !strchr(wanted[end], '}'))
			end++;
		for (size_t k = start; k <= end; k++)
			found |= strlen(had[k]) == size &&
				 !strncmp(had[k], word, size);
		if (!found)
			return false;
		in_set = in_set && word[size] != '}';
	}
	return true;
}

/* ---- the lines of a case ------------------------------------------------ */

static void
set(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

static void
on_rule(const char *value)
{
	ASSERT(g_ascii_isdigit(*value), "rule: section and rule of the sheet");
	c.ruled = true;
}

static void
on_from(const char *value)
{
	set(&c.from, value);
}

static void
on_to(const char *value)
{
	set(&c.to, value);
}

static void
on_down(const char *value)
{
	set(&c.down, value);
}

static void
on_size(const char *value)
{
	int64_t size;

	ASSERT(ph_parse_size(value, &size, NULL) == 0, "size: %s", value);
	c.size = (uint64_t)size;
}

static void
on_hops(const char *value)
{
	struct answer a;

	ask(&a);
	ASSERT(matches(value, a.hops), "hops: %s\n%s", a.hops, a.why);
	answer_clear(&a);
}

#define ON_TEXT(name, test)                                      \
	static void on_##name(const char *value)                 \
	{                                                        \
		struct answer a;                                 \
                                                                 \
		ask(&a);                                         \
		ASSERT((test), #name ": %s\n%s", a.name, a.why); \
		answer_clear(&a);                                \
	}

ON_TEXT(group, !strcmp(value, a.group))
ON_TEXT(queue, !strcmp(value, a.queue))
ON_TEXT(next, !strcmp(value, a.next))
ON_TEXT(reason, g_str_has_prefix(a.reason, value))
ON_TEXT(why, strstr(a.why, value) != NULL)

static void
on_problem(const char *value)
{
	topology();
	ASSERT(strstr(c.world.err.text, value) != NULL, "problem: %s",
	       c.world.err.text);
}

/* "A to D", then "B C D cost 30". */
static void
on_path(const char *value)
{
	const struct ph_topology *t = topology();
	g_auto(GStrv) ends = g_strsplit(c.to, " to ", 2);
	const struct ph_site *const *path;
	g_autoptr(GString) got = g_string_new(NULL);
	size_t n;
	int64_t cost =
	    ph_topology_path(t, ph_topology_site(t, ends[0]),
			     ph_topology_site(t, ends[1]), &path, &n);

	for (size_t i = 0; i < n; i++)
		g_string_append_printf(got, "%s ", path[i]->name);
	if (cost < 0)
		g_string_assign(got, "none");
	else
		g_string_append_printf(got, "%scost %d", n == 0 ? "- " : "",
				       (int)cost);
	ASSERT(!strcmp(value, got->str), "path: %s", got->str);
}

static struct ph_health *
health(void)
{
	struct ph_health *made = ph_health_new();
	g_auto(GStrv) names = g_strsplit(c.down ? c.down : "", " ", -1);

	for (char **name = names; *name; name++) {
		ph_health_note(made, *name, PH_SERVICE_TRANSPORT, true, 0);
		ph_health_note(made, *name, PH_SERVICE_TRANSPORT, false, 5000);
	}
	return made;
}

static void
check_servers(enum ph_selector selector, const char *value)
{
	const char *list = c.to ? c.to + strlen("database ") : "";
	g_auto(GStrv) names = g_strsplit(list, ",", -1);
	struct ph_health *alive = health();
	g_autofree const struct ph_server **servers = ph_select_transport(
	    topology(), c.from, selector, (const char *const *)names,
	    *list ? g_strv_length(names) : 0, alive, NULL);
	g_autoptr(GString) got = g_string_new(NULL);

	for (size_t i = 0; servers[i]; i++)
		g_string_append_printf(got, "%s%s", i > 0 ? " " : "",
				       servers[i]->name);
	ph_health_free(&alive);
	ASSERT(!strcmp(value, got->str), "servers: %s", got->str);
}

static void
on_frontend(const char *value)
{
	check_servers(PH_SELECT_FRONTEND, value);
}

static void
on_submission(const char *value)
{
	check_servers(PH_SELECT_SUBMISSION, value);
}

static const struct {
	const char *key;
	bool answer;
	void (*run)(const char *value);
} keys[] = {
    {"rule", false, on_rule},
    {"from", false, on_from},
    {"to", false, on_to},
    {"sites", false, on_to},
    {"size", false, on_size},
    {"down", false, on_down},
    {"hops", true, on_hops},
    {"group", true, on_group},
    {"queue", true, on_queue},
    {"next", true, on_next},
    {"reason", true, on_reason},
    {"why", true, on_why},
    {"problem", true, on_problem},
    {"path", true, on_path},
    {"frontend", true, on_frontend},
    {"submission", true, on_submission},
};

static bool
run_key(const char *key, const char *value)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (strcmp(keys[i].key, key) != 0)
			continue;
		keys[i].run(value);
		c.expected += keys[i].answer;
		return true;
	}
	return false;
}

/* ---- files -------------------------------------------------------------- */

static void
end_case(void)
{
	if (c.name) {
		ASSERT(c.ruled, "no rule:");
		ASSERT(c.expected > 0, "no answer");
	}
	if (c.open)
		world_close(&c.world);
	g_free(c.name);
	g_free(c.from);
	g_free(c.to);
	g_free(c.down);
	c.name = c.from = c.to = c.down = NULL;
	c.size = 0;
	c.expected = 0;
	c.open = c.ruled = false;
}

static void
run_line(char *line, GString *common)
{
	char *value = strchr(line, ':');

	ASSERT(value != NULL, "expected \"key: value\": %s", line);
	*value++ = '\0';
	value = g_strchug(value);
	if (!strcmp(line, "case")) {
		end_case();
		c.name = g_strdup(value);
		g_string_assign(c.objects, common->str);
	} else if (run_key(line, value)) {
		return;
	} else {
		GString *to = c.name ? c.objects : common;

		ASSERT(ph_kind_find(line), "what is \"%s\"?", line);

		ASSERT(!c.open, "objects come before the first answer");
		g_string_append_printf(to, "%s %s\n", line, value);
	}
}

static int
run_file(const char *path)
{
	g_autofree char *text = NULL;
	g_autoptr(GString) common = g_string_new(NULL);
	g_auto(GStrv) lines = NULL;
	int cases = 0;

	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	c.objects = g_string_new(NULL);
	c.file = g_path_get_basename(path);
	for (size_t i = 0; lines[i]; i++) {
		c.line = (int)i + 1;
		cases += g_str_has_prefix(lines[i], "case:");
		if (*g_strstrip(lines[i]) && *lines[i] != '#')
			run_line(lines[i], common);
	}
	end_case();
	g_string_free(c.objects, TRUE);
	g_free(c.file);
	return cases;
}

START_TEST(test_cases)
{
	const char *only = getenv("PH_CASES");
	GDir *directory = g_dir_open(DIRECTORY, 0, NULL);
	const char *name;
	int cases = 0;

	ck_assert_ptr_nonnull(directory);
	while ((name = g_dir_read_name(directory))) {
		g_autofree char *path = g_build_filename(DIRECTORY, name, NULL);

		if (g_str_has_suffix(name, ".cases") &&
		    (!only || g_str_has_prefix(name, only)))
			cases += run_file(path);
	}
	g_dir_close(directory);
	ck_assert(only || cases >= LEAST_CASES);
}
END_TEST

UNIT_MAIN("lib/routing/cases", test_cases)
