#include "lib/directory/briefs.h"

#include <glib.h>
#include <string.h>

#define PARTS 256

/* The address, its primary address and the database, each with a NUL. */
struct brief {
	guint hash; /* of the address */
	char text[];
};

struct part {
	GRWLock lock;
	GHashTable *set; /* of struct brief */
};

struct ph_briefs {
	struct part parts[PARTS];
};

static guint
hash_brief(gconstpointer data)
{
	const struct brief *brief = data;

	return brief->hash;
}

static gboolean
same_address(gconstpointer a, gconstpointer b)
{
	const struct brief *x = a, *y = b;

	return x->hash == y->hash && strcmp(x->text, y->text) == 0;
}

/* GLib's own for texts has few different values in the upper bits. */
static guint
hash_address(const char *address)
{
	guint64 hash = UINT64_C(0xcbf29ce484222325);

	for (; *address != '\0'; address++)
		hash = (hash ^ (guchar)*address) * UINT64_C(0x100000001b3);
	return (guint)(hash ^ hash >> 32);
}

static struct part *
find_part(struct ph_briefs *briefs, guint hash)
{
	return &briefs->parts[hash >> 24];
}

struct ph_briefs *
ph_briefs_new(void)
{
	struct ph_briefs *briefs = g_new0(struct ph_briefs, 1);

	for (size_t i = 0; i < PARTS; i++) {
		g_rw_lock_init(&briefs->parts[i].lock);
		briefs->parts[i].set = g_hash_table_new_full(
		    hash_brief, same_address, g_free, NULL);
	}
	return briefs;
}

void
ph_briefs_free(struct ph_briefs **briefs)
{
	if (*briefs == NULL)
		return;
	for (size_t i = 0; i < PARTS; i++) {
		g_rw_lock_clear(&(*briefs)->parts[i].lock);
		g_hash_table_destroy((*briefs)->parts[i].set);
	}
	g_free(*briefs);
	*briefs = NULL;
}

static struct brief *
make(const char *address, const char *primary, const char *database)
{
	const size_t a = strlen(address) + 1, p = strlen(primary) + 1,
		     d = strlen(database) + 1;
	struct brief *brief = g_malloc(sizeof *brief + a + p + d);

	g_assert(p + d <= PH_BRIEF_SIZE);
	brief->hash = hash_address(address);
	memcpy(brief->text, address, a);
	memcpy(brief->text + a, primary, p);
	memcpy(brief->text + a + p, database, d);
	return brief;
}

void
ph_briefs_set(struct ph_briefs *briefs, const char *address,
	      const char *primary, const char *database)
{
	struct brief *brief = make(address, database != NULL ? primary : "",
				   database != NULL ? database : "");
	struct part *part = find_part(briefs, brief->hash);

	g_rw_lock_writer_lock(&part->lock);
	if (database != NULL)
		g_hash_table_add(part->set, g_steal_pointer(&brief));
	else
		g_hash_table_remove(part->set, brief);
	g_rw_lock_writer_unlock(&part->lock);
	g_free(brief);
}

static void
take(const struct brief *brief, struct ph_brief *brief_r)
{
	const char *primary = brief->text + strlen(brief->text) + 1;
	const size_t p = strlen(primary) + 1;
	const size_t d = strlen(primary + p) + 1;

	memcpy(brief_r->text, primary, p + d);
	brief_r->primary = brief_r->text;
	brief_r->database = brief_r->text + p;
}

bool
ph_briefs_find(struct ph_briefs *briefs, const char *address,
	       struct ph_brief *brief_r)
{
	_Alignas(struct brief) char room[sizeof(struct brief) + PH_BRIEF_SIZE];
	struct brief *wanted = (struct brief *)(void *)room;
	const size_t size = strlen(address) + 1;
	const struct brief *found;
	struct part *part;

	if (size > PH_BRIEF_SIZE)
		return false;
	wanted->hash = hash_address(address);
	memcpy(wanted->text, address, size);
	part = find_part(briefs, wanted->hash);
	g_rw_lock_reader_lock(&part->lock);
	found = g_hash_table_lookup(part->set, wanted);
	if (found != NULL)
		take(found, brief_r);
	g_rw_lock_reader_unlock(&part->lock);
	return found != NULL;
}

void
ph_briefs_clear(struct ph_briefs *briefs)
{
	for (size_t i = 0; i < PARTS; i++) {
		struct part *part = &briefs->parts[i];

		g_rw_lock_writer_lock(&part->lock);
		g_hash_table_remove_all(part->set);
		g_rw_lock_writer_unlock(&part->lock);
	}
}
