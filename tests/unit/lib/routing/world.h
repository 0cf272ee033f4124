#ifndef WORLD_H
#define WORLD_H

#include "lib/routing/topology.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * Organisations as text, a line an object:
 *
 *	server MBX1 Site=A
 *
 * A server gets all roles, mbx1.test:2525 as Transport and mbx1.test:475 as
 * Delivery unless the line says otherwise.
 */
struct world {
	struct ph_snapshot *snapshot;
	void *topology;
	struct ph_err err; /* what the topology complained about */
};

static inline void
world_pair(GArray *pairs, const char *field, char *value)
{
	struct ph_pair pair = {field, value};

	for (guint i = 0; i < pairs->len; i++) {
		if (!strcmp(g_array_index(pairs, struct ph_pair, i).field,
			    field))
			return;
	}
	g_array_append_val(pairs, pair);
}

static inline struct ph_object *
world_object(const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);
	g_autoptr(GArray) pairs =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_pair));
	g_autofree char *lower = g_ascii_strdown(words[1], -1);
	g_autofree char *transport = g_strdup_printf("%s.test:2525", lower);
	g_autofree char *delivery = g_strdup_printf("%s.test:475", lower);
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;
	char roles[] = "FrontendTransport,HubTransport,Mailbox";

	for (char **word = words + 2; *word; word++) {
		char *value = strchr(*word, '=');

		ck_assert_msg(value != NULL, "no '=' in: %s", line);
		*value++ = '\0';
		world_pair(pairs, *word, value);
	}
	if (!strcmp(words[0], "server")) {
		world_pair(pairs, "Roles", roles);
		world_pair(pairs, "Transport", transport);
		world_pair(pairs, "Delivery", delivery);
	}
	ck_assert_msg(
	    ph_object_parse(ph_kind_find(words[0]), words[1],
			    (const struct ph_pair *)(gpointer)pairs->data,
			    pairs->len, &object, &err) == 0,
	    "%s: %s", line, err.text);
	return object;
}

static inline void
world_open(struct world *world, const char *text)
{
	static const struct ph_err none = PH_ERR_INIT;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GPtrArray) objects = g_ptr_array_new();

	for (char **line = lines; *line; line++) {
		if (**line)
			g_ptr_array_add(objects, world_object(*line));
	}
	world->snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)(gpointer)objects->pdata,
	    objects->len, NULL);
	for (guint i = 0; i < objects->len; i++) {
		struct ph_object *object = g_ptr_array_index(objects, i);

		ph_object_unref(&object);
	}
	world->err = none;
	world->topology =
	    ph_topology_build(world->snapshot, NULL, NULL, &world->err);
}

static inline void
world_close(struct world *world)
{
	ph_topology_free(world->topology);
	ph_snapshot_unref(&world->snapshot);
}

#endif
