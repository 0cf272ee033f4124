#include "lib/base/text.h"
#include "store/delivery/store_private.h"

#include <glib.h>

struct memory {
	GMutex mutex;
	GHashTable *mailboxes; /* folded address: GPtrArray of content */
	GHashTable *taken;     /* "nmid mailbox" */
};

static enum ph_store_result
memory_begin(void *self, const char *database, int64_t epoch, void **message_r,
	     struct ph_err *err)
{
	(void)self, (void)database, (void)epoch, (void)err;
	*message_r = g_string_new(NULL);
	return PH_STORE_OK;
}

static enum ph_store_result
memory_write(void *self, void *message, const char *data, size_t size,
	     struct ph_err *err)
{
	(void)self, (void)err;
	g_string_append_len(message, data, (gssize)size);
	return PH_STORE_OK;
}

static enum ph_store_result
memory_seal(void *self, void *message, struct ph_err *err)
{
	(void)self, (void)message, (void)err;
	return PH_STORE_OK;
}

/* Owned by the table. */
static GPtrArray *
mailbox_of(struct memory *memory, const char *address)
{
	g_autofree char *folded = ph_fold(address);
	GPtrArray *list = g_hash_table_lookup(memory->mailboxes, folded);

	if (!list) {
		list = g_ptr_array_new_with_free_func(g_free);
		g_hash_table_insert(memory->mailboxes, g_steal_pointer(&folded),
				    list);
	}
	return list;
}

static enum ph_store_result
memory_commit(void *self, void *message, const struct ph_store_mailbox *mailbox,
	      struct ph_err *err)
{
	g_autofree char *folded = ph_fold(mailbox->address);
	struct memory *memory = self;
	const GString *content = message;
	bool first;

	(void)err;
	g_mutex_lock(&memory->mutex);
	first = g_hash_table_add(
	    memory->taken, g_strdup_printf("%s %s", mailbox->nmid, folded));
	if (first)
		g_ptr_array_add(mailbox_of(memory, folded),
				g_memdup2(content->str, content->len + 1));
	g_mutex_unlock(&memory->mutex);
	return first ? PH_STORE_OK : PH_STORE_DUPLICATE;
}

static int
memory_end(void *self, void *message, struct ph_err *err)
{
	(void)self, (void)err;
	g_string_free(message, TRUE);
	return 0;
}

static void
memory_sweep(void *self,
	     bool (*keep)(void *context, const char *database, int64_t epoch),
	     void *context)
{
	(void)self, (void)keep, (void)context;
}

static void
memory_close(void *self)
{
	struct memory *memory = self;

	g_hash_table_unref(memory->mailboxes);
	g_hash_table_unref(memory->taken);
	g_mutex_clear(&memory->mutex);
	g_free(memory);
}

static const struct ph_store_ops memory_ops = {
    .name = "memory",
    .begin = memory_begin,
    .write = memory_write,
    .seal = memory_seal,
    .commit = memory_commit,
    .end = memory_end,
    .sweep = memory_sweep,
    .close = memory_close,
};

struct ph_store *
ph_store_memory(void)
{
	struct memory *memory = g_new0(struct memory, 1);

	g_mutex_init(&memory->mutex);
	memory->mailboxes = g_hash_table_new_full(
	    g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
	memory->taken =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return ph_store_new(&memory_ops, memory);
}

size_t
ph_store_memory_count(struct ph_store *store, const char *address)
{
	struct memory *memory = store->self;
	size_t n;

	g_assert(store->ops == &memory_ops);
	g_mutex_lock(&memory->mutex);
	n = mailbox_of(memory, address)->len;
	g_mutex_unlock(&memory->mutex);
	return n;
}

const char *
ph_store_memory_content(struct ph_store *store, const char *address, size_t i)
{
	struct memory *memory = store->self;
	const char *content;

	g_assert(i < ph_store_memory_count(store, address));
	g_mutex_lock(&memory->mutex);
	content = mailbox_of(memory, address)->pdata[i];
	g_mutex_unlock(&memory->mutex);
	return content;
}
