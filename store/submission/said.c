#include "store/submission/said.h"

#include <glib.h>

/* Texts at most; then they are said anew. */
#define LIMIT 10000

struct ph_said {
	GMutex mutex;
	GHashTable *texts; /* by key */
};

struct ph_said *
ph_said_new(void)
{
	struct ph_said *said = g_new0(struct ph_said, 1);

	g_mutex_init(&said->mutex);
	said->texts =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return said;
}

void
ph_said_free(struct ph_said **said)
{
	if (*said == NULL)
		return;
	g_hash_table_unref((*said)->texts);
	g_mutex_clear(&(*said)->mutex);
	g_clear_pointer(said, g_free);
}

bool
ph_said_is_new(struct ph_said *said, const char *key, const char *text)
{
	bool is;

	if (said == NULL)
		return true;
	g_mutex_lock(&said->mutex);
	is = g_strcmp0(g_hash_table_lookup(said->texts, key), text) != 0;
	if (is && g_hash_table_size(said->texts) >= LIMIT)
		g_hash_table_remove_all(said->texts);
	if (is)
		g_hash_table_insert(said->texts, g_strdup(key), g_strdup(text));
	g_mutex_unlock(&said->mutex);
	return is;
}

void
ph_said_forget(struct ph_said *said, const char *key)
{
	if (said == NULL)
		return;
	g_mutex_lock(&said->mutex);
	g_hash_table_remove(said->texts, key);
	g_mutex_unlock(&said->mutex);
}
