#include "lib/routing/health.h"

#include <glib.h>
#include <string.h>

/* A heartbeat is renewed each second and expires in Redis after as long. */
#define LIFE_MS 3000

/*
 * An age counts only time in which Redis was there to tell: otherwise its
 * outage would take every server down at once.
 */
struct entry {
	bool ever;   /* seen at least once */
	int64_t age; /* since it was last seen */
	int64_t at;  /* when age was last brought up to date */
};

struct ph_health {
	GHashTable *servers; /* folded name to struct entry[PH_SERVICES] */
};

static const char *const names[PH_SERVICES] = {
    [PH_SERVICE_FRONTEND] = "frontend",
    [PH_SERVICE_TRANSPORT] = "transport",
    [PH_SERVICE_DELIVERY] = "delivery",
};

struct ph_health *
ph_health_new(void)
{
	struct ph_health *health = g_new0(struct ph_health, 1);

	health->servers =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return health;
}

void
ph_health_free(struct ph_health **health)
{
	if (!*health)
		return;
	g_hash_table_destroy((*health)->servers);
	g_free(*health);
	*health = NULL;
}

struct ph_health *
ph_health_copy(const struct ph_health *health)
{
	struct ph_health *copy = ph_health_new();
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, health->servers);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		struct entry *entries = g_new(struct entry, PH_SERVICES);

		memcpy(entries, value, PH_SERVICES * sizeof(*entries));
		g_hash_table_insert(copy->servers, g_strdup(key), entries);
	}
	return copy;
}

void
ph_health_note(struct ph_health *health, const char *server,
	       enum ph_service service, bool seen, int64_t now)
{
	g_autofree char *key = ph_fold(server);
	struct entry *entries = g_hash_table_lookup(health->servers, key);
	struct entry *entry;

	if (!entries) {
		entries = g_new0(struct entry, PH_SERVICES);
		g_hash_table_insert(health->servers, g_steal_pointer(&key),
				    entries);
	}
	entry = &entries[service];
	if (seen) {
		entry->ever = true;
		entry->age = 0;
	} else if (entry->ever && now > entry->at) {
		entry->age += now - entry->at;
	}
	entry->at = now;
}

void
ph_health_no_news(struct ph_health *health, int64_t now)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, health->servers);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct entry *entries = value;

		for (size_t i = 0; i < PH_SERVICES; i++)
			entries[i].at = now;
	}
}

bool
ph_health_up(const struct ph_health *health, const char *server,
	     enum ph_service service)
{
	g_autofree char *key = NULL;
	const struct entry *entries;

	if (!health)
		return true;
	key = ph_fold(server);
	entries = g_hash_table_lookup(health->servers, key);
	return !entries || !entries[service].ever ||
	       entries[service].age < LIFE_MS;
}

const char *
ph_service_name(enum ph_service service)
{
	g_assert(service < PH_SERVICES);
	return names[service];
}
