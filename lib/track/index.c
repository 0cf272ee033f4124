#include "lib/track/index.h"

#include "lib/base/text.h"
#include "lib/track/files.h"

#include <string.h>

/* A recipient or an id of more bytes is nobody's; memory of Redis is. */
#define VALUE_LIMIT 512

const struct ph_track_index ph_track_indexes[] = {
    {"message-id", PH_COL_MESSAGE_ID, PH_COL_REFERENCE, false},
    {"network-message-id", PH_COL_NETWORK_MESSAGE_ID, PH_COLUMNS, false},
    {"recipient", PH_COL_RECIPIENT_ADDRESS, PH_COL_RELATED_RECIPIENT_ADDRESS,
     true},
    {"sender", PH_COL_SENDER_ADDRESS, PH_COL_RETURN_PATH, false},
    {NULL, PH_COLUMNS, PH_COLUMNS, false},
};

char *
ph_track_index_key(const char *prefix, const char *kind, const char *value,
		   int64_t ms)
{
	g_autofree char *folded = ph_fold(value);

	return g_strdup_printf("%strackix:%s:%.*s:%08" G_GINT64_FORMAT, prefix,
			       kind, VALUE_LIMIT, folded,
			       ph_track_file_hour(ms) / 100);
}

static void
add_key(GHashTable *seen, GPtrArray *keys, char *key)
{
	if (!g_hash_table_add(seen, key))
		return; /* the table has freed it */
	g_ptr_array_add(keys, g_strdup(key));
}

static void
add_column(const struct ph_track_index *index, const char *prefix,
	   const char *text, int64_t ms, GHashTable *seen, GPtrArray *keys)
{
	g_auto(GStrv) values = g_strsplit(text, index->list ? ";" : "\n", 0);

	for (size_t i = 0; values[i]; i++)
		if (*values[i] != '\0')
			add_key(seen, keys,
				ph_track_index_key(prefix, index->kind,
						   values[i], ms));
}

GPtrArray *
ph_track_index_keys(const char *prefix, const struct ph_track_record *record,
		    int64_t ms)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

	for (const struct ph_track_index *i = ph_track_indexes; i->kind; i++) {
		add_column(i, prefix, ph_track_get(record, i->column), ms, seen,
			   keys);
		if (i->also != PH_COLUMNS)
			add_column(i, prefix, ph_track_get(record, i->also), ms,
				   seen, keys);
	}
	return keys;
}
