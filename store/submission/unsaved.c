#include "store/submission/unsaved.h"

#include <glib.h>

struct ph_unsaved {
	GMutex mutex;
	GHashTable *texts; /* by key */
};

struct ph_unsaved *
ph_unsaved_new(void)
{
	struct ph_unsaved *unsaved = g_new0(struct ph_unsaved, 1);

	g_mutex_init(&unsaved->mutex);
	unsaved->texts =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return unsaved;
}

void
ph_unsaved_free(struct ph_unsaved **unsaved)
{
	if (*unsaved == NULL)
		return;
	g_hash_table_unref((*unsaved)->texts);
	g_mutex_clear(&(*unsaved)->mutex);
	g_clear_pointer(unsaved, g_free);
}

void
ph_unsaved_put(struct ph_unsaved *unsaved, const char *key, char *text)
{
	if (unsaved == NULL) {
		g_free(text);
		return;
	}
	g_mutex_lock(&unsaved->mutex);
	g_hash_table_replace(unsaved->texts, g_strdup(key), text);
	g_mutex_unlock(&unsaved->mutex);
}

char *
ph_unsaved_take(struct ph_unsaved *unsaved, const char *key)
{
	gpointer own = NULL, text = NULL;

	if (unsaved == NULL)
		return NULL;
	g_mutex_lock(&unsaved->mutex);
	g_hash_table_steal_extended(unsaved->texts, key, &own, &text);
	g_mutex_unlock(&unsaved->mutex);
	g_free(own);
	return text;
}
